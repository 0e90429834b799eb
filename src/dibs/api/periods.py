"""The period that figures are asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from django.utils.timezone import is_aware

from dibs.api.problems import Problem


class Asked(Protocol):
    """The last ``days``, or from ``since``, up to ``until`` or to now."""

    days: int
    since: datetime | None
    until: datetime | None


def span(asked: Asked, now: datetime, longest: timedelta) -> tuple[datetime, datetime]:
    """From when to when. Raises `Problem` for a moment without a time zone, and for a period that is empty or over ``longest``."""
    for name in ("since", "until"):
        given = getattr(asked, name)
        if given is not None and not is_aware(given):
            raise Problem("invalid", f"{name}: A moment needs its time zone, such as Z")
    until = asked.until or now
    try:
        since = asked.since or until - timedelta(days=asked.days)
    except OverflowError:
        raise Problem("invalid", "until: That is before all time") from None
    if not timedelta(0) < until - since <= longest:
        raise Problem("invalid", f"since: It must be before until, by {longest.days} days at most")
    return since, until
