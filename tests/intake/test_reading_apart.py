"""What comes from outside is read by processes that are told no secret."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.workbooks import write_workbook

from dibs.intake.chunks import Reading, chunks_ahead
from dibs.intake.cleaning import Place
from dibs.intake.connectors.opening import open_rows
from dibs.intake.mapping import read_mapping
from dibs.people.agendas import Agenda, busy_in_each

NOW = datetime(2026, 11, 2, tzinfo=UTC)
EVENT = "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\nDTSTART:20261102T090000Z\nDTEND:20261102T100000Z\nEND:VEVENT"


def a_workbook(folder: Path) -> object:
    with open_rows(write_workbook(folder / "leads.xlsx", {"x": [["名前"], ["愛子"]]})) as file:
        return [row.values for row in file] == [["愛子"]]


def a_calendar(_folder: Path) -> object:
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{EVENT}\nEND:VCALENDAR\n".replace("\n", "\r\n")
    nine = NOW.replace(hour=9)
    return busy_in_each([Agenda(text, "UTC", "a@b.example", NOW)]) == [[(nine, nine.replace(hour=10))]]


def a_long_file(folder: Path) -> object:
    (folder / "leads.csv").write_text("id,name\n" + "".join(f"{n},Person {n}\n" for n in range(2_500)))
    mapping = read_mapping("external_id: id\ncolumns: {name: name}\n").mapping
    reading = Reading(folder / "leads.csv", "utf-8", ",", mapping, "UTC", "fair", Place("JP", "UTC"), NOW)
    return [chunk.rows for chunk in chunks_ahead(reading)] == [1000, 1000, 500]


@pytest.mark.parametrize("read", [a_workbook, a_calendar, a_long_file])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_who_reads_what_came_from_outside_is_told_no_secret(
    read: Callable[[Path], object], locale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, python = tmp_path / "told", tmp_path / "python"
    python.write_text(f'#!/bin/sh\nenv >> "{told}"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("LC_ALL", locale)
    for name in ("DATABASE_URL", "DIBS_SECRET_KEY", "DIBS_EMAIL_URL", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):
        monkeypatch.setenv(name, "between-us")
    # Nor is anything run that happens to lie where the command was typed.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")

    assert read(tmp_path)
    said = told.read_text()
    assert f"LC_ALL={locale}" in said
    assert "between-us" not in said
