"""Privacy: what is known of one person, handed out or erased; how long people are kept; what they agreed to.

Who is asked for comes in the body, never in the address: addresses are written into logs.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import ACT_ANSWERS, reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.routes.acts import act_on
from dibs.api.shapes import Incoming, text
from dibs.api.shapes_of_privacy import (
    ConsentIn,
    ErasedOut,
    EraseIn,
    ErasurePage,
    ExportIn,
    PersonIn,
    PersonOut,
    PersonWhole,
    RetentionOut,
)
from dibs.api.tokens import Request, Token, check_query
from dibs.crm import do_not_contact
from dibs.distribution import policies
from dibs.distribution.consenting import set_consent
from dibs.insight.pages import BadCursor, Page, cursor_after, last_seen
from dibs.intake import erasing, retention
from dibs.intake.handing_out import told
from dibs.intake.person_document import as_page
from dibs.intake.persons import Asked, NotAPerson, Person, asked_for, find
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["privacy"])

_PRIVACY = Token(Action.ERASE_PEOPLE)


class ErasureQuestion(Incoming):
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@router.post(
    "/privacy/find", auth=_PRIVACY, response=writes({200: PersonOut}), summary="Look what is known of somebody"
)
def find_person(request: Request, body: PersonIn) -> HttpResponse:
    """Changes nothing. Also says what would be erased."""
    caller = request.auth
    person, _ = _person(caller, body)
    entries = person.entries()
    counts = erasing.count(caller.workspace_id, person)
    listed = bool(entries) and do_not_contact.is_listed(caller.workspace_id, entries)
    if not counts and not listed:
        raise Problem("not_found", "Nothing is known of anybody like that.")
    found: dict[str, Any] = {
        "emails": sorted(person.emails),
        "phones": sorted(person.phones),
        "names": sorted(person.names),
        "leads": [asdict(lead) for lead in person.leads.values()],
        "several": person.several(),
        "counts": counts,
        "on_the_list": listed,
    }
    return answers.answer(found)


@router.post(
    "/privacy/export",
    auth=_PRIVACY,
    response=writes({200: PersonWhole}),
    summary="Hand out all that is known of somebody",
)
def export_person(request: Request, body: ExportIn) -> HttpResponse:
    """One JSON document, or with `format: html` a page of its own. What was said of them in rows that are about others is counted and
    not told: it is others' too."""
    caller = request.auth
    person, _ = _person(caller, body)
    language = body.language or caller.language
    document = told(caller.workspace_id, person, now(), language)
    if not document["counts"] and not document["on_the_list"]:
        raise Problem("not_found", "Nothing is known of anybody like that.")
    if body.format == "html":
        return HttpResponse(
            as_page(document, language),
            content_type="text/html; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="person.html"'},
        )
    return answers.answer(document)


@router.post(
    "/privacy/erase", auth=_PRIVACY, response=writes({200: ErasedOut}), summary="Erase somebody from everything"
)
def erase_person(request: Request, body: EraseIn) -> HttpResponse:
    """Their open leads are given up first. Leads stay as numbers, without anything that says whose they were, so that counts and reports
    stay as they are. It cannot be undone. Looks through all that was ever written: on a large workspace that takes some seconds."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        asked = _asked(caller, body)
        done = erasing.erase(caller, asked, at, listed=body.do_not_contact)
        if done is None:
            raise Problem("not_found", "Nothing is known of anybody like that.")
        return answers.answer(asdict(done))

    return once(request, caller, at, write)


@router.get("/privacy/erasures", auth=_PRIVACY, response=reads(ErasurePage), summary="List erasures, newest first")
def list_erasures(request: Request, asked: Query[ErasureQuestion]) -> HttpResponse:
    """When, by whom, and how many rows that were; not of whom."""
    check_query(request, ErasureQuestion)
    caller = request.auth
    question = f"erasures {caller.workspace_id}"
    before = last_seen(asked.cursor, question) if asked.cursor else None
    found = erasing.log(caller.workspace_id, before=before, limit=asked.limit + 1)
    if before is not None and found is None:
        raise BadCursor
    shown = (found or [])[: asked.limit]
    after = cursor_after(shown[-1].id, question) if len(found or []) > asked.limit else None
    return answers.page(Page(shown, after), asdict)


@router.get("/privacy/retention", auth=_PRIVACY, response=reads(RetentionOut), summary="Read how long people are kept")
def read_retention(request: Request) -> HttpResponse:
    """By the policy in force, and how much has had its time by now and goes tonight."""
    caller = request.auth
    active = policies.active(caller.workspace_id)
    keep = active.book.policy.privacy.keep if active else None
    spans = {name: getattr(keep, name, None) for name in ("ended", "open", "raw")}
    over = retention.over(caller.workspace_id, now())
    return answers.answer({"keep": spans, "over": asdict(over)})


@router.put(
    "/leads/{lead_id}/consent",
    auth=Token(Action.WORK_LEADS),
    response=ACT_ANSWERS,
    summary="Write down what the person agreed to",
)
def consent(request: Request, lead_id: str, body: ConsentIn) -> HttpResponse:
    """For who has the lead, and who leads where it is. Who said so, and when, is in the lead's story."""
    return act_on(request, lead_id, lambda caller, lead, at: set_consent(caller, lead, body.given, at))


def _asked(caller: Caller, body: PersonIn) -> Asked:
    try:
        return asked_for(caller.workspace_id, email=body.email, phone=body.phone, lead=body.lead)
    except NotAPerson as problem:
        raise Problem("not_a_person", WRONG[problem.code]) from None


def _person(caller: Caller, body: PersonIn) -> tuple[Person, Asked]:
    asked = _asked(caller, body)
    return find(caller.workspace_id, asked), asked


WRONG = {
    "nothing_asked": "Name exactly one of email, phone and lead.",
    "email_invalid": "This cannot be an e-mail address.",
    "phone_invalid": "This cannot be a phone number; write it with its country code.",
}
