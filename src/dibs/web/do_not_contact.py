"""Who must not be contacted: operations look at the list, look somebody up, and put people on it and take them off."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from dibs.distribution import refusing
from dibs.insight.do_not_contact import count_of_refusals, refusal_of, refusals
from dibs.insight.pages import BadCursor
from dibs.intake.do_not_contact import Found, entries_in
from dibs.people.access import Action
from dibs.people.models import Workspace
from dibs.web.shown import number
from dibs.web.visit import Visit, page

#: Lines of a page.
ROWS = 50
#: A list that is typed in or handed over is not larger, in characters; the command line takes any.
LARGEST = 5_000_000


@require_GET
@page(Action.ERASE_PEOPLE)
def list_page(visit: Visit) -> HttpResponse:
    """The list, the latest first."""
    try:
        found = refusals(visit.caller.workspace_id, cursor=visit.request.GET.get("cursor") or None, limit=ROWS)
    except BadCursor:
        return redirect("do_not_contact")
    return visit.show(
        "privacy/do_not_contact.html",
        tab="do_not_contact",
        lines=found.items,
        next_page=found.next,
        count=count_of_refusals(visit.caller.workspace_id),
    )


@require_POST
@page(Action.ERASE_PEOPLE)
def change(visit: Visit, act: str) -> HttpResponse:
    """Look somebody up, put people on the list, or take them off it."""
    found = _found(visit)
    if not found.entries:
        visit.bad(_("There is no e-mail address and no telephone number with its country code in that."))
    elif act == "look":
        line = refusal_of(visit.caller.workspace_id, found.entries[0])
        if line is not None:
            visit.bad(_("%(who)s must not be contacted.") % {"who": found.entries[0].value})
        else:
            visit.good(_("%(who)s is not on the list.") % {"who": found.entries[0].value})
    elif act == "add":
        done = refusing.refuse(
            visit.caller.workspace_id,
            found.entries,
            why="list" if len(found.entries) > 1 else "asked",
            now=visit.now,
            by=visit.caller.user_id,
        )
        said = ngettext("%(n)s more must not be contacted.", "%(n)s more must not be contacted.", done.entries)
        visit.good(f"{said % {'n': number(done.entries)}} {_told(done.leads)}".strip())
        if found.wrong_in_all:
            visit.bad(
                ngettext(
                    "%(n)s line holds no address and no number.",
                    "%(n)s lines hold no address and no number.",
                    found.wrong_in_all,
                )
                % {"n": number(found.wrong_in_all)}
            )
    else:
        done = refusing.allow(visit.caller.workspace_id, found.entries, now=visit.now)
        if done.entries:
            taken = _("Taken off the list.")
            visit.good(f"{taken} {_told(done.leads)}".strip())
        else:
            visit.bad(_("They were not on the list."))
    return redirect("do_not_contact")


def _found(visit: Visit) -> Found:
    """What was typed in, and what a file holds that was handed over."""
    typed = visit.request.POST.get("who", "")[:LARGEST].splitlines()
    file = visit.request.FILES.get("file")
    if file is not None:
        typed += file.read(LARGEST).decode("utf-8-sig", "replace").splitlines()
    country = Workspace.objects.values_list("country", flat=True).get(id=visit.caller.workspace_id)
    # A single line is what somebody typed, and no column's name.
    return entries_in(typed, country or None)


def _told(leads: int) -> str:
    if not leads:
        return ""
    return ngettext("%(n)s open lead of theirs was told.", "%(n)s open leads of theirs were told.", leads) % {
        "n": number(leads)
    }
