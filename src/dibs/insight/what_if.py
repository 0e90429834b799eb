"""What a policy would have done with past leads, for people: who would have got more, who less, and what would have changed for which lead.

The work is ``distribution.comparing``'s; here it is read. A manager sees the own teams' reps, queues and leads; what went to others is
one number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dibs.distribution import policies
from dibs.distribution.models import Comparison, Difference
from dibs.distribution.overseeing import ANY_MANAGER
from dibs.insight.crew import rep_names
from dibs.insight.csv_files import csv_of
from dibs.insight.leads import leads_in_sight
from dibs.insight.pages import BadCursor, Page, cursor_after, last_seen
from dibs.insight.sight import Eyes, SeenLead
from dibs.people.caller import Caller
from dibs.people.models import Rep
from dibs.people.tenancy import enter

#: Which leads that differ: all, those that go elsewhere, those that another rep of the same team gets.
WHAT = ("elsewhere", "other_rep")
#: The most lines of a file.
MOST_LINES = 100_000
_PAGE = 1_000


class TooManyLines(Exception):
    """More leads differ than a file takes."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many leads each policy sent somewhere. ``name`` is a handle, a team, a pool, ...; ``None`` for all that the caller doesn't lead."""

    name: str | None
    label: str
    before: int
    after: int

    @property
    def more(self) -> int:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What came of a comparison that is done. ``rules``: how many leads each rule took, by its name, before and after."""

    leads: int
    elsewhere: int
    other_rep: int
    rescored: int
    reps: tuple[Count, ...]
    teams: tuple[Count, ...]
    pools: tuple[Count, ...]
    reviews: tuple[Count, ...]
    states: tuple[Count, ...]
    rules: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A lead that would have gone elsewhere: ``before`` and ``after`` say where, by which rule, with which score."""

    nth: int
    lead: SeenLead
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def comparisons(caller: Caller, limit: int = 20) -> list[Comparison]:
    """The latest comparisons."""
    enter(caller.workspace_id)
    found = Comparison.objects.filter(workspace_id=caller.workspace_id).select_related("by").order_by("-created_at")
    return list(found[:limit])


def comparison_of(caller: Caller, comparison_id: UUID) -> Comparison | None:
    """A comparison of the caller's workspace."""
    enter(caller.workspace_id)
    found = Comparison.objects.filter(workspace_id=caller.workspace_id, id=comparison_id)
    return found.select_related("by").first()


def outcome_of(caller: Caller, comparison: Comparison, now: datetime) -> WhatIf | None:
    """What came of it, as far as the caller may see; ``None`` until it is done."""
    result = comparison.result
    if comparison.state != "done" or not result:
        return None
    eyes = Eyes(caller, now)
    names = rep_names(caller.workspace_id)
    everything = eyes.sees_all
    mine = frozenset(Rep.objects.filter(id__in=eyes.reports).values_list("handle", flat=True)) if not everything else ()
    active = policies.active(caller.workspace_id)
    pools = active.book.policy.pools if active is not None else {}

    def counts(kind: str, shown: Callable[[str], bool], label: Callable[[str], str] = str) -> tuple[Count, ...]:
        return _counts(result[kind], lambda name: everything or shown(name), label)

    took = result["rules"]
    rules = {
        name: [took["before"].get(name, 0), took["after"].get(name, 0)] for name in (*took["before"], *took["after"])
    }
    return WhatIf(
        leads=result["leads"],
        elsewhere=result["elsewhere"],
        other_rep=result["other_rep"],
        rescored=result["rescored"],
        reps=counts("reps", lambda name: name in mine, lambda name: names.get(name, name)),
        teams=counts("teams", lambda name: name in caller.manages),
        pools=counts("pools", lambda name: name in pools and caller.oversees(pools[name].teams)),
        reviews=counts("reviews", lambda name: name == ANY_MANAGER or name in caller.manages),
        states=counts("states", lambda name: True),
        rules=_counts(rules, lambda name: True, str),
    )


def _counts(
    found: Mapping[str, list[int]], shown: Callable[[str], bool], label: Callable[[str], str]
) -> tuple[Count, ...]:
    """Those that are shown, most leads first; and the rest as one."""
    seen = [Count(name, label(name), *both) for name, both in found.items() if shown(name)]
    seen.sort(key=lambda count: (-max(count.before, count.after), count.label))
    hidden = [both for name, both in found.items() if not shown(name)]
    if hidden:
        seen.append(Count(None, "", sum(both[0] for both in hidden), sum(both[1] for both in hidden)))
    return tuple(seen)


def changed_page(
    caller: Caller,
    comparison: Comparison,
    *,
    what: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
    now: datetime,
) -> Page[Changed]:
    """A page of the leads that differ and that the caller leads, in the order they came in; ``what`` is of `WHAT`. Raises `BadCursor`."""
    question = repr(("differences", str(comparison.id), what))
    found = _differences(comparison, what)
    if cursor:
        last = Difference.objects.filter(comparison=comparison, id=last_seen(cursor, question)).first()
        if last is None:
            raise BadCursor
        found = found.filter(nth__gt=last.nth)
    rows = list(found[: limit + 1])
    shown = list(_seen(caller, rows[:limit], now))
    return Page(shown, cursor_after(rows[limit - 1].id, question) if len(rows) > limit else None)


def _differences(comparison: Comparison, what: str | None) -> Any:
    found = Difference.objects.filter(workspace_id=comparison.workspace_id, comparison=comparison).order_by("nth")
    return found if what is None else found.filter(elsewhere=what == "elsewhere")


def _seen(caller: Caller, rows: Iterable[Difference], now: datetime) -> Iterator[Changed]:
    rows = list(rows)
    leads = leads_in_sight(caller, [row.lead_id for row in rows], now)
    for row in rows:
        lead = leads.get(row.lead_id)
        if lead is not None and lead.led:
            yield Changed(row.nth, lead, row.before, row.after)


_CELLS = ("state", "rep", "team", "pool", "review", "rule", "score", "rank")
_LEAD = ("id", "source", "external_id", "received_at", "company", "name")


def as_csv(caller: Caller, comparison: Comparison, now: datetime) -> str:
    """The leads that differ, as a file that a spreadsheet opens: moments in UTC, no cell that it would run as a formula.

    Raises `TooManyLines`.
    """
    if comparison.changed > MOST_LINES:
        raise TooManyLines
    names = [*_LEAD, *(f"{side}_{name}" for side in ("before", "after") for name in _CELLS)]
    return csv_of(names, _cells(caller, comparison, now))


def _cells(caller: Caller, comparison: Comparison, now: datetime) -> Iterator[list[Any]]:
    after = 0
    while rows := list(_differences(comparison, None).filter(nth__gt=after)[:_PAGE]):
        after = rows[-1].nth
        for changed in _seen(caller, rows, now):
            cells = [changed.lead.get(name) for name in _LEAD]
            cells += [side.get(name) for side in (changed.before, changed.after) for name in _CELLS]
            yield cells
