"""Nobody is kept longer than the policy says: what has had its time is erased by night, a few hundred leads at a time.

``privacy.keep`` names three spans, each counted from something else: leads that came to nothing, from when they were given up or their
opportunity was lost; leads that nobody has, from when their person was last heard of; what sources sent, from when it came. A lead that
became business, or may still, stays: it is a customer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from dibs.distribution import forgetting, policies
from dibs.engine.forgetting import Cutoffs, cutoffs
from dibs.engine.lifecycle import WAITING
from dibs.intake.erasing import erase_leads
from dibs.intake.models import Erasure
from dibs.people.caller import operator
from dibs.people.tenancy import enter, new_id

#: Leads erased in one transaction; and payloads emptied in one.
CHUNK, ROWS = 200, 5_000
#: Leads erased in one night at most: what is left goes the next.
NIGHTLY = 20_000


@dataclass(frozen=True, slots=True)
class Over:
    """How much has had its time: leads that came to nothing, leads that nobody has, and rows of what sources sent."""

    ended: int = 0
    open: int = 0
    raw: int = 0

    @property
    def total(self) -> int:
        return self.ended + self.open + self.raw


def keeps(workspace_id: UUID, now: datetime) -> Cutoffs:
    """Before when what is known is not kept, by the policy in force; nothing of it without a policy."""
    active = policies.active(workspace_id)
    return cutoffs(active.book.policy.privacy.keep, now) if active else Cutoffs(None, None, None)


def over(workspace_id: UUID, now: datetime) -> Over:
    """How much has had its time now. Nothing is written."""
    enter(workspace_id)
    limit = keeps(workspace_id, now)
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        for why, (where, params) in _which(limit).items():
            cursor.execute(
                f"SELECT count(*) FROM crm_lead lead WHERE workspace_id = %(workspace)s AND {where}",
                params | {"workspace": workspace_id},
            )
            counts[why] = cursor.fetchone()[0]
        if limit.raw is not None:
            for table, _, where in _RAW:
                cursor.execute(
                    f"SELECT count(*) FROM {table} WHERE workspace_id = %s AND {where}", [workspace_id, limit.raw]
                )
                counts["raw"] = counts.get("raw", 0) + cursor.fetchone()[0]
    return Over(**counts)


def retain(workspace_id: UUID, now: datetime, *, most: int = NIGHTLY) -> Over:
    """Erase what has had its time, up to ``most`` leads; returns how much that was. Call it outside a transaction: each chunk is one of its
    own, so that one that is broken off goes on where it was."""
    enter(workspace_id)
    limit, caller = keeps(workspace_id, now), operator(workspace_id)
    done: dict[str, int] = {}
    for why, (where, params) in _which(limit).items():
        # Leads of one night are one line in the log.
        into = new_id()
        while done.get(why, 0) < most:
            leads = _some(workspace_id, where, params, min(CHUNK, most - done.get(why, 0)))
            if not leads:
                break
            with transaction.atomic():
                # Somebody may have reopened one just now: what is locked is asked once more.
                forgetting.lock(workspace_id, leads)
                still = _some(workspace_id, f"{where} AND lead.id = ANY(%(these)s)", {**params, "these": leads}, CHUNK)
                if still:
                    erase_leads(caller, still, now, why=why, into=into)
            done[why] = done.get(why, 0) + len(still)
    if limit.raw is not None and (emptied := _empty(workspace_id, limit.raw)):
        done["raw"] = emptied
        Erasure.objects.create(workspace_id=workspace_id, at=now, why="raw", leads=0, rows={"received": emptied})
    return Over(**done)


def _which(limit: Cutoffs) -> dict[str, tuple[str, dict[str, Any]]]:
    """SQL that says which leads have had their time, by why."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    if limit.ended is not None:
        found["ended"] = (
            "NOT lead.flags @> '{erased}' AND (lead.state = 'retired' AND coalesce(lead.ended_at, lead.created_at) < %(ended)s "
            # A lost opportunity stays as a number; one that is open or won keeps its lead.
            "OR lead.state = 'converted' AND EXISTS (SELECT FROM crm_opportunity deal WHERE deal.workspace_id = lead.workspace_id "
            "AND deal.lead_id = lead.id AND deal.state = 'lost' AND deal.ended_at < %(ended)s) "
            # What was merged goes with what it was merged into.
            "OR lead.state = 'merged' AND EXISTS (SELECT FROM crm_lead kept WHERE kept.id = lead.merged_into_id AND kept.flags @> '{erased}'))",
            {"ended": limit.ended},
        )
    if limit.open is not None:
        found["open"] = (
            "NOT lead.flags @> '{erased}' AND lead.state = ANY(%(waiting)s) "
            "AND greatest(lead.received_at, lead.last_touch_at, lead.contacted_at) < %(open)s",
            {"open": limit.open, "waiting": sorted(WAITING)},
        )
    return found


def _some(workspace_id: UUID, where: str, params: dict[str, Any], count: int) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM crm_lead lead WHERE workspace_id = %(workspace)s AND {where} ORDER BY id LIMIT %(count)s",
            params | {"workspace": workspace_id, "count": count},
        )
        return [row[0] for row in cursor.fetchall()]


#: What sources sent: table, what is emptied, and which rows are too old. The row of a payload stays: by its digest the same sent again
#: is known, and changes nothing.
_RAW = (
    ("intake_rawpayload", "payload = '{}'", "received_at < %s AND payload <> '{}'"),
    (
        "intake_importrefusal",
        "raw = '', detail = ''",
        "batch_id IN (SELECT id FROM intake_import WHERE started_at < %s) AND (raw <> '' OR detail <> '')",
    ),
)


def _empty(workspace_id: UUID, before: datetime) -> int:
    emptied = 0
    for table, change, where in _RAW:
        while True:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE {table} SET {change} WHERE id IN (SELECT id FROM {table} WHERE workspace_id = %s AND {where} LIMIT {ROWS})",
                    [workspace_id, before],
                )
                emptied += cursor.rowcount
                if cursor.rowcount < ROWS:
                    break
    return emptied
