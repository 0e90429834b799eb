"""A write that is sent twice is done once: ``Idempotency-Key``.

The key is written first, in the transaction that does the write. A second request with the same key waits there for the
first to end, and then finds its answer; if the first failed, nothing is left of it and the second is the first. Keys are a
user's own, and are kept for a day.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from dibs.api.problems import MEDIA_TYPE, Problem
from dibs.people.caller import Caller
from dibs.people.models import Workspace
from dibs.people.tenancy import enter, new_id, within

KEPT_FOR = timedelta(hours=24)
HEADER = "Idempotency-Key"

_KEY = re.compile(r"[!-~]{1,200}")


def once(
    request: HttpRequest, caller: Caller, now: datetime, write: Callable[[], HttpResponse], *, said: bytes | None = None
) -> HttpResponse:
    """Answer with what ``write`` answers, or with what it answered when this request came the first time.

    ``said`` stands for the body where that was read as a form. Refusals are answers too and are kept; failures of the server (5xx) are not. Raises `Problem`.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return write()
    if not _KEY.fullmatch(key):
        raise Problem("bad_idempotency_key")
    digest = hashlib.sha256(
        b"\0".join([str(request.method).encode(), request.path.encode(), request.body if said is None else said])
    ).digest()
    enter(caller.workspace_id)
    with transaction.atomic():
        row = _begin(caller, key, digest, now)
        if row is None:
            return _again(caller, key, digest)
        try:
            with transaction.atomic():
                response = write()
        except Problem as refused:
            response = refused.response()
        if response.status_code >= 500:
            transaction.set_rollback(True)
            return response
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE api_keyedwrite SET status = %s, answer = %s WHERE id = %s",
                [response.status_code, response.content.decode(), row],
            )
    return response


def forget(now: datetime) -> int:
    """Drop the current workspace's keys that are older than `KEPT_FOR`; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM api_keyedwrite WHERE at < %s", [now - KEPT_FOR])
        return int(cursor.rowcount)


def forget_everywhere(now: datetime) -> int:
    """The same in every workspace; for the worker, once an hour."""
    forgotten = 0
    for workspace_id in Workspace.objects.values_list("id", flat=True):
        with within(workspace_id):
            forgotten += forget(now)
    return forgotten


def _begin(caller: Caller, key: str, digest: bytes, now: datetime) -> UUID | None:
    """Take the key; ``None`` if it is taken. Waits for a transaction that is just taking it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO api_keyedwrite (id, workspace_id, "user", key, digest, at) VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (workspace_id, "user", key) DO UPDATE
                SET digest = excluded.digest, at = excluded.at, status = NULL, answer = NULL
                WHERE api_keyedwrite.at < %s
            RETURNING id
            """,
            [new_id(), caller.workspace_id, caller.user_id, key, digest, now, now - KEPT_FOR],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _again(caller: Caller, key: str, digest: bytes) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT digest, status, answer FROM api_keyedwrite WHERE workspace_id = %s AND "user" = %s AND key = %s',
            [caller.workspace_id, caller.user_id, key],
        )
        was, status, answer = cursor.fetchone()
    if bytes(was) != digest:
        raise Problem("idempotency_key_reused", "Use a new key for a new request.")
    return HttpResponse(
        answer,
        status=status,
        content_type=MEDIA_TYPE if status >= 400 else "application/json",
        headers={"Idempotent-Replayed": "true"},
    )
