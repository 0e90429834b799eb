"""Several workers tick at once while reps claim."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from dibs.crm.models import Lead
from dibs.distribution.models import Decision
from dibs.distribution.placing import place
from dibs.distribution.ticking import tick
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd, tick_or_claim
from tests.concurrency.truths import assert_true
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = """
policy: Waits, then is pushed
route:
  - {name: Everyone, pull: {pool: inbound}}
teams:
  closers: {open_at_most: 1000}
pools:
  inbound:
    lock: 15m
    reclaim_after: 1h
    escalate:
      - {after: 30m, push: {team: closers, by: round_robin}}
    assign_after: 24h
"""


def test_four_workers_and_four_claimers_share_leads_that_fall_due_at_once():
    workspace = make_workspace()
    publish(workspace, POLICY)
    reps = [make_rep(workspace, f"rep{n}", teams=("closers",)) for n in range(4)]
    enter(workspace.id)
    leads = [placed.lead_id for placed in place(workspace.id, [make_arrival() for _ in range(400)], now=MONDAY)]
    later = MONDAY + timedelta(minutes=31)
    with Crowd(8, tick_or_claim) as crowd:
        came = crowd.all(
            [("tick", None, later)] * 4
            + [("claim", (workspace.id, rep.user_id, leads[:100], None, n), later) for n, rep in enumerate(reps)]
        )
    total = sum(came, Counter())
    assert total["escalated"] + total["claimed"] == 400
    enter(workspace.id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM crm_lead WHERE workspace_id = %s GROUP BY 1", [workspace.id])
        assert dict(cursor.fetchall()) == {"owned": 400}
        cursor.execute(
            "SELECT rep_id, count(*) FROM distribution_decision WHERE workspace_id = %s AND kind = 'escalated' GROUP BY 1",
            [workspace.id],
        )
        turns = [number for _, number in cursor.fetchall()]
    assert max(turns) - min(turns) <= 1, "equal weights, so nobody is more than one turn ahead"
    assert_true(workspace.id)


AWAITED = """
policy: Pushed, or waits for somebody
route:
  - {name: Everyone, push: {team: closers, by: round_robin}, fallback: {pool: inbound}}
teams:
  closers: {open_at_most: 70}
pools:
  inbound: {lock: 15m, assign_after: 240h}
"""


def test_four_workers_and_four_claimers_share_leads_that_waited_for_a_team_to_be_back():
    workspace = make_workspace()
    publish(workspace, AWAITED)
    reps = [make_rep(workspace, f"rep{n}", teams=("closers",), available=False) for n in range(4)]
    enter(workspace.id)
    leads = [placed.lead_id for placed in place(workspace.id, [make_arrival() for _ in range(400)], now=MONDAY)]
    Rep.objects.update(available=True)
    later = MONDAY + timedelta(minutes=31)
    with Crowd(8, tick_or_claim) as crowd:
        came = crowd.all(
            [("tick", None, later)] * 4
            + [("claim", (workspace.id, rep.user_id, leads[300:], None, n), later) for n, rep in enumerate(reps)]
        )
    total = sum(came, Counter())
    enter(workspace.id)
    for _ in range(3):  # what somebody had locked when a worker came by
        tick(later)
    rows = Lead.objects.values_list("state", "owner_id", "awaits", "waiting_since", "id")
    held = Counter(owner for state, owner, *_ in rows if state == "owned")
    pushed = Counter(Decision.objects.filter(kind="freed").values_list("rep_id", flat=True))
    assert total["claimed"] + sum(pushed.values()) == sum(held.values())
    assert max(pushed.values()) <= 70, "nobody is given more than their cap, whoever gives"
    assert all(awaits == ("closers" if state == "pooled" else None) for state, _, awaits, *_ in rows)
    assert len(set(Decision.objects.filter(kind="freed").values_list("lead_id", flat=True))) == sum(pushed.values())
    assert_true(workspace.id)
