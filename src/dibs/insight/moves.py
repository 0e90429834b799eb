"""Moves of many leads, as who planned them and operations may see them: the list, what each would do to whom, lead by lead.

An item says where a lead is and goes, and nothing of the lead's own: that is `dibs.insight.sight`'s to show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from dibs.distribution.models import Move, MoveItem
from dibs.insight.leads import FILTERS
from dibs.insight.leads import range_of as leads_of
from dibs.insight.pages import BadCursor, Page, cursor_after, last_seen
from dibs.insight.sight import TABLES, Eyes
from dibs.people.caller import Caller
from dibs.people.models import Role
from dibs.people.tenancy import enter


@dataclass(frozen=True, slots=True)
class MoveCard:
    """A move. ``by`` is the name of who planned it; who runs the server has none. ``done`` of ``total`` leads have had their turn."""

    id: UUID
    kind: str
    state: str
    rep: str | None
    uncontacted: bool
    since: datetime | None
    until: datetime | None
    at_start: bool
    asked: Mapping[str, Any] | None
    to: Mapping[str, Any]
    why: str
    total: int
    moved: int
    kept: int
    refused: int
    undone: int
    policy_version: int | None
    by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    undone_at: datetime | None
    problem: str

    @property
    def done(self) -> int:
        return self.undone if self.state == "undoing" else self.moved + self.kept + self.refused


@dataclass(frozen=True, slots=True)
class RepShare:
    """What a move takes from a rep and gives them, and how many open leads they have now."""

    rep: str
    name: str
    loses: int
    gets: int
    open_leads: int


@dataclass(frozen=True, slots=True)
class PlaceShare:
    """What a move takes from a pool or a review, and puts there. ``kind``: ``pool`` or ``review``."""

    kind: str
    name: str
    loses: int
    gets: int


@dataclass(frozen=True, slots=True)
class Shares:
    """Whom a move concerns, those who get most first; ``stays``: leads that it leaves where they are."""

    reps: tuple[RepShare, ...]
    places: tuple[PlaceShare, ...]
    stays: int


@dataclass(frozen=True, slots=True)
class Item:
    """One lead of a move. ``before`` and ``after``: ``state``, and ``rep``, ``pool`` or ``review``; ``because``: the reason for where it
    goes; ``code``: why it was not moved, or not undone."""

    lead: UUID
    state: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    because: Mapping[str, Any] | None
    code: str | None


_PLACE = ("state", "rep", "pool", "review")


def moves_page(caller: Caller, *, cursor: str | None = None, limit: int = 50) -> Page[MoveCard]:
    """The moves that are the caller's to see, newest first. Raises `BadCursor`."""
    question = f"moves {caller.workspace_id} {caller.user_id}"
    moves = _moves(caller)
    if cursor:
        last = moves.filter(id=last_seen(cursor, question)).first()
        if last is None:
            raise BadCursor
        moves = moves.filter(id__lt=last.id)
    found = [_card(move) for move in moves.order_by("-id")[: limit + 1]]
    shown = found[:limit]
    return Page(shown, cursor_after(shown[-1].id, question) if len(found) > limit else None)


def move_in_sight(caller: Caller, move_id: UUID) -> MoveCard | None:
    """A move as it stands; ``None``: there is none such for the caller."""
    move = _moves(caller).filter(id=move_id).first()
    return _card(move) if move else None


def items_page(
    caller: Caller, move_id: UUID, *, state: str | None = None, cursor: str | None = None, limit: int = 100
) -> Page[Item] | None:
    """The leads of a move in their order; ``None``: there is no such move for the caller. Raises `BadCursor`."""
    if not _moves(caller).filter(id=move_id).exists():
        return None
    question = f"move {caller.workspace_id} {move_id} {state}"
    items = MoveItem.objects.filter(workspace_id=caller.workspace_id, move_id=move_id)
    if state is not None:
        items = items.filter(state=state)
    if cursor:
        last = MoveItem.objects.filter(move_id=move_id, id=last_seen(cursor, question)).first()
        if last is None:
            raise BadCursor
        items = items.filter(nth__gt=last.nth)
    rows = list(items.order_by("nth")[: limit + 1])
    more = len(rows) > limit
    return Page([_item(row) for row in rows[:limit]], cursor_after(rows[limit - 1].id, question) if more else None)


def shares_of(caller: Caller, move_id: UUID) -> Shares:
    """Who would lose and get how many leads by a move, or did. For one that the caller may see."""
    enter(caller.workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT before->>'rep', before->>'pool', before->>'review', planned->>'rep', planned->>'pool', planned->>'review', count(*)
            FROM distribution_moveitem WHERE workspace_id = %s AND move_id = %s AND state IN ('planned', 'moved', 'undone')
              AND NOT planned ? 'stays' GROUP BY 1, 2, 3, 4, 5, 6
            """,
            [caller.workspace_id, move_id],
        )
        counted = cursor.fetchall()
        cursor.execute(
            "SELECT count(*) FROM distribution_moveitem WHERE workspace_id = %s AND move_id = %s "
            "AND (state = 'kept' OR (state = 'planned' AND planned ? 'stays'))",
            [caller.workspace_id, move_id],
        )
        (stays,) = cursor.fetchone()
        cursor.execute(
            "SELECT rep.handle::text, rep.name, coalesce(standing.open_leads, 0) FROM people_rep rep "
            "LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id WHERE rep.workspace_id = %s",
            [caller.workspace_id],
        )
        reps = {handle: (name, open_leads) for handle, name, open_leads in cursor.fetchall()}
    lost: dict[tuple[str, str], int] = {}
    got: dict[tuple[str, str], int] = {}
    kinds = ("rep", "pool", "review")
    for *places, count in counted:
        for tally, named in ((lost, places[:3]), (got, places[3:])):
            for kind, name in zip(kinds, named, strict=True):
                if name is not None:
                    tally[kind, name] = tally.get((kind, name), 0) + count
    names = sorted(lost.keys() | got.keys(), key=lambda place: (-got.get(place, 0), -lost.get(place, 0), place))
    return Shares(
        tuple(
            RepShare(name, reps[name][0], lost.get((kind, name), 0), got.get((kind, name), 0), reps[name][1])
            for kind, name in names
            if kind == "rep" and name in reps
        ),
        tuple(
            PlaceShare(kind, name, lost.get((kind, name), 0), got.get((kind, name), 0))
            for kind, name in names
            if kind != "rep"
        ),
        stays,
    )


def open_leads_found(caller: Caller, filters: Mapping[str, Any], *, limit: int, now: datetime) -> list[UUID]:
    """The open leads in the caller's range that these filters of `FILTERS` find, ``limit`` at most."""
    enter(caller.workspace_id)
    wanted = {name: value for name, value in sorted(filters.items()) if value is not None}
    scope, values = leads_of(Eyes(caller, now))
    conditions = [scope, "lead.state = ANY(%s)", *(FILTERS[name] for name in wanted)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT lead.id FROM {TABLES} WHERE lead.workspace_id = %s AND {' AND '.join(conditions)} LIMIT %s",
            [caller.workspace_id, *values, list(_OPEN), *wanted.values(), limit],
        )
        return [lead for (lead,) in cursor.fetchall()]


#: States in which a lead can be moved.
_OPEN = ("pooled", "offered", "owned", "review", "working")


def _moves(caller: Caller) -> QuerySet[Move]:
    enter(caller.workspace_id)
    moves = Move.objects.filter(workspace_id=caller.workspace_id).select_related("by")
    return moves if caller.role == Role.OPS else moves.filter(by_id=caller.user_id)


def _card(move: Move) -> MoveCard:
    scope = move.scope
    return MoveCard(
        id=move.id,
        kind=move.kind,
        state=move.state,
        rep=scope.get("rep"),
        uncontacted=bool(scope.get("uncontacted")),
        since=datetime.fromisoformat(scope["since"]) if "since" in scope else None,
        until=datetime.fromisoformat(scope["until"]) if "until" in scope else None,
        at_start=bool(scope.get("at_start")),
        asked=scope.get("asked"),
        to=move.to,
        why=move.why,
        total=move.total,
        moved=move.moved,
        kept=move.kept,
        refused=move.refused,
        undone=move.undone,
        policy_version=move.policy_version,
        by=move.by.name if move.by else None,
        created_at=move.created_at,
        started_at=move.started_at,
        finished_at=move.finished_at,
        undone_at=move.undone_at,
        problem=move.problem,
    )


def _item(row: MoveItem) -> Item:
    return Item(
        lead=row.lead_id,
        state=row.state,
        before={name: row.before.get(name) for name in _PLACE},
        after={name: row.planned.get(name) for name in _PLACE},
        because=row.planned.get("because"),
        code=row.code or None,
    )
