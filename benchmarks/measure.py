"""One figure of a benchmark: what was measured, beside the limit that was measured in the same run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """``value`` in ``unit``. With ``limit``, what counts is the ratio of the two, and ``budget`` is the least it may be.

    ``budget_at_most`` and ``budget_at_least`` are for figures that stand alone.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_is: str = ""
    budget: float | None = None
    budget_at_most: float | None = None
    budget_at_least: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if not self.limit else self.value / self.limit

    @property
    def kept(self) -> bool | None:
        """Whether the budget is kept; ``None`` where there is none."""
        if self.budget is not None and self.ratio is not None:
            return self.ratio >= self.budget
        if self.budget_at_most is not None:
            return self.value <= self.budget_at_most
        if self.budget_at_least is not None:
            return self.value >= self.budget_at_least
        return None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "kept": self.kept}
