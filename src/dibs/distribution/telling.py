"""Tells reps, and who leads them, that time is about to run out on a lead of theirs, or has run out on one that nobody takes away; and
that a lead of theirs went on to sales."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from dibs.delivery import notices
from dibs.distribution.crews import Crew
from dibs.distribution.tiering import users_of
from dibs.distribution.writing import Outcome
from dibs.engine.decision import Reason


def warned(workspace_id: UUID, outcomes: Sequence[Outcome], known: Crew, now: datetime) -> None:
    """One notice to each rep of all that they are warned of here, and one to each of those who lead them of all of their reps'."""
    if not outcomes:
        return
    why: dict[UUID, list[Reason]] = {}
    for outcome in outcomes:
        assert outcome.rep is not None
        why.setdefault(outcome.rep, []).extend(outcome.reasons)
    users = users_of(workspace_id, list(why))
    told = {users[rep]: list(reasons) for rep, reasons in why.items() if rep in users}
    for user, rep in who_leads(workspace_id, why):
        told.setdefault(user, []).extend(why[rep])
    notices.tell_each(workspace_id, told.items(), "lead_warned", now)


def qualified(workspace_id: UUID, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Let who of marketing's had a lead know that it became ready, and is sales' by now."""
    told: dict[UUID, list[Reason]] = {}
    for outcome in outcomes:
        had = outcome.lead["owner_id"]
        if outcome.kind == "qualified" and had is not None and outcome.changes.get("owner_id") != had:
            told.setdefault(had, []).append(Reason("lead_qualified", {"lead": str(outcome.lead["id"])}))
    users = users_of(workspace_id, list(told))
    notices.tell_each(
        workspace_id, [(users[rep], why) for rep, why in told.items() if rep in users], "lead_qualified", now
    )


def who_leads(workspace_id: UUID, rep_ids: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """Each user who leads one of these reps, with the rep: a manager of a team of theirs who is not that rep."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT management.user_id, rep.id, rep.handle FROM people_management management
            JOIN people_membership member ON member.team_id = management.team_id
            JOIN people_rep rep ON rep.id = member.rep_id JOIN people_user u ON u.id = management.user_id AND u.is_active
            WHERE management.workspace_id = %s AND rep.id = ANY(%s) AND rep.user_id <> management.user_id
            ORDER BY management.user_id, rep.handle
            """,
            [workspace_id, list(rep_ids)],
        )
        return [(user, rep) for user, rep, _ in cursor.fetchall()]
