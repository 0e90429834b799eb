"""The policy document: its fields, their types and defaults. One truth for YAML, JSON Schema and the reference page.

What one field cannot know by itself (does that pool exist? does the condition compile?) is asked by
`dibs.engine.policy_check`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dibs.engine.policy_cases import Example
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
    """The condition."""
    add: Annotated[int, Field(ge=-100, le=100)]
    """Points, -100..100."""


class Ranks(Part):
    """The lowest score that is hot, and the lowest that is warm. What is under warm is cool."""

    hot: Threshold = 75
    """From this score up, 1..100, a lead is hot."""
    warm: Threshold = 40
    """From this score up it is warm; below, cool."""

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
    """To somebody of this team."""
    by: By = "round_robin"
    """How somebody of the team is chosen."""
    pool: Name | None = None
    """Into this pool."""
    review: Name | None = None
    """Before the managers of this team; `managers` means all managers."""

    @model_validator(mode="after")
    def _one_way(self) -> Onward:
        exactly_one(self, ("team", "pool", "review"), "where a lead goes on to")
        return self


class Stale(Part):
    """What becomes of a lead of this rank that nobody has taken further for this long."""

    after: Duration
    """How long it may wait, counted from when it began to."""
    rank: Rank = "warm"
    """Which leads this is about."""
    then: Onward
    """Where they go."""


class Qualify(Part):
    """How a lead is scored, 1..100, and ranked."""

    score: tuple[Points, ...] = ()
    """Points for each condition that holds; their sum, kept within 1..100, is the score."""
    rank: Ranks = Ranks()
    """Where the ranks begin."""
    stale: Stale | None = None
    """What becomes of leads that were left alone."""


class Owner(Part):
    """Whose a territory is: a team's or one rep's."""

    team: Name | None = None
    """The team."""
    rep: Name | None = None
    """The rep's handle."""

    @model_validator(mode="after")
    def _one_owner(self) -> Owner:
        exactly_one(self, ("team", "rep"), "an owner")
        return self


class Territory(Part):
    """A slice of the market. The first whose condition holds is the lead's territory."""

    when: ConditionText
    """Which leads lie in it."""
    owner: Owner
    """To whom `push: {to: territory.owner}` gives them."""


class Push(Part):
    """Give the lead to a rep: the account's or territory's owner, or somebody of a team."""

    to: Literal["account.owner", "territory.owner"] | None = None
    """The rep who owns the lead's account, or the rep or team that owns its territory."""
    team: Name | None = None
    """Somebody of this team."""
    by: By = "round_robin"
    """How somebody of the team is chosen."""
    accept_within: Duration | None = None
    """Offer it, and take it back after this long; left out: assign it without asking."""

    @model_validator(mode="after")
    def _one_target(self) -> Push:
        exactly_one(self, ("to", "team"), "push")
        return self


class Pull(Part):
    """Let the lead wait in a pool until a rep claims it."""

    pool: Name
    """Which pool."""


class Rule(Part):
    """One way leads go: exactly one of ``push``, ``pull``, ``review`` and ``nurture``. Without ``when`` it takes what no rule before took."""

    name: Title
    """What reasons and examples call it."""
    when: ConditionText | None = None
    """Which leads it takes."""
    push: Push | None = None
    """Give the lead to a rep."""
    pull: Pull | None = None
    """Let it wait in a pool."""
    review: Name | None = None
    """Put it before the managers of this team; `managers` means all managers."""
    nurture: Literal[True] | None = None
    """Keep it away from sales for now."""
    fallback: Onward | None = None
    """Where a pushed lead goes when nobody is eligible; left out: to the pool of the last rule that pulls, else to review."""

    @model_validator(mode="after")
    def _one_way(self) -> Rule:
        exactly_one(self, ("push", "pull", "review", "nurture"), "a rule")
        if self.fallback and not self.push:
            raise PydanticCustomError("fallback_without_push", "only a rule that pushes can have a fallback")
        return self


class TeamRules(Part):
    """How leads are pushed within a team."""

    weights: dict[Name, Annotated[float, Field(ge=0.01, le=100)]] = {}
    """Turns a rep gets where others get one, by handle, for `by: weighted_round_robin`."""
    open_at_most: Count | None = None
    """A rep with this many open leads is passed over."""
    per_day: Count | None = None
    """So is one who was given this many in the rep's own day."""
    catch_up: bool = False
    """Whether a rep back from leave makes up for missed turns."""


class Step(Part):
    """What happens to a lead that has waited in the pool this long: pushed, or put before managers."""

    after: Duration
    """Counted from when the lead began to wait, lapsed claims included."""
    push: Push | None = None
    """Give it to a rep."""
    review: Name | None = None
    """Put it before the managers of this team; `managers` means all managers."""

    @model_validator(mode="after")
    def _one_way(self) -> Step:
        exactly_one(self, ("push", "review"), "an escalation step")
        return self


class Pool(Part):
    """A place where leads wait to be claimed."""

    mode: Mode = "pool"
    """`queue`: only the head can be taken. `pool`: a preview of all can be seen, and any taken. `cherry_pick`: everything can be seen, and any taken."""
    teams: tuple[Name, ...] | None = None
    """Whose reps may see it; left out: everybody's."""
    order: tuple[OrderKey, ...] = ("-score", "received_at")
    """How it is sorted; `-` puts the greatest first."""
    preview: tuple[LeadField, ...] = ("company", "industry", "employees", "country", "source", "score")
    """What of a lead is seen before it is claimed."""
    lock: Annotated[Duration | None, Field(json_schema_extra={"default": "15m"})] = timedelta(minutes=15)
    """How long a claimed lead is the rep's without contact; `null`: until it is given back."""
    reclaim_after: Duration | None = None
    """How long a rep whose lock ran out, or who gave the lead back without a contact, has to wait before claiming it again."""
    escalate: tuple[Step, ...] = ()
    """What happens to a lead that nobody claims, step by step."""
    assign_after: Annotated[Duration, Field(json_schema_extra={"default": "24h"})] = timedelta(hours=24)
    """The age cap: nothing waits longer, whatever happens above."""


class ClaimAtLeast(Part):
    """How many leads a rep is expected to claim, and what happens to one who does not."""

    count: Count
    """How many claims."""
    per: Literal["day", "week"] = "day"
    """In which time: the rep's own day, or the week from Monday. A week's count is for five working days (or more, if the rep has more);
    fewer days, and time off, lower it in proportion, as hours off do a day's; rounded down."""
    then: Literal["notify", "auto_assign"] = "notify"
    """What comes of it: `notify` tells the rep and the managers of the rep's teams; `auto_assign` also assigns what is missing, the
    oldest waiting leads first."""
    ahead: Annotated[Duration, Field(json_schema_extra={"default": "1h"})] = timedelta(hours=1)
    """How long before the end of the rep's working day, or of the week's last one, that happens; not before the first begins."""


class ClaimRate(Part):
    """No more than ``count`` claims within any span of ``per``."""

    count: Annotated[int, Field(ge=1, le=50)]
    """How many claims, 1..50."""
    per: Duration
    """Within how long, a day at most."""

    @model_validator(mode="after")
    def _within_a_day(self) -> ClaimRate:
        if self.per > timedelta(days=1):
            raise PydanticCustomError("rate_too_long", "a claim rate is counted over a day at most (24h)")
        return self


class Mix(Part):
    """Low-score leads that have to be among the claims: a share of the last ``over``, or so many for each high one. Claims from a queue
    do not count."""

    low_below: Threshold = 50
    """Scores under this are low."""
    share: Share | None = None
    """Which part of the claims has to be low."""
    over: Annotated[int, Field(ge=2, le=200)] = 20
    """Of how many latest claims, 2..200."""
    per_high: Annotated[int, Field(ge=1, le=20)] | None = None
    """How many low ones have to be claimed after a high one before the next high one, 1..20; `1` is one low for each high."""

    @model_validator(mode="after")
    def _one_way(self) -> Mix:
        exactly_one(self, ("share", "per_high"), "a mix")
        return self


class FairPlay(Part):
    """What keeps pulling fair; what is left out is not in force."""

    hold_at_most: Count | None = None
    """Claimed leads that a rep may hold without having contacted them."""
    claim_at_least: ClaimAtLeast | None = None
    """Claims that are expected of a rep."""
    claim_rate: ClaimRate | None = None
    """How fast a rep may claim."""
    mix: Mix | None = None
    """Low-score leads that a rep has to take among the others, unless none is within sight."""
    skip_at_most: Count | None = None
    """Leads whose details a rep may open, or heads of a queue pass, without claiming one. Giving back a claimed lead without a contact,
    or letting it lapse, counts as one more, and those before that claim count on; only a claim with a contact forgives them all. Where
    it is set, a `cherry_pick` pool shows previews, and the details of a lead that is opened."""
    notice: Duration | None = None
    """How long before it takes effect a policy that tightens a rule must be announced; left out: it may take effect at once."""
    shown_to: Literal["team", "managers"] = "team"
    """Who may open the page Fair play: everybody, for their teams, or managers only."""


class Tier(Part):
    """What reps of a kind see of waiting leads."""

    name: Title
    """What reasons call it."""
    when: ConditionText | None = None
    """Which reps it is for; left out: everybody else."""
    sees: Literal["full", "preview", "none"]
    """`full`: what the pool shows. `preview`: no more than the preview. `none`: nothing."""
    only: ConditionText | None = None
    """Which leads; left out: all."""


class Tiering(Part):
    """How reps come into their tiers: counted anew each day from what they ended lately, and moved only when that holds."""

    over: Annotated[Duration, Field(json_schema_extra={"default": "90d"})] = timedelta(days=90)
    """The rolling window that `rep.closed` and `rep.conversion_rate` are counted over."""
    confirm: Annotated[int, Field(ge=1, le=60)] = 3
    """How many days in a row another tier has to fit before the rep moves there, 1..60."""


class Weight(Part):
    """Leads that count for more, or for less."""

    when: ConditionText
    """Which leads."""
    times: Annotated[float, Field(ge=0, le=100)]
    """How many times the points, 0..100."""


class Credits(Part):
    """Points that reps earn, for pay and reports. The first weight whose condition holds counts; without any, the points as they are."""

    claim: Annotated[float, Field(ge=0, le=1000)] = 0
    """For the first contact on a lead the rep claimed; a claim that lapses earns nothing."""
    convert: Annotated[float, Field(ge=0, le=1000)] = 0
    """For a lead the rep converted, however they came to have it."""
    weights: tuple[Weight, ...] = ()
    """Which leads count for more, or for less."""


class Consequence(Part):
    """After a missed first contact: handed to another rep so many times, then to the review of a team's managers."""

    reassign: Annotated[int, Field(ge=0, le=20)] = 0
    """How often the lead is handed to another rep, 0..20."""
    review: Name | None = None
    """Then it goes before the managers of this team; `managers` means all managers."""


class Sla(Part):
    """How soon a lead must have its first contact, counted from when a rep got it, in all hours or the rep's working hours."""

    first_contact: Duration
    """How soon."""
    when: ConditionText | None = None
    """For which leads; left out: all."""
    hours: Literal["always", "business"] = "always"
    """`business`: only the rep's working hours count."""
    then: Consequence
    """What becomes of a lead that is late."""


class Policy(Part):
    """How leads are qualified and distributed."""

    policy: Title
    """The policy's name."""
    qualify: Qualify = Qualify()
    """How leads are scored and ranked."""
    territories: dict[Name, Territory] = {}
    """Slices of the market by name; the first whose condition holds is the lead's."""
    route: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=1000)]
    """Where leads go: the first rule that matches, wins."""
    teams: dict[Name, TeamRules] = {}
    """How leads are pushed within teams, by the team's name. A team without rules of its own needs no entry."""
    pools: dict[Name, Pool] = {}
    """The pools, by name."""
    fair_play: FairPlay = FairPlay()
    """What keeps pulling fair."""
    tiers: tuple[Tier, ...] = ()
    """What reps of a kind see; the first that fits the rep, as settled once a day. Without any, everybody sees what the pool shows."""
    tiering: Tiering = Tiering()
    """How reps come into their tiers."""
    sla: Sla | None = None
    """How soon leads must be contacted."""
    credits: Credits | None = None
    """Points that reps earn by claims and conversions."""
    examples: tuple[Example, ...] = ()
    """Leads, and what must come of them."""

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
