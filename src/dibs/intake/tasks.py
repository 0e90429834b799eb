"""Jobs of this room, run by whichever worker is free."""

from __future__ import annotations

from procrastinate.contrib.django import app

from dibs.distribution.tasks import in_each_workspace
from dibs.intake import retention


@app.periodic(cron="41 2 * * *")
@app.task(name="keep_no_longer", queueing_lock="keep_no_longer")
def keep_no_longer(timestamp: int) -> int:
    """Erase what the policy keeps no longer; returns how much that was."""
    return in_each_workspace(lambda workspace_id, now: retention.retain(workspace_id, now).total)
