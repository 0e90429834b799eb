"""What each kind of route can answer, for OpenAPI: its own answer, and the problems that any of its kind can end in."""

from __future__ import annotations

from typing import Any

from dibs.api.shapes import LeadOut, Problem

_ALWAYS: dict[Any, Any] = {400: Problem, 401: Problem, 403: Problem, 422: Problem, 503: Problem}


def reads(shape: Any, **more: Any) -> dict[Any, Any]:
    """A read's answers. Reads of one thing can also answer 404."""
    return {200: shape, **_ALWAYS, 404: Problem} | more


def writes(answered: dict[int, Any]) -> dict[Any, Any]:
    """A write's answers."""
    return answered | _ALWAYS | {404: Problem, 413: Problem, 415: Problem}


ACT_ANSWERS = writes({200: LeadOut}) | {409: Problem}
CLAIM_ANSWERS = writes({200: LeadOut}) | {409: Problem}
NEXT_ANSWERS = writes({200: LeadOut, 204: None}) | {409: Problem}
