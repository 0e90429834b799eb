"""The Privacy page: look for somebody, hand out what is known, erase them; and consent on the lead's page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dibs.crm import do_not_contact
from dibs.crm.models import Lead
from dibs.distribution import acting, claiming
from dibs.intake.models import Erasure
from dibs.intake.persons import Asked
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.web.conftest import as_

EMAIL = "zelda.quixotte@canary.example"


@pytest.fixture
def there(company: Company) -> Company:
    company.lead(source="web", name="Zelda Quixotte", email=EMAIL, phone="+525512345678")
    return company


def _post(company: Company, visitor: Any, path: str, /, **form: str) -> Any:
    answer = as_(visitor).post(path, form)
    enter(company.workspace.id)
    return answer


def test_what_is_known_of_somebody_is_shown_in_numbers(there: Company) -> None:
    page = _post(there, there.ops, "/privacy/person/", who=f"  {EMAIL.upper()} ").content.decode()
    assert "Zelda Quixotte" in page
    assert str(Lead.objects.get().id) in page
    assert "What sources sent" not in page  # placed by a test, and sent by nobody
    assert f"type: {EMAIL}" in page


@pytest.mark.parametrize("who", ["", "nonsense", "a@b", "12", "\0", "nobody@nowhere.example", "%@%"])
def test_who_is_nobody_is_said_to_be(there: Company, who: str) -> None:
    page = _post(there, there.ops, "/privacy/person/", who=who)
    assert page.status_code == 422
    assert 'role="alert"' in page.content.decode()


def test_what_is_known_is_handed_out_as_a_file(there: Company) -> None:
    whole = _post(there, there.ops, "/privacy/export/", who=EMAIL, **{"as": "json"})
    assert whole["Content-Disposition"] == 'attachment; filename="person.json"'
    assert json.loads(whole.content)["rows"]["leads"][0]["name"] == "Zelda Quixotte"
    page = _post(there, there.ops, "/privacy/export/", who=EMAIL, **{"as": "html"}, language="ja")
    assert page["Content-Disposition"] == 'attachment; filename="person.html"'
    assert 'lang="ja"' in page.content.decode()


def test_nobody_is_erased_by_a_slip(there: Company) -> None:
    for typed in ("", "yes", "zelda"):
        page = _post(there, there.ops, "/privacy/erase/", who=EMAIL, typed=typed, listed="yes")
        assert page.status_code == 422
        assert "Nothing was erased" in page.content.decode()
    assert Lead.objects.get().email == EMAIL


def test_who_was_typed_once_more_is_erased(there: Company) -> None:
    answer = _post(there, there.ops, "/privacy/erase/", who=EMAIL, typed=EMAIL, listed="yes")
    assert answer.status_code == 302
    assert Lead.objects.get().email is None
    assert do_not_contact.is_listed(there.workspace.id, Asked(email=EMAIL).entries())
    page = as_(there.ops).get("/privacy/").content.decode()
    assert "somebody asked" in page
    assert EMAIL not in page
    enter(there.workspace.id)
    assert Erasure.objects.get().leads == 1


def test_erased_and_still_to_be_written_to(there: Company) -> None:
    _post(there, there.ops, "/privacy/erase/", who="+52 55 1234 5678", typed="+525512345678")
    assert Lead.objects.get().email is None
    assert not do_not_contact.is_listed(there.workspace.id, Asked(email=EMAIL).entries())


@pytest.mark.parametrize("path", ["/privacy/person/", "/privacy/export/", "/privacy/erase/"])
def test_only_operations_may(there: Company, path: str) -> None:
    for who in (there.aiko, there.manager, there.integration):
        assert _post(there, who, path, who=EMAIL, typed=EMAIL).status_code == 403
    assert Lead.objects.get().email == EMAIL


def test_nobody_of_another_company_is_found(there: Company, other: Company) -> None:
    lead = Lead.objects.get().id
    for who in (EMAIL, str(lead)):
        page = _post(other, other.ops, "/privacy/person/", who=who)
        assert page.status_code == 422
        assert "Zelda" not in page.content.decode()
        _post(other, other.ops, "/privacy/erase/", who=who, typed=EMAIL)
    enter(there.workspace.id)
    assert Lead.objects.get().email == EMAIL


def test_consent_is_asked_for_on_the_lead_s_page(there: Company) -> None:
    lead = Lead.objects.get()
    aiko = caller_of(there.aiko.user)
    assert isinstance(claiming.claim_lead(aiko, lead.id, lead.received_at), claiming.Claimed)
    page = as_(there.aiko).get(f"/leads/{lead.id}/").content.decode()
    assert "Nobody asked them yet" in page
    _post(there, there.aiko, f"/leads/{lead.id}/consent/", given="yes")
    assert Lead.objects.get().consent is True
    assert "They agreed to be contacted" in as_(there.aiko).get(f"/leads/{lead.id}/").content.decode()
    enter(there.workspace.id)
    _post(there, there.aiko, f"/leads/{lead.id}/consent/", given="no")
    assert (Lead.objects.get().consent, Lead.objects.get().do_not_contact) == (False, True)
    _post(there, there.aiko, f"/leads/{lead.id}/consent/", given="maybe")
    assert Lead.objects.get().consent is False


def test_an_erased_lead_says_so(there: Company) -> None:
    lead = Lead.objects.get()
    _post(there, there.ops, "/privacy/erase/", who=EMAIL, typed=EMAIL)
    page = as_(there.ops).get(f"/leads/{lead.id}/").content.decode()
    assert "What was known of the person was erased" in page
    enter(there.workspace.id)
    assert not isinstance(acting.retire(caller_of(there.ops), lead.id, lead.received_at, why="other"), acting.Acted)
