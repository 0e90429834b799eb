"""Rows out of CSV files, good and broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dibs.intake.connectors.csv import CsvFile, FileRefused, Row


def read(folder: Path, content: bytes | str, **given: Any) -> tuple[list[str], list[Row]]:
    path = folder / "leads.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with CsvFile(path, **given) as file:
        return file.header, list(file)


def refusal(folder: Path, content: bytes | str, **given: Any) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        read(folder, content, **given)
    return refused.value


def test_rows_are_numbered_from_one_after_the_header_and_know_their_line(tmp_path: Path) -> None:
    header, rows = read(tmp_path, 'name,message\nAiko,"two\nlines"\nBo,one\n')
    assert header == ["name", "message"]
    assert [(row.number, row.line, row.values) for row in rows] == [
        (1, 2, ["Aiko", "two\nlines"]),
        (2, 4, ["Bo", "one"]),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_way_to_end_a_line_is_read(tmp_path: Path, end: str) -> None:
    _, rows = read(tmp_path, f"a,b{end}1,2{end}3,4")
    assert [row.values for row in rows] == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_told_from_the_first_rows(tmp_path: Path, delimiter: str) -> None:
    content = delimiter.join(["name", "city", "note"]) + "\n" + delimiter.join(["Ana", "León", '"a, b; c|d"'])
    _, rows = read(tmp_path, content)
    assert rows[0].values == ["Ana", "León", "a, b; c|d"]


def test_commas_in_numbers_do_not_pass_for_the_separator(tmp_path: Path) -> None:
    header, rows = read(tmp_path, "empresa;importe\nPeña;1.200,50\nSol;3,5\n")
    assert header == ["empresa", "importe"]
    assert rows[1].values == ["Sol", "3,5"]


def test_the_separator_line_that_excel_writes_is_obeyed(tmp_path: Path) -> None:
    header, rows = read(tmp_path, "sep=;\r\na;b\r\n1;2\r\n")
    assert header == ["a", "b"]
    assert rows[0].values == ["1", "2"]


def test_one_column_needs_no_separator(tmp_path: Path) -> None:
    header, rows = read(tmp_path, "email\na@acme.jp\n")
    assert (header, rows[0].values) == (["email"], ["a@acme.jp"])


def test_a_space_after_the_separator_does_not_hide_the_quote(tmp_path: Path) -> None:
    _, rows = read(tmp_path, 'a, b\n1, "x, y"\n')
    assert rows[0].values == ["1", "x, y"]


def test_blank_lines_are_passed_over_and_still_counted(tmp_path: Path) -> None:
    _, rows = read(tmp_path, "a,b\n1,2\n\n3,4\n\n")
    assert [(row.number, row.values) for row in rows] == [(1, ["1", "2"]), (3, ["3", "4"])]


def test_short_and_long_rows_are_refused_by_number_and_the_others_go_on(tmp_path: Path) -> None:
    _, rows = read(tmp_path, "a,b\n1\n1,2\n1,2,3\n4,5\n")
    assert [(row.number, row.code) for row in rows] == [(1, "row_short"), (2, ""), (3, "row_long"), (4, "")]
    assert "1 field, the header has 2" in rows[0].message
    assert rows[2].raw == "1,2,3"


def test_a_quote_never_closed_costs_its_own_row_alone(tmp_path: Path) -> None:
    _, rows = read(tmp_path, 'a,b\n1,"open\n2,3\n4,5\n')
    assert [(row.number, row.code, row.values) for row in rows] == [
        (1, "quote_unclosed", None),
        (2, "", ["2", "3"]),
        (3, "", ["4", "5"]),
    ]
    assert rows[0].raw == '1,"open'


def test_a_quote_closed_by_a_later_rows_quote_costs_its_own_row_alone(tmp_path: Path) -> None:
    _, rows = read(tmp_path, 'a,b,c\n1,"open,x\n2,"y, z",w\n3,4,5\n')
    assert [(row.number, row.code) for row in rows] == [(1, "quote_misplaced"), (2, ""), (3, "")]
    assert rows[1].values == ["2", "y, z", "w"]


def test_a_quote_inside_quoted_text_is_refused_with_advice(tmp_path: Path) -> None:
    _, rows = read(tmp_path, 'a,b\n1,"5" pipe"\n2,3\n')
    assert [row.code for row in rows] == ["quote_misplaced", ""]
    assert "Double the quotes" in rows[0].message


def test_a_field_of_ten_megabytes_does_not_stop_the_reading(tmp_path: Path) -> None:
    _, rows = read(tmp_path, b"a,b\n1," + b"x" * 10_000_000 + b"\n2,3\n")
    assert len(rows[0].values or []) == 2
    assert rows[1].values == ["2", "3"]


def test_a_line_too_long_to_hold_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    _, rows = read(tmp_path, b"a,b\n1," + b"x" * 20_000_000 + b"\n2,3\n")
    assert [(row.number, row.code, row.values) for row in rows] == [(1, "row_too_long", None), (2, "", ["2", "3"])]


def test_a_quoted_field_of_ten_megabytes_with_line_ends_is_one_row(tmp_path: Path) -> None:
    _, rows = read(tmp_path, b'a,b\n1,"' + b"xyz\n" * 2_500_000 + b'"\n2,3\n')
    assert [row.number for row in rows] == [1, 2]
    assert rows[1].values == ["2", "3"]


def test_many_lines_after_an_open_quote_are_all_read(tmp_path: Path) -> None:
    _, rows = read(tmp_path, 'a,b\n1,"open\n' + "2,3\n" * 20_000)
    assert rows[0].code == "quote_unclosed"
    assert sum(row.values == ["2", "3"] for row in rows) == 20_000


def test_a_header_alone_is_no_mistake(tmp_path: Path) -> None:
    assert read(tmp_path, "name,email\n") == (["name", "email"], [])


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_anything_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content).code == "file_empty"


@pytest.mark.parametrize(
    ("header", "called"),
    [
        ("name,,email", ["name", "Column 2", "email"]),
        ("phone,name,phone,phone", ["phone", "name", "phone (2)", "phone (3)"]),
        ("phone,phone,phone (2)", ["phone", "phone (3)", "phone (2)"]),
        (",Column 1", ["Column 1 (2)", "Column 1"]),
    ],
)
def test_columns_without_a_name_or_with_anothers_are_called_apart(
    tmp_path: Path, header: str, called: list[str]
) -> None:
    assert read(tmp_path, f"{header}\n{','.join('abcd'[: len(called)])}\n")[0] == called


def test_what_a_spreadsheet_leaves_at_the_end_of_its_rows_is_no_column(tmp_path: Path) -> None:
    header, rows = read(
        tmp_path, "name,email,,,\nAna,a@x.example,,,\nBen,b@x.example,\n" + "\n" * 60 + "Eva,e@x.example,x\n"
    )
    assert header == ["name", "email"]
    assert [(row.values, row.code) for row in rows] == [
        (["Ana", "a@x.example"], ""),
        (["Ben", "b@x.example"], ""),
        (None, "row_long"),
    ]
    assert read(tmp_path, "name,email,\nAna,a@x.example,x\n")[0] == ["name", "email", "Column 3"]


@pytest.mark.parametrize(
    ("above", "delimiter"),
    [
        ("Visitors of the fair\n\n", ","),
        ("Visitors of the fair;;;\n;;;\n", ";"),
        ("Report: leads\nMade 1 Nov 2026, by Ana\n\n", ";"),
        ('"Made on Monday, for\nall of us",,\nFilter: all,,,\n', ","),
        ("Company\nAcme\n", "\t"),
        ("sep=;\nVisitors, of the fair\n", ";"),
    ],
)
def test_a_title_above_the_header_is_passed_over(tmp_path: Path, above: str, delimiter: str) -> None:
    rows = [["Nombre", "Empresa", "País", "Importe"], ["Ana", "Sol", "ES", "3.5"], ["Ben", "Mar", "ES", "4"]]
    (tmp_path / "leads.csv").write_text(above + "".join(delimiter.join(row) + "\n" for row in rows))
    with CsvFile(tmp_path / "leads.csv") as file:
        line = above.count("\n") + 1
        assert (file.header, file.header_line) == (rows[0], line)
        assert [(row.number, row.line, row.values) for row in file] == [(1, line + 1, rows[1]), (2, line + 2, rows[2])]


def test_a_row_of_data_does_not_pass_for_the_header(tmp_path: Path) -> None:
    header, rows = read(tmp_path, "Wer,Wo\nname,email\n")
    assert (header, len(rows)) == (["Wer", "Wo"], 1)


def test_the_line_of_the_header_can_be_said(tmp_path: Path) -> None:
    content = "Besucher\nStand: heute\nWer;Wo\nAna;Bonn\n"
    assert read(tmp_path, content)[0] == ["Besucher"]
    header, rows = read(tmp_path, content, header=3)
    assert (header, [(row.number, row.line, row.values) for row in rows]) == (["Wer", "Wo"], [(1, 4, ["Ana", "Bonn"])])
    assert refusal(tmp_path, content, header=9).code == "file_empty"


def test_a_header_with_an_open_quote_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, 'name,"email\na,b\n').code == "header_unreadable"


def test_a_folder_a_missing_file_and_a_device_are_refused(tmp_path: Path) -> None:
    for path, code in (
        (tmp_path, "file_is_folder"),
        (tmp_path / "nothing.csv", "file_missing"),
        (Path("/dev/null"), "file_unreadable"),
    ):
        with pytest.raises(FileRefused) as refused:
            CsvFile(path)
        assert refused.value.code == code
        assert str(path) in refused.value.message


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("a,b\n1,2\n")

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # The tests may run as root, who may read everything.
    with pytest.raises(FileRefused) as refused:
        CsvFile(path)
    assert refused.value.code == "file_unreadable"
    assert "Permission denied" in refused.value.message


@pytest.mark.parametrize("start", [b"PK\x03\x04....", b"\xd0\xcf\x11\xe0....", b"\x1f\x8b......", b"%PDF-1.7"])
def test_spreadsheets_and_archives_are_refused_with_advice(tmp_path: Path, start: bytes) -> None:
    refused = refusal(tmp_path, start + b"\n1,2\n")
    assert refused.code == "file_not_text"
    assert "CSV" in refused.message


def test_an_encoding_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a,b\n1,2\n", encoding="utf-9").code == "encoding_unknown"


@pytest.mark.parametrize("name", ["zlib_codec", "base64", "rot13", "idna", "punycode", "unicode_escape", "undefined"])
def test_what_python_calls_an_encoding_and_no_file_is_in_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path, "name,email\nAna,ana@x.example\n", encoding=name).code == "encoding_unknown"


def test_position_reaches_the_size(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("a,b\n" + "1,2\n" * 1000)
    with CsvFile(path) as file:
        list(file)
        assert file.position == file.size
