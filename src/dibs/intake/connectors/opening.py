"""Whichever file of rows it is: told by how it begins, not by what it is called."""

from __future__ import annotations

from pathlib import Path

from dibs.intake.connectors.csv import CsvFile
from dibs.intake.connectors.refused_rows import MendedRows, is_of_refused_rows
from dibs.intake.connectors.rows import RowsFile, ordinary_file
from dibs.intake.connectors.xlsx import XlsxFile, is_archive


def open_rows(
    path: Path | str,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    header: int | None = None,
) -> RowsFile:
    """Open a CSV file or a workbook. ``encoding`` and ``delimiter`` are for the first, ``sheet`` for the second, ``header`` is the line
    in which the header begins; each is told from the file unless given. Raises `FileRefused`."""
    path = Path(path)
    ordinary_file(path)
    try:
        with path.open("rb") as begun:
            start = begun.read(8)
    except OSError:
        start = b""  # `CsvFile` says why.
    if is_archive(start):
        book = XlsxFile(path, sheet=sheet, header=header)
        return MendedRows(book) if is_of_refused_rows(book.header) else book
    text = CsvFile(path, encoding=encoding, delimiter=delimiter, header=header)
    return MendedRows(text) if is_of_refused_rows(text.header) else text
