"""Credits: rows that are added when something was earned, and never change."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from dibs.distribution import acting, claiming
from dibs.distribution.models import Credit, Decision
from dibs.distribution.ticking import tick
from tests.integration.distribution.scene import POLICY, Scene, after, claimed
from tests.making import publish

pytestmark = pytest.mark.django_db

CREDITS = (
    POLICY.replace("hold_at_most: 2", "hold_at_most: 20")
    + """
credits:
  claim: 1
  convert: 10
  weights:
    - {when: 'lead.score < 40', times: 2.5}
"""
)


@pytest.fixture
def scene(scene: Scene) -> Scene:
    publish(scene.workspace, CREDITS)
    return scene


def credits_of(lead_id: UUID) -> list[tuple[str, str, Decimal]]:
    rows = Credit.objects.filter(lead_id=lead_id).order_by("at").select_related("rep")
    return [(row.rep.handle, row.what, row.points) for row in rows]


def test_the_first_contact_on_a_claimed_lead_earns_and_the_second_does_not(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    assert credits_of(lead_id) == []
    acting.contact(scene.aiko, lead_id, after(2))
    acting.contact(scene.aiko, lead_id, after(3))
    assert credits_of(lead_id) == [("aiko", "claim", Decimal("1.00"))]
    row = Credit.objects.get(lead_id=lead_id)
    assert (row.at, row.times, row.rule, row.score, row.policy_version) == (after(2), 1, "credits", 50, 2)


def test_a_low_score_lead_earns_more(scene: Scene) -> None:
    lead_id = scene.arrives(employees=5).lead_id
    claimed(scene.aiko, lead_id, after(1))
    acting.contact(scene.aiko, lead_id, after(2))
    acting.convert(scene.aiko, lead_id, after(3))
    assert credits_of(lead_id) == [("aiko", "claim", Decimal("2.50")), ("aiko", "convert", Decimal("25.00"))]
    assert set(Credit.objects.filter(lead_id=lead_id).values_list("rule", "times")) == {
        ("credits.weights[0]", Decimal("2.5"))
    }


def test_the_story_says_what_was_earned(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    acting.contact(scene.aiko, lead_id, after(2))
    reasons = Decision.objects.get(lead_id=lead_id, kind="contacted").reasons
    assert [reason["code"] for reason in reasons] == ["contacted", "credited"]
    assert reasons[1]["params"] == {"what": "claim", "points": 1.0, "times": 1.0}


def test_a_lead_that_was_pushed_earns_by_its_conversion_alone(scene: Scene) -> None:
    lead_id = scene.arrives(employees=5000).lead_id
    owner = {"aiko": scene.aiko, "budi": scene.budi}[scene.lead(lead_id).owner.handle]
    acting.contact(owner, lead_id, after(1))
    assert credits_of(lead_id) == []
    acting.convert(owner, lead_id, after(2))
    assert credits_of(lead_id) == [(owner.handle, "convert", Decimal("10.00"))]


def test_a_claim_that_lapses_or_is_given_back_or_given_up_earns_nothing(scene: Scene) -> None:
    lapsed, released, retired = (scene.arrives(employees=200).lead_id for _ in range(3))
    for lead_id in (lapsed, released, retired):
        claimed(scene.aiko, lead_id, after(1))
    acting.release(scene.aiko, released, after(2))
    acting.retire(scene.aiko, retired, after(2), why="spam")
    tick(after(16))
    assert scene.lead(lapsed).state == "pooled"
    assert Credit.objects.count() == 0


def test_who_gives_a_lead_back_and_takes_it_again_earns_nothing_anew(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    for minute in (1, 10, 20):
        claimed(scene.aiko, lead_id, after(minute))
        acting.contact(scene.aiko, lead_id, after(minute + 1))
        acting.release(scene.aiko, lead_id, after(minute + 2))
    assert credits_of(lead_id) == [("aiko", "claim", Decimal("1.00"))]
    claimed(scene.budi, lead_id, after(30))
    acting.contact(scene.budi, lead_id, after(31))
    assert credits_of(lead_id)[1:] == [("budi", "claim", Decimal("1.00"))]
    again = Decision.objects.filter(lead_id=lead_id, kind="contacted").order_by("nth")
    assert [[reason["code"] for reason in row.reasons] for row in again] == [
        ["contacted", "credited"],
        ["contacted"],
        ["contacted"],
        ["contacted", "credited"],
    ]


def test_a_conversion_that_a_manager_enters_is_the_reps(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    claimed(scene.aiko, lead_id, after(1))
    assert isinstance(acting.convert(scene.manager, lead_id, after(2)), acting.Acted)
    assert credits_of(lead_id) == [("aiko", "convert", Decimal("10.00"))]


def test_a_policy_without_credits_credits_nobody(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    lead_id = scene.arrives(employees=200).lead_id
    assert isinstance(claiming.claim_lead(scene.aiko, lead_id, after(1)), claiming.Claimed)
    acting.contact(scene.aiko, lead_id, after(2))
    acting.convert(scene.aiko, lead_id, after(3))
    assert Credit.objects.count() == 0
