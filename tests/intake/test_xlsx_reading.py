"""Workbooks: what their cells say, and what is refused of them."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.workbooks import Day, Formula, Moment, sheet_of, write_workbook

from dibs.intake.connectors import xlsx
from dibs.intake.connectors.opening import open_rows
from dibs.intake.connectors.rows import FileRefused

HEAD = ["Name", "Employees", "When", "Day", "OK", "Share"]


def read(path: Path, **how: Any) -> tuple[list[str], list[tuple[int, int, Any]]]:
    with open_rows(path, **how) as file:
        rows = [(row.number, row.line, row.values) for row in file]
        assert file.position == file.size
        return file.header, rows


def refusal(path: Path, **how: Any) -> str:
    with pytest.raises(FileRefused) as refused, open_rows(path, **how):
        pass
    return refused.value.code


def test_cells_are_what_they_are(tmp_path: Path) -> None:
    rows = [HEAD, ["Ana", 1200, Moment(45000.5), Day(45000), True, 0.25], ["001", None, None, None, False, -3]]
    header, found = read(write_workbook(tmp_path / "a.xlsx", {"Leads": rows}))
    assert header == HEAD
    assert found == [
        (1, 2, ["Ana", 1200, datetime(2023, 3, 15, 12), date(2023, 3, 15), True, 0.25]),  # noqa: DTZ001
        (2, 3, ["001", "", "", "", False, -3]),
    ]


def test_rows_keep_their_numbers_past_blank_ones_and_wherever_the_table_begins(tmp_path: Path) -> None:
    sheet = sheet_of([["a", "b"], [1, 2], [], [3]], first_line=4, first_column=2)
    assert read(write_workbook(tmp_path / "a.xlsx", {"x": sheet})) == (
        ["a", "b"],
        [(1, 5, [1, 2]), (3, 7, [3, ""])],
    )


def test_the_first_sheet_with_rows_that_is_not_hidden_is_read_unless_one_is_named(tmp_path: Path) -> None:
    path = write_workbook(
        tmp_path / "a.xlsx", {"Hidden": [["h"], ["1"]], "Empty": [], "Leads": [["a"], ["x"]]}, hidden=["Hidden"]
    )
    assert read(path) == (["a"], [(1, 2, ["x"])])
    assert read(path, sheet="Hidden") == (["h"], [(1, 2, ["1"])])
    assert refusal(path, sheet="None") == "sheet_missing"
    assert refusal(path, sheet="Empty") == "sheet_missing"


def test_formulas_are_never_worked_out(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"x": [["a", "b"], [Formula("1+1"), "=cmd()"]]})
    assert read(path)[1] == [(1, 2, ["", "=cmd()"])]


def test_a_row_wider_than_the_header_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    with open_rows(write_workbook(tmp_path / "a.xlsx", {"x": [["a"], ["1", "2"], ["3"]]})) as file:
        assert [(row.values, row.code) for row in file] == [(None, "row_long"), (["3"], "")]


@pytest.mark.parametrize(
    ("rows", "header"),
    [([["a", "a"], [1, 2]], ["a", "a (2)"]), ([["a", "", "b"], [1, 2, 3]], ["a", "Column 2", "b"])],
)
def test_columns_without_a_name_or_with_anothers_are_called_apart(
    tmp_path: Path, rows: list[list[Any]], header: list[str]
) -> None:
    assert read(write_workbook(tmp_path / "a.xlsx", {"x": rows}))[0] == header


def test_a_workbook_without_rows_is_refused(tmp_path: Path) -> None:
    assert refusal(write_workbook(tmp_path / "a.xlsx", {"x": []})) == "sheet_missing"


def test_the_line_of_the_header_can_be_said(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"x": [["Besucher", "heute"], ["Wer", "Wo"], ["Ana", "Bonn"]]})
    assert read(path)[0] == ["Besucher", "heute"]
    assert read(path, header=2) == (["Wer", "Wo"], [(1, 3, ["Ana", "Bonn"])])


def test_two_cells_a_million_columns_apart_do_not_fill_the_memory(tmp_path: Path) -> None:
    far = sheet_of([["a"]]).replace("</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
    assert refusal(write_workbook(tmp_path / "a.xlsx", {"x": far})) == "workbook_too_large"


def test_what_unpacks_to_more_than_is_read_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range((xlsx.MOST_UNPACKED >> 24) + 1):
                part.write(bytes(1 << 24))
    assert path.stat().st_size < 2 << 20
    assert refusal(path) == "workbook_too_large"


def test_entities_that_grow_are_not_followed(tmp_path: Path) -> None:
    grows = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]>' + sheet_of([["a"], ["x"]]).replace(">x<", ">&b;<")
    assert refusal(write_workbook(tmp_path / "a.xlsx", {"x": grows})) == "workbook_unreadable"


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" + bytes(500)])
def test_what_only_begins_like_a_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    assert refusal(path) == "workbook_unreadable"


def test_another_archive_and_an_old_workbook_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("leads.csv", "a,b\n1,2\n")
    assert refusal(path) == "file_not_text"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(500))
    assert refusal(path) == "file_not_text"


def test_what_has_no_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"x": [["a"], ["x" * 1000]] * 50})
    monkeypatch.setattr(xlsx, "MOST_UNPACKED", 1000)
    assert refusal(path) == "workbook_too_large"


@pytest.mark.parametrize(
    ("rows", "header", "read"),
    [
        ([["Attendees of the fair"], [], ["name", "email"], ["Ana", "a@b.example"]], ["name", "email"], 1),
        ([["Attendees"], ["as of March"], ["name", "email"], ["Ana", "a@b.example"]], ["name", "email"], 1),
        ([["email"], ["a@b.example"], ["c@d.example"]], ["email"], 2),
        ([["email"], ["a@b.example", "x"]], ["email"], 1),
        ([["company"], ["Acme"], ["Apex"]], ["company"], 2),
        ([["company"], *[[f"Company {n}"] for n in range(9)]], ["company"], 9),
        ([["company"]], ["company"], 0),
        ([["codes"], ["a", "b"], ["c"]], ["codes"], 2),
    ],
)
def test_a_title_above_the_header_is_no_header(
    tmp_path: Path, rows: list[list[str]], header: list[str], read: int
) -> None:
    with open_rows(write_workbook(tmp_path / "x.xlsx", {"Leads": rows})) as file:
        assert file.header == header
        assert len(list(file)) == read


def test_a_cover_is_no_list(tmp_path: Path) -> None:
    sheets = {"Cover": [["Leads of the fair"], ["made by Ana"]], "Leads": [["name", "email"], ["Ana", "a@x.example"]]}
    path = write_workbook(tmp_path / "a.xlsx", sheets)
    with open_rows(path) as file:
        assert (file.header, [row.values for row in file]) == (["name", "email"], [["Ana", "a@x.example"]])
    alone = write_workbook(tmp_path / "b.xlsx", {"Cover": [["One cell"]], "Heads": [["name", "email"]]})
    assert read(alone)[0] == ["One cell"]


def test_a_column_in_which_nothing_stands_is_left_out(tmp_path: Path) -> None:
    rows = [[None, "name", None, "email"], [None, "Ana", None, "a@x.example"], [None, "Ben"]]
    header, found = read(write_workbook(tmp_path / "a.xlsx", {"Leads": rows}))
    assert header == ["name", "email"]
    assert [values for _number, _line, values in found] == [["Ana", "a@x.example"], ["Ben", ""]]
