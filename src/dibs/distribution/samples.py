"""How each pool stands, noted every five minutes: what "how it moved" is drawn from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from dibs.distribution import rulebooks
from dibs.distribution.choices import BANDS
from dibs.people.tenancy import enter, new_id

#: From one note to the next.
EVERY = timedelta(minutes=5)
#: How long notes are kept: a little longer than the longest period that is looked at.
_KEPT_FOR = timedelta(days=100)


def sample(workspace_id: UUID, now: datetime) -> int:
    """Note how many wait in each pool, for how long (seconds), and with which scores; returns how many pools were noted.

    A pool of the active policy is noted also when it is empty. However often and wherever this is called, there is one note for
    each pool in five minutes.
    """
    enter(workspace_id)
    seconds = int(now.timestamp()) // int(EVERY.total_seconds()) * int(EVERY.total_seconds())
    at = datetime.fromtimestamp(seconds, UTC)
    with transaction.atomic():
        noted = set(
            _column("SELECT pool FROM distribution_poolsample WHERE workspace_id = %s AND at = %s", workspace_id, at)
        )
        by_score = _by_score(workspace_id)
        active = rulebooks.active(workspace_id)
        pools = sorted({*by_score, *(active.book.policy.pools if active else ())} - noted)
        for pool in pools:
            bands = by_score.get(pool, [0] * len(BANDS))
            oldest, median, p90 = _ages(workspace_id, pool, sum(bands), now)
            _run(
                "INSERT INTO distribution_poolsample (id, workspace_id, pool, at, waiting, oldest, median, p90, offered) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                new_id(), workspace_id, pool, at, sum(bands), oldest, median, p90, bands,
            )  # fmt: skip
        if pools:
            _run(
                "DELETE FROM distribution_poolsample WHERE workspace_id = %s AND pool = ANY(%s) AND at < %s",
                workspace_id,
                pools,
                now - _KEPT_FOR,
            )
    return len(pools)


def _by_score(workspace_id: UUID) -> dict[str, list[int]]:
    """By pool, how many wait in each band of score: one look along an index."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pool, band, count(*) FROM (
                SELECT pool, width_bucket(coalesce(score, 1), %s::int[]) AS band FROM crm_lead
                WHERE workspace_id = %s AND state = 'pooled') waiting
            GROUP BY pool, band
            """,
            [[end + 1 for end in BANDS[:-1]], workspace_id],
        )
        found: dict[str, list[int]] = {}
        for pool, band, count in cursor.fetchall():
            found.setdefault(pool, [0] * len(BANDS))[band] = count
    return found


def _ages(workspace_id: UUID, pool: str, waiting: int, now: datetime) -> tuple[int, int, int]:
    """Seconds that the oldest, the middle one and the one older than 9 of 10 have waited. Counted off along the index of the line:
    a percentile would sort them all."""
    ages = []
    for place in (0, (waiting - 1) // 2, (waiting - 1) // 10):
        found = _column(
            "SELECT waiting_since FROM crm_lead WHERE workspace_id = %s AND pool = %s AND state = 'pooled' "
            "ORDER BY waiting_since, id OFFSET %s LIMIT 1",
            workspace_id,
            pool,
            max(0, place),
        )
        ages.append(max(0, int((now - found[0]).total_seconds())) if found and found[0] else 0)
    return ages[0], ages[1], ages[2]


def _column(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


def _run(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
