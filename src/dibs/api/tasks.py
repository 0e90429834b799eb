"""Jobs of this room, run by whichever worker is free."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection
from procrastinate.contrib.django import app

from dibs.api.idempotency import forget_everywhere


@app.periodic(cron="17 * * * *")
@app.task(name="forget_old_idempotency_keys", queueing_lock="forget_old_idempotency_keys")
def forget_old_idempotency_keys(timestamp: int) -> int:
    """Drop keys that have had their day; once an hour, by one worker. ``timestamp`` is when the job was due, seconds since 1970."""
    try:
        return forget_everywhere(datetime.fromtimestamp(timestamp, UTC))
    finally:
        connection.close()
