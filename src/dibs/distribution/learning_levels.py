"""What of a lead counts for a model that is learnt, and in which levels: the values, the bands of a number, the shapes of a text.

A fact here is what `dibs.engine.prediction` has in a model's document: its name, its ``kind``, and its levels. Level 0 is that nothing is
known of it, and the last one, unless it is a number, any other value. A value counts by itself if at least `LEAST_OF_A_VALUE` leads have
it, so that no model holds what one person alone has said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dibs.engine.facts import LeadFacts
from dibs.engine.prediction import (
    ANSWERS,
    ATTRIBUTES,
    NUMBERS,
    OTHER,
    SHAPES,
    VALUES,
    band,
    bands,
    reading,
    shape_of,
    worded_as,
)

#: So many leads must have a value for it to count by itself.
LEAST_OF_A_VALUE = 20
#: No fact has more values of its own, and no more of the facts that sources name count: those that most leads have.
MOST_VALUES, MOST_NAMED = 30, 40
#: Where bands of a number may begin: so much of the leads is below.
_QUANTILES = (0.2, 0.4, 0.6, 0.8, 0.9, 0.95)
#: What tells where the lead's person came from last: the touch is later than the lead.
_LATER = frozenset({ATTRIBUTES + "last_source"})


def levels_of(leads: Sequence[LeadFacts], without: Iterable[str] = ()) -> Iterator[dict[str, Any]]:
    """The facts that tell these leads apart, but those named ``without``, each with its levels and no effects yet."""
    left_out = _LATER.union(without)
    for name in (*VALUES, *NUMBERS, *SHAPES, *_named(leads)):
        if name in left_out:
            continue
        if name == "deal_value" and len({lead.currency for lead in leads if lead.deal_value}) > 1:
            continue  # amounts of several currencies are no one number
        read = reading(name)
        known = [value for lead in leads if (value := read(lead)) not in (None, "")]
        if name in NUMBERS or (name not in VALUES and name not in SHAPES and _all_numbers(known)):
            fact = _number(name, known, len(leads))
        else:
            fact = _words(name, known, len(leads))
        if fact is not None:
            yield fact


def level_in(fact: Mapping[str, Any]) -> Callable[[LeadFacts], int]:
    """Which level of the fact a lead has, whether its effects are known yet or not."""
    read = reading(fact["fact"])
    if fact["kind"] == "number":
        return lambda lead: band(fact["cuts"], read(lead))
    word = shape_of(fact["fact"]) if fact["kind"] == "shape" else worded_as
    values = fact["levels"] if "levels" in fact else fact["effects"]
    places = {value: place for place, value in enumerate(values, 1)}
    return lambda lead: 0 if (worded := word(read(lead))) is None else places.get(worded, len(places) + 1)


def width(fact: Mapping[str, Any]) -> int:
    """How many levels a fact has that has no effects yet."""
    return len(fact["cuts"]) + 2 if fact["kind"] == "number" else len(fact["levels"]) + 2


def effects_of(fact: Mapping[str, Any]) -> tuple[list[str | None], list[float]]:
    """What the levels of a fact are called, and what each does."""
    if fact["kind"] == "number":
        return [None, *bands(fact["cuts"])], [fact["unknown"], *fact["effects"]]
    spelled = fact.get("spelled", {})
    called = [None, *(spelled.get(value, value) for value in fact["effects"]), OTHER]
    return called, [fact["unknown"], *fact["effects"].values(), fact["other"]]


def _named(leads: Iterable[LeadFacts]) -> list[str]:
    """The facts that sources and policies name themselves, those most leads have first."""
    counts: Counter[str] = Counter()
    for lead in leads:
        counts.update(ATTRIBUTES + key for key, value in lead.attributes.items() if value not in (None, ""))
        counts.update(ANSWERS + key for key in lead.answers)
    often = [(name, count) for name, count in counts.items() if count >= LEAST_OF_A_VALUE]
    return [name for name, _ in sorted(often, key=lambda one: (-one[1], one[0]))[:MOST_NAMED]]


def _all_numbers(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _number(name: str, known: Sequence[float], leads: int) -> dict[str, Any] | None:
    """A number in its bands; ``None``: it tells none of so many ``leads`` from another."""
    cuts = _cuts(known)
    if not cuts and min(len(known), leads - len(known)) < LEAST_OF_A_VALUE:
        return None
    return {"fact": name, "kind": "number", "cuts": cuts}


def _cuts(values: Sequence[float]) -> list[float]:
    """Where bands of a number begin: by quantiles, with enough leads in each."""
    if len(values) < 2 * LEAST_OF_A_VALUE:
        return []
    numbers = np.sort(np.asarray(values, dtype=float))
    cuts: list[float] = []
    before = 0
    for quantile in _QUANTILES:
        cut = float(np.quantile(numbers, quantile, method="higher"))
        at = int(np.searchsorted(numbers, cut))
        if at - before >= LEAST_OF_A_VALUE and len(numbers) - at >= LEAST_OF_A_VALUE:
            cuts.append(cut)
            before = at
    return cuts


def _words(name: str, known: Sequence[Any], leads: int) -> dict[str, Any] | None:
    """A text by its values, or by its shape; ``None``: it tells none of so many ``leads`` from another."""
    word = shape_of(name) if name in SHAPES else worded_as
    spelled: dict[str, Counter[str]] = {}
    for value in known:
        if (worded := word(value)) is not None:
            spelled.setdefault(worded, Counter())[str(value).strip()[:100]] += 1
    counts = Counter({value: ways.total() for value, ways in spelled.items()})
    often = sorted(value for value, count in counts.most_common(MOST_VALUES) if count >= LEAST_OF_A_VALUE)
    by_value = [counts[value] for value in often]
    by_level = [leads - counts.total(), *by_value, counts.total() - sum(by_value)]
    if sum(count >= LEAST_OF_A_VALUE for count in by_level) < 2:
        return None
    if name in SHAPES:
        return {"fact": name, "kind": "shape", "levels": often}
    usual = {value: spelled[value].most_common(1)[0][0] for value in often}
    # "yes" and "no" stand for what a program says otherwise.
    kept = {value: way for value, way in usual.items() if way.casefold() == value and way != value}
    return {"fact": name, "kind": "value", "levels": often, "spelled": kept}
