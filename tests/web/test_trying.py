"""Trying policies on pages: a lead rule by rule, and past leads through a draft."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.distribution import comparing
from dibs.distribution.models import Comparison
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.web.conftest import as_

DRAFT = """
policy: All to Tokyo
route:
  - {name: Demos, when: 'lead.source == "demo"', push: {team: tokyo}}
  - {name: Everyone else, pull: {pool: inbound}}
pools: {inbound: {}}
"""


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_a_typed_lead_is_told_rule_by_rule(company: Company) -> None:
    answer = as_(company.ops).post("/policy/try/", {"source": "demo", "country": "MX", "company": "<b>Kumo</b>"})
    page = words(answer)
    assert answer.status_code == 200
    assert "It is offered to Aiko until" in page
    assert "By the rule “Asked for a demo”" in page
    assert '<b>1. Japan</b> <span class="soft">does not fit</span>' in page
    assert "Country: <b>Mexico</b>" in page
    assert "not reached; it would fit too" in page
    assert "<b>Kumo</b>" not in page
    enter(company.workspace.id)
    assert not Lead.objects.exists()


def test_a_lead_that_is_here_is_tried_on_a_version(company: Company) -> None:
    lead = company.lead(source="line")
    page = words(as_(company.ops).get("/policy/try/", {"lead": str(lead), "version": "1"}))
    assert "It waits in Line." in page
    assert "As if it came in now. In fact it is waiting in a pool." in page


def test_the_draft_that_is_being_written_can_be_tried(company: Company) -> None:
    browser = as_(company.ops)
    assert "Nothing tried yet" in words(browser.post("/policy/try/", {"text": DRAFT, "note": "x"}))
    page = words(
        browser.post("/policy/try/", {"text": DRAFT, "source": "demo", "more": "pages = 3\nattributes.plan = pro"})
    )
    assert "It goes to Budi." in page
    assert "(not published)" in page


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"lead": str(uuid4())}, "There is no such lead among those you lead."),
        ({"lead": "nonsense"}, "There is no such lead among those you lead."),
        ({"country": "MX", "version": "77"}, "There is no such version."),
        ({"more": "nonsense"}, "is not a fact"),
        ({"more": "colour = red"}, "can&#39;t be read"),
        ({"country": "MX", "text": DRAFT.replace("lead.source", "lead.sauce")}, "there is no fact lead.sauce"),
    ],
)
def test_what_cannot_be_tried_is_said(company: Company, form: dict[str, str], said: str) -> None:
    answer = as_(company.ops).post("/policy/try/", form)
    assert answer.status_code == 422
    assert said in words(answer)


def test_a_manager_tries_leads_of_the_own_teams_alone(company: Company) -> None:
    mine, theirs = company.lead(source="demo"), company.lead(country="JP")
    browser = as_(company.manager)
    assert browser.get("/policy/try/", {"lead": str(mine)}).status_code == 200
    assert browser.get("/policy/try/", {"lead": str(theirs)}).status_code == 422
    assert f"?lead={mine}" in words(browser.get(f"/leads/{mine}/"))


def test_reps_try_nothing(company: Company) -> None:
    browser = as_(company.aiko)
    for path in (
        "/policy/try/",
        "/policy/compare/",
        f"/policy/compare/{uuid4()}/",
        f"/policy/compare/{uuid4()}/leads.csv",
    ):
        assert browser.get(path).status_code == 403


@pytest.fixture
def month(company: Company) -> Company:
    for day in range(1, 6):
        company.lead(now=now() - timedelta(days=day), source="demo", company=f"Kumo {day}")
    return company


def begin(company: Company, who: Any = None, **form: str) -> Any:
    return as_(who or company.ops).post("/policy/compare/", {"do": "compare", "text": DRAFT, **form})


def test_past_leads_are_compared_at_once_and_shown(month: Company) -> None:
    answer = begin(month)
    assert answer.status_code == 302
    page = words(as_(month.ops).get(answer["Location"]))
    assert "Version 1 against the draft “All to Tokyo”" in page
    assert "<b>+5</b>" in page
    assert "<b>−5</b>" in page
    assert "Kumo 3" in page
    assert "Aiko (Closers)" in page
    assert "Budi (Tokyo)" in page
    assert "All to Tokyo" in words(as_(month.ops).get("/policy/compare/"))
    file = as_(month.ops).get(answer["Location"] + "leads.csv")
    assert file["Content-Disposition"].startswith("attachment")
    assert file.content.decode().count("Kumo") == 5
    assert "None among those" not in words(as_(month.ops).get(answer["Location"], {"what": "elsewhere"}))
    assert as_(month.ops).get(answer["Location"], {"cursor": "nonsense"}).status_code == 302


def test_a_comparison_under_way_says_how_far_it_is(month: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "AT_ONCE", 2)
    address = begin(month)["Location"]
    page = words(as_(month.ops).get(address))
    assert 'hx-trigger="every 1s"' in page
    assert "0 of 5" in page
    enter(month.workspace.id)
    comparing.fail(Comparison.objects.get(), "The worker stopped.")
    assert "It could not be done. The worker stopped." in words(as_(month.ops).get(address))


def test_a_manager_reads_the_own_reps_and_leads(month: Company) -> None:
    month.lead(now=now() - timedelta(days=2), country="JP", company="Sora KK")
    page = words(as_(month.manager).get(begin(month, month.manager)["Location"]))
    assert "Budi</b>" not in page
    assert "all others" in page
    assert "Sora KK" not in page


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"since": "2020-01-01"}, "400 days at most"),
        ({"since": "soon"}, "is no day"),
        ({"since": "2026-01-05", "until": "2026-01-01"}, "400 days at most"),
        ({"text": "", "version": "9"}, "There is no such version."),
        ({"text": "policy: ["}, "This policy can't be tried yet"),
    ],
)
def test_what_cannot_be_compared_is_said(month: Company, form: dict[str, str], said: str) -> None:
    answer = begin(month, **form)
    assert answer.status_code == 422
    assert said in words(answer)


def test_a_comparison_that_changes_nothing_says_so(month: Company) -> None:
    page = words(as_(month.ops).get(begin(month, text=POLICY)["Location"]))
    assert "Lead by lead" not in page
    assert "Nothing changes" in page
    address = begin(month, since=f"{now():%Y-%m-%d}")["Location"]
    assert "No lead came in then" in words(as_(month.ops).get(address))


def test_another_workspaces_comparison_is_not_found(month: Company, other: Company) -> None:
    address = begin(month)["Location"]
    for path in (address, address + "leads.csv"):
        assert as_(other.ops).get(path).status_code == 404


def test_the_policy_pages_lead_there(company: Company) -> None:
    for path in ("/policy/", "/policy/edit/"):
        page = words(as_(company.ops).get(path))
        assert "/policy/try/" in page
        assert "/policy/compare/" in page
