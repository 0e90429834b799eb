"""The first page of a pool, filtered and sorted, with ten thousand and with a million leads waiting: time in the server."""

from __future__ import annotations

import time
from uuid import UUID

from benchmarks.measure import Measure
from benchmarks.running import data_folder

POLICY = """
policy: One pool
route:
  - {name: Everyone, pull: {pool: inbound}}
pools:
  inbound: {mode: pool, lock: 15m, assign_after: 3000d}
"""

#: What a rep asks for, one after the other.
QUERIES = (
    "",
    "?sort=-score",
    "?sort=waiting_since",
    "?filter=country:JP",
    "?filter=industry:Health",
    "?filter=source:webinar",
    "?filter=score:40..&sort=-score",
    "?filter=country:MX&filter=score:75..",
    "?filter=industry:Retail&sort=-score",
)


def measure(*, quick: bool = False) -> list[Measure]:
    many = 50_000 if quick else 1_000_000
    with data_folder():
        from dibs.distribution.policies import publish
        from dibs.people.models import ApiToken, Rep, User, Workspace
        from dibs.people.tenancy import enter

        workspace = Workspace.objects.create(slug="bench", name="Bench")
        enter(workspace.id)
        user = User.objects.create_user("rep@example.com", workspace=workspace, role="rep", name="Rep")
        Rep.objects.create(workspace=workspace, user=user, handle="rep", name="Rep")
        token = ApiToken.issue(user)
        publish(workspace.id, POLICY, by=None)
        few = _pages(workspace.id, token, 1, 10_000, rounds=20)
        lots = _pages(workspace.id, token, 10_001, many, rounds=20)
    return [
        Measure("pool page, 10,000 waiting: p99", _p99(few), "ms", budget_at_most=25),
        Measure(f"pool page, {many:,} waiting: p99", _p99(lots), "ms", budget_at_most=25),
        Measure("pool page: p99 grows by", _p99(lots) / _p99(few), "times", budget_at_most=2),
    ]


def _pages(workspace_id: UUID, token: str, first: int, last: int, rounds: int) -> list[float]:
    """Milliseconds of each request, after one of each kind that is not counted."""
    from django.db import connection
    from django.test import Client

    from benchmarks.filling import fill_pool  # needs Django set up

    for start in range(first, last + 1, 200_000):
        fill_pool(workspace_id, "inbound", start, min(start + 199_999, last), "2036-01-01T00:00:00Z")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) crm_lead")
    client = Client(headers={"Authorization": f"Bearer {token}"})
    took = []
    for turn in range(rounds + 1):
        for query in QUERIES:
            began = time.perf_counter()
            answer = client.get(f"/api/v1/pools/inbound/leads{query}{'&' if query else '?'}limit=50")
            seconds = time.perf_counter() - began
            if answer.status_code != 200 or len(answer.json()["items"]) != 50:
                raise RuntimeError(f"{query}: {answer.status_code} {answer.content[:300]!r}")
            if turn:
                took.append(seconds * 1000)
    return took


def _p99(took: list[float]) -> float:
    return sorted(took)[int(0.99 * len(took))]
