"""``dibs score``: what it says, and its exit codes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import Result

from dibs.cli.scoring import score
from dibs.crm.models import Lead
from dibs.distribution.models import ScoreModel
from dibs.distribution.placing import place
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.integration.commands import run_here
from tests.integration.distribution.endings_made import past
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish

POLICY = """
policy: By points
qualify: {score: [{when: 'lead.source == "pricing"', add: 50}]}
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {}}
"""


@pytest.fixture
def workspace(own_database: None) -> Workspace:
    workspace = make_workspace("main")
    make_rep(workspace, "aiko")
    publish(workspace, POLICY)
    return workspace


@pytest.fixture
def history(workspace: Workspace) -> Workspace:
    """Leads that have ended, with a signal in their source and size."""
    leads = past(600)
    arrivals = [
        make_arrival(source=one.facts.source, employees=one.facts.employees, received_at=one.at) for one in leads
    ]
    placed = place(workspace.id, arrivals, now=MONDAY - timedelta(days=60))
    rep = make_rep(workspace, "budi")
    for state, won in (("converted", True), ("retired", False)):
        ids = [where.lead_id for where, one in zip(placed, leads, strict=True) if one.won is won]
        Lead.objects.filter(id__in=ids).update(state=state, ended_at=MONDAY, owner=rep, due_at=None)
    return workspace


def run(*arguments: str) -> Result:
    return run_here(score, *arguments)


def test_a_model_is_trained_looked_at_and_switched(history: Workspace) -> None:
    trained = run("train", "--without", "phone")
    assert trained.exit_code == 0
    assert "Measuring on later leads" in trained.output
    assert "measured on       120 leads" in trained.output
    assert "tells which convert (ROC AUC)" in trained.output
    assert " won" not in trained.output
    assert "source" in trained.output
    assert run("on", "1").output == "Model 1 is switched on.\n"
    assert "switched on" in run("list").output
    enter(history.id)
    assert ScoreModel.objects.get().active
    told = json.loads(run("show", "1", "--json").output)
    assert (told["number"], told["active"], told["without"]) == (1, True, ["phone"])
    assert told["measures"]["verdict"] in {"better", "even", "chance"}
    assert run("off", "1").output == "Model 1 is switched off.\n"


def test_too_little_says_so_and_ends_with_one(workspace: Workspace) -> None:
    assert run("list").output == "No model was learnt yet. See: dibs score train\n"
    trained = run("train")
    assert trained.exit_code == 1
    assert "0 leads have ended so far; it takes 200." in trained.output
    refused = run("on", "1")
    assert refused.exit_code == 1
    assert "Model 1 is not learnt." in refused.output


def test_it_can_be_left_to_a_worker(history: Workspace) -> None:
    told = json.loads(run("train", "--background", "--json").output)
    assert (told["number"], told["state"]) == (1, "waiting")


def test_a_model_that_is_not_there_is_refused(workspace: Workspace) -> None:
    for arguments in (("show", "7"), ("on", "7"), ("off", "7")):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "There is no model 7." in result.output
