"""Tiers: who is in which, settled once a day, and moved only by what lasts.

A rep's record is counted anew each day over the rolling window ``tiering.over``. A tier other than the rep's own must fit
``tiering.confirm`` days in a row before the rep moves there, so that nobody flickers between two of them around a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from dibs.engine.claim import first_that_fits
from dibs.engine.decision import Param, Reason
from dibs.engine.facts import RepFacts
from dibs.engine.policy_fair_play import Tier
from dibs.engine.rulebook import Rulebook

#: The "tier" of a rep who was looked at and whom none fits.
NO_TIER = ""


@dataclass(frozen=True, slots=True)
class TierState:
    """Where a rep stands among the tiers. ``tier``: the one they are settled in, `NO_TIER` for none, ``None``: never looked at.

    ``since``: the rep's local day on which they came there. ``candidate``: another one that fitted at the last look, for so many
    looks (``days``) in a row. ``on``: the local day of the last look.
    """

    tier: str | None = None
    since: date | None = None
    candidate: str | None = None
    days: int = 0
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Retiered:
    """The state after a look, and the line for the log if the rep's tier is another one now."""

    state: TierState
    reason: Reason | None = None


def retier(book: Rulebook, state: TierState, rep: RepFacts, today: date) -> Retiered:
    """Look at a rep's tier. ``rep`` carries the record of the window, ``today`` is the rep's local date.

    Once a day: a second look on the same day changes nothing, and a day without a look is no look. A rep's first tier is set at
    once, and so is one in place of a tier that the policy no longer has. A policy without tiers forgets them all.
    """
    if not book.tiers:
        return Retiered(TierState())
    fits, _ = first_that_fits(book, rep)
    name = fits.name if fits is not None else NO_TIER
    if not _settled(book, state, fits):
        reason = Reason("tier_set", {"tier": name, **_record(book, rep)}, "tiers") if name != NO_TIER else None
        return Retiered(TierState(name, since=today, on=today), reason)
    if state.on is not None and today <= state.on:
        return Retiered(state)
    if name == state.tier:
        return Retiered(replace(state, candidate=None, days=0, on=today))
    days = state.days + 1 if name == state.candidate else 1
    if days < book.policy.tiering.confirm:
        return Retiered(replace(state, candidate=name, days=days, on=today))
    return Retiered(TierState(name, since=today, on=today), _changed(book, state, name, days, rep))


def _settled(book: Rulebook, state: TierState, fits: Tier | None) -> bool:
    """Whether the rep is in a tier of this policy, or in none of them."""
    if state.tier == NO_TIER:
        # One that fits everybody would have fitted at the last look too: it is new in the policy.
        return fits is None or fits.when is not None
    return any(tier.name == state.tier for tier, _, _ in book.tiers)


def _changed(book: Rulebook, state: TierState, name: str, days: int, rep: RepFacts) -> Reason:
    """Why the rep moved: by the condition that began to hold, or on the way down the one that no longer does."""
    names = [tier.name for tier, _, _ in book.tiers]
    conditions = {tier.name: tier.when for tier, _, _ in book.tiers}
    up = name != NO_TIER and (state.tier == NO_TIER or names.index(name) < names.index(state.tier or ""))
    params: dict[str, Param] = {
        "before": state.tier,
        "after": name,
        "up": up,
        **_record(book, rep),
        "days": days,
        "when": conditions[name] if up else conditions[state.tier or ""],
    }
    return Reason("tier_changed", params, "tiers")


def _record(book: Rulebook, rep: RepFacts) -> dict[str, Param]:
    rate = None if rep.conversion_rate is None else round(rep.conversion_rate, 4)
    over = int(book.policy.tiering.over.total_seconds())
    return {"closed": rep.closed, "conversion_rate": rate, "over": over}
