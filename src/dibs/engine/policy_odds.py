"""Rules of a policy that are at odds with one another: each may stand by itself, together they do not do what they seem to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from dibs.engine.policy_model import Policy, Pool
from dibs.engine.policy_teams import BestMatch
from dibs.engine.policy_text import Path

#: What a working day and a week are taken for, where a policy does not say: reps' hours are not part of it.
WORKING_DAY = timedelta(hours=8)
WORKING_DAYS = 5

Warned = tuple[str, str, Path, int | None, Literal["error", "warning"]]


def rules_at_odds(policy: Policy) -> Iterator[Warned]:
    """Everything found; all of it warnings."""
    yield from _told_by_order(policy)
    yield from _floor(policy)
    yield from _mix(policy)
    yield from _credits(policy)
    yield from _caps(policy)
    yield from _best_match(policy)


def _told_by_order(policy: Policy) -> Iterator[Warned]:
    """The order of a list tells what its rows hide: who may not see the score still sees which lead has the highest."""
    for name, pool in policy.pools.items():
        if pool.mode == "queue" or not _previewed(policy, pool):
            continue
        for index, key in enumerate(pool.order):
            field = key.lstrip("-")
            # How long leads have waited is no secret: it is what makes the order of two equals fair.
            if field not in {"received_at", "waiting_since"} and field not in pool.preview:
                message = f"the order of the pool {name} tells which lead has more {field}, which its preview hides; add {field} to preview"
                yield "order_tells_hidden", message, ("pools", name, "order", index), None, "warning"


def _previewed(policy: Policy, pool: Pool) -> bool:
    """Whether somebody who may choose from the pool sees no more than its preview."""
    if pool.mode == "pool" or policy.fair_play.skip_at_most is not None:
        return True
    return any(tier.sees == "preview" for tier in policy.tiers)


def _floor(policy: Policy) -> Iterator[Warned]:
    floor, rate = policy.fair_play.claim_at_least, policy.fair_play.claim_rate
    if floor is None:
        return
    path: Path = ("fair_play", "claim_at_least")
    if floor.per == "day" and floor.ahead >= WORKING_DAY:
        message = "ahead is as long as a working day: whoever has not claimed as the day begins is told of it then"
        yield "ahead_too_long", message, (*path, "ahead"), None, "warning"
    if rate is not None:
        days = 1 if floor.per == "day" else WORKING_DAYS
        # A burst of claims at the start of each of the rate's spans that a working day has room for: more no rep can make.
        most = days * rate.count * math.ceil(WORKING_DAY / rate.per)
        if most < floor.count:
            message = f"nobody can claim {floor.count} a {floor.per}: in 8 hours a day the claim rate allows {most}"
            yield "floor_over_rate", message, (*path, "count"), None, "warning"
    if not policy.pools:
        yield "floor_unused", "there are no pools, so there is nothing to claim", path, None, "warning"


def _mix(policy: Policy) -> Iterator[Warned]:
    mix = policy.fair_play.mix
    if mix is not None and mix.per_high is not None and "over" in mix.model_fields_set:
        message = "with per_high each high claim is followed by its low ones, and no latest claims are counted: over has no effect"
        yield "over_unused", message, ("fair_play", "mix", "over"), None, "warning"


def _credits(policy: Policy) -> Iterator[Warned]:
    credits = policy.credits
    if credits is not None and not credits.claim and not credits.convert:
        message = "neither claim nor convert gives points, so nobody earns any"
        yield "credits_earn_nothing", message, ("credits",), None, "warning"


#: Caps on pushes, each over a longer time than the one before it.
_PER = ("per_hour", "per_day", "per_week", "per_month")


def _caps(policy: Policy) -> Iterator[Warned]:
    """Of two caps, one over a longer time that allows no more than the one over a shorter: the latter is never reached."""
    for name, rules in policy.teams.items():
        for path, caps in (((), rules), *((("reps", handle), own) for handle, own in rules.reps.items())):
            given = [(per, most) for per in _PER if (most := getattr(caps, per)) is not None]
            for (shorter, most), (longer, least) in itertools.pairwise(given):
                if most >= least:
                    message = f"{shorter} has no effect: {longer} allows no more than {least}"
                    yield "cap_unused", message, ("teams", name, *path, shorter), None, "warning"


def _best_match(policy: Policy) -> Iterator[Warned]:
    ways = {push.by for push in policy.pushes()} | {onward.by for onward in policy.onwards()}
    if "best_match" not in ways and policy.best_match != BestMatch():
        message = "nothing is pushed by: best_match, so how it chooses has no effect"
        yield "best_match_unused", message, ("best_match",), None, "warning"
