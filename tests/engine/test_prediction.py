"""Models that say how likely leads are to be won: what a document makes of a lead."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from dibs.engine.facts import LeadFacts
from dibs.engine.policy import read
from dibs.engine.prediction import NAMED, Model, NotAModel, band, bands
from dibs.engine.qualify import qualify
from dibs.engine.rulebook import Rulebook

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
#: A lead from the pricing page, or of more than 50 employees, is likelier to be won.
DOCUMENT: dict[str, Any] = {
    "format": 1,
    "base": -1.0,
    "facts": [
        {
            "fact": "source",
            "kind": "value",
            "effects": {"pricing": 1.5, "list": -1.0},
            "spelled": {"pricing": "Pricing"},
            "other": 0.1,
            "unknown": -0.2,
        },
        {"fact": "employees", "kind": "number", "cuts": [10.0, 50.0], "effects": [-0.5, 0.0, 0.5], "unknown": 0.0},
        {"fact": "email", "kind": "shape", "effects": {"company": 0.3, "free": -0.3}, "other": 0.0, "unknown": -0.1},
        {"fact": "attributes.plan", "kind": "value", "effects": {"pro": 0.4}, "other": 0.0, "unknown": 0.0},
        {"fact": "answers.budget", "kind": "value", "effects": {"yes": 0.6}, "other": 0.0, "unknown": 0.0},
    ],
    "calibration": {},
    "places": [-3.0, -2.0, -1.0, -1.0, 0.0, 1.0, 2.0, 3.0],
}


def said(lead: LeadFacts, **changes: Any) -> Any:
    return Model(7, DOCUMENT | changes).predict(lead)


def test_effects_add_up_to_log_odds_and_these_to_a_likelihood() -> None:
    lead = LeadFacts(source="PRICING ", employees=50, email="a@acme.example", domain="acme.example")
    assert said(lead).likelihood == pytest.approx(1 / (1 + math.exp(-(-1.0 + 1.5 + 0.5 + 0.3))), abs=1e-4)


def test_a_lead_of_which_nothing_is_known_is_told_by_what_is_not_known() -> None:
    found = said(LeadFacts())
    assert found.likelihood == pytest.approx(1 / (1 + math.exp(1.3)), abs=1e-4)
    assert [part["fact"] for part in found.reason.params["parts"]] == ["source", "email"]
    assert [part["value"] for part in found.reason.params["parts"]] == [None, None]


def test_a_value_that_few_leads_had_is_named_by_no_more_than_a_star() -> None:
    found = said(LeadFacts(source="Mrs Tanaka's nephew"))
    assert {"fact": "source", "value": "*", "effect": 0.1} in found.reason.params["parts"]
    assert "Tanaka" not in str(found.reason)


def test_the_facts_that_moved_it_most_come_first_as_they_are_spelled() -> None:
    lead = LeadFacts(source="pricing", employees=3, attributes={"plan": "Pro"}, answers={"budget": "yes"})
    parts = said(lead).reason.params["parts"]
    assert [(part["fact"], part["value"], part["effect"]) for part in parts] == [
        ("source", "Pricing", 1.5),
        ("answers.budget", "yes", 0.6),
        ("employees", "<10", -0.5),
        ("attributes.plan", "pro", 0.4),
        ("email", None, -0.1),
    ]
    assert len(parts) <= NAMED


def test_the_score_is_the_place_among_the_leads_it_was_learnt_from_and_equals_share_theirs() -> None:
    model = Model(1, DOCUMENT)
    assert [model.place(sum_) for sum_ in (-9.0, -1.0, -0.5, 9.0)] == [1, 38, 50, 100]


def test_a_calibration_by_steps_is_read_between_its_knots_and_holds_beyond_them() -> None:
    model = Model(1, DOCUMENT | {"calibration": {"at": [-1.0, 1.0], "likelihood": [0.1, 0.5]}})
    assert [round(model.likelihood(sum_), 3) for sum_ in (-5, -1, 0, 1, 5)] == [0.1, 0.1, 0.3, 0.5, 0.5]


@pytest.mark.parametrize(
    ("value", "place"), [(None, 0), (9, 1), (10, 2), (49.9, 2), (50, 3), (True, 0), ("50", 0), (math.nan, 0)]
)
def test_a_number_lies_in_the_band_that_begins_with_it(value: Any, place: int) -> None:
    assert band([10.0, 50.0], value) == place


def test_bands_are_called_by_where_they_begin() -> None:
    assert bands([10.0, 50.0]) == ("<10", "10..50", ">=50")
    assert bands([1_500_000.0]) == ("<1500000", ">=1500000")
    assert bands([]) == ("*",)


@pytest.mark.parametrize(
    "broken",
    [{"format": 2}, {"places": []}, {"facts": [{"fact": "source"}]}, {"calibration": {"at": [1.0]}}, {"base": "x"}],
)
def test_a_document_that_is_not_whole_is_no_model(broken: dict[str, Any]) -> None:
    with pytest.raises(NotAModel):
        Model(1, DOCUMENT | broken)


BY_PREDICTION = """
policy: Predicted
qualify: {by: prediction, score: [{when: 'lead.source == "list"', add: 90}]}
route: [{name: All, pull: {pool: p}}]
pools: {p: {mode: pool}}
"""


def test_a_policy_by_prediction_scores_by_the_model_and_says_so() -> None:
    book = Rulebook.of(read(BY_PREDICTION)).with_model(Model(7, DOCUMENT))
    found = qualify(
        book, LeadFacts(source="pricing", employees=100, email="a@b.example", domain="b.example"), None, MONDAY
    )
    assert (found.score, found.rank) == (75, "hot")
    assert found.likelihood is not None
    assert found.likelihood > 0.5
    assert [(reason.code, reason.rule) for reason in found.reasons] == [("scored", "qualify.by"), ("predicted", None)]


def test_without_a_model_a_policy_by_prediction_counts_points() -> None:
    found = qualify(Rulebook.of(read(BY_PREDICTION)), LeadFacts(source="list", likelihood=0.9), None, MONDAY)
    assert (found.score, found.likelihood) == (90, None)


def test_points_may_be_given_for_a_likelihood_and_for_none_said_by_a_model_that_is_off() -> None:
    text = BY_PREDICTION.replace("by: prediction, ", "").replace('lead.source == "list"', "lead.likelihood >= 0.5")
    book = Rulebook.of(read(text))
    lead = LeadFacts(source="pricing", likelihood=0.9)
    assert qualify(book, lead, None, MONDAY).score == 1
    predicted = qualify(book.with_model(Model(7, DOCUMENT)), lead, None, MONDAY)
    assert predicted.score == 90
    assert [reason.code for reason in predicted.reasons] == ["scored", "predicted"]


def test_leads_alike_share_one_answer() -> None:
    model = Model(1, DOCUMENT)
    one, other = LeadFacts(source="list", employees=11), LeadFacts(source="List", employees=12, name="Another")
    assert model.predict(one) is model.predict(other)
