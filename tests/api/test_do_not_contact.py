"""Who must not be contacted, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from dibs.crm.models import DoNotContact, Lead
from dibs.people.tenancy import enter
from tests.api.conftest import Company

PATH = "/do-not-contact"


def put(company: Company, *who: str, **more: Any) -> Any:
    return company.post(company.ops, PATH, {"who": list(who)} | more)


def test_people_are_put_on_the_list_and_their_leads_told(company: Company) -> None:
    lead = company.lead(source="open", email="ana@acme.example")
    answer = put(company, "Ana@Acme.example", "+528112345678")
    assert (answer.status_code, answer.json()) == (200, {"entries": 2, "leads": 1})
    enter(company.workspace.id)
    assert Lead.objects.get(id=lead).state == "retired"
    assert put(company, "ana@acme.example").json() == {"entries": 0, "leads": 0}


def test_the_list_is_paged_the_latest_first_and_shows_no_address(company: Company) -> None:
    for box in "abcde":
        put(company, f"{box}na@acme.example")
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        body = company.get(company.ops, PATH, **query).json()
        seen += [line["shown"] for line in body["items"]]
        cursor = body["next"]
        if cursor is None:
            break
    assert seen == [f"{box}***@acme.example" for box in "edcba"]
    line = company.get(company.ops, PATH, limit=1).json()["items"][0]
    assert (line["what"], line["why"], line["by"]) == ("mail", "asked", company.ops.name)


def test_one_address_can_be_looked_up(company: Company) -> None:
    put(company, "ana@acme.example")
    assert len(company.get(company.ops, f"{PATH}?who=ana%2Bx@acme.example").json()["items"]) == 1
    assert company.get(company.ops, f"{PATH}?who=bo@acme.example").json()["items"] == []


def test_who_is_taken_off_is_off(company: Company) -> None:
    put(company, "ana@acme.example")
    answer = company.call(company.ops, "DELETE", PATH, {"who": ["ana@acme.example"]})
    assert (answer.status_code, answer.json()) == (200, {"entries": 1, "leads": 0})
    assert company.call(company.ops, "DELETE", PATH, {"who": ["ana@acme.example"]}).json()["entries"] == 0


@pytest.mark.parametrize(
    "who", ["", "ana", "@", "a@b@c", "12", "ana@", "x" * 400, "+", "<script>", "ana@acme.example\u0000", "1 OR 1=1"]
)
def test_what_is_no_address_and_no_number_is_refused_and_nothing_is_written(company: Company, who: str) -> None:
    answer = put(company, "good@acme.example", who)
    assert answer.status_code in {400, 422}, answer.content
    enter(company.workspace.id)
    assert DoNotContact.objects.count() == 0


def test_the_same_request_sent_twice_is_done_once(company: Company) -> None:
    first = company.post(company.ops, PATH, {"who": ["ana@acme.example"]}, Idempotency_Key="k1")
    again = company.post(company.ops, PATH, {"who": ["ana@acme.example"]}, Idempotency_Key="k1")
    assert first.json() == again.json() == {"entries": 1, "leads": 0}


def test_another_workspace_has_a_list_of_its_own(company: Company, other: Company) -> None:
    put(company, "ana@acme.example")
    assert company.get(other.ops, PATH).json()["items"] == []
    assert company.get(other.ops, f"{PATH}?who=ana@acme.example").json()["items"] == []
    lead = other.lead(source="open", email="ana@acme.example")
    enter(other.workspace.id)
    assert Lead.objects.get(id=lead).state == "pooled"
    enter(company.workspace.id)


def test_leads_that_never_said_a_name_are_told_too(company: Company) -> None:
    """By a number, or a mailbox that several have, nobody is recognised without a name; they are not to be rung all the same."""
    phone = company.lead(source="open", name=None, email=None, phone="+528112345678")
    box = company.lead(source="open", name=None, email="info@acme.example", phone=None)
    assert put(company, "+528112345678", "info@acme.example").json() == {"entries": 2, "leads": 2}
    enter(company.workspace.id)
    assert set(Lead.objects.filter(id__in=[phone, box]).values_list("state", flat=True)) == {"retired"}
