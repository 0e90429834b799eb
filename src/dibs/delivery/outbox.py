"""Events on their way out, written in the transaction that makes them true."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.people.bulk import insert_rows
from dibs.people.tenancy import new_id

_COLUMNS = ("id", "workspace_id", "at", "event", "lead", "payload", "attempts", "deliver_at")

#: How long events are kept for whoever follows along. What happened stays in the log of decisions.
KEPT_FOR = timedelta(days=7)

#: An event's name, the lead it is about if any, and its payload, which may be JSON already.
Event = tuple[str, UUID | None, Mapping[str, Any] | str]


def post(workspace_id: UUID, events: Iterable[Event], now: datetime) -> None:
    """Put events into the outbox; the database numbers them. Call it inside the transaction of what they tell."""
    insert_rows(
        "delivery_outbox",
        _COLUMNS,
        [
            (
                new_id(),
                workspace_id,
                now,
                name,
                lead,
                payload if isinstance(payload, str) else json.dumps(payload),
                0,
                now,
            )
            for name, lead, payload in events
        ],
    )


def lead_payload(
    lead: UUID, pool: str | None, was: str, state: str, rep: tuple[str, str] | None, review: str | None = None
) -> dict[str, Any]:
    """What an event says of a lead: its state before and now, its pool, who has it (handle and name), whose managers' review it is
    before, and none of the lead's own fields."""
    handle, name = rep or (None, None)
    said = {"lead": str(lead), "pool": pool, "was": was, "state": state, "rep": handle, "rep_name": name}
    return said if review is None else {**said, "review": review}


def lead_payload_json(
    lead: UUID, pool: str | None, was: str, state: str, rep: tuple[str, str] | None, review: str | None = None
) -> str:
    """`lead_payload` as JSON. Of a batch's leads many go the same way: all but the lead is written out once for them."""
    return f'{{"lead": "{lead}", {_but_for_the_lead(pool, was, state, rep, review)}'


@lru_cache(maxsize=4096)
def _but_for_the_lead(pool: str | None, was: str, state: str, rep: tuple[str, str] | None, review: str | None) -> str:
    said = lead_payload(UUID(int=0), pool, was, state, rep, review)
    del said["lead"]
    return json.dumps(said)[1:]


def forget(workspace_id: UUID, now: datetime) -> int:
    """Drop the workspace's events that are older than `KEPT_FOR`; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM delivery_outbox WHERE workspace_id = %s AND at < %s", [workspace_id, now - KEPT_FOR]
        )
        return int(cursor.rowcount)
