"""What processes do that push, change, merge and hand over the same leads at the same moment. They start afresh: nothing is imported
before."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID


def push(job: tuple[str, UUID, Any, datetime]) -> Any:
    """What a process is told to do; it answers with what came of it."""
    what, workspace_id, given, now = job
    return {"place": _place, "tick": _tick, "flip": _flip, "merge": _merge, "assign": _assign}[what](
        workspace_id, given, now
    )


def _place(workspace_id: UUID, given: tuple[int, int], now: datetime) -> Counter[str | None]:
    """So many new leads in batches of so many; who got them."""
    from dibs.distribution.placing import place
    from dibs.people.tenancy import enter
    from tests.making import make_arrival

    number, batch = given
    enter(workspace_id)
    got: Counter[str | None] = Counter()
    for _ in range(number // batch):
        arrivals = [make_arrival(external_id=None, email=None) for _ in range(batch)]
        got.update(placed.owner for placed in place(workspace_id, arrivals, now=now))
    return got


def _tick(workspace_id: UUID, given: int, now: datetime) -> Counter[str]:
    """So many passes, a few leads at a time."""
    from dibs.distribution.ticking import tick

    moved: Counter[str] = Counter()
    for n in range(given):
        moved += tick(now + timedelta(seconds=n), batch=10, batches=5).moved
    return moved


def _flip(workspace_id: UUID, given: tuple[UUID, str, int], now: datetime) -> Counter[str]:
    """An automation that knows better where the lead is from, so many times over; in which states it then was."""
    from dibs.crm.arrival import Enrichment
    from dibs.distribution.placing import enrich
    from dibs.people.tenancy import enter

    lead, country, times = given
    enter(workspace_id)
    states: Counter[str] = Counter()
    for n in range(times):
        (placed,) = enrich(workspace_id, [Enrichment(lead, {"country": country})], now=now + timedelta(seconds=n))
        states[placed.state] += 1
    return states


def _merge(workspace_id: UUID, given: tuple[UUID, list[tuple[UUID, UUID]]], now: datetime) -> Counter[str]:
    """A manager's merges of these pairs; the answers' names."""
    from dibs.distribution.merging import merge
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    user, pairs = given
    caller = caller_of(User.objects.get(id=user, workspace_id=workspace_id))
    return Counter(type(merge(caller, one, other, now)).__name__ for one, other in pairs)


def _assign(workspace_id: UUID, given: tuple[UUID, list[UUID], str], now: datetime) -> Counter[str]:
    """A manager gives these leads to a rep; the answers' names."""
    from dibs.distribution.acting import assign
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    user, leads, handle = given
    caller = caller_of(User.objects.get(id=user, workspace_id=workspace_id))
    return Counter(type(assign(caller, lead, handle, now)).__name__ for lead in leads)
