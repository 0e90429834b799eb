"""Privacy: what is known of one person, to be handed out or erased, and how long anybody is kept.

Who is asked for is sent in forms and never stands in an address: addresses are written into logs and histories.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from dibs.crm import do_not_contact
from dibs.delivery.wording import active_language, span
from dibs.distribution import policies
from dibs.insight.pages import BadCursor, cursor_after, last_seen
from dibs.intake import erasing, retention
from dibs.intake.handing_out import titles, told
from dibs.intake.person_document import as_page
from dibs.intake.persons import Asked, NotAPerson, Person, asked_for, find
from dibs.people.access import Action
from dibs.web.visit import Visit, page

#: Lines of the log on one page.
_LINES = 30
#: Under which rows it is told what goes; what only a search looks through is left out.
_UNTOLD = frozenset({"marks", "known_by"})


@require_GET
@page(Action.ERASE_PEOPLE)
def privacy(visit: Visit) -> HttpResponse:
    """Look for somebody; how long people are kept; what was erased."""
    return _overview(visit)


@require_POST
@page(Action.ERASE_PEOPLE)
def person(visit: Visit) -> HttpResponse:
    """What is known of somebody, in numbers, and what can be done about it."""
    try:
        asked = _asked(visit)
    except NotAPerson as problem:
        return _overview(visit, unfit=_unfit(problem.code))
    return _person(visit, asked)


@require_POST
@page(Action.ERASE_PEOPLE)
def export(visit: Visit) -> HttpResponse:
    """All that is known of somebody, as a file: JSON, or a page that they can read."""
    try:
        asked = _asked(visit)
    except NotAPerson as problem:
        return _overview(visit, unfit=_unfit(problem.code))
    language = visit.request.POST.get("language") or visit.caller.language
    document = told(visit.caller.workspace_id, find(visit.caller.workspace_id, asked), visit.now, language)
    if visit.request.POST.get("as") == "html":
        content, kind, name = as_page(document, language), "text/html; charset=utf-8", "person.html"
    else:
        content, kind, name = json.dumps(document, ensure_ascii=False, indent=2), "application/json", "person.json"
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@require_POST
@page(Action.ERASE_PEOPLE)
def erase(visit: Visit) -> HttpResponse:
    """Erase somebody, if who it is was typed once more."""
    try:
        asked = _asked(visit)
    except NotAPerson as problem:
        return _overview(visit, unfit=_unfit(problem.code))
    known = find(visit.caller.workspace_id, asked)
    typed = visit.request.POST.get("typed", "").strip()
    if typed.casefold() != _word(asked, known).casefold():
        return _person(visit, asked, unfit=_("What you typed is not what was asked for. Nothing was erased."))
    listed = visit.request.POST.get("listed") == "yes"
    done = erasing.erase(visit.caller, asked, visit.now, listed=listed)
    if done is None:
        visit.bad(_("Nothing is known of anybody like that."))
    else:
        rows = sum(done.rows.values())
        visit.good(
            ngettext("Erased. %(n)s row was concerned.", "Erased. %(n)s rows were concerned.", rows) % {"n": rows}
        )
    return redirect("privacy")


def _asked(visit: Visit) -> Asked:
    """Who is meant. Raises `NotAPerson`."""
    form: Mapping[str, str] = visit.request.POST
    who = form.get("who", "").replace("\0", "").strip()[:320]
    workspace_id = visit.caller.workspace_id
    try:
        return Asked(lead=UUID(who))
    except ValueError:
        pass
    if "@" in who:
        return asked_for(workspace_id, email=who)
    return asked_for(workspace_id, phone=who)


def _word(asked: Asked, known: Person) -> str:
    """What is typed to confirm: the address or number that was asked for; of a lead, what its person is known by."""
    for found in (asked.email, asked.phone, *sorted(known.emails), *sorted(known.phones), *sorted(known.names)):
        if found:
            return found
    return str(asked.lead)


def _person(visit: Visit, asked: Asked, *, unfit: str = "") -> HttpResponse:
    workspace_id = visit.caller.workspace_id
    known = find(workspace_id, asked)
    entries = known.entries()
    counts = erasing.count(workspace_id, known)
    listed = bool(entries) and do_not_contact.is_listed(workspace_id, entries)
    if not counts and not listed:
        return _overview(visit, unfit=_("Nothing is known of anybody like that."))
    names = titles()
    return visit.show(
        "privacy/person.html",
        status=422 if unfit else 200,
        tab="privacy",
        who=asked.email or asked.phone or str(asked.lead),
        confirm=_word(asked, known),
        person=known,
        leads=list(known.leads.values()),
        counts=[(names.get(called, called), count) for called, count in counts.items() if called not in _UNTOLD],
        listed=listed,
        unfit=unfit,
    )


def _overview(visit: Visit, *, unfit: str = "") -> HttpResponse:
    workspace_id = visit.caller.workspace_id
    question = f"erasures {workspace_id}"
    cursor = visit.request.GET.get("cursor")
    try:
        lines = erasing.log(workspace_id, before=last_seen(cursor, question) if cursor else None, limit=_LINES + 1)
    except BadCursor:
        lines = None
    if lines is None:
        return redirect("privacy")
    active = policies.active(workspace_id)
    keep = active.book.policy.privacy.keep if active else None
    over = retention.over(workspace_id, visit.now)
    language = active_language()
    kept: list[tuple[str, Any, int]] = [
        (label, span(length, language) if keep and (length := getattr(keep, name)) else None, getattr(over, name))
        for name, label in (
            ("ended", _("Leads that were given up, and lost opportunities")),
            ("open", _("Leads that nobody has, since the person was last heard of")),
            ("raw", _("What sources sent, as they sent it")),
        )
    ]
    return visit.show(
        "privacy/privacy.html",
        status=422 if unfit else 200,
        tab="privacy",
        unfit=unfit,
        kept=kept,
        lines=lines[:_LINES],
        next_page=cursor_after(lines[_LINES - 1].id, question) if len(lines) > _LINES else None,
        whys={
            "asked": _("somebody asked"),
            "ended": _("given up or lost long ago"),
            "open": _("not heard of for long"),
            "raw": _("sent long ago"),
        },
    )


def _unfit(code: str) -> str:
    return {
        "email_invalid": _("This cannot be an e-mail address."),
        "phone_invalid": _("Write an e-mail address, a phone number with its country code, or the id of a lead."),
    }.get(code, _("Write an e-mail address, a phone number with its country code, or the id of a lead."))
