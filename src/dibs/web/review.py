"""Review: the leads that a person has to decide about, and deciding about many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from dibs.delivery.wording import active_language, field_name, say, sentence, titled, word
from dibs.distribution import bulk
from dibs.distribution.overseeing import ANY_MANAGER
from dibs.insight.leads import leads_in_sight
from dibs.insight.matches import matches_page
from dibs.insight.pages import BadCursor
from dibs.insight.review import FILTERS, SORTS, review_page, values_in_review, why_in_review
from dibs.insight.sight import SeenLead
from dibs.people.access import Action
from dibs.people.models import Rep
from dibs.web.forms import CHOICES
from dibs.web.moves import CannotMove, planned
from dibs.web.several import Result, Told, in_all, told_of
from dibs.web.shown import value_of
from dibs.web.visit import Visit, page

#: Rows of a page, so that all of them can be decided about at once.
ROWS = 100
#: Leads that one decision takes.
_MOST = 1_000
#: Near misses that are counted for the link to them.
_NEAR = 99


@require_http_methods(["GET", "POST"])
@page(Action.ASSIGN_LEADS)
def review(visit: Visit) -> HttpResponse:
    """Leads that a person has to decide about, and what became of those just decided about."""
    if visit.request.method == "POST":
        return _decide(visit, visit.request.POST)
    return _shown(visit, visit.request.GET)


def _decide(visit: Visit, form: QueryDict) -> HttpResponse:
    """Hand over, send back or give up the leads that were chosen."""
    leads = list(dict.fromkeys(_ids(form.getlist("lead"))))[:_MOST]
    if form.get("act") == "move" and leads:
        return _look_first(visit, form, leads)
    wanted = _wanted(form) if leads else _("Choose at least one lead first.")
    if isinstance(wanted, str):
        return _shown(visit, form, chosen=leads, unfit=wanted)
    known = leads_in_sight(visit.caller, leads, visit.now)
    try:
        answers = bulk.act_on_many(visit.caller, wanted, leads, visit.now, known=known.keys())
    except bulk.NoSuchPool:
        return _shown(visit, form, chosen=leads, unfit=_("Choose a pool."))
    except LookupError:
        return _shown(visit, form, chosen=leads, unfit=_("Choose who gets it."))
    still = leads_in_sight(visit.caller, leads, visit.now)
    told = [
        _told(visit, lead, known.get(lead), answer, link=lead in still)
        for lead, answer in zip(leads, answers, strict=True)
    ]
    return _shown(visit, form, result=_result(wanted, told))


def _look_first(visit: Visit, form: QueryDict, leads: Sequence[UUID]) -> HttpResponse:
    """Have the policy place them anew: planned as a move, on its own page."""
    try:
        address = reverse("move", args=[planned(visit, list(leads)).id])
    except CannotMove as unfit:
        return _shown(visit, form, chosen=leads, unfit=str(unfit))
    return (
        HttpResponse(headers={"HX-Redirect": address}) if "HX-Request" in visit.request.headers else redirect(address)
    )


def _ids(texts: Sequence[str]) -> list[UUID]:
    """What is an id among these; a form that was tampered with names nothing."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


def _wanted(form: Mapping[str, str]) -> bulk.Wanted | str:
    """What is to be done, or what is still missing."""
    act, note = form.get("act", ""), form.get("note", "").replace("\0", "").strip()[:500]
    try:
        if act == "assign":
            return bulk.Wanted("assign", rep=form.get("rep"), why=note)
        if act == "return":
            return bulk.Wanted("return", pool=form.get("to") or None, why=note)
        if act == "retire":
            return bulk.Wanted("retire", why=form.get("why", ""), note=note)
    except ValueError:
        return _("Choose who gets it.") if act == "assign" else _("Say why it is given up.")
    return _("Choose what to do with them.")


def _told(visit: Visit, lead: UUID, seen: SeenLead | None, answer: bulk.Answer, *, link: bool) -> Told:
    if not isinstance(answer, bulk.Done):
        return told_of(visit, lead, seen, answer, link=link)
    if not answer.changed:
        text = ""
    elif answer.owner and answer.state == "owned":
        text = _("Now with %(name)s.") % {"name": visit.names.get(answer.owner, answer.owner)}
    elif answer.state == "pooled":
        text = _("Now in %(pool)s, where its wait begins anew.") % {"pool": titled(answer.pool or "")}
    else:
        text = sentence(word("state", answer.state)[:1].upper() + word("state", answer.state)[1:], active_language())
    return told_of(visit, lead, seen, text, link=link)


def _result(wanted: bulk.Wanted, each: Sequence[Told]) -> Result:
    done = sum(one.done for one in each)
    said = {
        "assign": ngettext("%(n)s lead handed over.", "%(n)s leads handed over.", done),
        "return": ngettext("%(n)s lead sent back.", "%(n)s leads sent back.", done),
        "retire": ngettext("%(n)s lead given up.", "%(n)s leads given up.", done),
    }[wanted.act] % {"n": done}
    return in_all(each, said)


def _shown(
    visit: Visit,
    given: Mapping[str, str],
    *,
    chosen: Sequence[UUID] = (),
    unfit: str = "",
    result: Result | None = None,
) -> HttpResponse:
    filters = {name: value for name in FILTERS if (value := given.get(name, "").replace("\0", "")[:200])}
    # Of a form's fields "pool" is a filter and "to" where leads go.
    sort = given.get("sort", "") if given.get("sort", "") in SORTS else ""
    query = urlencode([*filters.items(), *([("sort", sort)] if sort else [])])
    try:
        found = review_page(
            visit.caller, filters, sort=sort, cursor=given.get("cursor") or None, limit=ROWS, now=visit.now
        )
    except BadCursor:
        return redirect(f"{visit.request.path}?{query}")
    offered = values_in_review(visit.caller, visit.now)
    why = why_in_review(visit.caller, [lead["id"] for lead in found.items])
    language = visit.caller.language
    return visit.show(
        "review/review.html",
        status=422 if unfit else 200,
        tab="review",
        leads=found.items,
        why={
            lead: sentence(say(reason, language, visit.names, visit.timezone), language) for lead, reason in why.items()
        },
        next_page=found.next,
        cursor=given.get("cursor", ""),
        query=query,
        asked=filters,
        sort=sort,
        sorts=[("", _("Longest waiting first")), ("-score", _("Best score first"))],
        filters=list(_choices(offered, filters)),
        chosen=set(chosen),
        unfit=unfit,
        given=given,
        result=result,
        reps=_reps(visit),
        pools=[name for name, _mode in visit.pools],
        near=len(matches_page(visit.caller, "open", limit=_NEAR, now=visit.now).items),
        **CHOICES,
    )


def _choices(
    offered: Mapping[str, Sequence[tuple[str, int]]], filters: Mapping[str, str]
) -> list[tuple[str, str, list[tuple[str, str, int]]]]:
    """The filters that narrow anything: name, what it is called, its values with their words and counts."""
    choices = []
    for name in FILTERS:
        values = dict(offered.get(name, ()))
        if filters.get(name):
            values.setdefault(filters[name], 0)
        if len(values) > 1 or filters.get(name):
            options = [(value, _named(name, value), count) for value, count in values.items()]
            choices.append((name, _("For") if name == "review" else field_name(name, active_language()), options))
    return choices


def _named(name: str, value: str) -> str:
    if name == "review":
        return _("any manager") if value == ANY_MANAGER else titled(value)
    return value_of({name: value}, name)


def _reps(visit: Visit) -> list[tuple[str, str, str]]:
    """Who can be given leads: handle, name, and "" or why it may not be a good moment."""
    reps = Rep.objects.filter(workspace_id=visit.caller.workspace_id, active=True).order_by("name")
    return [
        (handle, name, "" if available else _("on a break"))
        for handle, name, available in reps.values_list("handle", "name", "available")
    ]
