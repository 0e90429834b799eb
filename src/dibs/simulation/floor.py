"""A workspace in memory: the same engine, the same consequences, no database.

This is the engine's second consumer. Whatever the live service does to a lead by decision, a floor does by the same functions,
so that a day played here ends as it would have ended there; ``tests/conformance`` holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from dibs.engine import claim as judge
from dibs.engine import consequences, credits, fairplay, floors, match, route, tiers, timeline
from dibs.engine.calendar import local_day
from dibs.engine.conditions import Condition
from dibs.engine.credits import What
from dibs.engine.decision import Ask, Assigned, Due, Grant, Kept, Moved, Placement, Reason, Refusal
from dibs.engine.due import due_in_pool, due_when_owned, due_when_stale
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts, RepFacts
from dibs.engine.floors import FloorLook
from dibs.engine.roster import Roster
from dibs.engine.rotate import seed_for
from dibs.engine.rulebook import Rulebook
from dibs.simulation.on_floor import FloorLead, FloorRep, in_order

__all__ = ["Credited", "Floor", "FloorLead", "FloorRep"]


class Credited(NamedTuple):
    """Points that a rep earned by a lead; ``what`` is ``claim`` or ``convert``."""

    rep: str
    lead: str
    what: What
    points: float
    at: datetime


class Floor:
    """Leads, reps and turns under one policy. Times are arguments, as everywhere. ``earned``: all credits, in the order they came."""

    def __init__(
        self, book: Rulebook, digest: str, reps: Iterable[FloorRep], teams: Mapping[str, Sequence[str]]
    ) -> None:
        self.book, self.digest = book, digest
        self.reps = {rep.facts.handle: rep for rep in reps}
        self.teams = {team: tuple(handles) for team, handles in teams.items()}
        self.passes: Mapping[str, Mapping[str, float]] = {}
        self.leads: dict[str, FloorLead] = {}
        self.earned: list[Credited] = []

    # What happens to leads.

    def place(self, lead_id: str, facts: LeadFacts, account: AccountFacts | None, now: datetime) -> Placement:
        """A lead comes in."""
        clock = LeadClock(id=lead_id, state="new", received_at=facts.received_at)
        lead = self.leads[lead_id] = FloorLead(facts, clock)
        known = [match.Likeness(account, domains="same")] if account is not None and facts.domain else []
        lead.account = match.account_of(self.book.policy.matching, facts, known).account
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
            keep = fairplay.kept_for(self.book.policy.fair_play.claim_rate)
            event = fairplay.Claimed(score, at=now, today=self._today(handle, now), keep=keep)
            rep.standing = fairplay.after(rep.standing, event)
            lead.clock = consequences.claimed(lead.clock, handle, answer, now)
            lead.pulled = True
            lead.version += 1
        return answer

    def contact(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep did something real."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "contacted", now)
        if refusal is None:
            if lead.pulled and lead.clock.contacted_at is None:
                self._earn(lead, handle, "claim", now)
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
            self._take(
                lead,
                moved.placement,
                consequences.moved(lead.clock, moved, now),
                roster,
                now,
                passed_by=handle,
                given_by=handle,
            )
        return refusal

    def release(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep gives a lead back: to its pool, or to be placed again."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "released", now)
        if refusal is not None:
            return refusal
        clock, roster, pool, standing = lead.clock, self.roster(now), lead.clock.pool, self.reps[handle].standing
        if pool is not None and pool in self.book.policy.pools:
            placement, escalated = timeline.back_in_pool(self.book, clock, lead.facts.rank, now)
            after = consequences.placed(clock, placement, now, escalated=escalated)
        else:
            seen = replace(clock, passed_over=clock.passed_over | {handle})
            placement, roster = timeline.given_back(
                self.book, lead.facts, lead.account, seen, roster, now, self._seed(lead)
            )
            after = consequences.placed(clock, placement, now)
        if clock.contacted_at is None:
            lead.had_at[handle] = now
            if clock.claimed_at is None or fairplay.skip_left_after(standing, self.book.policy.fair_play.skip_at_most):
                lead.behind_at[handle] = now
        self._take(lead, placement, after, roster, now, passed_by=handle, given_by=handle)
        return None

    def end(self, lead_id: str, handle: str, state: str, now: datetime) -> Refusal | None:
        """The rep converts or retires a lead."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, state, now)
        if refusal is None:
            self.reps[handle].ended.append((now, state == "converted"))
            if state == "converted":
                self._earn(lead, handle, "convert", now)
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

    def open(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep looks at a waiting lead's details. Where there is nothing to open, nothing is counted and nothing refused."""
        lead, rep = self.leads[lead_id], self.reps[handle]
        if lead.clock.due_at is not None and lead.clock.due_at <= now:
            self._on_time(lead, now)
        if lead.clock.state != "pooled":
            return Refusal((Reason("not_waiting"),), remedy=Reason("choose_another"))
        facts = self._facts(rep, now)
        seen = judge.sight(self.book, facts, rep.teams, lead.clock.pool or "")
        if not seen.opens or not self._sees(seen.only, facts, lead, now):
            return None
        at, claimed_at = lead.opened_at.get(handle), rep.standing.last_claim_at
        already = at is not None and (claimed_at is None or at > claimed_at)
        refusal = judge.may_open(self.book, rep.standing, already)
        if refusal is None and not already:
            rep.standing = fairplay.after(rep.standing, fairplay.Skipped())
            lead.opened_at[handle] = now
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

    def follow(self, book: Rulebook, digest: str, now: datetime) -> None:
        """Another policy comes into force: what it wants done sooner is due sooner, and where its tiers are others, reps are looked at."""
        before, self.book, self.digest = self.book.policy, book, digest
        for lead in self.leads.values():
            due = self._due_waiting(lead, now)
            if due is not None and (lead.clock.due_at is None or due.at < lead.clock.due_at):
                lead.clock = replace(lead.clock, due_at=due.at, due_for=due.why)
        if (book.policy.tiers, book.policy.tiering) != (before.tiers, before.tiering):
            self.retier(now)

    def _due_waiting(self, lead: FloorLead, now: datetime) -> Due | None:
        """When a lead that waits is to be looked at by the policy in force."""
        clock, rank = lead.clock, lead.facts.rank
        since = clock.waiting_since or now
        if clock.state == "pooled":
            return due_in_pool(self.book, clock.pool or "", since, clock.escalated, now, rank)
        return due_when_stale(self.book, rank, since, now) if clock.state == "nurture" else None

    # What happens to reps.

    def retier(self, now: datetime) -> dict[str, Reason]:
        """Look at every rep's tier, for whom it is a new day; returns why those moved who did."""
        moved = {}
        for handle, rep in self.reps.items():
            closed, converted = rep.record(now, self.book.policy.tiering.over)
            facts = _with_record(rep.facts, closed, converted)
            answer = tiers.retier(self.book, rep.tier, facts, self._today(handle, now))
            if answer.state != rep.tier:
                rep.tier, rep.closed, rep.converted = answer.state, closed, converted
            if answer.reason is not None:
                moved[handle] = answer.reason
        return moved

    def look_at_floors(self, now: datetime) -> dict[str, FloorLook]:
        """Look at the claim floors of those for whom it is time, and make up for what is missing; returns what was found."""
        looks = {}
        for handle, rep in self.reps.items():
            look = floors.looked(self.book, self._facts(rep, now), rep.standing, rep.timezone, now, rep.teams)
            if look is not None:
                looks[handle] = look
        for handle in floors.in_turn(looks, self.digest):
            self._looked(self.reps[handle], looks[handle], now)
        return looks

    def _looked(self, rep: FloorRep, look: FloorLook, now: datetime) -> None:
        rep.standing = fairplay.after(rep.standing, fairplay.FloorLooked(look.period))
        waiting = [lead for lead in self.leads.values() if lead.clock.state == "pooled"]
        waiting.sort(key=lambda lead: (lead.clock.waiting_since or now, lead.clock.id))
        given, _ = floors.fill(
            self.book,
            look,
            self._facts(rep, now),
            rep.standing,
            [(lead.facts, lead.clock) for lead in waiting],
            self.roster(now),
            now,
        )
        for clock, placement in given:
            lead = self.leads[clock.id]
            self._take(lead, placement, consequences.placed(clock, placement, now), self.roster(now), now)

    # What is known.

    def roster(self, now: datetime) -> Roster:
        """The reps as the engine sees them now."""
        return Roster({handle: self._facts(rep, now) for handle, rep in self.reps.items()}, self.teams, self.passes)

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
        standing = fairplay.on_day(rep.standing, local_day(rep.timezone, now))
        closed, converted = rep.closed, rep.converted
        if rep.tier.on is None:
            closed, converted = rep.record(now, self.book.policy.tiering.over)
        facts = fairplay.counted(_with_record(rep.facts, closed, converted), standing)
        return replace(facts, tier=rep.tier.tier)

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
        given_by: str | None = None,
        moved: Moved | None = None,
    ) -> None:
        """The lead goes to other hands, or to none."""
        worth = judge.chosen_score(self.book, lead.facts, lead.clock.pool)
        if placement.score is not None:
            lead.facts = replace(lead.facts, score=placement.score, rank=placement.rank)
        lapsed = moved.lapsed if moved is not None else None
        if lapsed is not None:
            lead.had_at[lapsed] = lead.behind_at[lapsed] = consequences.lapsed_at(lead.clock, now)
        if passed_by is not None:
            after = replace(after, passed_over=lead.clock.passed_over | {passed_by})
        self.passes = roster.passes
        self._feel(lead, after, now, worth, lapsed, given_by)
        lead.clock, lead.pulled = after, False
        lead.version += 1

    def _keep(self, lead: FloorLead, after: LeadClock, now: datetime) -> None:
        """The lead stays in the same hands."""
        self._feel(lead, after, now)
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
    ) -> None:
        felt = consequences.felt(lead.clock, after, now, self._today, score=score, lapsed=lapsed, given_by=given_by)
        for handle, event in felt:
            rep = self.reps[handle]
            rep.standing = fairplay.after(rep.standing, event)


def _with_record(rep: RepFacts, closed: int, converted: int) -> RepFacts:
    return replace(rep, closed=closed, conversion_rate=converted / closed if closed else None)
