"""What an answer does: to the lead's clock, and to the standings of those whom it concerns.

The live service and the simulator both take a decision's effects from here, so that a lead can't live two different lives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from dibs.engine import counters
from dibs.engine.decision import (
    Assigned,
    Due,
    Grant,
    InNurture,
    InPool,
    Kept,
    Mailed,
    Moved,
    Offered,
    Placement,
    Warned,
)
from dibs.engine.due import due_of_marketing, due_when_contacted_by, due_when_idle, sooner
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.lifecycle import ENDED, HELD
from dibs.engine.nurture import goes_on
from dibs.engine.rulebook import Rulebook

Felt = tuple[tuple[str, counters.Event], ...]


def placed(
    clock: LeadClock,
    placement: Placement,
    now: datetime,
    *,
    escalated: int = 0,
    reassigned: int | None = None,
    by_hand: bool = False,
) -> LeadClock:
    """The lead where the placement puts it, with the steps of its pool that it has behind it. Its place in line stays unless
    the placement begins a new one, or makes it the other side's; ``reassigned`` stays unless given. ``by_hand``: a manager gave it to
    the rep by name, or sent what was marketing's to a pool of sales', or somebody took it away from sales."""
    to, pool, since, awaits = placement.to, clock.pool, clock.waiting_since or now, placement.awaits
    side = placement.side or clock.side
    if side != clock.side:
        pool, since = None, now  # the pool it came from is the other side's
    if isinstance(to, InPool):
        if clock.state == "pooled" and to == InPool(clock.pool or ""):
            awaits = awaits or clock.awaits  # in the same line still, and for the same team
        pool, since = to.pool, to.since or since
    sequence, mailed, mailed_at = None, 0, None
    if isinstance(to, InNurture) and to.sequence is not None:
        sequence, (mailed, mailed_at) = to.sequence, goes_on(clock, to, now)
    due = placement.due
    # Every column by name, not `dataclasses.replace` of all but three: it is done to every lead, and that is a third of the cost.
    return LeadClock(
        id=clock.id,
        state=to.state,
        pool=pool,
        owner=to.rep if isinstance(to, Assigned | Offered) else None,
        received_at=clock.received_at,
        waiting_since=since,
        lock_expires_at=to.until if isinstance(to, Offered) else None,
        contacted_at=None,
        due_at=due.at if due is not None else None,
        due_for=due.why if due is not None else None,
        escalated=escalated,
        reassigned=clock.reassigned if reassigned is None else reassigned,
        passed_over=clock.passed_over,
        claimed_at=None,
        by_hand=by_hand,
        sla_at=due.contact_by if due is not None else None,
        warned=False,
        acted_at=now if isinstance(to, Assigned) else None,
        awaits=awaits,
        side=side,
        sequence=sequence,
        mailed=mailed,
        mailed_at=mailed_at,
    )


def moved(clock: LeadClock, answer: Moved, now: datetime) -> LeadClock:
    """The lead after time moved it."""
    return placed(clock, answer.placement, now, escalated=answer.escalated, reassigned=answer.reassigned)


def claimed(clock: LeadClock, rep: str, grant: Grant, now: datetime) -> LeadClock:
    """The lead locked to the rep who took it."""
    until = grant.lock_expires_at
    locked = replace(
        clock,
        state="owned",
        owner=rep,
        lock_expires_at=until,
        contacted_at=None,
        claimed_at=now,
        by_hand=False,
        sla_at=grant.due.contact_by if grant.due is not None else None,
        warned=False,
        acted_at=now,
        awaits=None,
    )
    return _with_due(locked, grant.due)


def accepted(clock: LeadClock, due: Due | None, now: datetime) -> LeadClock:
    """The offer taken: the lead is the rep's, with a time for first contact if the policy sets one."""
    taken = replace(clock, state="owned", lock_expires_at=None, warned=False, acted_at=now, awaits=None)
    return _with_due(replace(taken, sla_at=due.contact_by if due is not None else None), due)


def contacted(clock: LeadClock, now: datetime, due: Due | None = None) -> LeadClock:
    """The clock stopped by a first contact, and whoever had the lead before them forgotten. ``due``: when the lead, from this contact on,
    will have been left alone for too long (see ``due.due_when_idle``)."""
    first = clock.contacted_at or now
    working = replace(
        clock,
        state="working",
        contacted_at=first,
        lock_expires_at=None,
        reassigned=0,
        warned=False,
        acted_at=now,
        awaits=None,
    )
    return _with_due(working, due)


def touched(clock: LeadClock, at: datetime) -> LeadClock:
    """The person of the lead did something: it is not left alone since then, even if its due time stays until it is asked about."""
    if clock.acted_at is None or clock.acted_at >= at:
        return clock
    return replace(clock, acted_at=at, warned=clock.warned and clock.contacted_at is None)


def known_more_of(book: Rulebook, lead: LeadFacts, clock: LeadClock, rep: RepFacts | None, now: datetime) -> LeadClock:
    """More became known of a lead that its rep has: where the policy wants something sooner of a lead like this, it is due sooner. Never
    later: a time that runs is not begun anew. ``lead`` is as it is now; ``clock``, after what touched it."""
    waits = clock.state == "owned" and clock.contacted_at is None
    if clock.state not in {"owned", "working"} or clock.lock_expires_at is not None:
        return clock
    activation = book.activation(lead, now=now)
    late = due_of_marketing(book, clock, lead.rank, now, there=False)
    if waits and (clock.sla_at is not None or book.sla(activation) is not None):
        due = due_when_contacted_by(book, activation, rep, now)
        by = due.contact_by if due is not None else None
        if by is None or (clock.sla_at is not None and by >= clock.sla_at):
            return _if_sooner(clock, late)
        return _with_due(replace(clock, sla_at=by, warned=False), sooner(due, late))
    since = clock.acted_at or clock.contacted_at or now
    return _if_sooner(clock, sooner(due_when_idle(book, activation, rep, since, now, warned=clock.warned), late))


def _if_sooner(clock: LeadClock, due: Due | None) -> LeadClock:
    if due is None or (clock.due_at is not None and due.at >= clock.due_at):
        return clock
    return _with_due(clock, due)


def kept(clock: LeadClock, answer: Kept) -> LeadClock:
    """Nothing happened to the lead; it is looked at again."""
    return replace(_with_due(clock, answer.due), awaits=answer.awaits or clock.awaits)


def mailed(clock: LeadClock, answer: Mailed, now: datetime) -> LeadClock:
    """It got the next mail of its sequence."""
    return _with_due(replace(clock, mailed=answer.step, mailed_at=now), answer.due)


def warned(clock: LeadClock, answer: Warned) -> LeadClock:
    """Its rep was told that its time is about to run out; or that it has, and with it what it was due for."""
    by = answer.due.contact_by if answer.due is not None else None
    return replace(_with_due(clock, answer.due), warned=not answer.over, sla_at=by if answer.over else clock.sla_at)


def ended(clock: LeadClock, state: str) -> LeadClock:
    """Converted or retired: nothing more happens to it by time, and it gets no mails. It stays in the name of who had it."""
    over = replace(clock, state=state, lock_expires_at=None, sequence=None, mailed=0, mailed_at=None)
    return _with_due(over, None)


def lapsed_at(clock: LeadClock, now: datetime) -> datetime:
    """When a lead that is taken off its rep ``now`` lapsed: at the end of its lock or offer, however late that is written."""
    ends = clock.lock_expires_at
    return now if ends is None else min(ends, now)


def felt(
    before: LeadClock,
    after: LeadClock,
    now: datetime,
    day: Callable[[str, datetime], date],
    *,
    score: int | None = None,
    lapsed: str | None = None,
    off_work: bool = False,
    given_by: str | None = None,
) -> Felt:
    """What standings feel of a move other than a claim, as (rep, event). ``day`` tells a rep's local date at a moment; ``score`` is
    what the claim of the lead counts with (`claim.chosen_score`), if it was claimed; ``lapsed`` names the rep whose lock or offer ran
    out, ``off_work`` says that they were not at work then, ``given_by`` names the one who gave the lead back, or brought it back who had
    given it up."""
    had = before.owner if before.state in HELD else None
    has = after.owner if after.state in HELD else None
    spoken = before.contacted_at is not None
    if had is not None and had == has and spoken <= (after.contacted_at is not None):
        if after.contacted_at is not None and not spoken:
            return ((had, counters.Contacted()),)
        accepted = before.state == "offered" and after.state == "owned"
        return ((had, counters.Acted()),) if accepted else ()
    events: list[tuple[str, counters.Event]] = []
    if had is not None and after.state in ENDED:
        events.append((had, counters.Ended(contacted=spoken, converted=after.state == "converted")))
    elif had is not None:
        left = _left(before, had, day, score, lapsed=lapsed == had, by_rep=given_by == had)
        events.append((had, replace(left, off_work=off_work) if isinstance(left, counters.Lapsed) else left))
    if before.state == "retired":
        events += _came_back(before, day, score, given_by)
    if has is not None:
        events.append((has, counters.Pushed(at=now, today=day(has, now))))
    return tuple(events)


def _came_back(
    before: LeadClock, day: Callable[[str, datetime], date], score: int | None, by: str | None
) -> list[tuple[str, counters.Event]]:
    """What was given up without a contact is here again: whoever had claimed it has not, or they could claim it without end."""
    rep, at = before.owner, before.claimed_at
    if rep is None or at is None or before.contacted_at is not None:
        return []
    return [(rep, counters.Unclaimed(day(rep, at), score, by_rep=by == rep))]


def _left(
    before: LeadClock, had: str, day: Callable[[str, datetime], date], score: int | None, *, lapsed: bool, by_rep: bool
) -> counters.Event:
    """The lead is no longer its rep's; before a first contact, neither is the claim that brought it."""
    spoken, at = before.contacted_at is not None, before.claimed_at
    claimed = day(had, at) if at is not None and not spoken else None
    worth = score if claimed is not None else None
    if lapsed:
        return counters.Lapsed(claimed, worth)
    return counters.Released(spoken, claimed, worth, by_rep)


def _with_due(clock: LeadClock, due: Due | None) -> LeadClock:
    return replace(clock, due_at=due.at if due is not None else None, due_for=due.why if due is not None else None)
