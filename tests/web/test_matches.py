"""The page of near misses: two things side by side, and deciding about them."""

from __future__ import annotations

import pytest

from dibs.crm.models import Account, Lead, NearMiss
from dibs.distribution.placing import place
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import MONDAY, make_arrival, make_user, make_workspace
from tests.web.conftest import as_


def near(company: Company) -> NearMiss:
    enter(company.workspace.id)
    for name in ("Aiko Tanaka", "A. Tanaka"):
        place(company.workspace.id, [make_arrival(email=None, phone="+81335803311", name=name)], now=MONDAY)
    return NearMiss.objects.get()


def test_both_stand_side_by_side_and_what_is_the_same_says_so(company: Company) -> None:
    miss = near(company)
    page = as_(company.manager).get("/matches/").content.decode()
    for text in ("Are they one person?", "75% alike", "the same number", "Aiko Tanaka", "A. Tanaka", "+81335803311"):
        assert text in page
    assert page.count('class="same"') >= 1
    assert f"/matches/{miss.id}/merge/" in page
    assert "<b>1</b>" in as_(company.manager).get("/review/").content.decode()


def test_they_are_merged_and_that_is_taken_back(company: Company) -> None:
    miss = near(company)
    client = as_(company.manager)
    answer = client.post(f"/matches/{miss.id}/merge/", {"next": "/matches/"}, follow=True)
    assert "They are one now." in answer.content.decode()
    assert "Nothing to decide" in answer.content.decode()
    assert Lead.objects.filter(state="merged").count() == 1
    decided = client.get("/matches/?state=merged").content.decode()
    assert f"/matches/{miss.id}/undo/" in decided
    client.post(f"/matches/{miss.id}/undo/")
    assert Lead.objects.filter(state="merged").count() == 0
    client.post(f"/matches/{miss.id}/apart/")
    assert NearMiss.objects.get().state == "apart"
    assert "It was decided before" in client.post(f"/matches/{miss.id}/merge/", follow=True).content.decode()


def test_an_account_is_asked_about_in_its_own_words(company: Company) -> None:
    enter(company.workspace.id)
    (lead,) = place(company.workspace.id, [make_arrival(company="Acme Trade")], now=MONDAY)
    account = Account.objects.create(
        workspace=company.workspace, name="Acme Trading", owner=company.aiko, customer=True
    )
    NearMiss.objects.create(workspace=company.workspace, lead_id=lead.lead_id, account=account, score=0.82, at=MONDAY)
    page = as_(company.ops).get("/matches/").content.decode()
    for text in ("Does it belong to this account?", "Acme Trade", "Acme Trading", "customer", "82% alike"):
        assert text in page


@pytest.mark.parametrize("act", ["merge", "apart", "undo"])
def test_nobody_decides_who_does_not_lead_there(company: Company, act: str) -> None:
    miss = near(company)
    assert as_(company.aiko.user).post(f"/matches/{miss.id}/{act}/").status_code == 403
    stranger = make_user(make_workspace(), "ops")
    assert as_(stranger).post(f"/matches/{miss.id}/{act}/").status_code == 404
    enter(company.workspace.id)
    Lead.objects.update(pool="japan")
    assert as_(company.manager).post(f"/matches/{miss.id}/{act}/").status_code == 404
    assert "Aiko Tanaka" not in as_(company.manager).get("/matches/").content.decode()


@pytest.mark.parametrize("address", ["/matches/?state=nonsense", "/matches/?cursor=nonsense", "/matches/?cursor=%00"])
def test_an_address_that_was_tampered_with_shows_the_page(company: Company, address: str) -> None:
    assert as_(company.ops).get(address, follow=True).status_code == 200


def test_only_what_there_is_to_do_is_done(company: Company) -> None:
    miss = near(company)
    assert as_(company.ops).post(f"/matches/{miss.id}/dance/").status_code == 404
    assert as_(company.ops).get(f"/matches/{miss.id}/merge/").status_code == 405
