"""Time that runs out: told first, then done; and what a manager gave by hand is told of and left."""

from __future__ import annotations

from textwrap import dedent
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.arrival import Enrichment
from dibs.crm.models import Lead
from dibs.delivery.models import Notice, Outbox
from dibs.distribution import acting
from dibs.distribution.models import Decision, PassedOver, RepEntry, Standing
from dibs.distribution.placing import enrich, place
from dibs.distribution.presence import switch
from dibs.distribution.ticking import tick
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import after
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace, publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: In time
qualify: {score: [{when: 'lead.employees >= 100', add: 80}]}
route:
  - {name: Hot, when: 'lead.rank == "hot"', push: {team: closers}}
  - {name: Offer, when: 'lead.source == "offer"', push: {team: closers, accept_within: 5m}, fallback: {review: managers}}
  - {name: Rest, push: {team: closers}}
availability: {away_after: 2}
sla:
  - {first_contact: 30m, warn: 50%, when: 'lead.rank == "hot"', then: {reassign: 1, review: managers}}
idle:
  - {after: 4h, warn: 75%, then: {team: callers}}
"""


class Company:
    def __init__(self, policy: str = POLICY) -> None:
        self.workspace: Workspace = make_workspace()
        boss = make_user(self.workspace, "manager")
        self.other = make_user(self.workspace, "manager")
        make_team(self.workspace, "closers", managers=(boss,))
        make_team(self.workspace, "callers", managers=(self.other,))
        self.reps: dict[str, Caller] = {}
        for handle, team in (("aiko", "closers"), ("budi", "closers"), ("tele", "callers")):
            self.reps[handle] = caller_of(make_rep(self.workspace, handle, teams=(team,)).user)
        self.boss, self.ops = caller_of(boss), caller_of(make_user(self.workspace, "ops"))
        publish(self.workspace, dedent(policy))

    def arrives(self, minute: float = 0, **fields: Any) -> UUID:
        at = after(minute)
        return place(self.workspace.id, [make_arrival(received_at=at, **fields)], now=at)[0].lead_id

    def lead(self, lead_id: UUID) -> Lead:
        enter(self.workspace.id)
        return Lead.objects.select_related("owner").get(id=lead_id)

    def owner(self, lead_id: UUID) -> Caller:
        return self.reps[self.lead(lead_id).owner.handle]

    def told(self, caller: Caller, kind: str) -> list[list[str]]:
        enter(self.workspace.id)
        found = Notice.objects.filter(user_id=caller.user_id, kind=kind).order_by("at")
        return [[reason["code"] for reason in notice.reasons] for notice in found]


@pytest.fixture
def company() -> Company:
    return Company()


def test_the_rep_and_who_leads_them_are_warned_before_a_first_contact_is_late(company: Company) -> None:
    lead = company.arrives(employees=500)
    rep = company.owner(lead)
    tick(after(14))
    assert company.told(rep, "lead_warned") == []
    tick(after(15))
    assert company.told(rep, "lead_warned") == company.told(company.boss, "lead_warned") == [["sla_near"]]
    assert company.told(caller_of(company.other), "lead_warned") == []
    row = company.lead(lead)
    assert (row.state, row.warned, row.due_for, row.due_at, row.sla_at) == ("owned", True, "sla", after(30), after(30))
    (notice,) = Notice.objects.filter(user_id=rep.user_id, kind="lead_warned")
    assert notice.reasons[0]["params"] == {"lead": str(lead), "rep": rep.handle, "at": after(30).isoformat()}
    assert Outbox.objects.filter(lead=lead, event="lead.warned").count() == 1
    tick(after(16))
    assert len(company.told(rep, "lead_warned")) == 1
    assert Decision.objects.filter(lead_id=lead, kind="warned").count() == 1


def test_who_makes_the_contact_in_time_is_warned_of_nothing_more(company: Company) -> None:
    lead = company.arrives(employees=500)
    rep = company.owner(lead)
    tick(after(15))
    assert isinstance(acting.contact(rep, lead, after(20)), acting.Acted)
    row = company.lead(lead)
    assert (row.warned, row.acted_at, row.due_at, row.due_for) == (False, after(20), after(20 + 180), "warn")
    tick(after(31))
    assert company.owner(lead) is rep


def test_late_once_it_goes_to_the_next_and_late_again_before_managers(company: Company) -> None:
    lead = company.arrives(employees=500)
    first = company.owner(lead)
    tick(after(30))
    second = company.owner(lead)
    assert second is not first
    assert company.lead(lead).sla_at == after(60)
    tick(after(60))
    assert (company.lead(lead).state, company.lead(lead).review) == ("review", "managers")
    assert Decision.objects.filter(lead_id=lead).order_by("-nth")[0].kind == "reassigned"


def test_a_lead_that_turns_out_hot_after_its_rep_got_it_must_be_contacted_in_time_from_then_on(
    company: Company,
) -> None:
    lead = company.arrives()
    first = company.owner(lead)
    assert (company.lead(lead).sla_at, company.lead(lead).due_for) == (None, "warn")
    enrich(company.workspace.id, [Enrichment(lead, {"employees": 500})], now=after(10))
    row = company.lead(lead)
    assert (row.rank, row.sla_at, row.due_at, row.due_for) == ("hot", after(40), after(25), "warn")
    enrich(company.workspace.id, [Enrichment(lead, {"city": "Ulm"})], now=after(20))
    assert company.lead(lead).sla_at == after(40), "a time that runs is not begun anew"
    tick(after(25))
    assert company.told(first, "lead_warned") == [["sla_near"]]
    tick(after(40))
    assert company.owner(lead) is not first


def test_a_lead_that_may_be_left_alone_may_no_more_once_it_is_warm() -> None:
    company = Company(POLICY.replace("after: 4h, warn: 75%,", """after: 4h, when: 'lead.rank == "hot"',"""))
    lead = company.arrives()
    acting.contact(company.owner(lead), lead, after(5))
    assert company.lead(lead).due_at is None
    enrich(company.workspace.id, [Enrichment(lead, {"employees": 500})], now=after(60))
    assert (company.lead(lead).due_at, company.lead(lead).due_for) == (after(5 + 240), "idle")
    tick(after(5 + 240))
    assert company.lead(lead).owner.handle == "tele"


def test_a_lead_left_alone_after_a_contact_goes_to_another_team_and_never_back(company: Company) -> None:
    lead = company.arrives()
    rep = company.owner(lead)
    acting.contact(rep, lead, after(10))
    tick(after(10 + 180))
    assert company.told(rep, "lead_warned") == [["idle_near"]]
    tick(after(10 + 240))
    row = company.lead(lead)
    assert (row.owner.handle, row.state, row.contacted_at, row.taken_by) == ("tele", "owned", None, "reassigned")
    assert list(PassedOver.objects.filter(lead_id=lead).values_list("rep__handle", "kind")) == [(rep.handle, "moved")]
    assert Standing.objects.get(rep_id=rep.rep_id).open_leads == 0
    assert Standing.objects.get(rep_id=rep.rep_id).lapses == 0, "no lock, no offer and no first contact ran out"
    assert Standing.objects.get(rep__handle="tele").open_leads == 1
    tick(after(10 + 480))
    assert company.lead(lead).state == "review", "nobody else is among the callers"


def test_what_a_manager_gives_by_hand_stays_where_it_is_and_they_are_told(company: Company) -> None:
    lead = company.arrives(employees=500)
    acting.assign(company.ops, lead, "tele", after(1), why="they know each other")
    assert company.lead(lead).by_hand
    for minute in (16, 31, 241, 600, 6000):
        tick(after(minute))
    row = company.lead(lead)
    assert (row.state, row.owner.handle, row.by_hand, row.due_at) == ("owned", "tele", True, None)
    teller = caller_of(company.other)
    expected = [["sla_near"], ["sla_missed", "kept_by_hand"], ["idle", "kept_by_hand"]]
    assert company.told(company.reps["tele"], "lead_warned") == expected
    assert company.told(teller, "lead_warned") == expected
    assert Standing.objects.get(rep__handle="tele").lapses == 0
    # Handed on by a hand again, it is by hand still; given back by its rep, it is the policy's again.
    acting.release(company.reps["tele"], lead, after(6001))
    assert company.lead(lead).by_hand is False


def test_who_lets_so_many_offers_in_a_row_lapse_is_taken_for_away() -> None:
    company = Company(POLICY.replace("accept_within: 5m", "accept_within: 1m"))
    enter(company.workspace.id)
    Rep.objects.filter(handle="budi").update(available=False)
    first, second = company.arrives(source="offer"), company.arrives(source="offer")
    assert company.owner(first) is company.owner(second) is company.reps["aiko"]
    tick(after(1))
    rep = Rep.objects.get(handle="aiko")
    assert (rep.available, rep.away_why, rep.away_since) == (False, "lapses", after(1))
    assert company.told(company.reps["aiko"], "availability") == [["taken_for_away"]]
    assert company.told(company.boss, "rep_away") == [["rep_taken_for_away"]]
    assert company.told(caller_of(company.other), "rep_away") == []
    assert RepEntry.objects.get(kind="away").reasons[0]["params"] == {"count": 2}
    (event,) = Outbox.objects.filter(event="rep.away")
    assert event.payload == {"rep": "aiko", "rep_name": "Aiko", "why": "lapses"}
    # Nothing more comes to them until they are back, and then their lapses begin anew.
    third = company.arrives(2, source="offer")
    assert company.lead(third).state == "review"
    switch(company.reps["aiko"], rep.id, True, after(3))
    rep.refresh_from_db()
    assert (rep.available, rep.away_why) == (True, "")
    assert Standing.objects.get(rep=rep).lapses_in_a_row == 0
    tick(after(4))
    assert company.owner(third) is company.reps["aiko"]


def test_what_runs_out_after_the_end_of_the_shift_takes_nobody_for_away() -> None:
    company = Company(POLICY.replace("away_after: 2", "away_after: 1"))
    Rep.objects.filter(handle="aiko").update(hours={str(day): [0, 9 * 60 + 3] for day in range(1, 8)})
    Rep.objects.filter(handle="budi").update(hours={})
    lead = company.arrives(source="offer")
    assert company.lead(lead).state == "offered"
    rep = company.owner(lead)
    tick(after(6))
    standing = Standing.objects.get(rep_id=rep.rep_id)
    assert (standing.lapses, standing.lapses_in_a_row) == (1, 0)
    assert Rep.objects.get(id=rep.rep_id).available
    assert company.told(rep, "availability") == []


def test_within_one_pass_nothing_more_is_offered_to_who_has_just_been_taken_for_away() -> None:
    company = Company(POLICY.replace("away_after: 2", "away_after: 1"))
    leads = [company.arrives(source="offer") for _ in range(6)]
    tick(after(5))
    enter(company.workspace.id)
    assert list(Rep.objects.filter(handle__in=["aiko", "budi"]).values_list("available", flat=True)) == [False, False]
    offered = [company.lead(lead) for lead in leads]
    had = {lead.owner.handle for lead in offered if lead.owner}
    assert len(had) <= 1, "whoever lapsed first was passed over from then on"
    assert {lead.state for lead in offered} <= {"review", "offered"}


def test_an_act_of_the_rep_ends_the_row_of_lapses(company: Company) -> None:
    enter(company.workspace.id)
    Rep.objects.filter(handle="budi").update(available=False)
    aiko = company.reps["aiko"]
    company.arrives(source="offer")
    tick(after(5))
    assert isinstance(acting.accept(aiko, company.arrives(6, source="offer"), after(7)), acting.Acted)
    company.arrives(8, source="offer")
    tick(after(13))
    assert Rep.objects.get(handle="aiko").available is True


@pytest.mark.django_db(transaction=True)
def test_a_lead_that_was_left_alone_before_there_was_a_rule_for_it_follows_the_new_policy() -> None:
    company = Company(POLICY[: POLICY.index("idle:")])
    lead, other = company.arrives(), company.arrives(employees=500)
    acting.contact(company.owner(lead), lead, MONDAY)
    assert company.lead(lead).due_at is None
    publish(company.workspace, dedent(POLICY))
    row = company.lead(lead)
    assert row.due_at is not None
    assert row.due_for == "idle"
    tick(row.due_at)
    assert company.lead(lead).owner.handle == "tele"
    assert company.lead(other).due_for in {"warn", "sla"}, "its first contact is waited for still"
