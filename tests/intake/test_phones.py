"""The short way to E.164 says what the library says, or nothing."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dibs.intake import phones

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def by_library(text: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    number.extension = None
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if valid else None


@pytest.mark.parametrize("region", REGIONS)
def test_example_numbers_of_every_country_and_kind(region: str) -> None:
    for kind in range(11):
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        for form in range(3):
            text = phonenumbers.format_number(example, form)
            for written in (text, text.replace(" ", ""), text.replace("-", "")):
                assert phones.clean_phone(written, region)[0] == by_library(written, region), (written, region)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(REGIONS), st.from_regex(r"[0-9]{3,14}", fullmatch=True), st.booleans())
def test_any_digits_anywhere(region: str, digits: str, abroad: bool) -> None:
    text = f"+{phonenumbers.country_code_for_region(region)}{digits}" if abroad else digits
    assert phones.clean_phone(text, None if abroad else region)[0] == by_library(text, None if abroad else region)


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("03-3580-3311", "JP", "+81335803311"),
        ("０３（３５８０）３３１１", "JP", "+81335803311"),
        ("090-1234-5678", "JP", "+819012345678"),
        ("+81 (0)3 3580 3311", None, "+81335803311"),
        ("0062 812-3456-7890", "DE", "+6281234567890"),
        ("0812-3456-7890", "ID", "+6281234567890"),
        ("55 5345 3000", "MX", "+525553453000"),
        ("(11) 3224-4000", "BR", "+551132244000"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("06 698 12345", "IT", "+390669812345"),
        ("not a phone", "JP", None),
        ("", "JP", None),
    ],
)
def test_numbers_as_people_write_them(written: str, country: str | None, number: str | None) -> None:
    assert phones.clean_phone(written, country)[0] == number
