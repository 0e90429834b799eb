"""What a floor knows and how it keeps what was decided: the store that `dibs.simulation.floor` acts on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from dibs.engine import claim as judge
from dibs.engine import consequences, counters, credits, fairplay, timeline
from dibs.engine.calendar import local_day
from dibs.engine.conditions import Condition
from dibs.engine.credits import What
from dibs.engine.decision import Ask, Due, Grant, Kept, Mailed, Moved, Placement, Refusal, Warned
from dibs.engine.due import due_when_idle, due_when_owned, with_marketings
from dibs.engine.facts import LeadClock, RepFacts
from dibs.engine.lifecycle import ENDED
from dibs.engine.results import NOTHING_KNOWN
from dibs.engine.roster import Roster
from dibs.engine.rotate import seed_for
from dibs.engine.rulebook import Rulebook
from dibs.simulation.on_floor import FloorLead, FloorRep, in_order


class Credited(NamedTuple):
    """Points that a rep earned by a lead; ``what`` is ``claim`` or ``convert``."""

    rep: str
    lead: str
    what: What
    points: float
    at: datetime


class Ground:
    """Leads, reps and turns under one policy. Times are arguments, as everywhere. ``earned``: all credits, in the order they came."""

    def __init__(
        self, book: Rulebook, digest: str, reps: Iterable[FloorRep], teams: Mapping[str, Sequence[str]]
    ) -> None:
        self.book, self.digest = book, digest
        self.reps = {rep.facts.handle: rep for rep in reps}
        self.teams = {team: tuple(handles) for team, handles in teams.items()}
        self.passes: Mapping[str, Mapping[str, float]] = {}
        self.results = NOTHING_KNOWN
        self.leads: dict[str, FloorLead] = {}
        self.earned: list[Credited] = []

    # What is known.

    def roster(self, now: datetime) -> Roster:
        """The reps as the engine sees them now."""
        reps = {handle: self._facts(rep, now) for handle, rep in self.reps.items()}
        return Roster(reps, self.teams, self.passes, self.results)

    def line(self, pool: str, now: datetime | None = None) -> list[FloorLead]:
        """The leads that wait in a pool, in its order; with ``now``, those too whose lock ran out and was not taken back yet."""
        there = [lead for lead in self.leads.values() if lead.clock.pool == pool]
        waiting = [
            lead
            for lead in there
            if lead.clock.state == "pooled" or (now is not None and judge.lock_ran_out(lead.clock, now))
        ]
        return in_order(waiting, self.book.policy.pools[pool].order)

    def _may(self, lead: FloorLead, handle: str, kind: str, now: datetime) -> Refusal | None:
        """Whether it is the rep's lead to act on, and the act one for a lead in its state."""
        return judge.may_act(lead.clock, handle, True, now) or judge.may_move(lead.clock, kind)

    def _facts(self, rep: FloorRep, now: datetime) -> RepFacts:
        standing = counters.on_day(rep.standing, local_day(rep.timezone, now))
        closed, converted = rep.closed, rep.converted
        if rep.tier.on is None:
            closed, converted = rep.record(now, self.book.policy.tiering.over)
        facts = counters.counted(with_record(rep.facts, closed, converted), standing)
        return replace(facts, tier=rep.tier.tier)

    def _due_when_owned(self, lead: FloorLead, handle: str, now: datetime) -> Due | None:
        return due_when_owned(self.book, lead.facts, self._facts(self.reps[handle], now), now)

    def _due_when_idle(self, lead: FloorLead, now: datetime) -> Due | None:
        owner = self.reps.get(lead.clock.owner or "")
        if owner is None:
            return None
        due = due_when_idle(self.book, self.book.activation(lead.facts, now=now), self._facts(owner, now), now, now)
        return self._or_marketings(lead, due, now)

    def _or_marketings(self, lead: FloorLead, due: Due | None, now: datetime) -> Due | None:
        return with_marketings(self.book, lead.clock, lead.facts.rank, due, lead.clock.owner, self.teams, now)

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
                last_had_at=lead.had_at.get(facts.handle),
                low_score_in_sight=low,
                teams=rep.teams,
                is_head=not queue or any(lead is first for first in self._line_for(rep, pool, now)[:1]),
            )
            if not isinstance(answer, Ask):
                return answer
            low = self._low_score_waits(rep, answer.low_below, now)

    def _line_for(self, rep: FloorRep, pool: str, now: datetime) -> list[FloorLead]:
        """A pool as the rep stands before it: the leads that their tier lets them see, and of a queue without those they may not
        have again yet and those they passed over."""
        rules, facts = self.book.policy.pools[pool], self._facts(rep, now)
        only = judge.sight(self.book, facts, rep.teams, pool).only
        line = [lead for lead in self.line(pool, now) if self._sees(only, facts, lead, now)]
        if rules.mode != "queue":
            return line
        since = now - (rules.reclaim_after or timedelta(0))
        handle, claimed_at = facts.handle, rep.standing.last_claim_at

        def behind(lead: FloorLead) -> bool:
            skipped = lead.skipped_at.get(handle)
            if skipped is not None and (claimed_at is None or skipped > claimed_at):
                return True
            own_lock = lead.clock.lock_expires_at if lead.clock.owner == handle else None
            return any(had is not None and had > since for had in (lead.behind_at.get(handle), own_lock))

        return [lead for lead in line if not behind(lead)]

    def _sees(self, only: Condition | None, rep: RepFacts, lead: FloorLead, now: datetime) -> bool:
        """Whether a tier's condition on leads, if there is any, lets the rep see this one."""
        return only is None or only.holds(self.book.activation(lead.facts, rep=rep, now=now))

    def _low_score_waits(self, rep: FloorRep, low_below: int, now: datetime) -> bool:
        facts = self._facts(rep, now)
        for pool in self.book.policy.pools:
            seen = judge.sight(self.book, facts, rep.teams, pool)
            if seen.level == "none" or seen.head_only:
                continue
            for lead in self._line_for(rep, pool, now):
                if lead.facts.score is not None and lead.facts.score < low_below:
                    return True
        return False

    # What is written.

    def _take_back(self, now: datetime, which: Callable[[FloorLead], bool]) -> int:
        """Write the lapses of locks that ran out; returns how many there were."""
        ran_out = [lead for lead in self.leads.values() if which(lead) and judge.lock_ran_out(lead.clock, now)]
        for lead in sorted(ran_out, key=lambda lead: lead.clock.id):
            self._on_time(lead, now)
        return len(ran_out)

    def give_waiting(self, now: datetime) -> int:
        """Give leads that await a team to whoever of it can be given one now, the longest waiting first; returns how many went."""
        went = 0
        waiting = [
            lead
            for lead in self.leads.values()
            if lead.clock.awaits in self.book.policy.team_names() and lead.clock.state in {"pooled", "review"}
        ]
        for lead in sorted(waiting, key=lambda lead: (lead.clock.waiting_since or now, lead.clock.id)):
            roster = self.roster(now)
            if not timeline.able(self.book, roster, [lead.clock.awaits or ""], now):
                continue
            answer, roster = timeline.freed(
                self.book, lead.facts, lead.account, lead.clock, roster, now, self._seed(lead)
            )
            if isinstance(answer, Moved):
                self._take(lead, answer.placement, consequences.moved(lead.clock, answer, now), roster, now)
                went += 1
        return went

    def _on_time(self, lead: FloorLead, now: datetime) -> bool:
        answer, roster = timeline.on_time(
            self.book, lead.facts, lead.account, lead.clock, self.roster(now), now, self._seed(lead)
        )
        if isinstance(answer, Kept):
            lead.clock = consequences.kept(lead.clock, answer)
            return False
        if isinstance(answer, Warned):
            lead.clock = consequences.warned(lead.clock, answer)
            lead.warnings.append((now, tuple(reason.code for reason in answer.reasons)))
            lead.version += 1
            return True
        if isinstance(answer, Mailed):
            lead.clock = consequences.mailed(lead.clock, answer, now)
            lead.version += 1
            return True
        after = consequences.moved(lead.clock, answer, now)
        self._take(lead, answer.placement, after, roster, now, passed_by=answer.off, moved=answer)
        if answer.lapsed is not None and fairplay.goes_away(self.book, self.reps[answer.lapsed].standing):
            rep = self.reps[answer.lapsed]
            rep.facts = replace(rep.facts, available=False)
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
        given_by: str | None = None,
        moved: Moved | None = None,
    ) -> None:
        """The lead goes to other hands, or to none."""
        worth = judge.chosen_score(self.book, lead.facts, lead.clock.pool)
        if placement.score is not None:
            lead.facts = replace(
                lead.facts, score=placement.score, rank=placement.rank, likelihood=placement.likelihood
            )
        lapsed = moved.lapsed if moved is not None else None
        if lapsed is not None:
            lead.had_at[lapsed] = lead.behind_at[lapsed] = consequences.lapsed_at(lead.clock, now)
        if passed_by is not None:
            after = replace(after, passed_over=lead.clock.passed_over | {passed_by})
        self.passes = roster.passes
        off_work = moved is not None and moved.off_work
        self._feel(lead, after, now, worth, lapsed, given_by, off_work=off_work)
        if after.state in ENDED:
            lead.ended_at = now
        lead.clock, lead.pulled = after, False
        lead.version += 1

    def _keep(self, lead: FloorLead, after: LeadClock, now: datetime) -> None:
        """The lead stays in the same hands."""
        self._feel(lead, after, now)
        if after.state in ENDED and lead.ended_at is None:
            lead.ended_at = now
        lead.clock = after
        lead.version += 1

    def _earn(self, lead: FloorLead, handle: str, what: What, now: datetime) -> None:
        """Credit the rep, once for each lead and kind: to give a lead back and take it again earns nothing anew."""
        had = any((each.rep, each.lead, each.what) == (handle, lead.clock.id, what) for each in self.earned)
        credit = credits.earned(self.book, lead.facts, what, now)
        if credit is not None and not had:
            self.earned.append(Credited(handle, lead.clock.id, what, credit.points, now))

    def _feel(
        self,
        lead: FloorLead,
        after: LeadClock,
        now: datetime,
        score: int | None = None,
        lapsed: str | None = None,
        given_by: str | None = None,
        *,
        off_work: bool = False,
    ) -> None:
        felt = consequences.felt(
            lead.clock, after, now, self._today, score=score, lapsed=lapsed, off_work=off_work, given_by=given_by
        )
        for handle, event in felt:
            rep = self.reps[handle]
            rep.standing = counters.after(rep.standing, event)


def with_record(rep: RepFacts, closed: int, converted: int) -> RepFacts:
    """The rep's facts with so many leads ended, and so many of these converted."""
    return replace(rep, closed=closed, conversion_rate=converted / closed if closed else None)
