"""Accounts and contacts of new customers are made as their leads come in; of those that are here none twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.accounts import Told, write_accounts
from dibs.crm.customers import Customer, make_customers, mark_all_made
from dibs.crm.models import Account, AccountMark, Contact, Lead
from dibs.distribution.models import Decision
from dibs.distribution.placing import enrich, place
from dibs.intake.receiving import receive
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_workspace, publish

POLICY = "policy: One pool\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {}}\n"


@pytest.fixture
def workspace(db: None) -> Workspace:
    workspace = make_workspace()
    publish(workspace, POLICY)
    return workspace


def after(minutes: int) -> datetime:
    return MONDAY + timedelta(minutes=minutes)


def comes(workspace: Workspace, minutes: int = 0, **fields: Any) -> Lead:
    given = {"email": None, "company": None, "domain": None, "phone": None} | fields
    (placed,) = place(workspace.id, [make_arrival(**given)], now=after(minutes))
    enter(workspace.id)
    return Lead.objects.select_related("account", "contact").get(id=placed.lead_id)


def reasons(lead: Lead) -> set[str]:
    return {str(reason["code"]) for row in Decision.objects.filter(lead=lead) for reason in row.reasons}


def test_a_new_customer_has_an_account_and_a_contact(workspace: Workspace) -> None:
    lead = comes(workspace, email="Ana.Ruiz@acme.example", company="Acme SA", domain="acme.example", title="CEO")
    assert lead.account is not None
    assert lead.contact is not None
    assert (lead.account.name, lead.account.domain, lead.account.made) == ("Acme SA", "acme.example", True)
    assert (lead.contact.account_id, lead.contact.email, lead.contact.title) == (
        lead.account_id,
        "ana.ruiz@acme.example",
        "CEO",
    )
    assert {"account_made", "contact_made"} <= reasons(lead)


def test_a_colleague_belongs_to_it_and_is_another_contact(workspace: Workspace) -> None:
    first = comes(workspace, email="ana@acme.example", company="Acme", domain="acme.example")
    second = comes(workspace, email="ben@acme.example", company="Acme Inc", domain="acme.example")
    assert first.account_id == second.account_id
    assert first.contact_id != second.contact_id
    assert "account_made" not in reasons(second)
    assert "matched_account" in reasons(second)


def test_a_person_by_themselves_is_a_contact_without_an_account(workspace: Workspace) -> None:
    lead = comes(workspace, email="ana@gmail.com", name="Ana Ruiz")
    assert lead.account is None
    assert lead.contact is not None
    assert lead.contact.account is None


def test_who_comes_again_when_their_lead_has_ended_is_the_same_contact(workspace: Workspace) -> None:
    first = comes(workspace, email="ana@gmail.com")
    by_phone = comes(workspace, phone="+525512345678", name="Eva Paz")
    Lead.objects.all().update(state="retired", ended_at=after(1))
    assert comes(workspace, 2, email="Ana+news@gmail.com").contact_id == first.contact_id
    assert comes(workspace, 2, phone="+525512345678", name="Eva Paz").contact_id == by_phone.contact_id
    assert Contact.objects.count() == 2


def test_a_contact_takes_what_it_lacks_and_keeps_what_it_has(workspace: Workspace) -> None:
    first = comes(workspace, email="ana@acme.example", name="Ana")
    Lead.objects.all().update(state="retired", ended_at=after(1))
    comes(workspace, 2, email="ana@acme.example", name="Anna", title="CEO", company="Acme", domain="acme.example")
    contact = Contact.objects.get(id=first.contact_id)
    assert (contact.name, contact.title, contact.account and contact.account.name) == ("Ana", "CEO", "Acme")


def test_who_has_nothing_to_be_known_by_is_no_contact(workspace: Workspace) -> None:
    assert comes(workspace, name="Ana", company="Acme").contact is None


def test_companies_without_a_domain_are_one_by_their_name(workspace: Workspace) -> None:
    first = comes(workspace, company="Toko Maju, PT")
    assert comes(workspace, company="PT Toko Maju").account_id == first.account_id
    assert Account.objects.count() == 1


def test_of_what_a_person_is_asked_about_nothing_is_made(workspace: Workspace) -> None:
    write_accounts(
        workspace.id, [Told(frozenset({"name", "domain"}), name="Acme Manufacturing", domain="acme.example")], MONDAY
    )
    lead = comes(workspace, company="Acme Manufacturing Services")
    assert lead.account is None
    assert Account.objects.count() == 1


@pytest.mark.parametrize("make", ["conversion", "never"])
def test_the_policy_says_when(workspace: Workspace, make: str) -> None:
    publish(workspace, POLICY + f"matching: {{make: {make}}}\n")
    lead = comes(workspace, email="ana@acme.example", company="Acme", domain="acme.example")
    assert (lead.account, lead.contact) == (None, None)


def test_what_becomes_known_later_makes_them_later(workspace: Workspace) -> None:
    receive(workspace.id, [{"source": "web", "external_id": "1", "name": "Ana"}], now=MONDAY)
    receive(workspace.id, [{"source": "web", "external_id": "1", "email": "ana@acme.example"}], now=after(1))
    lead = Lead.objects.select_related("account", "contact").get(external_id="1")
    assert lead.account is not None
    assert (lead.account.name, lead.contact and lead.contact.email) == ("acme.example", "ana@acme.example")
    assert {"account_made", "contact_made"} <= reasons(lead)


def test_a_typing_slip_finds_an_account_that_a_lead_made_once_it_is_marked(workspace: Workspace) -> None:
    first = comes(workspace, company="Hokkaido Logistics")
    assert not AccountMark.objects.exists()
    assert mark_all_made(workspace.id) == 1
    assert mark_all_made(workspace.id) == 0
    assert AccountMark.objects.filter(account_id=first.account_id).exists()
    assert comes(workspace, company="Hokkaido Logistcs").account_id == first.account_id


def test_an_account_that_somebody_writes_down_is_no_more_only_made(workspace: Workspace) -> None:
    lead = comes(workspace, company="Acme", domain="acme.example")
    write_accounts(workspace.id, [Told(frozenset({"name"}), name="Acme Ltd", id=lead.account_id)], after(1))
    account = Account.objects.get(id=lead.account_id)
    assert (account.name, account.made) == ("Acme Ltd", False)


def test_a_contact_is_made_of_a_name_alone_where_that_is_asked(workspace: Workspace) -> None:
    (made,) = make_customers(workspace.id, [Customer(name="Ana", company="Acme")], MONDAY, by_name=True)
    assert made.contact
    assert isinstance(made.contact_id, UUID)


def test_enriching_leaves_the_account_that_a_lead_has(workspace: Workspace) -> None:
    from dibs.crm.arrival import Enrichment

    lead = comes(workspace, company="Acme", domain="acme.example", email="ana@acme.example")
    enrich(workspace.id, [Enrichment(lead.id, {"company": "Other"})], now=after(1))
    again = Lead.objects.get(id=lead.id)
    assert (again.account_id, again.contact_id) == (lead.account_id, lead.contact_id)
    assert Account.objects.count() == 1
