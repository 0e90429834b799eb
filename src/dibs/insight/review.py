"""What waits for a person to decide, for who leads: the longest waiting first, why each came there, and what to filter by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.distribution.overseeing import ANY_MANAGER
from dibs.insight.pages import BadCursor, Page, cursor_after, last_seen
from dibs.insight.sight import SELECT, TABLES, Eyes, SeenLead, row_of
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: What the list can be filtered by, each to one value.
FILTERS = ("review", "pool", "rank", "country", "industry", "source")
#: Orders: the longest waiting first, or the best score first.
SORTS: Mapping[str, str] = {
    "": "lead.received_at, lead.id",
    "-score": "coalesce(lead.score, 0) DESC, lead.received_at, lead.id",
}
_AFTER: Mapping[str, str] = {
    "": "(lead.received_at, lead.id) > (last.received_at, last.id)",
    "-score": "(-coalesce(lead.score, 0), lead.received_at, lead.id) > (-coalesce(last.score, 0), last.received_at, last.id)",
}
#: How many of the leads in review the values to filter by are gathered from.
_SAMPLE = 2_000
#: Codes that say where a lead is, or what was found out about it, but not why a person has to decide.
_NOT_WHY = frozenset(
    {
        "scored",
        "no_domain",
        "no_account",
        "matched_account",
        "in_family",
        "near_account",
        "in_territory",
        "in_territory_of",
        "in_review",
        "passed_over",
        "fell_back",
    }
)


def review_page(
    caller: Caller,
    filters: Mapping[str, str],
    *,
    sort: str = "",
    cursor: str | None = None,
    limit: int = 100,
    now: datetime,
) -> Page[SeenLead]:
    """Leads in review that the caller decides about. ``filters`` are of `FILTERS`, ``sort`` is of `SORTS`. Raises `BadCursor`."""
    enter(caller.workspace_id)
    eyes = Eyes(caller, now)
    question = repr(("review", str(caller.workspace_id), sorted(filters.items()), sort))
    where, values = _range(eyes, filters)
    if cursor:
        last = last_seen(cursor, question)
        where += (
            f" AND EXISTS (SELECT FROM crm_lead last WHERE last.workspace_id = %s AND last.id = %s AND {_AFTER[sort]})"
        )
        values += [caller.workspace_id, last]
        if not _is_there(caller, last):
            raise BadCursor
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {SELECT} FROM {TABLES} WHERE {where} ORDER BY {SORTS[sort]} LIMIT %s", [*values, limit + 1]
        )
        rows = [row_of(row) for row in ask.fetchall()]
    items = [seen for row in rows[:limit] if (seen := eyes.see(row)) is not None]
    return Page(items, cursor_after(rows[limit - 1]["id"], question) if len(rows) > limit else None)


def values_in_review(caller: Caller, now: datetime) -> dict[str, list[tuple[str, int]]]:
    """For each of `FILTERS` the values there are, with how many leads have each, the most frequent first."""
    enter(caller.workspace_id)
    where, values = _range(Eyes(caller, now), {})
    columns = ", ".join(f"lead.{name}" for name in FILTERS)
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {columns} FROM crm_lead lead WHERE {where} ORDER BY lead.received_at, lead.id LIMIT %s",
            [*values, _SAMPLE],
        )
        rows = ask.fetchall()
    counted = [Counter(value for value in column if value) for column in zip(*rows, strict=True)] if rows else []
    return {name: found.most_common() for name, found in zip(FILTERS, counted, strict=False)}


def why_in_review(caller: Caller, leads: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """For each of these leads the reason, as the log keeps it, for which it came to review last. They must be in the caller's sight."""
    enter(caller.workspace_id)
    with connection.cursor() as ask:
        ask.execute(
            """
            SELECT DISTINCT ON (lead_id) lead_id, reasons::text FROM distribution_decision
            WHERE workspace_id = %s AND lead_id = ANY(%s) AND after = 'review' AND kind NOT IN ('enriched', 'touched')
            ORDER BY lead_id, nth DESC
            """,
            [caller.workspace_id, list(leads)],
        )
        logged = ask.fetchall()
    return {lead: why for lead, reasons in logged if (why := _why(json.loads(reasons)))}


def _why(reasons: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((reason for reason in reasons if reason["code"] not in _NOT_WHY), None)


def _range(eyes: Eyes, filters: Mapping[str, str]) -> tuple[str, list[Any]]:
    """SQL for what is in review for the caller. `Eyes.see` has the last word on each lead."""
    caller = eyes.caller
    where = "lead.workspace_id = %s AND lead.state = 'review'"
    values: list[Any] = [caller.workspace_id]
    if not eyes.sees_all:
        where += " AND lead.review = ANY(%s)"
        values.append([ANY_MANAGER, *caller.manages] if eyes.leads_a_team else [])
    for name in FILTERS:
        if filters.get(name):
            where += f" AND lead.{name} = %s"
            values.append(filters[name])
    return where, values


def _is_there(caller: Caller, lead: UUID) -> bool:
    with connection.cursor() as ask:
        ask.execute("SELECT FROM crm_lead WHERE workspace_id = %s AND id = %s", [caller.workspace_id, lead])
        return ask.fetchone() is not None
