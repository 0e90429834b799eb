"""People: who is there, and what each page's forms change; whose they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from dibs.people.models import Busy, Calendar, Rep, TimeOff
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import make_team
from tests.web.conftest import as_

WEEK = {
    "timezone": "Asia/Tokyo",
    "always": "no",
    "country": "JP",
    "keeps_holidays": "yes",
    **{f"from-{day}": "09:00" for day in range(1, 8)},
    **{f"until-{day}": "18:00" for day in range(1, 8)},
}


def change(who: Any, handle: str, what: str, **form: Any) -> Any:
    return as_(who).post(f"/people/{handle}/{what}/", form, follow=True)


def text(response: Any) -> str:
    return str(response.content.decode())


def rep(company: Company, handle: str = "aiko") -> Rep:
    enter(company.workspace.id)
    return Rep.objects.get(workspace=company.workspace, handle=handle)


def test_hours_are_written_down_as_they_were_ticked(company: Company) -> None:
    form = WEEK | {
        "works-1": "yes",
        "works-5": "yes",
        "from-5": "22:00",
        "until-5": "06:00",
        "works-6": "yes",
        "until-6": "00:00",
    }
    page = change(company.manager, "aiko", "hours", **form)
    assert "The hours are written down." in text(page)
    aiko = rep(company)
    assert aiko.hours == {"1": [540, 1080], "5": [1320, 360], "6": [540, 1440]}
    assert (aiko.timezone, aiko.country, aiko.keeps_holidays) == ("Asia/Tokyo", "JP", True)
    # What the page shows, sent as it is, changes nothing.
    change(company.manager, "aiko", "hours", **form)
    assert rep(company).hours == aiko.hours


def test_always_at_work_is_no_hours(company: Company) -> None:
    change(company.manager, "aiko", "hours", **WEEK | {"works-1": "yes"})
    change(company.manager, "aiko", "hours", **WEEK | {"always": "yes", "works-1": "yes"})
    assert rep(company).hours is None


def test_a_new_country_begins_without_a_region(company: Company) -> None:
    for country, region, kept in (("DE", "", ""), ("DE", "BY", "BY"), ("JP", "BY", "")):
        change(company.ops, "aiko", "hours", **WEEK | {"works-1": "yes", "country": country, "region": region})
        assert (rep(company).country, rep(company).region) == (country, kept)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"works-1": "yes", "from-1": "18:00"},
        {"works-1": "yes", "timezone": "<script>"},
        {"works-1": "yes", "country": "XX"},
        {"works-1": "yes", "from-1": ""},
    ],
)
def test_hours_that_cannot_be_change_nothing_and_say_so(company: Company, wrong: dict[str, str]) -> None:
    page = change(company.manager, "aiko", "hours", **WEEK | wrong)
    assert 'class="note error"' in text(page)
    assert "<script>alert" not in text(page)
    assert (rep(company).hours, rep(company).timezone) == (None, "UTC")


def test_strengths_are_lists_with_commas_of_any_script(company: Company) -> None:
    change(
        company.ops,
        "aiko",
        "strengths",
        name="Aiko S.",
        languages="ja、en, ",
        industries="Software，Banking\nRetail",
        seniority="4",
        depth="",
    )
    aiko = rep(company)
    assert (aiko.name, aiko.languages, aiko.industries) == ("Aiko S.", ["ja", "en"], ["Software", "Banking", "Retail"])
    assert (aiko.seniority, aiko.depth) == (4, None)


def test_a_manager_ticks_their_own_teams_and_leaves_the_others(company: Company) -> None:
    enter(company.workspace.id)
    make_team(company.workspace, "openers", managers=(company.manager,))
    change(company.ops, "aiko", "teams", team=["closers", "tokyo"])
    change(company.manager, "aiko", "teams", team=["openers"])
    enter(company.workspace.id)
    assert sorted(rep(company).teams.values_list("slug", flat=True)) == ["openers", "tokyo"]
    page = change(company.manager, "aiko", "teams", team=["openers", "nowhere"])
    assert "There is no such team" in text(page)


def test_a_rep_takes_time_off_and_takes_it_back(company: Company) -> None:
    enter(company.workspace.id)
    Rep.objects.update(timezone="Asia/Tokyo")
    year = now().year + 2  # a year that is this one nowhere on earth
    page = change(company.aiko, "aiko", "off", first_day=f"{year}-05-03", last_day=f"{year}-05-05", note="Golden Week")
    off = TimeOff.objects.get()
    assert (off.starts, off.ends) == (datetime(year, 5, 2, 15, tzinfo=UTC), datetime(year, 5, 5, 15, tzinfo=UTC))
    assert f"May 3, {year} – May 5, {year}" in text(page)
    assert "Golden Week" in text(page)
    change(company.aiko, "aiko", "back", id=str(off.id))
    enter(company.workspace.id)
    assert not TimeOff.objects.exists()


@pytest.mark.parametrize(
    "form", [{}, {"first_day": "x", "last_day": "y"}, {"first_day": "2027-05-05", "last_day": "2027-05-03"}]
)
def test_time_off_that_cannot_be_is_refused_in_words(company: Company, form: dict[str, str]) -> None:
    assert 'class="note error"' in text(change(company.aiko, "aiko", "off", **form))
    enter(company.workspace.id)
    assert not TimeOff.objects.exists()


def test_anothers_time_off_is_not_there_to_take_back(company: Company) -> None:
    enter(company.workspace.id)
    at = now()
    off = TimeOff.objects.create(workspace=company.workspace, rep=company.budi, starts=at, ends=at + timedelta(days=1))
    for wanted in (str(off.id), "nonsense", ""):
        assert change(company.aiko, "aiko", "back", id=wanted).status_code == 404
    enter(company.workspace.id)
    assert TimeOff.objects.get().ends == off.ends


def test_a_calendars_address_is_in_no_page(company: Company) -> None:
    page = change(company.aiko, "aiko", "calendar", url="https://calendar.example/53cr37.ics")
    assert "calendar.example" in text(page)
    for who in (company.aiko, company.manager, company.ops):
        assert "53cr37" not in text(as_(who).get("/people/aiko/"))
    enter(company.workspace.id)
    at = now()
    Calendar.objects.update(
        failing_since=at - timedelta(days=2), fetched_at=at - timedelta(days=2), problem="not_there"
    )
    Busy.objects.create(workspace=company.workspace, rep=company.aiko, starts=at, ends=at + timedelta(hours=1))
    page = as_(company.aiko).get("/people/aiko/")
    assert "there is nothing at the address, or it is not open to us" in text(page).replace("&#39;", "'")
    assert "In an appointment" in text(page)
    change(company.manager, "aiko", "disconnect")
    enter(company.workspace.id)
    assert not Calendar.objects.exists()
    assert not Busy.objects.exists()


def test_the_switch_is_the_reps_and_that_of_who_leads_them(company: Company) -> None:
    for who, wanted, why in ((company.manager, "no", "manager"), (company.aiko, "yes", ""), (company.aiko, "no", "")):
        change(who, "aiko", "switch", available=wanted)
        assert (rep(company).available, rep(company).away_why) == (wanted == "yes", why)


@pytest.mark.parametrize("what", ["hours", "strengths", "teams", "off", "back", "calendar", "disconnect", "switch"])
def test_nobody_changes_who_is_not_theirs(company: Company, what: str) -> None:
    before = Rep.objects.filter(handle="aiko").values().get()
    for who in (company.budi, company.integration):
        assert change(who, "aiko", what, available="no", **WEEK).status_code == 403
    for handle in ("budi",):
        assert change(company.manager, handle, what, available="no", **WEEK).status_code == 403
    if what in {"hours", "strengths", "teams"}:
        assert change(company.aiko, "aiko", what, **WEEK).status_code == 403
    enter(company.workspace.id)
    assert Rep.objects.filter(handle="aiko").values().get() == before
    assert not TimeOff.objects.exists()


def test_another_companys_reps_are_not_there(company: Company, other: Company) -> None:
    enter(other.workspace.id)
    Rep.objects.filter(workspace=other.workspace, handle="aiko").update(handle="elsewhere")
    assert as_(company.ops).get("/people/elsewhere/").status_code == 404
    assert change(company.ops, "elsewhere", "switch", available="no").status_code == 404
    assert rep(other, "elsewhere").available


def test_there_is_nothing_to_change_under_another_name(company: Company) -> None:
    assert change(company.ops, "aiko", "password").status_code == 404
    assert as_(company.ops).get("/people/aiko/switch/").status_code == 405


def test_who_is_kept_from_work_is_told_by_what_in_the_list_and_in_the_top_bar(company: Company) -> None:
    enter(company.workspace.id)
    at = now()
    TimeOff.objects.create(workspace=company.workspace, rep=company.aiko, starts=at, ends=at + timedelta(days=1))
    assert ">Away<" in text(as_(company.manager).get("/people/"))
    assert ">Away<" in text(as_(company.aiko).get("/mine/"))
    assert ">Available<" in text(as_(company.budi).get("/mine/"))


def test_a_name_that_is_markup_is_shown_as_it_is(company: Company) -> None:
    page = change(company.ops, "aiko", "strengths", name="<img src=x onerror=alert(1)>")
    assert "<img src=x" not in text(page)
    assert "&lt;img src=x" in text(page)
