"""Moves over HTTP: planned, read, started, followed, undone; and a lead's team."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.distribution import moving_on
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import make_rep


def plan(company: Company, who: Any, **body: Any) -> Any:
    return company.post(who, "/moves", body)


def carry_on(company: Company, move: str) -> None:
    enter(company.workspace.id)
    moving_on.carry_on(company.workspace.id, UUID(move), now)


def owner(company: Company, lead: UUID) -> str | None:
    enter(company.workspace.id)
    return Lead.objects.values_list("owner__handle", flat=True).get(id=lead)


@pytest.fixture
def leads(company: Company) -> list[UUID]:
    """Three leads that Aiko has."""
    found = [company.lead(source="unclear") for _ in range(3)]
    company.post(company.manager, "/leads/bulk", {"act": "assign", "leads": [str(x) for x in found], "rep": "aiko"})
    return found


def test_planned_read_started_followed_and_undone(company: Company, leads: list[UUID]) -> None:
    citra = make_rep(company.workspace, "citra", teams=("closers",))
    planned = plan(
        company, company.manager, leads=[str(lead) for lead in leads], to={"rep": "citra"}, why="Aiko is full"
    )
    assert planned.status_code == 201, planned.content
    move = planned.json()
    assert (move["state"], move["total"], move["to"], move["by"]) == (
        "planned",
        3,
        {"rep": "citra"},
        company.manager.name,
    )
    assert [(one["rep"], one["loses"], one["gets"], one["open_leads"]) for one in move["reps"]] == [
        ("citra", 0, 3, 0),
        ("aiko", 3, 0, 3),
    ]
    items = company.get(company.manager, f"/moves/{move['id']}/items").json()["items"]
    assert [(item["before"]["rep"], item["after"]["rep"]) for item in items] == [("aiko", "citra")] * 3
    assert {UUID(item["lead"]) for item in items} == set(leads)
    assert owner(company, leads[0]) == "aiko"

    started = company.post(company.manager, f"/moves/{move['id']}/start")
    assert (started.status_code, started.json()["state"]) == (200, "running")
    carry_on(company, move["id"])
    done = company.get(company.manager, f"/moves/{move['id']}").json()
    assert (done["state"], done["moved"], done["kept"], done["refused"]) == ("done", 3, 0, 0)
    assert owner(company, leads[0]) == "citra"
    story = company.get(citra, f"/leads/{leads[0]}/timeline").json()["items"][-1]
    said = story["reasons"][0]["text"]
    assert said == f"{company.manager.name} moved it along with others: Aiko is full"

    assert company.post(company.manager, f"/moves/{move['id']}/undo").json()["state"] == "undoing"
    carry_on(company, move["id"])
    assert company.get(company.ops, f"/moves/{move['id']}").json()["undone"] == 3
    assert owner(company, leads[0]) == "aiko"
    again = company.post(company.manager, f"/moves/{move['id']}/undo")
    assert (again.status_code, again.json()["code"]) == (409, "move_not_now")


def test_a_why_of_blanks_says_nothing(company: Company, leads: list[UUID]) -> None:
    planned = plan(company, company.manager, leads=[str(leads[0])], to={"rep": "aiko"}, why=" \t ")
    assert (planned.status_code, planned.json()["why"]) == (201, "")


def test_by_a_filter_or_all_that_is_a_reps(company: Company, leads: list[UUID]) -> None:
    waiting = company.lead()
    found = plan(company, company.ops, filter={"state": "pooled"}, to={"review": "closers"}).json()
    assert (found["total"], found["asked"]) == (1, {"state": "pooled"})
    every = plan(company, company.ops, filter={}).json()
    assert (every["total"], every["asked"]) == (len(leads) + 1, {}), "told apart from leads that are named"
    assert found["places"] == [
        {"kind": "review", "name": "closers", "loses": 0, "gets": 1},
        {"kind": "pool", "name": "inbound", "loses": 1, "gets": 0},
    ]
    assert owner(company, waiting) is None
    everything = plan(company, company.manager, kind="leave", rep="aiko", to={"pool": "inbound"}).json()
    assert (everything["total"], everything["rep"]) == (3, "aiko")


def test_items_come_in_pages(company: Company, leads: list[UUID]) -> None:
    move = plan(company, company.ops, rep="aiko", to={"pool": "inbound"}).json()["id"]
    first = company.get(company.ops, f"/moves/{move}/items", limit=2).json()
    rest = company.get(company.ops, f"/moves/{move}/items", limit=2, cursor=first["next"]).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    bad = company.get(company.ops, f"/moves/{move}/items", cursor="x")
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")
    listed = company.get(company.ops, "/moves").json()["items"]
    assert [each["id"] for each in listed] == [move]


def test_a_leave_is_written_into_the_time_off_when_it_starts(company: Company, leads: list[UUID]) -> None:
    since, until = now() + timedelta(days=1), now() + timedelta(days=8)
    body = {"kind": "leave", "rep": "aiko", "since": since.isoformat(), "until": until.isoformat(), "at_start": True}
    move = plan(company, company.manager, **body).json()
    enter(company.workspace.id)
    assert company.aiko.time_off.count() == 0
    waiting = company.post(company.manager, f"/moves/{move['id']}/start").json()
    assert (waiting["state"], waiting["moved"]) == ("waiting", 0)
    enter(company.workspace.id)
    assert company.aiko.time_off.get().starts == since
    assert company.post(company.manager, f"/moves/{move['id']}/drop").json()["state"] == "dropped"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({"rep": "aiko", "leads": [str(uuid4())]}, 422, "invalid"),
        ({"rep": "aiko", "to": {"rep": "citra", "pool": "inbound"}}, 422, "invalid"),
        ({"rep": "aiko", "to": {"somewhere": "else"}}, 422, "invalid"),
        ({"leads": []}, 422, "invalid"),
        ({"leads": ["nonsense"]}, 422, "invalid"),
        ({"filter": {"state": "gone"}}, 422, "invalid"),
        ({"filter": {"source": "a\x00b"}}, 422, "invalid"),
        ({"filter": {"no": "such"}}, 422, "invalid"),
        ({"kind": "border", "rep": "aiko"}, 422, "invalid"),
        ({"kind": "leave", "filter": {}}, 422, "invalid"),
        ({"rep": "aiko", "why": "x" * 501}, 422, "invalid"),
        ({"rep": "nobody"}, 422, "unknown_rep"),
        ({"rep": "aiko", "to": {"rep": "nobody"}}, 422, "unknown_rep"),
        ({"rep": "aiko", "to": {"pool": "nowhere"}}, 422, "unknown_pool"),
        ({"rep": "aiko", "to": {"team": "nobodys"}}, 422, "unknown_team"),
        ({"rep": "aiko", "to": {"team": "closers", "by": "luck"}}, 422, "invalid"),
        ({"kind": "leave", "rep": "aiko", "since": "2026-03-02T09:00:00Z"}, 422, "bad_span"),
        ({"kind": "leave", "rep": "aiko", "since": "2020-03-02T09:00:00Z", "until": "2020-03-03T09:00:00Z"}, 422, "bad_span"),
        ({"rep": "budi"}, 403, "not_your_team"),
        ({"rep": "aiko", "to": {"rep": "budi"}}, 403, "not_your_team"),
        ({"rep": "aiko", "to": {"team": "tokyo"}}, 403, "not_your_team"),
        ({"rep": "aiko", "to": {"pool": "japan"}}, 403, "not_your_team"),
        ({"kind": "leaving", "rep": "aiko"}, 403, "not_your_team"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused(company: Company, body: dict[str, Any], status: int, code: str) -> None:
    answer = plan(company, company.manager, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert company.get(company.manager, "/moves").json()["items"] == []


def test_leads_that_a_manager_does_not_lead_are_as_if_there_were_none(company: Company) -> None:
    theirs = company.lead(country="JP")
    move = plan(company, company.manager, leads=[str(theirs), str(uuid4())]).json()
    assert move["total"] == 0
    assert company.get(company.manager, f"/moves/{move['id']}/items").json()["items"] == []


def test_anothers_move_is_not_there(company: Company, other: Company, leads: list[UUID]) -> None:
    move = plan(company, company.ops, rep="aiko").json()["id"]
    for who, there in ((company.manager, company), (other.ops, other)):
        for path in (f"/moves/{move}", f"/moves/{move}/items"):
            assert there.get(who, path).status_code == 404
        for act in ("start", "undo", "drop"):
            assert there.post(who, f"/moves/{move}/{act}").status_code == 404
        assert there.get(who, "/moves").json()["items"] == []
    assert company.get(company.ops, "/moves/nonsense").status_code == 404


def test_with_the_same_key_it_is_planned_once(company: Company, leads: list[UUID]) -> None:
    body = {"rep": "aiko", "to": {"pool": "inbound"}}
    answers = [company.post(company.ops, "/moves", body, Idempotency_Key="k1").json() for _ in range(2)]
    assert answers[0]["id"] == answers[1]["id"]
    assert len(company.get(company.ops, "/moves").json()["items"]) == 1


def test_a_leads_team(company: Company, leads: list[UUID]) -> None:
    path = f"/leads/{leads[0]}/helpers"
    assert company.get(company.budi, f"/leads/{leads[0]}").status_code == 404
    assert company.post(company.aiko, path, {"rep": "budi"}).status_code == 200
    assert company.get(company.budi, f"/leads/{leads[0]}").json()["owner"] == "aiko"
    assert [each["rep"] for each in company.get(company.budi, path).json()["items"]] == ["budi"]
    assert company.post(company.budi, f"/leads/{leads[0]}/contact").status_code == 200
    assert company.post(company.budi, f"/leads/{leads[0]}/convert").json()["code"] == "not_yours"
    assert company.post(company.aiko, path, {"rep": "aiko"}).json()["code"] == "owns_it"
    assert company.post(company.aiko, path, {"rep": "nobody"}).json()["code"] == "unknown_rep"
    headers = {"Authorization": f"Bearer {company.token(company.budi)}"}
    gone = company.client.delete(f"/api/v1{path}/budi", headers=headers)
    assert gone.status_code == 200, gone.content
    assert company.get(company.budi, f"/leads/{leads[0]}").status_code == 404


def test_anothers_lead_has_no_team_to_see_or_join(company: Company, other: Company, leads: list[UUID]) -> None:
    path = f"/leads/{leads[0]}/helpers"
    assert other.get(other.ops, path).status_code == 404
    assert other.post(other.ops, path, {"rep": "aiko"}).status_code == 404
    assert company.get(company.budi, path).status_code == 404
    assert company.post(company.budi, path, {"rep": "budi"}).status_code == 404
