"""Questionnaires that reps fill in with leads: those that are for a lead, drafts of them, and those that are done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import ACT_ANSWERS, reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem, refused
from dibs.api.routes.acts import act_on, id_in
from dibs.api.shapes import Problem as ProblemShape
from dibs.api.shapes_of_assessments import AnswersIn, AssessIn, AssessmentsOut, GradedOut
from dibs.api.tokens import Request, Token
from dibs.delivery.verdicts import verdict_in_words
from dibs.distribution import acting, assessing
from dibs.engine.assess import Graded, UnknownAnswer, grade, leads_to
from dibs.engine.policy_terms import in_language
from dibs.insight.assessments import Done, Offered, done_on, offered_on
from dibs.insight.sight import SeenLead, lead_in_sight
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["assessments"])

T = TypeVar("T")

_WORK = Token(Action.WORK_LEADS)
_KEPT = writes({200: GradedOut}) | {409: ProblemShape}


@router.get(
    "/leads/{lead_id}/assessments",
    auth=Token(Action.SEE_LEADS),
    response=reads(AssessmentsOut),
    summary="The assessments of a lead",
)
def list_assessments(request: Request, lead_id: str) -> HttpResponse:
    """Questionnaires are offered of a lead that somebody works on, with what the caller has filled in. Of a lead that the caller sees
    masked there is nothing."""
    caller = request.auth
    seen, at = _seen(caller, lead_id)
    return answers.answer(
        {
            "offered": [_offered(each, caller.language) for each in offered_on(caller, seen, at)],
            "done": [_done(each) for each in done_on(caller, seen)],
        }
    )


@router.post(
    "/leads/{lead_id}/assessments/{template}/preview",
    auth=_WORK,
    response=reads(GradedOut),
    summary="What answers would come to",
)
def preview_assessment(request: Request, lead_id: str, template: str, body: AnswersIn) -> HttpResponse:
    """Nothing is written."""
    caller = request.auth
    seen, at = _seen(caller, lead_id)
    found = next((each for each in offered_on(caller, seen, at) if each.template == template), None)
    if found is None:
        raise Problem("unknown_assessment")
    try:
        return answers.answer(_graded(grade(found.questionnaire, body.answers)))
    except UnknownAnswer as unknown:
        raise _unknown(unknown) from None


@router.put(
    "/leads/{lead_id}/assessments/{template}", auth=_WORK, response=_KEPT, summary="Keep what is filled in so far"
)
def keep_assessment(request: Request, lead_id: str, template: str, body: AnswersIn) -> HttpResponse:
    """For the rep who has the lead: a draft of their own, in place of what was kept before. It decides nothing yet."""
    caller = request.auth
    lead, at = id_in(lead_id), now()

    def write() -> HttpResponse:
        _seen(caller, lead_id)
        kept = _told(lambda: assessing.keep_draft(caller, lead, template, body.answers, at))
        if kept is None:
            raise Problem("not_found")
        return refused(kept.refusal, caller) if isinstance(kept, acting.Refused) else answers.answer(_graded(kept))

    return once(request, caller, at, write)


@router.delete(
    "/leads/{lead_id}/assessments/{template}",
    auth=_WORK,
    response=writes({204: None}),
    summary="Throw a draft away",
)
def drop_assessment(request: Request, lead_id: str, template: str) -> HttpResponse:
    """The caller's own draft; an assessment that is on record stays."""
    caller = request.auth
    lead, at = id_in(lead_id), now()

    def write() -> HttpResponse:
        if not assessing.drop_draft(caller, lead, template):
            raise Problem("not_found")
        return HttpResponse(status=204)

    return once(request, caller, at, write)


@router.post("/leads/{lead_id}/assess", auth=_WORK, response=ACT_ANSWERS, summary="Assess a lead")
def assess(request: Request, lead_id: str, body: AssessIn) -> HttpResponse:
    """For the rep who has the lead. It counts as a contact, the lead is scored anew, and goes where the verdict leads: it stays with the
    rep, with a time to look at it again or without, is handed over, or given up. All of it or, where something is missing, nothing."""

    def does(caller: Caller, lead: UUID, at: datetime) -> acting.Answer:
        return _told(lambda: assessing.finish(caller, lead, body.template, body.answers, at, claim=body.claim))

    return act_on(request, lead_id, does)


def _told(does: Callable[[], T]) -> T:
    """Do it, and tell what is wrong with what is filled in as problems."""
    try:
        return does()
    except assessing.UnknownAssessment:
        raise Problem("unknown_assessment") from None
    except UnknownAnswer as unknown:
        raise _unknown(unknown) from None
    except assessing.Incomplete as incomplete:
        missing = list(incomplete.missing)
        raise Problem("answers_missing", f"Not answered: {', '.join(missing)}.", missing=missing) from None


def _unknown(unknown: UnknownAnswer) -> Problem:
    if unknown.answer is None:
        return Problem("unknown_answer", f"There is no question {unknown.question}.", question=unknown.question)
    detail = f"The question {unknown.question} has no answer {unknown.answer}."
    return Problem("unknown_answer", detail, question=unknown.question, answer=unknown.answer)


def _seen(caller: Caller, lead_id: str) -> tuple[SeenLead, datetime]:
    at = now()
    seen = lead_in_sight(caller, id_in(lead_id), at)
    if seen is None:
        raise Problem("not_found")
    return seen, at


def _graded(graded: Graded) -> dict[str, Any]:
    return {
        "score": graded.score,
        "at_most": graded.at_most,
        "verdict": graded.leads_to,
        "missing": list(graded.missing),
    }


def _offered(found: Offered, language: str) -> dict[str, Any]:
    questionnaire = found.questionnaire
    return {
        "template": found.template,
        "title": in_language(questionnaire.title, language),
        "questions": [
            {
                "name": name,
                "ask": in_language(question.ask, language),
                "weight": question.weight,
                "required": question.required,
                "answers": [
                    {"name": said, "says": in_language(choice.says or said, language), "value": choice.value}
                    for said, choice in question.answers.items()
                ],
            }
            for name, question in questionnaire.questions.items()
        ],
        "verdicts": [
            {"score": verdict.score, "verdict": leads_to(verdict), "says": verdict_in_words(verdict, language)}
            for verdict in sorted(questionnaire.verdicts, key=lambda verdict: -verdict.score)
        ],
        "answers": dict(found.answers),
        "kept_at": found.kept_at,
        "graded": _graded(found.graded),
    }


def _done(done: Done) -> dict[str, Any]:
    return {
        "id": done.id,
        "template": done.template,
        "at": done.at,
        "by": done.by,
        "score": done.score,
        "verdict": done.verdict,
        "answers": dict(done.answers),
        "policy_version": done.policy_version,
    }
