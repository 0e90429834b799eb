"""A lead of which more comes to be known later is matched to its account then."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from dibs.crm.accounts import Told, write_accounts
from dibs.crm.arrival import Enrichment, Touching
from dibs.crm.models import NearMiss
from dibs.distribution import deciding_near_misses
from dibs.distribution.models import Decision
from dibs.distribution.placing import Placed, enrich, place
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import Scene, after, make_scene
from tests.making import MONDAY, make_arrival, make_user

NOBODY = {"domain": None, "company": None, "email": "someone@gmail.example", "phone": None}


@pytest.fixture
def scene(db: None) -> Scene:
    scene = make_scene()
    acme = {
        "name": "Acme Manufacturing S.A. de C.V.",
        "domain": "acme.example",
        "phone": "+525512345678",
        "owner": "aiko",
    }
    write_accounts(scene.workspace.id, [Told(frozenset(acme), **acme)], MONDAY)  # type: ignore[arg-type]
    return scene


def arrives(scene: Scene, **fields: Any) -> Placed:
    return place(scene.workspace.id, [make_arrival(**(NOBODY | fields))], now=MONDAY)[0]


def known_later(scene: Scene, lead: UUID, **facts: Any) -> Placed:
    enter(scene.workspace.id)
    (placed,) = enrich(scene.workspace.id, [Enrichment(lead, facts)], now=after(1))
    return placed


def last_reasons(lead: UUID) -> list[str]:
    decided = Decision.objects.filter(lead_id=lead).order_by("nth").last()
    assert decided is not None
    return [reason["code"] for reason in decided.reasons]


@pytest.mark.parametrize(
    "facts", [{"domain": "acme.example"}, {"company": "ACME Manufacturing"}, {"phone": "+525512345678"}]
)
def test_a_waiting_lead_goes_to_its_accounts_owner_when_the_company_is_known(
    scene: Scene, facts: dict[str, Any]
) -> None:
    first = arrives(scene)
    assert first.pool == "inbound"
    assert known_later(scene, first.lead_id, **facts).owner == "aiko"
    assert {"enriched", "matched_account", "chosen"} <= set(last_reasons(first.lead_id))
    account = scene.lead(first.lead_id).account
    assert account is not None
    assert account.domain == "acme.example"


def test_a_lead_that_somebody_holds_stays_and_is_the_accounts_from_then_on(scene: Scene) -> None:
    first = arrives(scene, source="offer")
    known_later(scene, first.lead_id, domain="acme.example")
    lead = scene.lead(first.lead_id)
    assert (lead.state, lead.account.name) == ("offered", "Acme Manufacturing S.A. de C.V.")
    assert "matched_account" in last_reasons(first.lead_id)


def test_a_touch_that_names_the_company_has_the_lead_matched_too(scene: Scene) -> None:
    first = arrives(scene)
    again = arrives(scene, company="Acme Manufacturing")
    assert (again.touched, again.lead_id, again.owner) == (True, first.lead_id, "aiko")


def test_what_is_only_near_is_put_before_a_person_and_never_taken_again_once_kept_apart(scene: Scene) -> None:
    first = arrives(scene)
    known_later(scene, first.lead_id, company="Acme Manufactures")
    miss = NearMiss.objects.get()
    assert (miss.lead_id, miss.account.domain, miss.state) == (first.lead_id, "acme.example", "open")
    ops = caller_of(make_user(scene.workspace, "ops"))
    assert isinstance(deciding_near_misses.decide(ops, miss.id, after(2), same=False), deciding_near_misses.Decided)
    assert known_later(scene, first.lead_id, company="Acme Manufacturing").pool == "inbound"
    made = scene.lead(first.lead_id).account
    assert (made.name, made.domain, made.made) == ("Acme Manufacturing", None, True)


def test_an_account_that_a_lead_has_stays_and_what_says_nothing_new_asks_nothing(scene: Scene) -> None:
    write_accounts(
        scene.workspace.id,
        [Told(frozenset({"name", "domain"}), name="Other Works", domain="other.example")],
        MONDAY,
    )
    first = arrives(scene, domain="acme.example")
    known_later(scene, first.lead_id, domain="other.example")
    assert scene.lead(first.lead_id).account.domain == "acme.example"
    ended = arrives(scene, email="else@gmail.example")
    enter(scene.workspace.id)
    enrich(scene.workspace.id, [Enrichment(ended.lead_id, {}, Touching(after(1), "page", "web"))], now=after(1))
    assert "no_account" not in last_reasons(ended.lead_id)
