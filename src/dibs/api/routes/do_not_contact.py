"""Who must not be contacted: the list, put on and taken off."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.shapes import Incoming, Outgoing, text
from dibs.api.tokens import Request, Token, check_query
from dibs.crm.do_not_contact import Entry, Why
from dibs.distribution import refusing
from dibs.insight.do_not_contact import refusal_of, refusals
from dibs.intake.do_not_contact import entry_in
from dibs.people.access import Action
from dibs.people.caller import Caller
from dibs.people.models import Workspace

router = Router(tags=["privacy"])

_PRIVACY = Token(Action.ERASE_PEOPLE)

Who = Annotated[str, text(320, 1)]


class RefusalOut(Outgoing):
    id: UUID
    what: Literal["mail", "phone"]
    shown: str = Field(
        description="As much of it as the list keeps, such as `a***@example.com`; empty for somebody who was erased."
    )
    why: Why
    at: datetime
    by: str | None = Field(description="Who put it there, where a person did.")


class RefusalPage(Outgoing):
    items: list[RefusalOut]
    next: str | None


class RefusalQuestion(Incoming):
    """The list, or the one line of an address or a number."""

    who: Annotated[str, text(320, 1)] | None = Field(
        None, description="An address or a number in E.164: only its own line, if it is on the list."
    )
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class RefusalsIn(Incoming):
    who: Annotated[list[Who], Field(min_length=1, max_length=1000)] = Field(
        description="Addresses and numbers. A number without a country code is taken to be of the workspace's country."
    )
    why: Literal["asked", "list", "bounced"] = "asked"


class AllowedIn(Incoming):
    who: Annotated[list[Who], Field(min_length=1, max_length=1000)]


class RefusedOut(Outgoing):
    entries: int = Field(description="How many were not on the list before; of those taken off, how many were on it.")
    leads: int = Field(description="Open leads that were told.")


@router.get("/do-not-contact", auth=_PRIVACY, response=reads(RefusalPage), summary="List who must not be contacted")
def list_not_contacted(request: Request, asked: Query[RefusalQuestion]) -> HttpResponse:
    """The latest first. The list keeps hashes and can be searched by a whole address or number alone."""
    check_query(request, RefusalQuestion)
    caller = request.auth
    if asked.who is not None:
        (entry,) = _entries(caller, [asked.who])
        line = refusal_of(caller.workspace_id, entry)
        return answers.answer({"items": [asdict(line)] if line else [], "next": None})
    return answers.page(refusals(caller.workspace_id, cursor=asked.cursor, limit=asked.limit), asdict)


@router.post(
    "/do-not-contact", auth=_PRIVACY, response=writes({200: RefusedOut}), summary="Say who must not be contacted"
)
def refuse_contact(request: Request, body: RefusalsIn) -> HttpResponse:
    """Their open leads that wait go the way that the policy has for them; those that a rep has stay there, and the rep is told."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        entries = _entries(caller, body.who)
        done = refusing.refuse(caller.workspace_id, entries, why=body.why, now=at, by=caller.user_id)
        return answers.answer(asdict(done))

    return once(request, caller, at, write)


@router.delete(
    "/do-not-contact", auth=_PRIVACY, response=writes({200: RefusedOut}), summary="Say who may be contacted again"
)
def allow_contact(request: Request, body: AllowedIn) -> HttpResponse:
    """Who is not on the list is left out. Leads that were given up because of it stay so."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        return answers.answer(asdict(refusing.allow(caller.workspace_id, _entries(caller, body.who), now=at)))

    return once(request, caller, at, write)


def _entries(caller: Caller, who: list[str]) -> list[Entry]:
    """What these texts are on the list as. Raises `Problem` for the first that is neither an address nor a number."""
    country = Workspace.objects.values_list("country", flat=True).get(id=caller.workspace_id) or None
    entries = []
    for index, said in enumerate(who):
        entry = entry_in(said, country)
        if entry is None:
            message = "This is neither an e-mail address nor a telephone number with its country code."
            errors = [{"where": ["who", index], "code": "not_a_person", "message": message}]
            raise Problem("invalid", f"who.{index}: {message}", errors=errors)
        entries.append(entry)
    return entries
