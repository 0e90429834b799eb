"""Files that come by the page or the API: kept in the database until they are imported, so that whichever worker is free can."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings

from dibs.intake.connectors.rows import FileRefused
from dibs.intake.models import Import, Upload
from dibs.people.models import User

#: How long a file that nobody imports is kept.
KEPT = timedelta(days=1)


def keep_upload(workspace_id: UUID, name: str, content: bytes, by: User | None, now: datetime) -> Upload:
    """Keep a file. Raises `FileRefused` if it is empty, or larger than this installation takes (``settings.UPLOAD_LARGEST``, bytes)."""
    called = Path(name.replace("\\", "/")).name.replace("\0", "")[-300:] or "upload"
    if not content:
        raise FileRefused("file_empty", f"{called} is empty: it has neither a header nor rows.")
    if len(content) > settings.UPLOAD_LARGEST:
        most = settings.UPLOAD_LARGEST >> 20
        raise FileRefused(
            "file_too_large",
            f"{called} has more than {most} MB, the most that is taken here. Import it by `dibs import`.",
        )
    return Upload.objects.create(
        workspace_id=workspace_id, name=called, content=content, size=len(content), by=by, at=now
    )


@contextmanager
def as_file(upload: Upload) -> Iterator[Path]:
    """The upload as a file, for as long as the block lasts. A `FileRefused` out of the block speaks of it by its own name."""
    with tempfile.TemporaryDirectory(prefix="dibs-upload-") as folder:
        # Under a name of ours: theirs may be anything. What it is is told by how it begins.
        path = Path(folder) / "upload"
        path.write_bytes(bytes(upload.content))
        try:
            yield path
        except FileRefused as refused:
            # Where it lay for that time is nobody's business.
            raise FileRefused(refused.code, refused.message.replace(str(path), upload.name or "The file")) from None


def forget_uploads(workspace_id: UUID, now: datetime) -> int:
    """Drop files that nobody imported within a day, and those of imports that have ended; returns how many."""
    running = Import.objects.filter(workspace_id=workspace_id, state="running", upload__isnull=False).values("upload")
    old = Upload.objects.filter(workspace_id=workspace_id, at__lt=now - KEPT).exclude(id__in=running)
    return old.delete()[0]
