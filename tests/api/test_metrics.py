"""Figures over HTTP: what they say, to whom, and the credits as a file."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils.timezone import now

from dibs.distribution import acting, claiming
from dibs.distribution.choices import watch
from dibs.distribution.models import Credit
from dibs.distribution.samples import sample
from dibs.insight import credits as credits_report
from dibs.people.caller import caller_of
from dibs.people.models import Membership, Rep
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import make_rep, publish


def claims(company: Company, rep: Rep, *leads: UUID) -> None:
    caller = caller_of(rep.user)
    for lead in leads:
        assert isinstance(claiming.claim_lead(caller, lead, now()), claiming.Claimed)
        acting.contact(caller, lead, now())
    watch(company.workspace.id, now())


def earns(company: Company, rep: Rep, what: str = "claim", **fields: Any) -> Credit:
    enter(company.workspace.id)
    given = {"at": now(), "points": Decimal("1.50"), "times": Decimal("1.5"), "rule": "credits.weights[0]", "score": 20}
    return Credit.objects.create(
        workspace=company.workspace, rep=rep, what=what, **({"lead_id": uuid4()} | given | fields)
    )


def names(answer: Any, where: str = "reps") -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["rep"] for row in answer.json()[where]]


def test_who_claimed_what_against_what_was_on_offer(company: Company) -> None:
    leads = [company.lead(source="open", employees=n) for n in (None, 200, 300)]
    head = company.lead(source="line")
    claims(company, company.aiko, leads[1], head)
    told = company.get(company.ops, "/metrics/fair-play", days=7).json()
    assert (told["claims"], told["unknown"]) == (2, 0)
    aiko = next(row for row in told["reps"] if row["rep"] == "aiko")
    assert (aiko["claims"], aiko["queued"], aiko["lapses"], aiko["skips"]) == (2, 1, 0, 0)
    # On offer were scores 1, 60 and 60, and a 60 was taken.
    assert [band["claims"] for band in aiko["bands"]] == [0, 0, 1, 0, 0]
    assert [band["offered"] for band in aiko["bands"]] == [0.3333, 0, 0.6667, 0, 0]
    assert aiko["index"] == {"n": 1, "mean": pytest.approx(2 / 3), "low": None, "high": None, "verdict": "too_few"}


def test_ten_best_of_many_are_told_and_nine_are_not(company: Company) -> None:
    publish(company.workspace, POLICY.replace("hold_at_most: 3, ", ""))
    best = [company.lead(source="open", employees=200) for _ in range(10)]
    for _ in range(30):
        company.lead(source="open")
    claims(company, company.aiko, *best[:9])
    verdict = company.get(company.aiko, "/metrics/fair-play").json()["reps"][0]["index"]
    assert (verdict["n"], verdict["verdict"]) == (9, "too_few")
    claims(company, company.aiko, best[9])
    verdict = company.get(company.aiko, "/metrics/fair-play").json()["reps"][0]["index"]
    assert (verdict["n"], verdict["verdict"]) == (10, "picks_high")
    assert verdict["low"] > 0.5


def test_lapses_and_skips_are_counted_for_whom_they_happened_to(company: Company) -> None:
    lead, other = company.lead(source="open"), company.lead(source="open")
    aiko, at = caller_of(company.aiko.user), now()
    acting.open_lead(aiko, other, at)
    claiming.claim_lead(aiko, lead, at)
    acting.release(aiko, lead, now())
    aiko_row = company.get(company.ops, "/metrics/fair-play").json()["reps"][0]
    assert (aiko_row["skips"], aiko_row["released"], aiko_row["lapses"]) == (1, 1, 0)


def test_what_became_of_leads_is_told_by_how_they_were_taken(company: Company) -> None:
    aiko, manager = caller_of(company.aiko.user), caller_of(company.manager)
    pulled, pushed, reviewed = company.lead(source="open"), company.lead(source="demo"), company.lead(source="unclear")
    claims(company, company.aiko, pulled)
    acting.convert(aiko, pulled, now())
    acting.accept(aiko, pushed, now())
    acting.contact(aiko, pushed, now())
    acting.retire(aiko, pushed, now(), why="no_interest")
    acting.assign(manager, reviewed, "aiko", now())
    acting.convert(aiko, reviewed, now())
    ways = {
        row["way"]: (row["ended"], row["converted"])
        for row in company.get(company.ops, "/metrics/fair-play").json()["ways"]
    }
    assert ways == {"pull": (1, 1), "push": (1, 0), "escalation": (0, 0), "review": (1, 1), "floor": (0, 0)}


def test_a_rep_sees_the_reps_of_the_own_teams_and_a_manager_those_of_theirs(company: Company) -> None:
    carla = make_rep(company.workspace, "carla", teams=("closers",))
    alone = [make_rep(company.workspace, handle) for handle in ("dai", "eva")]
    assert names(company.get(company.aiko, "/metrics/fair-play")) == ["aiko", "carla"]
    assert names(company.get(company.manager, "/metrics/fair-play")) == ["aiko", "carla"]
    assert names(company.get(company.budi, "/metrics/fair-play")) == ["budi"]
    assert names(company.get(alone[0], "/metrics/fair-play")) == ["dai", "eva"]
    assert names(company.get(company.ops, "/metrics/fair-play")) == ["aiko", "budi", "carla", "dai", "eva"]
    Membership.objects.filter(rep=carla).delete()
    assert names(company.get(company.aiko, "/metrics/fair-play")) == ["aiko"]


def test_a_policy_may_show_it_to_managers_only(company: Company) -> None:
    publish(company.workspace, POLICY.replace("skip_at_most: 2", "skip_at_most: 2, shown_to: managers"))
    for path in ("/metrics/fair-play", "/metrics/pools"):
        refused = company.get(company.aiko, path)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert company.get(company.manager, path).status_code == 200
    earns(company, company.aiko)
    assert names(company.get(company.aiko, "/metrics/credits"), "items") == ["aiko"]


def test_pools_tell_how_they_stand_and_how_that_moved(company: Company) -> None:
    company.lead(source="web")
    at = now()
    for hours in (50, 26, 2, 0):
        sample(company.workspace.id, at - timedelta(hours=hours))
    told = {pool["name"]: pool for pool in company.get(company.ops, "/metrics/pools", days=7).json()["items"]}
    assert set(told) == {"inbound", "japan", "line", "open"}
    assert told["inbound"]["now"]["waiting"] == 1
    assert [note["waiting"] for note in told["inbound"]["moved"]] == [1, 1, 1, 1]
    assert told["japan"]["now"]["waiting"] == 0
    assert "japan" not in [pool["name"] for pool in company.get(company.aiko, "/metrics/pools").json()["items"]]


def test_of_a_pool_of_which_a_tier_shows_some_leads_no_count_of_all_is_told(company: Company) -> None:
    publish(
        company.workspace,
        POLICY
        + """
tiers:
  - {name: middle, when: 'rep.handle == "aiko"', sees: preview, only: 'lead.score < 50'}
  - {name: old hands, when: 'rep.handle == "budi"', sees: full}
  - {name: new, sees: none}
""",
    )
    carmen = make_rep(company.workspace, "carmen", teams=("closers",))
    for source in ("web", "line"):
        company.lead(source=source, employees=500)
    sample(company.workspace.id, now())

    def told(who: Any) -> dict[str, tuple[bool, int | None, int]]:
        items = company.get(who, "/metrics/pools").json()["items"]
        return {
            pool["name"]: (pool["masked"], pool["now"] and pool["now"]["waiting"], len(pool["moved"])) for pool in items
        }

    assert told(company.aiko) == dict.fromkeys(("inbound", "line", "open"), (True, None, 0))
    assert told(carmen) == {}
    in_full = {"inbound": (False, 1, 1), "line": (False, 1, 1), "open": (False, 0, 1)}
    assert told(company.budi) == in_full | {"japan": (False, 0, 1)}
    assert told(company.manager) == in_full
    assert told(company.ops) == in_full | {"japan": (False, 0, 1)}


def test_a_pool_that_was_not_noted_lately_has_no_now(company: Company) -> None:
    sample(company.workspace.id, now() - timedelta(hours=1))
    pool = company.get(company.ops, "/metrics/pools").json()["items"][0]
    assert pool["now"] is None
    assert len(pool["moved"]) == 1


def test_credits_are_summed_by_rep_and_shown_to_whom_they_concern(company: Company) -> None:
    earns(company, company.aiko)
    earns(company, company.aiko, "convert", points=Decimal(10))
    earns(company, company.budi, at=now() - timedelta(days=40))
    earns(company, company.budi)
    told = company.get(company.ops, "/metrics/credits").json()["items"]
    assert told == [
        {"rep": "aiko", "name": "Aiko", "claims": 1, "claim_points": 1.5, "conversions": 1, "conversion_points": 10, "points": 11.5},
        {"rep": "budi", "name": "Budi", "claims": 1, "claim_points": 1.5, "conversions": 0, "conversion_points": 0, "points": 1.5},
    ]  # fmt: skip
    assert names(company.get(company.budi, "/metrics/credits"), "items") == ["budi"]
    assert names(company.get(company.manager, "/metrics/credits"), "items") == ["aiko"]
    long = company.get(company.ops, "/metrics/credits", days=90).json()["items"]
    assert [row["claims"] for row in long] == [1, 2]


def test_a_teammates_credits_are_nobodys_to_see(company: Company) -> None:
    carla = make_rep(company.workspace, "carla", teams=("closers",))
    earns(company, carla)
    assert "carla" in names(company.get(company.aiko, "/metrics/fair-play"))
    assert names(company.get(company.aiko, "/metrics/credits"), "items") == []
    assert "carla" not in company.get(company.aiko, "/metrics/credits", format="csv").content.decode().lower()


def test_who_has_left_is_paid_still(company: Company) -> None:
    earns(company, company.aiko)
    Rep.objects.filter(id=company.aiko.id).update(active=False)
    assert names(company.get(company.ops, "/metrics/credits"), "items") == ["aiko"]
    assert "aiko" not in names(company.get(company.ops, "/metrics/fair-play"))


def test_the_file_has_a_line_for_each_credit_and_no_cell_runs_as_a_formula(company: Company) -> None:
    Rep.objects.filter(id=company.aiko.id).update(name='=HYPERLINK("https://evil.example")')
    first = earns(company, company.aiko, at=datetime(2026, 3, 2, 9, tzinfo=UTC))
    earns(company, company.aiko, "convert", at=datetime(2026, 3, 3, 9, tzinfo=UTC), rule="@SUM(A1)")
    answer = company.get(
        company.ops, "/metrics/credits", format="csv", since="2026-03-01T00:00:00Z", until="2026-04-01T00:00:00Z"
    )
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert rows[0] == {
        "at": "2026-03-02T09:00:00Z",
        "rep": "aiko",
        "name": '\'=HYPERLINK("https://evil.example")',
        "what": "claim",
        "lead": str(first.lead_id),
        "score": "20",
        "points": "1.50",
        "times": "1.50",
        "rule": "credits.weights[0]",
        "policy_version": "",
    }
    assert rows[1]["rule"] == "'@SUM(A1)"
    assert len(rows) == 2


def test_more_credits_than_a_file_takes_are_refused_and_not_cut(company: Company, monkeypatch: Any) -> None:
    monkeypatch.setattr(credits_report, "MOST_LINES", 2)
    for _ in range(3):
        earns(company, company.aiko)
    assert company.get(company.ops, "/metrics/credits", format="csv").status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        {"days": 0},
        {"days": 367},
        {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"},
        {"since": "2020-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"},
        {"since": "2026-03-02T00:00:00"},
        {"until": "0001-01-02T00:00:00Z"},
        {"day": 7},
    ],
)
def test_a_period_that_cannot_be_is_refused(company: Company, query: dict[str, Any]) -> None:
    for path in ("/metrics/fair-play", "/metrics/pools", "/metrics/credits"):
        answer = company.get(company.ops, path, **query)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.content


def test_no_field_of_a_lead_is_in_any_figure(company: Company) -> None:
    canary = {
        "name": "Canary Nightingale",
        "company": "Canary Freight",
        "email": "canary@canary.example",
        "message": "canary sings",
    }
    leads = [company.lead(source="open", employees=n, **canary) for n in (None, 200, 300)]
    claims(company, company.aiko, leads[1])
    sample(company.workspace.id, now())
    earns(company, company.aiko, lead_id=leads[1])
    for who in (company.aiko, company.manager, company.ops):
        for path in ("/metrics/fair-play", "/metrics/pools", "/metrics/credits"):
            assert "canary" not in company.get(who, path).content.decode().lower()
        assert "canary" not in company.get(who, "/metrics/credits", format="csv").content.decode().lower()


def test_another_company_has_no_part_in_it(company: Company, other: Company) -> None:
    enter(other.workspace.id)
    lead = other.lead(source="open")
    claims(other, other.aiko, lead)
    enter(company.workspace.id)
    assert company.get(company.ops, "/metrics/fair-play").json()["claims"] == 0
    assert other.get(other.ops, "/metrics/fair-play").json()["claims"] == 1
