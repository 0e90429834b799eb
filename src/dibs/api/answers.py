"""Answers as JSON: moments in UTC with a Z, ids and leases as text, money as numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpResponse

from dibs.insight.pages import Page
from dibs.insight.sight import SeenLead


def plain(value: Any) -> Any:
    """What JSON has no word for. Spans are seconds."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, frozenset):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no place in an answer")


_encode = json.JSONEncoder(ensure_ascii=False, default=plain, separators=(",", ":"), check_circular=False).encode


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(_encode(body), status=status, content_type="application/json", headers=headers)


def lead(seen: SeenLead) -> dict[str, Any]:
    """A lead as the API shows it: what is masked is absent, and named in ``hidden``."""
    return {**seen, "hidden": list(seen.hidden)}


def page(found: Page[Any], show: Callable[[Any], Any]) -> HttpResponse:
    return answer({"items": [show(item) for item in found.items], "next": found.next})
