"""Credits: points for claims and conversions, weighted so that pay does not punish who takes what others skip."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from dibs.engine.decision import Reason
from dibs.engine.facts import LeadFacts
from dibs.engine.rulebook import Rulebook

What = Literal["claim", "convert"]


@dataclass(frozen=True, slots=True)
class Earned:
    """Points, to two decimals, for ``what``: the policy's own ``times`` the weight that counted. ``rule`` says which that was."""

    what: What
    points: float
    times: float
    rule: str

    @property
    def reason(self) -> Reason:
        """The line for the log."""
        return Reason("credited", {"what": self.what, "points": self.points, "times": self.times}, self.rule)


def earned(book: Rulebook, lead: LeadFacts, what: What, now: datetime) -> Earned | None:
    """What a rep earns by this lead, or ``None`` if the policy gives nothing for ``what``.

    The first weight whose condition holds counts, without any the points as they are. A weight of 0 earns 0 points, and says so.
    """
    credits = book.policy.credits
    points = getattr(credits, what) if credits is not None else 0
    if not points:
        return None
    weighed = book.weight(lead, now)
    if weighed is None:
        return Earned(what, _rounded(points, 1.0), 1.0, "credits")
    index, times = weighed
    return Earned(what, _rounded(points, times), times, f"credits.weights[{index}]")


def _rounded(points: float, times: float) -> float:
    """In decimals, as the policy writes both: half a hundredth goes up."""
    exact = Decimal(str(points)) * Decimal(str(times))
    return float(exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))
