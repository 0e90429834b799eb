"""Events on their way out, written in the transaction that makes them true."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from dibs.people.bulk import insert_rows
from dibs.people.tenancy import new_id

_COLUMNS = ("id", "workspace_id", "at", "event", "lead", "payload", "attempts", "deliver_at")

#: An event's name, the lead it is about if any, and its payload.
Event = tuple[str, UUID | None, Mapping[str, Any]]


def post(workspace_id: UUID, events: Iterable[Event], now: datetime) -> None:
    """Put events into the outbox; the database numbers them. Call it inside the transaction of what they tell."""
    insert_rows(
        "delivery_outbox",
        _COLUMNS,
        [(new_id(), workspace_id, now, name, lead, json.dumps(payload), 0, now) for name, lead, payload in events],
    )


def lead_payload(lead: UUID, pool: str | None, state: str, rep: tuple[str, str] | None) -> dict[str, Any]:
    """What an event says of a lead: where it is and who has it (handle and name), and none of the lead's own fields."""
    handle, name = rep or (None, None)
    return {"lead": str(lead), "pool": pool, "state": state, "rep": handle, "rep_name": name}
