"""All the leads that are a caller's to look at, newest first: a rep's own, a manager's teams', everybody's for operations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.distribution.overseeing import ANY_MANAGER
from dibs.insight.pages import Page, cursor_after, last_seen
from dibs.insight.sight import SELECT, TABLES, Eyes, SeenLead, row_of
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: Filter: the SQL it stands for.
FILTERS: Mapping[str, str] = {
    "state": "lead.state = %s",
    "pool": "lead.pool = %s",
    "review": "lead.review = %s",
    "owner": "owner.handle = %s",
    "source": "lead.source = %s",
    "external_id": "lead.external_id = %s",
    "email": "lead.email = %s",
    "domain": "lead.domain = %s",
    "country": "lead.country = %s",
    "industry": "lead.industry = %s",
    "rank": "lead.rank = %s",
    "received_from": "lead.received_at >= %s",
    "received_before": "lead.received_at < %s",
}

#: As `lock_ran_out` says it. True or false also of a lead without a lock, for there is a NOT before it.
_LAPSED = "(lead.state = 'owned' AND lead.pool IS NOT NULL AND lead.lock_expires_at IS NOT NULL AND lead.lock_expires_at <= %s)"


def leads_page(
    caller: Caller, filters: Mapping[str, Any], *, cursor: str | None = None, limit: int = 50, now: datetime
) -> Page[SeenLead]:
    """A page of leads in the caller's own range; what waits in a pool, a rep reads through the pool.

    ``filters`` are of `FILTERS`. Raises `BadCursor`.
    """
    enter(caller.workspace_id)
    eyes = Eyes(caller, now)
    wanted = {name: value for name, value in sorted(filters.items()) if value is not None}
    question = repr(("leads", str(caller.workspace_id), wanted))
    scope, values = range_of(eyes)
    conditions = [scope, *(FILTERS[name] for name in wanted)]
    values += wanted.values()
    return newest(eyes, question, conditions, values, cursor=cursor, limit=limit)


def newest(
    eyes: Eyes, question: str, conditions: Sequence[str], values: Sequence[Any], *, cursor: str | None, limit: int
) -> Page[SeenLead]:
    """A page of the leads that meet ``conditions``, in SQL with ``values``, the newest first. Raises `BadCursor` where ``cursor`` is not
    of this ``question``."""
    if cursor:
        conditions = [*conditions, "lead.id < %s"]
        values = [*values, last_seen(cursor, question)]
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {SELECT} FROM {TABLES} WHERE lead.workspace_id = %s AND {' AND '.join(conditions)} "
            "ORDER BY lead.id DESC LIMIT %s",
            [eyes.caller.workspace_id, *values, limit + 1],
        )
        rows = [row_of(row) for row in ask.fetchall()]
    items = list(eyes.see_many(rows[:limit]).values())
    return Page(items, cursor_after(rows[limit - 1]["id"], question) if len(rows) > limit else None)


def range_of(eyes: Eyes) -> tuple[str, list[Any]]:
    """SQL for the leads that are the caller's to look at. `Eyes.see` has the last word on each of them."""
    caller = eyes.caller
    if eyes.sees_all:
        return "true", []
    mine = [caller.rep_id] if caller.rep_id else []
    held = f"((lead.owner_id = ANY(%s) OR (lead.id = ANY(%s) AND lead.owner_id IS NOT NULL)) AND NOT {_LAPSED})"
    helps = sorted(eyes.helps)
    if not eyes.leads_a_team:
        return held, [mine, helps, eyes.now]
    pools = [
        name for name, pool in (eyes.book.policy.pools.items() if eyes.book else ()) if caller.oversees(pool.teams)
    ]
    return (
        f"({held} OR ((lead.state = 'pooled' OR {_LAPSED}) AND lead.pool = ANY(%s)) "
        "OR (lead.state = 'review' AND lead.review = ANY(%s)) "
        "OR (lead.owner_id IS NULL AND lead.state NOT IN ('pooled', 'review')))",
        [[*mine, *eyes.reports], helps, eyes.now, eyes.now, pools, [ANY_MANAGER, *caller.manages]],
    )


def leads_in_sight(caller: Caller, leads: Collection[UUID], now: datetime) -> dict[UUID, SeenLead]:
    """Those of these leads that the caller may see, by id, in one look."""
    enter(caller.workspace_id)
    eyes = Eyes(caller, now)
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {SELECT} FROM {TABLES} WHERE lead.workspace_id = %s AND lead.id = ANY(%s)",
            [caller.workspace_id, list(leads)],
        )
        rows = [row_of(row) for row in ask.fetchall()]
    return eyes.see_many(rows)


def known_as(caller: Caller, name: str) -> list[tuple[UUID, str, str]]:
    """Leads by what their source calls them, ``ID`` or ``SOURCE:ID``: id, source and external id, ten at most.

    Unmasked names, not leads: what the caller may see of each is still `sight`'s to say.
    """
    enter(caller.workspace_id)
    source, _, external_id = name.partition(":")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, source, external_id FROM crm_lead WHERE workspace_id = %s "
            "AND (external_id = %s OR (source = %s AND external_id = %s)) LIMIT 10",
            [caller.workspace_id, name, source, external_id],
        )
        return list(cursor.fetchall())
