"""Public holidays by country and region, as spans of a rep's own days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dibs.people import public_holidays
from dibs.people.models import Rep
from dibs.people.public_holidays import between, countries, regions_of, spans


def test_a_holiday_runs_from_midnight_to_midnight_where_the_rep_is() -> None:
    found = spans("JP", "", "Asia/Tokyo", date(2026, 11, 20))
    assert (datetime(2026, 11, 22, 15, tzinfo=UTC), datetime(2026, 11, 23, 15, tzinfo=UTC)) in found


def test_holidays_in_a_row_are_one_span() -> None:
    # Christmas Day and Boxing Day; the Monday after the latter, a Saturday, is apart.
    found = spans("GB", "ENG", "Europe/London", date(2026, 12, 1))
    assert (datetime(2026, 12, 25, tzinfo=UTC), datetime(2026, 12, 27, tzinfo=UTC)) in found


def test_a_holiday_on_which_the_clocks_change_is_as_long_as_that_day() -> None:
    # 28 March 2027 is Easter Sunday, a public holiday in Brandenburg, and an hour is left out.
    zone = "Europe/Berlin"
    lengths = {
        starts.astimezone(ZoneInfo(zone)).date(): ends - starts
        for starts, ends in spans("DE", "BB", zone, date(2027, 3, 1))
    }
    assert lengths[date(2027, 3, 28)] == timedelta(days=2) - timedelta(hours=1)


def test_a_region_has_its_own_and_an_unknown_one_none_of_its_own() -> None:
    def days(region: str) -> set[date]:
        return {day.day for day in between("DE", region, date(2027, 1, 1), date(2027, 12, 31))}

    assert date(2027, 1, 6) in days("BY") - days("")
    assert days("nowhere") == days("")


@pytest.mark.parametrize("country", ["", "ZZ", "japan", "__class__", "country_holidays", "../x"])
def test_a_country_that_is_not_known_has_none(country: str) -> None:
    assert spans(country, "", "UTC", date(2026, 1, 1)) == ()
    assert regions_of(country) == ()


def test_holidays_are_told_in_the_readers_language_where_it_is_known() -> None:
    names = {
        language: between("JP", "", date(2027, 1, 1), date(2027, 1, 1), language)[0].name
        for language in ("en", "ja", "id")
    }
    assert names == {"en": "New Year's Day", "ja": "元日", "id": "New Year's Day"}


def test_only_the_year_around_a_day_is_looked_at_and_once() -> None:
    today = date(2026, 11, 20)
    found = spans("MX", "", "America/Mexico_City", today)
    assert found is spans("MX", "", "America/Mexico_City", today)
    assert date(2026, 11, 10) < found[0][0].date()
    assert found[-1][1].date() < date(2027, 12, 31)


@pytest.mark.parametrize("language", ["en", "ja", "es", "id"])
def test_every_country_answers_in_every_language(language: str) -> None:
    for country in countries():
        between(country, "", date(2026, 1, 1), date(2026, 12, 31), language)


def test_every_region_fits_where_it_is_kept() -> None:
    longest = Rep._meta.get_field("region").max_length
    assert longest is not None
    unfit = {country: [r for r in regions_of(country) if len(r) > longest] for country in countries()}
    assert {country: regions for country, regions in unfit.items() if regions} == {}
    assert all(public_holidays.is_known(country) for country in ("JP", "ID", "MX", "DE"))
