"""Reads leads, and what the engine needs to know of them, and nothing more.

Rows come as dicts by column name, as the database holds them; here they become the engine's facts. Who may have them is read in
``crews``, how a rep stands in ``standings``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.crm.models import Lead
from dibs.engine import rotate
from dibs.engine.facts import LeadClock, LeadFacts

Row = dict[str, Any]

#: Leads that are read at a time where many are.
_PAGE = 2_000

#: A lead as it is read: without the column that is there to be searched.
LEAD_COLUMNS: tuple[str, ...] = tuple(
    str(field.column) for field in Lead._meta.concrete_fields if field.column != "lookup"
)
LEAD_SELECT = ", ".join(f"lead.{column}" for column in LEAD_COLUMNS)

_FACT_NAMES = tuple(known.name for known in fields(LeadFacts))
_FACTS = itemgetter(*_FACT_NAMES)
_DEAL_VALUE = _FACT_NAMES.index("deal_value")


def lead_row(values: Sequence[Any]) -> Row:
    """A lead's columns, in the order of `LEAD_COLUMNS`, as a dict; JSON columns read."""
    return _row(LEAD_COLUMNS, values)


def _row(columns: Sequence[str], values: Sequence[Any]) -> Row:
    row = dict(zip(columns, values, strict=True))
    if isinstance(row["attributes"], str):
        row["attributes"] = json.loads(row["attributes"])
    if isinstance(row["answers"], str):
        row["answers"] = json.loads(row["answers"])
    return row


def lead_facts(row: Mapping[str, Any]) -> LeadFacts:
    """What a policy may ask about this lead."""
    given = _FACTS(row)
    value = given[_DEAL_VALUE]
    if value is None:
        return LeadFacts(*given)
    return LeadFacts(*given[:_DEAL_VALUE], float(value), *given[_DEAL_VALUE + 1 :])  # type: ignore[call-arg]


def lead_clock(row: Mapping[str, Any], owner: str | None, passed_over: frozenset[str] = frozenset()) -> LeadClock:
    """Where this lead stands in its life; ``owner`` is the handle of the rep who has it."""
    return LeadClock(
        id=str(row["id"]),
        state=row["state"],
        pool=row["pool"],
        owner=owner,
        received_at=row["received_at"],
        waiting_since=row["waiting_since"],
        lock_expires_at=row["lock_expires_at"],
        contacted_at=row["contacted_at"],
        due_at=row["due_at"],
        due_for=row["due_for"],
        escalated=row["escalated"],
        reassigned=row["reassigned"],
        passed_over=passed_over,
        claimed_at=row["claimed_at"],
        by_hand=row["by_hand"],
        sla_at=row["sla_at"],
        warned=row["warned"],
        acted_at=row["acted_at"],
        awaits=row["awaits"],
        side=row["side"],
        sequence=row["sequence"],
        mailed=row["mailed"],
        mailed_at=row["mailed_at"],
    )


def seed_for(row: Mapping[str, Any], digest: str) -> str:
    """What breaks ties in the decision on this lead as it was read."""
    return rotate.seed_for(str(row["id"]), digest, row["version"])


def pages_of(workspace_id: UUID, ids: Sequence[UUID]) -> Iterator[list[Row]]:
    """These leads in this order, `_PAGE` at a time, not locked. Unknown ids are left out."""
    for first in range(0, len(ids), _PAGE):
        wanted = ids[first : first + _PAGE]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {LEAD_SELECT} FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.id = ANY(%s)",
                [workspace_id, list(wanted)],
            )
            rows = {row["id"]: row for row in map(lead_row, cursor.fetchall())}
        yield [rows[lead] for lead in wanted if lead in rows]


def rows_of_facts(workspace_id: UUID, ids: Iterable[UUID], *also: str) -> dict[UUID, Row]:
    """What `lead_facts` reads of these leads, and their accounts, and the columns ``also``; not locked. Unknown ids are left out."""
    columns = ("id", "account_id", *_FACT_NAMES, *also)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(columns)} FROM crm_lead WHERE workspace_id = %s AND id = ANY(%s)",
            [workspace_id, list(ids)],
        )
        rows = [_row(columns, values) for values in cursor.fetchall()]
    return {row["id"]: row for row in rows}


def lock_leads(workspace_id: UUID, lead_ids: Iterable[UUID]) -> dict[UUID, Row]:
    """The leads, locked in the order of their ids until the transaction ends. Unknown ids are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {LEAD_SELECT} FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.id = ANY(%s) ORDER BY lead.id FOR UPDATE",
            [workspace_id, list(lead_ids)],
        )
        rows = [lead_row(values) for values in cursor.fetchall()]
    return {row["id"]: row for row in rows}


def passed_over(workspace_id: UUID, lead_ids: Iterable[UUID]) -> dict[UUID, frozenset[str]]:
    """For each lead, the handles of the reps who had it and let it lapse, declined it or gave it back. To look at it or skip it in
    passing is none of these: it does not keep the lead from being pushed to who did."""
    wanted = list(lead_ids)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT passed.lead_id, array_agg(DISTINCT rep.handle::text)
            FROM distribution_passedover passed JOIN people_rep rep ON rep.id = passed.rep_id
            WHERE passed.workspace_id = %s AND passed.lead_id = ANY(%s) AND passed.kind NOT IN ('skipped', 'opened')
            GROUP BY passed.lead_id
            """,
            [workspace_id, wanted],
        )
        return {lead: frozenset(handles) for lead, handles in cursor.fetchall()}


def has_opened(workspace_id: UUID, rep_id: UUID, lead_id: UUID) -> bool:
    """Whether the rep has opened the lead's details since their last claim."""
    return lead_id in opened_among(workspace_id, rep_id, [lead_id])


def opened_among(workspace_id: UUID, rep_id: UUID, leads: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these leads of which the rep has opened the details since their last claim."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT passed.lead_id FROM distribution_passedover passed
            WHERE passed.workspace_id = %s AND passed.lead_id = ANY(%s) AND passed.rep_id = %s AND passed.kind = 'opened'
              AND passed.at > coalesce(
                (SELECT last_claim_at FROM distribution_standing standing WHERE standing.rep_id = passed.rep_id), '-infinity')
            """,
            [workspace_id, list(leads), rep_id],
        )
        return frozenset(row[0] for row in cursor.fetchall())


def earned_already(workspace_id: UUID, rep_id: UUID, lead_id: UUID) -> frozenset[str]:
    """The kinds of credit that the rep has had for the lead."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT what FROM distribution_credit WHERE workspace_id = %s AND lead_id = %s AND rep_id = %s",
            [workspace_id, lead_id, rep_id],
        )
        return frozenset(row[0] for row in cursor.fetchall())
