"""The reference of reason codes is what the code says, and names them all."""

from __future__ import annotations

from dibs.engine.reasons import CODES
from docs import write_reasons_reference


def test_the_page_is_what_the_code_says() -> None:
    assert (
        write_reasons_reference.PAGE.read_text(encoding="utf-8") == write_reasons_reference.render().rstrip() + "\n"
    ), "run: DJANGO_SETTINGS_MODULE=dibs.config.settings python docs/write_reasons_reference.py"


def test_every_code_is_in_one_group() -> None:
    grouped = [code for _heading, codes, _about in write_reasons_reference.GROUPS for code in codes]
    assert sorted(grouped) == sorted(CODES)
