"""Leads that marketing has and that do not get ready for sales: gone stale they go on to another group, and in the end they are given up.

Whoever of marketing's has the lead: a rep, a pool, a sequence of mails, managers. A lock or an offer runs to its end first, and what a
manager gave to a rep stays there. Given up, a lead is marketing's no more: whoever it goes to begins with it anew.
"""

from __future__ import annotations

from dataclasses import replace

from dibs.engine.decision import InPool, Kept, Mailed, Moved, Reason, Warned
from dibs.engine.due import due_of_marketing, is_with_stale, sooner
from dibs.engine.lifecycle import HELD
from dibs.engine.reassign import hand_on
from dibs.engine.roster import Roster
from dibs.engine.route import Case
from dibs.engine.waiting import seconds

#: States in which a lead is asked about here. One in a pool or in nurture goes stale there (`dibs.engine.waiting`), as sales' leads do.
_ASKED = HELD | {"pooled", "nurture", "review"}
_STALE_HERE = HELD | {"review"}


def of_marketing(case: Case, roster: Roster) -> tuple[Moved, Roster] | None:
    """What becomes of a lead that marketing has had for long enough; ``None`` if it has not."""
    clock, qualify = case.clock, case.book.policy.qualify
    if clock.side != "marketing" or clock.state not in _ASKED or clock.lock_expires_at is not None:
        return None
    if clock.by_hand and clock.state in HELD:
        return None
    since = clock.waiting_since or case.now
    give_up = qualify.ready.give_up if qualify.ready is not None else None
    if give_up is not None and since + give_up.after <= case.now:
        cause = Reason("gave_up", {"after": seconds(give_up.after)}, "qualify.ready.give_up")
        moved, roster = hand_on(case.on("sales"), roster, cause, to=give_up.then)
        to, due = moved.placement.to, moved.placement.due
        if isinstance(to, InPool):
            to = InPool(to.pool, since=case.now)
        placement = replace(moved.placement, to=to, due=due, side="sales")
        return replace(moved, placement=placement, escalated=0, reassigned=0), roster
    stale = qualify.stale
    if (
        stale is None
        or stale.rank != case.lead.rank
        or clock.state not in _STALE_HERE
        or since + stale.after > case.now
    ):
        return None
    if is_with_stale(case.book, clock.owner, roster.teams, clock.awaits):
        return None
    cause = Reason("stale", {"after": seconds(stale.after)}, "qualify.stale")
    return hand_on(case, roster, cause, to=stale.then)


def still_marketings(
    case: Case, roster: Roster, answer: Moved | Kept | Warned | Mailed
) -> Moved | Kept | Warned | Mailed:
    """The same answer; a lead that stays where it is and is marketing's is looked at again when it goes stale or is given up."""
    if isinstance(answer, Moved) or case.clock.side != "marketing" or case.clock.lock_expires_at is not None:
        return answer
    clock, there = case.clock, True
    if clock.state in _STALE_HERE:
        awaits = clock.awaits or (answer.awaits if isinstance(answer, Kept) else None)
        there = is_with_stale(case.book, clock.owner, roster.teams, awaits)
    late = due_of_marketing(case.book, clock, case.lead.rank, case.now, there=there)
    return replace(answer, due=sooner(answer.due, late))
