"""What all commands have in common: they say what is wrong before they make anything, and they say it alike."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.running import dibs

POLICY = "policy: One\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {mode: pool, assign_after: 24h}}\n"


def errors(told: CompletedProcess[str]) -> list[str]:
    return [line for line in told.stderr.splitlines() if line.startswith("Error: ")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "leads.csv", "--source", "fair"),
        ("policy", "publish", "policy.yaml"),
        ("policy", "diff", "policy.yaml"),
        ("policy", "list"),
        ("policy", "rollback", "1"),
        ("explain", "fair:1"),
        ("user", "list"),
        ("user", "deactivate", "aiko@example.com"),
        ("token", "create", "aiko@example.com"),
        ("token", "list"),
        ("token", "revoke", "019ab000-0000-7000-8000-000000000000"),
    ],
)
def test_a_folder_without_dibs_is_said_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leads.csv").write_text("id,name\n1,Aiko\n")
    (tmp_path / "policy.yaml").write_text(POLICY)
    mistyped = tmp_path / "mistyped"
    told = dibs(*arguments, "--data", str(mistyped))
    assert told.returncode == 1, told.stderr
    (said,) = errors(told)
    assert said.startswith(f"Error: There is no Dibs in the data folder {mistyped}.")
    assert f"dibs up --data {mistyped}" in said
    assert "dibs user add" in said
    assert not mistyped.exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("import", "absent", "--source", "fair"), 1),
        (("import", "leads.csv", "--source", "fair", "--map", "absent"), 1),
        (("policy", "publish", "absent"), 2),
        (("policy", "diff", "absent"), 2),
        (("policy", "check", "absent"), 2),
    ],
)
def test_a_file_that_is_not_there_is_said_before_any_database_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leads.csv").write_text("id,name\n1,Aiko\n")
    told = dibs(*arguments, "--data", str(tmp_path / "data"))
    assert told.returncode == code
    (said,) = errors(told)
    assert "absent" in said
    assert "There is no Dibs" not in said
    assert not (tmp_path / "data").exists()


def test_a_database_that_does_not_answer_is_said_the_same_way(tmp_path: Path) -> None:
    told = dibs("user", "list", DATABASE_URL="postgres://dibs@127.0.0.1:1/dibs", DIBS_DATA=str(tmp_path / "data"))
    assert told.returncode == 3
    assert told.stderr.startswith("Error: the database can't be reached")
    assert not (tmp_path / "data").exists()
