"""Dates and times as sources write them, to aware moments."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NUMERIC = re.compile(
    r"(?:(\d{4})[/.年]|(令和|平成)(\d{1,2}|元)年)(\d{1,2})[/.月](\d{1,2})日?"
    r"(?:[T\s]*(\d{1,2})[:時](\d{2})(?:[:分](\d{2}))?[分秒]?)?"
)
#: Years of Japanese eras count from these.
_ERAS = {"令和": 2018, "平成": 1988}
#: Months as English, Spanish and Indonesian call them, by how they begin.
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene", "feb feb peb", "mar", "apr abr", "may mei", "jun", "jul", "aug ago agu agt", "sep set", "oct okt", "nov nop",
            "dec dic des",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_DAY, _MONTH, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th|º)?", r"(?P<month>[a-z]{3,12})\.?", r"(?P<year>\d{4})"
_TIME = r"(?:[\s,T]+(?:at\s+|a las\s+|pukul\s+)?(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?(?:\s*(?P<half>[ap])\.?\s?m\.?)?)?"
_WORDS = tuple(
    re.compile(rf"(?:[a-z]+,?\s+)?{form}{_TIME}")
    for form in (
        rf"{_DAY}[\s-]+(?:de\s+)?{_MONTH}[\s,-]+(?:del?\s+)?{_YEAR}",
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}",
    )
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

    ``formats`` are ``strptime`` patterns, tried in order. Without them ISO 8601 is read, year-month-day with slashes, full
    stops or 年月日 (令和8年 too), and months by their names in English, Spanish and Indonesian: orders that can be taken for one another (03/04/2024) are never guessed. ``timezone`` holds for text that
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
    folded = unicodedata.normalize("NFKC", text)
    found = _NUMERIC.fullmatch(folded)
    if found is None:
        return _in_words(folded.casefold())
    western, era, of_era, *rest = found.groups()
    year = int(western) if western else _ERAS[era] + (1 if of_era == "元" else int(of_era))
    month, day, hour, minute, second = (int(part or 0) for part in rest)
    return _made(year, month, day, hour, minute, second)


def _in_words(text: str) -> datetime | None:
    """A date that names its month: ``5 de marzo de 2026``, ``5 Maret 2026 14.30``, ``March 5th, 2026 2:30 PM``."""
    for form in _WORDS:
        found = form.fullmatch(text)
        month = _MONTHS.get(found["month"][:3]) if found else None
        if found is None or month is None:
            continue
        hour = int(found["hour"] or 0)
        if found["half"]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if found["half"] == "p" else 0)
        return _made(
            int(found["year"]), month, int(found["day"]), hour, int(found["minute"] or 0), int(found["second"] or 0)
        )
    return None


def _made(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 (as above)
    except ValueError:
        return None


#: How far ahead of our clock a sender's may be before what it says is doubted.
AHEAD = timedelta(days=1)
