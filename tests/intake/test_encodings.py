"""Encodings told from real text: Japanese, Spanish, German, Indonesian; and what is broken."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from dibs.intake.connectors.csv import CsvFile, FileRefused
from dibs.intake.connectors.csv.reading import broken_text

JAPANESE = """氏名,会社名,都道府県,お問い合わせ内容
田中 愛子,株式会社青葉工務店,東京都,見積もりをお願いいたします。
佐藤 健一,有限会社ひまわり商店,大阪府,"在庫管理について、
一度お電話をいただけますか。"
髙橋 はるか,㈱山吹,北海道,来月①日に②名で伺います。
ｽｽﾞｷ ｲﾁﾛｳ,ｶﾌﾞｼｷｶﾞｲｼｬ ｻｸﾗ,福岡県,デモを拝見したいです～
"""
SPANISH = """nombre;empresa;ciudad;mensaje
José García Núñez;Peña e Hijos, S.A. de C.V.;Ciudad de México;¿Cuánto costaría para 12 usuarios?
María Ibáñez;Café Ñandú;Málaga;Quisiéramos una demostración.
AGUSTÍN LÓPEZ;CONSTRUCCIONES ÁVILA;LEÓN;¡Llámenme mañana, por favor!
"""
GERMAN = "Name;Firma;Stadt\nJürgen Groß;Bäckerei Müller;Köln\nÄnne Weiß;Öko GmbH;Düsseldorf\n"
FRENCH = "Nom,Société\nHélène Lefèvre,Crêperie de l'Été\nFrançois,Hôtel du Château – “Chez Noël”\n"
INDONESIAN = "nama,perusahaan,kota\nSiti Rahayu,PT Maju Jaya,Yogyakarta\nBudi,CV Sinar,Malang\n"
RUSSIAN = "Имя,Город\nИван,Москва\nОльга Петрова,Санкт-Петербург, улица\n".replace(", улица", "")
POLISH = "imię,miasto\nŁukasz,Łódź\nGrażyna,Gdańsk\nZażółć gęślą jaźń,Kraków\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "utf-8"),
        (JAPANESE, "utf-8-sig"),
        (JAPANESE, "utf-16"),
        (JAPANESE, "utf-16-le"),
        (JAPANESE, "cp932"),
        (
            JAPANESE.replace("髙", "高").replace("㈱", "").replace("①", "").replace("②", "").replace("～", ""),
            "shift_jis",
        ),
        (SPANISH, "utf-8"),
        (SPANISH, "utf-16"),
        (SPANISH, "latin-1"),
        (SPANISH, "cp1252"),
        (GERMAN, "latin-1"),
        (GERMAN, "utf-8"),
        (FRENCH, "cp1252"),
        (INDONESIAN, "ascii"),
        (RUSSIAN, "cp1251"),
        (POLISH, "cp1250"),
    ],
)
def test_text_is_read_as_it_was_written(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(text.encode(encoding))
    with CsvFile(path) as file:
        rows = [row.values for row in file]
        read = [file.header, *rows]
    delimiter = ";" if ";" in text.splitlines()[0] else ","
    assert [cell for row in read for cell in row or []] == [cell.strip('"') for cell in _cells(text, delimiter)], (
        file.encoding
    )


def _cells(text: str, delimiter: str) -> list[str]:
    import csv
    import io

    return [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]


def test_one_japanese_row_is_enough_to_tell_shift_jis(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"name,company\n" + "田中愛子,日本工業\n".encode("cp932"))
    with CsvFile(path) as file:
        assert file.encoding == "cp932"


def test_one_spanish_name_is_not_taken_for_shift_jis(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes("name,company\nGarcía,Ibáñez\n".encode("latin-1"))
    with CsvFile(path) as file:
        assert file.encoding == "cp1252"
        assert next(iter(file)).values == ["García", "Ibáñez"]


def test_a_broken_row_in_a_utf_8_file_is_that_row_s_trouble(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes("name\nJosé\nMaría\n".encode() + b"Jos\xe9\n" + "Núria\n".encode())
    with CsvFile(path) as file:
        rows = [row.values or [] for row in file]
    assert file.encoding == "utf-8"
    assert [broken_text(row) for row in rows] == [False, False, True, False]
    assert rows[3] == ["Núria"]


def test_an_encoding_that_is_named_is_used(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes("名前\n田中\n".encode("euc_jp"))
    with CsvFile(path, encoding="euc-jp") as file:
        assert file.header == ["名前"]


def test_a_header_in_another_encoding_than_the_named_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes("名前,会社\n田中,青葉\n".encode("cp932"))
    with pytest.raises(FileRefused) as refused:
        CsvFile(path, encoding="utf-8")
    assert refused.value.code == "wrong_encoding"
    assert "--encoding" in refused.value.message


def test_a_cut_off_utf_16_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes("a,b\n1,2\n3,4".encode("utf-16")[:-1])
    with CsvFile(path) as file:
        rows = list(file)
    assert rows[0].values == ["1", "2"]
    assert broken_text(rows[1].values or [])


def test_a_stray_nul_does_not_make_a_file_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"a,b\n1,\x00\n2,3\n")
    with CsvFile(path) as file:
        assert file.encoding == "utf-8"
        assert [row.values for row in file] == [["1", "\0"], ["2", "3"]]


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "cp1252"])
def test_memory_stays_flat_however_long_the_file(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "leads.csv"
    line = {"utf-8": "1,José\n", "cp932": "1,田中愛子\n", "cp1252": "1,José\n"}[encoding].encode(encoding)
    with path.open("wb") as out:
        out.write(b"a,b\n")
        out.write(line * 200_000)
    tracemalloc.start()
    with CsvFile(path) as file:
        count = sum(1 for _ in file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 8 << 20  # One row kept would be 200,000 of them: tens of megabytes.
