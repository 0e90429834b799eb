"""Leads that wait while another policy comes into force: what it wants done sooner than the one before it is due sooner.

Only what comes earlier is written. What comes later now is asked about at the moment that was meant before, and put off then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.engine.policy import Policy
from dibs.engine.policy_model import Pool

#: When something happens to leads of a pool: its age cap, then its steps, all counted from when the lead began to wait.
Times = tuple[timedelta, ...]

#: A lead of a pool that is no more finds another place at once: as if a step had been due from the beginning.
_GONE: Times = (timedelta(seconds=1), timedelta(0))


def bring_forward(workspace_id: UUID, before: Policy, after: Policy, now: datetime) -> int:
    """Make every waiting lead due when ``after`` wants it looked at, if that is sooner; returns how many are.

    The moments are those of `dibs.engine.due`, in SQL, for a pool may hold a million. Those that come sooner are locked until the
    transaction ends, in the order of their ids whichever pool they wait in: hence one statement for all of them. Leads of pools whose
    times are as they were are not read.
    """
    stale, is_new = after.qualify.stale, after.qualify.stale != before.qualify.stale
    pools = {name: _times(after.pools.get(name)) for name in before.pools}
    if not is_new:
        pools = {name: times for name, times in pools.items() if times != _times(before.pools[name])}
        if not pools:
            return 0
    statement = _SOONER.format(nurture="OR lead.state = 'nurture'" if is_new and stale is not None else "")
    values: dict[str, Any] = {
        "workspace": workspace_id,
        "pools": list(pools),
        "caps": [cap for cap, *_ in pools.values()],
        "steps": [_array(steps) for _, *steps in pools.values()],
        "rank": stale.rank if stale is not None else None,
        "stale": stale.after if stale is not None else None,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _times(pool: Pool | None) -> Times:
    return _GONE if pool is None else (pool.assign_after, *(step.after for step in pool.escalate))


def _array(spans: Sequence[timedelta]) -> str:
    """As PostgreSQL writes an array of intervals: lists of several lengths make no array of arrays."""
    return "{" + ",".join(f"{span.total_seconds()} seconds" for span in spans) + "}"


_STALE = "CASE WHEN lead.rank = %(rank)s THEN greatest(lead.waiting_since + %(stale)s, %(now)s) END"
_STEP = "lead.waiting_since + (rule.steps::interval[])[lead.escalated + 1]"
_CAP = "lead.waiting_since + rule.cap"
_AT = f"greatest(least({_CAP}, {_STEP}, {_STALE}), %(now)s)"
# A lead in nurture is of no rule: it can only go stale.
_SOONER = f"""
    WITH rule AS (
        SELECT * FROM unnest(%(pools)s::text[], %(caps)s::interval[], %(steps)s::text[]) AS given(pool, cap, steps)
    ), wanted AS (
        SELECT lead.id, {_AT} AS at,
               CASE WHEN rule.cap IS NULL OR {_STALE} < least({_CAP}, {_STEP}) THEN 'stale'
                    WHEN {_STEP} < {_CAP} THEN 'escalate' ELSE 'age_cap' END AS why
        FROM crm_lead lead LEFT JOIN rule ON rule.pool = lead.pool AND lead.state = 'pooled'
        WHERE lead.workspace_id = %(workspace)s AND (lead.state = 'pooled' AND lead.pool = ANY(%(pools)s) {{nurture}})
          AND (rule.cap IS NOT NULL OR lead.rank = %(rank)s) AND (lead.due_at IS NULL OR {_AT} < lead.due_at)
        ORDER BY lead.id FOR NO KEY UPDATE OF lead
    )
    UPDATE crm_lead lead SET due_at = wanted.at, due_for = wanted.why FROM wanted WHERE wanted.id = lead.id
"""
