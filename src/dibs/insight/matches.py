"""Near misses: which leads may be of one person, or of an account, for those who decide about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from dibs.insight.accounts import AccountCard, accounts_in_sight
from dibs.insight.pages import Page, cursor_after, last_seen
from dibs.insight.sight import SELECT, TABLES, Eyes, SeenLead, row_of
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

State = Literal["open", "merged", "apart"]


@dataclass(frozen=True, slots=True)
class NearCard:
    """A lead, and the other lead or the account that it may be the same as. ``score`` 0..1 and the ``parts`` it is made of. ``merge``:
    the merge of the two leads that stands, which can be undone."""

    id: UUID
    at: datetime
    state: State
    score: float
    parts: tuple[Mapping[str, Any], ...]
    lead: SeenLead
    other: SeenLead | None
    account: AccountCard | None
    merge: UUID | None
    decided_by: str | None
    decided_at: datetime | None


_FIND = """
    SELECT near.id, near.at, near.state, near.score, near.parts::text, near.lead_id, near.other_id, near.account_id, near.decided_at,
           decider.name,
           (SELECT made.id FROM crm_merge made WHERE made.workspace_id = near.workspace_id AND made.undone_at IS NULL
              AND near.state = 'merged' AND made.kept_id IN (near.lead_id, near.other_id)
              AND made.gone_id IN (near.lead_id, near.other_id) ORDER BY made.at DESC LIMIT 1)
    FROM crm_nearmiss near JOIN crm_lead lead ON lead.id = near.lead_id LEFT JOIN crm_lead other ON other.id = near.other_id
    LEFT JOIN people_user decider ON decider.id = near.decided_by_id
    WHERE near.workspace_id = %s AND near.state = %s
"""
#: What is open can only be decided while its leads are; whose customer a converted one is, afterwards too.
_STILL_OPEN = """
    AND (lead.state NOT IN ('converted', 'retired', 'merged') OR (lead.state = 'converted' AND near.account_id IS NOT NULL))
    AND coalesce(other.state, 'new') NOT IN ('converted', 'retired', 'merged')
"""


def matches_page(
    caller: Caller, state: State, *, cursor: str | None = None, limit: int = 50, now: datetime
) -> Page[NearCard]:
    """Near misses that the caller decides about, the likeliest first; of those decided, the latest first. Those of which one lead is
    somebody else's to lead are left out, so that a page may hold fewer than asked for and still go on. Raises `BadCursor`."""
    enter(caller.workspace_id)
    question = repr(("matches", str(caller.workspace_id), state))
    statement, values = _FIND, [caller.workspace_id, state]
    if state == "open":
        statement += _STILL_OPEN
        order, after = (
            "near.score DESC, near.id",
            "(-near.score, near.id) > (SELECT -score, id FROM crm_nearmiss WHERE id = %s)",
        )
    else:
        order = "near.decided_at DESC, near.id DESC"
        after = "(near.decided_at, near.id) < (SELECT decided_at, id FROM crm_nearmiss WHERE id = %s)"
    if cursor:
        statement += f" AND {after}"
        values.append(last_seen(cursor, question))
    with connection.cursor() as ask:
        ask.execute(f"{statement} ORDER BY {order} LIMIT %s", [*values, limit + 1])
        rows = ask.fetchall()
    cards = _cards(caller, rows[:limit], now)
    return Page(cards, cursor_after(rows[limit - 1][0], question) if len(rows) > limit else None)


def match_in_sight(caller: Caller, near_id: UUID, now: datetime) -> NearCard | None:
    """One near miss, if it is the caller's to decide about."""
    enter(caller.workspace_id)
    found = []
    with connection.cursor() as ask:
        for state in ("open", "merged", "apart"):
            ask.execute(f"{_FIND} AND near.id = %s", [caller.workspace_id, state, near_id])
            found += ask.fetchall()
    return next(iter(_cards(caller, found, now)), None)


def _cards(caller: Caller, rows: list[Any], now: datetime) -> list[NearCard]:
    eyes = Eyes(caller, now)
    wanted = {lead for row in rows for lead in (row[5], row[6]) if lead is not None}
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {SELECT} FROM {TABLES} WHERE lead.workspace_id = %s AND lead.id = ANY(%s)",
            [caller.workspace_id, sorted(wanted)],
        )
        leads = {row["id"]: row for row in map(row_of, ask.fetchall())}
    accounts = accounts_in_sight(caller, {row[7] for row in rows if row[7]})
    cards = []
    for near_id, at, state, score, parts, lead_id, other_id, account_id, decided_at, decider, merge in rows:
        mine = [leads[lead] for lead in (lead_id, other_id) if lead is not None]
        # One that was merged is nobody's: who leads the other decides.
        if not all(eyes.oversees(row) for row in mine if row["state"] != "merged"):
            continue
        seen = {row["id"]: eyes.see(row) for row in mine}
        if any(one is None for one in seen.values()):
            continue
        lead = seen[lead_id]
        assert lead is not None
        cards.append(
            NearCard(
                id=near_id,
                at=at,
                state=state,
                score=score,
                parts=tuple(json.loads(parts)),
                lead=lead,
                other=seen[other_id] if other_id else None,
                account=accounts.get(account_id),
                merge=merge,
                decided_by=decider,
                decided_at=decided_at,
            )
        )
    return cards
