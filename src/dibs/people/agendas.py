"""What a calendar file (iCalendar, RFC 5545) says of when somebody is busy.

A file comes from outside and may say anything, such as an appointment that repeats every second since 1970. So files are read in a
process of their own, which may take so much time and memory for each and no more: ``python -m dibs.people.agendas``, called by
`busy_in_each`. Needs no Django.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from dibs.people.child_environment import bare_environment

Span = tuple[datetime, datetime]

#: How far ahead appointments are read: leads are pushed now, and the day after tomorrow at the latest.
AHEAD = timedelta(days=60)

#: Spans that are kept of one calendar; somebody with more than 30 a day has those of the first days.
_MOST = 2_000

#: Seconds of processor time for one file, and bytes of memory for the process that reads it.
_SECONDS = 5
_MEMORY = 1 << 30

#: Rules that repeat more often than any appointment does.
_TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY"})

#: Why a file could not be read: it is no calendar, or there is more in it than can be worked out in time.
Unreadable = Literal["not_a_calendar", "too_much"]


@dataclass(frozen=True, slots=True)
class Agenda:
    """A calendar file to read. ``text`` as it came; ``timezone``: the person's own, for whole days and times without a zone; ``owner``: the
    person's e-mail address, to know which invitations they declined; ``since``: the moment from which on it matters."""

    text: str
    timezone: str
    owner: str
    since: datetime


def busy(agenda: Agenda) -> list[Span]:
    """The spans in which the owner is busy, in UTC and in order, overlapping ones as one. Raises ``ValueError`` for what is no calendar.

    Not counted: what is marked as free (``TRANSP:TRANSPARENT``), cancelled, or declined by the owner.
    """
    import icalendar
    import recurring_ical_events

    zone, until = ZoneInfo(agenda.timezone), agenda.since + AHEAD
    found: list[Span] = []
    calendars = icalendar.Calendar.from_ical(agenda.text, multiple=True)
    if not any(calendar.name == "VCALENDAR" for calendar in calendars):
        raise ValueError("There is no VCALENDAR in it")
    for calendar in calendars:
        owners = {agenda.owner.casefold(), str(calendar.get("X-WR-CALNAME", "")).casefold()}
        calendar.subcomponents = [part for part in calendar.subcomponents if not _repeats_too_often(part)]
        occurrences = recurring_ical_events.of(calendar, components=["VEVENT"], skip_bad_series=True)
        found += [
            (_moment(event["DTSTART"].dt, zone), _moment(event["DTEND"].dt, zone))
            for event in occurrences.between(agenda.since.astimezone(zone), until.astimezone(zone))
            if _counts(event, owners)
        ]
        found += _free_busy(calendar, zone)
    return _together((max(starts, agenda.since), min(ends, until)) for starts, ends in found)


def _repeats_too_often(part: Any) -> bool:
    rules = part.get("RRULE", [])
    return any(
        _TOO_OFTEN.intersection(map(str, rule.get("FREQ", ())))
        for rule in (rules if isinstance(rules, list) else [rules])
    )


def _counts(event: Any, owners: set[str]) -> bool:
    if str(event.get("TRANSP", "")).upper() == "TRANSPARENT" or str(event.get("STATUS", "")).upper() == "CANCELLED":
        return False
    if str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper() == "FREE":
        return False
    invited = event.get("ATTENDEE", [])
    return not any(
        str(who).casefold().removeprefix("mailto:") in owners
        and str(getattr(who, "params", {}).get("PARTSTAT", "")).upper() == "DECLINED"
        for who in (invited if isinstance(invited, list) else [invited])
    )


def _free_busy(calendar: Any, zone: ZoneInfo) -> Iterable[Span]:
    """What a calendar says that tells of no appointments, only of when somebody is busy (``VFREEBUSY``)."""
    for part in calendar.walk("VFREEBUSY"):
        given = part.get("FREEBUSY", [])
        for told in given if isinstance(given, list) else [given]:
            if str(told.params.get("FBTYPE", "BUSY")).upper() != "FREE":
                for period in told.dts if hasattr(told, "dts") else [told]:
                    yield _moment(period.start, zone), _moment(period.end, zone)


def _moment(when: date | datetime, zone: ZoneInfo) -> datetime:
    """A calendar's day or time as a moment in UTC."""
    if not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day)  # noqa: DTZ001 - the person's own midnight, zone below
    return (when if when.tzinfo is not None else when.replace(tzinfo=zone)).astimezone(UTC)


def _together(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap or touch as one; those without length are left out."""
    whole: list[Span] = []
    for starts, ends in sorted(span for span in spans if span[0] < span[1]):
        if whole and starts <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(ends, whole[-1][1]))
        else:
            whole.append((starts, ends))
    return whole[:_MOST]


def busy_in_each(agendas: Sequence[Agenda]) -> list[list[Span] | Unreadable]:
    """What each of these says, or why it can't be read. One that takes too much costs the others nothing but a new start."""
    said: list[list[Span] | Unreadable] = []
    while len(said) < len(agendas):
        left = agendas[len(said) :]
        answered = _read(left)
        said += answered
        if len(answered) < len(left):
            said.append("too_much")
    return said


def _read(agendas: Sequence[Agenda]) -> list[list[Span] | Unreadable]:
    """What another process makes of these, as far as it came."""
    asked = json.dumps([asdict(agenda) | {"since": agenda.since.isoformat()} for agenda in agendas])
    # A process that waits instead of working is stopped as well.
    longest = 10 * _SECONDS + _SECONDS * len(agendas)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "dibs.people.agendas"],
            input=asked.encode(),
            capture_output=True,
            timeout=longest,
            env=bare_environment(),
        )
        answered = done.stdout
    except subprocess.TimeoutExpired as late:
        answered = late.stdout or b""
    return [_answer(json.loads(line)) for line in answered.splitlines(keepends=True) if line.endswith(b"\n")]


def _answer(told: Any) -> list[Span] | Unreadable:
    if told is None:
        return "not_a_calendar"
    return [(datetime.fromisoformat(starts), datetime.fromisoformat(ends)) for starts, ends in told]


def _answer_each() -> None:
    """Read agendas from standard input and tell of each in a line of its own; killed by the system where one takes too much."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY if most < 0 else min(most, _MEMORY), most))
    for asked in json.load(sys.stdin.buffer):
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1 + _SECONDS, most))
        agenda = Agenda(**asked | {"since": datetime.fromisoformat(asked["since"])})
        try:
            told: list[Any] | None = [[starts.isoformat(), ends.isoformat()] for starts, ends in busy(agenda)]
        except MemoryError:
            raise
        except Exception:
            # Whatever is wrong with it: the libraries raise nearly everything for what is no calendar.
            told = None
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _answer_each()
