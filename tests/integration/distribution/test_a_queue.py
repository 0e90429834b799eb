"""A queue: strict order, and nobody locked out by the lead at its head."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from dibs.distribution import acting, claiming
from dibs.distribution.placing import place
from dibs.insight.pools import pool_page
from dibs.people.caller import Caller, caller_of
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
