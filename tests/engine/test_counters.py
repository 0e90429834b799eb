"""What each event does to a rep's counters."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.judging import MONDAY, played

from dibs.engine import counters
from dibs.engine.counters import (
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
    on_day,
)

TODAY = date(2026, 3, 2)


CLAIM = Claimed(score=60, at=MONDAY, today=TODAY)


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
    assert counters.with_push((MONDAY, MONDAY + timedelta(minutes=20)), MONDAY + timedelta(hours=1)) == (
        MONDAY + timedelta(minutes=20),
        MONDAY + timedelta(hours=1),
    )
    many = played(*(Pushed(MONDAY + timedelta(seconds=n), TODAY) for n in range(150)))
    assert many.pushed_at[-1] == MONDAY + timedelta(seconds=149)
    assert counters.pushed_within_hour(many.pushed_at, MONDAY + timedelta(minutes=3)) == 100
    assert counters.pushed_within_hour(many.pushed_at, MONDAY + timedelta(minutes=61)) == 90 - 1
    assert counters.pushed_within_hour((), MONDAY) == 0


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


def test_pushes_at_one_moment_count_together_as_they_do_one_by_one():
    day = MONDAY.date()
    events: list[Event] = (
        [Pushed(MONDAY, day)] * 30 + [Contacted()] + [Pushed(MONDAY, day)] * 90 + [Pushed(MONDAY + timedelta(1), day)]
    )
    one_by_one = together_by = Standing()
    for event in events:
        one_by_one = after(one_by_one, event)
    merged = list(counters.together(events))
    for event in merged:
        together_by = after(together_by, event)
    assert [getattr(event, "count", 0) for event in merged] == [30, 0, 90, 1]
    assert together_by == one_by_one
