"""The list of a rep's own leads: filtered, searched, sorted and counted, open ones and those that ended; and what is due today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from dibs.crm.lookup import words_of
from dibs.insight.pages import Page, cursor_after, last_seen
from dibs.insight.pools import BadFilter
from dibs.insight.sight import SELECT, TABLES, Eyes, SeenLead, row_of
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

View = Literal["open", "ended", "helped"]
VIEWS: tuple[View, ...] = ("open", "ended", "helped")

#: The states that each view has to choose among.
STATES: Mapping[View, tuple[str, ...]] = {
    "open": ("offered", "owned", "working"),
    "ended": ("converted", "retired"),
    "helped": ("offered", "owned", "working"),
}

#: Fields that have one of the values asked for.
FIELDS = ("state", "rank", "source", "campaign", "product")

#: When the time of an open lead runs out: its lock's or offer's, or the promised first contact's.
_RUNS_OUT = "coalesce(lead.lock_expires_at, CASE WHEN lead.due_for = 'sla' THEN lead.due_at END)"
_LEFT_SINCE = "coalesce(lead.acted_at, lead.contacted_at, lead.claimed_at, lead.received_at)"

#: Orders: the SQL that rows are sorted by, never NULL, and whether the greatest comes first.
ORDERS: Mapping[str, tuple[str, bool]] = {
    "time": (f"coalesce({_RUNS_OUT}, lead.follow_up_at, 'infinity')", False),
    "-score": ("coalesce(lead.score, 0)", True),
    "-received_at": ("lead.received_at", True),
    "received_at": ("lead.received_at", False),
    "idle": (_LEFT_SINCE, False),
    "follow_up": ("coalesce(lead.follow_up_at, 'infinity')", False),
    "name": ("lower(coalesce(lead.company, lead.name, lead.domain, lead.email, ''))", False),
    "-ended_at": ("coalesce(lead.ended_at, '-infinity')", True),
}

#: How a view is sorted unless asked otherwise.
FIRST_ORDER: Mapping[View, str] = {"open": "time", "ended": "-ended_at", "helped": "time"}

#: No more than these are due on one day for one rep.
_MOST_DUE = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What the rep wants to see. ``fields``: of `FIELDS`, each with a value; ``idle_days``: left alone for so many days at least;
    ``due``: with something of `my_due`. ``sort``: of `ORDERS`, "" for the view's own."""

    view: View = "open"
    fields: Mapping[str, str] = field(default_factory=dict)
    due: bool = False
    idle_days: int | None = None
    words: str = ""
    sort: str = ""

    @property
    def order(self) -> str:
        return self.sort or FIRST_ORDER[self.view]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many leads there are: by view, and in the view that is looked at by value of each of `FIELDS`."""

    views: Mapping[str, int]
    values: Mapping[str, Mapping[str, int]]


DueKind = Literal["offer", "lock", "contact", "follow_up", "activity", "appointment"]


@dataclass(frozen=True, slots=True)
class DueToday:
    """Something to be done until the rep's midnight. ``id``: the activity's or the appointment's; ``kind`` of the activity, ``title`` what
    it says; ``until``: when the appointment ends; ``overdue``: its moment has passed."""

    at: datetime
    what: DueKind
    lead: SeenLead
    overdue: bool
    id: UUID | None = None
    kind: str | None = None
    title: str = ""
    until: datetime | None = None


def my_list(
    caller: Caller, asked: Asked, now: datetime, *, cursor: str | None = None, limit: int = 50
) -> Page[SeenLead]:
    """A page of the caller's leads. Raises `BadCursor`, and `BadFilter` for an order or a field that there is not."""
    if caller.rep_id is None:
        return Page([])
    if asked.order not in ORDERS:
        raise BadFilter(asked.order)
    if unknown := set(asked.fields) - set(FIELDS):
        raise BadFilter(min(unknown))
    enter(caller.workspace_id)
    question = repr(("mine", str(caller.rep_id), asked.view, sorted(asked.fields.items()), asked.due, asked.idle_days, asked.words, asked.order))  # fmt: skip
    said, values = _narrowed(caller, asked, now)
    by, falling = ORDERS[asked.order]
    if cursor:
        said += f" AND ({by}, lead.id) {'<' if falling else '>'} (SELECT {by}, lead.id FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.id = %s)"
        values += [caller.workspace_id, last_seen(cursor, question)]
    way = "DESC" if falling else "ASC"
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {SELECT} FROM {TABLES} WHERE {said} ORDER BY {by} {way}, lead.id {way} LIMIT %s",
            [*values, limit + 1],
        )
        rows = [row_of(row) for row in ask.fetchall()]
    seen = Eyes(caller, now).see_many(rows[:limit])
    return Page(list(seen.values()), cursor_after(rows[limit - 1]["id"], question) if len(rows) > limit else None)


def my_counts(caller: Caller, asked: Asked, now: datetime) -> Counts:
    """How many there are in each view, and which values to choose among in the one asked for, the most frequent first."""
    if caller.rep_id is None:
        return Counts({}, {})
    enter(caller.workspace_id)
    views: dict[str, int] = {}
    with connection.cursor() as ask:
        for view in VIEWS:
            said, values = _whose(caller, view, now)
            ask.execute(f"SELECT count(*) FROM crm_lead lead WHERE {said}", values)
            views[view] = int(ask.fetchone()[0])
        said, values = _whose(caller, asked.view, now)
        sets = ", ".join(f"(lead.{name})" for name in FIELDS)
        ask.execute(
            f"SELECT grouping({', '.join(f'lead.{name}' for name in FIELDS)}), coalesce({', '.join(f'lead.{name}' for name in FIELDS)}), "
            f"count(*) FROM crm_lead lead WHERE {said} GROUP BY GROUPING SETS ({sets}) ORDER BY 3 DESC, 2",
            values,
        )
        counted: dict[str, dict[str, int]] = {name: {} for name in FIELDS}
        for bits, value, count in ask.fetchall():
            # The one column that was grouped by has the one bit that is not set.
            name = next(name for place, name in enumerate(reversed(FIELDS)) if not bits >> place & 1)
            if value is not None and len(counted[name]) < 50:
                counted[name][value] = count
    return Counts(views, counted)


def my_due(caller: Caller, now: datetime) -> list[DueToday]:
    """What the rep has to do until their midnight: first what a clock runs on (locks, offers, first contacts) and appointments, then
    follow-ups and what they planned; each by its moment. What is overdue is among it."""
    if caller.rep_id is None:
        return []
    enter(caller.workspace_id)
    starts, ends = _day(caller, now)
    with connection.cursor() as ask:
        ask.execute(
            _DUE,
            {
                "workspace": caller.workspace_id,
                "rep": caller.rep_id,
                "now": now,
                "starts": starts,
                "ends": ends,
                "most": _MOST_DUE,
            },
        )
        found = ask.fetchall()
        ask.execute(
            f"SELECT {SELECT} FROM {TABLES} WHERE lead.workspace_id = %s AND lead.id = ANY(%s)",
            [caller.workspace_id, list({row[2] for row in found})],
        )
        leads = Eyes(caller, now).see_many([row_of(row) for row in ask.fetchall()])
    return [
        DueToday(at, what, leads[lead], at <= now, which, kind, title or "", until)
        for at, what, lead, which, kind, title, until in found
        if lead in leads and leads[lead].level == "full"
    ]


#: Of the rep's leads and those that were merged into them, those they help with where they planned it, and opportunities that came of their
#: leads.
_DUE = f"""
    SELECT * FROM (
        SELECT {_RUNS_OUT} AS at,
               CASE WHEN lead.state = 'offered' THEN 'offer' WHEN lead.lock_expires_at IS NOT NULL THEN 'lock' ELSE 'contact' END AS what,
               lead.id AS lead, NULL::uuid AS id, NULL AS kind, NULL AS title, NULL::timestamptz AS until
        FROM crm_lead lead
        WHERE lead.workspace_id = %(workspace)s AND lead.owner_id = %(rep)s AND lead.state IN ('offered', 'owned')
          AND {_RUNS_OUT} < %(ends)s AND (lead.lock_expires_at IS NULL OR lead.lock_expires_at > %(now)s)
        UNION ALL
        SELECT lead.follow_up_at, 'follow_up', lead.id, NULL, NULL, NULL, NULL
        FROM crm_lead lead
        WHERE lead.workspace_id = %(workspace)s AND lead.owner_id = %(rep)s AND lead.state IN ('owned', 'working')
          AND lead.follow_up_at < %(ends)s
        UNION ALL
        SELECT activity.due_at, 'activity', lead.id, activity.id, activity.kind, activity.text, NULL
        FROM crm_lead lead JOIN crm_activity activity ON activity.workspace_id = lead.workspace_id AND activity.lead_id = lead.id
        WHERE lead.workspace_id = %(workspace)s AND lead.owner_id = %(rep)s AND lead.state IN ('owned', 'working', 'converted')
          AND activity.done_at IS NULL AND activity.due_at < %(ends)s
        UNION ALL
        SELECT activity.due_at, 'activity', lead.id, activity.id, activity.kind, activity.text, NULL
        FROM crm_lead lead
        JOIN crm_merge merge ON merge.workspace_id = lead.workspace_id AND merge.kept_id = lead.id AND merge.undone_at IS NULL
        JOIN crm_activity activity ON activity.workspace_id = lead.workspace_id AND activity.lead_id = merge.gone_id
        WHERE lead.workspace_id = %(workspace)s AND lead.owner_id = %(rep)s AND lead.state IN ('owned', 'working', 'converted')
          AND activity.done_at IS NULL AND activity.due_at < %(ends)s
        UNION
        SELECT activity.due_at, 'activity', activity.lead_id, activity.id, activity.kind, activity.text, NULL
        FROM crm_activity activity JOIN crm_helper helper ON helper.lead_id = activity.lead_id AND helper.rep_id = activity.rep_id
        WHERE activity.workspace_id = %(workspace)s AND activity.rep_id = %(rep)s AND activity.done_at IS NULL
          AND activity.due_at < %(ends)s
        UNION ALL
        SELECT meeting.starts_at, 'appointment', coalesce(merge.kept_id, meeting.lead_id), meeting.id, NULL, meeting.title, meeting.ends_at
        FROM crm_appointment meeting
        LEFT JOIN crm_merge merge ON merge.workspace_id = meeting.workspace_id AND merge.gone_id = meeting.lead_id AND merge.undone_at IS NULL
        WHERE meeting.workspace_id = %(workspace)s AND meeting.rep_id = %(rep)s AND meeting.cancelled_at IS NULL
          AND meeting.starts_at < %(ends)s AND meeting.starts_at > %(starts)s - interval '7 days' AND meeting.ends_at > %(now)s
          AND meeting.lead_id IS NOT NULL
    ) due ORDER BY what IN ('follow_up', 'activity'), at, lead, id LIMIT %(most)s
"""


def _whose(caller: Caller, view: View, now: datetime) -> tuple[str, list[Any]]:
    """SQL for the leads of a view. A lock that ran out took its lead away, tick or no tick."""
    held = "NOT (lead.state = 'owned' AND lead.lock_expires_at IS NOT NULL AND lead.lock_expires_at <= %s)"
    states = list(STATES[view])
    if view == "helped":
        said = "lead.id IN (SELECT lead_id FROM crm_helper WHERE workspace_id = %s AND rep_id = %s) AND lead.owner_id <> %s"
        values: list[Any] = [caller.workspace_id, caller.rep_id, caller.rep_id]
    else:
        said, values = "lead.owner_id = %s", [caller.rep_id]
    return (
        f"lead.workspace_id = %s AND {said} AND lead.state = ANY(%s) AND {held}",
        [caller.workspace_id, *values, states, now],
    )


def _narrowed(caller: Caller, asked: Asked, now: datetime) -> tuple[str, list[Any]]:
    said, values = _whose(caller, asked.view, now)
    for name, value in sorted(asked.fields.items()):
        said += f" AND lead.{name} = %s"
        values.append(value)
    if asked.idle_days is not None:
        said += f" AND {_LEFT_SINCE} <= %s"
        values.append(now - timedelta(days=asked.idle_days))
    if asked.due:
        _, ends = _day(caller, now)
        said += (
            f" AND (({_RUNS_OUT} < %s) OR (lead.follow_up_at < %s) OR EXISTS (SELECT FROM crm_activity activity "
            "WHERE activity.workspace_id = lead.workspace_id AND activity.lead_id = lead.id AND activity.done_at IS NULL "
            "AND activity.due_at < %s) OR EXISTS (SELECT FROM crm_appointment meeting WHERE meeting.workspace_id = lead.workspace_id "
            "AND meeting.lead_id = lead.id AND meeting.rep_id = %s AND meeting.cancelled_at IS NULL AND meeting.starts_at < %s "
            "AND meeting.ends_at > %s))"
        )
        values += [ends, ends, ends, caller.rep_id, ends, now]
    for word in words_of(asked.words[:200]):
        # Who has a lead sees it in full: every field is looked through.
        said += " AND strpos(lead.lookup, %s) > 0"
        values.append(word)
    return said, values


def _day(caller: Caller, now: datetime) -> tuple[datetime, datetime]:
    """The rep's own day: its first moment, and the first one after it."""
    zone = ZoneInfo(caller.timezone)
    first = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    next_day = (first + timedelta(days=1)).date()
    return first, datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone)
