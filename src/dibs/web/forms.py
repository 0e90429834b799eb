"""What people fill in: what they may choose among, amounts, currencies and days as values, and a form that was not accepted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.utils.translation import gettext as _

from dibs.distribution import acting
from dibs.distribution.converting import HIGHEST_AMOUNT
from dibs.intake.numbers import read_number
from dibs.web.visit import Visit

#: For templates: what may be chosen in the forms of a lead.
CHOICES: Mapping[str, Any] = {"kinds": acting.CONTACT_KINDS, "outcomes": acting.OUTCOMES, "whys": acting.RETIRE_REASONS}

_AMOUNT = re.compile(r"[\d.,'’\s]+(?:k|mn?|千|万|億)?", re.IGNORECASE)


class Unfit(Exception):
    """What was filled in cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Refilled:
    """A form that was not accepted, for its page to show once more: which act it was for, why not, and what was filled in. What was
    typed is not typed again."""

    act: str = ""
    why: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def of(self, act: str, which: object = "") -> Mapping[str, str]:
        """What was filled in if it was this form; ``which``: the note, activity or appointment that it is about."""
        mine = act == self.act and (not which or self.fields.get("id") == str(which))
        return self.fields if mine else {}


#: Nothing was sent, or all was well.
BLANK = Refilled()


def lease(form: Mapping[str, str]) -> UUID | None:
    """The lease that the page was shown: a page left open for long must not act on a later one."""
    try:
        return UUID(form.get("claim", ""))
    except ValueError:
        return None


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
