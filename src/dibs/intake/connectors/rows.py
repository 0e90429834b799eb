"""What every file of rows has, whatever its format: a header, rows one at a time, how far it is read.

A row that cannot be read is given out as such, with its number, and the next one is read. What is wrong with the file as a whole
(no header, a folder, no rows) is `FileRefused`.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from dibs.intake.codes import FILES


class FileRefused(Exception):
    """Nothing of this file was read: why, as a code of ``codes.FILES`` and a sentence that says what to do."""

    def __init__(self, code: str, message: str) -> None:
        assert code in FILES, code
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return self.message


@dataclass(slots=True)
class Row:
    """``number`` counts from 1 after the header, blank rows too, as a spreadsheet would; ``line`` is where it starts.

    ``values`` is ``None`` for a row that cannot be read: ``code`` and ``message`` say why, ``raw`` is its text, cut at 20,000. Of a
    text file they are texts; a workbook tells numbers, moments and yes or no from text itself.
    """

    number: int
    line: int
    values: Sequence[Any] | None
    code: str = ""
    message: str = ""
    raw: str = ""


class RowsFile(Protocol):
    """A file of rows, open for reading; a context manager, to be iterated once. ``size`` and ``position`` are in bytes. ``encoding`` and
    ``delimiter`` say how it was read, as a person would name it; ``header_line`` is the line in which the header begins."""

    path: Path
    header: list[str]
    header_line: int
    size: int
    encoding: str
    delimiter: str

    @property
    def position(self) -> int: ...

    def __iter__(self) -> Iterator[Row]: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def ordinary_file(path: Path) -> None:
    """Raises `FileRefused` for what is no file that can be read."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise FileRefused("file_missing", f"There is no file {path}.") from None
    except OSError as problem:
        raise FileRefused("file_unreadable", f"{path} cannot be read: {problem.strerror or problem}.") from None
    if stat.S_ISDIR(kind):
        raise FileRefused("file_is_folder", f"{path} is a folder. Name a file in it.")
    if not stat.S_ISREG(kind):
        raise FileRefused("file_unreadable", f"{path} is no ordinary file. Save its content to one and import that.")


def fields_of(count: int) -> str:
    """``3 fields``."""
    return "1 field" if count == 1 else f"{count} fields"
