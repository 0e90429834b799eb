"""What a rep comes back to: the leads that are theirs, with their clocks, and where they stand with the rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from dibs.distribution import policies
from dibs.distribution.reading import standing_now
from dibs.engine import calendar, fairplay
from dibs.engine.fairplay import Progress, Standing
from dibs.insight.sight import SELECT, TABLES, Eyes, SeenLead, row_of
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: More leads than this nobody works at once; the rest is in the list of leads.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class MyStanding:
    """A rep's counters today, and where they stand against each rule in force. ``today`` is the rep's own date."""

    today: date
    counters: Standing
    rules: tuple[Progress, ...]
    policy: str | None
    policy_version: int | None


def my_leads(caller: Caller, now: datetime) -> list[SeenLead]:
    """The leads that the caller holds or is offered, the one whose time runs out first before the others."""
    if caller.rep_id is None:
        return []
    enter(caller.workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {SELECT} FROM {TABLES}
            WHERE lead.workspace_id = %s AND lead.owner_id = %s AND lead.state IN ('offered', 'owned', 'working')
              AND NOT (lead.state <> 'working' AND lead.lock_expires_at IS NOT NULL AND lead.lock_expires_at <= %s)
            ORDER BY coalesce(lead.lock_expires_at, lead.due_at) NULLS LAST, lead.id DESC LIMIT %s
            """,
            [caller.workspace_id, caller.rep_id, now, _AT_ONCE],
        )
        rows = [row_of(row) for row in cursor.fetchall()]
    eyes = Eyes(caller, now)
    return [seen for row in rows if (seen := eyes.see(row)) is not None]


def my_standing(caller: Caller, now: datetime) -> MyStanding | None:
    """Where the caller stands; ``None`` for somebody who is no rep."""
    if caller.rep_id is None:
        return None
    enter(caller.workspace_id)
    today = calendar.local_day(caller.timezone, now)
    counters = fairplay.on_day(standing_now(caller.workspace_id, caller.rep_id), today)
    active = policies.active(caller.workspace_id)
    if active is None:
        return MyStanding(today, counters, (), None, None)
    rules = fairplay.announce(active.book, counters, today, now)
    return MyStanding(today, counters, rules, active.book.policy.policy, active.number)
