"""Opening a waiting lead's details where skips are limited: an act, counted once, and never by reading."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.delivery.models import Outbox
from dibs.distribution import acting, claiming
from dibs.distribution.models import PassedOver
from dibs.distribution.ticking import tick
from dibs.distribution.writing import begin_standings
from dibs.insight.pools import pool_page
from dibs.insight.sight import lead_in_sight
from dibs.people.caller import Caller, caller_of
from tests.integration.distribution.scene import Scene, after, claimed, make_scene, refused
from tests.making import make_rep, make_user, publish
from tests.running import at_once

POLICY = """
policy: Cherry-pick, but not for ever
qualify: {score: [{when: 'lead.employees >= 100', add: 50}]}
route:
  - {name: Teasers, when: 'lead.source == "teaser"', pull: {pool: teasers}}
  - {name: Everyone, pull: {pool: open}}
pools:
  open: {mode: cherry_pick, preview: [company, score], lock: 15m}
  teasers: {mode: pool, preview: [company]}
fair_play: {skip_at_most: 2}
"""

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    made = make_scene()
    publish(made.workspace, POLICY)
    return made


def opened(caller: Caller, lead_id: UUID, now: Any) -> acting.Acted:
    answer = acting.open_lead(caller, lead_id, now)
    assert isinstance(answer, acting.Acted), answer
    return answer


def email_of(caller: Caller, lead_id: UUID, now: Any) -> Any:
    seen = lead_in_sight(caller, lead_id, now)
    assert seen is not None
    return seen.get("email")


def test_the_details_are_hidden_until_the_lead_is_opened_and_then_for_this_rep_alone_shown(scene: Scene) -> None:
    lead_id = scene.arrives(email="mia@secret.example").lead_id
    seen = lead_in_sight(scene.aiko, lead_id, after(1))
    assert seen is not None
    assert (seen.level, seen.opens, "email" in seen) == ("preview", True, False)
    opened(scene.aiko, lead_id, after(1))
    seen = lead_in_sight(scene.aiko, lead_id, after(2))
    assert seen is not None
    assert (seen.level, seen.opens, seen["email"]) == ("full", False, "mia@secret.example")
    assert email_of(scene.budi, lead_id, after(2)) is None


def test_the_list_stays_a_preview_also_of_what_was_opened(scene: Scene) -> None:
    lead_id = scene.arrives(email="mia@secret.example").lead_id
    opened(scene.aiko, lead_id, after(1))
    page = pool_page(scene.aiko, "open", now=after(2))
    assert page is not None
    assert [("email" in lead, lead.level) for lead in page.items] == [(False, "preview")]


def test_an_opening_counts_as_a_skip_once_a_lead_and_stands_in_the_log(scene: Scene) -> None:
    lead_id = scene.arrives().lead_id
    for minute in (1, 2, 3):
        opened(scene.aiko, lead_id, after(minute))
    assert scene.standing(scene.aiko).skips == 1
    assert scene.story(lead_id) == [("placed", "new", "pooled"), ("opened", "pooled", "pooled")]
    assert PassedOver.objects.filter(lead_id=lead_id, kind="opened").count() == 1
    assert Outbox.objects.filter(lead=lead_id, event="lead.opened").count() == 1


def test_looking_at_a_lead_opened_or_not_counts_nothing(scene: Scene) -> None:
    one, two = scene.arrives().lead_id, scene.arrives().lead_id
    opened(scene.aiko, one, after(1))
    for lead_id in (one, two):
        for _ in range(3):
            lead_in_sight(scene.aiko, lead_id, after(2))
            pool_page(scene.aiko, "open", now=after(2))
    assert scene.standing(scene.aiko).skips == 1
    assert email_of(scene.aiko, two, after(3)) is None


def test_at_the_limit_no_other_lead_opens_until_one_is_claimed(scene: Scene) -> None:
    leads = [scene.arrives().lead_id for _ in range(4)]
    for lead_id in leads[:2]:
        opened(scene.aiko, lead_id, after(1))
    answer = acting.open_lead(scene.aiko, leads[2], after(2))
    assert refused(answer) == "skip_limit"
    assert isinstance(answer, acting.Refused)
    assert answer.refusal.remedy is not None
    assert answer.refusal.remedy.code == "claim_one_first"
    opened(scene.aiko, leads[0], after(2))
    assert email_of(scene.aiko, leads[0], after(2)) is not None, "what is open already may be looked at again"
    claimed(scene.aiko, leads[2], after(3))
    assert scene.standing(scene.aiko).skips == 0
    opened(scene.aiko, leads[3], after(4))


def test_a_claim_closes_what_was_opened_before_it(scene: Scene) -> None:
    one, two = scene.arrives().lead_id, scene.arrives().lead_id
    opened(scene.aiko, one, after(1))
    claimed(scene.aiko, two, after(2))
    assert email_of(scene.aiko, one, after(3)) is None
    opened(scene.aiko, one, after(3))
    assert scene.standing(scene.aiko).skips == 1
    assert email_of(scene.aiko, one, after(3)) is not None


def test_skips_and_openings_count_together(scene: Scene) -> None:
    one, two, three = (scene.arrives().lead_id for _ in range(3))
    opened(scene.aiko, one, after(1))
    assert isinstance(acting.skip(scene.aiko, two, after(1)), acting.Acted)
    assert refused(acting.open_lead(scene.aiko, three, after(1))) == "skip_limit"
    assert refused(acting.skip(scene.aiko, three, after(1))) == "skip_limit"


def test_a_lead_that_was_only_opened_is_pushed_to_who_opened_it_as_to_anybody(scene: Scene) -> None:
    publish(scene.workspace, POLICY.replace("lock: 15m", "escalate: [{after: 30m, push: {team: closers}}], lock: 15m"))
    lead_id = scene.arrives().lead_id
    opened(scene.aiko, lead_id, after(1))
    opened(scene.budi, lead_id, after(1))
    assert tick(after(30)).moved == {"escalated": 1}
    assert scene.lead(lead_id).state == "owned"


def test_there_is_nothing_to_open_where_details_come_by_the_claim(scene: Scene) -> None:
    lead_id = scene.arrives(source="teaser", email="mia@secret.example").lead_id
    seen = lead_in_sight(scene.aiko, lead_id, after(1))
    assert seen is not None
    assert not seen.opens
    assert opened(scene.aiko, lead_id, after(1)).reasons == ()
    assert email_of(scene.aiko, lead_id, after(2)) is None
    assert scene.story(lead_id) == [("placed", "new", "pooled")]


def test_without_a_limit_everything_is_shown_and_nothing_is_counted(scene: Scene) -> None:
    publish(scene.workspace, POLICY.replace("fair_play: {skip_at_most: 2}", ""))
    lead_id = scene.arrives(email="mia@secret.example").lead_id
    assert email_of(scene.aiko, lead_id, after(1)) == "mia@secret.example"
    opened(scene.aiko, lead_id, after(1))
    assert scene.story(lead_id) == [("placed", "new", "pooled")]


def test_who_leads_and_who_has_the_lead_open_nothing(scene: Scene) -> None:
    lead_id = scene.arrives(email="mia@secret.example").lead_id
    manager_too = caller_of(make_user(scene.workspace, "manager"))
    for caller in (scene.manager, manager_too):
        assert email_of(caller, lead_id, after(1)) == "mia@secret.example"
        opened(caller, lead_id, after(1))
    claimed(scene.aiko, lead_id, after(2))
    assert refused(acting.open_lead(scene.aiko, lead_id, after(3))) == "not_waiting"
    assert [kind for kind, _, _ in scene.story(lead_id)] == ["placed", "claimed"]


def test_a_lead_outside_the_tier_of_a_rep_does_not_open(scene: Scene) -> None:
    publish(scene.workspace, POLICY + "tiers: [{name: new, sees: full, only: 'lead.score < 50'}]\n")
    low, high = scene.arrives().lead_id, scene.arrives(employees=200).lead_id
    opened(scene.aiko, high, after(1))
    assert lead_in_sight(scene.aiko, high, after(2)) is None
    opened(scene.aiko, low, after(1))
    assert [len(scene.story(lead_id)) for lead_id in (low, high)] == [2, 1]
    assert scene.standing(scene.aiko).skips == 1


def test_a_tier_that_sees_previews_opens_nothing(scene: Scene) -> None:
    publish(scene.workspace, POLICY + "tiers: [{name: new, sees: preview}]\n")
    lead_id = scene.arrives().lead_id
    opened(scene.aiko, lead_id, after(1))
    seen = lead_in_sight(scene.aiko, lead_id, after(2))
    assert seen is not None
    assert (seen.level, seen.opens) == ("preview", False)
    assert len(scene.story(lead_id)) == 1


def test_a_lead_whose_lock_ran_out_opens_as_one_that_waits(scene: Scene) -> None:
    lead_id = scene.arrives(email="mia@secret.example").lead_id
    claimed(scene.budi, lead_id, after(1))
    assert refused(acting.open_lead(scene.aiko, lead_id, after(2))) == "not_waiting"
    opened(scene.aiko, lead_id, after(16))
    assert email_of(scene.aiko, lead_id, after(16)) == "mia@secret.example"
    assert [kind for kind, _, _ in scene.story(lead_id)] == ["placed", "claimed", "lapsed", "opened"]


@pytest.mark.django_db(transaction=True)
def test_the_same_lead_opened_by_many_tabs_at_once_counts_once(scene: Scene) -> None:
    for turn in range(5):
        lead_id, now = scene.arrives().lead_id, after(turn)
        answers = at_once(*[lambda lead_id=lead_id, now=now: acting.open_lead(scene.aiko, lead_id, now)] * 4)
        assert [type(answer) for answer in answers] == [acting.Acted] * 4
        assert scene.standing(scene.aiko).skips == 1
        assert [kind for kind, _, _ in scene.story(lead_id)] == ["placed", "opened"]
        claimed(scene.aiko, lead_id, after(turn + 0.5))


@pytest.mark.django_db(transaction=True)
def test_different_leads_opened_at_once_stop_at_the_limit(scene: Scene) -> None:
    leads = [scene.arrives().lead_id for _ in range(6)]
    answers = at_once(*[lambda lead_id=lead_id: acting.open_lead(scene.aiko, lead_id, after(1)) for lead_id in leads])
    assert sorted(type(answer).__name__ for answer in answers) == ["Acted"] * 2 + ["Refused"] * 4
    assert scene.standing(scene.aiko).skips == 2


@pytest.mark.django_db(transaction=True)
def test_a_lead_opened_while_it_is_claimed_is_one_or_the_other(scene: Scene) -> None:
    # If the claim is the quicker each time, nothing is ever counted.
    begin_standings(scene.workspace.id, [scene.aiko.rep_id])
    for turn in range(6):
        lead_id, now = scene.arrives().lead_id, after(turn)
        look, take = at_once(
            lambda lead_id=lead_id, now=now: acting.open_lead(scene.aiko, lead_id, now),
            lambda lead_id=lead_id, now=now: claiming.claim_lead(scene.budi, lead_id, now),
        )
        assert isinstance(take, claiming.Claimed)
        kinds = [kind for kind, _, _ in scene.story(lead_id)]
        if isinstance(look, acting.Acted):
            assert kinds == ["placed", "opened", "claimed"]
        elif scene.standing(scene.aiko).skips < 2:
            assert refused(look) == "not_waiting"
            assert kinds == ["placed", "claimed"]
        assert lead_in_sight(scene.aiko, lead_id, now + timedelta(seconds=1)) is None


@pytest.mark.django_db(transaction=True)
def test_a_rep_who_opens_one_lead_and_claims_another_at_once_loses_neither(scene: Scene) -> None:
    for turn in range(6):
        look_at, to_take = scene.arrives().lead_id, scene.arrives().lead_id
        now = after(turn)
        look, take = at_once(
            lambda lead_id=look_at, now=now: acting.open_lead(scene.aiko, lead_id, now),
            lambda lead_id=to_take, now=now: claiming.claim_lead(scene.aiko, lead_id, now),
        )
        assert isinstance(look, acting.Acted)
        assert isinstance(take, claiming.Claimed)
        standing = scene.standing(scene.aiko)
        assert standing.skips in {0, 1}, "counted before the claim, or after it"
        assert standing.holding == turn + 1


def test_another_workspaces_lead_does_not_open(scene: Scene) -> None:
    lead_id = scene.arrives().lead_id
    other = make_scene()
    publish(other.workspace, POLICY)
    stranger = caller_of(make_rep(other.workspace, "stranger").user)
    assert acting.open_lead(stranger, lead_id, after(1)) is None
