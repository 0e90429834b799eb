"""What a source says about a lead, made right where it can be.

What cannot be right is kept as it came and flagged, and the lead goes on: a wrong phone number is no reason to lose one.
Where a field's type has no room for the raw text (a number, a country), that text goes into ``attributes`` under the
field's name.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from dibs.crm.formulas import looks_like_formula
from dibs.engine.policy_terms import is_name
from dibs.intake.codes import ROWS
from dibs.intake.countries import country_code
from dibs.intake.emails import clean_email, is_free_mail, registered_domain
from dibs.intake.moments import AHEAD, in_zone, read_moment
from dibs.intake.numbers import Number, read_number
from dibs.intake.phones import clean_phone

#: Longest text each field holds, in characters; ``None`` is no limit of its own. Those of ``crm.Lead``, held in step by a test.
TEXTS: Mapping[str, int | None] = {
    "external_id": 200,
    "name": 300,
    "title": 300,
    "email": 320,
    "phone": 64,
    "company": 300,
    "domain": 253,
    "industry": 200,
    "region": 200,
    "city": 200,
    "postal_code": 32,
    "language": 16,
    "product": 200,
    "use_case": 300,
    "campaign": 100,
    "message": None,
}
#: Every field a source may fill.
FIELDS = frozenset(TEXTS) | {
    "source",
    "received_at",
    "employees",
    "country",
    "deal_value",
    "currency",
    "consent",
    "touches",
    "pages",
    "opens",
    "answers",
    "attributes",
}
#: With a question's name behind it, a field that holds the answer to it, as a column of a file does.
ANSWERS = "answers."
#: Every flag that cleaning may put on a lead, and what it says. ``*`` stands for the name of a field.
FLAGS: Mapping[str, str] = {
    "email_invalid": "The e-mail address cannot be right; it is kept as sent.",
    "phone_invalid": "The phone number cannot be right; it is kept as sent.",
    "phone_no_country": "The phone number has no country code and the lead no country, so it is kept as sent.",
    "domain_invalid": "The web domain cannot be right; it is kept under attributes.",
    "country_unknown": "No country has this name or code; the text is kept under attributes.",
    "employees_invalid": "The number of employees cannot be read; the text is kept under attributes.",
    "employees_range": "The number of employees was a range; its low end was taken.",
    "touches_invalid": "How often the person came cannot be read; the text is kept under attributes.",
    "pages_invalid": "The number of pages looked at cannot be read; the text is kept under attributes.",
    "opens_invalid": "The number of mails opened cannot be read; the text is kept under attributes.",
    "deal_value_invalid": "The deal value cannot be read; the text is kept under attributes.",
    "deal_value_range": "The deal value was a range; its low end was taken.",
    "deal_value_ambiguous": "1.200 may be 1200 or 1.2: 1200 was taken.",
    "currency_unknown": "The currency is not a three-letter code; the text is kept under attributes.",
    "language_unknown": "The language is not a BCP 47 tag; the text is kept under attributes.",
    "consent_unclear": "Consent is neither yes nor no, so it counts as unknown; the text is kept under attributes.",
    "received_at_invalid": "The date cannot be read; the time of arrival was taken, the text kept under attributes.",
    "received_at_future": "The date is more than a day ahead; the time of arrival was taken, the text kept under attributes.",
    "answers_invalid": "An answer to a standard question is no answer; it is kept under attributes.",
    "answers_unknown": "The policy does not know such a question, or such an answer to it; it is kept, and counts nothing.",
    "attribute_invalid": "An attribute cannot be read the way the mapping says; it is kept as sent.",
    "formula": "A field holds what a spreadsheet would run as a formula. It is text here, and is made harmless on export.",
    "*_cut": "The text was longer than the field; the whole of it is in the raw payload.",
}

_YES = frozenset(
    [
        "yes",
        "y",
        "true",
        "t",
        "1",
        "on",
        "si",
        "sí",
        "sim",
        "ya",
        "oui",
        "ja",
        "da",
        "はい",
        "有",
        "有り",
        "同意",
        "同意する",
        "✓",
        "x",
    ]
)
_NO = frozenset(
    ["no", "n", "false", "f", "0", "off", "não", "nao", "tidak", "non", "nein", "いいえ", "無", "無し", "同意しない"]
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9-]+")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_MOST_EMPLOYEES = 100_000_000
_MOST_COUNTED = 1_000_000
_MOST_VALUE = Decimal(10) ** 16
_LARGEST_INT = 2**63
_FORMULA_STARTS = frozenset("=+-@＝＋－＠")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source is: the country its local phone numbers are dialled in, its time zone, its decimal mark (or ``None``)."""

    country: str | None = None
    timezone: str = "UTC"
    decimal: str | None = None


@dataclass(slots=True)
class Cleaned:
    """Field name to value, only of fields that have one, ready for an ``Arrival``."""

    facts: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)

    def doubt(self, flag: str, name: str | None = None, raw: Any = None) -> None:
        """Flag something; with ``name``, keep what was sent for that field under ``attributes``."""
        if flag not in self.flags:
            self.flags.append(flag)
        if name is not None:
            self.attributes.setdefault(name, raw if isinstance(raw, str | int | float | bool) else str(raw))


class Wrong(ValueError):
    """The row is not of a lead's shape, so there is nothing to place: which field, and a code of ``codes.ROWS``."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        assert code in ROWS, code
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


def clean(sent: Mapping[str, Any], place: Place, now: datetime) -> Cleaned:
    """Clean one lead's fields (names as in ``FIELDS``; blank ones count as not sent). ``Wrong`` for an unknown field or a
    value that is no value, such as an object where text belongs."""
    to = Cleaned()
    facts = to.facts
    for name, value in sent.items():
        if value is None or value == "":
            continue
        if name in _PLAIN and type(value) is str:
            # Most fields of most leads: short text with nothing to it. The same as `_text` makes of it.
            text = tidy(value)
            if text and text[0] not in _FORMULA_STARTS and len(text) <= _PLAIN[name]:
                facts[name] = text
                continue
        if name.startswith(ANSWERS):
            _answer(to, name, name.removeprefix(ANSWERS), value)
            continue
        reader = _READERS.get(name)
        if reader is None:
            raise Wrong("field_unknown", f"a lead has no field {name!r}; put it under attributes", name)
        reader(to, name, value, place, now)
    if "phone" in facts:
        _phone(to, facts.get("country") or place.country)
    if "domain" not in facts and "email" in facts and "email_invalid" not in to.flags:
        domain = registered_domain(facts["email"])
        if domain and not is_free_mail(domain):
            facts["domain"] = domain
    return to


def tidy(text: str) -> str:
    """One line: spaces of every kind single, ends trimmed, control characters gone, characters composed (NFC)."""
    if text.isascii():
        if text.isprintable():
            return text.strip() if "  " not in text else " ".join(text.split())
    elif not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(c for c in line if unicodedata.category(c) != "Cc")


def _textual(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Wrong("field_type", f"{name} must be text", name)
    return str(value)


def _text(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    text = tidy(value if type(value) is str else _textual(name, value))
    if not text:
        return
    limit = TEXTS[name]
    if limit is not None and len(text) > limit:
        text = text[:limit].rstrip()
        to.doubt(f"{name}_cut")
    if text[0] in _FORMULA_STARTS and looks_like_formula(text):
        to.doubt("formula")
    to.facts[name] = text


def _message(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    """Lines stay lines; other control characters go."""
    text = _textual(name, value)
    if not text.isprintable():
        lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
        text = "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) != "Cc")
    text = text.strip()
    if text:
        if text[0] in _FORMULA_STARTS and looks_like_formula(text):
            to.doubt("formula")
        to.facts[name] = text


def _external_id(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    text = _textual(name, value).strip()
    if len(text) > 200:
        raise Wrong("external_id_too_long", "external_id must be at most 200 characters long", name)
    if text:
        to.facts[name] = text


def _source(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    text = tidy(_textual(name, value))
    if len(text) > 100:
        raise Wrong("field_too_long", "source must be at most 100 characters long", name)
    if text:
        to.facts[name] = text


def _email(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    _text(to, name, value, place, now)
    if name in to.facts:
        to.facts[name], right = clean_email(to.facts[name])
        if not right:
            to.doubt("email_invalid")


def _phone(to: Cleaned, country: str | None) -> None:
    raw = to.facts["phone"]
    number, extension = clean_phone(raw, country)
    if number is None:
        to.doubt("phone_invalid" if country or raw.lstrip().startswith(("+", "＋")) else "phone_no_country")
        return
    to.facts["phone"] = number
    if extension:
        to.attributes.setdefault("phone_extension", extension)


def _domain(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    text = tidy(_textual(name, value))
    domain = registered_domain(text)
    if domain is not None:
        if not is_free_mail(domain):  # A mail provider's domain says nothing about the company.
            to.facts[name] = domain
    elif text:
        to.doubt("domain_invalid", name, text)


def _country(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    text = _textual(name, value)
    code = country_code(text)
    if code:
        to.facts[name] = code
    elif text.strip():
        to.doubt("country_unknown", name, tidy(text))


def _number(name: str, value: Any, decimal: str | None) -> Number | None:
    if isinstance(value, bool):
        raise Wrong("field_type", f"{name} must be a number", name)
    if isinstance(value, int | Decimal):
        return Number(Decimal(value))
    if isinstance(value, float):
        return Number(Decimal(repr(value))) if math.isfinite(value) else None
    if not isinstance(value, str):
        raise Wrong("field_type", f"{name} must be a number", name)
    return read_number(value, decimal)


def _employees(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    number = _number(name, value, place.decimal)
    if number is None:
        if str(value).strip():
            to.doubt("employees_invalid", name, value)
        return
    whole = number.value.to_integral_value()
    if not 0 <= whole <= _MOST_EMPLOYEES or whole != number.value:
        to.doubt("employees_invalid", name, value)
        return
    if number.is_range:
        to.doubt("employees_range", name, value)
    to.facts[name] = int(whole)


def _count(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    number = _number(name, value, place.decimal)
    if number is None or number.is_range or number.value != number.value.to_integral_value():
        if str(value).strip():
            to.doubt(f"{name}_invalid", name, value)
        return
    if not (1 if name == "touches" else 0) <= number.value <= _MOST_COUNTED:
        to.doubt(f"{name}_invalid", name, value)
        return
    to.facts[name] = int(number.value)


def _deal_value(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    number = _number(name, value, place.decimal)
    if number is None or not 0 <= number.value < _MOST_VALUE:
        if str(value).strip():
            to.doubt("deal_value_invalid", name, value)
        return
    if number.is_range:
        to.doubt("deal_value_range", name, value)
    if number.ambiguous:
        to.doubt("deal_value_ambiguous", name, value)
    to.facts[name] = number.value.quantize(Decimal("0.01"))
    if number.currency:
        to.facts.setdefault("currency", number.currency)


def _currency(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    text = tidy(_textual(name, value))
    if _CURRENCY.fullmatch(text):
        to.facts[name] = text.upper()
    elif text:
        to.doubt("currency_unknown", name, text)


def _language(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    text = tidy(_textual(name, value)).replace("_", "-")
    if _LANGUAGE.fullmatch(text):
        first, *rest = text.split("-")
        to.facts[name] = "-".join([first.lower(), *(r.title() if len(r) == 4 else r.upper() for r in rest)])
    elif text:
        to.doubt("language_unknown", name, tidy(_textual(name, value)))


def _consent(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    said = yes_or_no(value)
    if said is None:
        if isinstance(value, Mapping | list):
            raise Wrong("field_type", "consent must be yes or no", name)
        if str(value).strip():
            to.doubt("consent_unclear", name, value)
        return
    to.facts[name] = said


def yes_or_no(value: Any) -> bool | None:
    """What a yes-or-no column says, in the languages at hand; ``None`` if that is not clear."""
    if isinstance(value, bool):
        return value
    said = tidy(str(value)).casefold()
    return True if said in _YES else False if said in _NO else None


def _received_at(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    if isinstance(value, datetime):
        moment = in_zone(value, place.timezone)
    elif isinstance(value, date):
        moment = in_zone(datetime(value.year, value.month, value.day), place.timezone)  # noqa: DTZ001
    elif isinstance(value, str):
        moment = read_moment(value, place.timezone)
    else:
        raise Wrong("field_type", "received_at must be a date and time as text, such as 2026-03-02T09:00:00Z", name)
    if moment is None:
        if str(value).strip():
            to.doubt("received_at_invalid", name, value)
        return
    if moment > now:
        if moment - now > AHEAD:
            to.doubt("received_at_future", name, value)
        moment = now
    to.facts[name] = moment


def _answers(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    if not isinstance(value, Mapping):
        raise Wrong("field_type", "answers must be questions with answers", name)
    for question, said in value.items():
        if said is not None and said != "":
            _answer(to, f"{ANSWERS}{question}", question, said)


def _answer(to: Cleaned, name: str, question: Any, said: Any) -> None:
    """One answer to a standard question, as policies write names: "Over 50k" is ``over_50k``, yes is ``yes``."""
    if not isinstance(question, str) or not is_name(question):
        raise Wrong(
            "attribute_name", "a question's name has lower-case letters, digits, - and _, 50 at most", name[:120]
        )
    if isinstance(said, bool):
        said = "yes" if said else "no"
    text = tidy(_textual(name, said))
    # What another script says is not cut down to the digits in it: it may be what people read of an answer.
    answer = _NOT_IN_NAMES.sub("_", text.casefold()).strip("_") if text.isascii() else ""
    if not is_name(answer):
        to.doubt("answers_invalid", name, text)
        return
    to.facts.setdefault("answers", {})[question] = answer


def _attributes(to: Cleaned, name: str, value: Any, place: Place, now: datetime) -> None:
    if not isinstance(value, Mapping):
        raise Wrong("field_type", "attributes must be names with values", name)
    for key, item in value.items():
        if not isinstance(key, str) or not key.strip() or len(key) > 100:
            raise Wrong(
                "attribute_name", "an attribute's name must have 1 to 100 characters", f"attributes.{key}"[:120]
            )
        if type(item) is str:
            if item and item[0] in _FORMULA_STARTS and looks_like_formula(item):
                to.doubt("formula")
        elif item is None or isinstance(item, bool):
            pass
        elif isinstance(item, int):
            item = item if -_LARGEST_INT <= item < _LARGEST_INT else str(item)
        elif isinstance(item, Decimal):
            item = float(item)
        elif isinstance(item, datetime | date):
            item = item.isoformat()
        elif not (isinstance(item, float) and math.isfinite(item)):
            wanted = f"attributes.{key} must be text, a number, yes or no, or null"
            raise Wrong("attribute_type", wanted, f"attributes.{key}")
        to.attributes[key] = item


_Reader = Callable[[Cleaned, str, Any, Place, datetime], None]
_READERS: Mapping[str, _Reader] = {
    **dict.fromkeys(TEXTS, _text),
    "external_id": _external_id,
    "source": _source,
    "message": _message,
    "email": _email,
    "domain": _domain,
    "country": _country,
    "employees": _employees,
    "touches": _count,
    "pages": _count,
    "opens": _count,
    "deal_value": _deal_value,
    "currency": _currency,
    "language": _language,
    "consent": _consent,
    "received_at": _received_at,
    "answers": _answers,
    "attributes": _attributes,
}
#: Fields that are text and nothing more, and how long each may be.
_PLAIN: Mapping[str, int] = {name: limit for name, limit in TEXTS.items() if limit and _READERS[name] is _text}
