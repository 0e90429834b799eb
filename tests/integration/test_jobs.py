"""Jobs that keep the house: run by the queue's own worker, on the real database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.contrib.django import app

from dibs.delivery.models import Outbox
from dibs.delivery.outbox import KEPT_FOR, post
from dibs.delivery.tasks import forget_old_events
from dibs.people.tenancy import enter
from tests.making import make_workspace


@pytest.mark.django_db(transaction=True)
def test_a_worker_drops_events_that_are_too_old_in_every_workspace() -> None:
    now = datetime.now(UTC)
    workspaces = [make_workspace(), make_workspace()]
    for workspace in workspaces:
        enter(workspace.id)
        post(workspace.id, [("lead.placed", None, {})], now - KEPT_FOR - timedelta(minutes=1))
        post(workspace.id, [("lead.claimed", None, {})], now)
    forget_old_events.defer(timestamp=int(now.timestamp()))
    worker = app.with_connector(app.connector.get_worker_connector())
    with ThreadPoolExecutor(1) as own:  # a thread of its own, as the browser's tests leave an event loop in this one
        own.submit(worker.run_worker, wait=False, install_signal_handlers=False).result(60)
    for workspace in workspaces:
        enter(workspace.id)
        assert [event.event for event in Outbox.objects.all()] == ["lead.claimed"]


def test_the_house_is_kept_every_hour() -> None:
    kept = {task.task.name for task in app.periodic_registry.periodic_tasks.values()}
    assert {"forget_old_events", "forget_old_idempotency_keys", "settle_tiers", "look_at_claim_floors"} <= kept
