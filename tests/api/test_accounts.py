"""Accounts, touches and near misses over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from dibs.crm.models import Lead, NearMiss
from tests.api.conftest import Company
from tests.making import make_user, make_workspace


def account(company: Company, **fields: Any) -> Any:
    answer = company.post(company.ops, "/accounts", fields)
    assert answer.status_code in {200, 201}, answer.content
    return answer.json()


def test_an_account_is_created_changed_and_read(company: Company) -> None:
    made = account(company, name="Acme S.A. de C.V.", domain="https://www.acme.com.mx/about", owner="aiko")
    assert made["outcome"] == "created"
    assert account(company, domain="acme.com.mx", customer=True)["id"] == made["id"]
    child = account(company, name="Acme Norte", external_id="n", parent="acme.com.mx")
    read = company.get(company.ops, f"/accounts/{child['id']}").json()
    assert (read["owner"], read["through"], read["customer"], read["parent"]) == (
        "aiko",
        "Acme S.A. de C.V.",
        True,
        made["id"],
    )
    changed = company.call(
        company.ops, "PATCH", f"/accounts/{made['id']}", {"owner": None, "phone": "+52 55 1234 5678"}
    )
    assert (changed.status_code, changed.json()["owner"], changed.json()["phone"]) == (200, None, "+525512345678")
    assert [one["name"] for one in company.get(company.ops, "/accounts", name="acme norte inc").json()["items"]] == [
        "Acme Norte"
    ]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"name": "X", "domain": "gmail.com"}, "domain_free_mail", "domain"),
        ({"name": "X", "domain": "not a domain"}, "domain_invalid", "domain"),
        ({"name": "X", "owner": "nobody"}, "owner_unknown", "owner"),
        ({"domain": "new.example"}, "name_missing", "name"),
    ],
)
def test_what_is_wrong_with_an_account_is_said(company: Company, fields: dict[str, Any], code: str, field: str) -> None:
    answer = company.post(company.ops, "/accounts", fields)
    assert answer.status_code == 422
    assert [(one["code"], one["where"]) for one in answer.json()["errors"]] == [(code, [field])]


def test_a_batch_answers_each_by_its_place(company: Company) -> None:
    given = [{"name": "One"}, {"nome": "Two"}, {"name": "Three", "owner": "nobody"}, {"name": "Four"}]
    answer = company.post(company.ops, "/accounts/batch", {"accounts": given}).json()
    assert [one["outcome"] for one in answer["items"]] == ["created", "refused", "refused", "created"]


def test_accounts_go_on_page_by_page(company: Company) -> None:
    company.post(company.ops, "/accounts/batch", {"accounts": [{"name": f"Number {n}"} for n in range(7)]})
    seen, cursor = [], None
    while True:
        page = company.get(company.ops, "/accounts", limit=3, **({"cursor": cursor} if cursor else {})).json()
        seen += [one["name"] for one in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == [f"Number {n}" for n in reversed(range(7))]
    assert company.get(company.ops, "/accounts", cursor="x").json()["code"] == "bad_cursor"


def test_another_companys_accounts_are_nobodys_business(company: Company) -> None:
    made = account(company, name="Acme")
    stranger = make_user(make_workspace(), "ops")
    assert company.get(stranger, f"/accounts/{made['id']}").status_code == 404
    assert company.call(stranger, "PATCH", f"/accounts/{made['id']}", {"customer": True}).status_code == 404
    assert company.get(stranger, "/accounts").json()["items"] == []


def send(company: Company, **fields: Any) -> Any:
    return company.post(company.ops, "/leads", {"source": "web", **fields})


def test_the_same_person_again_is_answered_with_the_lead_they_have(company: Company) -> None:
    first = send(company, external_id="1", email="aiko@acme.example", name="Aiko Tanaka")
    again = send(company, external_id="2", email="Aiko@acme.example", message="Still waiting")
    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json()["outcome"], again.json()["id"]) == ("touched", first.json()["id"])
    repeated = send(company, external_id="2", email="Aiko@acme.example", message="Still waiting")
    assert (repeated.json()["outcome"], repeated.json()["id"]) == ("unchanged", first.json()["id"])
    more = send(company, external_id="2", email="Aiko@acme.example", message="Hello?")
    assert (more.json()["outcome"], more.json()["id"]) == ("enriched", first.json()["id"])
    lead = company.get(company.ops, f"/leads/{first.json()['id']}").json()
    assert (lead["touches"], lead["message"], Lead.objects.count()) == (2, "Hello?", 1)


def test_what_a_person_does_is_counted_and_told_once(company: Company) -> None:
    lead = company.lead()
    pages = {"kind": "page", "count": 6, "source": "site", "external_id": "p1", "detail": {"path": "/prices"}}
    assert company.post(company.integration, f"/leads/{lead}/touches", pages).status_code == 201
    again = company.post(company.integration, f"/leads/{lead}/touches", pages)
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    company.post(company.integration, f"/leads/{lead}/touches", {"kind": "open"})
    shown = company.get(company.ops, f"/leads/{lead}").json()
    assert (shown["touches"], shown["pages"], shown["mails_opened"]) == (1, 6, 1)
    company.post(company.manager, f"/leads/{lead}/retire", {"why": "spam"})
    over = company.post(company.integration, f"/leads/{lead}/touches", {"kind": "open"})
    assert (over.status_code, over.json()["code"]) == (409, "already_ended")
    for body in ({"kind": "page", "count": 0}, {"kind": "dance"}, {"kind": "page", "count": 10**6}):
        assert company.post(company.integration, f"/leads/{lead}/touches", body).status_code == 422
    assert company.post(company.integration, f"/leads/{uuid4()}/touches", {"kind": "page"}).status_code == 404


def test_counts_come_with_a_lead_too(company: Company) -> None:
    lead = send(company, external_id="1", touches=4, pages=9, opens=0).json()["id"]
    shown = company.get(company.ops, f"/leads/{lead}").json()
    assert (shown["touches"], shown["pages"], shown["mails_opened"]) == (4, 9, 0)


def near(company: Company) -> tuple[str, str]:
    phone = "+81335803311"
    one = send(company, external_id="1", phone=phone, name="Aiko Tanaka").json()["id"]
    other = send(company, external_id="2", phone=phone, name="A. Tanaka").json()["id"]
    return one, other


def test_near_misses_are_listed_merged_and_taken_back(company: Company) -> None:
    one, other = near(company)
    (listed,) = company.get(company.manager, "/matches").json()["items"]
    assert {listed["lead"]["id"], listed["other"]["id"]} == {one, other}
    assert listed["parts"][0]["part"] == "phone"
    merged = company.post(company.manager, f"/matches/{listed['id']}/merge").json()
    assert (merged["state"], merged["lead"]) == ("merged", one)
    assert company.get(company.manager, f"/leads/{other}").json()["state"] == "merged"
    assert company.get(company.manager, "/matches").json()["items"] == []
    assert company.get(company.manager, "/matches", state="merged").json()["items"][0]["merge"] == merged["merge"]
    again = company.post(company.manager, f"/matches/{listed['id']}/apart")
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")
    undone = company.post(company.manager, f"/merges/{merged['merge']}/undo").json()
    assert undone == {"kept": one, "gone": other, "restored": True}
    assert company.get(company.manager, f"/leads/{other}").json()["state"] == "pooled"
    assert company.post(company.manager, f"/matches/{listed['id']}/undo").json()["state"] == "open"
    assert company.post(company.manager, f"/matches/{listed['id']}/apart").json()["state"] == "apart"


def test_two_leads_are_merged_by_name(company: Company) -> None:
    one, other = company.lead(), company.lead()
    done = company.post(company.manager, f"/leads/{one}/merge", {"into": str(other)}).json()
    assert (done["kept"], done["gone"]) == (str(other), str(one))
    assert company.post(company.manager, f"/leads/{one}/merge", {"into": str(other)}).json()["code"] == "already_ended"
    assert company.post(company.manager, f"/leads/{other}/merge", {"into": str(other)}).json()["code"] == "same_lead"


def test_a_manager_decides_only_where_they_lead(company: Company) -> None:
    one, other = near(company)
    for lead in (one, other):
        Lead.objects.filter(id=lead).update(pool="japan")
    match = NearMiss.objects.get()
    assert company.get(company.manager, "/matches").json()["items"] == []
    for path in (f"/matches/{match.id}",):
        assert company.get(company.manager, path).status_code == 404
    for act in ("merge", "apart", "undo"):
        assert company.post(company.manager, f"/matches/{match.id}/{act}").status_code == 404
    assert company.post(company.manager, f"/leads/{one}/merge", {"into": other}).status_code == 404
    assert len(company.get(company.ops, "/matches").json()["items"]) == 1
