"""Many push at once: what other systems are known to get wrong when two do the same at the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.models import Lead
from dibs.distribution.models import Decision
from dibs.distribution.placing import place
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd
from tests.concurrency.pushers import push
from tests.concurrency.truths import assert_true
from tests.making import MONDAY, make_arrival, make_rep, make_user, make_workspace, publish

PUSHERS = 4
HANDLES = ("ann", "bea", "cid", "dee", "eve")

PUSH = """
policy: Everything to the closers
route:
  - {{name: Everyone, push: {{team: closers, by: {by}}}, fallback: {{pool: inbound}}}}
teams:
  closers: {{{rules}}}
pools:
  inbound: {{assign_after: 3000d}}
"""


@pytest.fixture(scope="module")
def crowd(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Crowd]:
    with django_db_blocker.unblock(), Crowd(PUSHERS, push) as crowd:
        yield crowd


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    workspace = make_workspace(timezone="UTC")
    for handle in HANDLES:
        make_rep(workspace, handle, teams=("closers",))
    return workspace


@pytest.mark.parametrize("by", ["round_robin", "least_open"])
@pytest.mark.parametrize("batch", [1, 25])
def test_leads_placed_by_four_at_once_are_dealt_out_as_if_one_had_placed_them(
    crowd: Crowd, workspace: Workspace, by: str, batch: int
) -> None:
    publish(workspace, PUSH.format(by=by, rules=""))
    came = crowd.all([("place", workspace.id, (50, batch), MONDAY)] * PUSHERS)
    assert sum(came, Counter()) == dict.fromkeys(HANDLES, 40)
    assert_true(workspace.id)


def test_caps_hold_when_four_fill_them_at_once(crowd: Crowd, workspace: Workspace) -> None:
    publish(workspace, PUSH.format(by="round_robin", rules="per_day: 10, per_hour: 8, reps: {eve: {per_month: 1}}"))
    came = crowd.all([("place", workspace.id, (50, n), MONDAY) for n in (1, 2, 5, 25)])
    assert sum(came, Counter()) == {"ann": 8, "bea": 8, "cid": 8, "dee": 8, "eve": 1, None: 167}
    assert_true(workspace.id)


ESCALATES = """
policy: Waits, then is pushed
route:
  - {name: Everyone, pull: {pool: inbound}}
pools:
  inbound:
    escalate: [{after: 30m, push: {team: closers}}]
    assign_after: 24h
"""


def _waiting(workspace: Workspace, number: int) -> list[UUID]:
    enter(workspace.id)
    return [placed.lead_id for placed in place(workspace.id, [make_arrival() for _ in range(number)], now=MONDAY)]


def test_duplicates_merged_while_they_are_being_pushed_are_one_lead_with_one_owner(
    crowd: Crowd, workspace: Workspace
) -> None:
    publish(workspace, ESCALATES)
    boss = make_user(workspace, "ops")
    leads = _waiting(workspace, 60)
    pairs = list(zip(leads[::2], leads[1::2], strict=True))
    due = MONDAY + timedelta(minutes=31)
    came = crowd.all(
        [
            ("tick", workspace.id, 8, due),
            ("merge", workspace.id, (boss.id, pairs), due),
            ("merge", workspace.id, (boss.id, [(b, a) for a, b in reversed(pairs)]), due),
            ("tick", workspace.id, 8, due),
        ]
    )
    assert (came[1] + came[2])["Merged"] == 30, "each pair once, whoever was first"
    push(("tick", workspace.id, 8, due + timedelta(minutes=1)))
    enter(workspace.id)
    assert Counter(Lead.objects.values_list("state", flat=True)) == {"owned": 30, "merged": 30}
    assert not Lead.objects.filter(state="merged", owner__isnull=False).exists()
    assert_true(workspace.id)


FLIPPED = """
policy: By country
territories:
  south: {countries: [MX], owner: {team: closers}}
  east: {countries: [JP], owner: {team: others}}
route:
  - {name: Everyone, push: {to: territory.owner}}
"""


def test_two_automations_that_overwrite_each_other_end_before_managers(crowd: Crowd, workspace: Workspace) -> None:
    for handle in ("tia", "tom", "ted", "uma", "udo"):
        make_rep(workspace, handle, teams=("others",))
    publish(workspace, FLIPPED)
    (lead,) = _waiting(workspace, 1)
    came = crowd.all(
        [
            ("flip", workspace.id, (lead, "JP", 25), MONDAY),
            ("flip", workspace.id, (lead, "MX", 25), MONDAY),
            ("tick", workspace.id, 5, MONDAY),
            ("tick", workspace.id, 5, MONDAY),
        ]
    )
    assert sum(came[0].values()) == sum(came[1].values()) == 25
    for n, country in enumerate(["JP", "MX"] * 5):
        push(("flip", workspace.id, (lead, country, 1), MONDAY + timedelta(hours=1 + n)))
    enter(workspace.id)
    told = list(Decision.objects.filter(lead_id=lead).order_by("nth").values_list("kind", "after", "rep__handle"))
    had = [rep for kind, after, rep in told if kind in {"placed", "reassigned"} and after == "owned"]
    assert len(had) == len(set(had)) <= 4, "to nobody twice, and three times on at most"
    assert Lead.objects.get(id=lead).state == "review"
    states = [after for _, after, _ in told]
    assert set(states[states.index("review") :]) == {"review"}, "a person says where it goes from there"
    assert_true(workspace.id)


def test_what_a_manager_gives_by_hand_while_rules_push_it_stays_with_whom_it_was_given_to(
    crowd: Crowd, workspace: Workspace
) -> None:
    publish(workspace, ESCALATES)
    boss = make_user(workspace, "ops")
    leads = _waiting(workspace, 40)
    due = MONDAY + timedelta(minutes=31)
    came = crowd.all(
        [
            ("tick", workspace.id, 6, due),
            ("assign", workspace.id, (boss.id, leads, "eve"), due),
            ("tick", workspace.id, 6, due),
            ("tick", workspace.id, 6, due),
        ]
    )
    assert came[1] == {"Acted": 40}
    enter(workspace.id)
    eve = Lead.objects.filter(state="owned", owner__handle="eve", by_hand=True)
    assert eve.count() == 40
    assert_true(workspace.id)
