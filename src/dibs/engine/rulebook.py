"""A policy made ready to run: every condition compiled once, and only the facts that they ask laid out for them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from dibs.engine.asking import Facts, Questions
from dibs.engine.conditions import Activation, Condition
from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts
from dibs.engine.policy_fair_play import Tier
from dibs.engine.policy_model import Policy, Rule
from dibs.engine.policy_qualify import Question
from dibs.engine.policy_teams import Caps
from dibs.engine.policy_time import Idle, Sla
from dibs.engine.prediction import Model
from dibs.engine.territories import Lies, Market


class Knows(NamedTuple):
    """What a condition may ask where it stands: subjects, and single facts that are not known yet, with the reason."""

    about: tuple[str, ...]
    unknown: Mapping[str, str] = {}


SCORING = Knows(
    ("lead", "account", "now"),
    {"lead.score": "is what is being counted here", "lead.rank": "is only known after scoring"},
)
ROUTING = Knows(("lead", "account", "now"))
SEQUENCE = Knows(("lead", "account", "now"))
AMONG = Knows(("lead", "account", "rep", "now"))
TIER = Knows(("rep",))
SIGHT = Knows(("lead", "rep", "now"))
FIRST_CONTACT = Knows(("lead", "now"))
LEFT_ALONE = Knows(("lead", "now"))
CREDITS = Knows(("lead", "now"))
ASSESSING = Knows(("lead", "account", "now"))


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule of the route and its place there; ``when`` is ``None`` for a rule that takes everything."""

    index: int
    rule: Rule
    when: Condition | None


@dataclass(frozen=True, slots=True)
class Uses:
    """What a policy asks of reps beyond what is always known of them, so that nothing is fetched that nobody asks.

    ``best_match``: how their leads ended, by kind. ``hour``: when leads were pushed to them within the hour
    (``per_hour``). ``latest``: when the latest was (``first_available``). ``record``: ``rep.closed`` and ``rep.conversion_rate``, in
    whom a push is among.
    """

    best_match: bool
    hour: bool
    latest: bool
    record: bool

    @classmethod
    def of(cls, policy: Policy) -> Uses:
        ways = {push.by for push in policy.pushes()} | {onward.by for onward in policy.onwards()}
        among = " ".join(push.among for push in policy.pushes() if push.among)
        caps: list[Caps] = [caps for rules in policy.teams.values() for caps in (rules, *rules.reps.values())]
        return cls(
            best_match="best_match" in ways,
            hour=any(cap.per_hour is not None for cap in caps),
            latest="first_available" in ways,
            record="rep.closed" in among or "rep.conversion_rate" in among,
        )


def _given(caps: Caps, own: Caps | None = None) -> Caps | None:
    """The caps of a team with a rep's own over them; ``None`` if there are none."""
    over = own if own is not None else caps
    given = {name: getattr(caps, name) for name in Caps.model_fields}
    given |= {name: value for name in Caps.model_fields if (value := getattr(over, name)) is not None}
    return Caps(**given) if any(value is not None for value in given.values()) else None


class Rulebook:
    """A policy made ready to run. Build it with `Rulebook.of`; it is never changed, so processes keep it as long as they like."""

    __slots__ = (
        "_among",
        "_among_facts",
        "_assessing",
        "_assessing_facts",
        "_caps",
        "_facts",
        "_points_for",
        "_points_for_facts",
        "_ready",
        "_route",
        "_scoring",
        "_scoring_facts",
        "_sequences",
        "_technical",
        "gated",
        "idles",
        "market",
        "model",
        "points",
        "policy",
        "questions",
        "routes",
        "slas",
        "tiers",
        "uses",
    )

    def __init__(self, policy: Policy) -> None:
        #: What predicts how likely leads are to convert, where one is switched on; see `with_model`.
        self.model: Model | None = None

        def compiled(text: str | None, knows: Knows) -> Condition | None:
            return None if text is None else Condition.of(text, *knows)

        self.policy = policy
        self.points: tuple[tuple[Condition, int, str], ...] = tuple(
            (Condition.of(points.when, *SCORING), points.add, points.when) for points in policy.qualify.score
        )
        self.questions: tuple[tuple[str, Question, Condition | None], ...] = tuple(
            (name, question, compiled(question.when, SCORING)) for name, question in policy.qualify.questions.items()
        )
        ready = policy.qualify.ready
        self._ready = compiled(ready.when, ROUTING) if ready is not None else None
        self._sequences: tuple[tuple[str, Condition | None], ...] = tuple(
            (name, compiled(sequence.when, SEQUENCE)) for name, sequence in policy.nurture.sequences.items()
        )
        #: Whether anything but who must not be contacted keeps leads from the route.
        self.gated = ready is not None or policy.privacy.no_consent is not None
        territories = {
            name: Condition.of(territory.when, *ROUTING)
            for name, territory in policy.territories.items()
            if territory.when is not None
        }
        self.routes: tuple[CompiledRule, ...] = tuple(
            CompiledRule(index, rule, compiled(rule.when, ROUTING)) for index, rule in enumerate(policy.route)
        )
        self.tiers: tuple[tuple[Tier, Condition | None, Condition | None], ...] = tuple(
            (tier, compiled(tier.when, TIER), compiled(tier.only, SIGHT)) for tier in policy.tiers
        )
        self.slas: tuple[tuple[Sla, Condition | None], ...] = tuple(
            (sla, compiled(sla.when, FIRST_CONTACT)) for sla in policy.sla
        )
        self.idles: tuple[tuple[Idle, Condition | None], ...] = tuple(
            (idle, compiled(idle.when, LEFT_ALONE)) for idle in policy.idle
        )
        self.uses = Uses.of(policy)
        conditions = list(territories.values())
        conditions += [route.when for route in self.routes if route.when]
        conditions += [condition for _, when, only in self.tiers for condition in (when, only) if condition]
        conditions += [when for _, when in self.slas if when]
        conditions += [when for _, when in self.idles if when]
        conditions += [when for _, when in self._sequences if when]
        conditions += [self._ready] if self._ready else []
        technical = compiled(policy.best_match.strengths.technical, ROUTING) if self.uses.best_match else None
        conditions += [technical] if technical else []
        self._technical = technical
        self._facts = Facts(conditions)
        self._route = Questions([route.when for route in self.routes], self._facts, first=True)
        self.market = Market(policy.territories, policy.timezone, territories, self._facts)
        # Points are counted before score and rank are known, so they have facts of their own.
        scoring = [condition for condition, _, _ in self.points]
        asked = [when for _, _, when in self.questions if when]
        self._scoring_facts = Facts([*scoring, *asked])
        self._scoring = Questions(scoring, self._scoring_facts, first=False)
        # So have weights: no lead's way should lay out facts that are asked at its end alone.
        weights = [compiled(weight.when, CREDITS) for weight in policy.credits.weights] if policy.credits else []
        self._points_for_facts = Facts(condition for condition in weights if condition)
        self._points_for = Questions(weights, self._points_for_facts, first=True)
        # And so have questionnaires, which are asked for by people alone.
        self._assessing = {name: compiled(each.when, ASSESSING) for name, each in policy.assessments.items()}
        self._assessing_facts = Facts(condition for condition in self._assessing.values() if condition)
        # And so has what is asked of each rep for one lead.
        self._among = {push.among: Condition.of(push.among, *AMONG) for push in policy.pushes() if push.among}
        self._among_facts = Facts(self._among.values())
        self._caps = {
            name: (_given(rules), {rep: _given(rules, own) for rep, own in rules.reps.items()})
            for name, rules in policy.teams.items()
        }

    @classmethod
    def of(cls, policy: Policy) -> Rulebook:
        """Compile a policy. Raises `ConditionRefused` at the first condition that does not compile."""
        return cls(policy)

    def with_model(self, model: Model | None) -> Rulebook:
        """The same policy with this model switched on, or none. What is compiled is shared."""
        if model is self.model:
            return self
        other = copy(self)
        other.model = model
        return other

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

    def caps_of(self, team: str, rep: str) -> Caps | None:
        """How many leads the rep may be given as one of the team: its caps, with the rep's own in place of those that are given;
        ``None`` for no caps at all."""
        known = self._caps.get(team)
        return None if known is None else known[1].get(rep, known[0])

    def is_among(self, among: str, lead: LeadFacts, account: AccountFacts | None, rep: RepFacts, now: datetime) -> bool:
        """Whether the rep is one of those whom a push's ``among`` is for."""
        return self._among[among].holds(self._among_facts.activation(lead, account, rep, now))

    def is_technical(self, activation: Activation) -> bool:
        """Whether a lead needs technical depth."""
        return self._technical is not None and self._technical.holds(activation)

    def lacking(self, missing: int) -> frozenset[str]:
        """The facts, and single attributes, that an activation's ``missing`` stands for."""
        return self._facts.named(missing)

    def first(self, activation: Activation) -> CompiledRule | None:
        """The first rule of the route that matches."""
        place = self._route.first(activation)
        return None if place is None else self.routes[place]

    def territory(self, lead: LeadFacts, activation: Activation, now: datetime, day: date | None = None) -> Lies | None:
        """The territory that the lead lies in, as far down the tree as it goes. ``day``: as it is on this day, not on that of ``now``."""
        return self.market.of(lead, activation, now, day)

    def sla(self, activation: Activation) -> tuple[int, Sla] | None:
        """The first time for first contact whose condition holds, and its place."""
        for index, (sla, when) in enumerate(self.slas):
            if when is None or when.holds(activation):
                return index, sla
        return None

    def idle(self, activation: Activation) -> tuple[int, Idle] | None:
        """The first rule on leads left alone whose condition holds, and its place."""
        for index, (idle, when) in enumerate(self.idles):
            if when is None or when.holds(activation):
                return index, idle
        return None

    def is_ready(self, activation: Activation) -> bool:
        """Whether the lead is for sales: all are, where the policy does not say which."""
        return self._ready is None or self._ready.holds(activation)

    def sequence(self, activation: Activation) -> str | None:
        """The first sequence of mails whose condition holds."""
        return next((name for name, when in self._sequences if when is None or when.holds(activation)), None)

    def scored(
        self, lead: LeadFacts, account: AccountFacts | None, now: datetime
    ) -> tuple[tuple[int, ...], tuple[tuple[str, str], ...]]:
        """The places of those of `points` whose condition holds, in their order; and the answers that count, by question: those to
        questions that the policy asks of such a lead, if it knows the answer."""
        if not self.points and not lead.answers:
            return (), ()
        activation = self._scoring_facts.activation(lead, account, now=now)
        places = tuple(self._scoring.all(activation)) if self.points else ()
        return places, self._answered(lead, activation) if lead.answers else ()

    def asked(self, lead: LeadFacts, account: AccountFacts | None, now: datetime) -> tuple[tuple[str, Question], ...]:
        """The standard questions that are asked of such a lead, by name."""
        activation = self._scoring_facts.activation(lead, account, now=now)
        return tuple(
            (name, question) for name, question, when in self.questions if when is None or when.holds(activation)
        )

    def knows_answers(self, answers: Mapping[str, str]) -> bool:
        """Whether the policy has all of these questions, with these answers to them."""
        questions = self.policy.qualify.questions
        return all(name in questions and answer in questions[name].answers for name, answer in answers.items())

    def _answered(self, lead: LeadFacts, activation: Activation) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, lead.answers[name])
            for name, question, when in self.questions
            if lead.answers.get(name) in question.answers and (when is None or when.holds(activation))
        )

    def assessments(self, lead: LeadFacts, account: AccountFacts | None, now: datetime) -> tuple[str, ...]:
        """The names of the questionnaires whose condition holds, in their order."""
        activation = self._assessing_facts.activation(lead, account, now=now)
        return tuple(name for name, when in self._assessing.items() if when is None or when.holds(activation))

    def weight(self, lead: LeadFacts, now: datetime) -> tuple[int, float] | None:
        """The first of the credits' weights whose condition holds: its place, and how many times the points it makes."""
        credits = self.policy.credits
        if credits is None or not credits.weights:
            return None
        place = self._points_for.first(self._points_for_facts.activation(lead, now=now))
        return None if place is None else (place, credits.weights[place].times)
