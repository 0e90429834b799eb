"""Leads: sending them in, and reading those that are the caller's to read."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field, ValidationError

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem, field_errors, refused
from dibs.api.routes.acts import id_in
from dibs.api.shapes import Incoming, LeadIn, LeadOut, LeadPage, LeadsIn, Receipt, Receipts, Timeline, TouchIn, text
from dibs.api.shapes import Problem as ProblemShape
from dibs.api.tokens import Request, Token, check_query
from dibs.crm.arrival import Touching
from dibs.engine.decision import Reason, Refusal
from dibs.engine.lifecycle import State
from dibs.insight import story
from dibs.insight.leads import leads_page
from dibs.insight.sight import lead_in_sight
from dibs.intake.receiving import Received, receive
from dibs.intake.touches import LeadEnded, Sourceless, touch
from dibs.people.access import Action

router = Router(tags=["leads"])

_SEND = Token(Action.SEND_LEADS)
_SEE = Token(Action.SEE_LEADS)
#: What a receipt says of where the lead is.
_PLACE = ("state", "pool", "owner", "review", "score", "rank")


@router.post("/leads", auth=_SEND, response=writes({201: Receipt, 200: Receipt}), summary="Send a lead in")
def send_lead(request: Request, body: LeadIn) -> HttpResponse:
    """Placed at once by the active policy. Sent again with the same source and external id it is the same lead: 200, and
    enriched with what is new. Where its person has an open lead already, it is a touch on that one: 200, `touched`, and that lead's id."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        (received,) = receive(caller.workspace_id, [json.loads(request.body)], now=at)
        if received.outcome == "refused":
            raise Problem("invalid", errors=_errors(received))
        return answers.answer(_receipt(received), 201 if received.outcome == "placed" else 200)

    return once(request, caller, at, write)


@router.post("/leads/batch", auth=_SEND, response=writes({200: Receipts}), summary="Send up to 1,000 leads in")
def send_leads(request: Request, body: LeadsIn) -> HttpResponse:
    """Answers each one by its place. One that is refused does not keep the others out."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        receipts: list[dict[str, Any] | None] = []
        fit: list[dict[str, Any]] = []
        for given in body.leads:
            try:
                LeadIn.model_validate(given)
                fit.append(given)
                receipts.append(None)
            except ValidationError as problem:
                receipts.append({"outcome": "refused", "errors": field_errors(problem.errors())})
        received = iter(receive(caller.workspace_id, fit, now=at) if fit else ())
        return answers.answer({"items": [said or _receipt(next(received)) for said in receipts]})

    return once(request, caller, at, write)


@router.post(
    "/leads/{lead_id}/touches",
    auth=_SEND,
    response=writes({201: Receipt, 200: Receipt}) | {409: ProblemShape},
    summary="Say what a lead's person did",
)
def touch_lead(request: Request, lead_id: str, body: TouchIn) -> HttpResponse:
    """Pages looked at, mails opened, a call: counted on the lead, which is qualified anew, and routed anew if it waits. Told again with the
    same source and external id: 200, unchanged. On a lead that was merged into another it counts there."""
    caller = request.auth
    lead, at = id_in(lead_id), now()
    said = Touching(
        at=min(body.at or at, at),
        kind=body.kind,
        source=body.source,
        external_id=body.external_id,
        count=body.count,
        detail=body.detail,
    )

    def write() -> HttpResponse:
        try:
            received = touch(caller.workspace_id, lead, said, at)
        except LeadEnded as ended:
            params = {"state": ended.state, "act": "touched"}
            return refused(Refusal((Reason("already_ended", params),), remedy=Reason("choose_another")), caller)
        except Sourceless as unfit:
            raise Problem("invalid", f"{unfit}.") from None
        if received is None:
            raise Problem("not_found")
        return answers.answer(_receipt(received), 201 if received.outcome == "touched" else 200)

    return once(request, caller, at, write)


class LeadFilters(Incoming):
    state: State | None = None
    pool: Annotated[str, text(100, 1)] | None = None
    review: Annotated[str, text(100, 1)] | None = None
    owner: Annotated[str, text(100, 1)] | None = Field(None, description="A rep's handle.")
    source: Annotated[str, text(100, 1)] | None = None
    external_id: Annotated[str, text(200, 1)] | None = None
    email: Annotated[str, text(320, 1)] | None = None
    domain: Annotated[str, text(253, 1)] | None = None
    country: Annotated[str, text(2, 2)] | None = None
    industry: Annotated[str, text(200, 1)] | None = None
    rank: Annotated[str, text(8, 1)] | None = None
    received_from: datetime | None = None
    received_before: datetime | None = None
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@router.get("/leads", auth=_SEE, response=reads(LeadPage), summary="List leads, newest first")
def list_leads(request: Request, wanted: Query[LeadFilters]) -> HttpResponse:
    """A rep's own, a manager's teams', everything for operations. What waits in a pool, a rep reads through the pool."""
    check_query(request, LeadFilters)
    caller = request.auth
    filters = wanted.model_dump(exclude={"cursor", "limit"}, exclude_none=True)
    return answers.page(leads_page(caller, filters, cursor=wanted.cursor, limit=wanted.limit, now=now()), answers.lead)


@router.get("/leads/{lead_id}", auth=_SEE, response=reads(LeadOut), summary="Read a lead")
def read_lead(request: Request, lead_id: str) -> HttpResponse:
    """What the caller may see of it. A lead that the caller may not know of answers as one that there is not."""
    caller = request.auth
    seen = lead_in_sight(caller, id_in(lead_id), now())
    if seen is None:
        raise Problem("not_found")
    return answers.answer(answers.lead(seen))


@router.get("/leads/{lead_id}/timeline", auth=_SEE, response=reads(Timeline), summary="Read a lead's story")
def read_timeline(request: Request, lead_id: str) -> HttpResponse:
    """Every decision about it, oldest first: the reasons, their text in the caller's language, the policy version."""
    caller = request.auth
    lead = id_in(lead_id)
    entries = story.story_of(caller, lead, now())
    if entries is None:
        raise Problem("not_found")
    return answers.answer({"lead": lead, "items": [entry.as_dict() for entry in entries]})


def _receipt(received: Received) -> dict[str, Any]:
    """What is said of a lead that was sent; where it is now, if that was decided anew."""
    if received.outcome == "refused":
        return {"outcome": "refused", "errors": _errors(received)}
    receipt: dict[str, Any] = {"outcome": received.outcome, "id": received.lead_id, "flags": list(received.flags)}
    if received.placed is not None:
        receipt |= {name: getattr(received.placed, name) for name in _PLACE}
    return receipt


def _errors(received: Received) -> list[dict[str, Any]]:
    return [{"where": [received.field] if received.field else [], "code": received.code, "message": received.message}]
