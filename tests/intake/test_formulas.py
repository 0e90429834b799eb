"""Formulas: told apart on the way in, harmless on the way out."""

from __future__ import annotations

import pytest

from dibs.crm.formulas import export_safe, looks_like_formula


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "=1+1", "+cmd|'/C calc'!A0", "-2+3+cmd|x", "@SUM(1)", "＝1+1"])
def test_formulas_are_told_and_made_harmless(text: str) -> None:
    assert looks_like_formula(text)
    assert export_safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["+81 3-3580-3311", "-5", "@aiko", "- a list", "Aiko", "", "a=b", "+"])
def test_what_merely_starts_like_one_is_none(text: str) -> None:
    assert not looks_like_formula(text)


@pytest.mark.parametrize("value", ["-5", "+81335803311", "-1,200.50", "plain", "", 5, None, 2.5, True])
def test_plain_values_leave_as_they_are(value: object) -> None:
    assert export_safe(value) == value


@pytest.mark.parametrize("text", ["@aiko", "- a list", "+81 3-3580-3311", "\t=1", "\r=1"])
def test_whatever_a_spreadsheet_might_run_leaves_as_text(text: str) -> None:
    assert export_safe(text) == f"'{text}"
