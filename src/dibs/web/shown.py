"""Values as a page shows them: short spans, clock times, numbers, countries, faces."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime, now
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from dibs.delivery import wording

#: Fields that a lead may be called by, the best first.
_CALLED = ("company", "name", "account", "domain", "email", "product", "use_case")
#: Colours of the discs of people without a face: white text on each has a contrast of 4.5 or more.
_DISCS = ("#0a665f", "#8a4b08", "#5b4b9e", "#9b2c5a", "#2f6690", "#4a6b1f", "#8c2f1c", "#4d5a66")


def short_span(span: timedelta | float) -> str:
    """ "45 s", "11 min", "2 h 10", "3 d": as short as a table wants it."""
    seconds = int(span.total_seconds() if isinstance(span, timedelta) else span)
    if seconds < 60:
        return _("%(n)s s") % {"n": max(0, seconds)}
    minutes = seconds // 60
    if minutes < 60:
        return _("%(n)s min") % {"n": minutes}
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _("%(h)s h %(m)02d") % {"h": hours, "m": minutes} if minutes else _("%(h)s h") % {"h": hours}
    return _("%(n)s d") % {"n": hours // 24}


def ago(since: datetime | None) -> str:
    """How long ago that was."""
    return short_span(now() - since) if since else ""


def since(when: datetime | None) -> str:
    """How long ago that was, in words that stand in a sentence: whole minutes, then hours, then days."""
    return wording.span(rounded(now() - when), wording.active_language()) if when else ""


def until_then(when: datetime) -> str:
    """How long it is until then, in words that stand in a sentence."""
    return wording.span(rounded(when - now()), wording.active_language())


def rounded(span: timedelta) -> timedelta:
    """A span as people say it: seconds only under a minute, minutes only under two hours, hours only under two days."""
    seconds = max(0, int(span.total_seconds()))
    unit = 1 if seconds < 60 else 60 if seconds < 7200 else 3600 if seconds < 172_800 else 86_400
    return timedelta(seconds=seconds // unit * unit)


def countdown(until: datetime | None) -> str:
    """Minutes and seconds left, "12:41"; hours before them where there are any."""
    left = max(0, int((until - now()).total_seconds())) if until else 0
    hours, minutes = divmod(left // 60, 60)
    return f"{hours}:{minutes:02d}:{left % 60:02d}" if hours else f"{minutes}:{left % 60:02d}"


def clock(when: datetime, seconds: bool = False) -> str:
    """The time in the reader's zone, with the day unless it is today."""
    local = localtime(when)
    text = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    return text if local.date() == localtime().date() else f"{day(when)} {text}"


def day(when: datetime) -> str:
    """The day in the reader's zone, with the year unless it is this one."""
    return date_of(localtime(when).date())


def moment_in(when: datetime, timezone: str, end: bool = False) -> str:
    """A moment in somebody's own zone: the day alone where it is a midnight, the day before it where that ``end``s a span."""
    local = when.astimezone(ZoneInfo(timezone))
    if (local.hour, local.minute) == (0, 0):
        return date_of(local.date() - timedelta(days=1) if end else local.date())
    return f"{date_of(local.date())} {local:%H:%M}"


def date_of(when: date) -> str:
    """A calendar day, with the year unless it is this one."""
    return wording.day(when, localtime().date())


def month(when: date) -> str:
    """A month, with its year."""
    return date_format(when, "YEAR_MONTH_FORMAT")


def number(value: Any) -> str:
    """A number with its thousands apart, as the reader's language has it."""
    if value is None:
        return ""
    whole = value == int(value)
    return number_format(
        int(value) if whole else value, decimal_pos=0 if whole else 2, use_l10n=True, force_grouping=True
    )


def money(amount: Any, currency: str | None) -> str:
    """An amount with its currency, without cents where there are none."""
    return f"{number(amount)} {currency or ''}".strip()


def country(code: str | None) -> str:
    """A country's name in the page's language."""
    return wording.country_name(code, wording.active_language()) if code else ""


def language(code: str) -> str:
    """A language's name in the page's language; the code, where there is none."""
    for known in (code, code.partition("-")[0]):
        try:
            return str(get_language_info(known.lower())["name_translated"])
        except KeyError:
            continue
    return code


def called(lead: Mapping[str, Any]) -> str:
    """What to call a lead: by what is known, and may be seen, of it."""
    for name in _CALLED:
        if lead.get(name):
            return str(lead[name])
    if lead.get("source"):
        return _("Lead from %(source)s") % {"source": wording.titled(lead["source"])}
    return _("Lead")


def place_of(lead: Mapping[str, Any], owner: str | None) -> str:
    """Where a lead that is open goes, in a sentence, by its columns; ``owner``: the name of who gets it, if somebody does."""
    match lead["state"]:
        case "owned" | "working":
            return _("It goes to %(name)s.") % {"name": owner}
        case "offered":
            return _("It is offered to %(name)s until %(time)s.") % {
                "name": owner,
                "time": clock(lead["lock_expires_at"]),
            }
        case "pooled":
            return _("It waits in %(pool)s.") % {"pool": wording.titled(lead["pool"])}
        case "nurture":
            return _("It is kept until it is ready for sales.")
    if lead["review"] == "managers":
        return _("It goes before any manager.")
    return _("It goes before the managers of %(team)s.") % {"team": wording.titled(lead["review"])}


def value_of(lead: Mapping[str, Any], name: str) -> str:
    """A field's value as text; "" if there is none, or it is not to be seen."""
    value = lead.get(name)
    if value is None or value == "":
        return ""
    if name == "country":
        return country(value)
    if name in {"source", "campaign", "pool", "territory", "industry"}:
        return wording.titled(value)
    if name == "language":
        return language(value)
    if name == "rank":
        return wording.word("rank", value)
    if name == "deal_value":
        return f"{number(value)} {lead.get('currency') or ''}".strip()
    if name in {"employees", "score", "touches", "pages", "mails_opened"}:
        return number(value)
    if name == "consent":
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return clock(value)
    return str(value)


def absence(why: str | None) -> str:
    """What keeps a rep from being given leads now, as `calendar.absence` has it, or ``switched_off``; nothing: available."""
    words = {
        None: _("Available"),
        "switched_off": _("Not available"),
        "away": _("Away"),
        "holiday": _("Public holiday"),
        "busy": _("In an appointment"),
        "off_hours": _("Outside working hours"),
    }
    return words.get(why, _("Not available"))


def initials(name: str) -> str:
    """One or two letters for a face."""
    words = name.split()
    letters = words[0][:1] + (words[-1][:1] if len(words) > 1 else "") if words else "?"
    return letters.upper()


def disc(key: str, name: str) -> SafeString:
    """Initials on a coloured disc, as SVG; the colour is always the same for the same key."""
    colour = _DISCS[zlib.crc32(key.encode()) % len(_DISCS)]
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48"><circle cx="24" cy="24" r="24" '
        'fill="{}"/><text x="24" y="31" text-anchor="middle" font-family="system-ui, sans-serif" font-size="19" '
        'font-weight="600" fill="#ffffff">{}</text></svg>',
        colour,
        initials(name),
    )
