"""What no field of a policy can know by itself: do its conditions compile, can each rule be reached, each pool be seen?

Every check is a generator of problems. Errors keep a policy from being published; warnings are shown and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from dibs.engine.conditions import Condition, ConditionRefused
from dibs.engine.policy_check_mails import chosen_by_condition, mails
from dibs.engine.policy_check_ready import readiness
from dibs.engine.policy_check_verdicts import verdicts
from dibs.engine.policy_fair_play import Tiering
from dibs.engine.policy_model import Policy
from dibs.engine.policy_odds import rules_at_odds
from dibs.engine.policy_reading import did_you_mean
from dibs.engine.policy_text import Path
from dibs.engine.policy_tree import tree
from dibs.engine.policy_ways import Onward, Push
from dibs.engine.rulebook import (
    AMONG,
    ASSESSING,
    CREDITS,
    FIRST_CONTACT,
    LEFT_ALONE,
    ROUTING,
    SCORING,
    SEQUENCE,
    SIGHT,
    TIER,
    Knows,
)

#: The review queue of all managers; every other queue is a team's.
REVIEWERS = "managers"

Severity = Literal["error", "warning"]
#: (code, message, path, character in the value's text or None, severity)
Found = tuple[str, str, Path, int | None, Severity]


@dataclass(frozen=True, slots=True)
class People:
    """Whom a workspace has: its teams, with how many active reps each, and the active reps' handles. ``model``: whether a model is
    switched on that predicts what leads come to; ``None``: that is not asked about."""

    teams: Mapping[str, int]
    reps: frozenset[str]
    model: bool | None = None


def findings(policy: Policy, people: People | None = None) -> Iterator[Found]:
    """Everything found wrong with a policy whose shape is right, save its examples.

    ``people`` are those of the workspace it is for; without, teams and reps are not asked about.
    """
    compiled: dict[Path, Condition] = {}
    for path, text, knows in conditions_in(policy):
        try:
            compiled[path] = Condition.of(text, *knows)
        except ConditionRefused as refused:
            yield refused.code, refused.message, path, refused.at, "error"
    checks: tuple[Callable[[Policy], Iterator[Found]], ...] = (
        _pools_named, _teams_named, _pools_seen, _steps, _scores, _owners, _odd_ends, rules_at_odds, verdicts, mails,
    )  # fmt: skip
    yield from _in_order(policy, compiled)
    yield from tree(policy, compiled)
    yield from readiness(policy, compiled)
    for check in checks:
        yield from check(policy)
    if people is not None:
        yield from _people_named(policy, people)


def conditions_in(policy: Policy) -> Iterator[tuple[Path, str, Knows]]:
    """Every condition of a policy: where it stands, its text, and what it may ask there."""
    for index, points in enumerate(policy.qualify.score):
        yield ("qualify", "score", index, "when"), points.when, SCORING
    for name, question in policy.qualify.questions.items():
        if question.when is not None:
            yield ("qualify", "questions", name, "when"), question.when, SCORING
    if policy.qualify.ready is not None:
        yield ("qualify", "ready", "when"), policy.qualify.ready.when, ROUTING
    for name, territory in policy.territories.items():
        if territory.when is not None:
            yield ("territories", name, "when"), territory.when, ROUTING
    for index, rule in enumerate(policy.route):
        if rule.when is not None:
            yield ("route", index, "when"), rule.when, ROUTING
    for index, tier in enumerate(policy.tiers):
        if tier.when is not None:
            yield ("tiers", index, "when"), tier.when, TIER
        if tier.only is not None:
            yield ("tiers", index, "only"), tier.only, SIGHT
    for index, sla in enumerate(policy.sla):
        if sla.when is not None:
            yield ("sla", index, "when"), sla.when, FIRST_CONTACT
    for index, idle in enumerate(policy.idle):
        if idle.when is not None:
            yield ("idle", index, "when"), idle.when, LEFT_ALONE
    for index, weight in enumerate(policy.credits.weights if policy.credits else ()):
        yield ("credits", "weights", index, "when"), weight.when, CREDITS
    for name, assessment in policy.assessments.items():
        if assessment.when is not None:
            yield ("assessments", name, "when"), assessment.when, ASSESSING
    for name, sequence in policy.nurture.sequences.items():
        if sequence.when is not None:
            yield ("nurture", "sequences", name, "when"), sequence.when, SEQUENCE
    for path, push in pushes_in(policy):
        if push.among is not None:
            yield (*path, "among"), push.among, AMONG
    if (technical := policy.best_match.strengths.technical) is not None:
        yield ("best_match", "strengths", "technical"), technical, ROUTING


def _in_order(policy: Policy, compiled: dict[Path, Condition]) -> Iterator[Found]:
    """Rules, tiers, weights and times of which the first that matches wins: those that can never be reached."""
    weights = policy.credits.weights if policy.credits else ()
    lists: tuple[tuple[str, str, list[tuple[Path, str, str | None]]], ...] = (
        ("rule", "lead", [(("route", i), rule.name, rule.when) for i, rule in enumerate(policy.route)]),
        ("tier", "rep", [(("tiers", i), tier.name, tier.when) for i, tier in enumerate(policy.tiers)]),
        (
            "weight",
            "lead",
            [(("credits", "weights", i), f"weight {i + 1}", weight.when) for i, weight in enumerate(weights)],
        ),
        ("sla", "lead", [(("sla", i), f"sla {i + 1}", sla.when) for i, sla in enumerate(policy.sla)]),
        (
            "sequence",
            "lead",
            [
                (("nurture", "sequences", name), name, policy.nurture.sequences[name].when)
                for name in chosen_by_condition(policy)
            ],
        ),
        ("idle", "lead", [(("idle", i), f"idle {i + 1}", idle.when) for i, idle in enumerate(policy.idle)]),
    )
    for kind, subject, entries in lists:
        takes_all: str | None = None
        seen: dict[str, str] = {}
        names: set[str] = set()
        for path, name, when in entries:
            if name in names:
                yield (
                    "name_twice",
                    f"there is a {kind} {name} already; give each a name of its own",
                    path,
                    None,
                    "error",
                )
            names.add(name)
            text = re.sub(r"\s+", " ", when or "").strip()
            always = when is None or _constant(compiled.get((*path, "when"))) is True
            if takes_all is not None:
                message = f"{name} can never be reached: {takes_all} before it takes every {subject}"
                yield f"{kind}_unreachable", message, path, None, "warning"
            elif when and text in seen:
                message = f"{name} can never be reached: {seen[text]} before it has the same condition"
                yield f"{kind}_unreachable", message, path, None, "warning"
            elif when and _constant(compiled.get((*path, "when"))) is False:
                yield (
                    f"{kind}_unreachable",
                    f"{name} can never be reached: its condition is always false",
                    path,
                    None,
                    "warning",
                )
            if always and takes_all is None:
                takes_all = name
            seen.setdefault(text, name)
        if kind == "rule" and takes_all is None:
            message = "a lead that no rule matches goes to review; end with a rule without when to say where"
            yield "no_rule_for_the_rest", message, ("route",), None, "warning"
        if kind == "tier" and entries and takes_all is None:
            message = "a rep whom no tier fits sees no waiting leads; end with a tier without when to say what they see"
            yield "no_tier_for_the_rest", message, ("tiers",), None, "warning"


def _constant(condition: Condition | None) -> bool | None:
    """The value of a condition that asks no facts, or ``None`` for one that does."""
    return None if condition is None or condition.facts else condition.constant()


def _pools_named(policy: Policy) -> Iterator[Found]:
    named: list[tuple[Path, str]] = []
    for index, rule in enumerate(policy.route):
        if rule.pull:
            named.append((("route", index, "pull", "pool"), rule.pull.pool))
    named += [((*path, "pool"), onward.pool) for path, onward in onwards_in(policy) if onward.pool]
    for path, pool in named:
        if pool not in policy.pools:
            hint = did_you_mean(pool, policy.pools) or f"; add it under pools, such as {pool}: {{mode: pool}}"
            yield "unknown_pool", f"there is no pool {pool}{hint}", path, None, "error"
    used = {pool for _, pool in named}
    for pool in policy.pools:
        if pool not in used:
            yield "pool_unused", f"nothing sends leads to the pool {pool}", ("pools", pool), None, "warning"


def pushes_in(policy: Policy) -> Iterator[tuple[Path, Push]]:
    """Every push of a policy, and where it stands."""
    for index, rule in enumerate(policy.route):
        if rule.push:
            yield ("route", index, "push"), rule.push
    for name, pool in policy.pools.items():
        for index, step in enumerate(pool.escalate):
            if step.push:
                yield ("pools", name, "escalate", index, "push"), step.push


def onwards_in(policy: Policy) -> Iterator[tuple[Path, Onward]]:
    """Every place where leads go on to, and where it stands: fallbacks, what comes of stale and idle leads, and the ways beside the route."""
    for index, rule in enumerate(policy.route):
        if rule.fallback:
            yield ("route", index, "fallback"), rule.fallback
    if policy.qualify.stale:
        yield ("qualify", "stale", "then"), policy.qualify.stale.then
    for index, idle in enumerate(policy.idle):
        yield ("idle", index, "then"), idle.then
    for path, way in policy.ways():
        if (onward := way.onward) is not None:
            yield path, onward


def teams_in(policy: Policy) -> Iterator[tuple[Path, str, str]]:
    """Every team a policy names: where, its name, and as what: ``push``, ``sees`` (a pool) or ``review``."""
    for path, push in pushes_in(policy):
        if push.team:
            yield (*path, "team"), push.team, "push"
    for name, territory in policy.territories.items():
        if territory.owner and territory.owner.team:
            yield ("territories", name, "owner", "team"), territory.owner.team, "push"
    for index, rule in enumerate(policy.route):
        if rule.review:
            yield ("route", index, "review"), rule.review, "review"
    for path, onward in onwards_in(policy):
        if onward.team:
            yield (*path, "team"), onward.team, "push"
        if onward.review:
            yield (*path, "review"), onward.review, "review"
    for name, pool in policy.pools.items():
        for index, team in enumerate(pool.teams or ()):
            yield ("pools", name, "teams", index), team, "sees"
        for index, step in enumerate(pool.escalate):
            if step.review:
                yield ("pools", name, "escalate", index, "review"), step.review, "review"
    for index, sla in enumerate(policy.sla):
        if sla.then.review:
            yield ("sla", index, "then", "review"), sla.then.review, "review"


def reps_in(policy: Policy) -> Iterator[tuple[Path, str]]:
    """Every rep a policy names, outside its examples."""
    for name, territory in policy.territories.items():
        if territory.owner and territory.owner.rep:
            yield ("territories", name, "owner", "rep"), territory.owner.rep
    for team, rules in policy.teams.items():
        for part in ("weights", "reps"):
            for handle in getattr(rules, part):
                yield ("teams", team, part, handle), handle


def _teams_named(policy: Policy) -> Iterator[Found]:
    """Teams need no entry under ``teams`` (the workspace has them), but one that is nearly like an entry is likely meant so."""
    pushed_to = set()
    for path, team, use in teams_in(policy):
        if use == "push":
            pushed_to.add(team)
        hint = did_you_mean(team, policy.teams) if team not in policy.teams and use != "review" else ""
        if hint:
            yield "team_like_another", f"{team} is not among the policy's teams{hint}", path, None, "warning"
    weighted = {push.team for _, push in pushes_in(policy) if push.by == "weighted_round_robin"}
    weighted |= {onward.team for _, onward in onwards_in(policy) if onward.by == "weighted_round_robin"}
    owned = {
        territory.owner.team
        for territory in policy.territories.values()
        if territory.owner
        and any(push.to == "territory.owner" and push.by == "weighted_round_robin" for _, push in pushes_in(policy))
    }
    for team, rules in policy.teams.items():
        if team not in pushed_to:
            yield "team_unused", f"nothing pushes leads to the team {team}", ("teams", team), None, "warning"
        elif rules.weights and team not in weighted | owned:
            message = f"the weights of {team} are not used; push to it by: weighted_round_robin"
            yield "weights_unused", message, ("teams", team, "weights"), None, "warning"


def _pools_seen(policy: Policy) -> Iterator[Found]:
    if policy.tiers and all(tier.sees == "none" for tier in policy.tiers):
        for name in policy.pools:
            message = f"nobody can see the pool {name}: every tier sees none"
            yield "pool_unseen", message, ("pools", name), None, "error"
        return
    for name, pool in policy.pools.items():
        if pool.teams == ():
            message = (
                f"nobody can see the pool {name}: its teams are empty; name some, or leave teams out for everybody"
            )
            yield "pool_unseen", message, ("pools", name, "teams"), None, "error"
    for index, tier in enumerate(policy.tiers):
        if tier.sees == "none" and tier.only is not None:
            message = f"{tier.name} sees none, so only narrows nothing"
            yield "only_unused", message, ("tiers", index, "only"), None, "warning"
    if not policy.tiers and policy.tiering != Tiering():
        message = "there are no tiers, so nobody comes into one; add them under tiers"
        yield "tiering_unused", message, ("tiering",), None, "warning"


def _steps(policy: Policy) -> Iterator[Found]:
    for name, pool in policy.pools.items():
        before = None
        for index, step in enumerate(pool.escalate):
            path: Path = ("pools", name, "escalate", index, "after")
            if before is not None and step.after <= before:
                message = "each escalation step must come later than the one before it"
                yield "steps_out_of_order", message, path, None, "error"
            elif step.after >= pool.assign_after:
                message = "this step is never reached: assign_after comes before it"
                yield "step_unreachable", message, path, None, "warning"
            before = step.after


def _scores(policy: Policy) -> Iterator[Found]:
    points, ranks = policy.qualify.score, policy.qualify.rank
    best = [max(answer.add for answer in question.answers.values()) for question in policy.qualify.questions.values()]
    most = min(100, sum(points for points in (*(point.add for point in points), *best) if points > 0))
    if (points or best) and most < ranks.hot and policy.qualify.by == "points":
        least = "warm" if most < ranks.warm else "hot"
        message = (
            f"no lead can be {least}: all points together make {most}, and {least} begins at {getattr(ranks, least)}"
        )
        yield "rank_unreachable", message, ("qualify", "rank"), None, "warning"
    mix = policy.fair_play.mix
    if mix and mix.share is not None and int(mix.share * mix.over + 1e-9) == 0:
        message = f"the mix asks for nothing: {mix.share:.0%} of {mix.over} claims is less than one lead"
        yield "mix_asks_nothing", message, ("fair_play", "mix"), None, "warning"


def _owners(policy: Policy) -> Iterator[Found]:
    for path, push in pushes_in(policy):
        if push.to == "territory.owner" and not policy.territories:
            message = "there are no territories, so there is no owner to push to; add them under territories"
            yield "no_territories", message, (*path, "to"), None, "error"


def _odd_ends(policy: Policy) -> Iterator[Found]:
    for index, sla in enumerate(policy.sla):
        if not sla.then.reassign and not sla.then.review:
            message = "nothing comes of a missed first contact; give reassign, review or both"
            yield "sla_without_end", message, ("sla", index, "then"), None, "error"


def _people_named(policy: Policy, people: People) -> Iterator[Found]:
    """Teams and reps that the workspace does not have, each told once. They may come later, so these are warnings."""
    if policy.qualify.by == "prediction" and people.model is False:
        message = "no model is switched on, so the points count: train one, look at what it is worth, and switch it on"
        yield "no_model", message, ("qualify", "by"), None, "warning"
    told: set[tuple[str, str]] = set()
    for path, team, use in teams_in(policy):
        if (team, use) in told or (use == "review" and team == REVIEWERS):
            continue
        told.add((team, use))
        if team not in people.teams:
            if (team, "") not in told:
                hint = did_you_mean(team, people.teams) or "; add it under People"
                yield "unknown_team", f"the workspace has no team {team}{hint}", path, None, "warning"
            told.add((team, ""))
        elif use == "push" and not people.teams[team]:
            yield (
                "team_empty",
                f"the team {team} has no active reps, so nothing can be pushed to it",
                path,
                None,
                "warning",
            )
    for path, handle in reps_in(policy):
        if handle not in people.reps and (handle, "rep") not in told:
            told.add((handle, "rep"))
            hint = did_you_mean(handle, people.reps)
            yield "unknown_rep", f"the workspace has no active rep {handle}{hint}", path, None, "warning"
    for name, pool in policy.pools.items():
        if pool.teams and not any(people.teams.get(team) for team in pool.teams):
            message = f"nobody can see the pool {name} now: no active rep is in {' or '.join(pool.teams)}"
            yield "pool_unseen", message, ("pools", name, "teams"), None, "warning"
