"""`dibs accounts import`: accounts from a file, in any order, in the languages of the field."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol

import pytest

from dibs.crm.models import Account
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import make_rep, make_workspace
from tests.running import dibs


class Command(Protocol):
    def __call__(self, *arguments: str) -> CompletedProcess[str]: ...


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    workspace = make_workspace(country="MX")
    make_rep(workspace, "aiko")
    return workspace


@pytest.fixture
def command(workspace: Workspace, database_url: str, tmp_path: Path) -> Command:
    def run(*arguments: str) -> CompletedProcess[str]:
        return dibs(*arguments, DATABASE_URL=database_url, DIBS_DATA=str(tmp_path))

    return run


def test_accounts_come_from_a_file_with_parents_in_any_order(
    command: Command, workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text(
        "Empresa;ID;Sitio web;Teléfono;Cliente;Responsable;Matriz;Notas\n"
        "Envíos del Norte;2;www.envios.example;55 1234 5678;;;1;x\n"
        "Grupo Norte S.A. de C.V.;1;;;sí;aiko;;y\n"
        "Sin dueño;3;;;;nobody;;z\n"
        "Huérfano;4;;;;;99;z\n",
        encoding="cp1252",
    )
    told = command("accounts", "import", str(file), "--json")
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout)
    assert (said["rows"], said["created"], said["unknown_columns"]) == (4, 3, ["Notas"])
    assert [(one["row"], one["code"]) for one in said["refusals"]] == [(3, "owner_unknown"), (4, "parent_unknown")]
    enter(workspace.id)
    child = Account.objects.get(external_id="2")
    assert (child.parent.name, child.domain, child.phone) == (
        "Grupo Norte S.A. de C.V.",
        "envios.example",
        "+525512345678",
    )
    assert (child.parent.customer, child.parent.owner.handle) == (True, "aiko")
    again = json.loads(command("accounts", "import", str(file), "--json").stdout)
    assert (again["created"], again["unchanged"]) == (0, 3)


def test_a_dry_run_keeps_nothing_and_a_file_without_names_is_refused(
    command: Command, workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text("name,domain\nAcme,acme.example\n")
    told = command("accounts", "import", str(file), "--dry-run")
    assert told.returncode == 0, told.stderr
    assert "domain fills domain" in told.stdout
    enter(workspace.id)
    assert not Account.objects.exists()
    file.write_text("colour,shape\nred,round\n")
    told = command("accounts", "import", str(file))
    assert told.returncode == 1
    assert "neither a column for names" in told.stderr
