"""Leads of one person merged by a person, and taken apart again; near misses decided."""

from __future__ import annotations

from typing import Any

import pytest

from dibs.crm.models import Account, Lead, Merge, NearMiss
from dibs.distribution import acting, deciding_near_misses, merging
from dibs.distribution.deciding_near_misses import Decided
from dibs.distribution.merging import Merged, Unmerged
from dibs.distribution.placing import Placed, place
from dibs.distribution.scene import Refused
from dibs.distribution.ticking import tick
from dibs.people.caller import caller_of
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import Scene, after, claimed, make_scene
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


def arrives(scene: Scene, minutes: float = 0, **fields: Any) -> Placed:
    enter(scene.workspace.id)
    return place(scene.workspace.id, [make_arrival(**fields)], now=after(minutes))[0]


def merged(answer: Any) -> Merged:
    assert isinstance(answer, Merged), answer
    return answer


def test_the_kept_lead_takes_what_it_lacks_and_the_other_is_merged_into_it(scene: Scene) -> None:
    one = arrives(scene, industry=None, employees=10, attributes={"a": 1, "b": 1}, message=None)
    other = arrives(scene, 5, industry="Software", employees=99, attributes={"b": 2, "c": 3}, message="Call me")
    done = merged(merging.merge(scene.manager, other.lead_id, one.lead_id, after(6)))
    assert (done.kept, done.gone) == (one.lead_id, other.lead_id)
    kept, gone = scene.lead(done.kept), scene.lead(done.gone)
    assert (kept.industry, kept.employees, kept.message) == ("Software", 10, "Call me")
    assert kept.attributes == {"a": 1, "b": 1, "c": 3}
    assert (kept.touches, kept.last_touch_at) == (2, MONDAY)
    assert (gone.state, gone.merged_into_id, gone.owner_id, gone.due_at) == ("merged", kept.id, None, None)
    assert scene.story(gone.id)[-1] == ("merged", "pooled", "merged")
    assert "software" in kept.lookup


def test_the_one_that_has_come_further_is_kept_and_the_other_reps_hands_are_free(scene: Scene) -> None:
    one, other = arrives(scene), arrives(scene)
    claimed(scene.aiko, one.lead_id, after(1))
    claimed(scene.budi, other.lead_id, after(2))
    assert acting.contact(scene.budi, other.lead_id, after(3))
    assert scene.standing(scene.aiko).holding == 1
    done = merged(merging.merge(scene.manager, one.lead_id, other.lead_id, after(4)))
    assert (done.kept, done.gone) == (other.lead_id, one.lead_id)
    assert (scene.standing(scene.aiko).holding, scene.standing(scene.aiko).open_leads) == (0, 0)
    assert scene.standing(scene.budi).open_leads == 1
    assert scene.lead(done.kept).owner.handle == "budi"


def test_who_merges_may_say_which_is_kept(scene: Scene) -> None:
    one, other = arrives(scene), arrives(scene)
    assert (
        merged(merging.merge(scene.manager, one.lead_id, other.lead_id, after(1), keep=other.lead_id)).gone
        == one.lead_id
    )


def test_facts_that_come_by_a_merge_have_a_waiting_lead_routed_anew(scene: Scene) -> None:
    one, other = arrives(scene, employees=None), arrives(scene, employees=None)
    Lead.objects.filter(id=other.lead_id).update(employees=2000)
    done = merged(merging.merge(scene.manager, one.lead_id, other.lead_id, after(1)))
    assert scene.lead(done.kept).state == "owned"
    assert scene.story(done.kept)[-1] == ("requalified", "pooled", "owned")


def test_what_was_merged_is_known_as_the_kept_lead(scene: Scene) -> None:
    one = arrives(scene, email="a@one.example", source="web", external_id="1")
    other = arrives(scene, email="b@two.example", source="web", external_id="2")
    done = merged(merging.merge(scene.manager, one.lead_id, other.lead_id, after(1)))
    again = arrives(scene, 2, email="b@two.example")
    assert (again.lead_id, again.touched) == (done.kept, True)


def test_undone_both_are_as_they_were(scene: Scene) -> None:
    one, other = arrives(scene, industry=None), arrives(scene, industry="Software")
    claimed(scene.aiko, one.lead_id, after(1))
    claimed(scene.budi, other.lead_id, after(2))
    before = list(Lead.objects.order_by("id").values())
    standings = [scene.standing(who).open_leads for who in (scene.aiko, scene.budi)]
    done = merged(merging.merge(scene.manager, one.lead_id, other.lead_id, after(3)))
    undone = merging.unmerge(scene.manager, done.merge, after(4))
    assert undone == Unmerged(done.kept, done.gone, restored=True)
    for was, now in zip(before, Lead.objects.order_by("id").values(), strict=True):
        assert {**now, "version": was["version"]} == was
    assert [scene.standing(who).open_leads for who in (scene.aiko, scene.budi)] == standings
    assert scene.story(done.gone)[-1] == ("unmerged", "merged", "owned")
    made = Merge.objects.get()
    assert (made.undone_at, made.undone_by_id) == (after(4), scene.manager.user_id)


def test_a_kept_lead_that_has_changed_since_stays_as_it_is(scene: Scene) -> None:
    one, other = arrives(scene, industry=None), arrives(scene, industry="Software")
    done = merged(merging.merge(scene.manager, one.lead_id, other.lead_id, after(1)))
    claimed(scene.aiko, done.kept, after(2))
    undone = merging.unmerge(scene.manager, done.merge, after(3))
    assert isinstance(undone, Unmerged)
    assert not undone.restored
    kept, gone = scene.lead(done.kept), scene.lead(done.gone)
    assert (kept.owner.handle, kept.industry, kept.state) == ("aiko", "Software", "owned")
    assert (gone.state, gone.pool, gone.merged_into_id) == ("pooled", "inbound", None)


def test_a_lead_whose_rep_has_left_comes_back_before_the_managers(scene: Scene) -> None:
    one, other = arrives(scene), arrives(scene)
    for caller, lead, minute in ((scene.aiko, one, 1), (scene.budi, other, 2)):
        claimed(caller, lead.lead_id, after(minute))
    done = merged(merging.merge(scene.manager, one.lead_id, other.lead_id, after(3), keep=other.lead_id))
    Rep.objects.filter(id=scene.aiko.rep_id).update(active=False)
    assert isinstance(merging.unmerge(scene.manager, done.merge, after(4)), Unmerged)
    lead = scene.lead(one.lead_id)
    assert (lead.state, lead.review, lead.owner_id) == ("review", "managers", None)


def test_a_merge_is_undone_once(scene: Scene) -> None:
    done = merged(merging.merge(scene.manager, arrives(scene).lead_id, arrives(scene).lead_id, after(1)))
    assert isinstance(merging.unmerge(scene.manager, done.merge, after(2)), Unmerged)
    again = merging.unmerge(scene.manager, done.merge, after(3))
    assert isinstance(again, Refused)
    assert again.refusal.code == "already_undone"


def test_what_has_ended_is_not_merged(scene: Scene) -> None:
    one, other = arrives(scene), arrives(scene)
    assert acting.retire(scene.manager, one.lead_id, after(1), why="spam")
    for pair in ((one.lead_id, other.lead_id), (other.lead_id, one.lead_id)):
        answer = merging.merge(scene.manager, *pair, after(2))
        assert isinstance(answer, Refused)
        assert answer.refusal.code == "already_ended"
    same = merging.merge(scene.manager, other.lead_id, other.lead_id, after(2))
    assert isinstance(same, Refused)
    assert same.refusal.code == "same_lead"


def test_only_who_leads_where_both_are_may_merge_them(scene: Scene) -> None:
    one, other = arrives(scene), arrives(scene)
    stranger = make_user(scene.workspace, "manager")
    make_team(scene.workspace, "tokyo", managers=(stranger,))
    elsewhere = make_rep(scene.workspace, "emi", teams=("tokyo",))
    claimed(scene.aiko, one.lead_id, after(1))
    claimed(caller_of(elsewhere.user), other.lead_id, after(1))
    for caller in (scene.manager, caller_of(stranger), scene.aiko):
        assert merging.merge(caller, one.lead_id, other.lead_id, after(2)) is None
    ops = caller_of(make_user(scene.workspace, "ops"))
    done = merged(merging.merge(ops, one.lead_id, other.lead_id, after(2)))
    assert merging.unmerge(scene.aiko, done.merge, after(3)) is None
    assert (
        merging.merge(caller_of(make_user(make_scene().workspace, "ops")), one.lead_id, other.lead_id, after(3)) is None
    )


def near(scene: Scene) -> tuple[NearMiss, Placed, Placed]:
    phone = "+81335803311"
    one = arrives(scene, email=None, phone=phone, name="Aiko Tanaka")
    other = arrives(scene, email=None, phone=phone, name="A. Tanaka")
    return NearMiss.objects.get(), one, other


def test_a_near_miss_that_is_the_same_is_merged_and_may_be_opened_again(scene: Scene) -> None:
    miss, one, other = near(scene)
    answer = deciding_near_misses.decide(scene.manager, miss.id, after(1), same=True)
    assert isinstance(answer, Decided)
    assert (answer.state, answer.lead) == ("merged", one.lead_id)
    assert scene.lead(other.lead_id).state == "merged"
    twice = deciding_near_misses.decide(scene.manager, miss.id, after(2), same=False)
    assert isinstance(twice, Refused)
    assert twice.refusal.code == "already_decided"
    assert isinstance(deciding_near_misses.reopen(scene.manager, miss.id, after(3)), Decided)
    miss.refresh_from_db()
    assert (miss.state, scene.lead(other.lead_id).state) == ("open", "pooled")


def test_a_near_miss_that_is_not_the_same_stays_decided(scene: Scene) -> None:
    miss, one, other = near(scene)
    assert isinstance(deciding_near_misses.decide(scene.manager, miss.id, after(1), same=False), Decided)
    miss.refresh_from_db()
    assert (miss.state, miss.decided_by_id, miss.decided_at) == ("apart", scene.manager.user_id, after(1))
    assert {scene.lead(lead.lead_id).state for lead in (one, other)} == {"pooled"}


def test_a_lead_said_to_be_an_accounts_goes_to_its_owner_and_back(scene: Scene) -> None:
    lead = arrives(scene, email=None, domain=None, company="Acme")
    account = Account.objects.create(workspace=scene.workspace, name="Acme Trading", owner_id=scene.budi.rep_id)
    miss = NearMiss.objects.create(
        workspace=scene.workspace, lead_id=lead.lead_id, account=account, score=0.8, at=MONDAY
    )
    assert isinstance(deciding_near_misses.decide(scene.manager, miss.id, after(1), same=True), Decided)
    row = scene.lead(lead.lead_id)
    assert (row.account_id, row.state, row.owner.handle) == (account.id, "owned", "budi")
    assert isinstance(deciding_near_misses.reopen(scene.manager, miss.id, after(2)), Decided)
    row = scene.lead(lead.lead_id)
    assert (row.account_id, row.owner.handle) == (None, "budi")


def test_a_near_miss_is_decided_by_who_leads_where_its_leads_are(scene: Scene) -> None:
    miss, one, _ = near(scene)
    for caller in (scene.aiko, caller_of(make_user(make_scene().workspace, "ops"))):
        assert deciding_near_misses.decide(caller, miss.id, after(1), same=True) is None
        assert deciding_near_misses.reopen(caller, miss.id, after(1)) is None
    enter(scene.workspace.id)
    assert scene.lead(one.lead_id).state == "pooled"


def test_time_leaves_a_merged_lead_alone(scene: Scene) -> None:
    done = merged(merging.merge(scene.manager, arrives(scene).lead_id, arrives(scene).lead_id, after(1)))
    tick(after(60 * 48))
    assert scene.lead(done.gone).state == "merged"


def test_what_a_person_refused_or_answered_under_either_name_holds_for_the_kept_lead(scene: Scene) -> None:
    one = arrives(scene, answers={"size": "small"}, consent=True)
    other = arrives(scene, 5, answers={"size": "large", "when": "soon"}, consent=False)
    Lead.objects.filter(id=other.lead_id).update(do_not_contact=True)
    done = merged(merging.merge(scene.manager, one.lead_id, other.lead_id, after(6), keep=one.lead_id))
    kept = scene.lead(done.kept)
    assert kept.answers == {"size": "small", "when": "soon"}
    assert (kept.do_not_contact, kept.consent) == (True, False)
    # Without a word of the policy on it, such leads are given up.
    assert kept.state == "retired"
    merging.unmerge(scene.manager, done.merge, after(7))
    kept = scene.lead(done.kept)
    assert (kept.answers, kept.do_not_contact, kept.consent) == ({"size": "small"}, None, True)
    assert (kept.state, kept.pool, kept.ended_at, kept.retired_why) == ("pooled", "inbound", None, None)


def test_what_was_merged_away_gets_no_mails(scene: Scene) -> None:
    one, other = arrives(scene), arrives(scene)
    Lead.objects.filter(id=other.lead_id).update(state="nurture", sequence="course", mailed=1, mailed_at=MONDAY)
    done = merged(merging.merge(scene.manager, one.lead_id, other.lead_id, after(1)))
    gone = scene.lead(done.gone)
    assert (gone.state, gone.sequence, gone.mailed, gone.mailed_at) == ("merged", None, 0, None)
    merging.unmerge(scene.manager, done.merge, after(2))
    gone = scene.lead(done.gone)
    assert (gone.state, gone.sequence, gone.mailed, gone.mailed_at) == ("nurture", "course", 1, MONDAY)
