"""After a large import a pool is searched in its index alone, at once."""

from __future__ import annotations

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


def _vacuumed() -> int:
    """How often somebody asked for a VACUUM of the leads, counted when it is through."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_vacuum_count('crm_lead'::regclass)")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_large_import_leaves_nothing_to_ask_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether every page is noted as seen is up to the database: not one that a session of elsewhere looks at in that moment is."""
    workspace = make_workspace(slug=f"large-{uuid4().hex[:8]}")
    publish(workspace, POLICY)
    ops = caller_of(make_user(workspace, "ops"))
    path = tmp_path / "leads.csv"
    path.write_text("id,company\n" + "".join(f"{n},Company {n}\n" for n in range(200)))
    before = _vacuumed()
    importing.import_file(workspace, path, "small", clock=lambda: MONDAY)
    assert _vacuumed() == before
    monkeypatch.setattr(importing, "_MANY", 200)
    asked: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(importing, "let_be_seen", lambda *given: (asked.append(given), let_be_seen(*given)))
    importing.import_file(workspace, path, "large", clock=lambda: MONDAY)
    assert asked == [("crm_lead", ("workspace_id", "pool", "state"))]
    assert _vacuumed() == before + 1
    found = pool_page(ops, "inbound", q="company 137", now=MONDAY)
    assert found is not None
    assert [lead["company"] for lead in found.items] == ["Company 137"] * 2


def test_inside_a_transaction_nothing_is_noted(db: None) -> None:
    with transaction.atomic():
        let_be_seen("crm_lead", ("pool",))
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
