"""A move carried on by several workers at once, while reps claim and work and time passes; killed in its middle; undone meanwhile."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.models import Lead
from dibs.distribution import moving, moving_on
from dibs.distribution.dealing import Aim
from dibs.distribution.models import Decision, Move
from dibs.distribution.moving import Wanted
from dibs.distribution.placing import place
from dibs.people.caller import caller_of
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd, move_tick_or_work
from tests.concurrency.truths import assert_true
from tests.making import MONDAY, make_arrival, make_rep, make_user, make_workspace, publish
from tests.running import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = """
policy: Big ones pushed, small ones pulled
route:
  - {name: Big, when: 'lead.employees >= 1000', push: {team: closers}}
  - {name: Everyone, pull: {pool: inbound}}
pools:
  inbound: {lock: 15m, escalate: [{after: 30m, push: {team: closers}}], assign_after: 24h}
"""


class House:
    """Five closers with sixty big leads each, and a hundred small ones that wait."""

    def __init__(self) -> None:
        self.workspace: Workspace = make_workspace()
        publish(self.workspace, POLICY)
        self.reps: list[Rep] = [make_rep(self.workspace, f"rep{n}", teams=("closers",)) for n in range(5)]
        self.ops = caller_of(make_user(self.workspace, "ops"))
        arrivals = [make_arrival(employees=2000) for _ in range(300)] + [make_arrival(employees=5) for _ in range(100)]
        placed = place(self.workspace.id, arrivals, now=MONDAY)
        self.big = [each.lead_id for each in placed[:300]]
        self.small = [each.lead_id for each in placed[300:]]
        self.had = dict(Lead.objects.filter(id__in=self.big).values_list("id", "owner_id"))

    def moving(self, wanted: Wanted, leads: Any = ()) -> Move:
        move = moving.plan(self.ops, wanted, MONDAY, leads)
        started = moving.start(self.ops, move.id, MONDAY)
        assert started is not None
        return started

    def works(self, number: int) -> tuple[UUID, UUID, list[UUID], int]:
        """What one rep needs to work all the big leads that are theirs by then."""
        return (self.workspace.id, self.reps[number].user_id, self.big, number)


def test_two_workers_move_each_lead_once_while_reps_claim_and_work_and_time_passes() -> None:
    house = House()
    move = house.moving(Wanted(), [*house.big, *house.small])
    here, later = house.workspace.id, MONDAY + timedelta(minutes=31)
    with Crowd(6, move_tick_or_work) as crowd:
        came = crowd.all(
            [("move", (here, move.id), later)] * 2
            + [("tick", None, later)]
            + [("claim", (here, house.reps[0].user_id, house.small, None, 1), later)]
            + [("work", house.works(1), later), ("work", house.works(2), later)]
        )
    enter(here)
    move.refresh_from_db()
    assert (move.state, move.moved + move.kept + move.refused) == ("done", 400)
    assert sum(each["looked_at"] for each in came) == 400, "no lead was looked at by both"
    by_move = Counter(
        lead
        for lead, reasons in Decision.objects.values_list("lead_id", "reasons")
        if reasons and reasons[0]["code"] == "moved_by"
    )
    assert set(by_move.values()) == {1}
    assert len(by_move) == move.moved
    assert_true(here)


def test_a_worker_that_is_killed_leaves_a_move_that_another_finishes() -> None:
    house = House()
    move = house.moving(Wanted(kind="leave", rep="rep0"))
    assert move.total == 60
    with Crowd(1, move_tick_or_work) as crowd:
        crowd.send(0, ("move", (house.workspace.id, move.id), MONDAY))
        wait_for(lambda: Move.objects.filter(id=move.id, moved__gt=0).exists(), every=0.002)
    enter(house.workspace.id)
    assert_true(house.workspace.id)

    def is_done() -> bool:
        """After one more look, as a worker takes once a minute: until the database notices who died, it looks as if that were at it."""
        moving_on.carry_on_all(house.workspace.id, MONDAY, lambda: MONDAY)
        move.refresh_from_db()
        return move.state == "done"

    wait_for(is_done)
    assert move.moved == 60
    assert not Lead.objects.filter(owner__handle="rep0").exists()
    assert_true(house.workspace.id)


def test_undone_while_it_runs_and_while_reps_work_nobody_loses_what_they_touched() -> None:
    house = House()
    move = house.moving(Wanted(aim=Aim("rep", "rep1")), house.big)
    here = house.workspace.id
    moving_on._chunk(here, move.id, MONDAY, 200, moving_on._Upto(), wait=True)
    moving.undo(house.ops, move.id, MONDAY)
    with Crowd(3, move_tick_or_work) as crowd:
        crowd.all([("move", (here, move.id), MONDAY)] * 2 + [("work", house.works(1), MONDAY)])
    enter(here)
    move.refresh_from_db()
    assert move.state == "undone"
    touched = set(move.items.filter(state="changed").values_list("lead_id", flat=True))
    for lead in Lead.objects.filter(id__in=house.big):
        expected = house.reps[1].id if lead.id in touched else house.had[lead.id]
        assert lead.owner_id == expected
    assert move.undone + len(touched) == move.moved
    assert_true(here)
