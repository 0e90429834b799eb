"""Leads pushed to 20 reps in 4 teams: from unassigned to committed, every decision logged and every rep told in the outbox.

Twice, for they come from two sides: leads that arrive, and leads that are there already, unassigned, and all due at once. Beside it the
limit, in turns in the same run: PostgreSQL alone writing the rows that the same leads came to (COPY of leads, decisions and events into
tables with the same columns, checks and indexes). By itself, for other sizes: ``python -m benchmarks.assign --sizes 10000,100000``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from benchmarks.measure import Measure
from benchmarks.running import data_folder

BUDGET = 5_000
TEAMS = ("north", "south", "east", "west")
REPS_A_TEAM = 5
CHUNK = 1_000
COUNTRIES = ("JP", "MX", "ID", "BR", "US", "DE", "IN", "ES")
SOURCES = ("webform", "webinar", "demo_request", "referral")

#: Eight rules over four teams, every strategy that keeps a turn, caps that count and never bind: what a push costs when all is asked.
POLICY = """
policy: All of it pushed
timezone: UTC
qualify:
  score:
    - {when: 'lead.employees >= 200', add: 40}
    - {when: 'lead.source in ["demo_request", "referral"]', add: 30}
    - {when: 'lead.title.lowerAscii().contains("chief")', add: 20}
  rank: {hot: 70, warm: 30}
territories:
  asia: {when: 'lead.country in ["JP", "ID", "IN"]', owner: {team: east}}
route:
  - {name: Hot in Asia,    when: 'lead.score >= 70 && lead.country in ["JP", "ID", "IN"]', push: {team: east, by: weighted_round_robin}}
  - {name: Hot elsewhere,  when: 'lead.score >= 70', push: {team: west, by: weighted_round_robin}}
  - {name: Asia,           when: 'lead.country in ["JP", "ID", "IN"]', push: {to: territory.owner, by: least_open}}
  - {name: Referrals,      when: 'lead.source == "referral"', push: {team: north, by: round_robin}}
  - {name: Latin America,  when: 'lead.country in ["MX", "BR"]', push: {team: south, by: round_robin}}
  - {name: Large,          when: 'lead.employees >= 1000', push: {team: west, by: least_open}, fallback: {team: north}}
  - {name: Webinars,       when: 'lead.source == "webinar"', push: {team: south, by: weighted_round_robin}}
  - {name: Everyone else,  push: {team: north, by: round_robin}, fallback: {pool: inbound}}
teams:
  north: {open_at_most: 100000, per_day: 10000}
  south: {open_at_most: 100000, per_day: 10000, weights: {south0: 2}}
  east:  {open_at_most: 100000, per_day: 10000, weights: {east0: 2}}
  west:  {open_at_most: 100000, per_day: 10000, weights: {west0: 3}}
pools:
  inbound: {assign_after: 3000d}
sla: {first_contact: 30m, when: 'lead.rank == "hot"', then: {reassign: 2, review: managers}}
"""

#: Unassigned leads, made inside the database: before managers, each asked about again at the same moment.
_FILL = """
    INSERT INTO crm_lead (id, workspace_id, source, external_id, received_at, name, title, email, company, domain, industry, employees,
        country, city, attributes, flags, state, waiting_since, due_at, due_for, escalated, reassigned, by_hand, warned, version, created_at,
        lookup)
    SELECT made.*, lower(E'\n' || concat_ws(E'\n', company, industry, country, '', city, source, '', '', '', '', chr(30),
        name, '', email, domain) || E'\n')
    FROM (SELECT ('00000000-0000-7000-a000-' || lpad(to_hex(n), 12, '0'))::uuid, %s,
        (ARRAY['webform', 'webinar', 'demo_request', 'referral'])[1 + n * 7 %% 4], 'waits-' || n, now(), 'Person ' || n,
        (ARRAY['Chief Engineer', 'Buyer', 'Head of Sales'])[1 + n %% 3], 'person' || n || '@company' || n || '.example',
        'Company ' || n, 'company' || n || '.example', 'Health', (1 + n * 31 %% 5000)::bigint,
        (ARRAY['JP', 'MX', 'ID', 'BR', 'US', 'DE', 'IN', 'ES'])[1 + n * 17 %% 8], 'City ' || n %% 400, '{}'::jsonb, '{}'::varchar[],
        'new', NULL::timestamptz, now(), 'stale', 0, 0, false, false, 1, now()
        FROM generate_series(%s::int, %s::int) AS n) made (id, workspace_id, source, external_id, received_at, name, title, email, company,
        domain, industry, employees, country, city, attributes, flags, state, waiting_since, due_at, due_for, escalated, reassigned,
        by_hand, warned, version, created_at)
"""

#: One worker. It says when it is ready and begins when it is told to, so that its start is no part of what is measured.
_WORKER = """
import sys
import django; django.setup()
from datetime import UTC, datetime
from uuid import UUID
from benchmarks.assign import arrivals, place_all
from dibs.config.worker import keep_for_good
from dibs.distribution.ticking import tick
from dibs.people.tenancy import enter
workspace, kind, number, part, parts = UUID(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
enter(workspace)
given = arrivals(number, part, parts) if kind == "arriving" else None
keep_for_good()
print("ready", flush=True); input()
if given is not None:
    place_all(workspace, given)
else:
    while tick(datetime.now(UTC)).looked_at: pass
"""


@dataclass(frozen=True, slots=True)
class Run:
    """So many leads, from unassigned to committed, by so many workers; ``limit`` leads a second by COPY of the same rows."""

    kind: str
    leads: int
    workers: int
    seconds: float
    limit: float

    @property
    def rate(self) -> float:
        return self.leads / self.seconds


def measure(*, quick: bool = False, sizes: Sequence[int] = ()) -> list[Measure]:
    sizes = sizes or ((2_000, 4_000) if quick else (10_000, 100_000))
    with data_folder():
        runs = [_run(kind, size, workers) for size in sizes for kind in ("arriving", "waiting") for workers in (1, 2)]
    found = []
    for run in runs:
        who = "one worker" if run.workers == 1 else f"{run.workers} workers"
        name = f"assign, {run.leads:,} leads {run.kind}, {who}"
        budget = BUDGET if run.workers == 2 else None
        found.append(Measure(name, run.rate, "leads/s", run.limit, "COPY of the same rows", budget_at_least=budget))
    for kind in ("arriving", "waiting"):
        small, large = (
            next(r for r in runs if (r.kind, r.leads, r.workers) == (kind, size, 2)) for size in (sizes[0], sizes[-1])
        )
        found.append(
            Measure(f"assign, {kind}: cost for each grows by", small.rate / large.rate, "times", budget_at_most=1.3)
        )
    return found


def arrivals(number: int, part: int = 0, parts: int = 1) -> list[Any]:
    """Every ``parts``-th of so many leads as intake hands them on, cleaned."""
    from dibs.crm.arrival import Arrival

    now = datetime.now(UTC)
    return [
        Arrival(
            source=SOURCES[n * 7 % len(SOURCES)],
            received_at=now,
            external_id=f"arrives-{n}",
            name=f"Person {n}",
            title=("Chief Engineer", "Buyer", "Head of Sales")[n % 3],
            email=f"person{n}@company{n}.example",
            company=f"Company {n}",
            domain=f"company{n}.example",
            industry="Health",
            employees=1 + n * 31 % 5000,
            country=COUNTRIES[n * 17 % len(COUNTRIES)],
            city=f"City {n % 400}",
        )
        for n in range(part, number, parts)
    ]


def place_all(workspace_id: UUID, given: Sequence[Any]) -> None:
    """In chunks, each a transaction, as an import or a batch by API is."""
    from dibs.distribution.placing import place

    for start in range(0, len(given), CHUNK):
        place(workspace_id, given[start : start + CHUNK], now=datetime.now(UTC))


def _run(kind: str, number: int, workers: int) -> Run:
    from django.db import connection

    from dibs.people.tenancy import enter

    workspace_id = workspace_of(f"{kind}-{number}-{workers}")
    with connection.cursor() as cursor:
        if kind == "waiting":
            first = number * 10 + workers * 1_000_000  # numbers, and so ids, that no other run has
            cursor.execute(_FILL, [workspace_id, first, first + number - 1])
        cursor.execute("ANALYZE crm_lead")
    seconds = _together(workspace_id, kind, number, workers)
    enter(workspace_id)
    _check(workspace_id, number)
    run = Run(kind, number, workers, seconds, number / _copied(workspace_id))
    with connection.cursor() as cursor:  # the next run's tick has no work of this one's left
        cursor.execute(
            "UPDATE crm_lead SET due_at = NULL WHERE workspace_id = %s AND due_at IS NOT NULL", [workspace_id]
        )
    enter(None)
    return run


def workspace_of(slug: str) -> UUID:
    from dibs.distribution.joining import join
    from dibs.distribution.policies import publish
    from dibs.people.models import Workspace
    from dibs.people.tenancy import enter

    workspace = Workspace.objects.create(slug=slug, name="Bench", timezone="UTC")
    for team in TEAMS:
        for number in range(REPS_A_TEAM):
            join(workspace, f"{team}{number}.{slug}@example.com", f"{team.title()}{number}", "rep", teams=[team])
    enter(workspace.id)
    publish(workspace.id, POLICY, by=None)
    return workspace.id


def _together(workspace_id: UUID, kind: str, number: int, workers: int) -> float:
    """Seconds from the moment when all workers are told to begin until the last has ended."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(workspace_id), kind, str(number), str(part), str(workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(workers)
    ]
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("a worker did not start")
    began = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        if process.wait():
            raise RuntimeError("a worker failed")
    return time.perf_counter() - began


def _check(workspace_id: UUID, number: int) -> None:
    """Every lead has its rep, its decision and its event, every rep their count, and nobody of a team more than their share."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT count(*) FROM crm_lead WHERE state = 'owned' AND owner_id IS NOT NULL),
                   (SELECT count(*) FROM distribution_decision WHERE kind = 'placed' AND rep_id IS NOT NULL),
                   (SELECT count(*) FROM delivery_outbox WHERE event = 'lead.placed'),
                   (SELECT sum(assigned_today) FROM distribution_standing),
                   (SELECT sum(passed) FROM distribution_rotation)
            """
        )
        owned, logged, told, counted, turns = cursor.fetchone()
        if {owned, logged, told, counted} != {number}:
            raise RuntimeError(f"of {number} leads {owned} owned, {logged} logged, {told} told, {counted} counted")
        if turns is None:
            raise RuntimeError("no turn was used")


def _copied(workspace_id: UUID) -> float:
    """Seconds that plain COPY takes for the same rows, into tables with the same columns, checks and indexes, one transaction a chunk."""
    from django.db import connection, transaction

    tables = ("crm_lead", "distribution_decision", "delivery_outbox")
    seconds = 0.0
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DROP TABLE IF EXISTS bench_{table}")
            cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
            rows: list[bytes] = []
            with cursor.copy(
                f"COPY (SELECT * FROM {table} WHERE workspace_id = '{workspace_id}' ORDER BY id) TO STDOUT"
            ) as out:
                rows.extend(bytes(block) for block in out)
            began = time.perf_counter()
            for start in range(0, len(rows), CHUNK):
                with transaction.atomic(), cursor.copy(f"COPY bench_{table} FROM STDIN") as into:
                    into.write(b"".join(rows[start : start + CHUNK]))
            seconds += time.perf_counter() - began
            cursor.execute(f"DROP TABLE bench_{table}")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.assign", description=__doc__)
    parser.add_argument("--sizes", default="10000,100000", help="how many leads, each size in a workspace of its own")
    given = parser.parse_args()
    for figure in measure(sizes=[int(size) for size in given.sizes.split(",")]):
        beside = (
            f"   ({figure.ratio:.1%} of {figure.limit_is}, {figure.limit:,.0f})"
            if figure.limit and figure.ratio
            else ""
        )
        print(f"{figure.name:45} {figure.value:12,.1f} {figure.unit}{beside}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
