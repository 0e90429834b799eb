"""Fair play: what the rules make of a rep's counters, and where the rep stands against each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from dibs.engine.counters import Standing, on_day
from dibs.engine.decision import Reason, Scalar

if TYPE_CHECKING:
    from dibs.engine.policy import ClaimRate, FairPlay, Mix
    from dibs.engine.rulebook import Rulebook


def kept_for(rate: ClaimRate | None) -> int:
    """Of how many latest claims the moments must be kept: as many as the claim rate allows within its span."""
    return rate.count if rate is not None else 0


def goes_away(book: Rulebook, standing: Standing) -> bool:
    """Whether the policy takes a rep for away who let so many leads in a row lapse: see ``availability.away_after``."""
    limit = book.policy.availability.away_after
    return limit is not None and standing.lapses_in_a_row >= limit


def skips_counted(standing: Standing) -> int:
    """How many skips count against ``skip_at_most`` now: those since the last claim; and with those before it, more than the leads
    held without a contact make up for.

    Between two contacts a rep looks at no more leads than the limit and one for each that they still hold: to claim and contact
    forgives every skip, to claim and give back none.
    """
    return (
        max(standing.skips, standing.skips + standing.kept_skips - standing.holding)
        if standing.kept_skips
        else standing.skips
    )


def skip_remedy(standing: Standing, limit: int) -> Reason:
    """What would let who is at their skip limit look at more: to claim one, unless it takes a contact."""
    claimed = standing.skips + standing.kept_skips - standing.holding - 1
    return Reason("claim_one_first" if claimed < limit else "contact_one_first")


def skip_left_after(standing: Standing, limit: int | None) -> bool:
    """Whether giving back a lead that the rep claimed and now holds would be within the skips they may do."""
    return limit is None or standing.skips + standing.kept_skips < limit


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
    """A share is of a window, the last ``over`` claims counting the next one: ``need`` is floor(share x n).

    With ``per_high``, counted are the claims since the last high one, and nothing is owed before the first.
    """
    if mix.per_high is not None:
        since = next((n for n, score in enumerate(reversed(recent)) if score >= mix.low_below), None)
        return MixState(len(recent), 0, len(recent) + 1) if since is None else MixState(since, mix.per_high, since + 1)
    assert mix.share is not None
    window = recent[-(mix.over - 1) :]
    n = len(window) + 1
    low = sum(score < mix.low_below for score in window)
    return MixState(low, math.floor(mix.share * n + 1e-9), n)  # 0.29 x 100 is 28.999...: a share is meant exactly


@dataclass(frozen=True, slots=True)
class RateState:
    """Where a rep stands against ``claim_rate``: claims within the span up to now and, if these are as many as may be, when the
    next one may be made."""

    have: int
    until: datetime | None


def rate_state(rate: ClaimRate, claimed_at: tuple[datetime, ...], now: datetime) -> RateState:
    """Of any span ``(t - per, t]`` no more than ``count`` claims: the next one comes when the oldest that counts has left it."""
    within = sorted(at for at in claimed_at if at > now - rate.per)
    until = within[-rate.count] + rate.per if len(within) >= rate.count else None
    return RateState(len(within), until)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a rep stands against one rule, for "My standing". ``have`` against ``at_most`` or ``at_least``.

    ``ok``: the rule would not stand in the way now (at most), or is met (at least). ``next``: if it is not, what would make it so.
    """

    rule: str
    have: int
    ok: bool
    at_most: int | None = None
    at_least: int | None = None
    params: Mapping[str, Scalar] | None = None
    next: Reason | None = None


def announce(book: Rulebook, standing: Standing, today: date, now: datetime) -> tuple[Progress, ...]:
    """Each fair-play rule in force and where the rep stands: rules are announced, not sprung. ``today`` is the rep's local date.

    A weekly claim floor is told in full here; what days off take from it depends on the rep's hours, see ``floors.expected``.
    """
    rules, standing = book.policy.fair_play, on_day(standing, today)
    told = (
        _hold_at_most(rules, standing),
        _claim_rate(rules, standing, now),
        _claim_at_least(rules, standing),
        _mix(rules, standing),
        _skip_at_most(rules, standing),
    )
    return tuple(progress for progress in told if progress is not None)


def _hold_at_most(rules: FairPlay, standing: Standing) -> Progress | None:
    if (cap := rules.hold_at_most) is None:
        return None
    over = standing.holding - cap + 1
    remedy = Reason("contact_first", {"count": over}) if over > 0 else None
    return Progress("hold_at_most", standing.holding, over <= 0, at_most=cap, next=remedy)


def _claim_rate(rules: FairPlay, standing: Standing, now: datetime) -> Progress | None:
    if (rate := rules.claim_rate) is None:
        return None
    state = rate_state(rate, standing.claimed_at, now)
    remedy = Reason("wait_until", {"at": state.until.isoformat()}) if state.until is not None else None
    params: dict[str, Scalar] = {"per": int(rate.per.total_seconds())}
    return Progress("claim_rate", state.have, remedy is None, at_most=rate.count, params=params, next=remedy)


def _claim_at_least(rules: FairPlay, standing: Standing) -> Progress | None:
    if (floor := rules.claim_at_least) is None:
        return None
    have = standing.claims_today if floor.per == "day" else standing.claims_this_week
    params: dict[str, Scalar] = {"per": floor.per, "then": floor.then}
    ok, more = have >= floor.count, floor.count - have
    remedy = None if ok else Reason("claim_more", {"count": more, "per": floor.per, "then": floor.then})
    return Progress("claim_at_least", have, ok, at_least=floor.count, params=params, next=remedy)


def _mix(rules: FairPlay, standing: Standing) -> Progress | None:
    if (mix := rules.mix) is None:
        return None
    state, params = mix_state(mix, standing.recent), dict[str, Scalar](low_below=mix.low_below)
    if mix.per_high is None:
        params |= {"share": mix.share, "over": mix.over, "n": state.n}
    else:
        params |= {"per_high": mix.per_high}
    owed = {"count": state.need - state.low, "low_below": mix.low_below}
    remedy = Reason("claim_low_score_first", owed) if state.owes_low else None
    return Progress("mix", state.low, remedy is None, at_least=state.need, params=params, next=remedy)


def _skip_at_most(rules: FairPlay, standing: Standing) -> Progress | None:
    if (limit := rules.skip_at_most) is None:
        return None
    have = skips_counted(standing)
    remedy = None if have < limit else skip_remedy(standing, limit)
    return Progress("skip_at_most", have, have < limit, at_most=limit, next=remedy)
