"""Others on a lead's team: they see it and help, and never own it."""

from __future__ import annotations

from uuid import UUID

import pytest

from dibs.distribution import acting, helping
from dibs.distribution.scene import Acted
from dibs.distribution.ticking import tick
from dibs.insight.helping import team_of
from dibs.insight.leads import leads_page
from dibs.insight.sight import lead_in_sight
from dibs.insight.story import story_of
from dibs.people.caller import Caller, caller_of
from tests.concurrency.truths import assert_true
from tests.integration.distribution.scene import Scene, after, claimed, make_scene, refused
from tests.making import make_rep

pytestmark = pytest.mark.django_db


@pytest.fixture
def citra(scene: Scene) -> Caller:
    return caller_of(make_rep(scene.workspace, "citra", teams=("tokyo",)).user)


@pytest.fixture
def lead(scene: Scene) -> UUID:
    """A lead that Aiko has claimed."""
    lead_id = scene.arrives(employees=500).lead_id
    claimed(scene.aiko, lead_id, after(1))
    return lead_id


def test_who_helps_sees_the_lead_in_full_and_keeps_no_lease(scene: Scene, citra: Caller, lead: UUID) -> None:
    assert lead_in_sight(citra, lead, after(2)) is None
    assert isinstance(helping.add_helper(scene.aiko, lead, "citra", after(2)), Acted)
    seen = lead_in_sight(citra, lead, after(3))
    assert seen is not None
    assert (seen.level, seen["owner"], seen["email"] is None) == ("full", "aiko", False)
    assert "claim" not in seen
    assert [each["id"] for each in leads_page(citra, {}, now=after(3)).items] == [lead]
    assert [mate.rep for mate in team_of(citra, seen)] == ["citra"]


def test_a_contact_by_who_helps_stops_the_owners_clock(scene: Scene, citra: Caller, lead: UUID) -> None:
    helping.add_helper(scene.aiko, lead, "citra", after(2))
    assert isinstance(acting.contact(citra, lead, after(5), kind="call"), Acted)
    tick(after(60))
    found = scene.lead(lead)
    assert (found.state, found.owner.handle, found.contacted_at) == ("working", "aiko", after(5))
    assert scene.standing(scene.aiko).holding == 0
    assert_true(scene.workspace.id)


def test_who_helps_can_do_nothing_else_with_it(scene: Scene, citra: Caller, lead: UUID) -> None:
    helping.add_helper(scene.aiko, lead, "citra", after(2))
    assert refused(acting.release(citra, lead, after(3))) == "not_yours"
    assert refused(acting.convert(citra, lead, after(3))) == "not_yours"
    assert refused(acting.retire(citra, lead, after(3), why="other")) == "not_yours"
    assert refused(helping.add_helper(citra, lead, "budi", after(3))) == "not_yours"
    assert refused(acting.assign(citra, lead, "citra", after(3))) == "not_led"
    assert scene.lead(lead).owner.handle == "aiko"


def test_their_contact_is_too_late_after_the_owners_lock(scene: Scene, citra: Caller, lead: UUID) -> None:
    helping.add_helper(scene.aiko, lead, "citra", after(2))
    assert refused(acting.contact(citra, lead, after(17))) == "claim_lapsed"


def test_once_it_waits_again_they_see_what_anybody_sees(scene: Scene, citra: Caller, lead: UUID) -> None:
    helping.add_helper(scene.aiko, lead, "citra", after(2))
    acting.release(scene.aiko, lead, after(3))
    assert scene.lead(lead).state == "pooled"
    seen = lead_in_sight(citra, lead, after(4))
    assert seen is None or seen.level != "full"
    assert leads_page(citra, {}, now=after(4)).items == []


def test_who_has_the_lead_or_leads_them_says_who_helps(scene: Scene, citra: Caller, lead: UUID) -> None:
    assert refused(helping.add_helper(scene.budi, lead, "budi", after(2))) == "not_yours"
    assert refused(helping.add_helper(scene.aiko, lead, "aiko", after(2))) == "owns_it"
    assert isinstance(helping.add_helper(scene.manager, lead, "citra", after(2)), Acted)
    assert isinstance(helping.remove_helper(scene.manager, lead, "citra", after(3)), Acted)
    assert lead_in_sight(citra, lead, after(4)) is None
    with pytest.raises(LookupError):
        helping.add_helper(scene.aiko, lead, "nobody", after(4))


def test_who_helps_may_stop_but_stop_nobody_else(scene: Scene, citra: Caller, lead: UUID) -> None:
    for handle in ("citra", "budi"):
        helping.add_helper(scene.aiko, lead, handle, after(2))
    assert refused(helping.remove_helper(citra, lead, "budi", after(3))) == "not_yours"
    assert isinstance(helping.remove_helper(citra, lead, "citra", after(3)), Acted)
    seen = lead_in_sight(scene.aiko, lead, after(4))
    assert seen is not None
    assert [mate.rep for mate in team_of(scene.aiko, seen)] == ["budi"]


def test_a_lead_nobody_has_has_no_team(scene: Scene, citra: Caller) -> None:
    waiting = scene.arrives(employees=500).lead_id
    assert refused(helping.add_helper(scene.manager, waiting, "citra", after(2))) == "nobodys"


def test_the_story_says_who_came_and_went_once_each(scene: Scene, citra: Caller, lead: UUID) -> None:
    for _ in range(2):
        helping.add_helper(scene.aiko, lead, "citra", after(2))
    for _ in range(2):
        helping.remove_helper(scene.aiko, lead, "citra", after(3))
    story = story_of(scene.aiko, lead, after(4))
    assert story is not None
    told = [entry.reasons[0]["text"] for entry in story if entry.kind == "helped"]
    assert told == ["Citra is on its team now, to see it and help", "Citra is no longer on its team"]
    assert_true(scene.workspace.id)


def test_another_workspaces_rep_helps_nobody_here(scene: Scene, lead: UUID) -> None:
    other = make_scene()
    make_rep(other.workspace, "wati")
    with pytest.raises(LookupError):
        helping.add_helper(scene.aiko, lead, "wati", after(2))
    assert helping.add_helper(other.aiko, lead, "aiko", after(2)) is None
