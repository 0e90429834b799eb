"""The floor at a glance, for who leads it: what waits and ages, what is at risk, who is loaded, what just happened.

What waits is counted exactly, all pools in one look along the waiting leads; medians and shares are of the latest few
thousand decisions, so that a day of many costs no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.distribution.overseeing import ANY_MANAGER
from dibs.insight.crew import RepCard, reps_in_sight
from dibs.insight.feed import Happening, Lot, feed
from dibs.insight.sight import Eyes
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: Ends of the age bands of waiting leads, in minutes; the last band is open.
AGES = (5, 15, 30, 60)
#: A lock or an offer with less than this left is at risk.
AT_RISK = timedelta(minutes=2)
#: What "just now" goes back to, and how many of the latest decisions are looked at for medians and shares.
_DAY, _HOUR, _LATEST = timedelta(hours=24), timedelta(hours=1), 5_000


@dataclass(frozen=True, slots=True)
class PoolAges:
    """How long leads have waited in a pool: how many in each band of `AGES`."""

    name: str
    mode: str
    ages: tuple[int, ...]
    oldest: datetime | None
    claims_last_hour: int

    @property
    def waiting(self) -> int:
        return sum(self.ages)


@dataclass(frozen=True, slots=True)
class Floor:
    """``median_to_claim`` is of the latest claims of the last 24 hours; ``contacted_in_time`` the share (0..1) of their first
    contacts that kept the policy's promise ``promise``, ``None`` where there is none to keep. ``lapsed_today``: locks and offers of
    these reps that ran out unused in the last 24 hours."""

    pools: tuple[PoolAges, ...]
    median_to_claim: timedelta | None
    contacted_in_time: float | None
    promise: timedelta | None
    at_risk: int
    lapsed_today: int
    in_review: int
    reps: tuple[RepCard, ...]
    feed: tuple[Happening | Lot, ...]

    @property
    def waiting(self) -> int:
        return sum(pool.waiting for pool in self.pools)

    @property
    def over_an_hour(self) -> int:
        return sum(pool.ages[-1] for pool in self.pools)


def floor(caller: Caller, now: datetime) -> Floor:
    """The floor as far as the caller leads it: a manager's own teams and the pools open to them, everything for operations."""
    enter(caller.workspace_id)
    eyes = Eyes(caller, now)
    # What a tier shows a manager who is a rep elsewhere is no floor of theirs, and may be some of its leads only.
    pools = [
        name for name, pool in (eyes.book.policy.pools.items() if eyes.book else ()) if caller.oversees(pool.teams)
    ]
    reps = [card for card in reps_in_sight(caller, now) if card.active and card.load is not None]
    ids = [card.id for card in reps]
    claims = _claims_last_hour(caller, now)
    sla = eyes.book.policy.sla[0] if eyes.book and eyes.book.policy.sla else None
    return Floor(
        pools=_ages(eyes, pools, claims),
        median_to_claim=_median_to_claim(caller, ids, now),
        contacted_in_time=_contacted_in_time(caller, ids, sla.first_contact, now) if sla else None,
        promise=sla.first_contact if sla else None,
        at_risk=_one(
            "SELECT count(*) FROM crm_lead WHERE workspace_id = %s AND owner_id = ANY(%s) AND state IN ('owned', 'offered') "
            "AND contacted_at IS NULL AND lock_expires_at > %s AND lock_expires_at <= %s",
            [caller.workspace_id, ids, now, now + AT_RISK],
        ),
        lapsed_today=_one(
            # The log's decision has the rep it went on to, where it went straight to somebody else.
            "SELECT count(*) FROM distribution_passedover WHERE workspace_id = %s AND at > %s AND at <= %s AND kind = 'lapsed' "
            "AND rep_id = ANY(%s)",
            [caller.workspace_id, now - _DAY, now, ids],
        ),
        in_review=_in_review(eyes),
        reps=tuple(reps),
        feed=tuple(feed(eyes)),
    )


def _one(statement: str, values: list[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]


def _ages(eyes: Eyes, pools: list[str], claims: dict[str, int]) -> tuple[PoolAges, ...]:
    ends = [eyes.now - timedelta(minutes=minutes) for minutes in AGES]
    bands = [("waiting_since > %s", [ends[0]])]
    bands += [("waiting_since <= %s AND waiting_since > %s", [newer, older]) for newer, older in pairwise(ends)]
    bands.append(("waiting_since <= %s", [ends[-1]]))
    counts = ", ".join(f"count(*) FILTER (WHERE {band})" for band, _ in bands)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pool, min(waiting_since), {counts} FROM crm_lead "
            "WHERE workspace_id = %s AND state = 'pooled' AND pool = ANY(%s) GROUP BY pool",
            [*(end for _, moments in bands for end in moments), eyes.caller.workspace_id, pools],
        )
        found = {pool: (oldest, tuple(ages)) for pool, oldest, *ages in cursor.fetchall()}
    rules = eyes.book.policy.pools if eyes.book else {}
    told = []
    for name in pools:
        oldest, ages = found.get(name, (None, (0,) * len(bands)))
        told.append(PoolAges(name, rules[name].mode, ages, oldest, claims.get(name, 0)))
    return tuple(told)


def _claims_last_hour(caller: Caller, now: datetime) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pool, count(*) FROM distribution_decision WHERE workspace_id = %s AND at > %s AND at <= %s "
            "AND kind = 'claimed' GROUP BY pool",
            [caller.workspace_id, now - _HOUR, now],
        )
        return dict(cursor.fetchall())


_LATEST_OF_KIND = f"""
    SELECT decision.lead_id, decision.at FROM distribution_decision decision
    WHERE decision.workspace_id = %s AND decision.at > %s AND decision.at <= %s AND decision.kind = %s
      AND decision.rep_id = ANY(%s)
    ORDER BY decision.at DESC LIMIT {_LATEST}
"""


def _median_to_claim(caller: Caller, reps: list[UUID], now: datetime) -> timedelta | None:
    seconds = _one(
        f"""
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM claimed.at - lead.waiting_since))
        FROM ({_LATEST_OF_KIND}) claimed JOIN crm_lead lead ON lead.id = claimed.lead_id
        """,
        [caller.workspace_id, now - _DAY, now, "claimed", reps],
    )
    return None if seconds is None else timedelta(seconds=float(seconds))


def _contacted_in_time(caller: Caller, reps: list[UUID], promise: timedelta, now: datetime) -> float | None:
    share = _one(
        f"""
        SELECT avg((contacted.at <= lead.received_at + %s)::int) FROM ({_LATEST_OF_KIND}) contacted
        JOIN crm_lead lead ON lead.id = contacted.lead_id AND lead.contacted_at = contacted.at
        WHERE lead.rank = 'hot'
        """,
        [promise, caller.workspace_id, now - _DAY, now, "contacted", reps],
    )
    return None if share is None else float(share)


def _in_review(eyes: Eyes) -> int:
    caller = eyes.caller
    queues, values = ("", []) if eyes.sees_all else (" AND review = ANY(%s)", [[ANY_MANAGER, *caller.manages]])
    return int(
        _one(
            f"SELECT count(*) FROM crm_lead WHERE workspace_id = %s AND state = 'review'{queues}",
            [caller.workspace_id, *values],
        )
    )
