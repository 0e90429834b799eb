"""Imports as people look at them: how far each is, what became of its rows, and which were refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from dibs.intake.connectors.refused_rows import RefusedRow, refused_rows
from dibs.intake.models import Import, ImportRefusal
from dibs.people.tenancy import enter

#: What became of rows: the names of an import's first counts.
OUTCOMES = ("placed", "touched", "enriched", "unchanged", "refused")


@dataclass(frozen=True, slots=True)
class ImportCard:
    """An import. ``share``: how much of the file is read, 0..1; ``counts`` as in `Import`; ``by`` and ``undone_by``: names, ``None`` for the
    command line."""

    id: UUID
    source: str
    file_name: str
    state: str
    problem: str
    share: float
    counts: dict[str, Any]
    by: str | None
    started_at: datetime
    finished_at: datetime | None
    undone_by: str | None
    undone_at: datetime | None

    @property
    def rows(self) -> int:
        return int(self.counts.get("rows", 0))


def import_of(workspace_id: UUID, import_id: UUID) -> ImportCard | None:
    enter(workspace_id)
    found = Import.objects.select_related("by", "undone_by").filter(id=import_id).first()
    return None if found is None else _card(found)


def imports_of(
    workspace_id: UUID, *, source: str | None = None, after: UUID | None = None, limit: int = 50
) -> list[ImportCard]:
    """The imports, newest first. ``after``: those that come after this one in that order."""
    enter(workspace_id)
    found = Import.objects.select_related("by", "undone_by").order_by("-started_at", "-id")
    if source is not None:
        found = found.filter(source=source)
    if after is not None:
        last = Import.objects.filter(id=after).values_list("started_at", flat=True).first()
        if last is None:
            return []
        found = found.filter(Q(started_at__lt=last) | Q(started_at=last, id__lt=after))
    return [_card(each) for each in found[:limit]]


def _card(each: Import) -> ImportCard:
    return ImportCard(
        id=each.id,
        source=each.source,
        file_name=each.file_name,
        # An import of before imports said how they ended, or of a command that was broken off.
        state="done" if each.state == "running" and each.finished_at else each.state,
        problem=each.problem,
        share=min(1.0, each.position / each.size) if each.size else 0.0 if each.finished_at is None else 1.0,
        counts=each.counts,
        by=each.by.name if each.by else None,
        started_at=each.started_at,
        finished_at=each.finished_at,
        undone_by=each.undone_by.name if each.undone_by else None,
        undone_at=each.undone_at,
    )


def refusals_of(workspace_id: UUID, import_id: UUID, *, after: int = 0, limit: int = 100) -> list[ImportRefusal]:
    """An import's refused rows in the file's order, those after the row ``after``."""
    enter(workspace_id)
    found = ImportRefusal.objects.filter(batch_id=import_id, row__gt=after).order_by("row", "id")
    return list(found[:limit])


def refusals_file(workspace_id: UUID, import_id: UUID) -> Iterator[str]:
    """The refused rows as CSV, a line at a time, in the columns that they came in: to be mended and imported again."""
    enter(workspace_id)
    options = Import.objects.values_list("options", flat=True).get(id=import_id)
    columns, delimiter = options.get("columns", []), options.get("delimiter", ",")
    return refused_rows(columns, delimiter, _all_refused(workspace_id, import_id))


def _all_refused(workspace_id: UUID, import_id: UUID) -> Iterator[RefusedRow]:
    after = 0
    while some := refusals_of(workspace_id, import_id, after=after, limit=1000):
        for each in some:
            why = f"{each.field}: {each.detail}" if each.field else each.detail
            yield RefusedRow(each.row, each.line, each.code, why, each.raw)
        after = some[-1].row
