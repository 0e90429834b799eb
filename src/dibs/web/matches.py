"""Near misses: leads that may be of one person, or of an account, side by side for a person to decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dibs.delivery.wording import active_language, field_name, percent
from dibs.distribution import deciding_near_misses
from dibs.distribution.scene import Refused
from dibs.insight.accounts import AccountCard
from dibs.insight.matches import NearCard, matches_page
from dibs.insight.pages import BadCursor
from dibs.people.access import Action
from dibs.web.shown import called, value_of
from dibs.web.visit import Visit, page

#: Near misses of a page.
ROWS = 20
#: What two leads are compared by, and a lead with an account.
_OF_PEOPLE = (
    "name",
    "title",
    "email",
    "phone",
    "company",
    "industry",
    "country",
    "city",
    "source",
    "product",
    "use_case",
    "received_at",
)
_OF_ACCOUNTS = ("company", "domain", "phone")
_STATES = ("open", "merged", "apart")


@dataclass(frozen=True, slots=True)
class Line:
    """A field of both, as text; ``same``: it says the same of both."""

    label: str
    one: str
    other: str
    same: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """A near miss as the page shows it."""

    card: NearCard
    heading: str
    other_name: str
    like: str
    parts: Sequence[str]
    lines: Sequence[Line]


@require_GET
@page(Action.DECIDE_MATCHES)
def matches(visit: Visit) -> HttpResponse:
    """What is still to decide, or was decided."""
    given = visit.request.GET
    state = given.get("state", "open") if given.get("state", "open") in _STATES else "open"
    try:
        found = matches_page(visit.caller, state, cursor=given.get("cursor") or None, limit=ROWS, now=visit.now)  # type: ignore[arg-type]
    except BadCursor:
        return redirect(f"{reverse('matches')}?{urlencode({'state': state})}")
    return visit.show(
        "matches/matches.html",
        tab="review",
        pairs=[_pair(card, visit.names) for card in found.items],
        state=state,
        states=[("open", _("To decide")), ("merged", _("Merged")), ("apart", _("Kept apart"))],
        next_page=found.next,
        cursor=given.get("cursor", ""),
    )


@require_POST
@page(Action.DECIDE_MATCHES)
def decide(visit: Visit, match_id: UUID, act: str) -> HttpResponse:
    """The same, not the same, or taken back."""
    if act == "undo":
        done = deciding_near_misses.reopen(visit.caller, match_id, visit.now)
    elif act in {"merge", "apart"}:
        done = deciding_near_misses.decide(visit.caller, match_id, visit.now, same=act == "merge")
    else:
        raise Http404
    if done is None:
        raise Http404
    if isinstance(done, Refused):
        visit.bad(*visit.refusal(done.refusal))
    else:
        said = {
            "merge": _("They are one now."),
            "apart": _("They stay apart, and nobody is asked again."),
            "undo": _("That was taken back: it is open again."),
        }
        visit.good(said[act])
    return visit.back(reverse("matches"))


def _pair(card: NearCard, names: Mapping[str, str]) -> Pair:
    if card.account is not None:
        other_name, lines = card.account.name, list(_with_account(card.lead, card.account, names))
        heading = _("Does it belong to this account?")
    else:
        assert card.other is not None
        other_name, lines = called(card.other), list(_with_lead(card.lead, card.other))
        heading = _("Are they one person?")
    parts = [_part(part) for part in card.parts]
    return Pair(card, heading, other_name, percent(round(card.score, 2)), parts, lines)


def _part(part: Mapping[str, Any]) -> str:
    like = percent(round(float(part["like"]), 2))
    named = {
        "domain": _("the same domain"),
        "name": _("names %(like)s alike") % {"like": like},
        "phone": _("the same number"),
        "email": _("the same address"),
        "mailbox": _("the same mailbox, which others may use too"),
    }
    return named.get(str(part["part"]), str(part["part"]))


def _with_lead(one: Mapping[str, Any], other: Mapping[str, Any]) -> Sequence[Line]:
    return [line for name in _OF_PEOPLE if (line := _line(name, value_of(one, name), value_of(other, name)))]


def _with_account(lead: Mapping[str, Any], account: AccountCard, names: Mapping[str, str]) -> Sequence[Line]:
    of_account = {"company": account.name, "domain": account.domain or "", "phone": account.phone or ""}
    lines = [_line(name, value_of(lead, name), of_account[name]) for name in _OF_ACCOUNTS]
    owner = names.get(account.owner or "", account.owner or "")
    lines.append(Line(_("Whose"), str(lead.get("owner_name") or ""), owner, False) if owner else None)
    return [line for line in lines if line]


def _line(name: str, one: str, other: str) -> Line | None:
    if not one and not other:
        return None
    return Line(field_name(name, active_language()), one, other, bool(one) and one.casefold() == other.casefold())
