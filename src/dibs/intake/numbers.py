"""Numbers as people write them: ``1,200``, ``1.200,50``, ``1 200``, ``１２００``, ``50-100``, ``200+``, ``5k``, ``500万``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal

_UNITS = {"k": 1_000, "m": 1_000_000, "mn": 1_000_000, "千": 1_000, "万": 10_000, "億": 100_000_000}
_AMOUNT = r"\d(?:[\d.,]|['’ \u2009\u202f](?=\d{3}))*"
_NUMBER = re.compile(
    rf"(?P<sign>-)?(?P<low>{_AMOUNT})\s*(?P<unit>k|mn?|千|万|億)?(?P<more>\+|以上)?"
    rf"(?:\s*(?:-|–|—|~|〜|～|to|a|sampai)\s*(?P<high>{_AMOUNT})\s*(?P<high_unit>k|mn?|千|万|億)?)?",
    re.IGNORECASE,
)
# What may stand before or after a number and says nothing about its size.
_MONEY = {"€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "R$": "BRL", "US$": "USD", "Rp": "IDR"}
_BEFORE = re.compile(r"^(?:us\$|r\$|rp\.?|[$€£¥₹₩]|mx\$|[a-z]{3}(?=[\s\d]))\s*", re.IGNORECASE)
_AFTER = re.compile(
    r"\s*(?:[$€£¥₹₩円元]|名|人|employees|empleados|karyawan|orang|people|staff|[a-z]{3})\.?$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Number:
    """``value`` is the low end of a range. ``ambiguous``: ``1.200`` may mean 1200 or 1.2, and 1200 was taken."""

    value: Decimal
    is_range: bool = False
    ambiguous: bool = False
    currency: str | None = None


@lru_cache(maxsize=16384)
def read_number(text: str, decimal: str | None = None) -> Number | None:
    """The number in ``text``, or ``None`` if there is none that could be meant.

    ``decimal`` is the decimal mark, ``.`` or ``,``; without one it is told from the text.
    """
    if text.isascii() and text.isdigit() and len(text) < 30:
        return Number(Decimal(text))
    text = unicodedata.normalize("NFKC", text).strip()
    if len(text) > 60:
        return None
    currency = next((code for sign, code in _MONEY.items() if text.startswith(sign) or text.endswith(sign)), None)
    bare = _BEFORE.sub("", text)
    found = _NUMBER.fullmatch(bare) or _NUMBER.fullmatch(_AFTER.sub("", bare))
    if found is None:
        return None
    low = _amount(found["low"], decimal)
    if low is None:
        return None
    value, ambiguous = low
    is_range = found["more"] is not None
    unit = found["unit"]
    if found["high"] is not None:
        high = _amount(found["high"], decimal)
        if high is None:
            return None
        unit = unit or found["high_unit"]  # "5-10k" is 5k to 10k.
        if high[0] * _UNITS.get((found["high_unit"] or "").lower(), 1) < value * _UNITS.get((unit or "").lower(), 1):
            return None
        is_range = True
    value *= _UNITS.get((unit or "").lower(), 1)
    if found["sign"]:
        value = -value
    return Number(value, is_range, ambiguous, currency)


def likely_mark(values: Iterable[str]) -> Literal[".", ","] | None:
    """The decimal mark that these can only be written with, if one of them tells and none tells the other."""
    told: set[Literal[".", ","]] = set()
    for value in values:
        found = re.search(r"\d[\d.,]*[.,]\d+", unicodedata.normalize("NFKC", value[:60]))
        if found and read_number(value) is not None:
            mark, guessed = _decimal_mark(found[0])
            if not guessed:
                told.add("," if mark == "," else ".")
    return told.pop() if len(told) == 1 else None


def _amount(text: str, decimal: str | None) -> tuple[Decimal, bool] | None:
    """Digits with separators as a value, and whether the one separator could as well be the decimal mark."""
    text = re.sub(r"['’ \u2009\u202f]", "", text)
    ambiguous = False
    if decimal is None:
        decimal, ambiguous = _decimal_mark(text)
    whole, mark, fraction = text.rpartition(decimal) if decimal and decimal in text else (text, "", "")
    other = {",": ".", ".": ","}.get(decimal or ".", ",")
    grouped = re.sub(rf"(?<=\d)\{other}(?=\d{{3}}(?:\D|$))|(?<=\d),(?=\d\d,)", "", whole)
    if (mark and not fraction.isdigit()) or not grouped.isdigit():
        return None
    try:
        return Decimal(f"{grouped}.{fraction}" if fraction else grouped), ambiguous
    except InvalidOperation:
        return None


def _decimal_mark(text: str) -> tuple[str, bool]:
    """Which of ``.`` and ``,`` is the decimal mark, and whether that is a guess."""
    dots, commas = text.count("."), text.count(",")
    if dots and commas:
        return (".", False) if text.rfind(".") > text.rfind(",") else (",", False)
    if dots > 1:
        return ",", False
    if commas > 1:
        return ".", False
    mark = "." if dots else ","
    if not dots and not commas:
        return ".", False
    whole, _, fraction = text.partition(mark)
    if len(fraction) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0"):
        # Groups of three: thousands. A comma there is hardly ever anything else; a full stop may well be.
        return ("," if mark == "." else "."), mark == "."
    return mark, False
