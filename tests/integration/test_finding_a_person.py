"""Who it is that asks for their data: found by what they give, however it is written."""

from __future__ import annotations

from typing import Any

import pytest

from dibs.distribution import acting
from dibs.intake.persons import Asked, NotAPerson, asked_for, find
from tests.integration.wrote_in import PHONE, House

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: Any) -> House:
    return House()


def test_people_are_found_however_they_are_written(house: House) -> None:
    ws = house.workspace.id
    lead = house.lead(email="Zelda.Q+news@gmail.com", phone=None)
    for email in ("zeldaq@gmail.com", "ZELDA.Q@googlemail.com", "Zelda <zelda.q+x@gmail.com>"):
        assert set(find(ws, asked_for(ws, email=email)).leads) == {lead}, email
    called = house.lead(email="z@elsewhere.example", name="Zelda Third")
    for phone in (PHONE, "55 1234 5678", "+52 55 1234 5678", "(55) 1234-5678"):
        assert set(find(ws, asked_for(ws, phone=phone)).leads) == {called}, phone
    assert set(find(ws, asked_for(ws, lead=called)).leads) == {called}


def test_one_lead_leads_to_all_that_are_the_same_person_s(house: House) -> None:
    first = house.worked()
    assert isinstance(acting.retire(house.aiko, first, house.now, why="no_interest"), acting.Acted)
    second = house.lead()
    assert second != first
    assert set(find(house.workspace.id, Asked(lead=first)).leads) == {first, second}


def test_a_shared_mailbox_is_several_people(house: House) -> None:
    ws = house.workspace.id
    ana = house.lead(name="Ana Torres", email="info@shop.example", phone=None)
    luis = house.lead(name="Luis Vega", email="info@shop.example", phone=None)
    both = find(ws, asked_for(ws, email="info@shop.example"))
    assert set(both.leads) == {ana, luis}
    assert both.several()
    assert set(find(ws, Asked(lead=ana)).leads) == {ana}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "nothing_asked"),
        ({"email": "a@b.example", "phone": PHONE}, "nothing_asked"),
        ({"email": "  "}, "nothing_asked"),
        ({"email": "no address"}, "email_invalid"),
        ({"email": "a@b"}, "email_invalid"),
        ({"phone": "12"}, "phone_invalid"),
        ({"phone": "%"}, "phone_invalid"),
    ],
)
def test_what_is_nobody_is_not_looked_for(house: House, given: dict[str, Any], code: str) -> None:
    with pytest.raises(NotAPerson) as refused:
        asked_for(house.workspace.id, **given)
    assert refused.value.code == code
