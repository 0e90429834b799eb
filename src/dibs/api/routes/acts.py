"""Acting on a lead that is already somebody's, or waits: contact, accept, reject, release, skip, open, retire, assign."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import ACT_ANSWERS
from dibs.api.idempotency import once
from dibs.api.problems import Problem, refused
from dibs.api.shapes import AcceptIn, AssignIn, ContactIn, RetireIn, WhyIn
from dibs.api.tokens import Request, Token
from dibs.distribution import acting
from dibs.insight.sight import lead_in_sight, may_know_of, outline
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["leads"])

_WORK = Token(Action.WORK_LEADS)
_TAKE = Token(Action.TAKE_LEADS)

Act = Callable[[Caller, UUID, datetime], acting.Answer]


@router.post("/leads/{lead_id}/skip", auth=_TAKE, response=ACT_ANSWERS, summary="Pass a waiting lead by")
def skip(request: Request, lead_id: str) -> HttpResponse:
    """Counts where the policy limits skips."""
    return act_on(request, lead_id, acting.skip, need_rep=True)


@router.post("/leads/{lead_id}/open", auth=_TAKE, response=ACT_ANSWERS, summary="Open a waiting lead's details")
def open_lead(request: Request, lead_id: str) -> HttpResponse:
    """For a lead whose `opens` is true: it comes in full, and does so until the caller's next claim. Counts as a skip, once for each
    lead. Of any other lead that waits nothing is counted, and it comes as the caller sees it."""
    return act_on(request, lead_id, acting.open_lead)


@router.post("/leads/{lead_id}/contact", auth=_WORK, response=ACT_ANSWERS, summary="Log a contact")
def contact(request: Request, lead_id: str, body: ContactIn | None = None) -> HttpResponse:
    """The first contact stops the clock: the lead stays with the rep."""
    said = body or ContactIn()
    return act_on(
        request,
        lead_id,
        lambda caller, lead, at: acting.contact(
            caller, lead, at, kind=said.kind, note=said.note, outcome=said.outcome, claim=said.claim
        ),
    )


@router.post("/leads/{lead_id}/accept", auth=_WORK, response=ACT_ANSWERS, summary="Accept an offer")
def accept(request: Request, lead_id: str, body: AcceptIn | None = None) -> HttpResponse:
    said = body or AcceptIn()
    return act_on(request, lead_id, lambda caller, lead, at: acting.accept(caller, lead, at, claim=said.claim))


@router.post("/leads/{lead_id}/reject", auth=_WORK, response=ACT_ANSWERS, summary="Decline an offer")
def reject(request: Request, lead_id: str, body: WhyIn | None = None) -> HttpResponse:
    """The lead goes to the next in line, and not to this rep again."""
    said = body or WhyIn()
    return act_on(
        request, lead_id, lambda caller, lead, at: acting.reject(caller, lead, at, why=said.why, claim=said.claim)
    )


@router.post("/leads/{lead_id}/release", auth=_WORK, response=ACT_ANSWERS, summary="Give a lead back")
def release(request: Request, lead_id: str, body: WhyIn | None = None) -> HttpResponse:
    """The lead returns to where it waited, in its old place in line."""
    said = body or WhyIn()
    return act_on(
        request, lead_id, lambda caller, lead, at: acting.release(caller, lead, at, why=said.why, claim=said.claim)
    )


@router.post("/leads/{lead_id}/retire", auth=_WORK, response=ACT_ANSWERS, summary="Give a lead up")
def retire(request: Request, lead_id: str, body: RetireIn) -> HttpResponse:
    return act_on(
        request,
        lead_id,
        lambda caller, lead, at: acting.retire(caller, lead, at, why=body.why, note=body.note, claim=body.claim),
    )


@router.post(
    "/leads/{lead_id}/assign",
    auth=Token(Action.ASSIGN_LEADS),
    response=ACT_ANSWERS,
    summary="Give a lead to a rep by name",
)
def assign(request: Request, lead_id: str, body: AssignIn) -> HttpResponse:
    """Beats the rules; does not change them. For a manager, of leads where they lead: one that they see as a rep alone is refused
    (`not_led`)."""

    def give(caller: Caller, lead: UUID, at: datetime) -> acting.Answer:
        try:
            return acting.assign(caller, lead, body.rep, at, why=body.why)
        except LookupError:
            raise Problem("unknown_rep", f"There is no active rep called {body.rep}.") from None

    return act_on(request, lead_id, give)


def act_on(
    request: Request,
    lead_id: str,
    act: Act,
    *,
    need_rep: bool = False,
    more: Callable[[acting.Acted], dict[str, Any]] = lambda done: {},
) -> HttpResponse:
    """Do this to a lead that the caller may know of, and answer with the lead as the caller sees it then, and with ``more``."""
    caller = request.auth
    lead, at = id_in(lead_id), now()
    if need_rep and caller.rep_id is None:
        raise Problem("not_a_rep")

    def write() -> HttpResponse:
        if not may_know_of(caller, lead, at):
            raise Problem("not_found")
        done = act(caller, lead, at)
        if done is None:
            raise Problem("not_found")
        if isinstance(done, acting.Refused):
            return refused(done.refusal, caller)
        seen = lead_in_sight(caller, lead, at)
        # What was given back or passed on may be out of the caller's sight now.
        shown = answers.lead(seen if seen is not None else outline(done.lead))
        return answers.answer({**shown, **more(done)})

    return once(request, caller, at, write)


def id_in(text: str) -> UUID:
    """An id from an address. One that cannot be an id names nothing. Raises `Problem`."""
    try:
        return UUID(text)
    except ValueError:
        raise Problem("not_found") from None
