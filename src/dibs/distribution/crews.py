"""Reads the reps of a workspace as the engine asks for them: who they are, when they work, what they have, and whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.distribution.hours import HOURS_COLUMNS, HOURS_WIDTH, hours_from, since_and_until
from dibs.distribution.standings import PUSH_COLUMNS, load_of
from dibs.engine import calendar
from dibs.engine.facts import RepFacts
from dibs.engine.results import NOTHING_KNOWN, Count, Results
from dibs.engine.roster import Roster
from dibs.engine.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Crew:
    """The reps of a workspace as the engine knows them, and as the database does."""

    roster: Roster
    ids: Mapping[str, UUID]
    handles: Mapping[UUID, str]
    names: Mapping[str, str]
    timezones: Mapping[str, str]
    now: datetime

    def today(self, handle: str) -> date:
        """The rep's own calendar day: counters by the day turn over at the rep's midnight."""
        return self.day(handle, self.now)

    def day(self, handle: str, at: datetime) -> date:
        """The rep's own calendar day at this moment."""
        return calendar.local_day(self.timezones[handle], at)

    def names_by_id(self) -> dict[UUID, tuple[str, str]]:
        """Handle and name of each rep, by id."""
        return {rep: (handle, self.names[handle]) for rep, handle in self.handles.items()}


def crew(
    workspace_id: UUID,
    now: datetime,
    *,
    lock_turns_of: Iterable[str] = (),
    book: Rulebook | None = None,
    only: Iterable[UUID | None] | None = None,
) -> Crew:
    """Every rep with hours, absences (those of the last week too) and load, every team, every rotation, and how leads ended lately.

    ``book`` is the policy that is about to be asked: what it never asks of reps is not read then; without, everything is.
    ``only``: no more than these reps and their teams, and no turns nor results: for what is between a rep and a lead.

    ``lock_turns_of`` names teams whose turns are about to be decided: their rows are locked until the transaction ends,
    in the order of their ids, so that two deciders never give the same turn twice. Leads are locked before this is
    called, standings after: lead, rotation, standing, everywhere.
    """
    teams_to_lock = sorted(set(lock_turns_of))
    these = None if only is None else [rep for rep in only if rep is not None]
    which, named = ("", []) if these is None else (" AND rep.id = ANY(%s)", [these])
    with connection.cursor() as cursor:
        if teams_to_lock:
            cursor.execute(
                "SELECT 1 FROM people_team WHERE workspace_id = %s AND slug = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
                [workspace_id, teams_to_lock],
            )
        cursor.execute(_reps(book, which), [*since_and_until(now), workspace_id, *named])
        reps = cursor.fetchall()
        passes: dict[str, dict[str, float]] = {}
        results = NOTHING_KNOWN
        if these is None:
            passes = _passes(cursor, workspace_id)
            results = _results(cursor, workspace_id) if book is None or book.uses.best_match else NOTHING_KNOWN
    facts = {row[1]: _rep_facts(row, now) for row in reps}
    return Crew(
        roster=Roster(reps=facts, teams=_teams(reps), passes=passes, results=results),
        ids={row[1]: row[0] for row in reps},
        handles={row[0]: row[1] for row in reps},
        names={row[1]: row[2] for row in reps},
        timezones={row[1]: row[4] for row in reps},
        now=now,
    )


_REPS = f"""
    SELECT rep.id, rep.handle, rep.name, rep.country, {HOURS_COLUMNS},
           rep.languages, rep.available, rep.active, rep.industries, rep.seniority, rep.depth,
           coalesce(standing.closed, 0), coalesce(standing.converted, 0), {{pushed}},
           {", ".join(f"standing.{column}" for column in PUSH_COLUMNS)},
           array(SELECT member.id || ' ' || team.slug FROM people_membership member
                 JOIN people_team team ON team.id = member.team_id WHERE member.rep_id = rep.id)
    FROM people_rep rep LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id
    WHERE rep.workspace_id = %s{{which}} ORDER BY rep.id
"""


def _reps(book: Rulebook | None, which: str) -> str:
    """The statement that reads reps, with as many of the moments at which leads were pushed to them as the policy asks about."""
    if book is None or book.uses.hour:
        return _REPS.format(pushed="standing.pushed_at", which=which)
    if book.uses.latest:
        return _REPS.format(pushed="standing.pushed_at[cardinality(standing.pushed_at):]", which=which)
    return _REPS.format(pushed="NULL", which=which)


def _teams(reps: Iterable[Sequence[Any]]) -> dict[str, tuple[str, ...]]:
    """Who is in each team, as they joined it; ``reps`` as `_reps` reads them."""
    joined: dict[str, list[tuple[str, str]]] = {}
    for _, handle, *_, memberships in reps:
        for each in memberships:
            membership, _, slug = each.partition(" ")
            joined.setdefault(slug, []).append((membership, handle))
    return {slug: tuple(handle for _, handle in sorted(members)) for slug, members in joined.items()}


def _passes(cursor: Any, workspace_id: UUID) -> dict[str, dict[str, float]]:
    """Where reps stand in the rotations, by team."""
    cursor.execute(
        """
        SELECT turn.key, rep.handle, turn.passed FROM distribution_rotation turn
        JOIN people_rep rep ON rep.id = turn.rep_id WHERE turn.workspace_id = %s
        """,
        [workspace_id],
    )
    passes: dict[str, dict[str, float]] = {}
    for key, handle, passed in cursor.fetchall():
        passes.setdefault(key, {})[handle] = passed
    return passes


def _results(cursor: Any, workspace_id: UUID) -> Results:
    """How reps' leads ended lately, as last counted (see ``distribution.results``)."""
    cursor.execute(
        """
        SELECT result.kind, rep.handle, result.closed, result.converted FROM distribution_result result
        JOIN people_rep rep ON rep.id = result.rep_id WHERE result.workspace_id = %s
        """,
        [workspace_id],
    )
    counts: dict[str, dict[str, Count]] = {}
    for kind, handle, closed, converted in cursor.fetchall():
        counts.setdefault(kind, {})[handle] = (closed, converted)
    return Results(counts)


def _rep_facts(row: Sequence[Any], now: datetime) -> RepFacts:
    _, handle, _, country, *rest = row
    hours, rest = rest[:HOURS_WIDTH], rest[HOURS_WIDTH:]
    languages, available, active, industries, seniority, depth, closed, converted, pushed_at, *counted, _ = rest
    pushed = load_of(counted, hours[0], now)
    return RepFacts(
        handle=handle,
        active=active,
        available=available,
        hours=hours_from(hours, now),
        open_leads=pushed.open_leads,
        assigned_today=pushed.assigned_today,
        assigned_this_week=pushed.assigned_this_week,
        assigned_this_month=pushed.assigned_this_month,
        pushed_at=tuple(pushed_at or ()),
        closed=closed,
        conversion_rate=converted / closed if closed else None,
        country=country or None,
        languages=tuple(languages),
        industries=tuple(industries),
        seniority=seniority,
        depth=depth,
    )


def handles_of(workspace_id: UUID, reps: Iterable[UUID | None]) -> dict[UUID, str]:
    """The handles of these reps."""
    wanted = {rep for rep in reps if rep}
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, handle FROM people_rep WHERE workspace_id = %s AND id = ANY(%s)", [workspace_id, list(wanted)]
        )
        return dict(cursor.fetchall())
