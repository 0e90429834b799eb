"""What happens on the floor, in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.utils import translation

from dibs.distribution.writing import STILL
from dibs.engine.lifecycle import TRANSITIONS
from dibs.insight.feed import UNTOLD, Happening, Lot
from dibs.insight.sight import SeenLead
from dibs.web.floor import in_words
from tests.api.conftest import Company
from tests.web.conftest import as_
from tests.web.test_leads import words

KINDS = {kind for moves in TRANSITIONS.values() for kind in moves} | STILL


@pytest.mark.parametrize("kind", sorted(KINDS - UNTOLD))
@pytest.mark.parametrize("language", ["en", "ja", "es", "id"])
def test_whatever_happens_to_a_lead_is_told_in_words(language: str, kind: str) -> None:
    what = Happening(
        datetime(2026, 3, 2, 9, tzinfo=UTC), kind, SeenLead({"id": uuid4()}, "full"), "inbound", "Aiko", None
    )
    with translation.override(language):
        assert in_words(what)[0] != kind


def test_what_is_left_out_of_the_floor_is_a_kind_of_decision() -> None:
    assert UNTOLD < KINDS


@pytest.mark.parametrize(
    ("known", "called"),
    [
        ({"name": "Ana López"}, "Ana López"),
        ({"email": "ana@quiet.example", "domain": "quiet.example"}, "quiet.example"),
        ({"email": "ana@mails.example"}, "ana@mails.example"),
        ({"phone": "+52 81 1234 5678"}, "Lead from Open"),
    ],
)
def test_a_lead_without_a_company_is_called_by_what_else_is_known_of_it(
    company: Company, known: dict[str, Any], called: str
) -> None:
    lead = company.lead(source="open", company=None, **{"name": None, "email": None, "domain": None} | known)
    company.post(company.budi, f"/leads/{lead}/claim")
    told = words(as_(company.ops).get("/floor/"))
    assert f"{called} claimed by Budi" in told
    assert str(lead)[:8] not in told


@pytest.mark.parametrize("language", ["en", "ja", "es", "id"])
@pytest.mark.parametrize(("leads", "model"), [(1, 3), (1200, None), (None, 3)])
def test_what_a_model_moved_is_a_line_that_leads_to_it(
    company: Company, monkeypatch: pytest.MonkeyPatch, language: str, leads: int | None, model: int | None
) -> None:
    monkeypatch.setattr("dibs.insight.floor.feed", lambda eyes: [Lot(eyes.now, leads, model)])
    company.ops.language = language
    company.ops.save()
    page = as_(company.ops).get("/floor/").content.decode()
    (line,) = re.findall(r"<li><time.*?</li>", page)
    assert f'href="{"/score/3/" if model else "/score/"}"' in line
    said = re.sub(r"<time.*?</time>|<[^>]+>", " ", line)
    assert (language == "en") == ("elsewhere now" in said)
    assert ("3" in said.split("%")[0]) is (model == 3)
