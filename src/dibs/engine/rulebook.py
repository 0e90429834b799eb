"""A policy made ready to run: every condition compiled once, and only the facts that they ask laid out for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from dibs.engine.conditions import Activation, Condition, Facts, Together
from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts
from dibs.engine.policy_model import Policy, Rule, Territory, Tier


class Knows(NamedTuple):
    """What a condition may ask where it stands: subjects, and single facts that are not known yet, with the reason."""

    about: tuple[str, ...]
    unknown: Mapping[str, str] = {}


SCORING = Knows(
    ("lead", "account", "now"),
    {"lead.score": "is what is being counted here", "lead.rank": "is only known after scoring"},
)
ROUTING = Knows(("lead", "account", "now"))
TIER = Knows(("rep",))
SIGHT = Knows(("lead", "rep", "now"))
FIRST_CONTACT = Knows(("lead", "now"))

#: Rules asked at once before each alone. Seven ORs stay within the runtime's nesting limit, and 7 x 7 makes about fifty rules.
_BLOCK = 7
#: Blocks whose rules are asked in one question; the runtime nests no deeper than about 24 of them.
_RUN = 3


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule of the route and its place there; ``when`` is ``None`` for a rule that takes everything."""

    index: int
    rule: Rule
    when: Condition | None


#: Some rules, and a condition that holds if any of theirs does (``None``: ask each).
Block = tuple[Condition | None, tuple[CompiledRule, ...]]


class Rulebook:
    """A policy made ready to run. Build it with `Rulebook.of`; it is never changed, so processes keep it as long as they like."""

    __slots__ = (
        "_facts",
        "_runs",
        "_scoring",
        "_scoring_facts",
        "points",
        "policy",
        "routes",
        "sla_when",
        "territories",
        "tiers",
    )

    def __init__(self, policy: Policy) -> None:
        def compiled(text: str | None, knows: Knows) -> Condition | None:
            return None if text is None else Condition.of(text, *knows)

        self.policy = policy
        self.points: tuple[tuple[Condition, int, str], ...] = tuple(
            (Condition.of(points.when, *SCORING), points.add, points.when) for points in policy.qualify.score
        )
        self.territories: tuple[tuple[str, Condition, Territory], ...] = tuple(
            (name, Condition.of(territory.when, *ROUTING), territory) for name, territory in policy.territories.items()
        )
        self.routes: tuple[CompiledRule, ...] = tuple(
            CompiledRule(index, rule, compiled(rule.when, ROUTING)) for index, rule in enumerate(policy.route)
        )
        self.tiers: tuple[tuple[Tier, Condition | None, Condition | None], ...] = tuple(
            (tier, compiled(tier.when, TIER), compiled(tier.only, SIGHT)) for tier in policy.tiers
        )
        self.sla_when: Condition | None = compiled(policy.sla.when, FIRST_CONTACT) if policy.sla else None
        self._runs = tuple(_runs(tuple(_blocks(self.routes))))
        self._scoring = Together.set_of(condition for condition, _, _ in self.points)
        conditions = [condition for _, condition, _ in self.territories]
        conditions += [route.when for route in self.routes if route.when]
        conditions += [condition for _, when, only in self.tiers for condition in (when, only) if condition]
        conditions += [self.sla_when] if self.sla_when else []
        self._scoring_facts = Facts(fact for condition, _, _ in self.points for fact in condition.facts)
        self._facts = Facts(fact for condition in conditions for fact in condition.facts)

    @classmethod
    def of(cls, policy: Policy) -> Rulebook:
        """Compile a policy. Raises `ConditionRefused` at the first condition that does not compile."""
        return cls(policy)

    def activation(
        self,
        lead: LeadFacts | None = None,
        account: AccountFacts | None = None,
        rep: RepFacts | None = None,
        *,
        now: datetime | None = None,
    ) -> Activation:
        """The facts laid out for this policy's conditions: one for a lead, shared by all of them but those of scoring."""
        return self._facts.activation(lead, account, rep, now)

    def first(self, activation: Activation) -> CompiledRule | None:
        """The first rule of the route that matches: the same as asking each in turn, in fewer questions."""
        for together, blocks in self._runs:
            place = together.ask(activation) if together is not None else None
            if place is not None and place >= 0:
                return blocks[place // _BLOCK][1][place % _BLOCK]
            if place is None and (found := _first_in(blocks, activation)):
                return found
        return None

    def scored(self, lead: LeadFacts, account: AccountFacts | None, now: datetime) -> list[tuple[Condition, int, str]]:
        """Those of `points` whose condition holds, in their order."""
        if not self.points:
            return []
        activation = self._scoring_facts.activation(lead, account, now=now)
        bits = self._scoring.ask(activation) if self._scoring is not None else None
        if bits is None:
            return [points for points in self.points if points[0].holds(activation)]
        return [points for place, points in enumerate(self.points) if bits >> place & 1]


def _first_in(blocks: tuple[Block, ...], activation: Activation) -> CompiledRule | None:
    """The first rule that matches, where one of the conditions errs: whole blocks at once, then each alone."""
    for any_of, routes in blocks:
        if any_of is None or any_of.holds(activation):
            for route in routes:
                if route.when is None or route.when.holds(activation):
                    return route
    return None


def _runs(blocks: tuple[Block, ...]) -> list[tuple[Together | None, tuple[Block, ...]]]:
    """Blocks in runs, each with one question for the first of its rules that matches; shorter where it would nest too deep."""
    runs: list[tuple[Together | None, tuple[Block, ...]]] = []
    start = 0
    while start < len(blocks):
        for length in range(_RUN, 0, -1):
            run = blocks[start : start + length]
            together = Together.first_of(route.when for _, routes in run for route in routes)
            if together is not None or length == 1:
                runs.append((together, run))
                start += length
                break
    return runs


def _blocks(routes: tuple[CompiledRule, ...]) -> list[Block]:
    """The route in blocks of rules, each with a condition that holds if any of its rules does.

    A question costs more by being asked than by its length. An error within an ``||`` is absorbed by any part that is true,
    so a block's question is true exactly when one of its rules' is.
    """
    found: list[Block] = []
    for start in range(0, len(routes), _BLOCK):
        block = routes[start : start + _BLOCK]
        conditions = [route.when for route in block if route.when]
        together = Condition.any_of(conditions) if len(block) == len(conditions) > 1 else None
        found.append((together, block))
    return found
