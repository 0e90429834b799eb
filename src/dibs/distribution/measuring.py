"""How well scores tell beforehand which leads are won: measured on leads that nothing was learnt from.

``won`` is an array of 0 and 1 throughout, one for each lead. Intervals are of 95 %, by drawing the leads again with replacement
(B. Efron, "Bootstrap Methods", *Annals of Statistics* 7, 1979), both scores on the same draws, so that their difference has one too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Of the best so many hundredths: how much more often they are won than all.
TOPS = (10, 20, 30)
#: How often leads are drawn again. Of 20,000 leads that takes some seconds.
DRAWS = 400
#: The most leads that one draw takes: more would only make the intervals, which are narrow then, no wider.
_MOST_DRAWN = 20_000
#: Fewer leads than this say nothing of how often leads like them are won.
_LEAST_IN_BIN = 20
_BINS = 10


def auc(won: Floats, score: Floats) -> float:
    """How often a lead that was won has the higher score than one that was not; of equals, half (area under the ROC curve, by the rank
    sum: J. A. Hanley and B. J. McNeil, *Radiology* 143, 1982). 0.5 is chance, 1 all."""
    good = won.sum()
    bad = len(won) - good
    if not good or not bad:
        return 0.5
    from scipy.stats import rankdata  # Two thirds of a second; only where a model is measured.

    return float((rankdata(score)[won == 1].sum() - good * (good + 1) / 2) / (good * bad))


def brier(won: Floats, likelihood: Floats) -> float:
    """The mean square of how far likelihoods were off, 0 the best (G. W. Brier, *Monthly Weather Review* 78, 1950)."""
    return float(np.mean((likelihood - won) ** 2))


def lift(won: Floats, score: Floats, share: float) -> float:
    """How many times as often as all leads the best ``share`` of them (0..1) by this score are won. Of equals at the edge, their part."""
    return gained(won, score, share) / share if won.sum() else 1.0


def gained(won: Floats, score: Floats, share: float) -> float:
    """Which share of all won leads is among the best ``share`` by this score."""
    if not won.sum():
        return share
    wanted = share * len(won)
    order = np.argsort(-score, kind="stable")
    ranked, values = won[order], score[order]
    edge = values[min(int(np.ceil(wanted)) - 1, len(values) - 1)]
    above, equal = ranked[values > edge], ranked[values == edge]
    return float((above.sum() + (wanted - len(above)) * equal.mean()) / won.sum())


def compared(won: Floats, model: Mapping[str, Floats], points: Mapping[str, Floats] | None) -> dict[str, Any]:
    """The measures of a model and of the points: each with ``score`` and ``likelihood`` of the same leads. And of the difference."""
    sides: dict[str, Mapping[str, Floats]] = {"model": model} | ({"points": points} if points is not None else {})
    found = {name: _measured(won, side) for name, side in sides.items()}
    drawn = _drawn(won, sides)
    answer: dict[str, Any] = {
        name: {what: _with_interval(value, drawn[name][what]) for what, value in values.items()}
        for name, values in found.items()
    }
    answer.setdefault("points", None)
    answer["difference"] = None
    if points is not None:
        answer["difference"] = {
            what: _with_interval(
                found["model"][what] - found["points"][what],
                [one - other for one, other in zip(drawn["model"][what], drawn["points"][what], strict=True)],
            )
            for what in found["model"]
        }
    return answer


def _measures() -> dict[str, Callable[[Floats, Mapping[str, Floats]], float]]:
    tops = {f"lift_{top}": _lift_of(top / 100) for top in TOPS}
    return {
        "auc": lambda won, side: auc(won, side["score"]),
        "brier": lambda won, side: brier(won, side["likelihood"]),
        **tops,
    }


def _lift_of(share: float) -> Callable[[Floats, Mapping[str, Floats]], float]:
    return lambda won, side: lift(won, side["score"], share)


def _measured(won: Floats, side: Mapping[str, Floats]) -> dict[str, float]:
    return {name: measure(won, side) for name, measure in _measures().items()}


def _drawn(won: Floats, sides: Mapping[str, Mapping[str, Floats]]) -> dict[str, dict[str, list[float]]]:
    """The same measures of leads drawn again, many times."""
    lots = np.random.default_rng(0)
    size = min(len(won), _MOST_DRAWN)
    drawn: dict[str, dict[str, list[float]]] = {side: {name: [] for name in _measures()} for side in sides}
    for _ in range(DRAWS):
        these = lots.integers(0, len(won), size)
        again = won[these]
        if not 0 < again.sum() < size:
            continue
        for name, side in sides.items():
            for what, value in _measured(again, {kind: values[these] for kind, values in side.items()}).items():
                drawn[name][what].append(value)
    return drawn


def _with_interval(value: float, drawn: Sequence[float]) -> dict[str, float]:
    low, high = (np.percentile(drawn, (2.5, 97.5))) if drawn else (value, value)
    return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def reliability(won: Floats, likelihood: Floats) -> list[dict[str, float]]:
    """Leads put together by likelihood, about as many in each bin: what was said of them, and how often they were won, with the interval of
    E. B. Wilson (*JASA* 22, 1927)."""
    bins = max(min(_BINS, len(won) // _LEAST_IN_BIN), 1)
    order = np.argsort(likelihood, kind="stable")
    found = []
    for these in np.array_split(order, bins):
        count, share = len(these), float(won[these].mean())
        middle = (share + 1.92 / count) / (1 + 3.84 / count)
        half = 1.96 / (1 + 3.84 / count) * float(np.sqrt(share * (1 - share) / count + 0.96 / count**2))
        found.append(
            {
                "leads": count,
                "predicted": round(float(likelihood[these].mean()), 4),
                "won": round(share, 4),
                "low": round(max(middle - half, 0.0), 4),
                "high": round(min(middle + half, 1.0), 4),
            }
        )
    return found


def gains(won: Floats, score: Floats) -> list[float]:
    """Which share of the won leads is among the best 5, 10, ... 100 of a hundred."""
    return [round(gained(won, score, step / 20), 4) for step in range(1, 21)]
