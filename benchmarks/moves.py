"""Leads moved in bulk: planned, moved and undone, every decision logged and every rep told in the outbox.

All that 20 reps in 4 teams have is taken off them and given on by the policy that gave it. Beside it the limit, in the same run: the same
leads placed when they came in, which asks the same policy and writes the same tables. The growth is that of the cost for each lead from a
quarter of them to all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from benchmarks.assign import arrivals, place_all, workspace_of
from benchmarks.measure import Measure
from benchmarks.running import data_folder

LEADS = 10_000
QUICK = 1_000
#: Leads a second that each part of a bulk move must manage: 10,000 within twenty seconds.
BUDGET = 500


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds that each part took, for so many leads."""

    leads: int
    placed: float
    planned: float
    moved: float
    undone: float


def measure(*, quick: bool = False) -> list[Measure]:
    size = QUICK if quick else LEADS
    with data_folder():
        small, large = _run(size // 4), _run(size)
    limit = large.leads / large.placed
    found = [
        Measure(
            f"move {size:,} leads: {what}",
            large.leads / seconds,
            "leads/s",
            limit,
            "placing the same leads",
            budget_at_least=BUDGET,
        )
        for what, seconds in (("planned", large.planned), ("moved", large.moved), ("undone", large.undone))
    ]
    growth = (large.moved / large.leads) / (small.moved / small.leads)
    return [*found, Measure("move: cost for each grows by", growth, "times", budget_at_most=1.3)]


def _run(number: int) -> Run:
    from django.db import connection

    from dibs.crm.models import Lead
    from dibs.distribution import moving, moving_on
    from dibs.people.caller import operator
    from dibs.people.tenancy import enter

    workspace_id = workspace_of(f"moves-{number}")
    enter(workspace_id)
    begin = time.perf_counter()
    place_all(workspace_id, arrivals(number))
    placed = time.perf_counter() - begin
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_lead")
    had = _owners()
    caller = operator(workspace_id)
    begin = time.perf_counter()
    move = moving.plan(caller, moving.Wanted(), _now(), list(Lead.objects.values_list("id", flat=True)))
    planned = time.perf_counter() - begin
    moving.start(caller, move.id, _now())
    begin = time.perf_counter()
    moving_on.carry_on(workspace_id, move.id, _now)
    moved = time.perf_counter() - begin
    move.refresh_from_db()
    assert (move.state, move.total, move.moved) == ("done", number, number), (move.state, move.moved)
    moving.undo(caller, move.id, _now())
    begin = time.perf_counter()
    moving_on.carry_on(workspace_id, move.id, _now)
    undone = time.perf_counter() - begin
    assert _owners() == had, "undone, everybody has what they had"
    enter(None)
    return Run(number, placed, planned, moved, undone)


def _owners() -> dict[UUID, UUID | None]:
    from dibs.crm.models import Lead

    return dict(Lead.objects.values_list("id", "owner_id"))


def _now() -> datetime:
    return datetime.now(UTC)
