"""One lead: its facts, its clock, what can be done, and why it is where it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from dibs.delivery.wording import active_language, condition_in_words, field_name, figure, percent, say, titled, word
from dibs.distribution.models import PolicyVersion
from dibs.engine.lifecycle import HELD
from dibs.insight.helping import team_of
from dibs.insight.sight import SeenLead, lead_in_sight
from dibs.insight.story import Entry, story_of_seen
from dibs.people.access import Action
from dibs.people.models import Rep
from dibs.web.desk import CHOICES
from dibs.web.pool import CONTACT, skips_left
from dibs.web.shown import value_of
from dibs.web.visit import Visit, page

#: The facts in the order they are shown.
SHOWN = (
    "name", "title", "phone", "email", "company", "industry", "employees", "country", "region", "city", "postal_code", "source",
    "product", "use_case", "deal_value", "language", "territory", "account", "domain", "consent", "received_at", "touches", "pages", "mails_opened", "last_touch_at", "message",
)  # fmt: skip
#: Codes that say what a decision found out before it decided.
_FOUND = frozenset(
    {"no_domain", "no_account", "matched_account", "in_family", "near_account", "in_territory", "in_territory_of"}
)
#: Codes that say where a lead came to be, the headline of a placement.
_WHERE = frozenset({"pooled", "offered", "chosen", "in_review", "in_nurture", "no_policy", "back_in_pool"})


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that was looked at: its place, name, condition in words or as written, and what came of it."""

    place: int
    rule: str
    parts: Any
    result: str
    matched: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """A rep who was weighed for the best match, with numbers as people read them. ``results``: converted, of closed."""

    name: str
    results: str
    expected: str
    drawn: str
    strengths: str
    load: str
    value: str


@dataclass(slots=True)
class Step:
    """One step of the story, as the page tells it."""

    at: datetime
    headline: str
    details: list[str] = field(default_factory=list)
    points: list[tuple[Any, int]] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    weighed: list[Weighed] = field(default_factory=list)
    version: int | None = None


@require_GET
@page(Action.SEE_LEADS)
def lead(visit: Visit, lead_id: UUID) -> HttpResponse:
    """The lead page. A lead that still waits is shown as its pool shows it."""
    seen = lead_in_sight(visit.caller, lead_id, visit.now)
    if seen is None:
        raise Http404
    mine = visit.caller.handle is not None and seen.get("owner") == visit.caller.handle
    steps = list(_steps(visit, story_of_seen(visit.caller, seen), seen))
    book = visit.eyes.book
    until, starts = _clock(visit, seen)
    leads_it = visit.caller.may(Action.ASSIGN_LEADS) and seen.led
    team = team_of(visit.caller, seen) if seen["state"] in HELD else []
    helpers = {mate.rep for mate in team}
    active = Rep.objects.filter(workspace_id=visit.caller.workspace_id, active=True).order_by("name")
    may_add_helpers = seen["state"] in HELD and (mine or leads_it)
    versions = PolicyVersion.objects.filter(workspace_id=visit.caller.workspace_id)
    number = steps[-1].version if steps else None
    named = versions.filter(number=number).values_list("name", flat=True).first() if number is not None else None
    return visit.show(
        "lead/lead.html",
        tab="mine" if mine else "",
        may_try=seen.led and visit.caller.may(Action.TRY_POLICY),
        lead=seen,
        mine=mine,
        facts=[(name, value) for name in SHOWN if (value := value_of(seen, name))],
        hidden=[name for name in CONTACT if name in seen.hidden],
        extra=[
            (titled(str(key)), value)
            for key, value in (seen.get("attributes") or {}).items()
            if value not in (None, "")
        ],
        steps=steps,
        policy=(named, number),
        until=until,
        whole=(until - starts).total_seconds() if until and starts else 0,
        becomes=_becomes(visit, seen),
        leads_it=leads_it,
        reps=list(active.values_list("handle", "name")) if leads_it else [],
        team=team,
        helps=visit.caller.handle in helpers and seen["state"] in {"owned", "working"},
        may_add_helpers=may_add_helpers,
        could_help=list(active.exclude(handle__in={*helpers, seen.get("owner")}).values_list("handle", "name"))
        if may_add_helpers
        else [],
        pools=[name for name, _mode in visit.pools] if leads_it else [],
        may_claim=visit.caller.rep_id is not None and seen["state"] == "pooled",
        skips=skips_left(visit) if seen.opens else None,
        lock=book.policy.pools[seen["pool"]].lock if book and seen["pool"] in book.policy.pools else None,
        **CHOICES,
    )


def _clock(visit: Visit, seen: SeenLead) -> tuple[datetime | None, datetime | None]:
    """When the time of who has it runs out, and when it began."""
    if seen["state"] not in {"owned", "offered"}:
        return None, None
    until = seen.get("lock_expires_at") or (seen.get("due_at") if seen.get("due_for") == "sla" else None)
    book, pool = visit.eyes.book, seen["pool"]
    lock = book.policy.pools[pool].lock if book and pool in book.policy.pools else None
    if until is None:
        return None, None
    return until, until - lock if lock and seen.get("taken_by") == "claimed" else None


def next_in_words(why: str) -> str | None:
    """What happens at a lead's next moment if nobody does anything; ``why`` is its ``due_for``."""
    return {
        "lock": _("Goes back to where it waited, if no contact is logged by then"),
        "offer": _("Goes to the next in line, if it is not accepted by then"),
        "warn": _("Its rep is told that time runs out, if nothing is done by then"),
        "sla": _("Contact is due by then"),
        "idle": _("Is handed on, if nothing is done by then"),
        "escalate": _("Goes on by itself, if nobody takes it by then"),
        "age_cap": _("Is given to somebody, if nobody takes it by then"),
        "stale": _("Is looked at again, if nothing happens until then"),
    }.get(why)


def _becomes(visit: Visit, seen: SeenLead) -> tuple[datetime, str] | None:
    """What happens next if nobody does anything."""
    at, why = seen.get("due_at"), seen.get("due_for")
    if at is None or at <= visit.now:
        return None
    said = next_in_words(str(why))
    return (at, said) if said else None


def _steps(visit: Visit, story: Iterable[Entry], seen: SeenLead) -> Iterable[Step]:
    """The story in the reader's words: what a decision found out, the score, then where the lead went and why."""
    names, language = visit.names, active_language()
    for entry in story:
        said = [(reason, say(reason, language, names, visit.timezone)) for reason in entry.reasons]
        found = [text for reason, text in said if reason["code"] in _FOUND]
        if entry.kind == "placed":
            source = value_of(seen, "source")
            came = _("Came in from %(source)s") % {"source": source} if source else _("Came in")
            yield Step(entry.at, came, found, version=entry.policy_version)
            found = []
        for reason, text in said:
            if reason["code"] == "scored":
                points = [
                    (condition_in_words(part["when"], language), part["add"])
                    for part in reason["params"].get("parts") or ()
                ]
                yield Step(entry.at, text, points=points, version=entry.policy_version)
        rest = [(reason, text) for reason, text in said if reason["code"] not in _FOUND | {"scored", "received"}]
        if not rest and not found:
            if not said:
                yield Step(entry.at, _kind(entry), version=entry.policy_version)
            continue
        step = Step(entry.at, _headline(entry, rest) or _kind(entry), found, version=entry.policy_version)
        passed: dict[str, list[str]] = {}
        place = None
        for reason, text in rest:
            if reason["code"] == "passed_over":
                because, handle = str(reason["params"].get("because")), str(reason["params"].get("rep"))
                place = len(step.details) if place is None else place
                passed.setdefault(because, []).append(names.get(handle, handle))
            elif text != step.headline:
                step.details.append(text)
            if reason["params"].get("tried") is not None:
                step.tried = list(_trace(reason, language))
            if reason["code"] == "best_match":
                step.weighed = [_weighed(each, names) for each in reason["params"].get("candidates") or ()]
        if place is not None:
            step.details[place:place] = [
                _("Passed over (%(why)s): %(names)s") % {"why": word("because", because), "names": ", ".join(who)}
                for because, who in passed.items()
            ]
        if entry.by and entry.by != entry.who and entry.by not in step.headline:
            step.details.append(_("By %(name)s") % {"name": entry.by})
        yield step


def _headline(entry: Entry, rest: list[tuple[Mapping[str, Any], str]]) -> str | None:
    """A placement is headed by where the lead went, everything else by what happened."""
    if entry.kind in {"placed", "requalified"}:
        where = [text for reason, text in rest if reason["code"] in _WHERE]
        if where:
            return where[-1]
    return rest[0][1] if rest else None


def _kind(entry: Entry) -> str:
    """A decision without reasons in sight, by its kind."""
    kinds = {
        "placed": _("Placed"),
        "claimed": pgettext("story", "Claimed"),
        "lapsed": pgettext("story", "Lapsed"),
        "escalated": pgettext("story", "Passed on"),
        "released": pgettext("story", "Given back"),
        "opened": pgettext("story", "Looked at in detail"),
        "requalified": pgettext("story", "Looked at again"),
        "returned": pgettext("story", "Sent back"),
        "reassigned": pgettext("story", "Passed on"),
        "freed": pgettext("story", "Taken out of the line"),
        "warned": pgettext("story", "Warned"),
    }
    return kinds.get(entry.kind, titled(entry.kind))


def _weighed(numbers: Mapping[str, Any], names: Mapping[str, str]) -> Weighed:
    handle = str(numbers["rep"])
    return Weighed(
        names.get(handle, handle),
        _("%(n)s of %(all)s") % {"n": numbers["converted"], "all": numbers["closed"]},
        percent(float(numbers["expected"])),
        percent(float(numbers["drawn"])),
        figure(float(numbers["strengths"])),
        figure(float(numbers["load"])),
        percent(float(numbers["value"])),
    )


def _trace(reason: Mapping[str, Any], language: str) -> Iterable[Tried]:
    """The rules that were looked at, in their order, up to the one that matched."""
    params = reason["params"]
    for place, tried in enumerate(params["tried"], 1):
        if tried.get("because") == "unknown" and tried.get("fact"):
            fact = field_name(str(tried["fact"]).removeprefix("lead."), language)
            result = _("%(field)s is not known") % {"field": fact}
        else:
            result = _("does not hold")
        yield Tried(place, tried["rule"], condition_in_words(tried.get("when"), language), result)
    if params.get("rule"):
        place = int(params.get("index") or 0) + 1
        yield Tried(place, params["rule"], condition_in_words(params.get("when"), language), _("matched"), True)
