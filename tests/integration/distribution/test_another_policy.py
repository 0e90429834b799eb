"""Leads wait under one policy, and another comes into force: what it wants done sooner is due sooner."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from dibs.crm.models import Lead
from dibs.distribution import policies, rulebooks, sooner, tasks
from dibs.distribution.models import PolicyVersion
from dibs.distribution.placing import place
from dibs.distribution.reading import lock_leads
from dibs.distribution.ticking import tick
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_workspace
from tests.running import PATIENCE, do_jobs, somebody_waits_for_us, wait_for

pytestmark = pytest.mark.django_db(transaction=True)

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
def workspace(monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """What is to be done a minute later is not due before the test is over, however long that takes."""
    monkeypatch.setattr(sooner, "LOOK_AGAIN", timedelta(days=1))
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


def test_leads_are_locked_in_the_order_of_their_ids_whichever_pool_they_wait_in(workspace: Workspace) -> None:
    policies.publish(workspace.id, TWO, by=None, now=MONDAY)
    first, then = sorted([waits(workspace, country="JP"), waits(workspace)])
    published = threading.Thread(
        target=_publish, args=(workspace, TWO.replace("24h", "1h").replace("after: 2h", "after: 30m"))
    )
    with transaction.atomic():
        lock_leads(workspace.id, [first])
        published.start()
        wait_for(somebody_waits_for_us)
        with connection.cursor() as cursor:
            # Who locks in this order comes by: the publisher waits for the first and has no other yet.
            cursor.execute("SELECT FROM crm_lead WHERE id = %s FOR UPDATE NOWAIT", [then])
    published.join(PATIENCE)
    assert due(first) == (after(1), "age_cap")
    assert due(then) == (after(0.5), "escalate")


#: Nothing waits longer than an hour.
SHORT = POLICY.replace("escalate: [{after: 2h, review: managers}], assign_after: 24h", "assign_after: 1h")


def jobs(workspace: Workspace) -> list[tuple[int, bool, dict[str, str]]]:
    """What waits in the queue for this workspace: id, whether it may begin, and what it is asked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, coalesce(scheduled_at <= now() + interval '1 second', true), args FROM procrastinate_jobs "
            "WHERE task_name = %s AND args->>'workspace' = %s AND status = 'todo' ORDER BY id",
            [sooner.JOB, str(workspace.id)],
        )
        return [(job, soon, json.loads(args)) for job, soon, args in cursor.fetchall()]


def later_look(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, at: datetime) -> int:
    """Do the job that comes a minute after the publishing."""
    ((_, _, asked),) = [job for job in jobs(workspace) if not job[1]]
    monkeypatch.setattr(tasks, "moment", lambda: at)
    done = tasks.bring_forward(**asked)
    enter(workspace.id)
    return done


def test_a_lead_placed_while_a_policy_comes_into_force_follows_it_a_minute_later(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed, published = threading.Event(), threading.Event()
    found: list[UUID] = []

    def place_slowly() -> None:
        try:
            enter(workspace.id)
            with transaction.atomic():
                found.append(waits(workspace))
                placed.set()
                assert published.wait(PATIENCE)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        placing = other.submit(place_slowly)
        assert placed.wait(PATIENCE)
        policies.publish(workspace.id, SHORT, by=None, now=MONDAY)
        published.set()
        placing.result(PATIENCE)
    (lead,) = found
    assert due(lead) == (after(2), "escalate"), "the old policy's moments: nobody waited for the other"
    assert later_look(workspace, monkeypatch, MONDAY + timedelta(minutes=1)) == 1
    assert due(lead) == (after(1), "age_cap")
    assert later_look(workspace, monkeypatch, MONDAY + timedelta(minutes=2)) == 0


def test_the_later_look_is_by_the_policy_in_force_then(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first = PolicyVersion.objects.get(workspace=workspace)
    policies.publish(workspace.id, POLICY.replace("24h", "12h"), by=None, now=MONDAY)
    policies.publish(workspace.id, SHORT, by=None, now=MONDAY)
    lead = waits(workspace)
    # As a transaction leaves it that had read the first one.
    Lead.objects.filter(id=lead).update(due_at=after(2), due_for="escalate")
    assert sooner.catch_up(workspace.id, first.id, MONDAY) == 1
    assert due(lead) == (after(1), "age_cap")
    policies.rollback(workspace.id, 1, None, now=MONDAY)
    lead = waits(workspace)
    assert sooner.catch_up(workspace.id, first.id, MONDAY) == 0
    assert due(lead) == (after(2), "escalate")


def test_each_batch_is_a_transaction_of_its_own(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sooner, "BATCH", 2)
    leads = sorted(waits(workspace) for _ in range(5))
    published = threading.Thread(target=_publish, args=(workspace, SHORT))
    with transaction.atomic():
        lock_leads(workspace.id, [leads[3]])
        published.start()
        wait_for(somebody_waits_for_us)
        policy = policies.active(workspace.id)
        assert policy is not None
        assert policy.number == 2, "in force before the leads follow"
        assert [due(lead)[0] for lead in leads] == [after(1), after(1), after(2), after(2), after(2)]
        with connection.cursor() as cursor:
            # Neither those of the batches before nor those of the ones after are held.
            cursor.execute(
                "SELECT FROM crm_lead WHERE id = ANY(%s) FOR UPDATE NOWAIT", [[leads[0], leads[1], leads[4]]]
            )
    published.join(PATIENCE)
    assert [due(lead)[0] for lead in leads] == [after(1)] * 5


def test_who_publishes_does_the_first_and_the_worker_the_rest(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("AT_ONCE", 3), ("BATCH", 2), ("_PAGE", 4)):
        monkeypatch.setattr(sooner, name, value)
    monkeypatch.setattr(tasks, "moment", lambda: MONDAY)
    leads = sorted(waits(workspace) for _ in range(10))
    policies.publish(workspace.id, SHORT, by=None, now=MONDAY)
    assert [due(lead)[0] for lead in leads] == [after(1)] * 3 + [after(2)] * 7
    at_once, in_a_minute = jobs(workspace)
    assert (at_once[1], in_a_minute[1]) == (True, False)
    do_jobs()
    assert [due(lead)[0] for lead in leads] == [after(1)] * 10
    assert jobs(workspace) == [in_a_minute]


def test_a_publishing_that_is_undone_leaves_no_job(workspace: Workspace) -> None:
    lead = waits(workspace)
    with transaction.atomic():
        policies.publish(workspace.id, SHORT, by=None, now=MONDAY)
        assert len(jobs(workspace)) == 2
        transaction.set_rollback(True)
    assert jobs(workspace) == []
    assert due(lead) == (after(2), "escalate")


def test_a_policy_is_in_force_also_if_the_first_leads_cannot_follow_at_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = waits(workspace)

    def fails(*_: object, **__: object) -> int:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(sooner, "bring_forward", fails)
        version = policies.publish(workspace.id, SHORT, by=None, now=MONDAY)
    assert version.active
    assert due(lead) == (after(2), "escalate")
    assert later_look(workspace, monkeypatch, MONDAY) == 1
    assert due(lead) == (after(1), "age_cap")


def test_no_job_comes_where_nothing_can_be_sooner(workspace: Workspace) -> None:
    policies.publish(workspace.id, POLICY.replace("Waits for long", "Another name"), by=None, now=MONDAY)
    assert jobs(workspace) == []


def test_a_job_for_a_workspace_that_is_no_more_does_nothing(workspace: Workspace) -> None:
    policies.publish(workspace.id, SHORT, by=None, now=MONDAY)
    asked = jobs(workspace)[0][2]
    PolicyVersion.objects.filter(workspace=workspace).delete()
    rulebooks.rulebook.cache_clear()
    rulebooks.predicting.cache_clear()
    assert tasks.bring_forward(**asked) == 0


def _publish(workspace: Workspace, text: str) -> None:
    try:
        enter(workspace.id)
        policies.publish(workspace.id, text, by=None, now=MONDAY)
    finally:
        connection.close()
