"""What a search looks through: a lead's texts, folded, in one column.

Row-level security lets no index answer "contains", so a search reads this column along the pool's index, which holds it: 100,000
leads in about 25 ms. The fields stand in the order of `FIELDS`, each on a line of its own, and what tells who and where the person
is stands last, after `BORDER`: a caller's search can be held to the fields that this caller sees without leaving the index.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

#: The fields in the column's order: about the company and its wish, then, behind the border, about the person.
OPEN = ("company", "industry", "country", "region", "city", "source", "product", "use_case", "language", "currency")
PERSONAL = ("name", "title", "email", "domain")
FIELDS = (*OPEN, *PERSONAL)
LINE, BORDER = "\n", "\x1e"

#: The most the column may hold, in characters and in bytes: an entry of the index, all told, must stay below 2,704 bytes.
LONGEST, LIMIT = 600, 1_800
#: Characters of each field that are kept where the whole would be longer (of 4 bytes at most each).
SHORT = 31

_OPEN, _PERSONAL = itemgetter(*OPEN), itemgetter(*PERSONAL)
_LINES = len(FIELDS) + 2
_APART = str.maketrans({LINE: " ", BORDER: " "})


def folded(text: str) -> str:
    """The text with case, width and composition taken away (NFKC, case folded), as searches compare it: ``ﾔﾏﾀﾞ`` is ``ヤマダ``."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words_of(text: str) -> tuple[str, ...]:
    """The words asked for, folded, the longest first: it rules out most."""
    return tuple(sorted(dict.fromkeys(folded(text).split()), key=len, reverse=True))


def lookup_of(lead: Mapping[str, Any]) -> str:
    """The column of a lead that has these fields; ``None`` is a field that is empty."""
    told = [value or "" for value in _OPEN(lead)]
    person = [value or "" for value in _PERSONAL(lead)]
    text = folded(LINE + LINE.join(told) + f"{LINE}{BORDER}{LINE}" + LINE.join(person) + LINE)
    if text.count(LINE) == _LINES and text.count(BORDER) == 1 and _fits(text):
        return text
    lines = [_line(value) for value in (*told, *person)]
    text = _joined(lines)
    return text if _fits(text) else _joined([line[:SHORT] for line in lines])


def line_of(value: str) -> str:
    """Text that stands in the column of each lead that has this value in one of its fields."""
    line = _line(value)
    return f"{LINE}{line}{LINE}" if len(line) < SHORT else LINE + line[:SHORT]


def place_of(field: str) -> int:
    """Which line of the column is the field's, counted from 1 as PostgreSQL's ``split_part`` does."""
    return FIELDS.index(field) + (2 if field in OPEN else 3)


def _fits(text: str) -> bool:
    return len(text) * 4 <= LIMIT or (len(text) <= LONGEST and len(text.encode()) <= LIMIT)


def _line(value: str) -> str:
    return folded(value.translate(_APART)).translate(_APART)


def _joined(lines: list[str]) -> str:
    return LINE + LINE.join([*lines[: len(OPEN)], BORDER, *lines[len(OPEN) :]]) + LINE
