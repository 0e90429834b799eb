"""A new version of the policy, for operations: checked, told what it changes for the reps, then published or announced."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dibs.distribution import borders, drafts, policies
from dibs.distribution.borders import Border
from dibs.distribution.models import PolicyVersion
from dibs.engine import announcing
from dibs.engine.policy import Checked, PolicyRefused
from dibs.people.access import Action
from dibs.people.models import User
from dibs.web.policy import changes_between, marked
from dibs.web.shown import clock
from dibs.web.territories import between, crossing
from dibs.web.visit import Visit, page

#: Characters of a policy that the form takes; the engine refuses more.
_LONGEST = 1_000_000
#: Lines shown before and after one with a problem.
_NEAR = 3
#: The moment that is offered lies on a whole one of these, and no nearer than ``_ROOM`` to the earliest: time to press the button.
_STEP, _ROOM = timedelta(minutes=15), timedelta(minutes=5)


@require_http_methods(["GET", "POST"])
@page(Action.PUBLISH_POLICY)
def edit(visit: Visit) -> HttpResponse:
    """A new version. What it tightens or loosens for the reps, and the leads that its borders would move, are shown before it is
    published; every problem is named with its line."""
    workspace_id, form = visit.caller.workspace_id, visit.request.POST
    versions = PolicyVersion.objects.filter(workspace_id=workspace_id)
    active = versions.filter(active=True).first()
    text = form.get("text", _begin_with(visit, active)).replace("\r\n", "\n")[: _LONGEST + 1]
    before = policies.policy_of(active) if active is not None else None
    checked, earliest, unfit, border = None, None, "", Border()
    if visit.request.method == "POST":
        checked = policies.check(workspace_id, text)
        if checked.ok and checked.policy is not None:
            earliest = announcing.earliest(before, checked.policy, visit.now)
            was_shown = form.get("shown", "") == _mark(text)
            if not was_shown or form.get("do") != "publish":
                border = borders.would_move(workspace_id, drafts.ready(checked.policy), visit.now)
            quiet = not announcing.changes(before, checked.policy) and not border.leads
            if form.get("do") == "publish" and (was_shown or quiet):
                when, unfit = _moment(visit, form.get("from", ""))
                if not unfit:
                    try:
                        return _publish(visit, text, active, when or earliest)
                    except policies.TooSudden as sudden:
                        earliest = sudden.earliest
                        unfit = _(
                            "That is too soon: what it tightens has to be announced. The earliest moment is %(time)s."
                        ) % {"time": clock(earliest)}
                    except PolicyRefused as refused:
                        checked = Checked(None, refused.problems)
    changes = changes_between(before, checked.policy) if checked is not None and checked.ok and checked.policy else []
    return visit.show(
        "policy/edit.html",
        status=422 if unfit or (checked is not None and not checked.ok) else 200,
        tab="policy",
        text=text,
        note=form.get("note", ""),
        active=active,
        coming=policies.pending(workspace_id),
        checked=checked,
        marked=marked(checked),
        lines=_around(text, marked(checked)),
        changes=changes,
        border=border,
        between=between(border),
        crossing=crossing(border),
        moves=form.get("move") == "yes",
        shown=_mark(text) if changes or border.leads else "",
        to_confirm=bool(changes or border.leads) and form.get("do") == "publish",
        earliest=earliest,
        begins=form.get("from", "") if not earliest or form.get("from") else _local(_offered(earliest)),
        unfit=unfit,
    )


@require_POST
@page(Action.PUBLISH_POLICY)
def back(visit: Visit) -> HttpResponse:
    """Publish an older version anew. One that tightens rules goes by way of the form, which announces it."""
    number = visit.request.POST.get("number", "")
    wanted = int(number) if number.isdigit() and len(number) < 9 else 0
    try:
        version = policies.rollback(visit.caller.workspace_id, wanted, _user(visit))
    except policies.UnknownVersion:
        visit.bad(_("There is no such version."))
    except policies.TooSudden as sudden:
        visit.bad(
            _("Version %(n)s tightens rules, which have to be announced. It can be in force from %(time)s.")
            % {"n": wanted, "time": clock(sudden.earliest)}
        )
        return redirect(f"{reverse('edit')}?version={wanted}")
    except PolicyRefused as refused:
        visit.bad(_("That version can't be used any more: %(why)s") % {"why": refused})
    else:
        visit.good(_("Version %(n)s is in force now.") % {"n": version.number})
    return redirect("policy")


@require_POST
@page(Action.PUBLISH_POLICY)
def cancel(visit: Visit) -> HttpResponse:
    """Take back what is announced."""
    version = policies.cancel_pending(visit.caller.workspace_id)
    if version is None:
        visit.bad(_("Nothing is announced any more."))
    else:
        visit.good(_("Version %(n)s is taken back, and the reps are told so.") % {"n": version.number})
    return redirect("policy")


def _publish(visit: Visit, text: str, active: PolicyVersion | None, when: datetime | None) -> HttpResponse:
    """Publish, at once or for later, and say which. Raises `PolicyRefused` and `TooSudden`."""
    note = visit.request.POST.get("note", "").replace("\0", "").strip()
    move = visit.request.POST.get("move") == "yes"
    version = policies.publish(visit.caller.workspace_id, text, _user(visit), note, when, move=move, now=visit.now)
    if active is not None and version.id == active.id:
        visit.good(_("Nothing changed: this is the version in force."))
    elif version.pending:
        visit.good(
            _("Announced as version %(n)s, in force from %(time)s. The reps whose rules change are told.")
            % {"n": version.number, "time": clock(version.effective_from)}
        )
    else:
        visit.good(_("Published as version %(n)s. It is in force from now on.") % {"n": version.number})
        if move:
            visit.good(_("Leads that belong to others by it are on their way: see Moves."))
    return redirect("policy")


def _begin_with(visit: Visit, active: PolicyVersion | None) -> str:
    """The text to start from: that of the version asked for, else of the one in force."""
    wanted = visit.request.GET.get("version", "")
    if wanted.isdigit() and len(wanted) < 9:
        asked = PolicyVersion.objects.filter(workspace_id=visit.caller.workspace_id, number=int(wanted)).first()
        if asked is not None:
            return asked.source
    return active.source if active is not None else ""


def _mark(text: str) -> str:
    """By what a form knows the text again that its changes and borders were shown for."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _moment(visit: Visit, given: str) -> tuple[datetime | None, str]:
    """When it is to take effect, in the visitor's zone, or what is wrong with it; ``None`` for as soon as may be."""
    if not given.strip():
        return None, ""
    try:
        local = datetime.fromisoformat(given.strip())
    except ValueError:
        local = None
    if local is not None and local.tzinfo is None:
        local = local.replace(tzinfo=ZoneInfo(visit.timezone))
    if local is None or local >= policies.HORIZON:
        return None, _("That is no moment. Write it like 2026-03-31 09:00.")
    return local, ""


def _offered(earliest: datetime) -> datetime:
    """A round moment soon after the earliest."""
    after = earliest + _ROOM
    return after + (-(after - datetime.min.replace(tzinfo=after.tzinfo)) % _STEP)


def _local(when: datetime) -> str:
    """As an input of type ``datetime-local`` has it."""
    return localtime(when).strftime("%Y-%m-%dT%H:%M")


def _user(visit: Visit) -> User:
    return User.objects.get(id=visit.caller.user_id)


def _around(text: str, problems: Collection[int]) -> list[tuple[int, str]]:
    """The lines with a problem and a few around each, with their numbers."""
    near = {line + by for line in problems for by in range(-_NEAR, _NEAR + 1)}
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if number in near]
