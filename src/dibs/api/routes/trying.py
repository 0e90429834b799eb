"""Trying policies: a lead through any of them, and past leads through two. Nothing here changes a lead."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.routes.acts import id_in
from dibs.api.routes.policies import refused_policy
from dibs.api.shapes import Incoming, text
from dibs.api.shapes_of_trying import (
    ChangedPage,
    CompareIn,
    ComparisonOut,
    ComparisonPage,
    DryRunIn,
    DryRunOut,
)
from dibs.api.tokens import Request, Token, check_query
from dibs.distribution import comparing, drafts, policies
from dibs.distribution.models import Comparison
from dibs.distribution.rulebooks import Active
from dibs.engine.policy import PolicyRefused
from dibs.insight import what_if
from dibs.insight.dry_run import try_arrival, try_lead
from dibs.insight.dry_run_told import named, shown
from dibs.intake.cleaning import Wrong
from dibs.intake.trying import as_arrival
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["policies"])

_TRY = Token(Action.TRY_POLICY)
#: How far from now a lead can be tried.
_A_YEAR = timedelta(days=366)


@router.post(
    "/policies/dry-run", auth=_TRY, response=writes({200: DryRunOut}), summary="Try a lead on a policy, every step told"
)
def dry_run(request: Request, body: DryRunIn) -> HttpResponse:
    """Typed in or real, through the policy in force, any version, or a text that nobody has published. Every rule is told in its order:
    matched, not matched and by which facts, or not reached and what it would have done; who is chosen and who is passed over, and why.

    Nothing is written. The reps, turns and accounts are those of this moment. A manager tries leads that are typed in and those of the
    own teams.
    """
    caller = request.auth
    if (body.lead is None) == (body.lead_id is None):
        raise Problem("invalid", "lead: Give either lead or lead_id.")
    at = body.at or now()
    if abs(at - now()) > _A_YEAR:
        raise Problem("invalid", "at: It must be within a year.")
    active = _policy(caller, body.version, body.source)
    if body.lead is not None:
        try:
            arrival = as_arrival(caller.workspace_id, json.loads(request.body)["lead"], now=at)
        except Wrong as wrong:
            where = ["lead", wrong.field] if wrong.field else ["lead"]
            raise Problem("invalid", errors=[{"where": where, "code": wrong.code, "message": wrong.message}]) from None
        found = try_arrival(caller, active, arrival, at)
    else:
        assert body.lead_id is not None
        real = try_lead(caller, active, body.lead_id, at)
        if real is None:
            raise Problem("not_found")
        found = real
    return answers.answer(shown(found, caller, caller.timezone))


@router.post(
    "/policies/compare",
    auth=_TRY,
    response=writes({201: ComparisonOut, 202: ComparisonOut}),
    summary="Put past leads through a policy",
)
def compare(request: Request, body: CompareIn) -> HttpResponse:
    """The leads of a span of time through the policy in force and through another: who would have got more, who less, and which leads
    would have gone elsewhere. 201: done; 202: a worker does it, see `GET /policies/comparisons/{comparison_id}`.

    The reps are those of now, beginning at nothing, with their working hours and time off; where a lead went first is compared, not what
    reps would have made of it. At most 250,000 leads and 400 days.
    """
    caller = request.auth
    at = now()
    if (body.version is None) == (body.source is None):
        raise Problem("invalid", "version: Give either version or source.")

    def write() -> HttpResponse:
        after = _policy(caller, body.version, body.source)
        try:
            comparison = comparing.begin(
                caller.workspace_id,
                after,
                body.since,
                body.until or at,
                draft=body.source or "",
                by=caller.user_id,
            )
        except comparing.Unfit:
            raise Problem("invalid", "since: It must be before until, by 400 days at most.") from None
        except comparing.TooManyLeads:
            raise Problem("too_many_leads", f"More than {comparing.MOST:,} leads came in: take less time.") from None
        except drafts.NothingToTry:
            raise Problem("unknown_version", "No policy is in force.") from None
        if comparison.total > comparing.AT_ONCE:
            comparing.leave_to_job(comparison)
            return answers.answer(_whole(caller, comparison, at), 202)
        return answers.answer(_whole(caller, comparing.go_through(comparison), at), 201)

    return once(request, caller, at, write)


@router.get(
    "/policies/comparisons",
    auth=_TRY,
    response=reads(ComparisonPage),
    summary="List the latest comparisons of policies",
)
def list_comparisons(request: Request) -> HttpResponse:
    """The latest 20, newest first. They are kept for 30 days."""
    caller = request.auth
    items = [{**_summary(found), "result": None} for found in what_if.comparisons(caller)]
    return answers.answer({"items": items, "next": None})


@router.get(
    "/policies/comparisons/{comparison_id}",
    auth=_TRY,
    response=reads(ComparisonOut),
    summary="Read what a policy would have done with past leads",
)
def read_comparison(request: Request, comparison_id: str) -> HttpResponse:
    """How far it is, and what came of it. A manager reads the own teams' reps and queues; what went to others is one number."""
    caller = request.auth
    return answers.answer(_whole(caller, _comparison(caller, comparison_id), now()))


class ChangedQuestion(Incoming):
    what: Literal["elsewhere", "other_rep"] | None = None
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    format: Literal["json", "csv"] = Field("json", description="csv: all that differ, in one file.")


@router.get(
    "/policies/comparisons/{comparison_id}/leads",
    auth=_TRY,
    response=reads(ChangedPage),
    summary="List the leads that would have gone elsewhere",
    openapi_extra={"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
def list_changed(request: Request, comparison_id: str, asked: Query[ChangedQuestion]) -> HttpResponse:
    """In the order they came in; those that the caller leads."""
    check_query(request, ChangedQuestion)
    caller = request.auth
    comparison = _comparison(caller, comparison_id)
    if asked.format == "csv":
        try:
            file = what_if.as_csv(caller, comparison, now())
        except what_if.TooManyLines:
            raise Problem("too_many_leads", f"More than {what_if.MOST_LINES:,} leads differ: take less time.") from None
        return HttpResponse(file, content_type="text/csv; charset=utf-8")
    found = what_if.changed_page(caller, comparison, what=asked.what, cursor=asked.cursor, limit=asked.limit, now=now())
    return answers.page(
        found,
        lambda changed: {"lead": named(changed.lead), "before": changed.before, "after": changed.after},
    )


def _policy(caller: Caller, number: int | None, source: str | None) -> Active:
    """The policy to try. Raises `Problem`."""
    if number is not None and source is not None:
        raise Problem("invalid", "version: Give either version or source.")
    try:
        if source is not None:
            return drafts.draft(caller.workspace_id, source)
        return drafts.version(caller.workspace_id, number)
    except PolicyRefused as refused:
        raise refused_policy(refused) from None
    except policies.UnknownVersion as unknown:
        raise Problem("unknown_version", f"There is no version {unknown.number}.") from None
    except drafts.NothingToTry:
        raise Problem("unknown_version", "No policy is in force.") from None


def _comparison(caller: Caller, comparison_id: str) -> Comparison:
    found = what_if.comparison_of(caller, id_in(comparison_id))
    if found is None:
        raise Problem("not_found")
    return found


_FIELDS = (
    "id", "before", "after", "name", "since", "until", "state", "total", "passed", "changed", "problem", "created_at", "finished_at",
)  # fmt: skip
_COUNTS = ("reps", "teams", "pools", "reviews", "states", "rules")


def _summary(found: Comparison) -> dict[str, Any]:
    return {**{name: getattr(found, name) for name in _FIELDS}, "by": found.by.name if found.by else None}


def _whole(caller: Caller, found: Comparison, at: datetime) -> dict[str, Any]:
    told = what_if.outcome_of(caller, found, at)
    result = None
    if told is not None:
        result = {name: getattr(told, name) for name in ("leads", "elsewhere", "other_rep", "rescored")}
        for kind in _COUNTS:
            result[kind] = [
                {name: getattr(count, name) for name in ("name", "label", "before", "after")}
                for count in getattr(told, kind)
            ]
    return {**_summary(found), "result": result}
