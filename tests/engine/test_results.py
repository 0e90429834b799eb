"""What past results say: shrunk towards the team, by as much as the results themselves suggest."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.engine.facts import LeadFacts
from dibs.engine.results import BEFORE, LEAST, MOST, NOTHING_KNOWN, USUAL, Count, Results, kind_named, kind_of, worth

TEAM = ("ann", "bo", "cleo")


def expected(
    rep: str, counts: dict[str, dict[str, Count]], kind: str = "tools", members: tuple[str, ...] = TEAM
) -> float:
    return Results(counts).expected(members, kind, rep).mean


def test_before_anything_ended_everybody_is_expected_to_do_alike() -> None:
    chances = [NOTHING_KNOWN.expected(TEAM, "tools", rep) for rep in TEAM]
    assert len(set(chances)) == 1
    assert chances[0].mean == pytest.approx(BEFORE[1] / BEFORE[0])
    assert (chances[0].closed, chances[0].converted) == (0, 0)


def test_three_leads_say_little_and_a_hundred_say_much() -> None:
    counts = {"tools": {"ann": (3, 3), "bo": (100, 60), "cleo": (100, 20)}}
    assert expected("cleo", counts) < expected("ann", counts) < 0.7
    assert expected("bo", counts) == pytest.approx(0.6, abs=0.03)
    assert expected("cleo", counts) == pytest.approx(0.2, abs=0.03)


def test_who_has_no_results_is_expected_to_do_as_the_team_does_with_leads_of_the_kind() -> None:
    counts = {"tools": {"ann": (200, 100), "bo": (200, 100)}, "food": {"ann": (200, 10), "bo": (200, 10)}}
    assert expected("cleo", counts) == pytest.approx(0.5, abs=0.02)
    assert expected("cleo", counts, "food") == pytest.approx(0.05, abs=0.02)


def test_a_kind_that_nobody_ended_is_expected_to_go_as_all_others_do() -> None:
    counts = {"tools": {"ann": (300, 60)}, "food": {"bo": (300, 60)}}
    assert expected("ann", counts, "toys") == expected("cleo", counts, "toys") == pytest.approx(0.2, abs=0.02)


def test_results_of_reps_outside_the_team_are_not_the_teams() -> None:
    counts = {"tools": {"ann": (50, 5), "bo": (50, 5), "zoe": (900, 890)}}
    assert expected("cleo", counts) == pytest.approx(0.1, abs=0.03)


def test_reps_who_differ_no_more_than_by_chance_come_out_alike() -> None:
    alike = {"tools": {"ann": (40, 10), "bo": (40, 11), "cleo": (40, 9)}}
    apart = {"tools": {"ann": (40, 10), "bo": (40, 30), "cleo": (40, 2)}}
    assert abs(expected("ann", alike) - expected("bo", alike)) < 0.005
    assert expected("bo", apart) - expected("cleo", apart) > 0.5


def test_how_alike_those_compared_are_is_found_again_in_what_was_drawn_from_it() -> None:
    lot = Random(7)
    for true in (10.0, 60.0):
        chances = [lot.betavariate(0.3 * true, 0.7 * true) for _ in range(4000)]
        counts = [(50, sum(lot.random() < chance for _ in range(50))) for chance in chances]
        assert worth(counts, 0.3) == pytest.approx(true, rel=0.12)


@pytest.mark.parametrize(
    ("counts", "leads"),
    [
        ([], USUAL),
        ([(0, 0), (0, 0)], USUAL),
        ([(90, 30)], USUAL),
        ([(1, 1), (1, 0)], USUAL),
        ([(90, 30), (90, 30)], MOST),
        ([(90, 90), (90, 0)], LEAST),
    ],
)
def test_a_prior_is_worth_no_less_and_no_more_than_makes_sense(counts: list[Count], leads: float) -> None:
    assert worth(counts, 0.4) == leads


counted = st.integers(0, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(st.dictionaries(st.sampled_from(("tools", "food", "toys")), st.dictionaries(st.sampled_from(TEAM), counted)))
def test_whatever_was_counted_a_chance_lies_between_none_and_all(counts: dict[str, dict[str, Count]]) -> None:
    results = Results(counts)
    for kind in ("tools", "food", "other"):
        for rep in TEAM:
            chance = results.expected(TEAM, kind, rep)
            assert chance.alpha > 0
            assert chance.beta > 0
            assert 0 < chance.mean < 1


@given(counted, counted, counted)
def test_an_expectation_lies_between_the_reps_own_share_and_the_teams(ann: Count, bo: Count, cleo: Count) -> None:
    results = Results({"tools": {"ann": ann, "bo": bo, "cleo": cleo}})
    new = results.expected((*TEAM, "new"), "tools", "new").mean
    chance = results.expected((*TEAM, "new"), "tools", "ann").mean
    own = ann[1] / ann[0] if ann[0] else new
    assert min(own, new) - 1e-9 <= chance <= max(own, new) + 1e-9


def test_a_kind_is_named_by_its_facts_great_and_small_letters_alike() -> None:
    lead = LeadFacts(industry=" Machine Tools", country="JP")
    assert kind_of(("industry", "country"), lead) == kind_named(["machine tools", "jp"]) == "machine tools / jp"
    assert kind_of(("industry", "source"), LeadFacts(industry="Tools")) != kind_of(
        ("industry",), LeadFacts(industry="Tools")
    )
    assert kind_of(("industry",), LeadFacts()) == ""
    assert len(kind_of(("industry", "source"), LeadFacts(industry="x" * 300, source="y" * 300))) == 400
