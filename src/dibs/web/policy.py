"""The policy: its text, the picture of its rules, what checking it found; for operations also a new version of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dibs.delivery.wording import active_language, condition_in_words, span, titled
from dibs.distribution import policies
from dibs.distribution.models import PolicyVersion
from dibs.engine.policy import Checked, Onward, Policy, PolicyRefused, Push, Rule
from dibs.people.access import Action
from dibs.people.models import User
from dibs.web.visit import Visit, page

#: Characters of a policy that the form takes; the engine refuses more.
_LONGEST = 1_000_000
#: Lines shown before and after one with a problem.
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Drawn:
    """One rule in the picture."""

    place: int
    name: str
    parts: Any
    to: str
    more: str


@require_GET
@page(Action.SEE_POLICY)
def policy(visit: Visit) -> HttpResponse:
    """The active version, or an older one by its number."""
    versions = PolicyVersion.objects.filter(workspace_id=visit.caller.workspace_id)
    listed = list(
        versions.order_by("-number").values_list(
            "number", "name", "published_at", "active", "published_by__name", "note"
        )[:20]
    )
    wanted = visit.request.GET.get("version", "")
    shown = (
        versions.filter(number=int(wanted)).first()
        if wanted.isdigit() and len(wanted) < 9
        else versions.filter(active=True).first()
    )
    checked = policies.check(visit.caller.workspace_id, shown.source) if shown else None
    return visit.show(
        "policy/policy.html",
        tab="policy",
        shown=shown,
        lines=shown.source.splitlines() if shown else [],
        checked=checked,
        marked=_marked(checked),
        drawn=[_drawn(place, rule) for place, rule in enumerate(checked.policy.route, 1)]
        if checked and checked.policy
        else [],
        pools=_pools(checked.policy) if checked and checked.policy else [],
        versions=listed,
        may_publish=visit.caller.may(Action.PUBLISH_POLICY),
    )


@require_http_methods(["GET", "POST"])
@page(Action.PUBLISH_POLICY)
def edit(visit: Visit) -> HttpResponse:
    """A new version: checked, then published. Every problem is named with its line."""
    workspace_id, form = visit.caller.workspace_id, visit.request.POST
    active = PolicyVersion.objects.filter(workspace_id=workspace_id, active=True).first()
    text = form.get("text", active.source if active else "").replace("\r\n", "\n")[: _LONGEST + 1]
    checked = None
    if visit.request.method == "POST":
        if form.get("do") == "publish":
            try:
                version = policies.publish(workspace_id, text, _user(visit), form.get("note", "").strip())
            except PolicyRefused as refused:
                checked = Checked(None, refused.problems)
            else:
                if active is not None and version.id == active.id:
                    visit.good(_("Nothing changed: this is the version in force."))
                else:
                    visit.good(_("Published as version %(n)s. It is in force from now on.") % {"n": version.number})
                return redirect("policy")
        else:
            checked = policies.check(workspace_id, text)
    return visit.show(
        "policy/edit.html",
        status=422 if checked is not None and not checked.ok else 200,
        tab="policy",
        text=text,
        note=form.get("note", ""),
        active=active,
        checked=checked,
        marked=_marked(checked),
        lines=_around(text, _marked(checked)),
    )


@require_POST
@page(Action.PUBLISH_POLICY)
def back(visit: Visit) -> HttpResponse:
    """Publish an older version anew."""
    number = visit.request.POST.get("number", "")
    try:
        version = policies.rollback(
            visit.caller.workspace_id, int(number) if number.isdigit() and len(number) < 9 else 0, _user(visit)
        )
    except policies.UnknownVersion:
        visit.bad(_("There is no such version."))
    except PolicyRefused as refused:
        visit.bad(_("That version can't be used any more: %(why)s") % {"why": refused})
    else:
        visit.good(_("Version %(n)s is in force now.") % {"n": version.number})
    return redirect("policy")


def _user(visit: Visit) -> User:
    return User.objects.get(id=visit.caller.user_id)


def _marked(checked: Checked | None) -> dict[int, str]:
    """Lines with a problem, each with its message."""
    return {problem.line: problem.message for problem in checked.problems if problem.line} if checked else {}


def _around(text: str, marked: Collection[int]) -> list[tuple[int, str]]:
    """The lines with a problem and a few around each, with their numbers."""
    near = {line + by for line in marked for by in range(-_NEAR, _NEAR + 1)}
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if number in near]


def _drawn(place: int, rule: Rule) -> Drawn:
    more = _("else to %(where)s") % {"where": _onward(rule.fallback)} if rule.fallback else ""
    if rule.push:
        within = rule.push.accept_within
        said = [_("to accept within %(span)s") % {"span": span(within, active_language())}] if within else []
        more = "; ".join([*said, *([more] if more else [])])
    return Drawn(place, rule.name, condition_in_words(rule.when, active_language()), _target(rule), more)


def _target(rule: Rule) -> str:
    if rule.push:
        return _pushed(rule.push)
    if rule.pull:
        return _("pool: %(pool)s") % {"pool": titled(rule.pull.pool)}
    if rule.review:
        return _("review: %(queue)s") % {"queue": titled(rule.review)}
    return _("kept until it is ready for sales")


def _pushed(push: Push) -> str:
    if push.to == "account.owner":
        return _("pushed to the owner of the account")
    if push.to == "territory.owner":
        return _("pushed to the owner of the territory")
    team = titled(push.team or "")
    ways = {
        "round_robin": _("pushed: %(team)s, in turn"),
        "weighted_round_robin": _("pushed: %(team)s, in turn by weight"),
        "least_open": _("pushed: %(team)s, to whoever has the fewest"),
        "best_match": _("pushed: %(team)s, to the best match"),
        "first_available": _("pushed: %(team)s, to the first who is free"),
    }
    return ways.get(push.by, _("pushed: %(team)s")) % {"team": team}


def _onward(onward: Onward) -> str:
    if onward.team:
        return _("the team %(team)s") % {"team": titled(onward.team)}
    if onward.pool:
        return _("the pool %(pool)s") % {"pool": titled(onward.pool)}
    return _("the managers")


def _pools(policy: Policy) -> list[tuple[str, list[str]]]:
    """What holds in each pool, in sentences."""
    language, told = active_language(), []
    modes = {
        "queue": _("The first in line is taken first."),
        "pool": _("Choose from a preview."),
        "cherry_pick": _("Choose with everything in sight."),
    }
    for name, pool in policy.pools.items():
        says = [modes[pool.mode]]
        if pool.lock:
            says.append(_("Yours for %(span)s, until first contact.") % {"span": span(pool.lock, language)})
        for step in pool.escalate:
            where = (
                _("the managers")
                if step.review
                else titled(step.push.team)
                if step.push and step.push.team
                else _("the owner")
            )
            says.append(_("After %(span)s on to %(where)s.") % {"span": span(step.after, language), "where": where})
        says.append(_("Nothing waits longer than %(span)s.") % {"span": span(pool.assign_after, language)})
        if pool.teams is not None:
            count = len(pool.teams)
            says.append(
                ngettext("Open to the team %(teams)s.", "Open to the teams %(teams)s.", count)
                % {"teams": ", ".join(titled(team) for team in pool.teams)}
            )
        told.append((titled(name), says))
    return told
