"""Answers of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse

from dibs.distribution.scene import Refused
from dibs.insight.pages import Page
from dibs.insight.plain import to_json
from dibs.insight.sight import SeenLead
from dibs.insight.story import told
from dibs.people.caller import Caller


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(to_json(body), status=status, content_type="application/json", headers=headers)


def lead(seen: SeenLead) -> dict[str, Any]:
    """A lead as the API shows it: what is masked is absent, and named in ``hidden``; ``opens`` is there where it is true."""
    more = {"opens": True} if seen.opens else {}
    return {**seen, "hidden": list(seen.hidden), **more}


def page(found: Page[Any], show: Callable[[Any], Any]) -> HttpResponse:
    return answer({"items": [show(item) for item in found.items], "next": found.next})


def not_done(caller: Caller, answer: Refused | None) -> dict[str, Any]:
    """One of several that was not done: with what would make it a yes, or not even known of."""
    if answer is None:
        return {"outcome": "not_found"}
    refusal = answer.refusal
    reasons = told(refusal.reasons, caller.language, timezone=caller.timezone)
    remedy = told([refusal.remedy], caller.language, timezone=caller.timezone)[0] if refusal.remedy else None
    return {"outcome": "refused", "code": refusal.code, "reasons": list(reasons), "remedy": remedy}
