"""Chunks of a file made ready here, or by another process: the same either way."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dibs.intake import chunks as module
from dibs.intake.chunks import CHUNK, Reading, chunks, chunks_ahead
from dibs.intake.cleaning import Place
from dibs.intake.connectors.csv import FileRefused
from dibs.intake.mapping import read_mapping

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MAPPING = "external_id: id\ncolumns: {name: name, phone: phone, when: {to: received_at, dates: '%d/%m/%Y'}}\n"


def reading(path: Path) -> Reading:
    mapping = read_mapping(MAPPING).mapping
    return Reading(path, "utf-8", ",", mapping, "Asia/Tokyo", "fair", Place("JP", "Asia/Tokyo"), NOW)


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    rows = [f"{n},Person {n},03-3580-33{n % 100:02},01/02/2026" for n in range(CHUNK * 2 + 500)]
    rows[7] = "7,short"
    rows[CHUNK + 7] = f"{CHUNK + 7},nul\0,,"
    rows[CHUNK * 2 + 7] = f"{CHUNK * 2 + 7},short"
    path.write_text("\n".join(["id,name,phone,when", *rows, ""]))
    return path


def test_another_process_makes_the_same_chunks(long_file: Path) -> None:
    here, there = list(chunks(reading(long_file))), list(chunks_ahead(reading(long_file)))
    assert here == there
    assert [chunk.rows for chunk in here] == [CHUNK, CHUNK, 500]
    assert [(why.row, why.code) for why in here[0].unread] == [(8, "row_short")]
    assert [(why.row, why.line, why.code) for why in there[2].unread] == [(CHUNK * 2 + 8, CHUNK * 2 + 9, "row_short")]
    (refusal,) = here[1].prepared.refused
    assert (refusal.code, here[1].numbers[refusal.at]) == ("nul_byte", (CHUNK + 8, CHUNK + 9))
    assert here[1].raws[refusal.at].startswith(f"{CHUNK + 7},nul")
    assert here[0].prepared.taken[0].facts["phone"] == "+81335803300"
    assert here[0].prepared.taken[0].facts["received_at"] == datetime(2026, 1, 31, 15, tzinfo=UTC)


def test_a_file_that_is_read_before_the_other_process_has_started_ends_too(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("id,name,phone,when\n1,Person,03-3580-3301,01/02/2026\n")
    assert list(chunks_ahead(reading(path))) == list(chunks(reading(path)))


def test_what_goes_wrong_there_comes_up_here(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        list(chunks_ahead(reading(tmp_path / "gone.csv")))
    assert refused.value.code == "file_missing"


def test_the_other_process_ends_with_who_reads_from_it(long_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **given: Any) -> None:
            super().__init__(*arguments, **given)
            started.append(self)

    monkeypatch.setattr(module.subprocess, "Popen", Watched)
    made = chunks_ahead(reading(long_file))
    next(made)
    made.close()
    assert [process.poll() is not None for process in started] == [True]


def test_a_process_that_dies_is_told_of(long_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="ended before the file did"):
        list(chunks_ahead(reading(long_file)))


def test_making_ready_needs_no_django() -> None:
    script = "import sys, dibs.intake.chunks; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
