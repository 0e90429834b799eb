"""What the rules of fair play make of a rep's counters."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.judging import MONDAY, book, played

from dibs.engine import fairplay
from dibs.engine.counters import (
    Claimed,
    Contacted,
    Ended,
    Event,
    Lapsed,
    Released,
    Skipped,
    Standing,
    after,
)
from dibs.engine.fairplay import announce, kept_for, mix_state, rate_state, skips_counted
from dibs.engine.policy_fair_play import ClaimRate, Mix
from dibs.engine.reasons import REMEDIES

TODAY = date(2026, 3, 2)
CLAIM = Claimed(score=60, at=MONDAY, today=TODAY)
BACK = Released(claimed=TODAY, score=60, by_rep=True)
LAPSED = Lapsed(claimed=TODAY, score=60)
LOOK, LOOKS = Skipped(), (Skipped(), Skipped())


@pytest.mark.parametrize(
    ("events", "counted", "remedy"),
    [
        # With two allowed, claimed and contacted: as many as one likes.
        ((*LOOKS,), 2, "claim_one_first"),
        ((*LOOKS, CLAIM, Contacted()), 0, None),
        ((*LOOKS, CLAIM, Contacted(), *LOOKS), 2, "claim_one_first"),
        ((LOOK, CLAIM, LOOK, CLAIM, LOOK, CLAIM, LOOK, CLAIM), 0, None),
        # Claimed and held: one more for each lead held.
        ((*LOOKS, CLAIM), 1, None),
        ((*LOOKS, CLAIM, LOOK), 2, "claim_one_first"),
        ((*LOOKS, CLAIM, LOOK, CLAIM), 1, None),
        ((*LOOKS, CLAIM, LOOK, CLAIM, LOOK), 2, "claim_one_first"),
        # Claimed and given back: what was before the claim counts on, and this too.
        ((CLAIM, BACK), 1, None),
        ((CLAIM, LAPSED), 1, None),
        ((CLAIM, replace(BACK, by_rep=False)), 0, None),
        ((LOOK, CLAIM, BACK), 2, "claim_one_first"),
        ((*LOOKS, CLAIM, BACK), 3, "contact_one_first"),
        ((*LOOKS, CLAIM, BACK, CLAIM), 2, "claim_one_first"),
        ((*LOOKS, CLAIM, BACK, CLAIM, BACK), 4, "contact_one_first"),
        ((*LOOKS, CLAIM, BACK, CLAIM, BACK, CLAIM), 3, "contact_one_first"),
        ((*LOOKS, CLAIM, BACK, CLAIM, BACK, CLAIM, Contacted()), 0, None),
        # A conversion says that there was a contact, giving up does not.
        ((*LOOKS, CLAIM, Ended(contacted=False, converted=True)), 0, None),
        ((*LOOKS, CLAIM, Ended(contacted=False)), 2, "claim_one_first"),
        # Several held, one of them given back, or one contacted and one given back.
        ((*LOOKS, CLAIM, LOOK, CLAIM, BACK), 4, "contact_one_first"),
        ((*LOOKS, CLAIM, LOOK, CLAIM, Contacted(), BACK), 1, None),
        ((*LOOKS, CLAIM, CLAIM, Contacted(), *LOOKS), 2, "claim_one_first"),
    ],
)
def test_skips_are_forgiven_by_a_claim_that_is_kept(
    events: tuple[Event, ...], counted: int, remedy: str | None
) -> None:
    (progress,) = announce(book(fair_play={"skip_at_most": 2}), played(*events), TODAY, MONDAY)
    assert (progress.have, progress.next and progress.next.code) == (counted, remedy)


@given(st.integers(1, 5), st.lists(st.sampled_from(["look", "claim", "back", "lapse", "contact"]), max_size=80))
def test_between_two_contacts_nobody_looks_at_more_than_the_limit_and_one_for_each_lead_held(
    limit: int, acts: list[str]
) -> None:
    standing, held, looks = Standing(), 0, 0
    for act in acts:
        if act == "look" and skips_counted(standing) < limit:
            standing, looks = after(standing, LOOK), looks + 1
            assert looks <= limit + held
        elif act == "claim":
            standing, held = after(standing, CLAIM), held + 1
        elif held and act in {"back", "lapse"}:
            standing, held = after(standing, BACK if act == "back" else LAPSED), held - 1
        elif held and act == "contact":
            standing, held = after(standing, Contacted()), held - 1
            looks = standing.skips


@pytest.mark.parametrize(
    ("share", "over", "recent", "low", "need", "n"),
    [
        (0.3, 20, (), 0, 0, 1),
        (0.3, 20, (90,) * 3, 0, 1, 4),
        (0.3, 20, (90,) * 30, 0, 6, 20),
        (0.3, 20, (10,) * 5 + (90,) * 19, 0, 6, 20),
        (0.3, 20, (90,) * 13 + (10,) * 6, 6, 6, 20),
        (0.5, 2, (90,), 0, 1, 2),
        (0.29, 100, (90,) * 99, 0, 29, 100),
        (0.3, 10, (90,) * 9, 0, 3, 10),
    ],
)
def test_the_mix_counts_the_last_claims_with_the_next_one(
    share: float, over: int, recent: tuple[int, ...], low: int, need: int, n: int
) -> None:
    state = mix_state(Mix(low_below=50, share=share, over=over), recent)
    assert (state.low, state.need, state.n) == (low, need, n)


@pytest.mark.parametrize(
    ("per_high", "recent", "low", "need", "n"),
    [
        # The first high one is free, however few or many low ones came before it.
        (1, (), 0, 0, 1),
        (3, (10,) * 7, 7, 0, 8),
        (1, (90,), 0, 1, 1),
        (1, (90, 10), 1, 1, 2),
        (2, (10, 10, 50, 49), 1, 2, 2),
        (2, (90, 90, 10, 10, 10), 3, 2, 4),
        # Low ones before the last high one are used up.
        (3, (10, 10, 10, 90), 0, 3, 1),
    ],
)
def test_per_high_counts_the_low_ones_since_the_last_high_one(
    per_high: int, recent: tuple[int, ...], low: int, need: int, n: int
) -> None:
    state = mix_state(Mix(low_below=50, per_high=per_high), recent)
    assert (state.low, state.need, state.n) == (low, need, n)


@pytest.mark.parametrize(
    ("ago", "have", "wait"),
    [
        ((), 0, None),
        ((5,), 1, None),
        ((5, 5), 2, 5),
        ((9, 1), 2, 1),
        # At its end a claim has left the span.
        ((10, 1), 1, None),
        # More than may be, as under a stricter rate than when they were made: until few enough are left.
        ((8, 6, 2), 3, 4),
        # Clocks differ: a claim that comes from a moment ahead counts too.
        ((9, -1), 2, 1),
        ((1, 9), 2, 1),
    ],
)
def test_the_claim_rate_counts_the_claims_within_its_span(ago: tuple[int, ...], have: int, wait: int | None) -> None:
    rate = ClaimRate(count=2, per=timedelta(minutes=10))
    state = rate_state(rate, tuple(MONDAY - timedelta(minutes=n) for n in ago), MONDAY)
    assert (state.have, state.until) == (have, None if wait is None else MONDAY + timedelta(minutes=wait))


def test_of_as_many_claims_as_the_rate_counts_the_moments_are_kept() -> None:
    standing = Standing()
    moments = tuple(MONDAY + timedelta(minutes=n) for n in range(5))
    for at in moments:
        standing = after(standing, Claimed(60, at, TODAY, keep=kept_for(ClaimRate(count=3, per=timedelta(hours=1)))))
    assert standing.claimed_at == moments[-3:]
    assert after(standing, Claimed(60, MONDAY, TODAY, keep=kept_for(None))).claimed_at == ()


def test_every_rule_in_force_is_announced_with_where_the_rep_stands() -> None:
    rules = book(
        fair_play={
            "hold_at_most": 2,
            "claim_at_least": {"count": 3, "per": "week", "then": "notify"},
            "claim_rate": {"count": 3, "per": "1h"},
            "mix": {"low_below": 50, "share": "30%", "over": 20},
            "skip_at_most": 5,
        }
    )
    standing = played(*[replace(CLAIM, keep=3)] * 3, Skipped())
    told = {progress.rule: progress for progress in announce(rules, standing, TODAY, MONDAY)}
    assert list(told) == ["hold_at_most", "claim_rate", "claim_at_least", "mix", "skip_at_most"]
    assert (told["claim_rate"].have, told["claim_rate"].at_most, told["claim_rate"].ok) == (3, 3, False)
    assert told["claim_rate"].params == {"per": 3600}
    assert (told["hold_at_most"].have, told["hold_at_most"].at_most, told["hold_at_most"].ok) == (3, 2, False)
    assert (told["claim_at_least"].have, told["claim_at_least"].at_least, told["claim_at_least"].ok) == (3, 3, True)
    assert (told["mix"].have, told["mix"].at_least, told["mix"].ok) == (0, 1, False)
    assert (told["skip_at_most"].have, told["skip_at_most"].at_most, told["skip_at_most"].ok) == (1, 5, True)


@pytest.mark.parametrize(
    ("rules", "events", "code", "params"),
    [
        ({"hold_at_most": 2}, [CLAIM], None, {}),
        ({"hold_at_most": 2}, [CLAIM] * 3, "contact_first", {"count": 2}),
        ({"claim_rate": {"count": 2, "per": "1h"}}, [replace(CLAIM, keep=2)], None, {}),
        (
            {"claim_rate": {"count": 2, "per": "1h"}},
            [replace(CLAIM, keep=2)] * 2,
            "wait_until",
            {"at": (MONDAY + timedelta(hours=1)).isoformat()},
        ),
        (
            {"claim_at_least": {"count": 3, "then": "auto_assign"}},
            [CLAIM],
            "claim_more",
            {"count": 2, "per": "day", "then": "auto_assign"},
        ),
        ({"claim_at_least": {"count": 3, "per": "week"}}, [CLAIM] * 3, None, {}),
        (
            {"mix": {"low_below": 61, "per_high": 2}},
            [replace(CLAIM, score=90), CLAIM],
            "claim_low_score_first",
            {"count": 1, "low_below": 61},
        ),
        ({"mix": {"low_below": 61, "per_high": 2}}, [replace(CLAIM, score=90), CLAIM, CLAIM], None, {}),
        ({"mix": {"share": "50%", "over": 4}}, [CLAIM], "claim_low_score_first", {"count": 1, "low_below": 50}),
        ({"skip_at_most": 1}, [Skipped()], "claim_one_first", {}),
        ({"skip_at_most": 2}, [Skipped()], None, {}),
    ],
)
def test_a_rule_in_the_way_says_what_would_make_it_ok(
    rules: dict[str, Any], events: list[Event], code: str | None, params: dict[str, Any]
) -> None:
    (progress,) = announce(book(fair_play=rules), played(*events), TODAY, MONDAY)
    assert progress.ok is (code is None)
    if code is None:
        assert progress.next is None
        return
    assert progress.next is not None
    assert (progress.next.code, progress.next.params) == (code, params)
    assert set(params) == set(REMEDIES[code])


def test_a_policy_without_fair_play_announces_nothing() -> None:
    assert announce(book(), Standing(), TODAY, MONDAY) == ()


def test_after_so_many_lapses_in_a_row_a_rep_is_taken_for_away() -> None:
    rules = book(availability={"away_after": 3})
    assert not fairplay.goes_away(rules, played(Lapsed(), Lapsed(), CLAIM, Lapsed(), Lapsed()))
    assert fairplay.goes_away(rules, played(Lapsed(), Lapsed(), Lapsed()))
    assert not fairplay.goes_away(book(), played(*[Lapsed()] * 50))
