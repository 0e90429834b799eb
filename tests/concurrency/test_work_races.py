"""Work on leads by several processes at the same moment: nobody is told twice, and what was done once is done once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dibs.crm.models import Activity, Lead
from dibs.delivery.models import Notice
from dibs.distribution import activities, follow_ups
from dibs.distribution.acting import assign
from dibs.distribution.models import Decision
from dibs.distribution.placing import place
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd
from tests.concurrency.workers import work
from tests.making import MONDAY, make_arrival, make_rep, make_user, make_workspace, publish

WORKERS = 4


@pytest.fixture(scope="module")
def crowd(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Crowd]:
    with django_db_blocker.unblock(), Crowd(WORKERS, work) as crowd:
        yield crowd


@pytest.fixture
def place_of_work(transactional_db: None) -> tuple[Any, Any, list[Any]]:
    """A workspace, a rep, and ten leads of theirs, each to be called and looked at again."""
    workspace = make_workspace()
    ops, aiko = make_user(workspace, "ops"), make_rep(workspace, "aiko", teams=("closers",))
    publish(workspace, "policy: Together\nroute:\n  - {name: Rest, pull: {pool: inbound}}\npools: {inbound: {}}")
    caller, leads = caller_of(aiko.user), []
    for _ in range(10):
        (placed,) = place(workspace.id, [make_arrival()], now=MONDAY)
        assign(caller_of(ops), placed.lead_id, "aiko", MONDAY)
        due = MONDAY + timedelta(hours=1)
        follow_ups.follow_up(caller, placed.lead_id, due, MONDAY)
        activities.plan_activity(caller, placed.lead_id, MONDAY, kind="call", due_at=due)
        leads.append(placed.lead_id)
    return workspace, aiko, leads


def test_workers_that_look_at_the_same_moment_tell_of_each_thing_once(
    crowd: Crowd, place_of_work: tuple[Any, Any, list[Any]]
) -> None:
    workspace, _, leads = place_of_work
    told = crowd.all([("tell", workspace.id, MONDAY + timedelta(hours=2))] * WORKERS)
    assert sorted(told) == [0] * (WORKERS - 1) + [2 * len(leads)]
    enter(workspace.id)
    assert sum(len(notice.reasons) for notice in Notice.objects.filter(kind="work_due")) == 2 * len(leads)


def test_a_plan_that_two_windows_finish_at_once_was_done_once(
    crowd: Crowd, place_of_work: tuple[Any, Any, list[Any]]
) -> None:
    workspace, aiko, leads = place_of_work
    for lead in leads:
        enter(workspace.id)
        planned = Activity.objects.get(lead_id=lead)
        done = crowd.all([("done", workspace.id, aiko.user_id, planned.id, MONDAY + timedelta(hours=2))] * WORKERS)
        assert all(done)
        enter(workspace.id)
        assert Activity.objects.filter(lead_id=lead, done_at__isnull=False).count() == 1
        assert Lead.objects.get(id=lead).state == "working"
        assert Decision.objects.filter(lead_id=lead, kind="contacted").count() == 1
