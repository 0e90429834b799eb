"""Try a lead on a policy: every rule with why it did or did not match, who would get it, and who is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dibs.delivery.wording import active_language, condition_in_words, field_name, titled
from dibs.distribution import drafts, policies
from dibs.distribution.models import PolicyVersion
from dibs.distribution.rulebooks import Active
from dibs.engine.policy import Checked, PolicyRefused
from dibs.insight.dry_run import try_arrival, try_lead
from dibs.insight.dry_run_told import shown
from dibs.intake.cleaning import Wrong
from dibs.intake.trying import as_arrival
from dibs.people.access import Action
from dibs.web.lead import next_in_words
from dibs.web.policy import marked
from dibs.web.shown import place_of, value_of
from dibs.web.visit import Visit, page

#: The facts that have a field of their own in the form; all others are typed as lines of NAME = VALUE.
FIELDS = (
    "company", "country", "employees", "industry", "source", "language", "email", "name", "phone", "postal_code", "product", "deal_value",
)  # fmt: skip
#: Characters of the further facts, and of one fact, that the form takes.
_LONGEST, _LONGEST_FACT = 20_000, 300


@dataclass(frozen=True, slots=True)
class Step:
    """A rule as it was tried. ``why``: what kept its condition from holding, each question with what was found."""

    place: int
    name: str
    parts: Any
    verdict: str
    why: tuple[tuple[str, str], ...]
    goes: str


@require_http_methods(["GET", "POST"])
@page(Action.TRY_POLICY)
def try_policy(visit: Visit) -> HttpResponse:
    """The form, and what came of it. A draft comes from the form in which policies are written, and is kept nowhere."""
    request = visit.request
    given = request.POST if request.method == "POST" else request.GET
    text = request.POST.get("text", "").replace("\r\n", "\n")
    number = given.get("version", "")
    lead = given.get("lead", "").strip()
    typed = {name: given.get(name, "").strip()[:_LONGEST_FACT] for name in FIELDS}
    more = given.get("more", "")[:_LONGEST]
    told: dict[str, Any] | None = None
    unfit, refused = "", None
    if lead or any(typed.values()) or more.strip():
        try:
            told = _tried(visit, _policy(visit, text, number), lead, typed, more)
        except PolicyRefused as problem:
            refused = Checked(None, problem.problems)
        except _CannotTry as problem:
            unfit = str(problem)
    versions = PolicyVersion.objects.filter(workspace_id=visit.caller.workspace_id).defer("document", "source")
    return visit.show(
        "policy/try.html",
        status=422 if unfit or refused else 200,
        tab="policy",
        text=text,
        number=number,
        versions=list(versions.order_by("-number")[:20]),
        lead=lead,
        fields=[(name, field_name(name, active_language()), typed[name]) for name in FIELDS],
        more=more,
        told=told,
        steps=[_step(rule, visit.names) for rule in told["rules"]] if told else [],
        points=[(point, _why(point)) for point in told["points"]] if told else [],
        outcome=place_of(told["becomes"], told["becomes"]["owner_name"]) if told else "",
        following=next_in_words(str(told["becomes"]["due_for"])) if told else None,
        refused=refused,
        marked=marked(refused),
        unfit=unfit,
    )


class _CannotTry(Exception):
    """What was filled in cannot be tried; the text says why."""


def _policy(visit: Visit, text: str, number: str) -> Active:
    workspace_id = visit.caller.workspace_id
    try:
        if text.strip():
            return drafts.draft(workspace_id, text)
        return drafts.version(
            workspace_id, int(number) if number.isascii() and number.isdigit() and len(number) < 9 else None
        )
    except policies.UnknownVersion:
        raise _CannotTry(_("There is no such version.")) from None
    except drafts.NothingToTry:
        raise _CannotTry(_("No policy is published yet.")) from None


def _tried(visit: Visit, active: Active, lead: str, typed: Mapping[str, str], more: str) -> dict[str, Any]:
    caller = visit.caller
    if lead:
        try:
            found = try_lead(caller, active, UUID(lead), visit.now)
        except ValueError:
            found = None
        if found is None:
            raise _CannotTry(_("There is no such lead among those you lead."))
        return shown(found, caller, visit.timezone)
    fields: dict[str, Any] = {name: value for name, value in typed.items() if value}
    fields.setdefault("source", "try")
    fields |= _further(more)
    try:
        arrival = as_arrival(caller.workspace_id, fields, now=visit.now)
    except Wrong as wrong:
        raise _CannotTry(_("The lead can't be read: %(why)s.") % {"why": wrong}) from None
    return shown(try_arrival(caller, active, arrival, visit.now), caller, visit.timezone)


def _further(text: str) -> dict[str, Any]:
    """Lines of ``name = value``; ``attributes.plan = pro`` is a fact of the source's own. Raises `_CannotTry`."""
    found: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or not name:
            raise _CannotTry(_("“%(line)s” is not a fact. Write it like pages = 3.") % {"line": line[:80]})
        if name.startswith("attributes."):
            found.setdefault("attributes", {})[name.removeprefix("attributes.")] = _plain(value)
        else:
            found[name] = value
    return found


def _plain(text: str) -> str | int | float | bool:
    """A value as a program would have sent it: a number, yes or no, else text."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if abs(number) < 2**53 else text
    return text


def _step(rule: Mapping[str, Any], names: Mapping[str, str]) -> Step:
    return Step(
        place=rule["index"] + 1,
        name=rule["name"],
        parts=condition_in_words(rule["when"], active_language()),
        verdict=rule["verdict"],
        why=() if rule["holds"] else _why(rule),
        goes=_goes(rule["goes"], names),
    )


def _why(condition: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The facts that a condition's answer hangs on, with the values they have."""
    facts = {name: value for question in condition["because"] for name, value in question["facts"].items()}
    return tuple(
        (field_name(name.removeprefix("lead."), active_language()), _value(name, value))
        for name, value in facts.items()
    )


def _value(name: str, value: Any) -> str:
    if value is None:
        return _("not known")
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return value_of({name.removeprefix("lead."): value}, name.removeprefix("lead."))


def _goes(goes: Mapping[str, Any] | None, names: Mapping[str, str]) -> str:
    """Where a rule puts the lead, or would, in short."""
    if goes is None:
        return ""
    name = names.get(goes["rep"] or "", goes["rep"])
    match goes["state"]:
        case "owned":
            return f"{name} ({titled(goes['team'])})" if goes["team"] else str(name)
        case "offered":
            return _("offered to %(name)s") % {"name": name}
        case "pooled":
            return _("the pool %(pool)s") % {"pool": titled(goes["pool"])}
        case "review":
            return _("the managers")
    return _("kept until it is ready for sales")
