"""One visit to one page: who is there, in which language and time zone, and what the frame around every page shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, wraps
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from dibs.delivery.live import stream_token
from dibs.delivery.notices import unread
from dibs.delivery.outbox_mark import Mark, mark
from dibs.delivery.wording import active_language, language_of, say, sentence
from dibs.distribution.hours import hours_of
from dibs.engine import calendar
from dibs.engine.decision import Reason, Refusal
from dibs.engine.policy_qualify import Question
from dibs.insight.fair_play import open_to
from dibs.insight.mine import MyStanding, my_standing
from dibs.insight.sight import Eyes, SeenLead
from dibs.people.access import Action
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, User, Workspace
from dibs.web.rules import Rule, rules_of


@dataclass(frozen=True, slots=True)
class Tab:
    """A link at the top of the page, to a page that works for who sees it."""

    name: str
    address: str
    label: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Duty:
    """``absence``: what keeps a rep from being given leads now, as `calendar.absence` has it, or ``switched_off``; ``until`` when they
    work, else."""

    absence: str | None = None
    until: datetime | None = None


#: Who works for longer than this at a stretch works around the clock.
_A_DAY = timedelta(days=1)


class Visit:
    """Somebody who is logged in, looking now. What a page does not ask for is not read."""

    def __init__(self, request: HttpRequest, caller: Caller, now: datetime) -> None:
        self.request = request
        self.caller = caller
        self.now = now
        self.eyes = Eyes(caller, now)
        #: What a whole page can have shown: asked before anything else is.
        self.mark: Mark | None = None if request.headers.get("HX-Request") else mark(caller.workspace_id)

    @cached_property
    def rep(self) -> Rep | None:
        """The visitor as a rep, if they are one."""
        if self.caller.rep_id is None:
            return None
        return Rep.objects.defer("face").get(id=self.caller.rep_id)

    @cached_property
    def timezone(self) -> str:
        """The rep's own zone; the workspace's for everybody else."""
        if self.caller.rep_id is not None:
            return self.caller.timezone
        return Workspace.objects.values_list("timezone", flat=True).get(id=self.caller.workspace_id)

    @cached_property
    def standing(self) -> MyStanding | None:
        return my_standing(self.caller, self.now)

    @cached_property
    def rules(self) -> list[Rule]:
        """Where the visitor stands with each rule in force."""
        return list(rules_of(self.standing, self.timezone))

    @cached_property
    def unread(self) -> int:
        """How many notices the visitor has not read yet."""
        return unread(self.caller)

    @cached_property
    def names(self) -> dict[str, str]:
        """Reps' names by handle."""
        return dict(Rep.objects.filter(workspace_id=self.caller.workspace_id).values_list("handle", "name"))

    @property
    def questions(self) -> Mapping[str, Question]:
        """The standard questions of the policy in force."""
        return self.eyes.book.policy.qualify.questions if self.eyes.book is not None else {}

    @cached_property
    def pools(self) -> list[tuple[str, str]]:
        """Name and mode of the pools that the visitor may look into, in the policy's order."""
        book = self.eyes.book
        if book is None or not self.caller.may(Action.SEE_POOLS):
            return []
        return [(name, pool.mode) for name, pool in book.policy.pools.items() if self.eyes.window(name).level != "none"]

    def look_again(self) -> None:
        """Forget what was read of the standing: the visitor has just done something that counts."""
        for name in ("standing", "rules"):
            self.__dict__.pop(name, None)
        self.eyes = Eyes(self.caller, self.now)

    @property
    def leads(self) -> bool:
        """Whether the visitor leads others."""
        return self.caller.may(Action.SEE_FLOOR)

    def has(self, seen: SeenLead) -> bool:
        """Whether the visitor has this lead, or had it when it ended."""
        return self.caller.handle is not None and seen.get("owner") == self.caller.handle

    def may_assign(self, seen: SeenLead) -> bool:
        """Whether the visitor leads where this lead is."""
        return seen.led and self.caller.may(Action.ASSIGN_LEADS)

    def tell(self, reason: Reason, by: str | None = None) -> str:
        """A reason in the visitor's words; ``by`` is the name of the rep it is about, where that is known already."""
        handle = reason.params.get("by")
        names = {str(handle): by} if handle and by else self.names if handle or reason.params.get("rep") else {}
        return say(reason, self.caller.language, names, self.timezone)

    def refusal(self, refusal: Refusal, by: str | None = None) -> list[str]:
        """A refusal as sentences: why, and what would make it a yes."""
        said = [sentence(self.tell(refusal.reasons[0], by), self.caller.language)]
        return [*said, self.tell(refusal.remedy)] if refusal.remedy else said

    def on_duty(self) -> Duty:
        """Whether the rep can be given leads now, until when today, and what keeps them if not."""
        rep = self.rep
        if rep is None or not rep.available:
            return Duty(None if rep is None else "switched_off")
        hours = hours_of(rep.workspace_id, rep.id, self.now)
        absence = calendar.absence(hours, self.now)
        if hours is None or absence is not None:
            return Duty(absence)
        until = self.now
        for starts, ends in calendar.working_spans(hours, self.now):
            if starts > until:
                break
            until = ends
            if until - self.now > _A_DAY:
                return Duty()
        return Duty(None, until)

    def tabs(self) -> list[Tab]:
        tabs = []
        if self.leads:
            tabs += [Tab("floor", reverse("floor"), _("Floor")), Tab("review", reverse("review"), _("Review"))]
        browse = [name for name, mode in self.pools if mode != "queue" or self.caller.rep_id is None]
        queues = [name for name, mode in self.pools if mode == "queue"] if self.caller.rep_id else []
        if browse:
            tabs.append(Tab("pool", reverse("pool", args=[browse[0]]), _("Pool") if len(browse) == 1 else _("Pools")))
        if queues:
            tabs.append(Tab("queue", reverse("queue", args=[queues[0]]), _("Queue")))
        if self.caller.rep_id:
            held = self.standing.counters.open_leads if self.standing else 0
            tabs.append(Tab("mine", reverse("mine"), _("My leads"), held))
            if not self.leads and self.caller.may(Action.SEE_DEALS):
                tabs.append(Tab("opportunities", reverse("opportunities"), _("Opportunities")))
            tabs.append(Tab("standing", reverse("standing"), _("My standing")))
        if self.caller.may(Action.SEE_FAIR_PLAY) and open_to(self.caller, self.eyes):
            tabs.append(Tab("fair_play", reverse("fair_play"), _("Fair play")))
        if self.caller.may(Action.SEE_POLICY):
            tabs.append(Tab("policy", reverse("policy"), _("Policy")))
        if self.leads:
            tabs.append(Tab("people", reverse("people"), _("People")))
        if self.caller.may(Action.MOVE_LEADS):
            tabs.append(Tab("moves", reverse("moves"), _("Moves")))
        return tabs

    def more(self) -> list[Tab]:
        """The pages that are for a few and not for every day, under one menu."""
        tabs: list[Tab] = []
        if self.leads and self.caller.may(Action.SEE_DEALS):
            tabs.append(Tab("opportunities", reverse("opportunities"), _("Opportunities")))
        if self.caller.may(Action.SEE_REPORTS):
            tabs.append(Tab("reports", reverse("reports"), _("Reports")))
        if self.caller.may(Action.SEE_SCORING):
            tabs.append(Tab("scoring", reverse("scoring"), _("Scoring")))
        if self.caller.may(Action.SEE_POLICY):
            tabs.append(Tab("nurture", reverse("nurture"), _("Mails")))
        if self.caller.may(Action.IMPORT_LEADS):
            tabs.append(Tab("imports", reverse("imports"), _("Imports")))
            tabs.append(Tab("sources", reverse("sources"), _("Sources")))
            tabs.append(Tab("campaigns", reverse("campaigns"), _("Campaigns")))
        if self.caller.may(Action.ERASE_PEOPLE):
            tabs.append(Tab("do_not_contact", reverse("do_not_contact"), _("Do not contact")))
            tabs.append(Tab("privacy", reverse("privacy"), _("Privacy")))
        return tabs

    def show(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page, in its frame."""
        stream = getattr(self.request, "stream_url", "")
        context |= {
            "visit": self,
            "caller": self.caller,
            "now": self.now,
            "stream": f"{stream}?token={stream_token(self.caller.user_id, self.mark)}" if stream else "",
            "duty": self.on_duty(),
        }
        return render(self.request, template, context, status=status)

    def part(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        """A piece of a page, for htmx to put in its place."""
        return render(
            self.request, template, {"visit": self, "caller": self.caller, "now": self.now, **context}, status=status
        )

    def back(self, otherwise: str) -> HttpResponse:
        """To where the visitor came from, if that is one of our pages."""
        return HttpResponseRedirect(next_page(self.request, otherwise))

    def good(self, *text: str) -> None:
        messages.success(self.request, _joined(text))

    def bad(self, *text: str) -> None:
        messages.error(self.request, _joined(text))


def _joined(sentences: Iterable[str]) -> str:
    return ("" if active_language() == "ja" else " ").join(sentences)


def next_page(request: HttpRequest, otherwise: str) -> str:
    """The page that a form asks to be led to next, if it is one of ours: a path of this host, never another host or a view's name."""
    wanted = request.POST.get("next", "")
    good = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted if good else otherwise


View = Callable[..., HttpResponseBase]


def page(action: Action, *, rep_only: bool = False) -> Callable[[View], View]:
    """A page for who is logged in and may do this; 403 for others. The view gets a `Visit` in place of the request."""

    def decorate(view: View) -> View:
        @wraps(view)
        @login_required
        def with_visit(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                caller = caller_of(cast(User, request.user))
            except User.DoesNotExist:
                logout(request)
                return redirect(settings.LOGIN_URL)
            translation.activate(language_of(caller.language))
            request.LANGUAGE_CODE = language_of(caller.language)
            visit = Visit(request, caller, timezone.now())
            timezone.activate(ZoneInfo(visit.timezone))
            if not caller.may(action) or (rep_only and caller.rep_id is None):
                raise PermissionDenied
            return view(visit, *args, **kwargs)

        return with_visit

    return decorate
