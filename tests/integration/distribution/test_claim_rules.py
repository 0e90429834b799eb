"""The rules that stand between a rep and a lead, on the database: how fast, what again, from which tier, at what cost."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dibs.crm.arrival import Enrichment
from dibs.distribution import acting, claiming
from dibs.distribution.models import Decision, PassedOver, Standing
from dibs.distribution.placing import enrich, place
from dibs.distribution.ticking import tick
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import POLICY, Scene, after, claimed, refused
from tests.making import make_arrival, publish
from tests.running import at_once

pytestmark = pytest.mark.django_db

RATE = POLICY.replace("hold_at_most: 2", "hold_at_most: 50\n  claim_rate: {count: 3, per: 10m}")
TIERED = (
    POLICY
    + """
tiers:
  - {name: top, when: 'rep.closed >= 2 && rep.conversion_rate >= 0.5', sees: full}
  - {name: new, sees: none}
tiering: {over: 30d}
"""
)


def test_who_claims_faster_than_the_rate_is_told_when_the_next_may_come(scene: Scene) -> None:
    publish(scene.workspace, RATE)
    leads = [scene.arrives(employees=200).lead_id for _ in range(6)]
    for minute in (1, 2, 3):
        claimed(scene.aiko, leads[minute], after(minute))
    answer = claiming.claim_lead(scene.aiko, leads[4], after(10.9))
    assert refused(answer) == "claim_rate"
    assert isinstance(answer, claiming.Refused)
    assert answer.refusal.reasons[0].params == {"count": 3, "per": 600, "until": after(11).isoformat()}
    assert answer.refusal.remedy is not None
    assert answer.refusal.remedy.params == {"at": after(11).isoformat()}
    claimed(scene.aiko, leads[4], after(11))
    assert refused(claiming.claim_lead(scene.aiko, leads[5], after(11.5))) == "claim_rate"
    claimed(scene.budi, leads[5], after(11.5))


def test_only_as_many_moments_are_kept_as_the_rate_counts(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    assert scene.standing(scene.aiko).claimed_at == []
    publish(scene.workspace, RATE)
    for minute in (20, 40, 60, 80, 100):
        claimed(scene.aiko, scene.arrives(employees=200, received_at=after(minute)).lead_id, after(minute))
    assert scene.standing(scene.aiko).claimed_at == [after(60), after(80), after(100)]


def test_next_from_a_queue_obeys_the_rate(scene: Scene) -> None:
    publish(scene.workspace, RATE.replace("    lock: 15m", "    mode: queue\n    lock: 15m"))
    for _ in range(5):
        scene.arrives(employees=200)
    for minute in (1, 2, 3):
        assert isinstance(claiming.claim_next(scene.aiko, "inbound", after(minute)), claiming.Claimed)
    assert refused(claiming.claim_next(scene.aiko, "inbound", after(4))) == "claim_rate"


@pytest.mark.django_db(transaction=True)
def test_many_claims_at_once_by_one_rep_never_pass_the_rate(scene: Scene) -> None:
    publish(scene.workspace, RATE)
    leads = [scene.arrives(employees=200).lead_id for _ in range(8)]
    answers = at_once(
        *[lambda lead_id=lead_id: claiming.claim_lead(scene.aiko, lead_id, after(1)) for lead_id in leads]
    )
    took = sum(isinstance(answer, claiming.Claimed) for answer in answers)
    assert took == 3
    assert {refused(answer) for answer in answers if isinstance(answer, claiming.Refused)} <= {"claim_rate", "too_busy"}


def test_a_lead_given_back_without_a_contact_is_not_theirs_againat_once(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    acting.release(scene.aiko, lead_id, after(14), why="a new lock, please")
    answer = claiming.claim_lead(scene.aiko, lead_id, after(15))
    assert refused(answer) == "reclaim_too_soon"
    assert isinstance(answer, claiming.Refused)
    assert answer.refusal.reasons[0].params == {"until": after(74).isoformat()}
    assert PassedOver.objects.get(lead_id=lead_id).kind == "released"
    claimed(scene.budi, lead_id, after(15))
    acting.release(scene.budi, lead_id, after(16))
    claimed(scene.aiko, lead_id, after(74))


def test_a_lead_given_back_after_its_contact_may_be_taken_again(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    acting.contact(scene.aiko, lead_id, after(2))
    acting.release(scene.aiko, lead_id, after(3), why="call back in May")
    assert PassedOver.objects.get(lead_id=lead_id).kind == "worked"
    claimed(scene.aiko, lead_id, after(4))


def test_a_lead_given_back_before_or_after_its_contact_is_not_pushed_to_the_same_rep(scene: Scene) -> None:
    for minute, talked in ((1, False), (100, True)):
        lead_id = scene.arrives(employees=200, received_at=after(minute)).lead_id
        claimed(scene.aiko, lead_id, after(minute))
        if talked:
            acting.contact(scene.aiko, lead_id, after(minute))
        acting.release(scene.aiko, lead_id, after(minute))
        tick(after(minute + 31))
        assert scene.lead(lead_id).owner.handle == "budi"


def test_a_released_lead_is_behind_its_rep_in_the_queue(scene: Scene) -> None:
    publish(
        scene.workspace, POLICY.replace("    lock: 15m", "    mode: queue\n    lock: 15m\n    order: [received_at]")
    )
    one, two = (scene.arrives(employees=200, received_at=after(-n)).lead_id for n in (5, 4))
    claimed(scene.aiko, one, after(1))
    acting.release(scene.aiko, one, after(2))
    assert refused(claiming.claim_lead(scene.budi, two, after(3))) == "not_the_head"
    given = claiming.claim_next(scene.aiko, "inbound", after(3))
    assert isinstance(given, claiming.Claimed)
    assert given.lead["id"] == two


def _end(scene: Scene, *, won: int, lost: int, at: float) -> None:
    """The rep ends as many leads, at this minute."""
    for n in range(won + lost):
        lead_id = scene.arrives(employees=200).lead_id
        acting.assign(scene.manager, lead_id, "aiko", after(at))
        if n < won:
            acting.convert(scene.aiko, lead_id, after(at))
        else:
            acting.retire(scene.aiko, lead_id, after(at), why="no_interest")


def test_a_rep_whose_tier_nobody_has_looked_at_yet_is_counted_over_the_window(scene: Scene) -> None:
    publish(scene.workspace, TIERED)
    Standing.objects.update(tier=None, tier_on=None)
    lead_id = scene.arrives(employees=200).lead_id
    assert claiming.claim_lead(scene.aiko, lead_id, after(1)) is None
    _end(scene, won=1, lost=1, at=1)
    Standing.objects.update(tier=None, tier_on=None)
    month = 60 * 24 * 30
    later = scene.arrives(employees=200, received_at=after(month)).lead_id
    assert claiming.claim_lead(scene.aiko, later, after(month + 1)) is None, "thirty days later they count no more"
    claimed(scene.aiko, later, after(month))


def test_a_rep_is_in_the_tier_they_were_settled_in_whatever_today_would_say(scene: Scene) -> None:
    publish(scene.workspace, TIERED)
    one, two = scene.arrives(employees=200).lead_id, scene.arrives(employees=200).lead_id
    claiming.claim_lead(scene.aiko, one, after(1))
    Standing.objects.filter(rep_id=scene.aiko.rep_id).update(tier="top", tier_on=date(2026, 3, 2))
    claimed(scene.aiko, one, after(1))
    Standing.objects.filter(rep_id=scene.aiko.rep_id).update(tier="new", closed=40, converted=40)
    assert claiming.claim_lead(scene.aiko, two, after(2)) is None
    Standing.objects.filter(rep_id=scene.aiko.rep_id).update(tier="gone", closed=40, converted=40)
    claimed(scene.aiko, two, after(2))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("policy", [POLICY, RATE, TIERED], ids=["a cap", "a rate", "tiers"])
def test_a_claim_is_one_read_and_one_write_whatever_the_rules(scene: Scene, policy: str) -> None:
    publish(scene.workspace, policy)
    first, second = scene.arrives(employees=200).lead_id, scene.arrives(employees=200).lead_id
    claiming.claim_lead(scene.aiko, first, after(1))
    enter(scene.workspace.id)
    Standing.objects.filter(rep_id=scene.aiko.rep_id).update(tier="top", tier_on=date(2026, 3, 2))
    with CaptureQueriesContext(connection) as asked:
        claimed(scene.aiko, second, after(2))
    assert [query["sql"].split()[0] for query in asked] == ["SELECT", "WITH"]


def test_each_decision_keeps_the_score_of_its_moment(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    enrich(scene.workspace.id, [Enrichment(lead_id, {"employees": 5})], now=after(2))
    acting.contact(scene.aiko, lead_id, after(3))
    kept = list(Decision.objects.filter(lead_id=lead_id).order_by("nth").values_list("kind", "score"))
    assert kept == [("placed", 50), ("claimed", 50), ("enriched", 1), ("contacted", 1)]


def test_a_batch_keeps_each_leads_score(scene: Scene) -> None:
    sizes = [1, 200, 2000] * 10
    placed = place(scene.workspace.id, [make_arrival(employees=size) for size in sizes], now=after(0))
    kept = dict(Decision.objects.values_list("lead_id", "score"))
    assert [kept[lead.lead_id] for lead in placed] == [lead.score for lead in placed]
    assert set(kept.values()) == {1, 50, 100}


def test_a_lead_knows_when_it_ended(scene: Scene) -> None:
    won, lost, open_ = (scene.arrives(employees=200).lead_id for _ in range(3))
    claimed(scene.aiko, won, after(1))
    acting.convert(scene.aiko, won, after(5))
    acting.retire(scene.manager, lost, after(6), why="spam")
    assert [scene.lead(lead_id).ended_at for lead_id in (won, lost, open_)] == [after(5), after(6), None]
