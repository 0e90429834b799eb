"""One rep with all that is written down about them, for themselves and who leads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from dibs.distribution import policies
from dibs.distribution.hours import hours_of
from dibs.distribution.standings import standing_now
from dibs.engine import calendar
from dibs.engine.counters import Standing, on_day, pushed_within_hour
from dibs.engine.policy import Caps
from dibs.people import particulars, public_holidays
from dibs.people.access import Action
from dibs.people.caller import Caller
from dibs.people.models import Rep, TimeOff
from dibs.people.particulars import CalendarState
from dibs.people.public_holidays import Holiday
from dibs.people.tenancy import enter

#: How far ahead holidays are told of.
_HOLIDAYS = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Cap:
    """How many leads a rep is given at most, and how many it is now. ``name`` as in the policy: ``open_at_most``, ``per_hour``,
    ``per_day``, ``per_week`` or ``per_month``."""

    name: str
    at_most: int
    have: int


@dataclass(frozen=True, slots=True)
class Off:
    """Time off that is not over."""

    id: UUID
    starts: datetime
    ends: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Person:
    """A rep. ``absence``: what keeps them from being given leads now, as in `crew.RepCard`; ``hours`` as clock times by weekday, ``None``:
    always at work; ``caps`` by team; ``leads``: whether the caller leads them, and may change what is here."""

    id: UUID
    handle: str
    name: str
    country: str
    region: str
    timezone: str
    keeps_holidays: bool
    hours: Mapping[str, tuple[str, str]] | None
    languages: Sequence[str]
    industries: Sequence[str]
    seniority: int | None
    depth: int | None
    teams: Sequence[str]
    active: bool
    available: bool
    away_why: str
    away_since: datetime | None
    absence: str | None
    holidays: Sequence[Holiday]
    time_off: Sequence[Off]
    calendar: CalendarState | None
    caps: Mapping[str, Sequence[Cap]]
    leads: bool


class NotTheirs(Exception):
    """There is such a rep, and the caller neither is them nor leads them."""


def rep_called(caller: Caller, handle: str) -> Rep | None:
    """The rep of this handle in the caller's workspace."""
    enter(caller.workspace_id)
    return Rep.objects.defer("face").filter(workspace_id=caller.workspace_id, handle=handle).first()


def person(caller: Caller, rep: Rep, now: datetime) -> Person:
    """All about this rep. Raises `NotTheirs`."""
    leads = particulars.leads(caller, rep)
    if not leads and rep.id != caller.rep_id:
        raise NotTheirs
    today = calendar.local_day(rep.timezone, now)
    teams = sorted(rep.teams.values_list("slug", flat=True))
    away = TimeOff.objects.filter(rep=rep, ends__gt=now).order_by("starts", "id")
    hours = hours_of(rep.workspace_id, rep.id, now)
    absence = calendar.absence(hours, now) if rep.available else "switched_off"
    return Person(
        id=rep.id,
        handle=rep.handle,
        name=rep.name,
        country=rep.country,
        region=rep.region,
        timezone=rep.timezone,
        keeps_holidays=rep.keeps_holidays,
        hours=particulars.days_of_hours(rep.hours),
        languages=rep.languages,
        industries=rep.industries,
        seniority=rep.seniority,
        depth=rep.depth,
        teams=teams,
        active=rep.active,
        available=rep.available,
        away_why=rep.away_why,
        away_since=rep.away_since,
        absence=absence if rep.active else None,
        holidays=_holidays(rep, today, caller.language),
        time_off=[Off(off.id, off.starts, off.ends, off.note) for off in away],
        calendar=particulars.calendar_of(rep),
        caps=_caps(rep, teams, today, now),
        leads=leads and caller.may(Action.EDIT_REPS),
    )


def _holidays(rep: Rep, today: date, language: str) -> list[Holiday]:
    """Those that the rep keeps: who is always at work keeps none."""
    if not rep.keeps_holidays or rep.hours is None:
        return []
    return public_holidays.between(rep.country, rep.region, today, today + _HOLIDAYS, language)


def _caps(rep: Rep, teams: Sequence[str], today: date, now: datetime) -> dict[str, list[Cap]]:
    """The caps that the policy sets for the rep, by team."""
    active = policies.active(rep.workspace_id)
    if active is None:
        return {}
    standing = on_day(standing_now(rep.workspace_id, rep.id), today)
    return {team: caps for team in teams if (caps := _of_team(active.book.caps_of(team, rep.handle), standing, now))}


def _of_team(caps: Caps | None, standing: Standing, now: datetime) -> list[Cap]:
    if caps is None:
        return []
    counted = {
        "open_at_most": (caps.open_at_most, standing.open_leads),
        "per_hour": (caps.per_hour, pushed_within_hour(standing.pushed_at, now)),
        "per_day": (caps.per_day, standing.assigned_today),
        "per_week": (caps.per_week, standing.assigned_this_week),
        "per_month": (caps.per_month, standing.assigned_this_month),
    }
    return [Cap(name, at_most, have) for name, (at_most, have) in counted.items() if at_most is not None]
