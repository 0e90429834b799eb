"""Who waits where, in which order: the line of a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.distribution import ticking
from dibs.distribution.reading import LEAD_SELECT, lead_facts, lead_row
from dibs.engine import claim as judge
from dibs.engine.conditions import Condition
from dibs.engine.facts import RepFacts
from dibs.engine.policy_model import Pool
from dibs.engine.rulebook import Rulebook

#: How far down a line is looked, in its order, for leads that a tier's condition lets the rep see; and how far at first, most finding
#: one there.
LOOK_THROUGH = 1_000
_FIRST_LOOK = 50
#: How many low-score leads are looked at for one that a tier's condition lets the rep see.
_LOOKED_AT = 200


#: Leads that wait in a pool, as SQL about ``lead``: those there, and those whose lock ran out, tick or no tick; the latter takes the
#: moment. Apart, because each is read along an index of its own.
_WAITING = ("lead.state = 'pooled'", "lead.state = 'owned' AND lead.lock_expires_at <= %s")


@dataclass(frozen=True, slots=True)
class Before:
    """A rep as they stand before a line. ``only``: the leads that their tier lets them see; ``None``: all of them."""

    rep_id: UUID
    rep: RepFacts
    only: Condition | None = None


def order_by(order: Sequence[str]) -> str:
    """SQL for a policy's ``order`` such as ``[-score, received_at]``; the policy's model allows columns of the lead only."""
    parts = [f"lead.{name.lstrip('-')} {'DESC' if name.startswith('-') else 'ASC'}" for name in order]
    return ", ".join([*parts, "lead.id"])


#: Leads that are not behind a rep in a queue, as SQL about ``lead``: not let lapse nor given back untouched by them since a moment, nor
#: passed over since their last claim. What they gave back with no skip left (``returned``) stays before them. Takes the rep's id and the moment, both twice.
_AHEAD_OF = """NOT EXISTS (
    SELECT FROM distribution_passedover passed
    WHERE passed.workspace_id = lead.workspace_id AND passed.lead_id = lead.id AND passed.rep_id = %s
      AND ((passed.kind IN ('lapsed', 'released') AND passed.at > %s)
        OR (passed.kind = 'skipped' AND passed.at > coalesce(
            (SELECT last_claim_at FROM distribution_standing standing WHERE standing.rep_id = passed.rep_id), '-infinity'))))
    AND NOT (lead.state = 'owned' AND lead.owner_id = %s AND lead.lock_expires_at > %s)"""


def line(
    workspace_id: UUID, book: Rulebook, pool: str, now: datetime, *, limit: int, before: Before | None = None
) -> list[UUID]:
    """`in_line`, after the lapses of the pool's locks that ran out are written."""
    take_back(workspace_id, pool, now)
    return in_line(workspace_id, book, pool, now, limit=limit, before=before)


def in_line(
    workspace_id: UUID, book: Rulebook, pool: str, now: datetime, *, limit: int, before: Before | None = None
) -> list[UUID]:
    """The first leads of a pool, in its own order; those whose lock ran out stand in it, tick or no tick. Writes nothing.

    With ``before``, as that rep stands before it: without the leads that their tier does not let them see, and in a queue without
    those that they may not have again yet and those they passed over, or one such lead at the head would keep them from all behind
    it. Who may see only some leads finds them among the first `LOOK_THROUGH`.
    """
    rules = book.policy.pools.get(pool)
    if rules is None:
        return []
    if before is None or before.only is None:
        return [row[0] for row in _read_line(workspace_id, rules, pool, now, "id", limit, before)]
    for bound in (max(_FIRST_LOOK, limit), LOOK_THROUGH):
        read = _read_line(workspace_id, rules, pool, now, LEAD_SELECT, bound, before)
        rows = map(lead_row, read)
        admitted = (row["id"] for row in rows if sees(book, before.only, before.rep, row, now))
        found = list(islice(admitted, limit))
        if len(found) == limit or len(read) < bound:
            break
    return found


def sees(book: Rulebook, only: Condition | None, rep: RepFacts, row: Mapping[str, Any], now: datetime) -> bool:
    """Whether a tier's condition on leads, if there is any, lets the rep see this one."""
    return only is None or only.holds(book.activation(lead_facts(row), rep=rep, now=now))


def _read_line(
    workspace_id: UUID, rules: Pool, pool: str, now: datetime, columns: str, limit: int, before: Before | None
) -> list[Any]:
    order, ahead, values = order_by(rules.order), "true", list[Any]()
    if before is not None and rules.mode == "queue":
        # What a rep let lapse or gave back after this moment they may not have again yet.
        since = now - (rules.reclaim_after or timedelta(0))
        ahead, values = _AHEAD_OF, [before.rep_id, since, before.rep_id, since]
    places = " UNION ALL ".join(
        f"(SELECT lead.* FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.pool = %s AND {state} AND {ahead} "
        f"ORDER BY {order} LIMIT %s)"
        for state in _WAITING
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM ({places}) lead ORDER BY {order} LIMIT %s",
            [workspace_id, pool, *values, limit, workspace_id, pool, now, *values, limit, limit],
        )
        return list(cursor.fetchall())


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
    workspace_id: UUID, book: Rulebook, rep: RepFacts, teams: frozenset[str], low_below: int, now: datetime
) -> bool:
    """Whether a lead with a score under ``low_below`` waits where this rep can see it, be it a preview, and choose it: to take the
    head of a queue makes up for nothing in the mix, so it is not owed either.
    """
    for pool in book.policy.pools:
        sight = judge.sight(book, rep, teams, pool)
        if sight.level == "none" or sight.head_only:
            continue
        places = " UNION ALL ".join(
            f"(SELECT lead.* FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.pool = %s AND {state} "
            "AND lead.score < %s ORDER BY lead.score LIMIT %s)"
            for state in _WAITING
        )
        rest = [low_below, 1 if sight.only is None else _LOOKED_AT]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {LEAD_SELECT} FROM ({places}) lead",
                [workspace_id, pool, *rest, workspace_id, pool, now, *rest],
            )
            rows = [lead_row(row) for row in cursor.fetchall()]
        if any(sees(book, sight.only, rep, row, now) for row in rows):
            return True
    return False
