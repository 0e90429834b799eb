"""Models that predict, over HTTP: asked for, read, switched on and off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from dibs.distribution import learning, predictions
from dibs.distribution.models import ScoreModel
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.integration.distribution.endings_made import past
from tests.making import MONDAY


@pytest.fixture(scope="module")
def learnt() -> learning.Learnt:
    return learning.learn(past(1_000))


@pytest.fixture
def ready(company: Company, learnt: learning.Learnt) -> ScoreModel:
    """A model that is learnt."""
    enter(company.workspace.id)
    return ScoreModel.objects.create(
        workspace=company.workspace,
        number=1,
        state="ready",
        document=learnt.document,
        measures={**learnt.measures, "without": ["city"]},
        learnt_from=learnt.since,
        learnt_until=learnt.until,
        asked_at=MONDAY,
        finished_at=MONDAY + timedelta(seconds=5),
    )


def test_a_model_is_asked_for_once_and_a_worker_learns_it(company: Company) -> None:
    answer = company.post(company.ops, "/score-models", {"without": ["city", "attributes.stage"]})
    assert answer.status_code == 202
    told = answer.json()
    assert (told["number"], told["state"], told["without"]) == (1, "waiting", ["attributes.stage", "city"])
    assert told["by"] == company.ops.name
    assert company.post(company.ops, "/score-models", {}).json()["number"] == 1
    enter(company.workspace.id)
    job = ProcrastinateJob.objects.get(task_name=predictions.LEARN)
    asked = ScoreModel.objects.get()
    assert job.args == {"workspace": str(company.workspace.id), "model": str(asked.id)}
    predictions.learn(company.workspace.id, asked.id, lambda: MONDAY)
    told = company.get(company.ops, "/score-models/1").json()
    assert (told["state"], told["measures"]) == ("too_little", None)
    assert told["lacks"] == {"code": "few_ended", "have": 0, "need": 200}


def test_a_model_is_read_with_what_it_is_worth(company: Company, ready: ScoreModel) -> None:
    for who in (company.manager, company.ops):
        told = company.get(who, "/score-models/1").json()
        assert (told["state"], told["active"], told["without"]) == ("ready", False, ["city"])
        measures = told["measures"]
        assert [part["part"] for part in measures["parts"]] == ["learnt", "calibrated", "held_out"]
        assert set(measures["model"]) == {"auc", "brier", "lift_10", "lift_20", "lift_30"}
        assert measures["model"]["auc"]["low"] <= measures["model"]["auc"]["value"] <= measures["model"]["auc"]["high"]
        assert measures["facts"][0]["fact"] == "source"
    (listed,) = company.get(company.ops, "/score-models").json()["items"]
    assert (listed["number"], listed["measures"]) == (1, None)


def test_a_model_is_switched_on_and_off_and_leads_are_looked_at_again(company: Company, ready: ScoreModel) -> None:
    lead = company.lead(source="pricing")
    assert company.post(company.ops, "/score-models/1/on", {}).json()["active"] is True
    enter(company.workspace.id)
    assert ProcrastinateJob.objects.filter(task_name=predictions.RESCORE).count() == 2, "one now, one a minute later"
    predictions.rescore(company.workspace.id, ready.id, lambda: MONDAY)
    likely: Any = company.get(company.ops, f"/leads/{lead}").json()["likelihood"]
    assert 0 < likely < 1
    assert company.post(company.ops, "/score-models/1/off", {}).json()["active"] is False
    predictions.rescore(company.workspace.id, None, lambda: MONDAY)
    assert company.get(company.ops, f"/leads/{lead}").json()["likelihood"] is None


def test_what_is_not_learnt_is_not_switched_on(company: Company) -> None:
    company.post(company.ops, "/score-models", {})
    answer = company.post(company.ops, "/score-models/1/on", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_learnt")


@pytest.mark.parametrize("number", ["2", "0", "-1", "x", "1e3", "９", "9" * 30, "2147483648"])
def test_a_number_that_is_no_models_is_not_found(company: Company, ready: ScoreModel, number: str) -> None:
    assert company.get(company.ops, f"/score-models/{number}").json()["code"] == "not_found"
    assert company.post(company.ops, f"/score-models/{number}/on", {}).json()["code"] == "not_found"


@pytest.mark.parametrize("body", [{"without": "city"}, {"without": [""]}, {"without": ["x" * 200]}, {"whithout": []}])
def test_a_body_that_does_not_fit_is_refused(company: Company, body: dict[str, Any]) -> None:
    assert company.post(company.ops, "/score-models", body).status_code == 422


def test_another_workspaces_models_are_not_found(company: Company, other: Company, ready: ScoreModel) -> None:
    assert other.get(other.ops, "/score-models").json()["items"] == []
    assert other.get(other.ops, "/score-models/1").status_code == 404
    assert other.post(other.ops, "/score-models/1/on", {}).status_code == 404
    enter(company.workspace.id)
    assert not ScoreModel.objects.get().active


def test_a_rep_sees_what_a_model_says_of_leads_seen_in_full_only(company: Company, ready: ScoreModel) -> None:
    predictions.switch_on(company.workspace.id, 1, "Ops", MONDAY)
    lead = company.lead(source="webinar")
    told = company.get(company.aiko.user, f"/leads/{lead}")
    assert told.status_code == 404 or "likelihood" not in told.json() or told.json().get("likelihood") is None
    story = company.get(company.aiko.user, f"/leads/{lead}/timeline")
    assert "predicted" not in story.content.decode()
