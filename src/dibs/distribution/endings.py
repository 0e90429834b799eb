"""Leads that have ended, as they were when they came in: what a model may learn from.

A lead's row says what is known of it at its end. Much of that was written down while somebody worked on it, and more of it on leads
that went well: to learn from it would be to learn the ending from itself. So what the log says came later is taken away again, counts
of touches are set back to those at arrival, and what is written about the work itself (owner, contacts, assessments, state) is never
learnt from. Nor is the account, of which nobody knows any more what was known of it then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.distribution.families import accounts_by_id
from dibs.distribution.learning import Past
from dibs.distribution.reading import lead_facts, rows_of_facts
from dibs.distribution.rulebooks import Active
from dibs.engine import qualify
from dibs.engine.facts import AccountFacts
from dibs.engine.forgetting import ERASED
from dibs.engine.prediction import ANSWERS, ATTRIBUTES

#: The latest so many endings are learnt from.
MOST = 100_000
#: Whoever has neither won nor given up a lead for so long has not won it. Without these, a team that never writes down what it lost
#: would have nothing to learn from, and one that does so late would learn from its quick losses alone.
OPEN_FOR = timedelta(days=180)
_PAGE = 2_000
_COUNTS = ("touches", "pages", "opens")


def endings(workspace_id: UUID, active: Active | None, now: datetime) -> Iterator[Past]:
    """The latest `MOST` leads that were converted or retired, or that have been open for `OPEN_FOR` and so were not won, with their score by
    the points of ``active``. A duplicate says nothing: how its person's interest ended, another lead says. Nor does one whose person
    was erased.

    Points may ask about the account: they get it as it is today, in which there may be more than was known then.
    """
    book = active.book.with_model(None) if active is not None else None
    for row, account in _ended(workspace_id, now):
        # These are of the work on a lead, and not of the lead.
        facts = replace(lead_facts(row), assessment=None, assessed=None, do_not_contact=None).qualified(
            None, None, None
        )
        at = row["received_at"]
        points = qualify.qualify(book, facts, account, at).score if book is not None else None
        yield Past(facts, row["state"] == "converted", at, points)


def count(workspace_id: UUID, now: datetime) -> tuple[int, int]:
    """How many leads there are whose ending says something, and how many of them were converted."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), count(*) FILTER (WHERE state = 'converted') FROM crm_lead lead WHERE {_ENDED}",
            [workspace_id, now - OPEN_FOR],
        )
        ended, won = cursor.fetchone()
    return ended, won


#: Leads whose ending says something.
_ENDED = (
    "lead.workspace_id = %s AND (lead.state = 'converted' OR lead.state = 'retired' AND lead.retired_why IS DISTINCT FROM 'duplicate' "
    "OR lead.state NOT IN ('converted', 'retired', 'merged') AND lead.received_at <= %s) "
    f"AND NOT lead.flags @> ARRAY['{ERASED}']::varchar[]"
)


def _ended(workspace_id: UUID, now: datetime) -> Iterator[tuple[dict[str, Any], AccountFacts | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT lead.id FROM crm_lead lead WHERE {_ENDED} ORDER BY lead.received_at DESC, lead.id LIMIT {MOST}",
            [workspace_id, now - OPEN_FOR],
        )
        ids = [row[0] for row in cursor.fetchall()]
    for start in range(0, len(ids), _PAGE):
        page = ids[start : start + _PAGE]
        later, touched = _learnt_later(workspace_id, page), _touched(workspace_id, page)
        rows = rows_of_facts(workspace_id, page, "state")
        accounts = accounts_by_id(workspace_id, (row["account_id"] for row in rows.values()))
        # In the order of the ids, not of the table: leads of one moment are always learnt from in the same order.
        for row in (rows[lead] for lead in page if lead in rows):
            came = as_it_came(row, later.get(row["id"], frozenset()), touched.get(row["id"], {}))
            yield came, accounts.get(row["account_id"])


def as_it_came(row: dict[str, Any], later: frozenset[str], touched: Mapping[str, int]) -> dict[str, Any]:
    """The lead's columns without the facts that came ``later``, by name, and without the ``touched`` counts of what its person did since."""
    came = dict(row)
    for name in later:
        if name in came and name not in _COUNTS:
            came[name] = None
    for column, beginning in (("attributes", ATTRIBUTES), ("answers", ANSWERS)):
        if any(name.startswith(beginning) for name in later):
            came[column] = {key: value for key, value in row[column].items() if beginning + key not in later}
    for name, count in touched.items():
        if came[name] is not None:
            left = came[name] - count
            came[name] = left if left > 0 else 1 if name == "touches" else None
    if "domain" not in later and "email" in later:
        came["domain"] = None
    return came


def _learnt_later(workspace_id: UUID, ids: Sequence[UUID]) -> dict[UUID, frozenset[str]]:
    """The facts that the log says came to each lead after it did, as reasons name them; answers as `answers.` and the question."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT decision.lead_id, reason ->> 'code', (reason -> 'params')::text
            FROM distribution_decision decision, jsonb_array_elements(decision.reasons) reason
            WHERE decision.workspace_id = %s AND decision.lead_id = ANY(%s) AND decision.nth > 1
              AND reason ->> 'code' IN ('enriched', 'answered')
            """,
            [workspace_id, list(ids)],
        )
        found: dict[UUID, set[str]] = {}
        for lead, code, params in cursor.fetchall():
            said = json.loads(params)
            names = (
                said.get("fields") or [] if code == "enriched" else [ANSWERS + str(name) for name in _questions(said)]
            )
            found.setdefault(lead, set()).update(names)
    return {lead: frozenset(names) for lead, names in found.items()}


def _questions(said: Mapping[str, Any]) -> Sequence[Any]:
    questions = said.get("questions") or said.get("answers") or []
    return list(questions)


def _touched(workspace_id: UUID, ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """How much of each count of a lead its person's later touches made."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT lead_id, coalesce(sum(count) FILTER (WHERE kind NOT IN ('page', 'open')), 0),
                   coalesce(sum(count) FILTER (WHERE kind = 'page'), 0), coalesce(sum(count) FILTER (WHERE kind = 'open'), 0)
            FROM crm_touch WHERE workspace_id = %s AND lead_id = ANY(%s) GROUP BY lead_id
            """,
            [workspace_id, list(ids)],
        )
        return {lead: dict(zip(_COUNTS, map(int, counts), strict=True)) for lead, *counts in cursor.fetchall()}
