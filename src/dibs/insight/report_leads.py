"""The leads behind a number of the reports: the very ones that it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dibs.insight.leads import newest, range_of
from dibs.insight.pages import Page
from dibs.insight.reports import said_by, zone_of
from dibs.insight.sight import Eyes, SeenLead
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: What of them a number counts, and the SQL of it.
PARTS: Mapping[str, str] = {
    "leads": "true",
    "contacted": "(lead.contacted_at IS NOT NULL OR lead.state = 'converted')",
    "converted": "lead.state = 'converted'",
    "won": "EXISTS (SELECT FROM crm_opportunity deal WHERE deal.lead_id = lead.id AND deal.workspace_id = lead.workspace_id "
    "AND deal.state = 'won')",
    "lost": "EXISTS (SELECT FROM crm_opportunity deal WHERE deal.lead_id = lead.id AND deal.workspace_id = lead.workspace_id "
    "AND deal.state = 'lost')",
    "retired": "lead.state = 'retired'",
    "open": "lead.state NOT IN ('converted', 'retired')",
}


@dataclass(frozen=True, slots=True)
class Counting:
    """Which number is meant: of the leads received from ``since`` up to ``until``, the ``part`` (of `PARTS`), of those that have the value
    ``name`` of ``by`` if ``grouped``; a ``name`` of ``None``: that say nothing of it. ``why``: those given up for this reason."""

    since: datetime
    until: datetime
    part: str = "leads"
    by: str = "source"
    name: str | None = None
    grouped: bool = False
    why: str | None = None


def month_with(caller: Caller, day: date) -> tuple[datetime, datetime] | None:
    """When the month of this day begins and the next one, in the workspace's time zone; ``None`` at the ends of all calendars."""
    if day.year in {MINYEAR, MAXYEAR}:
        return None
    first = datetime(day.year, day.month, 1, tzinfo=ZoneInfo(zone_of(caller)))
    return first, (first + timedelta(days=32)).replace(day=1)


def leads_behind(
    caller: Caller, counting: Counting, asked: str, *, cursor: str | None = None, limit: int = 50, now: datetime
) -> Page[SeenLead]:
    """A page of the leads that a number of the reports counts, the newest first. ``asked`` says which number in words that stay the same
    from page to page, as a period up to now does not. Raises `UnknownGroup`, `BadCursor`."""
    enter(caller.workspace_id)
    eyes = Eyes(caller, now)
    scope, values = range_of(eyes)
    conditions = [
        scope,
        "lead.state <> 'merged'",
        "lead.received_at >= %s",
        "lead.received_at < %s",
        PARTS[counting.part],
    ]
    values += [counting.since, counting.until]
    if counting.grouped:
        said, named = said_by(counting.by)
        conditions.append(f"{said} IS NOT DISTINCT FROM %s")
        values += [*named, counting.name]
    if counting.why is not None:
        conditions.append("coalesce(lead.retired_why, 'other') = %s")
        values.append(counting.why)
    question = repr(("behind", str(caller.workspace_id), asked))
    return newest(eyes, question, conditions, values, cursor=cursor, limit=limit)
