"""Leads that wait, were left alone, or are marketing's, while another policy comes into force: what it wants done sooner is due sooner.

Only what comes earlier is written. What comes later now is asked about at the moment that was meant before, and put off then.

It is done after the policy is in force, so that nobody waits for it: a few thousand leads at a time, each batch in a transaction of
its own that locks leads in the order of their ids (``docs/decisions/0010-lock-order.md``). Whoever published does the first of it;
jobs that were put into the queue with the policy do the rest at once, and look again a minute later. That last look is for leads
placed by a transaction that had read the policy before and ended after this one was in force. Until then ``due_at`` may lie too late,
by that minute at most; never too early.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from procrastinate.contrib.django import app

from dibs.distribution.rulebooks import active, rulebook
from dibs.engine.policy import Policy
from dibs.engine.policy_model import Pool
from dibs.people.tenancy import enter

#: The job that brings leads forward, by the name that it has in the queue.
JOB = "bring_forward"
#: When the job comes once more, after the policy came into force. No transaction that places leads lasts so long.
LOOK_AGAIN = timedelta(minutes=1)
#: Leads in one transaction: claims of these wait meanwhile, for about a tenth of a second.
BATCH = 2_000
#: Leads that whoever publishes brings forward, before the answer: about half a second.
AT_ONCE = 10_000
#: Leads that are looked up at a time.
_PAGE = 50_000

#: When something happens to leads of a pool: its age cap, then its steps, all counted from when the lead began to wait.
Times = tuple[timedelta, ...]

#: A lead of a pool that is no more finds another place at once: as if a step had been due from the beginning, however many it has behind it.
_GONE: Times = (timedelta(seconds=1), *(timedelta(0),) * 100)


def follow(workspace_id: UUID, replaced: UUID, before: Policy, after: Policy, now: datetime) -> None:
    """Have the waiting leads follow ``after``, which takes the place of ``before``, the version ``replaced``, in this transaction.

    Nothing is done before it commits; then the first `AT_ONCE` leads are. The jobs for the rest are in the queue as soon as the policy
    is in force, and not without it.
    """
    if not _passes(before, after, now):
        return
    for wait in (timedelta(0), LOOK_AGAIN):
        app.configure_task(JOB, schedule_in={"seconds": wait.total_seconds()} if wait else None).defer(
            workspace=str(workspace_id), replaced=str(replaced)
        )

    def first_of_them() -> None:
        bring_forward(workspace_id, before, after, now, at_most=AT_ONCE)

    # If this fails, the policy is in force all the same, and the job does it.
    transaction.on_commit(first_of_them, robust=True)


def catch_up(workspace_id: UUID, replaced: UUID, now: datetime) -> int:
    """Have the leads placed by the version ``replaced`` follow the policy that is in force now, whichever came in between; returns how
    many are due sooner. Done twice, the second finds nothing to do."""
    policy = active(workspace_id)
    return bring_forward(workspace_id, rulebook(replaced).book.policy, policy.book.policy, now) if policy else 0


def bring_forward(
    workspace_id: UUID, before: Policy, after: Policy, now: datetime, *, at_most: int | None = None
) -> int:
    """Make leads due when ``after`` wants them looked at, if that is sooner: all, or the first ``at_most`` by id. Returns how many
    are. Call it outside a transaction.

    The moments are those of `dibs.engine.due`, in SQL, for a pool may hold a million. Leads of pools whose times are as they were are
    not read.
    """
    passes = _passes(before, after, now)
    if not passes:
        return 0
    enter(workspace_id)
    done, left = 0, at_most
    for find, update, values in passes:
        beyond, found = UUID(int=0), _PAGE
        while found == _PAGE and (left is None or left > 0):
            page = _PAGE if left is None else min(left, _PAGE)
            with connection.cursor() as cursor:
                cursor.execute(find, {**values, "workspace": workspace_id, "beyond": beyond, "page": page})
                ids = [lead for (lead,) in cursor.fetchall()]
            for first in range(0, len(ids), BATCH):
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(update, {**values, "workspace": workspace_id, "ids": ids[first : first + BATCH]})
                    done += int(cursor.rowcount)
            found = len(ids)
            if ids:
                beyond, left = ids[-1], None if left is None else left - len(ids)
    return done


def _passes(before: Policy, after: Policy, now: datetime) -> list[tuple[str, str, Mapping[str, Any]]]:
    """What is to be brought forward: for each kind of lead how those are found, how they are written, and what is asked."""
    passes: list[tuple[str, str, Mapping[str, Any]]] = []
    values = _what_differs(before, after, now)
    if values is not None:
        clause = {"nurture": "OR lead.state = 'nurture'" if values["stale"] is not None else ""}
        passes.append((_FIND.format(**clause), _SOONER.format(**clause), values))
    alone = _alone(before, after)
    if alone is not None:
        passes.append((_FIND_HELD, _SOONER_HELD, {"alone": alone, "now": now}))
    marketings = _marketings(before, after)
    if marketings is not None:
        passes.append((_FIND_MARKETINGS, _SOONER_MARKETINGS, {**marketings, "now": now}))
    if after.nurture.sequences != before.nurture.sequences:
        passes.append((_FIND_MAILED, _SOONER_MAILED, {"now": now}))
    return passes


def _marketings(before: Policy, after: Policy) -> Mapping[str, Any] | None:
    """After how long leads that marketing has go stale or are given up; ``None`` if neither can come sooner than it would have. Where one
    is already with whom stale leads go to is asked when it is due."""
    stale, ready = after.qualify.stale, after.qualify.ready
    give_up = ready.give_up if ready is not None else None
    if stale is None and give_up is None:
        return None
    if (stale, ready) == (before.qualify.stale, before.qualify.ready):
        return None
    return {
        "rank": stale.rank if stale is not None else None,
        "stale": stale.after if stale is not None else None,
        "unready": give_up.after if give_up is not None else None,
    }


def _alone(before: Policy, after: Policy) -> timedelta | None:
    """The least time for which a lead may be left alone before something comes of it; ``None`` if nothing can come sooner than it would
    have. Which rule is for which lead, and whose working hours count, is asked when it is due: never later than this."""
    if not after.idle or after.idle == before.idle:
        return None
    return min(idle.after * (idle.warn or 1) for idle in after.idle)


def _what_differs(before: Policy, after: Policy, now: datetime) -> Mapping[str, Any] | None:
    """What the statements are asked with: the pools whose times differ, and when leads go stale; ``None`` if nothing can come sooner."""
    stale, is_new = after.qualify.stale, after.qualify.stale != before.qualify.stale
    pools = {name: _times(after.pools.get(name)) for name in before.pools}
    if not is_new:
        pools = {name: times for name, times in pools.items() if times != _times(before.pools[name])}
        if not pools:
            return None
    return {
        "pools": list(pools),
        "caps": [cap for cap, *_ in pools.values()],
        "steps": [_array(steps) for _, *steps in pools.values()],
        "rank": stale.rank if stale is not None else None,
        "stale": stale.after if stale is not None else None,
        "now": now,
    }


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
_RULES = "SELECT * FROM unnest(%(pools)s::text[], %(caps)s::interval[], %(steps)s::text[]) AS given(pool, cap, steps)"
_LATER = f"""
    FROM crm_lead lead LEFT JOIN rule ON rule.pool = lead.pool AND lead.state = 'pooled'
    WHERE lead.workspace_id = %(workspace)s AND (lead.state = 'pooled' AND lead.pool = ANY(%(pools)s) {{nurture}})
      AND (rule.cap IS NOT NULL OR lead.rank = %(rank)s) AND (lead.due_at IS NULL OR {_AT} < lead.due_at)
"""
_FIND = f"WITH rule AS ({_RULES}) SELECT lead.id {_LATER} AND lead.id > %(beyond)s ORDER BY lead.id LIMIT %(page)s"
# Those that were found are asked again, once locked: somebody may have taken them meanwhile.
_SOONER = f"""
    WITH rule AS ({_RULES}), wanted AS (
        SELECT lead.id, {_AT} AS at,
               CASE WHEN rule.cap IS NULL OR {_STALE} < least({_CAP}, {_STEP}) THEN 'stale'
                    WHEN {_STEP} < {_CAP} THEN 'escalate' ELSE 'age_cap' END AS why
        {_LATER} AND lead.id = ANY(%(ids)s)
        ORDER BY lead.id FOR NO KEY UPDATE OF lead
    )
    UPDATE crm_lead lead SET due_at = wanted.at, due_for = wanted.why FROM wanted WHERE wanted.id = lead.id
"""

# Leads that marketing has: a rep, a pool, managers, or nobody while they get mails. One in a pool goes stale as all do there.
_MARKETINGS_STALE = "CASE WHEN lead.rank = %(rank)s AND lead.state IN ('owned', 'working') THEN lead.waiting_since + %(stale)s::interval END"
_MARKETINGS_AT = f"greatest(least(lead.waiting_since + %(unready)s::interval, {_MARKETINGS_STALE}), %(now)s)"
_MARKETINGS = f"""
    FROM crm_lead lead WHERE lead.workspace_id = %(workspace)s AND lead.side = 'marketing' AND NOT (lead.by_hand AND lead.owner_id IS NOT NULL)
      AND lead.state IN ('pooled', 'nurture', 'review', 'owned', 'working') AND lead.lock_expires_at IS NULL
      AND (lead.due_at IS NULL OR {_MARKETINGS_AT} < lead.due_at)
      AND (%(unready)s::interval IS NOT NULL OR {_MARKETINGS_STALE} IS NOT NULL)
"""
_FIND_MARKETINGS = f"SELECT lead.id {_MARKETINGS} AND lead.id > %(beyond)s ORDER BY lead.id LIMIT %(page)s"
_SOONER_MARKETINGS = f"""
    WITH wanted AS (
        SELECT lead.id, {_MARKETINGS_AT} AS at,
               CASE WHEN {_MARKETINGS_STALE} < lead.waiting_since + %(unready)s::interval OR %(unready)s::interval IS NULL THEN 'stale'
                    ELSE 'unready' END AS why
        {_MARKETINGS} AND lead.id = ANY(%(ids)s) ORDER BY lead.id FOR NO KEY UPDATE OF lead
    )
    UPDATE crm_lead lead SET due_at = wanted.at, due_for = wanted.why FROM wanted WHERE wanted.id = lead.id
"""

# Leads that their reps have, and of which nobody waits for a first contact or the end of a lock.
_ALONE_AT = "greatest(coalesce(lead.acted_at, lead.contacted_at, lead.received_at) + %(alone)s, %(now)s)"
_ALONE = f"""
    FROM crm_lead lead WHERE lead.workspace_id = %(workspace)s AND lead.owner_id IS NOT NULL
      AND (lead.state = 'working' OR (lead.state = 'owned' AND lead.lock_expires_at IS NULL AND lead.sla_at IS NULL))
      AND (lead.due_at IS NULL OR {_ALONE_AT} < lead.due_at)
"""
_FIND_HELD = f"SELECT lead.id {_ALONE} AND lead.id > %(beyond)s ORDER BY lead.id LIMIT %(page)s"
_SOONER_HELD = f"""
    WITH wanted AS (
        SELECT lead.id, {_ALONE_AT} AS at {_ALONE} AND lead.id = ANY(%(ids)s) ORDER BY lead.id FOR NO KEY UPDATE OF lead
    )
    UPDATE crm_lead lead SET due_at = wanted.at, due_for = 'idle' FROM wanted WHERE wanted.id = lead.id
"""

# Leads in the middle of mails: each is asked about at once, and put off to when its next mail is due by now.
_MAILED = """
    FROM crm_lead lead WHERE lead.workspace_id = %(workspace)s AND lead.state = 'nurture' AND lead.sequence IS NOT NULL
      AND (lead.due_at IS NULL OR lead.due_at > %(now)s)
"""
_FIND_MAILED = f"SELECT lead.id {_MAILED} AND lead.id > %(beyond)s ORDER BY lead.id LIMIT %(page)s"
_SOONER_MAILED = f"""
    WITH wanted AS (SELECT lead.id {_MAILED} AND lead.id = ANY(%(ids)s) ORDER BY lead.id FOR NO KEY UPDATE OF lead)
    UPDATE crm_lead lead SET due_at = %(now)s, due_for = 'mail' FROM wanted WHERE wanted.id = lead.id
"""
