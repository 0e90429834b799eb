"""The territories of a policy as a tree, with whose each is and how many open leads of the caller's range lie there; and what moving
their borders would do, told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from dibs.distribution.borders import Border, Shown
from dibs.engine.calendar import local_day
from dibs.engine.lifecycle import ENDED
from dibs.engine.policy import Policy
from dibs.engine.policy_market import Owner, Territory
from dibs.engine.territories import above, children, owner_of, there
from dibs.insight.leads import range_of
from dibs.insight.sight import TABLES, Eyes
from dibs.people.caller import Caller
from dibs.people.tenancy import enter


@dataclass(frozen=True, slots=True)
class Part:
    """One territory. ``depth``: how many it is a part of; ``owner`` a team or a rep, ``None`` for nobody's, by way of ``through`` where
    another says so; ``there``: whether its days have begun and not ended; ``leads``: open ones that the caller may look at."""

    name: str
    territory: Territory
    depth: int
    owner: Owner | None
    through: str | None
    there: bool
    leads: int


def market(caller: Caller, policy: Policy, now: datetime) -> list[Part]:
    """Every territory of the policy that can be reached, each before its parts, in the order in which they count.

    Leads are counted where they lay when they were last looked at: by the policy in force.
    """
    territories = policy.territories
    if not territories:
        return []
    today, counted = local_day(policy.timezone, now), _counted(caller, now)
    return [
        Part(
            name,
            territories[name],
            len(above(territories, name)),
            *owner_of(territories, name),
            there(territories, name, today),
            counted.get(name, 0),
        )
        for name in _in_order(children(territories), None)
    ]


def _in_order(below: dict[str | None, tuple[str, ...]], parent: str | None) -> Iterator[str]:
    """Each before its parts. Deeper than any tree of people's it needs no stack of its own."""
    coming = list(reversed(below.get(parent, ())))
    while coming:
        name = coming.pop()
        yield name
        coming += reversed(below.get(name, ()))


def _counted(caller: Caller, now: datetime) -> dict[str, int]:
    enter(caller.workspace_id)
    within, values = range_of(Eyes(caller, now))
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT lead.territory, count(*) FROM {TABLES} WHERE lead.workspace_id = %s AND lead.territory IS NOT NULL "
            f"AND NOT lead.state = ANY(%s) AND {within} GROUP BY lead.territory",
            [caller.workspace_id, sorted(ENDED), *values],
        )
        return dict(ask.fetchall())


def told(moved: Border) -> dict[str, Any]:
    """What moving a border does, for JSON. For operations: the leads are not masked."""
    return {
        "leads": moved.leads,
        "more": moved.more,
        "between": [{"before": before, "after": after, "leads": leads} for before, after, leads in moved.between],
        "first": [_crossing(shown) for shown in moved.first],
    }


def _crossing(shown: Shown) -> dict[str, Any]:
    to = shown.to
    return {
        "lead": shown.crossing.lead_id,
        **{name: shown.lead[name] for name in ("company", "name", "state")},
        "rep": shown.rep,
        "before": shown.crossing.before,
        "after": shown.crossing.after,
        "to": None if to is None else {name: to[name] for name in ("state", "rep", "pool", "review")},
    }
