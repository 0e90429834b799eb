"""Push: who of a team is next.

Rotation is stride scheduling (C. A. Waldspurger, W. E. Weihl: *Stride Scheduling: Deterministic Proportional-Share
Resource Management*, MIT/LCS/TM-528, 1995). Each rep carries a *pass*; the one with the smallest is next, and a turn costs
``1 / weight`` of pass. The state belongs to the rep, not to a place in a list, so changing the list moves nobody.

The *level* of a rotation is the smallest pass among those who could be given leads now. Whoever could not (off hours, on
leave, at a cap, not yet hired) is carried along at the level, so that nobody comes back to a flood; with ``catch_up`` they
stay behind and make up for it. Hence, for reps who can be given leads all along, passes stay within one turn of the level:

    0 <= pass - level <= 1 / weight      so      |n1 / w1 - n2 / w2| <= max(1 / w1, 1 / w2)

for the leads ``n`` that any two of them got. A rep who is left out of one lead only, having declined it, is not carried:
the turn is still theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dibs.engine.calendar import absence
from dibs.engine.decision import Reason
from dibs.engine.facts import LeadClock, RepFacts
from dibs.engine.roster import Roster

if TYPE_CHECKING:
    from dibs.engine.policy import TeamRules
    from dibs.engine.rulebook import Rulebook

#: Strategies that use a team's weights; in all others each turn counts the same.
WEIGHTED = frozenset({"weighted_round_robin"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who is next. ``rep`` ``None``: nobody can be. ``passed_over`` names everybody who could not, and why.

    ``weight`` is what the turn is divided by and ``level`` the rotation's level (see above); ``along`` are the reps to be
    carried along to it.
    """

    rep: str | None
    weight: float = 1.0
    passed_over: tuple[Reason, ...] = ()
    level: float = 0.0
    along: tuple[str, ...] = ()


def seed_for(lead_id: str, digest: str, version: int) -> str:
    """What breaks ties in the decision on a lead at this version, under the policy with this digest: the same for a replay, another
    next time."""
    return f"{lead_id}:{digest[:16]}:{version}"


def next_rep(book: Rulebook, team: str, by: str, roster: Roster, clock: LeadClock, now: datetime, seed: str) -> Chosen:
    """The rep of ``team`` who is next for this lead by strategy ``by``; ties break by seed, not by name or age.

    ``round_robin`` and ``weighted_round_robin`` take the smallest pass; ``least_open`` the fewest open leads, then the
    smallest pass; ``first_available`` the first in the team's order. A turn is counted whichever strategy it was, so that a
    team fed by two rules stays level.
    """
    rules, members, rotation = book.policy.teams.get(team), roster.teams.get(team, ()), roster.passes.get(team, {})
    catch_up = rules is not None and rules.catch_up
    able, known, along, passed_over = [], [], [], []
    for handle in members:
        rep, passed = roster.reps.get(handle), rotation.get(handle)
        because = cannot_take(rep, rules, now) if rep is not None else "inactive"
        if because is not None:
            passed_over.append(_passed_over(handle, because))
        else:
            able.append(handle)
            if passed is not None:
                known.append(passed)
        if passed is None or (because is not None and not catch_up):
            along.append(handle)
    # Out of the team for now: back one day, and not to a flood.
    along += sorted(rotation.keys() - members)
    # With nobody able known, the rotation stands where it last stood.
    level = min(known) if known else max(rotation.values(), default=0.0)

    willing = able
    if clock.passed_over:
        willing = [handle for handle in able if handle not in clock.passed_over]
        passed_over += [_passed_over(handle, "declined_before") for handle in able if handle in clock.passed_over]
    if not willing:
        return Chosen(None, passed_over=tuple(passed_over), level=level, along=tuple(along))

    best = _first(willing, _order(by, members, rotation, level, roster.reps), seed)
    weight = rules.weights.get(best, 1.0) if rules is not None and by in WEIGHTED else 1.0
    return Chosen(best, weight, tuple(passed_over), level, tuple(along))


def take(roster: Roster, team: str, chosen: Chosen) -> Roster:
    """The roster after the chosen rep got the lead, everybody else carried along."""
    if chosen.rep is None:
        return roster
    return roster.pushed(team, chosen.rep, chosen.weight, chosen.along, chosen.level)


def cannot_take(rep: RepFacts, rules: TeamRules | None, now: datetime) -> str | None:
    """Why no lead can be pushed to this rep now, or ``None`` if one can. ``rules`` are the team's caps."""
    if not rep.active:
        return "inactive"
    if not rep.available:
        return "unavailable"
    if (because := absence(rep.hours, now)) is not None:
        return because
    if rules is not None:
        if rules.open_at_most is not None and rep.open_leads >= rules.open_at_most:
            return "open_at_most"
        if rules.per_day is not None and rep.assigned_today >= rules.per_day:
            return "per_day"
    return None


def draw(seed: str, handles: list[str]) -> str:
    """The one of several equals whom the seed picks: the same for the same seed, for ever; unrelated to name or age."""
    lot = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest())
    return sorted(handles)[lot % len(handles)]


def _order(
    by: str, members: tuple[str, ...], rotation: Mapping[str, float], level: float, reps: Mapping[str, RepFacts]
) -> Callable[[str], Any]:
    """What a strategy compares reps by: the smallest is next."""
    if by == "least_open":
        return lambda handle: (reps[handle].open_leads, rotation.get(handle, level))
    if by == "first_available":
        return members.index
    return lambda handle: rotation.get(handle, level)


def _first(handles: list[str], key: Callable[[str], Any], seed: str) -> str:
    """The handle with the smallest key; among equals the one that is drawn."""
    keys = [key(handle) for handle in handles]
    least = min(keys)
    equal = [handle for handle, its in zip(handles, keys, strict=True) if its == least]
    return equal[0] if len(equal) == 1 else draw(seed, equal)


@lru_cache(maxsize=65536)
def _passed_over(rep: str, because: str) -> Reason:
    """Made once for each rep and cause: a busy team says the same of the same people thousands of times."""
    return Reason("passed_over", {"rep": rep, "because": because})
