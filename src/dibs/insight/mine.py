"""What a rep comes back to: the leads that are theirs, with their clocks, where they stand with the rules, and what will change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db import connection

from dibs.distribution import announcing, policies
from dibs.distribution.hours import hours_of
from dibs.distribution.rulebooks import policy_of
from dibs.distribution.standings import standing_now, with_record
from dibs.distribution.tiering import Kept, kept_tiers
from dibs.engine import announcing as rules_of
from dibs.engine import calendar, counters, fairplay, floors
from dibs.engine.claim import tier_of
from dibs.engine.counters import Standing
from dibs.engine.decision import Reason
from dibs.engine.facts import RepFacts
from dibs.engine.fairplay import Progress
from dibs.engine.rulebook import Rulebook
from dibs.insight.sight import SELECT, TABLES, Eyes, SeenLead, row_of
from dibs.people.access import Action
from dibs.people.caller import Caller
from dibs.people.tenancy import enter


@dataclass(frozen=True, slots=True)
class MyStanding:
    """A rep's counters today, and where they stand against each rule in force. ``today`` is the rep's own date."""

    today: date
    counters: Standing
    rules: tuple[Progress, ...]
    policy: str | None
    policy_version: int | None


@dataclass(frozen=True, slots=True)
class MyTier:
    """The tier a rep is in, ``None`` if none fits them, and what it was last decided on: ``closed`` leads ended within ``over``, and
    ``converted`` of these. ``candidate``: another one that has fitted for ``days`` looks of the ``confirm`` it takes. ``next``: how to
    get further up.
    """

    name: str | None
    sees: str
    only: str | None
    since: date | None
    closed: int
    converted: int
    over: timedelta
    confirm: int
    candidate: str | None
    days: int
    next: Reason | None


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A policy that is announced: version ``number`` is in force from ``at`` on. ``changes``: what of it is for the reader, as
    `rule_tightens` and `rule_loosens`."""

    number: int
    name: str
    at: datetime
    changes: tuple[Reason, ...]


def my_running(caller: Caller, now: datetime, most: int = 5) -> list[tuple[SeenLead, datetime]]:
    """The caller's leads whose time runs out next, to be contacted or accepted, each with when it does."""
    if caller.rep_id is None:
        return []
    enter(caller.workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {SELECT} FROM {TABLES}
            WHERE lead.workspace_id = %s AND lead.owner_id = %s AND lead.state IN ('offered', 'owned')
              AND coalesce(lead.lock_expires_at, CASE WHEN lead.due_for = 'sla' THEN lead.due_at END) > %s
            ORDER BY coalesce(lead.lock_expires_at, lead.due_at), lead.id LIMIT %s
            """,
            [caller.workspace_id, caller.rep_id, now, most],
        )
        rows = [row_of(row) for row in cursor.fetchall()]
    eyes = Eyes(caller, now)
    return [(seen, row["lock_expires_at"] or row["due_at"]) for row in rows if (seen := eyes.see(row)) is not None]


def my_standing(caller: Caller, now: datetime) -> MyStanding | None:
    """Where the caller stands; ``None`` for somebody who is no rep."""
    if caller.rep_id is None:
        return None
    enter(caller.workspace_id)
    today = calendar.local_day(caller.timezone, now)
    standing = counters.on_day(standing_now(caller.workspace_id, caller.rep_id), today)
    active = policies.active(caller.workspace_id)
    if active is None:
        return MyStanding(today, standing, (), None, None)
    rules = tuple(
        _expected(caller, active.book, standing, rule, now) if rule.rule == "claim_at_least" else rule
        for rule in fairplay.announce(active.book, standing, today, now)
    )
    return MyStanding(today, standing, rules, active.book.policy.policy, active.number)


def _expected(caller: Caller, book: Rulebook, standing: Standing, rule: Progress, now: datetime) -> Progress:
    """The claim floor as it is for this rep in this period: days off and time off taken off, and when it is looked at (``at``)."""
    assert caller.rep_id is not None
    rep = RepFacts(handle=caller.handle or "", hours=hours_of(caller.workspace_id, caller.rep_id, now))
    if book.tiers:
        rep = with_record(caller.workspace_id, caller.rep_id, rep, book, now)
    asked = floors.expected(book, rep, standing, caller.timezone, now, caller.teams)
    if asked is None:
        return replace(rule, ok=True, at_least=0, next=None)
    missing = asked.count - asked.have
    return replace(
        rule,
        have=asked.have,
        ok=missing <= 0,
        at_least=asked.count,
        params={**(rule.params or {}), "at": asked.at.isoformat()},
        next=Reason("claim_more", {**rule.next.params, "count": missing}) if rule.next and missing > 0 else None,
    )


def my_tier(caller: Caller, now: datetime) -> MyTier | None:
    """The caller's tier; ``None`` where the policy has no tiers, and for somebody who is no rep."""
    if caller.rep_id is None:
        return None
    enter(caller.workspace_id)
    active = policies.active(caller.workspace_id)
    if active is None or not active.book.tiers:
        return None
    kept = kept_tiers(caller.workspace_id, caller.rep_id).get(caller.rep_id) or Kept()
    rep = with_record(caller.workspace_id, caller.rep_id, RepFacts(handle=caller.handle or ""), active.book, now)
    tier, _ = tier_of(active.book, rep)
    tiers, tiering = active.book.policy.tiers, active.book.policy.tiering
    above = tiers[: tiers.index(tier)] if tier is not None else tiers
    nearest = next((other for other in reversed(above) if other.when is not None), None)
    return MyTier(
        name=tier.name if tier is not None else None,
        sees=tier.sees if tier is not None else "none",
        only=tier.only if tier is not None else None,
        since=kept.state.since,
        closed=rep.closed,
        converted=round((rep.conversion_rate or 0) * rep.closed),
        over=tiering.over,
        confirm=tiering.confirm,
        candidate=kept.state.candidate or None,
        days=kept.state.days,
        next=Reason("reach_tier", {"tier": nearest.name, "when": nearest.when}, "tiers") if nearest else None,
    )


def upcoming(caller: Caller, now: datetime) -> Upcoming | None:
    """The policy that is announced, with what it changes for the caller: for a rep the rules that concern them, for others all.

    ``None`` if none is, if its moment has come, if it changes nothing for a rep, and for a program that may not see policies.
    """
    if caller.rep_id is None and not caller.may(Action.SEE_POLICY):
        return None
    enter(caller.workspace_id)
    coming = policies.pending(caller.workspace_id)
    if coming is None or coming.effective_from <= now:
        return None
    active, after = policies.active(caller.workspace_id), policy_of(coming)
    before = active.book.policy if active is not None else None
    changed = rules_of.changes(before, after)
    if caller.rep_id is not None and before is not None:
        changed = tuple(
            change for change in changed if announcing.concerns(change, before, after, caller.teams, caller.handle)
        )
        if not changed:
            return None
    told = tuple(change.reason(coming.effective_from) for change in changed)
    return Upcoming(coming.number, coming.name, coming.effective_from, told)
