"""A workspace in memory: the same engine, the same consequences, no database.

This is the engine's second consumer. Whatever the live service does to a lead by decision, a floor does by the same functions,
so that a day played here ends as it would have ended there; ``tests/conformance`` holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from dibs.engine import (
    assess,
    borders,
    consequences,
    counters,
    fairplay,
    floors,
    match,
    qualify,
    reassign,
    route,
    tiers,
    timeline,
    waiting,
)
from dibs.engine import claim as judge
from dibs.engine.assess import Graded
from dibs.engine.decision import Assigned, Due, Grant, InPool, Placement, Reason, Refusal, Retired
from dibs.engine.due import due_in_pool, due_of_marketing, due_when_stale, sooner
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts
from dibs.engine.floors import FloorLook
from dibs.engine.gate import goes_back, side_in
from dibs.engine.lifecycle import ENDED, HELD, WAITING
from dibs.engine.policy import Policy
from dibs.engine.results import Count, Results, kind_of
from dibs.engine.rulebook import Rulebook
from dibs.engine.staying import stayed, stays
from dibs.engine.waiting import new_wait, placement_of
from dibs.simulation.ground import Credited, Ground, with_record
from dibs.simulation.on_floor import FloorLead, FloorRep

__all__ = ["Credited", "Floor", "FloorLead", "FloorRep"]


class Floor(Ground):
    """A workspace in memory, to which the same may be done as to the live service. Times are arguments, as everywhere."""

    # What happens to leads.

    def place(self, lead_id: str, facts: LeadFacts, account: AccountFacts | None, now: datetime) -> Placement:
        """A lead comes in. Who freed up a moment ago is for those that wait longest."""
        self.give_waiting(now)
        clock = LeadClock(id=lead_id, state="new", received_at=facts.received_at)
        lead = self.leads[lead_id] = FloorLead(facts, clock)
        known = [match.Likeness(account, domains="same")] if account is not None and facts.domain else []
        lead.account = match.account_of(self.book.policy.matching, facts, known).account
        placement, roster = route.place(self.book, facts, lead.account, clock, self.roster(now), now, self._seed(lead))
        self._take(lead, placement, consequences.placed(clock, placement, now), roster, now)
        return placement

    def enrich(self, lead_id: str, given: Mapping[str, Any], now: datetime, *, answered: bool = False) -> None:
        """New facts on a lead: one that waits is placed anew, another keeps its place and is scored anew, unless it lies in a territory of
        somebody else's now, or is marketing's and ready for sales. Answers are added to those it has. ``answered``: its person wrote,
        rang or came."""
        lead = self.leads[lead_id]
        if "answers" in given:
            given = {**given, "answers": {**lead.facts.answers, **given["answers"]}}
        known, before = lead.facts, borders.Side(self.book, lead.facts, lead.account, now)
        clock, lead.facts = lead.clock, replace(lead.facts, **given)
        if clock.state not in WAITING:
            if not self._moved_by_facts(lead, before, now):
                lead.version += 1
            return
        seed = self._seed(lead)
        judged = route.judge(self.book, lead.facts, lead.account, clock, now, seed)
        if stays(self.book, known, lead.account, clock, judged, now, seed, answered=answered):
            scored = judged.scored
            lead.facts = lead.facts.qualified(scored.score, scored.rank, scored.likelihood)
            lead.clock = stayed(self.book, clock, scored.rank, now)
            lead.version += 1
            return
        placement, roster = route.place_judged(judged, self.roster(now))
        if answered:
            placement, roster = waiting.answered(
                self.book, lead.facts, lead.account, clock, placement, roster, now, seed
            )
        if clock.state != "pooled":
            placement = new_wait(self.book, placement, now)
        same = clock.state == "pooled" and placement.to == InPool(clock.pool or "")
        after = consequences.placed(clock, placement, now, escalated=clock.escalated if same else 0)
        self._take(lead, placement, after, roster, now)

    def _moved_by_facts(self, lead: FloorLead, before: borders.Side, now: datetime) -> bool:
        """A lead that somebody has, or that has ended, scored anew by what is known now; whether that made it go on."""
        clock = lead.clock
        scored = qualify.qualify(self.book, lead.facts, lead.account, now)
        lead.facts = lead.facts.qualified(scored.score, scored.rank, scored.likelihood)
        roster, side = self.roster(now), borders.Side(self.book, lead.facts, lead.account, now)
        crossing, seed = borders.crossed(before, side, clock, roster), self._seed(lead)
        onward = None
        if crossing is not None:
            onward = reassign.handed_on(self.book, lead.facts, lead.account, clock, roster, now, seed, crossing)
        elif clock.side == "marketing":
            case = route.Case.of(self.book, lead.facts, lead.account, clock, now, seed)
            onward = reassign.qualified(case, roster)
        if onward is None:
            rep = roster.reps.get(clock.owner or "")
            lead.clock = consequences.known_more_of(self.book, lead.facts, clock, rep, now)
            return False
        moved, roster = onward
        self._take(lead, moved.placement, consequences.moved(clock, moved, now), roster, now)
        return True

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
            event = counters.Claimed(score, at=now, today=self._today(handle, now), keep=keep)
            rep.standing = counters.after(rep.standing, event)
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
            self._keep(lead, consequences.contacted(lead.clock, now, self._due_when_idle(lead, now)), now)
        return refusal

    def assess(
        self, lead_id: str, handle: str, template: str, answers: Mapping[str, str], now: datetime
    ) -> Refusal | None:
        """The rep has filled in a questionnaire, which is a contact; and the lead goes where that leads. Raises `LookupError` where there
        is none such for the lead."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "contacted", now)
        if refusal is not None:
            return refusal
        if template not in assess.offered(self.book, lead.facts, lead.account, now):
            raise LookupError(template)
        graded = assess.grade(self.book.policy.assessments[template], answers)
        before = borders.Side(self.book, lead.facts, lead.account, now)
        self.contact(lead_id, handle, now)
        lead.facts = replace(lead.facts, assessment=graded.score, assessed=graded.leads_to)
        if graded.leads_to in {"pursue", "follow_up"}:
            self._moved_by_facts(lead, before, now)
        else:
            self._assessed(lead, template, graded, now)
        self.give_waiting(now)
        return None

    def _assessed(self, lead: FloorLead, template: str, graded: Graded, now: datetime) -> None:
        """Given up, or handed over, as the verdict says."""
        scored = qualify.qualify(self.book, lead.facts, lead.account, now)
        lead.facts = lead.facts.qualified(scored.score, scored.rank, scored.likelihood)
        owner, clock = lead.clock.owner, lead.clock
        if assess.gives_up(graded.verdict) is not None:
            if owner is not None:
                self.reps[owner].ended.append((now, False))
            self._keep(lead, consequences.ended(clock, "retired"), now)
            return
        moved, roster = reassign.handed_on(
            self.book,
            lead.facts,
            lead.account,
            clock,
            self.roster(now),
            now,
            self._seed(lead),
            assess.handed_over(template, graded),
            to=assess.way_of(graded.verdict),
        )
        self._take(lead, moved.placement, consequences.moved(clock, moved, now), roster, now, passed_by=owner)

    def accept(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep takes an offer."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "accepted", now)
        if refusal is None:
            due = self._or_marketings(lead, self._due_when_owned(lead, handle, now), now)
            self._keep(lead, consequences.accepted(lead.clock, due, now), now)
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
            self.give_waiting(now)
        return refusal

    def release(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep gives a lead back: to its pool, or to be placed again."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "released", now)
        if refusal is not None:
            return refusal
        clock, roster, pool = lead.clock, self.roster(now), lead.clock.pool
        case = route.Case.of(self.book, lead.facts, lead.account, clock, now, self._seed(lead))
        goes = goes_back(self.book, lead.facts, case.activation, clock)
        if pool is not None and pool in self.book.policy.pools and goes:
            placement, escalated = timeline.back_in_pool(self.book, clock, lead.facts.rank, now)
            after = consequences.placed(clock, placement, now, escalated=escalated)
        else:
            seen = replace(clock, passed_over=clock.passed_over | {handle})
            placement, roster = timeline.given_back(
                self.book, lead.facts, lead.account, seen, roster, now, self._seed(lead)
            )
            after = consequences.placed(clock, placement, now)
        if clock.contacted_at is None:
            self._gave_back(lead, handle, now)
        self._take(lead, placement, after, roster, now, passed_by=handle, given_by=handle)
        self.give_waiting(now)
        return None

    def _gave_back(self, lead: FloorLead, handle: str, now: datetime) -> None:
        """The rep gives back what they have not contacted: who claimed it passes it over, in a queue as long as they have a skip left."""
        limit, standing = self.book.policy.fair_play.skip_at_most, self.reps[handle].standing
        lead.had_at[handle] = now
        if lead.clock.claimed_at is None or fairplay.skip_left_after(standing, limit):
            lead.behind_at[handle] = now

    def end(self, lead_id: str, handle: str, state: str, now: datetime) -> Refusal | None:
        """The rep converts or retires a lead."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, state, now)
        if refusal is None:
            self.reps[handle].ended.append((now, state == "converted"))
            if state == "converted":
                self._earn(lead, handle, "convert", now)
            self._keep(lead, consequences.ended(lead.clock, state), now)
            self.give_waiting(now)
        return refusal

    def skip(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """The rep looked at a waiting lead and passed on."""
        lead, rep = self.leads[lead_id], self.reps[handle]
        if lead.clock.state != "pooled":
            return Refusal((Reason("not_waiting"),), remedy=Reason("choose_another"))
        refusal = judge.may_skip(self.book, rep.standing)
        if refusal is None:
            rep.standing = counters.after(rep.standing, counters.Skipped())
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
            rep.standing = counters.after(rep.standing, counters.Skipped())
            lead.opened_at[handle] = now
            lead.version += 1
        return refusal

    def assign(self, lead_id: str, handle: str, now: datetime) -> Refusal | None:
        """A manager gives a lead to a rep by name."""
        lead = self.leads[lead_id]
        refusal = judge.may_move(lead.clock, "assigned")
        if refusal is not None:
            return refusal
        placement = Placement(Assigned(handle), self._due_when_owned(lead, handle, now), ())
        after = consequences.placed(lead.clock, placement, now, by_hand=True)
        self._take(lead, placement, after, self.roster(now), now)
        return None

    def return_to_pool(self, lead_id: str, pool: str, now: datetime) -> Refusal | None:
        """A manager sends a lead from review to a pool, where its wait begins anew."""
        lead = self.leads[lead_id]
        refusal = judge.may_move(lead.clock, "returned")
        if refusal is None:
            side = side_in(self.book, pool, lead.clock)
            due = due_in_pool(self.book, pool, now, 0, now, lead.facts.rank, side)
            placement = Placement(InPool(pool, since=now), due, (), side=side)
            after = consequences.placed(lead.clock, placement, now, by_hand=side != lead.clock.side)
            self._take(lead, placement, after, self.roster(now), now)
        return refusal

    def retire(self, lead_id: str, now: datetime) -> Refusal | None:
        """A manager gives up a lead, whoever has it, or nobody. It counts in the record of who has it."""
        lead = self.leads[lead_id]
        refusal = judge.may_move(lead.clock, "retired")
        if refusal is None:
            if lead.clock.owner is not None:
                self.reps[lead.clock.owner].ended.append((now, False))
            self._keep(lead, consequences.ended(lead.clock, "retired"), now)
            self.give_waiting(now)
        return refusal

    def nurture(self, lead_id: str, handle: str, now: datetime, sequence: str | None = None) -> Refusal | None:
        """The rep takes a lead away from sales for now."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "nurtured", now)
        if refusal is None:
            side = "marketing" if self.book.policy.qualify.ready is not None else lead.clock.side
            case = route.Case.of(self.book, lead.facts, lead.account, lead.clock, now, self._seed(lead))
            case = case.on(side)  # type: ignore[arg-type]
            given = route.nurtured(case, sequence or True, self.roster(now), None)
            placement = replace(placement_of(case, given), side=side)  # type: ignore[arg-type]
            after = consequences.placed(lead.clock, placement, now, by_hand=True)
            self._take(lead, placement, after, given.roster, now, given_by=handle)
            self.give_waiting(now)
        return refusal

    def reopen(self, lead_id: str, now: datetime, handle: str | None = None) -> Refusal | None:
        """A lead that was given up comes back, by the rep who had it or, without a ``handle``, by a manager: placed as if it had just come.
        It counts in nobody's record any more. Whose own doing that is has given it back, where they had not contacted it."""
        lead = self.leads[lead_id]
        refusal = self._may(lead, handle, "reopened", now) if handle else judge.may_move(lead.clock, "reopened")
        if refusal is not None:
            return refusal
        old = lead.clock
        clock = LeadClock(id=old.id, state="new", received_at=old.received_at)
        placement, roster = route.place(
            self.book, lead.facts, lead.account, clock, self.roster(now), now, self._seed(lead)
        )
        if isinstance(placement.to, Retired):
            because = next(
                one for one in placement.reasons if one.code in {"must_not_contact", "no_consent", "not_ready"}
            )
            return Refusal((because,), remedy=Reason("choose_another"))
        if old.owner is not None and lead.ended_at is not None:
            self.reps[old.owner].ended.remove((lead.ended_at, False))
        lead.ended_at = None
        after = replace(consequences.placed(clock, placement, now), passed_over=old.passed_over)
        gives_back = handle if handle is not None and old.contacted_at is None else None
        if gives_back is not None:
            self._gave_back(lead, gives_back, now)
        self._take(lead, placement, after, roster, now, passed_by=gives_back, given_by=handle)
        return None

    def tick(self, now: datetime) -> int:
        """Time does its part, and who can be given a lead now gets the longest waiting, before and after; returns how many leads moved,
        or were warned of."""
        given = self.give_waiting(now)
        due = [lead for lead in self.leads.values() if lead.clock.due_at is not None and lead.clock.due_at <= now]
        due.sort(key=lambda lead: (lead.clock.due_at or now, lead.clock.id))
        return given + sum(self._on_time(lead, now) for lead in due) + self.give_waiting(now)

    def follow(self, book: Rulebook, digest: str, now: datetime) -> None:
        """Another policy comes into force: what it wants done sooner is due sooner, and where its tiers are others, reps are looked at."""
        before, self.book, self.digest = self.book.policy, book, digest
        for lead in self.leads.values():
            marketings = due_of_marketing(book, lead.clock, lead.facts.rank, now, there=lead.clock.state not in HELD)
            asked = lead.clock.lock_expires_at is None and lead.clock.state not in ENDED
            due = self._due_waiting(lead, now) or self._alone_at(lead, before, now)
            due = sooner(due, marketings if asked else None)
            if due is not None and (lead.clock.due_at is None or due.at < lead.clock.due_at):
                lead.clock = replace(lead.clock, due_at=due.at, due_for=due.why)
            mailed = lead.clock.state == "nurture" and lead.clock.sequence is not None
            asked_later = lead.clock.due_at is None or lead.clock.due_at > now
            if mailed and asked_later and book.policy.nurture.sequences != before.nurture.sequences:
                lead.clock = replace(lead.clock, due_at=now, due_for="mail")
        if (book.policy.tiers, book.policy.tiering) != (before.tiers, before.tiering):
            self.retier(now)

    def _alone_at(self, lead: FloorLead, before: Policy, now: datetime) -> Due | None:
        """When a lead that was left alone is to be looked at by the policy in force, if its rules for these are others."""
        clock, idle = lead.clock, self.book.policy.idle
        first_contact = clock.state == "owned" and (clock.lock_expires_at is not None or clock.sla_at is not None)
        if not idle or idle == before.idle or clock.state not in {"owned", "working"} or first_contact:
            return None
        since = clock.acted_at or clock.contacted_at or clock.received_at or now
        return Due(max(since + min(rule.after * (rule.warn or 1) for rule in idle), now), "idle")

    def _due_waiting(self, lead: FloorLead, now: datetime) -> Due | None:
        """When a lead that waits is to be looked at by the policy in force."""
        clock, rank = lead.clock, lead.facts.rank
        since = clock.waiting_since or now
        if clock.state == "pooled":
            return due_in_pool(self.book, clock.pool or "", since, clock.escalated, now, rank, clock.side)
        return due_when_stale(self.book, rank, since, now) if clock.state == "nurture" else None

    # What happens to reps.

    def retier(self, now: datetime) -> dict[str, Reason]:
        """Look at every rep's tier, for whom it is a new day; returns why those moved who did."""
        moved = {}
        for handle, rep in self.reps.items():
            closed, converted = rep.record(now, self.book.policy.tiering.over)
            facts = with_record(rep.facts, closed, converted)
            answer = tiers.retier(self.book, rep.tier, facts, self._today(handle, now))
            if answer.state != rep.tier:
                rep.tier, rep.closed, rep.converted = answer.state, closed, converted
            if answer.reason is not None:
                moved[handle] = answer.reason
        return moved

    def count_results(self, now: datetime) -> None:
        """Count how reps' leads ended lately, where the policy chooses by that."""
        rules, counts = self.book.policy.best_match, dict[str, dict[str, Count]]()
        for lead in self.leads.values() if self.book.uses.best_match else ():
            owner, at = lead.clock.owner, lead.ended_at
            if owner is None or at is None or at <= now - rules.over or not self.reps[owner].facts.active:
                continue
            of_kind = counts.setdefault(kind_of(rules.kinds, lead.facts), {})
            closed, converted = of_kind.get(owner, (0, 0))
            of_kind[owner] = closed + 1, converted + (lead.clock.state == "converted")
        self.results = Results(counts)

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
        rep.standing = counters.after(rep.standing, counters.FloorLooked(look.period))
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
