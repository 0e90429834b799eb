"""The switch: what it gives, what it forgets, and two people who turn it at the same moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.distribution import presence
from dibs.distribution.models import Standing
from dibs.distribution.placing import place
from dibs.distribution.writing import begin_standings
from dibs.people.caller import caller_of
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.making import make_arrival, make_rep, make_team, make_user, make_workspace, publish
from tests.running import at_once

POLICY = """
policy: Push
route:
  - {name: All, push: {team: closers, by: round_robin}, fallback: {review: managers}}
teams:
  closers: {open_at_most: 2}
"""


@pytest.fixture
def team(transactional_db: Any) -> tuple[Rep, Rep]:
    """Two reps of a team, neither of them there."""
    workspace = make_workspace()
    reps = [make_rep(workspace, handle, teams=("closers",), available=False) for handle in ("aiko", "budi")]
    publish(workspace, POLICY)
    return reps[0], reps[1]


def test_whoever_comes_back_gets_what_waited_longest_and_no_more_than_they_may_have(team: tuple[Rep, Rep]) -> None:
    aiko, budi = team
    at = now() - timedelta(hours=3)
    arrivals = [make_arrival(received_at=at + timedelta(minutes=n)) for n in range(5)]
    leads = [place(aiko.workspace_id, [one], now=one.received_at)[0].lead_id for one in arrivals]
    presence.switch(caller_of(aiko.user), aiko.id, True, now())
    enter(aiko.workspace_id)
    owners = dict(Lead.objects.values_list("id", "owner__handle"))
    assert [owners[lead] for lead in leads] == ["aiko", "aiko", None, None, None]
    presence.switch(caller_of(budi.user), budi.id, True, now())
    enter(aiko.workspace_id)
    owners = dict(Lead.objects.values_list("id", "owner__handle"))
    assert [owners[lead] for lead in leads] == ["aiko", "aiko", "budi", "budi", None]


def test_to_be_back_forgets_the_lapses_in_a_row_and_keeps_the_count_of_all(team: tuple[Rep, Rep]) -> None:
    aiko, _ = team
    begin_standings(aiko.workspace_id, [aiko.id])
    Standing.objects.filter(rep=aiko).update(lapses_in_a_row=3, lapses=7)
    Rep.objects.filter(id=aiko.id).update(away_why="lapses", away_since=now())
    presence.switch(caller_of(aiko.user), aiko.id, True, now())
    enter(aiko.workspace_id)
    aiko.refresh_from_db()
    standing = Standing.objects.get(rep=aiko)
    assert (standing.lapses_in_a_row, standing.lapses) == (0, 7)
    assert (aiko.available, aiko.away_why, aiko.away_since) == (True, "", None)


def test_two_who_turn_the_switch_at_the_same_moment_turn_it_once(team: tuple[Rep, Rep]) -> None:
    aiko, _ = team
    manager = make_user(aiko.workspace, "manager")
    make_team(aiko.workspace, "closers", managers=(manager,))
    callers = [caller_of(aiko.user), caller_of(manager)]

    def turn(caller: Any) -> bool:
        enter(caller.workspace_id)
        return presence.switch(caller, aiko.id, True, now())

    for _ in range(5):
        turned = at_once(*[lambda caller=caller: turn(caller) for caller in callers])
        assert sorted(turned) == [False, True]
        enter(aiko.workspace_id)
        Rep.objects.filter(id=aiko.id).update(available=False)
    enter(aiko.workspace_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM delivery_outbox WHERE event = 'rep.back'")
        assert cursor.fetchone() == (5,)
