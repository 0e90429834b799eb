"""A lead's score: the standard questions that count for it, how it came to be, and what takes a lead away from sales or brings it back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import ACT_ANSWERS, reads
from dibs.api.problems import Problem
from dibs.api.routes.acts import act_on, id_in
from dibs.api.shapes import WhyIn
from dibs.api.shapes_of_scores import NurtureIn, QuestionsOut, RepliesIn, ScoresOut
from dibs.api.tokens import Request, Token
from dibs.distribution import acting, answering
from dibs.insight.questions import asked_of
from dibs.insight.scores import scores_of
from dibs.insight.sight import SeenLead, lead_in_sight
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["leads"])

_SEE = Token(Action.SEE_LEADS)
_WORK = Token(Action.WORK_LEADS)


@router.get("/leads/{lead_id}/questions", auth=_SEE, response=reads(QuestionsOut), summary="The standard questions")
def list_questions(request: Request, lead_id: str) -> HttpResponse:
    """Those that the policy asks of this lead, with what is answered. Of a lead that has ended, or is seen masked, there are none."""
    caller = request.auth
    seen, at = _seen(caller, lead_id)
    items = [
        {"name": one.name, "ask": one.ask, "answers": [asdict(offer) for offer in one.offers], "answer": one.answer}
        for one in asked_of(caller, seen, at)
    ]
    return answers.answer({"items": items})


@router.put("/leads/{lead_id}/answers", auth=_WORK, response=ACT_ANSWERS, summary="Answer standard questions")
def answer_questions(request: Request, lead_id: str, body: RepliesIn) -> HttpResponse:
    """For who has the lead, helps with it or leads where it is. The lead is scored anew at once, and goes where that makes it another's:
    one that marketing has and that is ready by now goes on to sales."""

    def does(caller: Caller, lead: UUID, at: datetime) -> acting.Answer:
        try:
            return answering.answer(caller, lead, body.answers, at)
        except answering.UnknownAnswer as unknown:
            said = f"There is no question {unknown.question} for this lead."
            if unknown.given is not None:
                said = f"The question {unknown.question} has no answer {unknown.given}."
            raise Problem("unknown_answer", said, question=unknown.question, answer=unknown.given) from None

    return act_on(request, lead_id, does)


@router.get("/leads/{lead_id}/scores", auth=_SEE, response=reads(ScoresOut), summary="How a lead's score came to be")
def list_scores(request: Request, lead_id: str) -> HttpResponse:
    """Each time that it changed, and what it is made of since then."""
    caller = request.auth
    seen, _ = _seen(caller, lead_id)
    return answers.answer({"items": [asdict(scored) for scored in scores_of(caller, seen)]})


@router.post(
    "/leads/{lead_id}/nurture", auth=_WORK, response=ACT_ANSWERS, summary="Take a lead away from sales for now"
)
def nurture(request: Request, lead_id: str, body: NurtureIn | None = None) -> HttpResponse:
    """For the rep who has it, and who leads where it is. It gets the mails of a sequence, and comes back when it is ready."""
    said = body or NurtureIn()

    def does(caller: Caller, lead: UUID, at: datetime) -> acting.Answer:
        try:
            return acting.nurture(caller, lead, at, said.sequence, why=said.why)
        except LookupError:
            raise Problem("unknown_sequence", f"The policy has no sequence {said.sequence}.") from None

    return act_on(request, lead_id, does)


@router.post("/leads/{lead_id}/reopen", auth=_WORK, response=ACT_ANSWERS, summary="Reopen a lead that was given up")
def reopen(request: Request, lead_id: str, body: WhyIn | None = None) -> HttpResponse:
    """For who had it last, and who leads where it was. It is placed as if it had just come."""
    said = body or WhyIn()
    return act_on(request, lead_id, lambda caller, lead, at: acting.reopen(caller, lead, at, why=said.why))


def _seen(caller: Caller, lead_id: str) -> tuple[SeenLead, datetime]:
    at = now()
    seen = lead_in_sight(caller, id_in(lead_id), at)
    if seen is None:
        raise Problem("not_found")
    return seen, at
