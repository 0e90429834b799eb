"""A lead goes from hand to hand: offers, releases, managers, new facts, and its two ends."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from dibs.crm.arrival import Enrichment
from dibs.distribution import acting
from dibs.distribution.placing import enrich
from dibs.distribution.ticking import tick
from dibs.insight.floor import floor
from dibs.people.caller import caller_of
from dibs.people.models import Membership, Rep, Workspace
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import POLICY, Scene, after, claimed, refused
from tests.making import MONDAY, make_team, make_user, publish

pytestmark = pytest.mark.django_db


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


def test_an_offer_that_goes_straight_to_the_next_lapsed_with_the_first(scene: Scene) -> None:
    placed = scene.arrives(source="offer")
    first, second = (scene.aiko, scene.budi) if placed.owner == "aiko" else (scene.budi, scene.aiko)
    workspace = Workspace.objects.get(id=first.workspace_id)
    leading = {}
    for rep in (first, second):
        user = make_user(workspace, "manager")
        team = make_team(workspace, f"of_{rep.handle}", managers=(user,))
        Membership.objects.create(workspace=workspace, team=team, rep_id=rep.rep_id)
        leading[rep.handle] = caller_of(user)
    tick(after(5))
    assert scene.lead(placed.lead_id).owner.handle == second.handle
    assert floor(leading[first.handle], after(6)).lapsed_today == 1
    assert floor(leading[second.handle], after(6)).lapsed_today == 0


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


def test_a_lead_given_back_that_never_waited_in_a_pool_begins_its_wait_there(scene: Scene) -> None:
    lead_id = scene.arrives(employees=2000).lead_id
    holder = {"aiko": scene.aiko, "budi": scene.budi}[scene.lead(lead_id).owner.handle]
    Rep.objects.exclude(id=holder.rep_id).update(available=False)
    days = after(10 * 24 * 60)
    assert isinstance(acting.release(holder, lead_id, days), acting.Acted)
    lead = scene.lead(lead_id)
    assert (lead.state, lead.waiting_since, lead.due_at) == ("pooled", days, days + timedelta(minutes=30))


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
