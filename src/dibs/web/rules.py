"""The fair-play rules in force, in a rep's words: where they stand, and what would make it a yes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dibs.engine.fairplay import Progress
from dibs.insight.mine import MyStanding


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, where the rep stands, what it is for, and what would make it a yes. ``share`` 0..100 fills a bar."""

    title: str
    brief: str
    stands: str
    says: str
    ok: bool
    share: int
    remedy: str = ""
    #: Whether it can stand in the way of a claim, rather than only be expected.
    stops: bool = True


def rules_of(standing: MyStanding | None) -> Iterable[Rule]:
    """The rules in force for the rep, in words."""
    for progress in standing.rules if standing else ():
        yield _IN_WORDS[progress.rule](progress)


def _share(have: int, of: int | None) -> int:
    return min(100, round(100 * have / of)) if of else (100 if have else 0)


def _hold(rule: Progress) -> Rule:
    limit = rule.at_most or 0
    left = limit - rule.have
    return Rule(
        title=_("Leads in hand"),
        brief=_("Holding"),
        stands=_("%(have)s of %(limit)s") % {"have": rule.have, "limit": limit},
        says=_("You can hold %(limit)s leads that you have not contacted yet.") % {"limit": limit},
        ok=rule.ok,
        share=_share(rule.have, limit),
        remedy=(
            ngettext("Room for one more.", "Room for %(n)s more.", left) % {"n": left}
            if rule.ok
            else _("Log a first contact on one of them, and you can claim again.")
        ),
    )


def _claim_at_least(rule: Progress) -> Rule:
    params = rule.params or {}
    least, weekly = rule.at_least or 0, params.get("per") == "week"
    left = least - rule.have
    then = _("Your manager sees how many there are.")
    wanted = (
        ngettext("At least %(n)s claim a week is expected.", "At least %(n)s claims a week are expected.", least)
        if weekly
        else ngettext("At least %(n)s claim a day is expected.", "At least %(n)s claims a day are expected.", least)
    ) % {"n": least}
    return Rule(
        title=_("Claims this week") if weekly else _("Claims today"),
        brief=_("Claimed this week") if weekly else _("Claimed today"),
        stands=_("%(have)s, at least %(need)s") % {"have": rule.have, "need": least},
        says=f"{wanted} {then}",
        ok=rule.ok,
        share=_share(rule.have, least),
        stops=False,
        remedy=_("Done.") if rule.ok else ngettext("One more to go.", "%(n)s more to go.", left) % {"n": left},
    )


def _mix(rule: Progress) -> Rule:
    params = rule.params or {}
    low_below, need = params.get("low_below"), rule.at_least or 0
    percent = round(float(params.get("share") or 0) * 100)
    owed = need - rule.have
    return Rule(
        title=_("Low-score leads"),
        brief=_("Low-score claims"),
        stands=(
            _("%(have)s, at least %(need)s") % {"have": rule.have, "need": need}
            if need
            else _("%(have)s, none needed yet") % {"have": rule.have}
        ),
        says=_(
            "Of your last %(over)s claims, at least %(percent)s%% should have a score under %(low)s, so that nobody takes only the easy ones."
        )
        % {"over": params.get("over"), "percent": percent, "low": low_below},
        ok=rule.ok,
        share=_share(rule.have, need) if need else 100,
        remedy=(
            _("Your next claim can have any score.")
            if rule.ok
            else ngettext(
                "Claim one with a score under %(low)s first.", "Claim %(n)s with a score under %(low)s first.", owed
            )
            % {"n": owed, "low": low_below}
        ),
    )


def _skip(rule: Progress) -> Rule:
    limit = rule.at_most or 0
    return Rule(
        title=_("Leads passed by"),
        brief=_("Skips"),
        stands=_("%(have)s of %(limit)s") % {"have": rule.have, "limit": limit},
        says=_("Between two claims you can look at %(limit)s leads and leave them.") % {"limit": limit},
        ok=rule.ok,
        share=_share(rule.have, limit),
        remedy=_("Each claim starts the count anew.") if rule.ok else _("Claim one, and the count starts anew."),
    )


_IN_WORDS = {"hold_at_most": _hold, "claim_at_least": _claim_at_least, "mix": _mix, "skip_at_most": _skip}
