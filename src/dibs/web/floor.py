"""For who leads: the floor at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_GET

from dibs.insight.feed import Happening, Lot
from dibs.insight.floor import AGES
from dibs.insight.floor import floor as floor_of
from dibs.people.access import Action
from dibs.web.shown import called, number, short_span
from dibs.web.visit import Visit, page

#: A rep with this share of the open leads allowed, or more, is marked.
_FULL = 0.9


@dataclass(frozen=True, slots=True)
class Told:
    """A line of what happens now: about what, the page of that, what happened in the words after it, and their tone."""

    at: datetime
    name: str
    address: str
    text: str
    tone: str = ""


@require_GET
@page(Action.SEE_FLOOR)
def floor(visit: Visit) -> HttpResponse:
    """What waits, what is at risk, who is loaded, what happens now."""
    seen = floor_of(visit.caller, visit.now)
    most = max([card.load.open_leads for card in seen.reps if card.load] + [1])
    rows = []
    for card in seen.reps:
        limit = _limit(visit, card.handle, card.teams)
        open_leads = card.load.open_leads if card.load else 0
        rows.append(
            (card, limit, round(100 * open_leads / (limit or most)), bool(limit and open_leads >= _FULL * limit))
        )
    return visit.show(
        "floor/floor.html",
        tab="floor",
        seen=seen,
        rows=rows,
        bands=[_("under %(n)s min") % {"n": n} for n in AGES] + [_("more")],
        tells=[_told(what) for what in seen.feed],
        short=short_span,
    )


def _limit(visit: Visit, handle: str, teams: tuple[str, ...]) -> int | None:
    """The most leads that the rep may have open before nothing more is pushed to them."""
    book = visit.eyes.book
    caps = [book.caps_of(team, handle) for team in teams] if book else []
    return max((cap.open_at_most for cap in caps if cap and cap.open_at_most), default=None)


def _told(what: Happening | Lot) -> Told:
    if isinstance(what, Lot):
        address = reverse("scoring") if what.model is None else reverse("score_model", args=[what.model])
        return Told(what.at, _how_many(what.leads), address, lot_in_words(what))
    return Told(what.at, called(what.lead), reverse("lead", args=[what.lead["id"]]), *in_words(what))


def _how_many(leads: int | None) -> str:
    if leads is None:
        return _("Many leads")
    return ngettext("%(n)s lead", "%(n)s leads", leads) % {"n": number(leads)}


def lot_in_words(what: Lot) -> str:
    """What happened to all of them, as the words after how many they are."""
    if what.model is None:
        return pgettext("feed", "elsewhere now: no model is switched on any more")
    return pgettext("feed", "elsewhere now: model %(model)s was switched on") % {"model": what.model}


def in_words(what: Happening) -> tuple[str, str]:
    """What happened, as the words after the lead's name, and its tone."""
    who = what.who or ""
    said = {
        "claimed": (pgettext("feed", "claimed by %(who)s"), ""),
        "contacted": (pgettext("feed", "contacted by %(who)s"), "good"),
        "lapsed": (pgettext("feed", "lapsed with %(who)s"), "bad"),
        "escalated": (pgettext("feed", "waited too long and went to %(who)s"), "warm"),
        "aged": (pgettext("feed", "waited too long and went to %(who)s"), "warm"),
        "released": (pgettext("feed", "given back by %(who)s"), ""),
        "accepted": (pgettext("feed", "accepted by %(who)s"), ""),
        "rejected": (pgettext("feed", "declined, and on to the next"), ""),
        "reassigned": (pgettext("feed", "passed on to %(who)s"), "warm"),
        "freed": (pgettext("feed", "waited for somebody, and went to %(who)s"), ""),
        "warned": (pgettext("feed", "time runs out for %(who)s"), "warm"),
        "assigned": (pgettext("feed", "given to %(who)s"), ""),
        "undone": (pgettext("feed", "back where it was, a move undone"), ""),
        "returned": (pgettext("feed", "sent back to the pool"), ""),
        "converted": (pgettext("feed", "converted by %(who)s"), "good"),
        "retired": (pgettext("feed", "given up by %(who)s"), ""),
        "requalified": (pgettext("feed", "looked at again"), ""),
        "qualified": (pgettext("feed", "ready for sales"), "good"),
        "nurtured": (pgettext("feed", "kept away from sales for now"), ""),
        "reopened": (pgettext("feed", "reopened by %(who)s"), ""),
        "merged": (pgettext("feed", "merged into another lead of the same person"), ""),
        "unmerged": (pgettext("feed", "kept apart after all"), ""),
    }.get(what.kind, (what.kind, ""))
    text, tone = said
    if "%(who)s" in text:
        text = text % {"who": who or what.by or _("the managers")}
    return text, tone
