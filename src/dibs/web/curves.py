"""Curves that show what a model is worth, as the shapes that templates put into SVG. Each picture is `SIZE` wide and high; up is more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The size that curves are drawn in; the page scales it.
SIZE = 200


@dataclass(frozen=True, slots=True)
class Gains:
    """Which share of the leads that converted is among the best so many of all: the model's line, and that of the points ("" without)."""

    model: str
    points: str


@dataclass(frozen=True, slots=True)
class Dot:
    """Leads of one likelihood: where it is by what was ``said`` and what ``came`` of it, with the ends of the interval."""

    x: float
    y: float
    low: float
    high: float
    said: float
    came: float
    leads: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """What was said of leads against what came of them; ``most``: the likelihood at the right and at the top, 0..1."""

    dots: tuple[Dot, ...]
    most: float


def gains(measures: Mapping[str, Any]) -> Gains:
    """The lines for the shares among the best 5, 10, ... 100 of a hundred."""
    told = measures["gains"]
    return Gains(_line(told["model"]), _line(told["points"]) if told["points"] else "")


def _line(shares: Sequence[float]) -> str:
    step = SIZE / len(shares)
    points = [(0.0, 0.0), *((step * nth, share) for nth, share in enumerate(shares, 1))]
    return "M" + " L".join(f"{x:.1f} {SIZE * (1 - y):.1f}" for x, y in points)


def reliability(measures: Mapping[str, Any]) -> Reliability:
    """The dots of the bins."""
    bins = measures["reliability"]
    most = min(max((max(one["predicted"], one["high"]) for one in bins), default=1.0) * 1.05 or 1.0, 1.0)

    def up(share: float) -> float:
        return round(SIZE * (1 - min(share / most, 1.0)), 1)

    return Reliability(
        tuple(
            Dot(
                x=round(SIZE * min(one["predicted"] / most, 1.0), 1),
                y=up(one["won"]),
                low=up(one["low"]),
                high=up(one["high"]),
                said=one["predicted"],
                came=one["won"],
                leads=one["leads"],
            )
            for one in bins
        ),
        most,
    )
