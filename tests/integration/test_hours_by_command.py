"""`dibs user hours`, `away`, `back` and `calendar`."""

from __future__ import annotations

import json

import pytest

from dibs.people.models import Calendar, Rep, TimeOff
from dibs.people.tenancy import enter
from tests.integration.commands import Command
from tests.making import make_rep, make_workspace


@pytest.fixture
def aiko(transactional_db: None) -> Rep:
    return make_rep(make_workspace(), "aiko", timezone="UTC")


def test_hours_are_set_by_days_and_shown(command: Command, aiko: Rep) -> None:
    set_ = command(
        "user", "hours", aiko.user.email, "mon-thu=9:00-18:00", "fri-sat=22:00-02:00", "--zone", "Asia/Tokyo", "--country", "JP", "--json"
    )  # fmt: skip
    assert set_.returncode == 0, set_.stderr
    told = json.loads(set_.stdout)
    assert told["hours"] == {day: ["09:00", "18:00"] for day in "1234"} | {day: ["22:00", "02:00"] for day in "56"}
    assert (told["timezone"], told["country"], told["keeps_holidays"]) == ("Asia/Tokyo", "JP", True)
    shown = command("user", "hours", aiko.user.email).stdout
    assert "mon  09:00-18:00" in shown
    assert "public holidays of JP off" in shown
    assert "always at work" in command("user", "hours", aiko.user.email, "--always").stdout
    enter(aiko.workspace_id)
    aiko.refresh_from_db()
    assert aiko.hours is None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["mon=9-18"], 2),
        (["xyz=09:00-18:00"], 2),
        (["mon=09:00-18:00", "--always"], 2),
        (["mon=09:00-09:00"], 1),
        (["--zone", "Tokyo"], 1),
        (["--country", "JP", "--region", "BY"], 1),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    command: Command, aiko: Rep, arguments: list[str], code: int
) -> None:
    assert command("user", "hours", aiko.user.email, *arguments).returncode == code
    enter(aiko.workspace_id)
    aiko.refresh_from_db()
    assert (aiko.hours, aiko.timezone, aiko.country) == (None, "UTC", "")


def test_time_off_comes_and_goes(command: Command, aiko: Rep) -> None:
    given = command(
        "user",
        "away",
        aiko.user.email,
        "--from",
        "2027-05-03",
        "--until",
        "2027-05-05",
        "--note",
        "Golden Week",
        "--json",
    )
    (off,) = json.loads(given.stdout)
    assert (off["starts"], off["ends"]) == ("2027-05-03T00:00:00+00:00", "2027-05-06T00:00:00+00:00")
    assert "Golden Week" in command("user", "away", aiko.user.email).stdout
    assert command("user", "back", aiko.user.email, off["id"]).returncode == 0
    assert command("user", "back", aiko.user.email, off["id"]).returncode == 1
    assert command("user", "away", aiko.user.email, "--until", "2027-05-05").returncode == 2
    enter(aiko.workspace_id)
    assert not TimeOff.objects.exists()


def test_a_calendar_is_connected_and_its_address_shown_to_nobody(command: Command, aiko: Rep) -> None:
    connected = command("user", "calendar", aiko.user.email, "https://calendar.example/53cr37.ics")
    assert "calendar.example, not read yet" in connected.stdout
    assert "53cr37" not in connected.stdout + command("user", "calendar", aiko.user.email, "--json").stdout
    assert command("user", "calendar", aiko.user.email, "ftp://calendar.example").returncode == 1
    assert command("user", "calendar", aiko.user.email, "--remove").returncode == 0
    assert command("user", "calendar", aiko.user.email, "--remove").returncode == 1
    enter(aiko.workspace_id)
    assert not Calendar.objects.exists()


def test_who_is_no_rep_or_not_here_has_no_hours(command: Command, aiko: Rep) -> None:
    assert "is no rep" in _refused(command, "user", "add", "m@example.com", "--role", "manager", then="m@example.com")
    assert "Nobody here" in command("user", "hours", "nobody@example.com").stderr


def _refused(command: Command, *arguments: str, then: str) -> str:
    assert command(*arguments).returncode == 0
    return command("user", "hours", then).stderr
