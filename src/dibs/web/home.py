"""The way in, and what a person sets for themselves: language and availability."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dibs.delivery.wording import LANGUAGES
from dibs.distribution import presence
from dibs.insight.pools import pools_in_sight
from dibs.people.access import Action
from dibs.people.models import Rep, User
from dibs.web.shown import disc
from dibs.web.visit import Visit, next_page, page

_A_DAY = 24 * 3600


@page(Action.SEE_SELF)
def home(visit: Visit) -> HttpResponse:
    """To the page that the visitor works on: the floor for who leads, else the pool where most leads wait."""
    if visit.leads:
        return redirect("floor")
    waiting = [card for card in pools_in_sight(visit.caller, visit.now) if card.waiting and card.mode != "queue"]
    if waiting and visit.pools:
        return redirect("pool", max(waiting, key=lambda card: card.waiting).name)
    tab = next(iter(visit.tabs()), None)
    if tab is None:
        return visit.show("nothing.html")
    return redirect(tab.address)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Set the language: for the user who is logged in, and for this browser's login page."""
    wanted = request.POST.get("language", "")
    response = HttpResponseRedirect(next_page(request, "/"))
    if wanted in LANGUAGES:
        if request.user.is_authenticated:
            User.objects.filter(id=request.user.pk).update(language=wanted)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            wanted,
            max_age=365 * _A_DAY,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return response


@require_POST
@page(Action.SET_SELF, rep_only=True)
def available(visit: Visit) -> HttpResponse:
    """The rep's own switch: whether leads may be pushed to them."""
    assert visit.caller.rep_id is not None
    presence.switch(visit.caller, visit.caller.rep_id, visit.request.POST.get("available") == "yes", visit.now)
    return visit.back("/")


@page(Action.SEE_REPS)
def face(visit: Visit, handle: str) -> HttpResponse:
    """A rep's face, or initials on a disc for one who has none."""
    found = (
        Rep.objects.filter(workspace_id=visit.caller.workspace_id, handle=handle).values_list("face", "name").first()
    )
    if found is None:
        raise Http404
    drawn, name = found
    return HttpResponse(
        drawn or disc(handle, name),
        content_type="image/svg+xml",
        headers={"Cache-Control": f"private, max-age={_A_DAY}"},
    )
