"""When a lead must be looked at again: the earliest of what its policy says can happen to it."""

from __future__ import annotations

from datetime import datetime

from dibs.engine.calendar import after_working
from dibs.engine.conditions import Activation
from dibs.engine.decision import Due
from dibs.engine.facts import LeadFacts, RepFacts
from dibs.engine.rulebook import Rulebook


def due_in_pool(
    book: Rulebook, pool: str, waiting_since: datetime, escalated: int, now: datetime, rank: str | None = None
) -> Due | None:
    """The next escalation step, the age cap, or going stale, whichever is first; all count from ``waiting_since``.

    ``escalated`` is how many of the pool's steps are done. What should have happened already is due ``now``: never in the
    past. A pool that the policy no longer has is due now too, so that its leads find another place. ``rank`` tells whether the
    lead can go stale. The answer is at or before the age cap.
    """
    rules = book.policy.pools.get(pool)
    if rules is None:
        return Due(now, "escalate")
    due = Due(waiting_since + rules.assign_after, "age_cap")
    for step in rules.escalate[escalated:]:
        if waiting_since + step.after < due.at:
            due = Due(waiting_since + step.after, "escalate")
    stale = due_when_stale(book, rank, waiting_since, now)
    if stale is not None and stale.at < due.at:
        due = stale
    return due if due.at > now else Due(now, due.why)


def due_when_stale(book: Rulebook, rank: str | None, waiting_since: datetime, now: datetime) -> Due | None:
    """When a waiting lead of this rank has been left alone for too long, or ``None`` if it may wait."""
    stale = book.policy.qualify.stale
    if stale is None or stale.rank != rank:
        return None
    return Due(max(waiting_since + stale.after, now), "stale")


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
