"""The claim floor: how many claims a rep is expected to make in a day or a week, when that is looked at, and how what is missing is
made up.

It is looked at once in each period, ``ahead`` of the end of the rep's working day or of the week's last one, while there is still
time to claim. A look that was missed is made up on the same local day, or in the same week; a period that is over is not
gone back to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dibs.engine.calendar import local_day, midnight, worked_on
from dibs.engine.claim import Sight, sight, tier_of
from dibs.engine.counters import Standing, on_day
from dibs.engine.decision import Assigned, Param, Placement, Reason
from dibs.engine.due import due_when_owned, with_marketings
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.policy_fair_play import ClaimAtLeast
from dibs.engine.roster import Roster
from dibs.engine.rulebook import Rulebook

#: A week's count is for this many working days, or for as many more as a rep has in theirs.
FULL_WEEK = 5

_DAY = timedelta(days=1)
_RULE = "fair_play.claim_at_least"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of a rep in the period that ``period`` names (the local day, or the Monday of the week): ``count`` claims, of
    which they ``have`` so many, looked at from ``at`` on until the period ends.

    ``count`` is the policy's, days off and time off taken off in proportion and rounded down: in the rep's favour.
    """

    period: date
    have: int
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class FloorLook:
    """A claim floor looked at: ``missing`` claims, and the line for the log if there are any."""

    period: date
    have: int
    count: int
    missing: int
    reason: Reason | None


def expected(
    book: Rulebook,
    rep: RepFacts,
    standing: Standing,
    timezone: str,
    now: datetime,
    teams: frozenset[str] | None = None,
) -> Expected | None:
    """What the policy expects of the rep in this period; ``None``: nothing, for want of a rule, of work in it, or of anything to claim.

    ``timezone`` is the rep's; ``teams``, where given, their teams' slugs. Whoever gets leads by push alone has nothing to claim.
    """
    floor = book.policy.fair_play.claim_at_least
    if floor is None or not rep.active or not _may_pull(book, rep, teams):
        return None
    today = local_day(timezone, now)
    counters = on_day(standing, today)
    if floor.per == "day":
        period, days, have = today, [today], counters.claims_today
    else:
        period = today - timedelta(days=today.weekday())
        days, have = [period + n * _DAY for n in range(7)], counters.claims_this_week
    over = midnight(timezone, days[-1] + _DAY)
    spans, part = _worked(rep, timezone, days)
    spans = [span for span in spans if span[0] < over]
    if not spans:
        return None
    at = max(min(spans[-1][1], over) - floor.ahead, spans[0][0])
    return Expected(period, have, int(floor.count * part + 1e-9), at)


def looked(
    book: Rulebook,
    rep: RepFacts,
    standing: Standing,
    timezone: str,
    now: datetime,
    teams: frozenset[str] | None = None,
) -> FloorLook | None:
    """The rep's claim floor, if it is time to look at it now and it was not looked at in this period; see `expected`.

    Whoever takes the answer says so by `counters.FloorLooked`, also when nothing is missing.
    """
    asked = expected(book, rep, standing, timezone, now, teams)
    if asked is None or now < asked.at or (standing.floor_on is not None and standing.floor_on >= asked.period):
        return None
    missing = max(0, asked.count - asked.have)
    if not missing:
        return FloorLook(asked.period, asked.have, asked.count, 0, None)
    params: dict[str, Param] = {"have": asked.have, "count": asked.count, "per": _floor(book).per, "missing": missing}
    return FloorLook(asked.period, asked.have, asked.count, missing, Reason("below_floor", params, _RULE))


def in_turn(looks: Mapping[str, FloorLook], digest: str) -> list[str]:
    """Whose shortfall is made up first, of those looked at together by handle: who misses most, equals in an order drawn anew for each
    period and policy (``digest``)."""

    def lot(handle: str) -> bytes:
        return hashlib.blake2b(f"{looks[handle].period}:{digest[:16]}:{handle}".encode(), digest_size=8).digest()

    return sorted(looks, key=lambda handle: (-looks[handle].missing, lot(handle), handle))


def fill(
    book: Rulebook,
    look: FloorLook,
    rep: RepFacts,
    standing: Standing,
    waiting: Sequence[tuple[LeadFacts, LeadClock]],
    roster: Roster,
    now: datetime,
) -> tuple[tuple[tuple[LeadClock, Placement], ...], Roster]:
    """What is assigned to a rep to make up for what is missing, and the roster after it. ``waiting``: leads in pools, the oldest first.

    Leads that the rep could have claimed, by team and tier, and has not declined or let lapse before; never beyond what a rep may
    hold, nor beyond the caps of any of the rep's teams. Nothing if the policy only notifies, or for who is switched off: leads do not
    go where nobody is.
    """
    if _floor(book).then != "auto_assign" or not rep.active or not rep.available:
        return (), roster
    reason = Reason(
        "claim_floor", {"rep": rep.handle, "have": look.have, "count": look.count, "per": _floor(book).per}, _RULE
    )
    given: list[tuple[LeadClock, Placement]] = []
    for lead, clock in _within_sight(book, rep, waiting, roster, now):
        if len(given) >= look.missing or not _has_room(book, rep, standing.holding + len(given), roster):
            break
        due = due_when_owned(book, lead, rep, now)
        due = with_marketings(book, clock, lead.rank, due, rep.handle, roster.teams, now)
        given.append((clock, Placement(Assigned(rep.handle), due, (reason,))))
        roster = roster.pushed(None, rep.handle, at=now)
    return tuple(given), roster


def _floor(book: Rulebook) -> ClaimAtLeast:
    floor = book.policy.fair_play.claim_at_least
    assert floor is not None
    return floor


def _may_pull(book: Rulebook, rep: RepFacts, teams: frozenset[str] | None) -> bool:
    """Whether there is any pool that the rep may claim from."""
    if book.tiers:
        tier, _ = tier_of(book, rep)
        if tier is None or tier.sees == "none":
            return False
    pools = book.policy.pools.values()
    return any(pool.teams is None or teams is None or not teams.isdisjoint(pool.teams) for pool in pools)


def _worked(rep: RepFacts, timezone: str, days: Sequence[date]) -> tuple[list[tuple[datetime, datetime]], float]:
    """When the rep works in these days, and for which part of the count, 0..1. A shift belongs to the day on which it begins."""
    hours = rep.hours
    if hours is None:
        return [(midnight(timezone, days[0]), midnight(timezone, days[-1] + _DAY))], 1.0
    worked = [worked_on(hours, day) for day in days]
    of = 1 if len(days) == 1 else max(FULL_WEEK, len(hours.days))
    spans = [span for spans, _ in worked for span in spans]
    return spans, min(1.0, sum(part for _, part in worked) / of)


def _within_sight(
    book: Rulebook, rep: RepFacts, waiting: Sequence[tuple[LeadFacts, LeadClock]], roster: Roster, now: datetime
) -> Iterator[tuple[LeadFacts, LeadClock]]:
    """Of the waiting leads those that the rep may be given for a claim."""
    teams = frozenset(team for team, members in roster.teams.items() if rep.handle in members)
    sights: dict[str, Sight] = {}
    for lead, clock in waiting:
        if clock.state != "pooled" or clock.pool is None or rep.handle in clock.passed_over:
            continue
        if clock.pool not in sights:
            sights[clock.pool] = sight(book, rep, teams, clock.pool)
        seen = sights[clock.pool]
        if seen.level == "none":
            continue
        if seen.only is None or seen.only.holds(book.activation(lead, rep=rep, now=now)):
            yield lead, clock


def _has_room(book: Rulebook, rep: RepFacts, holding: int, roster: Roster) -> bool:
    """Whether one more lead keeps the rep within what they may hold and within their teams' caps."""
    cap = book.policy.fair_play.hold_at_most
    if cap is not None and holding >= cap:
        return False
    now_has = roster.reps[rep.handle]
    for team, rules in book.policy.teams.items():
        if rep.handle not in roster.teams.get(team, ()):
            continue
        if rules.open_at_most is not None and now_has.open_leads >= rules.open_at_most:
            return False
        if rules.per_day is not None and now_has.assigned_today >= rules.per_day:
            return False
    return True
