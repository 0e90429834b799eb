"""Models that predict how likely leads are to convert: learnt by a worker, compared with the points, switched on and off."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.shapes_of_scoring import LearnIn, ScoreModelOut, ScoreModelPage
from dibs.api.tokens import Request, Token
from dibs.distribution import predictions
from dibs.insight import scoring
from dibs.people.access import Action

router = Router(tags=["scoring"])

_SEE = Token(Action.SEE_SCORING)
_TRAIN = Token(Action.TRAIN_SCORING)
#: No number is larger.
_MOST = 2**31


@router.get("/score-models", auth=_SEE, response=reads(ScoreModelPage), summary="List the models that were learnt")
def list_score_models(request: Request) -> HttpResponse:
    """The newest first, at most 50 and the one that is switched on. `measures` are read with each."""
    caller = request.auth
    items = [scoring.as_plain(found, whole=False) for found in scoring.models(caller)]
    return answers.answer({"items": items, "next": None})


@router.post(
    "/score-models", auth=_TRAIN, response=writes({202: ScoreModelOut}), summary="Learn a model from how leads ended"
)
def learn_score_model(request: Request, body: LearnIn) -> HttpResponse:
    """A worker does it, from the latest 100,000 leads that were converted or retired; see `GET /score-models/{number}`. While one is
    being learnt, that one is the answer. Nothing is switched on by it.
    """
    caller = request.auth

    def write() -> HttpResponse:
        asked = predictions.ask(caller.workspace_id, caller.user_id, now(), body.without)
        return answers.answer(scoring.as_plain(asked), 202)

    return once(request, caller, now(), write)


@router.get("/score-models/{number}", auth=_SEE, response=reads(ScoreModelOut), summary="Read what a model is worth")
def read_score_model(request: Request, number: str) -> HttpResponse:
    """How far it is; learnt, what it is worth on the later leads beside the points, and which facts it looks at."""
    caller = request.auth
    found = scoring.model_of(caller, _number(number))
    if found is None:
        raise Problem("not_found")
    return answers.answer(scoring.as_plain(found))


@router.post(
    "/score-models/{number}/on", auth=_TRAIN, response=writes({200: ScoreModelOut}), summary="Switch a model on"
)
def switch_score_model_on(request: Request, number: str) -> HttpResponse:
    """It says of every lead from now how likely it is to convert, in place of the model that did; open leads are looked at again by a
    worker. The score is what it says where the policy has `qualify.by: prediction`."""
    return _switch(request, number, on=True)


@router.post(
    "/score-models/{number}/off", auth=_TRAIN, response=writes({200: ScoreModelOut}), summary="Switch a model off"
)
def switch_score_model_off(request: Request, number: str) -> HttpResponse:
    """No model says anything from now, and points count; open leads are looked at again by a worker."""
    return _switch(request, number, on=False)


def _switch(request: Request, number: str, *, on: bool) -> HttpResponse:
    caller = request.auth
    wanted = _number(number)

    def write() -> HttpResponse:
        switch = predictions.switch_on if on else predictions.switch_off
        try:
            switch(caller.workspace_id, wanted, caller.name, now())
        except predictions.UnknownModel:
            raise Problem("not_found") from None
        except predictions.NotReady:
            raise Problem("not_learnt", f"Model {wanted} is not learnt.") from None
        found = scoring.model_of(caller, wanted)
        assert found is not None
        return answers.answer(scoring.as_plain(found))

    return once(request, caller, now(), write)


def _number(text: str) -> int:
    """The number in an address. Raises `Problem`."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) >= _MOST:
        raise Problem("not_found")
    return int(text)
