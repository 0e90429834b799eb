"""A rep's own list: their leads, what is due today, one act on several of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.shapes import LeadPage
from dibs.api.shapes_of_work import DueList, MyBulkIn, MyBulkOut, MyFilters
from dibs.api.tokens import Request, Token, check_query
from dibs.distribution import several
from dibs.distribution.acting import Answer, Refused
from dibs.insight.my_list import FIELDS, Asked, DueToday, my_due, my_list
from dibs.insight.pages import Page
from dibs.insight.sight import may_know_of
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["work"])

_WORK = Token(Action.WORK_LEADS)


@router.get("/me/leads", auth=_WORK, response=reads(LeadPage), summary="List one's own leads")
def list_my_leads(request: Request, wanted: Query[MyFilters]) -> HttpResponse:
    """A rep's open ones, those they helped to end, or those of others that they help with. Nobody's, for who is no rep."""
    check_query(request, MyFilters)
    caller = request.auth
    asked = Asked(
        view=wanted.view,
        fields={name: value for name in FIELDS if (value := getattr(wanted, name)) is not None},
        due=wanted.due,
        idle_days=wanted.idle_days,
        words=wanted.q,
        sort=wanted.sort,
    )
    return answers.page(my_list(caller, asked, now(), cursor=wanted.cursor, limit=wanted.limit), answers.lead)


@router.get("/me/due", auth=_WORK, response=reads(DueList), summary="List what is due today")
def list_due(request: Request) -> HttpResponse:
    """Locks, offers, first contacts, follow-ups, planned activities, appointments: until the rep's midnight, and what is overdue."""
    caller = request.auth
    return answers.page(Page(my_due(caller, now())), _due)


@router.post(
    "/me/leads/bulk", auth=_WORK, response=writes({200: MyBulkOut}), summary="Do the same to several of one's leads"
)
def act_on_my_leads(request: Request, body: MyBulkIn) -> HttpResponse:
    """Each is judged by itself and answered by its place: one that is refused does not keep the others out."""
    caller = request.auth
    at = now()
    try:
        wanted = several.Wanted(**body.model_dump(exclude={"leads"}))
    except ValueError as unfit:
        raise Problem("invalid", f"{unfit}.") from None

    def write() -> HttpResponse:
        done = several.act_on_several(caller, wanted, body.leads, at, known=lambda lead: may_know_of(caller, lead, at))
        items = [_told(caller, answer) | {"id": lead} for lead, answer in zip(body.leads, done, strict=True)]
        return answers.answer({"items": items})

    return once(request, caller, at, write)


def _due(item: DueToday) -> dict[str, Any]:
    return {
        "at": item.at,
        "what": item.what,
        "overdue": item.overdue,
        "lead": answers.lead(item.lead),
        "id": item.id,
        "kind": item.kind,
        "title": item.title,
        "until": item.until,
    }


def _told(caller: Caller, answer: Answer) -> dict[str, Any]:
    """What became of one lead."""
    if answer is None or isinstance(answer, Refused):
        return answers.not_done(caller, answer)
    outcome = "done" if answer.reasons else "unchanged"
    return {"outcome": outcome, "state": answer.state, "pool": answer.lead["pool"], "owner": answer.owner}
