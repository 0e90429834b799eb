"""Borders that moved: how many open leads belong to somebody else by them, where these would go, and moving them in one step.

Another policy may draw its territories elsewhere, or a day begins or ends that a territory is written for. What would move is worked out
in memory before anything is published; moving is a `Move` like any other, followed while it is done, and undone if need be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from dibs.distribution import moving, policies
from dibs.distribution.crews import Crew, crew
from dibs.distribution.dealing import Aim, Dealer, place_after
from dibs.distribution.families import accounts_by_id
from dibs.distribution.models import Move, PolicyVersion
from dibs.distribution.policies import Active
from dibs.distribution.reading import Row, lead_clock, lead_facts, pages_of, passed_over
from dibs.distribution.rulebooks import rulebook
from dibs.engine.borders import Side, crossed
from dibs.engine.calendar import local_day
from dibs.engine.decision import Reason
from dibs.engine.lifecycle import HELD
from dibs.engine.policy import Policy
from dibs.engine.rulebook import Rulebook
from dibs.engine.territories import starts_and_ends
from dibs.people.caller import Caller, caller_of, operator
from dibs.people.models import User, Workspace

#: Leads that are looked at for a preview, at most: some two seconds.
LOOKED_AT = moving.MOST
#: Leads that a preview shows.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Crossing:
    """A lead that belongs to somebody else now. ``before`` and ``after``: the territories, ``None`` for none."""

    lead_id: UUID
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A lead, its columns by name, as a preview shows it: where it is and would go, as `dealing.place_after` says it; ``None``: it would
    stay."""

    crossing: Crossing
    lead: Row
    rep: str | None
    to: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Border:
    """What moving a border does. ``between`` counts leads by the territories before and after; ``more``: there are more leads than were
    looked at."""

    crossings: tuple[Crossing, ...] = ()
    first: tuple[Shown, ...] = ()
    more: bool = False

    @property
    def leads(self) -> int:
        return len(self.crossings)

    @property
    def between(self) -> list[tuple[str | None, str | None, int]]:
        counted = Counter((crossing.before, crossing.after) for crossing in self.crossings)
        return [(before, after, count) for (before, after), count in counted.most_common()]


def would_move(workspace_id: UUID, after: Active, now: datetime, *, at_most: int = LOOKED_AT) -> Border:
    """What would move if ``after`` came into force in place of the active policy. Nothing is written.

    Leads that a person gave to their rep, and those that their rep claimed, stay. Where the first ones would go is worked out as their
    move would: it comes true if nothing changes meanwhile.
    """
    before = policies.active(workspace_id)
    if before is None or _same_market(before.book.policy, after.book.policy):
        return Border()
    known = crew(workspace_id, now, book=after.book)
    crossings, more = _crossings(workspace_id, before.book, after.book, known, now, contacted=True, at_most=at_most)
    return Border(tuple(crossings), tuple(_shown(workspace_id, crossings[:SHOWN], after, known, now)), more)


def move_over(workspace_id: UUID, replaced: UUID, version_id: UUID, now: datetime) -> list[Move]:
    """Move the leads that a policy's territories give to others than those of the version that it ``replaced``; who published it moves
    them. Nothing, if another policy is in force by now. Call it outside a transaction, the connection in the workspace.
    """
    active = policies.active(workspace_id)
    if active is None or active.version_id != version_id:
        return []
    before = rulebook(replaced).book
    if _same_market(before.policy, active.book.policy):
        return []
    version = PolicyVersion.objects.select_related("published_by").get(id=version_id)
    known = crew(workspace_id, now, book=active.book)
    crossings, _ = _crossings(workspace_id, before, active.book, known, now, contacted=True)
    with transaction.atomic():
        return _move(_mover(workspace_id, version.published_by), crossings, version.name, now)


def look_at_days(workspace_id: UUID, now: datetime) -> int:
    """Look again at the leads of territories that have begun or ended since the last look; returns how many belong to others now.

    Those that nobody has contacted are moved. Several workers may look at once: one does it.
    """
    active = policies.active(workspace_id)
    if active is None or not active.book.market.dated:
        return 0
    policy = active.book.policy
    today = local_day(policy.timezone, now)
    since = PolicyVersion.objects.values_list("borders_on", flat=True).get(id=active.version_id)
    if since is not None and since >= today:
        return 0
    names = list(starts_and_ends(policy.territories, since, today)) if since is not None else []
    crossings: list[Crossing] = []
    if names:
        known = crew(workspace_id, now, book=active.book)
        crossings, _ = _crossings(workspace_id, active.book, active.book, known, now, since=since)
    with transaction.atomic():
        looked = PolicyVersion.objects.filter(id=active.version_id, borders_on=since).update(borders_on=today)
        if not looked:
            return 0
        _move(_mover(workspace_id, None), crossings, ", ".join(names), now)
    return len(crossings)


def _same_market(before: Policy, after: Policy) -> bool:
    """Whether no lead can lie elsewhere, or belong to another, by the one than by the other."""
    return list(before.territories.items()) == list(after.territories.items()) and before.timezone == after.timezone


def _move(caller: Caller, crossings: Sequence[Crossing], why: str, now: datetime) -> list[Move]:
    """Plan and start moving them: in several moves, where there are more than one may have."""
    moves = []
    for first in range(0, len(crossings), moving.MOST):
        ids = [crossing.lead_id for crossing in crossings[first : first + moving.MOST]]
        planned = moving.plan(caller, moving.Wanted("border", why=why[:500]), now, ids)
        started = moving.start(caller, planned.id, now)
        assert started is not None, "who planned it may start it"
        moves.append(started)
    return moves


def _mover(workspace_id: UUID, user: User | None) -> Caller:
    """Who moves the leads: who published the policy, if they still may; else the one who runs the server."""
    if user is not None:
        try:
            caller = caller_of(user)
        except User.DoesNotExist:
            pass
        else:
            if caller.role == "ops":
                return caller
    return operator(workspace_id, Workspace.objects.get(id=workspace_id).timezone)


def _crossings(
    workspace_id: UUID,
    before: Rulebook,
    after: Rulebook,
    known: Crew,
    now: datetime,
    *,
    since: date | None = None,
    contacted: bool = False,
    at_most: int | None = None,
) -> tuple[list[Crossing], bool]:
    """The leads that belong to others ``after`` than ``before``, the oldest first, and whether not all were looked at. ``since``: the day
    that is before; ``contacted``: also those that have had a contact."""
    found: list[Crossing] = []
    ids = _open_leads(workspace_id, before.policy, after.policy, contacted, None if at_most is None else at_most + 1)
    for rows in pages_of(workspace_id, ids[:at_most]):
        accounts = accounts_by_id(workspace_id, (row["account_id"] for row in rows))
        for row in rows:
            facts, account = lead_facts(row), accounts.get(row["account_id"])
            clock = lead_clock(row, known.handles.get(row["owner_id"]))
            was, is_now = Side(before, facts, account, now, since), Side(after, facts, account, now)
            reason: Reason | None = crossed(was, is_now, clock, known.roster, contacted=contacted)
            if reason is not None:
                found.append(Crossing(row["id"], _text(reason, "before"), _text(reason, "after")))
    return found, at_most is not None and len(ids) > at_most


def _text(reason: Reason, name: str) -> str | None:
    value = reason.params[name]
    return value if isinstance(value, str) else None


def _open_leads(workspace_id: UUID, before: Policy, after: Policy, contacted: bool, at_most: int | None) -> list[UUID]:
    """The open leads that a border may move, the oldest first: those that their reps were given, those in review, and those in pools
    that leads fall back to when no owner can take them."""
    pools = sorted(_fallen_to(before) | _fallen_to(after))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id FROM (
                SELECT id, received_at FROM crm_lead WHERE workspace_id = %(workspace)s AND owner_id IS NOT NULL AND state = ANY(%(held)s)
                    AND NOT by_hand AND claimed_at IS NULL {"" if contacted else "AND contacted_at IS NULL"}
                UNION ALL SELECT id, received_at FROM crm_lead WHERE workspace_id = %(workspace)s AND state = 'review'
                UNION ALL SELECT id, received_at FROM crm_lead
                    WHERE workspace_id = %(workspace)s AND state = 'pooled' AND pool = ANY(%(pools)s)
            ) lead ORDER BY received_at, id LIMIT %(at_most)s
            """,
            {"workspace": workspace_id, "held": sorted(HELD), "pools": pools, "at_most": at_most},
        )
        return [lead for (lead,) in cursor.fetchall()]


def _fallen_to(policy: Policy) -> set[str]:
    """The pools that leads wait in which no owner of a territory could be given."""
    last = next((rule.pull.pool for rule in reversed(policy.route) if rule.pull), None)
    pools = set()
    for rule in policy.route:
        if rule.push is not None and rule.push.to == "territory.owner":
            pools.add(rule.fallback.pool if rule.fallback is not None else last)
    return {pool for pool in pools if pool is not None}


def _shown(
    workspace_id: UUID, crossings: Sequence[Crossing], active: Active, known: Crew, now: datetime
) -> Iterator[Shown]:
    """The first of them with where they would go: dealt as the move would deal them."""
    mover = operator(workspace_id)
    dealer = Dealer(mover, active, known, Aim(), "border", Reason("border_moved", {"by": mover.name, "why": None}), now)
    by_id = {crossing.lead_id: crossing for crossing in crossings}
    for rows in pages_of(workspace_id, list(by_id)):
        accounts = accounts_by_id(workspace_id, (row["account_id"] for row in rows))
        skipped = passed_over(workspace_id, (row["id"] for row in rows))
        for dealt in dealer.deal(rows, accounts, skipped):
            yield Shown(
                by_id[dealt.row["id"]],
                dealt.row,
                dealt.clock.owner,
                place_after(dealt.moved) if dealt.moved is not None else None,
            )
