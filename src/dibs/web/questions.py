"""The standard questions on the lead page, what answers would come to, and how the lead's score came to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dibs.delivery.wording import Part, points_in_words
from dibs.distribution import acting
from dibs.distribution.answering import UnknownAnswer, answer
from dibs.insight import scores
from dibs.insight.questions import asked_of, would_come_to
from dibs.insight.sight import SeenLead, lead_in_sight
from dibs.people.access import Action
from dibs.web.drawing import stairs
from dibs.web.forms import Unfit
from dibs.web.visit import Visit, page

#: What the fields of answers begin with in the form.
_ANSWER = "answer."
#: Characters of a question's or an answer's name, as policies may have them.
_LONGEST = 50
#: Changes of a score that the page lists, the latest first; the picture shows all.
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Change:
    """A score from a moment on, and why it is another: points that came and points that went, in words."""

    at: datetime
    score: int
    rank: str
    gained: tuple[tuple[list[Part], int], ...]
    lost: tuple[tuple[list[Part], int], ...]


def questions_part(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    """The part of the lead page: what is asked, for who has the lead, helps with it or leads where it is; answers, for who sees it."""
    asked = asked_of(visit.caller, seen, visit.now)
    helps = seen["id"] in visit.eyes.helps
    may = visit.caller.may(Action.WORK_LEADS) and (visit.has(seen) or helps or visit.may_assign(seen))
    return {"asked": asked, "may_answer": may} if asked else None


def score_part(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    """The part of the lead page: the score as it went."""
    found = scores.scores_of(visit.caller, seen)
    if not found:
        return None
    language, questions = visit.caller.language, visit.questions
    changes = [
        Change(
            each.at,
            each.score,
            each.rank,
            tuple((points_in_words(vars_of(part), language, questions), part.add) for part in each.gained),
            tuple((points_in_words(vars_of(part), language, questions), -part.add) for part in each.lost),
        )
        for each in reversed(found)
    ]
    ranks = visit.eyes.book.policy.qualify.rank if visit.eyes.book else None
    line = stairs([(each.at, each.score) for each in found], seen.get("ended_at") or visit.now)
    return {
        "line": line,
        "ranks": ranks,
        "changes": changes[:_LISTED],
        "more": len(changes) - _LISTED,
        "side": seen.get("side"),
    }


def vars_of(part: scores.Part) -> dict[str, Any]:
    """A part of a score as reasons hold it."""
    return {"when": part.when, "question": part.question, "answer": part.answer}


@require_POST
@page(Action.WORK_LEADS)
def would_be(visit: Visit, lead_id: UUID) -> HttpResponse:
    """What the answers in the form would come to: a piece of the page. Nothing is written."""
    seen = lead_in_sight(visit.caller, lead_id, visit.now)
    if seen is None:
        raise Http404
    would = would_come_to(visit.caller, seen, given(visit.request.POST), visit.now)
    return visit.part("lead/would.html", would=would)


def answered(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    """Write down what is filled in."""
    try:
        return answer(visit.caller, lead, given(form), visit.now)
    except UnknownAnswer:
        raise Unfit(_("The questions have changed meanwhile. Look at them again.")) from None


def given(form: Mapping[str, str]) -> dict[str, str | None]:
    """The answers in a form, by the question's name; what is left open takes an answer back."""
    found: dict[str, str | None] = {}
    for name, value in form.items():
        question = name.removeprefix(_ANSWER)
        if (
            name.startswith(_ANSWER)
            and 0 < len(question) <= _LONGEST
            and len(value) <= _LONGEST
            and len(found) < _LONGEST
        ):
            found[question] = value or None
    return found
