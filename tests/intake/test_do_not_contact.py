"""Lists of those who must not be contacted, as people type them and other systems write them out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.crm.do_not_contact import Entry
from dibs.intake.do_not_contact import entries_in, entry_in


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("ana@acme.example.com", Entry("mail", "ana@acme.example.com")),
        (" Ana <Ana@Acme.example.com> ", Entry("mail", "ana@acme.example.com")),
        ("a.na+news@GoogleMail.com", Entry("mail", "ana@gmail.com")),
        ("+52 81 1234 5678", Entry("phone", "+528112345678")),
        ("090-1234-5678", Entry("phone", "+819012345678")),
        ("ana", None),
        ("", None),
        ("12", None),
        ("@", None),
        ("a@b@c.example", None),
        ("order 12345678", None),
        ("x" * 5000, None),
        ("\x00", None),
    ],
)
def test_a_text_is_an_address_or_a_number_or_nothing(text: str, entry: Entry | None) -> None:
    assert entry_in(text, "JP") == entry


def test_a_list_may_be_a_file_of_columns_and_names_the_lines_in_which_nothing_is() -> None:
    lines = [
        "name;e-mail;phone",
        "Ana;ana@acme.example.com;+528112345678",
        "",
        "Bo;;",
        '"C; D";c@acme.example.com;',
        "ana@acme.example.com",
    ]
    found = entries_in(lines, None)
    assert [entry.value for entry in found.entries] == ["ana@acme.example.com", "+528112345678", "c@acme.example.com"]
    assert (found.wrong, found.wrong_in_all) == ([4], 1)


def test_many_wrong_lines_are_counted_and_the_first_named() -> None:
    found = entries_in(["nothing"] * 1001, None)
    assert (found.entries, len(found.wrong), found.wrong_in_all) == ([], 100, 1000)


@given(st.lists(st.text(max_size=60), max_size=8))
def test_whatever_a_list_holds_it_is_read(lines: list[str]) -> None:
    for entry in entries_in(lines, "MX").entries:
        assert entry.what in {"mail", "phone"}
        assert entry.shown
