"""A workspace on PostgreSQL and a floor in memory, to which Hypothesis does the same things until they differ.

After every step the two are compared whole, and what must hold whatever happened is asked of the rows themselves (``invariants``).
A failure prints the steps that lead to it; ``derandomize`` makes them the same in every run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dibs.crm.models import Account
from dibs.distribution import policies
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.conformance import drawn
from tests.conformance.days import Act, Happening
from tests.conformance.in_memory import NAMED, InMemory
from tests.conformance.invariants import HELD, Floor, Lead, Past, assert_true_of_all, forget, log_since, tier_of
from tests.conformance.live import Live
from tests.conformance.looking import look_around
from tests.making import make_rep, make_team, make_workspace

#: A Monday morning, a Friday evening, and the night in which New Zealand's clocks go back.
STARTS = (
    datetime(2026, 3, 2, 7, 0, tzinfo=UTC),
    datetime(2026, 3, 6, 20, 0, tzinfo=UTC),
    datetime(2026, 4, 4, 11, 30, tzinfo=UTC),
)
#: One of those there are, whatever their number.
_nth = st.integers(0, 40)
_rep = st.sampled_from(drawn.HANDLES)


class TwoWorlds(RuleBasedStateMachine):
    """What is done to the service is done to the floor."""

    def __init__(self) -> None:
        super().__init__()
        self.workspace: Any = None
        self.ids = Random(7)  # ties break by the lead's id

    # -- beginning and end ----------------------------------------------------------------------------------------------

    @initialize(
        policy=drawn.policies(),
        people=drawn.people(),
        start=st.sampled_from(STARTS),
        early=st.lists(drawn.lead_facts, min_size=2, max_size=6),
    )
    def begins(
        self,
        policy: dict[str, Any],
        people: tuple[drawn.Person, ...],
        start: datetime,
        early: list[dict[str, Any]],
    ) -> None:
        self.now, self.people, self.policy = start, {person.handle: person for person in people}, policy
        self.workspace = make_workspace()
        for slug in drawn.TEAMS:
            make_team(self.workspace, slug)
        for person in people:
            make_rep(
                self.workspace,
                person.handle,
                teams=person.teams,
                timezone=person.timezone,
                country=person.country,
                languages=list(person.languages),
                hours=person.hours,
            )
        owner = Rep.objects.get(workspace=self.workspace, handle=people[0].handle)
        Account.objects.create(workspace=self.workspace, name=NAMED.name, domain=NAMED.domain, owner=owner)
        self.live = Live(self.workspace)
        active = self._publish(policy)
        self.memory = InMemory.with_people(active, people)
        self.memory.floor.retier(self.now)
        self.past = Past(published_at=start)
        for facts in early:
            self._arrive(facts)

    def teardown(self) -> None:
        if self.workspace is not None:
            try:
                assert_true_of_all(self.workspace.id)
            finally:
                forget(self.workspace.id)

    # -- leads ----------------------------------------------------------------------------------------------------------

    @rule(facts=drawn.lead_facts)
    def a_lead_arrives(self, facts: dict[str, Any]) -> None:
        self._arrive(facts)

    @precondition(lambda self: self.memory.ids)
    @rule(nth=_nth, facts=drawn.later_facts)
    def more_is_known_of_a_lead(self, nth: int, facts: dict[str, Any]) -> None:
        self._do("enrich", lead=self._one_of(list(range(len(self.memory.ids))), nth), facts=facts)

    @precondition(lambda self: self.memory.ids)
    @rule(nth=_nth, kind=st.sampled_from(["page", "page", "open", "mail", "call"]))
    def its_person_does_something(self, nth: int, kind: str) -> None:
        self._do("touch", lead=self._one_of(list(range(len(self.memory.ids))), nth), facts={"kind": kind})

    @precondition(lambda self: len(self.memory.ids) > 2)
    @rule(nth=_nth)
    def its_person_refuses_all_contact(self, nth: int) -> None:
        self._do("refuse", lead=nth % len(self.memory.ids))

    @precondition(lambda self: self._held())
    @rule(nth=_nth, given=st.booleans())
    def a_rep_writes_down_what_their_person_consents_to(self, nth: int, given: bool) -> None:
        self._with_their_own(self._held(), nth, "consent", {"given": given})

    @precondition(lambda self: len(self._open()) > 1)
    @rule(nth=_nth, other=_nth)
    def a_manager_finds_two_to_be_one_person(self, nth: int, other: int) -> None:
        leads = self._open()
        kept = self._one_of(leads, nth)
        rest = [lead for lead in leads if lead != kept and self._belongs_as(kept, lead)]
        if rest:
            self._do("merge", lead=kept, facts={"other": self._one_of(rest, other)})

    @precondition(lambda self: self._of("retired"))
    @rule(nth=_nth)
    def a_manager_has_one_come_back(self, nth: int) -> None:
        self._do("reopen", lead=self._one_of(self._of("retired"), nth))

    @precondition(lambda self: self._given_up())
    @rule(nth=_nth)
    def a_rep_has_one_of_theirs_come_back(self, nth: int) -> None:
        self._with_their_own(self._given_up(), nth, "reopen")

    # -- reps -----------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._waiting())
    @rule(rep=_rep, nth=_nth)
    def a_rep_claims_what_is_in_sight(self, rep: str, nth: int) -> None:
        rep = self._known(rep)
        self._do("claim", rep, self._one_of(self._in_sight(rep) or self._waiting(), nth))

    @precondition(lambda self: self._waiting())
    @rule(rep=_rep, nth=_nth)
    def a_rep_claims_the_next(self, rep: str, nth: int) -> None:
        rep = self._known(rep)
        pools = [pool for pool in self.policy["pools"] if self._rules().level(rep, pool) != "none"] or drawn.POOLS
        self._do("next", rep, pool=pools[nth % len(pools)])

    @precondition(lambda self: self._waiting())
    @rule(rep=_rep, nth=_nth, act=st.sampled_from(["skip", "open", "open"]))
    def a_rep_looks_closer_or_passes_on(self, rep: str, nth: int, act: Act) -> None:
        rep = self._known(rep)
        self._do(act, rep, self._one_of(self._in_sight(rep) or self._waiting(), nth))

    @precondition(lambda self: self._held())
    @rule(nth=_nth, act=st.sampled_from(["contact", "contact", "contact", "release", "convert", "retire"]))
    def a_rep_works_on_their_own(self, nth: int, act: Act) -> None:
        self._with_their_own(self._held(), nth, act)

    @precondition(lambda self: self._held())
    @rule(nth=_nth, answers=drawn.answers)
    def a_rep_asks_the_standard_questions(self, nth: int, answers: dict[str, str]) -> None:
        self._with_their_own(self._held(), nth, "answer", {"answers": answers})

    @precondition(lambda self: self._held("owned", "working"))
    @rule(nth=_nth, need=st.sampled_from(["none", "some", "much"]))
    def a_rep_assesses_one(self, nth: int, need: str) -> None:
        facts = {"template": "call", "answers": {"need": need}}
        self._with_their_own(self._held("owned", "working"), nth, "assess", facts)

    @precondition(lambda self: self._held())
    @rule(nth=_nth, sequence=st.sampled_from([None, "course", "other"]))
    def a_rep_takes_one_away_from_sales(self, nth: int, sequence: str | None) -> None:
        self._with_their_own(self._held(), nth, "nurture", {"sequence": sequence})

    @precondition(lambda self: self._held())
    @rule(nth=_nth, why=st.sampled_from(["not_a_fit", "do_not_contact"]))
    def a_rep_gives_one_up_for_a_reason(self, nth: int, why: str) -> None:
        self._with_their_own(self._held(), nth, "retire", {"why": why})

    @precondition(lambda self: self._of("converted"))
    @rule(nth=_nth, act=st.sampled_from(["win", "lose", "lose", "go_on"]))
    def a_rep_brings_an_opportunity_to_an_end(self, nth: int, act: Act) -> None:
        self._with_their_own(self._of("converted"), nth, act)

    @precondition(lambda self: self._held("offered"))
    @rule(nth=_nth, act=st.sampled_from(["accept", "accept", "reject"]))
    def a_rep_answers_an_offer(self, nth: int, act: Act) -> None:
        self._with_their_own(self._held("offered"), nth, act)

    @precondition(lambda self: self.memory.ids)
    @rule(
        rep=_rep,
        nth=_nth,
        act=st.sampled_from(["claim", "open", "skip", "contact", "release", "accept", "reject", "convert", "retire"]),
    )
    def anybody_tries_anything(self, rep: str, nth: int, act: Act) -> None:
        self._do(act, self._known(rep), nth % len(self.memory.ids))

    # -- managers -------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._of("review") or len(self._held()) > 3)
    @rule(rep=_rep, nth=_nth)
    def a_manager_assigns(self, rep: str, nth: int) -> None:
        self._do("assign", self._known(rep), self._one_of(self._of("review") or self._held(), nth))

    @precondition(lambda self: self._of("review"))
    @rule(nth=_nth)
    def a_manager_sends_one_back_to_a_pool(self, nth: int) -> None:
        pools = list(self.policy["pools"])
        self._do("return_to_pool", lead=self._one_of(self._of("review"), nth), pool=pools[nth % len(pools)])

    @precondition(lambda self: self.memory.ids)
    @rule(nth=_nth)
    def a_manager_gives_one_up(self, nth: int) -> None:
        self._do("give_up", lead=nth % len(self.memory.ids))

    # -- time -----------------------------------------------------------------------------------------------------------

    @rule(step=drawn.steps)
    def time_goes_on(self, step: timedelta) -> None:
        self.now += step

    @precondition(lambda self: self._dues())
    @rule(nth=_nth, off=st.sampled_from([-1, 0, 0, 1]))
    def time_goes_on_to_where_something_is_due(self, nth: int, off: int) -> None:
        dues = self._dues()
        self.now = max(self.now, dues[nth % len(dues)] + timedelta(seconds=off))

    @rule(act=st.sampled_from(["tick", "tick", "retier", "floors", "results"]))
    def the_worker_comes_by(self, act: Act) -> None:
        self._do(act)

    @precondition(lambda self: any(due <= self.now for due in self._dues()))
    @rule()
    def the_worker_ticks_until_nothing_is_due(self) -> None:
        for _ in range(30):
            self._do("tick")
            if not any(due <= self.now for due in self._dues()):
                self._rules().check_nothing_waits_too_long(self._leads())
                return
        raise AssertionError("time goes round and round")

    # -- operations -----------------------------------------------------------------------------------------------------

    @rule(policy=drawn.policies())
    def another_policy_is_published(self, policy: dict[str, Any]) -> None:
        active = self._publish(policy)
        self.policy, self.past.published_at = policy, self.now
        self.past.policies += 1
        self.memory.floor.follow(active.book, active.digest, self.now)

    @rule(rep=_rep, available=st.booleans())
    def a_rep_is_there_or_not(self, rep: str, available: bool) -> None:
        if rep in self.people:
            enter(self.workspace.id)
            Rep.objects.filter(handle=rep).update(available=available)
            self.memory.is_available(rep, available)

    # -- looking --------------------------------------------------------------------------------------------------------

    @rule(rep=_rep)
    def a_rep_looks_at_everything(self, rep: str) -> None:
        rep = self._known(rep)
        enter(self.workspace.id)
        look_around(self._rules(), self._leads(), rep, self.live.callers[rep])

    # -- what must be so ------------------------------------------------------------------------------------------------

    @invariant()
    def the_two_agree(self) -> None:
        enter(self.workspace.id)
        standings, tiers = self.live.standings(), self.live.tiers()
        for memory, live in (
            (self.memory.leads(), self.live.leads()),
            (
                {handle: standing for handle, standing in self.memory.standings().items() if handle in standings},
                standings,
            ),
            ({handle: tier for handle, tier in self.memory.tiers().items() if handle in tiers}, tiers),
            (self.memory.turns(), self.live.turns()),
            (self.memory.credits(), self.live.credits()),
            (self.memory.switches(), self.live.switches()),
        ):
            assert memory == live, _differences(memory, live)
        rules, leads = self._rules(), self._leads()
        rules.check_waiting(leads)
        rules.check_standings(leads, standings)

    # -- how ------------------------------------------------------------------------------------------------------------

    def _publish(self, policy: dict[str, Any]) -> policies.Active:
        note(json.dumps(policy))
        enter(self.workspace.id)
        policies.publish(self.workspace.id, json.dumps(policy), by=None, now=self.now)
        active = policies.active(self.workspace.id)
        assert active is not None
        return active

    def _arrive(self, facts: dict[str, Any]) -> None:
        lead_id = UUID(int=self.ids.getrandbits(128), version=4)
        happening = Happening(self.now, "arrive", facts=facts | drawn.canaries_of(len(self.memory.ids)))
        rules, before = self._rules(), self._leads()
        enter(self.workspace.id)
        self.memory.arrive(happening, lead_id)
        self.live.arrive(happening, lead_id)
        self._happened(rules, before, happening)

    def _do(
        self, act: Act, rep: str = "", lead: int = 0, pool: str = "", facts: Mapping[str, Any] | None = None
    ) -> None:
        happening = Happening(self.now, act, lead=lead, rep=rep, pool=pool, facts=facts or {})
        rules, before = self._rules(), self._leads()
        enter(self.workspace.id)
        told = self.memory.do(happening), self.live.do(happening)
        note(f"{self.now:%a %H:%M:%S} {rep} {act} {lead} {pool}: {told[0]}")
        assert told[0] == told[1], (happening, *told)
        assert self.memory.refusal == self.live.refusal, (happening, self.memory.refusal, self.live.refusal)
        self._happened(rules, before, happening)

    def _happened(self, rules: Floor, before: dict[str, Lead], happening: Happening) -> None:
        """Ask of what happened whether it may have, and remember it."""
        after = self._leads()
        log = log_since(self.workspace.id, before)
        rules.check_log(log, before, after, by_name=happening.act == "assign")
        for entry in rules.remember(log, before, after):
            if entry.kind == "claimed":
                assert entry.rep is not None
                rules.check_claim(entry.rep, entry.lead, before, after)
            elif entry.kind in {"skipped", "opened"}:
                assert entry.rep is not None
                rules.check_look(entry.rep, before)

    def _rules(self) -> Floor:
        """What is so before a step."""
        roster = self.memory.floor.roster(self.now)
        tiers = {handle: tier_of(self.policy, roster.reps[handle]) for handle in self.people}
        return Floor(self.policy, self.people, tiers, self.past, self.now)

    def _leads(self) -> dict[str, Lead]:
        return {
            lead_id: Lead(lead.facts, lead.clock, lead.version) for lead_id, lead in self.memory.floor.leads.items()
        }

    def _with_their_own(self, leads: list[int], nth: int, act: Act, facts: Mapping[str, Any] | None = None) -> None:
        lead = self._one_of(leads, nth)
        owner = self.memory.floor.leads[self.memory.ids[lead]].clock.owner
        assert owner is not None
        self._do(act, owner, lead, facts=facts)

    def _known(self, rep: str) -> str:
        """This rep, or the first where there is none such."""
        return rep if rep in self.people else next(iter(self.people))

    def _waiting(self) -> list[int]:
        """The leads that can be claimed: in a pool, or under a lock that has run out."""
        leads = self._leads()
        return [n for n, lead_id in enumerate(self.memory.ids) if leads[lead_id].waits(self.now)]

    def _in_sight(self, rep: str) -> list[int]:
        """Those of them that the rep can see."""
        rules, leads = self._rules(), self._leads()
        return [n for n in self._waiting() if rules.shows(leads, self.memory.ids[n], rep) is not None]

    def _held(self, *states: str) -> list[int]:
        return self._of(*(states or HELD))

    def _of(self, *states: str) -> list[int]:
        leads = self.memory.floor.leads
        return [n for n, lead_id in enumerate(self.memory.ids) if leads[lead_id].clock.state in states]

    def _open(self) -> list[int]:
        return self._of("pooled", "review", "nurture", *HELD)

    def _belongs_as(self, kept: int, gone: int) -> bool:
        """Whether what is kept belongs to no account by the merge that it did not belong to before."""
        one, other = (self.memory.floor.leads[self.memory.ids[n]] for n in (kept, gone))
        return one.account is not None or other.account is None

    def _given_up(self) -> list[int]:
        """Retired leads in the name of the rep who had them."""
        leads = self.memory.floor.leads
        return [n for n in self._of("retired") if leads[self.memory.ids[n]].clock.owner is not None]

    def _dues(self) -> list[datetime]:
        return sorted({lead.clock.due_at for lead in self.memory.floor.leads.values() if lead.clock.due_at})

    @staticmethod
    def _one_of(leads: list[int], nth: int) -> int:
        """Late leads are wanted most, as in life."""
        return leads[-1 - nth % len(leads)]


def _differences(memory: Any, live: Any) -> str:
    """What the floor has and the service has not, and the other way round."""
    if isinstance(memory, set):
        return f"on the floor alone: {memory - live}; in the service alone: {live - memory}"
    told = {key: (memory.get(key), live.get(key)) for key in {*memory, *live} if memory.get(key) != live.get(key)}
    return "; ".join(f"{key}: on the floor {mine}, in the service {its}" for key, (mine, its) in told.items())
