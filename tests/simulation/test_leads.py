"""Synthetic leads are plausible, reproducible, and belong to nobody."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from dibs.simulation.companies import ascii_of
from dibs.simulation.countries import COUNTRIES
from dibs.simulation.inquiries import FAIR_MESSAGES, MESSAGES, TITLES, USE_CASES
from dibs.simulation.leads import SOURCES, SyntheticLead, synthetic_leads

#: A Friday in January, when no clock is changed within a week.
UNTIL = datetime(2026, 1, 16, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def week() -> list[SyntheticLead]:
    return list(synthetic_leads(4_000, "a week", UNTIL, 7))


def test_the_same_seed_gives_the_same_leads() -> None:
    assert list(synthetic_leads(200, "one", UNTIL, 1)) == list(synthetic_leads(200, "one", UNTIL, 1))
    assert list(synthetic_leads(200, "one", UNTIL, 1)) != list(synthetic_leads(200, "two", UNTIL, 1))


def test_moving_the_end_by_weeks_moves_the_same_leads() -> None:
    a = list(synthetic_leads(100, "one", UNTIL, 7))
    b = list(synthetic_leads(100, "one", UNTIL + timedelta(days=7), 7))
    assert [(lead.company, lead.received_at + timedelta(days=7)) for lead in a] == [
        (lead.company, lead.received_at) for lead in b
    ]


def test_leads_come_in_order_and_within_the_window(week: list[SyntheticLead]) -> None:
    moments = [lead.received_at for lead in week]
    assert moments == sorted(moments)
    assert UNTIL - timedelta(days=7) <= moments[0]
    assert moments[-1] <= UNTIL


def test_every_lead_has_an_external_id_of_its_own(week: list[SyntheticLead]) -> None:
    assert len({lead.external_id for lead in week}) == len(week)


def test_nobody_can_be_written_to(week: list[SyntheticLead]) -> None:
    for lead in week:
        assert lead.email.rpartition("@")[2] == "example.com" or lead.email.endswith(".example")
        assert re.fullmatch(r"[a-z0-9.-]+@[a-z0-9.-]+", lead.email)
        assert lead.domain is None or lead.email.endswith("@" + lead.domain)


def test_nobody_can_be_rung_up(week: list[SyntheticLead]) -> None:
    fictitious = re.compile(
        r"\+1312555\d{4}|\+442079460\d{3}|\+493023125\d{3}|\+\d+0000\d+|\+34900000\d{3}|\+57601000\d{4}"
    )
    for lead in week:
        assert lead.phone is None or fictitious.fullmatch(lead.phone), lead.phone


def test_more_comes_by_day_than_by_night_and_on_weekdays_than_at_weekends(week: list[SyntheticLead]) -> None:
    local = [lead.received_at.astimezone(ZoneInfo(COUNTRIES[lead.country].timezone)) for lead in week]
    by_day, by_night = (sum(lo <= at.hour < hi for at in local) for lo, hi in ((9, 17), (0, 6)))
    assert by_day > 10 * by_night
    weekday = sum(at.isoweekday() <= 5 for at in local) / 5
    weekend = sum(at.isoweekday() > 5 for at in local) / 2
    assert weekday > 2 * weekend


def test_every_country_and_source_occurs(week: list[SyntheticLead]) -> None:
    assert set(Counter(lead.country for lead in week)) == set(COUNTRIES)
    assert set(Counter(lead.source for lead in week)) == set(SOURCES)


def test_company_sizes_have_a_long_tail(week: list[SyntheticLead]) -> None:
    sizes = [lead.employees for lead in week if lead.employees]
    assert 25 <= median(sizes) <= 90
    assert max(sizes) > 2_000
    assert min(sizes) >= 1


def test_some_companies_ask_more_than_once(week: list[SyntheticLead]) -> None:
    domains = [lead.domain for lead in week if lead.domain]
    assert len(set(domains)) < len(domains)


def test_facts_are_missing_here_and_there_as_they_are_in_life(week: list[SyntheticLead]) -> None:
    for fact in ("employees", "industry", "phone", "title", "deal_value", "message"):
        missing = sum(getattr(lead, fact) is None for lead in week)
        assert 0 < missing < len(week), fact


def test_a_deal_value_names_its_currency(week: list[SyntheticLead]) -> None:
    for lead in week:
        assert (lead.deal_value is None) == (lead.currency is None)
        assert lead.deal_value is None or lead.deal_value > 0


def test_shares_are_percentages() -> None:
    assert sum(country.share for country in COUNTRIES.values()) == 100
    assert sum(SOURCES.values()) == 100


def test_people_write_in_every_language_of_the_countries() -> None:
    languages = {country.language for country in COUNTRIES.values()}
    assert languages == set(MESSAGES) == set(TITLES) == set(FAIR_MESSAGES)
    assert all(set(said) == languages for said in USE_CASES.values())


def test_a_mailbox_is_made_of_plain_letters() -> None:
    assert ascii_of("Müller & Söhne, Óscar Ibáñez 3") == "mueller-soehne-oscar-ibanez-3"
