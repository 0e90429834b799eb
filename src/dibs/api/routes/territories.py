"""Territories: whose the market is, and what moving a border would move."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.problems import Problem
from dibs.api.routes.policies import refused_policy
from dibs.api.shapes_of_territories import BordersIn, BordersOut, TerritoryList
from dibs.api.tokens import Request, Token
from dibs.distribution import borders, drafts, policies
from dibs.engine.policy import PolicyRefused
from dibs.insight.territories import Part, market, told
from dibs.people.access import Action

router = Router(tags=["policies"])


@router.get(
    "/territories",
    auth=Token(Action.SEE_POLICY),
    response=reads(TerritoryList),
    summary="List the territories in force",
)
def list_territories(request: Request) -> HttpResponse:
    """Those of the active policy, each before its parts, in the order in which they count. A manager's leads are those of the own
    teams."""
    caller = request.auth
    active = policies.active(caller.workspace_id)
    found = market(caller, active.book.policy, now()) if active is not None else []
    return answers.answer({"items": [_part(part) for part in found]})


@router.post(
    "/policies/borders",
    auth=Token(Action.PUBLISH_POLICY),
    response=writes({200: BordersOut}),
    summary="Show which open leads a policy's borders would move",
)
def show_borders(request: Request, body: BordersIn) -> HttpResponse:
    """Open leads that would belong to others if this policy were in force in place of the active one. Those that a person gave to their
    rep, and those that their rep claimed, stay. Nothing is written; publish with `move` to move them."""
    caller = request.auth
    try:
        if body.source is not None:
            after = drafts.draft(caller.workspace_id, body.source)
        else:
            after = drafts.version(caller.workspace_id, body.version)
    except PolicyRefused as refused:
        raise refused_policy(refused) from None
    except policies.UnknownVersion:
        raise Problem("not_found") from None
    moved = borders.would_move(caller.workspace_id, after, now())
    return answers.answer(told(moved))


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "parent": part.territory.parent,
        "team": part.owner.team if part.owner is not None else None,
        "rep": part.owner.rep if part.owner is not None else None,
        "through": part.through,
        "starts": part.territory.starts,
        "ends": part.territory.ends,
        "there": part.there,
        "leads": part.leads,
    }
