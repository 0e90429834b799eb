"""My leads: what is due today, the open ones, those that ended and those I help with; and one act on several of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_http_methods

from dibs.delivery.wording import active_language, field_name, titled
from dibs.distribution import acting, several
from dibs.insight.leads import leads_in_sight
from dibs.insight.my_list import FIELDS, ORDERS, VIEWS, Asked, Counts, View, my_counts, my_due, my_list
from dibs.insight.pages import BadCursor
from dibs.insight.sight import SeenLead, may_know_of
from dibs.people.access import Action
from dibs.web.forms import CHOICES, Unfit
from dibs.web.several import Result, Told, in_all, told_of
from dibs.web.shown import value_of
from dibs.web.visit import Visit, page
from dibs.web.work import local, moment, tomorrow_morning

#: Rows on a page, and how many leads may be chosen on it.
ROWS = 50

#: Left alone for so many days, to choose among.
_IDLE = (1, 3, 7, 14, 30)


@require_http_methods(["GET", "POST"])
@page(Action.WORK_LEADS, rep_only=True)
def mine(visit: Visit) -> HttpResponse:
    """The rep's list; posting does the same to all that were chosen."""
    if visit.request.method == "POST":
        return _act(visit, visit.request.POST)
    return _shown(visit, visit.request.GET)


def until(lead: SeenLead) -> datetime | None:
    """When its time runs out: the lock or the offer, else the promised first contact."""
    if lead["state"] not in {"offered", "owned"}:
        return None
    ends: datetime | None = lead.get("lock_expires_at") or (lead["due_at"] if lead["due_for"] == "sla" else None)
    return ends


def state_in_words(state: str) -> str:
    """What a lead in this state is to who has it."""
    return {
        "offered": _("Offered to you"),
        "owned": _("To contact"),
        "working": _("Being worked on"),
        "converted": pgettext("state", "Converted"),
        "retired": pgettext("state", "Given up"),
    }.get(state, titled(state))


def _act(visit: Visit, form: QueryDict) -> HttpResponse:
    leads = list(dict.fromkeys(_ids(form.getlist("lead"))))[: several.MOST]
    try:
        if not leads:
            raise Unfit(_("Choose at least one lead first."))
        wanted = _wanted(visit, form)
    except Unfit as unfit:
        return _shown(visit, form, chosen=leads, unfit=str(unfit))
    before = leads_in_sight(visit.caller, leads, visit.now)
    try:
        answers = several.act_on_several(
            visit.caller, wanted, leads, visit.now, known=lambda lead: may_know_of(visit.caller, lead, visit.now)
        )
    except LookupError:
        return _shown(visit, form, chosen=leads, unfit=_("The policy has no such mails."))
    still = leads_in_sight(visit.caller, leads, visit.now)
    told = [
        _told(visit, lead, before.get(lead), answer, lead in still) for lead, answer in zip(leads, answers, strict=True)
    ]
    visit.look_again()
    return _shown(visit, form, result=_result(told))


def _wanted(visit: Visit, form: Mapping[str, str]) -> several.Wanted:
    """What is to be done. Raises `Unfit` for what is still missing."""
    act, note = form.get("act", ""), form.get("note", "").replace("\0", "").strip()[:500]
    try:
        if act == "contact":
            return several.Wanted("contact", kind=form.get("kind", ""), note=note)
        if act == "release":
            return several.Wanted("release", why=note)
        if act == "retire":
            return several.Wanted("retire", why=form.get("why", ""), note=note)
        if act == "nurture":
            return several.Wanted("nurture", sequence=form.get("sequence") or None)
    except ValueError:
        raise Unfit(
            _("Say why it is given up.") if act == "retire" else _("Say what kind of contact it was.")
        ) from None
    if act == "follow_up":
        return several.Wanted("follow_up", at=moment(visit, form.get("at", "")))
    raise Unfit(_("Choose what to do with them."))


def _told(visit: Visit, lead: UUID, seen: SeenLead | None, answer: acting.Answer, link: bool) -> Told:
    if isinstance(answer, acting.Acted):
        return told_of(visit, lead, seen, visit.tell(answer.reasons[0]) if answer.reasons else "", link=link)
    return told_of(visit, lead, seen, answer, link=link)


def _result(each: Sequence[Told]) -> Result:
    done = sum(one.done for one in each)
    return in_all(each, ngettext("Done with %(n)s lead.", "Done with %(n)s leads.", done) % {"n": done})


def _shown(
    visit: Visit,
    given: Mapping[str, str],
    *,
    chosen: Sequence[UUID] = (),
    unfit: str = "",
    result: Result | None = None,
) -> HttpResponse:
    asked = _asked(given)
    query = urlencode(_query(asked))
    try:
        found = my_list(visit.caller, asked, visit.now, cursor=given.get("cursor") or None, limit=ROWS)
    except BadCursor:
        return redirect(f"{visit.request.path}?{query}")
    counts = my_counts(visit.caller, asked, visit.now)
    book = visit.eyes.book
    return visit.show(
        "mine/mine.html",
        status=422 if unfit else 200,
        tab="mine",
        asked=asked,
        narrowed=bool(asked.fields or asked.due or asked.idle_days is not None or asked.words),
        hidden=_query(asked),
        views=_views(counts),
        filters=list(_filters(asked, counts)),
        idle=_IDLE,
        orders=_orders(asked.view),
        query=query,
        leads=found.items,
        next_page=found.next,
        cursor=given.get("cursor", ""),
        due=my_due(visit.caller, visit.now) if asked.view == "open" and not given.get("cursor") else [],
        chosen=set(chosen),
        unfit=unfit,
        given=given,
        result=result,
        until=until,
        state_in_words=state_in_words,
        total=sum(counts.views.values()),
        sequences=list(book.policy.nurture.sequences) if book is not None and book.policy.nurture is not None else [],
        tomorrow=local(tomorrow_morning(visit)),
        **CHOICES,
    )


def _asked(given: Mapping[str, str]) -> Asked:
    """What the visitor wants to see; what cannot be asked for is not asked."""
    view = given.get("view", "")
    order = given.get("sort", "")
    idle = given.get("idle", "")
    return Asked(
        view=view if view in VIEWS else "open",
        fields={name: value for name in FIELDS if (value := given.get(f"f-{name}", "").replace("\0", "")[:200])},
        due=given.get("due") == "yes",
        idle_days=int(idle) if idle.isascii() and idle.isdigit() and len(idle) < 5 else None,
        words=given.get("q", "").replace("\0", "").strip()[:200],
        sort=order if order in ORDERS else "",
    )


def _query(asked: Asked) -> list[tuple[str, str]]:
    """The same as fields of a form."""
    fields = [(f"f-{name}", value) for name, value in asked.fields.items()]
    more = {
        "view": "" if asked.view == "open" else asked.view,
        "due": "yes" if asked.due else "",
        "idle": "" if asked.idle_days is None else str(asked.idle_days),
        "q": asked.words,
        "sort": asked.sort,
    }
    return [*fields, *((name, value) for name, value in more.items() if value)]


def _views(counts: Counts) -> list[tuple[str, str, int]]:
    named = {"open": pgettext("leads", "Open"), "ended": _("Ended"), "helped": _("I help with")}
    # Who helps nobody need not be shown that one could.
    return [
        (view, named[view], counts.views.get(view, 0)) for view in VIEWS if view != "helped" or counts.views.get(view)
    ]


def _orders(view: View) -> list[tuple[str, str]]:
    names = {
        "time": _("Most urgent first"),
        "-score": _("Best score first"),
        "-received_at": _("Newest first"),
        "idle": _("Left alone longest first"),
        "follow_up": _("By follow-up"),
        "name": _("By name"),
        "-ended_at": _("Ended last first"),
    }
    if view == "ended":
        return [(name, names[name]) for name in ("-ended_at", "-score", "-received_at", "name")]
    return [(name, said) for name, said in names.items() if name != "-ended_at"]


def _filters(asked: Asked, counts: Counts) -> list[tuple[str, str, list[tuple[str, str, int]]]]:
    """The filters that narrow anything: name, what it is called, its values with their words and counts."""
    shown = []
    for name in FIELDS:
        values = dict(counts.values.get(name, {}))
        if asked.fields.get(name):
            values.setdefault(asked.fields[name], 0)
        if len(values) > 1 or asked.fields.get(name):
            options = [(value, _named(name, value), count) for value, count in values.items()]
            shown.append((f"f-{name}", _label(name), options))
    return shown


def _label(name: str) -> str:
    return _("State") if name == "state" else field_name(name, active_language())


def _named(name: str, value: str) -> str:
    return state_in_words(value) if name == "state" else value_of({name: value}, name) or value


def _ids(texts: Sequence[str]) -> list[UUID]:
    """What is an id among these; a form that was tampered with names nothing."""
    found: list[Any] = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
