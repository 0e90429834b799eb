from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.engine.judging import MONDAY, OFFICE, office

from dibs.engine.calendar import absence, after_working, at_work, local_day, next_start, worked_on, working_spans
from dibs.engine.facts import WorkingHours

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def at(zone: str, *moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[misc, arg-type]


def test_a_rep_without_hours_is_always_at_work() -> None:
    assert at_work(None, MONDAY)
    assert next_start(None, MONDAY) == MONDAY


@pytest.mark.parametrize(
    ("moment", "there"),
    [
        ((2026, 3, 2, 9, 0), True),
        ((2026, 3, 2, 16, 59), True),
        ((2026, 3, 2, 17, 0), False),
        ((2026, 3, 2, 8, 59), False),
        ((2026, 3, 1, 12, 0), False),
    ],
)
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Mexico_City", "Asia/Jakarta", "Pacific/Kiritimati", "UTC"])
def test_hours_are_the_reps_own(zone: str, moment: tuple[int, ...], there: bool) -> None:
    assert at_work(office(zone), at(zone, *moment)) is there


def test_time_off_is_half_open_and_told_from_off_hours() -> None:
    hours = office(away=((MONDAY, MONDAY + 2 * HOUR),))
    assert absence(hours, MONDAY) == "away"
    assert absence(hours, MONDAY + 2 * HOUR) is None
    assert absence(hours, MONDAY - HOUR) == "off_hours"


def test_a_public_holiday_is_time_off_and_is_told_from_it() -> None:
    day = (MONDAY.replace(hour=0), MONDAY.replace(hour=0) + DAY)
    hours = office(holidays=(day,))
    assert absence(hours, MONDAY) == "holiday"
    assert absence(office(holidays=(day,), away=(day,)), MONDAY) == "away"
    assert next_start(hours, MONDAY) == MONDAY + DAY
    assert after_working(hours, MONDAY - HOUR, 2 * HOUR) == MONDAY + DAY + 2 * HOUR
    assert worked_on(hours, MONDAY.date()) == ((), 0.0)


def test_in_an_appointment_no_lead_comes_but_working_time_runs_on() -> None:
    hours = office(
        busy=((MONDAY, MONDAY + HOUR), (MONDAY + HOUR, MONDAY + 2 * HOUR), (MONDAY + 7 * HOUR, MONDAY + DAY))
    )
    assert absence(hours, MONDAY) == "busy"
    assert at_work(hours, MONDAY)
    assert absence(hours, MONDAY + 9 * HOUR) == "off_hours", "an appointment in the evening is no reason by itself"
    assert next_start(hours, MONDAY) == MONDAY + 2 * HOUR
    assert next_start(hours, MONDAY + 7 * HOUR) == MONDAY + DAY
    assert after_working(hours, MONDAY, 3 * HOUR) == MONDAY + 3 * HOUR
    assert worked_on(hours, MONDAY.date()) == (((MONDAY, MONDAY + 8 * HOUR),), 1.0)


def test_a_night_shift_belongs_to_the_day_it_began_on() -> None:
    written_over = WorkingHours("UTC", {1: (22 * 60, 6 * 60)})
    written_long = WorkingHours("UTC", {1: (22 * 60, 30 * 60)})
    for hours in (written_over, written_long):
        tuesday_early = MONDAY + 20 * HOUR
        assert at_work(hours, tuesday_early)
        assert not at_work(hours, tuesday_early + HOUR)
        assert not at_work(hours, MONDAY - 4 * HOUR), "Sunday night into Monday is not Monday's shift"


def test_the_next_start_skips_the_night_the_weekend_and_the_leave() -> None:
    friday_evening = datetime(2026, 3, 6, 18, tzinfo=UTC)
    monday = datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert next_start(office(), friday_evening) == monday
    assert next_start(office(away=((friday_evening, monday + 3 * HOUR),)), friday_evening) == monday + 3 * HOUR
    assert next_start(office(away=((friday_evening, monday + 2 * DAY),)), friday_evening) == monday + 2 * DAY


def test_somebody_who_never_works_has_no_next_start_and_gets_the_plain_clock() -> None:
    never = WorkingHours("UTC", {})
    assert next_start(never, MONDAY) is None
    assert next_start(office(away=((MONDAY, MONDAY + 3000 * DAY),)), MONDAY) is None
    assert after_working(never, MONDAY, HOUR) == MONDAY + HOUR


def test_working_time_stops_at_closing_and_goes_on_in_the_morning() -> None:
    ten_to_five = datetime(2026, 3, 6, 16, 50, tzinfo=UTC)
    assert after_working(office(), ten_to_five, timedelta(minutes=10)) == ten_to_five + timedelta(minutes=10)
    assert after_working(office(), ten_to_five, timedelta(minutes=15)) == datetime(2026, 3, 9, 9, 5, tzinfo=UTC)
    assert after_working(None, ten_to_five, timedelta(minutes=15)) == ten_to_five + timedelta(minutes=15)


def test_a_shift_is_an_hour_longer_when_the_clocks_go_back() -> None:
    """Mexico has no summer time any more; Spain has: 2026-10-25 03:00 becomes 02:00."""
    night = WorkingHours("Europe/Madrid", {7: (0, 8 * 60)})
    starts, ends = next(working_spans(night, at("Europe/Madrid", 2026, 10, 24, 12)))
    assert ends - starts == 9 * HOUR


def test_the_day_is_the_reps_own() -> None:
    moment = datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert local_day("Asia/Tokyo", moment) == date(2026, 3, 2)
    assert local_day("America/Mexico_City", moment) == date(2026, 3, 1)


def test_hours_that_say_the_same_are_the_same() -> None:
    assert office() == WorkingHours("UTC", dict(OFFICE))
    assert hash(office()) == hash(WorkingHours("UTC", dict(OFFICE)))


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
shifts = st.tuples(st.integers(0, 1439), st.integers(0, 1900)).filter(lambda span: span[0] != span[1])
zones = st.sampled_from(
    ["UTC", "Asia/Tokyo", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)


@st.composite
def weeks(draw: st.DrawFn) -> WorkingHours:
    away = [
        (start, start + timedelta(hours=draw(st.integers(1, 400)))) for start in draw(st.lists(moments, max_size=3))
    ]
    days = draw(st.dictionaries(st.integers(1, 7), shifts, min_size=1))
    return WorkingHours(draw(zones), days, tuple(away))


@given(weeks(), moments)
def test_the_next_start_is_at_work_and_nothing_before_it_is(hours: WorkingHours, now: datetime) -> None:
    start = next_start(hours, now)
    assert start is not None
    assert start >= now
    assert at_work(hours, start)
    for part in range(8):
        before = now + (start - now) * part / 8
        assert before == start or not at_work(hours, before)


@given(weeks(), moments, st.integers(1, 50 * 60))
def test_working_time_is_what_lies_within_the_spans(hours: WorkingHours, since: datetime, length: int) -> None:
    amount = timedelta(minutes=length)
    assume(sum((ends - starts for starts, ends in working_spans(hours, since)), timedelta()) >= amount)
    end = after_working(hours, since, amount)
    worked = timedelta()
    for starts, ends in working_spans(hours, since):
        if starts >= end:
            break
        worked += min(ends, end) - starts
    assert worked == amount
