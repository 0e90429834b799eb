"""Borders that move: which open leads belong to somebody else by them, and why.

A border moves when a policy draws it elsewhere, when a day begins or ends that it is written for, or when more is known of a lead than
before. A lead crosses it if another owns the territory that it lies in then, as far as the policy gives such leads to owners of
territories; one that a person gave, or that its rep chose, stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from dibs.engine.decision import Reason
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts
from dibs.engine.lifecycle import HELD
from dibs.engine.policy_market import Owner
from dibs.engine.roster import Roster
from dibs.engine.rulebook import Rulebook
from dibs.engine.territories import Lies

#: States of open leads that a border may move.
CROSSING = HELD | {"pooled", "review"}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a border: what is known of a lead, the policy, and the moment. ``day``: the day that territories are looked at for, if
    it is not the moment's."""

    book: Rulebook
    lead: LeadFacts
    account: AccountFacts | None
    now: datetime
    day: date | None = None


def crossed(before: Side, after: Side, clock: LeadClock, roster: Roster, *, contacted: bool = False) -> Reason | None:
    """Why a lead that stands where ``clock`` says belongs to somebody else after than before: ``territory_changed``, or ``None``.

    ``contacted``: also if it has had a contact by now. Both leads carry their score and rank.
    """
    if clock.state not in CROSSING or clock.by_hand:
        return None
    held = clock.state in HELD
    if held and (clock.claimed_at is not None or (clock.contacted_at is not None and not contacted)):
        return None
    was, given_before = _lies(before, clock)
    lies, given = _lies(after, clock)
    if not given:
        return None
    owner = lies.owner if lies is not None else None
    # Where owners had no part in it before, whoever has the lead has it by another rule: that it is another now is no border's doing.
    if not given_before or owner == (was.owner if was is not None else None):
        return None
    if held and _has_it(owner, clock.owner, roster):
        return None
    if not held and owner is None:
        return None
    return Reason("territory_changed", {"before": was.name if was else None, "after": lies.name if lies else None})


def _lies(side: Side, clock: LeadClock) -> tuple[Lies | None, bool]:
    """Where the lead lies, and whether such a lead is given to who owns that: by its rule, or by a step of the pool it came from."""
    activation = side.book.activation(side.lead, side.account, now=side.now)
    lies = side.book.territory(side.lead, activation, side.now, side.day)
    pool = side.book.policy.pools.get(clock.pool or "") if clock.state in HELD else None
    if pool is not None:
        return lies, any(step.push is not None and step.push.to == "territory.owner" for step in pool.escalate)
    matched = side.book.first(activation)
    push = matched.rule.push if matched is not None else None
    return lies, push is not None and push.to == "territory.owner"


def _has_it(owner: Owner | None, handle: str | None, roster: Roster) -> bool:
    """Whether who has the lead is whose it is: the rep, or somebody of the team."""
    if owner is None or handle is None:
        return False
    return handle == owner.rep or handle in roster.teams.get(owner.team or "", ())
