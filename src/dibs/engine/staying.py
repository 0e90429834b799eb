"""Whether a lead that waits stays where it is, now that something became known of it: as long as that is no cause to move it.

A lead does not always wait where the policy would put one that comes in: it was through with its mails, answered them, went stale, or
somebody took it away from sales for now. A look at a web page does not undo that.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dibs.engine.decision import Due
from dibs.engine.due import due_in_pool, due_of_marketing, due_when_stale, is_with_stale, sooner
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts
from dibs.engine.gate import READY
from dibs.engine.nurture import due_for_mail
from dibs.engine.reassign import is_for_a_person
from dibs.engine.route import Judged, judge
from dibs.engine.rulebook import Rulebook


def stays(
    book: Rulebook,
    before: LeadFacts,
    account: AccountFacts | None,
    clock: LeadClock,
    judged: Judged,
    now: datetime,
    seed: str,
    *,
    answered: bool = False,
) -> bool:
    """Whether the lead stays, of which more is known than ``before``, as ``judged`` now. ``answered``: its person wrote, rang or came.

    One that was passed on too often stays before managers. One of marketing's that a manager sent to a pool of sales' stays there, ready or not.
    One that somebody took away from sales by hand stays until its score rises so that it is for sales, its person answers, or it may not be
    contacted; and in the mails that it was given. One of
    marketing's that is not ready yet stays in the pool or the review that it came to. And one in a pool or a review stays out of nurture
    where the policy would have had it there before as well.
    """
    passed = judged.gate
    by_privacy = passed.way is not None and not (passed.rule or "").startswith(READY)
    if by_privacy or (clock.state == "pooled" and clock.pool not in book.policy.pools):
        return False
    if clock.state == "nurture":
        if not clock.by_hand or answered:
            return False
        if _nurtures(judged):
            return clock.sequence is not None
        return before.score is not None and judged.scored.score <= before.score
    if is_for_a_person(judged.case) or (clock.state == "pooled" and clock.by_hand and passed.side == "marketing"):
        return True
    if clock.state not in {"pooled", "review"} or passed.side != clock.side:
        return False
    if clock.side == "marketing":
        return True
    if not _nurtures(judged):
        return False
    return _nurtures(judge(book, before, account, clock, now, seed))


def _nurtures(judged: Judged) -> bool:
    """Whether the policy keeps such a lead away from sales."""
    if judged.gate.way is not None:
        return judged.gate.way.nurture is not None
    return judged.matched is not None and judged.matched.rule.nurture is not None


def stayed(book: Rulebook, clock: LeadClock, rank: str, now: datetime) -> LeadClock:
    """The lead that stays: by its rank, something may be due sooner. Never later: what comes too early is asked about, and put off."""
    due = _due(book, clock, rank, now)
    if due is None or (clock.due_at is not None and due.at >= clock.due_at):
        return clock
    return replace(clock, due_at=due.at, due_for=due.why)


def _due(book: Rulebook, clock: LeadClock, rank: str, now: datetime) -> Due | None:
    since = clock.waiting_since or now
    if clock.state == "pooled":
        return due_in_pool(book, clock.pool or "", since, clock.escalated, now, rank, clock.side)
    if clock.state == "review":
        there = is_with_stale(book, None, {}, clock.awaits)
        return due_of_marketing(book, clock, rank, now, there=there)
    late = due_of_marketing(book, clock, rank, now, there=True)
    mail = due_for_mail(book, clock.sequence, clock.mailed, clock.mailed_at, now)
    return sooner(due_when_stale(book, rank, since, now), late, mail)
