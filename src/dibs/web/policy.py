"""The policy: its text, the picture of its rules, what checking it found, and what is announced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from dibs.delivery.wording import active_language, condition_in_words, rule_in_words, span, titled
from dibs.distribution import policies
from dibs.distribution.models import PolicyVersion
from dibs.engine import announcing
from dibs.engine.policy import Checked, Onward, Policy, Push, Rule
from dibs.people.access import Action
from dibs.web.questionnaires import questionnaires
from dibs.web.territories import tree
from dibs.web.visit import Visit, page


@dataclass(frozen=True, slots=True)
class Drawn:
    """One rule in the picture."""

    place: int
    name: str
    parts: Any
    to: str
    more: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A rule for reps that one policy has other than another: what it is called, what it said and what it says."""

    name: str
    before: str
    after: str
    tighter: bool


def changes_between(before: Policy | None, after: Policy) -> list[Changed]:
    """The rules for reps that tighten or loosen, in words."""
    return [
        Changed(*rule_in_words(change.rule, change.before, change.after), change.tighter)
        for change in announcing.changes(before, after)
    ]


@require_GET
@page(Action.SEE_POLICY)
def policy(visit: Visit) -> HttpResponse:
    """The active version, or an older one by its number."""
    versions = PolicyVersion.objects.filter(workspace_id=visit.caller.workspace_id)
    listed = list(versions.select_related("published_by").defer("document", "source").order_by("-number")[:20])
    wanted = visit.request.GET.get("version", "")
    shown = (
        versions.filter(number=int(wanted)).first()
        if wanted.isdigit() and len(wanted) < 9
        else versions.filter(active=True).first()
    )
    coming = policies.pending(visit.caller.workspace_id)
    checked = policies.check(visit.caller.workspace_id, shown.source) if shown else None
    return visit.show(
        "policy/policy.html",
        tab="policy",
        shown=shown,
        coming=coming,
        changes=changes_between(
            next((policies.policy_of(version) for version in versions.filter(active=True)), None),
            policies.policy_of(coming),
        )
        if coming
        else [],
        lines=shown.source.splitlines() if shown else [],
        checked=checked,
        marked=marked(checked),
        drawn=[_drawn(place, rule) for place, rule in enumerate(checked.policy.route, 1)]
        if checked and checked.policy
        else [],
        pools=_pools(checked.policy) if checked and checked.policy else [],
        market=tree(visit.caller, checked.policy, visit.now) if checked and checked.policy else [],
        questionnaires=list(questionnaires(checked.policy)) if checked and checked.policy else [],
        versions=listed,
        may_publish=visit.caller.may(Action.PUBLISH_POLICY),
        may_try=visit.caller.may(Action.TRY_POLICY),
    )


def marked(checked: Checked | None) -> dict[int, str]:
    """Lines with a problem, each with its message."""
    return {problem.line: problem.message for problem in checked.problems if problem.line} if checked else {}


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
        "first_available": _("pushed: %(team)s, to who has gone longest without a lead"),
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
