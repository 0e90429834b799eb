"""What an answer does: to the lead's clock, and to the standings of those whom it concerns.

The live service and the simulator both take a decision's effects from here, so that a lead can't live two different lives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from dibs.engine import fairplay
from dibs.engine.decision import Assigned, Due, Grant, InPool, Moved, Offered, Placement
from dibs.engine.facts import LeadClock
from dibs.engine.lifecycle import ENDED, HELD

Felt = tuple[tuple[str, fairplay.Event], ...]


def placed(clock: LeadClock, placement: Placement, now: datetime, *, escalated: int = 0) -> LeadClock:
    """The lead where the placement puts it, with the steps of its pool that it has behind it. Its place in line stays unless
    the placement begins a new one."""
    to = placement.to
    in_line_since = clock.waiting_since or now
    after = replace(
        _with_due(clock, placement.due), state=to.state, owner=None, waiting_since=in_line_since, escalated=escalated
    )
    after = replace(after, lock_expires_at=None, contacted_at=None)
    match to:
        case InPool(pool=pool, since=since):
            return replace(after, pool=pool, waiting_since=since or after.waiting_since)
        case Assigned(rep=rep):
            return replace(after, owner=rep)
        case Offered(rep=rep, until=until):
            return replace(after, owner=rep, lock_expires_at=until)
    return after


def moved(clock: LeadClock, answer: Moved, now: datetime) -> LeadClock:
    """The lead after time moved it."""
    after = placed(clock, answer.placement, now, escalated=answer.escalated)
    return replace(after, reassigned=answer.reassigned)


def claimed(clock: LeadClock, rep: str, grant: Grant) -> LeadClock:
    """The lead locked to the rep who took it."""
    locked = replace(clock, state="owned", owner=rep, lock_expires_at=grant.lock_expires_at, contacted_at=None)
    return _with_due(locked, grant.due)


def accepted(clock: LeadClock, due: Due | None) -> LeadClock:
    """The offer taken: the lead is the rep's, with a time for first contact if the policy sets one."""
    return _with_due(replace(clock, state="owned", lock_expires_at=None), due)


def contacted(clock: LeadClock, now: datetime) -> LeadClock:
    """The clock stopped by a first contact; a later contact changes nothing."""
    first = clock.contacted_at or now
    return _with_due(replace(clock, state="working", contacted_at=first, lock_expires_at=None), None)


def ended(clock: LeadClock, state: str) -> LeadClock:
    """Converted or retired: nothing more happens to it by time. It stays in the name of who had it."""
    return _with_due(replace(clock, state=state, lock_expires_at=None), None)


def felt(
    before: LeadClock, after: LeadClock, now: datetime, today: Callable[[str], date], *, lapsed: str | None = None
) -> Felt:
    """What standings feel of a move other than a claim, as (rep, event). ``today`` tells a rep's local date; ``lapsed`` names the
    rep whose lock or offer ran out."""
    had = before.owner if before.state in HELD else None
    has = after.owner if after.state in HELD else None
    spoken = before.contacted_at is not None
    if had is not None and had == has and spoken <= (after.contacted_at is not None):
        return ((had, fairplay.Contacted()),) if after.contacted_at is not None and not spoken else ()
    events: list[tuple[str, fairplay.Event]] = []
    if had is not None and after.state in ENDED:
        events.append((had, fairplay.Ended(contacted=spoken)))
    elif had is not None:
        events.append((had, fairplay.Lapsed() if lapsed == had else fairplay.Released(contacted=spoken)))
    if has is not None:
        events.append((has, fairplay.Pushed(at=now, today=today(has))))
    return tuple(events)


def _with_due(clock: LeadClock, due: Due | None) -> LeadClock:
    return replace(clock, due_at=due.at if due is not None else None, due_for=due.why if due is not None else None)
