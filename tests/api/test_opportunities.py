"""Opportunities over HTTP: a lead is converted to one, and it comes to its end."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from dibs.crm.models import Opportunity
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import publish

SMALL = POLICY + "opportunities: {close_at_once: {under: 5000, currency: EUR}}\n"


def claimed(company: Company, /, **fields: Any) -> Any:
    lead = company.lead(**fields)
    assert company.post(company.aiko, f"/leads/{lead}/claim").status_code == 200
    return lead


def converted(company: Company, body: dict[str, Any] | None = None) -> str:
    """The id of an opportunity of Aiko's."""
    answer = company.post(company.aiko, f"/leads/{claimed(company)}/convert", body or {})
    assert answer.status_code == 200, answer.content
    return str(answer.json()["opportunity"])


def test_a_lead_is_converted_to_what_was_said(company: Company) -> None:
    lead = claimed(company, company="Acme", domain="acme.example", email="lucia@acme.example", name="Lucia Torres")
    body = {"name": "Fleet", "amount": 1200.5, "currency": "EUR", "stage": "proposal", "close_on": "2026-12-01"}
    answer = company.post(company.aiko, f"/leads/{lead}/convert", body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["state"] == "converted"
    deal = company.get(company.aiko, f"/opportunities/{answer.json()['opportunity']}").json()
    assert {name: deal[name] for name in body} == body
    assert (deal["lead"], deal["owner"], deal["state"], deal["version"]) == (str(lead), "aiko", "open", 0)
    assert (deal["account_name"], deal["contact_name"]) == ("Acme", "Lucia Torres")
    assert deal["contact_email"] == "lucia@acme.example"
    found = company.get(company.manager, "/opportunities", lead=str(lead)).json()["items"]
    assert [one["id"] for one in found] == [deal["id"]]


def test_sent_again_with_its_key_it_is_one_opportunity(company: Company) -> None:
    lead = claimed(company)
    answers = [
        company.post(company.aiko, f"/leads/{lead}/convert", {"name": "Once"}, Idempotency_Key="k1") for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.json()["opportunity"] for answer in answers}) == 1
    enter(company.workspace.id)
    assert Opportunity.objects.count() == 1
    again = company.post(company.aiko, f"/leads/{lead}/convert", {})
    assert (again.status_code, again.json()["code"]) == (409, "already_ended")


def test_what_is_too_big_to_close_on_the_spot_says_what_to_do(company: Company) -> None:
    publish(company.workspace, SMALL)
    lead = claimed(company)
    big = {"amount": 5000, "currency": "EUR", "close": True}
    answer = company.post(company.aiko, f"/leads/{lead}/convert", big)
    assert (answer.status_code, answer.json()["code"]) == (403, "too_big_to_close")
    assert "less than 5,000 EUR" in answer.json()["detail"]
    assert answer.json()["remedy"]["code"] == "leave_open"
    won = company.post(company.aiko, f"/leads/{lead}/convert", {**big, "amount": 4999})
    deal = company.get(company.aiko, f"/opportunities/{won.json()['opportunity']}").json()
    assert (deal["state"], deal["amount"]) == ("won", 4999)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"stage": "won"}, "unknown_stage"),
        ({"stage": "nowhere"}, "unknown_stage"),
        ({"amount": -1}, "invalid"),
        ({"amount": 10**15}, "invalid"),
        ({"amount": "NaN"}, "invalid"),
        ({"currency": "euros"}, "invalid"),
        ({"currency": "eur"}, "invalid"),
        ({"close_on": "soon"}, "invalid"),
        ({"close_on": "0000-00-00"}, "invalid"),
        ({"name": "x" * 301}, "invalid"),
        ({"name": "a\u0000b"}, "invalid"),
        ({"owner": "budi"}, "invalid"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(company: Company, body: dict[str, Any], code: str) -> None:
    lead = claimed(company)
    answer = company.post(company.aiko, f"/leads/{lead}/convert", body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    enter(company.workspace.id)
    assert not Opportunity.objects.exists()


def test_it_goes_its_way_at_the_version_that_was_looked_at(company: Company) -> None:
    deal = converted(company)
    where = f"/opportunities/{deal}"
    moved = company.call(company.aiko, "PATCH", where, {"stage": "negotiation", "version": 0})
    assert (moved.status_code, moved.json()["stage"], moved.json()["version"]) == (200, "negotiation", 1)
    late = company.call(company.manager, "PATCH", where, {"stage": "proposal", "version": 0})
    assert (late.status_code, late.json()["code"]) == (409, "opportunity_outdated")
    assert late.json()["remedy"]["code"] == "look_again"
    won = company.post(company.aiko, f"{where}/won", {"amount": 90, "currency": "EUR", "version": 1}).json()
    assert (won["state"], won["amount"], won["currency"]) == ("won", 90, "EUR")
    assert won["ended_at"]
    twice = company.post(company.aiko, f"{where}/lost", {"why": "no"})
    assert (twice.status_code, twice.json()["code"]) == (409, "opportunity_ended")
    assert company.post(company.aiko, f"{where}/reopen").json()["state"] == "open"
    assert company.post(company.aiko, f"{where}/reopen").json()["code"] == "opportunity_open"
    lost = company.post(company.aiko, f"{where}/lost", {"why": "Too dear"}).json()
    assert (lost["state"], lost["lost_why"]) == ("lost", "Too dear")


def test_null_takes_away_and_what_is_left_out_stays(company: Company) -> None:
    deal = converted(company, {"amount": 10, "currency": "EUR", "close_on": "2026-12-01", "name": "Fleet"})
    changed = company.call(company.aiko, "PATCH", f"/opportunities/{deal}", {"amount": None, "name": None}).json()
    assert (changed["amount"], changed["currency"], changed["close_on"], changed["name"]) == (
        None, "EUR", "2026-12-01", "Fleet",
    )  # fmt: skip


def test_a_name_of_blanks_is_refused_and_blanks_around_one_are_left_out(company: Company) -> None:
    deal = f"/opportunities/{converted(company, {'name': 'Fleet'})}"
    refused = company.call(company.aiko, "PATCH", deal, {"name": " \t\u3000"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert company.get(company.aiko, deal).json()["name"] == "Fleet"
    assert company.call(company.aiko, "PATCH", deal, {"name": " Fleet of ten "}).json()["name"] == "Fleet of ten"


def test_to_hand_it_over_is_for_who_leads(company: Company) -> None:
    deal = converted(company)
    where = f"/opportunities/{deal}"
    refused = company.call(company.aiko, "PATCH", where, {"owner": "budi"})
    assert (refused.status_code, refused.json()["code"]) == (403, "opportunity_not_led")
    unknown = company.call(company.manager, "PATCH", where, {"owner": "nobody"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_rep")
    # Budi is of a team that the manager does not lead: it is the last they see of it.
    handed = company.call(company.manager, "PATCH", where, {"owner": "budi"})
    assert (handed.status_code, handed.json()["owner"], handed.json()["version"]) == (200, "budi", 1)
    assert company.get(company.manager, where).status_code == 404
    assert company.get(company.aiko, where).status_code == 404
    assert company.get(company.budi, where).json()["owner"] == "budi"


def test_others_neither_see_nor_change_it(company: Company, other: Company) -> None:
    deal, foreign = converted(company), converted(other)
    enter(company.workspace.id)
    for who, which in ((company.budi, deal), (company.aiko, foreign), (company.ops, foreign), (company.aiko, uuid4())):
        where = f"/opportunities/{which}"
        assert company.get(who, where).status_code == 404
        assert company.call(who, "PATCH", where, {"stage": "proposal"}).status_code == 404
        for act in ("won", "lost", "reopen"):
            assert company.post(who, f"{where}/{act}").status_code == 404
    assert company.get(company.budi, "/opportunities").json()["items"] == []
    assert company.get(company.budi, "/opportunities/stages").json()["sums"] == []
    assert company.get(company.aiko, "/opportunities/not-an-id").status_code == 404


def test_who_sees_it_and_may_not_change_it_is_told_whose_it_is(company: Company) -> None:
    lead = claimed(company)
    assert company.post(company.aiko, f"/leads/{lead}/helpers", {"rep": "budi"}).status_code == 200
    deal = company.post(company.aiko, f"/leads/{lead}/convert").json()["opportunity"]
    assert company.get(company.budi, f"/opportunities/{deal}").status_code == 200
    answer = company.post(company.budi, f"/opportunities/{deal}/won")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")


def test_lists_are_filtered_and_paged_and_slips_are_refused(company: Company) -> None:
    days = ("2026-12-01", "2026-12-02", "2026-12-03")
    deals = [converted(company, {"amount": 5, "currency": "EUR", "close_on": day}) for day in days]
    company.post(company.aiko, f"/opportunities/{deals[0]}/lost")
    page = company.get(company.ops, "/opportunities", limit=2).json()
    assert [one["id"] for one in page["items"]] == [deals[2], deals[1]]
    rest = company.get(company.ops, "/opportunities", limit=2, cursor=page["next"]).json()
    assert ([one["id"] for one in rest["items"]], rest["next"]) == ([deals[0]], None)
    lost = company.get(company.ops, "/opportunities", state="lost").json()["items"]
    assert [one["id"] for one in lost] == [deals[0]]
    soon = company.get(company.ops, "/opportunities", closes_before="2026-12-03", state="open").json()["items"]
    assert [one["id"] for one in soon] == [deals[1]]
    assert company.get(company.ops, "/opportunities", cursor=page["next"], state="lost").status_code == 400
    # The list goes on where it was, though what stood there last is gone.
    enter(company.workspace.id)
    Opportunity.objects.filter(id=page["items"][-1]["id"]).delete()
    assert company.get(company.ops, "/opportunities", limit=2, cursor=page["next"]).json()["items"] == rest["items"]
    assert company.get(company.ops, "/opportunities", stat="lost").json()["code"] == "invalid"
    assert company.get(company.ops, "/opportunities", owner="a\u0000b").status_code == 422


def test_stages_are_summed_up_by_currency(company: Company) -> None:
    for amount, currency in ((100, "EUR"), (50, "EUR"), (10, "USD")):
        converted(company, {"amount": amount, "currency": currency})
    told = company.get(company.aiko, "/opportunities/stages").json()
    assert [stage["stage"] for stage in told["stages"]] == ["qualified", "proposal", "negotiation"]
    assert told["stages"][0] == {
        "stage": "qualified", "likely": 0.2, "known": True, "count": 3,
        "sums": [
            {"currency": "EUR", "amount": 150, "weighted": 30}, {"currency": "USD", "amount": 10, "weighted": 2},
        ],
    }  # fmt: skip
    assert told["won"] == {"count": 0, "sums": []}
    assert company.get(company.manager, "/opportunities/stages", owner="budi").json()["sums"] == []
