"""The same scripted day on the floor in memory and on PostgreSQL: after every step the two agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from random import Random
from textwrap import dedent
from uuid import UUID

import pytest

from dibs.crm.models import Account
from dibs.distribution import policies
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.conformance.days import POLICIES, Happening, a_day
from tests.conformance.in_memory import NAMED, InMemory
from tests.conformance.live import Live
from tests.making import make_rep, make_workspace, publish

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
TEAMS = {"closers": ["aiko", "budi", "carmen"], "field": ["carmen", "diego"]}


def played(text: str, happenings: Callable[[list[str]], Iterable[Happening]], seed: int) -> set[str]:
    """Play what happens under this policy on both stores, and compare them after each step; what came of the steps. ``happenings`` are asked
    for with the names of the pools."""
    workspace = make_workspace()
    for handle in ("aiko", "budi", "carmen", "diego"):
        teams = tuple(team for team, members in TEAMS.items() if handle in members)
        make_rep(workspace, handle, teams=teams)
    owner = Rep.objects.get(workspace=workspace, handle="carmen")
    Account.objects.create(workspace=workspace, name=NAMED.name, domain=NAMED.domain, owner=owner)
    publish(workspace, dedent(text))
    active = policies.active(workspace.id)
    assert active is not None
    memory, live = InMemory.of(active, TEAMS), Live(workspace)
    came = set()
    ids = Random(seed)  # ties break by the lead's id: a day that fails must fail again

    for happening in happenings(list(active.book.policy.pools)):
        enter(workspace.id)
        if happening.act == "arrive":
            lead_id = UUID(int=ids.getrandbits(128), version=4)
            told = memory.arrive(happening, lead_id), live.arrive(happening, lead_id)
        else:
            told = memory.do(happening), live.do(happening)
        came.add(told[0])
        assert told[0] == told[1], happening
        assert memory.refusal == live.refusal, happening
        enter(workspace.id)
        assert memory.leads() == live.leads(), happening
        assert memory.switches() == live.switches(), happening
        kept = live.standings()
        assert {handle: s for handle, s in memory.standings().items() if handle in kept} == kept, happening
        assert memory.turns() == live.turns(), happening
    return came


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("policy", POLICIES)
def test_a_day_goes_the_same_way_in_memory_and_on_the_database(policy: str, seed: int) -> None:
    came = played(POLICIES[policy], lambda pools: a_day(seed, START, pools=pools), seed)
    # The day was not an empty one.
    assert came & {"claimed", "moved"}
