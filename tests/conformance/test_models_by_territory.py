"""A day by territory: leads go to whose slice of the market they lie in."""

from __future__ import annotations

import pytest

from tests.conformance.model_day import ModelDay, at

pytestmark = pytest.mark.django_db(transaction=True)


def _market() -> ModelDay:
    return ModelDay(
        "territories",
        {"tokyo": ["aiko", "budi"], "dublin": ["dara"], "own": ["ines", "ken", "marta", "petra"]},
        accounts={"werk.example": "petra"},
    )


def test_a_lead_goes_to_whose_territory_it_lies_in() -> None:
    day = _market()
    assert day.arrives("osaka", at("9:00"), country="JP", region="Osaka") == "owned ken"
    assert day.arrives("giant", at("9:01"), country="JP", region="Hyogo", employees=8000) == "owned ines"
    assert day.arrives("port", at("9:02"), country="DE", industry="Ports") == "owned marta"
    assert day.arrives("city", at("9:03"), country="GB", postal_code="EC1A 1BB", industry="Ports") == "owned dara"
    assert day.arrives("customer", at("9:04"), country="JP", domain="werk.example") == "owned petra"
    assert day.arrives("far", at("9:05"), country="NZ") == "review"


def test_a_part_without_an_owner_has_its_parents_and_the_team_shares() -> None:
    day = _market()
    for n in range(4):
        day.arrives(f"kanto{n}", at(f"9:{n:02}"), country="JP", postal_code="105-0001")
    assert sorted(day.holder(f"kanto{n}") for n in range(4)) == ["aiko", "aiko", "budi", "budi"]


def test_a_territory_for_some_days_begins_and_ends_at_the_policys_midnight() -> None:
    day = _market()
    october = 213  # days from the Monday of these days, 2 March, to 1 October in Tokyo's evening before
    assert day.arrives("before", at("14:59", october - 1), country="SG") in {"owned aiko", "owned budi"}
    assert day.arrives("first", at("15:00", october - 1), country="SG") == "owned ken"
    assert day.arrives("last", at("14:59", october + 30), country="SG") == "owned ken"
    assert day.arrives("after", at("15:00", october + 30), country="SG") in {"owned aiko", "owned budi"}


def test_a_region_that_arrives_later_takes_the_lead_to_its_owner_unless_somebody_called() -> None:
    day = _market()
    assert day.arrives("early", at("9:00"), country="JP") in {"owned aiko", "owned budi"}
    assert day.arrives("called", at("9:01"), country="JP") in {"owned aiko", "owned budi"}
    holder = day.holder("called")
    day.works(holder, "called", at("9:02"))
    assert day.learns("early", at("9:10"), region="kyoto") == "owned ken"
    assert day.learns("called", at("9:10"), region="kyoto") == f"working {holder}"
    assert day.arrives("nowhere", at("9:11"), source="webinar") == "review"
    assert day.learns("nowhere", at("9:12"), country="GB") == "owned dara"
