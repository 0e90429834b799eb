"""Leads that fall due in the same second: how long until all are handled, by one worker and by two."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime

from benchmarks.measure import Measure
from benchmarks.running import data_folder

POLICY = """
policy: Waits, then is pushed
route:
  - {name: Everyone, pull: {pool: inbound}}
teams:
  closers: {open_at_most: 100000}
pools:
  inbound:
    lock: 15m
    escalate:
      - {after: 30m, push: {team: closers, by: round_robin}}
    assign_after: 3000d
"""
_WORKER = """
import django; django.setup()
from datetime import UTC, datetime
from dibs.distribution.ticking import tick
print("ready", flush=True); input()
while tick(datetime.now(UTC)).looked_at: pass
"""


def measure(*, quick: bool = False) -> list[Measure]:
    number = 5_000 if quick else 50_000
    found = []
    with data_folder():
        for workers in (1, 2):
            seconds = _all_handled(number, workers)
            who = "one worker" if workers == 1 else f"{workers} workers"
            found.append(Measure(f"{number:,} leads due at once, {who}", seconds, "s", budget_at_most=15))
            found.append(Measure(f"ticked, {who}", number / seconds, "leads a second"))
    return found


def _all_handled(number: int, workers: int) -> float:
    from django.db import connection

    from benchmarks.filling import fill_pool  # needs Django set up
    from dibs.distribution.policies import publish
    from dibs.people.models import Membership, Rep, Team, User, Workspace
    from dibs.people.tenancy import enter

    workspace = Workspace.objects.create(slug=f"bench{workers}", name="Bench")
    enter(workspace.id)
    team = Team.objects.create(workspace=workspace, slug="closers", name="Closers")
    for n in range(20):
        user = User.objects.create_user(
            f"rep{n}.{workers}@example.com", workspace=workspace, role="rep", name=f"Rep {n}"
        )
        rep = Rep.objects.create(workspace=workspace, user=user, handle=f"rep{n}", name=f"Rep {n}")
        Membership.objects.create(workspace=workspace, rep=rep, team=team)
    publish(workspace.id, POLICY, by=None)
    # Waiting for more than 30 minutes, all of them: number 40,000 came 50 ms x 40,000 ago.
    first = 40_000 + (workers - 1) * number
    fill_pool(workspace.id, "inbound", first, first + number - 1, datetime.now(UTC).isoformat())
    processes = [
        subprocess.Popen([sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    began = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        if process.wait():
            raise RuntimeError("a worker failed")
    seconds = time.perf_counter() - began
    enter(workspace.id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crm_lead WHERE state = 'owned'")
        if cursor.fetchone()[0] != number:
            raise RuntimeError("not every lead was handled")
    return seconds
