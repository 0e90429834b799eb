"""Writes the reference of what comes in, from the models and tables that read it: ``python docs/write_intake_reference.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from dibs.intake import codes, mapping
from dibs.intake.cleaning import FIELDS, FLAGS, TEXTS

PAGE = Path(__file__).parent / "reference" / "intake.md"

_HEAD = """# What comes in

Leads come by file (`dibs import`) and by API (`POST /api/v1/leads`). Both go the same way: what was sent is kept as it was sent,
cleaned, and placed by the active policy. What cannot be right (an e-mail address, a phone number, a date) is kept, flagged and placed
all the same. Only what is no lead at all is refused, by row, with a code and a sentence; the other rows go on.

The same thing sent twice is one thing. A lead is known by its source and its external id; without one, by the very words that were sent.
Sent again unchanged, nothing happens. Sent again with something new, the lead is enriched by it; what is left out or blank erases nothing.

This page is made from the code that reads what comes in.

## A lead's fields

| field | holds at most |
|---|---|
"""

_FILES = """
## Files

CSV with any of the usual separators (comma, semicolon, tab, bar) and in any of the usual encodings (UTF-8 with or without its mark,
UTF-16, Shift_JIS, Windows-1252 and Latin-1, and others by statistics): both are told from the file, shown in the summary, and can be
named. Rows are counted from 1 after the header, blank ones too, as a spreadsheet counts them less one.

The header is the first row, unless that is a title: up to ten rows may stand above one that fills more cells than they do and in which
columns are called like a lead's fields; its line can be named. A column without a name is called by its place (`Column 4`), the second of
two of one name `Phone (2)`; what a spreadsheet leaves behind at the end of its rows is no column.

Or a workbook (`.xlsx`): the first sheet with rows that is not hidden, or the one that is named. Numbers, days, moments and yes or no are
read as the cells hold them, whatever the mapping says of decimal marks and date formats. Formulas are never worked out: the value that
the workbook keeps is read. At most 1 GB unpacked, 30 million cells and 1,000 columns are read of one, by a process of its own with
limits and without the server's secrets, so that a hostile one harms nothing.

Without a mapping file, a file is read as the last of its source was, as far as it has the same columns. Else columns called like a field,
or nearly (`E-mail`, `会社名`, `Correo electrónico`), fill it, and the others become attributes, as text: what a policy compares as a number
needs a mapping that says so (`as: number`), or to be told so on the page. Where the first 200 rows leave but one order of day and month, or
one decimal mark, they are read by that.

Refused rows can be had as a file with the columns that they came in and, behind them, `dibs_row`, `dibs_line`, `dibs_code` and `dibs_why`.
Mended, it is imported as any other, without these four and without the apostrophes that keep a spreadsheet from running a cell.

## The mapping file

YAML. Mistakes in it are told with line and column before a row is read. See `docs/examples/` for whole ones.

"""


def render() -> str:
    """The whole page."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD.rstrip("\n")
    for name in sorted(FIELDS):
        limit = TEXTS.get(name)
        yield f"| `{name}` | {f'{limit} characters' if limit else ''} |"
    yield _FILES.rstrip("\n")
    yield ""
    yield from _fields(mapping.Mapping)
    yield "\n### A column\n"
    yield (mapping.Column.__doc__ or "").replace("``", "`") + "\n"
    yield from _fields(mapping.Column)
    yield "\n## Flags\n\nWhat was doubted and kept. `*` stands for a field.\n"
    yield from _table("flag", FLAGS)
    yield "\n## Why a row is refused\n"
    yield from _table("code", codes.ROWS)
    yield "\n## Why a file is refused\n"
    yield from _table("code", codes.FILES)
    yield "\n## Why a mapping is refused\n"
    yield from _table("code", codes.MAPPINGS)


def _fields(model: type[BaseModel]) -> Iterator[str]:
    yield "| field | |"
    yield "|---|---|"
    for name, field in model.model_fields.items():
        yield f"| `{field.alias or name}` | {field.description} |"


def _table(heading: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield f"| {heading} | means |"
    yield "|---|---|"
    for name, meaning in rows.items():
        yield f"| `{name}` | {meaning} |"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
