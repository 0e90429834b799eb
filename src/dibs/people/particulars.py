"""What is written down about a rep: hours, time zone, holidays, strengths, teams, time off, the address of the calendar.

Each of these checks what it is given and then writes it; `Unfit` says which part is wrong and how. Who may write is for who calls to
ask (`leads`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.db import transaction

from dibs.people import public_holidays
from dibs.people.caller import Caller
from dibs.people.fetching import Unfetched, address_of
from dibs.people.models import Busy, Calendar, Membership, Rep, Team, TimeOff

#: Time off lasts this long at most, and no rep has more spans of it ahead than this.
LONGEST_OFF = timedelta(days=800)
_MOST_OFF = 200

_MOST_WORDS = 50
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_FULL_DAY = 24 * 60


class Unfit(ValueError):
    """What was given can't be written down. ``field``: which part; ``code``: what is wrong with it, one of `WRONG`."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field}: {code}")
        self.field, self.code = field, code


#: What can be wrong.
WRONG = frozenset(
    {
        "needed",
        "unknown_timezone",
        "unknown_country",
        "unknown_region",
        "bad_hours",
        "bad_language",
        "too_many",
        "too_long",
        "out_of_range",
        "unknown_team",
        "not_your_team",
        "no_length",
        "over",
        "bad_address",
    }
)


def leads(caller: Caller, rep: Rep) -> bool:
    """Whether the caller leads this rep: operations lead all, a manager those of their own teams."""
    return caller.oversees(frozenset(rep.teams.values_list("slug", flat=True)))


# -- What a rep is like -------------------------------------------------------------------------------------------------


def edit(rep: Rep, changes: Mapping[str, Any]) -> None:
    """Write down what changes of name, country, region, timezone, keeps_holidays, hours (see `hours_of_days`), languages, industries,
    seniority and depth. All or nothing; a country or region alone is judged with the other as it is. Raises `Unfit`."""
    given = {name: _CHECKS[name](name, value) for name, value in changes.items()}
    country, region = given.get("country", rep.country), given.get("region", rep.region)
    if "country" in given and "region" not in given and region not in public_holidays.regions_of(country):
        region = given["region"] = ""  # moved to another country: its regions are others
    if region and region not in public_holidays.regions_of(country):
        raise Unfit("region", "unknown_region")
    for name, value in given.items():
        setattr(rep, name, value)
    if given:
        rep.save(update_fields=list(given))


def _name(field: str, value: str) -> str:
    if not value.strip():
        raise Unfit(field, "needed")
    return _line(field, value)


def _line(field: str, value: str) -> str:
    if len(value.strip()) > 200 or "\0" in value:
        raise Unfit(field, "too_long")
    return value.strip()


def _timezone(field: str, value: str) -> str:
    if value not in available_timezones():
        raise Unfit(field, "unknown_timezone")
    return value


def _country(field: str, value: str) -> str:
    code = value.strip().upper()
    if code and not public_holidays.is_known(code):
        raise Unfit(field, "unknown_country")
    return code


def _languages(field: str, value: Sequence[str]) -> list[str]:
    tags = _words(field, value)
    if not all(_LANGUAGE.fullmatch(tag) and len(tag) <= 16 for tag in tags):
        raise Unfit(field, "bad_language")
    return tags


def _words(field: str, value: Sequence[str]) -> list[str]:
    words = list(dict.fromkeys(filter(None, (_line(field, word) for word in value))))
    if len(words) > _MOST_WORDS:
        raise Unfit(field, "too_many")
    return words


def _grade(field: str, value: int | None) -> int | None:
    if value is not None and not 1 <= value <= 5:
        raise Unfit(field, "out_of_range")
    return value


def hours_of_days(field: str, value: Mapping[str, Sequence[str]] | None) -> dict[str, list[int]] | None:
    """A week as `Rep.hours` keeps it, from weekday ("1" Monday .. "7" Sunday) to ("09:00", "17:30"), in order; ``None``: always at work. An
    end before its beginning is on the next day. Raises `Unfit`."""
    if value is None:
        return None
    week = {}
    for day in sorted(value):
        span = [_minutes(field, clock) for clock in value[day]]
        if day not in set("1234567") or len(span) != 2 or span[0] == span[1] or span[0] == _FULL_DAY:
            raise Unfit(field, "bad_hours")
        week[day] = span
    if not week:
        raise Unfit(field, "bad_hours")
    return week


def _minutes(field: str, clock: str) -> int:
    """Minutes since midnight of "HH:MM", up to "24:00"."""
    match = _CLOCK.fullmatch(clock)
    minutes = 60 * int(match[1]) + int(match[2]) if match else _FULL_DAY + 1
    if minutes > _FULL_DAY:
        raise Unfit(field, "bad_hours")
    return minutes


def days_of_hours(hours: Mapping[str, Sequence[int]] | None) -> dict[str, tuple[str, str]] | None:
    """The other way round: `Rep.hours` as clock times."""
    if hours is None:
        return None
    return {day: (_clock(span[0]), _clock(span[1])) for day, span in sorted(hours.items())}


def _clock(minutes: int) -> str:
    if minutes > _FULL_DAY:
        minutes -= _FULL_DAY
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


_CHECKS: Mapping[str, Any] = {
    "name": _name,
    "country": _country,
    "region": lambda field, value: value.strip(),
    "timezone": _timezone,
    "keeps_holidays": lambda field, value: bool(value),
    "hours": hours_of_days,
    "languages": _languages,
    "industries": _words,
    "seniority": _grade,
    "depth": _grade,
}


def set_teams(caller: Caller, rep: Rep, slugs: Collection[str]) -> bool:
    """Have the rep be in these teams and no others; returns whether that changed anything. A manager adds to and takes from teams of
    their own alone. Whoever joins a team starts level with its others, and who leaves it keeps their leads. Raises `Unfit`."""
    with transaction.atomic():
        # One at a time, for two that do this at once would each see the teams before.
        Rep.objects.select_for_update().only("id").get(id=rep.id)
        teams = {team.slug: team for team in Team.objects.filter(workspace_id=rep.workspace_id)}
        now = set(rep.teams.values_list("slug", flat=True))
        wanted = set(slugs)
        if not wanted <= teams.keys():
            raise Unfit("teams", "unknown_team")
        if not all(caller.oversees([slug]) for slug in now ^ wanted):
            raise Unfit("teams", "not_your_team")
        Membership.objects.filter(rep=rep, team__slug__in=now - wanted).delete()
        Membership.objects.bulk_create(
            Membership(workspace_id=rep.workspace_id, rep=rep, team=teams[slug]) for slug in sorted(wanted - now)
        )
    return now != wanted


# -- Time off -----------------------------------------------------------------------------------------------------------


def days_off(timezone: str, first: date, last: date) -> tuple[datetime, datetime]:
    """Whole days as moments: from the first one's midnight to the one after the last's, in the time zone."""
    try:
        after = last + timedelta(days=1)
    except OverflowError:
        raise Unfit("last_day", "too_long") from None
    starts, ends = (
        datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC) for day in (first, after)
    )
    return starts, ends


def take_off(rep: Rep, starts: datetime, ends: datetime, note: str, now: datetime) -> TimeOff:
    """Write down that the rep is away from ``starts`` until just before ``ends``. Raises `Unfit`."""
    if ends <= starts:
        raise Unfit("ends", "no_length")
    if ends <= now:
        raise Unfit("ends", "over")
    if ends - starts > LONGEST_OFF or starts - now > LONGEST_OFF:
        raise Unfit("ends", "too_long")
    if TimeOff.objects.filter(rep=rep, ends__gt=now).count() >= _MOST_OFF:
        raise Unfit("starts", "too_many")
    return TimeOff.objects.create(
        workspace_id=rep.workspace_id, rep=rep, starts=starts, ends=ends, note=_line("note", note)
    )


def back(rep: Rep, time_off: UUID, now: datetime) -> bool:
    """Take time off back: what has not begun goes, what is under way ends now. Returns whether there was any to take back."""
    with transaction.atomic():
        found = TimeOff.objects.select_for_update().filter(rep=rep, id=time_off, ends__gt=now).first()
        if found is None:
            return False
        if found.starts >= now:
            found.delete()
        else:
            found.ends = now
            found.save(update_fields=["ends"])
    return True


# -- The calendar -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CalendarState:
    """How a rep's calendar is doing. The address itself is a secret between the rep and the calendar: only its ``host`` is told."""

    host: str
    fetched_at: datetime | None
    failing_since: datetime | None
    problem: str


def connect_calendar(rep: Rep, address: str) -> None:
    """Keep the rep's calendar at this address from now on; it is read within a minute or so. What another one said is forgotten. Raises
    `Unfit`."""
    try:
        url = address_of(address)
    except Unfetched:
        raise Unfit("url", "bad_address") from None
    with transaction.atomic():
        Rep.objects.select_for_update().only("id").get(id=rep.id)
        if Calendar.objects.filter(rep=rep, url=url).exists():
            Calendar.objects.filter(rep=rep).update(tried_at=None)
            return
        disconnect_calendar(rep)
        Calendar.objects.create(workspace_id=rep.workspace_id, rep=rep, url=url)


def disconnect_calendar(rep: Rep) -> bool:
    """Forget the rep's calendar and what it said; returns whether there was one."""
    with transaction.atomic():
        Busy.objects.filter(rep=rep).delete()
        gone, _ = Calendar.objects.filter(rep=rep).delete()
    return gone > 0


def calendar_of(rep: Rep) -> CalendarState | None:
    """How the rep's calendar is doing; ``None`` without one."""
    found = Calendar.objects.filter(rep=rep).first()
    if found is None:
        return None
    return CalendarState(urlsplit(found.url).hostname or "", found.fetched_at, found.failing_since, found.problem)
