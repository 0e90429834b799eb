"""Learns from how leads ended how likely such leads are to be won, and measures what that is worth.

Leads are taken in the order they came in. From the first part a logistic regression is learnt, its strength of regularisation (L2)
chosen by cross-validation within that part; on the next one it is calibrated; the last, the latest, is kept out of all that and says how
well it does beside the points, as it would have done had it been switched on then. What was measured is what can be switched on.

What is learnt from are facts as they were when the lead came in (``endings``): what is written down while a lead is worked on says how
it ended before it has. A value counts by itself if at least `LEAST_OF_A_VALUE` leads have it, so that no model holds what one person
alone has said.

The calibration is J. Platt's (a logistic curve, its targets smoothed; "Probabilistic Outputs for Support Vector Machines", 1999), or
isotonic regression where that is better by more than chance, and there are a thousand leads to see it on: A. Niculescu-Mizil and
R. Caruana, "Predicting Good Probabilities With Supervised Learning" (ICML 2005), find it to overfit below that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from dibs.distribution import measuring
from dibs.distribution.measuring import Floats
from dibs.engine.facts import LeadFacts
from dibs.engine.prediction import (
    ANSWERS,
    ATTRIBUTES,
    FORMAT,
    NUMBERS,
    OTHER,
    SHAPES,
    VALUES,
    Model,
    band,
    bands,
    logistic,
    reading,
    shape_of,
    worded_as,
)

#: The shares of the leads that are learnt from and calibrated on; the rest measures.
LEARNT, CALIBRATED = 0.6, 0.2
#: With fewer leads that ended, or that were won, or of either end in one of the three parts, there is too little to learn from.
LEAST_ENDED, LEAST_WON, LEAST_OF_EACH = 200, 50, 8
#: So many leads must have a value for it to count by itself.
LEAST_OF_A_VALUE = 20
#: No fact has more values of its own, and no more of the facts that sources name count: those that most leads have.
MOST_VALUES, MOST_NAMED = 30, 40
#: From so many leads to calibrate on, so many of either end among them, the calibration is isotonic.
ENOUGH_FOR_STEPS, ENOUGH_OF_EACH = 1_000, 100
#: A fact that alone tells won from lost this well is rarely one that is known beforehand.
TOO_GOOD = 0.9
#: Strengths of regularisation that are tried: the inverse, as scikit-learn has it.
_STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_FOLDS = 5
#: So many of the values of a fact are told with what it weighs.
_TOLD_VALUES = 6
#: What tells where the lead's person came from last: the touch is later than the lead.
_LATER = frozenset({ATTRIBUTES + "last_source"})

#: Told of each step, ``reading``, ``learning``, ``calibrating`` or ``measuring``, as it begins.
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Past:
    """A lead that has ended: what was known of it when it came in, at ``at``, whether it was won, and its score by points, 1..100."""

    facts: LeadFacts
    won: bool
    at: datetime
    points: int | None = None


class TooLittle(Exception):
    """There is too little to learn from. ``code``: ``few_ended``, ``few_won``, ``few_lost`` (of all) or ``one_sided`` (one of the three
    parts lacks either end), ``no_facts``; ``have`` of what ``need`` would do."""

    def __init__(self, code: str, have: int, need: int) -> None:
        super().__init__(f"{code}: {have} of {need}")
        self.code, self.have, self.need = code, have, need


@dataclass(frozen=True, slots=True)
class Learnt:
    """A model's document, see `dibs.engine.prediction`, and what was measured."""

    document: dict[str, Any]
    measures: dict[str, Any]
    since: datetime
    until: datetime


def learn(past: Iterable[Past], without: Iterable[str] = (), tell: Tell = lambda step: None) -> Learnt:
    """Learn from these leads, leaving out the facts ``without``. The same leads give the same model. Raises `TooLittle`."""
    leads = sorted(past, key=lambda lead: lead.at)
    parts = _split(leads)
    tell("learning")
    learnt, calibrated, held_out = parts
    facts = list(_facts(learnt, frozenset(without) | _LATER))
    if not facts:
        raise TooLittle("no_facts", 0, 1)
    raw, strength = _fit(learnt, facts)
    tell("calibrating")
    document, way = _calibrate(raw, calibrated, [*learnt, *calibrated])
    tell("measuring")
    model = Model(0, document)
    measures = _measure(model, held_out, calibrated, way)
    measures |= {
        "parts": [_told(name, part) for name, part in zip(("learnt", "calibrated", "held_out"), parts, strict=True)],
        "calibration": way,
        "strength": strength,
        "facts": _weights(document, learnt),
        "too_good": _too_good(document, learnt),
    }
    return Learnt(document, measures, leads[0].at, held_out[0].at)


def _split(leads: Sequence[Past]) -> tuple[Sequence[Past], Sequence[Past], Sequence[Past]]:
    """The three parts, in the order of time. Raises `TooLittle`."""
    won = sum(lead.won for lead in leads)
    for code, have, need in (
        ("few_ended", len(leads), LEAST_ENDED),
        ("few_won", won, LEAST_WON),
        ("few_lost", len(leads) - won, LEAST_WON),
    ):
        if have < need:
            raise TooLittle(code, have, need)
    first, second = round(len(leads) * LEARNT), round(len(leads) * (LEARNT + CALIBRATED))
    parts = leads[:first], leads[first:second], leads[second:]
    least = min(min(ends := sum(lead.won for lead in part), len(part) - ends) for part in parts)
    if least < LEAST_OF_EACH:
        raise TooLittle("one_sided", least, LEAST_OF_EACH)
    return parts


# What of a lead counts, and in which levels.


def _facts(learnt: Sequence[Past], without: frozenset[str]) -> Iterator[dict[str, Any]]:
    """The facts that tell leads apart, each with its levels and no effects yet."""
    for name in (*VALUES, *NUMBERS, *SHAPES, *_named(learnt)):
        if name in without:
            continue
        read = reading(name)
        known = [value for lead in learnt if (value := read(lead.facts)) not in (None, "")]
        if name == "deal_value" and len({lead.facts.currency for lead in learnt if lead.facts.deal_value}) > 1:
            continue  # amounts of several currencies are no one number
        if name in NUMBERS or (name not in VALUES and name not in SHAPES and _all_numbers(known)):
            cuts = _cuts(known)
            if cuts or _tells(len(known), len(learnt)):
                yield {"fact": name, "kind": "number", "cuts": cuts}
            continue
        word = shape_of(name) if name in SHAPES else worded_as
        spelled: dict[str, Counter[str]] = {}
        for value in known:
            if (worded := word(value)) is not None:
                spelled.setdefault(worded, Counter())[str(value).strip()[:100]] += 1
        counts = Counter({value: ways.total() for value, ways in spelled.items()})
        often = [value for value, count in counts.most_common(MOST_VALUES) if count >= LEAST_OF_A_VALUE]
        levels = [
            *(counts[value] for value in often),
            len(learnt) - counts.total(),
            counts.total() - sum(counts[value] for value in often),
        ]
        if sum(count >= LEAST_OF_A_VALUE for count in levels) > 1:
            fact: dict[str, Any] = {
                "fact": name,
                "kind": "shape" if name in SHAPES else "value",
                "levels": sorted(often),
            }
            if fact["kind"] == "value":
                usual = {value: spelled[value].most_common(1)[0][0] for value in fact["levels"]}
                # "yes" and "no" stand for what a program says otherwise.
                fact["spelled"] = {
                    value: way for value, way in usual.items() if way.casefold() == value and way != value
                }
            yield fact


def _named(learnt: Sequence[Past]) -> list[str]:
    """The facts that sources and policies name themselves, those most leads have first."""
    counts: Counter[str] = Counter()
    for lead in learnt:
        counts.update(ATTRIBUTES + key for key, value in lead.facts.attributes.items() if value not in (None, ""))
        counts.update(ANSWERS + key for key in lead.facts.answers)
    often = [(name, count) for name, count in counts.items() if count >= LEAST_OF_A_VALUE]
    return [name for name, _ in sorted(often, key=lambda one: (-one[1], one[0]))[:MOST_NAMED]]


def _all_numbers(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _tells(some: int, all_of_them: int) -> bool:
    return min(some, all_of_them - some) >= LEAST_OF_A_VALUE


def _cuts(values: Sequence[float]) -> list[float]:
    """Where bands of a number begin: by quantiles, with enough leads in each."""
    if len(values) < 2 * LEAST_OF_A_VALUE:
        return []
    numbers = np.sort(np.asarray(values, dtype=float))
    cuts: list[float] = []
    before = 0
    for quantile in (0.2, 0.4, 0.6, 0.8, 0.9, 0.95):
        cut = float(np.quantile(numbers, quantile, method="higher"))
        at = int(np.searchsorted(numbers, cut))
        if at - before >= LEAST_OF_A_VALUE and len(numbers) - at >= LEAST_OF_A_VALUE:
            cuts.append(cut)
            before = at
    return cuts


def _level(fact: Mapping[str, Any]) -> Callable[[LeadFacts], int]:
    """Which level of the fact a lead has: 0 not known, the last one any other value."""
    read = reading(fact["fact"])
    if fact["kind"] == "number":
        return lambda lead: band(fact["cuts"], read(lead))
    word = shape_of(fact["fact"]) if fact["kind"] == "shape" else worded_as
    places = {value: place for place, value in enumerate(fact["levels"], 1)}
    return lambda lead: 0 if (worded := word(read(lead))) is None else places.get(worded, len(places) + 1)


def _width(fact: Mapping[str, Any]) -> int:
    return len(fact["cuts"]) + 2 if fact["kind"] == "number" else len(fact["levels"]) + 2


# Learning.


def _fit(learnt: Sequence[Past], facts: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], float]:
    """The model's document, not calibrated yet, and the strength of regularisation that was chosen."""
    from scipy import sparse

    levels = np.array([[level(lead.facts) for lead in learnt] for level in map(_level, facts)])
    starts = np.cumsum([0, *(_width(fact) for fact in facts)])
    columns = (levels + starts[:-1, None]).T.ravel()
    rows = np.repeat(np.arange(len(learnt)), len(facts))
    design = sparse.csr_matrix((np.ones(len(columns)), (rows, columns)), shape=(len(learnt), int(starts[-1])))
    won = _won(learnt)
    strength = _strength(design, won)
    fitted = _regression(strength).fit(design, won)
    weights, base = fitted.coef_[0], float(fitted.intercept_[0])
    told = []
    for place, fact in enumerate(facts):
        of_fact = weights[starts[place] : starts[place + 1]]
        usual = float(of_fact[levels[place]].mean())
        base += usual
        # Of what no lead had, nothing is known: it is as the average.
        seen = set(levels[place].tolist())
        effects = [float(weight) - usual if level in seen else 0.0 for level, weight in enumerate(of_fact)]
        told.append(_with_effects(fact, effects))
    return {"format": FORMAT, "base": base, "facts": told, "calibration": {}, "places": [0.0]}, strength


def _with_effects(fact: Mapping[str, Any], effects: Sequence[float]) -> dict[str, Any]:
    effects = [round(effect, 5) for effect in effects]
    named = {"fact": fact["fact"], "kind": fact["kind"], "unknown": effects[0]}
    if fact["kind"] == "number":
        return {**named, "cuts": fact["cuts"], "effects": effects[1:]}
    by_value = dict(zip(fact["levels"], effects[1:-1], strict=True))
    spelled = {"spelled": fact["spelled"]} if fact.get("spelled") else {}
    return {**named, "effects": by_value, "other": effects[-1], **spelled}


def _regression(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=2_000)


def _strength(design: Any, won: Floats) -> float:
    """The strongest regularisation under which leads that were left out are told about as well as under the best, by log loss: within one
    standard error of it (L. Breiman and others, *Classification and Regression Trees*, 1984, 3.4.3). So noise is not learnt by luck; what
    it takes from the size of effects, the calibration gives back."""
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold

    folds = list(StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(design, won))
    losses = np.zeros((len(_STRENGTHS), len(folds)))
    for at, strength in enumerate(_STRENGTHS):
        for fold, (inside, outside) in enumerate(folds):
            fitted = _regression(strength).fit(design[inside], won[inside])
            losses[at, fold] = log_loss(won[outside], fitted.predict_proba(design[outside])[:, 1], labels=[0, 1])
    best = int(np.argmin(losses.mean(axis=1)))
    # What the folds have in common does not count: how much worse each strength is than the best, fold by fold.
    worse = losses - losses[best]
    close = worse.mean(axis=1) <= worse.std(axis=1, ddof=1) / np.sqrt(len(folds))
    return _STRENGTHS[int(np.argmax(close))]


# Calibrating.


def _calibrate(raw: Mapping[str, Any], on: Sequence[Past], everyone: Sequence[Past]) -> tuple[dict[str, Any], str]:
    """The document with a likelihood for each sum of effects, and its place; and by which way: ``platt`` or ``isotonic``."""
    model = Model(0, raw)
    sums, won = _sums(model, on), _won(on)
    document = dict(raw)
    if way_for(sums, won) == "isotonic":
        at, likelihood = _steps(sums, won)
        document["calibration"] = {"at": at, "likelihood": likelihood}
        way = "isotonic"
    else:
        slope, shift = platt(sums, won)
        document["base"] = slope * raw["base"] + shift
        document["facts"] = [_scaled(fact, slope) for fact in raw["facts"]]
        way = "platt"
    placed = np.sort(_sums(Model(0, document), everyone))
    if len(placed) > 1_001:
        placed = np.quantile(placed, np.linspace(0, 1, 1_001), method="nearest")
    document["places"] = [float(one) for one in placed]
    return document, way


def way_for(sums: Floats, won: Floats) -> str:
    """How to calibrate on these: ``isotonic`` where leads that were left out are told better by it, by more than one standard error."""
    from sklearn.model_selection import StratifiedKFold

    if len(won) < ENOUGH_FOR_STEPS or min(won.sum(), len(won) - won.sum()) < ENOUGH_OF_EACH:
        return "platt"
    gained = []
    for inside, outside in StratifiedKFold(2 * _FOLDS, shuffle=True, random_state=0).split(sums, won):
        slope, shift = platt(sums[inside], won[inside])
        at, steps = _steps(sums[inside], won[inside])
        likelihood = np.interp(sums[outside], at, steps)
        by_steps = _log_likelihood(won[outside], np.log(likelihood / (1 - likelihood)))
        gained.append((by_steps - _log_likelihood(won[outside], slope * sums[outside] + shift)) / len(outside))
    return "isotonic" if np.mean(gained) > np.std(gained, ddof=1) / np.sqrt(len(gained)) else "platt"


def platt(sums: Floats, won: Floats) -> tuple[float, float]:
    """Slope and shift of the logistic curve through these; the targets a little inside 0 and 1, as J. Platt has them.

    On few leads a slope may be luck: it is shrunk by as much as chance is expected to add to its likelihood ratio (J. C. van Houwelingen
    and S. le Cessie, "Predictive value of statistical models", *Statistics in Medicine* 9, 1990). Where higher sums were won no more often,
    or less, it is 0: the model knows nothing, and nobody is likelier than another.
    """
    good = won.sum()
    bad = len(won) - good
    targets = np.where(won == 1, (good + 1) / (good + 2), 1 / (bad + 2))
    fitted = _regression(1e6).fit(
        np.concatenate([sums, sums])[:, None],
        np.concatenate([np.ones(len(sums)), np.zeros(len(sums))]),
        sample_weight=np.concatenate([targets, 1 - targets]),
    )
    slope, shift = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    usual = float(np.log(targets.mean() / (1 - targets.mean())))
    ratio = 2 * (_log_likelihood(targets, slope * sums + shift) - _log_likelihood(targets, np.full(len(sums), usual)))
    if slope <= 0 or ratio <= 1:
        return 0.0, usual
    slope *= (ratio - 1) / ratio
    return slope, _shift(slope * sums, float(targets.mean()))


def _log_likelihood(targets: Floats, log_odds: Floats) -> float:
    return float(np.sum(targets * log_odds - np.logaddexp(0, log_odds)))


def _shift(log_odds: Floats, mean: float) -> float:
    """What to add to these so that their likelihoods are ``mean`` on average."""
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.mean(1 / (1 + np.exp(-(log_odds + middle).clip(-500, 500))))) < mean:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _steps(sums: Floats, won: Floats) -> tuple[list[float], list[float]]:
    """The isotonic regression's knots. Nothing is quite impossible, and nothing sure: half a lead of all is left either way."""
    from sklearn.isotonic import IsotonicRegression

    least = 0.5 / len(won)
    fitted = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(sums, won)
    return (
        [float(one) for one in fitted.X_thresholds_],
        [round(float(one), 6) for one in fitted.y_thresholds_],
    )


def _scaled(fact: Mapping[str, Any], slope: float) -> dict[str, Any]:
    effects = fact["effects"]
    scaled = (
        {value: round(slope * effect, 5) for value, effect in effects.items()}
        if isinstance(effects, Mapping)
        else [round(slope * effect, 5) for effect in effects]
    )
    rest = {name: round(slope * fact[name], 5) for name in ("unknown", "other") if name in fact}
    return {**fact, "effects": scaled, **rest}


def _sums(model: Model, leads: Sequence[Past]) -> Floats:
    return np.array([model.log_odds(lead.facts) for lead in leads])


def _won(leads: Sequence[Past]) -> Floats:
    return np.array([float(lead.won) for lead in leads])


# Measuring.


def _measure(model: Model, held_out: Sequence[Past], calibrated: Sequence[Past], way: str) -> dict[str, Any]:
    """What the model is worth on the later leads, and what the points are: these with a likelihood by the same way of calibration."""
    won, sums = _won(held_out), _sums(model, held_out)
    of_model = {"score": sums, "likelihood": np.array([model.likelihood(one) for one in sums])}
    of_points = _points(held_out, calibrated, way)
    measures = measuring.compared(won, of_model, of_points)
    usual = float(_won(calibrated).mean())
    measures["rate"] = {"before": round(usual, 4), "then": round(float(won.mean()), 4)}
    # What it would be worth to say of every lead the rate that was usual before.
    measures["usual_brier"] = round(measuring.brier(won, np.full(len(won), usual)), 4)
    measures["reliability"] = measuring.reliability(won, of_model["likelihood"])
    measures["gains"] = {
        "model": measuring.gains(won, of_model["score"]),
        "points": measuring.gains(won, of_points["score"]) if of_points is not None else None,
    }
    measures["verdict"] = _verdict(measures)
    return measures


def _points(held_out: Sequence[Past], calibrated: Sequence[Past], way: str) -> dict[str, Floats] | None:
    if any(lead.points is None for lead in (*held_out, *calibrated)):
        return None
    before, score = (np.array([float(lead.points or 0) for lead in part]) for part in (calibrated, held_out))
    won = _won(calibrated)
    if way == "isotonic":
        at, steps = _steps(before, won)
        return {"score": score, "likelihood": np.interp(score, at, steps)}
    slope, shift = platt(before / 100, won)
    return {"score": score, "likelihood": np.array([logistic(slope * one / 100 + shift) for one in score])}


def _verdict(measures: Mapping[str, Any]) -> str:
    """``better`` or ``worse`` than points where the interval of the difference leaves no doubt, else ``even``; without points ``alone``, or
    ``chance`` where it may tell nothing at all."""
    if measures["model"]["auc"]["low"] <= 0.5:
        return "chance"
    if measures["difference"] is None:
        return "alone"
    difference = measures["difference"]["auc"]
    return "better" if difference["low"] > 0 else "worse" if difference["high"] < 0 else "even"


def _told(name: str, part: Sequence[Past]) -> dict[str, Any]:
    return {
        "part": name,
        "since": part[0].at.isoformat(),
        "until": part[-1].at.isoformat(),
        "leads": len(part),
        "won": sum(lead.won for lead in part),
    }


def _effects(fact: Mapping[str, Any]) -> tuple[list[str | None], list[float]]:
    """What the levels of a fact are called, and what each does."""
    if fact["kind"] == "number":
        return [None, *bands(fact["cuts"])], [fact["unknown"], *fact["effects"]]
    spelled = fact.get("spelled", {})
    return [None, *(spelled.get(value, value) for value in fact["effects"]), OTHER], [
        fact["unknown"],
        *fact["effects"].values(),
        fact["other"],
    ]


def _shaped(fact: Mapping[str, Any]) -> Mapping[str, Any]:
    return fact if fact["kind"] == "number" else {**fact, "levels": list(fact["effects"])}


def _weights(document: Mapping[str, Any], learnt: Sequence[Past]) -> list[dict[str, Any]]:
    """What moves likelihoods most: each fact with the mean size of its effect, and of its levels those that do most, with how many leads
    have them."""
    weighed = []
    for fact in document["facts"]:
        level = _level(_shaped(fact))
        counts = Counter(level(lead.facts) for lead in learnt)
        said, effects = _effects(fact)
        moves = sum(abs(effects[place]) * count for place, count in counts.items()) / len(learnt)
        most = sorted(counts, key=lambda place: -abs(effects[place]))[:_TOLD_VALUES]
        weighed.append(
            {
                "fact": fact["fact"],
                "moves": round(moves, 4),
                "levels": [
                    {"value": said[place], "effect": round(effects[place], 3), "leads": counts[place]} for place in most
                ],
            }
        )
    return sorted(weighed, key=lambda one: (-one["moves"], one["fact"]))


def _too_good(document: Mapping[str, Any], learnt: Sequence[Past]) -> list[str]:
    """Facts that alone tell won from lost nearly always."""
    won = _won(learnt)
    found = []
    for fact in document["facts"]:
        level, (_, effects) = _level(_shaped(fact)), _effects(fact)
        alone = np.array([effects[level(lead.facts)] for lead in learnt])
        if measuring.auc(won, alone) >= TOO_GOOD:
            found.append(fact["fact"])
    return found
