"""Watching: by several workers, on an old log, and what is noted of pools."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from dibs.crm.models import Lead
from dibs.distribution import acting, claiming, tasks
from dibs.distribution.choices import BANDS, Looked, band_of, watch
from dibs.distribution.models import Choice, Decision, PoolSample, RepEntry, Standing, Watched
from dibs.distribution.placing import place
from dibs.distribution.samples import EVERY, sample
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish
from tests.running import PATIENCE

POLICY = """
policy: Simple
qualify: {score: [{when: 'lead.employees >= 100', add: 60}, {when: 'lead.employees >= 10', add: 20}]}
route:
  - {name: In line, when: 'lead.source == "line"', pull: {pool: line}}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound: {lock: 15m}
  line: {mode: queue, lock: 15m}
  empty: {}
"""


def after(minutes: float) -> datetime:
    return MONDAY + timedelta(minutes=minutes)


def company(text: str = POLICY) -> tuple[Workspace, Caller]:
    workspace = make_workspace()
    aiko = caller_of(make_rep(workspace, "aiko").user)
    publish(workspace, text)
    return workspace, aiko


def arrive(workspace: Workspace, *employees: int | None, now: datetime = MONDAY, **fields: Any) -> list[UUID]:
    arrivals = [make_arrival(employees=n, received_at=now, **fields) for n in employees]
    return [placed.lead_id for placed in place(workspace.id, arrivals, now=now)]


def take(rep: Caller, lead: UUID, now: datetime) -> UUID:
    """Claim, and call at once, so that the next claim is not one too many; the claim's decision."""
    assert isinstance(claiming.claim_lead(rep, lead, now), claiming.Claimed)
    decision = Decision.objects.filter(lead_id=lead, kind="claimed").latest("nth")
    acting.contact(rep, lead, now)
    return decision.id


@pytest.mark.django_db
def test_a_claim_is_compared_with_what_waited_and_a_queues_head_with_nothing() -> None:
    workspace, aiko = company()
    small, middle, large, second = arrive(workspace, None, 10, 100, 10)
    (head,) = arrive(workspace, 100, source="line")
    chosen = take(aiko, large, after(7))
    queued = take(aiko, head, after(8))
    assert watch(workspace.id, after(10)) == Looked(claims=2, unknown=0)
    row = Choice.objects.get(id=chosen)
    assert (row.pool, row.score, row.waited, row.queue) == ("inbound", 80, 7 * 60, False)
    # In sight were scores 1, 20, 80 and 20: below are three, and itself is the only one of its score.
    assert (row.seen, row.below, row.ties, row.offered) == (4, 3, 1, [3, 0, 0, 1, 0])
    assert row.ridit == pytest.approx(0.875)
    assert row.variance == pytest.approx((1 - (1 + 8 + 1) / 64) / 12)
    row = Choice.objects.get(id=queued)
    assert (row.queue, row.waited, row.seen, row.ridit) == (True, 8 * 60, None, None)
    assert {small, middle, second} == set(Lead.objects.filter(state="pooled").values_list("id", flat=True))


@pytest.mark.django_db
def test_a_claim_is_written_once_however_often_it_is_looked_at() -> None:
    workspace, aiko = company()
    leads = arrive(workspace, 10, 100, 100)
    take(aiko, leads[0], after(1))
    assert watch(workspace.id, after(2)).claims == 1
    take(aiko, leads[1], after(3))
    assert watch(workspace.id, after(4)).claims == 1
    assert watch(workspace.id, after(4)).claims == 0
    assert sorted(Choice.objects.values_list("seen", flat=True)) == [2, 3]


@pytest.mark.django_db
def test_a_claim_that_was_committed_late_is_not_missed() -> None:
    workspace, aiko = company()
    leads = arrive(workspace, 10, 100)
    assert watch(workspace.id, after(6)).claims == 0
    take(aiko, leads[1], after(3))  # its moment is before the last look
    assert watch(workspace.id, after(7)).claims == 1


@pytest.mark.django_db
def test_the_first_look_at_an_old_log_goes_back_thirty_days() -> None:
    workspace, aiko = company()
    leads = arrive(workspace, 10, 100, 100)
    take(aiko, leads[0], after(1))
    recent = take(aiko, leads[1], MONDAY + timedelta(days=40))
    assert watch(workspace.id, MONDAY + timedelta(days=41)).claims == 1
    (row,) = Choice.objects.all()
    assert (row.id, row.seen) == (recent, 2)
    assert Watched.objects.get(workspace=workspace).upto == MONDAY + timedelta(days=41)


@pytest.mark.django_db
def test_the_time_waited_is_that_of_the_claim_though_the_lead_waits_anew_later() -> None:
    workspace, aiko = company()
    (lead,) = arrive(workspace, 10)
    decision = take(aiko, lead, after(9))
    acting.release(aiko, lead, after(20))
    Lead.objects.filter(id=lead).update(waiting_since=after(20))
    watch(workspace.id, after(30))
    assert Choice.objects.get(id=decision).waited == 9 * 60


TIERS = """
tiers:
  - {name: top, when: 'rep.closed >= 5', sees: full}
  - {name: low, sees: preview, only: 'lead.score < 60'}
"""


@pytest.mark.django_db
def test_what_counts_is_the_tier_that_the_rep_was_in_at_the_claim() -> None:
    workspace, aiko = company(POLICY + TIERS)
    RepEntry.objects.all().delete()  # the tier was set when the policy was published: today, and not on that Monday
    Standing.objects.update_or_create(
        rep_id=aiko.rep_id, defaults={"workspace": workspace, "tier": "low", "tier_on": MONDAY}
    )
    leads = arrive(workspace, None, 10, 100)
    take(aiko, leads[1], after(1))
    Standing.objects.filter(rep_id=aiko.rep_id).update(tier="top")
    reason = {"code": "tier_changed", "params": {"before": "low", "after": "top"}, "rule": "tiers"}
    RepEntry.objects.create(workspace=workspace, rep_id=aiko.rep_id, at=after(5), kind="tier_changed", reasons=[reason])
    take(aiko, leads[2], after(6))
    watch(workspace.id, after(10))
    assert list(Choice.objects.order_by("at").values_list("score", "seen")) == [(20, 2), (80, 2)]


@pytest.mark.django_db
def test_what_cannot_be_told_any_more_is_counted_and_not_guessed() -> None:
    only = "tiers: [{name: fresh, sees: preview, only: 'now - lead.received_at < duration(\"1h\")'}]"
    workspace, aiko = company(POLICY + only)
    leads = arrive(workspace, 10, 100)
    take(aiko, leads[1], after(1))
    assert watch(workspace.id, after(2)) == Looked(claims=1, unknown=1)
    row = Choice.objects.get()
    assert (row.queue, row.seen, row.ridit, row.waited) == (False, None, None, 60)


@pytest.mark.django_db
def test_a_condition_is_not_asked_of_more_leads_than_a_look_has_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, aiko = company(POLICY + "tiers: [{name: abroad, sees: preview, only: 'lead.country != \"JP\"'}]")
    leads = arrive(workspace, 10, 100, 100)
    take(aiko, leads[0], after(1))
    monkeypatch.setattr("dibs.distribution.choices._ASKED_OF", 2)
    assert watch(workspace.id, after(2)) == Looked(claims=1, unknown=1)


@pytest.mark.django_db(transaction=True)
def test_several_workers_look_at_the_same_time_and_each_claim_is_written_once() -> None:
    workspace, aiko = company()
    leads = arrive(workspace, *[10, 100] * 20)
    for minute, lead in enumerate(leads[:30]):
        take(aiko, lead, after(minute))
    looked: list[Looked] = []
    start = threading.Barrier(4)

    def look() -> None:
        try:
            start.wait(PATIENCE)
            looked.append(watch(workspace.id, after(60)))
        finally:
            connection.close()

    workers = [threading.Thread(target=look) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    assert len(looked) == 4
    enter(workspace.id)
    assert sum(one.claims for one in looked) == Choice.objects.count() == 30
    assert sorted(Choice.objects.values_list("seen", flat=True)) == list(range(11, 41))


@pytest.mark.django_db
def test_a_pool_is_noted_with_how_long_its_leads_have_waited() -> None:
    workspace, _aiko = company()
    for minutes in range(20):
        arrive(workspace, 100 if minutes % 2 else None, now=after(minutes))
    assert sample(workspace.id, after(30)) == 3
    note = PoolSample.objects.get(pool="inbound")
    assert (note.at, note.waiting, note.offered) == (after(30), 20, [10, 0, 0, 10, 0])
    # They have waited 11 to 30 minutes: the middle one 21, and two of twenty longer than 29.
    assert (note.oldest, note.median, note.p90) == (30 * 60, 21 * 60, 29 * 60)
    empty = PoolSample.objects.get(pool="empty")
    assert (empty.waiting, empty.oldest, empty.offered) == (0, 0, [0] * len(BANDS))


@pytest.mark.django_db
def test_a_pool_is_noted_once_in_five_minutes_and_old_notes_go() -> None:
    workspace, _aiko = company()
    assert sample(workspace.id, after(0)) == 3
    assert sample(workspace.id, after(4.9)) == 0
    assert sample(workspace.id, after(5)) == 3
    assert set(PoolSample.objects.values_list("at", flat=True)) == {MONDAY, MONDAY + EVERY}
    later = MONDAY + timedelta(days=100, minutes=5)
    sample(workspace.id, later)
    assert set(PoolSample.objects.values_list("at", flat=True)) == {MONDAY + EVERY, later}


@pytest.mark.django_db(transaction=True)
def test_the_jobs_watch_every_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    (one, aiko), (two, budi) = company(), company()
    for workspace, rep in ((one, aiko), (two, budi)):
        enter(workspace.id)
        take(rep, arrive(workspace, 10, 100)[0], after(1))
    monkeypatch.setattr(tasks, "moment", lambda: after(2))
    at = int(after(2).timestamp())
    assert tasks.watch_claims(timestamp=at) == 2
    assert tasks.sample_pools(timestamp=at) == 6
    assert {"watch_claims", "sample_pools"} <= {
        task.task.name for task in app.periodic_registry.periodic_tasks.values()
    }


@pytest.mark.parametrize(("score", "band"), [(1, 0), (20, 0), (21, 1), (60, 2), (81, 4), (100, 4)])
def test_bands_of_score(score: int, band: int) -> None:
    assert band_of(score) == band
