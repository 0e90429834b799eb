"""A write sent twice with one key is done once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from dibs.api.idempotency import forget, forget_everywhere
from dibs.api.models import KeyedWrite
from dibs.crm.models import Lead
from dibs.distribution.models import Decision
from dibs.people.tenancy import enter
from tests.api.conftest import Company, make_company

KEY = {"Idempotency_Key": "k-1"}
#: Without an external id, the same thing sent twice would be two leads.
LEAD = {"source": "x", "name": "Once", "company": "Only Ltd"}


def test_the_same_key_and_body_is_done_once_and_answered_again(company: Company) -> None:
    first = company.post(company.ops, "/leads", LEAD, **KEY)
    second = company.post(company.ops, "/leads", LEAD, **KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second["Idempotent-Replayed"] == "true"
    enter(company.workspace.id)
    assert Lead.objects.count() == 1


def test_the_same_key_for_something_else_is_refused(company: Company) -> None:
    company.post(company.ops, "/leads", LEAD, **KEY)
    for path, body in (("/leads", LEAD | {"name": "Another"}), ("/leads/batch", LEAD)):
        answer = company.post(company.ops, path, body, **KEY)
        assert (answer.status_code, answer.json()["code"]) in {(422, "idempotency_key_reused"), (422, "invalid")}
    assert (
        company.post(company.ops, "/leads", LEAD | {"name": "Another"}, **KEY).json()["code"]
        == "idempotency_key_reused"
    )


def test_keys_are_a_callers_own(company: Company, other: Company) -> None:
    company.post(company.ops, "/leads", LEAD, **KEY)
    assert company.post(company.integration, "/leads", LEAD | {"name": "Another"}, **KEY).status_code == 201
    assert other.post(other.ops, "/leads", LEAD | {"name": "Another"}, **KEY).status_code == 201


def test_a_refusal_is_an_answer_too(company: Company) -> None:
    lead = company.lead()
    company.post(company.budi, f"/leads/{lead}/claim")
    first = company.post(company.aiko, f"/leads/{lead}/claim", **KEY)
    company.post(company.budi, f"/leads/{lead}/release")
    again = company.post(company.aiko, f"/leads/{lead}/claim", **KEY)
    assert (first.status_code, again.status_code) == (409, 409)
    assert first.content == again.content
    assert company.post(company.aiko, f"/leads/{lead}/claim", Idempotency_Key="k-2").status_code == 200


def test_a_claim_sent_again_is_the_same_claim(company: Company) -> None:
    lead = company.lead()
    first = company.post(company.aiko, f"/leads/{lead}/claim", **KEY)
    second = company.post(company.aiko, f"/leads/{lead}/claim", **KEY)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    none = company.post(company.aiko, "/pools/open/next", Idempotency_Key="k-3")
    assert (none.status_code, company.post(company.aiko, "/pools/open/next", Idempotency_Key="k-3").status_code) == (
        204,
        204,
    )


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "clé"])
def test_a_key_that_cannot_be_one(company: Company, key: str) -> None:
    answer = company.post(company.ops, "/leads", LEAD, Idempotency_Key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_idempotency_key")


def test_keys_of_all_companies_are_forgotten(company: Company, other: Company) -> None:
    for there in (company, other):
        there.post(there.ops, "/leads", LEAD, **KEY)
    assert forget_everywhere(now()) == 0
    assert forget_everywhere(now() + timedelta(hours=25)) == 2


def test_keys_are_forgotten_after_a_day(company: Company) -> None:
    company.post(company.ops, "/leads", LEAD, **KEY)
    enter(company.workspace.id)
    assert forget(now()) == 0
    KeyedWrite.objects.update(at=now() - timedelta(hours=25))
    assert company.post(company.ops, "/leads", LEAD | {"name": "A day later"}, **KEY).status_code == 201
    KeyedWrite.objects.update(at=now() - timedelta(hours=25))
    assert forget(now()) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["lead", "claim"])
def test_at_the_same_moment_it_is_done_once(what: str) -> None:
    company = make_company()
    lead = company.lead()
    company.token(company.ops), company.token(company.aiko)
    answers: list[Any] = []
    start = threading.Barrier(6)

    def send() -> None:
        try:
            start.wait()
            if what == "lead":
                answers.append(company.post(company.ops, "/leads", LEAD, **KEY))
            else:
                answers.append(company.post(company.aiko, f"/leads/{lead}/claim", **KEY))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201 if what == "lead" else 200}
    assert len({answer.content for answer in answers}) == 1
    enter(company.workspace.id)
    assert Lead.objects.count() == (2 if what == "lead" else 1)
    if what == "claim":
        assert Decision.objects.filter(kind="claimed").count() == 1
