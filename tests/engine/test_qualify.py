"""Scores and ranks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.engine.facts import AccountFacts, LeadFacts
from dibs.engine.policy import Policy, Ranks
from dibs.engine.qualify import Qualified, qualify, rank_of
from dibs.engine.rulebook import Rulebook

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CATCH_ALL: Any = ({"name": "All", "pull": {"pool": "inbound"}},)


def book(*points: tuple[str, int], hot: int = 75, warm: int = 40) -> Rulebook:
    score = tuple({"when": when, "add": add} for when, add in points)
    document = {
        "policy": "P",
        "qualify": {"score": score, "rank": {"hot": hot, "warm": warm}},
        "route": CATCH_ALL,
        "pools": {"inbound": {}},
    }
    return Rulebook.of(Policy.model_validate(document))


def scored(rules: Rulebook, account: AccountFacts | None = None, **facts: Any) -> Qualified:
    return qualify(rules, LeadFacts(**facts), account, NOW)


def test_adds_the_points_of_every_condition_that_holds_and_says_which() -> None:
    rules = book(("lead.employees >= 200", 25), ('lead.source == "pricing"', 40), ("lead.consent", 5))
    answer = scored(rules, employees=500, source="pricing")
    assert (answer.score, answer.rank) == (65, "warm")
    (reason,) = answer.reasons
    assert (reason.code, reason.rule) == ("scored", "qualify.score")
    assert reason.params == {
        "score": 65,
        "rank": "warm",
        "parts": [{"when": "lead.employees >= 200", "add": 25}, {"when": 'lead.source == "pricing"', "add": 40}],
    }


def test_a_lead_of_which_nothing_is_known_scores_one() -> None:
    assert scored(book(("lead.employees >= 200", 25))).score == 1
    assert scored(book()).score == 1


def test_stays_within_1_and_100() -> None:
    assert scored(book(("lead.consent", 90), ("lead.consent", 60)), consent=True).score == 100
    assert scored(book(("lead.consent", -90)), consent=True).score == 1


def test_points_may_ask_about_the_account() -> None:
    rules = book(("account.owner != null", 30))
    assert scored(rules, AccountFacts(owner="aiko")).score == 30
    assert scored(rules, AccountFacts(name="Kaisha")).score == 1
    assert scored(rules).score == 1


@pytest.mark.parametrize(
    ("score", "rank"), [(1, "cool"), (39, "cool"), (40, "warm"), (74, "warm"), (75, "hot"), (100, "hot")]
)
def test_a_rank_begins_at_its_threshold(score: int, rank: str) -> None:
    assert rank_of(score, Ranks(hot=75, warm=40)) == rank


@given(st.lists(st.integers(min_value=-100, max_value=100), max_size=20), st.booleans())
def test_any_points_give_a_score_in_range_and_the_rank_of_it(adds: list[int], consent: bool) -> None:
    rules = book(*(("lead.consent", add) for add in adds))
    answer = scored(rules, consent=consent)
    assert answer.score == min(max(sum(adds) if consent else 0, 1), 100)
    assert answer.rank == rank_of(answer.score, rules.policy.qualify.rank)
