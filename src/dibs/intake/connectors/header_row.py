"""Which of a file's first rows is its header, and what its columns are called: lists that people send around begin with a title, leave
columns without a name and give two the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: How many rows in which something stands may come before the header.
TITLES = 10


def header_at(rows: Sequence[Sequence[Any]]) -> int:
    """The place of the header among a file's first rows, none of them blank.

    It is the first, unless that one is a title. What stands below is the header if it fills more cells than any row above it and two of
    them are called like a lead's fields; one such cell is enough where all rows above it fill one cell alone.
    """
    if not rows or (_filled(rows[0]) > 1 and _fields_named(rows[0])):
        return 0
    widest = _filled(rows[0])
    for at, row in enumerate(rows[1 : TITLES + 1], 1):
        filled = _filled(row)
        if filled > widest and _fields_named(row) >= (1 if widest == 1 and not _fields_named(rows[0]) else 2):
            return at
        widest = max(widest, filled)
    return 0


def names_of(cells: Sequence[str]) -> list[str]:
    """What the columns under these names are called, each its own way: one without a name by its place, ``Column 4``; of two of one name
    the second ``Phone (2)``."""
    taken = {name for name in cells if name}
    names: list[str] = []
    seen: set[str] = set()
    for place, cell in enumerate(cells, 1):
        name, again = cell or f"Column {place}", 1
        while name in seen or (name in taken and name != cell):
            again += 1
            name = f"{cell or f'Column {place}'} ({again})"
        seen.add(name)
        names.append(name)
    return names


def names_a_field(cells: Sequence[Any]) -> bool:
    """Whether any of the cells is called like a field of a lead."""
    return _fields_named(cells) > 0


def _fields_named(cells: Sequence[Any]) -> int:
    from dibs.intake.headers import field_called

    return sum(isinstance(cell, str) and field_called(cell) is not None for cell in cells)


def _filled(cells: Sequence[Any]) -> int:
    return sum(cell is not None and str(cell).strip() != "" for cell in cells)
