"""Mapping files: mistakes located before a row is read, and what becomes of a row."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from dibs.intake.headers import Fitted, guess_mapping
from dibs.intake.mapping import MappingRefused, read_mapping, read_mapping_file
from dibs.intake.moments import read_moment

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def refusal(text: str) -> MappingRefused:
    with pytest.raises(MappingRefused) as refused:
        read_mapping(dedent(text), "map.yaml")
    return refused.value


def fields(text: str, header: list[str], values: list[str], timezone: str = "UTC") -> dict[str, Any]:
    return Fitted(read_mapping(dedent(text)), header, timezone).fields(values)[0]


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("columns:\n  a: nmae\n", 2, 3, "did you mean name?"),
        ("columns:\n  a: {to: name, az: text}\n", 2, 17, "no field az"),
        ("colums:\n  a: name\n", 1, 1, "did you mean columns?"),
        ("columns:\n  a: {to: attributes.x, as: numbr}\n", 2, 29, "input should be"),
        ("timezone: Asia/Tokio\ncolumns: {a: name}\n", 1, 1, "no time zone"),
        ("country: Japan\ncolumns: {a: name}\n", 1, 1, "use one such as JP"),
        ("decimal: ;\ncolumns: {a: name}\n", 1, 10, "decimal"),
        ("columns:\n  a: email\n  b: email\n", 3, 3, "already filled by a"),
        ("columns:\n  a: attributes.x\n  b: attributes.x\n", 3, 3, "already filled by a"),
        ("external_id: a\ncolumns:\n  b: external_id\n", 3, 3, "already filled"),
        ("columns:\n  a: {to: received_at, dates: '%d/%m'}\n", 2, 24, "whole date"),
        ("columns:\n  a: {to: received_at, dates: '%Q'}\n", 2, 24, "no date format"),
        ("enrich: true\ncolumns: {a: name}\n", 1, 1, "external id"),
        ("enrich: true\nexternal_id: id\ncolumns: {a: received_at}\n", 3, 11, "cannot be changed"),
        ("constants: {nope: 1}\ncolumns: {a: name}\n", 1, 13, "no field nope"),
        ("columns: {}\n", 1, 1, "no column"),
        ("columns:\n  a: name\n  a: email\n", 3, 3, "given twice"),
        ("columns: [\n", 2, 1, ""),
        ("- a\n", 1, 1, "a mapping file is a mapping"),
        ("", 1, 1, "mapping"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_column(text: str, line: int, column: int, said: str) -> None:
    refused = refusal(text)
    problem = refused.problems[0]
    assert said in problem.message
    assert (problem.line, problem.column) == (line, column)
    assert refused.lines()[0].startswith(f"map.yaml:{line}:{column}: ")


def test_every_mistake_is_told_at_once() -> None:
    assert len(refusal("columns:\n  a: nmae\n  b: emial\ntimezone: Nowhere\n").problems) == 3


def test_a_column_the_file_does_not_have_is_told_at_its_place() -> None:
    file = read_mapping("columns:\n  Mail: email\n  Nme: name\n", "map.yaml")
    with pytest.raises(MappingRefused) as refused:
        Fitted(file, ["Mail", "Name"], "UTC")
    (problem,) = refused.value.problems
    assert (problem.line, problem.column, problem.code) == (3, 3, "column_missing")
    assert "did you mean Name?" in problem.message


def test_a_missing_header_shows_as_such() -> None:
    file = read_mapping("columns:\n  email: email\n  name: name\n")
    with pytest.raises(MappingRefused) as refused:
        Fitted(file, ["aiko@acme.jp", "Aiko"], "UTC")
    assert "If that is data, the header is missing" in refused.value.problems[0].message
    assert "aiko@acme.jp" in refused.value.problems[0].message


def test_columns_are_found_whatever_their_case_and_spaces() -> None:
    assert fields("columns: {e_mail: email}", ["E-Mail "], ["a@b.jp"]) == {"email": "a@b.jp"}


def test_columns_constants_defaults_values_and_attributes() -> None:
    said = fields(
        """
        external_id: ID
        columns:
          Origin: {to: attributes.origin, values: {"": unknown, fb: facebook}}
          Also: [industry, attributes.segment]
          First: name
          Last: name
          City: {to: city, default: Tokyo}
        constants: {country: JP, attributes.file: march}
        defaults: {language: ja, industry: other}
        """,
        ["ID", "Origin", "Also", "First", "Last", "City"],
        ["7", " fb ", "", "Aiko", "Tanaka", ""],
    )
    assert said == {
        "external_id": "7",
        "name": "Aiko Tanaka",
        "city": "Tokyo",
        "country": "JP",
        "language": "ja",
        "industry": "other",
        "attributes": {"origin": "facebook", "file": "march"},
    }


def test_attributes_are_read_as_the_mapping_says() -> None:
    text = """
    timezone: America/Sao_Paulo
    decimal: ","
    columns:
      n: {to: attributes.n, as: number}
      w: {to: attributes.w, as: whole}
      y: {to: attributes.y, as: yes_no}
      m: {to: attributes.m, as: moment, dates: ["%d/%m/%Y %H:%M", "%d/%m/%Y"]}
    """
    fitted = Fitted(read_mapping(dedent(text)), ["n", "w", "y", "m"], "UTC")
    said, flags = fitted.fields(["1.200,5", "1.200", "sim", "03/04/2026"])
    assert said["attributes"] == {"n": 1200.5, "w": 1200, "y": True, "m": "2026-04-03T03:00:00+00:00"}
    assert flags == ()
    said, flags = fitted.fields(["much", "1,5", "maybe", "someday"])
    assert said["attributes"] == {"n": "much", "w": "1,5", "y": "maybe", "m": "someday"}
    assert flags == ("attribute_invalid",)


def test_dates_follow_the_format_and_the_zone_of_the_mapping() -> None:
    text = "dates: '%d/%m/%Y'\ntimezone: Asia/Tokyo\ncolumns: {when: received_at}\n"
    assert fields(text, ["when"], ["03/04/2026"])["received_at"] == datetime(2026, 4, 2, 15, tzinfo=UTC)
    assert fields(text, ["when"], ["4 March"])["received_at"] == "4 March"


def test_the_rest_can_become_attributes() -> None:
    text = "columns: {a: name}\nrest: attributes\n"
    assert fields(text, ["a", "Shoe size"], ["x", " 44 "]) == {"name": "x", "attributes": {"Shoe size": "44"}}


@pytest.mark.parametrize(
    ("header", "values", "said"),
    [
        (
            ["Full name", "E-mail", "Company name", "Shoe size"],
            ["Aiko", "a@b.jp", "Acme", "37"],
            {"name": "Aiko", "email": "a@b.jp", "company": "Acme", "attributes": {"Shoe size": "37"}},
        ),
        (["First name", "Last name"], ["Ana", "Pérez"], {"name": "Ana Pérez"}),
        (
            ["名", "姓", "メールアドレス", "会社名", "電話番号"],
            ["愛子", "田中", "a@b.jp", "青葉", "03"],
            {"name": "田中 愛子", "email": "a@b.jp", "company": "青葉", "phone": "03"},
        ),
        (["Nombre", "Correo electrónico", "País"], ["Ana", "a@b.mx", "México"], {"name": "Ana", "email": "a@b.mx", "country": "México"}),
        (["nama", "perusahaan", "No. HP"], ["Budi", "PT X", "08"], {"name": "Budi", "company": "PT X", "phone": "08"}),
        (["mobile", "phone"], ["1", "2"], {"phone": "2", "attributes": {"mobile": "1"}}),
        (["ID", "email"], ["7", "a@b.jp"], {"external_id": "7", "email": "a@b.jp"}),
    ],
)  # fmt: skip
def test_without_a_mapping_columns_are_known_by_their_names(
    header: list[str], values: list[str], said: dict[str, Any]
) -> None:
    assert Fitted(guess_mapping(header), header, "UTC").fields(values)[0] == said


@pytest.mark.parametrize(
    ("header", "filled"),
    [
        ("Nombre y apellidos|Teléfono móvil|N.º de empleados|Fecha de registro|Importe estimado", "name phone employees received_at deal_value"),
        ("お問い合わせ日|ご担当者名|勤務先|携帯番号", "received_at name company phone"),
        ("Tanggal daftar|Nama Lengkap|Instansi|No. WA|Jumlah pegawai", "received_at name company phone employees"),
        ("Submission Date|Attendee|Employer|Marketing Opt-In|# of Employees|Remarks", "received_at name company consent employees message"),
    ],
)  # fmt: skip
def test_names_as_forms_and_fairs_write_them_are_known(header: str, filled: str) -> None:
    names = header.split("|")
    columns = guess_mapping(names).mapping.columns
    got = [columns[name].to[0] if name in columns else "-" for name in names]
    assert [field for field in filled.split() if field not in got] == []


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        (46086, datetime(2026, 3, 5, tzinfo=UTC)),
        (46086.5, datetime(2026, 3, 5, 12, tzinfo=UTC)),
        ("5 de marzo de 2026", datetime(2026, 3, 5)),  # noqa: DTZ001
    ],
)
def test_a_date_that_a_workbook_keeps_as_a_plain_number_is_that_day(cell: Any, moment: datetime) -> None:
    text = "columns: {when: received_at, who: name}"
    got = Fitted(read_mapping(text), ["when", "who"], "UTC").fields([cell, True])[0]
    assert got["name"] == "TRUE"
    assert got["received_at"] == (cell if isinstance(cell, str) else moment.replace(tzinfo=None))


def test_numbers_that_are_no_days_are_told_as_they_stand() -> None:
    text = "columns: {when: received_at}"
    assert Fitted(read_mapping(text), ["when"], "UTC").fields([7])[0] == {"received_at": "7"}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("5 de marzo de 2026", (2026, 3, 5)),
        ("jueves, 5 de marzo del 2026, 13:05", (2026, 3, 5, 13, 5)),
        ("5 Maret 2026 14.30", (2026, 3, 5, 14, 30)),
        ("Senin, 17 Agustus 2026", (2026, 8, 17)),
        ("March 5th, 2026 2:30 PM", (2026, 3, 5, 14, 30)),
        ("5-Mar-2026", (2026, 3, 5)),
        ("令和8年3月5日", (2026, 3, 5)),
        ("令和元年５月１日 10:30", (2019, 5, 1, 10, 30)),
        ("2026年3月5日 14時30分", (2026, 3, 5, 14, 30)),
        ("05/03/2026", None),
        ("31 feb 2026", None),
        ("5 xyz 2026", None),
        ("5 marzo 2026 13:00 pm", None),
    ],
)
def test_dates_that_name_their_month_are_read_in_four_languages(text: str, moment: tuple[int, ...] | None) -> None:
    assert read_moment(text, "UTC") == (moment and datetime(*moment, tzinfo=UTC))  # type: ignore[misc]


def test_without_a_mapping_a_file_whose_names_mean_nothing_is_refused() -> None:
    with pytest.raises(MappingRefused) as refused:
        guess_mapping(["aiko@acme.jp", "Aiko"])
    assert refused.value.problems[0].code == "header_missing"
    assert "--map" in str(refused.value)


def test_the_digest_names_what_is_made_of_a_row_and_not_how_the_file_is_written() -> None:
    one = read_mapping("mapping: One\nencoding: cp932\ncolumns: {a: name}\n").mapping
    same = read_mapping("columns:\n  a: {to: name}  # the same\n").mapping
    other = read_mapping("columns: {a: company}\n").mapping
    assert one.digest() == same.digest() != other.digest()


@pytest.mark.parametrize("name", ["olist.yaml", "olist_closed.yaml"])
def test_the_example_mappings_are_sound(name: str) -> None:
    read_mapping_file(EXAMPLES / name)


def test_a_mapping_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingRefused, match="There is no mapping file"):
        read_mapping_file(tmp_path / "none.yaml")
    with pytest.raises(MappingRefused, match="cannot be read"):
        read_mapping_file(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("columns: {año: name}".encode("latin-1"))
    with pytest.raises(MappingRefused, match="not UTF-8"):
        read_mapping_file(tmp_path / "latin.yaml")
