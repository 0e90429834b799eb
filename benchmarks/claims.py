"""Claims over HTTP beside pgbench, which runs the same read and the same conditional write on the same server.

32 clients, each a rep with a token of its own, every rule of fair play on and wide enough to let them through, every commit on disk. Both sides take turns in one
run, so that the ratio is between equals: `python -m benchmarks claims`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from benchmarks.load import Answers, run
from benchmarks.measure import Measure
from benchmarks.running import data_folder, pgbench, server

CLIENTS = 32
#: Of each client's requests one in so many is for a lead that another client wants too.
SHARED_EVERY = 20

POLICY = """
policy: Claims with every rule on
route:
  - {name: Everyone, pull: {pool: inbound}}
pools:
  inbound:
    mode: pool
    lock: 15m
    reclaim_after: 1h
    escalate: [{after: 12h, review: managers}]
    assign_after: 24h
fair_play:
  hold_at_most: 100000
  claim_rate: {count: 50, per: 1s}
  claim_at_least: {count: 5, per: day, then: notify}
  mix: {low_below: 50, share: 10%, over: 20}
  skip_at_most: 50
  notice: 24h
tiers:
  - {name: top, when: 'rep.conversion_rate >= 0.2 && rep.closed >= 20', sees: full}
  - {name: all, sees: preview, only: 'lead.score <= 100'}
tiering: {over: 90d, confirm: 3}
credits: {claim: 1, convert: 5, weights: [{when: 'lead.score < 50', times: 2}]}
qualify:
  score:
    - {when: 'lead.employees >= 200', add: 60}
    - {when: 'lead.employees >= 20', add: 20}
"""


def lead_id(number: int) -> UUID:
    """The benchmark's own ids, which pgbench can make from a number too."""
    return UUID(f"00000000-0000-7000-8000-{number:012x}")


def measure(*, quick: bool = False) -> list[Measure]:
    seconds, turns = (3.0, 1) if quick else (10.0, 3)
    with data_folder() as folder:
        from django.db import connection

        from dibs.people.tenancy import enter

        workspace_id, tokens, reps = _people()
        rows_a_turn = int(seconds * 6000)
        http: list[Answers] = []
        bench: list[float] = []
        with server(folder) as port:
            for turn in range(turns):
                start = turn * 2 * rows_a_turn
                _leads(workspace_id, start, 2 * rows_a_turn)
                http.append(run(port, _requests(tokens, start, rows_a_turn), seconds))
                bench.append(_pgbench(folder, workspace_id, tokens, reps, start + rows_a_turn, rows_a_turn, seconds))
                _standings_as_before(workspace_id)
        enter(workspace_id)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM (SELECT lead_id FROM distribution_decision WHERE kind = 'claimed' "
                "GROUP BY lead_id HAVING count(*) > 1) twice"
            )
            twice = cursor.fetchone()[0]
    claimed = sum(answers.rate(200) for answers in http) / turns
    limit = sum(bench) / turns
    took = Answers(took=[second for answers in http for second in answers.took])
    conflicts = sum(answers.by_status.get(409, 0) for answers in http)
    others = {
        status: number for answers in http for status, number in answers.by_status.items() if status not in (200, 409)
    }
    if others:
        raise RuntimeError(f"answers that were neither 200 nor 409: {others}")
    return [
        Measure("claims over HTTP, 32 clients", claimed, "a second", limit, "pgbench, same read and write", 0.25),
        Measure("claims: p50", took.percentile(0.50) * 1000, "ms"),
        Measure("claims: p99", took.percentile(0.99) * 1000, "ms", budget_at_most=75),
        Measure("claims: answered 409, somebody was quicker", conflicts, "leads"),
        Measure("claims: leads claimed twice", twice, "leads", budget_at_most=0),
    ]


def _people() -> tuple[UUID, list[str], list[UUID]]:
    from dibs.distribution.policies import publish
    from dibs.distribution.writing import begin_standings
    from dibs.people.models import ApiToken, Rep, User, Workspace
    from dibs.people.tenancy import enter

    workspace = Workspace.objects.create(slug="bench", name="Bench")
    enter(workspace.id)
    tokens, reps = [], []
    for number in range(CLIENTS):
        user = User.objects.create_user(
            f"rep{number}@example.com", workspace=workspace, role="rep", name=f"Rep {number}"
        )
        rep = Rep.objects.create(workspace=workspace, user=user, handle=f"rep{number}", name=f"Rep {number}")
        tokens.append(ApiToken.issue(user))
        reps.append(rep.id)
    begin_standings(workspace.id, reps)
    publish(workspace.id, POLICY, by=None)
    return workspace.id, tokens, reps


def _leads(workspace_id: UUID, start: int, number: int) -> None:
    from django.db import connection

    from dibs.crm.arrival import Arrival
    from dibs.distribution.placing import place
    from dibs.people.tenancy import enter

    enter(workspace_id)
    now = datetime.now(UTC)
    for chunk in range(start, start + number, 5000):
        place(
            workspace_id,
            [
                Arrival(
                    source="bench",
                    received_at=now,
                    external_id=str(n),
                    lead_id=lead_id(n),
                    name=f"Person {n}",
                    email=f"person{n}@company{n}.example",
                    company=f"Company {n}",
                    domain=f"company{n}.example",
                    country="MX",
                    industry="Health",
                    employees=(n * 37) % 500,
                )
                for n in range(chunk, min(chunk + 5000, start + number))
            ],
            now=now,
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_lead")
        cursor.execute("CHECKPOINT") if _may_checkpoint(cursor) else None


def _may_checkpoint(cursor: object) -> bool:
    cursor.execute("SELECT pg_has_role(current_user, 'pg_checkpoint', 'member')")  # type: ignore[attr-defined]
    return bool(cursor.fetchone()[0])  # type: ignore[attr-defined]


def _requests(tokens: list[str], start: int, number: int) -> list[Iterator[bytes]]:
    """Each client claims leads of its own, and now and then one that its neighbour claims too."""

    def of(client: int) -> Iterator[bytes]:
        own = range(start + client, start + number, CLIENTS)
        for count, lead in enumerate(own):
            # Every other client, or all would only swap their leads around.
            if client % 2 and count % SHARED_EVERY == SHARED_EVERY - 1 and lead + 1 < start + number:
                lead += 1
            yield (
                f"POST /api/v1/leads/{lead_id(lead)}/claim HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {tokens[client]}\r\nContent-Length: 0\r\n\r\n"
            ).encode()

    return [of(client) for client in range(len(tokens))]


def _standings_as_before(workspace_id: UUID) -> None:
    """pgbench writes standings that no engine made; the next turn starts from empty ones again."""
    from django.db import connection

    from dibs.people.tenancy import enter

    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE distribution_standing SET recent = '{}', claimed_at = '{}', skips = 0, kept_skips = 0, version = version + 1"
        )


def _pgbench(
    folder: Path, workspace_id: UUID, tokens: list[str], reps: list[UUID], start: int, number: int, seconds: float
) -> float:
    """Claims a second by pgbench: the statements of ``distribution.claim_statements``, with its parameters as pgbench's variables."""
    from dibs.distribution.claim_statements import BY_TOKEN, TAKE
    from dibs.people.models import ApiToken

    digests = {n: ApiToken.digest_of(token).hex() for n, token in enumerate(tokens)}
    by_client = "(ARRAY[{}])[:client_id::int + 1]"
    digest = by_client.format(", ".join(f"'\\x{d}'::bytea" for d in digests.values()))
    rep = by_client.format(", ".join(f"'{rep}'::uuid" for rep in reps))
    lead = "('00000000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid"
    read = BY_TOKEN
    for value in (lead, digest, f"'{workspace_id}'::uuid", "now()"):
        read = read.replace("%s", value, 1)
    # A result column needs a name of its own for \gset; only the two versions are used.
    read = re.sub(r"standing\.version,", "standing.version AS standing_version,", read, count=1)
    read = re.sub(r"lead\.version,", "lead.version AS lead_version,", read, count=1)
    recent = "ARRAY[" + ",".join(str(20 + n % 60) for n in range(100)) + "]::smallint[]"
    values = {
        "rep": rep,
        "state": "'owned'",
        "claim": "gen_random_uuid()",
        "lock": "now() + interval '15 minutes'",
        "due_at": "now() + interval '15 minutes'",
        "due_for": "'lock'",
        "policy": "1",
        "lead": lead,
        "workspace": f"'{workspace_id}'::uuid",
        "lead_version": ":lead_version::int",
        "standing_version": ":standing_version::int",
        "decision": "gen_random_uuid()",
        "now": "now()",
        "before": "'pooled'",
        "actor": "gen_random_uuid()",
        "pool": "'inbound'",
        "reasons": """'[{"code": "claimed", "params": {"rep": "rep1", "pool": "inbound", "until": "2026-01-01T00:00:00+00:00", "nth_today": 7}, "rule": "pools.inbound"}]'""",
        "event": "gen_random_uuid()",
        "payload": """'{"lead": "00000000-0000-7000-8000-000000000000", "pool": "inbound", "was": "pooled", "state": "owned", "rep": "rep1", "rep_name": "Rep 1"}'""",
        "holding": "7",
        "open_leads": "7",
        "day": "current_date",
        "claims_today": "7",
        "assigned_today": "0",
        "week": "current_date",
        "claims_this_week": "7",
        "recent": recent,
        "skips": "0",
        "kept_skips": "0",
        "lapses": "0",
        "last_claim_at": "now()",
        "claimed_at": "'{" + ",".join(["2026-01-01 00:00:00+00"] * 50) + "}'::timestamptz[]",
        "floor_on": "current_date",
        "assigned_this_week": "0",
        "month": "current_date",
        "assigned_this_month": "0",
        "pushed_at": "'{}'::timestamptz[]",
        "lapses_in_a_row": "0",
        "sla_at": "NULL::timestamptz",
        "score": "60",
    }
    take = re.sub(r"%\((\w+)\)s", lambda name: values[name[1]], TAKE)
    each = number // CLIENTS
    # The counter is kept per client; a script has no other memory.
    script = "\n".join(
        [
            "\\set i :i + 1",
            f"\\set n {start} + :client_id * {each} + :i",
            " ".join(read.split()) + " \\gset",
            " ".join(take.split()) + ";",
        ]
    )
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        Path(file.name).chmod(0o644)
        printed = pgbench(
            folder,
            [
                "-n",
                "-M",
                "prepared",
                "-c",
                str(CLIENTS),
                "-j",
                "1",
                "-T",
                str(int(seconds)),
                "-D",
                "i=-1",
                "-f",
                file.name,
            ],
            {"PGOPTIONS": f"-c dibs.workspace={workspace_id}"},
        )
    found = re.search(r"tps = ([\d.]+)", printed)
    done = re.search(r"number of transactions actually processed: (\d+)", printed)
    if not found or not done:
        raise RuntimeError(f"pgbench said: {printed}")
    if (took := _claimed(workspace_id, start, number)) != int(done[1]):
        raise RuntimeError(f"pgbench ran {done[1]} transactions and took {took} leads: they are not the same work")
    return float(found[1])


def _claimed(workspace_id: UUID, start: int, number: int) -> int:
    from django.db import connection

    from dibs.people.tenancy import enter

    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM crm_lead WHERE id >= %s AND id < %s AND state = 'owned'",
            [lead_id(start), lead_id(start + number)],
        )
        return int(cursor.fetchone()[0])
