"""The fair-play rules in force, in a rep's words: where they stand, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timezone import now as moment
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dibs.delivery.wording import active_language, percent, say, span
from dibs.engine.fairplay import Progress
from dibs.insight.mine import MyStanding
from dibs.web.shown import clock


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, where the rep stands, what it is for, and what comes next. ``share`` 0..100 fills a bar; ``until``: when a
    wait is over.
    """

    title: str
    brief: str
    stands: str
    says: str
    ok: bool
    share: int
    #: What comes next, or what would make it a yes.
    remedy: str = ""
    until: datetime | None = None
    #: Whether it can stand in the way of something, rather than only be expected.
    stops: bool = True
    #: Its name in the policy, under ``fair_play``.
    name: str = ""

    @property
    def blocks_any_claim(self) -> bool:
        """Whether no lead at all can be claimed now, whichever it is."""
        return not self.ok and self.name in {"hold_at_most", "claim_rate"}


def rules_of(standing: MyStanding | None, timezone: str) -> Iterable[Rule]:
    """The rules in force for the rep, in words; moments in ``timezone``."""
    for progress in standing.rules if standing else ():
        yield _IN_WORDS[progress.rule](progress, _next(progress, timezone))


def _next(rule: Progress, timezone: str) -> str:
    """What would make the rule ok, as the engine has it."""
    return say(rule.next, active_language(), {}, timezone) if rule.next is not None else ""


def _share(have: int, of: int | None) -> int:
    return min(100, round(100 * have / of)) if of else (100 if have else 0)


def _hold(rule: Progress, remedy: str) -> Rule:
    limit = rule.at_most or 0
    left = limit - rule.have
    return Rule(
        name=rule.rule,
        title=_("Leads in hand"),
        brief=_("Holding"),
        stands=_("%(have)s of %(limit)s") % {"have": rule.have, "limit": limit},
        says=ngettext(
            "You can hold %(limit)s lead that you have not contacted yet.",
            "You can hold %(limit)s leads that you have not contacted yet.",
            limit,
        )
        % {"limit": limit},
        ok=rule.ok,
        share=_share(rule.have, limit),
        remedy=remedy or ngettext("Room for one more.", "Room for %(n)s more.", left) % {"n": left},
    )


def _claim_rate(rule: Progress, remedy: str) -> Rule:
    limit = rule.at_most or 0
    left = limit - rule.have
    within = span(timedelta(seconds=int((rule.params or {}).get("per") or 0)), active_language())
    return Rule(
        name=rule.rule,
        title=_("Claims in %(span)s") % {"span": within},
        brief=_("In %(span)s") % {"span": within},
        stands=_("%(have)s of %(limit)s") % {"have": rule.have, "limit": limit},
        says=ngettext(
            "You can claim %(limit)s lead within %(span)s, so that there is time for each.",
            "You can claim %(limit)s leads within %(span)s, so that there is time for each.",
            limit,
        )
        % {"limit": limit, "span": within},
        ok=rule.ok,
        share=_share(rule.have, limit),
        remedy=remedy or ngettext("Room for one more.", "Room for %(n)s more.", left) % {"n": left},
        until=_moment(rule.next.params.get("at")) if rule.next is not None else None,
    )


def _claim_at_least(rule: Progress, remedy: str) -> Rule:
    params = rule.params or {}
    least, weekly, filled = rule.at_least or 0, params.get("per") == "week", params.get("then") == "auto_assign"
    at = _moment(params.get("at"))
    if not least:
        wanted = _("Nothing is expected of you this week.") if weekly else _("Nothing is expected of you today.")
    elif weekly:
        wanted = ngettext(
            "At least %(n)s claim a week is expected.", "At least %(n)s claims a week are expected.", least
        )
    else:
        wanted = ngettext("At least %(n)s claim a day is expected.", "At least %(n)s claims a day are expected.", least)
    then = ""
    if least and filled and at and at > moment():
        then = _("What is missing at %(time)s is given to you, the oldest waiting first.") % {"time": clock(at)}
    elif least and filled:
        then = _("What is missing towards the end is given to you, the oldest waiting first.")
    elif least:
        then = _("Your manager sees how many there are.")
    joint = "" if active_language() == "ja" else " "
    return Rule(
        name=rule.rule,
        title=_("Claims this week") if weekly else _("Claims today"),
        brief=_("Claimed this week") if weekly else _("Claimed today"),
        stands=_("%(have)s, at least %(need)s") % {"have": rule.have, "need": least},
        says=joint.join(part for part in (wanted % {"n": least} if least else wanted, then) if part),
        ok=rule.ok,
        share=_share(rule.have, least) if least else 100,
        stops=False,
        remedy=remedy or _("Done."),
    )


def _mix(rule: Progress, remedy: str) -> Rule:
    params = rule.params or {}
    low_below, need = params.get("low_below"), rule.at_least or 0
    if "per_high" in params:
        each = int(params.get("per_high") or 0)
        says = ngettext(
            "After a claim with a score of %(low)s or more, claim %(n)s under %(low)s before the next one that high, so that nobody takes only the easy ones.",
            "After a claim with a score of %(low)s or more, claim %(n)s under %(low)s before the next one that high, so that nobody takes only the easy ones.",
            each,
        ) % {"low": low_below, "n": each}
    else:
        says = _(
            "Of your last %(over)s claims, at least %(percent)s should have a score under %(low)s, so that nobody takes only the easy ones."
        ) % {"over": params.get("over"), "percent": percent(float(params.get("share") or 0)), "low": low_below}
    return Rule(
        name=rule.rule,
        title=_("Low-score leads"),
        brief=_("Low-score claims"),
        stands=(
            _("%(have)s, at least %(need)s") % {"have": rule.have, "need": need}
            if need
            else _("%(have)s, none needed yet") % {"have": rule.have}
        ),
        says=says,
        ok=rule.ok,
        share=_share(rule.have, need) if need else 100,
        remedy=remedy or _("Your next claim can have any score."),
    )


def _skip(rule: Progress, remedy: str) -> Rule:
    limit = rule.at_most or 0
    left = limit - rule.have
    return Rule(
        name=rule.rule,
        title=_("Leads passed by"),
        brief=_("Skips"),
        stands=_("%(have)s of %(limit)s") % {"have": rule.have, "limit": limit},
        says=ngettext(
            "Between two claims you can look at %(limit)s lead and leave it.",
            "Between two claims you can look at %(limit)s leads and leave them.",
            limit,
        )
        % {"limit": limit},
        ok=rule.ok,
        share=_share(rule.have, limit),
        remedy=remedy
        or ngettext(
            "%(n)s left. A claim that you contact starts the count anew.",
            "%(n)s left. A claim that you contact starts the count anew.",
            left,
        )
        % {"n": left},
    )


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


_IN_WORDS: Mapping[str, Callable[[Progress, str], Rule]] = {
    "hold_at_most": _hold,
    "claim_rate": _claim_rate,
    "claim_at_least": _claim_at_least,
    "mix": _mix,
    "skip_at_most": _skip,
}
