"""Reads what the engine needs to know, and nothing more.

Rows come as dicts by column name, as the database holds them; here they become the engine's facts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.crm.models import Lead
from dibs.distribution.hours import HOURS_COLUMNS, HOURS_WIDTH, hours_from, since_and_until
from dibs.engine import calendar, counters, rotate
from dibs.engine.counters import Standing, on_day
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.results import NOTHING_KNOWN, Count, Results
from dibs.engine.roster import Roster
from dibs.engine.rulebook import Rulebook

Row = dict[str, Any]

#: Leads that are read at a time where many are.
_PAGE = 2_000

#: A lead as it is read: without the column that is there to be searched.
LEAD_COLUMNS: tuple[str, ...] = tuple(
    str(field.column) for field in Lead._meta.concrete_fields if field.column != "lookup"
)
LEAD_SELECT = ", ".join(f"lead.{column}" for column in LEAD_COLUMNS)

STANDING_COLUMNS = (
    "holding",
    "open_leads",
    "day",
    "claims_today",
    "assigned_today",
    "week",
    "claims_this_week",
    "recent",
    "skips",
    "kept_skips",
    "lapses",
    "last_claim_at",
    "claimed_at",
    "floor_on",
    "assigned_this_week",
    "month",
    "assigned_this_month",
    "pushed_at",
    "lapses_in_a_row",
)

_FACT_NAMES = tuple(known.name for known in fields(LeadFacts))
_FACTS = itemgetter(*_FACT_NAMES)
_DEAL_VALUE = _FACT_NAMES.index("deal_value")


def lead_row(values: Sequence[Any]) -> Row:
    """A lead's columns, in the order of `LEAD_COLUMNS`, as a dict; JSON columns read."""
    row = dict(zip(LEAD_COLUMNS, values, strict=True))
    if isinstance(row["attributes"], str):
        row["attributes"] = json.loads(row["attributes"])
    if isinstance(row["answers"], str):
        row["answers"] = json.loads(row["answers"])
    return row


def lead_facts(row: Mapping[str, Any]) -> LeadFacts:
    """What a policy may ask about this lead."""
    given = _FACTS(row)
    value = given[_DEAL_VALUE]
    if value is None:
        return LeadFacts(*given)
    return LeadFacts(*given[:_DEAL_VALUE], float(value), *given[_DEAL_VALUE + 1 :])  # type: ignore[call-arg]


def lead_clock(row: Mapping[str, Any], owner: str | None, passed_over: frozenset[str] = frozenset()) -> LeadClock:
    """Where this lead stands in its life; ``owner`` is the handle of the rep who has it."""
    return LeadClock(
        id=str(row["id"]),
        state=row["state"],
        pool=row["pool"],
        owner=owner,
        received_at=row["received_at"],
        waiting_since=row["waiting_since"],
        lock_expires_at=row["lock_expires_at"],
        contacted_at=row["contacted_at"],
        due_at=row["due_at"],
        due_for=row["due_for"],
        escalated=row["escalated"],
        reassigned=row["reassigned"],
        passed_over=passed_over,
        claimed_at=row["claimed_at"],
        by_hand=row["by_hand"],
        sla_at=row["sla_at"],
        warned=row["warned"],
        acted_at=row["acted_at"],
        awaits=row["awaits"],
        side=row["side"],
        sequence=row["sequence"],
        mailed=row["mailed"],
        mailed_at=row["mailed_at"],
    )


def seed_for(row: Mapping[str, Any], digest: str) -> str:
    """What breaks ties in the decision on this lead as it was read."""
    return rotate.seed_for(str(row["id"]), digest, row["version"])


def pages_of(workspace_id: UUID, ids: Sequence[UUID]) -> Iterator[list[Row]]:
    """These leads in this order, `_PAGE` at a time, not locked. Unknown ids are left out."""
    for first in range(0, len(ids), _PAGE):
        wanted = ids[first : first + _PAGE]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {LEAD_SELECT} FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.id = ANY(%s)",
                [workspace_id, list(wanted)],
            )
            rows = {row["id"]: row for row in map(lead_row, cursor.fetchall())}
        yield [rows[lead] for lead in wanted if lead in rows]


def lock_leads(workspace_id: UUID, lead_ids: Iterable[UUID]) -> dict[UUID, Row]:
    """The leads, locked in the order of their ids until the transaction ends. Unknown ids are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {LEAD_SELECT} FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.id = ANY(%s) ORDER BY lead.id FOR UPDATE",
            [workspace_id, list(lead_ids)],
        )
        rows = [lead_row(values) for values in cursor.fetchall()]
    return {row["id"]: row for row in rows}


def passed_over(workspace_id: UUID, lead_ids: Iterable[UUID]) -> dict[UUID, frozenset[str]]:
    """For each lead, the handles of the reps who had it and let it lapse, declined it or gave it back. To look at it or skip it in
    passing is none of these: it does not keep the lead from being pushed to who did."""
    wanted = list(lead_ids)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT passed.lead_id, array_agg(DISTINCT rep.handle::text)
            FROM distribution_passedover passed JOIN people_rep rep ON rep.id = passed.rep_id
            WHERE passed.workspace_id = %s AND passed.lead_id = ANY(%s) AND passed.kind NOT IN ('skipped', 'opened')
            GROUP BY passed.lead_id
            """,
            [workspace_id, wanted],
        )
        return {lead: frozenset(handles) for lead, handles in cursor.fetchall()}


def has_opened(workspace_id: UUID, rep_id: UUID, lead_id: UUID) -> bool:
    """Whether the rep has opened the lead's details since their last claim."""
    return lead_id in opened_among(workspace_id, rep_id, [lead_id])


def opened_among(workspace_id: UUID, rep_id: UUID, leads: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these leads of which the rep has opened the details since their last claim."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT passed.lead_id FROM distribution_passedover passed
            WHERE passed.workspace_id = %s AND passed.lead_id = ANY(%s) AND passed.rep_id = %s AND passed.kind = 'opened'
              AND passed.at > coalesce(
                (SELECT last_claim_at FROM distribution_standing standing WHERE standing.rep_id = passed.rep_id), '-infinity')
            """,
            [workspace_id, list(leads), rep_id],
        )
        return frozenset(row[0] for row in cursor.fetchall())


def earned_already(workspace_id: UUID, rep_id: UUID, lead_id: UUID) -> frozenset[str]:
    """The kinds of credit that the rep has had for the lead."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT what FROM distribution_credit WHERE workspace_id = %s AND lead_id = %s AND rep_id = %s",
            [workspace_id, lead_id, rep_id],
        )
        return frozenset(row[0] for row in cursor.fetchall())


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
        cursor.execute(
            f"""
            SELECT team.slug, array_agg(rep.handle::text ORDER BY member.id)
            FROM people_team team JOIN people_membership member ON member.team_id = team.id
            JOIN people_rep rep ON rep.id = member.rep_id
            WHERE team.workspace_id = %s{which} GROUP BY team.slug
            """,
            [workspace_id, *named],
        )
        teams = {slug: tuple(handles) for slug, handles in cursor.fetchall()}
        passes: dict[str, dict[str, float]] = {}
        results = NOTHING_KNOWN
        if these is None:
            passes = _passes(cursor, workspace_id)
            results = _results(cursor, workspace_id) if book is None or book.uses.best_match else NOTHING_KNOWN
    facts = {row[1]: _rep_facts(row, now) for row in reps}
    return Crew(
        roster=Roster(reps=facts, teams=teams, passes=passes, results=results),
        ids={row[1]: row[0] for row in reps},
        handles={row[0]: row[1] for row in reps},
        names={row[1]: row[2] for row in reps},
        timezones={row[1]: row[4] for row in reps},
        now=now,
    )


#: Columns of a standing that count a rep's open leads and what was pushed to them, and in which day, week and month.
_PUSH_COLUMNS = ("open_leads", "day", "assigned_today", "week", "assigned_this_week", "month", "assigned_this_month")

_REPS = f"""
    SELECT rep.id, rep.handle, rep.name, rep.country, {HOURS_COLUMNS},
           rep.languages, rep.available, rep.active, rep.industries, rep.seniority, rep.depth,
           coalesce(standing.closed, 0), coalesce(standing.converted, 0), {{pushed}},
           {", ".join(f"standing.{column}" for column in _PUSH_COLUMNS)}
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
    languages, available, active, industries, seniority, depth, closed, converted, pushed_at, *counted = rest
    pushed = _pushed(counted, hours[0], now)
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


def _pushed(counted: Sequence[Any], timezone: str, now: datetime) -> Standing:
    """A rep's load, of columns in the order of `_PUSH_COLUMNS`: turned over to the rep's own day, week and month."""
    known = {name: value for name, value in zip(_PUSH_COLUMNS, counted, strict=True) if value is not None}
    return on_day(Standing(**known), calendar.local_day(timezone, now))


@dataclass(frozen=True, slots=True)
class TierKept:
    """What is kept of a rep's tier from its last look, see ``engine.tiers``. ``on`` ``None``: nobody has looked yet; ``tier`` ``None``
    after a look: none fits."""

    tier: str | None = None
    on: date | None = None
    closed: int = 0
    converted: int = 0


#: Columns of a standing that make a `TierKept`, in its order.
TIER_COLUMNS = ("tier", "tier_on", "closed", "converted")


def with_record(workspace_id: UUID, rep_id: UUID, rep: RepFacts, book: Rulebook, now: datetime) -> RepFacts:
    """The rep's facts with all that tiers ask about, as the policy's daily look left them; counted afresh where there was none yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT rep.country, rep.languages, rep.industries, rep.seniority, rep.depth, rep.active, rep.available, rep.timezone,
                   {", ".join(f"standing.{column}" for column in (*_PUSH_COLUMNS, *TIER_COLUMNS))}
            FROM people_rep rep LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id
            WHERE rep.workspace_id = %s AND rep.id = %s
            """,
            [workspace_id, rep_id],
        )
        row = cursor.fetchone()
    if row is None:
        return rep
    country, languages, industries, seniority, depth, active, available, timezone, *counted = row
    pushed, (tier, on, closed, converted) = _pushed(counted[:-4], timezone, now), counted[-4:]
    rep = replace(
        counters.counted(rep, pushed),
        country=country or None,
        languages=tuple(languages),
        industries=tuple(industries),
        seniority=seniority,
        depth=depth,
        active=active,
        available=available,
    )
    return in_tier(workspace_id, rep_id, rep, TierKept(tier, on, closed or 0, converted or 0), book, now)


def in_tier(workspace_id: UUID, rep_id: UUID, rep: RepFacts, kept: TierKept, book: Rulebook, now: datetime) -> RepFacts:
    """`with_record`, for who has read already what is kept."""
    closed, converted = kept.closed, kept.converted
    if kept.on is None:
        closed, converted = records(workspace_id, [rep_id], now - book.policy.tiering.over).get(rep_id, (0, 0))
    return recorded(rep, None if kept.on is None else kept.tier or "", closed, converted)


def recorded(rep: RepFacts, tier: str | None, closed: int, converted: int) -> RepFacts:
    """The rep's facts with what tiers ask about: of ``closed`` leads ended, so many ``converted``."""
    return replace(rep, tier=tier, closed=closed, conversion_rate=converted / closed if closed else None)


def records(workspace_id: UUID, rep_ids: Iterable[UUID], since: datetime) -> dict[UUID, tuple[int, int]]:
    """How many leads each rep ended after this moment, and how many of these by a conversion. Who ended none is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT owner_id, count(*), count(*) FILTER (WHERE state = 'converted') FROM crm_lead
            WHERE workspace_id = %s AND owner_id = ANY(%s) AND ended_at > %s GROUP BY owner_id
            """,
            [workspace_id, list(rep_ids), since],
        )
        return {rep: (closed, converted) for rep, closed, converted in cursor.fetchall()}


def standing_of(values: Sequence[Any]) -> Standing:
    """A standing from its columns in the order of `STANDING_COLUMNS`."""
    fields = dict(zip(STANDING_COLUMNS, values, strict=True))
    for column in ("recent", "claimed_at", "pushed_at"):
        fields[column] = tuple(fields[column])
    return Standing(**fields)


def standing_now(workspace_id: UUID, rep_id: UUID, *, lock: bool = False) -> Standing:
    """A rep's counters as they are; a rep without any yet has them all at nothing. ``lock``: until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(STANDING_COLUMNS)} FROM distribution_standing WHERE workspace_id = %s AND rep_id = %s"
            f"{' FOR UPDATE' if lock else ''}",
            [workspace_id, rep_id],
        )
        row = cursor.fetchone()
    return standing_of(row) if row else Standing()
