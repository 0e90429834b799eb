"""Answers that come in the words that people read, and columns that are called like a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now
from tests.making import make_workspace, publish

from dibs.crm.models import Lead
from dibs.intake.importing import import_file
from dibs.intake.receiving import receive
from dibs.people.models import Workspace
from dibs.people.tenancy import enter

POLICY = """
policy: Asking
qualify:
  questions:
    timing:
      ask: {en: When do you need it, ja: いつ必要ですか}
      answers:
        now: {add: 30, says: {en: At once, es: De inmediato, ja: すぐに}}
        later: {add: 5, says: {en: Next year, ja: 来年}}
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {}}
"""


@pytest.fixture
def workspace(db: Any) -> Workspace:
    workspace = make_workspace()
    publish(workspace, POLICY)
    return workspace


@pytest.mark.parametrize("said", ["At once", "at once", "de inmediato", "すぐに", "now", "NOW"])
def test_an_answer_in_the_words_that_people_read_is_that_answer(workspace: Workspace, said: str) -> None:
    (got,) = receive(
        workspace.id, [{"source": "web", "name": "Ana", "answers": {"timing": said}}], now=now(), source="web"
    )
    lead = Lead.objects.get(id=got.lead_id)
    assert (lead.answers, lead.flags, got.flags, lead.attributes) == ({"timing": "now"}, [], (), {})


def test_an_answer_that_the_policy_does_not_know_is_told(workspace: Workspace) -> None:
    rows = [{"source": "web", "name": "Ana", "answers": {"timing": said}} for said in ("whenever", "いつか")]
    first, second = receive(workspace.id, rows, now=now())
    assert (first.flags, second.flags) == (("answers_unknown",), ("answers_invalid",))
    for got in (first, second):
        assert Lead.objects.get(id=got.lead_id).flags == list(got.flags)


@pytest.mark.parametrize("column", ["timing", "Timing", "When do you need it?", "いつ必要ですか", "answers.timing"])
def test_a_column_called_like_a_question_answers_it(workspace: Workspace, tmp_path: Path, column: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"name,{column}\nAna,At once\n")
    import_file(workspace, path, "fair", clock=now)
    enter(workspace.id)
    assert Lead.objects.get().answers == {"timing": "now"}
