"""A lead's team: who else sees it and helps."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import ACT_ANSWERS, reads
from dibs.api.problems import Problem
from dibs.api.routes.acts import act_on, id_in
from dibs.api.shapes_of_moves import HelperIn, Helpers
from dibs.api.tokens import Request, Token
from dibs.distribution import acting, helping
from dibs.insight.helping import team_of
from dibs.insight.pages import Page
from dibs.insight.sight import lead_in_sight
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["leads"])

_WORK = Token(Action.WORK_LEADS)


@router.get(
    "/leads/{lead_id}/helpers", auth=Token(Action.SEE_LEADS), response=reads(Helpers), summary="Who helps with a lead"
)
def list_helpers(request: Request, lead_id: str) -> HttpResponse:
    """Nobody, of a lead that the caller sees masked."""
    caller = request.auth
    seen = lead_in_sight(caller, id_in(lead_id), now())
    if seen is None:
        raise Problem("not_found")
    return answers.page(Page(team_of(caller, seen)), asdict)


@router.post("/leads/{lead_id}/helpers", auth=_WORK, response=ACT_ANSWERS, summary="Put a rep on a lead's team")
def add_helper(request: Request, lead_id: str, body: HelperIn) -> HttpResponse:
    """For who has the lead, and who leads them. Who helps sees it in full and may log a contact, which counts for who has it."""

    def add(caller: Caller, lead: UUID, at: datetime) -> acting.Answer:
        try:
            return helping.add_helper(caller, lead, body.rep, at)
        except LookupError:
            raise Problem("unknown_rep", f"There is no active rep called {body.rep}.") from None

    return act_on(request, lead_id, add)


@router.delete(
    "/leads/{lead_id}/helpers/{handle}", auth=_WORK, response=ACT_ANSWERS, summary="Take a rep off a lead's team"
)
def remove_helper(request: Request, lead_id: str, handle: str) -> HttpResponse:
    """For who has the lead, who leads them, and the rep."""

    def remove(caller: Caller, lead: UUID, at: datetime) -> acting.Answer:
        try:
            return helping.remove_helper(caller, lead, handle, at)
        except LookupError:
            raise Problem("not_found") from None

    return act_on(request, lead_id, remove)
