"""What a new policy changes for the reps: which rules tighten, which loosen, and from when it may be in force at the earliest.

A change of which it cannot be said that nobody loses by it counts as tightening: better told once too often than sprung.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from dibs.engine.decision import Reason, Scalar
from dibs.engine.policy_fair_play import ClaimAtLeast, ClaimRate, Credits, FairPlay, Mix, Tier, Weight
from dibs.engine.policy_model import Policy, Pool
from dibs.engine.policy_teams import Caps, TeamRules
from dibs.engine.policy_terms import Part, written
from dibs.engine.policy_time import Idle, Sla
from dibs.engine.policy_ways import Step
from dibs.engine.territories import owner_of

#: How much a pool's mode, or what a tier sees, lets a rep see and choose.
_FREEDOM = {"queue": 0, "pool": 1, "cherry_pick": 2}
_SEES = {"none": 0, "preview": 1, "full": 2}
#: Working days that a weekly floor of claims has at least, to compare it with a daily one.
_WORKING_DAYS = 5


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that a policy changes. ``rule`` is its path; ``before`` and ``after`` as a policy writes them, ``None`` for no rule."""

    rule: str
    before: Scalar
    after: Scalar
    tighter: bool

    def reason(self, at: datetime) -> Reason:
        """What the reps are told. ``at`` is when it comes into force."""
        params = {"rule": self.rule, "before": self.before, "after": self.after, "at": at.isoformat()}
        return Reason("rule_tightens" if self.tighter else "rule_loosens", params, self.rule)


def changes(before: Policy | None, after: Policy) -> tuple[RuleChange, ...]:
    """The rules that differ, in the order of the document. A workspace's first policy changes none: there was nothing to rely on."""
    if before is None:
        return ()
    return (
        *_teams(before, after),
        *_pools(before, after),
        *_fair_play(before.fair_play, after.fair_play),
        *_tiers(before, after),
        *_credits(before.credits or Credits(), after.credits or Credits()),
        *_in_time(before, after),
        *_territories(before, after),
    )


def earliest(before: Policy | None, after: Policy, now: datetime) -> datetime | None:
    """The earliest moment at which ``after`` may take effect, if ``before`` promises notice of what tightens; ``None``: at once."""
    notice = before.fair_play.notice if before is not None else None
    if notice is None or not any(change.tighter for change in changes(before, after)):
        return None
    return now + notice


def _fair_play(old: FairPlay, new: FairPlay) -> Iterator[RuleChange]:
    yield from _changed(
        "fair_play.hold_at_most", old.hold_at_most, new.hold_at_most, _less(old.hold_at_most, new.hold_at_most)
    )
    yield from _changed(
        "fair_play.claim_at_least",
        _said(old.claim_at_least),
        _said(new.claim_at_least),
        _expects_more(old.claim_at_least, new.claim_at_least),
    )
    yield from _changed(
        "fair_play.claim_rate", _said(old.claim_rate), _said(new.claim_rate), _slower(old.claim_rate, new.claim_rate)
    )
    yield from _changed("fair_play.mix", _said(old.mix), _said(new.mix), _asks_more_low(old.mix, new.mix))
    yield from _changed(
        "fair_play.skip_at_most", old.skip_at_most, new.skip_at_most, _less(old.skip_at_most, new.skip_at_most)
    )
    shorter = old.notice is not None and (new.notice is None or new.notice < old.notice)
    yield from _changed("fair_play.notice", _span(old.notice), _span(new.notice), shorter)


def _less(old: float | timedelta | None, new: float | timedelta | None) -> bool:
    """Whether less is allowed; ``None`` is no limit."""
    return new is not None and (old is None or new < old)  # type: ignore[operator]


def _expects_more(old: ClaimAtLeast | None, new: ClaimAtLeast | None) -> bool:
    if old is None or new is None:
        return old is None
    # Who claims so many on each working day also claims as many a week; not the other way round.
    most = old.count if old.per == new.per else old.count * _WORKING_DAYS if new.per == "week" else 0
    return new.count > most or (old.then, new.then) == ("notify", "auto_assign") or new.ahead > old.ahead


def _slower(old: ClaimRate | None, new: ClaimRate | None) -> bool:
    """Whether some way of claiming that was allowed is not: a span of the new rate holds so many of the old one's."""
    if old is None or new is None:
        return old is None
    return new.count < old.count * math.ceil(new.per / old.per)


def _asks_more_low(old: Mix | None, new: Mix | None) -> bool:
    if old is None or new is None:
        return old is None
    if new.low_below < old.low_below or (old.share is None) != (new.share is None):
        return True
    if old.per_high is not None and new.per_high is not None:
        return new.per_high > old.per_high
    assert old.share is not None
    assert new.share is not None
    return new.share > old.share or new.over != old.over


def _teams(before: Policy, after: Policy) -> Iterator[RuleChange]:
    for name in dict.fromkeys((*before.teams, *after.teams)):
        old, new = before.teams.get(name, TeamRules()), after.teams.get(name, TeamRules())
        for field in Caps.model_fields:
            was, will = getattr(old, field), getattr(new, field)
            yield from _changed(f"teams.{name}.{field}", was, will, _less(was, will))
        fewer = any(
            _less(
                getattr(_own(old, rep), field) or getattr(old, field),
                getattr(_own(new, rep), field) or getattr(new, field),
            )
            for rep in (*old.reps, *new.reps)
            for field in Caps.model_fields
        )
        yield from _changed(f"teams.{name}.reps", _own_caps(old), _own_caps(new), fewer)


def _own(rules: TeamRules, rep: str) -> Caps:
    """The rep's own caps, those that are given."""
    return rules.reps.get(rep, Caps())


def _own_caps(rules: TeamRules) -> str | None:
    given = ((rep, caps.model_dump(exclude_none=True)) for rep, caps in rules.reps.items())
    return "; ".join(f"{rep} {_flow(caps)}" for rep, caps in given if caps) or None


def _pools(before: Policy, after: Policy) -> Iterator[RuleChange]:
    given_up = _fed(before) - _fed(after)
    for name, old in before.pools.items():
        new = after.pools.get(name)
        if new is None or name in given_up:
            # A pool that nothing comes to any more is as good as gone: else its rules could be left alone, and its leads sent to a
            # new pool with others.
            yield RuleChange(f"pools.{name}", old.mode, None, tighter=True)
        elif new != old:
            yield from _pool(f"pools.{name}", old, new)


def _fed(policy: Policy) -> set[str]:
    """The pools that leads come to."""
    pulled = {rule.pull.pool for rule in policy.route if rule.pull is not None}
    return pulled | {onward.pool for onward in policy.onwards() if onward.pool}


def _pool(path: str, old: Pool, new: Pool) -> Iterator[RuleChange]:
    yield from _changed(f"{path}.mode", old.mode, new.mode, _FREEDOM[new.mode] < _FREEDOM[old.mode])
    out = new.teams is not None and (old.teams is None or not set(old.teams) <= set(new.teams))
    if _as_set(old.teams) != _as_set(new.teams):
        yield from _changed(f"{path}.teams", _listed(old.teams), _listed(new.teams), out)
    # In a queue the order is who gets which lead; elsewhere it is what the list begins with.
    yield from _changed(f"{path}.order", _listed(old.order), _listed(new.order), tighter=True)
    if set(old.preview) != set(new.preview):
        hidden = not set(old.preview) <= set(new.preview)
        yield from _changed(f"{path}.preview", _listed(old.preview), _listed(new.preview), hidden)
    yield from _changed(f"{path}.lock", _span(old.lock), _span(new.lock), _less(old.lock, new.lock))
    later = new.reclaim_after is not None and (old.reclaim_after is None or new.reclaim_after > old.reclaim_after)
    yield from _changed(f"{path}.reclaim_after", _span(old.reclaim_after), _span(new.reclaim_after), later)
    yield from _changed(f"{path}.escalate", _steps(old.escalate), _steps(new.escalate), _go_sooner(old, new))
    # What goes to somebody sooner is there for less time to choose from.
    yield from _changed(
        f"{path}.assign_after", _span(old.assign_after), _span(new.assign_after), new.assign_after < old.assign_after
    )


def _go_sooner(old: Pool, new: Pool) -> bool:
    """Whether leads may leave the pool sooner, or go to somebody else: not if the first steps stay, none of them earlier."""
    if len(new.escalate) > len(old.escalate):
        return True
    return any(
        (will.push, will.review) != (was.push, was.review) or will.after < was.after
        for was, will in zip(old.escalate, new.escalate, strict=False)
    )


def _tiers(before: Policy, after: Policy) -> Iterator[RuleChange]:
    old, new = _by_name(before.tiers), _by_name(after.tiers)
    if list(old) != list(new):
        # Without tiers everybody sees what the pools show; any other list may put somebody further down.
        yield RuleChange("tiers", _listed(old) or None, _listed(new) or None, tighter=bool(new))
    for name in [name for name in old if name in new]:
        yield from _tier(f"tiers.{name}", old[name], new[name])
    if old and new:
        for field in ("over", "confirm"):
            was, will = getattr(before.tiering, field), getattr(after.tiering, field)
            yield from _changed(f"tiering.{field}", _plain(was), _plain(will), tighter=True)


def _tier(path: str, old: Tier, new: Tier) -> Iterator[RuleChange]:
    yield from _changed(f"{path}.when", old.when, new.when, tighter=True)
    yield from _changed(f"{path}.sees", old.sees, new.sees, _SEES[new.sees] < _SEES[old.sees])
    yield from _changed(f"{path}.only", old.only, new.only, new.only is not None)


def _credits(old: Credits, new: Credits) -> Iterator[RuleChange]:
    """Pay is to be counted on: fewer points for anything, or for any lead, are a tighter rule."""
    for field in ("claim", "convert"):
        was, will = getattr(old, field), getattr(new, field)
        yield from _changed(f"credits.{field}", _points(was), _points(will), will < was)
    if new.claim or new.convert:
        nothing_lost = not (old.claim or old.convert) or _counts_no_less(old.weights, new.weights)
        yield from _changed("credits.weights", _weighed(old.weights), _weighed(new.weights), not nothing_lost)


def _counts_no_less(old: Sequence[Weight], new: Sequence[Weight]) -> bool:
    """Whether no lead counts for less: of the same conditions in the same order each, where a list that ends sooner says once."""
    return all(
        (was.when if was else will.when) == (will.when if will else was.when)
        and (will.times if will else 1) >= (was.times if was else 1)
        for was, will in zip_longest(old, new)
    )


def _in_time(before: Policy, after: Policy) -> Iterator[RuleChange]:
    """How soon leads must be contacted and how long they may be left alone, and after how many lapses a rep is taken for away."""
    was, will = before.availability.away_after, after.availability.away_after
    yield from _changed("availability.away_after", was, will, _less(was, will))
    yield from _changed("sla", _rules(before.sla), _rules(after.sla), _asks_sooner(before.sla, after.sla))
    yield from _changed("idle", _rules(before.idle), _rules(after.idle), _asks_sooner(before.idle, after.idle))


def _asks_sooner(old: Sequence[Sla | Idle], new: Sequence[Sla | Idle]) -> bool:
    """Whether some lead may be taken off its rep sooner, or otherwise: not where each rule is for the same leads, and gives as long."""

    def span(rule: Sla | Idle) -> timedelta:
        return rule.first_contact if isinstance(rule, Sla) else rule.after

    if not new or len(new) != len(old):
        return bool(new)
    return any(
        (will.when, will.then) != (was.when, was.then)
        or span(will) < span(was)
        or (was.hours, will.hours) == ("business", "always")
        for was, will in zip(old, new, strict=True)
    )


def _rules(rules: Iterable[Sla | Idle]) -> str | None:
    return _in_line(_flow(rule.model_dump(mode="json", exclude_none=True)) for rule in rules)


def _territories(before: Policy, after: Policy) -> Iterator[RuleChange]:
    """Each territory that is drawn otherwise, or is somebody else's. Who had it loses leads by that, or may."""
    for name in dict.fromkeys((*before.territories, *after.territories)):
        was, will = _territory(before, name), _territory(after, name)
        yield from _changed(f"territories.{name}", was, will, was is not None)


def _territory(policy: Policy, name: str) -> str | None:
    """A territory in one line, with whose it is by itself or by another."""
    territory = policy.territories.get(name)
    if territory is None:
        return None
    owner, _ = owner_of(policy.territories, name)
    drawn = territory.model_dump(mode="json", exclude_none=True, exclude_defaults=True, exclude={"owner"})
    whose = owner.model_dump(exclude_none=True) if owner is not None else {}
    return _flow({**{field: _bare(value) for field, value in drawn.items()}, **({"owner": whose} if whose else {})})


def _bare(value: object) -> object:
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, list | tuple) else value


def _by_name(tiers: Iterable[Tier]) -> Mapping[str, Tier]:
    return {tier.name: tier for tier in tiers}


def _changed(rule: str, before: Scalar, after: Scalar, tighter: bool) -> Iterator[RuleChange]:
    if before != after:
        yield RuleChange(rule, before, after, tighter)


def _as_set(names: Iterable[str] | None) -> frozenset[str] | None:
    return frozenset(names) if names is not None else None


def _listed(names: Iterable[str] | None) -> str | None:
    return ", ".join(names) if names is not None else None


def _span(length: timedelta | None) -> str | None:
    return written(length) if length is not None else None


def _points(value: float) -> Scalar:
    return (int(value) if value == int(value) else value) or None


def _steps(steps: Iterable[Step]) -> str | None:
    """Escalation steps in one line, as a policy may write them."""
    return _in_line(_flow(step.model_dump(mode="json", exclude_none=True)) for step in steps)


def _weighed(weights: Iterable[Weight]) -> str | None:
    return _in_line(_flow({"times": _points(each.times) or 0, "when": each.when}) for each in weights)


def _in_line(parts: Iterable[str]) -> str | None:
    return ", ".join(parts) or None


def _flow(fields: Mapping[str, object]) -> str:
    said = ((name, _flow(value) if isinstance(value, dict) else value) for name, value in fields.items())
    return "{" + ", ".join(f"{name}: {value}" for name, value in said) + "}"


def _plain(value: timedelta | int) -> Scalar:
    return written(value) if isinstance(value, timedelta) else value


def _said(part: Part | None) -> str | None:
    """A rule of several fields in one line, as a policy may write it."""
    if part is None:
        return None
    fields = part.model_dump(mode="json", exclude_none=True)
    if part_share := fields.get("share"):
        fields["share"] = f"{part_share:.4%}".rstrip("0%").rstrip(".") + "%"
    if isinstance(part, Mix) and part.per_high is not None:
        del fields["over"]
    return _flow(fields)
