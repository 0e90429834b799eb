"""A queue: strict order, and nobody locked out by the lead at its head."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from dibs.distribution import acting, claiming
from dibs.distribution.placing import place
from dibs.insight.pools import pool_page
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Workspace
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: In line
route:
  - {name: Everyone, pull: {pool: line}}
pools:
  line: {mode: queue, order: [received_at], lock: 15m, reclaim_after: 1h, assign_after: 24h}
fair_play: {hold_at_most: 2, skip_at_most: 2}
"""


def after(minutes: float) -> datetime:
    return MONDAY + timedelta(minutes=minutes)


@pytest.fixture
def queue() -> tuple[list[Any], Caller, Caller]:
    workspace = make_workspace()
    publish(workspace, POLICY)
    aiko, budi = (caller_of(make_rep(workspace, handle).user) for handle in ("aiko", "budi"))
    arrivals = [make_arrival(received_at=after(-10 + n)) for n in range(5)]
    return [placed.lead_id for placed in place(workspace.id, arrivals, now=MONDAY)], aiko, budi


def head_of(caller: Caller, now: datetime) -> Any:
    page = pool_page(caller, "line", now=now)
    assert page is not None
    return page.items[0]["id"] if page.items else None


def test_only_the_head_can_be_taken(queue: tuple[list[Any], Caller, Caller]) -> None:
    leads, aiko, _ = queue
    refused = claiming.claim_lead(aiko, leads[1], after(1))
    assert isinstance(refused, claiming.Refused)
    assert refused.refusal.code == "not_the_head"
    assert isinstance(claiming.claim_lead(aiko, leads[0], after(1)), claiming.Claimed)


def test_who_let_the_head_lapse_is_shown_and_given_the_one_behind_it(queue: tuple[list[Any], Caller, Caller]) -> None:
    leads, aiko, budi = queue
    assert isinstance(claiming.claim_next(aiko, "line", after(1)), claiming.Claimed)
    assert head_of(budi, after(17)) == leads[0]
    given = claiming.claim_next(aiko, "line", after(17))
    assert isinstance(given, claiming.Claimed)
    assert given.lead["id"] == leads[1]
    assert head_of(aiko, after(18)) == leads[2]
    assert head_of(aiko, after(17 + 61)) == leads[0], "an hour later it is theirs to take again"


def test_passing_over_the_head_is_counted_and_shows_the_next(queue: tuple[list[Any], Caller, Caller]) -> None:
    leads, aiko, budi = queue
    for n in range(2):
        assert head_of(aiko, after(1 + n)) == leads[n]
        assert isinstance(acting.skip(aiko, leads[n], after(1 + n)), acting.Acted)
    limit = acting.skip(aiko, leads[2], after(4))
    assert isinstance(limit, acting.Refused)
    assert limit.refusal.code == "skip_limit"
    assert head_of(budi, after(4)) == leads[0], "for everybody else the line is as it was"
    taken = claiming.claim_next(aiko, "line", after(5))
    assert isinstance(taken, claiming.Claimed)
    assert taken.lead["id"] == leads[2]
    assert head_of(aiko, after(6)) == leads[0], "a claim settles the skips before it"


def test_own_locks_that_ran_out_in_the_queue_do_not_count_as_held(queue: tuple[list[Any], Caller, Caller]) -> None:
    leads, aiko, _ = queue
    for _ in range(2):
        assert isinstance(claiming.claim_next(aiko, "line", after(1)), claiming.Claimed)
    assert isinstance(claiming.claim_lead(aiko, leads[2], after(20)), claiming.Claimed)


def test_who_alone_let_the_head_lapse_is_shown_the_one_behind_it_before_any_tick(
    queue: tuple[list[Any], Caller, Caller],
) -> None:
    leads, aiko, budi = queue
    assert isinstance(claiming.claim_next(aiko, "line", after(1)), claiming.Claimed)
    assert head_of(aiko, after(17)) == leads[1]
    assert head_of(budi, after(17)) == leads[0]


TIERED = (
    POLICY.replace("policy: In line", "policy: In line\nqualify: {score: [{when: 'lead.employees >= 100', add: 80}]}")
    + "tiers: [{name: new, sees: preview, only: 'lead.score < 50'}]\n"
)


@pytest.fixture
def in_tiers() -> tuple[list[Any], Caller, Caller]:
    """Of six leads in line, the first two and the fourth are more than the reps' tier sees."""
    workspace = make_workspace()
    aiko, budi = (caller_of(make_rep(workspace, handle).user) for handle in ("aiko", "budi"))
    publish(workspace, TIERED)
    sizes = (500, 500, 5, 500, 5, 5)
    arrivals = [make_arrival(received_at=after(-10 + n), employees=size) for n, size in enumerate(sizes)]
    return [placed.lead_id for placed in place(workspace.id, arrivals, now=MONDAY)], aiko, budi


def test_the_head_is_the_first_in_line_that_the_tier_lets_a_rep_see(in_tiers: tuple[list[Any], Caller, Caller]) -> None:
    leads, aiko, budi = in_tiers
    assert head_of(aiko, after(1)) == leads[2]
    assert refusal_of(claiming.claim_lead(aiko, leads[0], after(1))) == "not_in_your_tier"
    assert refusal_of(claiming.claim_lead(aiko, leads[4], after(1))) == "not_the_head"
    assert isinstance(claiming.claim_lead(aiko, leads[2], after(1)), claiming.Claimed)
    assert head_of(budi, after(2)) == leads[4]
    given = claiming.claim_next(budi, "line", after(2))
    assert isinstance(given, claiming.Claimed)
    assert given.lead["id"] == leads[4]


def test_within_a_tier_too_the_head_passed_over_shows_the_next(in_tiers: tuple[list[Any], Caller, Caller]) -> None:
    leads, aiko, _ = in_tiers
    assert isinstance(acting.skip(aiko, leads[2], after(1)), acting.Acted)
    assert head_of(aiko, after(2)) == leads[4]
    assert refusal_of(claiming.claim_lead(aiko, leads[2], after(2))) == "not_the_head"


def test_a_line_of_nothing_that_the_tier_lets_them_see_is_empty_to_a_rep() -> None:
    workspace = make_workspace()
    aiko = caller_of(make_rep(workspace, "aiko").user)
    publish(workspace, TIERED)
    place(workspace.id, [make_arrival(employees=500) for _ in range(60)], now=MONDAY)
    assert head_of(aiko, after(1)) is None
    assert isinstance(claiming.claim_next(aiko, "line", after(1)), claiming.Empty)


def test_what_a_tier_sees_is_looked_for_a_thousand_leads_down_the_line() -> None:
    workspace = make_workspace()
    aiko = caller_of(make_rep(workspace, "aiko").user)
    publish(workspace, TIERED)
    ahead = [make_arrival(employees=500, received_at=after(-60)) for _ in range(999)]
    (behind,) = place(workspace.id, [*ahead, make_arrival(employees=5, received_at=after(-1))], now=MONDAY)[-1:]
    assert head_of(aiko, after(1)) == behind.lead_id
    place(workspace.id, [make_arrival(employees=500, received_at=after(-50))], now=MONDAY)
    assert head_of(aiko, after(1)) is None


def test_next_of_a_pool_finds_the_first_lead_of_the_reps_tier_behind_many_that_are_not() -> None:
    workspace = make_workspace()
    aiko = caller_of(make_rep(workspace, "aiko").user)
    publish(workspace, TIERED.replace("mode: queue, order: [received_at]", "mode: pool, order: [received_at]"))
    arrivals = [make_arrival(employees=500, received_at=after(-60)) for _ in range(70)]
    placed = place(workspace.id, [*arrivals, make_arrival(employees=5, received_at=after(-1))], now=MONDAY)
    given = claiming.claim_next(aiko, "line", after(1))
    assert isinstance(given, claiming.Claimed)
    assert given.lead["id"] == placed[-1].lead_id


def test_there_is_no_next_in_a_pool_out_of_sight(queue: tuple[list[Any], Caller, Caller]) -> None:
    _, aiko, _ = queue
    workspace = Workspace.objects.get(id=aiko.workspace_id)
    publish(workspace, POLICY.replace("mode: queue,", "mode: queue, teams: [tokyo],"))
    assert claiming.claim_next(aiko, "line", after(1)) is None
    publish(workspace, POLICY + "tiers: [{name: top, when: rep.closed >= 9, sees: full}, {name: new, sees: none}]\n")
    assert claiming.claim_next(aiko, "line", after(1)) is None


def refusal_of(answer: Any) -> str:
    assert isinstance(answer, claiming.Refused), answer
    return str(answer.refusal.code)


def test_a_lapse_counts_from_the_end_of_the_lock_however_late_it_is_written(
    queue: tuple[list[Any], Caller, Caller],
) -> None:
    leads, aiko, _ = queue
    assert isinstance(claiming.claim_next(aiko, "line", after(1)), claiming.Claimed)
    late = after(16 + 60)
    assert head_of(aiko, late) == leads[0], "no worker came by, and the hour since the lock ended is over"
    taken = claiming.claim_next(aiko, "line", late)
    assert isinstance(taken, claiming.Claimed)
    assert taken.lead["id"] == leads[0]
