"""Policies, teams and moments for the engine's own tests: short to write, easy to read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from dibs.engine.counters import Event, Standing, after
from dibs.engine.facts import LeadClock, RepFacts, WorkingHours
from dibs.engine.policy_model import Policy
from dibs.engine.roster import Roster
from dibs.engine.rulebook import Rulebook

#: A Monday, nine in the morning in UTC.
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OFFICE = dict.fromkeys(range(1, 6), (9 * 60, 17 * 60))

PULL: dict[str, Any] = {"name": "Everyone", "pull": {"pool": "inbound"}}
INBOUND: dict[str, Any] = {
    "lock": "15m",
    "reclaim_after": "1h",
    "escalate": [{"after": "30m", "push": {"team": "closers"}}, {"after": "60m", "review": "desk"}],
    "assign_after": "24h",
}


def book(*route: dict[str, Any], **parts: Any) -> Rulebook:
    """A policy ready to run: ``route``, else everybody to the pool ``inbound``; parts as in the document."""
    document = {
        "policy": "Test",
        "route": list(route) or [PULL],
        "pools": {"inbound": INBOUND},
        "teams": {"closers": {}},
    }
    return Rulebook.of(Policy.model_validate_json(json.dumps(document | parts)))


def team(*reps: str | RepFacts, name: str = "closers", passes: dict[str, float] | None = None) -> Roster:
    """A roster of one team."""
    facts = [rep if isinstance(rep, RepFacts) else RepFacts(rep) for rep in reps]
    return Roster({rep.handle: rep for rep in facts}, {name: tuple(rep.handle for rep in facts)}, {name: passes or {}})


def waiting(**fields: Any) -> LeadClock:
    """A lead in the pool ``inbound`` since `MONDAY`."""
    return LeadClock(**({"id": "lead", "state": "pooled", "pool": "inbound", "waiting_since": MONDAY} | fields))


def office(timezone: str = "UTC", **fields: Any) -> WorkingHours:
    """Monday to Friday, nine to five."""
    return WorkingHours(**({"timezone": timezone, "days": OFFICE} | fields))


def minutes(count: float) -> datetime:
    """So many minutes after `MONDAY`."""
    return MONDAY + timedelta(minutes=count)


def played(*events: Event, start: Standing | None = None) -> Standing:
    """The counters after these events, one after the other."""
    standing = start or Standing()
    for event in events:
        standing = after(standing, event)
    return standing
