"""What a rep's own record says beside the counters: why they are in their tier, what they earned this month, and what an announced
policy would mean for them as they stand now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from dibs.distribution import policies
from dibs.distribution.standings import standing_now, with_record
from dibs.engine import calendar, counters, fairplay
from dibs.engine.claim import tier_of
from dibs.engine.facts import RepFacts
from dibs.engine.fairplay import Progress
from dibs.engine.policy_fair_play import Credits
from dibs.people.caller import Caller
from dibs.people.tenancy import enter


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One line of the log about a rep's standing; ``reasons`` as the log keeps them."""

    at: datetime
    kind: str
    reasons: tuple[Mapping[str, Any], ...]
    policy_version: int | None


@dataclass(frozen=True, slots=True)
class MyCredits:
    """Points earned since ``since``, the first of the month in the rep's zone: how often and how many, by what for. ``rules``: what the
    policy gives points for now, ``None`` for nothing.
    """

    since: datetime
    claims: int
    claim_points: Decimal
    conversions: int
    convert_points: Decimal
    rules: Credits | None

    @property
    def points(self) -> Decimal:
        return self.claim_points + self.convert_points


@dataclass(frozen=True, slots=True)
class Then:
    """How a rep would stand if the announced policy were in force now. ``tier``: the one they would be in; ``None``: in none."""

    rules: Mapping[str, Progress]
    tier: str | None


def my_record(caller: Caller, limit: int = 10) -> list[RecordLine]:
    """What happened to the caller's standing other than by a lead, newest first."""
    if caller.rep_id is None:
        return []
    enter(caller.workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT at, kind, reasons::text, policy_version FROM distribution_repentry "
            "WHERE workspace_id = %s AND rep_id = %s ORDER BY at DESC, id DESC LIMIT %s",
            [caller.workspace_id, caller.rep_id, limit],
        )
        return [RecordLine(at, kind, tuple(json.loads(why)), version) for at, kind, why, version in cursor.fetchall()]


def my_credits(caller: Caller, now: datetime) -> MyCredits | None:
    """What the caller earned this month; ``None`` where the policy gives no points and the caller has none."""
    if caller.rep_id is None:
        return None
    enter(caller.workspace_id)
    active = policies.active(caller.workspace_id)
    rules = active.book.policy.credits if active is not None else None
    local = now.astimezone(ZoneInfo(caller.timezone))
    since = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT what, count(*), sum(points) FROM distribution_credit "
            "WHERE workspace_id = %s AND rep_id = %s AND at >= %s AND at <= %s GROUP BY what",
            [caller.workspace_id, caller.rep_id, since, now],
        )
        earned = {what: (count, points) for what, count, points in cursor.fetchall()}
    if rules is None and not earned:
        return None
    claims, conversions = (earned.get(what, (0, Decimal(0))) for what in ("claim", "convert"))
    return MyCredits(since, *claims, *conversions, rules)


def standing_under(caller: Caller, version_id: UUID, now: datetime) -> Then | None:
    """How the caller stands against the rules of another version of the policy; ``None`` for somebody who is no rep."""
    if caller.rep_id is None:
        return None
    enter(caller.workspace_id)
    book = policies.rulebook(version_id).book
    today = calendar.local_day(caller.timezone, now)
    standing = counters.on_day(standing_now(caller.workspace_id, caller.rep_id), today)
    rules = {progress.rule: progress for progress in fairplay.announce(book, standing, today, now)}
    tier = None
    if book.tiers:
        rep = with_record(caller.workspace_id, caller.rep_id, RepFacts(handle=caller.handle or ""), book, now)
        tier, _ = tier_of(book, rep)
    return Then(rules, tier.name if tier is not None else None)
