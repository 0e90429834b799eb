"""Who and what there is on a floor: reps with what is counted of them, and leads with their stories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dibs.engine.counters import Standing
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts, RepFacts
from dibs.engine.tiers import TierState


@dataclass(slots=True)
class FloorRep:
    """A rep with counters. ``facts`` without what the counters tell; ``timezone`` an IANA name.

    ``ended``: when they ended leads, and whether by a conversion. ``tier``, ``closed`` and ``converted`` are as of the last look at
    the rep's tier.
    """

    facts: RepFacts
    timezone: str = "UTC"
    teams: frozenset[str] = frozenset()
    standing: Standing = field(default_factory=Standing)
    ended: list[tuple[datetime, bool]] = field(default_factory=list)
    tier: TierState = field(default_factory=TierState)
    closed: int = 0
    converted: int = 0

    def record(self, now: datetime, over: timedelta) -> tuple[int, int]:
        """How many leads the rep ended within the window up to now, and how many of these by a conversion."""
        counted = [converted for at, converted in self.ended if at > now - over]
        return len(counted), sum(counted)


@dataclass(slots=True)
class FloorLead:
    """A lead and its story. ``version`` counts the decisions made about it; ``pulled``: whether who has it claimed it.

    By rep: ``had_at``, when they last let it lapse or gave it back without a contact; ``behind_at``, the same without those they gave
    back with no skip left, which stay before them in a queue; ``skipped_at`` and ``opened_at``, when they last
    passed it over, and looked at its details. ``warnings``: when its rep was warned of it, and by which reasons.
    """

    facts: LeadFacts
    clock: LeadClock
    account: AccountFacts | None = None
    version: int = 0
    pulled: bool = False
    ended_at: datetime | None = None
    had_at: dict[str, datetime] = field(default_factory=dict)
    behind_at: dict[str, datetime] = field(default_factory=dict)
    skipped_at: dict[str, datetime] = field(default_factory=dict)
    opened_at: dict[str, datetime] = field(default_factory=dict)
    warnings: list[tuple[datetime, tuple[str, ...]]] = field(default_factory=list)


def in_order(leads: Iterable[FloorLead], order: Iterable[str]) -> list[FloorLead]:
    """Leads sorted as a pool's ``order`` says, equal ones by id. What is not known stands last, with ``-`` first: as in PostgreSQL."""
    line = sorted(leads, key=lambda lead: lead.clock.id)
    for name in reversed(list(order)):
        line.sort(key=lambda lead: _sort_key(lead, name.lstrip("-")), reverse=name.startswith("-"))
    return line


def _sort_key(lead: FloorLead, name: str) -> tuple[bool, Any]:
    value = lead.clock.waiting_since if name == "waiting_since" else getattr(lead.facts, name)
    return value is None, value
