from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.judging import MONDAY, book, office, team

from dibs.engine.facts import LeadClock, RepFacts
from dibs.engine.policy import Caps
from dibs.engine.reasons import CAUSES
from dibs.engine.roster import Roster
from dibs.engine.rotate import next_rep, take
from dibs.engine.rulebook import Rulebook

LEAD = LeadClock("lead", "new")


def give(
    rules: Rulebook, roster: Roster, count: int, by: str = "round_robin", start: int = 0
) -> tuple[Roster, list[str]]:
    got = []
    for n in range(start, start + count):
        chosen = next_rep(rules, "closers", by, roster, LEAD, MONDAY, f"lead-{n}")
        roster = take(roster, "closers", chosen, MONDAY)
        if chosen.rep:
            got.append(chosen.rep)
    return roster, got


@pytest.mark.parametrize(
    ("rep", "rules", "because"),
    [
        (RepFacts("x", active=False), {}, "inactive"),
        (RepFacts("x", available=False), {}, "unavailable"),
        (RepFacts("x", hours=office(away=((MONDAY, MONDAY + timedelta(days=9)),))), {}, "away"),
        (RepFacts("x", hours=office("Asia/Tokyo")), {}, "off_hours"),
        (RepFacts("x", open_leads=25), {"open_at_most": 25}, "open_at_most"),
        (RepFacts("x", hours=office(holidays=((MONDAY, MONDAY + timedelta(days=1)),))), {}, "holiday"),
        (RepFacts("x", hours=office(busy=((MONDAY, MONDAY + timedelta(minutes=5)),))), {}, "busy"),
        (RepFacts("x", assigned_today=12), {"per_day": 12}, "per_day"),
        (RepFacts("x", assigned_this_week=30), {"per_week": 30}, "per_week"),
        (RepFacts("x", assigned_this_month=2), {"per_month": 2}, "per_month"),
        (RepFacts("x", pushed_at=(MONDAY - timedelta(minutes=59), MONDAY)), {"per_hour": 2}, "per_hour"),
        (RepFacts("x", open_leads=5), {"open_at_most": 25, "reps": {"x": {"open_at_most": 5}}}, "open_at_most"),
        (
            RepFacts("x", assigned_today=3),
            {"open_at_most": 25, "per_day": 3, "reps": {"x": {"per_month": 9}}},
            "per_day",
        ),
    ],
)
def test_whoever_cannot_take_a_lead_is_passed_over_and_named(
    rep: RepFacts, rules: dict[str, Any], because: str
) -> None:
    chosen = next_rep(book(teams={"closers": rules}), "closers", "round_robin", team(rep, "bo"), LEAD, MONDAY, "s")
    assert chosen.rep == "bo"
    assert [(reason.params["rep"], reason.params["because"]) for reason in chosen.passed_over] == [("x", because)]
    assert because in CAUSES


@pytest.mark.parametrize(
    ("rep", "rules"),
    [
        (RepFacts("x", pushed_at=(MONDAY - timedelta(hours=1), MONDAY)), {"per_hour": 2}),
        (RepFacts("x", open_leads=24, assigned_today=11), {"open_at_most": 25, "per_day": 12}),
        (RepFacts("x", assigned_today=12), {"per_day": 12, "reps": {"x": {"per_day": 20}}}),
        (RepFacts("x", open_leads=9), {"reps": {"bo": {"open_at_most": 1}}}),
    ],
)
def test_whoever_is_below_their_caps_is_not(rep: RepFacts, rules: dict[str, Any]) -> None:
    roster = team(rep, "bo", passes={"x": 8.0, "bo": 9.0})
    assert next_rep(book(teams={"closers": rules}), "closers", "round_robin", roster, LEAD, MONDAY, "s").rep == "x"


def test_caps_of_a_rep_stand_in_place_of_the_teams_where_they_are_given() -> None:
    rules = book(teams={"closers": {"open_at_most": 9, "per_day": 5, "reps": {"ann": {"per_day": 2}}}, "others": {}})
    caps = rules.caps_of("closers", "ann")
    assert caps is not None
    assert (caps.open_at_most, caps.per_day) == (9, 2)
    assert rules.caps_of("closers", "bo") == Caps(open_at_most=9, per_day=5)
    assert rules.caps_of("others", "ann") is rules.caps_of("no-such-team", "ann") is None


def test_whoever_declined_the_lead_is_not_offered_it_again() -> None:
    clock = LeadClock("lead", "new", passed_over=frozenset({"aiko"}))
    chosen = next_rep(book(), "closers", "round_robin", team("aiko", "bo", passes={"bo": 9.0}), clock, MONDAY, "s")
    assert chosen.rep == "bo"
    assert chosen.passed_over[0].params == {"rep": "aiko", "because": "declined_before"}


def test_declining_one_lead_costs_no_other_turn() -> None:
    declined = LeadClock("lead", "new", passed_over=frozenset({"aiko"}))
    roster = team("aiko", "bo", passes={"aiko": 3.0, "bo": 3.5})
    roster = take(roster, "closers", next_rep(book(), "closers", "round_robin", roster, declined, MONDAY, "s"), MONDAY)
    assert roster.passes["closers"] == {"aiko": 3.0, "bo": 4.5}


def test_nobody_is_an_answer() -> None:
    chosen = next_rep(book(), "closers", "round_robin", team(RepFacts("x", active=False)), LEAD, MONDAY, "s")
    assert chosen.rep is None
    assert next_rep(book(), "no-such-team", "round_robin", team("x"), LEAD, MONDAY, "s").rep is None
    assert take(team("x"), "closers", chosen, MONDAY) == team("x")


def test_equal_reps_take_turns() -> None:
    _, got = give(book(), team("a", "b", "c"), 30)
    for start in range(0, 30, 3):
        assert set(got[start : start + 3]) == {"a", "b", "c"}


def test_weights_give_more_turns_only_where_asked_for() -> None:
    rules = book(teams={"closers": {"weights": {"a": 2}}})
    assert Counter(give(rules, team("a", "b"), 30, "weighted_round_robin")[1]) == {"a": 20, "b": 10}
    assert Counter(give(rules, team("a", "b"), 30)[1]) == {"a": 15, "b": 15}


def test_least_open_levels_the_load() -> None:
    _, got = give(book(), team(RepFacts("a", open_leads=4), RepFacts("b", open_leads=1), "c"), 9, "least_open")
    assert (
        Counter(got) == {"a": 1, "b": 4, "c": 4}
        or Counter(got) == {"b": 4, "c": 5}
        or Counter(got) == {"b": 4, "c": 4, "a": 1}
    )


def pushed(handle: str, *ago: int, **facts: Any) -> RepFacts:
    """A rep to whom leads were pushed so many minutes ago."""
    return RepFacts(handle, pushed_at=tuple(MONDAY - timedelta(minutes=n) for n in ago), **facts)


def test_first_available_is_whoever_has_gone_longest_without_a_lead() -> None:
    reps = pushed("zoe", 50, 5), pushed("amy", 10), pushed("bea", 30)
    assert give(book(), team(*reps), 3, "first_available")[1] == ["bea", "amy", "zoe"]
    off = pushed("bea", 30, available=False)
    assert give(book(), team(reps[0], reps[1], off), 2, "first_available")[1] == ["amy", "zoe"]


def test_first_available_begins_with_whoever_never_had_one_and_not_with_the_first_of_the_list() -> None:
    assert give(book(), team(pushed("zoe", 9000), "amy"), 2, "first_available")[1] == ["amy", "zoe"]
    firsts = Counter(
        next_rep(book(), "closers", "first_available", team("a", "b", "c"), LEAD, MONDAY, str(n)).rep
        for n in range(300)
    )
    assert all(60 <= firsts[name] <= 140 for name in "abc")


def test_ties_break_by_seed_and_not_by_name_or_place() -> None:
    firsts = Counter(
        next_rep(book(), "closers", "round_robin", team("a", "b", "c", "d"), LEAD, MONDAY, str(n)).rep
        for n in range(400)
    )
    assert all(60 <= firsts[name] <= 140 for name in "abcd")
    one_way = next_rep(book(), "closers", "round_robin", team("a", "b", "c"), LEAD, MONDAY, "s")
    assert one_way.rep == next_rep(book(), "closers", "round_robin", team("c", "a", "b"), LEAD, MONDAY, "s").rep


def test_a_roster_is_a_value_and_a_push_changes_only_what_it_says() -> None:
    before = team("a", "b", passes={"a": 1.0, "b": 1.0})
    after = before.pushed("closers", "a", weight=2.0, at=MONDAY)
    assert before == team("a", "b", passes={"a": 1.0, "b": 1.0})
    assert after.passes == {"closers": {"a": 1.5, "b": 1.0}}
    assert (after.reps["a"].open_leads, after.reps["a"].assigned_today) == (1, 1)
    assert after.reps["b"] is before.reps["b"]
    assert after.given_up("a").reps["a"].open_leads == 0
    assert before.given_up("a").reps["a"].open_leads == 0, "never below nothing"
    assert before.given_up("a stranger") == before


def test_taking_a_rep_off_the_list_moves_nobody_else() -> None:
    roster, _ = give(book(), team("a", "b", "c"), 4)
    fewer = Roster(roster.reps, {"closers": ("a", "c")}, roster.passes)
    after, _ = give(book(), fewer, 0)
    assert after.passes == roster.passes


@pytest.mark.parametrize("gone", ["absent", "off the team"])
def test_a_rep_back_from_leave_is_level_and_gets_no_flood(gone: str) -> None:
    roster, _ = give(book(), team("a", "b", "c"), 6)
    away = {**roster.reps, "c": RepFacts("c", available=gone == "off the team")}
    members = ("a", "b", "c") if gone == "absent" else ("a", "b")
    without, _ = give(book(), Roster(away, {"closers": members}, roster.passes), 100)
    back = Roster(roster.reps, {"closers": ("a", "b", "c")}, without.passes)
    _, got = give(book(), back, 30, start=200)
    assert 9 <= Counter(got)["c"] <= 11
    assert Counter(got[:6])["c"] <= 3


def test_with_catch_up_the_missed_turns_are_made_up_for() -> None:
    rules = book(teams={"closers": {"catch_up": True}})
    roster, _ = give(rules, team("a", "b", "c"), 6)
    absent = Roster({**roster.reps, "c": RepFacts("c", available=False)}, roster.teams, roster.passes)
    without, _ = give(rules, absent, 20)
    _, got = give(rules, Roster(roster.reps, roster.teams, without.passes), 10, start=100)
    assert got == ["c"] * 10


def test_a_new_rep_starts_level_with_the_rest() -> None:
    roster, _ = give(book(), team("a", "b"), 1000)
    joined = Roster({**roster.reps, "new": RepFacts("new")}, {"closers": ("a", "b", "new")}, roster.passes)
    _, got = give(book(), joined, 30, start=2000)
    assert 9 <= Counter(got)["new"] <= 11


# Fairness bounds, for any roster, any absences and any weights.

HANDLES = ("a", "b", "c", "d", "e")
absences = st.lists(
    st.tuples(
        st.integers(1, 12), st.sets(st.sampled_from(HANDLES), max_size=4), st.sets(st.sampled_from(HANDLES), max_size=2)
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150)
@given(absences, st.dictionaries(st.sampled_from(HANDLES), st.sampled_from([0.25, 0.5, 1, 2, 3, 7.5])))
def test_two_reps_differ_by_no_more_than_one_turn_each_while_both_are_there(
    spells: list[tuple[int, set[str], set[str]]], weights: dict[str, float]
) -> None:
    """Over any stretch in which both can be given leads; from the start, by no more than the longer of their two turns."""
    rules = book(teams={"closers": {"weights": weights}})
    roster, turns = team(*HANDLES), 0
    history: list[tuple[str | None, frozenset[str]]] = []
    for count, away, off_team in spells:
        reps = {handle: RepFacts(handle, available=handle not in away) for handle in HANDLES}
        members = tuple(handle for handle in HANDLES if handle not in off_team)
        roster = Roster(reps, {"closers": members}, roster.passes)
        able = frozenset(members) - away
        for _ in range(count):
            chosen = next_rep(rules, "closers", "weighted_round_robin", roster, LEAD, MONDAY, f"lead-{turns}")
            assert {reason.params["rep"] for reason in chosen.passed_over} == set(members) - able, (
                "nobody passed over silently"
            )
            assert (chosen.rep in able) if able else chosen.rep is None
            roster = take(roster, "closers", chosen, MONDAY)
            history.append((chosen.rep, able))
            turns += 1
    for one, other in itertools.combinations(HANDLES, 2):
        turn, its = 1 / weights.get(one, 1), 1 / weights.get(other, 1)
        for start in range(len(history)):
            n = m = 0
            for rep, able in history[start:]:
                if one not in able or other not in able:
                    break
                n, m = n + (rep == one), m + (rep == other)
                bound = max(turn, its) if start == 0 else turn + its
                assert abs(n * turn - m * its) <= bound + 1e-9


@given(st.integers(2, 8), st.integers(1, 60))
def test_reps_who_stay_with_equal_weights_never_differ_by_more_than_one_lead(size: int, count: int) -> None:
    handles = [f"rep{n}" for n in range(size)]
    roster, got = give(book(), team(*handles), count)
    counts = Counter(got)
    assert max(counts[h] for h in handles) - min(counts[h] for h in handles) <= 1
    assert sum(rep.open_leads for rep in roster.reps.values()) == count


@given(st.integers(1, 5), st.integers(1, 40))
def test_caps_are_never_passed(cap: int, count: int) -> None:
    rules = book(teams={"closers": {"open_at_most": cap, "per_day": cap + 1}})
    roster, got = give(rules, team("a", "b", "c"), count)
    assert all(rep.open_leads <= cap for rep in roster.reps.values())
    assert len(got) == min(count, 3 * cap)
