"""Which leads are somebody's to lead, and not merely to see: to hand over, to send back, to give up for who has them.

Who manages some teams may be a rep in others. What such a rep is shown of a pool, be it everything, is shown to choose from, under
the rules for all reps: to give oneself a lead by way of leading would pass them by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from dibs.engine.rulebook import Rulebook
from dibs.people.caller import SEE_ALL, Caller
from dibs.people.models import Role

#: The review queue of a policy that names no team: every manager's.
ANY_MANAGER = "managers"


def oversees(
    caller: Caller, row: Mapping[str, Any], book: Rulebook | None, now: datetime, leads: Callable[[UUID], bool]
) -> bool:
    """Whether the caller leads where this lead is; ``row``: its columns, ``leads``: whether a rep is of a team that the caller manages.

    Operations lead everywhere. A manager does where the lead waits in a pool of a team of theirs or of all, where one of their reps
    has it, where it is in their review queue, and where nobody has it and it waits in no pool.
    """
    if caller.role in SEE_ALL:
        return True
    if caller.role != Role.MANAGER:
        return False
    if waits_in_pool(row, now):
        pool = book.policy.pools.get(row["pool"]) if book is not None else None
        return pool is not None and caller.oversees(pool.teams)
    if row["owner_id"] is not None:
        return leads(row["owner_id"])
    return row["state"] != "review" or row["review"] == ANY_MANAGER or row["review"] in caller.manages


def waits_in_pool(row: Mapping[str, Any], now: datetime) -> bool:
    """Whether the lead can be claimed from its pool now: it waits there, or its lock ran out, tick or no tick."""
    return row["state"] == "pooled" or lock_ran_out(row, now)


def lock_ran_out(row: Mapping[str, Any], now: datetime) -> bool:
    """Whether the rep who holds the lead has let its lock run out."""
    until = row["lock_expires_at"]
    return row["state"] == "owned" and until is not None and until <= now and row["pool"] is not None
