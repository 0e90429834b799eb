"""Answers of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse

from dibs.insight.pages import Page
from dibs.insight.plain import to_json
from dibs.insight.sight import SeenLead


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(to_json(body), status=status, content_type="application/json", headers=headers)


def lead(seen: SeenLead) -> dict[str, Any]:
    """A lead as the API shows it: what is masked is absent, and named in ``hidden``; ``opens`` is there where it is true."""
    more = {"opens": True} if seen.opens else {}
    return {**seen, "hidden": list(seen.hidden), **more}


def page(found: Page[Any], show: Callable[[Any], Any]) -> HttpResponse:
    return answer({"items": [show(item) for item in found.items], "next": found.next})
