"""Jobs of this room, run by whichever worker is free."""

from __future__ import annotations

from uuid import UUID

from django.utils.timezone import now as moment
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from dibs.crm import customers
from dibs.distribution.tasks import in_each_workspace
from dibs.intake import background, retention, undoing, uploads
from dibs.intake.models import Import
from dibs.people.tenancy import at_work

#: How often a job is tried: the database may be gone for a moment.
_TRIES = 4


@app.periodic(cron="41 2 * * *")
@app.task(name="keep_no_longer", queueing_lock="keep_no_longer")
def keep_no_longer(timestamp: int) -> int:
    """Erase what the policy keeps no longer; returns how much that was."""
    return in_each_workspace(lambda workspace_id, now: retention.retain(workspace_id, now).total)


@app.periodic(cron="* * * * *")
@app.task(name="mark_made_accounts", queueing_lock="mark_made_accounts")
def mark_made_accounts(timestamp: int) -> int:
    """Write the marks of accounts that leads made; returns how many accounts that were."""
    return in_each_workspace(lambda workspace_id, now: customers.mark_all_made(workspace_id))


@app.periodic(cron="17 * * * *")
@app.task(name="forget_uploads", queueing_lock="forget_uploads")
def forget_uploads(timestamp: int) -> int:
    """Drop files that nobody imported; returns how many."""
    return in_each_workspace(uploads.forget_uploads)


@app.task(name=background.JOB, pass_context=True, retry=RetryStrategy(max_attempts=_TRIES, exponential_wait=3))
def carry_out_import(context: JobContext, workspace: str, batch: str) -> int:
    """Do what is left of an import; returns how many rows it has read in all."""
    with at_work(workspace) as workspace_id:
        try:
            return background.carry_out(workspace_id, UUID(batch), moment)
        except Exception:
            if context.job is not None and context.job.attempts >= _TRIES - 1:
                for left in Import.objects.filter(id=batch, state="running"):
                    background.fail(left, "failed", moment())
            raise


@app.task(name=undoing.JOB, pass_context=True, retry=RetryStrategy(max_attempts=_TRIES, exponential_wait=3))
def undo_import(context: JobContext, workspace: str, batch: str) -> int:
    """Take an import back; returns how many leads are gone."""
    with at_work(workspace) as workspace_id:
        try:
            return undoing.undo(workspace_id, UUID(batch), moment())
        except Exception:
            if context.job is not None and context.job.attempts >= _TRIES - 1:
                Import.objects.filter(id=batch, state="undoing").update(state="done", problem="failed")
            raise
