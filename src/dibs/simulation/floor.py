"""A workspace in memory: the same engine, the same consequences, no database.

This is the engine's second consumer. Whatever the live service does to a lead by decision, a floor does by the same functions,
so that a day played here ends as it would have ended there; ``tests/conformance`` holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from dibs.engine import claim as judge
from dibs.engine import consequences, fairplay, match, route, timeline
from dibs.engine.calendar import local_day
from dibs.engine.decision import Ask, Assigned, Due, Grant, Kept, Moved, Placement, Reason, Refusal
from dibs.engine.due import due_when_owned
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts, RepFacts
from dibs.engine.fairplay import Standing
from dibs.engine.roster import Roster
from dibs.engine.rotate import seed_for
from dibs.engine.rulebook import Rulebook


@dataclass(slots=True)
class FloorRep:
    """A rep with counters. ``facts`` without what the counters tell; ``timezone`` an IANA name."""

    facts: RepFacts
    timezone: str = "UTC"
    teams: frozenset[str] = frozenset()
    standing: Standing = field(default_factory=Standing)
    closed: int = 0
    converted: int = 0


@dataclass(slots=True)
class FloorLead:
    """A lead and its story. ``version`` counts the decisions made about it; ``lapsed_at`` and ``skipped_at``: when
    each rep last let it lapse or passed it over."""

    facts: LeadFacts
    clock: LeadClock
    account: AccountFacts | None = None
    version: int = 0
    lapsed_at: dict[str, datetime] = field(default_factory=dict)
    skipped_at: dict[str, datetime] = field(default_factory=dict)


class Floor:
    """Leads, reps and turns under one policy. Times are arguments, as everywhere."""

    def __init__(
        self, book: Rulebook, digest: str, reps: Iterable[FloorRep], teams: Mapping[str, Sequence[str]]
    ) -> None:
        self.book, self.digest = book, digest
        self.reps = {rep.facts.handle: rep for rep in reps}
        self.teams = {team: tuple(handles) for team, handles in teams.items()}
        self.passes: Mapping[str, Mapping[str, float]] = {}
        self.leads: dict[str, FloorLead] = {}

    # What happens to leads.

    def place(self, lead_id: str, facts: LeadFacts, account: AccountFacts | None, now: datetime) -> Placement:
        """A lead comes in."""
        clock = LeadClock(id=lead_id, state="new", received_at=facts.received_at)
        lead = self.leads[lead_id] = FloorLead(facts, clock)
        lead.account, _ = match.account_of(facts, [account] if account is not None else [])
        placement, roster = route.place(self.book, facts, lead.account, clock, self.roster(now), now, self._seed(lead))
        self._take(lead, placement, consequences.placed(clock, placement, now), roster, now)
        return placement

    def claim(self, lead_id: str, handle: str, now: datetime) -> Grant | Refusal:
        """A rep wants a lead. A lock that ran out is taken back first, as it is where no tick has come to it yet."""
        lead, rep = self.leads[lead_id], self.reps[handle]
        if judge.lock_ran_out(lead.clock, now):
            self._on_time(lead, now)
        answer = self._asked(lead, rep, now)
        capped = isinstance(answer, Refusal) and answer.code == "holding_cap"
        if capped and self._take_back(now, lambda own: own.clock.owner == handle):
            answer = self._asked(lead, rep, now)
        if isinstance(answer, Grant):
            score = judge.chosen_score(self.book, lead.facts, lead.clock.pool)
            event = fairplay.Claimed(score, at=now, today=self._today(handle, now))
            rep.standing = fairplay.after(rep.standing, event)
            lead.clock = consequences.claimed(lead.clock, handle, answer)
            lead.version += 1
        return answer

    def contact(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep did something real."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "contacted", now)
        if refusal is None:
            self._keep(lead, consequences.contacted(lead.clock, now), now)
        return refusal

    def accept(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep takes an offer."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "accepted", now)
        if refusal is None:
            due = due_when_owned(self.book, lead.facts, self.roster(now).reps[handle], now)
            self._keep(lead, consequences.accepted(lead.clock, due), now)
        return refusal

    def reject(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep declines an offer: on to the next."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "rejected", now)
        if refusal is None:
            moved, roster = timeline.declined(
                self.book, lead.facts, lead.account, lead.clock, self.roster(now), now, self._seed(lead)
            )
            self._take(lead, moved.placement, consequences.moved(lead.clock, moved, now), roster, now, passed_by=handle)
        return refusal

    def release(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep gives a lead back: to its pool, or to be placed again."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "released", now)
        if refusal is not None:
            return refusal
        clock, roster, pool = lead.clock, self.roster(now), lead.clock.pool
        if pool is not None and pool in self.book.policy.pools:
            placement, escalated = timeline.back_in_pool(self.book, clock, lead.facts.rank, now)
            after = consequences.placed(clock, placement, now, escalated=escalated)
        else:
            seen = replace(clock, passed_over=clock.passed_over | {handle})
            placement, roster = timeline.given_back(
                self.book, lead.facts, lead.account, seen, roster, now, self._seed(lead)
            )
            after = consequences.placed(clock, placement, now)
        self._take(lead, placement, after, roster, now, passed_by=handle)
        return None

    def end(self, lead_id: str, handle: str, state: str, now: datetime) -> Refusal | None:
        """The rep converts or retires a lead."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, state, now)
        if refusal is None:
            rep = self.reps[handle]
            rep.closed += 1
            rep.converted += state == "converted"
            self._keep(lead, consequences.ended(lead.clock, state), now)
        return refusal

    def skip(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep looked at a waiting lead and passed on."""
        lead, rep = self.leads[lead_id], self.reps[handle]
        if lead.clock.state != "pooled":
            return Refusal((Reason("not_waiting"),), remedy=Reason("choose_another"))
        refusal = judge.may_skip(self.book, rep.standing)
        if refusal is None:
            rep.standing = fairplay.after(rep.standing, fairplay.Skipped())
            lead.skipped_at[handle] = now
            lead.version += 1
        return refusal

    def assign(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """A manager gives a lead to a rep by name."""
        lead = self.leads[lead_id]
        refusal = judge.may_move(lead.clock, "assigned")
        if refusal is not None:
            return refusal
        due = due_when_owned(self.book, lead.facts, self.roster(now).reps[handle], now)
        placement = Placement(Assigned(handle), due, ())
        self._take(lead, placement, consequences.placed(lead.clock, placement, now), self.roster(now), now)
        return None

    def tick(self, now: datetime) -> int:
        """Time does its part; returns how many leads moved."""
        due = [lead for lead in self.leads.values() if lead.clock.due_at is not None and lead.clock.due_at <= now]
        due.sort(key=lambda lead: (lead.clock.due_at or now, lead.clock.id))
        return sum(self._on_time(lead, now) for lead in due)

    # What is known.

    def roster(self, now: datetime) -> Roster:
        """The reps as the engine sees them now."""
        return Roster({handle: self._facts(rep, now) for handle, rep in self.reps.items()}, self.teams, self.passes)

    def line(self, pool: str) -> list[FloorLead]:
        """The leads that wait in a pool, in its order."""
        waiting = [lead for lead in self.leads.values() if lead.clock.state == "pooled" and lead.clock.pool == pool]
        waiting.sort(key=lambda lead: lead.clock.id)
        for name in reversed(self.book.policy.pools[pool].order):
            waiting.sort(key=lambda lead: _sort_key(lead, name.lstrip("-")), reverse=name.startswith("-"))
        return waiting

    def _may(self, lead: FloorLead, handle: str, kind: str, now: datetime) -> Refusal | None:
        """Whether it is the rep's lead to act on, and the act one for a lead in its state."""
        return judge.may_act(lead.clock, handle, True, now) or judge.may_move(lead.clock, kind)

    def _facts(self, rep: FloorRep, now: datetime) -> RepFacts:
        standing = rep.standing
        same_day = standing.day == local_day(rep.timezone, now)
        return replace(
            rep.facts,
            open_leads=standing.open_leads,
            assigned_today=standing.assigned_today if same_day else 0,
            closed=rep.closed,
            conversion_rate=rep.converted / rep.closed if rep.closed else None,
        )

    def _today(self, handle: str, now: datetime) -> date:
        return local_day(self.reps[handle].timezone, now)

    def _seed(self, lead: FloorLead) -> str:
        return seed_for(lead.clock.id, self.digest, lead.version)

    def _asked(self, lead: FloorLead, rep: FloorRep, now: datetime) -> Grant | Refusal:
        facts, pool = self._facts(rep, now), lead.clock.pool or ""
        queue = pool in self.book.policy.pools and self.book.policy.pools[pool].mode == "queue"
        if queue:
            # Who is first in line depends on the locks in it that ran out.
            self._take_back(now, lambda other: other.clock.pool == pool)
        low: bool | None = None
        while True:
            answer = judge.may_claim(
                self.book,
                lead.facts,
                lead.clock,
                facts,
                rep.standing,
                now,
                today=local_day(rep.timezone, now),
                last_had_at=lead.lapsed_at.get(facts.handle),
                low_score_in_sight=low,
                teams=rep.teams,
                is_head=self._line_for(rep, pool, now)[:1] == [lead] if queue else True,
            )
            if not isinstance(answer, Ask):
                return answer
            low = self._low_score_waits(rep, answer.low_below, now)

    def _line_for(self, rep: FloorRep, pool: str, now: datetime) -> list[FloorLead]:
        """A queue as the rep stands before it: without the leads they may not have again yet and those they passed over."""
        since = now - (self.book.policy.pools[pool].reclaim_after or timedelta(0))
        handle, claimed_at = rep.facts.handle, rep.standing.last_claim_at

        def behind(lead: FloorLead) -> bool:
            lapsed, skipped = lead.lapsed_at.get(handle), lead.skipped_at.get(handle)
            passed = skipped is not None and (claimed_at is None or skipped > claimed_at)
            return passed or (lapsed is not None and lapsed > since)

        return [lead for lead in self.line(pool) if not behind(lead)]

    def _low_score_waits(self, rep: FloorRep, low_below: int, now: datetime) -> bool:
        facts = self._facts(rep, now)
        for pool in self.book.policy.pools:
            seen = judge.sight(self.book, facts, rep.teams, pool)
            if seen.level == "none":
                continue
            for lead in self._line_for(rep, pool, now)[:1] if seen.head_only else self.line(pool):
                low = lead.facts.score is not None and lead.facts.score < low_below
                if low and (seen.only is None or seen.only.holds(self.book.activation(lead.facts, rep=facts, now=now))):
                    return True
        return False

    # What is written.

    def _take_back(self, now: datetime, which: Callable[[FloorLead], bool]) -> int:
        """Write the lapses of locks that ran out; returns how many there were."""
        ran_out = [lead for lead in self.leads.values() if which(lead) and judge.lock_ran_out(lead.clock, now)]
        for lead in sorted(ran_out, key=lambda lead: lead.clock.id):
            self._on_time(lead, now)
        return len(ran_out)

    def _on_time(self, lead: FloorLead, now: datetime) -> bool:
        answer, roster = timeline.on_time(
            self.book, lead.facts, lead.account, lead.clock, self.roster(now), now, self._seed(lead)
        )
        if isinstance(answer, Kept):
            due: Due | None = answer.due
            lead.clock = replace(lead.clock, due_at=due.at if due else None, due_for=due.why if due else None)
            return False
        after = consequences.moved(lead.clock, answer, now)
        self._take(lead, answer.placement, after, roster, now, passed_by=answer.lapsed, moved=answer)
        return True

    def _take(
        self,
        lead: FloorLead,
        placement: Placement,
        after: LeadClock,
        roster: Roster,
        now: datetime,
        *,
        passed_by: str | None = None,
        moved: Moved | None = None,
    ) -> None:
        """The lead goes to other hands, or to none."""
        if placement.score is not None:
            lead.facts = replace(lead.facts, score=placement.score, rank=placement.rank)
        lapsed = moved.lapsed if moved is not None else None
        if lapsed is not None:
            lead.lapsed_at[lapsed] = now
        if passed_by is not None:
            after = replace(after, passed_over=lead.clock.passed_over | {passed_by})
        self.passes = roster.passes
        self._feel(lead, after, now, lapsed)
        lead.clock = after
        lead.version += 1

    def _keep(self, lead: FloorLead, after: LeadClock, now: datetime) -> None:
        """The lead stays in the same hands."""
        self._feel(lead, after, now, None)
        lead.clock = after
        lead.version += 1

    def _feel(self, lead: FloorLead, after: LeadClock, now: datetime, lapsed: str | None) -> None:
        def today(handle: str) -> date:
            return self._today(handle, now)

        for handle, event in consequences.felt(lead.clock, after, now, today, lapsed=lapsed):
            rep = self.reps[handle]
            rep.standing = fairplay.after(rep.standing, event)


def _sort_key(lead: FloorLead, name: str) -> Any:
    if name == "waiting_since":
        return lead.clock.waiting_since
    return getattr(lead.facts, name)
