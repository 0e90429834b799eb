"""What is claimed and given back without a contact was not claimed: it forgives no skip, and counts for no mix and no floor."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from dibs.distribution import acting, claiming
from dibs.distribution.models import PassedOver
from dibs.distribution.ticking import tick
from dibs.people.caller import Caller, caller_of
from tests.integration.distribution.scene import Scene, after, claimed, refused
from tests.making import make_user, publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: Looking is limited
qualify: {score: [{when: 'lead.employees >= 100', add: 80}]}
route:
  - {name: Open ones, when: 'lead.source == "open"', pull: {pool: open}}
  - {name: Everyone, pull: {pool: line}}
pools:
  line: {mode: queue, order: [received_at], lock: 15m, reclaim_after: 8h}
  open: {mode: cherry_pick, preview: [company], lock: 15m, reclaim_after: 1h}
fair_play: {skip_at_most: 2, claim_at_least: {count: 3, then: notify}}
"""


def in_line(scene: Scene, count: int) -> list[UUID]:
    return [scene.arrives(received_at=after(n - 60)).lead_id for n in range(count)]


def on_show(scene: Scene, count: int) -> list[UUID]:
    return [scene.arrives(source="open").lead_id for _ in range(count)]


def gives_back(caller: Caller, lead_id: UUID, minute: float) -> None:
    assert isinstance(acting.release(caller, lead_id, after(minute)), acting.Acted)


def test_nobody_claims_their_way_down_a_queue(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    leads = in_line(scene, 13)
    for lead_id in leads[:2]:
        assert isinstance(acting.skip(scene.aiko, lead_id, after(1)), acting.Acted)
    assert refused(acting.skip(scene.aiko, leads[2], after(2))) == "skip_limit"
    claimed(scene.aiko, leads[2], after(3))
    gives_back(scene.aiko, leads[2], 4)
    assert PassedOver.objects.get(lead_id=leads[2], kind="returned").rep_id == scene.aiko.rep_id
    # What was passed over before the claim is before them again.
    claimed(scene.aiko, leads[0], after(5))
    gives_back(scene.aiko, leads[0], 6)
    for lead_id in leads[1:]:
        assert refused(claiming.claim_lead(scene.aiko, lead_id, after(7))) == "not_the_head"
    assert refused(claiming.claim_lead(scene.aiko, leads[0], after(7))) == "reclaim_too_soon"
    assert refused(claiming.claim_next(scene.aiko, "line", after(7))) == "reclaim_too_soon"
    # Once somebody else has it the line goes on.
    claimed(scene.budi, leads[0], after(8))
    claimed(scene.aiko, leads[1], after(9))


def test_giving_back_the_head_of_a_queue_with_a_skip_left_passes_it_over(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    leads = in_line(scene, 4)
    for nth in range(2):
        claimed(scene.aiko, leads[nth], after(nth))
        gives_back(scene.aiko, leads[nth], nth)
        assert scene.standing(scene.aiko).skips == nth + 1
    claimed(scene.aiko, leads[2], after(3))
    gives_back(scene.aiko, leads[2], 3)
    assert refused(claiming.claim_lead(scene.aiko, leads[3], after(4))) == "not_the_head"
    kinds = PassedOver.objects.order_by("at", "id").values_list("kind", flat=True)
    assert list(kinds) == ["released", "released", "returned"]


def test_without_a_limit_of_skips_what_is_given_back_is_behind_who_had_it(scene: Scene) -> None:
    publish(scene.workspace, POLICY.replace("skip_at_most: 2, ", ""))
    for minute, lead_id in enumerate(in_line(scene, 5)):
        claimed(scene.aiko, lead_id, after(minute))
        gives_back(scene.aiko, lead_id, minute)


def test_claiming_and_giving_back_opens_no_more_leads(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    leads = on_show(scene, 12)
    looked, minute = 0, 1
    for lead_id in leads[:6]:
        while looked < len(leads) and isinstance(
            acting.open_lead(scene.aiko, leads[looked], after(minute)), acting.Acted
        ):
            looked += 1
        claimed(scene.aiko, lead_id, after(minute))
        minute += 1
        gives_back(scene.aiko, lead_id, minute)
    assert looked == 2
    answer = acting.open_lead(scene.aiko, leads[11], after(minute))
    assert refused(answer) == "skip_limit"
    assert isinstance(answer, acting.Refused)
    assert answer.refusal.remedy is not None
    assert answer.refusal.remedy.code == "contact_one_first"
    claimed(scene.aiko, leads[6], after(minute + 1))
    acting.contact(scene.aiko, leads[6], after(minute + 2))
    for lead_id in leads[7:9]:
        assert isinstance(acting.open_lead(scene.aiko, lead_id, after(minute + 3)), acting.Acted)


def test_who_looks_claims_and_contacts_is_never_hindered(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    leads = on_show(scene, 12)
    for nth in range(0, 12, 2):
        for lead_id in leads[nth : nth + 2]:
            assert isinstance(acting.open_lead(scene.aiko, lead_id, after(nth)), acting.Acted)
        claimed(scene.aiko, leads[nth], after(nth))
        acting.contact(scene.aiko, leads[nth], after(nth + 1))


def test_a_lead_claimed_three_times_makes_no_claim_floor(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    (lead_id,) = on_show(scene, 1)
    for hour in range(3):
        claimed(scene.aiko, lead_id, after(61 * hour))
        assert scene.standing(scene.aiko).claims_today == 1
        gives_back(scene.aiko, lead_id, 61 * hour)
    standing = scene.standing(scene.aiko)
    assert (standing.claims_today, standing.claims_this_week) == (0, 0)
    assert scene.lead(lead_id).claimed_at is None


def test_a_claim_that_lapses_is_none_either_and_one_contacted_stays(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    one, two = on_show(scene, 2)
    for lead_id in (one, two):
        claimed(scene.aiko, lead_id, after(1))
    acting.contact(scene.aiko, two, after(2))
    tick(after(17))
    standing = scene.standing(scene.aiko)
    assert (standing.claims_today, standing.claims_this_week, standing.lapses, standing.skips) == (1, 1, 1, 1)
    assert scene.lead(two).claimed_at == after(1)
    gives_back(scene.aiko, two, 18)
    assert scene.standing(scene.aiko).claims_today == 1


def test_what_a_manager_takes_away_was_not_claimed_and_is_no_skip(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    leads = on_show(scene, 3)
    acting.open_lead(scene.aiko, leads[0], after(0))
    for lead_id in leads[:2]:
        claimed(scene.aiko, lead_id, after(1))
    operations = caller_of(make_user(scene.workspace, "ops"))
    assert isinstance(acting.assign(operations, leads[0], "budi", after(2)), acting.Acted)
    assert isinstance(acting.release(operations, leads[1], after(2)), acting.Acted)
    standing = scene.standing(scene.aiko)
    assert (standing.claims_today, standing.skips, standing.kept_skips) == (0, 0, 1)
    assert scene.lead(leads[0]).claimed_at is None
    gives_back(scene.budi, leads[0], 3)
    standing = scene.standing(scene.budi)
    assert (standing.claims_today, standing.skips) == (0, 0)


def test_a_claim_of_yesterday_is_taken_back_from_the_week_alone(scene: Scene) -> None:
    publish(scene.workspace, POLICY.replace("lock: 15m", "lock: 3d"))
    one, two = on_show(scene, 2)
    claimed(scene.aiko, one, after(1))
    tomorrow = after(1) + timedelta(days=1)
    claimed(scene.aiko, two, tomorrow)
    acting.release(scene.aiko, one, tomorrow)
    standing = scene.standing(scene.aiko)
    assert (standing.claims_today, standing.claims_this_week) == (1, 1)


def test_a_lead_given_up_and_brought_back_is_given_back(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    first, other = on_show(scene, 2)
    for minute in (1, 70, 140):
        claimed(scene.aiko, first, after(minute))
        assert isinstance(acting.retire(scene.aiko, first, after(minute + 1), why="cannot_verify"), acting.Acted)
        assert scene.standing(scene.aiko).claims_today == 1
        assert isinstance(acting.reopen(scene.aiko, first, after(minute + 2)), acting.Acted)
        standing = scene.standing(scene.aiko)
        # One lead claimed three times makes no claim floor, no mix and no new lock at once.
        assert (standing.claims_today, standing.claims_this_week, standing.recent) == (0, 0, [])
        assert refused(claiming.claim_lead(scene.aiko, first, after(minute + 3))) == "reclaim_too_soon"
    assert scene.standing(scene.aiko).skips == 3
    assert refused(acting.open_lead(scene.aiko, other, after(150))) == "skip_limit"


def test_what_a_manager_brings_back_is_no_skip_of_who_gave_it_up(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    (lead_id,) = on_show(scene, 1)
    claimed(scene.aiko, lead_id, after(1))
    assert isinstance(acting.retire(scene.aiko, lead_id, after(2), why="cannot_verify"), acting.Acted)
    assert isinstance(acting.reopen(scene.manager, lead_id, after(3)), acting.Acted)
    standing = scene.standing(scene.aiko)
    assert (standing.claims_today, standing.skips, standing.recent) == (0, 0, [])
    claimed(scene.aiko, lead_id, after(4))


def test_what_was_contacted_before_it_was_given_up_is_a_claim_for_ever(scene: Scene) -> None:
    publish(scene.workspace, POLICY)
    (lead_id,) = on_show(scene, 1)
    claimed(scene.aiko, lead_id, after(1))
    acting.contact(scene.aiko, lead_id, after(2))
    assert isinstance(acting.retire(scene.aiko, lead_id, after(3), why="no_interest"), acting.Acted)
    assert isinstance(acting.reopen(scene.aiko, lead_id, after(4)), acting.Acted)
    assert (scene.standing(scene.aiko).claims_today, scene.standing(scene.aiko).skips) == (1, 0)
    claimed(scene.aiko, lead_id, after(5))
