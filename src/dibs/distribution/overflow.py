"""Leads that await a team nobody of whom could be given them: as soon as somebody can, the longest waiting goes first.

Nothing has to tell who frees up: a shift that begins, a day that turns over, an appointment that ends write nothing. So every pass of
the tick asks, which costs one look into an index where nothing awaits anybody; and so does whoever does something that frees a rep, or
brings new leads: these are not before any that waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from dibs.distribution import policies
from dibs.distribution.crews import Crew, crew
from dibs.distribution.families import accounts_by_id
from dibs.distribution.policies import Active
from dibs.distribution.reading import LEAD_SELECT, Row, lead_clock, lead_facts, lead_row, passed_over, seed_for
from dibs.distribution.writing import Outcome, placing, write, write_turns
from dibs.engine import consequences, timeline
from dibs.engine.decision import Moved
from dibs.engine.roster import Roster
from dibs.people.tenancy import enter

#: Leads in one transaction, and looked at at a time.
BATCH = 200
#: Leads looked at in one pass, if nobody free may have those before them.
_AT_MOST = 2_000

#: A place in the line of all that await somebody: since when, and the id.
_Place = tuple[datetime, UUID]
_FRONT: _Place = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))


def give_waiting(workspace_id: UUID, now: datetime) -> int:
    """Give leads that await a team to whoever of it can be given one now, the longest waiting first; returns how many went. Call it
    outside a transaction, or when one has ended."""
    enter(workspace_id)
    active = policies.active(workspace_id)
    if active is None:
        return 0
    given = 0
    while first := first_in_line(workspace_id, active, now):
        with transaction.atomic():
            rows = lock_first(workspace_id, first)
            known = crew(workspace_id, now, lock_turns_of={row["awaits"] for row in rows}, book=active.book)
            outcomes, roster = deal(workspace_id, active, rows, known, now)
            write_turns(workspace_id, known.roster, roster, known.ids)
            write(workspace_id, outcomes, now=now, policy_version=active.number, crew=known)
        given += len(outcomes)
        if len(first) < BATCH or not outcomes:
            break
    return given


def first_in_line(workspace_id: UUID, active: Active, now: datetime) -> list[UUID]:
    """The leads that somebody could be given now, the longest waiting first, `BATCH` at most. None of them is locked, and of those that
    nobody free may have none ever is."""
    awaited = _awaited(workspace_id, active.book.policy.team_names())
    if not awaited:
        return []
    known = crew(workspace_id, now, book=active.book)
    roster, teams = known.roster, timeline.able(active.book, known.roster, awaited, now)
    went: list[UUID] = []
    looked_at, beyond = 0, _FRONT
    while teams and looked_at < _AT_MOST and (rows := _longest_waiting(workspace_id, teams, beyond)):
        outcomes, roster = deal(workspace_id, active, rows, replace(known, roster=roster), now)
        went += [outcome.lead["id"] for outcome in outcomes]
        if len(went) >= BATCH:
            break
        teams = timeline.able(active.book, roster, teams, now)
        looked_at += len(rows)
        beyond = (rows[-1]["waiting_since"], rows[-1]["id"])
    return went[:BATCH]


def _awaited(workspace_id: UUID, teams: Iterable[str]) -> list[str]:
    """Those of these teams that leads await."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT team FROM unnest(%s::text[]) AS team WHERE EXISTS (SELECT FROM crm_lead lead "
            "WHERE lead.workspace_id = %s AND lead.awaits = team) ORDER BY team",
            [list(teams), workspace_id],
        )
        return [row[0] for row in cursor.fetchall()]


# Each team by the index, then the oldest of all of them.
_LONGEST = """
    SELECT found.id FROM unnest(%(teams)s::text[]) AS wanted(team) CROSS JOIN LATERAL (
        SELECT one.id, one.waiting_since FROM crm_lead one
        WHERE one.workspace_id = %(workspace)s AND one.awaits = wanted.team
          AND (one.waiting_since, one.id) > (%(since)s, %(id)s)
        ORDER BY one.waiting_since, one.id LIMIT %(batch)s
    ) found
    ORDER BY found.waiting_since, found.id LIMIT %(batch)s
"""
_THESE = f"""
    SELECT {LEAD_SELECT} FROM crm_lead lead
    WHERE lead.workspace_id = %s AND lead.id = ANY(%s) AND lead.awaits IS NOT NULL AND lead.state IN ('pooled', 'review')
    ORDER BY lead.waiting_since, lead.id
"""


def _longest_waiting(workspace_id: UUID, teams: Sequence[str], beyond: _Place) -> list[Row]:
    """The leads that have awaited any of these teams longest, beyond this place in their line."""
    values: Mapping[str, Any] = {
        "teams": list(teams),
        "workspace": workspace_id,
        "since": beyond[0],
        "id": beyond[1],
        "batch": BATCH,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LONGEST, values)
        ids = [row[0] for row in cursor.fetchall()]
        cursor.execute(_THESE, [workspace_id, ids])
        return [lead_row(row) for row in cursor.fetchall()]


def lock_first(workspace_id: UUID, lead_ids: Sequence[UUID]) -> list[Row]:
    """Those of these leads that still await a team, locked until the transaction ends, the longest waiting first. Who is locked is being
    decided on by somebody else this moment, and left out."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_THESE} FOR UPDATE SKIP LOCKED", [workspace_id, list(lead_ids)])
        return [lead_row(row) for row in cursor.fetchall()]


def deal(
    workspace_id: UUID, active: Active, rows: Sequence[Row], known: Crew, now: datetime
) -> tuple[list[Outcome], Roster]:
    """What becomes of these leads, in this order: one for each that somebody can be given; and the roster after that. Nothing is
    written."""
    # Read.
    accounts = accounts_by_id(workspace_id, (row["account_id"] for row in rows))
    skipped = passed_over(workspace_id, (row["id"] for row in rows))

    # Decide.
    roster = known.roster
    left = timeline.able(active.book, roster, sorted({row["awaits"] for row in rows}), now)
    outcomes: list[Outcome] = []
    for row in rows:
        if row["awaits"] not in left:
            continue
        clock = lead_clock(row, None, skipped.get(row["id"], frozenset()))
        seed = seed_for(row, active.digest)
        account = accounts.get(row["account_id"])
        answer, roster = timeline.freed(active.book, lead_facts(row), account, clock, roster, now, seed)
        if isinstance(answer, Moved):
            outcomes.append(_outcome(row, answer, known, now, seed))
            left = timeline.able(active.book, roster, left, now)
            if not left:
                break
    return outcomes, roster


def _outcome(row: Row, moved: Moved, known: Crew, now: datetime, seed: str) -> Outcome:
    clock = lead_clock(row, None)
    after = consequences.moved(clock, moved, now)
    return Outcome(
        lead=row,
        kind=moved.kind,
        changes=placing(moved.placement, after, known, by=moved.kind),
        reasons=moved.placement.reasons,
        rep=known.ids[after.owner] if after.owner else None,
        felt=consequences.felt(clock, after, now, known.day),
        seed=seed,
    )
