"""``dibs policy borders``, and publishing with ``--move``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from dibs.cli.policy import policy
from dibs.distribution import borders, moving_on, policies
from dibs.distribution.models import Decision, Move, PolicyVersion
from dibs.distribution.placing import place
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.integration.commands import run_here
from tests.making import MONDAY, make_arrival, make_rep, make_workspace

POLICY = """
policy: By territory
territories:
  kansai: {{countries: [JP], regions: [Osaka], owner: {{rep: {owner}}}}}
route:
  - {{name: Owners, push: {{to: territory.owner}}}}
  - {{name: Rest, review: managers}}
"""


def run(*arguments: Any) -> Result:
    return run_here(policy, *arguments)


@pytest.fixture
def here(own_database: None) -> Workspace:
    """A workspace with a lead that is Ken's, and commands that use the tests' database as it is."""
    workspace = make_workspace("main")
    for handle in ("ken", "kai"):
        make_rep(workspace, handle)
    policies.publish(workspace.id, POLICY.format(owner="ken"), by=None)
    place(workspace.id, [make_arrival(country="JP", region="Osaka", company="Oak")], now=MONDAY)
    return workspace


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "draft.yaml"
    path.write_text(POLICY.format(owner="kai"), encoding="utf-8")
    return path


def test_borders_shows_what_would_move_and_moves_nothing(here: Workspace, draft: Path) -> None:
    enter(here.id)
    decisions = Decision.objects.count()
    result = run("borders", draft)
    assert result.exit_code == 0
    first, between, lead = result.stdout.splitlines()
    assert first == "1 open lead would belong to others."
    assert between == "       1  kansai -> kansai"
    assert lead.endswith("Oak: ken -> kai")
    told = json.loads(run("borders", draft, "--json").stdout)
    assert (told["leads"], told["first"][0]["to"]["rep"]) == (1, "kai")
    enter(here.id)
    assert Decision.objects.count() == decisions
    assert PolicyVersion.objects.count() == 1


def test_a_draft_with_errors_is_refused(here: Workspace, draft: Path) -> None:
    draft.write_text(
        "policy: x\nterritories: {a: {parent: b}}\nroute: [{name: A, review: managers}]\n", encoding="utf-8"
    )
    result = run("borders", draft)
    assert result.exit_code == 1
    assert "[unknown_territory]" in result.stderr


def test_publish_with_move_moves_them(here: Workspace, draft: Path) -> None:
    result = run("publish", draft, "--move")
    assert result.exit_code == 0
    assert "move as it comes into force" in result.stdout
    enter(here.id)
    newest, before = PolicyVersion.objects.order_by("-number")
    borders.move_over(here.id, before.id, newest.id, MONDAY)
    move = Move.objects.get()
    moving_on.carry_on(here.id, move.id, lambda: MONDAY)
    move.refresh_from_db()
    assert (move.kind, move.moved, move.state) == ("border", 1, "done")
