"""Several windows of one rep, a colleague and the worker, all at one lead that is being assessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.models import Assessed, Lead
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.distribution.models import Credit, Decision
from dibs.distribution.placing import place
from dibs.people.caller import caller_of
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter
from tests.concurrency.assessors import assess
from tests.concurrency.crowd import Crowd
from tests.concurrency.truths import assert_true
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = """
policy: Raced
route: [{name: Direct, when: 'lead.assessed == "hand_over"', push: {team: direct}}, {name: Rest, pull: {pool: inbound}}]
pools: {inbound: {lock: 15m, assign_after: 24h}}
credits: {claim: 1, convert: 10}
assessments:
  call:
    title: Call
    questions: {need: {ask: Need?, answers: {none: 0, some: 50, much: 100}}}
    verdicts: [{score: 80, pursue: true}, {score: 40, hand_over: true}, {retire: not_a_fit}]
"""
HANDS = 6
MUCH, SOME, NONE = ({"need": answer} for answer in ("much", "some", "none"))


@pytest.fixture(scope="module")
def hands(django_db_setup: None) -> Iterator[Crowd]:
    with Crowd(HANDS, assess) as crowd:
        yield crowd


class Scene:
    """Leads that Aiko has claimed, and a direct team of two."""

    def __init__(self, hands: Crowd, leads: int) -> None:
        self.hands = hands
        self.workspace: Workspace = make_workspace()
        publish(self.workspace, POLICY)
        self.aiko = make_rep(self.workspace, "aiko", teams=("closers",))
        self.budi = make_rep(self.workspace, "budi", teams=("closers", "direct"))
        self.citra = make_rep(self.workspace, "citra", teams=("direct",))
        arrivals = [make_arrival() for _ in range(leads)]
        self.leads = [placed.lead_id for placed in place(self.workspace.id, arrivals, now=MONDAY)]
        for lead in self.leads:
            assert isinstance(claim_lead(caller_of(self.aiko.user), lead, MONDAY), Claimed)

    def at_once(self, *jobs: tuple[str, Rep, UUID, dict[str, str]], minutes: float = 1) -> Counter[str]:
        now = MONDAY + timedelta(minutes=minutes)
        wanted: list[Any] = [jobs[number % len(jobs)] for number in range(HANDS)]
        came = self.hands.all(
            [(kind, self.workspace.id, rep.user_id, lead, answers, now) for kind, rep, lead, answers in wanted]
        )
        enter(self.workspace.id)
        return Counter(came)

    def told(self, lead: UUID) -> list[str]:
        return list(Decision.objects.filter(lead_id=lead).order_by("nth").values_list("kind", flat=True))


def test_a_button_pressed_in_every_window_at_once_is_one_assessment(hands: Crowd) -> None:
    scene = Scene(hands, 5)
    for lead in scene.leads:
        assert scene.at_once(("finish", scene.aiko, lead, MUCH)) == {"Acted": HANDS}
        assert scene.told(lead) == ["placed", "claimed", "contacted"]
        assert Assessed.objects.filter(lead_id=lead).count() == 1
    assert Credit.objects.filter(workspace=scene.workspace).count() == 5
    assert_true(scene.workspace.id)


def test_windows_that_lead_elsewhere_take_turns_and_one_place_comes_of_it(hands: Crowd) -> None:
    scene = Scene(hands, 6)
    for lead in scene.leads:
        scene.at_once(*(("finish", scene.aiko, lead, answers) for answers in (MUCH, SOME, NONE)))
        found = Lead.objects.get(id=lead)
        latest = Assessed.objects.filter(lead_id=lead).latest("finished_at", "id")
        assert found.assessed in {"hand_over", "retire"}
        assert Assessed.objects.filter(lead_id=lead, verdict__in=["hand_over", "retire"]).count() == 1
        assert latest.finished_at is not None
        assert scene.told(lead)[-1] in {"reassigned", "retired"}
    assert_true(scene.workspace.id)


def test_drafts_kept_at_once_are_one(hands: Crowd) -> None:
    scene = Scene(hands, 5)
    for lead in scene.leads:
        came = scene.at_once(*(("keep", scene.aiko, lead, answers) for answers in (MUCH, SOME, NONE)))
        assert came == {"Graded": HANDS}
        assert Assessed.objects.filter(lead_id=lead, finished_at=None).count() == 1
        came = scene.at_once(("keep", scene.aiko, lead, SOME), ("finish", scene.aiko, lead, MUCH), minutes=2)
        assert came["Acted"] == HANDS / 2
        assert Assessed.objects.filter(lead_id=lead, finished_at=None).count() <= 1
        assert Assessed.objects.filter(lead_id=lead).exclude(finished_at=None).count() == 1
    assert_true(scene.workspace.id)


def test_at_the_locks_end_a_lead_is_assessed_or_lost_and_never_both(hands: Crowd) -> None:
    scene = Scene(hands, 8)
    # A tick at the locks' end takes all of them back: those that are in time come first.
    for number, lead in sorted(enumerate(scene.leads), key=lambda each: -(each[0] % 2)):
        minutes = 15 - (1 / 60 if number % 2 else 0)
        came = scene.at_once(
            ("finish", scene.aiko, lead, MUCH),
            ("claim", scene.budi, lead, MUCH),
            ("tick", scene.aiko, lead, MUCH),
            minutes=minutes,
        )
        found = Lead.objects.select_related("owner").get(id=lead)
        done = Assessed.objects.filter(lead_id=lead).count()
        if number % 2:
            assert (found.owner.handle, found.state, done) == ("aiko", "working", 1)
        else:
            assert (done, came["Acted"]) == (0, 0)
            assert found.owner is None or found.owner.handle == "budi"
    assert_true(scene.workspace.id)


def test_leads_handed_over_at_once_go_to_the_team_in_turn(hands: Crowd) -> None:
    scene = Scene(hands, HANDS)
    came = scene.at_once(*(("finish", scene.aiko, lead, SOME) for lead in scene.leads))
    assert came == {"Acted": HANDS}
    owners = Counter(Lead.objects.filter(id__in=scene.leads).values_list("owner__handle", flat=True))
    assert owners == {"budi": HANDS // 2, "citra": HANDS // 2}
    assert_true(scene.workspace.id)
