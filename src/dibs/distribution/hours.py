"""When each rep is at work, as the engine wants it: hours of the week, time off, public holidays and appointments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.engine import calendar
from dibs.engine.facts import WorkingHours
from dibs.people import public_holidays

#: How far back an absence counts that is over: what a week's claim floor expects is less for it.
_A_WEEK = timedelta(days=8)

#: How far ahead appointments count: they only say whether a lead can be pushed now, and when next.
_AGENDA = timedelta(days=2)

#: Appointments with leads last no longer (`distribution.appointments`).
_LONGEST_MEETING = timedelta(days=7)

#: When a rep works, as `hours_from` takes it, in a statement that speaks of the rep as ``rep``; its parameters: `since_and_until`.
HOURS_COLUMNS = """
    rep.timezone, rep.hours::text,
    (SELECT jsonb_agg(jsonb_build_array(away.starts, away.ends) ORDER BY away.starts)::text
     FROM people_timeoff away WHERE away.rep_id = rep.id AND away.ends > %s),
    CASE WHEN rep.keeps_holidays THEN rep.country ELSE '' END, rep.region,
    (SELECT jsonb_agg(jsonb_build_array(busy.starts, busy.ends) ORDER BY busy.starts)::text FROM (
        SELECT starts, ends FROM people_busy WHERE rep_id = rep.id AND ends > %s AND starts < %s
        UNION ALL
        SELECT starts_at, ends_at FROM crm_appointment WHERE workspace_id = rep.workspace_id AND rep_id = rep.id
            AND starts_at > %s AND starts_at < %s AND ends_at > %s AND cancelled_at IS NULL
     ) busy)
"""

#: How many columns these are.
HOURS_WIDTH = 6


def since_and_until(now: datetime) -> list[datetime]:
    """The parameters of `HOURS_COLUMNS`."""
    ahead = now + _AGENDA
    return [now - _A_WEEK, now, ahead, now - _LONGEST_MEETING, ahead, now]


def hours_from(values: Sequence[Any], now: datetime) -> WorkingHours | None:
    """A rep's hours and absences from `HOURS_COLUMNS`; ``None``: always at work, never away."""
    timezone, hours, away, country, region, busy = values
    return _working_hours(timezone, hours, away, country, region, busy, calendar.local_day(timezone, now))


def working_hours(
    timezone: str, hours: Any, country: str = "", region: str = "", *, today: date
) -> WorkingHours | None:
    """The hours of the week as `Rep.hours` keeps them, and the country's holidays; ``None``: always at work."""
    return _working_hours(timezone, None if hours is None else json.dumps(hours), None, country, region, None, today)


@lru_cache(maxsize=8192)
def _working_hours(
    timezone: str, hours: str | None, away: str | None, country: str, region: str, busy: str | None, today: date
) -> WorkingHours | None:
    """Kept by what the database said: it is asked for every rep with every lead that is pushed, and says the same for hours."""
    if hours is None and not away and not busy:
        return None
    return WorkingHours(
        timezone=timezone,
        days=dict.fromkeys(range(1, 8), (0, 24 * 60)) if hours is None else _days(json.loads(hours)),
        away=_spans(away),
        # Who has no hours is at work always, holidays too: a workspace where nobody has set any yet stands still on none of them.
        holidays=() if hours is None else public_holidays.spans(country, region, timezone, today),
        busy=_spans(busy),
    )


def _days(hours: Any) -> dict[int, tuple[int, int]]:
    return {int(day): (span[0], span[1]) for day, span in hours.items()}


def _spans(text: str | None) -> tuple[tuple[datetime, datetime], ...]:
    return tuple(
        (datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in json.loads(text or "[]")
    )


def hours_of(workspace_id: UUID, rep_id: UUID, now: datetime) -> WorkingHours | None:
    """One rep's hours and absences, those of the last week too."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {HOURS_COLUMNS} FROM people_rep rep WHERE rep.workspace_id = %s AND rep.id = %s",
            [*since_and_until(now), workspace_id, rep_id],
        )
        row = cursor.fetchone()
    return hours_from(row, now) if row else None
