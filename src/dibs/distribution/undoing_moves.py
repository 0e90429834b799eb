"""A chunk of a move undone: each lead is where it was, with who had it, unless something happened to it since.

Turns that the move used stay used: who was given leads by it is level with the others, and giving turns back would have them starve or
be flooded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from dibs.distribution import policies
from dibs.distribution.crews import Crew, crew
from dibs.distribution.models import Move, MoveItem
from dibs.distribution.moving import FOR_GOOD
from dibs.distribution.reading import lead_clock, lock_leads
from dibs.distribution.undoing import had_again, read_back
from dibs.distribution.writing import Outcome, write
from dibs.engine import counters
from dibs.engine.consequences import Felt
from dibs.engine.decision import Reason
from dibs.engine.facts import LeadClock
from dibs.engine.lifecycle import HELD
from dibs.people.bulk import update_rows
from dibs.people.caller import Caller

#: The columns that say who has a lead, where it is, and since when: what an undone move puts back.
KEPT = (
    "state", "pool", "review", "owner_id", "claim", "taken_by", "waiting_since", "lock_expires_at", "claimed_at", "contacted_at",
    "due_at", "due_for", "escalated", "reassigned", "by_hand", "sla_at", "warned", "acted_at", "awaits", "side", "sequence", "mailed",
    "mailed_at", "score", "rank", "territory",
)  # fmt: skip
#: Moments up to which who has a lead must do something: a move that is undone gives back the time that it took.
_ENDS = ("lock_expires_at", "due_at", "sla_at")


def move_back(move: Move, items: Sequence[MoveItem], caller: Caller, now: datetime) -> None:
    """Read, decide, write: for these items of a move that is being undone. Turns that the move used stay used: who was given leads by it
    is level with the others, and giving turns back would have them starve or flooded."""
    # Read.
    rows = lock_leads(move.workspace_id, [item.lead_id for item in items])
    active = policies.active(move.workspace_id)
    known = crew(move.workspace_id, now)

    # Decide.
    outcomes, told = [], []
    for item in items:
        row = rows.get(item.lead_id)
        was = _before(item, now)
        owner = known.handles.get(was["owner_id"]) if was["owner_id"] else None
        code = ""
        if row is None or row["version"] != item.version:
            code = "changed_since"
        elif was["state"] in HELD and (owner is None or not known.roster.reps[owner].active):
            code = "inactive"
        if code:
            told.append((item.id, "changed", code))
            continue
        assert row is not None
        told.append((item.id, "undone", ""))
        outcomes.append(
            Outcome(
                lead=row,
                kind="undone",
                changes=was,
                reasons=(Reason("move_undone", {"by": caller.name}),),
                rep=was["owner_id"] or row["owner_id"],
                actor=caller.actor,
                felt=_felt(lead_clock(row, known.handles.get(row["owner_id"])), was, owner, item, known),
            )
        )

    # Write.
    write(move.workspace_id, outcomes, now=now, policy_version=active.number if active else None, crew=known)
    back = {outcome.lead["id"] for outcome in outcomes}
    _forget_passing_over(move, [item for item in items if item.lead_id in back])
    update_rows("distribution_moveitem", "id", ("state", "code"), told)
    move.undone += len(outcomes)


def _forget_passing_over(move: Move, items: Sequence[MoveItem]) -> None:
    """That these leads were taken off who had them counts no more."""
    if move.kind not in FOR_GOOD:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM distribution_passedover passed USING unnest(%s::uuid[], %s::timestamptz[]) AS gone(lead, at) "
            "WHERE passed.workspace_id = %s AND passed.lead_id = gone.lead AND passed.at = gone.at AND passed.kind = 'moved'",
            [[item.lead_id for item in items], [item.before["at"] for item in items], move.workspace_id],
        )


def _before(item: MoveItem, now: datetime) -> dict[str, Any]:
    """The lead's columns as they were before it was moved. What had to be done by then may be done as much later as the move took."""
    was = read_back(item.before["columns"])
    if was["state"] in HELD:
        moved_at = datetime.fromisoformat(item.before["at"])
        for name in _ENDS:
            ends: datetime | None = was[name]
            if ends is not None and ends > moved_at:
                was[name] = ends + (now - moved_at)
    return was


def _felt(clock: LeadClock, was: Mapping[str, Any], owner: str | None, item: MoveItem, known: Crew) -> Felt:
    """What standings feel: who was pushed the lead never was, and who had it has it as before."""
    events: list[tuple[str, counters.Event]] = []
    if clock.owner is not None and clock.state in HELD:
        pushed_at = datetime.fromisoformat(item.before["at"])
        events.append((clock.owner, counters.Unpushed(pushed_at, known.day(clock.owner, pushed_at))))
    if owner is not None and was["state"] in HELD:
        events.append((owner, had_again(was, owner, known)))
    return tuple(events)
