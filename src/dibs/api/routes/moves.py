"""Moves: many leads handed on in one step, looked at first, followed while it is done, and undone if need be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.routes.acts import id_in
from dibs.api.shapes import Incoming, text
from dibs.api.shapes import Problem as ProblemShape
from dibs.api.shapes_of_moves import MoveIn, MoveItems, MovePage, MoveTo, MoveWhole
from dibs.api.tokens import Request, Token, check_query
from dibs.distribution import moving
from dibs.distribution.dealing import Aim
from dibs.distribution.models import Move
from dibs.insight.moves import (
    Item,
    MoveCard,
    items_page,
    move_in_sight,
    moves_page,
    open_leads_found,
    shares_of,
)
from dibs.insight.story import told
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["moves"])

_MOVE = Token(Action.MOVE_LEADS)
_ANSWERS = writes({200: MoveWhole}) | {409: ProblemShape}


class MoveQuestion(Incoming):
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class ItemQuestion(Incoming):
    state: Literal["planned", "moved", "kept", "refused", "undone", "changed"] | None = None
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


@router.post("/moves", auth=_MOVE, response=writes({201: MoveWhole}) | {409: ProblemShape}, summary="Plan a move")
def plan_move(request: Request, body: MoveIn) -> HttpResponse:
    """Works out where each lead would go and keeps it to look at; nothing else changes. Leads that the caller does not lead are left
    out, as if there were none such. For a manager: their own teams' leads and reps, pools that are open to these teams. A rep's leaving
    is for operations."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        asked = body.filter.model_dump(exclude_none=True) if body.filter else None
        if asked is not None:
            leads = open_leads_found(caller, asked, limit=moving.MOST + 1, now=at)
            if len(leads) > moving.MOST:
                raise _refused(moving.MoveRefused("move_too_large"))
        else:
            leads = list(body.leads or ())
        wanted = moving.Wanted(
            kind=body.kind,
            aim=_aim(body.to),
            why=body.why,
            rep=body.rep,
            uncontacted=body.uncontacted,
            since=body.since,
            until=body.until,
            at_start=body.at_start,
            asked=body.filter.model_dump(mode="json", exclude_none=True) if body.filter else None,
        )
        try:
            move = moving.plan(caller, wanted, at, leads)
        except moving.MoveRefused as refused:
            raise _refused(refused) from None
        return answers.answer(_whole(caller, move.id), 201)

    return once(request, caller, at, write)


@router.get("/moves", auth=_MOVE, response=reads(MovePage), summary="List moves, newest first")
def list_moves(request: Request, asked: Query[MoveQuestion]) -> HttpResponse:
    """Those that the caller planned; all for operations."""
    check_query(request, MoveQuestion)
    caller = request.auth
    return answers.page(moves_page(caller, cursor=asked.cursor, limit=asked.limit), _card)


@router.get("/moves/{move_id}", auth=_MOVE, response=reads(MoveWhole), summary="Read a move")
def read_move(request: Request, move_id: str) -> HttpResponse:
    """How far it is, and what it does to whom."""
    caller = request.auth
    return answers.answer(_whole(caller, id_in(move_id)))


@router.get("/moves/{move_id}/items", auth=_MOVE, response=reads(MoveItems), summary="List the leads of a move")
def list_move_items(request: Request, move_id: str, asked: Query[ItemQuestion]) -> HttpResponse:
    """Each lead with where it is and would go, in the order in which they are moved: the oldest first."""
    check_query(request, ItemQuestion)
    caller = request.auth
    found = items_page(caller, id_in(move_id), state=asked.state, cursor=asked.cursor, limit=asked.limit)
    if found is None:
        raise Problem("not_found")
    return answers.page(found, lambda item: _item(item, caller))


@router.post("/moves/{move_id}/start", auth=_MOVE, response=_ANSWERS, summary="Start a move")
def start_move(request: Request, move_id: str) -> HttpResponse:
    """It is done in the background; `GET /moves/{move_id}` says how far it is. Refused as `move_outdated` if another policy has come
    into force since it was planned. Of a leave the time off is written; who leaves can log in no more."""
    return _act(request, move_id, moving.start)


@router.post("/moves/{move_id}/undo", auth=_MOVE, response=_ANSWERS, summary="Undo a move")
def undo_move(request: Request, move_id: str) -> HttpResponse:
    """Each lead that nobody has touched since goes back to who had it or where it waited, with the time that was left; others stay, and
    say so. A move that still runs stops first. Time off that was written, and who has left, stay so."""
    return _act(request, move_id, moving.undo)


@router.post("/moves/{move_id}/drop", auth=_MOVE, response=_ANSWERS, summary="Drop a planned move")
def drop_move(request: Request, move_id: str) -> HttpResponse:
    """It will not be done."""
    return _act(request, move_id, moving.drop)


def _act(request: Request, move_id: str, act: Callable[[Caller, UUID, datetime], Move | None]) -> HttpResponse:
    caller = request.auth
    move, at = id_in(move_id), now()

    def write() -> HttpResponse:
        try:
            done = act(caller, move, at)
        except moving.MoveRefused as refused:
            raise _refused(refused) from None
        if done is None:
            raise Problem("not_found")
        return answers.answer(_whole(caller, move))

    return once(request, caller, at, write)


def _aim(to: MoveTo) -> Aim:
    if to.rep is not None:
        return Aim("rep", to.rep)
    if to.team is not None:
        return Aim("team", to.team, to.by)
    if to.pool is not None:
        return Aim("pool", to.pool)
    return Aim("review", to.review) if to.review is not None else Aim()


def _refused(refused: moving.MoveRefused) -> Problem:
    details = {
        "unknown_rep": f"There is no active rep called {refused.what}.",
        "unknown_pool": f"The policy has no pool called {refused.what}.",
        "unknown_team": f"There is no team called {refused.what}.",
        "not_your_team": f"{refused.what} is not of a team that you lead." if refused.what else "",
        "move_too_large": f"At most {moving.MOST} leads go in one move.",
        "move_not_now": f"The move is {refused.what}." if refused.what else "",
        "bad_span": "A leave has a since and a later until that lies ahead.",
    }
    return Problem(refused.code, details.get(refused.code, ""))


def _whole(caller: Caller, move_id: UUID) -> dict[str, Any]:
    card = move_in_sight(caller, move_id)
    if card is None:
        raise Problem("not_found")
    shares = shares_of(caller, move_id)
    return {
        **_card(card),
        "reps": [asdict(share) for share in shares.reps],
        "places": [asdict(share) for share in shares.places],
        "stays": shares.stays,
    }


def _card(card: MoveCard) -> dict[str, Any]:
    return asdict(card)


def _item(item: Item, caller: Caller) -> dict[str, Any]:
    because = told([item.because], caller.language, timezone=caller.timezone)[0] if item.because else None
    return {**asdict(item), "because": because}
