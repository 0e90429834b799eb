"""Notices: what a person is to know without having asked, kept until they have read it and a while longer.

A notice holds reasons and no text, as the log does: text is made when it is read, in the reader's language. It never holds
anything of a lead's own fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

from django.db import connection

from dibs.engine.decision import Reason
from dibs.people.bulk import insert_rows
from dibs.people.caller import Caller
from dibs.people.tenancy import enter, new_id

#: What a notice can be about. ``rules_announced``: rules that will change; ``rules_changed``: that have; ``rules_kept``: that will
#: not, though it was announced; ``tier_changed``: another tier; ``below_floor``: fewer claims than the policy expects; ``leads_moved``:
#: many leads came to them at once, or went to others; ``availability``: somebody else switched them off, or back on;
#: ``calendar_failing``: their calendar can't be read; ``lead_warned``: time runs out on a lead, or has, and nobody takes it away;
#: ``lead_qualified``: a lead of theirs became ready for sales and went there;
#: ``rep_away``: a rep of theirs was taken for away; ``work_due``: what they planned, or wanted to look at again, is due.
Kind = Literal[
    "rules_announced",
    "rules_changed",
    "rules_kept",
    "tier_changed",
    "below_floor",
    "leads_moved",
    "availability",
    "calendar_failing",
    "lead_qualified",
    "lead_touched",
    "lead_warned",
    "rep_away",
    "work_due",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: How long notices are kept. What they told of stays in the log.
KEPT_FOR = timedelta(days=90)

_COLUMNS = ("id", "workspace_id", "user_id", "at", "kind", "reasons")


@dataclass(frozen=True, slots=True)
class GivenNotice:
    """One notice as it was given. ``reasons`` as the log keeps them: ``code``, ``params``, ``rule``."""

    id: UUID
    at: datetime
    kind: str
    reasons: tuple[Mapping[str, Any], ...]
    read_at: datetime | None


def tell(workspace_id: UUID, user_ids: Iterable[UUID], kind: Kind, reasons: Sequence[Reason], at: datetime) -> int:
    """Give these people the same notice, in the caller's transaction; returns how many there were."""
    return tell_each(workspace_id, [(user_id, reasons) for user_id in user_ids], kind, at)


def tell_each(workspace_id: UUID, told: Iterable[tuple[UUID, Sequence[Reason]]], kind: Kind, at: datetime) -> int:
    """Give each of these people a notice of their own, in the caller's transaction and in one statement."""
    rows = [(new_id(), workspace_id, user_id, at, kind, _json(reasons)) for user_id, reasons in told]
    insert_rows("delivery_notice", _COLUMNS, rows)
    return len(rows)


def tell_more(
    workspace_id: UUID,
    told: Iterable[tuple[UUID, Sequence[Reason]]],
    kind: Kind,
    at: datetime,
    given: Mapping[UUID, UUID],
) -> dict[UUID, UUID]:
    """Add these reasons to the notices that these people were ``given`` before, by user, so that many small steps make one notice; who
    has none, or has read it, gets a new one. In the caller's transaction; returns the notice that each has now."""
    wanted = [(user_id, _json(reasons)) for user_id, reasons in told]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_notice notice SET reasons = notice.reasons || more.reasons
            FROM unnest(%s::uuid[], %s::jsonb[]) AS more(id, reasons)
            WHERE notice.id = more.id AND notice.workspace_id = %s AND notice.read_at IS NULL RETURNING notice.user_id, notice.id
            """,
            [
                [given[user_id] for user_id, _ in wanted if user_id in given],
                [reasons for user_id, reasons in wanted if user_id in given],
                workspace_id,
            ],
        )
        have = dict(cursor.fetchall())
    rows = [(new_id(), workspace_id, user_id, at, kind, reasons) for user_id, reasons in wanted if user_id not in have]
    insert_rows("delivery_notice", _COLUMNS, rows)
    return have | {row[2]: row[0] for row in rows}


def has_been_told(workspace_id: UUID, user_id: UUID, kind: Kind, since: datetime) -> bool:
    """Whether this person got a notice of this kind after that moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM delivery_notice WHERE workspace_id = %s AND user_id = %s AND kind = %s AND at > %s LIMIT 1",
            [workspace_id, user_id, kind, since],
        )
        return cursor.fetchone() is not None


def _json(reasons: Iterable[Reason]) -> str:
    return json.dumps(
        [{"code": why.code, "params": dict(why.params), "rule": why.rule} for why in reasons],
        ensure_ascii=False,
        default=str,
    )


def notices_of(caller: Caller, limit: int = 50, *, before: UUID | None = None) -> list[GivenNotice]:
    """The caller's notices, newest first. ``before``: those that come after this one in that order."""
    enter(caller.workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, at, kind, reasons::text, read_at FROM delivery_notice
            WHERE workspace_id = %s AND user_id = %s
              AND (%s::uuid IS NULL OR (at, id) < (SELECT at, id FROM delivery_notice WHERE id = %s::uuid))
            ORDER BY at DESC, id DESC LIMIT %s
            """,
            [caller.workspace_id, caller.user_id, before, before, limit],
        )
        return [
            GivenNotice(id=row[0], at=row[1], kind=row[2], reasons=tuple(json.loads(row[3])), read_at=row[4])
            for row in cursor.fetchall()
        ]


def unread(caller: Caller) -> int:
    """How many of the caller's notices have not been read."""
    enter(caller.workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM delivery_notice WHERE workspace_id = %s AND user_id = %s AND read_at IS NULL",
            [caller.workspace_id, caller.user_id],
        )
        return int(cursor.fetchone()[0])


def mark_read(caller: Caller, now: datetime, ids: Iterable[UUID] | None = None) -> int:
    """Note that the caller has read these of their notices, or all of them; returns how many were unread until then."""
    enter(caller.workspace_id)
    wanted = None if ids is None else list(ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_notice SET read_at = %s WHERE workspace_id = %s AND user_id = %s AND read_at IS NULL "
            "AND (%s::uuid[] IS NULL OR id = ANY(%s::uuid[]))",
            [now, caller.workspace_id, caller.user_id, wanted, wanted],
        )
        return int(cursor.rowcount)


def forget(workspace_id: UUID, now: datetime) -> int:
    """Drop the workspace's notices that are older than `KEPT_FOR`; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM delivery_notice WHERE workspace_id = %s AND at < %s", [workspace_id, now - KEPT_FOR]
        )
        return int(cursor.rowcount)
