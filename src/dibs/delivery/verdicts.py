"""What an assessment leads to, in the reader's words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import override

from dibs.delivery.wording import language_of, span, titled, word
from dibs.engine.policy_assess import Verdict
from dibs.engine.policy_ways import Way


def verdict_in_words(verdict: Verdict, language: str) -> str:
    """What comes of a lead with this verdict, as one would say it to a colleague, without a full stop."""
    with override(language_of(language)):
        if verdict.follow_up is not None:
            return _("Keep it, and look at it again in %(span)s") % {"span": span(verdict.follow_up, language)}
        if verdict.retire is not None:
            return _("Give it up: %(why)s") % {"why": word("why", verdict.retire)}
        if verdict.hand_over is True:
            return _("Hand it over, as the rules say for such leads")
        if verdict.hand_over is not None:
            return _way(verdict.hand_over)
        return _("Go on with it")


def _way(way: Way) -> str:
    if way.team is not None:
        return _("Hand it to the team %(team)s") % {"team": titled(way.team)}
    if way.pool is not None:
        return _("Send it to the pool %(pool)s") % {"pool": titled(way.pool)}
    if way.retire is not None:
        return _("Give it up: %(why)s") % {"why": word("why", way.retire)}
    if way.nurture is not None:
        return _("Let it rest: it is not ready for sales")
    if way.review == "managers":
        return _("Put it before the managers")
    return _("Put it before the managers of %(queue)s") % {"queue": titled(way.review or "")}
