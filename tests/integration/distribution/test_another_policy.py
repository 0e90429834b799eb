"""Leads wait under one policy, and another comes into force: what it wants done sooner is due sooner."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from dibs.crm.models import Lead
from dibs.distribution import policies
from dibs.distribution.placing import place
from dibs.distribution.reading import lock_leads
from dibs.distribution.ticking import tick
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_workspace

pytestmark = pytest.mark.django_db

POLICY = """
policy: Waits for long
qualify: {score: [{when: 'lead.employees >= 200', add: 90}]}
route:
  - {name: Later, when: 'lead.source == "later"', nurture: true}
  - {name: Rest, pull: {pool: inbound}}
pools:
  inbound: {escalate: [{after: 2h, review: managers}], assign_after: 24h}
  second: {assign_after: 24h}
"""


def after(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


@pytest.fixture
def workspace() -> Workspace:
    workspace = make_workspace()
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    return workspace


def waits(workspace: Workspace, **fields: object) -> UUID:
    (placed,) = place(workspace.id, [make_arrival(**fields)], now=MONDAY)
    return placed.lead_id


def due(lead: UUID) -> tuple[datetime | None, str | None]:
    found = Lead.objects.get(id=lead)
    return found.due_at, found.due_for


@pytest.mark.parametrize(
    ("change", "at", "due_at", "why"),
    [
        (lambda text: text.replace("assign_after: 24h", "assign_after: 1h"), 0.5, 1, "age_cap"),
        (lambda text: text.replace("assign_after: 24h", "assign_after: 1h"), 1.5, 1.5, "age_cap"),
        (lambda text: text.replace("after: 2h", "after: 30m"), 0.25, 0.5, "escalate"),
        (lambda text: text.replace("after: 2h", "after: 3h"), 0.5, 2, "escalate"),
        (
            lambda text: text.replace("qualify: {", "qualify: {stale: {after: 1h, rank: cool, then: {pool: second}}, "),
            0.5,
            1,
            "stale",
        ),
        (lambda text: text.replace("inbound", "elsewhere"), 0.5, 0.5, "escalate"),
    ],
    ids=[
        "a shorter age cap",
        "an age cap that is over already",
        "an earlier step",
        "a later step, which is put off when it is asked about",
        "leads that go stale",
        "a pool that is no more",
    ],
)
def test_a_waiting_lead_is_due_when_the_new_policy_wants_it(
    workspace: Workspace, change: Callable[[str], str], at: float, due_at: float, why: str
) -> None:
    lead = waits(workspace)
    assert due(lead) == (after(2), "escalate")
    policies.publish(workspace.id, change(POLICY), by=None, now=after(at))
    assert due(lead) == (after(due_at), why)


def test_nothing_waits_longer_than_the_new_age_cap(workspace: Workspace) -> None:
    lead = waits(workspace)
    short = POLICY.replace("escalate: [{after: 2h, review: managers}], assign_after: 24h", "assign_after: 1h")
    policies.publish(workspace.id, short, by=None, now=after(0.5))
    tick(after(1))
    assert Lead.objects.get(id=lead).state == "review"


def test_a_step_that_was_done_is_not_done_again(workspace: Workspace) -> None:
    lead = waits(workspace)
    Lead.objects.filter(id=lead).update(escalated=1, due_at=after(24), due_for="age_cap")
    sooner = POLICY.replace(
        "{after: 2h, review: managers}", "{after: 1h, review: managers}, {after: 5h, review: managers}"
    )
    policies.publish(workspace.id, sooner, by=None, now=after(3))
    assert due(lead) == (after(5), "escalate")


def test_leads_in_nurture_go_stale_by_a_rule_that_came_after_them(workspace: Workspace) -> None:
    cool, hot = waits(workspace, source="later"), waits(workspace, source="later", employees=500)
    assert due(cool) == due(hot) == (None, None)
    stale = POLICY.replace("qualify: {", "qualify: {stale: {after: 1h, rank: hot, then: {review: managers}}, ")
    policies.publish(workspace.id, stale, by=None, now=after(0.5))
    assert due(cool) == (None, None)
    assert due(hot) == (after(1), "stale")


def test_leads_of_a_pool_whose_times_stay_are_left_alone(workspace: Workspace) -> None:
    lead = waits(workspace)
    version = Lead.objects.get(id=lead).version
    policies.publish(workspace.id, POLICY.replace("Waits for long", "Another name"), by=None, now=after(3))
    assert due(lead) == (after(2), "escalate")
    assert Lead.objects.get(id=lead).version == version


def test_an_announced_policy_brings_forward_when_it_comes_into_force(workspace: Workspace) -> None:
    lead = waits(workspace)
    short = POLICY.replace("after: 2h", "after: 30m")
    policies.publish(workspace.id, short, by=None, effective_from=after(1), now=MONDAY)
    assert due(lead) == (after(2), "escalate")
    policies.come_into_force(workspace.id, after(1))
    assert due(lead) == (after(1), "escalate")


def test_a_pool_that_is_no_more_and_one_that_is_sooner_change_together(workspace: Workspace) -> None:
    policies.publish(workspace.id, TWO, by=None, now=MONDAY)
    gone, stays, later = waits(workspace, country="JP"), waits(workspace), waits(workspace, source="later")
    changed = TWO.replace("second", "third").replace("after: 2h", "after: 90m")
    policies.publish(workspace.id, changed, by=None, now=after(1))
    assert (due(gone), due(stays), due(later)) == ((after(1), "escalate"), (after(1.5), "escalate"), (None, None))


#: Leads wait in two pools.
TWO = POLICY.replace(
    "  - {name: Rest", "  - {name: Aside, when: 'lead.country == \"JP\"', pull: {pool: second}}\n  - {name: Rest"
)


@pytest.mark.django_db(transaction=True)
def test_leads_are_locked_in_the_order_of_their_ids_whichever_pool_they_wait_in(workspace: Workspace) -> None:
    policies.publish(workspace.id, TWO, by=None, now=MONDAY)
    first, then = sorted([waits(workspace, country="JP"), waits(workspace)])
    published = threading.Thread(
        target=_publish, args=(workspace, TWO.replace("24h", "1h").replace("after: 2h", "after: 30m"))
    )
    with transaction.atomic():
        lock_leads(workspace.id, [first])
        published.start()
        _until_somebody_waits()
        with connection.cursor() as cursor:
            # Who locks in this order comes by: the publisher waits for the first and has no other yet.
            cursor.execute("SELECT FROM crm_lead WHERE id = %s FOR UPDATE NOWAIT", [then])
    published.join(30)
    assert due(first) == (after(1), "age_cap")
    assert due(then) == (after(0.5), "escalate")


def _publish(workspace: Workspace, text: str) -> None:
    try:
        enter(workspace.id)
        policies.publish(workspace.id, text, by=None, now=MONDAY)
    finally:
        connection.close()


def _until_somebody_waits() -> None:
    """Until another connection waits for a lock."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits")
