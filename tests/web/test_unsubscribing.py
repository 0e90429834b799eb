"""Where a link in a mail leads, for who has it and for who has not."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from dibs.crm.models import DoNotContact, Lead
from dibs.delivery import unsubscribing
from dibs.people.tenancy import enter
from tests.api.conftest import Company


def link(company: Company, lead: Any, address: str = "ana@acme.example") -> str:
    return f"/unsubscribe/{unsubscribing.token(company.workspace.id, lead, address)}/"


@pytest.fixture
def nobody() -> Client:
    """Somebody without a cookie, whose browser keeps the rules that forms are held to."""
    cache.clear()
    return Client(enforce_csrf_checks=True)


def test_to_follow_the_link_asks_and_does_nothing(company: Company, nobody: Client) -> None:
    lead = company.lead(source="open", email="ana@acme.example")
    page = nobody.get(link(company, lead))
    assert page.status_code == 200
    assert "a***@acme.example" in page.content.decode()
    assert "ana@acme.example" not in page.content.decode()
    assert page.cookies == {}
    enter(company.workspace.id)
    assert DoNotContact.objects.count() == 0


def test_one_press_is_enough_and_two_do_no_harm(company: Company, nobody: Client) -> None:
    lead = company.lead(source="open", email="ana@acme.example")
    for _ in range(2):
        page = nobody.post(link(company, lead))
        assert page.status_code == 200
        assert "You are unsubscribed" in page.content.decode()
    enter(company.workspace.id)
    assert DoNotContact.objects.get().why == "unsubscribed"
    assert Lead.objects.get(id=lead).state == "retired"


def test_a_mail_program_does_it_by_itself(company: Company, nobody: Client) -> None:
    lead = company.lead(source="open", email="ana@acme.example")
    body = "List-Unsubscribe=One-Click"
    page = nobody.post(link(company, lead), body, content_type="application/x-www-form-urlencoded")
    assert page.status_code == 200
    enter(company.workspace.id)
    assert DoNotContact.objects.count() == 1


@pytest.mark.parametrize(
    ("language", "said"),
    [("ja", "配信"), ("es", "correo"), ("id", "email"), ("en", "mails")],
)
def test_it_speaks_the_readers_language(company: Company, nobody: Client, language: str, said: str) -> None:
    lead = company.lead(source="open", email="ana@acme.example")
    page = nobody.get(link(company, lead), headers={"Accept-Language": language}).content.decode()
    assert f'<html lang="{language}">' in page
    assert said in page.lower()


def test_nothing_is_told_of_links_that_are_none_and_guessing_is_slow(company: Company, nobody: Client) -> None:
    answers = [nobody.get(f"/unsubscribe/{'A' * 90}{n}/").status_code for n in range(25)]
    assert answers[0] == 404
    assert answers[-1] == 429
    lead = company.lead(source="open", email="ana@acme.example")
    assert nobody.get(link(company, lead)).status_code == 200
    assert nobody.post(link(company, lead)).status_code == 200


@pytest.mark.parametrize("bad", ["..%2f", "%00", "x" * 3000, "<script>alert(1)</script>", "😀"])
def test_what_is_no_link_is_not_found(nobody: Client, db: None, bad: str) -> None:
    page = nobody.get(f"/unsubscribe/{bad}/")
    assert page.status_code == 404
    assert "<script>alert" not in page.content.decode()


def test_other_methods_do_nothing(company: Company, nobody: Client) -> None:
    lead = company.lead(source="open", email="ana@acme.example")
    for method in ("PUT", "DELETE", "PATCH"):
        assert nobody.generic(method, link(company, lead)).status_code == 405
