"""Models that predict, on pages: asked for, compared with the points, switched on, and on a lead's page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from dibs.distribution import learning, predictions
from dibs.distribution.models import ScoreModel
from dibs.people.tenancy import enter
from dibs.web import curves
from tests.api.conftest import Company
from tests.integration.distribution.endings_made import past
from tests.making import MONDAY
from tests.web.conftest import as_
from tests.web.test_trying import words


@pytest.fixture(scope="module")
def learnt() -> learning.Learnt:
    return learning.learn(past(1_500))


def a_model(company: Company, learnt: learning.Learnt, **fields: Any) -> ScoreModel:
    enter(company.workspace.id)
    given: dict[str, Any] = {
        "number": 1,
        "state": "ready",
        "document": learnt.document,
        "measures": {"without": [], **learnt.measures},
        "asked_at": MONDAY,
        "finished_at": MONDAY + timedelta(seconds=5),
    }
    return ScoreModel.objects.create(workspace=company.workspace, **{**given, **fields})


def test_too_little_is_said_before_anything_is_asked_for(company: Company) -> None:
    page = words(as_(company.ops).get("/score/"))
    assert "No model is switched on" in page
    assert "There is too little to learn from yet: 0 leads have ended and 0 of them converted." in page
    assert "Learn a model" not in page


def test_where_there_is_enough_it_can_be_asked_for(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dibs.distribution.endings.count", lambda workspace_id, now: (1_000, 120))
    browser = as_(company.ops)
    assert "1,000 leads have ended, or been open for half a year; 120 of them converted." in words(
        browser.get("/score/")
    )
    assert "Learn a model" not in words(as_(company.manager).get("/score/")), "that is for operations"
    answer = browser.post("/score/learn/", {"without": "city, attributes.stage"})
    assert answer["Location"] == "/score/1/"
    enter(company.workspace.id)
    asked = ScoreModel.objects.get()
    assert asked.measures["without"] == ["attributes.stage", "city"]
    page = words(browser.get("/score/1/"))
    assert "Waits for a worker" in page
    assert 'hx-trigger="every 1s"' in page
    ScoreModel.objects.update(state="learning", measures={"step": "calibrating"})
    assert "Putting likelihoods right" in words(browser.get("/score/1/"))
    monkeypatch.undo()
    enter(company.workspace.id)
    predictions.learn(company.workspace.id, asked.id, lambda: MONDAY)
    page = words(browser.get("/score/1/"))
    assert "0 leads have ended so far. It takes 200 to learn from." in page
    assert "Switch on" not in page


def test_what_a_model_is_worth_is_shown_before_it_is_switched_on(company: Company, learnt: learning.Learnt) -> None:
    a_model(company, learnt)
    page = words(as_(company.ops).get("/score/1/"))
    assert "Better than the points" in page
    held_out = learnt.measures["parts"][2]
    assert f"measured on the {held_out['leads']} that came after these" in page
    assert f"{held_out['won']} of them converted" in page
    model, points = (learnt.measures[side]["auc"]["value"] for side in ("model", "points"))
    assert f"{100 * model:.1f}%" in page
    assert f"{100 * points:.1f}%" in page
    assert "What moves it most" in page
    assert re.search(r"Pricing</td><td><span class=\"moved up\"><b>×[\d.]+</b>", page)
    assert "Switch on" in page
    assert "Switch on" not in words(as_(company.manager).get("/score/1/")), "who leads may look"


def test_leads_convert_in_every_sentence_and_opportunities_alone_are_won(
    company: Company, learnt: learning.Learnt
) -> None:
    a_model(company, learnt)
    for path in ("/score/", "/score/1/"):
        assert "won" not in re.findall(r"\w+", words(as_(company.ops).get(path)))


def test_it_is_switched_on_and_off_by_a_press(company: Company, learnt: learning.Learnt) -> None:
    a_model(company, learnt)
    browser = as_(company.ops)
    page = words(browser.post("/score/1/on/", follow=True))
    assert "Model 1 is switched on. Open leads are looked at again, a few at a time." in page
    assert "Model 1 is switched on" in words(browser.get("/score/"))
    enter(company.workspace.id)
    assert ScoreModel.objects.get().active
    assert "Points count again." in words(browser.post("/score/1/off/", follow=True))
    enter(company.workspace.id)
    assert not ScoreModel.objects.get().active


@pytest.mark.parametrize("path", ["/score/2/on/", "/score/1/sideways/", "/score/99999999999/on/", "/score/0/off/"])
def test_what_is_not_there_cannot_be_switched(company: Company, learnt: learning.Learnt, path: str) -> None:
    a_model(company, learnt)
    assert as_(company.ops).post(path).status_code == 404


def test_only_operations_learn_and_switch(company: Company, learnt: learning.Learnt) -> None:
    a_model(company, learnt)
    for who in (company.aiko, company.manager, company.integration):
        assert as_(who).post("/score/learn/").status_code == 403
        assert as_(who).post("/score/1/on/").status_code == 403
        assert as_(company.ops).get("/score/1/on/").status_code == 405
    enter(company.workspace.id)
    assert not ScoreModel.objects.get().active


def test_another_workspaces_model_is_not_there(company: Company, other: Company, learnt: learning.Learnt) -> None:
    a_model(company, learnt)
    assert as_(other.ops).get("/score/1/").status_code == 404
    assert as_(other.ops).post("/score/1/on/").status_code == 404


def test_a_fact_that_is_too_good_to_be_true_is_pointed_out(company: Company, learnt: learning.Learnt) -> None:
    a_model(company, learnt, measures={**learnt.measures, "without": ["city"], "too_good": ["attributes.stage"]})
    page = words(as_(company.ops).get("/score/1/"))
    assert "“Stage” alone tells nearly always how a lead ends." in page
    assert "Left out: City" in page


@pytest.mark.parametrize("verdict", ["better", "even", "worse", "alone", "chance"])
@pytest.mark.parametrize("language", ["en", "ja", "es", "id"])
def test_every_verdict_is_shown_in_every_language(
    company: Company, learnt: learning.Learnt, verdict: str, language: str
) -> None:
    alone = {"points": None, "difference": None} if verdict == "alone" else {}
    gains = {"gains": {**learnt.measures["gains"], "points": None}} if verdict == "alone" else {}
    a_model(company, learnt, measures={**learnt.measures, "verdict": verdict, **alone, **gains})
    company.ops.language = language
    company.ops.save()
    for path in ("/score/", "/score/1/"):
        answer = as_(company.ops).get(path)
        assert answer.status_code == 200
        assert "%(" not in answer.content.decode()


def test_a_lead_says_how_likely_it_is_to_convert_and_what_moved_it(company: Company, learnt: learning.Learnt) -> None:
    a_model(company, learnt, active=True)
    lead = company.lead(source="pricing", employees=None)
    page = words(as_(company.ops).get(f"/leads/{lead}/"))
    said = re.search(r'<b class="likelihood">([\d.]+)%</b>', page)
    assert said is not None
    assert float(said[1]) > 40
    assert re.search(r'<th scope="row">Source</th><td>Pricing</td><td class="num good">×[\d.]+</td>', page)
    assert re.search(r'<a class="soft" href="/score/1/">place \d+ of 100, says model 1</a>', page)


def test_who_may_not_see_a_lead_in_full_is_not_told_what_moved_it(company: Company, learnt: learning.Learnt) -> None:
    a_model(company, learnt, active=True)
    lead = company.lead(source="webinar")
    answer = as_(company.aiko).get(f"/leads/{lead}/")
    assert answer.status_code in {200, 404}
    assert "likelihood" not in answer.content.decode().replace("lead.likelihood", "")


def test_without_a_model_a_lead_says_nothing_of_it(company: Company, learnt: learning.Learnt) -> None:
    a_model(company, learnt)
    lead = company.lead(source="pricing")
    assert "Likely to convert" not in words(as_(company.ops).get(f"/leads/{lead}/"))


def test_curves_begin_at_nothing_and_end_at_all(learnt: learning.Learnt) -> None:
    drawn = curves.gains(learnt.measures)
    assert drawn.model.startswith("M0.0 200.0 L")
    assert drawn.model.endswith("200.0 0.0")
    dots = curves.reliability(learnt.measures)
    assert all(0 <= dot.high <= dot.y <= dot.low <= curves.SIZE for dot in dots.dots)
