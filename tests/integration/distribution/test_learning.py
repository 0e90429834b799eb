"""A model finds what there is to find in how leads ended, and nothing where there is nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from dibs.distribution import measuring
from dibs.distribution.learning import Learnt, Past, TooLittle, learn
from dibs.distribution.learning_calibration import way_for
from dibs.distribution.learning_levels import LEAST_OF_A_VALUE
from dibs.engine.prediction import Model
from tests.integration.distribution.endings_made import BEGIN, past, truth


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    return learn(past(6_000))


@pytest.fixture(scope="module")
def later() -> list[Past]:
    """Leads of the same kind that the model has never seen."""
    return past(4_000, seed=2)


def test_a_signal_that_is_there_is_found(learnt: Learnt) -> None:
    found = [fact["fact"] for fact in learnt.measures["facts"][:2]]
    assert found == ["source", "employees"]
    assert learnt.measures["model"]["auc"]["low"] > 0.65
    assert learnt.measures["verdict"] == "better", "the points do not know of employees"


def test_what_it_says_of_leads_it_has_never_seen_is_near_the_truth(learnt: Learnt, later: list[Past]) -> None:
    model = Model(1, learnt.document)
    off = [abs(model.predict(lead.facts).likelihood - truth(lead.facts)) for lead in later]
    assert sum(off) / len(off) < 0.05
    assert max(off) < 0.25


def test_of_leads_said_to_be_this_likely_so_many_are_won(learnt: Learnt, later: list[Past]) -> None:
    model = Model(1, learnt.document)
    said = np.array([model.predict(lead.facts).likelihood for lead in later])
    won = np.array([float(lead.won) for lead in later])
    for part in measuring.reliability(won, said):
        assert abs(part["predicted"] - part["won"]) < 0.1, part


def test_scores_are_places_so_that_about_as_many_leads_have_each(learnt: Learnt, later: list[Past]) -> None:
    model = Model(1, learnt.document)
    scores = np.array([model.predict(lead.facts).score for lead in later])
    assert scores.min() >= 1
    assert scores.max() <= 100
    assert abs((scores >= 75).mean() - 0.26) < 0.1
    assert abs(np.median(scores) - 50) < 10


@pytest.mark.parametrize("count", [400, 2_000, 6_000])
def test_in_noise_nothing_is_found(count: int) -> None:
    spreads = []
    for seed in (10, 11, 12):
        learnt = learn(past(count, signal=0.0, seed=seed, base=-1.0))
        assert learnt.measures["verdict"] == "chance"
        model = Model(1, learnt.document)
        said = [model.predict(lead.facts).likelihood for lead in past(500, signal=0.0, seed=9)]
        spreads.append(max(said) - min(said))
    assert sorted(spreads)[1] < 0.1, "leads that are all alike are said to be"


def test_a_curve_calibrates_unless_steps_are_better_by_more_than_chance() -> None:
    lots = np.random.default_rng(1)
    sums = lots.uniform(-3, 3, 4_000)
    curved = (lots.random(4_000) < 1 / (1 + np.exp(-sums))).astype(float)
    stepped = (lots.random(4_000) < np.where(sums > 0, 0.4, 0.1)).astype(float)
    noise = (lots.random(4_000) < 0.3).astype(float)
    assert [way_for(sums, won) for won in (curved, stepped, noise)] == ["platt", "isotonic", "platt"]
    assert way_for(sums[:900], stepped[:900]) == "platt", "there is too little to see steps on"


def test_the_measures_are_of_leads_that_came_after_all_that_was_learnt_from(learnt: Learnt) -> None:
    parts = learnt.measures["parts"]
    assert [part["part"] for part in parts] == ["learnt", "calibrated", "held_out"]
    assert parts[0]["until"] < parts[1]["since"]
    assert parts[1]["until"] < parts[2]["since"]
    assert sum(part["leads"] for part in parts) == 6_000


def test_a_later_period_that_is_turned_round_is_not_hidden_by_the_earlier_one() -> None:
    leads = past(3_000, signal=2.0)
    turned = [replace(lead, won=not lead.won) if lead.at > BEGIN + timedelta(hours=2_400) else lead for lead in leads]
    assert learn(turned).measures["model"]["auc"]["high"] < 0.5


def test_the_same_leads_give_the_same_model() -> None:
    leads = past(600)
    assert learn(leads).document == learn(reversed(leads)).document


def test_it_is_kept_and_read_again_as_it_was(learnt: Learnt, later: list[Past]) -> None:
    kept = Model(1, json.loads(json.dumps(learnt.document)))
    fresh = Model(1, learnt.document)
    assert all(kept.log_odds(lead.facts) == fresh.log_odds(lead.facts) for lead in later[:200])


def test_no_model_holds_what_one_person_alone_has_said(learnt: Learnt) -> None:
    document = json.dumps(learnt.document) + json.dumps(learnt.measures)
    assert "person1" not in document.lower()
    assert "ref-" not in document
    for fact in learnt.measures["facts"]:
        for level in fact["levels"]:
            assert level["value"] in {None, "*"} or level["leads"] >= LEAST_OF_A_VALUE


def test_names_addresses_and_numbers_count_only_as_given_or_not(learnt: Learnt) -> None:
    model = Model(1, learnt.document)
    lead = past(1)[0].facts
    other = replace(
        lead, name="Somebody Else", email="else@example.com", phone="+1 202 555 0100" if lead.phone else None
    )
    assert model.predict(other) is model.predict(lead)


def test_facts_that_are_to_be_left_out_are() -> None:
    learnt = learn(past(1_000), without=["source", "attributes.shoe_size"])
    named = {fact["fact"] for fact in learnt.document["facts"]}
    assert named.isdisjoint({"source", "attributes.shoe_size"})
    assert "employees" in named


def test_a_fact_that_tells_the_end_is_pointed_out() -> None:
    leads = [
        replace(lead, facts=replace(lead.facts, attributes={"stage": "signed" if lead.won else "closed"}))
        for lead in past(1_000)
    ]
    assert learn(leads).measures["too_good"] == ["attributes.stage"]


@pytest.mark.parametrize(
    ("leads", "code"),
    [
        (past(150, base=0.0), "few_ended"),
        (past(400, base=-4.0, signal=0.0), "few_won"),
        (past(400, base=4.0, signal=0.0), "few_lost"),
        (sorted(past(400, base=0.0), key=lambda lead: lead.won), "one_sided"),
    ],
)
def test_too_little_says_so_instead_of_guessing(leads: list[Past], code: str) -> None:
    if code == "one_sided":
        leads = [replace(lead, at=BEGIN + timedelta(hours=nth)) for nth, lead in enumerate(leads)]
    with pytest.raises(TooLittle) as little:
        learn(leads)
    assert little.value.code == code
    assert little.value.have < little.value.need


def test_amounts_in_several_currencies_are_no_one_number() -> None:
    leads = [
        replace(lead, facts=replace(lead.facts, deal_value=float(nth), currency="JPY" if nth % 2 else "USD"))
        for nth, lead in enumerate(past(600))
    ]
    assert "deal_value" not in {fact["fact"] for fact in learn(leads).document["facts"]}


def test_without_points_it_stands_alone() -> None:
    measures = learn([replace(lead, points=None) for lead in past(2_000)]).measures
    assert measures["points"] is None
    assert measures["difference"] is None
    assert measures["verdict"] == "alone"


# The measures themselves, on cases that can be counted by hand.

WON = np.array([1.0, 1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("score", "auc"), [([4, 3, 2, 1], 1.0), ([1, 2, 3, 4], 0.0), ([1, 1, 1, 1], 0.5), ([3, 1, 2, 1], 0.625)]
)
def test_the_area_under_the_curve_counts_pairs_in_order(score: list[int], auc: float) -> None:
    assert measuring.auc(WON, np.array(score, dtype=float)) == auc


def test_the_brier_score_is_the_mean_square_of_what_likelihoods_were_off() -> None:
    assert measuring.brier(WON, np.array([1.0, 0.5, 0.5, 0.0])) == 0.125


def test_lift_is_how_many_times_as_often_the_best_are_won_and_equals_share_the_edge() -> None:
    assert measuring.lift(WON, np.array([4.0, 3.0, 2.0, 1.0]), 0.5) == 2.0
    assert measuring.lift(WON, np.array([1.0, 1.0, 1.0, 1.0]), 0.25) == 1.0
    assert measuring.gains(WON, np.array([4.0, 3.0, 2.0, 1.0]))[-1] == 1.0


def test_of_all_won_or_none_nothing_is_measured() -> None:
    assert measuring.auc(np.ones(3), np.arange(3.0)) == 0.5
    assert measuring.lift(np.zeros(3), np.arange(3.0), 0.3) == 1.0
