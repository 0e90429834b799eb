"""Opportunities: the board by stage, the lists of what ended, and one opportunity with all that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dibs.delivery.wording import active_language, say, stage_name
from dibs.distribution import acting, notes, opportunities
from dibs.distribution.converting import UnknownStage
from dibs.distribution.scene import Refused
from dibs.engine.policy_deals import Opportunities
from dibs.engine.policy_terms import in_language
from dibs.insight import deals
from dibs.insight.deal_story import changes_of, written_of
from dibs.insight.deals import Becoming, Deal
from dibs.insight.pages import BadCursor
from dibs.insight.sight import SeenLead, lead_in_sight
from dibs.people.access import Action
from dibs.people.models import Rep
from dibs.web.forms import BLANK, Refilled, Unfit, amount_in, currency_in, day_in, once_in, text_in
from dibs.web.visit import Visit, page

#: Lines of a list's page, and of the list on another page.
_ROWS, _FEW = 50, 10


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as the page shows it. ``next``: the one after it and what that is called, ``None`` after the last."""

    name: str
    says: str
    likely: float | None
    next: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of what became of it."""

    at: datetime
    texts: Sequence[str]
    by: str | None


@require_GET
@page(Action.SEE_DEALS)
def board(visit: Visit) -> HttpResponse:
    """The board; with ``state`` the list of what was won or lost; with ``rep`` one rep's. ``stage``: the list of one stage."""
    asked = visit.request.GET
    whose = deals.owners(visit.caller, visit.now)
    owner = asked.get("rep") or None
    if owner is not None and owner not in {handle for handle, _name in whose}:
        owner = None if owner == visit.caller.handle else _unknown()
    state, stage = asked.get("state", ""), asked.get("stage", "").replace("\0", "")
    shared: dict[str, Any] = {
        "tab": "opportunities",
        "whose": whose,
        "owner": owner,
        "owner_left": owner is not None
        and not Rep.objects.filter(workspace_id=visit.caller.workspace_id, handle=owner, active=True).exists(),
        "state": state,
        "today": _today(visit),
    }
    rules = deals.stages(visit.caller)
    if state in {"won", "lost"} or stage:
        filters = {"owner": owner, "state": state or "open", "stage": stage or None}
        try:
            found = deals.deals_page(
                visit.caller,
                filters,
                cursor=asked.get("cursor") or None,
                limit=_ROWS,
                now=visit.now,
                order="ended" if state in {"won", "lost"} else "closing",
            )
        except BadCursor:
            return redirect("opportunities")
        return visit.show(
            "opportunities/list.html",
            deals=found.items,
            next_page=found.next,
            stage=_called(rules, stage) if stage else "",
            stage_key=stage,
            names={deal.stage: _called(rules, deal.stage) for deal in found.items},
            **shared,
        )
    return visit.show(
        "opportunities/board.html",
        board=deals.board(visit.caller, visit.now, owner=owner),
        stages={stage.name: stage for stage in _stages(rules)},
        called=lambda name: _called(rules, name),
        may_work=lambda deal: _may_work(visit, deal),
        could_have=_could_have(visit, owner) if owner and visit.leads else [],
        **shared,
    )


@require_GET
@page(Action.SEE_DEALS)
def opportunity(visit: Visit, opportunity_id: UUID) -> HttpResponse:
    """One opportunity: what it is, what is to be done with it, and what became of it so far."""
    return _page(visit, _seen(visit, opportunity_id))


def _page(visit: Visit, deal: Deal, refilled: Refilled = BLANK, *, status: int = 200) -> HttpResponse:
    """Its page; with a form that was not accepted, if there was one."""
    rules = deals.stages(visit.caller)
    lead = lead_in_sight(visit.caller, deal.lead, visit.now) if deal.lead is not None else None
    may_work = _may_work(visit, deal)
    stages = _stages(rules)
    if deal.stage not in rules.stages:
        stages.append(Stage(deal.stage, _called(rules, deal.stage), None))
    return visit.show(
        "opportunities/opportunity.html",
        status=status,
        refilled=refilled,
        tab="opportunities",
        deal=deal,
        lead=lead,
        stages=stages,
        may_work=may_work,
        may_note=lead is not None and lead.level == "full" and visit.caller.may(Action.WORK_LEADS),
        could_have=_could_have(visit, deal.owner) if visit.leads else [],
        steps=_steps(visit, deal, rules),
        written=written_of(visit.caller, deal, visit.now),
        today=_today(visit),
    )


def _steps(visit: Visit, deal: Deal, rules: Opportunities) -> list[Step]:
    """What became of it in the visitor's words, stages as the policy has them."""
    steps, language = [], active_language()
    for happened in changes_of(visit.caller, deal):
        texts = []
        for reason in happened.reasons:
            params = dict(reason["params"])
            for name in {"stage", "stage_before"} & params.keys():
                params[name] = _called(rules, params[name])
            texts.append(say({**reason, "params": params}, language, visit.names, visit.timezone))
        steps.append(Step(happened.at, texts, happened.by))
    return steps


# -- What is done with it ------------------------------------------------------------------------------------------------

Form = Mapping[str, str]


def _change(visit: Visit, deal: Deal, form: Form) -> opportunities.Answer:
    given: dict[str, Any] = {
        "amount": amount_in(form),
        "currency": currency_in(form),
        "close_on": day_in(form, "close_on"),
    }
    if name := text_in(form, "name", 300):
        given["name"] = name
    return opportunities.change(visit.caller, deal.id, visit.now, given, version=_version(form))


def _move(visit: Visit, deal: Deal, form: Form) -> opportunities.Answer:
    try:
        return opportunities.change(
            visit.caller, deal.id, visit.now, {"stage": form.get("stage", "")}, version=_version(form)
        )
    except UnknownStage:
        raise Unfit(_("Choose a stage.")) from None


def _win(visit: Visit, deal: Deal, form: Form) -> opportunities.Answer:
    return opportunities.win(
        visit.caller,
        deal.id,
        visit.now,
        amount=amount_in(form),
        currency=currency_in(form),
        version=_version(form),
    )


def _lose(visit: Visit, deal: Deal, form: Form) -> opportunities.Answer:
    return opportunities.lose(visit.caller, deal.id, visit.now, why=text_in(form, "why", 300), version=_version(form))


def _reopen(visit: Visit, deal: Deal, form: Form) -> opportunities.Answer:
    return opportunities.reopen(visit.caller, deal.id, visit.now, version=_version(form))


def _hand(visit: Visit, deal: Deal, form: Form) -> opportunities.Answer:
    try:
        return opportunities.change(
            visit.caller, deal.id, visit.now, {"owner": form.get("rep", "")}, version=_version(form)
        )
    except opportunities.UnknownRep:
        raise Unfit(_("Choose who gets it.")) from None


def _note(visit: Visit, deal: Deal, form: Form) -> acting.Answer:
    if deal.lead is None or not visit.caller.may(Action.WORK_LEADS):
        raise PermissionDenied
    try:
        return notes.write_note(
            visit.caller, deal.lead, form.get("text", ""), visit.now, new=once_in(visit, deal.lead, form)
        )
    except ValueError:
        raise Unfit(_("A note has a text, of 5,000 characters at most.")) from None


#: What can be done, and what is said then.
ACTS: Mapping[str, tuple[Callable[[Visit, Deal, Form], opportunities.Answer | acting.Answer], str]] = {
    "note": (_note, gettext_noop("Written down.")),
    "change": (_change, gettext_noop("Written down.")),
    "move": (_move, gettext_noop("In its new stage.")),
    "win": (_win, gettext_noop("Won. Well done.")),
    "lose": (_lose, gettext_noop("Lost, and written down.")),
    "reopen": (_reopen, gettext_noop("Open again.")),
    "hand": (_hand, gettext_noop("Handed over.")),
}


@require_http_methods(["GET", "POST"])
@page(Action.WORK_DEALS)
def act(visit: Visit, opportunity_id: UUID, act: str) -> HttpResponse:
    """Do one of `ACTS`. A form that is not accepted comes back as it was filled in, at this address; who opens that later is taken to
    the opportunity."""
    deal = _seen(visit, opportunity_id)
    form, here = visit.request.POST, reverse("opportunity", args=[opportunity_id])
    if act not in ACTS:
        raise Http404
    if visit.request.method == "GET":
        return redirect(here)
    does, done = ACTS[act]
    try:
        answer = does(visit, deal, form)
    except Unfit as unfit:
        return _once_more(visit, deal, act, [str(unfit)], status=422)
    if answer is None:
        raise Http404
    if isinstance(answer, Refused):
        return _once_more(visit, deal, act, visit.refusal(answer.refusal), status=409)
    if answer.reasons or act == "note":
        visit.good(_(done))
    if deals.deal_in_sight(visit.caller, deal.id, visit.now) is None:
        return redirect("opportunities")
    return visit.back(here)


def _once_more(visit: Visit, deal: Deal, act: str, why: Sequence[str], *, status: int) -> HttpResponse:
    """Say why not; with the form as it was filled in, or on the page that it was sent from."""
    visit.bad(*why)
    seen = deals.deal_in_sight(visit.caller, deal.id, visit.now)
    if seen is None:
        return redirect("opportunities")
    if "next" in visit.request.POST:
        return visit.back(reverse("opportunity", args=[deal.id]))
    filled = visit.request.POST.dict()
    if status == 409:
        # Who was told that it was changed meanwhile sees what it is now; who was not is told when the form is sent again.
        filled.pop("version", None)
    return _page(visit, seen, Refilled(act, " ".join(why), filled), status=status)


@require_POST
@page(Action.WORK_DEALS)
def hand_all(visit: Visit) -> HttpResponse:
    """All open opportunities of one rep to another: for who leads both."""
    if not visit.leads:
        raise PermissionDenied
    form = visit.request.POST
    handle, to = form.get("rep", ""), form.get("to", "")
    if to not in {rep for rep, _name in _could_have(visit, handle)}:
        visit.bad(_("Choose who gets it."))
    else:
        count = opportunities.hand_all(visit.caller, handle, to, visit.now)
        visit.good(
            ngettext("%(n)s opportunity was handed over.", "%(n)s opportunities were handed over.", count)
            % {"n": count}
        )
    return visit.back(reverse("opportunities"))


def _version(form: Form) -> int | None:
    """The version that the page showed. One that is no number is older than any."""
    text = form.get("version", "")
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def open_ones_of(visit: Visit, handle: str) -> Mapping[str, Any] | None:
    """The open opportunities of somebody who leaves, and who could have them; ``None``: there are none that the visitor sees."""
    found = deals.board(visit.caller, visit.now, owner=handle, cards=0)
    if not found.count:
        return None
    rules = deals.stages(visit.caller)
    open_ones = {"owner": handle, "state": "open"}
    first = deals.deals_page(visit.caller, open_ones, limit=_FEW, now=visit.now, order="closing").items
    return {
        "count": found.count,
        "sums": found.sums,
        "first": [(deal, _called(rules, deal.stage)) for deal in first],
        "could_have": _could_have(visit, handle),
        "today": _today(visit),
    }


# -- On the lead's page --------------------------------------------------------------------------------------------------


def becoming_of(visit: Visit, seen: SeenLead) -> tuple[Becoming, list[Stage]] | None:
    """What the lead that the visitor has would be converted to, and the stages there are."""
    found = deals.becoming(visit.caller, seen) if visit.has(seen) and seen["state"] in {"owned", "working"} else None
    return (found, _stages(found.stages)) if found is not None else None


def opportunity_part(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    """What the lead became."""
    if seen["state"] != "converted" or not visit.caller.may(Action.SEE_DEALS):
        return None
    deal = deals.deal_of_lead(visit.caller, seen["id"], visit.now)
    return {"deal": deal, "stage": _called(deals.stages(visit.caller), deal.stage)} if deal is not None else None


# -- What all of it needs ------------------------------------------------------------------------------------------------


def _seen(visit: Visit, opportunity_id: UUID) -> Deal:
    deal = deals.deal_in_sight(visit.caller, opportunity_id, visit.now)
    if deal is None:
        raise Http404
    return deal


def _may_work(visit: Visit, deal: Deal) -> bool:
    """Whether buttons are of use. Whether the change is allowed, is asked again when it is made."""
    return visit.caller.may(Action.WORK_DEALS) and (visit.leads or deal.owner == visit.caller.handle)


def _could_have(visit: Visit, owner: str) -> list[tuple[str, str]]:
    """Reps whom it could be handed to."""
    active = Rep.objects.filter(workspace_id=visit.caller.workspace_id, active=True).exclude(handle=owner)
    return list(active.order_by("name", "handle").values_list("handle", "name"))


def _stages(rules: Opportunities) -> list[Stage]:
    names = list(rules.stages)
    called = {name: _called(rules, name) for name in names}
    after = [*names[1:], None]
    return [
        Stage(name, called[name], rules.stages[name].likely, (then, called[then]) if then else None)
        for name, then in zip(names, after, strict=True)
    ]


def _called(rules: Opportunities, name: str) -> str:
    """A stage in the reader's words."""
    stage = rules.stages.get(name)
    return in_language(stage.says, active_language()) if stage is not None and stage.says else stage_name(name)


def _today(visit: Visit) -> date:
    return visit.now.astimezone(ZoneInfo(visit.timezone)).date()


def _unknown() -> str:
    raise Http404
