"""A file is imported: read, mapped, received a chunk at a time, counted, and every refused row remembered with its reason."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction

from dibs.distribution.placing import Placed
from dibs.intake.ahead import ahead
from dibs.intake.cleaning import Place
from dibs.intake.connectors.csv import CsvFile, Row
from dibs.intake.headers import Fitted, guess_mapping
from dibs.intake.mapping import Mapping, MappingFile
from dibs.intake.models import Import, ImportRefusal, Source
from dibs.intake.receiving import Prepared, Received, Sent, prepare, take_in
from dibs.people.bulk import insert_rows
from dibs.people.models import User, Workspace
from dibs.people.tenancy import enter, new_id

#: Rows received in one transaction. More is hardly cheaper, and keeps the rotations it moves locked for longer.
CHUNK = 1000
#: How many refused rows a summary names.
_NAMED = 1000


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was refused; ``line`` is the line of the file it starts in."""

    row: int
    line: int
    code: str
    field: str
    message: str


@dataclass(slots=True)
class Summary:
    """What became of a file. ``where`` counts placed and enriched leads by place, ``refused_for`` refusals by code."""

    file: str
    source: str
    encoding: str
    delimiter: str
    rows: int = 0
    placed: int = 0
    enriched: int = 0
    unchanged: int = 0
    refused: int = 0
    where: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    refused_for: Counter[str] = field(default_factory=Counter)
    #: The first thousand; the others are kept with the import.
    refusals: list[Refused] = field(default_factory=list)
    seconds: float = 0.0
    dry_run: bool = False
    import_id: str | None = None

    def counts(self) -> dict[str, Any]:
        """The figures, for the `Import` row."""
        return {
            "rows": self.rows,
            "placed": self.placed,
            "enriched": self.enriched,
            "unchanged": self.unchanged,
            "refused": self.refused,
            "where": dict(self.where.most_common()),
            "flags": dict(self.flags.most_common()),
            "refused_for": dict(self.refused_for.most_common()),
        }

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        return {
            "file": self.file,
            "source": self.source,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "dry_run": self.dry_run,
            "import": self.import_id,
            "seconds": round(self.seconds, 3),
            **self.counts(),
            "refusals": [
                {"row": r.row, "line": r.line, "code": r.code, "field": r.field or None, "message": r.message}
                for r in self.refusals
            ],
        }


def place_name(placed: Placed) -> str:
    """Where a lead is, in a word or two: ``pool inbound``, ``rep aiko (offered)``, ``review managers``, ``nurture``."""
    if placed.pool and placed.state == "pooled":
        return f"pool {placed.pool}"
    if placed.review and placed.state == "review":
        return f"review {placed.review}"
    if placed.owner:
        return f"rep {placed.owner}" + (" (offered)" if placed.state == "offered" else "")
    return placed.state


def import_file(
    workspace: Workspace,
    path: Path,
    source: str,
    mapping: MappingFile | None = None,
    *,
    clock: Callable[[], datetime],
    dry_run: bool = False,
    encoding: str | None = None,
    by: User | None = None,
    progress: Callable[[int, int, Summary], None] = lambda position, size, summary: None,
) -> Summary:
    """Import a file's leads into a workspace; ``clock`` says when each chunk is received.

    Raises `FileRefused` or `MappingRefused` before anything is read. A dry run does all of it, a chunk at a time, and takes each
    chunk back: nothing stays, but a lead that is in the file twice is placed twice, and each chunk finds the rotations as they
    are now. ``progress`` is told the bytes read and in all after each chunk.
    """
    started = time.perf_counter()
    given = mapping.mapping if mapping else Mapping()
    with CsvFile(path, encoding=encoding or given.encoding, delimiter=given.delimiter) as file:
        mapping = mapping or guess_mapping(file.header)
        fitted = Fitted(mapping, file.header, workspace.timezone)
        where = mapping.mapping.place(workspace.country, workspace.timezone)
        enter(workspace.id)
        summary = Summary(str(path), source, file.encoding, file.delimiter, dry_run=dry_run)
        batch = None if dry_run else _begin(workspace, source, mapping, file, by, clock())
        summary.import_id = str(batch.id) if batch else None
        with closing(ahead(_prepared_chunks(file, fitted, source, where, clock))) as chunks:
            for chunk in chunks:
                now = clock()
                with transaction.atomic():
                    answers = take_in(workspace.id, chunk.prepared, now=now, enriching=fitted.enrich)
                    refused = _count(summary, chunk, answers)
                    if batch:
                        _remember(workspace, batch, refused, file.delimiter)
                        batch.counts = summary.counts()
                        batch.save(update_fields=["counts"])
                    else:
                        transaction.set_rollback(True)
                progress(chunk.position, file.size, summary)
        if batch:
            batch.finished_at = clock()
            batch.save(update_fields=["finished_at"])
    summary.seconds = time.perf_counter() - started
    return summary


@dataclass(slots=True)
class _Chunk:
    """Some rows of a file: those that can be read are prepared. ``position`` is in bytes, after the last of them."""

    rows: list[Row]
    readable: list[Row]
    prepared: Prepared
    position: int


def _prepared_chunks(
    file: CsvFile, fitted: Fitted, source: str, where: Place, clock: Callable[[], datetime]
) -> Iterator[_Chunk]:
    rows = iter(file)
    while some := list(islice(rows, CHUNK)):
        readable = [row for row in some if row.values is not None]
        sent = [_sent(row, file.header, fitted) for row in readable]
        prepared = prepare(sent, now=clock(), source=source, where=where, salt=fitted.salt)
        yield _Chunk(some, readable, prepared, file.position)


def _sent(row: Row, header: Sequence[str], fitted: Fitted) -> Sent:
    assert row.values is not None
    fields, flags = fitted.fields(row.values)
    return Sent(fields, dict(zip(header, row.values, strict=True)), flags)


def _begin(
    workspace: Workspace, source: str, mapping: MappingFile, file: CsvFile, by: User | None, now: datetime
) -> Import:
    said = mapping.mapping.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    known, made = Source.objects.get_or_create(
        workspace=workspace, name=source, defaults={"kind": "csv", "mapping": said, "created_at": now}
    )
    if not made and known.kind == "csv" and not mapping.mapping.enrich and known.mapping != said:
        known.mapping = said
        known.save(update_fields=["mapping"])
    return Import.objects.create(
        workspace=workspace,
        source=source,
        file_name=file.path.name[:300],
        encoding=file.encoding,
        started_at=now,
        by=by,
    )


def _count(summary: Summary, chunk: _Chunk, answers: Sequence[Received]) -> list[tuple[Row, Refused]]:
    """Add a chunk to the summary; returns its refused rows in the file's order."""
    refused = [
        (row, Refused(row.number, row.line, row.code, "", row.message)) for row in chunk.rows if row.values is None
    ]
    for row, answer in zip(chunk.readable, answers, strict=True):
        if answer.outcome == "refused":
            why = Refused(row.number, row.line, answer.code or "", answer.field or "", answer.message or "")
            refused.append((row, why))
            continue
        setattr(summary, answer.outcome, getattr(summary, answer.outcome) + 1)
        if answer.placed:
            summary.where[place_name(answer.placed)] += 1
            summary.flags.update(answer.flags)
    refused.sort(key=lambda pair: pair[1].row)
    summary.rows += len(chunk.rows)
    summary.refused += len(refused)
    summary.refused_for.update(why.code for _, why in refused)
    summary.refusals.extend(why for _, why in refused[: max(0, _NAMED - len(summary.refusals))])
    return refused


def _remember(workspace: Workspace, batch: Import, refused: Sequence[tuple[Row, Refused]], delimiter: str) -> None:
    insert_rows(
        ImportRefusal._meta.db_table,
        ("id", "workspace_id", "batch_id", "row", "line", "code", "field", "detail", "raw"),
        [
            (
                new_id(),
                workspace.id,
                batch.id,
                why.row,
                why.line,
                why.code,
                _storable(why.field)[:120],
                _storable(why.message)[:500],
                _storable(row.raw if row.values is None else _written(row.values, delimiter))[:20_000],
            )
            for row, why in refused
        ],
    )


def _written(values: Sequence[str], delimiter: str) -> str:
    """A row as the file had it, or near enough, with each field cut so that a giant one does not crowd out the rest."""
    line = io.StringIO()
    most = max(200, 20_000 // max(1, len(values)))
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow([value[:most] for value in values])
    return line.getvalue()


def _storable(text: str) -> str:
    """Text that PostgreSQL takes: NUL as its picture, bytes of another encoding as ``\\xNN``."""
    if "\0" in text:
        text = text.replace("\0", "\u2400")
    if text.isascii():
        return text
    return "".join(f"\\x{ord(c) & 0xFF:02x}" if "\ud800" <= c <= "\udfff" else c for c in text)
