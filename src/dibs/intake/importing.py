"""A file is imported: read, mapped, received a chunk at a time, counted, and every refused row remembered with its reason."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction

from dibs.crm.models import Lead
from dibs.distribution.placing import Placed
from dibs.intake.chunks import LONG, Chunk, Reading, Refused, chunks, chunks_ahead, written
from dibs.intake.connectors.opening import open_rows
from dibs.intake.guessing import LOOKED_AT, how_to_read
from dibs.intake.headers import Fitted
from dibs.intake.mapping import Mapping, MappingFile, kept_mapping
from dibs.intake.models import Import, ImportRefusal, Source
from dibs.intake.receiving import Received, take_in
from dibs.people.bulk import insert_rows, let_be_seen
from dibs.people.models import User, Workspace
from dibs.people.tenancy import enter, new_id

#: How many refused rows a summary names.
_NAMED = 1000
#: After so many new leads a search would be slow until the autovacuum has come by, a minute later; after fewer one hardly notices.
_MANY = 25_000


@dataclass(slots=True)
class Summary:
    """What became of a file. ``where`` counts placed, touched and enriched leads by place, ``refused_for`` refusals by code."""

    file: str
    source: str
    encoding: str
    delimiter: str
    rows: int = 0
    placed: int = 0
    touched: int = 0
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
            "touched": self.touched,
            "enriched": self.enriched,
            "unchanged": self.unchanged,
            "refused": self.refused,
            "where": dict(self.where.most_common()),
            "flags": dict(self.flags.most_common()),
            "refused_for": dict(self.refused_for.most_common()),
        }

    def go_on_from(self, counts: Map[str, Any]) -> None:
        """Count on from what an `Import` row says."""
        for name in ("rows", "placed", "touched", "enriched", "unchanged", "refused"):
            setattr(self, name, counts.get(name, 0))
        for name in ("where", "flags", "refused_for"):
            getattr(self, name).update(counts.get(name, {}))

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


class NothingToDo(Exception):
    """The import is done, was undone, or is somebody else's to do at this moment."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a file is to be imported. ``mapping``: without one, as `guessing` has it; ``encoding`` of a text file, ``sheet`` of a
    workbook, ``header``, the line in which the columns' names stand: told from the file if left out."""

    source: str
    mapping: MappingFile | None = None
    encoding: str | None = None
    sheet: str | None = None
    header: int | None = None


def import_file(
    workspace: Workspace,
    path: Path,
    source: str,
    mapping: MappingFile | None = None,
    *,
    clock: Callable[[], datetime],
    dry_run: bool = False,
    encoding: str | None = None,
    sheet: str | None = None,
    header: int | None = None,
    by: User | None = None,
    progress: Callable[[int, int, Summary], None] = lambda position, size, summary: None,
) -> Summary:
    """Import a file's leads into a workspace; ``clock`` says when each chunk is received.

    Raises `FileRefused` or `MappingRefused` before anything is read. A dry run does all of it, a chunk at a time, and takes each
    chunk back: nothing stays, but a lead that is in the file twice is placed twice, and each chunk finds the rotations as they
    are now. ``progress`` is told the bytes read and in all after each chunk.
    """
    enter(workspace.id)
    reading, size = look_into(workspace, path, Wanted(source, mapping, encoding, sheet, header), clock())
    batch = None if dry_run else _begin(workspace, reading, size, by)
    return _carry_out(workspace, reading, size, batch, clock, progress)


def carry_on(workspace: Workspace, batch: Import, path: Path, *, clock: Callable[[], datetime]) -> Summary:
    """Import the file of an import that was begun before, from where it was left: what a chunk did and that it did it are written
    together. Raises as `import_file` does."""
    how = {name: batch.options.get(name) for name in ("encoding", "sheet", "header")}
    wanted = Wanted(batch.source, mapping_of(batch.options), **how)
    reading, size = look_into(workspace, path, wanted, batch.started_at)
    enter(workspace.id)
    batch.encoding, batch.size = reading.encoding, size
    batch.save(update_fields=["encoding", "size"])
    return _carry_out(workspace, reading, size, batch, clock, lambda position, size, summary: None)


def mapping_of(options: Map[str, Any]) -> MappingFile | None:
    """The mapping that an import was asked for with."""
    said = options.get("mapping")
    return None if said is None else kept_mapping(said)


def look_into(workspace: Workspace, path: Path, wanted: Wanted, now: datetime) -> tuple[Reading, int]:
    """How the file is to be read, and how long it is, in bytes. Raises `FileRefused` or `MappingRefused`."""
    given = wanted.mapping.mapping if wanted.mapping else Mapping()
    encoding = wanted.encoding or given.encoding
    with open_rows(
        path, encoding=encoding, delimiter=given.delimiter, sheet=wanted.sheet, header=wanted.header
    ) as file:
        mapping = wanted.mapping
        if mapping is None:
            mapping = how_to_read(workspace, wanted.source, file, list(islice(file, LOOKED_AT)))
        Fitted(mapping, file.header, workspace.timezone)
        where = mapping.mapping.place(workspace.country, workspace.timezone)
        sheet = getattr(file, "sheet", None)
        reading = Reading(
            path=path,
            encoding=file.encoding,
            delimiter=file.delimiter,
            mapping=mapping.mapping,
            timezone=workspace.timezone,
            source=wanted.source,
            where=where,
            now=now,
            sheet=sheet,
            header=file.header_line,
            columns=tuple(file.header),
        )
        return reading, file.size


def _carry_out(
    workspace: Workspace,
    reading: Reading,
    size: int,
    batch: Import | None,
    clock: Callable[[], datetime],
    progress: Callable[[int, int, Summary], None],
) -> Summary:
    started = time.perf_counter()
    summary = Summary(str(reading.path), reading.source, reading.encoding, reading.delimiter, dry_run=batch is None)
    if batch is not None:
        summary.import_id = str(batch.id)
        summary.go_on_from(batch.counts)
    left = summary.rows
    with closing(chunks_ahead(reading) if size >= LONG else chunks(reading)) as ready:
        for chunk in ready:
            if left > 0:  # Done before: a chunk is always of the same rows.
                left -= chunk.rows
                continue
            with transaction.atomic():
                if batch is not None:
                    _hold(batch, summary.rows)
                answers = take_in(
                    workspace.id,
                    chunk.prepared,
                    now=clock(),
                    enriching=reading.mapping.enrich,
                    batch=batch.id if batch else None,
                )
                refused = _count(summary, chunk, answers, reading.delimiter)
                if batch:
                    _remember(workspace, batch, refused)
                    batch.counts, batch.position = summary.counts(), chunk.position
                    batch.save(update_fields=["counts", "position"])
                else:
                    transaction.set_rollback(True)
            progress(chunk.position, size, summary)
    if batch:
        batch.finished_at, batch.state, batch.position = clock(), "done", size
        batch.save(update_fields=["finished_at", "state", "position"])
        if summary.placed >= _MANY:
            let_be_seen(Lead._meta.db_table, ("workspace_id", "pool", "state"))
    summary.seconds = time.perf_counter() - started
    return summary


def _hold(batch: Import, rows: int) -> None:
    """Have the import to oneself until the chunk after these ``rows`` is written: of two who carry on with it, as after a crash that was
    none, one stops."""
    now = Import.objects.select_for_update().only("state", "counts").filter(id=batch.id).first()
    if now is None or now.state != "running" or now.counts.get("rows", 0) != rows:
        raise NothingToDo


def _begin(workspace: Workspace, reading: Reading, size: int, by: User | None) -> Import:
    note_source(workspace, reading.source, reading.mapping, "xlsx" if reading.sheet else "csv", reading.now)
    return Import.objects.create(
        workspace=workspace,
        source=reading.source,
        file_name=reading.path.name[:300],
        encoding=reading.encoding,
        started_at=reading.now,
        size=size,
        by=by,
        options=layout(reading),
    )


def layout(reading: Reading) -> dict[str, Any]:
    """How the file is read, and what a refused row is told apart by, for an import's ``options``."""
    return {
        "mapping": reading.mapping.to_keep(),
        "columns": list(reading.columns),
        "delimiter": "," if reading.sheet else reading.delimiter,
    }


def note_source(workspace: Workspace, name: str, mapping: Mapping, kind: str, now: datetime) -> None:
    """Keep the source of an import, and how its files are read: the next is read so unless somebody says otherwise."""
    said = mapping.to_keep()
    known, made = Source.objects.get_or_create(
        workspace=workspace,
        name=name,
        defaults={"kind": kind, "category": "file", "mapping": said, "created_at": now},
    )
    if not made and known.kind in {"csv", "xlsx"} and not mapping.enrich and known.mapping != said:
        known.mapping = said
        known.save(update_fields=["mapping"])


def _count(summary: Summary, chunk: Chunk, answers: Sequence[Received], delimiter: str) -> list[Refused]:
    """Add a chunk to the summary; returns its refused rows in the file's order."""
    refused = list(chunk.unread)
    texts: dict[int, str] = {}
    for at, answer in enumerate(answers):
        if answer.outcome == "refused":
            texts = texts or {row.at: row.text for row in chunk.prepared.taken}
            raw = chunk.raws[at] if at in chunk.raws else written(json.loads(texts[at]).values(), delimiter)
            why = Refused(*chunk.numbers[at], answer.code or "", answer.field or "", answer.message or "", raw)
            refused.append(why)
            continue
        setattr(summary, answer.outcome, getattr(summary, answer.outcome) + 1)
        if answer.placed:
            summary.where[place_name(answer.placed)] += 1
            summary.flags.update(answer.flags)
    refused.sort(key=lambda why: why.row)
    summary.rows += chunk.rows
    summary.refused += len(refused)
    summary.refused_for.update(why.code for why in refused)
    summary.refusals.extend(refused[: max(0, _NAMED - len(summary.refusals))])
    return refused


def _remember(workspace: Workspace, batch: Import, refused: Sequence[Refused]) -> None:
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
                _storable(why.raw),
            )
            for why in refused
        ],
    )


def _storable(text: str) -> str:
    """Text that PostgreSQL takes: NUL as its picture, bytes of another encoding as ``\\xNN``."""
    if "\0" in text:
        text = text.replace("\0", "\u2400")
    if text.isascii():
        return text
    return "".join(f"\\x{ord(c) & 0xFF:02x}" if "\ud800" <= c <= "\udfff" else c for c in text)
