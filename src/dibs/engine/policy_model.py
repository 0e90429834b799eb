"""The policy document: its fields, their types and defaults. One truth for YAML, JSON Schema and the reference page.

What one field cannot know by itself (does that pool exist? does the condition compile?) is asked by
`dibs.engine.policy_check`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from dibs.engine.facts import AccountFacts, LeadFacts
from dibs.engine.policy_terms import (
    By,
    ConditionText,
    Count,
    Duration,
    LeadField,
    Mode,
    Name,
    OrderKey,
    Part,
    Rank,
    Share,
    Threshold,
    Title,
    exactly_one,
)


class Points(Part):
    """Points for a lead that a condition holds for; negative ones take away."""

    when: ConditionText
    add: Annotated[int, Field(ge=-100, le=100)]


class Ranks(Part):
    """The lowest score that is hot, and the lowest that is warm. What is under warm is cool."""

    hot: Threshold = 75
    warm: Threshold = 40

    @model_validator(mode="after")
    def _in_order(self) -> Ranks:
        if self.hot <= self.warm:
            raise PydanticCustomError(
                "ranks_overlap", f"hot ({self.hot}) must lie above warm ({self.warm}), or no lead can be warm"
            )
        return self


class Onward(Part):
    """Where a lead goes on to: a team, by one of the ways to choose within it, a pool, or the review of a team's managers."""

    team: Name | None = None
    by: By = "round_robin"
    pool: Name | None = None
    review: Name | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Onward:
        exactly_one(self, ("team", "pool", "review"), "where a lead goes on to")
        return self


class Stale(Part):
    """What becomes of a lead of this rank that nobody has taken further for this long."""

    after: Duration
    rank: Rank = "warm"
    then: Onward


class Qualify(Part):
    """How a lead is scored, 1..100, and ranked."""

    score: tuple[Points, ...] = ()
    rank: Ranks = Ranks()
    stale: Stale | None = None


class Owner(Part):
    """Whose a territory is: a team's or one rep's."""

    team: Name | None = None
    rep: Name | None = None

    @model_validator(mode="after")
    def _one_owner(self) -> Owner:
        exactly_one(self, ("team", "rep"), "an owner")
        return self


class Territory(Part):
    """A slice of the market. The first whose condition holds is the lead's territory."""

    when: ConditionText
    owner: Owner


class Push(Part):
    """Give the lead to a rep: the account's or territory's owner, or somebody of a team.

    With ``accept_within`` it is an offer to accept in that time, else it is assigned without asking.
    """

    to: Literal["account.owner", "territory.owner"] | None = None
    team: Name | None = None
    by: By = "round_robin"
    accept_within: Duration | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Push:
        exactly_one(self, ("to", "team"), "push")
        return self


class Pull(Part):
    """Let the lead wait in a pool until a rep claims it."""

    pool: Name


class Rule(Part):
    """One way leads go. Without ``when`` it takes every lead that no rule before it took.

    ``fallback`` is where a pushed lead goes when nobody is eligible; without it, to the pool of the last rule that pulls.
    """

    name: Title
    when: ConditionText | None = None
    push: Push | None = None
    pull: Pull | None = None
    review: Name | None = None
    nurture: Literal[True] | None = None
    fallback: Onward | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Rule:
        exactly_one(self, ("push", "pull", "review", "nurture"), "a rule")
        if self.fallback and not self.push:
            raise PydanticCustomError("fallback_without_push", "only a rule that pushes can have a fallback")
        return self


class TeamRules(Part):
    """How leads are pushed within a team.

    ``weights`` gives reps more or fewer turns than one (for ``by: weighted_round_robin``); ``open_at_most`` leads a rep
    may have open, ``per_day`` pushed in the rep's own day; ``catch_up`` lets a rep back from leave make up missed turns.
    """

    weights: dict[Name, Annotated[float, Field(ge=0.01, le=100)]] = {}
    open_at_most: Count | None = None
    per_day: Count | None = None
    catch_up: bool = False


class Step(Part):
    """What happens to a lead that has waited in the pool this long: pushed, or put before managers."""

    after: Duration
    push: Push | None = None
    review: Name | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Step:
        exactly_one(self, ("push", "review"), "an escalation step")
        return self


class Pool(Part):
    """A place where leads wait to be claimed.

    ``teams`` names who may see it (default: everybody). ``lock`` is how long a claimed lead is the rep's without contact
    (``null``: until given back). ``assign_after`` is the age cap: nothing waits longer, whatever happens above.
    """

    mode: Mode = "pool"
    teams: tuple[Name, ...] | None = None
    order: tuple[OrderKey, ...] = ("-score", "received_at")
    preview: tuple[LeadField, ...] = ("company", "industry", "employees", "country", "source", "score")
    lock: Duration | None = timedelta(minutes=15)
    reclaim_after: Duration | None = None
    escalate: tuple[Step, ...] = ()
    assign_after: Duration = timedelta(hours=24)


class ClaimAtLeast(Part):
    """How many leads a rep is expected to claim, and what happens to one who does not."""

    count: Count
    per: Literal["day", "week"] = "day"
    then: Literal["notify", "auto_assign"] = "notify"


class Mix(Part):
    """Of the last ``over`` claims, at least ``share`` have a score below ``low_below``."""

    low_below: Threshold = 50
    share: Share
    over: Annotated[int, Field(ge=2, le=200)] = 20


class FairPlay(Part):
    """What keeps pulling fair. ``hold_at_most`` counts owned leads without contact; ``skip_at_most`` leads passed by since the last claim."""

    hold_at_most: Count | None = None
    claim_at_least: ClaimAtLeast | None = None
    mix: Mix | None = None
    skip_at_most: Count | None = None


class Tier(Part):
    """What reps of a kind see of waiting leads. The first tier whose condition holds is the rep's; ``only`` narrows the leads."""

    name: Title
    when: ConditionText | None = None
    sees: Literal["full", "preview", "none"]
    only: ConditionText | None = None


class Consequence(Part):
    """After a missed first contact: handed to another rep so many times, then to the review of a team's managers."""

    reassign: Annotated[int, Field(ge=0, le=20)] = 0
    review: Name | None = None


class Sla(Part):
    """How soon a lead must have its first contact, counted from when a rep got it, in all hours or the rep's working hours."""

    first_contact: Duration
    when: ConditionText | None = None
    hours: Literal["always", "business"] = "always"
    then: Consequence


class LeadInExample(Part):
    """A lead's facts. Score and rank are what comes of them, so they are expected, not given."""

    source: str | None = None
    name: str | None = None
    title: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    domain: str | None = None
    industry: str | None = None
    employees: int | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    postal_code: str | None = None
    language: str | None = None
    product: str | None = None
    use_case: str | None = None
    deal_value: float | None = None
    currency: str | None = None
    message: str | None = None
    consent: bool | None = None
    received_at: AwareDatetime | None = None
    attributes: dict[str, str | int | float | bool | None] = {}

    def facts(self) -> LeadFacts:
        return LeadFacts(**self.model_dump())


class AccountInExample(Part):
    """The account's facts; ``owner`` is a rep's handle."""

    name: str | None = None
    domain: str | None = None
    owner: Name | None = None

    def facts(self) -> AccountFacts:
        return AccountFacts(**self.model_dump())


class RepInExample(Part):
    """How a rep stands in an example; what is left out is: at work, with nothing open. ``team`` puts the rep in a team."""

    team: Name | None = None
    active: bool = True
    available: bool = True
    open_leads: Annotated[int, Field(ge=0)] = 0
    assigned_today: Annotated[int, Field(ge=0)] = 0
    conversion_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    closed: Annotated[int, Field(ge=0)] = 0
    country: str | None = None
    languages: tuple[str, ...] = ()


class Expected(Part):
    """What must come of an example; what is left out may be anything."""

    pool: Name | None = None
    team: Name | None = None
    rep: Name | None = None
    review: Name | None = None
    nurture: Literal[True] | None = None
    rank: Rank | None = None
    score: Threshold | None = None
    rule: Title | None = None
    territory: Name | None = None

    @model_validator(mode="after")
    def _something(self) -> Expected:
        if not self.model_fields_set:
            raise PydanticCustomError(
                "expects_nothing", "expect at least one thing: pool, team, rep, rule, rank, score ..."
            )
        return self


class Example(Part):
    """A lead and what must come of it. ``check`` and every publish run it.

    The teams hold the reps that the policy names for them (``weights``) and those that ``reps`` puts there; a team without any
    holds one made-up rep, named like the team.
    """

    name: Title | None = None
    lead: LeadInExample
    account: AccountInExample | None = None
    reps: dict[Name, RepInExample] = {}
    now: AwareDatetime | None = None
    expect: Expected


class Policy(Part):
    """How leads are qualified and distributed."""

    policy: Title
    qualify: Qualify = Qualify()
    territories: dict[Name, Territory] = {}
    route: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=1000)]
    teams: dict[Name, TeamRules] = {}
    pools: dict[Name, Pool] = {}
    fair_play: FairPlay = FairPlay()
    tiers: tuple[Tier, ...] = ()
    sla: Sla | None = None
    examples: tuple[Example, ...] = ()

    def team_names(self) -> frozenset[str]:
        """Every team the policy speaks of, beside those whose managers review."""
        pushes = [rule.push for rule in self.route if rule.push]
        pushes += [step.push for pool in self.pools.values() for step in pool.escalate if step.push]
        onward = [rule.fallback for rule in self.route if rule.fallback]
        if self.qualify.stale:
            onward.append(self.qualify.stale.then)
        found = {push.team for push in pushes} | {on.team for on in onward}
        found |= {territory.owner.team for territory in self.territories.values()}
        found |= {team for pool in self.pools.values() for team in pool.teams or ()}
        return frozenset(self.teams) | frozenset(team for team in found if team)
