"""Past leads through a draft: who would have got more, who less, and which leads would have gone elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from dibs.delivery.wording import titled, word
from dibs.distribution import comparing, drafts, policies
from dibs.distribution.models import Comparison, PolicyVersion
from dibs.distribution.rulebooks import Active
from dibs.engine.policy import Checked, PolicyRefused
from dibs.insight import what_if
from dibs.insight.pages import BadCursor
from dibs.people.access import Action
from dibs.web.downloads import spreadsheet
from dibs.web.drawing import against
from dibs.web.policy import marked
from dibs.web.shown import called
from dibs.web.visit import Visit, page

#: Lines of changed leads on one page.
_ROWS = 50
#: Where the form begins: the last thirty days.
_USUAL = timedelta(days=30)


class _CannotCompare(Exception):
    """What was filled in cannot be compared; the text says why."""


@require_http_methods(["GET", "POST"])
@page(Action.TRY_POLICY)
def compare(visit: Visit) -> HttpResponse:
    """The form, and the latest comparisons. A draft comes from the form in which policies are written; it is kept with what came of it."""
    form = visit.request.POST
    text = form.get("text", "").replace("\r\n", "\n")
    since = form.get("since") or f"{(visit.now - _USUAL).astimezone(ZoneInfo(visit.timezone)):%Y-%m-%d}"
    until = form.get("until", "")
    unfit, refused = "", None
    if form.get("do") == "compare":
        try:
            return _begin(visit, text, since, until)
        except PolicyRefused as problem:
            refused = Checked(None, problem.problems)
        except _CannotCompare as problem:
            unfit = str(problem)
    versions = PolicyVersion.objects.filter(workspace_id=visit.caller.workspace_id).defer("document", "source")
    return visit.show(
        "policy/compare.html",
        status=422 if unfit or refused else 200,
        tab="policy",
        text=text,
        number=form.get("version", ""),
        since=since,
        until=until,
        versions=list(versions.order_by("-number")[:20]),
        comparisons=what_if.comparisons(visit.caller),
        states=_states(),
        refused=refused,
        marked=marked(refused),
        unfit=unfit,
    )


@require_GET
@page(Action.TRY_POLICY)
def comparison(visit: Visit, comparison_id: UUID) -> HttpResponse:
    """How far a comparison is, and what came of it."""
    found = _comparison(visit, comparison_id)
    asked = visit.request.GET.get("what", "")
    what = asked if asked in what_if.WHAT else None
    outcome = what_if.outcome_of(visit.caller, found, visit.now)
    lines, following = [], None
    if outcome is not None:
        try:
            rows = what_if.changed_page(
                visit.caller,
                found,
                what=what,
                cursor=visit.request.GET.get("cursor"),
                limit=_ROWS,
                now=visit.now,
            )
        except BadCursor:
            return redirect("comparison", comparison_id=found.id)
        following = rows.next
        lines = [
            (changed.lead["id"], called(changed.lead), _went(visit, changed.before), _went(visit, changed.after))
            for changed in rows.items
        ]
    return visit.show(
        "policy/comparison.html",
        tab="policy",
        found=found,
        outcome=outcome,
        parts=_parts(outcome) if outcome is not None else [],
        lines=lines,
        following=following,
        what=what,
        states=_states(),
        most_lines=what_if.MOST_LINES,
    )


@require_GET
@page(Action.TRY_POLICY)
def comparison_file(visit: Visit, comparison_id: UUID) -> HttpResponse:
    """The leads that would have gone elsewhere, as CSV."""
    found = _comparison(visit, comparison_id)
    try:
        file = what_if.as_csv(visit.caller, found, visit.now)
    except what_if.TooManyLines:
        return HttpResponse(_("That is too much for one file. Choose a shorter period."), status=422)
    return spreadsheet(f"dibs-comparison-{found.created_at:%Y-%m-%d}.csv", file)


def _begin(visit: Visit, text: str, since: str, until: str) -> HttpResponse:
    """Compare at once, or leave it to a worker where there is much. Raises `PolicyRefused` and `_CannotCompare`."""
    caller = visit.caller
    after = _policy(visit, text)
    starts, ends = _day(visit, since), _day(visit, until) + timedelta(days=1) if until else visit.now
    try:
        begun = comparing.begin(
            caller.workspace_id,
            after,
            starts,
            min(ends, visit.now),
            draft=text if not after.number else "",
            by=caller.user_id,
        )
    except comparing.Unfit:
        raise _CannotCompare(_("The first day must lie before the last, by 400 days at most.")) from None
    except comparing.TooManyLeads:
        raise _CannotCompare(_("That is too many leads for one comparison. Choose a shorter period.")) from None
    except drafts.NothingToTry:
        raise _CannotCompare(_("No policy is in force to compare with.")) from None
    if begun.total > comparing.AT_ONCE:
        comparing.leave_to_job(begun)
    else:
        comparing.go_through(begun)
    return redirect("comparison", comparison_id=begun.id)


def _policy(visit: Visit, text: str) -> Active:
    if text.strip():
        return drafts.draft(visit.caller.workspace_id, text)
    number = visit.request.POST.get("version", "")
    try:
        return drafts.version(
            visit.caller.workspace_id, int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
        )
    except policies.UnknownVersion:
        raise _CannotCompare(_("There is no such version.")) from None


def _day(visit: Visit, text: str) -> datetime:
    """Midnight of a day in the visitor's zone."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=ZoneInfo(visit.timezone))
    except ValueError:
        raise _CannotCompare(_("“%(text)s” is no day. Write it like 2026-03-31.") % {"text": text[:20]}) from None


def _comparison(visit: Visit, comparison_id: UUID) -> Comparison:
    found = what_if.comparison_of(visit.caller, comparison_id)
    if found is None:
        raise Http404
    return found


def _states() -> dict[str, str]:
    return {"waiting": _("waiting"), "running": _("under way"), "done": _("done"), "failed": _("failed")}


def _parts(outcome: what_if.WhatIf) -> list[tuple[str, str, list[Any]]]:
    """The tables: a title, what a row's icon is, and the rows with their bars."""
    parts: list[tuple[str, str, tuple[what_if.Count, ...]]] = [
        (_("Reps"), "rep", outcome.reps),
        (_("Rules"), "rule", outcome.rules),
        (_("Teams"), "team", outcome.teams),
        (_("Pools"), "pool", outcome.pools),
        (_("Review"), "review", outcome.reviews),
    ]
    return [(title, kind, against(counts)) for title, kind, counts in parts if counts]


def _went(visit: Visit, went: Any) -> str:
    """Where a lead goes, in short."""
    if went["rep"]:
        name = visit.names.get(went["rep"], went["rep"])
        return f"{name} ({titled(went['team'])})" if went["team"] else name
    if went["pool"]:
        return titled(went["pool"])
    if went["review"]:
        return _("the managers")
    return word("state", went["state"])
