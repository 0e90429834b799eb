"""Borders that move: which open leads belong to somebody else by them, and why.

A border moves when a policy draws it elsewhere, when a day begins or ends that it is written for, or when more is known of a lead than
before. A lead crosses it if another owns the territory that it lies in then, as far as the policy gives such leads to owners of
territories; one that a person gave, or that its rep chose, stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from dibs.engine.conditions import Activation
from dibs.engine.decision import Reason
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts
from dibs.engine.gate import gate
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

    def activation(self) -> Activation:
        """The lead's facts laid out for the policy."""
        return self.book.activation(self.lead, self.account, now=self.now)

    def lies(self, activation: Activation) -> Lies | None:
        """The territory that the lead lies in."""
        return self.book.territory(self.lead, activation, self.now, self.day)

    def gives(self, activation: Activation, clock: LeadClock) -> bool:
        """Whether such a lead is given to who owns its territory: by its rule, or by a step of the pool it came to its rep from."""
        pool = self.book.policy.pools.get(clock.pool or "") if clock.state in HELD else None
        if pool is not None:
            return any(step.push is not None and step.push.to == "territory.owner" for step in pool.escalate)
        if not gate(self.book, self.lead, activation).is_open:
            return False
        matched = self.book.first(activation)
        push = matched.rule.push if matched is not None else None
        return push is not None and push.to == "territory.owner"


def crossed(before: Side, after: Side, clock: LeadClock, roster: Roster, *, contacted: bool = False) -> Reason | None:
    """Why a lead that stands where ``clock`` says belongs to somebody else after than before: ``territory_changed``, or ``None``.

    ``contacted``: also if it has had a contact by now. Both leads carry their score and rank.
    """
    if clock.state not in CROSSING or clock.by_hand:
        return None
    held = clock.state in HELD
    if held and (clock.claimed_at is not None or (clock.contacted_at is not None and not contacted)):
        return None
    asked_before, asked = before.activation(), after.activation()
    was, lies = before.lies(asked_before), after.lies(asked)
    owner = lies.owner if lies is not None else None
    if owner == (was.owner if was is not None else None):
        return None
    if _has_it(owner, clock.owner, roster) if held else owner is None:
        return None
    # Where owners have no part in it, before or after, whoever has the lead has it by another rule: no border's doing.
    if not before.gives(asked_before, clock) or not after.gives(asked, clock):
        return None
    return Reason("territory_changed", {"before": was.name if was else None, "after": lies.name if lies else None})


def _has_it(owner: Owner | None, handle: str | None, roster: Roster) -> bool:
    """Whether who has the lead is whose it is: the rep, or somebody of the team."""
    if owner is None or handle is None:
        return False
    return handle == owner.rep or handle in roster.teams.get(owner.team or "", ())
