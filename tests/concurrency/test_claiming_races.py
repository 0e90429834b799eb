"""Many reps, few leads, one PostgreSQL, processes of their own."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from dibs.distribution.placing import place
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd, claim_all_one_can, skip_one
from tests.concurrency.truths import assert_true
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish
from tests.running import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = """
policy: One pool
route:
  - {name: Everyone, pull: {pool: inbound}}
pools:
  inbound: {mode: pool, lock: 15m, reclaim_after: 1h, assign_after: 24h}
fair_play:
  hold_at_most: 100000
  skip_at_most: 100
"""
CAPPED = POLICY.replace("hold_at_most: 100000", "hold_at_most: 10")


def _leads(workspace, number: int, now=MONDAY):
    enter(workspace.id)
    return [placed.lead_id for placed in place(workspace.id, [make_arrival() for _ in range(number)], now=now)]


def _states(workspace) -> Counter:
    enter(workspace.id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM crm_lead WHERE workspace_id = %s GROUP BY 1", [workspace.id])
        return Counter(dict(cursor.fetchall()))


def test_sixteen_claimers_on_two_hundred_leads_never_share_one_nor_lose_one():
    workspace = make_workspace()
    publish(workspace, POLICY)
    reps = [make_rep(workspace, f"rep{n}") for n in range(16)]
    with Crowd(16, claim_all_one_can) as crowd:
        for turn in range(50):
            leads = _leads(workspace, 200)
            chooser = random.Random(turn)
            # Everybody wants the same dozen first, then others of their own.
            wanted = [leads[:12] + chooser.sample(leads[12:], 12) for _ in reps]
            came = crowd.all(
                [(workspace.id, rep.user_id, wanted[n], "inbound", turn * 16 + n, MONDAY) for n, rep in enumerate(reps)]
            )
            total = sum(came, Counter())
            assert total["claimed"] == 200
            assert set(total) <= {"claimed", "already_claimed", "empty"}, total
            assert _states(workspace) == {"owned": 200 * (turn + 1)}
    assert_true(workspace.id)


def test_sixteen_claims_at_once_by_one_rep_never_pass_the_holding_cap():
    workspace = make_workspace()
    publish(workspace, CAPPED)
    rep = make_rep(workspace, "aiko")
    with Crowd(16, claim_all_one_can) as crowd:
        leads = _leads(workspace, 64)
        came = crowd.all([(workspace.id, rep.user_id, leads, None, n, MONDAY) for n in range(16)])
    total = sum(came, Counter())
    assert total["claimed"] == 10
    assert total["holding_cap"] > 0
    assert _states(workspace) == {"owned": 10, "pooled": 54}
    assert_true(workspace.id)


def test_who_loses_the_race_for_a_lock_that_ran_out_learns_who_won():
    workspace = make_workspace()
    publish(workspace, POLICY)
    first, *reps = [make_rep(workspace, f"rep{n}") for n in range(13)]
    later = MONDAY + timedelta(minutes=16)
    with Crowd(12, claim_all_one_can) as crowd:
        for lead in _leads(workspace, 5):
            assert claim_all_one_can((workspace.id, first.user_id, [lead], None, 0, MONDAY))["claimed"]
            came = crowd.all([(workspace.id, rep.user_id, [lead], None, 0, later) for rep in reps])
            assert sum(came, Counter()) == {"claimed": 1, "already_claimed": 11}
    assert_true(workspace.id)


def test_skips_of_many_leads_at_once_stop_at_the_limit():
    workspace = make_workspace()
    publish(workspace, POLICY.replace("skip_at_most: 100", "skip_at_most: 2"))
    rep = make_rep(workspace, "aiko")
    with Crowd(8, skip_one) as crowd:
        came = Counter(crowd.all([(workspace.id, rep.user_id, lead, MONDAY) for lead in _leads(workspace, 8)]))
    assert came == {"Acted": 2, "Refused": 6}
    assert_true(workspace.id)


def test_a_claimer_killed_at_any_moment_leaves_nothing_half_done():
    workspace = make_workspace()
    publish(workspace, POLICY)
    reps = [make_rep(workspace, f"rep{n}") for n in range(2)]
    chooser = random.Random(7)
    for turn in range(12):
        leads = _leads(workspace, 150)
        before = _states(workspace)["owned"]
        with Crowd(1, claim_all_one_can) as killed, Crowd(1, claim_all_one_can) as spared:
            killed.send(0, (workspace.id, reps[0].user_id, leads, None, turn, MONDAY))
            spared.send(0, (workspace.id, reps[1].user_id, leads, None, turn + 99, MONDAY))
            _until_owned(workspace, before + 10)
            time.sleep(chooser.random() * 0.02)
            os.kill(killed.processes[0].pid, signal.SIGKILL)
            killed.processes[0].join()
            _until_owned(workspace, before + 150)
        assert_true(workspace.id)


def _until_owned(workspace, number: int) -> None:
    """Wait until so many leads are owned."""
    wait_for(lambda: _states(workspace)["owned"] >= number, every=0.005)


def test_locks_that_ran_out_are_claimable_at_once_by_many_without_a_tick():
    workspace = make_workspace()
    publish(workspace, POLICY)
    slow = make_rep(workspace, "slow")
    reps = [make_rep(workspace, f"rep{n}") for n in range(8)]
    leads = _leads(workspace, 40)
    with Crowd(1, claim_all_one_can) as one:
        one.all([(workspace.id, slow.user_id, leads, None, 1, MONDAY)])
    later = MONDAY + timedelta(minutes=16)
    with Crowd(8, claim_all_one_can) as crowd:
        came = crowd.all([(workspace.id, rep.user_id, leads, None, n, later) for n, rep in enumerate(reps)])
    assert sum(came, Counter())["claimed"] == 40
    assert _states(workspace) == {"owned": 40}
    with connection.cursor() as cursor:
        cursor.execute("SELECT lapses, holding FROM distribution_standing WHERE rep_id = %s", [slow.id])
        assert cursor.fetchone() == (40, 0)
    assert_true(workspace.id)
