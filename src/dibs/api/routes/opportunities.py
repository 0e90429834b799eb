"""Opportunities: what converted leads become, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import AwareDatetime, Field

from dibs.api import answers
from dibs.api.documentation import ACT_ANSWERS, reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem, refused
from dibs.api.routes.acts import act_on, id_in
from dibs.api.shapes import Incoming, text
from dibs.api.shapes import Problem as ProblemShape
from dibs.api.shapes_of_deals import (
    ConvertIn,
    Currency,
    DealIn,
    DealOut,
    DealPage,
    LoseIn,
    ReopenIn,
    StagesOut,
    WinIn,
)
from dibs.api.tokens import Request, Token, check_query
from dibs.distribution import acting, opportunities
from dibs.distribution.scene import Refused
from dibs.insight import deals
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["opportunities"])

_SEE = Token(Action.SEE_DEALS)
_WORK = Token(Action.WORK_DEALS)
_ANSWERS = writes({200: DealOut}) | {409: ProblemShape}

Change = Callable[[Caller, UUID, datetime], opportunities.Answer]


class DealFilters(Incoming):
    state: Literal["open", "won", "lost"] | None = None
    stage: Annotated[str, text(50, 1)] | None = None
    owner: Annotated[str, text(100, 1)] | None = Field(None, description="The handle of the rep whose they are.")
    lead: UUID | None = Field(None, description="The lead that it comes from.")
    account: UUID | None = None
    currency: Currency | None = None
    closes_from: date | None = None
    closes_before: date | None = None
    ended_from: AwareDatetime | None = None
    ended_before: AwareDatetime | None = None
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class StagesQuestion(Incoming):
    owner: Annotated[str, text(100, 1)] | None = Field(None, description="The handle of the rep whose they are.")


@router.post(
    "/leads/{lead_id}/convert",
    auth=Token(Action.WORK_LEADS),
    response=ACT_ANSWERS,
    summary="Turn a lead into an opportunity",
)
def convert(request: Request, lead_id: str, body: ConvertIn | None = None) -> HttpResponse:
    """For who has the lead, and who leads them. The customer's account and contact are found or made, notes, activities and appointments
    go along. With `close` it is won at once, where the policy allows that for its amount; else nothing is converted
    (`too_big_to_close`). `opportunity` in the answer is its id."""
    said = body or ConvertIn()

    def convert_it(caller: Caller, lead: UUID, at: datetime) -> acting.Answer:
        with _stages(said.stage):
            return acting.convert(caller, lead, at, **said.model_dump())

    return act_on(
        request, lead_id, convert_it, more=lambda done: {"opportunity": done.reasons[0].params["opportunity"]}
    )


@router.get("/opportunities", auth=_SEE, response=reads(DealPage), summary="List opportunities, newest first")
def list_opportunities(request: Request, wanted: Query[DealFilters]) -> HttpResponse:
    """A rep's own and those of leads they help with, a manager's teams', everything for operations."""
    check_query(request, DealFilters)
    caller = request.auth
    filters = wanted.model_dump(exclude={"cursor", "limit"}, exclude_none=True)
    return answers.page(deals.deals_page(caller, filters, cursor=wanted.cursor, limit=wanted.limit, now=now()), asdict)


@router.get("/opportunities/stages", auth=_SEE, response=reads(StagesOut), summary="Sum up opportunities by stage")
def sum_up_opportunities(request: Request, wanted: Query[StagesQuestion]) -> HttpResponse:
    """What is open in each stage, and what was won and lost in the last 30 days; amounts by currency, never added across them."""
    check_query(request, StagesQuestion)
    caller = request.auth
    board = deals.board(caller, now(), owner=wanted.owner, cards=0)
    columns = [{name: value for name, value in asdict(column).items() if name != "deals"} for column in board.columns]
    won, lost = ({"count": count, "sums": [asdict(one) for one in sums]} for count, sums in (board.won, board.lost))
    return answers.answer({"stages": columns, "sums": [asdict(one) for one in board.sums], "won": won, "lost": lost})


@router.get("/opportunities/{opportunity_id}", auth=_SEE, response=reads(DealOut), summary="Read an opportunity")
def read_opportunity(request: Request, opportunity_id: str) -> HttpResponse:
    """One that the caller may not know of answers as one that there is not."""
    caller = request.auth
    return answers.answer(_seen(caller, id_in(opportunity_id), now()))


@router.patch("/opportunities/{opportunity_id}", auth=_WORK, response=_ANSWERS, summary="Change an opportunity")
def change_opportunity(request: Request, opportunity_id: str, body: DealIn) -> HttpResponse:
    """Its name, amount, currency, day to close and stage: for whose it is and who leads them. Its owner: for who leads them alone. One
    that ended is reopened first."""
    given = body.model_dump(exclude={"version"}, exclude_unset=True)
    if given.get("name", "") is None:
        del given["name"]

    def change(caller: Caller, deal: UUID, at: datetime) -> opportunities.Answer:
        try:
            with _stages(body.stage):
                return opportunities.change(caller, deal, at, given, version=body.version)
        except opportunities.UnknownRep:
            raise Problem("unknown_rep", f"There is no active rep called {body.owner}.") from None
        except opportunities.Nameless as unfit:
            raise Problem("invalid", f"{unfit}.") from None

    return _change(request, opportunity_id, change)


@router.post("/opportunities/{opportunity_id}/won", auth=_WORK, response=_ANSWERS, summary="Win an opportunity")
def win_opportunity(request: Request, opportunity_id: str, body: WinIn | None = None) -> HttpResponse:
    """Its account is a customer from now on: `account.customer` in policies."""
    said = body or WinIn()
    return _change(
        request,
        opportunity_id,
        lambda caller, deal, at: opportunities.win(caller, deal, at, **said.model_dump()),
    )


@router.post("/opportunities/{opportunity_id}/lost", auth=_WORK, response=_ANSWERS, summary="Lose an opportunity")
def lose_opportunity(request: Request, opportunity_id: str, body: LoseIn | None = None) -> HttpResponse:
    """The lead that it comes from stays converted."""
    said = body or LoseIn()
    return _change(
        request,
        opportunity_id,
        lambda caller, deal, at: opportunities.lose(caller, deal, at, **said.model_dump()),
    )


@router.post("/opportunities/{opportunity_id}/reopen", auth=_WORK, response=_ANSWERS, summary="Reopen an opportunity")
def reopen_opportunity(request: Request, opportunity_id: str, body: ReopenIn | None = None) -> HttpResponse:
    """It goes on in the stage that it was in last."""
    said = body or ReopenIn()
    return _change(
        request,
        opportunity_id,
        lambda caller, deal, at: opportunities.reopen(caller, deal, at, version=said.version),
    )


@contextmanager
def _stages(stage: str | None) -> Iterator[None]:
    """A stage that the policy has not is the caller's slip. Raises `Problem`."""
    try:
        yield
    except acting.UnknownStage:
        raise Problem("unknown_stage", f"The policy has no stage called {stage}.") from None


def _change(request: Request, opportunity_id: str, change: Change) -> HttpResponse:
    """Do this to an opportunity in the caller's sight, and answer with it as it is then."""
    caller = request.auth
    deal, at = id_in(opportunity_id), now()

    def write() -> HttpResponse:
        before = _seen(caller, deal, at)
        done = change(caller, deal, at)
        if done is None:
            raise Problem("not_found")
        if isinstance(done, Refused):
            return refused(done.refusal, caller)
        seen = deals.deal_in_sight(caller, deal, at)
        if seen is not None:
            return answers.answer(asdict(seen))
        # Handed to somebody whom the caller does not lead: the last that they see of it.
        one = done.opportunity
        last = {"owner": one.owner.handle, "owner_name": one.owner.name, "version": one.version}
        return answers.answer(before | last)

    return once(request, caller, at, write)


def _seen(caller: Caller, deal: UUID, at: datetime) -> dict[str, Any]:
    """The opportunity as the caller sees it. Raises `Problem`."""
    seen = deals.deal_in_sight(caller, deal, at)
    if seen is None:
        raise Problem("not_found")
    return asdict(seen)
