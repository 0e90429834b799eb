"""Lists of those who must not be contacted, as people type them and other systems write them out: addresses and numbers found in them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field

from dibs.crm.do_not_contact import Entry, entries_of
from dibs.intake.emails import clean_email
from dibs.intake.phones import clean_phone

#: Lines that are told of as wrong, one by one; the rest are counted.
_TOLD = 100
#: Longer cells are no address and no number.
_LONGEST = 320


@dataclass(slots=True)
class Found:
    """What is in a list: its entries, each once, in their order; and the lines in which nothing is, by number, 1 the first."""

    entries: list[Entry] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)
    wrong_in_all: int = 0


def entry_in(text: str, country: str | None) -> Entry | None:
    """The address or number that a text is, or ``None``. ``country`` (alpha-2) is where a number without a country code is dialled from."""
    text = text.replace("\0", "").strip()
    if not text or len(text) > _LONGEST:
        return None
    if "@" in text:
        address, good = clean_email(text)
        return next(iter(entries_of(address, None)), None) if good else None
    if sum(letter.isdigit() for letter in text) < 5 or any(letter.isalpha() for letter in text):
        return None
    return next(iter(entries_of(None, clean_phone(text, country)[0])), None)


def entries_in(lines: Iterable[str], country: str | None) -> Found:
    """All that is in a list: one a line, or a file of columns of which any may hold an address or a number. A first line without any is
    taken for the names of the columns."""
    found, known = Found(), dict[Entry, None]()
    for number, line in enumerate(lines, 1):
        cells = _cells(line)
        entries = [entry for cell in cells if (entry := entry_in(cell, country)) is not None]
        known.update(dict.fromkeys(entries))
        if not entries and number > 1 and any(cell.strip() for cell in cells):
            found.wrong_in_all += 1
            if len(found.wrong) < _TOLD:
                found.wrong.append(number)
    found.entries = list(known)
    return found


def _cells(line: str) -> list[str]:
    separator = max(",;\t", key=line.count)
    try:
        return next(csv.reader([line.strip("\r\n\ufeff")], delimiter=separator), [])
    except csv.Error:
        return []
