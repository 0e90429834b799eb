"""Policies: what was published, and publishing."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.shapes import Incoming, PolicyIn, PolicyOut, PolicyPage, text
from dibs.api.tokens import Request, Token, check_query
from dibs.distribution import policies
from dibs.distribution.models import PolicyVersion
from dibs.engine.policy import PolicyRefused
from dibs.insight.pages import BadCursor, Page, cursor_after, last_seen
from dibs.people.access import Action
from dibs.people.caller import Caller
from dibs.people.models import User

router = Router(tags=["policies"])

_SEE = Token(Action.SEE_POLICY)


class PolicyQuestion(Incoming):
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


@router.get("/policies", auth=_SEE, response=reads(PolicyPage), summary="List the published policies, newest first")
def list_policies(request: Request, asked: Query[PolicyQuestion]) -> HttpResponse:
    check_query(request, PolicyQuestion)
    caller = request.auth
    question = f"policies {caller.workspace_id}"
    versions = PolicyVersion.objects.filter(workspace_id=caller.workspace_id).select_related("published_by")
    if asked.cursor:
        last = versions.filter(id=last_seen(asked.cursor, question)).first()
        if last is None:
            raise BadCursor
        versions = versions.filter(number__lt=last.number)
    found = list(versions.defer("document", "source").order_by("-number")[: asked.limit + 1])
    shown = found[: asked.limit]
    return answers.page(
        Page(shown, cursor_after(shown[-1].id, question) if len(found) > asked.limit else None), _summary
    )


@router.get("/policies/{number}", auth=_SEE, response=reads(PolicyOut), summary="Read a published policy")
def read_policy(request: Request, number: str) -> HttpResponse:
    """By its number, or `active`, or `pending` for the one that is announced."""
    caller = request.auth
    versions = PolicyVersion.objects.filter(workspace_id=caller.workspace_id).select_related("published_by")
    if number == "active":
        version = versions.filter(active=True).first()
    elif number == "pending":
        version = versions.filter(pending=True).first()
    elif number.isascii() and number.isdigit() and len(number) < 10:
        version = versions.filter(number=int(number)).first()
    else:
        version = None
    if version is None:
        raise Problem("not_found")
    return answers.answer(_whole(version))


@router.post(
    "/policies",
    auth=Token(Action.PUBLISH_POLICY),
    response=writes({201: PolicyOut, 200: PolicyOut}),
    summary="Publish a policy",
)
def publish_policy(request: Request, body: PolicyIn) -> HttpResponse:
    """Checked, its own examples run, then active at once or, with `effective_from`, announced for that moment: the reps whose rules
    change are told. What was announced before is taken back. The same as the active one is no new version: 200.

    A policy that tightens rules sooner than the active one's `fair_play.notice` allows is refused as `too_sudden`; `earliest` says
    from when it may take effect.
    """
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        latest = _latest(caller)
        by = User.objects.get(id=caller.user_id)
        try:
            version = policies.publish(
                caller.workspace_id,
                body.source,
                by=by,
                note=body.note,
                effective_from=body.effective_from,
                move=body.move,
                now=at,
            )
        except PolicyRefused as refused:
            raise refused_policy(refused) from None
        return answers.answer(_whole(version), 201 if version.number > latest else 200)

    return once(request, caller, at, write)


@router.post(
    "/policies/pending/cancel",
    auth=Token(Action.PUBLISH_POLICY),
    response=writes({200: PolicyOut}),
    summary="Take back an announced policy",
)
def cancel_policy(request: Request) -> HttpResponse:
    """The one that is `pending`: it will not come into force, and those who had been told of it are told so. 404 if none is."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        version = policies.cancel_pending(caller.workspace_id, now=at)
        if version is None:
            raise Problem("not_found", "No policy is announced.")
        return answers.answer(_whole(version))

    return once(request, caller, at, write)


def _latest(caller: Caller) -> int:
    versions = PolicyVersion.objects.filter(workspace_id=caller.workspace_id)
    return versions.order_by("-number").values_list("number", flat=True).first() or 0


def refused_policy(refused: PolicyRefused) -> Problem:
    """The refusal of a policy: each problem with its place in the document, errors first."""
    errors = [
        {
            "where": [problem.path],
            "code": problem.code,
            "message": problem.message,
            "line": problem.line,
            "column": problem.column,
            "severity": problem.severity,
        }
        for problem in sorted(refused.problems, key=lambda problem: problem.severity != "error")
    ]
    first = errors[0]
    where = f"Line {first['line']}, column {first['column']}: " if first["line"] else ""
    more: dict[str, Any] = {"earliest": refused.earliest.isoformat()} if isinstance(refused, policies.TooSudden) else {}
    return Problem("policy_refused", f"{where}{first['message']}", errors=errors, **more)


def _summary(version: PolicyVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "name": version.name,
        "digest": version.digest,
        "active": version.active,
        "pending": version.pending,
        "effective_from": version.effective_from,
        "cancelled_at": version.cancelled_at,
        "moves_leads": version.moves_leads,
        "note": version.note,
        "published_at": version.published_at,
        "published_by": version.published_by.name if version.published_by else None,
    }


def _whole(version: PolicyVersion) -> dict[str, Any]:
    return {**_summary(version), "source": version.source}
