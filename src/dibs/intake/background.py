"""Imports that came by the page or the API are carried out in the background, by whichever worker is free."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from procrastinate.contrib.django import app

from dibs.intake.connectors.rows import FileRefused
from dibs.intake.importing import NothingToDo, Wanted, carry_on, layout, look_into, note_source
from dibs.intake.mapping import MappingRefused
from dibs.intake.models import Import, Upload
from dibs.intake.uploads import as_file
from dibs.people.models import User, Workspace
from dibs.people.tenancy import enter

#: The job that carries an import out.
JOB = "carry_out_import"


class AlreadyBegun(Exception):
    """The upload is being imported already, by this import."""

    def __init__(self, import_id: UUID) -> None:
        super().__init__(import_id)
        self.import_id = import_id


def begin(workspace: Workspace, upload: Upload, wanted: Wanted, by: User | None, now: datetime) -> Import:
    """Begin the import of an upload; the rest is done in the background. Raises `FileRefused`, `MappingRefused`, or `AlreadyBegun`."""
    enter(workspace.id)
    with as_file(upload) as path:
        reading, size = look_into(workspace, path, wanted, now)
    options: dict[str, Any] = {
        "sheet": reading.sheet,
        "encoding": wanted.encoding,
        "header": reading.header,
        **layout(reading),
    }
    with transaction.atomic():
        # Two who press the button at once: the second finds the import of the first.
        Upload.objects.select_for_update(of=("self",)).only("id").get(id=upload.id)
        begun = Import.objects.filter(upload=upload.id).values_list("id", flat=True).first()
        if begun is not None:
            raise AlreadyBegun(begun)
        note_source(workspace, wanted.source, reading.mapping, "xlsx" if reading.sheet else "csv", now)
        batch = Import.objects.create(
            workspace=workspace,
            source=wanted.source,
            file_name=upload.name,
            encoding=reading.encoding,
            started_at=now,
            size=size,
            by=by,
            options=options,
            upload=upload.id,
        )
        app.configure_task(JOB, lock=f"import:{batch.id}").defer(workspace=str(workspace.id), batch=str(batch.id))
    return batch


def carry_out(workspace_id: UUID, import_id: UUID, clock: Callable[[], datetime]) -> int:
    """Do what is left of an import; returns how many rows it has read in all. Afterwards the upload is gone."""
    enter(workspace_id)
    batch = Import.objects.filter(id=import_id, state="running").first()
    if batch is None:
        return 0
    upload = Upload.objects.filter(id=batch.upload).first() if batch.upload else None
    if upload is None:
        fail(batch, "file_missing", clock())
        return 0
    workspace = Workspace.objects.get(id=workspace_id)
    try:
        with as_file(upload) as path:
            summary = carry_on(workspace, batch, path, clock=clock)
    except NothingToDo:
        return 0
    except FileRefused as refused:
        fail(batch, refused.code, clock())
    except MappingRefused as refused:
        fail(batch, refused.problems[0].code, clock())
    else:
        upload.delete()
        return summary.rows
    return 0


def fail(batch: Import, code: str, now: datetime) -> None:
    """Say that an import stopped on the way, and why. What it has placed is placed; it can be undone."""
    batch.state, batch.problem, batch.finished_at = "failed", code, now
    batch.save(update_fields=["state", "problem", "finished_at"])
    if batch.upload:
        Upload.objects.filter(id=batch.upload).delete()
