"""A dry run: a lead through a policy, with every step told, and nothing written.

Asked of the same functions that place a lead when it comes in, with the reps, turns, accounts and people of this moment. What can differ
is what happens between the dry run and the lead: another lead that takes the turn, a rep who goes home.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dibs.crm.arrival import Arrival
from dibs.distribution import persons
from dibs.distribution.crews import crew
from dibs.distribution.matching import Match
from dibs.distribution.placing import decide, look_at
from dibs.distribution.reading import lead_clock, lead_facts
from dibs.distribution.rulebooks import Active
from dibs.engine.decision import Reason
from dibs.engine.tracing import Trace, trace
from dibs.insight.leads import leads_in_sight
from dibs.insight.sight import Eyes, SeenLead, read_lead
from dibs.people.caller import Caller
from dibs.people.tenancy import enter


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would become of a lead. ``trace`` tells the way, ``reasons`` what the log would say; ``becomes``: the lead's columns after it,
    ``owner`` the handle of the rep who would have it.

    ``touches``: the open lead of the same person, which it would be a touch on in place of all that, and ``near`` those who may be the
    same; of either only what the caller may see. ``real``: the lead that was tried, as it is now. ``led``: the reps whose load the
    caller may see, by handle; ``None``: everybody's.
    """

    active: Active
    at: datetime
    arrival: Arrival
    match: Match
    trace: Trace
    reasons: tuple[Reason, ...]
    becomes: Mapping[str, Any]
    owner: str | None
    names: Mapping[str, str]
    led: frozenset[str] | None = None
    touches: SeenLead | None = None
    near: tuple[SeenLead, ...] = ()
    real: SeenLead | None = None


def try_arrival(caller: Caller, active: Active, arrival: Arrival, now: datetime) -> DryRun:
    """What would become of this lead if it came in ``now``."""
    return _run(caller, active, arrival, now, None)


def try_lead(caller: Caller, active: Active, lead_id: UUID, now: datetime) -> DryRun | None:
    """What would become of a lead that is here, with all that is known of it, if it came in ``now`` for the first time; ``None``: there is
    none such that the caller leads.

    That it is here already is left aside: it would be no touch on itself.
    """
    row = read_lead(caller.workspace_id, lead_id)
    seen = Eyes(caller, now).see(row) if row is not None else None
    if row is None or seen is None or not seen.led:
        return None
    given = {name: row[name] for name in Arrival.__dataclass_fields__ if name in row}
    arrival = Arrival(**{**given, "lead_id": lead_id, "flags": tuple(row["flags"])})
    return _run(caller, active, arrival, now, seen)


def _run(caller: Caller, active: Active, arrival: Arrival, now: datetime, real: SeenLead | None) -> DryRun:
    workspace_id = caller.workspace_id
    enter(workspace_id)
    eyes = Eyes(caller, now)
    known = crew(workspace_id, now)
    (looked,) = look_at(workspace_id, [arrival], active, now)
    (outcome,), _ = decide([looked], known, now)
    row, match = outcome.lead, looked.match
    told = trace(
        active.book,
        lead_facts(row),
        match.judged.account,
        lead_clock(row, None),
        known.roster,
        now,
        outcome.seed,
    )
    becomes = {**row, **outcome.changes}
    touches, near = (None, ()) if real is not None else _persons(caller, active, arrival, now)
    return DryRun(
        active=active,
        at=now,
        arrival=arrival,
        match=match,
        trace=told,
        reasons=tuple(outcome.reasons),
        becomes=becomes,
        owner=known.handles.get(becomes["owner_id"]) if becomes["owner_id"] else None,
        names=known.names,
        led=None if eyes.sees_all else frozenset(known.handles[rep] for rep in eyes.reports if rep in known.handles),
        touches=touches,
        near=near,
        real=real,
    )


def _persons(
    caller: Caller, active: Active, arrival: Arrival, now: datetime
) -> tuple[SeenLead | None, tuple[SeenLead, ...]]:
    """The lead that it would be a touch on, and those it is near to; those that the caller may see."""
    if not active.book.policy.matching.same_person:
        return None, ()
    who = persons.recognise(caller.workspace_id, [arrival])
    wanted = [*who.here.values(), *(near.lead_id for several in who.near.values() for near in several)]
    seen = leads_in_sight(caller, wanted, now)
    touches = next((seen[lead] for lead in who.here.values() if lead in seen), None)
    return touches, tuple(lead for lead_id, lead in seen.items() if lead_id not in who.here.values())
