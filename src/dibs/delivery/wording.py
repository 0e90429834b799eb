"""Reasons, spans and conditions in the reader's words.

Texts live in `dibs.delivery.texts`, their translations in ``dibs/locale``. Text is made here and nowhere else, so a page, the
API and the command line say the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.timezone import now as moment
from django.utils.translation import get_language, gettext, override
from phonenumbers.geodata.locale import LOCALE_DATA

from dibs.delivery import texts
from dibs.engine import reasons
from dibs.engine.decision import Reason

#: The languages that every text is in.
LANGUAGES = ("en", "ja", "es", "id")

#: Every code that has a text.
CODES: frozenset[str] = frozenset(reasons.CODES)

_MOMENTS = frozenset({"until", "at", "since"})
_SPANS = frozenset({"after", "within"})
_PLACES = frozenset({"pool", "queue", "team", "territory"})
_REPS = frozenset({"rep", "by"})
_CONDITIONS = frozenset({"when", "only"})


def language_of(wanted: str | None) -> str:
    """The one of `LANGUAGES` that ``wanted`` (BCP 47) asks for, else English."""
    code = (wanted or "").split("-")[0].lower()
    return code if code in LANGUAGES else "en"


def say(
    reason: Reason | Mapping[str, Any], language: str, names: Mapping[str, str] | None = None, timezone: str = "UTC"
) -> str:
    """A reason as a colleague would put it.

    ``names`` gives reps' names by handle; ``timezone`` is the reader's. A code that this version does not know is said as it
    is: logs outlive the program that wrote them.
    """
    code, params = (
        (reason.code, reason.params) if isinstance(reason, Reason) else (reason["code"], reason.get("params") or {})
    )
    with override(language_of(language)):
        return _sentence(code, params, names or {}, timezone)


def sentence(text: str, language: str) -> str:
    """A reason as a whole sentence, for where another follows it."""
    if text.endswith((".", "。", "…", "!", "?", "”")):
        return text
    return text + ("。" if language_of(language) == "ja" else ".")


def _sentence(code: str, params: Mapping[str, Any], names: Mapping[str, str], timezone: str) -> str:
    text = _text(code, params)
    if text is None:
        return code
    values = _Values({key: _word(key, value, names, timezone) for key, value in params.items()})
    if params.get("amount") and params.get("currency"):
        values["amount"] = f"{values['amount']} {params['currency']}"
    said = text.format_map(values)
    note = params.get("note")
    return f"{sentence(said, active_language())} “{note}”" if note else said


def _text(code: str, params: Mapping[str, Any]) -> str | None:
    if code in texts.COUNTED:
        by, text = texts.COUNTED[code]
        return str(text % int(params.get(by) or 0))  # type: ignore[operator]
    if code == "chosen":
        by = str(params.get("by"))
        return gettext(texts.CHOSEN.get(by, texts.CHOSEN["round_robin"]))
    if code == "nobody_eligible" and params.get("to") in texts.NO_OWNER:
        owner = params["to"]
        return gettext(texts.NO_OWNER[owner])
    if code == "in_review" and params.get("queue") == "managers":
        return gettext(texts.ANY_MANAGER)
    for (other, key), text in texts.WITHOUT.items():
        if other == code and params.get(key) in (None, ""):
            return gettext(text)
    return gettext(texts.TEXTS[code]) if code in texts.TEXTS else None


class _Values(dict[str, str]):
    """A parameter that a log does not hold, or that the reader may not see, is left open."""

    def __missing__(self, key: str) -> str:
        return "…"


def _word(key: str, value: Any, names: Mapping[str, str], timezone: str) -> str:
    if value is None:
        return "…"
    if key in texts.WORDS:
        return word(key, value)
    if key in _MOMENTS:
        return _moment(value, timezone)
    if key in _SPANS:
        return _span(value)
    if key in _REPS:
        return names.get(value, str(value))
    if key in _PLACES:
        return titled(value)
    if key == "to":
        return names.get(value) or titled(value)
    if key in _CONDITIONS:
        return "; ".join(part.text for part in _parts(str(value)))
    if key == "fields":
        return ", ".join(_field(name) for name in value)
    return str(value)


def word(kind: str, value: Any) -> str:
    """The word for a value of a kind of `texts.WORDS`, in the active language; another value is a person's own words."""
    known = texts.WORDS[kind]
    return gettext(known[value]) if value in known else str(value)


def titled(slug: str) -> str:
    """A pool's, team's or territory's name from what the policy calls it: ``small_business`` is "Small business"."""
    words = slug.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def field_name(name: str, language: str) -> str:
    """A lead's field as people call it."""
    with override(language_of(language)):
        return _field(name)


def _field(name: str) -> str:
    return gettext(texts.FIELDS[name]) if name in texts.FIELDS else titled(name.rpartition(".")[2])


def span(seconds: float | timedelta, language: str) -> str:
    """A span of time in its largest unit: "30 minutes"; one that is no whole number of it, in the two largest."""
    with override(language_of(language)):
        return _span(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)


def _span(seconds: float) -> str:
    left, said = max(0, round(float(seconds))), []
    for size, text in texts.SPANS:
        n, left = divmod(left, size)
        if n:
            said.append(str(text % n).format(n=n))  # type: ignore[operator]
        elif said:
            break
        if len(said) == 2:
            break
    return " ".join(said) if said else str(texts.SPANS[-1][1] % 0).format(n=0)  # type: ignore[operator]


def _moment(value: str | datetime, timezone: str) -> str:
    """The time in the reader's zone, and the day with it unless it is today there."""
    zone = ZoneInfo(timezone)
    when = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(zone)
    clock = when.strftime("%H:%M")
    if when.date() == moment().astimezone(zone).date():
        return clock
    return f"{date_format(when, 'MONTH_DAY_FORMAT')} {clock}"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the conditions that a condition is made of. ``plain``: it could be put in words, else ``text`` is as written."""

    text: str
    plain: bool


_SIMPLE = re.compile(
    r"""\s*(?P<fact>(?:lead|account|rep)\.[a-z_]+(?:\.[a-z_]+)?)
        \s*(?P<op>==|!=|>=|<=|>|<|\bin\b)\s*
        (?P<value>"[^"]*"|'[^']*'|-?\d+(?:\.\d+)?|null|true|false|\[[^\[\]]*\])\s*""",
    re.VERBOSE,
)


def condition_in_words(text: str | None, language: str) -> list[Part]:
    """A condition, part by part: simple comparisons in words, everything else as it is written."""
    with override(language_of(language)):
        return _parts(text) if text else []


def _parts(text: str) -> list[Part]:
    if "||" not in text and "(" not in text:
        found = [_SIMPLE.fullmatch(part) for part in text.split("&&")]
        if all(found):
            return [Part(_compared(match), True) for match in found if match]
    return [Part(text, False)]


def _compared(match: re.Match[str]) -> str:
    fact, op, value = match["fact"], match["op"], match["value"]
    field = _field(fact.removeprefix("lead."))
    if value == "null":
        op = "unknown" if op == "==" else "known"
    items = value[1:-1].split(",") if value.startswith("[") else [value]
    value = ", ".join(_value(fact, item.strip().strip("\"'")) for item in items if item.strip())
    return gettext(texts.COMPARED[op]).format(field=field, value=value)


def _value(fact: str, value: str) -> str:
    """A value in a condition, as people call it."""
    if fact == "lead.rank":
        return word("rank", value)
    if fact == "lead.country":
        return country_name(value, active_language())
    return titled(value) if fact in {"lead.source", "lead.industry"} else value


def country_name(code: str, language: str) -> str:
    """A country's name by its ISO 3166 alpha-2 code; the code itself for one that is not known."""
    names = LOCALE_DATA.get(code, {})
    name = names.get(language) or names.get("en") or code
    # The data may point to another language's name, as "*fr".
    return names.get(name[1:], code) if name.startswith("*") else name


def flagged(flag: str) -> str:
    """What is wrong with a lead's input, in the active language."""
    flag = "cut" if flag.endswith("_cut") else flag
    return gettext(texts.FLAGS[flag]) if flag in texts.FLAGS else titled(flag)


def active_language() -> str:
    """The language of the page that is being made."""
    return language_of(get_language())
