"""Fair play: a rep's counters, how they move, and where the rep stands against each rule.

Counters move here and nowhere else; the database only stores what `after` answers, so that the simulator and the live
service never drift apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from dibs.engine.decision import Scalar

if TYPE_CHECKING:
    from dibs.engine.policy import Mix
    from dibs.engine.rulebook import Rulebook

#: How many scores of past claims are kept for ``mix``; its window ``over`` cannot be longer.
RECENT = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """A rep's fair-play counters; none is ever negative.

    ``holding``: leads the rep has, claimed or pushed, without contact yet. ``open_leads``: all the rep has that are not
    ended. ``day`` and ``week`` (its Monday) are the rep's local dates that ``claims_today``, ``assigned_today`` and
    ``claims_this_week`` count in. ``recent``: scores (1..100) of the last claims, newest last. ``skips``: since the last
    claim. ``lapses``: ever.
    """

    holding: int = 0
    open_leads: int = 0
    day: date | None = None
    claims_today: int = 0
    assigned_today: int = 0
    week: date | None = None
    claims_this_week: int = 0
    recent: tuple[int, ...] = ()
    skips: int = 0
    lapses: int = 0
    last_claim_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The rep took a lead from a pool. ``today`` is the rep's local date.

    ``score`` is ``None`` for the head of a queue: the rep did not choose it, so it says nothing for or against the mix.
    """

    score: int | None
    at: datetime
    today: date


@dataclass(frozen=True, slots=True)
class Pushed:
    """A lead was assigned or offered to the rep. ``today`` is the rep's local date."""

    at: datetime
    today: date


@dataclass(frozen=True, slots=True)
class Contacted:
    """The first contact on a lead the rep holds."""


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A lock, an offer or the time for first contact ran out unused: the lead is no longer the rep's."""


@dataclass(frozen=True, slots=True)
class Released:
    """The lead left the rep otherwise: given back, declined, taken by a manager. ``contacted``: after first contact."""

    contacted: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The lead was converted or retired, or merged away. ``contacted``: after first contact."""

    contacted: bool = True


@dataclass(frozen=True, slots=True)
class Skipped:
    """The rep opened an available lead's details, or passed over the head of a queue, without taking it."""


Event = Claimed | Pushed | Contacted | Lapsed | Released | Ended | Skipped


def after(standing: Standing, event: Event) -> Standing:
    """The counters after an event."""
    match event:
        case Claimed(score, at, today):
            standing = on_day(standing, today)
            return replace(
                standing,
                holding=standing.holding + 1,
                open_leads=standing.open_leads + 1,
                claims_today=standing.claims_today + 1,
                claims_this_week=standing.claims_this_week + 1,
                recent=standing.recent if score is None else (*standing.recent, score)[-RECENT:],
                skips=0,
                last_claim_at=at,
            )
        case Pushed(_, today):
            standing = on_day(standing, today)
            return replace(
                standing,
                holding=standing.holding + 1,
                open_leads=standing.open_leads + 1,
                assigned_today=standing.assigned_today + 1,
            )
        case Contacted():
            return replace(standing, holding=_less(standing.holding))
        case Lapsed():
            return replace(_without_one(standing, contacted=False), lapses=standing.lapses + 1)
        case Released(contacted) | Ended(contacted):
            return _without_one(standing, contacted)
        case Skipped():
            return replace(standing, skips=standing.skips + 1)


def on_day(standing: Standing, today: date) -> Standing:
    """The counters as they count on ``today``: those of another day or week start at 0.

    A date before the one counted in (the rep moved to a time zone further west) keeps counting in the later one, so that
    nobody gets a second day out of one.
    """
    monday = today - timedelta(days=today.weekday())
    if standing.day is None or today > standing.day:
        standing = replace(standing, day=today, claims_today=0, assigned_today=0)
    if standing.week is None or monday > standing.week:
        standing = replace(standing, week=monday, claims_this_week=0)
    return standing


@dataclass(frozen=True, slots=True)
class MixState:
    """Where a rep would stand against ``mix`` with the next claim counted: ``low`` so far, ``need`` by then, of ``n``."""

    low: int
    need: int
    n: int

    @property
    def owes_low(self) -> bool:
        """Whether the next claim has to be a low-score one."""
        return self.low < self.need


def mix_state(mix: Mix, recent: tuple[int, ...]) -> MixState:
    """The window is the last ``over`` claims counting the next one; ``need`` is floor(share x n)."""
    window = recent[-(mix.over - 1) :] if mix.over > 1 else ()
    n = len(window) + 1
    low = sum(score < mix.low_below for score in window)
    return MixState(low, math.floor(mix.share * n + 1e-9), n)  # 0.29 x 100 is 28.999...: a share is meant exactly


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a rep stands against one rule, for "My standing". ``have`` against ``at_most`` or ``at_least``.

    ``ok``: the rule would not stand in the way now (at most), or is met (at least).
    """

    rule: str
    have: int
    ok: bool
    at_most: int | None = None
    at_least: int | None = None
    params: Mapping[str, Scalar] | None = None


def announce(book: Rulebook, standing: Standing, today: date) -> tuple[Progress, ...]:
    """Each fair-play rule in force and where the rep stands: rules are announced, not sprung."""
    rules, standing, told = book.policy.fair_play, on_day(standing, today), []
    if rules is None:
        return ()
    if (cap := rules.hold_at_most) is not None:
        told.append(Progress("hold_at_most", standing.holding, standing.holding < cap, at_most=cap))
    if (floor := rules.claim_at_least) is not None:
        have = standing.claims_today if floor.per == "day" else standing.claims_this_week
        params: dict[str, Scalar] = {"per": floor.per, "then": floor.then}
        told.append(Progress("claim_at_least", have, have >= floor.count, at_least=floor.count, params=params))
    if (mix := rules.mix) is not None:
        state = mix_state(mix, standing.recent)
        params = {"low_below": mix.low_below, "share": mix.share, "over": mix.over, "n": state.n}
        told.append(Progress("mix", state.low, not state.owes_low, at_least=state.need, params=params))
    if (limit := rules.skip_at_most) is not None:
        told.append(Progress("skip_at_most", standing.skips, standing.skips < limit, at_most=limit))
    return tuple(told)


def _without_one(standing: Standing, contacted: bool) -> Standing:
    """One open lead fewer; one fewer held too, unless it had been contacted and so was held no more."""
    holding = standing.holding if contacted else _less(standing.holding)
    return replace(standing, open_leads=_less(standing.open_leads), holding=holding)


def _less(count: int) -> int:
    """One less, never below 0: a lead may have come to its rep before counting began."""
    return max(0, count - 1)
