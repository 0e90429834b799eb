"""Reports: what became of the leads of a period, by month and by whatever they have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from dibs.delivery.wording import active_language, country_name, field_name, titled, word
from dibs.insight.pages import BadCursor
from dibs.insight.report_leads import Counting, leads_behind, month_with
from dibs.insight.reports import (
    ATTRIBUTE,
    GROUPS,
    Band,
    Counted,
    Report,
    UnknownGroup,
    as_csv,
    first_received,
    groups_at_hand,
    report,
)
from dibs.people.access import Action
from dibs.web.downloads import spreadsheet
from dibs.web.drawing import cells, funnel
from dibs.web.fair_play import ways_in_words
from dibs.web.shown import month as month_shown
from dibs.web.shown import rounded, short_span
from dibs.web.visit import Visit, page

#: The periods to choose from, in days; beside them the whole time there are leads of.
PERIODS = (30, 90, 365)
_ALL = "all"
#: Leads on one page of those behind a number.
_ROWS = 50
#: With so few leads a share says nothing.
ENOUGH = 10


@require_GET
@page(Action.SEE_REPORTS)
def reports(visit: Visit) -> HttpResponse:
    """What came in, what was won, where it came from and what was given up."""
    days, by, told = _asked(visit)
    ways = groups_at_hand(visit.caller, visit.now)
    return visit.show(
        "reports/reports.html",
        tab="reports",
        told=told,
        days=days,
        periods=PERIODS,
        by=by,
        ways=[(way, _way(way)) for way in (ways if by in ways else [*ways, by])],
        by_name=_way(by),
        called=lambda name: _called(by, name, visit.names),
        behind=lambda part, **which: _behind(days, by, part, **which),
        steps=funnel(told.total),
        shaded=cells(told, ENOUGH),
        highest=_highest(told),
        enough=ENOUGH,
        short=short_span,
        rounded=rounded,
    )


@require_GET
@page(Action.SEE_REPORTS)
def reports_file(visit: Visit) -> HttpResponse:
    """The same as CSV, a line for each month of each group."""
    _days, by, told = _asked(visit)
    name = (
        f"dibs-leads-by-{''.join(letter if letter.isalnum() else '-' for letter in by)[:60]}-{visit.now:%Y-%m-%d}.csv"
    )
    return spreadsheet(name, as_csv(told))


@require_GET
@page(Action.SEE_REPORTS)
def behind(visit: Visit) -> HttpResponse:
    """The leads that a number of the report counts."""
    form = visit.request.GET
    days, by = _period(visit)
    part = form.get("part", "") if form.get("part") in _parts() else "leads"
    which = {name: form[name].replace("\0", "")[:300] for name in ("month", "name", "none", "why") if form.get(name)}
    month = _month(which.get("month", ""), visit)
    since, until = _since(visit, days), visit.now
    if month is not None:
        since, until = max(since, month[0]), min(until, month[1])
    grouped = "name" in which or "none" in which
    name = which.get("name")
    counting = Counting(since, until, part, by, name, grouped, which.get("why"))
    asked = urlencode({"days": days, "by": by, "part": part, **which})
    try:
        found = leads_behind(visit.caller, counting, asked, cursor=form.get("cursor"), limit=_ROWS, now=visit.now)
    except BadCursor:
        return redirect(f"{reverse('report_leads')}?{asked}")
    except UnknownGroup:
        return redirect("reports")
    said = [_parts()[part]]
    if grouped:
        said.append(f"{_way(by)}: {_called(by, name, visit.names)}")
    if "why" in which:
        said.append(word("why", which["why"]))
    if month is not None:
        said.append(month_shown(month[0].date()))
    return visit.show(
        "reports/leads.html",
        tab="reports",
        leads=found.items,
        names=visit.names,
        said=said,
        back=f"{reverse('reports')}?{urlencode({'days': days, 'by': by})}",
        more=f"?{asked}&cursor={found.next}" if found.next else None,
    )


def _parts() -> dict[str, str]:
    """What of the leads a number counts, in words."""
    return {
        "leads": _("Came in"),
        "contacted": _("Contacted"),
        "converted": _("Converted"),
        "won": _("Won"),
        "retired": _("Given up"),
        "open": _("Open"),
    }


def _behind(days: str, by: str, part: str, *, month: date | None = None, why: str = "", **group: str | None) -> str:
    """The address of the leads behind a number: of a month, of a group (``name``, ``None`` for those that say nothing), of a reason."""
    asked = {"days": days, "by": by, "part": part}
    if "name" in group:
        asked |= {"none": "1"} if group["name"] is None else {"name": group["name"]}
    if month is not None:
        asked["month"] = f"{month:%Y-%m}"
    if why:
        asked["why"] = why
    return f"{reverse('report_leads')}?{urlencode(asked)}"


def _month(said: str, visit: Visit) -> tuple[datetime, datetime] | None:
    """The month ``2026-11``; ``None`` for what is none."""
    try:
        day = datetime.strptime(said, "%Y-%m").date()  # noqa: DTZ007 (a day has no zone)
    except ValueError:
        return None
    return month_with(visit.caller, day)


def _period(visit: Visit) -> tuple[str, str]:
    """The period and what the leads are told apart by. What cannot be is as if it were not asked."""
    days = visit.request.GET.get("days", "")
    return days if days == _ALL or days in map(str, PERIODS) else str(PERIODS[1]), visit.request.GET.get(
        "by", ""
    ) or "source"


def _asked(visit: Visit) -> tuple[str, str, Report]:
    """The period, what the leads are told apart by, and what became of them."""
    days, by = _period(visit)
    by, told = _told(visit, days, by)
    if not told.total.leads and not visit.request.GET.get("days"):
        # A history that was played, or a quiet season: what there is says more than an empty page.
        days = _ALL
        by, told = _told(visit, days, by)
    return days, by, told


def _told(visit: Visit, days: str, by: str) -> tuple[str, Report]:
    since = _since(visit, days)
    try:
        return by, report(visit.caller, by, since, visit.now, visit.now)
    except UnknownGroup:
        return "source", report(visit.caller, "source", since, visit.now, visit.now)


def _highest(told: Report) -> dict[str, float]:
    """The highest share that converted, as far as enough leads stand for it: as long as a bar gets."""
    parts: dict[str, Iterable[Counted | Band]] = {
        "months": [counted for _month, counted in told.months],
        "groups": [group.all for group in told.groups],
        "bands": told.bands,
    }
    return {
        name: max((counted.rate or 0 for counted in part if counted.leads >= ENOUGH), default=0)
        for name, part in parts.items()
    }


def _since(visit: Visit, days: str) -> datetime:
    if days != _ALL:
        return visit.now - timedelta(days=int(days))
    return first_received(visit.caller, visit.now) or visit.now - timedelta(days=PERIODS[0])


def _way(by: str) -> str:
    """What leads are told apart by, in words."""
    own = {"rep": _("Rep"), "campaign": _("Campaign"), "way": _("How taken"), "territory": _("Territory")}
    return own.get(by) or field_name(by, active_language())


def _called(by: str, name: str | None, reps: dict[str, str]) -> str:
    """A group's name as people read it."""
    if name is None:
        return _("nobody") if by == "rep" else _("not said")
    known: dict[str, Any] = {
        "rep": lambda: reps.get(name, name),
        "country": lambda: country_name(name, active_language()),
        "way": lambda: ways_in_words().get(name, name),
    }
    if by in known:
        return str(known[by]())
    return titled(name) if by in GROUPS or by.startswith(ATTRIBUTE) else name
