"""Push: who of a team is next.

Rotation is stride scheduling (C. A. Waldspurger, W. E. Weihl: *Stride Scheduling: Deterministic Proportional-Share
Resource Management*, MIT/LCS/TM-528, 1995). Each rep carries a *pass*; the one with the smallest is next, and a turn costs
``1 / weight`` of pass. The state belongs to the rep, not to a place in a list, so changing the list moves nobody.

The *level* of a rotation is the smallest pass among those who could be given the lead. Whoever could not (off hours, on
leave, at a cap, not yet hired) is carried along at the level, so that nobody comes back to a flood; with ``catch_up`` they
stay behind and make up for it. Hence, for reps who can be given leads all along, passes stay within one turn of the level:

    0 <= pass - level <= 1 / weight      so      |n1 / w1 - n2 / w2| <= max(1 / w1, 1 / w2)

for the leads ``n`` that any two of them got. A rep who is left out of one lead only, having declined it, is not carried:
the turn is still theirs.

Nor is a rep carried who is not among those a push is for (``among``): they keep their turn. But reps who are asked for
different leads do not stay level of themselves; so where two who now compete are further apart than `OWED` turns, those behind
are moved up, their order and distances among themselves kept. What is owed is made up for, and is never a flood.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dibs.engine import affinity
from dibs.engine.calendar import absence
from dibs.engine.counters import pushed_within_hour
from dibs.engine.decision import Reason
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.roster import Roster

if TYPE_CHECKING:
    from dibs.engine.conditions import Activation
    from dibs.engine.policy import Caps, TeamRules
    from dibs.engine.rulebook import Rulebook

#: Strategies that use a team's weights; in all others each turn counts the same.
WEIGHTED = frozenset({"weighted_round_robin"})


#: How many turns a rep may be behind others before these count as forgiven, not owed.
OWED = 2


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who is next. ``rep`` ``None``: nobody can be. ``passed_over`` names everybody who could not, and why.

    ``weight`` is what the turn is divided by; ``moved`` are passes to be moved on to first (see above); ``weighed`` the numbers of
    everybody who was weighed for ``best_match``, the chosen one first.
    """

    rep: str | None
    weight: float = 1.0
    passed_over: tuple[Reason, ...] = ()
    moved: Mapping[str, float] = field(default_factory=dict)
    weighed: tuple[affinity.Candidate, ...] = ()


def seed_for(lead_id: str, digest: str, version: int) -> str:
    """What breaks ties in the decision on a lead at this version, under the policy with this digest: the same for a replay, another
    next time."""
    return f"{lead_id}:{digest[:16]}:{version}"


def next_rep(
    book: Rulebook,
    team: str,
    by: str,
    roster: Roster,
    clock: LeadClock,
    now: datetime,
    seed: str,
    *,
    among: Callable[[RepFacts], bool] | None = None,
    lead: LeadFacts | None = None,
    activation: Activation | None = None,
) -> Chosen:
    """The rep of ``team`` who is next for this lead by strategy ``by``; ties break by seed, not by name or age.

    ``round_robin`` and ``weighted_round_robin`` take the smallest pass; ``least_open`` the fewest open leads, then the
    smallest pass; ``first_available`` whoever has gone longest without a pushed lead, then the smallest pass; ``best_match`` the
    best by `affinity`, for which ``lead`` and its ``activation`` are needed. A turn is counted whichever strategy it was, so
    that a team fed by two rules stays level. ``among`` tells who may get the lead at all.
    """
    rules, members, rotation = book.policy.teams.get(team), roster.teams.get(team, ()), roster.passes.get(team, {})
    catch_up = rules is not None and rules.catch_up
    able, known, along, passed_over = [], [], [], []
    for handle in members:
        rep, passed = roster.reps.get(handle), rotation.get(handle)
        if among is not None and rep is not None and not among(rep):
            passed_over.append(_passed_over(handle, "not_among"))
            continue
        because = cannot_take(rep, book.caps_of(team, handle), now) if rep is not None else "inactive"
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
        return Chosen(None, passed_over=tuple(passed_over))

    moved = {handle: level for handle in along if rotation.get(handle, -1.0) < level}
    if known and not catch_up and max(known) - level > OWED:
        moved |= _forgiven(willing, {**rotation, **moved}, rules)
    passes = {**rotation, **moved} if moved else rotation

    weighed: tuple[affinity.Candidate, ...] = ()
    if by == "best_match":
        assert lead is not None
        weighed = _weighed(affinity.candidates(book, team, willing, roster, lead, activation, seed), passes, seed)
        best = weighed[0].rep
    else:
        best = _first(willing, _order(by, passes, roster.reps), seed)
    weight = rules.weights.get(best, 1.0) if rules is not None and by in WEIGHTED else 1.0
    return Chosen(best, weight, tuple(passed_over), moved, weighed)


def take(roster: Roster, team: str, chosen: Chosen, now: datetime) -> Roster:
    """The roster after the chosen rep got the lead, everybody else carried along."""
    if chosen.rep is None:
        return roster
    return roster.pushed(team, chosen.rep, chosen.weight, chosen.moved, at=now)


def cannot_take(rep: RepFacts, caps: Caps | None, now: datetime) -> str | None:
    """Why no lead can be pushed to this rep now, or ``None`` if one can. ``caps``: see `Rulebook.caps_of`."""
    if not rep.active:
        return "inactive"
    if not rep.available:
        return "unavailable"
    if (because := absence(rep.hours, now)) is not None:
        return because
    return at_cap(rep, caps, now) if caps is not None else None


def at_cap(rep: RepFacts, caps: Caps, now: datetime) -> str | None:
    """The first of the caps that the rep is at, or ``None``: they are below all of them."""
    if caps.open_at_most is not None and rep.open_leads >= caps.open_at_most:
        return "open_at_most"
    if caps.per_hour is not None and pushed_within_hour(rep.pushed_at, now) >= caps.per_hour:
        return "per_hour"
    if caps.per_day is not None and rep.assigned_today >= caps.per_day:
        return "per_day"
    if caps.per_week is not None and rep.assigned_this_week >= caps.per_week:
        return "per_week"
    if caps.per_month is not None and rep.assigned_this_month >= caps.per_month:
        return "per_month"
    return None


def draw(seed: str, handles: list[str]) -> str:
    """The one of several equals whom the seed picks: the same for the same seed, for ever; unrelated to name or age."""
    lot = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest())
    return sorted(handles)[lot % len(handles)]


def _order(by: str, passes: Mapping[str, float], reps: Mapping[str, RepFacts]) -> Callable[[str], Any]:
    """What a strategy compares reps by: the smallest is next."""
    if by == "least_open":
        return lambda handle: (reps[handle].open_leads, passes[handle])
    if by == "first_available":
        return lambda handle: (_last_pushed(reps[handle]), passes[handle])
    return passes.__getitem__


def _last_pushed(rep: RepFacts) -> float:
    """When the rep was last pushed a lead, in seconds; before all others if never."""
    return rep.pushed_at[-1].timestamp() if rep.pushed_at else float("-inf")


def _weighed(
    weighed: Iterable[affinity.Candidate], passes: Mapping[str, float], seed: str
) -> tuple[affinity.Candidate, ...]:
    """The candidates, the best first: by value; among equals the smallest pass is next, then the one that is drawn."""
    by_rep = {candidate.rep: candidate for candidate in weighed}
    best = _first(list(by_rep), lambda handle: (-by_rep[handle].value, passes[handle]), seed)
    others = sorted((one for one in by_rep.values() if one.rep != best), key=lambda one: (-one.value, one.rep))
    return (by_rep[best], *others)


def _forgiven(willing: list[str], passes: Mapping[str, float], rules: TeamRules | None) -> dict[str, float]:
    """Passes of those who are further behind the next above them than `OWED` turns of the latter: moved up to that, all below with
    them by as much, so that their order and distances stay."""
    weights = rules.weights if rules is not None else {}
    moved: dict[str, float] = {}
    above, shift = float("-inf"), 0.0
    for handle in sorted(willing, key=lambda handle: (-passes[handle], handle)):
        shift = max(shift, above - passes[handle])
        if shift > 0:
            moved[handle] = passes[handle] + shift
        # A turn is one where weights don't count.
        above = passes[handle] + shift - OWED * max(1.0, 1 / weights.get(handle, 1.0))
    return moved


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
