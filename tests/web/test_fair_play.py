"""The page Fair play: what it says in words and drawings, and what it does not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from dibs.distribution import acting, claiming
from dibs.distribution.choices import watch
from dibs.distribution.models import Choice, Credit
from dibs.distribution.samples import sample
from dibs.insight.fair_play import PoolNote
from dibs.people.caller import caller_of
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from dibs.web.drawing import course
from tests.api.conftest import POLICY, Company
from tests.making import publish
from tests.web.conftest import as_


def chose(company: Company, rep: Rep, count: int, ridit: float | None, score: int = 90, **fields: Any) -> None:
    """So many claims by this rep, each with that place among what was on offer."""
    enter(company.workspace.id)
    given: dict[str, Any] = {
        "at": now() - timedelta(hours=1), "pool": "open", "score": score, "waited": 300, "seen": 20, "below": 19, "ties": 1,
        "offered": [4, 4, 4, 4, 4], "ridit": ridit, "variance": 1 / 12,
    }  # fmt: skip
    Choice.objects.bulk_create(
        Choice(id=uuid4(), workspace=company.workspace, rep=rep, **(given | fields)) for _ in range(count)
    )


def page(who: Any, query: str = "") -> str:
    response = as_(who).get(f"/fair-play/{query}")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_ten_claims_of_the_best_are_said_and_nine_are_not(company: Company) -> None:
    chose(company, company.aiko, 9, 0.97)
    seen = page(company.manager)
    assert "too few to say" in seen
    assert "(9 of 10)" in seen
    assert "Too few claims yet to say" in seen
    assert 'class="interval' not in seen
    chose(company, company.aiko, 1, 0.97)
    seen = page(company.manager)
    assert "1 rep takes higher scores than chance would give." in seen
    assert '<svg class="interval picks-high"' in seen
    assert "takes the higher scores" in seen


def test_what_is_drawn_is_said_too(company: Company) -> None:
    chose(company, company.aiko, 12, 0.5)
    seen = page(company.aiko)
    assert "score 81–100: 100% of the claims, 20% on offer" in seen
    assert re.search(r'aria-label="50%, somewhere from \d+% to \d+%; chance is 50%"', seen)
    assert "Nobody takes higher scores than chance would give." in seen
    for drawing in re.findall(r"<svg[^>]*>", seen.split("<main")[1]):
        assert "aria-label=" in drawing or "aria-hidden=" in drawing


def test_claims_of_which_nothing_is_known_are_counted_and_said(company: Company) -> None:
    unknown = {"seen": None, "below": None, "ties": None, "offered": None, "variance": None}
    chose(company, company.aiko, 2, None, **unknown)
    chose(company, company.aiko, 3, None, queue=True, **unknown)
    assert "2 claims are not compared" in page(company.ops)


def test_the_period_is_chosen_and_a_made_up_one_is_the_usual(company: Company) -> None:
    chose(company, company.aiko, 3, 0.5, at=now() - timedelta(days=20))
    assert "No claims in this time" in page(company.ops)
    assert "No claims in this time" in page(company.ops, "?days=9999999999999")
    assert "3 claims." in page(company.ops, "?days=30")
    assert '<a href="?days=30" aria-current="true">30 days</a>' in page(company.ops, "?days=30")


def test_a_policy_that_shows_it_to_managers_closes_it_to_reps(company: Company) -> None:
    publish(company.workspace, POLICY.replace("skip_at_most: 2", "skip_at_most: 2, shown_to: managers"))
    assert as_(company.aiko).get("/fair-play/").status_code == 403
    assert 'href="/fair-play/"' not in as_(company.aiko).get("/mine/").content.decode()
    seen = page(company.manager)
    assert "Only managers see this page." in seen
    assert 'href="/fair-play/" aria-current="page"' in seen


def test_credits_are_there_with_the_policy_that_has_them_and_each_sees_their_own(company: Company) -> None:
    assert 'id="credits"' not in page(company.aiko)
    publish(company.workspace, f"{POLICY}\ncredits: {{claim: 1, convert: 10}}")
    assert "Nothing was earned in this time." in page(company.aiko)
    for rep, points in ((company.aiko, 17), (company.budi, 23)):
        Credit.objects.create(
            workspace=company.workspace, rep=rep, lead_id=uuid4(), at=now(), what="convert", points=points, score=10
        )
    assert "<b>17</b>" in page(company.aiko)
    assert "<b>23</b>" not in page(company.aiko)
    assert all(points in page(company.ops) for points in ("<b>17</b>", "<b>23</b>"))
    file = as_(company.budi).get("/fair-play/credits.csv?days=30")
    assert file["Content-Disposition"].startswith('attachment; filename="dibs-credits-')
    assert file["Content-Disposition"].endswith('-30-days.csv"')
    assert [line.split(",")[1] for line in file.content.decode().splitlines()] == ["rep", "budi"]


def test_pools_are_drawn_and_no_field_of_a_lead_is_on_the_page(company: Company) -> None:
    canary = {"name": "Canary Nightingale", "company": "Canary Freight"}
    leads = [company.lead(source="open", **canary, email=f"canary{n}@canary.example") for n in range(3)]
    aiko = caller_of(company.aiko.user)
    assert isinstance(claiming.claim_lead(aiko, leads[0], now()), claiming.Claimed)
    acting.contact(aiko, leads[0], now())
    acting.convert(aiko, leads[0], now())
    watch(company.workspace.id, now())
    sample(company.workspace.id, now() - timedelta(hours=3))
    sample(company.workspace.id, now())
    seen = page(company.aiko)
    assert "2 leads wait" in seen
    assert "1 lead ended; 1 of them converted." in seen
    assert seen.count('class="line"') == 6  # two for each of the three pools in sight
    assert "canary" not in seen.lower()
    assert "japan" not in seen.lower()


def test_who_sees_some_of_a_pools_leads_is_told_that_all_of_them_are_not_counted(company: Company) -> None:
    tiers = """
tiers:
  - {name: middle, when: 'rep.handle == "aiko"', sees: preview, only: 'lead.score < 50'}
  - {name: old hands, sees: full}
"""
    publish(company.workspace, POLICY + tiers)
    for _ in range(3):
        company.lead(source="open", employees=500)
    sample(company.workspace.id, now())
    masked = "You see some of its leads only, so how many wait in all, and how long, is not shown."
    seen = page(company.aiko)
    assert seen.count(masked) == 3
    assert 'class="line"' not in seen
    assert "leads wait" not in seen
    assert "Nothing waits" not in seen
    for who in (company.manager, company.ops, company.budi):
        seen = page(who)
        assert masked not in seen
        assert "3 leads wait" in seen


@pytest.mark.parametrize(("language", "word"), [("ja", "フェアプレイ"), ("es", "Juego limpio"), ("id", "Main adil")])
def test_it_speaks_the_readers_language(company: Company, language: str, word: str) -> None:
    chose(company, company.aiko, 12, 0.97)
    browser = as_(company.aiko)
    browser.post("/language/", {"language": language})
    seen = browser.get("/fair-play/").content.decode()
    assert word in seen
    assert "takes the higher" not in seen


def test_figures_of_very_many_claims_are_kept_for_a_minute_and_those_of_few_are_not(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dibs.insight.fair_play._MANY", 3)
    chose(company, company.aiko, 3, 0.5)
    assert "3 claims." in page(company.aiko)
    chose(company, company.aiko, 1, 0.5)
    assert "4 claims." in page(company.aiko)
    chose(company, company.aiko, 1, 0.5)
    chose(company, company.budi, 7, 0.5)
    assert "4 claims." in page(company.aiko)
    assert "5 claims." in page(company.aiko, "?days=30")
    assert "12 claims." in page(company.ops)  # who sees others is told of others
    assert "7 claims." in page(company.budi)


def test_a_line_has_a_gap_where_nobody_was_looking() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    minute = timedelta(minutes=1)
    notes = [PoolNote(start + m * minute, 2, minute, 2 * minute, 3 * minute) for m in (0, 5, 10, 60, 65, 200)]
    drawn = course(notes, start, start + 200 * minute)
    assert drawn.middle.split("M")[1:] == ["0.0 50.0 L15.0 50.0 L30.0 50.0 ", "180.0 50.0 L195.0 50.0 ", "600.0 50.0h0"]
    assert drawn.waiting.startswith("M0.0 0.0 L")
    assert drawn.spread.startswith("M0.0 0.0 L15.0 0.0 L30.0 0.0 L30.0 50.0 L15.0 50.0 L0.0 50.0Z M")
    assert (drawn.longest, drawn.most) == (2 * minute, 2)


def test_nothing_noted_is_nothing_drawn() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    drawn = course([], start, start + timedelta(days=7))
    assert (drawn.middle, drawn.spread, drawn.waiting, drawn.most) == ("", "", "", 0)
