"""A rep's own: the leads whose time runs, where they stand with the rules, and what they are to know. The list of their leads is
`dibs.web.my_list`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from dibs.delivery.notices import GivenNotice, mark_read, notices_of
from dibs.delivery.wording import (
    active_language,
    condition_in_words,
    figure,
    percent,
    rule_in_words,
    say,
    sentence,
    span,
)
from dibs.distribution import policies
from dibs.insight.mine import MyTier, my_running, my_tier, upcoming
from dibs.insight.record import MyCredits, Then, my_credits, my_record, standing_under
from dibs.people.access import Action
from dibs.web.visit import Visit, page

#: Notices on My standing, and on their own page.
_FEW, _MANY = 5, 100


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One notice, in the reader's words: each line, and the lead that it is about if it is about one."""

    at: datetime
    title: str
    lines: Sequence[tuple[str, str | None]]
    new: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A rule that will change: what changes, and what that would mean for the rep as they stand now."""

    text: str
    tighter: bool
    means: str = ""
    ok: bool = True


@require_GET
@page(Action.WORK_LEADS, rep_only=True)
def held(visit: Visit) -> HttpResponse:
    """The leads whose time runs, for the pages where more are taken."""
    return visit.part("mine/held.html", running=my_running(visit.caller, visit.now))


@require_GET
@page(Action.WORK_LEADS, rep_only=True)
def standing(visit: Visit) -> HttpResponse:
    """Each rule in force, where I stand and what comes next; what will change; my tier, my points, and what I am to know."""
    coming = upcoming(visit.caller, visit.now)
    changes: list[Change] = []
    if coming is not None:
        announced = policies.pending(visit.caller.workspace_id)
        then = standing_under(visit.caller, announced.id, visit.now) if announced is not None else None
        changes = [_change(visit, reason.code, reason.params, then) for reason in coming.changes]
    tier = my_tier(visit.caller, visit.now)
    return visit.show(
        "mine/standing.html",
        tab="standing",
        mine=visit.standing,
        rules=visit.rules,
        coming=coming,
        changes=changes,
        tier=tier,
        tier_says=list(_tier_says(visit, tier)) if tier is not None else [],
        credits=my_credits(visit.caller, visit.now),
        credit_says=_credit_says,
        record=[
            (line.at, " ".join(_said(visit, line.reasons)), line.policy_version) for line in my_record(visit.caller)
        ],
        notices=_notices(visit, notices_of(visit.caller, _FEW)),
    )


@require_http_methods(["GET", "POST"])
@page(Action.SEE_SELF)
def notices(visit: Visit) -> HttpResponse:
    """What the visitor is to know, newest first; posting marks it all as read."""
    if visit.request.method == "POST":
        mark_read(visit.caller, visit.now)
        return visit.back("/notices/")
    return visit.show("mine/notices.html", tab="", notices=_notices(visit, notices_of(visit.caller, _MANY)))


def _notices(visit: Visit, given: Iterable[GivenNotice]) -> list[NoticeLine]:
    return [
        NoticeLine(
            at=each.at,
            title=_notice_title(each.kind),
            lines=[
                (text, (reason.get("params") or {}).get("lead"))
                for text, reason in zip(_said(visit, each.reasons), each.reasons, strict=True)
            ],
            new=each.read_at is None,
        )
        for each in given
    ]


def _notice_title(kind: str) -> str:
    return {
        "rules_announced": _("Rules will change"),
        "rules_changed": _("Rules have changed"),
        "rules_kept": _("Rules stay as they are"),
        "tier_changed": _("Another tier"),
        "below_floor": _("Fewer claims than expected"),
        "lead_touched": _("A lead came again"),
        "lead_qualified": _("A lead is ready for sales"),
        "lead_warned": _("Time runs out"),
        "rep_away": _("Taken for away"),
        "work_due": _("It is time"),
        "leads_moved": _("Leads were moved"),
        "availability": _("Your availability"),
        "calendar_failing": _("Your calendar can't be read"),
    }.get(kind, kind)


def _said(visit: Visit, reasons: Iterable[Mapping[str, Any]]) -> list[str]:
    language = visit.caller.language
    return [sentence(say(reason, language, visit.names, visit.timezone), language) for reason in reasons]


def _change(visit: Visit, code: str, params: Mapping[str, Any], then: Then | None) -> Change:
    """A change, and where the rep would be with it now."""
    language = active_language()
    tighter, rule = code == "rule_tightens", str(params.get("rule"))
    name, before, after = rule_in_words(rule, params.get("before"), params.get("after"))
    text = _("%(rule)s: %(after)s instead of %(before)s") % {"rule": name, "after": after, "before": before}
    if rule.startswith("pools.") and rule.count(".") == 1:
        text = _("%(rule)s is no more") % {"rule": name}
    progress = then.rules.get(rule.removeprefix("fair_play.")) if then else None
    if progress is not None and progress.rule != "claim_rate":
        if progress.next is not None:
            means = _("As you stand now: %(next)s") % {"next": say(progress.next, language, {}, visit.timezone)}
            return Change(text, tighter, means, ok=False)
        return Change(text, tighter, _("As you stand now, you keep to it."))
    if rule.startswith("tier") and then is not None and then.tier:
        return Change(
            text, tighter, _("As your record is now, you would be in the tier %(tier)s.") % {"tier": then.tier}
        )
    return Change(text, tighter)


def _tier_says(visit: Visit, tier: MyTier) -> Iterable[str]:
    """What the tier brings, where the rep stands, and how to get on."""
    language = active_language()
    yield {
        "full": _("You see everything of the leads that wait."),
        "preview": _("You see a preview of the leads that wait."),
        "none": _("You get your leads without choosing."),
    }[tier.sees]
    if tier.only and tier.sees != "none":
        only = "; ".join(part.text for part in condition_in_words(tier.only, language))
        yield _("Of these: %(only)s.") % {"only": only}
    over = span(tier.over, language)
    if tier.closed:
        yield _("In the last %(span)s you closed %(closed)s, and %(rate)s of them became business.") % {
            "span": over, "closed": tier.closed, "rate": percent(tier.converted / tier.closed),
        }  # fmt: skip
    else:
        yield _("In the last %(span)s you have not closed a lead yet.") % {"span": over}
    yield _("That is counted once a day.")
    if tier.candidate:
        left = max(1, tier.confirm - tier.days)
        yield ngettext(
            "The tier %(tier)s fits you now; if it still does in %(n)s day, you are in it.",
            "The tier %(tier)s fits you now; if it still does in %(n)s days, you are in it.",
            left,
        ) % {"tier": tier.candidate, "n": left}
    if tier.next is not None:
        yield visit.tell(tier.next)


def _credit_says(earned: MyCredits) -> list[str]:
    """What the policy gives points for."""
    rules, language = earned.rules, active_language()
    if rules is None:
        return [_("The policy gives no points now.")]
    said = []
    if rules.claim:
        said.append(_("First contact on a lead you claimed: %(points)s.") % {"points": figure(rules.claim)})
    if rules.convert:
        said.append(_("A lead you converted: %(points)s.") % {"points": figure(rules.convert)})
    for weight in rules.weights:
        which = "; ".join(part.text for part in condition_in_words(weight.when, language))
        said.append(_("%(which)s: counts %(times)s times.") % {"which": which, "times": figure(weight.times)})
    return said
