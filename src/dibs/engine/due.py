"""When a lead must be looked at again: the earliest of what its policy says can happen to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from dibs.engine.calendar import after_working
from dibs.engine.conditions import Activation
from dibs.engine.decision import Due
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.lifecycle import HELD
from dibs.engine.rulebook import Rulebook


def due_in_pool(
    book: Rulebook,
    pool: str,
    waiting_since: datetime,
    escalated: int,
    now: datetime,
    rank: str | None = None,
    side: str = "sales",
) -> Due | None:
    """The next escalation step, the age cap, going stale, or being given up, whichever is first; all count from ``waiting_since``.

    ``escalated`` is how many of the pool's steps are done. What should have happened already is due ``now``: never in the
    past. A pool that the policy no longer has is due now too, so that its leads find another place. ``rank`` tells whether the
    lead can go stale, ``side`` whether marketing may give it up. The answer is at or before the age cap.
    """
    rules = book.policy.pools.get(pool)
    if rules is None:
        return Due(now, "escalate")
    due = Due(waiting_since + rules.assign_after, "age_cap")
    for step in rules.escalate[escalated:]:
        if waiting_since + step.after < due.at:
            due = Due(waiting_since + step.after, "escalate")
    for other in (
        due_when_stale(book, rank, waiting_since, now),
        due_when_unready(book, waiting_since, now) if side == "marketing" else None,
    ):
        if other is not None and other.at < due.at:
            due = other
    return due if due.at > now else Due(now, due.why)


def due_when_stale(book: Rulebook, rank: str | None, waiting_since: datetime, now: datetime) -> Due | None:
    """When a waiting lead of this rank has been left alone for too long, or ``None`` if it may wait."""
    stale = book.policy.qualify.stale
    if stale is None or stale.rank != rank:
        return None
    return Due(max(waiting_since + stale.after, now), "stale")


def due_when_unready(book: Rulebook, waiting_since: datetime, now: datetime) -> Due | None:
    """When a lead that is marketing's will be given up, or ``None`` if never."""
    ready = book.policy.qualify.ready
    if ready is None or ready.give_up is None:
        return None
    return Due(max(waiting_since + ready.give_up.after, now), "unready")


def due_of_marketing(book: Rulebook, clock: LeadClock, rank: str | None, now: datetime, *, there: bool) -> Due | None:
    """When a lead that is marketing's goes on by itself, whoever has it: gone stale, unless it is ``there`` already where stale leads go
    (see `is_with_stale`), or given up. ``None`` for a lead of sales', and for one that a manager gave to its rep."""
    if clock.side != "marketing" or (clock.by_hand and clock.state in HELD):
        return None
    since = clock.waiting_since or now
    return sooner(None if there else due_when_stale(book, rank, since, now), due_when_unready(book, since, now))


def with_marketings(
    book: Rulebook,
    clock: LeadClock,
    rank: str | None,
    due: Due | None,
    owner: str | None,
    teams: Mapping[str, tuple[str, ...]],
    now: datetime,
) -> Due | None:
    """What a lead that this rep has is due for, or when it goes on by itself being marketing's, if that is sooner."""
    if clock.side != "marketing":
        return due
    return sooner(due, due_of_marketing(book, clock, rank, now, there=is_with_stale(book, owner, teams)))


def is_with_stale(
    book: Rulebook, owner: str | None, teams: Mapping[str, tuple[str, ...]], awaits: str | None = None
) -> bool:
    """Whether a lead that this rep has, or that ``awaits`` a team before managers, went stale already: it is with whom such leads go to.
    Where these go before managers, or into a pool, those that managers have are not sent there."""
    stale = book.policy.qualify.stale
    if stale is None:
        return False
    if owner is None:
        return stale.then.team is None or awaits == stale.then.team
    return stale.then.team is not None and owner in teams.get(stale.then.team, ())


def sooner(*dues: Due | None) -> Due | None:
    """The first of these, with the time for first contact that one of them holds."""
    there = [due for due in dues if due is not None]
    if not there:
        return None
    first = min(there, key=lambda due: due.at)
    by = first.contact_by or next((due.contact_by for due in there if due.contact_by is not None), None)
    return first if by == first.contact_by else replace(first, contact_by=by)


def due_when_owned(book: Rulebook, lead: LeadFacts, rep: RepFacts | None, now: datetime) -> Due | None:
    """When something must happen to a lead that became the rep's ``now``: a warning that its first contact is due soon, the end of the
    time for that, or of the time that it may be left alone; ``None`` if the policy sets no time for either.

    Counted from when the rep got it, not from when it was received: a rep can't be late for what was not theirs. With
    ``hours: business`` only the rep's working hours count.
    """
    return due_when_contacted_by(book, book.activation(lead, now=now), rep, now)


def due_when_contacted_by(book: Rulebook, activation: Activation, rep: RepFacts | None, now: datetime) -> Due | None:
    """`due_when_owned` for a lead whose facts are laid out already."""
    found = book.sla(activation)
    if found is None:
        return due_when_idle(book, activation, rep, now, now)
    _, sla = found
    hours = rep.hours if rep is not None and sla.hours == "business" else None
    by = after_working(hours, now, sla.first_contact)
    if sla.warn is not None:
        soon = after_working(hours, now, sla.first_contact * sla.warn)
        if soon < by:
            return Due(soon, "warn", by)
    return Due(by, "sla", by)


def due_when_idle(
    book: Rulebook,
    activation: Activation,
    rep: RepFacts | None,
    acted_at: datetime,
    now: datetime,
    *,
    warned: bool = False,
) -> Due | None:
    """When a lead that its rep has will have been left alone for too long, or when they are to be warned that it is, unless they have
    been ``warned``; ``None`` if it may be left alone. Never before ``now``.

    ``acted_at``: the rep's last act on it, or the person's last touch.
    """
    found = book.idle(activation)
    if found is None:
        return None
    _, idle = found
    hours = rep.hours if rep is not None and idle.hours == "business" else None
    ends = after_working(hours, acted_at, idle.after)
    if idle.warn is not None and not warned and ends > now:
        soon = after_working(hours, acted_at, idle.after * idle.warn)
        if soon < ends:
            return Due(max(soon, now), "warn")
    return Due(max(ends, now), "idle")
