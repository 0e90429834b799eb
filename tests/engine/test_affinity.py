"""``best_match``: results, strengths and load weighed against each other, with chances for those of whom little is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from tests.engine.judging import MONDAY, book, team

from dibs.engine.decision import Assigned, Placement
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.reasons import CODES
from dibs.engine.results import Count, Results
from dibs.engine.roster import Roster
from dibs.engine.route import place

LEAD = LeadFacts(industry="Tools", language="es-MX", deal_value=9000.0)
RULE = {"name": "All", "push": {"team": "closers", "by": "best_match"}}
SURE = {"best_match": {"explore": False}}


def known(*reps: str | RepFacts, **counts: Count) -> Roster:
    """A team of these reps, with these results for leads of the industry of `LEAD`."""
    return replace(team(*reps), results=Results({"tools": counts}))


def given_to(roster: Roster, seed: str = "s", lead: LeadFacts = LEAD, **parts: Any) -> Placement:
    placement, _ = place(book(RULE, **parts), lead, None, LeadClock("lead", "new"), roster, MONDAY, seed)
    return placement


def chosen(roster: Roster, seed: str = "s", lead: LeadFacts = LEAD, **parts: Any) -> str:
    to = given_to(roster, seed, lead, **parts).to
    assert isinstance(to, Assigned)
    return to.rep


def test_the_lead_goes_to_who_converts_most_of_its_kind() -> None:
    roster = known("ann", "bo", ann=(100, 10), bo=(100, 40))
    assert chosen(roster, **SURE) == "bo"
    assert Counter(chosen(roster, str(n)) for n in range(100))["bo"] >= 95


def test_another_kinds_results_do_not_speak_for_this_one() -> None:
    results = Results({"tools": {"ann": (100, 40), "bo": (100, 10)}, "food": {"ann": (300, 3), "bo": (300, 150)}})
    assert chosen(replace(team("ann", "bo"), results=results), **SURE) == "ann"


def test_newcomers_get_chances_and_more_of_them_the_less_is_known() -> None:
    roster = known("ann", "bo", "new", ann=(60, 15), bo=(60, 12))
    got = Counter(chosen(roster, str(n)) for n in range(600))
    assert 60 <= got["new"] <= 400
    known_by_now = known("ann", "bo", "new", ann=(60, 15), bo=(60, 12), new=(60, 3))
    assert Counter(chosen(known_by_now, str(n)) for n in range(600))["new"] < got["new"] / 2


def test_without_exploring_the_same_rep_is_best_every_time() -> None:
    roster = known("ann", "bo", "new", ann=(60, 15), bo=(60, 12))
    assert {chosen(roster, str(n), **SURE) for n in range(30)} == {"ann"}


def test_the_same_seed_draws_the_same_for_a_rep_whoever_else_is_there() -> None:
    few, many = known("ann", "bo", ann=(9, 3)), known("zoe", "bo", "ann", ann=(9, 3))
    drawn = [
        next(each["drawn"] for each in numbers(given_to(roster, "seed"))["candidates"] if each["rep"] == "bo")
        for roster in (few, many, few)
    ]
    assert drawn[0] == drawn[2]
    assert given_to(few, "seed") == given_to(few, "seed")
    assert drawn[0] != next(
        each["drawn"] for each in numbers(given_to(few, "another"))["candidates"] if each["rep"] == "bo"
    )


def numbers(placement: Placement) -> dict[str, Any]:
    (reason,) = [reason for reason in placement.reasons if reason.code == "best_match"]
    assert set(reason.params) == set(CODES["best_match"])
    return dict(reason.params)


def test_the_numbers_of_everybody_considered_stand_in_the_reasons_the_chosen_first() -> None:
    roster = known(
        "ann", RepFacts("bo", industries=("tools",), open_leads=2), RepFacts("off", active=False), ann=(50, 5)
    )
    told = numbers(given_to(roster, **SURE))
    assert [each["rep"] for each in told["candidates"]] == ["bo", "ann"]
    bo, ann = told["candidates"]
    assert (bo["strengths"], bo["load"], ann["strengths"], ann["load"]) == (1.2, 0.9091, 1.0, 1.0)
    assert (ann["closed"], ann["converted"], bo["closed"], bo["converted"]) == (50, 5, 0, 0)
    for each in told["candidates"]:
        assert each["value"] == pytest.approx(each["drawn"] * each["strengths"] * each["load"], abs=1e-3)
        assert each["drawn"] == each["expected"]
    assert {name: told[name] for name in bo if name in told} == {name: bo[name] for name in bo if name in told}


@pytest.mark.parametrize(
    ("facts", "lead", "strengths"),
    [
        ({"industries": ("TOOLS", "food")}, LEAD, 1.2),
        ({"industries": ("food",)}, LEAD, 1.0),
        ({"languages": ("es",)}, LEAD, 1.3),
        ({"languages": ("es-AR", "en")}, LEAD, 1.3),
        ({"languages": ("en",)}, LEAD, 1.0),
        ({"depth": 5}, LEAD, 1.5),
        ({"depth": 3}, LEAD, 1.25),
        ({"depth": 1}, LEAD, 1.0),
        ({"depth": 5}, replace(LEAD, deal_value=10.0), 1.0),
        ({"depth": 5}, replace(LEAD, deal_value=None), 1.0),
        ({"industries": ("tools",), "languages": ("es",), "depth": 5}, LEAD, 2.0),
        ({"industries": ("tools",), "languages": ("es",)}, LeadFacts(), 1.0),
    ],
)
def test_declared_strengths_raise_the_expectation(facts: dict[str, Any], lead: LeadFacts, strengths: float) -> None:
    counted = {"industry": 0.2, "language": 0.3, "depth": 0.5, "technical": "lead.deal_value > 5000"}
    told = numbers(given_to(team(RepFacts("ann", **facts)), lead=lead, best_match={"strengths": counted}))
    assert told["strengths"] == pytest.approx(strengths)


@pytest.mark.parametrize(
    ("parts", "open_leads", "load"),
    [
        ({}, (0, 0), 1.0),
        ({}, (10, 0), 1 / 1.5),
        ({}, (40, 0), 1 / 3),
        ({}, (40, 20), 0.5),
        ({}, (20, 40), 1.0),
        ({"teams": {"closers": {"open_at_most": 50}}}, (25, 0), 0.75),
        ({"teams": {"closers": {"open_at_most": 50, "reps": {"ann": {"open_at_most": 100}}}}}, (25, 0), 0.875),
        ({"best_match": {"load": 0}}, (40, 0), 1.0),
        ({"best_match": {"load": 1}}, (20, 10), 0.5),
        ({"best_match": {"load": 1}, "teams": {"closers": {"open_at_most": 20}}}, (15, 0), 0.25),
    ],
)
def test_full_hands_lower_it(parts: dict[str, Any], open_leads: tuple[int, int], load: float) -> None:
    reps = RepFacts("ann", open_leads=open_leads[0]), RepFacts("bo", open_leads=open_leads[1])
    told = {each["rep"]: each["load"] for each in numbers(given_to(team(*reps), **parts))["candidates"]}
    assert told["ann"] == pytest.approx(load, abs=1e-4)


def test_load_is_traded_against_results_so_that_nobody_drowns() -> None:
    rules = book(RULE, best_match={"explore": False})
    roster = known("ann", "bo", ann=(100, 40), bo=(100, 25))
    for n in range(60):
        _, roster = place(rules, LEAD, None, LeadClock(str(n), "new"), roster, MONDAY, str(n))
    assert roster.reps["ann"].open_leads > roster.reps["bo"].open_leads >= 15


def test_equal_candidates_take_turns_and_the_first_is_drawn() -> None:
    rules, roster, got = book(RULE, **SURE), team("ann", "bo", "cleo"), []
    for n in range(9):
        before = roster
        placement, roster = place(rules, LEAD, None, LeadClock(str(n), "new"), before, MONDAY, str(n))
        assert isinstance(placement.to, Assigned)
        got.append(placement.to.rep)
    assert Counter(got) == {"ann": 3, "bo": 3, "cleo": 3}
    firsts = Counter(chosen(team("ann", "bo", "cleo"), str(n), **SURE) for n in range(300))
    assert all(60 <= firsts[rep] <= 140 for rep in firsts)


def test_whoever_cannot_be_given_the_lead_is_not_weighed() -> None:
    rules = book({**RULE, "push": RULE["push"] | {"among": "rep.seniority >= 3"}}, **SURE)
    roster = known(
        RepFacts("ann", seniority=1), RepFacts("bo", seniority=4), RepFacts("cleo", seniority=5), ann=(99, 90)
    )
    clock = LeadClock("lead", "new", passed_over=frozenset({"cleo"}))
    placement, _ = place(rules, LEAD, None, clock, roster, MONDAY, "s")
    assert placement.to == Assigned("bo", "closers")
    assert [each["rep"] for each in numbers(placement)["candidates"]] == ["bo"]
