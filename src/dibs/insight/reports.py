"""What became of the leads of a period: how many came, were contacted, converted and won, by month and by whatever they have in common.

Leads count for the period they were received in, however long they took: a month's rate is that month's leads', and of late months it
still grows. Leads that were merged into others are not counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from dibs.insight.csv_files import csv_of
from dibs.insight.fair_play import WAYS
from dibs.insight.leads import range_of
from dibs.insight.sight import Eyes
from dibs.people.caller import Caller
from dibs.people.models import Workspace
from dibs.people.tenancy import enter

_WAY = " ".join(
    f"WHEN lead.taken_by IN ({', '.join(repr(how) for how in hows)}) THEN '{way}'" for way, hows in WAYS.items()
)
#: What leads can be told apart by, and the SQL of it; beside these each of their attributes, as ``attributes.NAME``.
GROUPS: Mapping[str, str] = {
    "source": "lead.source",
    "campaign": "lead.campaign",
    "rep": "owner.handle",
    "country": "lead.country",
    "industry": "lead.industry",
    "product": "lead.product",
    "language": "lead.language",
    "territory": "lead.territory",
    "way": f"CASE {_WAY} END",
}
ATTRIBUTE = "attributes."
#: More groups than this are not told; the rest is one, ``None`` of `Report.rest`.
MOST_GROUPS = 40
#: An attribute tells leads apart if it has so many values at most among the latest so many leads.
_FEW, _LATEST = 30, 2_000
#: Bands of score: 1..20, 21..40, ... 81..100.
BANDS = 5

_COUNTS = """
    count(*),
    count(*) FILTER (WHERE contacted_at IS NOT NULL OR state = 'converted'),
    count(*) FILTER (WHERE state = 'converted'),
    count(*) FILTER (WHERE state = 'retired'),
    count(*) FILTER (WHERE deal = 'won'),
    count(*) FILTER (WHERE deal = 'lost'),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY contacted_at - received_at) FILTER (WHERE contacted_at IS NOT NULL),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ended_at - received_at) FILTER (WHERE state = 'converted')
"""


class UnknownGroup(Exception):
    """Leads cannot be told apart by this."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Some leads, and what became of them. ``to_contact`` and ``to_convert``: how long it took from when they were received, half of
    those it happened to longer; ``None`` without any. ``won`` and ``lost`` are opportunities that ended.
    """

    leads: int = 0
    contacted: int = 0
    converted: int = 0
    retired: int = 0
    won: int = 0
    lost: int = 0
    to_contact: timedelta | None = None
    to_convert: timedelta | None = None

    @property
    def open(self) -> int:
        """Neither converted nor retired yet."""
        return self.leads - self.converted - self.retired

    @property
    def rate(self) -> float | None:
        """Which share of them converted, 0..1."""
        return self.converted / self.leads if self.leads else None

    def __add__(self, other: Counted) -> Counted:
        """Both together; what is in the middle of both nobody knows."""
        return Counted(
            *(
                getattr(self, name) + getattr(other, name)
                for name in ("leads", "contacted", "converted", "retired", "won", "lost")
            )
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Leads that have ``name`` in common; ``None``: that say nothing of it. ``months``: the same by month, as in `Report.months`."""

    name: str | None
    all: Counted
    months: tuple[Counted, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """Leads that came in with a score from ``low`` to ``high``."""

    low: int
    high: int
    leads: int
    converted: int

    @property
    def rate(self) -> float | None:
        return self.converted / self.leads if self.leads else None


@dataclass(frozen=True, slots=True)
class Report:
    """``since`` is in it, ``until`` is not. ``months``: their first days, in the workspace's time zone, and what came of each;
    ``groups`` by size, the largest first, and ``rest`` what is left of them. ``retired``: why leads were given up, the most first.
    ``won``: the amounts that were won, by currency. ``bands``: by the score that leads came in with.
    """

    by: str
    since: datetime
    until: datetime
    total: Counted
    months: tuple[tuple[date, Counted], ...]
    groups: tuple[Group, ...]
    rest: Group | None
    retired: tuple[tuple[str, int], ...]
    won: tuple[tuple[str, Decimal], ...]
    bands: tuple[Band, ...]


def report(caller: Caller, by: str, since: datetime, until: datetime, now: datetime) -> Report:
    """What became of the leads received from ``since`` up to ``until`` that are the caller's to look at, by ``by``: one of `GROUPS`, or
    ``attributes.NAME``. Raises `UnknownGroup`.
    """
    enter(caller.workspace_id)
    said, named = said_by(by)
    scope, values = range_of(Eyes(caller, now))
    zone = zone_of(caller)
    leads = f"""
        WITH counted AS (
            SELECT lead.id, lead.state, lead.received_at, lead.contacted_at, lead.ended_at, lead.retired_why, deal.state AS deal,
                   deal.amount, deal.currency, {said} AS named,
                   date_trunc('month', lead.received_at AT TIME ZONE %s)::date AS month
            FROM crm_lead lead
            LEFT JOIN people_rep owner ON owner.id = lead.owner_id
            LEFT JOIN crm_opportunity deal ON deal.lead_id = lead.id AND deal.workspace_id = lead.workspace_id
            WHERE lead.workspace_id = %s AND lead.state <> 'merged' AND lead.received_at >= %s AND lead.received_at < %s AND {scope}
        )
    """
    asked = [*named, zone, caller.workspace_id, since, until, *values]
    cells: dict[tuple[date | None, str | None], Counted] = {}
    by_month: dict[date, Counted] = {}
    by_name: dict[str | None, Counted] = {}
    total = Counted()
    for no_month, no_name, month, name, *counts in _rows(
        f"{leads} SELECT grouping(month), grouping(named), month, named, {_COUNTS} FROM counted "
        "GROUP BY GROUPING SETS ((month, named), (month), (named), ())",
        asked,
    ):
        counted = Counted(*counts)
        if no_month and no_name:
            total = counted
        elif no_name:
            by_month[month] = counted
        elif no_month:
            by_name[name] = counted
        else:
            cells[month, name] = counted
    months = sorted(by_month)
    groups = [
        Group(name, counted, tuple(cells.get((month, name), Counted()) for month in months))
        for name, counted in sorted(by_name.items(), key=lambda each: (-each[1].leads, each[0] or ""))
    ]
    return Report(
        by=by,
        since=since,
        until=until,
        total=total,
        months=tuple((month, by_month[month]) for month in months),
        groups=tuple(groups[:MOST_GROUPS]),
        rest=_rest(groups[MOST_GROUPS:], len(months)),
        retired=tuple(
            _rows(
                f"{leads} SELECT coalesce(retired_why, 'other'), count(*) FROM counted WHERE state = 'retired' "
                "GROUP BY 1 ORDER BY 2 DESC, 1",
                asked,
            )
        ),
        won=tuple(
            _rows(
                f"{leads} SELECT currency, sum(amount) FROM counted WHERE deal = 'won' AND amount IS NOT NULL AND currency IS NOT NULL "
                "GROUP BY 1 ORDER BY 1",
                asked,
            )
        ),
        bands=_bands(leads, asked, caller),
    )


def groups_at_hand(caller: Caller, now: datetime) -> list[str]:
    """What the caller's leads can be told apart by: of `GROUPS` those that the latest leads say anything of, and attributes that have few
    values among them."""
    enter(caller.workspace_id)
    scope, values = range_of(Eyes(caller, now))
    columns = [name for name in GROUPS if name != "rep"]
    latest = (
        f"WITH latest AS (SELECT lead.* FROM crm_lead lead WHERE lead.workspace_id = %s AND {scope} "
        f"ORDER BY lead.id DESC LIMIT {_LATEST})"
    )
    asked = [caller.workspace_id, *values]
    said = ", ".join(f"count({GROUPS[name]})" for name in columns)
    (counts,) = _rows(f"{latest} SELECT {said} FROM latest lead", asked)
    attributes = _rows(
        f"{latest} SELECT said.key FROM latest lead, jsonb_each_text(lead.attributes) said WHERE said.value <> '' "
        f"GROUP BY 1 HAVING count(DISTINCT said.value) BETWEEN 2 AND {_FEW} ORDER BY count(*) DESC, 1 LIMIT 12",
        asked,
    )
    found = [name for name, count in zip(columns, counts, strict=True) if count]
    return [
        "source",
        *(name for name in found if name != "source"),
        "rep",
        *(ATTRIBUTE + name for (name,) in attributes),
    ]


def first_received(caller: Caller, now: datetime) -> datetime | None:
    """When the first of the caller's leads was received."""
    enter(caller.workspace_id)
    scope, values = range_of(Eyes(caller, now))
    found: list[tuple[datetime | None]] = _rows(
        f"SELECT min(lead.received_at) FROM crm_lead lead WHERE lead.workspace_id = %s AND {scope}",
        [caller.workspace_id, *values],
    )
    return found[0][0]


def zone_of(caller: Caller) -> str:
    """The time zone in which the workspace's months begin."""
    return Workspace.objects.values_list("timezone", flat=True).get(id=caller.workspace_id)


def as_csv(told: Report) -> str:
    """The report as a file that a spreadsheet opens: one line for each month of each group, and no cell that it would run as a formula."""
    counts = ("leads", "contacted", "converted", "retired", "open", "won", "lost")
    lines = [
        [group.name or "", f"{month:%Y-%m}", *(getattr(counted, name) for name in counts)]
        for group in (*told.groups, *([told.rest] if told.rest else []))
        for (month, _), counted in zip(told.months, group.months, strict=True)
        if counted.leads
    ]
    return csv_of([told.by, "month", *counts], lines)


def said_by(by: str) -> tuple[str, list[str]]:
    """The SQL of what leads are told apart by, and its parameters. Raises `UnknownGroup`."""
    if by in GROUPS:
        return f"nullif({GROUPS[by]}, '')", []
    name = by.removeprefix(ATTRIBUTE)
    if name == by or not 0 < len(name) <= 100 or "\0" in name:
        raise UnknownGroup(by)
    return "nullif(left(lead.attributes->>%s, 100), '')", [name]


def _rest(groups: Sequence[Group], months: int) -> Group | None:
    if not groups:
        return None
    every, by_month = Counted(), [Counted()] * months
    for group in groups:
        every += group.all
        by_month = [one + other for one, other in zip(by_month, group.months, strict=True)]
    return Group(None, every, tuple(by_month))


def _bands(leads: str, asked: Sequence[Any], caller: Caller) -> tuple[Band, ...]:
    """By the score of the first decision: what was learnt of a lead later, to the very end, says nothing for the score it came with."""
    found = {
        band: (count, converted)
        for band, count, converted in _rows(
            f"{leads} SELECT (first.score - 1) / %s, count(*), count(*) FILTER (WHERE counted.state = 'converted') FROM counted "
            "JOIN distribution_decision first ON first.lead_id = counted.id AND first.nth = 1 AND first.workspace_id = %s "
            "WHERE first.score IS NOT NULL GROUP BY 1",
            [*asked, 100 // BANDS, caller.workspace_id],
        )
    }
    wide = 100 // BANDS
    return (
        tuple(Band(wide * band + 1, wide * (band + 1), *found.get(band, (0, 0))) for band in range(BANDS))
        if found
        else ()
    )


def _rows(statement: str, values: Iterable[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return list(cursor.fetchall())
