"""A lead's way through distribution, the clock moved by hand."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4
from zoneinfo import ZoneInfoNotFoundError

import pytest
from django.db import connection

from dibs.crm.arrival import Enrichment
from dibs.crm.models import Account, Lead
from dibs.delivery.models import Outbox
from dibs.distribution import acting, claiming
from dibs.distribution.models import Decision
from dibs.distribution.placing import enrich, place
from dibs.distribution.ticking import tick
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import POLICY, Scene, after, claimed, refused
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish

pytestmark = pytest.mark.django_db


def test_a_warm_lead_waits_in_its_pool_and_is_due_for_its_first_escalation(scene: Scene) -> None:
    placed = scene.arrives(employees=200)
    assert (placed.state, placed.pool, placed.score, placed.rank) == ("pooled", "inbound", 50, "warm")
    lead = scene.lead(placed.lead_id)
    assert (lead.due_for, lead.due_at) == ("escalate", after(30))
    decision = Decision.objects.get(lead_id=placed.lead_id)
    assert [reason["code"] for reason in decision.reasons][-4:] == ["routed", "pooled", "account_made", "contact_made"]
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


def test_a_low_score_lead_in_a_queue_is_not_owed_behind_its_head_or_at_it(scene: Scene) -> None:
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
    high = [scene.arrives(employees=300).lead_id for _ in range(4)]
    head = scene.arrives(source="line", employees=300).lead_id
    scene.arrives(source="line", employees=1)
    assert [type(claiming.claim_lead(scene.aiko, lead, after(1))) for lead in high[:2]] == [claiming.Claimed] * 2
    claimed(scene.aiko, high[2], after(1.5))
    claimed(scene.budi, head, after(2))
    claimed(scene.aiko, high[3], after(3))
