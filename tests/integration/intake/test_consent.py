"""What a source says of all its people's consent is no person's own word, and does not overrule it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.making import MONDAY, make_workspace, publish

from dibs.crm.models import Lead
from dibs.intake.models import Source
from dibs.intake.receiving import receive
from dibs.people.models import Workspace
from dibs.people.tenancy import enter

POLICY = "policy: One pool\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {mode: pool}}"


@pytest.fixture
def workspace(db: Any) -> Workspace:
    workspace = make_workspace()
    publish(workspace, POLICY)
    enter(workspace.id)
    Source.objects.create(workspace=workspace, name="bought", kind="csv", category="list", consent=True)
    return workspace


def sent(workspace: Workspace, source: str, nth: int, **fields: Any) -> Lead:
    row = {"source": source, "external_id": f"{source}-{nth}", "email": "ann@acme.example", **fields}
    (answer,) = receive(workspace.id, [row], now=MONDAY)
    return Lead.objects.get(id=answer.lead_id)


def test_a_list_gives_its_consent_to_people_who_said_nothing(workspace: Workspace) -> None:
    assert sent(workspace, "bought", 1).consent is True


def test_a_list_does_not_overrule_who_refused(workspace: Workspace) -> None:
    first = sent(workspace, "form", 1, consent=False)
    again = sent(workspace, "bought", 1)
    assert (again.id, again.consent) == (first.id, False)


def test_a_list_fills_in_where_the_person_came_before_and_said_nothing(workspace: Workspace) -> None:
    first = sent(workspace, "form", 1)
    assert first.consent is None
    assert sent(workspace, "bought", 1).consent is True


def test_the_same_row_sent_again_with_more_does_not_overrule_either(workspace: Workspace) -> None:
    first = sent(workspace, "bought", 1)
    Lead.objects.filter(id=first.id).update(consent=False)
    again = sent(workspace, "bought", 1, city="Bern")
    assert (again.id, again.city, again.consent) == (first.id, "Bern", False)


def test_a_persons_own_word_in_the_row_counts(workspace: Workspace) -> None:
    first = sent(workspace, "form", 1, consent=False)
    assert sent(workspace, "bought", 1, consent=True).consent is True
    assert first.consent is False
