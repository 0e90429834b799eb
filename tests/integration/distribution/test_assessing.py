"""A questionnaire filled in with the person of a lead: kept as it grows, and the lead goes where it leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from dibs.crm.models import Assessed
from dibs.distribution import acting, assessing
from dibs.distribution.crews import handles_of
from dibs.distribution.follow_ups import follow_up
from dibs.distribution.models import Credit, Decision, PassedOver
from dibs.distribution.scene import Acted
from dibs.distribution.ticking import tick
from dibs.engine.assess import Graded, UnknownAnswer
from dibs.people.caller import Caller, caller_of
from dibs.people.tenancy import enter
from tests.concurrency.truths import assert_true
from tests.integration.distribution.scene import Scene, after, claimed, make_scene, refused
from tests.making import make_rep, publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: Assessed
qualify:
  score:
    - {when: 'lead.employees >= 100', add: 30}
    - {when: 'lead.assessment >= 60', add: 50}
    - {when: 'lead.assessed == "follow_up"', add: 5}
route:
  - {name: Direct, when: 'lead.assessed == "hand_over" && lead.assessment < 30', push: {team: direct}}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound: {lock: 15m, assign_after: 24h}
  later: {lock: 15m, assign_after: 24h}
assessments:
  call:
    title: First call
    when: lead.product != "none"
    questions:
      need: {ask: Need?, weight: 3, required: true, answers: {none: 0, low: 20, some: 50, much: 100}}
      budget: {ask: Budget?, answers: {"no": 0, "yes": 100}}
    verdicts:
      - {score: 70, pursue: true}
      - {score: 45, follow_up: 14d}
      - {score: 30, hand_over: {pool: later}}
      - {score: 10, hand_over: true}
      - {retire: not_a_fit}
  fair:
    title: At the fair
    when: lead.campaign == "fair"
    questions: {met: {ask: Met?, answers: {"no": 0, "yes": 100}}}
    verdicts:
      - {score: 50, hand_over: {team: direct}}
      - {hand_over: {retire: spam}}
credits: {claim: 2, convert: 10}
"""

PURSUED, FOLLOWED, TO_LATER, HANDED, RETIRED = (
    {"need": "much"},
    {"need": "some", "budget": "yes"},
    {"need": "low", "budget": "yes"},
    {"need": "none", "budget": "yes"},
    {"need": "none"},
)


@pytest.fixture
def direct(scene: Scene) -> Caller:
    rep = make_rep(scene.workspace, "citra", teams=("direct",))
    publish(scene.workspace, POLICY)
    return caller_of(rep.user)


@pytest.fixture
def lead(scene: Scene, direct: Caller) -> UUID:
    """A lead that Aiko has claimed."""
    lead_id = scene.arrives(employees=500, product="crm").lead_id
    claimed(scene.aiko, lead_id, after(1))
    return lead_id


def last(scene: Scene, lead_id: UUID) -> list[dict[str, Any]]:
    """The reasons of the lead's last decision."""
    enter(scene.workspace.id)
    return list(Decision.objects.filter(lead_id=lead_id).latest("nth").reasons)


def on_record(scene: Scene, lead_id: UUID) -> list[tuple[str, int, str, bool]]:
    enter(scene.workspace.id)
    found = Assessed.objects.filter(lead_id=lead_id).order_by("at", "id")
    return [(each.template, each.score, each.verdict, each.finished_at is not None) for each in found]


def test_what_is_worth_pursuing_stays_with_its_rep_and_is_contacted_and_scored_anew(scene: Scene, lead: UUID) -> None:
    done = assessing.finish(scene.aiko, lead, "call", PURSUED, after(5))
    assert isinstance(done, Acted)
    assert (done.state, done.owner) == ("working", "aiko")
    found = scene.lead(lead)
    assert (found.assessment, found.assessed, found.score, found.rank) == (75, "pursue", 80, "hot")
    assert (found.contacted_at, found.follow_up_at) == (after(5), None)
    assert on_record(scene, lead) == [("call", 75, "pursue", True)]
    assert scene.story(lead)[-1] == ("contacted", "owned", "working")
    assert [reason["code"] for reason in last(scene, lead)] == ["assessed", "credited", "scored"]
    tick(after(60))
    assert scene.lead(lead).owner.handle == "aiko"
    assert scene.standing(scene.aiko).holding == 0
    assert_true(scene.workspace.id)


def test_it_is_the_follow_up_that_was_due_today_and_not_one_of_next_week(scene: Scene, lead: UUID) -> None:
    for due, left in ((after(10), None), (after(10) + timedelta(days=7), after(10) + timedelta(days=7))):
        follow_up(scene.aiko, lead, due, after(1))
        assessing.finish(scene.aiko, lead, "call", PURSUED, after(5))
        assert scene.lead(lead).follow_up_at == left


def test_a_first_contact_by_assessment_earns_its_credit_once(scene: Scene, lead: UUID) -> None:
    assessing.finish(scene.aiko, lead, "call", PURSUED, after(5))
    assessing.finish(scene.aiko, lead, "call", FOLLOWED, after(6))
    assert [credit.what for credit in Credit.objects.filter(lead_id=lead)] == ["claim"]
    assert_true(scene.workspace.id)


def test_what_is_to_be_followed_up_stays_and_says_when(scene: Scene, lead: UUID) -> None:
    assessing.finish(scene.aiko, lead, "call", FOLLOWED, after(5))
    found = scene.lead(lead)
    assert (found.state, found.owner.handle) == ("working", "aiko")
    assert (found.assessment, found.assessed, found.score) == (63, "follow_up", 85)
    assert found.follow_up_at == after(5) + timedelta(days=14)
    assert "follow_up_set" in [reason["code"] for reason in last(scene, lead)]
    assert_true(scene.workspace.id)


def test_what_is_handed_over_goes_by_the_route_which_knows_the_outcome(
    scene: Scene, direct: Caller, lead: UUID
) -> None:
    done = assessing.finish(scene.aiko, lead, "call", HANDED, after(5))
    assert isinstance(done, Acted)
    assert (done.state, done.owner) == ("owned", "citra")
    assert scene.story(lead)[-2:] == [("contacted", "owned", "working"), ("reassigned", "working", "owned")]
    assert scene.lead(lead).contacted_at is None
    assert (scene.standing(scene.aiko).open_leads, scene.standing(direct).open_leads) == (0, 1)
    assert (scene.standing(scene.aiko).lapses, scene.standing(scene.aiko).skips) == (0, 0)
    assert last(scene, lead)[0]["code"] == "as_assessed"
    assert last(scene, lead)[0]["rule"] == "assessments.call.verdicts[3].hand_over"
    passed = PassedOver.objects.get(lead_id=lead)
    assert (handles_of(scene.workspace.id, [passed.rep_id])[passed.rep_id], passed.kind) == ("aiko", "moved")
    assert_true(scene.workspace.id)


def test_its_story_says_once_what_it_scores(scene: Scene, lead: UUID) -> None:
    assert isinstance(assessing.finish(scene.aiko, lead, "call", HANDED, after(5)), Acted)
    enter(scene.workspace.id)
    told = [reason for line in Decision.objects.filter(lead_id=lead, at=after(5)) for reason in line.reasons]
    assert [reason["code"] for reason in told if reason["code"] == "scored"] == ["scored"]
    assert "as_assessed" in {reason["code"] for reason in told}


def test_a_verdict_may_name_the_way_itself(scene: Scene, direct: Caller, lead: UUID) -> None:
    assessing.finish(scene.aiko, lead, "call", TO_LATER, after(5))
    found = scene.lead(lead)
    assert (found.state, found.pool, found.owner, found.waiting_since) == ("pooled", "later", None, after(5))
    assert found.assessed == "hand_over"
    assert_true(scene.workspace.id)


def test_it_never_comes_back_to_the_rep_who_handed_it_over(scene: Scene, direct: Caller) -> None:
    lead = scene.arrives(employees=500, campaign="fair").lead_id
    claimed(scene.aiko, lead, after(1))
    enter(scene.workspace.id)
    publish(scene.workspace, POLICY.replace("hand_over: {team: direct}", "hand_over: {team: closers}"))
    assessing.finish(scene.aiko, lead, "fair", {"met": "yes"}, after(5))
    assert scene.lead(lead).owner.handle == "budi"
    assert_true(scene.workspace.id)


def test_what_is_not_a_fit_is_given_up_after_the_contact_that_it_was(scene: Scene, lead: UUID) -> None:
    done = assessing.finish(scene.aiko, lead, "call", RETIRED, after(5))
    assert isinstance(done, Acted)
    assert (done.state, done.owner) == ("retired", "aiko")
    found = scene.lead(lead)
    assert (found.contacted_at, found.ended_at, found.assessed) == (after(5), after(5), "retire")
    assert found.retired_why == "not_a_fit"
    assert scene.story(lead)[-2:] == [("contacted", "owned", "working"), ("retired", "working", "retired")]
    assert (scene.standing(scene.aiko).holding, scene.standing(scene.aiko).open_leads) == (0, 0)
    assert_true(scene.workspace.id)


def test_a_way_may_give_it_up_too(scene: Scene, direct: Caller) -> None:
    lead = scene.arrives(campaign="fair").lead_id
    claimed(scene.aiko, lead, after(1))
    assessing.finish(scene.aiko, lead, "fair", {"met": "no"}, after(5))
    found = scene.lead(lead)
    assert (found.state, found.retired_why, found.assessed) == ("retired", "spam", "hand_over")
    assert_true(scene.workspace.id)


def test_a_button_pressed_twice_is_one_assessment_and_later_it_is_another(scene: Scene, lead: UUID) -> None:
    assessing.finish(scene.aiko, lead, "call", PURSUED, after(5))
    version = scene.lead(lead).version
    again = assessing.finish(scene.aiko, lead, "call", PURSUED, after(5.5))
    assert isinstance(again, Acted)
    assert (again.lead["assessment"], again.reasons, scene.lead(lead).version) == (75, (), version)
    assert len(on_record(scene, lead)) == 1
    assessing.finish(scene.aiko, lead, "call", PURSUED, after(8))
    assert len(on_record(scene, lead)) == 2
    assert_true(scene.workspace.id)


# Drafts.


def test_a_draft_is_kept_over_and_over_and_finished_once(scene: Scene, lead: UUID) -> None:
    version = scene.lead(lead).version
    for minute, answers in enumerate(({"budget": "yes"}, FOLLOWED, PURSUED), 2):
        graded = assessing.keep_draft(scene.aiko, lead, "call", answers, after(minute))
        assert isinstance(graded, Graded)
    assert on_record(scene, lead) == [("call", 75, "pursue", False)]
    found = scene.lead(lead)
    assert (found.version, found.state, found.assessment) == (version, "owned", None)
    assessing.finish(scene.aiko, lead, "call", FOLLOWED, after(8))
    assert [(template, finished) for template, _, _, finished in on_record(scene, lead)] == [("call", True)]


def test_a_draft_says_what_is_missing_and_what_it_may_become(scene: Scene, lead: UUID) -> None:
    graded = assessing.keep_draft(scene.aiko, lead, "call", {"budget": "yes"}, after(2))
    assert isinstance(graded, Graded)
    assert (graded.score, graded.at_most, graded.missing, graded.leads_to) == (25, 100, ("need",), "hand_over")


def test_a_draft_is_the_reps_own_and_can_be_thrown_away(scene: Scene, lead: UUID) -> None:
    assessing.keep_draft(scene.aiko, lead, "call", FOLLOWED, after(2))
    assert not assessing.drop_draft(scene.budi, lead, "call")
    assert assessing.drop_draft(scene.aiko, lead, "call")
    assert not assessing.drop_draft(scene.aiko, lead, "call")
    assert on_record(scene, lead) == []


def test_one_rep_has_one_draft_of_a_questionnaire_whatever_is_tried(scene: Scene, lead: UUID) -> None:
    assessing.keep_draft(scene.aiko, lead, "call", FOLLOWED, after(2))
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'assessed_draft_once'")
        assert "UNIQUE" in cursor.fetchone()[0]


# What is refused.


def test_only_who_has_the_lead_may_assess_it(scene: Scene, direct: Caller, lead: UUID) -> None:
    for caller in (scene.budi, direct, scene.manager):
        assert refused(assessing.finish(caller, lead, "call", PURSUED, after(2))) == "not_yours"
        assert refused(assessing.keep_draft(caller, lead, "call", PURSUED, after(2))) == "not_yours"
    assert on_record(scene, lead) == []


def test_another_workspaces_lead_is_not_there(scene: Scene, lead: UUID) -> None:
    other = make_scene()
    publish(other.workspace, POLICY)
    assert assessing.finish(other.aiko, lead, "call", PURSUED, after(2)) is None
    assert assessing.keep_draft(other.aiko, lead, "call", PURSUED, after(2)) is None


def test_a_lead_that_waits_or_is_over_is_not_assessed(scene: Scene, lead: UUID) -> None:
    waiting = scene.arrives(product="crm").lead_id
    assert refused(assessing.finish(scene.aiko, waiting, "call", PURSUED, after(2))) == "not_yours"
    acting.retire(scene.aiko, lead, after(3), why="other")
    assert refused(assessing.finish(scene.aiko, lead, "call", PURSUED, after(4))) == "already_ended"


def test_after_the_lock_it_is_too_late(scene: Scene, lead: UUID) -> None:
    assessing.keep_draft(scene.aiko, lead, "call", FOLLOWED, after(2))
    assert refused(assessing.finish(scene.aiko, lead, "call", PURSUED, after(17))) == "claim_lapsed"
    assert on_record(scene, lead)[0][3] is False


def test_an_old_lease_is_no_good(scene: Scene, lead: UUID) -> None:
    answer = assessing.finish(scene.aiko, lead, "call", PURSUED, after(2), claim=UUID(int=7))
    assert refused(answer) == "claim_lapsed"


def test_what_is_not_finished_writes_nothing(scene: Scene, lead: UUID) -> None:
    version = scene.lead(lead).version
    with pytest.raises(assessing.Incomplete) as incomplete:
        assessing.finish(scene.aiko, lead, "call", {"budget": "yes"}, after(2))
    assert incomplete.value.missing == ("need",)
    with pytest.raises(UnknownAnswer):
        assessing.finish(scene.aiko, lead, "call", {"need": "a lot"}, after(2))
    with pytest.raises(assessing.UnknownAssessment):
        assessing.finish(scene.aiko, lead, "no_such", PURSUED, after(2))
    with pytest.raises(assessing.UnknownAssessment):
        assessing.keep_draft(scene.aiko, lead, "fair", {"met": "yes"}, after(2))
    assert (scene.lead(lead).version, on_record(scene, lead)) == (version, [])


def test_a_questionnaire_begun_may_be_finished_when_the_lead_is_no_longer_one_of_its_kind(
    scene: Scene, lead: UUID
) -> None:
    assessing.keep_draft(scene.aiko, lead, "call", FOLLOWED, after(2))
    publish(scene.workspace, POLICY.replace('lead.product != "none"', 'lead.product == "erp"'))
    assert isinstance(assessing.finish(scene.aiko, lead, "call", PURSUED, after(3)), Acted)


def test_without_a_policy_there_is_nothing_to_fill_in(scene: Scene, lead: UUID) -> None:
    publish(scene.workspace, POLICY.partition("assessments:")[0])
    with pytest.raises(assessing.UnknownAssessment):
        assessing.grade(scene.aiko, "call", PURSUED)
    with pytest.raises(assessing.UnknownAssessment):
        assessing.finish(scene.aiko, lead, "call", PURSUED, after(3))


def test_what_was_planned_before_goes_with_the_lead_to_nobody(scene: Scene, lead: UUID) -> None:
    assessing.finish(scene.aiko, lead, "call", FOLLOWED, after(5))
    assert scene.lead(lead).follow_up_at == after(5) + timedelta(days=14)
    assessing.finish(scene.aiko, lead, "call", HANDED, after(6))
    assert scene.lead(lead).follow_up_at is None
