"""Taking leads from pools. The busiest writes there are, so they carry nothing along: a claim's token, facts and lead are one
read in `dibs.distribution.claiming`, and the answer is put together by hand."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import CLAIM_ANSWERS, NEXT_ANSWERS
from dibs.api.idempotency import once
from dibs.api.problems import Problem, refused
from dibs.api.routes.acts import id_in
from dibs.api.tokens import Request, Token, token_in
from dibs.distribution import claiming
from dibs.insight.sight import in_full
from dibs.people.access import ACCESS, Action
from dibs.people.caller import Caller, caller_with
from dibs.people.models import ApiToken

router = Router(tags=["claims"])

_TAKE = Token(Action.TAKE_LEADS)


def claim(request: HttpRequest, lead_id: str) -> HttpResponse:
    """The lead is the caller's until ``lock_expires_at``, or for good once a contact is logged."""
    text, at = token_in(request), now()
    workspace_id = ApiToken.workspace_in(text)
    if workspace_id is None:
        raise Problem("not_authenticated", "That is no token.")
    lead, digest = id_in(lead_id), ApiToken.digest_of(text)
    if "HTTP_IDEMPOTENCY_KEY" not in request.META:
        return _told(claiming.claim_with_token(workspace_id, digest, lead, at), text, at)
    caller = _TAKE(request)
    return once(
        request, caller, at, lambda: _told(claiming.claim_with_token(workspace_id, digest, lead, at), text, at, caller)
    )


@router.post(
    "/leads/{lead_id}/claim", auth=_TAKE, response=CLAIM_ANSWERS, summary="Claim a lead", url_name="claim_lead"
)
def claim_lead(request: Request, lead_id: str) -> HttpResponse:
    """The lead is the caller's until `lock_expires_at`, or for good once a contact is logged. It comes in full, with its lease
    (`claim`). Refused with 409 if somebody has it, with 403 and the rule's code if a rule is in the way."""
    # For the OpenAPI document: `dibs.api.urls` leads past ninja straight to `claim`.
    return claim(request, lead_id)


@router.post("/pools/{name}/next", auth=_TAKE, response=NEXT_ANSWERS, summary="Claim the next lead of a pool")
def claim_next(request: Request, name: str) -> HttpResponse:
    """The first lead in the pool's own order that the caller may have. 204 if none waits."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        return _told(claiming.claim_next(caller, name, at), None, at, caller)

    return once(request, caller, at, write)


def _told(
    done: claiming.Answer | claiming.Empty, token: str | None, at: datetime, caller: Caller | None = None
) -> HttpResponse:
    match done:
        case claiming.Claimed():
            return answers.answer(answers.lead(in_full(done.lead, done.rep_handle, done.rep_name, done.account)))
        case claiming.Empty():
            return HttpResponse(status=204)
        case claiming.Refused():
            return refused(done.refusal, caller or caller_with(token or "", at), done.by)
        case claiming.Unauthorised():
            raise Problem("not_authenticated", "The token is unknown, has expired, or was revoked.")
        case claiming.Forbidden():
            caller = caller or caller_with(token or "", at)
            if caller is not None and not caller.may(Action.TAKE_LEADS):
                raise Problem(
                    "not_allowed", f"This needs one of the roles {', '.join(sorted(ACCESS[Action.TAKE_LEADS].roles))}."
                )
            raise Problem("not_a_rep")
        case None:
            raise Problem("not_found")
