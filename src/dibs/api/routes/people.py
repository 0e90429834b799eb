"""Who is calling, and who there is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Router

from dibs.api import answers
from dibs.api.documentation import reads
from dibs.api.shapes_of_people import Me, Reps
from dibs.api.tokens import Request, Token
from dibs.delivery.notices import unread
from dibs.engine.decision import Reason
from dibs.insight.crew import RepCard, reps_in_sight
from dibs.insight.mine import MyStanding, MyTier, Upcoming, my_standing, my_tier, upcoming
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
def me(request: Request) -> HttpResponse:
    """For a rep also each fair-play rule in force and where the rep stands with it, the rep's tier, and what an announced policy will
    change for them."""
    caller = request.auth
    at = now()
    standing, tier, coming = my_standing(caller, at), my_tier(caller, at), upcoming(caller, at)
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
            "tier": _tier(tier, caller) if tier else None,
            "upcoming": _upcoming(coming, caller) if coming else None,
            "notices": unread(caller),
        }
    )


@router.get("/reps", auth=Token(Action.SEE_REPS), response=reads(Reps), summary="List the reps")
def list_reps(request: Request) -> HttpResponse:
    """Who there is, for everybody; how much they have, for who leads them."""
    caller = request.auth
    return answers.page(Page(reps_in_sight(caller, now())), _rep)


def _tier(tier: MyTier, caller: Caller) -> dict[str, Any]:
    return asdict(tier) | {"next": _said(tier.next, caller)}


def _upcoming(coming: Upcoming, caller: Caller) -> dict[str, Any]:
    return asdict(coming) | {"changes": [_said(change, caller) for change in coming.changes]}


def _rep(card: RepCard) -> dict[str, Any]:
    """A rep is known by handle, in the API as in the policy."""
    return {name: value for name, value in asdict(card).items() if name != "id"}


def _standing(standing: MyStanding, caller: Caller) -> dict[str, Any]:
    return {
        "today": standing.today,
        "policy": standing.policy,
        "policy_version": standing.policy_version,
        "counters": {name: getattr(standing.counters, name) for name in _COUNTERS},
        "rules": [asdict(rule) | {"next": _said(rule.next, caller)} for rule in standing.rules],
    }


def _said(reason: Reason | None, caller: Caller) -> dict[str, Any] | None:
    return told([reason], caller.language, timezone=caller.timezone)[0] if reason is not None else None
