"""Past leads compared by a worker: done once, failed in words, begun anew after a crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from dibs.distribution import comparing, drafts
from dibs.distribution.models import Comparison, Difference
from dibs.distribution.placing import place
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import make_arrival, make_rep, make_workspace, publish
from tests.running import do_jobs

IN_FORCE = "policy: In force\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {}}"
DRAFT = "policy: Draft\nroute: [{name: All, push: {team: closers}}]\nteams: {closers: {weights: {aiko: 2}}}"


@pytest.fixture
def workspace(transactional_db: Any) -> Workspace:
    workspace = make_workspace()
    make_rep(workspace, "aiko", teams=("closers",))
    publish(workspace, IN_FORCE)
    at = now() - timedelta(days=1)
    place(workspace.id, [make_arrival(received_at=at) for _ in range(5)], now=at)
    return workspace


def asked(workspace: Workspace) -> Comparison:
    enter(workspace.id)
    after = drafts.draft(workspace.id, DRAFT)
    comparison = comparing.begin(workspace.id, after, now() - timedelta(days=2), now(), draft=DRAFT)
    comparing.leave_to_job(comparison)
    return comparison


def look(workspace: Workspace, comparison: Comparison) -> Comparison:
    enter(workspace.id)
    return Comparison.objects.get(id=comparison.id)


def test_a_worker_does_it(workspace: Workspace) -> None:
    comparison = asked(workspace)
    do_jobs()
    found = look(workspace, comparison)
    assert (found.state, found.passed, found.changed, found.result["reps"]) == ("done", 5, 5, {"aiko": [0, 5]})


def test_what_a_crash_left_half_done_is_begun_anew(workspace: Workspace) -> None:
    comparison = asked(workspace)
    half = comparing.go_through(look(workspace, comparison))
    Comparison.objects.filter(id=half.id).update(state="running", result={}, passed=2)
    do_jobs()
    found = look(workspace, comparison)
    assert (found.state, found.passed, Difference.objects.filter(comparison=found).count()) == ("done", 5, 5)


def test_a_draft_that_is_refused_by_then_fails_in_words(workspace: Workspace) -> None:
    comparison = asked(workspace)
    Comparison.objects.filter(id=comparison.id).update(
        draft=DRAFT.replace("push: {team: closers}", "pull: {pool: gone}")
    )
    do_jobs()
    found = look(workspace, comparison)
    assert found.state == "failed"
    assert "there is no pool gone" in found.problem
    assert not Difference.objects.exists()


def test_one_that_is_gone_is_no_work(workspace: Workspace) -> None:
    comparison = asked(workspace)
    Comparison.objects.all().delete()
    do_jobs()
    assert not Comparison.objects.filter(id=comparison.id).exists()
