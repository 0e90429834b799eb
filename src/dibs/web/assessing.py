"""Assessing a lead while one speaks with its person: the questionnaire on the lead page, with its score as one goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dibs.delivery.verdicts import verdict_in_words
from dibs.delivery.wording import active_language, titled, word
from dibs.distribution import acting, assessing
from dibs.engine.assess import Graded, UnknownAnswer
from dibs.engine.lifecycle import ENDED
from dibs.engine.policy_assess import Assessment
from dibs.engine.policy_terms import in_language
from dibs.insight.assessments import Done, Offered, done_on, offered_on
from dibs.insight.sight import SeenLead, lead_in_sight, may_know_of
from dibs.people.access import Action
from dibs.web.forms import lease
from dibs.web.shown import called, place_of
from dibs.web.visit import Visit, page

#: What the fields of answers begin with in the form.
_ANSWER = "answer."
#: Characters of a question's or an answer's name, as policies may have them.
_LONGEST = 50


@dataclass(frozen=True, slots=True)
class Led:
    """A verdict in the list of what scores lead to: from which score to which, in words, and whether this one leads there."""

    least: int
    most: int
    says: str
    here: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer as it is offered."""

    name: str
    says: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is asked."""

    name: str
    ask: str
    required: bool
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A questionnaire to fill in, and what it comes to so far."""

    template: str
    title: str
    questions: tuple[Question, ...]
    graded: Graded
    leads_to: tuple[Led, ...]
    kept_at: datetime | None


@dataclass(frozen=True, slots=True)
class Record:
    """An assessment that is done, its answers in words."""

    title: str
    done: Done
    verdict: str
    answers: tuple[tuple[str, str], ...]


def assess_part(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    """The part of the lead page: questionnaires for who has the lead, and those that are done for all who see it in full."""
    held = visit.has(seen) and seen["state"] in {"owned", "working"} and visit.caller.may(Action.WORK_LEADS)
    forms = [_form(offered) for offered in offered_on(visit.caller, seen, visit.now)] if held else []
    done = [_record(visit, each) for each in done_on(visit.caller, seen)]
    return {"forms": forms, "done": done} if forms or done else None


@require_POST
@page(Action.WORK_LEADS)
def graded(visit: Visit, lead_id: UUID, template: str) -> HttpResponse:
    """What is filled in, kept, and what it comes to by now: a piece of the page, after each answer."""
    if not may_know_of(visit.caller, lead_id, visit.now):
        raise Http404
    try:
        kept = assessing.keep_draft(visit.caller, lead_id, template, _answers(visit.request), visit.now)
    except (assessing.UnknownAssessment, UnknownAnswer):
        return visit.part("lead/graded.html", status=422, name=template, said=[_changed()])
    if kept is None:
        raise Http404
    if isinstance(kept, acting.Refused):
        return visit.part("lead/graded.html", status=409, name=template, said=visit.refusal(kept.refusal))
    book = visit.eyes.book
    assert book is not None, "what is graded is of a policy"
    questionnaire = book.policy.assessments[template]
    return visit.part(
        "lead/graded.html", name=template, graded=kept, leads_to=_led(questionnaire, kept), kept_at=visit.now
    )


@require_POST
@page(Action.WORK_LEADS)
def assess(visit: Visit, lead_id: UUID, template: str) -> HttpResponse:
    """Finish it, keep it for later, or throw away what is filled in."""
    if not may_know_of(visit.caller, lead_id, visit.now):
        raise Http404
    there = f"{reverse('lead', args=[lead_id])}#assess"
    before = lead_in_sight(visit.caller, lead_id, visit.now)
    wanted, answers = visit.request.POST.get("do", ""), _answers(visit.request)
    if wanted == "drop":
        assessing.drop_draft(visit.caller, lead_id, template)
        return redirect(there)
    try:
        if wanted != "finish":
            answer: Any = assessing.keep_draft(visit.caller, lead_id, template, answers, visit.now)
        else:
            answer = assessing.finish(
                visit.caller, lead_id, template, answers, visit.now, claim=lease(visit.request.POST)
            )
    except (assessing.UnknownAssessment, UnknownAnswer):
        visit.bad(_changed())
        return redirect(there)
    except assessing.Incomplete as incomplete:
        # What is filled in is not lost by it.
        assessing.keep_draft(visit.caller, lead_id, template, answers, visit.now)
        count = len(incomplete.missing)
        visit.bad(
            ngettext("%(n)s question must still be answered.", "%(n)s questions must still be answered.", count)
            % {"n": count}
        )
        return redirect(there)
    if answer is None:
        raise Http404
    if isinstance(answer, acting.Refused):
        visit.bad(*visit.refusal(answer.refusal))
    elif isinstance(answer, acting.Acted):
        visit.good(*_done(visit, before, answer))
    else:
        return redirect(there)
    if lead_in_sight(visit.caller, lead_id, visit.now) is None:
        return redirect("mine" if visit.caller.rep_id else "home")
    return redirect(reverse("lead", args=[lead_id]))


def _done(visit: Visit, before: SeenLead | None, answer: acting.Acted) -> list[str]:
    """What the assessment came to; of a lead that went on by it, which one that was and where it is: it may be in sight no more."""
    said = {"score": answer.lead["assessment"], "verdict": word("verdict", answer.lead["assessed"])}
    if before is None or answer.owner == visit.caller.handle or answer.state in ENDED:
        return [_("Assessed: %(score)s of 100, %(verdict)s.") % said]
    owner = visit.names.get(answer.owner or "", answer.owner)
    return [
        _("%(lead)s is assessed: %(score)s of 100, %(verdict)s.") % {**said, "lead": called(before)},
        place_of(answer.lead, owner),
    ]


def _answers(request: HttpRequest) -> dict[str, str]:
    """What the form holds, an answer for each question that has one."""
    return {
        name.removeprefix(_ANSWER)[: _LONGEST + 1]: str(value)[: _LONGEST + 1]
        for name, value in list(request.POST.items())[:200]
        if name.startswith(_ANSWER) and value
    }


def _changed() -> str:
    return _("The questionnaire has changed meanwhile, or is not for this lead any more. Load the page again.")


def _form(offered: Offered) -> Form:
    language, questionnaire = active_language(), offered.questionnaire
    questions = tuple(
        Question(
            name,
            in_language(question.ask, language),
            question.required,
            tuple(
                Choice(said, in_language(choice.says or titled(said), language), offered.answers.get(name) == said)
                for said, choice in question.answers.items()
            ),
        )
        for name, question in questionnaire.questions.items()
    )
    return Form(
        offered.template,
        in_language(questionnaire.title, language),
        questions,
        offered.graded,
        _led(questionnaire, offered.graded),
        offered.kept_at,
    )


def _led(questionnaire: Assessment, graded: Graded) -> tuple[Led, ...]:
    """What each score leads to, the highest first. Before the first answer it leads nowhere yet."""
    most, led = 100, []
    for verdict in sorted(questionnaire.verdicts, key=lambda verdict: -verdict.score):
        says = verdict_in_words(verdict, active_language())
        led.append(Led(verdict.score, most, says, graded.answered > 0 and verdict is graded.verdict))
        most = verdict.score - 1
    return tuple(led)


def _record(visit: Visit, done: Done) -> Record:
    """In the words of the policy in force, where it still has them."""
    language, book = active_language(), visit.eyes.book
    questionnaire = book.policy.assessments.get(done.template) if book is not None else None
    title = in_language(questionnaire.title, language) if questionnaire is not None else titled(done.template)
    told = []
    for name, said in done.answers.items():
        question = questionnaire.questions.get(name) if questionnaire is not None else None
        choice = question.answers.get(said) if question is not None else None
        asked = in_language(question.ask, language) if question is not None else titled(name)
        told.append((asked, in_language(choice.says, language) if choice and choice.says else titled(said)))
    return Record(title, done, word("verdict", done.verdict), tuple(told))
