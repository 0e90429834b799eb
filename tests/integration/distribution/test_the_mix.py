"""The mix of low scores: what counts as within a rep's sight, and one low for each high."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from dibs.distribution import acting, claiming
from tests.integration.distribution.scene import Scene, after, claimed, refused
from tests.making import publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: One low for each high
qualify: {score: [{when: 'lead.employees >= 100', add: 80}, {when: 'lead.source == "middling"', add: 30}]}
route:
  - {name: Aside, when: 'lead.country == "JP"', pull: {pool: aside}}
  - {name: Everyone, pull: {pool: inbound}}
pools:
  inbound: {mode: MODE, lock: 15m}
  aside: {mode: queue, order: [received_at], lock: 15m}
fair_play: {mix: {low_below: 50, per_high: 1}}
"""


def published(scene: Scene, more: str = "", mode: str = "pool") -> None:
    publish(scene.workspace, POLICY.replace("MODE", mode) + more)


def high(scene: Scene) -> UUID:
    return scene.arrives(employees=500).lead_id


def low(scene: Scene, **fields: Any) -> UUID:
    return scene.arrives(**({"employees": 5} | fields)).lead_id


def test_after_a_high_one_a_low_one_comes_before_the_next(scene: Scene) -> None:
    published(scene)
    highs, cheap = [high(scene) for _ in range(3)], low(scene)
    claimed(scene.aiko, highs[0], after(1))
    answer = claiming.claim_lead(scene.aiko, highs[1], after(2))
    assert refused(answer) == "mix"
    assert isinstance(answer, claiming.Refused)
    assert answer.refusal.remedy is not None
    assert answer.refusal.remedy.code == "claim_low_score_first"
    claimed(scene.aiko, cheap, after(3))
    claimed(scene.aiko, highs[1], after(4))


def test_with_no_low_one_in_sight_the_next_high_one_is_free(scene: Scene) -> None:
    published(scene)
    highs = [high(scene) for _ in range(2)]
    claimed(scene.aiko, highs[0], after(1))
    answer = claimed(scene.aiko, highs[1], after(2))
    assert "mix_waived" in [reason.code for reason in answer.reasons]


def test_a_low_one_outside_the_reps_tier_is_not_in_sight(scene: Scene) -> None:
    published(scene, "tiers: [{name: new, sees: full, only: 'lead.score != 30'}]\n")
    highs = [high(scene) for _ in range(3)]
    low(scene, source="middling")
    for lead_id in highs[:2]:
        claimed(scene.aiko, lead_id, after(1))
    low(scene)
    assert refused(claiming.claim_lead(scene.aiko, highs[2], after(2))) == "mix"


def test_a_low_one_of_which_a_preview_is_shown_is_in_sight(scene: Scene) -> None:
    published(scene, mode="cherry_pick")
    publish(
        scene.workspace, POLICY.replace("MODE", "cherry_pick").replace("fair_play: {", "fair_play: {skip_at_most: 3, ")
    )
    highs = [high(scene) for _ in range(2)]
    low(scene)
    claimed(scene.aiko, highs[0], after(1))
    assert refused(claiming.claim_lead(scene.aiko, highs[1], after(2))) == "mix"


def test_the_head_of_a_queue_is_not_owed_for_taking_it_does_not_count(scene: Scene) -> None:
    published(scene)
    highs = [high(scene) for _ in range(3)]
    in_line = [low(scene, country="JP", received_at=after(minute - 9)) for minute in range(3)]
    claimed(scene.aiko, highs[0], after(1))
    claimed(scene.aiko, in_line[0], after(2))
    answer = claimed(scene.aiko, highs[1], after(3))
    assert "mix_waived" in [reason.code for reason in answer.reasons]
    low(scene)
    assert refused(claiming.claim_lead(scene.aiko, highs[2], after(4))) == "mix"


def test_a_low_one_whose_lock_ran_out_is_in_sight(scene: Scene) -> None:
    published(scene)
    highs, cheap = [high(scene) for _ in range(2)], low(scene)
    claimed(scene.budi, cheap, after(1))
    claimed(scene.aiko, highs[0], after(2))
    assert refused(claiming.claim_lead(scene.aiko, highs[1], after(16.5))) == "mix"
    assert scene.lead(cheap).state == "owned", "to look at the low ones writes nothing"


def test_what_is_given_back_was_not_claimed(scene: Scene) -> None:
    published(scene)
    highs, cheap = [high(scene) for _ in range(2)], low(scene)
    claimed(scene.aiko, highs[0], after(1))
    claimed(scene.aiko, cheap, after(2))
    assert isinstance(acting.release(scene.aiko, cheap, after(3)), acting.Acted)
    assert refused(claiming.claim_lead(scene.aiko, highs[1], after(4))) == "mix"
    claimed(scene.aiko, cheap, after(5))
    acting.contact(scene.aiko, cheap, after(6))
    assert isinstance(acting.release(scene.aiko, cheap, after(7)), acting.Acted)
    claimed(scene.aiko, highs[1], after(8))
