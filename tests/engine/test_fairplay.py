from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.judging import MONDAY, book

from dibs.engine import fairplay
from dibs.engine.fairplay import (
    RECENT,
    Acted,
    Claimed,
    Contacted,
    Ended,
    Event,
    FloorLooked,
    Lapsed,
    Pushed,
    Released,
    Skipped,
    Standing,
    after,
    announce,
    kept_for,
    mix_state,
    on_day,
    rate_state,
    skips_counted,
)
from dibs.engine.policy_fair_play import ClaimRate, Mix
from dibs.engine.reasons import REMEDIES

TODAY = date(2026, 3, 2)
CLAIM = Claimed(score=60, at=MONDAY, today=TODAY)


def played(*events: Event, start: Standing | None = None) -> Standing:
    standing = start or Standing()
    for event in events:
        standing = after(standing, event)
    return standing


@pytest.mark.parametrize(
    ("events", "holding", "open_leads"),
    [
        ((CLAIM,), 1, 1),
        ((CLAIM, Contacted()), 0, 1),
        ((CLAIM, Contacted(), Ended()), 0, 0),
        ((CLAIM, Ended(contacted=False)), 0, 0),
        ((CLAIM, Lapsed()), 0, 0),
        ((CLAIM, Released()), 0, 0),
        ((CLAIM, Contacted(), Released(contacted=True)), 0, 0),
        ((Pushed(MONDAY, TODAY), CLAIM), 2, 2),
        ((CLAIM, CLAIM, Contacted(), Released(contacted=True)), 1, 1),
    ],
)
def test_what_a_rep_holds_and_has_open(events: tuple[Event, ...], holding: int, open_leads: int) -> None:
    standing = played(*events)
    assert (standing.holding, standing.open_leads) == (holding, open_leads)


def test_a_claim_counts_and_forgives_the_skips_before_it() -> None:
    standing = played(Skipped(), Skipped(), CLAIM)
    assert (standing.claims_today, standing.claims_this_week, standing.skips) == (1, 1, 0)
    assert (standing.recent, standing.last_claim_at) == ((60,), MONDAY)
    assert played(CLAIM, Lapsed()).lapses == 1


BACK = Released(claimed=TODAY, score=60, by_rep=True)
LAPSED = Lapsed(claimed=TODAY, score=60)


@pytest.mark.parametrize(
    ("events", "recent", "today", "week"),
    [
        ((CLAIM, BACK), (), 0, 0),
        ((CLAIM, LAPSED), (), 0, 0),
        ((CLAIM, replace(BACK, by_rep=False)), (), 0, 0),
        ((CLAIM, Contacted(), replace(BACK, contacted=True)), (60,), 1, 1),
        ((CLAIM, Ended(contacted=False)), (60,), 1, 1),
        ((CLAIM, Pushed(MONDAY, TODAY), Released(by_rep=True)), (60,), 1, 1),
        ((CLAIM, replace(CLAIM, score=20), CLAIM, BACK), (60, 20), 2, 2),
        # The head of a queue was not chosen, so there is nothing to take from the mix.
        ((CLAIM, replace(CLAIM, score=None), replace(BACK, score=None)), (60,), 1, 1),
        # A lead whose score changed since leaves the others' alone.
        ((CLAIM, replace(BACK, score=61)), (60,), 0, 0),
        ((CLAIM, replace(BACK, claimed=TODAY - timedelta(days=1))), (), 1, 1),
        ((BACK, LAPSED), (), 0, 0),
    ],
)
def test_what_is_given_up_before_a_contact_was_not_claimed(
    events: tuple[Event, ...], recent: tuple[int, ...], today: int, week: int
) -> None:
    standing = played(*events)
    assert (standing.recent, standing.claims_today, standing.claims_this_week) == (recent, today, week)


def test_a_claim_of_yesterday_given_back_leaves_the_week_alone_and_not_today() -> None:
    tomorrow = TODAY + timedelta(days=1)
    standing = played(CLAIM, replace(CLAIM, today=tomorrow), BACK)
    assert (standing.claims_today, standing.claims_this_week) == (1, 1)
    next_week = TODAY + timedelta(days=7)
    standing = played(CLAIM, replace(CLAIM, today=next_week), BACK)
    assert (standing.claims_today, standing.claims_this_week) == (1, 1)


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


@given(st.lists(st.tuples(st.sampled_from(["high", "low", "head"]), st.booleans()), max_size=60))
def test_claims_count_as_if_those_given_back_had_not_been(claims: list[tuple[str, bool]]) -> None:
    scores = {"high": 90, "low": 10, "head": None}
    standing = kept = Standing()
    for kind, is_kept in claims:
        claim = replace(CLAIM, score=scores[kind])
        standing = after(standing, claim)
        if is_kept:
            standing, kept = after(standing, Contacted()), played(claim, Contacted(), start=kept)
        else:
            standing = after(standing, replace(BACK, score=scores[kind]))
    for counter in ("recent", "claims_today", "claims_this_week", "holding", "open_leads"):
        assert getattr(standing, counter) == getattr(kept, counter), counter


def test_days_and_weeks_begin_anew() -> None:
    friday, next_monday = TODAY + timedelta(days=4), TODAY + timedelta(days=7)
    standing = played(CLAIM, Pushed(MONDAY, TODAY))
    assert (standing.claims_today, standing.assigned_today) == (1, 1)
    standing = on_day(standing, friday)
    assert (standing.claims_today, standing.assigned_today, standing.claims_this_week) == (0, 0, 1)
    assert on_day(standing, next_monday).claims_this_week == 0
    assert on_day(standing, next_monday).week == next_monday


def test_travelling_west_gives_no_second_day() -> None:
    standing = on_day(played(CLAIM), TODAY - timedelta(days=1))
    assert (standing.day, standing.claims_today) == (TODAY, 1)


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


days = st.integers(-3, 20).map(lambda n: TODAY + timedelta(days=n))
events = st.one_of(
    st.builds(Claimed, st.none() | st.integers(1, 100), st.just(MONDAY), days, st.integers(0, 50)),
    st.builds(FloorLooked, days),
    st.builds(Pushed, st.just(MONDAY), days),
    st.just(Contacted()),
    st.builds(Lapsed, st.none() | days, st.none() | st.integers(1, 100)),
    st.builds(Released, st.booleans(), st.none() | days, st.none() | st.integers(1, 100), st.booleans()),
    st.builds(Ended, st.booleans()),
    st.just(Skipped()),
)


@given(st.lists(events, max_size=300))
def test_no_counter_is_ever_negative_and_the_memory_is_bounded(history: list[Event]) -> None:
    standing = Standing()
    for event in history:
        standing = after(standing, event)
        counters = (
            standing.holding,
            standing.open_leads,
            standing.claims_today,
            standing.assigned_today,
            standing.claims_this_week,
            standing.skips,
            standing.kept_skips,
            standing.lapses,
        )
        assert min(counters) >= 0
        assert len(standing.recent) <= RECENT
        assert len(standing.claimed_at) <= 50
        assert standing.claims_this_week >= standing.claims_today
        if standing.week is not None and standing.day is not None:
            assert standing.week.weekday() == 0
            assert standing.week <= standing.day < standing.week + timedelta(days=7)


def test_pushes_are_counted_by_day_week_and_month_each_in_its_own() -> None:
    friday = date(2026, 2, 27)
    standing = played(Pushed(MONDAY, friday), Pushed(MONDAY, friday), Pushed(MONDAY, date(2026, 2, 28)))
    assert (standing.assigned_today, standing.assigned_this_week, standing.assigned_this_month) == (1, 3, 3)
    sunday = after(standing, Pushed(MONDAY, date(2026, 3, 1)))
    assert (sunday.assigned_today, sunday.assigned_this_week, sunday.assigned_this_month) == (1, 4, 1)
    monday = after(sunday, Pushed(MONDAY, date(2026, 3, 2)))
    assert (monday.assigned_today, monday.assigned_this_week, monday.assigned_this_month) == (1, 1, 2)
    assert (monday.week, monday.month) == (date(2026, 3, 2), date(2026, 3, 1))
    assert on_day(monday, date(2027, 3, 2)).assigned_this_month == 0, "another year's March is another month"


def test_whoever_moves_west_gets_no_second_month_out_of_one() -> None:
    april = played(Pushed(MONDAY, date(2026, 4, 1)))
    assert on_day(april, date(2026, 3, 31)) == april


def test_the_moments_of_pushes_are_kept_for_an_hour_and_the_latest_for_ever() -> None:
    standing = Standing()
    for minute in (0, 20, 50, 70, 300):
        standing = after(standing, Pushed(MONDAY + timedelta(minutes=minute), TODAY))
    assert standing.pushed_at == (MONDAY + timedelta(minutes=300),)
    assert fairplay.with_push((MONDAY, MONDAY + timedelta(minutes=20)), MONDAY + timedelta(hours=1)) == (
        MONDAY + timedelta(minutes=20),
        MONDAY + timedelta(hours=1),
    )
    many = played(*(Pushed(MONDAY + timedelta(seconds=n), TODAY) for n in range(150)))
    assert many.pushed_at[-1] == MONDAY + timedelta(seconds=149)
    assert fairplay.pushed_within_hour(many.pushed_at, MONDAY + timedelta(minutes=3)) == 100
    assert fairplay.pushed_within_hour(many.pushed_at, MONDAY + timedelta(minutes=61)) == 90 - 1
    assert fairplay.pushed_within_hour((), MONDAY) == 0


@pytest.mark.parametrize(
    ("events", "in_a_row"),
    [
        ((Pushed(MONDAY, TODAY), Lapsed()), 1),
        ((CLAIM, LAPSED, Pushed(MONDAY, TODAY), Lapsed()), 2),
        ((Lapsed(), Lapsed(), CLAIM), 0),
        ((Lapsed(), Lapsed(), Acted(), Lapsed()), 1),
        ((Lapsed(), Contacted()), 0),
        ((Lapsed(), Released(by_rep=True)), 0),
        ((Lapsed(), Released()), 1),
        ((Lapsed(), Skipped()), 0),
        ((Lapsed(), Ended(converted=True)), 0),
        ((Lapsed(), Ended()), 1),
        ((Lapsed(), Pushed(MONDAY, TODAY)), 1),
        ((Lapsed(), FloorLooked(TODAY)), 1),
    ],
)
def test_lapses_in_a_row_end_with_whatever_the_rep_does_themselves(events: tuple[Event, ...], in_a_row: int) -> None:
    assert played(*events).lapses_in_a_row == in_a_row


def test_after_so_many_lapses_in_a_row_a_rep_is_taken_for_away() -> None:
    rules = book(availability={"away_after": 3})
    assert not fairplay.goes_away(rules, played(Lapsed(), Lapsed(), CLAIM, Lapsed(), Lapsed()))
    assert fairplay.goes_away(rules, played(Lapsed(), Lapsed(), Lapsed()))
    assert not fairplay.goes_away(book(), played(*[Lapsed()] * 50))


def test_pushes_at_one_moment_count_together_as_they_do_one_by_one():
    day = MONDAY.date()
    events: list[Event] = (
        [Pushed(MONDAY, day)] * 30 + [Contacted()] + [Pushed(MONDAY, day)] * 90 + [Pushed(MONDAY + timedelta(1), day)]
    )
    one_by_one = together_by = Standing()
    for event in events:
        one_by_one = after(one_by_one, event)
    merged = list(fairplay.together(events))
    for event in merged:
        together_by = after(together_by, event)
    assert [getattr(event, "count", 0) for event in merged] == [30, 0, 90, 1]
    assert together_by == one_by_one
