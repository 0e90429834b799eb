"""Credits: the first weight that holds counts, once, and in hundredths."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.judging import MONDAY, book

from dibs.engine.credits import Earned, What, earned
from dibs.engine.decision import Reason
from dibs.engine.facts import LeadFacts
from dibs.engine.rulebook import Rulebook

WEIGHTS: list[dict[str, Any]] = [
    {"when": "lead.score < 30", "times": 3},
    {"when": "lead.score < 50", "times": 1.5},
    {"when": 'lead.source == "bought"', "times": 0},
    {"when": 'now - lead.received_at > duration("48h")', "times": 0.333},
]


def paying(**credits: Any) -> Rulebook:
    return book(credits={"claim": 1, "convert": 10, "weights": WEIGHTS} | credits)


@pytest.mark.parametrize(
    ("lead", "what", "points", "times", "rule"),
    [
        (LeadFacts(score=60), "claim", 1, 1, "credits"),
        (LeadFacts(score=60), "convert", 10, 1, "credits"),
        (LeadFacts(score=49), "claim", 1.5, 1.5, "credits.weights[1]"),
        # The first that holds, not the best and not both.
        (LeadFacts(score=29), "convert", 30, 3, "credits.weights[0]"),
        (LeadFacts(score=29, source="bought"), "convert", 30, 3, "credits.weights[0]"),
        (LeadFacts(score=99, source="bought"), "convert", 0, 0, "credits.weights[2]"),
        (LeadFacts(score=60, received_at=MONDAY - timedelta(hours=49)), "convert", 3.33, 0.333, "credits.weights[3]"),
        (LeadFacts(score=60, received_at=MONDAY - timedelta(hours=48)), "convert", 10, 1, "credits"),
        # What is not known makes no weight hold.
        (LeadFacts(), "claim", 1, 1, "credits"),
    ],
)
def test_what_a_lead_earns(lead: LeadFacts, what: What, points: float, times: float, rule: str) -> None:
    assert earned(paying(), lead, what, MONDAY) == Earned(what, points, times, rule)


def test_what_the_policy_gives_nothing_for_earns_nothing() -> None:
    assert earned(book(), LeadFacts(score=10), "convert", MONDAY) is None
    assert earned(paying(claim=0), LeadFacts(score=10), "claim", MONDAY) is None


def test_half_a_hundredth_goes_up() -> None:
    credit = earned(paying(claim=2.675, weights=[]), LeadFacts(), "claim", MONDAY)
    assert credit is not None
    assert credit.points == 2.68
    credit = earned(paying(convert=0.05, weights=[{"when": "true", "times": 0.1}]), LeadFacts(), "convert", MONDAY)
    assert credit is not None
    assert credit.points == 0.01


def test_a_credit_says_what_it_is_for() -> None:
    credit = earned(paying(), LeadFacts(score=10), "claim", MONDAY)
    assert credit is not None
    params = {"what": "claim", "points": 3.0, "times": 3.0}
    assert credit.reason == Reason("credited", params, "credits.weights[0]")


hundredths = st.integers(0, 10_000).map(lambda n: n / 100)


@given(st.integers(1, 100), hundredths, st.lists(st.tuples(st.integers(1, 100), hundredths), max_size=6))
def test_the_first_weight_wins(score: int, points: float, weights: list[tuple[int, float]]) -> None:
    rules = paying(convert=points, weights=[{"when": f"lead.score < {below}", "times": t} for below, t in weights])
    credit = earned(rules, LeadFacts(score=score), "convert", MONDAY)
    if points == 0:
        assert credit is None
        return
    assert credit is not None
    first = next((n for n, (below, _) in enumerate(weights) if score < below), None)
    assert credit.rule == ("credits" if first is None else f"credits.weights[{first}]")
    assert credit.times == (1 if first is None else weights[first][1])
    assert abs(Decimal(str(credit.points)) - Decimal(str(points)) * Decimal(str(credit.times))) <= Decimal("0.005")
