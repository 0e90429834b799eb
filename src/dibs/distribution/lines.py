"""Who waits where, in which order: the line of a pool."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.distribution import ticking
from dibs.distribution.reading import LEAD_SELECT, lead_facts, lead_row
from dibs.engine import claim as judge
from dibs.engine.facts import RepFacts
from dibs.engine.policy_model import Pool
from dibs.engine.rulebook import Rulebook

#: How many low-score leads are looked at for one that a tier's condition lets the rep see.
_LOOKED_AT = 200


def order_by(order: Sequence[str]) -> str:
    """SQL for a policy's ``order`` such as ``[-score, received_at]``; the policy's model allows columns of the lead only."""
    parts = [f"lead.{name.lstrip('-')} {'DESC' if name.startswith('-') else 'ASC'}" for name in order]
    return ", ".join([*parts, "lead.id"])


#: Leads that are not behind a rep in a queue, as SQL about ``lead``: not let lapse by them since a moment, nor passed over since their
#: last claim. Takes the rep's id and the moment.
AHEAD_OF = """NOT EXISTS (
    SELECT FROM distribution_passedover passed
    WHERE passed.workspace_id = lead.workspace_id AND passed.lead_id = lead.id AND passed.rep_id = %s
      AND ((passed.kind = 'lapsed' AND passed.at > %s)
        OR (passed.kind = 'skipped' AND passed.at > coalesce(
            (SELECT last_claim_at FROM distribution_standing standing WHERE standing.rep_id = passed.rep_id), '-infinity'))))"""


def lapses_count_since(pool: Pool, now: datetime) -> datetime:
    """A rep who let a lead of the pool lapse after this moment may not have it again yet."""
    return now - (pool.reclaim_after or timedelta(0))


def line(
    workspace_id: UUID, book: Rulebook, pool: str, now: datetime, *, limit: int, rep_id: UUID | None = None
) -> list[UUID]:
    """The first leads of a pool, in its own order. Locks that ran out are taken back first, so that their leads stand in it.

    With ``rep_id``, of a queue as that rep stands before it: without the leads they may not have again yet and those they passed
    over, or one such lead at the head would keep them from all behind it.
    """
    take_back(workspace_id, pool, now)
    rules = book.policy.pools.get(pool)
    if rules is None:
        return []
    ahead, values = "true", list[Any]()
    if rep_id is not None and rules.mode == "queue":
        ahead, values = AHEAD_OF, [rep_id, lapses_count_since(rules, now)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lead.id FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.pool = %s AND lead.state = 'pooled' "
            f"AND {ahead} ORDER BY {order_by(rules.order)} LIMIT %s",
            [workspace_id, pool, *values, limit],
        )
        return [row[0] for row in cursor.fetchall()]


def take_back(workspace_id: UUID, pool: str, now: datetime) -> int:
    """Write the lapses of a pool's locks that ran out and that no tick has come to yet; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM crm_lead WHERE workspace_id = %s AND pool = %s AND state = 'owned' AND lock_expires_at <= %s "
            "ORDER BY lock_expires_at LIMIT 1000",
            [workspace_id, pool, now],
        )
        lapsed = [row[0] for row in cursor.fetchall()]
    return ticking.settle(workspace_id, lapsed, now)


def low_score_waits(
    workspace_id: UUID,
    book: Rulebook,
    rep_id: UUID,
    rep: RepFacts,
    teams: frozenset[str],
    low_below: int,
    now: datetime,
) -> bool:
    """Whether a lead with a score under ``low_below`` waits where this rep can see it."""
    for pool in book.policy.pools:
        sight = judge.sight(book, rep, teams, pool)
        if sight.level == "none":
            continue
        # Of a queue the rep sees the head alone.
        head = line(workspace_id, book, pool, now, limit=1, rep_id=rep_id) if sight.head_only else None
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {LEAD_SELECT} FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.pool = %s "
                "AND lead.state = 'pooled' AND lead.score < %s AND (%s::uuid[] IS NULL OR lead.id = ANY(%s::uuid[])) "
                "ORDER BY lead.score LIMIT %s",
                [workspace_id, pool, low_below, head, head, 1 if sight.only is None else _LOOKED_AT],
            )
            rows = [lead_row(values) for values in cursor.fetchall()]
        if sight.only is None:
            if rows:
                return True
        elif any(sight.only.holds(book.activation(lead_facts(row), rep=rep, now=now)) for row in rows):
            return True
    return False
