"""What is nearly the same: leads of one person, leads of an account. A person decides, and may take it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem, refused
from dibs.api.routes.acts import id_in
from dibs.api.shapes import Incoming, text
from dibs.api.shapes import Problem as ProblemShape
from dibs.api.shapes_of_accounts import AccountOut, DecidedOut, MatchOut, MatchPage, MergeIn, MergeOut, UnmergeOut
from dibs.api.tokens import Request, Token, check_query
from dibs.distribution import deciding_near_misses, merging
from dibs.distribution.scene import Refused
from dibs.insight.matches import NearCard, match_in_sight, matches_page
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["matches"])

_DECIDE = Token(Action.DECIDE_MATCHES)


class MatchFilters(Incoming):
    state: Literal["open", "merged", "apart"] = "open"
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


@router.get("/matches", auth=_DECIDE, response=reads(MatchPage), summary="List near misses, the likeliest first")
def list_matches(request: Request, wanted: Query[MatchFilters]) -> HttpResponse:
    """Those of which the caller leads every lead. A page may hold fewer than asked for and still go on."""
    check_query(request, MatchFilters)
    caller = request.auth
    return answers.page(matches_page(caller, wanted.state, cursor=wanted.cursor, limit=wanted.limit, now=now()), _shown)


@router.get("/matches/{match_id}", auth=_DECIDE, response=reads(MatchOut), summary="Read a near miss")
def read_match(request: Request, match_id: str) -> HttpResponse:
    caller = request.auth
    card = match_in_sight(caller, id_in(match_id), now())
    if card is None:
        raise Problem("not_found")
    return answers.answer(_shown(card))


_DECIDED = writes({200: DecidedOut}) | {409: ProblemShape}


@router.post("/matches/{match_id}/merge", auth=_DECIDE, response=_DECIDED, summary="Say that they are the same")
def merge_match(request: Request, match_id: str) -> HttpResponse:
    """Two leads are merged; a lead becomes the account's. What waits is qualified and routed anew."""
    match = id_in(match_id)
    return _decided(request, lambda caller, at: deciding_near_misses.decide(caller, match, at, same=True))


@router.post("/matches/{match_id}/apart", auth=_DECIDE, response=_DECIDED, summary="Say that they are not the same")
def keep_match_apart(request: Request, match_id: str) -> HttpResponse:
    """Nobody is asked about them again."""
    match = id_in(match_id)
    return _decided(request, lambda caller, at: deciding_near_misses.decide(caller, match, at, same=False))


@router.post("/matches/{match_id}/undo", auth=_DECIDE, response=_DECIDED, summary="Take a decision back")
def reopen_match(request: Request, match_id: str) -> HttpResponse:
    """What was merged is taken apart, and it is open again."""
    match = id_in(match_id)
    return _decided(request, lambda caller, at: deciding_near_misses.reopen(caller, match, at))


@router.post(
    "/leads/{lead_id}/merge", auth=_DECIDE, response=writes({200: MergeOut}) | {409: ProblemShape}, summary="Merge a lead into another"
)  # fmt: skip
def merge_lead(request: Request, lead_id: str, body: MergeIn) -> HttpResponse:
    """The other one takes what it lacks; this one's rep is free of it."""
    lead = id_in(lead_id)
    return _written(request, lambda caller, at: merging.merge(caller, body.into, lead, at, keep=body.into))


@router.post(
    "/merges/{merge_id}/undo", auth=_DECIDE, response=writes({200: UnmergeOut}) | {409: ProblemShape}, summary="Take two merged leads apart"
)  # fmt: skip
def undo_merge(request: Request, merge_id: str) -> HttpResponse:
    """Both are as they were; the one that was kept only if nothing happened to it since, which the answer says."""
    merge = id_in(merge_id)
    return _written(request, lambda caller, at: merging.unmerge(caller, merge, at))


def _decided(request: Request, decide: Callable[[Caller, datetime], Any]) -> HttpResponse:
    return _written(request, decide, lambda done: {"id": done.near, **_but(asdict(done), "near")})


def _but(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def _written(
    request: Request, act: Callable[[Caller, datetime], Any], show: Callable[[Any], dict[str, Any]] = asdict
) -> HttpResponse:
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        done = act(caller, at)
        if done is None:
            raise Problem("not_found")
        if isinstance(done, Refused):
            return refused(done.refusal, caller)
        return answers.answer(show(done))

    return once(request, caller, at, write)


def _shown(card: NearCard) -> dict[str, Any]:
    account = card.account
    return {
        **{name: getattr(card, name) for name in ("id", "at", "state", "score", "merge", "decided_by", "decided_at")},
        "parts": [dict(part) for part in card.parts],
        "lead": answers.lead(card.lead),
        "other": answers.lead(card.other) if card.other is not None else None,
        "account": {name: getattr(account, name) for name in AccountOut.model_fields} if account else None,
    }
