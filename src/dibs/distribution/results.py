"""Counts how reps' leads ended lately, for policies that ask: by kind for ``by: best_match``, in all for whom a push is ``among``.

Both are counted anew every few minutes, and at once when a policy that asks comes into force: a push reads what was counted and
counts nothing itself. What no policy asks any more is dropped.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from procrastinate.contrib.django import app

from dibs.distribution.rulebooks import active
from dibs.distribution.standings import records
from dibs.distribution.writing import begin_standings
from dibs.engine.policy import BestMatch, Policy
from dibs.engine.results import Count, kind_named
from dibs.engine.rulebook import Rulebook, Uses
from dibs.people.bulk import insert_rows, update_rows
from dibs.people.tenancy import enter, new_id

#: The job that counts for one workspace, by the name that it has in the queue.
JOB = "count_results_of"

#: A rep's id and the kind of lead.
_Key = tuple[UUID, str]


def follow(workspace_id: UUID, before: Policy | None, after: Policy) -> None:
    """Have results counted when the caller's transaction commits, if ``after`` asks for others than ``before`` did."""
    if _asked(after) != (_asked(before) if before is not None else (False, False)):
        app.configure_task(JOB).defer(workspace=str(workspace_id))


def count(workspace_id: UUID, now: datetime) -> int:
    """Count what the active policy asks of how leads ended; returns how many rows changed.

    Any number of workers may do this at the same time: one waits for the other and finds its work done.
    """
    enter(workspace_id)
    policy = active(workspace_id)
    book = policy.book if policy is not None else None
    counted = _counted(workspace_id, book.policy.best_match, now) if book is not None and book.uses.best_match else {}
    changed = _keep(workspace_id, counted)
    if book is not None and book.uses.record and not book.tiers:
        changed += _keep_records(workspace_id, book, now)
    return changed


def _asked(policy: Policy) -> object:
    """What of a policy decides what is counted."""
    uses = Uses.of(policy)
    return uses.best_match and policy.best_match, uses.record and (bool(policy.tiers), policy.tiering.over)


def _counted(workspace_id: UUID, rules: BestMatch, now: datetime) -> dict[_Key, Count]:
    """For each active rep and kind: how many leads they ended within ``over``, and how many of these by a conversion."""
    kinds = ", ".join(f"lead.{column}" for column in rules.kinds)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT lead.owner_id, count(*), count(*) FILTER (WHERE lead.state = 'converted'), {kinds}
            FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.ended_at > %s AND lead.state IN ('converted', 'retired')
              AND lead.owner_id = ANY(ARRAY(SELECT id FROM people_rep WHERE workspace_id = %s AND active))
            GROUP BY lead.owner_id, {kinds}
            """,
            [workspace_id, now - rules.over, workspace_id],
        )
        found: dict[_Key, Count] = {}
        for rep, closed, converted, *values in cursor.fetchall():
            key = rep, kind_named(values)
            before = found.get(key, (0, 0))  # values may differ in what the kind's name leaves out
            found[key] = before[0] + closed, before[1] + converted
    return found


def _keep(workspace_id: UUID, counted: dict[_Key, Count]) -> int:
    """Write what differs from what was counted before."""
    with transaction.atomic(), connection.cursor() as cursor:
        # One at a time, whoever counts.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"results {workspace_id}"])
        cursor.execute(
            "SELECT id, rep_id, kind, closed, converted FROM distribution_result WHERE workspace_id = %s",
            [workspace_id],
        )
        kept = {(rep, kind): (row, (closed, converted)) for row, rep, kind, closed, converted in cursor.fetchall()}
        new = [(new_id(), workspace_id, *key, *counts) for key, counts in counted.items() if key not in kept]
        other = [(kept[key][0], *counts) for key, counts in counted.items() if key in kept and kept[key][1] != counts]
        gone = [row for key, (row, _) in kept.items() if key not in counted]
        insert_rows("distribution_result", ("id", "workspace_id", "rep_id", "kind", "closed", "converted"), new)
        update_rows("distribution_result", "id", ("closed", "converted"), other)
        if gone:
            cursor.execute(
                "DELETE FROM distribution_result WHERE workspace_id = %s AND id = ANY(%s)", [workspace_id, gone]
            )
    return len(new) + len(other) + len(gone)


def _keep_records(workspace_id: UUID, book: Rulebook, now: datetime) -> int:
    """Reps' records where no tiers keep them (see ``tiering``): what ``rep.closed`` and ``rep.conversion_rate`` say in a push."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM people_rep WHERE workspace_id = %s AND active ORDER BY id", [workspace_id])
        reps = [row[0] for row in cursor.fetchall()]
        ended = records(workspace_id, reps, now - book.policy.tiering.over)
        begin_standings(workspace_id, reps)
        cursor.execute(
            "SELECT rep_id, closed, converted FROM distribution_standing WHERE workspace_id = %s AND rep_id = ANY(%s) "
            "ORDER BY rep_id FOR UPDATE",
            [workspace_id, reps],
        )
        changed = [
            (rep, *ended.get(rep, (0, 0)))
            for rep, closed, converted in cursor.fetchall()
            if ended.get(rep, (0, 0)) != (closed, converted)
        ]
        return update_rows("distribution_standing", "rep_id", ("closed", "converted"), changed)
