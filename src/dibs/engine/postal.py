"""Postal codes as territories are drawn by them: one code, all that begin alike, or a range, of any country.

Codes are compared without case, width (``１００``) and the mark 〒. What is all digits once spaces and hyphens are gone is one number
(``100-0001``, ``01310-100``); anything else is read in groups of letters and of digits, so that ``SW9`` comes before ``SW10``. A British
code that lost its space gets it back: its last three characters are always the inward part, and ``SW1 0AA`` is not in ``SW10``.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

#: Between the ends of a range.
_TO = ".."
#: Characters of a code that are looked at; no country's has more than ten.
_LONGEST = 64
_DIGITS = "0123456789"
_BRITISH = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})")
#: The country that some put before the code: D-10115, CH-8001.
_COUNTRY = re.compile(r"[A-Z]{1,2}-(?=[0-9])")
_GROUPS = re.compile(r"[0-9]+|[^\W\d_]+")
#: Spaces, every kind of hyphen, the long vowel that is typed for one, and the postal mark.
_BETWEEN = re.compile("[\\s.\\-\u2010-\u2015\u2212\u30fc\u3012]+")

#: A group of letters, or of digits as a number.
_Group = tuple[int, str] | tuple[int, int]


class PostalCodeRefused(ValueError):
    """Something that cannot be read as postal codes. ``code`` is one of the policy's codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class _Code:
    """A postal code as it is compared. ``text`` without what stands between; ``outward``, its part before the last space or hyphen,
    ``""`` if it has but one; ``number``, the digits it begins with; ``groups`` of letters and digits."""

    text: str
    outward: str
    number: str
    groups: tuple[_Group, ...]


@lru_cache(maxsize=8192)
def _read(written: str) -> _Code:
    plain = unicodedata.normalize("NFKC", written[:_LONGEST]).strip().upper()
    if not plain.isascii():
        plain = "".join(str(unicodedata.decimal(sign, sign)) for sign in plain)
    upper = _COUNTRY.sub("", plain, count=1)
    parts = [part for part in _BETWEEN.split(upper) if part]
    text = "".join(parts)
    british = _BRITISH.fullmatch(text)
    if british is not None and len(parts) < 3:
        parts = [british[1], british[2]]
    number = text[: len(text) - len(text.lstrip(_DIGITS))]
    groups: tuple[_Group, ...] = tuple(
        (0, int(found)) if found[0] in _DIGITS else (1, found)
        for part in ([text] if number == text else parts)
        for found in _GROUPS.findall(part)
    )
    return _Code(text, "".join(parts[:-1]), number, groups)


@dataclass(frozen=True, slots=True)
class _Range:
    """From ``low`` to ``high``, both ends in, ends of the same shape."""

    low: _Code
    high: _Code

    def holds(self, code: _Code) -> bool:
        """A longer code lies where its beginning does: 94105-1234 in 94000..94999."""
        size = len(self.low.groups)
        if len(code.groups) < size:
            return False
        kinds = tuple(group[0] for group in code.groups[:size])
        if kinds != tuple(group[0] for group in self.low.groups):
            return False
        return self.low.groups <= code.groups[:size] <= self.high.groups


class PostalCodes:
    """Some postal codes to look others up among: fast for thousands of codes and ranges. Raises `PostalCodeRefused`."""

    __slots__ = ("_beginnings", "_codes", "_digits", "_lengths", "_ranges")

    def __init__(self, written: Iterable[str]) -> None:
        codes: set[str] = set()
        beginnings: set[str] = set()
        ranges: list[_Range] = []
        digits: dict[int, list[tuple[int, int]]] = {}
        for entry in written:
            if _TO in entry:
                found = _range(entry)
                if found.low.number == found.low.text:
                    ends = int(found.low.text), int(found.high.text)
                    digits.setdefault(len(found.high.text), []).append(ends)
                else:
                    ranges.append(found)
                continue
            beginning = entry.rstrip().endswith("*")
            text = _read(entry.rstrip().removesuffix("*")).text
            if not text or "*" in text:
                raise PostalCodeRefused(
                    "postal_code", f"{entry} is no postal code; write SW1A 1AA, SW1* or 100-0000..109-9999"
                )
            (beginnings if beginning else codes).add(text)
        self._codes = frozenset(codes)
        self._beginnings = frozenset(beginnings)
        self._lengths = tuple(sorted({len(text) for text in beginnings}))
        self._ranges = tuple(ranges)
        self._digits = tuple((length, *_joined(spans)) for length, spans in sorted(digits.items()))

    def hold(self, written: str) -> bool:
        """Whether this code is among them, whole or by the part before its space or hyphen."""
        code = _read(written)
        if code.text in self._codes or (code.outward and code.outward in self._codes):
            return True
        if any(code.text[:length] in self._beginnings for length in self._lengths):
            return True
        if code.number:
            for length, lows, highs in self._digits:
                # A longer code lies where its beginning does. One that is shorter lost its leading zeros in a spreadsheet.
                number = int(code.number[:length])
                place = bisect_right(lows, number) - 1
                if place >= 0 and number <= highs[place]:
                    return True
        return any(span.holds(code) for span in self._ranges)


def _range(entry: str) -> _Range:
    low, _, high = (part.strip() for part in entry.partition(_TO))
    ends = _Range(_read(low), _read(high))
    if "*" in entry or _TO in high or not ends.low.groups or not ends.high.groups:
        raise PostalCodeRefused("postal_range", f"{entry} is no range of postal codes; write it as 100-0000..109-9999")
    if [group[0] for group in ends.low.groups] != [group[0] for group in ends.high.groups]:
        raise PostalCodeRefused(
            "postal_range", f"the ends of {entry} are not alike; letters and digits must come in the same order in both"
        )
    if ends.low.groups > ends.high.groups:
        raise PostalCodeRefused("postal_range", f"{entry} ends before it begins")
    return ends


def _joined(spans: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """The lowest and the highest numbers of spans that overlap nowhere and cover the same."""
    lows: list[int] = []
    highs: list[int] = []
    for low, high in sorted(spans):
        if highs and low <= highs[-1] + 1:
            highs[-1] = max(highs[-1], high)
        else:
            lows.append(low)
            highs.append(high)
    return lows, highs
