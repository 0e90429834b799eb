"""Rows out of a workbook (.xlsx), one sheet of it, with numbers, moments and yes or no as the cells hold them.

A workbook is a packed archive, and a small one can hold a few cells that stand a million columns apart or unpack to terabytes. So it is
unpacked by a process of its own that may use only so much memory and time: what is too much ends that process, and is told as such.
Formulas are never worked out; a cell's last value, which the workbook keeps, is what is read. Macros and links are not looked at.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from dibs.intake.connectors.header_row import TITLES, header_at, names_a_field, names_of
from dibs.intake.connectors.rows import FileRefused, Row, fields_of, ordinary_file
from dibs.people.child_environment import bare_environment

#: What is read of one workbook at most: bytes once unpacked, parts of the archive, columns, cells, bytes of all that is in them.
MOST_UNPACKED, MOST_PARTS, MOST_COLUMNS, MOST_CELLS, MOST_TEXT = 1 << 30, 20_000, 1_000, 30_000_000, 1 << 30
#: What the process that unpacks may use: bytes of memory, seconds of a processor's time.
_MEMORY, _SECONDS = 3 << 30, 300
#: How the moments of the rows stand in the file between the two processes.
_MOMENT, _DAY = "\x00moment", "\x00day"


def is_archive(start: bytes) -> bool:
    """Whether a file that begins like this is a packed archive, as workbooks are."""
    return start.startswith(b"PK\x03\x04")


class XlsxFile:
    """A sheet of a workbook, open for reading; a context manager, to be iterated once. ``sheet`` is the first that is not hidden and
    has rows under a header, unless it is named. ``sheets`` names all. The line of the ``header`` is told from the sheet unless given. Columns
    without a name in which nothing stands are left out. ``size`` and ``position`` are in bytes of what is unpacked.
    """

    encoding = "xlsx"

    def __init__(self, path: Path | str, *, sheet: str | None = None, header: int | None = None) -> None:
        self.path = Path(path)
        ordinary_file(self.path)
        _look_at_parts(self.path)
        self._unpacked = tempfile.TemporaryFile()  # noqa: SIM115 (closed with this)
        try:
            said = _unpack(self.path, self._unpacked.fileno(), sheet, header)
            self.sheet, self.sheets = str(said["sheet"]), [str(name) for name in said["sheets"]]
            self.delimiter = self.sheet
            self.size = self._unpacked.seek(0, os.SEEK_END)
            self._unpacked.seek(0)
            self._read = 0
            self._first = self.header_line = int(said["line"])
            names, empty = names_of([str(name) for name in said["header"]]), frozenset(said["empty"])
            self._width = len(names)
            self._kept = [at for at in range(self._width) if at not in empty] if empty else None
            self.header = [name for at, name in enumerate(names) if at not in empty]
        except BaseException:
            self._unpacked.close()
            raise

    def __enter__(self) -> XlsxFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unpacked.close()

    @property
    def position(self) -> int:
        return self._read

    def __iter__(self) -> Iterator[Row]:
        width = self._width
        for text in self._unpacked:
            self._read += len(text)
            line, values = json.loads(text)
            number = line - self._first
            if len(values) > width:
                message = f"The row has {fields_of(len(values))}, the header has {width}."
                yield Row(number, line, None, "row_long", message, _shown(values))
                continue
            told = [_value(value) for value in values] + [""] * (width - len(values))
            yield Row(number, line, told if self._kept is None else [told[at] for at in self._kept])


def _value(value: Any) -> Any:
    if isinstance(value, list):
        kind, text = value
        return datetime.fromisoformat(text) if kind == _MOMENT else date.fromisoformat(text)
    return value


def _shown(values: list[Any]) -> str:
    return "\t".join(str(value[1] if isinstance(value, list) else value)[:200] for value in values[:200])[:20_000]


def _look_at_parts(path: Path) -> None:
    """Refuse what is no workbook, and what says of itself that it is too much, before a process is started for it."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise FileRefused(
            "workbook_unreadable", f"{path} begins like a workbook and cannot be unpacked: it is broken, or cut short."
        ) from None
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise FileRefused(
            "file_not_text",
            f"{path} is an archive and no .xlsx workbook. Import the file that is in it, or save it as one.",
        )
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise _too_large(path)


def _too_large(path: Path) -> FileRefused:
    return FileRefused(
        "workbook_too_large",
        f"{path} holds more than is read of one workbook. Save the sheet with the leads as CSV and import that.",
    )


def _unpack(path: Path, into: int, sheet: str | None, header: int | None) -> dict[str, Any]:
    """Have the sheet's rows written into the open file ``into``, one a line; returns what there is to say of it."""
    done = subprocess.run(
        [sys.executable, "-c", "from dibs.intake.connectors.xlsx import unpack_for_another; unpack_for_another()"],
        input=json.dumps({"path": str(path.resolve()), "into": into, "sheet": sheet, "header": header}).encode(),
        capture_output=True,
        pass_fds=(into,),
        env=bare_environment(),
        start_new_session=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise _too_large(path)  # It was ended for using too much: nothing else ends it without a word.
    said: dict[str, Any] = json.loads(lines[-1])
    if "code" in said:
        raise FileRefused(said["code"], said["message"])
    return said


def unpack_for_another() -> None:
    """What the other process does."""
    asked = json.loads(sys.stdin.buffer.read())
    for what, most in ((resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_CPU, _SECONDS), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (most, most))
    path = Path(asked["path"])
    try:
        with os.fdopen(asked["into"], "wb", closefd=False) as out:
            said = _write_rows(path, asked["sheet"], asked["header"], out)
    except FileRefused as refused:
        said = {"code": refused.code, "message": refused.message}
    except MemoryError:
        sys.exit(1)
    sys.stdout.write(json.dumps(said))


def _write_rows(path: Path, sheet: str | None, header: int | None, out: Any) -> dict[str, Any]:
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    try:
        book = CalamineWorkbook.from_path(str(path))
        sheets = [
            known.name
            for known in book.sheets_metadata
            if known.typ == SheetTypeEnum.WorkSheet and known.visible == SheetVisibleEnum.Visible
        ]
        if sheet is not None and sheet not in book.sheet_names:
            raise FileRefused("sheet_missing", f"{path} has no sheet {sheet!r}; it has {', '.join(map(repr, sheets))}.")
        # A cover is no list: a sheet with rows under a header goes before one with a few lines of text.
        for thorough in (True, False) if sheet is None else (False,):
            for name in [sheet] if sheet is not None else sheets:
                found = _write_sheet(path, book.get_sheet_by_name(name), header, out)
                if found is not None and (not thorough or found.pop("list")):
                    return {**found, "sheet": name, "sheets": sheets}
                out.seek(0)
                out.truncate()
    except CalamineError as problem:
        raise FileRefused("workbook_unreadable", f"{path} cannot be read as a workbook: {problem}.") from None
    raise FileRefused("sheet_missing", f"{path} has no sheet with rows that is not hidden.")


def _write_sheet(path: Path, sheet: Any, header_line: int | None, out: Any) -> dict[str, Any] | None:
    """Write the rows after the header; returns the header, its line, the places of columns in which nothing stands at all, and whether it
    looks like a list; ``None`` for a sheet without rows."""
    if sheet.total_width > MOST_COLUMNS or sheet.total_height * sheet.total_width > MOST_CELLS:
        raise _too_large(path)
    header: list[str] = []
    first, text = 0, 0
    empty: set[int] = set()
    for line, values in _below_title(_filled(sheet), header_line):
        if not header:
            header = [str(value[1] if isinstance(value, list) else value).strip() for value in values]
            first = line
            empty = {at for at, name in enumerate(header) if not name}
            continue
        if empty:
            empty -= {at for at in empty if at < len(values) and values[at] != ""}
        written = json.dumps([line, values], ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        text += len(written)
        if text > MOST_TEXT:
            raise _too_large(path)
        out.write(written)
    if not header:
        return None
    is_list = text > 0 and (len(header) - header.count("") > 1 or names_a_field(header))
    return {"header": header, "line": first, "empty": sorted(empty), "list": is_list}


def _filled(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """The rows in which something stands, each with its line, without what is blank at their end."""
    for line, cells in enumerate(sheet.iter_rows(), 1):
        values = [_told(value) for value in cells]
        while values and values[-1] == "":
            values.pop()
        if values:
            yield line, values


def _below_title(rows: Iterator[tuple[int, list[Any]]], header: int | None) -> Iterator[tuple[int, list[Any]]]:
    """The rows from the header on: from the line ``header``, if that is known, else from below the list's title."""
    if header is not None:
        yield from (row for row in rows if row[0] >= header)
        return
    first = list(islice(rows, TITLES + 1))
    yield from first[header_at([values for _line, values in first]) :]
    yield from rows


def _told(value: Any) -> Any:
    """A cell as it is told to the other process: text, a whole number where it is one, yes or no, or a moment."""
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    if isinstance(value, datetime):
        return [_MOMENT, value.isoformat()]
    if isinstance(value, date):
        return [_DAY, value.isoformat()]
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return "" if value is None else str(value)
