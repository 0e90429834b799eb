"""Values as pages show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from dibs.web import shown
from dibs.web.shown import value_of
from tests.making import MONDAY


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=11, seconds=59), "11 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=2, minutes=5), "2 h 05"),
        (timedelta(days=3, hours=4), "3 d"),
    ],
)
def test_spans_are_as_short_as_a_table_wants_them(span: timedelta, text: str) -> None:
    assert shown.short_span(span) == text


def test_a_countdown_ends_at_nought(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "now", lambda: MONDAY)
    assert shown.countdown(MONDAY + timedelta(minutes=12, seconds=41, milliseconds=500)) == "12:41"
    assert shown.countdown(MONDAY + timedelta(hours=1, minutes=2, seconds=3, milliseconds=500)) == "1:02:03"
    assert shown.countdown(MONDAY - timedelta(minutes=1)) == "0:00"


def test_numbers_are_written_as_the_language_has_it() -> None:
    assert shown.number(12345) == "12,345"
    assert shown.number(12345.5) == "12,345.50"
    with translation.override("id"):
        assert shown.number(12345) == "12.345"


def test_a_day_of_another_year_says_which() -> None:
    assert "2019" in shown.day(datetime(2019, 3, 2, tzinfo=UTC))


def test_a_language_is_called_in_the_readers_own_and_by_its_code_where_it_has_no_name() -> None:
    assert value_of({"language": "ja"}, "language") == "Japanese"
    assert value_of({"language": "pt-BR"}, "language") == "Brazilian Portuguese"
    assert value_of({"language": "tlh"}, "language") == "tlh"
    with translation.override("es"):
        assert value_of({"language": "ja"}, "language") == "Japonés"


def test_a_lead_is_called_by_the_best_that_may_be_seen() -> None:
    assert shown.called({"company": "Acme", "name": "Ann"}) == "Acme"
    assert shown.called({"company": None, "name": "Ann"}) == "Ann"
    assert shown.called({"source": "web_form"}) == "Lead from Web form"
    assert shown.called({}) == "Lead"


def test_a_face_is_initials_where_there_is_no_other_and_holds_no_markup() -> None:
    assert "AT" in shown.disc("aiko", "Aiko Tanaka")
    assert shown.disc("aiko", "Aiko Tanaka") == shown.disc("aiko", "Aiko Tanaka")
    assert "<script" not in shown.disc("x", "<script> </script>")
    assert shown.initials("") == "?"
