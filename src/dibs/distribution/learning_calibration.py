"""How a model's sums become likelihoods: of so many leads said to be won with one chance in four, one in four is won.

By J. Platt's way (a logistic curve, its targets smoothed; "Probabilistic Outputs for Support Vector Machines", 1999), or by isotonic
regression where that is better by more than chance, and there are a thousand leads to see it on: A. Niculescu-Mizil and R. Caruana,
"Predicting Good Probabilities With Supervised Learning" (ICML 2005), find it to overfit below that.

``sums`` and ``won`` are arrays throughout, of the log odds that were told of each lead and of 0 and 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dibs.distribution.measuring import Floats

#: From so many leads to calibrate on, so many of either end among them, the calibration is isotonic.
ENOUGH_FOR_STEPS, ENOUGH_OF_EACH = 1_000, 100
_FOLDS = 10


def regression(strength: float) -> Any:
    """A logistic regression that is not fitted yet. ``strength`` of regularisation (L2): the inverse, as scikit-learn has it."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=2_000)


def way_for(sums: Floats, won: Floats) -> str:
    """How to calibrate on these: ``isotonic`` where leads that were left out are told better by it, by more than one standard error."""
    from sklearn.model_selection import StratifiedKFold

    if len(won) < ENOUGH_FOR_STEPS or min(won.sum(), len(won) - won.sum()) < ENOUGH_OF_EACH:
        return "platt"
    gained = []
    for inside, outside in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(sums, won):
        slope, shift = platt(sums[inside], won[inside])
        at, heights = steps(sums[inside], won[inside])
        likelihood = np.interp(sums[outside], at, heights)
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
    fitted = regression(1e6).fit(
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


def steps(sums: Floats, won: Floats) -> tuple[list[float], list[float]]:
    """The isotonic regression's knots: at which sums, and which likelihoods. Nothing is quite impossible, and nothing sure: half a lead
    of all is left either way."""
    from sklearn.isotonic import IsotonicRegression

    least = 0.5 / len(won)
    fitted = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(sums, won)
    return (
        [float(one) for one in fitted.X_thresholds_],
        [round(float(one), 6) for one in fitted.y_thresholds_],
    )
