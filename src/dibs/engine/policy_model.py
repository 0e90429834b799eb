"""The policy document: its fields, their types and defaults. One truth for YAML, JSON Schema and the reference page.

What one field cannot know by itself (does that pool exist? does the condition compile?) is asked by
`dibs.engine.policy_check`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from dibs.engine.policy_assess import Assessment
from dibs.engine.policy_cases import Example
from dibs.engine.policy_deals import Opportunities
from dibs.engine.policy_fair_play import Credits, FairPlay, Tier, Tiering
from dibs.engine.policy_market import Matching, Territory
from dibs.engine.policy_nurture import Nurture
from dibs.engine.policy_privacy import Privacy
from dibs.engine.policy_qualify import Qualify
from dibs.engine.policy_teams import Availability, BestMatch, TeamRules
from dibs.engine.policy_terms import (
    ConditionText,
    Duration,
    LeadField,
    Mode,
    Name,
    OrderKey,
    Part,
    Title,
    exactly_one,
)
from dibs.engine.policy_time import Idle, Sla
from dibs.engine.policy_ways import Onward, Pull, Push, Step, Way


def _as_list(value: Any) -> Any:
    """One may stand where several may: without the list."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | dict | Part) else (value,)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("timezone", f"there is no time zone {name}; write it as Asia/Tokyo") from None
    return name


Zone = Annotated[str, AfterValidator(_zone)]


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
    nurture: Literal[True] | Name | None = None
    """Keep it away from sales for now; with a name, in this sequence of mails, with `true` in the first whose condition holds."""
    fallback: Onward | None = None
    """Where a pushed lead goes when nobody is eligible; left out: to the pool of the last rule that pulls, else to review."""

    @model_validator(mode="after")
    def _one_way(self) -> Rule:
        exactly_one(self, ("push", "pull", "review", "nurture"), "a rule")
        if self.fallback and not self.push:
            raise PydanticCustomError("fallback_without_push", "only a rule that pushes can have a fallback")
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


class Policy(Part):
    """How leads are qualified and distributed."""

    policy: Title
    """The policy's name."""
    timezone: Zone = "UTC"
    """Where the days that it names begin, an IANA time zone."""
    qualify: Qualify = Qualify()
    """How leads are scored and ranked."""
    territories: dict[Name, Territory] = {}
    """Slices of the market by name; the first that it lies in is the lead's, and so on down the tree."""
    route: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=1000)]
    """Where leads go: the first rule that matches, wins."""
    matching: Matching = Matching()
    """How sure it has to be that a new lead is of who is known already, and what becomes of it then."""
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
    best_match: BestMatch = BestMatch()
    """How `by: best_match` chooses."""
    availability: Availability = Availability()
    """When reps count as away, beside their own switch, hours and time off."""
    sla: Annotated[tuple[Sla, ...], BeforeValidator(_as_list, tuple[Sla, ...] | Sla), Field(max_length=50)] = ()
    """How soon leads must be contacted; of several, the first whose condition holds. One may stand without the list."""
    idle: Annotated[tuple[Idle, ...], BeforeValidator(_as_list, tuple[Idle, ...] | Idle), Field(max_length=50)] = ()
    """What becomes of leads that their reps left alone; of several, the first whose condition holds. One may stand without the list."""
    nurture: Nurture = Nurture()
    """Mails for leads that are not ready for sales."""
    assessments: dict[Name, Assessment] = {}
    """Questionnaires that reps fill in with a lead; offered are those whose condition holds."""
    opportunities: Opportunities = Opportunities()
    """What converted leads become."""
    privacy: Privacy = Privacy()
    """How long people are kept, and what becomes of those who must not be contacted."""
    credits: Credits | None = None
    """Points that reps earn by claims and conversions."""
    examples: tuple[Example, ...] = ()
    """Leads, and what must come of them."""

    def pushes(self) -> list[Push]:
        """Every push there is: of rules, and of the pools' escalation steps."""
        pushes = [rule.push for rule in self.route if rule.push]
        return pushes + [step.push for pool in self.pools.values() for step in pool.escalate if step.push]

    def ways(self) -> list[tuple[tuple[str | int, ...], Way]]:
        """Every way that leads go beside the route, and where it stands: not ready or not to be contacted, through with their mails, or
        assessed."""
        ready, privacy = self.qualify.ready, self.privacy
        ways: list[tuple[tuple[str | int, ...], Way | Literal[True] | None]] = []
        if ready is not None:
            ways.append((("qualify", "ready", "until"), ready.until))
            ways.append((("qualify", "ready", "give_up", "then"), ready.give_up.then if ready.give_up else None))
        ways.append((("privacy", "do_not_contact"), privacy.do_not_contact))
        ways.append((("privacy", "no_consent"), privacy.no_consent))
        for name, sequence in self.nurture.sequences.items():
            ways.append((("nurture", "sequences", name, "replied"), sequence.replied))
            ways.append((("nurture", "sequences", name, "then"), sequence.then))
        for name, assessment in self.assessments.items():
            ways += [
                (("assessments", name, "verdicts", index, "hand_over"), verdict.hand_over)
                for index, verdict in enumerate(assessment.verdicts)
            ]
        return [(path, way) for path, way in ways if isinstance(way, Way)]

    def onwards(self) -> list[Onward]:
        """Every place where leads go on to: rules' fallbacks, what comes of stale and idle leads, and the ways beside the route."""
        onwards = [rule.fallback for rule in self.route if rule.fallback]
        if self.qualify.stale:
            onwards.append(self.qualify.stale.then)
        onwards += [idle.then for idle in self.idle]
        return onwards + [onward for _, way in self.ways() if (onward := way.onward) is not None]

    def team_names(self) -> frozenset[str]:
        """Every team the policy speaks of, beside those whose managers review."""
        found = {push.team for push in self.pushes()} | {onward.team for onward in self.onwards()}
        found |= {territory.owner.team for territory in self.territories.values() if territory.owner}
        found |= {team for pool in self.pools.values() for team in pool.teams or ()}
        return frozenset(self.teams) | frozenset(team for team in found if team)
