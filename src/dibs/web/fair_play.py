"""Fair play, for the whole team: who claims what, how long leads sit, what becomes of them, and what was earned by it."""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from dibs.distribution.choices import BANDS
from dibs.insight.cherry import ENOUGH
from dibs.insight.credits import TooManyLines, as_csv, credit_lines, credits_earned
from dibs.insight.fair_play import lately, open_to, pools_moved
from dibs.people.access import Action
from dibs.web.downloads import spreadsheet
from dibs.web.drawing import course
from dibs.web.shown import rounded, short_span
from dibs.web.visit import Visit, page

#: The periods to choose from, in days; the first is what the page opens with.
PERIODS = (7, 30, 90)


@require_GET
@page(Action.SEE_FAIR_PLAY)
def fair_play(visit: Visit) -> HttpResponse:
    """What the team does with what it is offered."""
    if not open_to(visit.caller, visit.eyes):
        raise PermissionDenied
    days = _days(visit)
    since = visit.now - timedelta(days=days)
    pools = pools_moved(visit.caller, since, visit.now)
    book = visit.eyes.book
    earned = credits_earned(visit.caller, since, visit.now)
    return visit.show(
        "fair_play/fair_play.html",
        tab="fair_play",
        days=days,
        periods=PERIODS,
        seen=lately(visit.caller, days, visit.now),
        bands=[f"{start + 1}–{end}" for start, end in zip((0, *BANDS), BANDS, strict=False)],
        pools=[(pool, course(pool.moved, since, visit.now)) for pool in pools],
        ways=ways_in_words(),
        credits=earned if earned or (book and book.policy.credits) else None,
        enough=ENOUGH,
        short=short_span,
        rounded=rounded,
    )


@require_GET
@page(Action.SEE_FAIR_PLAY)
def credits_file(visit: Visit) -> HttpResponse:
    """Each credit of the period that the visitor may see, as CSV."""
    days = _days(visit)
    try:
        lines = credit_lines(visit.caller, visit.now - timedelta(days=days), visit.now)
    except TooManyLines:
        return HttpResponse(_("That is too much for one file. Choose a shorter period."), status=422)
    name = f"dibs-credits-{visit.now:%Y-%m-%d}-{days}-days.csv"
    return spreadsheet(name, as_csv(lines))


def _days(visit: Visit) -> int:
    asked = visit.request.GET.get("days", "")
    return int(asked) if asked in map(str, PERIODS) else PERIODS[0]


def ways_in_words() -> dict[str, str]:
    """How a lead was taken, in words."""
    return {
        "pull": pgettext("how taken", "claimed"),
        "push": pgettext("how taken", "given by rule"),
        "escalation": pgettext("how taken", "waited too long, then given"),
        "review": pgettext("how taken", "given by a manager from review"),
        "floor": pgettext("how taken", "made up for missing claims"),
    }
