"""Tells the live stream and the workers that something is new, outside the transaction that made it so.

A NOTIFY takes a lock shared by the whole cluster until its transaction is on disk, so one inside each claim would make claims
queue up behind each other's fsync. Here a thread of the process sends at most one NOTIFY a workspace every 50 ms, in
transactions of its own that write nothing. It is a wake-up only: whoever is woken reads the outbox, and looks there once a
second anyway, so a lost wake-up costs a second and never an event.
"""

from __future__ import annotations

import threading
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, connection

CHANNEL = "dibs"
_PAUSE = 0.05  # seconds
_IDLE = 0.5  # seconds

_log = structlog.get_logger()
_pending: set[str] = set()
_lock = threading.Lock()
_something = threading.Event()
_thread: threading.Thread | None = None


def wake(workspace_id: UUID | str) -> None:
    """Say that this workspace's outbox has news. Call after commit; returns at once."""
    global _thread
    with _lock:
        _pending.add(str(workspace_id))
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_send_for_ever, name="dibs-wake", daemon=True)
            _thread.start()
    _something.set()


def send_pending() -> int:
    """Send what is waiting, once; returns how many workspaces were woken."""
    with _lock:
        workspaces = sorted(_pending)
        _pending.clear()
    if workspaces:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_notify(%s, workspace) FROM unnest(%s::text[]) AS workspace", [CHANNEL, workspaces]
            )
    return len(workspaces)


def _send_for_ever() -> None:
    pause = threading.Event()
    while True:
        if not _something.wait(_IDLE):
            connection.close()  # nothing to say for a while: hold no connection meanwhile
            _something.wait()
        _something.clear()
        try:
            send_pending()
        except (DatabaseError, InterfaceError) as problem:
            _log.warning("wake_lost", problem=str(problem))
            connection.close()
        pause.wait(_PAUSE)
