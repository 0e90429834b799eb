"""The file of an import's refused rows: the columns they came with, and beside them which rows they were and why they were refused. Once
mended it is imported as any other; what stands in it besides is left out again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from dibs.crm.formulas import export_safe
from dibs.intake.connectors.rows import Row, RowsFile

#: The columns that are no part of the rows themselves.
OURS = ("dibs_row", "dibs_line", "dibs_code", "dibs_why")


class RefusedRow(NamedTuple):
    """A row that was refused, ``raw`` as the file had it."""

    row: int
    line: int
    code: str
    why: str
    raw: str


def refused_rows(columns: Sequence[str], delimiter: str, refused: Iterable[RefusedRow]) -> Iterator[str]:
    """The lines of the file. A row that could not be told apart into ``columns`` by the ``delimiter`` stands as far as it could, what is
    too much of it at the end. Cells that a spreadsheet would run are made harmless. Begins with the mark by which spreadsheets know UTF-8.
    """
    yield "\ufeff" + _line([*columns, *OURS])
    for each in refused:
        cells = _cells(each.raw, delimiter)
        fitting = cells[: len(columns)] + [""] * (len(columns) - len(cells))
        yield _line([*fitting, each.row, each.line, each.code, each.why, *cells[len(columns) :]])


def _cells(raw: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(raw, newline=""), delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return raw.split(delimiter)


def _line(values: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([export_safe(value) for value in values])
    return out.getvalue()


def is_of_refused_rows(header: Sequence[str]) -> bool:
    """Whether a file with this header is one that was written here."""
    return set(OURS) <= set(header)


class MendedRows:
    """A file of refused rows, mended, as the file that they came in would have it."""

    def __init__(self, file: RowsFile) -> None:
        self._file = file
        self._kept = [name not in OURS for name in file.header]
        self.header = list(compress(file.header, self._kept))
        self.path: Path = file.path
        self.header_line, self.size, self.encoding, self.delimiter = (
            file.header_line, file.size, file.encoding, file.delimiter,
        )  # fmt: skip
        if (sheet := getattr(file, "sheet", None)) is not None:
            self.sheet, self.sheets = sheet, getattr(file, "sheets", [])

    @property
    def position(self) -> int:
        return self._file.position

    def __iter__(self) -> Iterator[Row]:
        for row in self._file:
            if row.values is not None:
                row.values = [_as_it_was(value) for value in compress(row.values, self._kept)]
            yield row

    def __enter__(self) -> MendedRows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)


def _as_it_was(value: Any) -> Any:
    """A cell without the apostrophe that made it harmless."""
    harmless = isinstance(value, str) and value[:1] == "'" and export_safe(value[1:]) == value
    return value[1:] if harmless else value
