"""Credits that reps earned, summed up for a report and line by line for whoever pays by them.

What one earns is nobody else's to see but of who leads them: fair play is for all to see, pay is not.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.insight.csv_files import csv_of
from dibs.insight.fair_play import reps_watched
from dibs.people.caller import Caller
from dibs.people.models import Role

#: More lines than this are not put into one file.
MOST_LINES = 200_000


class TooManyLines(Exception):
    """The period holds more credits than one file takes."""


@dataclass(frozen=True, slots=True)
class Earned:
    """What a rep earned in the period: for first contacts on claimed leads, and for conversions."""

    handle: str
    name: str
    claims: int
    claim_points: Decimal
    conversions: int
    conversion_points: Decimal

    @property
    def points(self) -> Decimal:
        return self.claim_points + self.conversion_points


@dataclass(frozen=True, slots=True)
class Line:
    """One credit as it was earned. ``times``: the weight that it counted with, from ``rule`` of that policy version."""

    at: datetime
    rep: str
    name: str
    what: str
    lead: UUID
    score: int | None
    points: Decimal
    times: Decimal
    rule: str | None
    policy_version: int | None


def credits_earned(caller: Caller, since: datetime, until: datetime) -> tuple[Earned, ...]:
    """What each rep whose credits the caller may see earned after ``since`` and up to ``until``, by name; without those who earned none."""
    named = _whose(caller)
    rows = _rows(
        """
        SELECT rep_id, count(*) FILTER (WHERE what = 'claim'), coalesce(sum(points) FILTER (WHERE what = 'claim'), 0),
               count(*) FILTER (WHERE what = 'convert'), coalesce(sum(points) FILTER (WHERE what = 'convert'), 0)
        FROM distribution_credit WHERE workspace_id = %s AND at > %s AND at <= %s AND rep_id = ANY(%s) GROUP BY rep_id
        """,
        caller.workspace_id,
        since,
        until,
        list(named),
    )
    earned = {rep: Earned(*named[rep], *sums) for rep, *sums in rows}
    return tuple(earned[rep] for rep in named if rep in earned)


def credit_lines(caller: Caller, since: datetime, until: datetime) -> list[Line]:
    """Each credit of the period, in the order they were earned. Raises `TooManyLines`."""
    named = _whose(caller)
    rows = _rows(
        f"""
        SELECT rep_id, at, what, lead_id, score, points, times, rule, policy_version FROM distribution_credit
        WHERE workspace_id = %s AND at > %s AND at <= %s AND rep_id = ANY(%s) ORDER BY at, id LIMIT {MOST_LINES + 1}
        """,
        caller.workspace_id,
        since,
        until,
        list(named),
    )
    if len(rows) > MOST_LINES:
        raise TooManyLines
    return [Line(at, *named[rep], *rest) for rep, at, *rest in rows]


def as_csv(lines: list[Line]) -> str:
    """The lines as a file that a spreadsheet opens: moments in UTC, and no cell that it would run as a formula."""
    return csv_of(Line.__dataclass_fields__, map(astuple, lines))


def _whose(caller: Caller) -> dict[UUID, tuple[str, str]]:
    """The reps whose credits the caller may see, by id: a rep's own, else those whose play the caller sees, and who left: they are paid
    still."""
    watched = reps_watched(caller, also_left=True)
    mine = caller.role == Role.REP
    return {rep: (handle, name) for rep, handle, name in watched if not mine or rep == caller.rep_id}


def _rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
