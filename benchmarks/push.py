"""One push at a time over HTTP: from ``POST /leads`` until its rep is told in the outbox, at fifty leads a second.

The rules, teams and reps are those of ``benchmarks.assign``. An answer comes after the commit that wrote lead, decision and event
together, so that the time to the answer is the time to the outbox at most. Requests leave at their moments whether or not earlier ones
were answered, and lateness counts. Beside it, in turns in the same run: requests of the same caller that write nothing.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from uuid import UUID

from benchmarks.assign import COUNTRIES, SOURCES, workspace_of
from benchmarks.load import Answers, paced
from benchmarks.measure import Measure
from benchmarks.running import data_folder, server

A_SECOND = 50
#: The first leads make the server's caches warm, as those of any day that is not its first.
WARM = 5.0


def measure(*, quick: bool = False) -> list[Measure]:
    seconds, turns = (3.0, 1) if quick else (20.0, 3)
    with data_folder() as folder:
        workspace_id = workspace_of("push")
        token = _token(workspace_id)
        leads = _posts(token)
        with server(folder) as port:
            warmed = paced(port, leads, A_SECOND, WARM)
            pushed: list[Answers] = []
            read: list[Answers] = []
            for _ in range(turns):
                pushed.append(paced(port, leads, A_SECOND, seconds))
                read.append(paced(port, _reads(token), A_SECOND, seconds))
        _check(workspace_id, len(warmed.took) + sum(len(answers.took) for answers in pushed))
    for answers, status in ((warmed, 201), *((one, 201) for one in pushed), *((one, 200) for one in read)):
        if set(answers.by_status) != {status}:
            raise RuntimeError(f"answers other than {status}: {answers.by_status}")
    took = Answers(took=[second for answers in pushed for second in answers.took])
    bare = Answers(took=[second for answers in read for second in answers.took])
    return [
        Measure(
            f"push at {A_SECOND} a second: p50",
            took.percentile(0.50) * 1000,
            "ms",
            bare.percentile(0.50) * 1000,
            "a read",
        ),
        Measure(f"push at {A_SECOND} a second: p99", took.percentile(0.99) * 1000, "ms", budget_at_most=50),
        Measure("a read at the same pace: p99", bare.percentile(0.99) * 1000, "ms"),
    ]


def _token(workspace_id: UUID) -> str:
    from dibs.people.models import ApiToken, User, Workspace

    workspace = Workspace.objects.get(id=workspace_id)
    sender = User.objects.create_user("website@example.com", workspace=workspace, role="integration", name="Website")
    return ApiToken.issue(sender, scopes=["leads:write", "leads:read"])


def _posts(token: str) -> Iterator[bytes]:
    for n in itertools.count():
        lead = {
            "source": SOURCES[n * 7 % len(SOURCES)],
            "external_id": f"posted-{n}",
            "name": f"Person {n}",
            "title": ("Chief Engineer", "Buyer", "Head of Sales")[n % 3],
            "email": f"person{n}@company{n}.com",
            "phone": f"+81 3 {1000 + n // 10000:04}-{n % 10000:04}",
            "company": f"Company {n} Inc.",
            "employees": 1 + n * 31 % 5000,
            "country": COUNTRIES[n * 17 % len(COUNTRIES)],
            "city": f"City {n % 400}",
        }
        body = json.dumps(lead).encode()
        yield (
            _head("POST /api/v1/leads", token)
            + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )


def _reads(token: str) -> Iterator[bytes]:
    return itertools.repeat(_head("GET /api/v1/leads?limit=1", token) + b"\r\n")


def _head(line: str, token: str) -> bytes:
    return f"{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n".encode()


def _check(workspace_id: UUID, number: int) -> None:
    """Of every lead that was answered, one event tells who has it."""
    from django.db import connection

    from dibs.people.tenancy import enter

    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT lead) FROM delivery_outbox WHERE event = 'lead.placed' AND payload->>'rep' IS NOT NULL"
        )
        told, leads = cursor.fetchone()
    if not told == leads == number:
        raise RuntimeError(f"{number} leads answered, {told} reps told of {leads} leads")
