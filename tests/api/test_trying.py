"""Trying policies over HTTP: dry runs, and past leads through two policies."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now
from procrastinate.contrib.django.models import ProcrastinateJob

from dibs.crm.models import Lead
from dibs.distribution import comparing
from dibs.distribution.models import Comparison, Decision, Difference
from dibs.people.models import Membership, Team
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import MONDAY, make_rep

DRAFT = """
policy: All to Tokyo
route:
  - {name: Demos, when: 'lead.source == "demo"', push: {team: tokyo}}
  - {name: Everyone else, pull: {pool: inbound}}
pools: {inbound: {}}
"""


def test_a_typed_lead_goes_through_the_policy_in_force(company: Company) -> None:
    answer = company.post(company.ops, "/policies/dry-run", {"lead": {"source": "demo", "country": "mexico"}})
    assert answer.status_code == 200
    told = answer.json()
    assert told["policy"]["number"] == 1
    assert told["lead"]["country"] == "MX"
    assert (told["becomes"]["state"], told["becomes"]["owner"], told["becomes"]["rule"]) == (
        "offered",
        "aiko",
        "Asked for a demo",
    )
    assert told["rules"][0]["verdict"] == "not_matched"
    enter(company.workspace.id)
    assert not Lead.objects.exists()
    assert not Decision.objects.exists()


def test_a_real_lead_goes_through_a_draft(company: Company) -> None:
    lead = company.lead(source="demo")
    told = company.post(company.ops, "/policies/dry-run", {"lead_id": str(lead), "source": DRAFT}).json()
    assert told["policy"]["number"] is None
    assert told["becomes"]["owner"] == "budi"
    assert (told["is_now"]["state"], told["is_now"]["owner"]) == ("offered", "aiko")


def test_any_version_and_any_moment_can_be_tried(company: Company) -> None:
    company.aiko.hours = {"1": [540, 1080]}
    company.aiko.save()
    at = now()
    monday = (at + timedelta(days=7 - at.weekday())).replace(hour=10)
    body = {"lead": {"source": "demo", "country": "MX"}, "version": 1}
    told = company.post(company.ops, "/policies/dry-run", {**body, "at": monday.isoformat()}).json()
    assert told["becomes"]["owner"] == "aiko"
    night = monday + timedelta(hours=12)
    told = company.post(company.ops, "/policies/dry-run", {**body, "at": night.isoformat()}).json()
    assert told["becomes"]["owner"] is None
    assert told["attempts"][0]["considered"][0]["because"] == "off_hours"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"lead": {"source": "x"}, "lead_id": str(uuid4())}, "invalid"),
        ({"lead": {}}, "invalid"),
        ({"lead": {"source": "x", "employees": "many"}}, "invalid"),
        ({"lead": {"source": "x"}, "version": 99}, "unknown_version"),
        ({"lead": {"source": "x"}, "version": 1, "source": DRAFT}, "invalid"),
        ({"lead": {"source": "x"}, "source": "policy: ["}, "policy_refused"),
        ({"lead": {"source": "x"}, "source": DRAFT.replace("lead.source", "lead.sauce")}, "policy_refused"),
        ({"lead": {"source": "x"}, "at": "2199-01-01T00:00:00Z"}, "invalid"),
        ({"lead_id": str(uuid4())}, "not_found"),
    ],
)
def test_what_cannot_be_tried_is_told_with_a_stable_code(company: Company, body: dict[str, Any], code: str) -> None:
    assert company.post(company.ops, "/policies/dry-run", body).json()["code"] == code


def test_a_refused_draft_says_line_and_column(company: Company) -> None:
    answer = company.post(
        company.ops, "/policies/dry-run", {"lead": {"source": "x"}, "source": DRAFT.replace("inbound}}", "nowhere}}")}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["line"] == 5


def test_a_manager_tries_only_leads_of_the_own_teams(company: Company) -> None:
    mine, theirs = company.lead(source="demo"), company.lead(country="JP")
    assert company.post(company.manager, "/policies/dry-run", {"lead_id": str(mine)}).status_code == 200
    assert company.post(company.manager, "/policies/dry-run", {"lead_id": str(theirs)}).status_code == 404


def test_a_manager_is_not_told_the_load_of_other_teams_reps(company: Company) -> None:
    body = {"lead": {"source": "demo", "country": "MX"}, "source": DRAFT}
    (theirs,) = company.post(company.manager, "/policies/dry-run", body).json()["attempts"][0]["considered"]
    assert (theirs["rep"], theirs["open_leads"], theirs["assigned_today"]) == ("budi", None, None)
    (seen,) = company.post(company.ops, "/policies/dry-run", body).json()["attempts"][0]["considered"]
    assert (seen["open_leads"], seen["assigned_today"]) == (0, 0)


def test_another_workspaces_leads_are_none(company: Company, other: Company) -> None:
    lead = other.lead(source="demo")
    assert company.post(company.ops, "/policies/dry-run", {"lead_id": str(lead)}).status_code == 404


# A month of past leads.


@pytest.fixture
def month(company: Company) -> Company:
    """Thirty leads in a month: ten asked for a demo, ten from Japan, ten from elsewhere."""
    for day in range(10):
        at = MONDAY + timedelta(days=day)
        company.lead(now=at, source="demo", country="MX")
        company.lead(now=at, source="web", country="JP")
        company.lead(now=at, source="web", country="MX", company="=cmd()")
    return company


SPAN = {"since": MONDAY.isoformat(), "until": (MONDAY + timedelta(days=28)).isoformat()}


def counts(rows: list[dict[str, Any]]) -> dict[str | None, tuple[int, int]]:
    return {row["name"]: (row["before"], row["after"]) for row in rows}


def test_past_leads_say_who_would_get_more_and_who_less(month: Company) -> None:
    answer = month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT})
    assert answer.status_code == 201
    told = answer.json()
    assert (told["state"], told["total"], told["before"], told["after"]) == ("done", 30, 1, None)
    result = told["result"]
    assert counts(result["reps"]) == {"aiko": (10, 0), "budi": (0, 10)}
    assert counts(result["pools"]) == {"inbound": (10, 20), "japan": (10, 0)}
    assert (result["elsewhere"], result["other_rep"]) == (20, 0)
    assert counts(result["rules"])["Demos"] == (0, 10)
    assert month.get(month.ops, f"/policies/comparisons/{told['id']}").json()["result"] == result


def test_the_same_policy_changes_nothing(month: Company) -> None:
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": POLICY}).json()
    assert (told["changed"], told["result"]["elsewhere"]) == (0, 0)


def test_lots_are_drawn_alike_so_that_the_name_of_a_policy_changes_nothing(month: Company) -> None:
    enter(month.workspace.id)
    for handle in ("chika", "dewi", "emi"):
        make_rep(month.workspace, handle, teams=("closers",))
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": POLICY.replace("Every", "Any")}).json()
    assert told["changed"] == 0


def test_which_leads_would_go_elsewhere_is_told_page_by_page(month: Company) -> None:
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT}).json()
    found, cursor = [], None
    for _ in range(10):
        page = month.get(
            month.ops, f"/policies/comparisons/{told['id']}/leads", limit=7, **({"cursor": cursor} if cursor else {})
        ).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(found) == 20
    first = found[0]
    assert (first["before"]["rep"], first["after"]["rep"], first["after"]["team"]) == ("aiko", "budi", "tokyo")
    assert (first["before"]["rule"], first["after"]["rule"]) == ("Asked for a demo", "Demos")


def test_the_leads_come_as_a_file_without_formulas(month: Company) -> None:
    text = DRAFT.replace("pool: inbound}}", "pool: other}}").replace("inbound: {}", "other: {}")
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": text}).json()
    answer = month.get(month.ops, f"/policies/comparisons/{told['id']}/leads", format="csv")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert len(rows) == 30
    assert rows[2]["company"] == "'=cmd()"
    assert (rows[2]["before_pool"], rows[2]["after_pool"]) == ("inbound", "other")


def test_a_manager_sees_the_own_reps_and_leads_and_one_number_for_the_rest(month: Company) -> None:
    told = month.post(month.manager, "/policies/compare", {**SPAN, "source": DRAFT}).json()
    assert counts(told["result"]["reps"]) == {"aiko": (10, 0), None: (0, 10)}
    assert counts(told["result"]["teams"]) == {"closers": (10, 0), None: (0, 10)}
    assert counts(told["result"]["pools"]) == {"inbound": (10, 20), None: (10, 0)}
    page = month.get(month.manager, f"/policies/comparisons/{told['id']}/leads", limit=1000).json()
    assert {item["before"]["rep"] for item in page["items"]} == {"aiko"}
    file = month.get(month.manager, f"/policies/comparisons/{told['id']}/leads", format="csv").content.decode()
    assert file.count("\r\n") == 1 + len(page["items"])


def test_daily_caps_hold_in_both(month: Company) -> None:
    day = MONDAY + timedelta(days=3)
    for _ in range(5):
        month.lead(now=day, source="demo")
    text = DRAFT + "teams: {tokyo: {per_day: 2}}\n"
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": text}).json()
    # Nine days with one lead, and one with six, of which two.
    assert counts(told["result"]["reps"])["budi"] == (0, 11)


def test_a_lead_counts_as_open_for_as_long_as_it_was(month: Company) -> None:
    enter(month.workspace.id)
    for lead in Lead.objects.filter(source="demo"):
        Lead.objects.filter(id=lead.id).update(
            state="retired", ended_at=lead.received_at + timedelta(hours=36), owner=month.aiko, lock_expires_at=None
        )
    text = DRAFT + "teams: {tokyo: {open_at_most: 1}}\n"
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": text}).json()
    # Each is open for a day and a half, so that of two days' leads one can be taken.
    assert counts(told["result"]["reps"])["budi"] == (0, 5)


def test_those_on_leave_then_are_passed_over_and_breaks_of_now_do_not_count(month: Company) -> None:
    from dibs.people.models import TimeOff

    enter(month.workspace.id)
    TimeOff.objects.create(workspace=month.workspace, rep=month.budi, starts=MONDAY, ends=MONDAY + timedelta(days=4))
    month.budi.available = False
    month.budi.save()
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT}).json()
    assert counts(told["result"]["reps"])["budi"] == (0, 6)


def test_reps_begin_level_whatever_they_have_now(month: Company) -> None:
    enter(month.workspace.id)
    Membership.objects.create(
        workspace=month.workspace,
        rep=make_rep(month.workspace, "chika"),
        team=Team.objects.get(workspace=month.workspace, slug="closers"),
    )
    told = month.post(
        month.ops, "/policies/compare", {**SPAN, "source": POLICY.replace("Every kind", "Any kind")}
    ).json()
    assert counts(told["result"]["reps"]) == {"aiko": (5, 5), "chika": (5, 5)}


def test_many_leads_are_left_to_a_worker(month: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "AT_ONCE", 10)
    answer = month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT})
    assert answer.status_code == 202
    told = answer.json()
    assert (told["state"], told["result"]) == ("waiting", None)
    job = ProcrastinateJob.objects.get(task_name=comparing.JOB)
    assert job.args == {"workspace": str(month.workspace.id), "comparison": told["id"]}
    enter(month.workspace.id)
    heard: list[tuple[int, int]] = []
    comparing.go_through(Comparison.objects.get(id=told["id"]), lambda *done: heard.append(done))
    assert heard == [(30, 30)]
    assert month.get(month.ops, f"/policies/comparisons/{told['id']}").json()["state"] == "done"


def test_a_comparison_broken_off_begins_anew(month: Company) -> None:
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT}).json()
    enter(month.workspace.id)
    comparison = Comparison.objects.get(id=told["id"])
    comparing.go_through(comparison)
    assert Difference.objects.filter(comparison=comparison).count() == 20
    assert month.get(month.ops, f"/policies/comparisons/{told['id']}").json()["result"] == told["result"]


def test_too_long_too_many_or_backwards_is_refused(month: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    for span in ({"since": SPAN["until"], "until": SPAN["since"]}, {"since": "2024-01-01T00:00:00Z"}):
        assert month.post(month.ops, "/policies/compare", {**span, "source": DRAFT}).json()["code"] == "invalid"
    monkeypatch.setattr(comparing, "MOST", 5)
    assert month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT}).json()["code"] == "too_many_leads"
    assert month.post(month.ops, "/policies/compare", SPAN).json()["code"] == "invalid"


def test_old_comparisons_go(month: Company) -> None:
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT}).json()
    enter(month.workspace.id)
    Comparison.objects.filter(id=told["id"]).update(created_at=now() - comparing.KEPT - timedelta(hours=1))
    month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT})
    assert month.get(month.ops, f"/policies/comparisons/{told['id']}").status_code == 404
    assert len(month.get(month.ops, "/policies/comparisons").json()["items"]) == 1


def test_another_workspaces_comparison_is_none(month: Company, other: Company) -> None:
    told = month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT}).json()
    for path in (f"/policies/comparisons/{told['id']}", f"/policies/comparisons/{told['id']}/leads"):
        assert other.get(other.ops, path).status_code == 404
    assert other.get(other.ops, "/policies/comparisons").json()["items"] == []
    assert month.get(month.ops, "/policies/comparisons/nonsense").status_code == 404


def test_leads_and_turns_stay_as_they_are(month: Company) -> None:
    from dibs.distribution.models import Rotation, Standing

    enter(month.workspace.id)

    def state() -> list[Any]:
        return [
            list(rows.order_by(*rows.model._meta.pk.name.split()).values_list())
            for rows in (Lead.objects.all(), Rotation.objects.all(), Standing.objects.all(), Decision.objects.all())
        ]

    before = state()
    month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT})
    enter(month.workspace.id)
    assert state() == before


def test_sent_again_with_its_key_it_is_one_comparison(month: Company) -> None:
    for _ in range(2):
        answer = month.post(month.ops, "/policies/compare", {**SPAN, "source": DRAFT}, Idempotency_Key="k1")
        assert answer.status_code == 201
    enter(month.workspace.id)
    assert Comparison.objects.count() == 1
