"""An import is undone as a whole, while nobody has touched its leads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from procrastinate.contrib.django import app

from dibs.distribution.undoing_imports import Before, Touched, take_back, touched_leads
from dibs.engine.decision import Reason
from dibs.intake.models import Changed, Import, Source
from dibs.people.caller import Caller
from dibs.people.models import User
from dibs.people.tenancy import enter

#: The job that takes an import back.
JOB = "undo_import"
#: Why an import is not undone: it runs, or was undone, or is being; somebody has touched its leads.
REFUSALS = ("import_running", "import_undone", "import_touched")


@dataclass(frozen=True, slots=True)
class NotUndone:
    """Nothing was done. ``code`` is of `REFUSALS`; ``touched``: how many leads somebody has touched, and the first of them."""

    code: str
    touched: Touched | None = None


def ask_to_undo(caller: Caller, import_id: UUID, now: datetime) -> Import | NotUndone | None:
    """Have an import undone in the background. ``None``: there is no such import."""
    enter(caller.workspace_id)
    with transaction.atomic():
        batch = Import.objects.select_for_update(of=("self",)).filter(id=import_id).first()
        if batch is None:
            return None
        if batch.state == "running":
            return NotUndone("import_running")
        if batch.state in {"undoing", "undone"}:
            return NotUndone("import_undone")
        touched = touched_leads(caller.workspace_id, import_id, _own_touches(batch))
        if touched is not None:
            return NotUndone("import_touched", touched)
        batch.state, batch.problem, batch.undone_by = "undoing", "", User.objects.get(id=caller.user_id)
        batch.save(update_fields=["state", "problem", "undone_by"])
        app.configure_task(JOB, lock=f"import:{batch.id}").defer(
            workspace=str(caller.workspace_id), batch=str(batch.id)
        )
    return batch


def _own_touches(batch: Import) -> list[UUID]:
    return [touch for touches in batch.changed.values_list("touches", flat=True) for touch in touches]


def undo(workspace_id: UUID, import_id: UUID, now: datetime) -> int:
    """Take an import back that was asked to be; returns how many leads are gone. Somebody may have touched one of them meanwhile: then
    nothing is done, and the import says so."""
    enter(workspace_id)
    with transaction.atomic():
        batch = Import.objects.select_for_update(of=("self",)).select_related("undone_by").filter(id=import_id).first()
        if batch is None or batch.state != "undoing":
            return 0
        changed = [
            Before(row.lead_id, row.before, row.after, tuple(row.touches))
            for row in Changed.objects.filter(batch=batch).order_by("id")
        ]
        by = batch.undone_by.name if batch.undone_by else ""
        done = take_back(workspace_id, batch.id, changed, batch.started_at, now, Reason("import_undone", {"by": by}))
        if isinstance(done, Touched):
            batch.state, batch.problem, batch.undone_by = "done", "import_touched", None
            batch.save(update_fields=["state", "problem", "undone_by"])
            return 0
        _forget_payloads(workspace_id, batch, [*done.leads, *(each.lead_id for each in changed)], now)
        _forget_mapping(batch)
        batch.changed.all().delete()
        batch.state, batch.undone_at = "undone", now
        batch.counts = {
            **batch.counts,
            "undone": {
                "leads": len(done.leads),
                "restored": done.restored,
                "accounts": done.accounts,
                "contacts": done.contacts,
            },
        }
        batch.save(update_fields=["state", "undone_at", "counts"])
        return len(done.leads)


def _forget_mapping(batch: Import) -> None:
    """How the import read its file is how its source's are read no more, if it was; how the one before read its own is again."""
    said = batch.options.get("mapping")
    source = Source.objects.select_for_update().filter(workspace_id=batch.workspace_id, name=batch.source).first()
    if source is None or said is None or source.mapping != said:
        return
    others = Import.objects.filter(workspace_id=batch.workspace_id, source=batch.source).exclude(id=batch.id)
    before = others.exclude(state__in=("undone", "undoing")).order_by("-started_at").values_list("options", flat=True)
    kept = (options["mapping"] for options in before if options.get("mapping"))
    source.mapping = next((mapping for mapping in kept if not mapping.get("enrich")), None)
    source.save(update_fields=["mapping"])


def _forget_payloads(workspace_id: UUID, batch: Import, leads: list[UUID], now: datetime) -> None:
    """What the import had sent is as if it had never been sent: sent again, it is new."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM intake_rawpayload WHERE workspace_id = %s AND received_at BETWEEN %s AND %s AND lead = ANY(%s)",
            [workspace_id, batch.started_at, batch.finished_at or now, leads],
        )
