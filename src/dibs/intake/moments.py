"""Dates and times as sources write them, to aware moments."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NUMERIC = re.compile(
    r"(\d{4})[/.年](\d{1,2})[/.月](\d{1,2})日?(?:[T\s]*(\d{1,2})[:時](\d{2})(?:[:分](\d{2}))?[分秒]?)?"
)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of that name, ``Asia/Tokyo``; ``ValueError`` if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is called {name!r}") from error


@lru_cache(maxsize=16384)
def read_moment(text: str, timezone: str, formats: tuple[str, ...] = ()) -> datetime | None:
    """The moment in ``text``, or ``None`` if it has none.

    ``formats`` are ``strptime`` patterns, tried in order. Without them ISO 8601 is read, and year-month-day with slashes, full
    stops or 年月日: orders that can be taken for one another (03/04/2024) are never guessed. ``timezone`` holds for text that
    names no offset of its own. Years before 1970 and after 2200 are no moment a lead was received at.
    """
    moment = _by_format(text, formats) if formats else _by_sight(text)
    return None if moment is None else in_zone(moment, timezone)


def in_zone(moment: datetime, timezone: str | tzinfo = UTC) -> datetime | None:
    """An aware moment in UTC; a naive one is taken to be in ``timezone``. ``None`` outside 1970..2200."""
    if not 1970 <= moment.year <= 2200:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(timezone) if isinstance(timezone, str) else timezone)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def _by_format(text: str, formats: tuple[str, ...]) -> datetime | None:
    text = text.strip()
    for form in formats:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 (the zone is the mapping's, put on by the caller)
        except ValueError:
            continue
    return None


def _by_sight(text: str) -> datetime | None:
    text = text.strip()
    if len(text) < 8:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    found = _NUMERIC.fullmatch(unicodedata.normalize("NFKC", text))
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 (as above)
    except ValueError:
        return None


#: How far ahead of our clock a sender's may be before what it says is doubted.
AHEAD = timedelta(days=1)
