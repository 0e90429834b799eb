"""A pool's page, in the server: along an index with ten thousand and with a million leads waiting, and searched, filtered and sorted
with a hundred thousand.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

from django.db.models import Count

from benchmarks.measure import Measure
from benchmarks.running import data_folder

if TYPE_CHECKING:
    from django.test import Client

POLICY = """
policy: One pool
qualify:
  score:
    - {when: 'lead.employees >= 200', add: 30}
    - {when: 'lead.employees >= 20', add: 20}
    - {when: 'lead.source in ["demo_request", "referral"]', add: 25}
    - {when: 'lead.consent == true', add: 10}
route:
  - {name: Everyone, pull: {pool: inbound}}
pools:
  inbound: {mode: pool, preview: [company, industry, employees, country, city, source, score], lock: 15m, assign_after: 3000d}
tiers:
  - {name: narrow, when: 'rep.handle == "narrow"', sees: preview, only: 'lead.score < 60 && lead.employees < 500'}
  - {name: asked, when: 'rep.handle == "asked"', sees: preview, only: 'lead.country != "JP" || lead.score < 30'}
  - {name: all, sees: preview}
"""

#: What a rep asks for along an index, one after the other; each fills its page.
ALONG = (
    "",
    "sort=-score",
    "sort=waiting_since",
    "filter=country:JP",
    "filter=industry:Health",
    "filter=source:webinar",
    "filter=score:40..&sort=-score",
    "filter=country:MX&filter=score:75..",
    "filter=industry:Retail&sort=-score",
)

#: What a pool is looked through for: frequent words and rare ones, none at all, two, Japanese ones, an e-mail; filters without an
#: index; each order; and what a rep's tier narrows. {rare} is a company, {email} a person's, {city} a city.
SOUGHT = {
    "a frequent word": "q=software",
    "a rare word": "q={rare}",
    "a word nobody has": "q=zyzzyva",
    "two letters nobody has": "q=qx",
    "two words": "q=madrid+software",
    "two rare words": "q={rare}+software",
    "one Japanese letter": "q=社",
    "a rare Japanese word": "q=青葉工業",
    "an e-mail": "q={email}",
    "a word, lowest score first": "q={rare}&sort=score",
    "a word, longest waiting first": "q={rare}&sort=waiting_since",
    "a word, newest first": "q={rare}&sort=-waiting_since",
    "a word and a country": "q=software&filter=country:JP",
    "a word and a range": "q=software&filter=employees:9000..",
    "a city": "filter=city:{city}",
    "a city, longest waiting first": "filter=city:{city}&sort=waiting_since",
    "a range": "filter=employees:9000..",
    "no search, every filter": "filter=country:ES&filter=industry:software&filter=employees:50..&filter=score:30..&sort=score",
}
#: Who asks: somebody of operations, who sees everything; a rep who sees previews; reps whose tier lets them see some leads, by a
#: condition that SQL can say, and by one that is asked of each lead.
WHO = ("ops", "rep", "narrow", "asked")
_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def measure(*, quick: bool = False) -> list[Measure]:
    many, sought_in = (50_000, 5_000) if quick else (1_000_000, 100_000)
    with data_folder():
        # First, while nothing else waits.
        searched = _searched(sought_in, rounds=3 if quick else 12)
        workspace_id, clients = _workspace("along")
        few = _along(workspace_id, clients["rep"], 1, 10_000, rounds=20)
        lots = _along(workspace_id, clients["rep"], 10_001, many, rounds=20)
    return [
        Measure("pool page, 10,000 waiting: p99", _p99(few), "ms", budget_at_most=25),
        Measure(f"pool page, {many:,} waiting: p99", _p99(lots), "ms", budget_at_most=25),
        Measure("pool page: p99 grows by", _p99(lots) / _p99(few), "times", budget_at_most=2),
        *searched,
    ]


def _workspace(slug: str) -> tuple[UUID, dict[str, Client]]:
    """A workspace with one pool, and a client with a token for each of `WHO`."""
    from django.test import Client

    from dibs.distribution.policies import publish
    from dibs.people.models import ApiToken, Rep, User, Workspace
    from dibs.people.tenancy import enter

    workspace = Workspace.objects.create(slug=slug, name="Bench", timezone="UTC")
    enter(workspace.id)
    clients = {}
    for who in WHO:
        role = "ops" if who == "ops" else "rep"
        user = User.objects.create_user(f"{who}@{slug}.example", workspace=workspace, role=role, name=who.title())
        if role == "rep":
            Rep.objects.create(workspace=workspace, user=user, handle=who, name=who.title())
        clients[who] = Client(headers={"Authorization": f"Bearer {ApiToken.issue(user)}"})
        clients[who].force_login(user, backend=_BACKEND)
    publish(workspace.id, POLICY, by=None)
    return workspace.id, clients


def _along(workspace_id: UUID, client: Client, first: int, last: int, rounds: int) -> list[float]:
    """Milliseconds of each request, after one of each kind that is not counted."""
    from django.db import connection

    from benchmarks.filling import fill_pool  # needs Django set up

    for start in range(first, last + 1, 200_000):
        fill_pool(workspace_id, "inbound", start, min(start + 199_999, last), "2036-01-01T00:00:00Z")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) crm_lead")
    took = []
    for turn in range(rounds + 1):
        for query in ALONG:
            milliseconds, answer = _timed(client, f"/api/v1/pools/inbound/leads?{query}&limit=50")
            if len(answer.json()["items"]) != 50:
                raise RuntimeError(f"{query}: {answer.content[:300]!r}")
            if turn:
                took.append(milliseconds)
    return took


def _searched(number: int, rounds: int) -> list[Measure]:
    """Pages of a pool into which so many leads were imported just before."""
    workspace_id, clients = _workspace("searched")
    rare = _import(workspace_id, number)
    bare: list[float] = []
    took: dict[str, list[float]] = {}
    pages: list[float] = []
    for turn in range(rounds + 1):
        bare.append(_scanned(workspace_id, number))
        for name, query in SOUGHT.items():
            asked = query.format(**rare)
            for who in WHO:
                milliseconds, _ = _timed(clients[who], f"/api/v1/pools/inbound/leads?{asked}&limit=50")
                if turn:
                    took.setdefault(f"{who}: {name}", []).append(milliseconds)
        for who in ("ops", "rep"):
            milliseconds, _ = _timed(clients[who], f"/pools/inbound/?q={rare['rare']}")
            if turn:
                pages.append(milliseconds)
    whole = [milliseconds for each in took.values() for milliseconds in each]
    slowest = max(took, key=lambda name: statistics.median(took[name]))
    limit = statistics.median(bare[1:])
    said = f"pool of {number:,} searched, filtered, sorted"
    return [
        Measure(f"{said}: p50", statistics.median(whole), "ms", limit, "its index read once, p50"),
        Measure(f"{said}: p99", _p99(whole), "ms", limit, "its index read once, p50", budget_at_most=50),
        Measure(f"{said}: slowest p50 ({slowest})", statistics.median(took[slowest]), "ms", budget_at_most=50),
        Measure(f"web page of a pool of {number:,}, a rare word: p99", _p99(pages), "ms", budget_at_most=50),
    ]


def _import(workspace_id: UUID, number: int) -> dict[str, str]:
    """Import synthetic leads from a file; returns what is found in few of them."""
    from benchmarks.imports import MAPPING, write_leads
    from dibs.crm.models import Lead
    from dibs.intake.importing import import_file
    from dibs.intake.mapping import read_mapping
    from dibs.people.models import Workspace

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "leads.csv"
        write_leads(path, number)
        workspace = Workspace.objects.get(id=workspace_id)
        import_file(workspace, path, "bench", read_mapping(MAPPING), clock=lambda: datetime.now(UTC))
    waiting = Lead.objects.filter(workspace_id=workspace_id, state="pooled")
    if waiting.count() != number:
        raise RuntimeError(f"{waiting.count()} of {number} leads wait")
    last = waiting.exclude(company=None).exclude(email=None).order_by("score", "id").first()
    assert last is not None
    few = waiting.exclude(city=None).values_list("city").annotate(leads=Count("id")).order_by("leads").first()
    assert few is not None
    words = str(last.company).split()
    return {"rare": quote(max(words, key=len)), "email": quote(str(last.email)), "city": quote(few[0])}


def _scanned(workspace_id: UUID, number: int) -> float:
    """Milliseconds that PostgreSQL takes to read the pool's index, and nothing else, from end to end."""
    from django.db import connection

    with connection.cursor() as cursor:
        began = time.perf_counter()
        cursor.execute(
            "SELECT id FROM crm_lead WHERE workspace_id = %s AND pool = 'inbound' AND state = 'pooled' "
            f"AND lookup IS NOT NULL ORDER BY score DESC, received_at, id OFFSET {number}",
            [workspace_id],
        )
        return (time.perf_counter() - began) * 1000


def _timed(client: Client, address: str) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = client.get(address)
    milliseconds = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code} {answer.content[:300]!r}")
    return milliseconds, answer


def _p99(took: list[float]) -> float:
    return sorted(took)[int(0.99 * len(took))]
