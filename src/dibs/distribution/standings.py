"""Reads how a rep stands: the counters of fair play, and the tier that the policy's daily look left them in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.engine import calendar, counters
from dibs.engine.counters import Standing, on_day
from dibs.engine.facts import RepFacts
from dibs.engine.rulebook import Rulebook

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

#: Columns of a standing that count a rep's open leads and what was pushed to them, and in which day, week and month.
PUSH_COLUMNS = ("open_leads", "day", "assigned_today", "week", "assigned_this_week", "month", "assigned_this_month")


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


def load_of(counted: Sequence[Any], timezone: str, now: datetime) -> Standing:
    """A rep's load, of columns in the order of `PUSH_COLUMNS`: turned over to the rep's own day, week and month."""
    known = {name: value for name, value in zip(PUSH_COLUMNS, counted, strict=True) if value is not None}
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
                   {", ".join(f"standing.{column}" for column in (*PUSH_COLUMNS, *TIER_COLUMNS))}
            FROM people_rep rep LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id
            WHERE rep.workspace_id = %s AND rep.id = %s
            """,
            [workspace_id, rep_id],
        )
        row = cursor.fetchone()
    if row is None:
        return rep
    country, languages, industries, seniority, depth, active, available, timezone, *counted = row
    pushed, (tier, on, closed, converted) = load_of(counted[:-4], timezone, now), counted[-4:]
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
