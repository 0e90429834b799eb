"""One rep, sixteen hands: whatever is pressed at the same moment, no rule of fair play is passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from dibs.distribution.models import Credit, Decision, PassedOver
from dibs.distribution.placing import place
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd, one_of_these
from tests.concurrency.truths import assert_true
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = """
policy: One rule
qualify: {score: [{when: 'lead.employees >= 100', add: 80}, {when: 'lead.employees < 100', add: 20}]}
route:
  - {name: Everyone, pull: {pool: inbound}}
pools:
  inbound: {mode: MODE, lock: 15m, reclaim_after: 1h, assign_after: 24h}
fair_play: {RULE}
credits: {claim: 1, convert: 10}
"""
HANDS = 16


@pytest.fixture(scope="module")
def hands(django_db_setup: None) -> Iterator[Crowd]:
    """Sixteen processes, the same for all tests here."""
    with Crowd(HANDS, one_of_these) as crowd:
        yield crowd


def scene(rule: str, *, mode: str = "pool", high: int = 0, low: int = 0) -> tuple[Workspace, Rep, list[UUID]]:
    """A rep before so many leads with a high score and so many with a low one."""
    workspace = make_workspace()
    publish(workspace, POLICY.replace("RULE", rule).replace("MODE", mode))
    rep = make_rep(workspace, "aiko")
    arrivals = [make_arrival(employees=500) for _ in range(high)] + [make_arrival(employees=5) for _ in range(low)]
    return workspace, rep, [placed.lead_id for placed in place(workspace.id, arrivals, now=MONDAY)]


def at_once(hands: Crowd, act: str, *jobs: tuple[Any, ...]) -> Counter[str]:
    """What comes of all hands doing one of these jobs each at the same moment."""
    return sum(hands.all([(act, jobs[n % len(jobs)]) for n in range(HANDS)]), Counter())


def claims(
    hands: Crowd, workspace: Workspace, rep: Rep, leads: list[UUID], *, minutes: int = 0, pool: str | None = None
) -> Counter[str]:
    """What comes of all hands claiming these leads at the same moment."""
    at = MONDAY + timedelta(minutes=minutes)
    jobs = [(workspace.id, rep.user_id, leads, pool, n, at) for n in range(HANDS)]
    came = at_once(hands, "claim_all_one_can", *jobs)
    enter(workspace.id)
    return came


def scores(workspace: Workspace) -> list[int]:
    """The scores of what was claimed, in the order in which it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT recent FROM distribution_standing WHERE workspace_id = %s", [workspace.id])
        return list(cursor.fetchone()[0])


@pytest.mark.parametrize("pool", [None, "inbound"], ids=["each lead by itself", "and the next"])
def test_no_more_is_held_than_the_cap(hands: Crowd, pool: str | None) -> None:
    workspace, rep, leads = scene("hold_at_most: 10", low=48)
    came = claims(hands, workspace, rep, leads, pool=pool)
    assert came["claimed"] == 10
    assert came["holding_cap"] > 0
    assert_true(workspace.id)


def test_no_more_is_claimed_within_the_span_than_the_rate(hands: Crowd) -> None:
    workspace, rep, leads = scene("claim_rate: {count: 5, per: 15m}", low=48)
    came = [claims(hands, workspace, rep, leads, minutes=minutes) for minutes in (0, 10, 20)]
    assert [each["claimed"] for each in came] == [5, 0, 5]
    assert all(each["claim_rate"] for each in came)
    assert_true(workspace.id)


def test_the_rate_holds_at_a_queue_too(hands: Crowd) -> None:
    workspace, rep, leads = scene("claim_rate: {count: 5, per: 15m}", mode="queue", low=32)
    came = claims(hands, workspace, rep, leads[:4], pool="inbound")
    assert came["claimed"] == 5
    assert_true(workspace.id)


def test_the_share_of_low_scores_is_kept_at_every_claim(hands: Crowd) -> None:
    workspace, rep, leads = scene("mix: {low_below: 50, share: 50%, over: 4}", high=24, low=24)
    claims(hands, workspace, rep, leads)
    claimed = scores(workspace)
    assert 2 <= len(claimed) <= 48
    low_left = 24
    for n, score in enumerate(claimed):
        window = claimed[max(0, n - 3) : n]
        owed = sum(each < 50 for each in window) < (len(window) + 1) // 2
        assert not (score >= 50 and owed and low_left), claimed
        low_left -= score < 50
    assert_true(workspace.id)


def test_after_a_high_one_so_many_low_ones_come_first(hands: Crowd) -> None:
    workspace, rep, leads = scene("mix: {low_below: 50, per_high: 2}", high=24, low=24)
    claims(hands, workspace, rep, leads)
    claimed, since_high, low_left = scores(workspace), 2, 24
    for score in claimed:
        if score < 50:
            since_high, low_left = since_high + 1, low_left - 1
        else:
            assert since_high >= 2 or not low_left, claimed
            since_high = 0
    assert sum(score >= 50 for score in claimed) >= 2
    assert_true(workspace.id)


def test_no_more_is_opened_or_passed_over_than_the_limit(hands: Crowd) -> None:
    workspace, rep, leads = scene("skip_at_most: 4", mode="cherry_pick", low=16)
    came = at_once(hands, "look_closer", *[(workspace.id, rep.user_id, leads, n, MONDAY) for n in range(HANDS)])
    enter(workspace.id)
    assert PassedOver.objects.filter(kind__in=["skipped", "opened"]).count() == 4
    with connection.cursor() as cursor:
        cursor.execute("SELECT skips FROM distribution_standing WHERE rep_id = %s", [rep.id])
        assert cursor.fetchone() == (4,)
    assert came["Refused"] > 0
    assert_true(workspace.id)


def test_what_is_pressed_sixteen_times_is_credited_once(hands: Crowd) -> None:
    workspace, rep, leads = scene("hold_at_most: 100", low=12)
    came = at_once(hands, "work_all_one_can", *[(workspace.id, rep.user_id, leads, n, MONDAY) for n in range(HANDS)])
    assert came["claimed"] == came["convert"] == 12
    enter(workspace.id)
    assert Counter(Credit.objects.values_list("what", flat=True)) == {"claim": 12, "convert": 12}
    assert_true(workspace.id)


def test_a_claim_floor_is_made_up_for_once_while_the_rep_claims(hands: Crowd) -> None:
    rule = "hold_at_most: 8, claim_at_least: {count: 6, per: day, then: auto_assign}"
    workspace, rep, leads = scene(rule, low=40)
    late = MONDAY.replace(hour=23, minute=30)
    jobs = [(n % 4, (workspace.id, rep.user_id, leads, None, n), late) for n in range(HANDS)]
    at_once(hands, "look_at_floors_or_claim", *jobs)
    enter(workspace.id)
    kinds = Counter(Decision.objects.filter(rep=rep, kind__in=["claimed", "assigned"]).values_list("kind", flat=True))
    assert kinds["assigned"] <= 6
    assert kinds["claimed"] + kinds["assigned"] == 8, "up to the cap and no further"
    assert_true(workspace.id)
