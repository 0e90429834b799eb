"""A lead's way through distribution, the clock moved by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfoNotFoundError

import pytest
from django.db import connection, transaction

from dibs.crm.arrival import Enrichment
from dibs.crm.models import Account, Lead
from dibs.delivery.models import Outbox
from dibs.distribution import acting, claiming
from dibs.distribution.models import Decision, Standing
from dibs.distribution.placing import AlreadyHere, Placed, enrich, place
from dibs.distribution.ticking import tick
from dibs.engine.lifecycle import ForbiddenMove
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_rep, make_user, make_workspace, publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: Hot push, warm pull
qualify:
  score:
    - {when: 'lead.employees >= 1000', add: 80}
    - {when: 'lead.employees >= 100', add: 50}
route:
  - {name: Named, when: 'account.owner != null', push: {to: account.owner}}
  - {name: Offer, when: 'lead.source == "offer"', push: {team: closers, accept_within: 5m}}
  - {name: Hot, when: 'lead.score >= 75', push: {team: closers}}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound:
    lock: 15m
    reclaim_after: 1h
    escalate:
      - {after: 30m, push: {team: closers, by: round_robin}}
      - {after: 60m, review: managers}
    assign_after: 24h
fair_play:
  hold_at_most: 2
"""


def after(minutes: float) -> datetime:
    return MONDAY + timedelta(minutes=minutes)


@dataclass
class Scene:
    workspace: Workspace
    aiko: Caller
    budi: Caller
    manager: Caller

    def arrives(self, **fields: Any) -> Placed:
        return place(self.workspace.id, [make_arrival(**fields)], now=MONDAY)[0]

    def lead(self, lead_id: UUID) -> Lead:
        enter(self.workspace.id)
        return Lead.objects.select_related("owner").get(id=lead_id)

    def story(self, lead_id: UUID) -> list[tuple[str, str, str]]:
        enter(self.workspace.id)
        return list(Decision.objects.filter(lead_id=lead_id).order_by("nth").values_list("kind", "before", "after"))

    def standing(self, caller: Caller) -> Standing:
        enter(self.workspace.id)
        return Standing.objects.get(rep_id=caller.rep_id)


@pytest.fixture
def scene() -> Scene:
    workspace = make_workspace()
    reps = [make_rep(workspace, handle, teams=("closers",)) for handle in ("aiko", "budi")]
    aiko, budi = (caller_of(rep.user) for rep in reps)
    manager = caller_of(make_user(workspace, "manager"))
    publish(workspace, POLICY)
    return Scene(workspace, aiko, budi, manager)


def claimed(caller: Caller, lead_id: UUID, now: datetime) -> claiming.Claimed:
    answer = claiming.claim_lead(caller, lead_id, now)
    assert isinstance(answer, claiming.Claimed), answer
    return answer


def refused(answer: Any) -> str:
    assert isinstance(answer, claiming.Refused | acting.Refused), answer
    assert answer.refusal.remedy is not None
    return str(answer.refusal.code)


def test_a_warm_lead_waits_in_its_pool_and_is_due_for_its_first_escalation(scene: Scene) -> None:
    placed = scene.arrives(employees=200)
    assert (placed.state, placed.pool, placed.score, placed.rank) == ("pooled", "inbound", 50, "warm")
    lead = scene.lead(placed.lead_id)
    assert (lead.due_for, lead.due_at) == ("escalate", after(30))
    decision = Decision.objects.get(lead_id=placed.lead_id)
    assert [reason["code"] for reason in decision.reasons][-2:] == ["routed", "pooled"]
    assert decision.policy_version == 1
    assert Outbox.objects.filter(lead=placed.lead_id, event="lead.placed").count() == 1


def test_hot_leads_are_pushed_in_turn(scene: Scene) -> None:
    owners = [scene.arrives(employees=5000).owner for _ in range(4)]
    assert sorted(owners[:2]) == ["aiko", "budi"]
    assert sorted(owners[2:]) == ["aiko", "budi"]
    assert scene.standing(scene.aiko).open_leads == 2


def test_a_batch_takes_turns_as_single_leads_do(scene: Scene) -> None:
    placed = place(scene.workspace.id, [make_arrival(employees=5000) for _ in range(101)], now=MONDAY)
    counts = [sum(lead.owner == handle for lead in placed) for handle in ("aiko", "budi")]
    assert sorted(counts) == [50, 51]
    assert scene.standing(scene.aiko).assigned_today in counts


def test_a_named_accounts_lead_goes_to_its_owner(scene: Scene) -> None:
    owner = scene.budi.rep_id
    Account.objects.create(workspace=scene.workspace, name="Named", domain="named.example", owner_id=owner)
    placed = scene.arrives(domain="named.example", employees=3)
    assert placed.owner == "budi"
    assert scene.lead(placed.lead_id).account is not None


def test_without_a_policy_a_lead_goes_to_review_and_says_why() -> None:
    workspace = make_workspace()
    placed = place(workspace.id, [make_arrival()], now=MONDAY)[0]
    assert (placed.state, placed.review) == ("review", "managers")
    assert Decision.objects.get(lead_id=placed.lead_id).reasons[0]["code"] == "no_policy"


@pytest.mark.django_db(transaction=True)
def test_the_same_lead_by_two_ways_at_once_is_refused_whole() -> None:
    workspace = make_workspace()
    publish(workspace, POLICY)
    place(workspace.id, [make_arrival(external_id="one")], now=MONDAY)
    with pytest.raises(AlreadyHere):
        place(workspace.id, [make_arrival(external_id="two"), make_arrival(external_id="one")], now=MONDAY)
    enter(workspace.id)
    assert Lead.objects.count() == 1


def test_contact_in_time_keeps_the_lead(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    lease = claimed(scene.aiko, lead_id, after(1))
    assert lease.lock_expires_at == after(16)
    done = acting.contact(scene.aiko, lead_id, after(10), kind="call", claim=lease.claim)
    assert isinstance(done, acting.Acted)
    tick(after(60))
    lead = scene.lead(lead_id)
    assert (lead.state, lead.owner.handle, lead.due_at) == ("working", "aiko", None)
    assert scene.standing(scene.aiko).holding == 0
    assert [kind for kind, _, _ in scene.story(lead_id)] == ["placed", "claimed", "contacted"]


def test_a_lock_that_runs_out_brings_the_lead_back_to_its_old_place(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(5))
    assert tick(after(19)).moved == {}
    assert tick(after(20)).moved == {"lapsed": 1}
    lead = scene.lead(lead_id)
    assert (lead.state, lead.pool, lead.owner, lead.claim) == ("pooled", "inbound", None, None)
    assert lead.waiting_since == MONDAY
    assert scene.standing(scene.aiko).lapses == 1
    assert refused(claiming.claim_lead(scene.aiko, lead_id, after(21))) == "reclaim_too_soon"
    claimed(scene.budi, lead_id, after(21))


def test_an_expired_lock_is_claimable_at_once_without_a_tick(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    assert refused(claiming.claim_lead(scene.budi, lead_id, after(15))) == "already_claimed"
    claimed(scene.budi, lead_id, after(16))
    assert [kind for kind, _, _ in scene.story(lead_id)] == ["placed", "claimed", "lapsed", "claimed"]


def test_acting_on_a_lapsed_claim_is_refused(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    lease = claimed(scene.aiko, lead_id, after(1))
    assert refused(acting.contact(scene.aiko, lead_id, after(16))) == "claim_lapsed"
    assert refused(acting.contact(scene.aiko, lead_id, after(2), claim=uuid4())) == "claim_lapsed"
    assert refused(acting.contact(scene.budi, lead_id, after(2), claim=lease.claim)) == "not_yours"


def test_an_unclaimed_lead_escalates_after_thirty_minutes(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    assert tick(after(29)).looked_at == 0
    assert tick(after(30)).moved == {"escalated": 1}
    lead = scene.lead(lead_id)
    assert (lead.state, lead.taken_by, lead.escalated) == ("owned", "escalated", 1)


def test_when_nobody_is_there_it_waits_for_review_after_sixty(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    scene.workspace.refresh_from_db()
    for caller in (scene.aiko, scene.budi):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE people_rep SET available = false WHERE id = %s", [caller.rep_id])
    tick(after(30))
    assert scene.lead(lead_id).state == "pooled"
    tick(after(60))
    lead = scene.lead(lead_id)
    assert (lead.state, lead.review, lead.due_at) == ("review", "managers", None)


def test_the_holding_cap_says_what_would_make_it_a_yes(scene: Scene) -> None:
    leads = [scene.arrives(employees=200).lead_id for _ in range(3)]
    for lead_id in leads[:2]:
        claimed(scene.aiko, lead_id, after(1))
    answer = claiming.claim_lead(scene.aiko, leads[2], after(2))
    assert refused(answer) == "holding_cap"
    assert isinstance(answer, claiming.Refused)
    assert answer.refusal.remedy is not None
    assert answer.refusal.remedy.code == "contact_first"
    acting.contact(scene.aiko, leads[0], after(3))
    claimed(scene.aiko, leads[2], after(4))


def test_a_cap_full_of_locks_that_ran_out_is_no_cap(scene: Scene) -> None:
    leads = [scene.arrives(employees=200).lead_id for _ in range(3)]
    for lead_id in leads[:2]:
        claimed(scene.aiko, lead_id, after(1))
    claimed(scene.aiko, leads[2], after(17))
    assert scene.standing(scene.aiko).lapses == 2


def test_next_gives_the_best_lead_and_then_says_there_is_none(scene: Scene) -> None:
    low, high = scene.arrives(employees=5).lead_id, scene.arrives(employees=200).lead_id
    first = claiming.claim_next(scene.aiko, "inbound", after(1))
    assert isinstance(first, claiming.Claimed)
    assert first.lead["id"] == high
    assert isinstance(claiming.claim_next(scene.budi, "inbound", after(1)), claiming.Claimed)
    assert isinstance(claiming.claim_next(scene.budi, "inbound", after(1)), claiming.Empty)
    assert claiming.claim_next(scene.budi, "no_such_pool", after(1)) is None
    assert scene.lead(low).owner.handle == "budi"


def test_an_offer_is_accepted_or_goes_to_the_next(scene: Scene) -> None:
    placed = scene.arrives(source="offer")
    assert placed.state == "offered"
    first = scene.aiko if placed.owner == "aiko" else scene.budi
    second = scene.budi if first is scene.aiko else scene.aiko
    answer = acting.reject(first, placed.lead_id, after(1), why="I know them")
    assert isinstance(answer, acting.Acted)
    assert answer.owner == second.handle
    assert isinstance(acting.accept(second, placed.lead_id, after(2)), acting.Acted)
    lead = scene.lead(placed.lead_id)
    assert (lead.state, lead.owner.handle) == ("owned", second.handle)
    assert scene.standing(first).open_leads == 0


def test_an_offer_that_nobody_takes_ends_before_managers(scene: Scene) -> None:
    lead_id = scene.arrives(source="offer").lead_id
    for minutes in (5, 10, 15, 20, 25):
        tick(after(minutes))
    lead = scene.lead(lead_id)
    assert lead.state in {"pooled", "review"}
    lapses = scene.standing(scene.aiko).lapses + scene.standing(scene.budi).lapses
    assert lapses == 2


def test_a_released_lead_waits_in_its_old_place(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(3))
    assert isinstance(acting.release(scene.aiko, lead_id, after(4), why="not my language"), acting.Acted)
    lead = scene.lead(lead_id)
    assert (lead.state, lead.waiting_since, lead.due_at) == ("pooled", MONDAY, after(30))
    assert scene.standing(scene.aiko).open_leads == 0


def test_a_lead_released_days_after_its_contact_can_be_claimed_again(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    acting.contact(scene.aiko, lead_id, after(2))
    days_later = after(60 * 24 * 3)
    assert isinstance(acting.release(scene.aiko, lead_id, days_later), acting.Acted)
    tick(days_later)
    assert scene.lead(lead_id).state == "pooled"
    claimed(scene.budi, lead_id, days_later + timedelta(minutes=1))


def test_a_manager_gives_a_lead_by_name_and_from_review_back_to_a_pool(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    given = acting.assign(scene.manager, lead_id, "budi", after(2), why="speaks Spanish")
    assert isinstance(given, acting.Acted)
    assert given.owner == "budi"
    assert (scene.standing(scene.aiko).open_leads, scene.standing(scene.budi).open_leads) == (0, 1)
    with pytest.raises(LookupError):
        acting.assign(scene.manager, lead_id, "nobody", after(3))
    waiting = scene.arrives(employees=200).lead_id
    enter(scene.workspace.id)
    refused_return = acting.return_to_pool(scene.manager, waiting, "inbound", after(3))
    assert refused(refused_return) == "not_now"


def test_a_lead_returned_from_review_begins_a_new_wait(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    tick(after(61))
    assert scene.lead(lead_id).state == "review"
    long_after = after(60 * 30)
    with pytest.raises(LookupError):
        acting.return_to_pool(scene.manager, lead_id, "no_such_pool", long_after)
    assert isinstance(acting.return_to_pool(scene.manager, lead_id, "inbound", long_after), acting.Acted)
    tick(long_after)
    lead = scene.lead(lead_id)
    assert (lead.state, lead.escalated, lead.due_at) == ("pooled", 0, long_after + timedelta(minutes=30))


def test_conversion_and_retirement_end_a_lead(scene: Scene) -> None:
    won, lost = scene.arrives(employees=200).lead_id, scene.arrives(employees=200).lead_id
    for lead_id in (won, lost):
        claimed(scene.aiko, lead_id, after(1))
    acting.contact(scene.aiko, won, after(2))
    assert isinstance(acting.convert(scene.aiko, won, after(3)), acting.Acted)
    assert isinstance(acting.retire(scene.aiko, lost, after(3), why="no_interest"), acting.Acted)
    assert refused(acting.contact(scene.aiko, won, after(4))) in {"already_ended", "not_now"}
    with pytest.raises(ValueError):
        acting.retire(scene.aiko, lost, after(4), why="because")
    assert scene.standing(scene.aiko).open_leads == 0
    assert tick(after(600)).looked_at == 0


def test_new_facts_send_a_waiting_lead_on_and_leave_a_held_one(scene: Scene) -> None:
    waiting, held = scene.arrives(employees=200).lead_id, scene.arrives(employees=200).lead_id
    claimed(scene.aiko, held, after(1))
    facts = {"employees": 5000, "attributes": {"segment": "pet"}}
    placed = enrich(
        scene.workspace.id,
        [Enrichment(waiting, facts), Enrichment(held, facts), Enrichment(uuid4(), facts)],
        now=after(2),
    )
    assert [(lead.state, lead.score) for lead in placed] == [("owned", 100), ("owned", 100)]
    assert [kind for kind, _, _ in scene.story(waiting)] == ["placed", "requalified"]
    assert [kind for kind, _, _ in scene.story(held)] == ["placed", "claimed", "enriched"]
    lead = scene.lead(held)
    assert (lead.owner.handle, lead.attributes, lead.employees) == ("aiko", {"segment": "pet"}, 5000)


def test_new_facts_that_change_nothing_keep_the_place_in_line(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    enrich(scene.workspace.id, [Enrichment(lead_id, {"city": "Bandung"})], now=after(20))
    lead = scene.lead(lead_id)
    assert (lead.state, lead.waiting_since, lead.due_at, lead.city) == ("pooled", MONDAY, after(30), "Bandung")


def test_a_lead_that_comes_to_a_pool_from_review_or_nurture_begins_its_wait_there(scene: Scene) -> None:
    elsewhere = """route:
  - {name: Later, when: 'lead.source == "later"', nurture: true}
  - {name: Unclear, when: 'lead.source == "unclear"', review: managers}"""
    publish(scene.workspace, POLICY.replace("route:", elsewhere.replace("\"'", "\" && lead.employees == null'")))
    for source in ("later", "unclear"):
        lead_id = scene.arrives(source=source).lead_id
        assert scene.lead(lead_id).state in {"nurture", "review"}
        days = after(10 * 24 * 60)
        assert enrich(scene.workspace.id, [Enrichment(lead_id, {"employees": 200})], now=days)[0].state == "pooled"
        lead = scene.lead(lead_id)
        assert (lead.waiting_since, lead.due_at) == (days, days + timedelta(minutes=30))


def test_a_lead_given_back_that_never_waited_in_a_pool_begins_its_wait_there(scene: Scene) -> None:
    lead_id = scene.arrives(employees=2000).lead_id
    holder = {"aiko": scene.aiko, "budi": scene.budi}[scene.lead(lead_id).owner.handle]
    Rep.objects.exclude(id=holder.rep_id).update(available=False)
    days = after(10 * 24 * 60)
    assert isinstance(acting.release(holder, lead_id, days), acting.Acted)
    lead = scene.lead(lead_id)
    assert (lead.state, lead.waiting_since, lead.due_at) == ("pooled", days, days + timedelta(minutes=30))


def test_another_workspaces_lead_is_unknown(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    other = make_workspace()
    publish(other, POLICY)
    stranger = caller_of(make_rep(other, "aiko").user)
    acts: list[Callable[[], Any]] = [
        lambda: claiming.claim_lead(stranger, lead_id, after(1)),
        lambda: acting.contact(stranger, lead_id, after(1)),
        lambda: acting.skip(stranger, lead_id, after(1)),
        lambda: acting.assign(stranger, lead_id, "aiko", after(1)),
        lambda: acting.retire(stranger, lead_id, after(1), why="spam"),
    ]
    assert [act() for act in acts] == [None] * len(acts)
    assert scene.lead(lead_id).state == "pooled"


def test_a_tick_serves_every_workspace(scene: Scene) -> None:
    mine = scene.arrives(employees=200).lead_id
    other = make_workspace()
    publish(other, POLICY)
    make_rep(other, "carmen", teams=("closers",))
    theirs = place(other.id, [make_arrival(employees=200)], now=MONDAY)[0].lead_id
    assert tick(after(30)).moved == {"escalated": 2}
    assert scene.lead(mine).state == "owned"
    enter(other.id)
    assert Lead.objects.get(id=theirs).owner.handle == "carmen"


def test_a_workspace_that_fails_keeps_no_other_from_its_tick(scene: Scene) -> None:
    broken = scene.arrives(employees=200).lead_id
    other = make_workspace()
    publish(other, POLICY)
    make_rep(other, "carmen", teams=("closers",))
    theirs = place(other.id, [make_arrival(employees=200)], now=MONDAY)[0].lead_id
    enter(scene.workspace.id)
    Rep.objects.update(timezone="Nowhere/Land")
    with pytest.raises(ZoneInfoNotFoundError):
        tick(after(30))
    assert scene.lead(broken).state == "pooled"
    enter(other.id)
    assert Lead.objects.get(id=theirs).owner.handle == "carmen"


def test_a_lead_released_that_the_policy_would_nurture_goes_before_managers(scene: Scene) -> None:
    nurture = POLICY.replace("route:\n", "route:\n  - {name: Later, when: 'lead.source == \"later\"', nurture: true}\n")
    publish(scene.workspace, nurture)
    lead_id = scene.arrives(source="later").lead_id
    assert scene.lead(lead_id).state == "nurture"
    assert isinstance(acting.assign(scene.manager, lead_id, "aiko", after(1)), acting.Acted)
    released = acting.release(scene.aiko, lead_id, after(2), why="too early")
    assert isinstance(released, acting.Acted)
    assert (released.state, released.lead["review"]) == ("review", "managers")
    assert scene.story(lead_id)[-1] == ("released", "owned", "review")


def test_a_low_score_lead_behind_the_head_of_a_queue_is_not_within_sight(scene: Scene) -> None:
    publish(
        scene.workspace,
        """
policy: A mix and a queue
qualify: {score: [{when: 'lead.employees >= 200', add: 60}]}
route:
  - {name: In line, when: 'lead.source == "line"', pull: {pool: line}}
  - {name: Everyone else, pull: {pool: inbound}}
pools: {inbound: {}, line: {mode: queue}}
fair_play: {mix: {low_below: 50, share: 50%, over: 4}}
""",
    )
    high = [scene.arrives(employees=300).lead_id for _ in range(3)]
    head = scene.arrives(source="line", employees=300).lead_id
    scene.arrives(source="line", employees=1)
    assert [type(claiming.claim_lead(scene.aiko, lead, after(1))) for lead in high[:2]] == [claiming.Claimed] * 2
    claimed(scene.budi, head, after(2))
    assert refused(claiming.claim_lead(scene.aiko, high[2], after(3))) == "mix"


def test_a_move_that_the_table_forbids_is_refused(scene: Scene) -> None:
    from dibs.distribution.reading import crew, lock_leads
    from dibs.distribution.writing import Outcome, write

    lead_id = scene.arrives(employees=200).lead_id
    row = lock_leads(scene.workspace.id, [lead_id])[lead_id]
    outcome = Outcome(lead=row, kind="converted", changes={"state": "converted"}, reasons=())
    with pytest.raises(ForbiddenMove):
        write(scene.workspace.id, [outcome], now=MONDAY, policy_version=1, crew=crew(scene.workspace.id, MONDAY))


@pytest.mark.django_db(transaction=True)
def test_a_lead_that_no_engine_can_answer_for_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    from dibs.distribution import ticking

    workspace = make_workspace()
    publish(workspace, POLICY)
    make_rep(workspace, "aiko", teams=("closers",))
    leads = [
        placed.lead_id for placed in place(workspace.id, [make_arrival(employees=200) for _ in range(5)], now=MONDAY)
    ]
    on_time = ticking.timeline.on_time

    def fails_for_one(book: Any, lead: Any, account: Any, clock: Any, *rest: Any) -> Any:
        if clock.id == str(leads[2]):
            raise ZeroDivisionError
        return on_time(book, lead, account, clock, *rest)

    monkeypatch.setattr(ticking.timeline, "on_time", fails_for_one)
    with pytest.raises(ZeroDivisionError):
        tick(after(30))
    enter(workspace.id)
    states = {lead.id: lead.state for lead in Lead.objects.all()}
    assert [states[lead_id] for lead_id in leads] == ["owned", "owned", "pooled", "owned", "owned"]
    assert Lead.objects.get(id=leads[2]).due_at == after(31)
    monkeypatch.undo()
    assert tick(after(31)).moved == {"escalated": 1}


@pytest.mark.django_db(transaction=True)
def test_an_act_that_the_database_takes_back_to_end_a_deadlock_is_done_again() -> None:
    workspace = make_workspace()
    publish(workspace, POLICY)
    aiko = caller_of(make_rep(workspace, "aiko", teams=("closers",)).user)
    lead_id = place(workspace.id, [make_arrival(employees=200)], now=MONDAY)[0].lead_id
    claimed(aiko, lead_id, after(1))
    held, let_go = threading.Event(), threading.Event()

    def the_other_way_round() -> None:
        try:
            enter(workspace.id)
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM distribution_standing WHERE rep_id = %s FOR UPDATE", [aiko.rep_id])
                held.set()
                # The act waits for the standing by now, and longer than this will for the lead: it is the one to be taken back.
                let_go.wait(0.5)
                cursor.execute("SELECT 1 FROM crm_lead WHERE id = %s FOR UPDATE", [lead_id])
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        done = other.submit(the_other_way_round)
        held.wait(5)
        assert isinstance(acting.contact(aiko, lead_id, after(2)), acting.Acted)
        done.result(30)
    assert Lead.objects.get(id=lead_id).state == "working"
