"""Files that a page hands out."""

from __future__ import annotations

import codecs

from dibs.web.downloads import spreadsheet


def test_a_spreadsheet_is_read_in_its_own_letters_and_called_by_its_own_name() -> None:
    file = spreadsheet("dibs-leads-by-部署.csv", "会社,数\r\n雲,2\r\n")
    assert file.content.startswith(codecs.BOM_UTF8)
    assert file.content.decode("utf-8-sig") == "会社,数\r\n雲,2\r\n"
    assert "filename*=utf-8''dibs-leads-by-%E9%83%A8%E7%BD%B2.csv" in file["Content-Disposition"]
    assert file["Content-Disposition"].isascii()
    assert file["Cache-Control"] == "private, no-store"
