"""What tests of commands have in common."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from dibs.cli import database
from tests.integration.commands import Command
from tests.running import dibs


@pytest.fixture
def command(database_url: str, transactional_db: None, tmp_path: Path) -> Command:
    """Run a command, in a process of its own, on the test database."""
    return partial(dibs, DATABASE_URL=database_url, DIBS_DATA=str(tmp_path))


@pytest.fixture
def own_database(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in the tests' own process use the tests' database as it is: it is there, and migrated."""
    monkeypatch.setenv("DATABASE_URL", "postgres://the/tests/own")
    monkeypatch.setenv("DIBS_SECRET_KEY", "not a secret")
    monkeypatch.setattr(database, "prepare", lambda data: None)
    monkeypatch.setattr(database, "bring_up_to_date", lambda: None)
