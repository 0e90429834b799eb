"""What became of an act on several leads, as a page tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dibs.delivery.wording import active_language
from dibs.distribution.scene import Refused
from dibs.insight.sight import SeenLead
from dibs.web.shown import called
from dibs.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one lead, in words; ``link``: the visitor may still open it."""

    lead: UUID
    name: str
    text: str
    done: bool
    link: bool


@dataclass(frozen=True, slots=True)
class Result:
    """How it went in one sentence, then each lead, what did not go as wanted first: that is what there is to read."""

    headline: str
    told: Sequence[Told]


def told_of(visit: Visit, lead: UUID, seen: SeenLead | None, answer: Refused | str | None, *, link: bool) -> Told:
    """What became of a lead. ``answer``: in words, where it was done; "" where it was so already."""
    name = called(seen) if seen is not None else _("Lead")
    if answer is None:
        return Told(lead, name, _("There is no such lead here any more."), False, False)
    if isinstance(answer, Refused):
        return Told(lead, name, " ".join(visit.refusal(answer.refusal)), False, link)
    return Told(lead, name, answer or _("It was so already."), True, link)


def in_all(each: Sequence[Told], said: str) -> Result:
    """All of it. ``said``: in words, of those that were done, if any was."""
    done = sum(one.done for one in each)
    left = len(each) - done
    refused = ngettext("%(n)s could not be.", "%(n)s could not be.", left) % {"n": left} if left else ""
    joint = "" if active_language() == "ja" else " "
    return Result(
        joint.join(part for part in (said if done else "", refused) if part), sorted(each, key=lambda one: one.done)
    )
