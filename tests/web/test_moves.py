"""Moves by form alone: planned, looked at, started, followed, undone; and a lead's team on its page."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now

from dibs.distribution import moving_on
from dibs.distribution.models import Move
from dibs.people.models import Rep, TimeOff
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import make_rep
from tests.web.conftest import as_
from tests.web.test_leads import lead_of, words


@pytest.fixture
def citra(company: Company) -> Rep:
    return make_rep(company.workspace, "citra", teams=("closers",))


@pytest.fixture
def leads(company: Company, citra: Rep) -> list[UUID]:
    """Three leads that Aiko has."""
    found = [company.lead(source="unclear", company=f"Unclear {n}") for n in range(3)]
    company.post(company.manager, "/leads/bulk", {"act": "assign", "leads": [str(x) for x in found], "rep": "aiko"})
    return found


def plan(who: Any, what: str, **form: str) -> Any:
    return as_(who).post(f"/moves/new/{what}/", {"way": "policy"} | form)


def carry_on(company: Company) -> None:
    enter(company.workspace.id)
    for move in Move.objects.values_list("id", flat=True):
        moving_on.carry_on(company.workspace.id, move, now)


def test_planned_looked_at_started_and_undone(company: Company, leads: list[UUID]) -> None:
    who = as_(company.manager)
    planned = plan(company.manager, "rep", rep="aiko", way="rep", **{"to-rep": "citra"}, why="Aiko is full")
    assert planned.status_code == 302, words(planned)
    address = planned["Location"]
    told = words(who.get(address))
    for text in (
        "What Aiko has",
        "to Citra",
        "3 leads, and nothing has happened yet.",
        "Aiko is full",
        "Unclear 1",
        "Who gets what",
    ):
        assert text in told, text
    assert lead_of(company, leads[0]).owner.handle == "aiko"
    under_way = words(who.post(f"{address}start/", follow=True))
    assert "Under way" in under_way
    assert "0 of 3" in under_way
    waiting = who.get(f"{address}progress/")
    assert "hx-trigger" in waiting.content.decode()
    carry_on(company)
    assert who.get(f"{address}progress/")["HX-Refresh"] == "true"
    assert "3 leads were moved." in words(who.get(address))
    assert lead_of(company, leads[0]).owner.handle == "citra"
    who.post(f"{address}undo/")
    carry_on(company)
    assert "3 leads are back where they were." in words(who.get(address))
    assert lead_of(company, leads[0]).owner.handle == "aiko"
    assert "What Aiko has" in words(who.get("/moves/"))


def test_a_leave_is_planned_for_whole_days_in_the_reps_zone(company: Company, leads: list[UUID]) -> None:
    Rep.objects.filter(handle="aiko").update(timezone="Asia/Tokyo")
    planned = plan(company.manager, "leave", rep="aiko", first_day="2099-05-04", last_day="2099-05-08", at_start="yes")
    told = words(as_(company.manager).get(planned["Location"]))
    assert "Have it done then" in told
    assert "Away from May 4, 2099 until May 8, 2099." in told
    as_(company.manager).post(f"{planned['Location']}start/")
    enter(company.workspace.id)
    off = TimeOff.objects.get(rep__handle="aiko")
    assert (off.starts.isoformat(), off.ends.isoformat()) == ("2099-05-03T15:00:00+00:00", "2099-05-08T15:00:00+00:00")
    assert "waits for the leave to begin" in words(as_(company.manager).get("/moves/"))
    assert "Dropped. Nothing was moved." in words(as_(company.manager).post(f"{planned['Location']}drop/", follow=True))


@pytest.mark.parametrize(
    ("what", "form", "said"),
    [
        ("rep", {}, "Say whose leads they are."),
        ("rep", {"rep": "aiko", "way": "moon"}, "Say where they go."),
        ("rep", {"rep": "aiko", "way": "pool"}, "Say where they go."),
        ("rep", {"rep": "aiko", "way": "rep", "to-rep": "aiko"}, "Choose somebody who is active"),
        ("rep", {"rep": "budi"}, "That is not of a team that you lead."),
        ("rep", {"rep": "aiko", "way": "pool", "to-pool": "japan"}, "That is not of a team that you lead."),
        ("leave", {"rep": "aiko", "first_day": "2099-05-04"}, "Give the first and the last day"),
        ("leave", {"rep": "aiko", "first_day": "2099-05-04", "last_day": "2099-05-01"}, "The last day comes before"),
        ("leave", {"rep": "aiko", "first_day": "2001-05-04", "last_day": "2001-05-06"}, "The leave has to end after"),
        ("leave", {"rep": "aiko", "first_day": "9999-05-04", "last_day": "9999-12-31"}, "The last day comes before"),
        ("filter", {}, "Say what the leads have in common."),
        ("filter", {"f-state": "converted"}, "Say what the leads have in common."),
        ("filter", {"f-source": "no'such\x00"}, "There is no open lead like that."),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_planned(
    company: Company, leads: list[UUID], what: str, form: dict[str, str], said: str
) -> None:
    page = plan(company.manager, what, **form)
    assert page.status_code == 422
    assert said in words(page)
    assert not Move.objects.exists()


def test_who_leaves_has_their_opportunities_shown_and_handed_to_another(company: Company, leads: list[UUID]) -> None:
    for lead, name in zip(leads, ("Fleet", "Depot"), strict=False):
        as_(company.aiko).post(f"/leads/{lead}/contact/", {"kind": "call"})
        as_(company.aiko).post(f"/leads/{lead}/convert/", {"name": name, "amount": "1000", "currency": "EUR"})
    address = plan(company.ops, "leaving", rep="aiko")["Location"]
    told = words(as_(company.ops).get(address))
    assert "Open opportunities 2 2,000 EUR" in told
    for text in ("Fleet", "Depot", "They do not go with the leads"):
        assert text in told, text
    handed = as_(company.ops).post("/opportunities/hand/", {"rep": "aiko", "to": "citra", "next": address}, follow=True)
    assert handed.redirect_chain[-1][0] == address
    assert "2 opportunities were handed over." in words(handed)
    assert "Open opportunities" not in words(handed)
    assert "Fleet" in words(as_(Rep.objects.get(handle="citra")).get("/opportunities/"))
    # Who only hands on leads is not asked about opportunities.
    bulk = plan(company.manager, "rep", rep="citra", way="rep", **{"to-rep": "aiko"})
    assert "Open opportunities" not in words(as_(company.manager).get(bulk["Location"]))


def test_by_what_leads_have_in_common(company: Company, leads: list[UUID]) -> None:
    planned = plan(
        company.ops, "filter", **{"f-source": "unclear", "f-owner": "aiko"}, way="review", **{"to-review": "closers"}
    )
    told = words(as_(company.ops).get(planned["Location"]))
    assert "The managers of Closers" in told
    assert Move.objects.get().total == 3


def test_anothers_move_is_not_there_and_a_leaving_is_for_operations(
    company: Company, other: Company, leads: list[UUID]
) -> None:
    address = plan(company.ops, "rep", rep="aiko")["Location"]
    for who in (company.manager, other.ops):
        for path in (address, f"{address}progress/"):
            assert as_(who).get(path).status_code == 404
        for act in ("start", "drop", "undo"):
            assert as_(who).post(f"{address}{act}/").status_code == 404
    assert as_(company.ops).post(f"{address}explode/").status_code == 404
    assert as_(company.aiko).post(f"{address}start/").status_code == 403
    assert plan(company.manager, "leaving", rep="aiko").status_code == 403
    assert plan(company.ops, "leaving", rep="aiko").status_code == 302


def test_leads_in_review_go_as_the_policy_says_now(company: Company) -> None:
    lead = company.lead(source="unclear")
    page = as_(company.manager).post("/review/", {"lead": [str(lead)], "act": "move"})
    assert re.fullmatch(r"/moves/[0-9a-f-]{36}/", page["Location"])
    live = as_(company.manager).post("/review/", {"lead": [str(lead)], "act": "move"}, headers={"HX-Request": "true"})
    assert live["HX-Redirect"].startswith("/moves/")
    assert "1 stays where it is." in words(as_(company.manager).get(page["Location"]))


def test_who_has_a_lead_puts_others_on_it(company: Company, leads: list[UUID]) -> None:
    page = f"/leads/{leads[0]}/"
    assert as_(company.budi).get(page).status_code == 404
    assert "Nobody else yet." in words(as_(company.aiko).get(page))
    assert "They see it now and may help." in words(
        as_(company.aiko).post(f"{page}help/", {"rep": "budi"}, follow=True)
    )
    told = words(as_(company.budi).get(page))
    for text in ("Also on it", "Leave it", "Log contact"):
        assert text in told
    assert "Take off" not in told
    as_(company.budi).post(f"{page}contact/", {"kind": "call"})
    assert lead_of(company, leads[0]).state == "working"
    as_(company.budi).post(f"{page}unhelp/", {"rep": "budi"})
    assert as_(company.budi).get(page).status_code == 404
    assert "Choose who could help." in words(as_(company.aiko).post(f"{page}help/", {"rep": "nobody"}, follow=True))
    story = words(as_(company.aiko).get(page))
    assert "Budi is on its team now, to see it and help" in story
