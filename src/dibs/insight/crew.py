"""The reps as a caller may see them: who there is to everybody, and how loaded they are to who leads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from dibs.distribution.hours import HOURS_COLUMNS, HOURS_WIDTH, hours_from, since_and_until
from dibs.engine import calendar
from dibs.insight.sight import Eyes
from dibs.people.caller import Caller
from dibs.people.tenancy import enter


@dataclass(frozen=True, slots=True)
class RepLoad:
    """How much a rep has, now and today."""

    holding: int
    open_leads: int
    claims_today: int
    assigned_today: int
    skips: int
    lapses: int


@dataclass(frozen=True, slots=True)
class RepCard:
    """A rep. ``at_work``: active, available, and nothing keeps them. ``absence``: what does, as `calendar.absence` has it, or
    ``switched_off`` by themselves or who leads them. ``load`` is ``None`` for who may not see it."""

    id: UUID
    handle: str
    name: str
    country: str
    timezone: str
    languages: tuple[str, ...]
    teams: tuple[str, ...]
    active: bool
    available: bool
    at_work: bool
    absence: str | None
    load: RepLoad | None


def rep_names(workspace_id: UUID) -> dict[str, str]:
    """The name of each rep by handle, for texts that speak of them."""
    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT handle::text, name FROM people_rep WHERE workspace_id = %s", [workspace_id])
        return dict(cursor.fetchall())


def reps_in_sight(caller: Caller, now: datetime) -> list[RepCard]:
    """Every rep of the workspace by name; load of oneself, of one's teams, or of all, as the role has it."""
    enter(caller.workspace_id)
    eyes = Eyes(caller, now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT rep.id, rep.handle, rep.name, rep.country, {HOURS_COLUMNS}, rep.languages, rep.active, rep.available,
                   array(SELECT team.slug::text FROM people_membership member JOIN people_team team ON team.id = member.team_id
                         WHERE member.rep_id = rep.id ORDER BY team.slug),
                   coalesce(standing.holding, 0), coalesce(standing.open_leads, 0), standing.day,
                   coalesce(standing.claims_today, 0), coalesce(standing.assigned_today, 0),
                   coalesce(standing.skips, 0), coalesce(standing.lapses, 0)
            FROM people_rep rep LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id
            WHERE rep.workspace_id = %s ORDER BY rep.name, rep.id
            """,
            [*since_and_until(now), caller.workspace_id],
        )
        rows = cursor.fetchall()
    cards = []
    for row in rows:
        rep_id, handle, name, country, *rest = row
        working, rest = hours_from(rest[:HOURS_WIDTH], now), rest[HOURS_WIDTH:]
        timezone = row[4]
        languages, active, available, teams, *counters = rest
        holding, open_leads, day, claims, assigned, skips, lapses = counters
        if day != calendar.local_day(timezone, now):
            claims = assigned = 0
        seen = eyes.sees_all or rep_id == caller.rep_id or (eyes.leads_a_team and rep_id in eyes.reports)
        absence = calendar.absence(working, now) if available else "switched_off"
        cards.append(
            RepCard(
                id=rep_id,
                handle=handle,
                name=name,
                country=country,
                timezone=timezone,
                languages=tuple(languages),
                teams=tuple(teams),
                active=active,
                available=available,
                at_work=active and absence is None,
                absence=absence if active else None,
                load=RepLoad(holding, open_leads, claims, assigned, skips, lapses) if seen else None,
            )
        )
    return cards
