"""What was on offer at each claim, worked out afterwards, so that a claim pays nothing for it.

The log says of each decision where its lead waited before and after, and with which score. So what waits now, taken back decision
by decision, is what waited at any moment before: at each claim that is looked at, and what of it the rep could see is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import SerializationFailure

from dibs.distribution.reading import LEAD_SELECT, lead_facts, lead_row
from dibs.distribution.views import SCORES, View, Views
from dibs.engine.facts import LeadFacts
from dibs.people.bulk import insert_rows
from dibs.people.tenancy import enter

#: The upper ends of the bands of score that claims and offers are counted in.
BANDS = (20, 40, 60, 80, 100)

#: How far back the first look at a log goes, and how far each goes over what was looked at: a decision's moment is when it was
#: begun, and it may have been committed after the last look all the same.
_BACK, _LATE = timedelta(days=30), timedelta(minutes=5)
#: A tier's condition that asks more of a lead than its score is asked of so many leads at most, or not at all.
_ASKED_OF = 20_000
#: Rows written, and read, at a time.
_AT_ONCE = 5_000


@dataclass(slots=True)
class Looked:
    """How many claims were written down, and of how many of them it could not be told what was on offer."""

    claims: int = 0
    unknown: int = 0


def watch(workspace_id: UUID, now: datetime) -> Looked:
    """Write a `Choice` for each claim since the last look, at most 30 days back; a claim is written once.

    It reads what waits and the log as they are at one moment (REPEATABLE READ); called within a transaction, as that one sees them.
    If another worker is at it or was quicker, nothing is done.
    """
    enter(workspace_id)
    inside = connection.in_atomic_block
    try:
        with transaction.atomic():
            if not inside:
                _run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return _watch(workspace_id, now)
    except OperationalError as problem:
        if inside or not isinstance(problem.__cause__, SerializationFailure):
            raise
        return Looked()


def band_of(score: int) -> int:
    """The place in `BANDS` of a score."""
    return next(place for place, end in enumerate(BANDS) if score <= end)


def _watch(workspace_id: UUID, now: datetime) -> Looked:
    _run("INSERT INTO distribution_watched (workspace_id) VALUES (%s) ON CONFLICT DO NOTHING", workspace_id)
    turn = _run("SELECT upto FROM distribution_watched WHERE workspace_id = %s FOR UPDATE SKIP LOCKED", workspace_id)
    if not turn:
        return Looked()
    upto: datetime | None = turn[0][0]
    since = now - _BACK if upto is None else max(upto - _LATE, now - _BACK)
    claimers = _run(
        "SELECT DISTINCT rep_id, policy_version FROM distribution_decision "
        "WHERE workspace_id = %s AND at > %s AND kind = 'claimed' AND rep_id IS NOT NULL",
        workspace_id,
        since,
    )
    looked = Looked()
    if claimers:
        known = {
            row[0]
            for row in _run(
                "SELECT id FROM distribution_choice WHERE workspace_id = %s AND at > %s", workspace_id, since
            )
        }
        for rows in _in_batches(_choices(workspace_id, since, claimers, known)):
            insert_rows("distribution_choice", _COLUMNS, rows)
            looked.claims += len(rows)
            looked.unknown += sum(row[_SEEN] is None and not row[_QUEUE] for row in rows)
    _run("UPDATE distribution_watched SET upto = greatest(upto, %s) WHERE workspace_id = %s", now, workspace_id)
    return looked


_COLUMNS = (
    "id",
    "workspace_id",
    "rep_id",
    "at",
    "pool",
    "score",
    "waited",
    "queue",
    "seen",
    "below",
    "ties",
    "offered",
    "ridit",
    "variance",
)
_QUEUE, _SEEN = _COLUMNS.index("queue"), _COLUMNS.index("seen")
_NOT_KNOWN = (None,) * 6


def _choices(
    workspace_id: UUID, since: datetime, claimers: list[tuple[Any, ...]], known: set[UUID]
) -> Iterator[tuple[Any, ...]]:
    """The rows to write, the latest claim first."""
    views = Views(workspace_id, {rep for rep, _ in claimers}, {version or 0 for _, version in claimers}, since)
    waiting = _Waiting(workspace_id, since, views.asked_of_each(claimers))
    for step in _backwards(workspace_id, since):
        waiting.undo(step)
        if step.kind != "claimed" or step.rep is None or step.id in known:
            continue
        queue = views.is_queue(step.version, step.pool)
        view = None if queue else views.view(step.rep, step.version, step.at)
        seen = waiting.seen(view, step) if view else None
        offer = _NOT_KNOWN if seen is None else _offer(seen, step.score)
        yield (
            step.id, workspace_id, step.rep, step.at, step.pool, step.score, step.waited, queue, *offer
        )  # fmt: skip


def _offer(seen: list[int], score: int) -> tuple[Any, ...]:
    """What `Choice` keeps of how many leads of each score were in sight, and the chosen one's place among them.

    The ridit is Bross's (Biometrics 14, 1958, 18-38), the share below plus half the share of equals; chosen at random its mean is
    1/2 exactly, and its variance (1 - sum of (share of each score)**3) / 12.
    """
    total, below, ties = sum(seen), sum(seen[:score]), seen[score]
    offered, start = [], 0
    for end in BANDS:
        offered.append(sum(seen[start + 1 : end + 1]))
        start = end
    variance = (1 - sum((count / total) ** 3 for count in seen if count)) / 12
    return total, below, ties, offered, (below + ties / 2) / total, max(0.0, variance)


@dataclass(frozen=True, slots=True)
class _Step:
    """A decision, as far as it moved its lead into a pool, out of one, or changed its score there. ``pool_before`` and
    ``score_before`` are those that it waited with; ``waited`` is in seconds, and asked of claims only."""

    id: UUID
    lead: UUID
    kind: str
    before: str
    after: str
    rep: UUID | None
    pool: str
    score: int
    version: int | None
    at: datetime
    pool_before: str | None
    score_before: int
    waited: int


class _Waiting:
    """How many leads wait by pool and score: now, and ever earlier as steps are undone. For each view that asks more of a lead
    than its score there is a count of its own, of the leads that it lets through."""

    def __init__(self, workspace_id: UUID, since: datetime, asking: list[View]) -> None:
        self._counts: dict[str, list[int]] = {}
        for pool, score, count in _run(
            "SELECT pool, coalesce(score, 1), count(*) FROM crm_lead WHERE workspace_id = %s AND state = 'pooled' GROUP BY 1, 2",
            workspace_id,
        ):
            self._in(self._counts, pool)[score] += count
        self._leads: dict[UUID, LeadFacts] = {}
        self._narrow: dict[tuple[Any, ...], tuple[View, dict[str, list[int]], dict[tuple[UUID, int], bool]]] = {}
        rows = _leads_to_ask(workspace_id, since) if asking else None
        if rows is None:
            return
        self._leads = {row["id"]: lead_facts(row) for row in rows}
        self._narrow = {view.key: (view, {}, {}) for view in asking if view.key is not None}
        for row in rows:
            if row["state"] == "pooled":
                self._add_narrow(row["id"], row["pool"], row["score"] or 1, 1)

    def undo(self, step: _Step) -> None:
        """Go back to how it was just before this decision."""
        if step.after == "pooled":
            self._add(step.lead, step.pool, step.score, -1)
        if step.before == "pooled":
            self._add(step.lead, step.pool_before or step.pool, step.score_before, 1)

    def seen(self, view: View, claim: _Step) -> list[int] | None:
        """By score, how many leads the rep could choose from; ``None`` if that can't be told."""
        if view.key is None:
            counts = self._counts
        elif view.key in self._narrow:
            counts = self._narrow[view.key][1]
        else:
            return None
        pools = [counts[pool] for pool in view.pools if pool in counts]
        # Never below nothing: two clocks that differ can make a lead leave a pool before it came.
        seen = [max(0, sum(column)) for column in zip(*pools, strict=True)] if pools else [0] * (len(SCORES) + 1)
        if view.admits is not None:
            seen = [count if admitted else 0 for count, admitted in zip(seen, view.admits, strict=True)]
        if claim.before != "pooled":
            seen[claim.score] += 1  # its lock had run out, and the lapse was not written yet
        # The rep did see the lead they took: a view without it is not the one they had.
        return seen if claim.pool in view.pools and seen[claim.score] else None

    def _add(self, lead: UUID, pool: str, score: int, count: int) -> None:
        self._in(self._counts, pool)[score] += count
        if self._narrow:
            self._add_narrow(lead, pool, score, count)

    def _add_narrow(self, lead: UUID, pool: str, score: int, count: int) -> None:
        for view, counts, asked in self._narrow.values():
            shown = asked.get((lead, score))
            if shown is None:
                facts = self._leads.get(lead)
                shown = asked[lead, score] = facts is not None and view.shows(replace(facts, score=score))
            if shown:
                self._in(counts, pool)[score] += count

    @staticmethod
    def _in(counts: dict[str, list[int]], pool: str) -> list[int]:
        if pool not in counts:
            counts[pool] = [0] * (len(SCORES) + 1)
        return counts[pool]


def _leads_to_ask(workspace_id: UUID, since: datetime) -> list[dict[str, Any]] | None:
    """The leads that wait now or did since then; ``None`` if they are too many to ask each. Facts are those of now."""
    rows = _run(
        f"""
        SELECT {LEAD_SELECT} FROM crm_lead lead WHERE lead.workspace_id = %s AND (lead.state = 'pooled' OR lead.id IN (
            SELECT lead_id FROM distribution_decision WHERE workspace_id = %s AND at > %s AND 'pooled' IN (before, after)))
        LIMIT {_ASKED_OF + 1}
        """,
        workspace_id,
        workspace_id,
        since,
    )
    return [lead_row(values) for values in rows] if len(rows) <= _ASKED_OF else None


# What a lead waited with before a decision is in the decision before it: usually among those looked at, else looked up. A decision
# never stands before an earlier one of its lead, whatever two clocks say.
_LOG = """
    SELECT step.id, step.lead_id, step.kind, step.before, step.after, step.rep_id, step.pool, coalesce(step.score, 1),
           step.policy_version, step.at,
           CASE WHEN step.before <> 'pooled' OR step.kind = 'claimed' THEN step.pool
                WHEN step.nth_before = step.nth - 1 THEN step.pool_before ELSE earlier.pool END,
           coalesce(CASE WHEN step.before <> 'pooled' OR step.kind = 'claimed' THEN step.score
                         WHEN step.nth_before = step.nth - 1 THEN step.score_before ELSE earlier.score END, 1),
           CASE WHEN step.kind <> 'claimed' THEN 0 ELSE greatest(0, least(2147483647, extract(epoch FROM step.at - (
               CASE WHEN lead.waiting_since <= step.at THEN lead.waiting_since
                    ELSE (SELECT max(came.at) FROM distribution_decision came
                          WHERE came.workspace_id = step.workspace_id AND came.lead_id = step.lead_id AND came.nth < step.nth
                            AND came.before <> 'pooled' AND came.after = 'pooled') END))))::int END
    FROM (
        SELECT decision.*, lag(nth) OVER story AS nth_before, lag(pool) OVER story AS pool_before,
               lag(score) OVER story AS score_before, max(at) OVER story AS moment
        FROM distribution_decision decision WHERE workspace_id = %s AND at > %s
        WINDOW story AS (PARTITION BY lead_id ORDER BY nth)
    ) step
    LEFT JOIN distribution_decision earlier
      ON step.before = 'pooled' AND step.kind <> 'claimed' AND step.nth_before IS DISTINCT FROM step.nth - 1
     AND earlier.workspace_id = step.workspace_id AND earlier.lead_id = step.lead_id AND earlier.nth = step.nth - 1
    LEFT JOIN crm_lead lead ON step.kind = 'claimed' AND lead.id = step.lead_id
    WHERE 'pooled' IN (step.before, step.after) OR step.kind = 'claimed'
    ORDER BY step.moment DESC, step.id DESC
"""


def _backwards(workspace_id: UUID, since: datetime) -> Iterator[_Step]:
    """The decisions after a moment that matter to who waits where, the latest first."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_LOG, [workspace_id, since])
        while rows := cursor.fetchmany(_AT_ONCE):
            for row in rows:
                yield _Step(*row)


def _in_batches(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    batch: list[tuple[Any, ...]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
