"""Tiers are settled once a day, change only by what lasts, and say why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.judging import book

from dibs.engine.claim import sight, tier_of
from dibs.engine.facts import RepFacts
from dibs.engine.rulebook import Rulebook
from dibs.engine.tiers import NO_TIER, TierState, retier

MONDAY = date(2026, 3, 2)
TIERS: list[dict[str, Any]] = [
    {"name": "top", "when": "rep.conversion_rate >= 0.2 && rep.closed >= 20", "sees": "full"},
    {"name": "mid", "when": "rep.closed >= 5", "sees": "preview", "only": "lead.score < 75"},
    {"name": "new", "sees": "none"},
]
NO_REST = TIERS[:2]


def rules(confirm: int = 3, tiers: list[dict[str, Any]] | None = None) -> Rulebook:
    return book(tiers=TIERS if tiers is None else tiers, tiering={"over": "90d", "confirm": confirm})


def rep(closed: int, rate: float | None = 0.1) -> RepFacts:
    return RepFacts("aiko", closed=closed, conversion_rate=rate if closed else None)


#: The record of a rep who fits each tier.
FITS = {"top": rep(20, 0.2), "mid": rep(5), "new": rep(4), NO_TIER: rep(4)}


def day(n: int) -> date:
    return MONDAY + timedelta(days=n)


def lived(rulebook: Rulebook, *fitting: str, start: TierState | None = None) -> list[str | None]:
    """The rep's tier after each day on which they fit the tier named."""
    state, seen = start or TierState(), []
    for n, name in enumerate(fitting):
        state = retier(rulebook, state, FITS[name], day(n)).state
        seen.append(state.tier)
    return seen


def test_the_first_tier_is_set_at_once() -> None:
    answer = retier(rules(), TierState(), rep(7, 1 / 7), MONDAY)
    assert answer.state == TierState("mid", since=MONDAY, on=MONDAY)
    assert answer.reason is not None
    assert (answer.reason.code, answer.reason.rule) == ("tier_set", "tiers")
    assert answer.reason.params == {"tier": "mid", "closed": 7, "conversion_rate": 0.1429, "over": 90 * 86400}


@pytest.mark.parametrize(
    ("confirm", "fitting", "tiers"),
    [
        (1, "mid top mid", "mid top mid"),
        (2, "mid top top top", "mid mid top top"),
        (3, "mid top top top", "mid mid mid top"),
        (3, "mid top top mid top top top", "mid mid mid mid mid mid top"),
        # Another candidate counts from its own first day.
        (3, "mid top top new new new", "mid mid mid mid mid new"),
        (3, "top new new mid mid mid", "top top top top top mid"),
        (2, "new mid mid top top", "new new mid mid top"),
    ],
)
def test_another_tier_has_to_fit_so_many_days_in_a_row(confirm: int, fitting: str, tiers: str) -> None:
    assert lived(rules(confirm), *fitting.split()) == tiers.split()


def test_a_second_look_on_the_same_day_changes_nothing() -> None:
    rulebook = rules(confirm=2)
    state = retier(rulebook, TierState(), FITS["mid"], MONDAY).state
    state = retier(rulebook, state, FITS["top"], day(1)).state
    for today in (day(1), day(0), day(-5)):
        again = retier(rulebook, state, FITS["top"], today)
        assert (again.state, again.reason) == (state, None)
    assert retier(rulebook, state, FITS["top"], day(2)).state.tier == "top"


def test_days_without_a_look_are_no_looks() -> None:
    rulebook = rules(confirm=3)
    state = retier(rulebook, TierState(), FITS["mid"], MONDAY).state
    for n in (1, 9):
        state = retier(rulebook, state, FITS["top"], day(n)).state
    assert (state.tier, state.candidate, state.days) == ("mid", "top", 2)
    assert retier(rulebook, state, FITS["top"], day(10)).state == TierState("top", since=day(10), on=day(10))


@pytest.mark.parametrize(
    ("before", "after", "up", "when"),
    [
        ("mid", "top", True, TIERS[0]["when"]),
        ("new", "mid", True, TIERS[1]["when"]),
        ("top", "mid", False, TIERS[0]["when"]),
        ("mid", "new", False, TIERS[1]["when"]),
    ],
)
def test_a_change_says_why(before: str, after: str, up: bool, when: str) -> None:
    state = TierState(before, since=day(-9), candidate=after, days=2, on=day(-1))
    answer = retier(rules(), state, FITS[after], MONDAY)
    assert answer.reason is not None
    assert answer.reason.code == "tier_changed"
    assert answer.reason.params == {
        "before": before,
        "after": after,
        "up": up,
        "closed": FITS[after].closed,
        "conversion_rate": FITS[after].conversion_rate,
        "over": 90 * 86400,
        "days": 3,
        "when": when,
    }


def test_a_tier_that_the_policy_no_longer_has_is_replaced_at_once_also_on_the_same_day() -> None:
    state = TierState("gold", since=day(-90), candidate="silver", days=2, on=MONDAY)
    answer = retier(rules(), state, FITS["mid"], MONDAY)
    assert answer.state == TierState("mid", since=MONDAY, on=MONDAY)
    assert answer.reason is not None
    assert answer.reason.code == "tier_set"


def test_whom_no_tier_fits_is_settled_in_none_and_sees_nothing_until_one_has_fitted_long_enough() -> None:
    rulebook = rules(tiers=NO_REST)
    answer = retier(rulebook, TierState(), FITS[NO_TIER], MONDAY)
    assert answer.state == TierState(NO_TIER, since=MONDAY, on=MONDAY)
    assert answer.reason is None
    assert lived(rulebook, NO_TIER, "mid", "mid", "mid", NO_TIER, NO_TIER, NO_TIER) == [
        "",
        "",
        "",
        "mid",
        "mid",
        "mid",
        "",
    ]
    settled = replace(FITS["mid"], tier=NO_TIER)
    assert tier_of(rulebook, settled) == (None, None)
    assert sight(rulebook, settled, frozenset(), "inbound").why_none == "tier_sees_none"


def test_a_new_tier_for_everybody_else_is_theirs_at_once_who_had_none() -> None:
    state = TierState(NO_TIER, since=day(-3), on=MONDAY)
    answer = retier(rules(), state, FITS["new"], MONDAY)
    assert answer.state == TierState("new", since=MONDAY, on=MONDAY)


def test_a_policy_without_tiers_forgets_them() -> None:
    assert retier(book(), TierState("mid", since=MONDAY, on=MONDAY), rep(9), day(1)).state == TierState()


@pytest.mark.parametrize(
    ("settled", "closed", "tier"),
    [
        ("top", 0, "top"),
        ("new", 30, "new"),
        (None, 5, "mid"),
        (None, 0, "new"),
        ("gold", 5, "mid"),
        (NO_TIER, 30, None),
    ],
)
def test_the_settled_tier_decides_if_the_policy_has_it(settled: str | None, closed: int, tier: str | None) -> None:
    found, _ = tier_of(rules(), replace(rep(closed), tier=settled))
    assert (found.name if found else None) == tier


def test_a_settled_rep_sees_what_the_tier_sees_whatever_the_record_of_the_day() -> None:
    demoted = replace(FITS["top"], tier="mid")
    seen = sight(rules(), demoted, frozenset(), "inbound")
    assert (seen.tier, seen.only.text if seen.only else None) == ("mid", "lead.score < 75")


names = st.sampled_from(["top", "mid", "new"])
days_in_a_row = st.integers(1, 6)


@given(names, names, st.integers(2, 6), st.integers(2, 40))
def test_who_alternates_across_a_threshold_never_moves(one: str, other: str, confirm: int, length: int) -> None:
    fitting = [(one, other)[n % 2] for n in range(length)]
    assert set(lived(rules(confirm), *fitting)) == {one}


@given(st.lists(names, min_size=1, max_size=60), days_in_a_row)
def test_a_rep_is_moved_only_by_as_many_days_in_a_row_as_it_takes(fitting: list[str], confirm: int) -> None:
    """Against the rule said plainly: the tier is the last one that fitted ``confirm`` days in a row, at first the first."""
    plain = [fitting[0]]
    for n in range(1, len(fitting)):
        row = fitting[max(1, n - confirm + 1) : n + 1]
        held = len(row) == confirm and len(set(row)) == 1
        plain.append(row[0] if held else plain[-1])
    seen = lived(rules(confirm), *fitting)
    assert seen == plain
    assert sum(a != b for a, b in pairwise(seen)) <= len(fitting) / confirm


@given(st.lists(st.tuples(names, st.integers(-1, 3)), max_size=40), days_in_a_row)
def test_each_line_in_the_log_is_a_move_and_each_move_a_line(looks: list[tuple[str, int]], confirm: int) -> None:
    rulebook, state, today = rules(confirm), TierState(), MONDAY
    for name, on in looks:
        today += timedelta(days=on)
        answer = retier(rulebook, state, FITS[name], today)
        assert (answer.reason is not None) == (answer.state.tier != state.tier)
        assert 0 <= answer.state.days < confirm
        assert (answer.state.candidate is None) == (answer.state.days == 0)
        assert answer.state.since is not None
        assert answer.state.on is not None
        assert answer.state.since <= answer.state.on
        if answer.reason is not None and answer.reason.code == "tier_changed":
            assert (answer.reason.params["before"], answer.reason.params["after"]) == (state.tier, answer.state.tier)
        state = answer.state
