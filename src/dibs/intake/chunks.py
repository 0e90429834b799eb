"""A file's rows in chunks, each made ready to be taken in; of a long file by another process, while this one has the database
take in what is ready.

Measured on two cores: reading, mapping and cleaning are a quarter of an import's work and need no database. In a thread they would
only contend with the rest for the interpreter.
"""

from __future__ import annotations

import csv
import io
import os
import pickle
import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from dibs.intake.cleaning import Place
from dibs.intake.connectors.opening import open_rows
from dibs.intake.connectors.rows import FileRefused
from dibs.intake.headers import Fitted, storable
from dibs.intake.mapping import Mapping, MappingFile
from dibs.intake.preparing import Prepared, Sent, prepare
from dibs.people.child_environment import bare_environment

#: Rows taken in by one transaction. More is hardly cheaper, and keeps the rotations it moves locked for longer.
CHUNK = 1000
#: From this size on, in bytes, another process is worth its start, which takes half a second of the other core.
LONG = 1 << 20
#: Chunks that are made ready here while it starts.
_MEANWHILE = 2
#: How much of a refused row is kept, in characters.
_RAW = 20_000


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was refused: its number (1 is the first after the header), the line it starts in, why, and its text."""

    row: int
    line: int
    code: str
    field: str
    message: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file. ``unread`` are those that could not be read; ``prepared`` has the others, ``numbers`` the row and line of
    each by its place there, ``raws`` the text of those that it refuses. ``position`` is how far into the file they go, in bytes."""

    rows: int
    unread: list[Refused]
    prepared: Prepared
    numbers: list[tuple[int, int]]
    raws: dict[int, str]
    position: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read: all that another process has to be told. ``timezone`` holds where the mapping names none; ``sheet`` is a
    workbook's, which has no ``encoding``; ``header`` is the line in which the header begins, ``columns`` are the names there."""

    path: Path
    encoding: str
    delimiter: str
    mapping: Mapping
    timezone: str
    source: str
    where: Place
    now: datetime
    sheet: str | None = None
    header: int | None = None
    columns: tuple[str, ...] = ()


def chunks(reading: Reading, first: int = 0) -> Generator[Chunk]:
    """The file's rows, made ready here and now; without those of the chunks before the ``first``."""
    workbook = reading.sheet is not None
    with open_rows(
        reading.path,
        encoding=None if workbook else reading.encoding,
        delimiter=None if workbook else reading.delimiter,
        sheet=reading.sheet,
        header=reading.header,
    ) as file:
        fitted = Fitted(MappingFile(reading.mapping), file.header, reading.timezone)
        rows = iter(file)
        for _ in islice(rows, first * CHUNK):
            pass
        while some := list(islice(rows, CHUNK)):
            unread: list[Refused] = []
            sent: list[Sent] = []
            numbers: list[tuple[int, int]] = []
            for row in some:
                if row.values is None:
                    unread.append(Refused(row.number, row.line, row.code, "", row.message, row.raw))
                    continue
                fields, flags = fitted.fields(row.values)
                values = map(storable, row.values) if workbook else row.values
                sent.append(Sent(fields, dict(zip(file.header, values, strict=True)), flags))
                numbers.append((row.number, row.line))
            prepared = prepare(sent, now=reading.now, source=reading.source, where=reading.where, salt=fitted.salt)
            raws = {
                refusal.at: written((sent[refusal.at].payload or {}).values(), "," if workbook else file.delimiter)
                for refusal in prepared.refused
            }
            yield Chunk(len(some), unread, prepared, numbers, raws, file.position)


def chunks_ahead(reading: Reading) -> Generator[Chunk]:
    """The same, made ready by a process of its own a few chunks ahead, but for the first few. It ends with the generator."""
    # Not multiprocessing: that would run the caller's main module again. A session of its own, so that Ctrl-C reaches only who
    # started it, and that one ends this.
    maker = subprocess.Popen(
        [sys.executable, "-c", "from dibs.intake.chunks import make_for_another; make_for_another()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=bare_environment(),
        start_new_session=True,
    )
    assert maker.stdin is not None
    assert maker.stdout is not None
    # A pipe holds a twentieth of a chunk. So a thread, which waits for nothing but bytes, takes the next one out of it meanwhile.
    with maker.stdout, ThreadPoolExecutor(1, thread_name_prefix="chunks") as taker:
        try:
            pickle.dump(reading, maker.stdin)
            maker.stdin.close()
            with closing(chunks(reading)) as here:
                yield from islice(here, _MEANWHILE)
            coming = taker.submit(_take_frame, maker.stdout)
            while (said := pickle.loads(coming.result())) is not None:  # noqa: S301 (from our own process)
                if isinstance(said, BaseException):
                    raise said
                coming = taker.submit(_take_frame, maker.stdout)
                yield said
        except (EOFError, BrokenPipeError):
            raise RuntimeError(f"the process that reads {reading.path} ended before the file did") from None
        finally:
            maker.terminate()
            maker.wait()


def _take_frame(pipe: IO[bytes]) -> bytes:
    """The next pickle: its length in eight bytes, then itself."""
    head = pipe.read(8)
    length = int.from_bytes(head)
    body = pipe.read(length)
    if len(head) < 8 or len(body) < length:
        raise EOFError
    return body


def _give_frame(pipe: IO[bytes], said: Any) -> None:
    body = pickle.dumps(said, protocol=5)
    pipe.write(len(body).to_bytes(8))
    pipe.write(body)
    pipe.flush()


def make_for_another() -> None:
    """What the other process does: send each chunk, then ``None``; or what went wrong. The pipe holds it back when it is ahead."""
    reading: Reading = pickle.load(sys.stdin.buffer)  # noqa: S301 (from who started us)
    out = sys.stdout.buffer
    try:
        with closing(chunks(reading, first=_MEANWHILE)) as made:
            for chunk in made:
                _give_frame(out, chunk)
        _give_frame(out, None)
    except BrokenPipeError:
        os._exit(1)  # Nobody reads any more; the interpreter would only complain about what it cannot flush.
    except Exception as problem:
        told = problem if isinstance(problem, FileRefused) else RuntimeError(f"{type(problem).__name__}: {problem}")
        _give_frame(out, told)


def written(values: Any, delimiter: str) -> str:
    """A row as the file had it, or near enough, with each field cut so that a giant one does not crowd out the rest."""
    fields: Sequence[str] = [str(value) for value in values]
    most = max(200, _RAW // max(1, len(fields)))
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow([field[:most] for field in fields])
    return line.getvalue()[:_RAW]
