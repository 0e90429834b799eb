"""``dibs do-not-contact``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from dibs.cli.do_not_contact import do_not_contact
from dibs.crm.models import Lead
from dibs.distribution.placing import place
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.integration.commands import run_here
from tests.making import MONDAY, make_arrival, make_workspace, publish

POLICY = "policy: All\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {mode: pool}}\n"


def run(*arguments: Any, code: int = 0, given: str | None = None) -> Result:
    result = run_here(do_not_contact, *arguments, stdin=given)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def here(own_database: None) -> Workspace:
    workspace = make_workspace("main")
    publish(workspace, POLICY)
    return workspace


def test_people_are_put_on_the_list_found_on_it_and_taken_off(here: Workspace) -> None:
    enter(here.id)
    lead = place(here.id, [make_arrival(email="ana@acme.example")], now=MONDAY)[0].lead_id
    assert "2 put on the list; 1 open lead told" in run("add", "ana@acme.example", "+528112345678").output
    enter(here.id)
    assert Lead.objects.get(id=lead).state == "retired"
    assert "a***@acme.example" in run("list").output
    assert "asked" in run("list", "ana+x@acme.example").output
    run("list", "bo@acme.example", code=1)
    assert json.loads(run("remove", "ana@acme.example", "--json").output) == {"entries": 1, "leads": 0}
    run("list", "ana@acme.example", code=1)


def test_a_file_is_brought_in_and_told_of(here: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("email,phone\nana@acme.example.com,+528112345678\nnobody,\n")
    said = json.loads(run("import", file, "--json").output)
    assert said == {"entries": 2, "leads": 0, "found": 2, "wrong": 1, "wrong_lines": [3]}
    assert "0 put on the list" in run("import", file).output
    assert "1 address or number found" in run("import", "-", given="bo@acme.example.com\n").output
    run("import", "-", given="hello\n", code=1)
    listed = json.loads(run("list", "--json").output)
    assert [line["why"] for line in listed] == ["list"] * 3


def test_what_is_no_address_and_no_number_is_refused(here: Workspace) -> None:
    assert "neither an e-mail address nor a telephone number" in run("add", "ana", code=1).output
