"""The cherry-picking index: does a rep take the higher scores of what they could choose from, more than chance would?

For each claim the ridit of the claimed lead's score among all that the rep could take at that moment: the share with a lower score
plus half the share with the same (Bross, "How to use ridit analysis", Biometrics 14, 1958, 18-38). Chosen at random it is 1/2 on
average, whatever the scores are and however many are equal. The index is the mean over a rep's claims, with an interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

#: Claims with something to choose that there must be before anything is said. With fewer a few lucky ones decide.
ENOUGH = 10
#: What the interval covers. Not the usual 0.95: with twenty reps on the page, one who chooses at random would be called a picker
#: every other time it is looked at.
LEVEL = 0.99

Verdict = Literal["too_few", "either_way", "picks_high", "picks_low"]


@dataclass(frozen=True, slots=True)
class Index:
    """``n`` claims; ``mean`` of their ridits, 0..1, and the interval around it, ``low`` to ``high``. ``None`` without claims, and the
    interval with fewer than 2."""

    n: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def verdict(self) -> Verdict:
        """What may be said: something only with `ENOUGH` claims and the whole interval on one side of 1/2."""
        if self.n < ENOUGH or self.low is None or self.high is None:
            return "too_few"
        if self.low > 0.5:
            return "picks_high"
        return "picks_low" if self.high < 0.5 else "either_way"


def index(n: int, mean: float | None, spread: float | None, chance: float | None) -> Index:
    """The index of a rep with ``n`` claims where there was something to choose.

    ``mean`` of their ridits, ``spread`` their sample variance, ``chance`` the mean of the variances that they would have had if
    chosen at random. The larger of the two is taken for the interval: somebody who always takes the best has hardly any spread of
    their own, and two such claims would look like certainty.
    """
    if not n or mean is None:
        return Index(0)
    variance = max(spread or 0.0, chance or 0.0)
    if n < 2 or variance <= 0:
        return Index(n, mean)
    reach = student(n - 1) * math.sqrt(variance / n)
    return Index(n, mean, max(0.0, mean - reach), min(1.0, mean + reach))


@lru_cache(maxsize=4096)
def student(freedom: int) -> float:
    """How many standard errors the interval reaches to either side, by Student's t with so many degrees of freedom (1 or more)."""
    # Not at the top: it costs a process 0.4 s and 40 MB, and most never need it.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))
