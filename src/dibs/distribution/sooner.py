"""Leads that wait while another policy comes into force: what it wants done sooner than the one before it is due sooner.

Only what comes earlier is written. What comes later now is asked about at the moment that was meant before, and put off then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.engine.policy import Policy
from dibs.engine.policy_model import Pool, Stale


def bring_forward(workspace_id: UUID, before: Policy, after: Policy, now: datetime) -> int:
    """Make every waiting lead due when ``after`` wants it looked at, if that is sooner; returns how many are.

    The moments are those of `dibs.engine.due`, in SQL, for a pool may hold a million. Leads are locked in the order of their ids until
    the transaction ends; those of pools whose times are as they were are not read.
    """
    old, new = before.qualify.stale, after.qualify.stale
    stale = new if new != old else None
    count = 0
    for pool, rules in _pools(before, after, stale is not None):
        count += _in_pool(workspace_id, pool, rules, new, now) if rules is not None else _gone(workspace_id, pool, now)
    return count + (_in_nurture(workspace_id, stale, now) if stale is not None else 0)


def _pools(before: Policy, after: Policy, all_of_them: bool) -> Iterator[tuple[str, Pool | None]]:
    """The pools that leads may wait in and whose times are others now; ``None``: the pool is no more."""
    for name, rules in before.pools.items():
        now_rules = after.pools.get(name)
        if now_rules is None or all_of_them or _times(now_rules) != _times(rules):
            yield name, now_rules


def _times(rules: Pool) -> tuple[timedelta, ...]:
    return (rules.assign_after, *(step.after for step in rules.escalate))


def _in_pool(workspace_id: UUID, pool: str, rules: Pool, stale: Stale | None, now: datetime) -> int:
    return _run(
        """
        WITH waits AS (
            SELECT id, waiting_since + %(cap)s AS cap, waiting_since + (%(steps)s::interval[])[escalated + 1] AS step,
                   CASE WHEN rank = %(rank)s THEN greatest(waiting_since + %(stale)s, %(now)s) END AS stale
            FROM crm_lead WHERE workspace_id = %(workspace)s AND pool = %(pool)s AND state = 'pooled'
            ORDER BY id FOR NO KEY UPDATE
        ), wanted AS (
            SELECT id, greatest(least(cap, step, stale), %(now)s) AS at,
                   CASE WHEN stale < least(cap, step) THEN 'stale' WHEN step < cap THEN 'escalate' ELSE 'age_cap' END AS why
            FROM waits
        )
        UPDATE crm_lead lead SET due_at = wanted.at, due_for = wanted.why FROM wanted
        WHERE wanted.id = lead.id AND wanted.at < lead.due_at
        """,
        workspace=workspace_id,
        pool=pool,
        cap=rules.assign_after,
        steps=[step.after for step in rules.escalate],
        rank=stale.rank if stale is not None else None,
        stale=stale.after if stale is not None else None,
        now=now,
    )


def _gone(workspace_id: UUID, pool: str, now: datetime) -> int:
    """Leads of a pool that is no more find another place at once."""
    return _run(
        """
        WITH waits AS (
            SELECT id FROM crm_lead WHERE workspace_id = %(workspace)s AND pool = %(pool)s AND state = 'pooled' AND due_at > %(now)s
            ORDER BY id FOR NO KEY UPDATE
        )
        UPDATE crm_lead lead SET due_at = %(now)s, due_for = 'escalate' FROM waits WHERE waits.id = lead.id
        """,
        workspace=workspace_id,
        pool=pool,
        now=now,
    )


def _in_nurture(workspace_id: UUID, stale: Stale, now: datetime) -> int:
    return _run(
        """
        WITH waits AS (
            SELECT id, greatest(waiting_since + %(stale)s, %(now)s) AS at
            FROM crm_lead WHERE workspace_id = %(workspace)s AND state = 'nurture' AND rank = %(rank)s
            ORDER BY id FOR NO KEY UPDATE
        )
        UPDATE crm_lead lead SET due_at = waits.at, due_for = 'stale' FROM waits
        WHERE waits.id = lead.id AND (lead.due_at IS NULL OR waits.at < lead.due_at)
        """,
        workspace=workspace_id,
        stale=stale.after,
        rank=stale.rank,
        now=now,
    )


def _run(statement: str, **values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
