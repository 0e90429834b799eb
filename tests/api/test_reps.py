"""A rep's hours, time off, calendar and switch, by API: for who leads them, and what is theirs to say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from dibs.people.models import Busy, Calendar, Rep, TimeOff
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import make_team

NEXT_YEAR = now().year + 1


def test_who_leads_a_rep_sees_all_about_them_and_others_nothing(company: Company) -> None:
    for who in (company.aiko, company.manager, company.ops, company.integration):
        assert company.get(who, "/reps/aiko").json()["handle"] == "aiko"
    for who, handle in ((company.aiko, "budi"), (company.budi, "aiko"), (company.manager, "budi")):
        refused = company.get(who, f"/reps/{handle}")
        assert (refused.status_code, refused.json()["code"]) == (403, "not_your_rep")
    assert company.get(company.ops, "/reps/nobody").status_code == 404


def test_another_companys_rep_is_not_there(company: Company, other: Company) -> None:
    enter(other.workspace.id)
    other.aiko.handle = "elsewhere"
    other.aiko.save()
    for method, path, body in (
        ("GET", "/reps/elsewhere", None),
        ("PATCH", "/reps/elsewhere", {"name": "Mine now"}),
        ("POST", "/reps/elsewhere/time-off", {"first_day": "2027-01-04", "last_day": "2027-01-08"}),
        ("PUT", "/reps/elsewhere/calendar", {"url": "https://calendar.example/x.ics"}),
    ):
        assert company.call(company.ops, method, path, body).status_code == 404
    enter(other.workspace.id)
    assert Rep.objects.get(handle="elsewhere").name == "Aiko"
    assert not Calendar.objects.exists()


def test_a_manager_changes_hours_holidays_and_strengths_of_their_own_reps_alone(company: Company) -> None:
    change = {
        "country": "DE",
        "region": "BY",
        "timezone": "Europe/Berlin",
        "hours": {"1": ["09:00", "17:30"], "5": ["22:00", "06:00"]},
        "languages": ["de", "en-GB"],
        "industries": ["Software", " Software ", "Banking"],
        "seniority": 5,
        "depth": 2,
    }
    changed = company.call(company.manager, "PATCH", "/reps/aiko", change)
    assert changed.status_code == 200, changed.content
    told = changed.json()
    assert {name: told[name] for name in change} == change | {"industries": ["Software", "Banking"]}
    assert "Corpus Christi" in {day["name"] for day in told["holidays"]}  # in Bavaria, and not in all of Germany
    enter(company.workspace.id)
    assert Rep.objects.get(handle="aiko").hours == {"1": [540, 1050], "5": [1320, 360]}
    assert company.call(company.manager, "PATCH", "/reps/budi", {"seniority": 1}).json()["code"] == "not_your_rep"
    assert company.call(company.aiko, "PATCH", "/reps/aiko", {"seniority": 5}).json()["code"] == "not_allowed"


def test_what_is_left_out_stays_and_null_hours_are_always(company: Company) -> None:
    company.call(company.ops, "PATCH", "/reps/aiko", {"hours": {"2": ["00:00", "24:00"]}, "country": "JP"})
    told = company.call(company.ops, "PATCH", "/reps/aiko", {"name": "Aiko S."}).json()
    assert (told["name"], told["hours"], told["country"]) == ("Aiko S.", {"2": ["00:00", "24:00"]}, "JP")
    assert told["holidays"]
    told = company.call(company.ops, "PATCH", "/reps/aiko", {"hours": None}).json()
    assert (told["hours"], told["holidays"]) == (None, [])


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone", "unknown_timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone", "unknown_timezone"),
        ({"country": "ZZ"}, "country", "unknown_country"),
        ({"country": "JP", "region": "BY"}, "region", "unknown_region"),
        ({"region": "BY"}, "region", "unknown_region"),
        ({"hours": {}}, "hours", "bad_hours"),
        ({"hours": {"1": ["09:00", "09:00"]}}, "hours", "bad_hours"),
        ({"hours": {"1": ["9", "17"]}}, "hours", "bad_hours"),
        ({"hours": {"1": ["24:00", "17:00"]}}, "hours", "bad_hours"),
        ({"hours": {"1": ["09:00", "24:01"]}}, "hours", "bad_hours"),
        ({"languages": ["<b>"]}, "languages", "bad_language"),
        ({"name": "   "}, "name", "needed"),
        ({"teams": ["nowhere"]}, "teams", "unknown_team"),
    ],
)
def test_what_does_not_fit_is_refused_by_field_and_changes_nothing(
    company: Company, change: dict[str, Any], field: str, code: str
) -> None:
    refused = company.call(company.ops, "PATCH", "/reps/aiko", {"seniority": 3, **change})
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert (error["where"], error["code"]) == ([field], code)
    enter(company.workspace.id)
    assert Rep.objects.get(handle="aiko").seniority is None


@pytest.mark.parametrize(
    "body", [{"hours": {"8": ["09:00", "17:00"]}}, {"seniority": 6}, {"active": False}, {"user": "x"}]
)
def test_the_schema_lets_nothing_else_in(company: Company, body: dict[str, Any]) -> None:
    assert company.call(company.ops, "PATCH", "/reps/aiko", body).status_code == 422


def test_a_country_that_changes_takes_its_region_along(company: Company) -> None:
    company.call(company.ops, "PATCH", "/reps/aiko", {"country": "DE", "region": "BY"})
    told = company.call(company.ops, "PATCH", "/reps/aiko", {"country": "JP"}).json()
    assert (told["country"], told["region"]) == ("JP", "")


def test_a_manager_adds_to_and_takes_from_teams_of_their_own_alone(company: Company) -> None:
    refused = company.call(company.manager, "PATCH", "/reps/aiko", {"teams": ["closers", "tokyo"]})
    assert refused.json()["errors"][0]["code"] == "not_your_team"
    make_team(company.workspace, "openers", managers=(company.manager,))
    told = company.call(company.manager, "PATCH", "/reps/aiko", {"teams": ["closers", "openers"]}).json()
    assert told["teams"] == ["closers", "openers"]
    told = company.call(company.ops, "PATCH", "/reps/aiko", {"teams": ["tokyo"]}).json()
    assert told["teams"] == ["tokyo"]
    assert company.call(company.manager, "PATCH", "/reps/aiko", {"teams": []}).json()["code"] == "not_your_rep"


def test_time_off_by_days_is_whole_days_in_the_reps_own_zone(company: Company) -> None:
    enter(company.workspace.id)
    Rep.objects.filter(handle="aiko").update(timezone="Asia/Tokyo")
    first = (now() + timedelta(days=30)).date()
    taken = company.call(
        company.aiko,
        "POST",
        "/me/time-off",
        {"first_day": f"{first}", "last_day": f"{first + timedelta(days=1)}", "note": "Okinawa"},
    )
    assert taken.status_code == 201
    day_before = first - timedelta(days=1)
    assert taken.json()["starts"] == f"{day_before}T15:00:00Z"
    assert taken.json()["ends"] == f"{day_before + timedelta(days=2)}T15:00:00Z"
    (listed,) = company.get(company.manager, "/reps/aiko/time-off").json()["items"]
    assert listed == taken.json()
    assert company.call(company.aiko, "DELETE", f"/me/time-off/{listed['id']}").status_code == 204
    assert company.get(company.aiko, "/me/time-off").json()["items"] == []
    assert company.call(company.aiko, "DELETE", f"/me/time-off/{listed['id']}").status_code == 404


def test_time_off_under_way_ends_now_when_it_is_taken_back(company: Company) -> None:
    at = now()
    span = {"starts": (at - timedelta(hours=5)).isoformat(), "ends": (at + timedelta(days=3)).isoformat()}
    taken = company.call(company.manager, "POST", "/reps/aiko/time-off", span).json()
    assert company.get(company.aiko, "/reps/aiko").json()["absence"] == "away"
    assert company.call(company.manager, "DELETE", f"/reps/aiko/time-off/{taken['id']}").status_code == 204
    assert company.get(company.aiko, "/reps/aiko").json()["absence"] is None
    enter(company.workspace.id)
    assert TimeOff.objects.get().ends <= now()  # what was stays written down


def test_nobody_takes_back_anothers_time_off_through_their_own_address(company: Company) -> None:
    taken = company.call(
        company.ops,
        "POST",
        "/reps/budi/time-off",
        {"first_day": f"{NEXT_YEAR}-05-03", "last_day": f"{NEXT_YEAR}-05-07"},
    ).json()
    assert company.call(company.aiko, "DELETE", f"/me/time-off/{taken['id']}").status_code == 404
    assert company.call(company.manager, "DELETE", f"/reps/aiko/time-off/{taken['id']}").status_code == 404
    refused = company.call(company.manager, "DELETE", f"/reps/budi/time-off/{taken['id']}")
    assert refused.json()["code"] == "not_your_rep"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"first_day": "2027-01-04"},
        {"first_day": "2027-01-04", "last_day": "2027-01-03"},
        {"first_day": "2020-01-04", "last_day": "2020-01-05"},
        {"first_day": "2027-01-04", "last_day": "9999-12-31"},
        {"first_day": "2027-01-04", "last_day": "2027-01-05", "starts": "2027-01-04T00:00:00Z"},
        {"starts": "2027-01-04T00:00:00", "ends": "2027-01-05T00:00:00"},
        {"starts": "2027-01-04T00:00:00Z", "ends": "2035-01-05T00:00:00Z"},
        {"first_day": "2027-01-04", "last_day": "2027-01-05", "note": "x" * 201},
    ],
)
def test_time_off_that_cannot_be_is_refused(company: Company, body: dict[str, Any]) -> None:
    refused = company.call(company.aiko, "POST", "/me/time-off", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


def test_a_calendars_address_is_told_to_nobody(company: Company) -> None:
    secret = "webcal://calendar.example:8443/private-f00/aiko.ics?key=53cr37"
    connected = company.call(company.aiko, "PUT", "/me/calendar", {"url": secret})
    assert connected.status_code == 200
    assert connected.json()["calendar"] == {
        "host": "calendar.example",
        "fetched_at": None,
        "failing_since": None,
        "problem": None,
    }
    for who in (company.aiko, company.manager, company.ops):
        assert b"53cr37" not in company.get(who, "/reps/aiko").content
    enter(company.workspace.id)
    assert Calendar.objects.get().url == "https://calendar.example:8443/private-f00/aiko.ics?key=53cr37"


def test_another_address_or_none_forgets_what_the_calendar_said(company: Company) -> None:
    at = now()
    for change in (
        lambda: company.call(company.aiko, "PUT", "/me/calendar", {"url": "https://calendar.example/b.ics"}),
        lambda: company.call(company.manager, "DELETE", "/reps/aiko/calendar"),
    ):
        company.call(company.aiko, "PUT", "/me/calendar", {"url": "https://calendar.example/a.ics"})
        enter(company.workspace.id)
        Busy.objects.create(workspace=company.workspace, rep=company.aiko, starts=at, ends=at + timedelta(hours=1))
        assert company.get(company.aiko, "/reps/aiko").json()["absence"] == "busy"
        assert change().status_code < 300
        assert company.get(company.aiko, "/reps/aiko").json()["absence"] is None
        enter(company.workspace.id)
        assert not Busy.objects.exists()
    assert company.call(company.aiko, "DELETE", "/me/calendar").status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "ftp://calendar.example/x",
        "file:///etc/passwd",
        "https://me:secret@calendar.example/",
        "https://",
        "nonsense",
        "https://a:99999/",
    ],
)
def test_an_address_that_is_none_is_refused(company: Company, url: str) -> None:
    refused = company.call(company.aiko, "PUT", "/me/calendar", {"url": url})
    assert refused.json()["errors"][0]["code"] == "bad_address"


def test_a_rep_turns_their_own_switch_and_a_manager_that_of_their_reps(company: Company) -> None:
    told = company.post(company.aiko, "/me/availability", {"available": False}).json()
    assert (told["available"], told["absence"], told["away_why"]) == (False, "switched_off", "")
    told = company.call(company.manager, "PATCH", "/reps/aiko", {"available": True}).json()
    assert (told["available"], told["absence"], told["away_since"]) == (True, None, None)
    told = company.call(company.manager, "PATCH", "/reps/aiko", {"available": False}).json()
    assert told["away_why"] == "manager"
    (off, on) = company.get(company.aiko, "/me/notices").json()["items"]
    assert [notice["reasons"][0]["code"] for notice in (off, on)] == ["switched_away", "switched_back"]
    enter(company.workspace.id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT event, payload ->> 'why' FROM delivery_outbox WHERE event LIKE 'rep.%' ORDER BY seq")
        assert cursor.fetchall() == [("rep.away", "self"), ("rep.back", None), ("rep.away", "manager")]


def test_a_switch_that_stands_so_already_is_no_news(company: Company) -> None:
    for _ in range(2):
        company.post(company.aiko, "/me/availability", {"available": True})
    enter(company.workspace.id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM delivery_outbox WHERE event LIKE 'rep.%'")
        assert cursor.fetchone() == (0,)


def test_who_is_no_rep_has_nothing_to_switch(company: Company) -> None:
    for method, path, body in (
        ("POST", "/me/availability", {"available": False}),
        ("GET", "/me/time-off", None),
        ("POST", "/me/time-off", {"first_day": "2027-01-04", "last_day": "2027-01-08"}),
        ("DELETE", "/me/calendar", None),
    ):
        refused = company.call(company.manager, method, path, body)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_a_rep")


def test_the_list_says_what_keeps_each(company: Company) -> None:
    company.post(company.aiko, "/me/availability", {"available": False})
    by_handle = {rep["handle"]: rep for rep in company.get(company.ops, "/reps").json()["items"]}
    assert (by_handle["aiko"]["at_work"], by_handle["aiko"]["absence"]) == (False, "switched_off")
    assert (by_handle["budi"]["at_work"], by_handle["budi"]["absence"]) == (True, None)


def test_a_change_sent_twice_with_one_key_is_one_change(company: Company) -> None:
    body = {"first_day": f"{NEXT_YEAR}-01-04", "last_day": f"{NEXT_YEAR}-01-08"}
    for _ in range(2):
        assert company.post(company.aiko, "/me/time-off", body, Idempotency_Key="k1").status_code == 201
    enter(company.workspace.id)
    assert TimeOff.objects.count() == 1
