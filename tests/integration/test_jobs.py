"""Jobs that keep the house: run by the queue's own worker, on the real database."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from dibs.config.worker import take_jobs
from dibs.delivery.models import Outbox
from dibs.delivery.outbox import KEPT_FOR, post
from dibs.delivery.tasks import forget_old_events
from dibs.people.tenancy import enter
from tests.making import make_workspace
from tests.running import PATIENCE, do_jobs, end_sessions_of_jobs, wait_for


@pytest.mark.django_db(transaction=True)
def test_a_worker_drops_events_that_are_too_old_in_every_workspace() -> None:
    now = datetime.now(UTC)
    workspaces = [make_workspace(), make_workspace()]
    for workspace in workspaces:
        enter(workspace.id)
        post(workspace.id, [("lead.placed", None, {})], now - KEPT_FOR - timedelta(minutes=1))
        post(workspace.id, [("lead.claimed", None, {})], now)
    forget_old_events.defer(timestamp=int(now.timestamp()))
    do_jobs()
    for workspace in workspaces:
        enter(workspace.id)
        assert [event.event for event in Outbox.objects.all()] == ["lead.claimed"]


def test_every_job_of_the_house_comes_by_itself() -> None:
    kept = {task.task.name for task in app.periodic_registry.periodic_tasks.values()}
    assert kept == {
        "carry_on_moves",
        "count_results",
        "forget_old_events",
        "forget_old_idempotency_keys",
        "forget_uploads",
        "keep_no_longer",
        "look_at_borders",
        "look_at_claim_floors",
        "mark_made_accounts",
        "refresh_calendars",
        "sample_pools",
        "send_mails",
        "settle_tiers",
        "take_mails_away",
        "tell_what_is_due",
        "watch_claims",
    }


@pytest.mark.django_db(transaction=True)
def test_jobs_that_are_done_well_are_not_kept() -> None:
    """Some come every minute, for years."""
    job = forget_old_events.defer(timestamp=int(datetime.now(UTC).timestamp()))
    stop = threading.Event()
    with ThreadPoolExecutor(1) as own:
        working = own.submit(lambda: asyncio.run(take_jobs(stop)))
        try:
            wait_for(lambda: not _is_kept(job))
        finally:
            stop.set()
        working.result(PATIENCE)
        end_sessions_of_jobs()


@pytest.mark.django_db(transaction=True)
def test_jobs_come_by_themselves_again_when_the_database_is_back() -> None:
    with ThreadPoolExecutor(1) as own:
        for _ in range(2):
            _ask("DELETE FROM procrastinate_periodic_defers")
            stop = threading.Event()
            working = own.submit(asyncio.run, take_jobs(stop))
            try:
                wait_for(lambda: _ask("SELECT EXISTS (SELECT FROM procrastinate_periodic_defers)"))
            finally:
                stop.set()
            working.result(PATIENCE)
            # The session that they came on is lost, as when the server starts anew.
            _ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND query LIKE '%%procrastinate_defer_periodic_job%%'"
            )
    end_sessions_of_jobs()


def _is_kept(job: int) -> bool:
    return bool(_ask("SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE id = %s)", job))


def _ask(question: str, *given: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question, given)
        return cursor.fetchone()[0] if cursor.description else None
