"""Who is there, and one rep's own page: hours, holidays, time off, calendar, strengths, teams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_POST

from dibs.delivery.wording import active_language, country_name, sentence
from dibs.delivery.words import UNFIT
from dibs.distribution import presence
from dibs.insight.crew import reps_in_sight
from dibs.insight.person import NotTheirs, Person, person, rep_called
from dibs.people import particulars, public_holidays
from dibs.people.access import Action
from dibs.people.caller import Caller
from dibs.people.models import Rep, Team
from dibs.people.particulars import Unfit
from dibs.web.visit import Visit, page

#: Holidays that a page names.
_HOLIDAYS = 6

#: A change that a form asks for; says what was done.
Change = Callable[[Visit, Rep, QueryDict], str]


@require_GET
@page(Action.SEE_FLOOR)
def people(visit: Visit) -> HttpResponse:
    """The reps and their teams."""
    cards = reps_in_sight(visit.caller, visit.now)
    teams = list(
        Team.objects.filter(workspace_id=visit.caller.workspace_id).order_by("name").values_list("slug", "name")
    )
    members = {slug: [card for card in cards if slug in card.teams and card.active] for slug, _name in teams}
    alone = [card for card in cards if not card.teams and card.active]
    left = [card for card in cards if not card.active]
    return visit.show("people/people.html", tab="people", teams=teams, members=members, alone=alone, left=left)


@require_GET
@page(Action.SET_SELF)
def one(visit: Visit, handle: str) -> HttpResponse:
    """One rep, for themselves and for who leads them."""
    rep = rep_called(visit.caller, handle)
    if rep is None:
        raise Http404
    try:
        seen = person(visit.caller, rep, visit.now)
    except NotTheirs:
        raise PermissionDenied from None
    teams = dict(Team.objects.filter(workspace_id=rep.workspace_id).order_by("name").values_list("slug", "name"))
    return visit.show(
        "people/person.html",
        tab="people" if visit.leads else "",
        person=seen,
        own=rep.id == visit.caller.rep_id,
        week=[(str(day), WEEKDAYS[day - 1], *_shift(seen, str(day))) for day in range(1, 8)],
        zones=sorted(available_timezones()) if seen.leads else [],
        countries=_countries() if seen.leads else [],
        regions=public_holidays.regions_of(seen.country),
        holidays=seen.holidays[:_HOLIDAYS],
        teams=teams,
        may_team=[slug for slug in teams if visit.caller.oversees([slug])],
        today=visit.now.astimezone(ZoneInfo(rep.timezone)).date(),
    )


def _shift(seen: Person, day: str) -> tuple[bool, str, str]:
    """Whether a day is worked, from when, and until when. A field for a time knows no 24:00: that is the next day's beginning."""
    span = (seen.hours or {}).get(day)
    if span is None:
        return False, "09:00", "18:00"
    return True, span[0], "00:00" if span[1] == "24:00" else span[1]


def _countries() -> list[tuple[str, str]]:
    """The countries whose holidays are known, by name."""
    language = active_language()
    return sorted(
        ((code, country_name(code, language)) for code in public_holidays.countries()), key=lambda entry: entry[1]
    )


@require_POST
@page(Action.SET_SELF)
def change(visit: Visit, handle: str, change: str) -> HttpResponse:
    """Do one of `CHANGES`."""
    rep, wanted = rep_called(visit.caller, handle), CHANGES.get(change)
    if rep is None or wanted is None:
        raise Http404
    if not _may(visit.caller, rep, change):
        raise PermissionDenied
    try:
        visit.good(_(wanted(visit, rep, visit.request.POST)))
    except Unfit as unfit:
        visit.bad(sentence(_(UNFIT[unfit.code]), active_language()))
    return visit.back(reverse("person", args=[handle]))


def _may(caller: Caller, rep: Rep, change: str) -> bool:
    if rep.id == caller.rep_id and change in OWN:
        return True
    return caller.may(Action.EDIT_REPS) and particulars.leads(caller, rep)


def _hours(visit: Visit, rep: Rep, form: QueryDict) -> str:
    week = None
    if form.get("always") != "yes":
        week = {
            str(day): _from_until(form.get(f"from-{day}", ""), form.get(f"until-{day}", ""))
            for day in range(1, 8)
            if form.get(f"works-{day}") == "yes"
        }
    particulars.edit(
        rep,
        {
            "hours": week,
            "timezone": form.get("timezone", ""),
            "country": form.get("country", ""),
            # A list of another country's regions is no help: what was chosen there counts for the country it is of alone.
            "region": form.get("region", "") if form.get("country") == rep.country else "",
            "keeps_holidays": form.get("keeps_holidays") == "yes",
        },
    )
    return gettext_noop("The hours are written down.")


def _from_until(begins: str, ends: str) -> tuple[str, str]:
    """A shift as two fields have it: until midnight is until the end of the day."""
    return begins[:5], "24:00" if ends[:5] == "00:00" else ends[:5]


def _strengths(visit: Visit, rep: Rep, form: QueryDict) -> str:
    particulars.edit(
        rep,
        {
            "name": form.get("name", ""),
            "languages": _listed(form.get("languages", "")),
            "industries": _listed(form.get("industries", "")),
            "seniority": _grade(form.get("seniority", "")),
            "depth": _grade(form.get("depth", "")),
        },
    )
    return gettext_noop("It is written down.")


def _listed(text: str) -> list[str]:
    """What stands between commas, of whatever script, or in lines."""
    for comma in "、，;；\n":
        text = text.replace(comma, ",")
    return [part.strip() for part in text.split(",") if part.strip()]


def _grade(text: str) -> int | None:
    return int(text) if len(text) == 1 and text.isdecimal() else None


def _teams(visit: Visit, rep: Rep, form: QueryDict) -> str:
    kept = [slug for slug in rep.teams.values_list("slug", flat=True) if not visit.caller.oversees([slug])]
    particulars.set_teams(visit.caller, rep, [*kept, *form.getlist("team")])
    return gettext_noop("The teams are changed.")


def _off(visit: Visit, rep: Rep, form: QueryDict) -> str:
    starts, ends = particulars.days_off(
        rep.timezone, _day("first_day", form.get("first_day", "")), _day("last_day", form.get("last_day", ""))
    )
    particulars.take_off(rep, starts, ends, form.get("note", ""), visit.now)
    return gettext_noop("The time off is written down. Leads at hand stay where they are.")


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unfit(field, "needed") from None


def _back(visit: Visit, rep: Rep, form: QueryDict) -> str:
    try:
        wanted = UUID(form.get("id", ""))
    except ValueError:
        raise Http404 from None
    if not particulars.back(rep, wanted, visit.now):
        raise Http404
    return gettext_noop("The time off is taken back.")


def _calendar(visit: Visit, rep: Rep, form: QueryDict) -> str:
    particulars.connect_calendar(rep, form.get("url", ""))
    return gettext_noop("The calendar is connected. It is read within a minute or so.")


def _disconnect(visit: Visit, rep: Rep, form: QueryDict) -> str:
    particulars.disconnect_calendar(rep)
    return gettext_noop("The calendar is disconnected, and what it said is forgotten.")


def _switch(visit: Visit, rep: Rep, form: QueryDict) -> str:
    wanted = form.get("available") == "yes"
    presence.switch(visit.caller, rep.id, wanted, visit.now)
    return (
        gettext_noop("Available: leads can be given.") if wanted else gettext_noop("Not available: no leads are given.")
    )


CHANGES: Mapping[str, Change] = {
    "hours": _hours,
    "strengths": _strengths,
    "teams": _teams,
    "off": _off,
    "back": _back,
    "calendar": _calendar,
    "disconnect": _disconnect,
    "switch": _switch,
}

#: What reps may change of their own. Hours and teams say how much of the work is theirs: those are for who leads them.
OWN = frozenset({"off", "back", "calendar", "disconnect", "switch"})
