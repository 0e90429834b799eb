"""Jobs of this room, run by whichever worker is free."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection
from procrastinate.contrib.django import app

from dibs.delivery import mail_files, mailing, notices, outbox
from dibs.people.models import Workspace
from dibs.people.tenancy import within


@app.periodic(cron="23 * * * *")
@app.task(name="forget_old_events", queueing_lock="forget_old_events")
def forget_old_events(timestamp: int) -> int:
    """Drop old events and notices of all workspaces; once an hour, by one worker. ``timestamp`` is when the job was due, seconds since 1970."""
    try:
        forgotten = 0
        for workspace_id in Workspace.objects.values_list("id", flat=True):
            with within(workspace_id):
                now = datetime.fromtimestamp(timestamp, UTC)
                forgotten += outbox.forget(workspace_id, now) + notices.forget(workspace_id, now)
        return forgotten
    finally:
        connection.close()


@app.periodic(cron="29 * * * *")
@app.task(name="take_mails_away", queueing_lock="take_mails_away")
def take_mails_away(timestamp: int) -> int:
    """Remove mails that lie as files though their person was erased; returns how many. There are none, unless a process died on the way."""
    lying = mail_files.of_mails()
    if not lying:
        return 0
    try:
        gone = 0
        for workspace_id in Workspace.objects.values_list("id", flat=True):
            with within(workspace_id):
                gone += mailing.take_away_erased(workspace_id, lying)
        return gone
    finally:
        connection.close()
