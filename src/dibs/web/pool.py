"""Where leads are taken: the pool to choose from, and the queue whose next one is whose turn it is."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dibs.delivery.wording import active_language, field_name, span
from dibs.distribution import acting, claiming
from dibs.insight import pools
from dibs.insight.mine import my_running
from dibs.insight.pages import BadCursor
from dibs.insight.sight import SeenLead, Window, lead_in_sight
from dibs.people.access import Action
from dibs.web.shown import rounded, value_of
from dibs.web.visit import Visit, page

#: Rows of a page.
ROWS = 50
#: Chips in the order they stand in, as far as the viewer sees these fields.
CHIPS = ("industry", "score", "country", "employees", "source")
#: Columns of the table, likewise.
COLUMNS = ("score", "company", "industry", "employees", "country", "source")
#: What the side panel shows, in its order; of hidden ones only the contact's are hinted at.
FACTS = (
    "industry", "employees", "country", "city", "source", "product", "use_case", "deal_value", "language", "name", "title",
    "email", "phone", "message",
)  # fmt: skip
CONTACT = ("name", "email", "phone")
#: How many of the leads at the top a chip's values are gathered from.
_SAMPLE = 500


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter: what it is called, and what is chosen in it."""

    field: str
    label: str
    ranged: bool
    chosen: tuple[str, ...] = ()
    least: str = ""
    most: str = ""

    @property
    def on(self) -> bool:
        return bool(self.chosen or self.least or self.most)

    @property
    def summary(self) -> str:
        """What is chosen, in words."""
        if self.ranged and self.least and self.most:
            return f"{self.least}–{self.most}"
        if self.ranged and self.least:
            return _("%(n)s and up") % {"n": self.least}
        if self.ranged and self.most:
            return _("up to %(n)s") % {"n": self.most}
        return ", ".join(value_of({self.field: value}, self.field) for value in self.chosen)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the visitor asked of a pool: search, filters, order, page."""

    q: str
    chips: tuple[Chip, ...]
    sort: str
    cursor: str

    @property
    def filters(self) -> dict[str, Any]:
        chosen: dict[str, Any] = {}
        for chip in self.chips:
            if chip.on:
                chosen[chip.field] = (_figure(chip.least), _figure(chip.most)) if chip.ranged else list(chip.chosen)
        return chosen

    @property
    def query(self) -> str:
        """As an address has it, without the page."""
        pairs = [("q", self.q), ("sort", self.sort)]
        for chip in self.chips:
            pairs += [(chip.field, value) for value in chip.chosen]
            pairs += [(f"{chip.field}_from", chip.least), (f"{chip.field}_to", chip.most)]
        return urlencode([(name, value) for name, value in pairs if value])


def _without_nul(given: QueryDict) -> QueryDict:
    """PostgreSQL's text holds no NUL, so nothing there can match one."""
    cleaned = given.copy()
    for name, texts in given.lists():
        cleaned.setlist(name, [text.replace("\0", "") for text in texts])
    return cleaned


def _figure(text: str) -> float | None:
    return float(text) if text else None


def _asked(given: QueryDict, window: Window) -> Asked:
    """What the address asks; what makes no sense there is left out."""
    given = _without_nul(given)
    chips = []
    for name in CHIPS:
        if name not in window.fields:
            continue
        label = field_name(name, active_language())
        if name in pools.BY_RANGE:
            least, most = (given.get(f"{name}_{end}", "").strip() for end in ("from", "to"))
            least, most = (text if text.isdecimal() and len(text) < 10 else "" for text in (least, most))
            if least and most and int(least) > int(most):
                least, most = most, least
            chips.append(Chip(name, label, True, least=least, most=most))
        else:
            wanted = [value[:200] for value in given.getlist(name) if value][: pools.VALUES_LIMIT]
            chips.append(Chip(name, label, False, chosen=tuple(dict.fromkeys(wanted))))
    sort = given.get("sort", "")
    return Asked(
        q=given.get("q", "").strip()[:200],
        chips=tuple(chips),
        sort=sort if sort in pools.SORTS and (sort.lstrip("-") != "score" or "score" in window.fields) else "",
        cursor=given.get("cursor", "")[:400],
    )


@require_GET
@page(Action.SEE_POOLS)
def pool(visit: Visit, name: str) -> HttpResponse:
    """The leads that wait in a pool, one of them shown beside."""
    mode = dict(visit.pools).get(name)
    if mode is None:
        raise Http404
    if mode == "queue" and visit.caller.rep_id is not None and visit.eyes.window(name).head_only:
        return redirect("queue", name)
    window = visit.eyes.window(name)
    asked = _asked(visit.request.GET, window)
    try:
        found = pools.pool_page(
            visit.caller, name, q=asked.q, filters=asked.filters, sort=asked.sort, cursor=asked.cursor or None, limit=ROWS,
            now=visit.now,
        )  # fmt: skip
    except BadCursor:
        return redirect(f"{visit.request.path}?{asked.query}")
    if found is None:
        raise Http404
    wanted = visit.request.GET.get("lead", "")
    chosen = next((lead for lead in found.items if str(lead["id"]) == wanted), found.items[0] if found.items else None)
    context = {
        "pool": name,
        "asked": asked,
        "leads": found.items,
        "next_page": found.next,
        "columns": [column for column in COLUMNS if column in window.fields],
        "named": "company" in window.fields,
        "chosen": chosen,
        **_about(visit, name, chosen),
    }
    if visit.request.htmx and visit.request.htmx.target == "results":  # type: ignore[attr-defined]
        return visit.part("pool/results.html", **context)
    cards = pools.pools_in_sight(visit.caller, visit.now)
    card = next((card for card in cards if card.name == name), None)
    return visit.show(
        "pool/pool.html",
        tab="pool",
        cards=cards,
        card=card,
        sorts=_sorts(window),
        running=my_running(visit.caller, visit.now) if visit.caller.may(Action.WORK_LEADS) else [],
        **context,
    )


def _sorts(window: Window) -> list[tuple[str, str]]:
    sorts = [("", _("In the pool's own order"))]
    if "score" in window.fields:
        sorts += [("-score", _("Best score first")), ("score", _("Lowest score first"))]
    return [*sorts, ("waiting_since", _("Longest waiting first")), ("-waiting_since", _("Newest first"))]


def _about(visit: Visit, name: str, lead: SeenLead | None) -> dict[str, Any]:
    """What the panel says beside the lead's facts."""
    rules = visit.eyes.book.policy.pools.get(name) if visit.eyes.book else None
    shown, hidden = [], []
    if lead is not None:
        shown = [(field, value) for field in FACTS if (value := value_of(lead, field))]
        hidden = [field for field in CONTACT if field in lead.hidden]
    return {
        "facts": shown,
        "hidden": hidden,
        "lock": rules.lock if rules else None,
        "onward": _onward(visit, name, lead),
        "may_claim": visit.caller.rep_id is not None and visit.caller.may(Action.TAKE_LEADS),
        "skips": skips_left(visit),
    }


def skips_left(visit: Visit) -> tuple[int, int] | None:
    """How many skips are left until the next claim, and how many there are; ``None`` where the policy does not limit them."""
    rules = visit.standing.rules if visit.standing else ()
    found = next((rule for rule in rules if rule.rule == "skip_at_most"), None)
    return (max(0, (found.at_most or 0) - found.have), found.at_most or 0) if found else None


def _onward(visit: Visit, name: str, lead: SeenLead | None) -> str:
    """What happens to the lead if nobody takes it, and when."""
    if lead is None or lead.get("due_at") is None or lead["due_at"] <= visit.now or visit.eyes.book is None:
        return ""
    when = span(rounded(lead["due_at"] - visit.now), active_language())
    rules = visit.eyes.book.policy.pools.get(name)
    since = lead.get("waiting_since")
    for step in rules.escalate if rules else ():
        if since and abs(since + step.after - lead["due_at"]) < timedelta(seconds=1):
            said = (
                _("In %(span)s it goes to the managers.")
                if step.review
                else _("In %(span)s it goes to the next rep in line.")
            )
            return said % {"span": when}
    if lead.get("due_for") in {"escalate", "age_cap"}:
        return _("In %(span)s it is given to somebody.") % {"span": when}
    return ""


@require_GET
@page(Action.SEE_POOLS)
def panel(visit: Visit, name: str, lead_id: UUID) -> HttpResponse:
    """One lead of the pool, for the side of the page."""
    lead = lead_in_sight(visit.caller, lead_id, visit.now)
    if lead is None or lead["pool"] != name or lead["state"] != "pooled":
        return visit.part(
            "pool/panel.html", pool=name, chosen=None, refused=[_("Somebody else took it.")], facts=[], hidden=[]
        )
    return visit.part("pool/panel.html", pool=name, chosen=lead, **_about(visit, name, lead))


@require_GET
@page(Action.SEE_POOLS)
def values(visit: Visit, name: str, field: str) -> HttpResponse:
    """What there is to choose from in a chip: the values of the leads at the top of the pool, the most frequent first."""
    window = visit.eyes.window(name)
    if window.level == "none" or window.head_only or field not in pools.BY_VALUE or field not in window.fields:
        raise Http404
    found = pools.pool_page(visit.caller, name, limit=_SAMPLE, now=visit.now)
    counted = Counter(lead[field] for lead in found.items if lead.get(field)) if found else Counter()
    chosen = [value for value in visit.request.GET.getlist(field) if value]
    offered = list(dict.fromkeys([*chosen, *(value for value, _n in counted.most_common(40))]))
    options = [(value, value_of({field: value}, field), counted[value]) for value in offered]
    return visit.part("pool/values.html", field=field, options=options, chosen=chosen)


@require_POST
@page(Action.TAKE_LEADS, rep_only=True)
def claim(visit: Visit, lead_id: UUID) -> HttpResponse:
    """Take the lead. A yes leads to the lead; a no says who has it, or what would make it a yes."""
    answer = claiming.claim_lead(visit.caller, lead_id, visit.now)
    if answer is None or isinstance(answer, claiming.Unauthorised | claiming.Forbidden):
        raise Http404
    if isinstance(answer, claiming.Claimed):
        return _go(visit, reverse("lead", args=[lead_id]))
    said = visit.refusal(answer.refusal, answer.by)
    if not visit.request.htmx:  # type: ignore[attr-defined]
        visit.bad(*said)
        return visit.back("/")
    lead = lead_in_sight(visit.caller, lead_id, visit.now)
    waits = lead is not None and lead["state"] == "pooled" and lead["pool"]
    name = lead["pool"] if lead and waits else ""
    about = _about(visit, name, lead if waits else None)
    response = visit.part(
        "pool/panel.html", status=409, pool=name, chosen=lead if waits else None, refused=said, **about
    )
    if not waits:
        response["HX-Trigger"] = json.dumps({"dibs:taken": {"lead": str(lead_id), "by": answer.by or ""}})
    return response


@require_POST
@page(Action.TAKE_LEADS, rep_only=True)
def open_lead(visit: Visit, lead_id: UUID) -> HttpResponse:
    """Look at the details of a lead of which the pool shows a preview: counted as a skip until the next claim."""
    lead = lead_in_sight(visit.caller, lead_id, visit.now)
    if lead is None:
        raise Http404
    answer = acting.open_lead(visit.caller, lead_id, visit.now)
    said = visit.refusal(answer.refusal) if isinstance(answer, acting.Refused) else []
    if not visit.request.htmx:  # type: ignore[attr-defined]
        if said:
            visit.bad(*said)
        return visit.back(reverse("lead", args=[lead_id])) if said else redirect("lead", lead_id)
    visit.look_again()
    shown = lead_in_sight(visit.caller, lead_id, visit.now)
    waits = shown is not None and shown["state"] == "pooled"
    name = shown["pool"] if shown and waits else ""
    return visit.part(
        "pool/panel.html",
        status=409 if said else 200,
        pool=name,
        chosen=shown if waits else None,
        refused=said,
        foot=True,
        **_about(visit, name, shown if waits else None),
    )


@require_POST
@page(Action.TAKE_LEADS, rep_only=True)
def skip(visit: Visit, lead_id: UUID) -> HttpResponse:
    """Pass the lead by, on the record."""
    lead = lead_in_sight(visit.caller, lead_id, visit.now)
    if lead is None:
        raise Http404
    answer = acting.skip(visit.caller, lead_id, visit.now)
    if isinstance(answer, acting.Refused):
        said = visit.refusal(answer.refusal)
        if visit.request.htmx:  # type: ignore[attr-defined]
            about = _about(visit, lead["pool"], lead)
            return visit.part("pool/panel.html", status=409, pool=lead["pool"], chosen=lead, refused=said, **about)
        visit.bad(*said)
    elif visit.request.htmx:  # type: ignore[attr-defined]
        visit.look_again()
        response = visit.part("pool/foot.html")
        response["HX-Trigger"] = json.dumps({"dibs:skipped": {"lead": str(lead_id)}})
        return response
    return visit.back("/")


@require_GET
@page(Action.TAKE_LEADS, rep_only=True)
def queue(visit: Visit, name: str) -> HttpResponse:
    """The next lead in line, and one button."""
    queues = [each for each, mode in visit.pools if mode == "queue"]
    if name not in queues:
        raise Http404
    found = pools.pool_page(visit.caller, name, limit=1, now=visit.now)
    head = found.items[0] if found and found.items else None
    card = next((card for card in pools.pools_in_sight(visit.caller, visit.now) if card.name == name), None)
    return visit.show(
        "pool/queue.html",
        tab="queue",
        pool=name,
        queues=queues,
        head=head,
        card=card,
        stops=[rule for rule in visit.rules if rule.blocks_any_claim],
        running=my_running(visit.caller, visit.now),
        **_about(visit, name, head),
    )


@require_POST
@page(Action.TAKE_LEADS, rep_only=True)
def take_next(visit: Visit, name: str) -> HttpResponse:
    """Take whoever is first in line."""
    answer = claiming.claim_next(visit.caller, name, visit.now)
    if isinstance(answer, claiming.Claimed):
        return redirect("lead", answer.lead["id"])
    if isinstance(answer, claiming.Refused):
        visit.bad(*visit.refusal(answer.refusal, answer.by))
    elif isinstance(answer, claiming.Empty):
        visit.bad(_("Nothing waits here just now."))
    else:
        raise Http404
    return redirect("queue", name)


def _go(visit: Visit, address: str) -> HttpResponse:
    """To another page, also for htmx, which would put it in place of a part."""
    if visit.request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect(address)
