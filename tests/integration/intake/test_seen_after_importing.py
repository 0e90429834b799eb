"""After a large import a pool is searched in its index alone, at once."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection, transaction
from tests.making import MONDAY, make_user, make_workspace, publish

from dibs.insight.pools import pool_page
from dibs.intake import importing
from dibs.people.bulk import let_be_seen
from dibs.people.caller import caller_of

POLICY = "policy: One pool\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {}}\n"


def _pages() -> tuple[int, int]:
    """How many pages the leads fill, as last counted, and of how many it is noted that everybody sees all they hold."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpages, relallvisible FROM pg_class WHERE oid = 'crm_lead'::regclass")
        pages, seen = cursor.fetchone()
        return int(pages), int(seen)


@pytest.mark.django_db(transaction=True)
def test_a_large_import_leaves_nothing_to_ask_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace(slug=f"large-{uuid4().hex[:8]}")
    publish(workspace, POLICY)
    ops = caller_of(make_user(workspace, "ops"))
    path = tmp_path / "leads.csv"
    path.write_text("id,company\n" + "".join(f"{n},Company {n}\n" for n in range(200)))
    before = _pages()
    importing.import_file(workspace, path, "small", clock=lambda: MONDAY)
    assert _pages() == before
    with connection.cursor() as cursor:
        # As in use: what is not on the disk yet is not noted as seen.
        cursor.execute("SET synchronous_commit = on")
    monkeypatch.setattr(importing, "_MANY", 200)
    asked: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(importing, "let_be_seen", lambda *given: (asked.append(given), let_be_seen(*given)))
    importing.import_file(workspace, path, "large", clock=lambda: MONDAY)
    assert asked == [("crm_lead", ("workspace_id", "pool", "state"))]
    pages, seen = _pages()
    # What another session still saw in that moment, such as the thread's that wakes the stream, is noted once that has ended.
    for _ in range(20):
        if seen == pages:
            break
        time.sleep(0.2)
        let_be_seen(*asked[0])
        pages, seen = _pages()
    assert pages == seen > before[1]
    found = pool_page(ops, "inbound", q="company 137", now=MONDAY)
    assert found is not None
    assert [lead["company"] for lead in found.items] == ["Company 137"] * 2


def test_inside_a_transaction_nothing_is_noted(db: None) -> None:
    with transaction.atomic():
        let_be_seen("crm_lead", ("pool",))
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
