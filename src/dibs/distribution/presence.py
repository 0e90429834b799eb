"""Whether a rep can be given leads: their own switch, which who leads them can turn too.

The switch is the rep's word; hours, time off, holidays and appointments say the rest (`dibs.distribution.hours`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import structlog
from django.db import connection, transaction

from dibs.delivery import notices
from dibs.delivery.outbox import Event, post
from dibs.delivery.wake import wake
from dibs.distribution.overflow import give_waiting
from dibs.distribution.writing import move_standings
from dibs.engine.counters import Acted
from dibs.engine.decision import Reason
from dibs.people.caller import Caller

_log = structlog.get_logger()

#: Why somebody is switched off: "" by themselves, by who leads them, or for letting so many leads in a row lapse.
Why = Literal["", "manager", "lapses"]


def switch(caller: Caller, rep_id: UUID, available: bool, now: datetime) -> bool:
    """Turn a rep's switch, on or off; returns whether it was the other way. Somebody else's turn is told to the rep.

    To be back counts as a sign of life: the lapses in a row that the policy counts begin anew.
    """
    own = rep_id == caller.rep_id
    with transaction.atomic():
        if available:
            # Standing before rep, as where a lapse switches somebody off.
            move_standings(caller.workspace_id, {rep_id: [Acted()]})
        found = _turn(caller.workspace_id, rep_id, available, "" if available or own else "manager", now)
        if found is None:
            return False
        handle, name, user_id = found
        post(caller.workspace_id, [event(handle, name, available, "self" if own else "manager")], now)
        if not own:
            reason = Reason("switched_back" if available else "switched_away", {"by": caller.name})
            notices.tell(caller.workspace_id, [user_id], "availability", [reason], now)
        transaction.on_commit(lambda: wake(caller.workspace_id))
        if available:
            # What waits for somebody like this rep need not wait for the next tick.
            transaction.on_commit(lambda: _give(caller.workspace_id, now), robust=True)
    _log.info("rep_switched", workspace=str(caller.workspace_id), rep=handle, available=available, own=own)
    return True


def take_for_away(workspace_id: UUID, rep_id: UUID, now: datetime) -> bool:
    """Switch a rep off who let too many leads in a row lapse, whose standing is locked; whether they were on."""
    return _turn(workspace_id, rep_id, False, "lapses", now) is not None


def _give(workspace_id: UUID, now: datetime) -> None:
    give_waiting(workspace_id, now)


def _turn(workspace_id: UUID, rep_id: UUID, available: bool, why: Why, now: datetime) -> tuple[str, str, UUID] | None:
    """Set the switch; returns handle, name and user of the rep, or ``None`` where it is set so already."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE people_rep SET available = %s, away_why = %s, away_since = %s
            WHERE workspace_id = %s AND id = %s AND available <> %s RETURNING handle::text, name, user_id
            """,
            [available, why, None if available else now, workspace_id, rep_id, available],
        )
        row: tuple[str, str, UUID] | None = cursor.fetchone()
        return row


def event(handle: str, name: str, available: bool, why: str) -> Event:
    """What is told to who follows along."""
    said = {"rep": handle, "rep_name": name}
    return ("rep.back", None, said) if available else ("rep.away", None, said | {"why": why})
