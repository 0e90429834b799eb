"""Numbers as people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.intake.numbers import read_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("1200", "1200"),
        ("1,200", "1200"),
        ("1.200", "1200"),
        ("1,200.50", "1200.50"),
        ("1.200,50", "1200.50"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("1,23,456", "123456"),
        ("1 200", "1200"),
        ("1\u202f200,5", "1200.5"),
        ("1'200", "1200"),
        ("0.125", "0.125"),
        ("0,125", "0.125"),
        ("12.5", "12.5"),
        ("12,5", "12.5"),
        ("1234.567", "1234.567"),
        ("１２００", "1200"),
        ("$1,200", "1200"),
        ("¥1,200", "1200"),
        ("1200円", "1200"),
        ("R$ 1.200,00", "1200.00"),
        ("Rp 1.200.000", "1200000"),
        ("USD 1,200", "1200"),
        ("1200 EUR", "1200"),
        ("5k", "5000"),
        ("1.5M", "1500000"),
        ("500万", "5000000"),
        ("2億", "200000000"),
        ("-5", "-5"),
    ],
)
def test_one_number(text: str, value: str) -> None:
    number = read_number(text)
    assert number is not None
    assert (number.value, number.is_range) == (Decimal(value), False)


@pytest.mark.parametrize(
    ("text", "low"),
    [("50-100", "50"), ("50 - 100", "50"), ("50~100", "50"), ("50〜100名", "50"), ("1,000–5,000", "1000"),
     ("200+", "200"), ("200以上", "200"), ("5-10k", "5000"), ("10 to 20", "10"), ("10 a 20", "10")],
)  # fmt: skip
def test_the_low_end_of_a_range(text: str, low: str) -> None:
    number = read_number(text)
    assert number is not None
    assert (number.value, number.is_range) == (Decimal(low), True)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "-", "1,2,3", "1..2", "12-", "100-50", "1.2.3", "--5", "=1+1", "1e5", "<50", "9" * 80, "٣٤x", "1,,2"],
)
def test_what_is_no_number(text: str) -> None:
    assert read_number(text) is None


def test_the_decimal_mark_can_be_told() -> None:
    assert read_number("1.200", ".").value == Decimal("1.2")  # type: ignore[union-attr]
    assert read_number("1.200", ",").value == 1200  # type: ignore[union-attr]
    assert read_number("1,200", ",").value == Decimal("1.2")  # type: ignore[union-attr]
    assert read_number("1.200").ambiguous  # type: ignore[union-attr]
    assert not read_number("1.200", ",").ambiguous  # type: ignore[union-attr]


@given(st.decimals(min_value=0, max_value=10**12, places=2, allow_nan=False, allow_infinity=False))
def test_both_ways_to_write_money_are_read_back(value: Decimal) -> None:
    english = f"{value:,.2f}"
    spanish = english.translate(str.maketrans(",.", ".,"))
    for text in (english, spanish):
        number = read_number(text)
        assert number is not None
        assert number.value == value


@given(st.text(max_size=70))
def test_no_text_is_an_accident(text: str) -> None:
    read_number(text)
