"""What people fill in, as values: amounts, currencies, days."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid5

from django.utils.translation import gettext as _

from dibs.distribution.converting import HIGHEST_AMOUNT
from dibs.intake.numbers import read_number
from dibs.web.visit import Visit

_AMOUNT = re.compile(r"[\d.,'’\s]+(?:k|mn?|千|万|億)?", re.IGNORECASE)


class Unfit(Exception):
    """What was filled in cannot be used; the text says what to do."""


def once_in(visit: Visit, about: UUID, form: Mapping[str, str]) -> UUID | None:
    """The id of what a form makes, the same however often it is sent: each form that is shown carries a word of its own in ``once``."""
    word = form.get("once", "")[:100]
    return uuid5(about, f"{visit.caller.user_id} {word}") if word else None


def text_in(form: Mapping[str, str], name: str, longest: int = 2000) -> str:
    """A field's text, as much of it as is kept."""
    return form.get(name, "").replace("\0", "").strip()[:longest]


def amount_in(form: Mapping[str, str], name: str = "amount") -> Decimal | None:
    """An amount as people write one: 1,200.50 or 1.200,50 or 1200,50; 1,200 and 1.200 are twelve hundred. ``None`` for none. Raises
    `Unfit`."""
    text = unicodedata.normalize("NFKC", form.get(name, "")).strip()
    if not text:
        return None
    # No sign of a currency: that has a field of its own, which it might contradict.
    number = read_number(text) if _AMOUNT.fullmatch(text) else None
    if number is None or number.is_range or not 0 <= number.value < HIGHEST_AMOUNT:
        raise Unfit(_("The amount is not a number."))
    return number.value


def currency_in(form: Mapping[str, str], name: str = "currency") -> str | None:
    """A currency's code; ``None`` for none. Raises `Unfit`."""
    currency = form.get(name, "").strip().upper()
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise Unfit(_("A currency has three letters, such as EUR."))
    return currency or None


def day_in(form: Mapping[str, str], name: str) -> date | None:
    """A day as a date field sends it; ``None`` for none. Raises `Unfit`."""
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unfit(_("A day is written like 2026-03-31.")) from None
