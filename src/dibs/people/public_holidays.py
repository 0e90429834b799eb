"""Public holidays, by country and region, as the ``holidays`` package knows them.

Only those on which a whole country or region is off work (its category ``public``): no bank's, school's or half days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

#: How far back and ahead holidays are told of: a week's claim floor looks back, the next working moment ahead
#: (``engine.calendar.HORIZON``).
_BACK, _AHEAD = timedelta(days=9), timedelta(days=400)

_DAY = timedelta(days=1)

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Holiday:
    """One day off, by the name people know it by."""

    day: date
    name: str


@lru_cache(maxsize=1)
def _regions() -> dict[str, tuple[str, ...]]:
    """The countries whose holidays are known, ISO 3166-1 alpha-2, and the regions of each that have some of their own. A few cities that
    the package knows by name are left out: they are regions in no standard.
    """
    return {
        code: tuple(region for region in regions if len(region) <= 3)
        for code, regions in holidays.list_supported_countries().items()
        if len(code) == 2
    }


def regions_of(country: str) -> tuple[str, ...]:
    """The country's regions that the package tells apart: codes of ISO 3166-2 without the country. Of another country: none."""
    return _regions().get(country, ())


def countries() -> tuple[str, ...]:
    """The countries whose holidays are known."""
    return tuple(_regions())


def is_known(country: str) -> bool:
    """Whether the country's holidays are known."""
    return country in _regions()


@lru_cache(maxsize=1024)
def spans(country: str, region: str, timezone: str, today: date) -> tuple[Span, ...]:
    """The holidays from a week before this day to a year and a month after it, each from midnight to midnight in the time zone.

    Half-open, in order; holidays in a row are one span. A country that is not known has none, a region that is not known those of
    its country. Kept: reps of one country ask for the same, many times a second.
    """
    off = [found.day for found in between(country, region, today - _BACK, today + _AHEAD)]
    zone, runs = ZoneInfo(timezone), list[tuple[date, date]]()
    for day in off:
        if runs and runs[-1][1] == day:
            runs[-1] = (runs[-1][0], day + _DAY)
        else:
            runs.append((day, day + _DAY))
    return tuple((_midnight(first, zone), _midnight(after, zone)) for first, after in runs)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def between(country: str, region: str, first: date, last: date, language: str = "en") -> list[Holiday]:
    """The holidays from ``first`` to ``last``, in order, named in the language if the package can, else in English or the country's own."""
    if not is_known(country):
        return []
    years = tuple(range(first.year, last.year + 1))
    known = _known(country, region if region in regions_of(country) else "", years, language)
    return [found for found in known if first <= found.day <= last]


@lru_cache(maxsize=512)
def _known(country: str, region: str, years: tuple[int, ...], language: str) -> tuple[Holiday, ...]:
    kind = getattr(holidays, country)
    offered = kind.supported_languages
    tongue = next((name for wanted in (language, "en") for name in offered if name.split("_")[0] == wanted), None)
    found = holidays.country_holidays(country, subdiv=region or None, years=years, language=tongue)
    return tuple(Holiday(day, name) for day, name in sorted(found.items()))
