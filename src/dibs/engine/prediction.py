"""How likely a lead is to convert, by a model that was learnt from how past leads ended.

A model is a document of plain numbers, evaluated here and learnt elsewhere (``distribution.learning``): the same facts and the same
document give the same answer for ever. It is a logistic regression over what is known of a lead: each fact falls into one of its
levels (a source, a band of employees, "not known"), each level moves the log-odds by its effect, and a calibration makes a likelihood
of the sum. Effects are counted from the average lead that the model was learnt from, so that they say what moved *this* one.

Of who somebody is it looks at nothing: a name, an address or a number counts only as given or not, a text only by its length.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, exp
from operator import attrgetter
from typing import Any, Literal

from dibs.engine.decision import Param, Reason, Scalar
from dibs.engine.facts import LeadFacts

#: Of the document's form. Another one is of another version of Dibs.
FORMAT = 1
#: So many facts are named with a prediction, those that moved it most.
NAMED = 6
#: An effect on the log-odds below this is not worth naming: it changes the odds by less than a twentieth.
WORTH_NAMING = 0.05
#: What a part of a prediction says in place of a value that few leads have.
OTHER = "*"
#: From so many characters on a message is a long one.
LONG = 200

Kind = Literal["value", "number", "shape"]

#: Facts whose values count, as they are written; upper and lower case are one.
VALUES = (
    "source", "campaign", "country", "region", "city", "industry", "language", "product", "use_case", "title", "consent",
)  # fmt: skip
#: Facts that are counts or amounts: the band counts that they lie in.
NUMBERS = ("employees", "deal_value", "touches", "pages", "opens")
#: Facts of which only counts whether and how they are given.
SHAPES = ("email", "phone", "company", "message")
#: Beginnings of the names of what policies ask and sources send under names of their own.
ANSWERS, ATTRIBUTES = "answers.", "attributes."

_Read = Callable[[LeadFacts], Any]
_Level = Callable[[Any], int]


class NotAModel(Exception):
    """The document is none that this version of Dibs can read."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """``likelihood`` to convert, above 0 and below 1; ``score``: its place among the leads that the model was learnt from, 1..100."""

    likelihood: float
    score: int
    reason: Reason


class Model:
    """A learnt model made ready to run. It is never changed, so processes keep it as long as they like."""

    __slots__ = ("_base", "_facts", "_likelihoods", "_places", "_steps", "number")

    def __init__(self, number: int, document: Mapping[str, Any]) -> None:
        self.number = number
        try:
            if document["format"] != FORMAT:
                raise NotAModel(f"its form is {document['format']}, not {FORMAT}")
            self._base = float(document["base"])
            self._facts = tuple(_Fact(fact) for fact in document["facts"])
            calibration = document["calibration"]
            self._steps: Sequence[float] = tuple(calibration.get("at", ()))
            self._likelihoods: Sequence[float] = tuple(calibration.get("likelihood", ()))
            self._places: Sequence[float] = tuple(document["places"])
        except (KeyError, TypeError, ValueError) as problem:
            raise NotAModel(str(problem)) from problem
        if not self._places or len(self._steps) != len(self._likelihoods):
            raise NotAModel("its places or its calibration are not whole")

    def predict(self, lead: LeadFacts) -> Prediction:
        """What the model says of a lead, and which facts moved it."""
        return _predicted(self, tuple([fact.level(fact.read(lead)) for fact in self._facts]))

    def log_odds(self, lead: LeadFacts) -> float:
        """The sum of the effects, as it is before calibration: higher is more likely."""
        return self._sum([fact.level(fact.read(lead)) for fact in self._facts])

    def likelihood(self, log_odds: float) -> float:
        """The calibrated likelihood of such a sum."""
        if not self._steps:
            return logistic(log_odds)
        after = bisect_right(self._steps, log_odds)
        if after == 0 or after == len(self._steps):
            return self._likelihoods[max(after - 1, 0)]
        low, high = self._steps[after - 1], self._steps[after]
        share = (log_odds - low) / (high - low) if high > low else 0.0
        return self._likelihoods[after - 1] + share * (self._likelihoods[after] - self._likelihoods[after - 1])

    def place(self, log_odds: float) -> int:
        """1..100: how many of a hundred leads that the model was learnt from are no more likely; of equals, half."""
        below, upto = bisect_left(self._places, log_odds), bisect_right(self._places, log_odds)
        return min(max(ceil(100 * (below + upto) / 2 / len(self._places)), 1), 100)

    def _sum(self, levels: Sequence[int]) -> float:
        return round(self._base + sum(fact.effects[level] for fact, level in zip(self._facts, levels, strict=True)), 6)

    def _answer(self, levels: Sequence[int]) -> Prediction:
        log_odds = self._sum(levels)
        likelihood, score = round(self.likelihood(log_odds), 4), self.place(log_odds)
        moved: list[dict[str, Scalar]] = [
            {"fact": fact.name, "value": fact.said[level], "effect": round(fact.effects[level], 3)}
            for fact, level in zip(self._facts, levels, strict=True)
            if abs(fact.effects[level]) >= WORTH_NAMING
        ]
        moved.sort(key=lambda part: (-abs(float(part["effect"] or 0)), str(part["fact"])))
        params: dict[str, Param] = {
            "model": self.number,
            "likelihood": likelihood,
            "score": score,
            "parts": moved[:NAMED],
        }
        return Prediction(likelihood, score, Reason("predicted", params))


@lru_cache(maxsize=8192)
def _predicted(model: Model, levels: tuple[int, ...]) -> Prediction:
    """Leads whose facts have the same levels share one answer, which is never changed."""
    return model._answer(levels)


class _Fact:
    """One fact of a model: how it is read of a lead, the level that its value falls into, and what each level does.

    Level 0 is "not known", the last one any value that few leads have, or the highest band.
    """

    __slots__ = ("effects", "level", "name", "read", "said")

    def __init__(self, fact: Mapping[str, Any]) -> None:
        self.name: str = fact["fact"]
        self.read = reading(self.name)
        self.said: tuple[Scalar, ...]
        self.effects: tuple[float, ...]
        if fact["kind"] == "number":
            cuts = tuple(float(cut) for cut in fact["cuts"])
            self.level: _Level = lambda value: band(cuts, value)
            self.said = (None, *bands(cuts))
            self.effects = (fact["unknown"], *fact["effects"])
        else:
            places = {value: place for place, value in enumerate(fact["effects"], 1)}
            other = len(places) + 1
            worded = shape_of(self.name) if fact["kind"] == "shape" else worded_as
            self.level = lambda value: 0 if (word := worded(value)) is None else places.get(word, other)
            spelled = fact.get("spelled", {})
            self.said = (None, *[spelled.get(value, value) for value in places], OTHER)
            self.effects = (fact["unknown"], *fact["effects"].values(), fact["other"])
        if len(self.said) != len(self.effects):
            raise NotAModel(f"{self.name} has levels without an effect")


def logistic(log_odds: float) -> float:
    """Likelihood of log-odds; never quite 0 or 1."""
    return 1 / (1 + exp(-min(max(log_odds, -30.0), 30.0)))


def reading(name: str) -> _Read:
    """How a fact is read of a lead, and what must not be told apart made one."""
    if name.startswith(ATTRIBUTES):
        key = name.removeprefix(ATTRIBUTES)
        return lambda lead: lead.attributes.get(key)
    if name.startswith(ANSWERS):
        key = name.removeprefix(ANSWERS)
        return lambda lead: lead.answers.get(key)
    if name == "email":
        # A company's own mailbox, or one of those that everybody can have: `crm` knows which, and leaves the domain out.
        return lambda lead: ("company" if lead.domain else "free") if lead.email else None
    return attrgetter(name)


def worded_as(value: Any) -> str | None:
    """A value as models know it; ``None``: not known."""
    if value is None or value == "":
        return None
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().casefold()[:100] or None


def shape_of(name: str) -> Callable[[Any], str | None]:
    """What counts of a fact whose value does not: that it is given; of a message, whether it is long."""
    if name == "message":
        return lambda value: None if not value else "long" if len(value) >= LONG else "short"
    if name == "email":
        return worded_as
    return lambda value: "given" if value else None


def band(cuts: Sequence[float], value: Any) -> int:
    """Which band a number lies in: 1 below the first cut, and so on; 0 for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return 0
    return bisect_right(cuts, value) + 1


def bands(cuts: Sequence[float]) -> tuple[str, ...]:
    """What the bands are called, as intervals: ``<10``, ``10..50``, ``>=50``; the end of one is the beginning of the next."""
    if not cuts:
        return (OTHER,)
    named = [f"{cut:g}" if abs(cut) < 1e6 else f"{cut:.0f}" for cut in cuts]
    inner = [f"{low}..{high}" for low, high in pairwise(named)]
    return (f"<{named[0]}", *inner, f">={named[-1]}")
