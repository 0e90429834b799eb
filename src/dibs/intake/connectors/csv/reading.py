"""Rows out of a CSV file, one at a time, however long the file is and whatever is wrong with some of them.

A row that cannot be read is given out as such, with its number, and the next one is read. What is wrong with the file as a
whole (no header, a folder, no rows) is `FileRefused`.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from dibs.intake.codes import ROWS
from dibs.intake.connectors.csv.encoding import encoding_of
from dibs.intake.connectors.header_row import header_at, names_of
from dibs.intake.connectors.rows import FileRefused, Row, fields_of, ordinary_file

#: Longest record that is looked at as one, in characters: beyond it, the line is passed over and its row refused.
_LONGEST = 16 << 20
#: Name of the error handler that keeps what does not fit.
_KEEP = "dibs.keep"
#: Encodings that Python has for names of hosts and for its own source, and no file is in.
_NOT_OF_FILES = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
_DELIMITERS = ",;\t|"
#: How many records the separator is told from.
_SNIFFED = 50
_SEP = re.compile(r"\ufeff?\"?sep=(.)\"?\s*\Z", re.IGNORECASE)

csv.field_size_limit(_LONGEST)


class CsvFile:
    """A CSV file, open for reading; a context manager, to be iterated once.

    ``encoding``, ``delimiter`` and the line in which the ``header`` begins are told from the file unless given. ``size`` and ``position``
    are in bytes. Columns at the end of the header that have no name and nothing in the first rows are left out.
    """

    def __init__(
        self, path: Path | str, *, encoding: str | None = None, delimiter: str | None = None, header: int | None = None
    ) -> None:
        self.path = Path(path)
        self._binary = _opened(self.path)
        try:
            self.size = os.fstat(self._binary.fileno()).st_size
            if self.size == 0:
                raise FileRefused("file_empty", f"{self.path} is empty: it has neither a header nor rows.")
            _refuse_other_formats(self._binary.peek(8)[:8], self.path)
            self.encoding = _codec(encoding or encoding_of(self._binary))
            self._binary.seek(0)
            codec = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
            text = io.TextIOWrapper(self._binary, encoding=codec, errors=_KEEP, newline="")
            self._lines = _Lines(text)
            first = self._lines.look()
            if delimiter is None and (said := _SEP.match(first)):
                delimiter = said[1]
                next(self._lines)
            self.delimiter = delimiter or _delimiter_of(self._lines, header)
            self._reader = csv.reader(self._lines, delimiter=self.delimiter, strict=True, skipinitialspace=True)
            self.header = self._read_header(header)
        except BaseException:
            self._binary.close()
            raise

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._binary.close()

    @property
    def position(self) -> int:
        return self._binary.tell()

    def _read_header(self, said: int | None) -> list[str]:
        first = _records(self._lines, self.delimiter, said)
        titles = header_at(first) if said is None else 0
        header: list[str] = []
        try:
            while not any(header) or titles > 0:
                titles -= any(header)
                self.header_line = self._lines.number + 1
                header = [name.strip().removeprefix("\ufeff").strip() for name in next(self._reader)]
                if said is not None and self.header_line < said:
                    header = []
        except StopIteration:
            raise FileRefused("file_empty", f"{self.path} has neither a header nor rows.") from None
        except csv.Error as problem:
            raise FileRefused(
                "header_unreadable", f"The header of {self.path} cannot be read: {problem}. Is a quote left open?"
            ) from None
        if any("\0" in name for name in header):
            raise FileRefused("header_unreadable", f"The header of {self.path} holds NUL bytes: is this a text file?")
        if broken_text(header):
            raise FileRefused(
                "wrong_encoding",
                f"The header of {self.path} is not {self.encoding}. Name the encoding with --encoding.",
            )
        # What a spreadsheet leaves behind at the end of every row is no column.
        while not header[-1] and all(len(row) < len(header) or not row[len(header) - 1].strip() for row in first):
            header.pop()
        return names_of(header)

    def __iter__(self) -> Iterator[Row]:
        lines, reader, width = self._lines, self._reader, len(self.header)
        number = 0
        while True:
            line = lines.number + 1
            lines.start_record()
            problem: str | None = None
            values: list[str] = []
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = str(error)
            number += 1
            if problem is None and len(values) > width and not any(map(str.strip, values[width:])):
                values = values[:width]
            if problem is None and len(values) == width and not lines.too_long:
                yield Row(number, line, values)
            elif problem is None and not values and not lines.too_long:
                continue  # A blank line.
            else:
                # What ran on over several lines and then proved wrong was most likely a quote left open on the first:
                # that one is refused and the next ones are read afresh.
                several = len(lines.record) > 1
                raw = lines.record[0] if lines.record else ""
                code, message = self._why(problem, len(values), several, lines.too_long)
                assert code in ROWS, code
                if several and not (lines.too_long and problem is None):
                    lines.back_to_second()
                yield Row(number, line, None, code, message, raw[:20_000].rstrip("\r\n"))

    def _why(self, problem: str | None, found: int, several: bool, too_long: bool) -> tuple[str, str]:
        width = len(self.header)
        if too_long or (problem and "field larger" in problem):
            return "row_too_long", f"The row is longer than {_LONGEST:,} characters."
        if problem and "unexpected end of data" in problem:
            return "quote_unclosed", "A quote is opened in this row and never closed."
        if problem and "expected after" in problem:
            return (
                "quote_misplaced",
                "A quote inside this row's text ends the field too early. Double the quotes that belong to the text.",
            )
        if problem:
            return "row_unreadable", f"The row cannot be read: {problem}."
        if several:
            return (
                "quote_unclosed",
                f"A quote opened in this row runs on over the next lines, and what comes of it has {fields_of(found)} "
                f"where the header has {width}.",
            )
        if found < width:
            return "row_short", f"The row has {fields_of(found)}, the header has {width}."
        return (
            "row_long",
            f"The row has {fields_of(found)}, the header has {width}. Is a separator in the text unquoted?",
        )


class _Overlong(str):
    """A blank line that stands where one was that is too long to hold."""


class _Lines:
    """The physical lines of a text, remembered for as long as one record lasts, so that they can be read again."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: list[str] = []
        self.record: list[str] = []
        self.number = 0
        self.too_long = False
        self._length = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._read()
        self.record.append(line)
        if type(line) is _Overlong:
            self.too_long = True
        self.number += 1
        self._length += len(line)
        if self._length > _LONGEST:
            # The record has become too long to be one. An unescapable end: the caller decides where to go on.
            self._length = 0
            raise csv.Error("unexpected end of data")
        return line

    def _read(self) -> str:
        line = self._text.readline(_LONGEST)
        if not line:
            raise StopIteration
        if len(line) == _LONGEST and line[-1] not in "\r\n":
            while line and line[-1] not in "\r\n":
                line = self._text.readline(_LONGEST)
            return _Overlong("\n")
        return line

    def start_record(self) -> None:
        self.record = []
        self.too_long = False
        self._length = 0

    def back_to_second(self) -> None:
        """Have every line of the record but its first be read again."""
        self.number -= len(self.record) - 1
        self._again.extend(reversed(self.record[1:]))

    def look(self, count: int = 1) -> str:
        """The next lines, without taking them."""
        seen: list[str] = []
        length, before = 0, self.number
        while len(seen) < count and length < (1 << 20):
            try:
                seen.append(next(self))
            except (StopIteration, csv.Error):
                break
            length += len(seen[-1])
        self._again.extend(reversed(seen))
        self.number = before
        self.start_record()
        return "".join(seen)


def _opened(path: Path) -> io.BufferedReader:
    ordinary_file(path)
    try:
        return path.open("rb")
    except OSError as problem:
        raise FileRefused("file_unreadable", f"{path} cannot be read: {problem.strerror or problem}.") from None


def _codec(name: str) -> str:
    try:
        codec = codecs.lookup(name).name
        # Refuses what is no encoding of text, as zlib's.
        "".encode(codec)
        if codec.replace("-", "_") not in _NOT_OF_FILES:
            return codec
    except (LookupError, ValueError):
        pass
    raise FileRefused("encoding_unknown", f"There is no encoding {name!r}. Try utf-8, cp932 or cp1252.")


def _refuse_other_formats(start: bytes, path: Path) -> None:
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileRefused(
            "file_not_text", f"{path} is a spreadsheet or an archive. Save it as CSV (UTF-8) and import that."
        )
    if start.startswith((b"\x1f\x8b", b"%PDF", b"\x89PNG", b"BZh", b"\xfd7zXZ")):
        raise FileRefused("file_not_text", f"{path} is compressed or no text. Import the CSV file that is in it.")


def _records(lines: _Lines, delimiter: str, header: int | None) -> list[list[str]]:
    """The first records in which something stands, as far as they can be read; from the line ``header`` on, if that is known."""
    head = lines.look(_SNIFFED + (header or 0)).removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, skipinitialspace=True)
    found: list[list[str]] = []
    before, line = lines.number, lines.number + 1
    try:
        for record in reader:
            if any(map(str.strip, record)) and line >= (header or 0):
                found.append(record)
            line = before + reader.line_num + 1
    except csv.Error:
        pass
    return found


def _delimiter_of(lines: _Lines, header: int | None) -> str:
    """The separator under which most of the first records are as wide as the header, and that one has columns."""
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        rows = _records(lines, delimiter, header)
        rows = rows[header_at(rows) if header is None else 0 :]
        if not rows or len(rows[0]) < 2:
            continue
        width = len(rows[0])
        score = (round(sum(len(row) == width for row in rows) / len(rows), 1), width)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def broken_text(values: Iterable[str]) -> bool:
    """Whether any of the texts holds bytes that were not of the file's encoding."""
    return any("\ud800" <= c <= "\udfff" for value in values if not value.isascii() for c in value)


def _keep(problem: UnicodeError) -> tuple[str, int]:
    """Bytes that do not fit the encoding, each as a lone surrogate, as Python's ``surrogateescape`` does it; that one gives up on
    bytes below 128 inside a broken pair."""
    if not isinstance(problem, UnicodeDecodeError):
        raise problem
    return "".join(chr(0xDC00 + byte) for byte in problem.object[problem.start : problem.end]), problem.end


codecs.register_error(_KEEP, _keep)
