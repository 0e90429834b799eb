"""Asking many conditions about one lead: its facts laid out once, and as few questions as possible.

What costs is asking, far more than what is asked, so conditions are asked several at once. That works only while none of them
errs, and the usual error is a fact that is not known. So before asking, the facts that are missing are looked at: a condition
that can't be true without them is not asked, one that may be is asked alone, and the others are asked together. Leads of a
source mostly lack the same facts, so there are few such plans, and each is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cel_expr_python import cel

from dibs.engine.conditions import ABSENT, FACTS, MAPS, SUBJECTS, Activation, Condition, environment
from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts

#: Conditions asked in one question. The runtime nests some 30 deep.
_TOGETHER = 20
#: Plans kept for a list of conditions; leads that lack yet other facts are asked one condition at a time.
_PLANS = 500
#: How often a plan is used before it is worth compiling.
_SELDOM = 3


class Facts:
    """Which facts a set of conditions asks, and how to lay them out for the runtime. Facts that nobody asks are not fetched."""

    __slots__ = ("_absent", "_account", "_activate", "_bits", "_lead", "_maps", "_now", "_rep")

    def __init__(self, conditions: Iterable[Condition]) -> None:
        conditions = tuple(conditions)
        asked = {fact for condition in conditions for fact in condition.facts}
        needed = {name for condition in conditions for name in condition.needs or ()}
        self._bits = {name: 1 << place for place, name in enumerate(sorted(needed))}
        self._absent = tuple((name, name[len(ABSENT) :]) for name in sorted(asked) if name.startswith(ABSENT))
        known = sorted({name.removeprefix(ABSENT) for name in asked})
        self._maps = tuple(
            (
                name,
                name.partition(".")[2],
                tuple((key[len(name) + 1 :], bit) for key, bit in self._bits.items() if key.startswith(name + ".")),
            )
            for name in MAPS
            if name in known
        )
        self._lead, self._account, self._rep = (
            tuple(
                (name, name.partition(".")[2], _converted(FACTS[name]), self._bits.get(name, 0))
                for name in known
                if name.startswith(subject + ".") and name not in MAPS
            )
            for subject in SUBJECTS
        )
        self._now = "now" in known
        self._activate = environment().Activation

    def bits(self, names: Iterable[str]) -> int:
        """The bits that say in `Activation.missing` that one of these is."""
        return sum(self._bits[name] for name in names)

    def named(self, missing: int) -> frozenset[str]:
        """The names that these bits stand for."""
        return frozenset(name for name, bit in self._bits.items() if missing & bit)

    def activation(
        self,
        lead: LeadFacts | None = None,
        account: AccountFacts | None = None,
        rep: RepFacts | None = None,
        now: datetime | None = None,
    ) -> Activation:
        """The facts as the runtime wants them: one for a lead, shared by all conditions."""
        given: dict[str, Any] = {}
        missing = 0
        for subject, wanted in ((lead, self._lead), (account, self._account), (rep, self._rep)):
            for name, field, converted, bit in wanted:
                # ``None`` has no such field either.
                value = getattr(subject, field, None)
                if value is None:
                    missing |= bit
                elif converted is None:
                    given[name] = value
                else:
                    given[name] = converted(value)
        for name, field, keys in self._maps:
            held: Mapping[str, Any] = getattr(lead, field) if lead is not None else {}
            if None in held.values():
                held = {key: value for key, value in held.items() if value is not None}
            given[name] = held
            for key, bit in keys:
                if key not in held:
                    missing |= bit
        if self._now:
            if now is None:
                missing |= self._bits.get("now", 0)
            else:
                given["now"] = now
        for question, name in self._absent:
            given[question] = name not in given
        return Activation(self._activate(given), missing)


def _converted(kind: Any) -> Callable[[Any], Any] | None:
    """What makes a fact of this type what the runtime takes, where that is not the fact itself."""
    if kind == cel.Type.DOUBLE:
        return float
    return list if kind == cel.Type.List(cel.Type.STRING) else None


#: Some of a list's conditions by their places, and the question that asks them together (``None``: each alone).
_Step = tuple[Callable[[Any], Any] | None, tuple[int, ...]]


@dataclass(slots=True)
class _Plan:
    """Which conditions are worth asking where certain facts are missing. ``steps`` is made once it has been ``used`` enough."""

    alone: frozenset[int]
    worth_asking: tuple[int, ...]
    used: int = 0
    steps: tuple[_Step, ...] | None = None


class Questions:
    """A list of conditions to ask of the same facts: the first that holds, or all. ``None`` among them always holds."""

    __slots__ = ("_compose", "_conditions", "_facts", "_needs", "_plans")

    def __init__(self, conditions: Sequence[Condition | None], facts: Facts, *, first: bool) -> None:
        self._conditions = tuple(conditions)
        self._facts = facts
        self._needs = tuple(
            None if condition is None or condition.needs is None else facts.bits(condition.needs)
            for condition in conditions
        )
        self._plans: dict[int, _Plan] = {}
        self._compose = _first_of if first else _set_of

    def first(self, activation: Activation) -> int | None:
        """The place of the first condition that holds: the same as asking each in turn."""
        for ask, places in self._steps(activation.missing):
            answer = _answer(ask, activation) if ask else None
            if answer is None:
                for place in places:
                    condition = self._conditions[place]
                    if condition is None or condition.holds(activation):
                        return place
            elif answer >= 0:
                return places[answer]
        return None

    def all(self, activation: Activation) -> list[int]:
        """The places of all conditions that hold, in order."""
        held: list[int] = []
        for ask, places in self._steps(activation.missing):
            answer = _answer(ask, activation) if ask else None
            if answer is not None:
                held += [place for bit, place in enumerate(places) if answer >> bit & 1]
                continue
            for place in places:
                condition = self._conditions[place]
                if condition is None or condition.holds(activation):
                    held.append(place)
        return held

    def _steps(self, missing: int) -> tuple[_Step, ...]:
        plan = self._plans.get(missing)
        if plan is None:
            plan = self._planned(missing)
            if len(self._plans) < _PLANS:
                self._plans[missing] = plan
        if plan.steps is not None:
            return plan.steps
        plan.used += 1
        if plan.used <= _SELDOM:
            return ((None, plan.worth_asking),)
        plan.steps = tuple(self._composed(plan))
        return plan.steps

    def _planned(self, missing: int) -> _Plan:
        worth: list[int] = []
        alone: set[int] = set()
        for place, (condition, needs) in enumerate(zip(self._conditions, self._needs, strict=True)):
            if condition is not None and (needs is None or needs & missing):
                if needs is not None and condition.strict:
                    continue
                alone.add(place)
            worth.append(place)
        return _Plan(frozenset(alone), tuple(worth))

    def _composed(self, plan: _Plan) -> Iterator[_Step]:
        """The conditions worth asking, in their order: runs of those that will not err together, the others alone."""
        run: list[int] = []
        for place in plan.worth_asking:
            if place in plan.alone:
                yield from self._question(run)
                yield None, (place,)
                run = []
            else:
                run.append(place)
        yield from self._question(run)

    def _question(self, places: list[int]) -> Iterator[_Step]:
        """One question for a run, or two for its halves where the runtime will not nest that deep."""
        if not places:
            return
        if len(places) <= _TOGETHER:
            try:
                compiled = environment().compile(self._compose([self._conditions[place] for place in places]))
            except RuntimeError:
                compiled = None
            if compiled is not None or len(places) == 1:
                yield (compiled.eval if compiled is not None else None), tuple(places)
                return
        half = _TOGETHER if len(places) > _TOGETHER else len(places) // 2
        yield from self._question(places[:half])
        yield from self._question(places[half:])


def _first_of(conditions: list[Condition | None]) -> str:
    """CEL for: which is the first that holds, counted from 0? -1: none does."""
    asked = ((f"({condition.rewritten}\n)" if condition else "true") for condition in conditions)
    return "".join(f"{text} ? {place} : " for place, text in enumerate(asked)) + "-1"


def _set_of(conditions: list[Condition | None]) -> str:
    """CEL for: which ones hold? Bit n of the answer is the n-th's."""
    asked = ((f"({condition.rewritten}\n)" if condition else "true") for condition in conditions)
    return " + ".join(f"({text} ? {1 << place} : 0)" for place, text in enumerate(asked))


def _answer(ask: Callable[[Any], Any], activation: Activation) -> int | None:
    """The answer, or ``None`` if one of the conditions errs: each has to be asked alone then."""
    try:
        value = ask(activation.laid).value()
    except RuntimeError:
        return None
    return value if type(value) is int else None
