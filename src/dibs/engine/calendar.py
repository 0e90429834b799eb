"""When a rep is at work: hours of the week in the rep's own time zone, minus time off and public holidays.

A shift is a wall-clock span of one local day, turned into absolute time before anything is compared, so that a change of
the clocks makes a shift an hour shorter or longer, as it does for the person. A shift whose end is before its start,
or is above 1440, runs past midnight into the next day.

Appointments are work: no lead is pushed to somebody in one, but working time runs on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dibs.engine.facts import WorkingHours

#: How far ahead a rep's next working moment is looked for. Somebody away for longer has no next start yet.
HORIZON = timedelta(days=400)

_DAY = timedelta(days=1)

#: Half-open, in UTC or aware at least.
Span = tuple[datetime, datetime]
Spans = tuple[Span, ...]


@lru_cache(maxsize=8192)
def _shift(timezone: str, day: date, start: int, end: int) -> tuple[datetime, datetime]:
    """The shift that begins on this local day, in UTC. Minutes since local midnight."""
    if end < start:
        end += 24 * 60
    midnight, zone = datetime(day.year, day.month, day.day), ZoneInfo(timezone)  # noqa: DTZ001 - wall clock, zone below
    starts, ends = ((midnight + timedelta(minutes=m)).replace(tzinfo=zone).astimezone(UTC) for m in (start, end))
    return starts, ends


@lru_cache(maxsize=1024)
def local_day(timezone: str, now: datetime) -> date:
    """The calendar day it is in this time zone: what "per day" counts in."""
    return now.astimezone(ZoneInfo(timezone)).date()


@lru_cache(maxsize=4096)
def absence(hours: WorkingHours | None, now: datetime) -> str | None:
    """Why a rep cannot be given a lead now: ``away`` (time off), ``holiday``, ``off_hours`` or ``busy`` (in an appointment), whichever
    lasts longest; ``None`` for at work and free. No hours known means always at work."""
    if hours is None:
        return None
    if _within(hours.away, now):
        return "away"
    if _within(hours.holidays, now):
        return "holiday"
    if not _on_shift(hours, now):
        return "off_hours"
    return "busy" if _within(hours.busy, now) else None


def at_work(hours: WorkingHours | None, now: datetime) -> bool:
    """Whether the rep works at this moment, if only in an appointment."""
    return absence(hours, now) in (None, "busy")


def _within(spans: Spans, now: datetime) -> bool:
    return any(start <= now < end for start, end in spans)


def _on_shift(hours: WorkingHours, now: datetime) -> bool:
    today = local_day(hours.timezone, now)
    for day in (today, today - _DAY):  # yesterday's shift may run past midnight
        if span := hours.days.get(day.isoweekday()):
            starts, ends = _shift(hours.timezone, day, *span)
            if starts <= now < ends:
                return True
    return False


def working_spans(hours: WorkingHours, since: datetime) -> Iterator[Span]:
    """Half-open spans of work in order, none before ``since``, up to `HORIZON` ahead."""
    first = local_day(hours.timezone, since) - _DAY
    done = since
    for n in range(HORIZON.days + 2):
        day = first + n * _DAY
        if span := hours.days.get(day.isoweekday()):
            starts, ends = _shift(hours.timezone, day, *span)
            starts = max(starts, done)  # a night shift may overlap the next morning's: count no minute twice
            for span_ in _without(starts, ends, _off(hours)):
                yield span_
                done = span_[1]


def _off(hours: WorkingHours) -> Spans:
    """Time that is not worked, though it lies in a shift."""
    return hours.away + hours.holidays


def _without(starts: datetime, ends: datetime, out: Spans) -> Iterator[Span]:
    """What is left of a span when others are cut out."""
    for off, back in sorted(out):
        if back <= starts or off >= ends:
            continue
        if starts < off:
            yield starts, off
        starts = back
    if starts < ends:
        yield starts, ends


def worked_on(hours: WorkingHours, day: date) -> tuple[Spans, float]:
    """The shift that begins on this local day with time off and holidays cut out, in spans, and which part of it that leaves, 0..1."""
    if not (span := hours.days.get(day.isoweekday())):
        return (), 0.0
    starts, ends = _shift(hours.timezone, day, *span)
    spans = tuple(_without(starts, ends, _off(hours)))
    return spans, sum((e - s for s, e in spans), timedelta(0)) / (ends - starts) if ends > starts else 0.0


def midnight(timezone: str, day: date) -> datetime:
    """The moment, in UTC, at which this local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def next_start(hours: WorkingHours | None, now: datetime) -> datetime | None:
    """The earliest moment from ``now`` on at which the rep works and is in no appointment: ``now`` itself if that is so, ``None`` if
    not in sight."""
    if hours is None:
        return now
    free = (span for starts, ends in working_spans(hours, now) for span in _without(starts, ends, hours.busy))
    return next((starts for starts, _ in free), None)


def after_working(hours: WorkingHours | None, since: datetime, amount: timedelta) -> datetime:
    """The moment at which the rep will have worked ``amount`` from ``since`` on.

    Somebody whose work is not in sight (no working day, away for longer than `HORIZON`) gets the plain clock: a lead must
    not wait for ever on a calendar that was filled in wrongly.
    """
    if hours is not None:
        left = amount
        for starts, ends in working_spans(hours, since):
            if ends - starts >= left:
                return starts + left
            left -= ends - starts
    return since + amount
