"""``dibs policy try`` and ``dibs policy compare``: what they say, and their exit codes."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import Result
from django.utils.timezone import now

from dibs.cli.policy import policy
from dibs.crm.models import Lead
from dibs.distribution.placing import place
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter
from tests.integration.commands import run_here
from tests.making import make_arrival, make_rep, make_workspace, publish

IN_FORCE = """
policy: In force
qualify: {score: [{when: 'lead.employees >= 200', add: 60}]}
route:
  - {name: Big, when: 'lead.employees >= 200 && lead.country == "JP"', push: {team: closers}}
  - {name: Everyone else, pull: {pool: inbound}}
pools: {inbound: {}}
"""
DRAFT = IN_FORCE.replace("In force", "Draft").replace(' && lead.country == "JP"', "")


@pytest.fixture
def workspace(own_database: None) -> Workspace:
    workspace = make_workspace("main")
    make_rep(workspace, "aiko", teams=("closers",))
    make_rep(workspace, "budi", teams=("closers",), available=False)
    publish(workspace, IN_FORCE)
    return workspace


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "draft.yaml"
    path.write_text(DRAFT, encoding="utf-8")
    return path


def run(*arguments: Any, stdin: str | None = None) -> Result:
    return run_here(policy, *arguments, stdin=stdin)


def test_a_typed_lead_is_told_rule_by_rule(workspace: Workspace) -> None:
    result = run("try", "--field", "company=Kumo KK", "--field", "employees=300", "--field", "country=Mexico")
    assert result.exit_code == 0
    assert "through “In force” (version 1)" in result.stdout
    assert 'Big: lead.employees >= 200 && lead.country == "JP"  [lead.country is MX]' in result.stdout
    assert "→ pooled, inbound" in result.stdout
    assert "+60  yes" in result.stdout


def test_a_draft_says_who_gets_it_and_who_is_passed_over(workspace: Workspace, draft: Path) -> None:
    for told in (
        run("try", draft, "--field", "employees=300"),
        run("try", "-", "--field", "employees=300", stdin=DRAFT),
    ):
        assert told.exit_code == 0
        assert "through “Draft” (not published)" in told.stdout
        assert "aiko: gets it (0 open, 0 today)" in told.stdout
        assert "budi: unavailable" in told.stdout
        assert "Everyone else: always  (not reached; it would take the lead)" in told.stdout


def test_a_lead_that_is_here_is_tried_by_its_sources_id(workspace: Workspace, draft: Path) -> None:
    enter(workspace.id)
    place(workspace.id, [make_arrival(source="web", external_id="7", employees=500)], now=now())
    answer = json.loads(run("try", draft, "--lead", "web:7", "--json").stdout)
    assert (answer["is_now"]["state"], answer["becomes"]["owner"]) == ("pooled", "aiko")
    assert (
        json.loads(run("try", draft, "--lead", answer["is_now"]["id"], "--json").stdout)["becomes"]["owner"] == "aiko"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Give either --lead or --field"),
        (["--field", "nonsense"], 2, "NAME=VALUE"),
        (["--field", "colour=red"], 1, "colour"),
        (["--lead", str(uuid4())], 1, "There is no lead"),
        (["--lead", "nobody"], 1, "There is no lead"),
        (["--version", "9", "--field", "country=JP"], 1, "There is no policy version 9"),
        (["--at", "soon", "--field", "country=JP"], 2, "neither a moment"),
    ],
)
def test_what_cannot_be_tried_is_said(workspace: Workspace, arguments: list[str], code: int, said: str) -> None:
    result = run("try", *arguments)
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_a_refused_draft_is_told_with_its_place(workspace: Workspace, draft: Path) -> None:
    draft.write_text(DRAFT.replace("lead.employees >= 200', push", "lead.employes >= 200', push"), encoding="utf-8")
    for command in (("try", draft, "--field", "country=JP"), ("compare", draft)):
        result = run(*command)
        assert result.exit_code == 1
        assert f"{draft}:5:24: error: there is no fact lead.employes" in result.stderr


def test_past_leads_through_a_draft(workspace: Workspace, draft: Path, tmp_path: Path) -> None:
    enter(workspace.id)
    Rep.objects.filter(handle="budi").update(active=False)
    at = now() - timedelta(days=3)
    place(
        workspace.id,
        [make_arrival(employees=300, country=country, received_at=at) for country in ("JP", "MX", "MX")],
        now=at,
    )
    before = list(Lead.objects.order_by("id").values_list("state", "version"))
    file = tmp_path / "leads.csv"
    result = run("compare", draft, "--since", "7d", "--leads", file)
    assert result.exit_code == 0
    assert "version 1 and “Draft”: 2 would go elsewhere, 0 to another rep of the team" in result.stdout
    assert any(line.split() == ["Aiko", "1", "3", "+2"] for line in result.stdout.splitlines())
    rows = list(csv.DictReader(file.open(encoding="utf-8", newline="")))
    assert [(row["before_pool"], row["after_rep"]) for row in rows] == [("inbound", "aiko")] * 2
    enter(workspace.id)
    assert list(Lead.objects.order_by("id").values_list("state", "version")) == before
    answer = json.loads(run("compare", draft, "--since", "7d", "--json").stdout)
    assert (answer["result"]["leads"], answer["result"]["elsewhere"]) == (3, 2)


def test_a_time_that_does_not_fit_is_said(workspace: Workspace, draft: Path) -> None:
    assert run("compare", draft, "--since", "2020-01-01").exit_code == 1
    assert run("compare", draft, "--since", "whenever").exit_code == 2
    assert run("compare").exit_code == 2
    assert "No lead came in then." in run("compare", draft, "--since", "1h").stdout
