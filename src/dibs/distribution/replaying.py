"""Past leads put through a policy, as if it had been in force: who would have got them.

The reps are those of now: their teams, hours, time off and holidays, strengths and results. Their counters begin at nothing, move with
the leads they would have got, and turn over with their own days, so that caps hold as they would have. A lead counts as open for as long
as it was in fact. What reps do of their own accord is not made up: a lead that waits in a pool ends there, an offer counts as taken.
Appointments and breaks of then are not known any more, and count as none.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from dibs.distribution.crews import crew
from dibs.engine import rotate, route
from dibs.engine.calendar import local_day, midnight
from dibs.engine.counters import Standing, on_day
from dibs.engine.decision import Assigned, Offered, Placement
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts, RepFacts
from dibs.engine.roster import Roster
from dibs.engine.rulebook import Rulebook

_DAY = timedelta(days=1)


class Replay:
    """One policy at work on leads of the past. Leads are given in the order they came in."""

    def __init__(self, book: Rulebook, digest: str, roster: Roster, timezones: Mapping[str, str]) -> None:
        self._book, self._digest = book, digest
        self._zones = timezones
        self._standings = dict.fromkeys(roster.reps, Standing())
        self._turns_over: datetime | None = None
        self._endings: list[tuple[datetime, str]] = []
        self.roster = roster

    def place(
        self,
        lead_id: str,
        lead: LeadFacts,
        account: AccountFacts | None,
        at: datetime,
        ended_at: datetime | None,
    ) -> Placement:
        """Where the lead goes that came in ``at`` this moment, and was open until ``ended_at`` (``None``: it still is)."""
        if self._turns_over is None or at >= self._turns_over:
            self._begin_day(at)
        while self._endings and self._endings[0][0] <= at:
            self.roster = self.roster.given_up(heapq.heappop(self._endings)[1])
        clock = LeadClock(id=lead_id, state="new", received_at=at)
        seed = rotate.seed_for(lead_id, self._digest, 0)
        placement, self.roster = route.place(self._book, lead, account, clock, self.roster, at, seed)
        if ended_at is not None and isinstance(placement.to, Assigned | Offered):
            heapq.heappush(self._endings, (max(ended_at, at), placement.to.rep))
        return placement

    def _begin_day(self, at: datetime) -> None:
        """Turn over the counters of those for whom a new day has begun, and note when the next one begins for somebody."""
        reps = dict(self.roster.reps)
        for handle, rep in reps.items():
            today = local_day(self._zones[handle], at)
            before = self._standings[handle]
            self._standings[handle] = now = on_day(before, today)
            if now != before:
                reps[handle] = _turned_over(rep, before, now)
        self.roster = replace(self.roster, reps=reps)
        zones = set(self._zones.values()) or {"UTC"}
        self._turns_over = min(midnight(zone, local_day(zone, at) + _DAY) for zone in zones)


def _turned_over(rep: RepFacts, before: Standing, now: Standing) -> RepFacts:
    """The rep with those counters at nothing that count in another day, week or month now."""
    return replace(
        rep,
        assigned_today=rep.assigned_today if now.day == before.day else 0,
        assigned_this_week=rep.assigned_this_week if now.week == before.week else 0,
        assigned_this_month=rep.assigned_this_month if now.month == before.month else 0,
    )


def from_scratch(workspace_id: UUID, since: datetime) -> tuple[Roster, Mapping[str, str]]:
    """The reps of now as they would begin at ``since``: nothing counted, nobody on a break, every rotation level; and their zones."""
    known = crew(workspace_id, since)
    reps = {
        handle: replace(
            rep,
            available=True,
            hours=replace(rep.hours, busy=()) if rep.hours is not None else None,
            open_leads=0,
            assigned_today=0,
            assigned_this_week=0,
            assigned_this_month=0,
            pushed_at=(),
        )
        for handle, rep in known.roster.reps.items()
    }
    return replace(known.roster, reps=reps, passes={}), known.timezones
