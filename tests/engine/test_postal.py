"""Postal codes of many countries, as territories are drawn by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.engine.postal import PostalCodeRefused, PostalCodes


@pytest.mark.parametrize(
    ("code", "drawn"),
    [
        # Japan: with and without its hyphen, its mark, and in wide signs.
        ("105-0001", "100-0000..109-9999"),
        ("1050001", "100-0000..109-9999"),
        ("〒105-0001", "100-0000..109-9999"),
        ("１０５−０００１", "100-0000..109-9999"),
        ("109-9999", "100-0000..109-9999"),
        ("100-0000", "1000000..1099999"),
        # The United States: the longer code lies where its beginning does; a spreadsheet took a leading zero.
        ("94105-1234", "94000..94999"),
        ("94105-1234", "94105"),
        ("2134", "02000..02999"),
        # Britain, where SW1 is not SW10, and codes lose their space.
        ("SW1A 1AA", "SW1*"),
        ("sw1a1aa", "SW1A..SW1Y"),
        ("SW1 0AA", "SW1"),
        ("SW10AA", "SW1"),
        ("SW19 5AE", "SW1..SW19"),
        ("M1 1AE", "M1..M9"),
        # Letters, digits and both.
        ("K2B 1C3", "K1A..K9Z"),
        ("1011 AB", "1000..1999"),
        ("1011AB", "1011 AB"),
        ("D-10115", "10000..14999"),
        ("D02 X285", "D01..D24"),
        ("01310-100", "01000..05999"),
        ("00-950", "00*"),
        ("١٢٣٤٥", "12000..12999"),
    ],
)
def test_a_code_lies_in_what_is_drawn_around_it(code: str, drawn: str) -> None:
    assert PostalCodes([drawn]).hold(code)


@pytest.mark.parametrize(
    ("code", "drawn"),
    [
        ("110-0000", "100-0000..109-9999"),
        ("099-9999", "100-0000..109-9999"),
        ("SW10 0AA", "SW1"),
        ("SW20 0AA", "SW1..SW19"),
        ("E1 6AN", "SW1..SW19"),
        ("95000", "94000..94999"),
        ("94105", "9410"),
        ("", "1..2"),
        ("--", "SW1*"),
        ("unknown", "10000..99999"),
    ],
)
def test_a_code_outside_does_not(code: str, drawn: str) -> None:
    assert not PostalCodes([drawn]).hold(code)


@pytest.mark.parametrize(
    ("drawn", "code"),
    [
        ("109..100", "postal_range"),
        ("SW9..E1", "postal_range"),
        ("100..SW1", "postal_range"),
        ("100..", "postal_range"),
        ("..", "postal_range"),
        ("1..2..3", "postal_range"),
        ("10*..19*", "postal_range"),
        ("*", "postal_code"),
        ("S*1", "postal_code"),
        ("-", "postal_code"),
    ],
)
def test_what_is_no_code_is_refused(drawn: str, code: str) -> None:
    with pytest.raises(PostalCodeRefused) as refused:
        PostalCodes([drawn])
    assert refused.value.code == code
    assert drawn in refused.value.message


def test_thousands_of_ranges_are_told_apart() -> None:
    drawn = PostalCodes([f"{n}000..{n}499" for n in range(10, 99)] + [f"{n}700..{n}999" for n in range(10, 99)])
    assert all(drawn.hold(str(n)) == (n % 1000 < 500 or n % 1000 >= 700) for n in range(10_000, 99_000))


@given(st.text(max_size=80))
def test_whatever_a_form_holds_is_a_yes_or_a_no(code: str) -> None:
    assert PostalCodes(["100-0000..109-9999", "SW1*", "SW1..SW19", "94105"]).hold(code) in (True, False)


@given(st.integers(0, 99_999), st.integers(0, 99_999), st.integers(0, 99_999))
def test_a_range_holds_what_lies_between_its_ends(one: int, other: int, code: int) -> None:
    low, high = sorted((one, other))
    assert PostalCodes([f"{low:05}..{high:05}"]).hold(f"{code:05}") == (low <= code <= high)
