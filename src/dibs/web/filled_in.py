"""What people fill in, as values: amounts, currencies, days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from dibs.distribution.converting import HIGHEST_AMOUNT


class Unfit(Exception):
    """What was filled in cannot be used; the text says what to do."""


def text_in(form: Mapping[str, str], name: str, longest: int = 2000) -> str:
    """A field's text, as much of it as is kept."""
    return form.get(name, "").replace("\0", "").strip()[:longest]


def amount_in(form: Mapping[str, str], name: str = "amount") -> Decimal | None:
    """An amount as people write one: 1,200.50 or 1200,50; ``None`` for none. Raises `Unfit`."""
    text = "".join(form.get(name, "").split())
    if not text:
        return None
    try:
        amount = Decimal(text.replace(",", "") if "." in text else text.replace(",", "."))
    except InvalidOperation:
        raise Unfit(_("The amount is not a number.")) from None
    if not amount.is_finite() or not 0 <= amount < HIGHEST_AMOUNT:
        raise Unfit(_("The amount is not a number."))
    return amount


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
