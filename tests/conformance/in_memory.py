"""The store in memory that a day is played on: the simulation's floor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from dibs.crm.arrival import MEANT
from dibs.distribution import (
    assessing,
    policies,
)
from dibs.distribution.hours import working_hours
from dibs.engine import consequences
from dibs.engine.claim import may_act, may_move, sight
from dibs.engine.decision import Reason, Refusal
from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts
from dibs.engine.lifecycle import ENDED, HELD
from dibs.engine.tiers import TierState
from dibs.simulation.floor import Floor, FloorRep
from tests.conformance.days import Happening
from tests.conformance.drawn import TEAMS, Person
from tests.conformance.live import CLOCK
from tests.making import MONDAY

#: Refusals after which "next" tries the next lead in line.
ABOUT_THIS_LEAD = {"already_claimed", "not_claimable", "reclaim_too_soon", "not_the_head", "not_in_your_tier"}

NAMED = AccountFacts(name="Named", domain="named.example", owner="carmen")


class InMemory:
    """The floor. ``refusal``: the last act's, in full."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.refusal: Refusal | None = None
        self.ids: list[str] = []
        self.named = NAMED
        #: How what converted leads became stands: ``open``, ``won`` or ``lost``.
        self.deals: dict[str, str] = {}
        #: When a rep assessed a lead, and with which answers.
        self.assessed: dict[tuple[str, str, str], datetime] = {}

    @classmethod
    def of(cls, active: policies.Active, teams: dict[str, list[str]]) -> InMemory:
        handles = sorted({handle for members in teams.values() for handle in members})
        reps = [
            FloorRep(RepFacts(handle), teams=frozenset(team for team, members in teams.items() if handle in members))
            for handle in handles
        ]
        return cls(Floor(active.book, active.digest, reps, teams))

    @classmethod
    def with_people(cls, active: policies.Active, people: Sequence[Person]) -> InMemory:
        """With reps who keep hours, in the order in which they joined their teams; the first of them has the named account."""
        reps = [
            FloorRep(
                RepFacts(
                    person.handle,
                    hours=working_hours(person.timezone, person.hours, person.country, today=MONDAY.date()),
                    country=person.country or None,
                    languages=person.languages,
                ),
                timezone=person.timezone,
                teams=frozenset(person.teams),
            )
            for person in people
        ]
        teams = {team: [person.handle for person in people if team in person.teams] for team in TEAMS}
        store = cls(Floor(active.book, active.digest, reps, teams))
        store.named = replace(NAMED, owner=people[0].handle)
        return store

    def is_available(self, handle: str, available: bool) -> None:
        """The rep's own switch."""
        rep = self.floor.reps[handle]
        rep.facts = replace(rep.facts, available=available)

    def arrive(self, happening: Happening, lead_id: UUID) -> str:
        self.ids.append(str(lead_id))
        facts = LeadFacts(received_at=happening.at, **happening.facts)
        account = self.named if facts.domain == self.named.domain else None
        self.floor.place(str(lead_id), facts, account, happening.at)
        return "placed"

    def do(self, happening: Happening) -> str:
        self.refusal = None
        floor, at, rep = self.floor, happening.at, happening.rep
        if happening.act == "tick":
            return "moved" if floor.tick(at) > 0 else "still"
        if happening.act == "retier":
            return f"{len(floor.retier(at))} moved"
        if happening.act == "floors":
            return f"{len(floor.look_at_floors(at))} looked at"
        if happening.act == "results":
            floor.count_results(at)
            return "counted"
        if happening.act == "next":
            return self._next(rep, happening.pool, at)
        lead_id = self.ids[happening.lead]
        if happening.act == "claim":
            answer = floor.claim(lead_id, rep, at)
            if not isinstance(answer, Refusal):
                return "claimed"
            # What a rep may not know of, the live service does not refuse: to the rep it is not there.
            clock, teams = floor.leads[lead_id].clock, floor.reps[rep].teams
            in_sight = sight(floor.book, floor.roster(at).reps[rep], teams, clock.pool or "").level != "none"
            return self._no(answer) if clock.owner == rep or in_sight else "unseen"
        if happening.act == "enrich":
            floor.enrich(lead_id, happening.facts, at)
            return "done"
        if happening.act in {"touch", "answer", "refuse"}:
            return self._learns(lead_id, happening)
        if happening.act == "consent":
            return self._consents(lead_id, happening)
        if happening.act in {"win", "lose", "go_on"}:
            return self._deals(lead_id, happening.act)
        if happening.act == "merge":
            return self._merge(lead_id, self.ids[happening.facts["other"]], at)
        if happening.act == "assess":
            given = (lead_id, rep, json.dumps(happening.facts, sort_keys=True))
            before = self.assessed.get(given)
            if before is not None and before > at - assessing.TWICE:
                # A button pressed twice.
                refusal = floor._may(floor.leads[lead_id], rep, "contacted", at)
                return self._no(refusal) if refusal else "done"
            try:
                refusal = floor.assess(lead_id, rep, happening.facts["template"], happening.facts["answers"], at)
            except LookupError:
                return "unknown"
            if refusal is None:
                self.assessed[given] = at
        elif happening.act == "reopen":
            refusal = floor.reopen(lead_id, at, rep or None)
        elif happening.act == "give_up":
            refusal = floor.retire(lead_id, at)
        elif happening.act == "return_to_pool":
            refusal = floor.return_to_pool(lead_id, happening.pool, at)
        elif happening.act in {"convert", "retire"}:
            refusal = floor.end(lead_id, rep, "converted" if happening.act == "convert" else "retired", at)
            if refusal is None and happening.act == "convert":
                self.deals[lead_id] = "open"
            if refusal is None and happening.facts.get("why") == "do_not_contact":
                self._refuses(lead_id)
        elif happening.act == "nurture":
            sequence = happening.facts.get("sequence")
            if sequence is not None and sequence not in floor.book.policy.nurture.sequences:
                lead = floor.leads[lead_id]
                refusal = floor._may(lead, rep, "nurtured", at)
                return self._no(refusal) if refusal else "unknown"
            refusal = floor.nurture(lead_id, rep, at, sequence)
        else:
            refusal = getattr(floor, happening.act)(lead_id, rep, at)
        return self._no(refusal) if refusal else "done"

    def _learns(self, lead_id: str, happening: Happening) -> str:
        """A lead's person does something, or refuses all contact; or who has the lead answers the standard questions."""
        floor, lead, at = self.floor, self.floor.leads[lead_id], happening.at
        open_still = lead.clock.state not in ENDED
        if happening.act == "touch":
            if open_still:
                column = {"page": "pages", "open": "opens"}.get(kind := happening.facts["kind"], "touches")
                count = (getattr(lead.facts, column) or 0) + 1
                lead.clock = consequences.touched(lead.clock, at) if lead.clock.state in HELD else lead.clock
                floor.enrich(lead_id, {column: count}, at, answered=kind in MEANT)
            return "done"
        if happening.act == "refuse":
            already = lead.facts.do_not_contact is True
            self._refuses(lead_id)
            if open_still and not already:
                floor.enrich(lead_id, {"do_not_contact": True}, at)
            return "done"
        given = happening.facts["answers"]
        refusal = may_move(lead.clock, "answered") if not open_still else may_act(lead.clock, happening.rep, True, at)
        if refusal is not None:
            return self._no(refusal)
        known = replace(lead.facts, answers={**lead.facts.answers, **given})
        asked = dict(floor.book.asked(known, lead.account, at))
        if any(name not in asked or answer not in asked[name].answers for name, answer in given.items()):
            return "unknown"
        if known.answers != lead.facts.answers:
            floor.enrich(lead_id, {"answers": given}, at)
        return "done"

    def _consents(self, lead_id: str, happening: Happening) -> str:
        """Who has the lead writes down what its person agreed to; to withdraw that is to refuse all contact."""
        lead, given = self.floor.leads[lead_id], happening.facts["given"]
        refusal = may_move(lead.clock, "enriched") if lead.clock.state in ENDED else None
        refusal = refusal or may_act(lead.clock, happening.rep, True, happening.at)
        if refusal is not None:
            return self._no(refusal)
        facts = {"consent": given} | ({} if given else {"do_not_contact": True})
        self.floor.enrich(lead_id, facts, happening.at)
        return "done"

    def _deals(self, lead_id: str, act: str) -> str:
        """What becomes of the opportunity stands in its lead's story, and changes nothing else."""
        is_open = self.deals[lead_id] == "open"
        if is_open == (act == "go_on"):
            reason, remedy = (
                (Reason("opportunity_open"), "look_again")
                if is_open
                else (Reason("opportunity_ended", {"ended": self.deals[lead_id]}), "reopen_first")
            )
            return self._no(Refusal((reason,), remedy=Reason(remedy)))
        self.deals[lead_id] = {"win": "won", "lose": "lost", "go_on": "open"}[act]
        self.floor.leads[lead_id].version += 1
        return "done"

    def _merge(self, kept_id: str, gone_id: str, now: datetime) -> str:
        """One lead takes what it lacks of another, which ends in nobody's name."""
        floor = self.floor
        kept, gone = floor.leads[kept_id], floor.leads[gone_id]
        lacked = {
            name: theirs
            for name in (
                "employees",
                "country",
                "language",
                "deal_value",
                "domain",
                "assessment",
                "assessed",
                "consent",
            )
            if getattr(kept.facts, name) is None and (theirs := getattr(gone.facts, name)) is not None
        }
        lacked |= {
            name: (getattr(kept.facts, name) or 0) + count
            for name in ("pages", "opens")
            if (count := getattr(gone.facts, name)) is not None
        }
        lacked["touches"] = (kept.facts.touches or 1) + (gone.facts.touches or 1)
        lacked["answers"] = {**gone.facts.answers, **kept.facts.answers}
        lacked |= {"do_not_contact": True} if gone.facts.do_not_contact else {}
        lacked |= {"consent": False} if gone.facts.consent is False else {}
        floor.enrich(kept_id, lacked, now)
        ended = replace(consequences.ended(gone.clock, "merged"), by_hand=False, sla_at=None, warned=False, awaits=None)
        floor._keep(gone, ended, now)
        gone.clock, gone.ended_at = replace(gone.clock, owner=None), None
        return "done"

    def _refuses(self, lead_id: str) -> None:
        """The lead's person is on the list from now on."""
        lead = self.floor.leads[lead_id]
        if lead.clock.state in ENDED:
            lead.facts = replace(lead.facts, do_not_contact=True)

    def _next(self, handle: str, pool: str, now: datetime) -> str:
        """What `claiming.claim_next` does, lead by lead."""
        floor = self.floor
        rep = floor.reps[handle]
        if sight(floor.book, floor.roster(now).reps[handle], rep.teams, pool).level == "none":
            return "unseen"
        floor._take_back(now, lambda lead: lead.clock.pool == pool)
        refused: Refusal | None = None
        for lead in floor._line_for(rep, pool, now):
            answer = floor.claim(lead.clock.id, handle, now)
            if not isinstance(answer, Refusal):
                return f"claimed {lead.clock.id}"
            if answer.code not in ABOUT_THIS_LEAD:
                return self._no(answer)
            refused = refused or answer
        return self._no(refused) if refused is not None and refused.code == "reclaim_too_soon" else "empty"

    def _no(self, refusal: Refusal) -> str:
        self.refusal = refusal
        return refusal.code

    def leads(self) -> dict[str, tuple[Any, ...]]:
        return {
            lead_id: (*(getattr(lead.clock, name) for name in CLOCK), lead.facts.score, lead.facts.rank, lead.version)
            for lead_id, lead in self.floor.leads.items()
        }

    def switches(self) -> dict[str, bool]:
        """Who can be given leads, as far as their own switch says."""
        return {handle: rep.facts.available for handle, rep in self.floor.reps.items()}

    def standings(self) -> dict[str, Any]:
        return {handle: rep.standing for handle, rep in self.floor.reps.items()}

    def tiers(self) -> dict[str, tuple[TierState, int, int]]:
        """Each rep's tier, and how many leads they had ended and converted when it was looked at."""
        return {handle: (rep.tier, rep.closed, rep.converted) for handle, rep in self.floor.reps.items()}

    def credits(self) -> set[tuple[Any, ...]]:
        """Every credit: rep, lead, what for, points, when."""
        assert len(self.floor.earned) == len({credit[:3] for credit in self.floor.earned})
        return {tuple(credit) for credit in self.floor.earned}

    def turns(self) -> dict[tuple[str, str], float]:
        return {(team, handle): turn for team, turns in self.floor.passes.items() for handle, turn in turns.items()}
