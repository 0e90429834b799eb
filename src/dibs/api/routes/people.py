"""Who is calling, and who there is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import reads
from dibs.api.shapes import Me, Reps
from dibs.api.tokens import Token
from dibs.engine.fairplay import Progress
from dibs.insight.crew import RepCard, reps_in_sight
from dibs.insight.mine import MyStanding, my_standing
from dibs.insight.pages import Page
from dibs.insight.story import told
from dibs.people.access import Action
from dibs.people.caller import Caller

router = Router(tags=["people"])

_COUNTERS = (
    "holding",
    "open_leads",
    "claims_today",
    "claims_this_week",
    "assigned_today",
    "skips",
    "lapses",
    "last_claim_at",
)


@router.get("/me", auth=Token(Action.SEE_SELF), response=reads(Me), summary="Who is calling, and where they stand")
def me(request: HttpRequest) -> HttpResponse:
    """For a rep also each fair-play rule in force and where the rep stands with it."""
    caller: Caller = request.auth  # type: ignore[attr-defined]
    standing = my_standing(caller, now())
    return answers.answer(
        {
            "user": caller.user_id,
            "name": caller.name,
            "role": caller.role,
            "rep": caller.handle,
            "teams": caller.teams,
            "manages": caller.manages,
            "scopes": caller.scopes,
            "language": caller.language,
            "standing": _standing(standing, caller) if standing else None,
        }
    )


@router.get("/reps", auth=Token(Action.SEE_REPS), response=reads(Reps), summary="List the reps")
def list_reps(request: HttpRequest) -> HttpResponse:
    """Who there is, for everybody; how much they have, for who leads them."""
    caller: Caller = request.auth  # type: ignore[attr-defined]
    return answers.page(Page(reps_in_sight(caller, now())), _rep)


def _rep(card: RepCard) -> dict[str, Any]:
    """A rep is known by handle, in the API as in the policy."""
    return {name: value for name, value in asdict(card).items() if name != "id"}


def _standing(standing: MyStanding, caller: Caller) -> dict[str, Any]:
    return {
        "today": standing.today,
        "policy": standing.policy,
        "policy_version": standing.policy_version,
        "counters": {name: getattr(standing.counters, name) for name in _COUNTERS},
        "rules": [asdict(rule) | {"next": _next(rule, caller)} for rule in standing.rules],
    }


def _next(rule: Progress, caller: Caller) -> dict[str, Any] | None:
    """What would make it so that the rule is kept, or does not stand in the way."""
    if rule.next is None:
        return None
    return told([rule.next], caller.language, timezone=caller.timezone)[0]
