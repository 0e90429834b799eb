"""Learns from how leads ended how likely such leads are to convert, and measures what that is worth.

Leads are taken in the order they came in. From the first part a logistic regression is learnt, its strength of regularisation (L2)
chosen by cross-validation within that part; on the next one it is calibrated; the last, the latest, is kept out of all that and says how
well it does beside the points, as it would have done had it been switched on then. What was measured is what can be switched on.

What is learnt from are facts as they were when the lead came in (``endings``): what is written down while a lead is worked on says how
it ended before it has. Which facts count, and in which levels, is said in ``levels``; how sums become likelihoods in ``calibrating``; how
it is measured in ``measuring``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from dibs.distribution import measuring
from dibs.distribution.learning_calibration import platt, regression, steps, way_for
from dibs.distribution.learning_levels import effects_of, level_in, levels_of, width
from dibs.distribution.measuring import Floats
from dibs.engine.facts import LeadFacts
from dibs.engine.prediction import FORMAT, Model, logistic

#: The shares of the leads that are learnt from and calibrated on; the rest measures.
LEARNT, CALIBRATED = 0.6, 0.2
#: With fewer leads that ended, or that converted, or of either end in one of the three parts, there is too little to learn from.
LEAST_ENDED, LEAST_WON, LEAST_OF_EACH = 200, 50, 8
#: A fact that alone tells this well which convert is rarely one that is known beforehand.
TOO_GOOD = 0.9
#: Strengths of regularisation that are tried: the inverse, as scikit-learn has it.
_STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_FOLDS = 5
#: So many of the values of a fact are told with what it weighs.
_TOLD_VALUES = 6

#: Told of each step, ``reading``, ``learning``, ``calibrating`` or ``measuring``, as it begins.
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Past:
    """A lead that has ended: what was known of it when it came in, at ``at``, whether it was ``won``, which is converted, and its score by points, 1..100."""

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
    facts = list(levels_of([lead.facts for lead in learnt], without))
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


# Learning.


def _fit(learnt: Sequence[Past], facts: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], float]:
    """The model's document, not calibrated yet, and the strength of regularisation that was chosen."""
    from scipy import sparse

    levels = np.array([[level(lead.facts) for lead in learnt] for level in map(level_in, facts)])
    starts = np.cumsum([0, *(width(fact) for fact in facts)])
    columns = (levels + starts[:-1, None]).T.ravel()
    rows = np.repeat(np.arange(len(learnt)), len(facts))
    design = sparse.csr_matrix((np.ones(len(columns)), (rows, columns)), shape=(len(learnt), int(starts[-1])))
    won = _won(learnt)
    strength = _strength(design, won)
    fitted = regression(strength).fit(design, won)
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
            fitted = regression(strength).fit(design[inside], won[inside])
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
        at, likelihood = steps(sums, won)
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
        at, likelihood = steps(before, won)
        return {"score": score, "likelihood": np.interp(score, at, likelihood)}
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


def _weights(document: Mapping[str, Any], learnt: Sequence[Past]) -> list[dict[str, Any]]:
    """What moves likelihoods most: each fact with the mean size of its effect, and of its levels those that do most, with how many leads
    have them."""
    weighed = []
    for fact in document["facts"]:
        level = level_in(fact)
        counts = Counter(level(lead.facts) for lead in learnt)
        said, effects = effects_of(fact)
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
    """Facts that alone tell nearly always which leads convert."""
    won = _won(learnt)
    found = []
    for fact in document["facts"]:
        level, (_, effects) = level_in(fact), effects_of(fact)
        alone = np.array([effects[level(lead.facts)] for lead in learnt])
        if measuring.auc(won, alone) >= TOO_GOOD:
            found.append(fact["fact"])
    return found
