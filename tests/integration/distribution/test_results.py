"""How leads ended lately is counted in the background, for policies that choose by it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from dibs.distribution import acting, results, tasks
from dibs.distribution.crews import crew
from dibs.distribution.models import Decision, Result
from dibs.distribution.models import Standing as StandingRow
from dibs.distribution.placing import place
from dibs.engine.results import NOTHING_KNOWN
from dibs.insight.story import story_of
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_rep, make_user, make_workspace, publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: By results
best_match: {kinds: [industry, country], over: 30d, explore: false}
route:
  - {name: Everyone, push: {team: closers, by: best_match}, fallback: {review: closers}}
"""
TURNS = POLICY.replace("by: best_match", "by: round_robin").replace(
    "best_match: {kinds: [industry, country], over: 30d, explore: false}\n", ""
)


class Closers:
    """A workspace of two closers, and a manager who gives them leads by name."""

    def __init__(self, policy: str = POLICY) -> None:
        self.workspace: Workspace = make_workspace()
        self.reps: dict[str, Rep] = {
            handle: make_rep(self.workspace, handle, teams=("closers",)) for handle in ("aiko", "budi")
        }
        self.callers: dict[str, Caller] = {handle: caller_of(rep.user) for handle, rep in self.reps.items()}
        self.ops = caller_of(make_user(self.workspace, "ops"))
        publish(self.workspace, policy)

    def ends(self, rep: str, converted: int, retired: int, at: datetime = MONDAY, **fields: Any) -> list[UUID]:
        """The rep ends so many leads."""
        arrivals = [make_arrival(**fields) for _ in range(converted + retired)]
        leads = [placed.lead_id for placed in place(self.workspace.id, arrivals, now=at)]
        for n, lead in enumerate(leads):
            acting.assign(self.ops, lead, rep, at)
            acting.contact(self.callers[rep], lead, at)
            if n < converted:
                assert isinstance(acting.convert(self.callers[rep], lead, at), acting.Acted)
            else:
                assert isinstance(acting.retire(self.callers[rep], lead, at, why="no_interest"), acting.Acted)
        return leads

    def counted(self) -> dict[tuple[str, str], tuple[int, int]]:
        rows = Result.objects.filter(workspace=self.workspace).select_related("rep")
        return {(row.rep.handle, row.kind): (row.closed, row.converted) for row in rows}

    def pushed(self, at: datetime = MONDAY, **fields: Any) -> str | None:
        (placed,) = place(self.workspace.id, [make_arrival(**fields)], now=at)
        return placed.owner


def test_leads_that_ended_are_counted_by_rep_and_kind() -> None:
    closers = Closers()
    closers.ends("aiko", 2, 1, industry="Food", country="MX")
    closers.ends("aiko", 0, 1, industry="FOOD ", country="MX")
    closers.ends("budi", 1, 0, industry="Food", country="JP")
    closers.ends("budi", 0, 2, industry=None, country="JP")
    closers.pushed(industry="Food", country="MX")  # open: counts nowhere
    assert results.count(closers.workspace.id, MONDAY) == 3
    assert closers.counted() == {
        ("aiko", "food / mx"): (4, 2),
        ("budi", "food / jp"): (1, 1),
        ("budi", " / jp"): (2, 0),
    }
    assert results.count(closers.workspace.id, MONDAY) == 0, "nothing changed since"
    closers.ends("budi", 1, 0, industry="Food", country="JP")
    assert results.count(closers.workspace.id, MONDAY) == 1
    assert closers.counted()["budi", "food / jp"] == (2, 2)


def test_what_ended_longer_ago_than_the_policy_says_counts_no_more() -> None:
    closers = Closers()
    closers.ends("aiko", 1, 0, industry="Food")
    closers.ends("aiko", 1, 1, at=MONDAY + timedelta(days=20), industry="Food")
    results.count(closers.workspace.id, MONDAY + timedelta(days=29))
    assert closers.counted() == {("aiko", "food / mx"): (3, 2)}
    results.count(closers.workspace.id, MONDAY + timedelta(days=31))
    assert closers.counted() == {("aiko", "food / mx"): (2, 1)}
    results.count(closers.workspace.id, MONDAY + timedelta(days=99))
    assert closers.counted() == {}


def test_the_next_lead_goes_to_whoever_converts_most_and_the_log_says_by_which_numbers() -> None:
    closers = Closers()
    closers.ends("aiko", 1, 19, industry="Food")
    closers.ends("budi", 14, 6, industry="Food")
    results.count(closers.workspace.id, MONDAY)
    assert closers.pushed(industry="food") == "budi"
    decision = Decision.objects.filter(workspace=closers.workspace, kind="placed").latest("at", "id")
    (said,) = [reason["params"] for reason in decision.reasons if reason["code"] == "best_match"]
    assert said["rep"] == "budi"
    assert [(each["rep"], each["closed"], each["converted"]) for each in said["candidates"]] == [
        ("budi", 20, 14),
        ("aiko", 20, 1),
    ]
    assert said["candidates"][0]["expected"] > 0.5 > said["candidates"][1]["expected"]


def test_reps_are_told_their_own_numbers_and_who_leads_them_everybodys() -> None:
    closers = Closers()
    closers.ends("aiko", 1, 19, industry="Food")
    closers.ends("budi", 14, 6, industry="Food")
    results.count(closers.workspace.id, MONDAY)
    (placed,) = place(closers.workspace.id, [make_arrival(industry="Food")], now=MONDAY)
    assert placed.owner == "budi"

    def told(caller: Caller) -> tuple[str, dict[str, Any]]:
        (entry,) = story_of(caller, placed.lead_id, MONDAY) or []
        (said,) = [reason for reason in entry.reasons if reason["code"] == "best_match"]
        return said["text"], said["params"]

    text, params = told(closers.ops)
    assert text.startswith("Budi is expected to convert 6")
    assert [each["rep"] for each in params["candidates"]] == ["budi", "aiko"]
    text, params = told(closers.callers["budi"])
    assert text.startswith("Budi is expected to convert 6")
    assert [each["rep"] for each in params["candidates"]] == ["budi"]
    acting.assign(closers.ops, placed.lead_id, "aiko", MONDAY)
    entries = story_of(closers.callers["aiko"], placed.lead_id, MONDAY) or []
    said = next(reason for reason in entries[0].reasons if reason["code"] == "best_match")
    assert said["text"] == "Budi came first by past results, strengths and load"
    assert said["params"]["rep"] == "budi"
    assert [each["rep"] for each in said["params"]["candidates"]] == ["aiko"]
    assert set(said["params"]) == {"rep", "candidates"}


def test_a_batch_is_spread_by_load_and_does_not_all_go_to_the_best() -> None:
    closers = Closers()
    closers.ends("aiko", 4, 16, industry="Food")
    closers.ends("budi", 13, 7, industry="Food")
    results.count(closers.workspace.id, MONDAY)
    placed = place(closers.workspace.id, [make_arrival(industry="Food") for _ in range(60)], now=MONDAY)
    owners = [one.owner for one in placed]
    assert owners.count("budi") > owners.count("aiko") >= 10


def test_a_policy_that_does_not_ask_has_nothing_counted_and_drops_what_was() -> None:
    closers = Closers(TURNS)
    closers.ends("aiko", 2, 1, industry="Food")
    assert results.count(closers.workspace.id, MONDAY) == 0
    publish(closers.workspace, POLICY)
    results.count(closers.workspace.id, MONDAY)
    assert closers.counted() == {("aiko", "food / mx"): (3, 2)}
    assert crew(closers.workspace.id, MONDAY).roster.results.counts == {"food / mx": {"aiko": (3, 2)}}
    publish(closers.workspace, TURNS.replace("policy: By results", "policy: In turn again"))
    results.count(closers.workspace.id, MONDAY)
    assert closers.counted() == {}
    assert crew(closers.workspace.id, MONDAY).roster.results == NOTHING_KNOWN


def test_who_left_is_not_counted_and_another_workspace_is_none_of_ones_business() -> None:
    closers = Closers()
    closers.ends("aiko", 2, 1, industry="Food")
    closers.ends("budi", 2, 0, industry="Food")
    results.count(closers.workspace.id, MONDAY)
    others = Closers()
    others.ends("aiko", 0, 5, industry="Food")
    assert results.count(others.workspace.id, MONDAY) == 1
    assert others.counted() == {("aiko", "food / mx"): (5, 0)}
    enter(closers.workspace.id)
    Rep.objects.filter(id=closers.reps["budi"].id).update(active=False)
    results.count(closers.workspace.id, MONDAY)
    assert closers.counted() == {("aiko", "food / mx"): (3, 2)}


@pytest.mark.django_db(transaction=True)
def test_a_policy_that_asks_for_others_has_them_counted_at_once_by_a_job() -> None:
    closers = Closers(TURNS)
    closers.ends("aiko", 1, 0, at=datetime.now(MONDAY.tzinfo), industry="Food")
    assert jobs(closers) == []
    publish(closers.workspace, POLICY)
    (asked,) = jobs(closers)
    enter(closers.workspace.id)
    assert tasks.count_results_of(**asked) == 1
    enter(closers.workspace.id)
    assert closers.counted() == {("aiko", "food / mx"): (1, 1)}
    publish(closers.workspace, POLICY.replace("by: best_match", "by: best_match, accept_within: 5m"))
    assert len(jobs(closers)) == 1, "it asks for the same as before"
    publish(closers.workspace, POLICY.replace("over: 30d", "over: 90d"))
    assert len(jobs(closers)) == 2
    assert tasks.count_results(0) == 0, "counted already"


def jobs(closers: Closers) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT args FROM procrastinate_jobs WHERE task_name = %s ORDER BY id", [results.JOB])
        asked = [json.loads(row[0]) for row in cursor.fetchall()]
    return [one for one in asked if one == {"workspace": str(closers.workspace.id)}]


def test_the_job_is_one_that_workers_know() -> None:
    assert results.JOB in app.tasks


AMONG = """
policy: Those with a record
tiering: {over: 30d}
route:
  - name: To the experienced
    push: {team: closers, among: 'rep.closed >= 3 && rep.conversion_rate >= 0.5'}
    fallback: {review: closers}
"""


def test_whom_a_push_is_among_may_be_asked_of_their_record_where_there_are_no_tiers() -> None:
    closers = Closers(AMONG)
    assert closers.pushed() is None
    closers.ends("aiko", 1, 3)
    closers.ends("budi", 2, 1)
    assert results.count(closers.workspace.id, MONDAY) == 2
    rows = dict(StandingRow.objects.values_list("rep__handle", "closed"))
    assert rows == {"aiko": 4, "budi": 3}
    assert [closers.pushed() for _ in range(3)] == ["budi"] * 3
    assert results.count(closers.workspace.id, MONDAY + timedelta(days=31)) == 2
    assert closers.pushed(MONDAY + timedelta(days=31)) is None
