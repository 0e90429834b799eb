"""Small charts as the markup of the page itself: the shapes that templates put into SVG.

They take the page's colours, light and dark, and cost no process a browser engine (measured: altair with vl-convert takes 0.8 s
for its first chart and 90 MB in each web process).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from dibs.insight.fair_play import PoolNote
from dibs.insight.reports import Counted, Group, Report
from dibs.insight.what_if import Count

#: The size that lines are drawn in; the page stretches it to its own.
WIDTH, HEIGHT = 600, 100
#: Where no note is for longer than so many of the usual steps, the line has a gap: nobody was looking.
_GAP = 4


@dataclass(frozen=True, slots=True)
class Course:
    """How a pool stood through a period: paths of the middle wait, of the space up to where nine of ten are, and of how many waited.
    ``longest`` and ``most`` are what the top of each picture stands for."""

    middle: str
    spread: str
    waiting: str
    longest: timedelta
    most: int


def course(notes: Sequence[PoolNote], since: datetime, until: datetime) -> Course:
    """The shapes for a pool's notes, oldest first."""
    longest = max((note.p90 for note in notes), default=timedelta(0))
    most = max((note.waiting for note in notes), default=0)
    whole = (until - since) / timedelta(seconds=1)

    def x(note: PoolNote) -> float:
        return WIDTH * (note.at - since).total_seconds() / whole

    def up(share: float) -> float:
        return HEIGHT * (1 - share)

    def wait(span: timedelta) -> float:
        return up(span / longest if longest else 0)

    def line(notes: Sequence[PoolNote], y: Callable[[PoolNote], float]) -> str:
        return " L".join(f"{x(note):.1f} {y(note):.1f}" for note in notes)

    def drawn(y: Callable[[PoolNote], float]) -> str:
        # A note alone would be a line of no length: it is drawn as a dot, by a line that ends where it begins.
        return " ".join(f"M{line(run, y)}{'h0' if len(run) == 1 else ''}" for run in runs)

    runs = _runs(notes)
    spread = " ".join(
        f"M{line(run, lambda note: wait(note.p90))} L{line(run[::-1], lambda note: wait(note.median))}Z" for run in runs
    )
    return Course(
        middle=drawn(lambda note: wait(note.median)),
        spread=spread,
        waiting=drawn(lambda note: up(note.waiting / most if most else 0)),
        longest=longest,
        most=most,
    )


def _runs(notes: Sequence[PoolNote]) -> list[Sequence[PoolNote]]:
    """The notes, parted where there is a gap between them."""
    steps = sorted(after.at - before.at for before, after in pairwise(notes))
    usual = steps[len(steps) // 2] if steps else timedelta(0)
    runs, start = [], 0
    for place, (before, after) in enumerate(pairwise(notes), 1):
        if after.at - before.at > _GAP * usual:
            runs.append(notes[start:place])
            start = place
    return [*runs, notes[start:]] if notes else []


@dataclass(frozen=True, slots=True)
class Stairs:
    """A value of 0..100 that stays as it is until it changes, from left to right: the path, its first and its last value."""

    path: str
    first: int
    last: int
    width: int = WIDTH
    height: int = HEIGHT


def stairs(values: Sequence[tuple[datetime, int]], until: datetime) -> Stairs:
    """The steps of these values, oldest first, up to a moment."""
    since = values[0][0]
    whole = max((until - since).total_seconds(), 1.0)

    def x(at: datetime) -> float:
        return WIDTH * min(max((at - since).total_seconds() / whole, 0.0), 1.0)

    first, *rest = values
    path = f"M0 {HEIGHT - first[1]}" + "".join(f"H{x(at):.1f}V{HEIGHT - value}" for at, value in rest) + f"H{WIDTH}"
    return Stairs(path, first[1], values[-1][1])


@dataclass(frozen=True, slots=True)
class Against:
    """Two counts beside each other: as long as they are of the longest of all, 0..100."""

    count: Count
    before: float
    after: float


def against(counts: Sequence[Count]) -> list[Against]:
    """Bars for what was and what would be, all on one scale."""
    most = max((max(count.before, count.after) for count in counts), default=0) or 1
    return [Against(count, round(100 * count.before / most, 1), round(100 * count.after / most, 1)) for count in counts]


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """How far so many leads came: ``of_all`` and ``of_before``, the step before this, in percent."""

    name: str
    count: int
    of_all: float
    of_before: float


def funnel(counted: Counted) -> list[FunnelStep]:
    """From leads to what was won, each step a part of the one before."""
    steps: list[FunnelStep] = []
    for name in ("leads", "contacted", "converted", "won"):
        count = getattr(counted, name)
        before = steps[-1].count if steps else count
        steps.append(
            FunnelStep(
                name,
                count,
                100 * count / counted.leads if counted.leads else 0,
                100 * count / before if before else 0,
            )
        )
    return steps


@dataclass(frozen=True, slots=True)
class Cell:
    """A month of a group. ``depth``: how much of it converted beside the others, 0..8, for its shade; ``None``: too few to say."""

    counted: Counted
    depth: int | None


def cells(told: Report, enough: int) -> list[tuple[Group, list[Cell]]]:
    """The groups' months, shaded by the share that converted; the deepest shade is the highest share that ``enough`` leads stand for."""
    rates = [
        month.rate
        for group in told.groups
        for month in group.months
        if month.leads >= enough and month.rate is not None
    ]
    most = max(rates, default=0.0)

    def depth(counted: Counted) -> int | None:
        if counted.leads < enough or counted.rate is None:
            return None
        return round(8 * counted.rate / most) if most else 0

    return [(group, [Cell(month, depth(month)) for month in group.months]) for group in told.groups]
