"""Details of a lead in a pool that counts looking: hidden until opened, and how many more may be is in sight."""

from __future__ import annotations

from dibs.distribution.models import Standing
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.web.conftest import as_
from tests.web.test_leads import CANARY, words


def skips(company: Company) -> int:
    enter(company.workspace.id)
    return Standing.objects.get(rep=company.aiko).skips


def test_details_are_opened_on_the_record_and_the_rest_stays_hidden(company: Company) -> None:
    lead = company.lead(source="open", company="Seen Inc", **CANARY)
    browser = as_(company.aiko)
    page = browser.get("/pools/open/")
    assert "canary" not in page.content.decode().lower()
    assert "Details D 2 of 2 left" in words(page)
    assert "or when you open the details" in words(page)
    part = browser.post(f"/leads/{lead}/open/", headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "canary@masked.example" in part.content.decode()
    assert 'hx-swap-oob="true"' in part.content.decode()
    assert "Skips 1 of 2" in words(part)
    assert "Details" not in words(part)
    # Looking again at what is open costs nothing.
    assert "canary@masked.example" in browser.get(f"/leads/{lead}/").content.decode()
    browser.post(f"/leads/{lead}/open/")
    assert skips(company) == 1


def test_without_scripts_the_lead_opens_on_its_own_page(company: Company) -> None:
    lead = company.lead(source="open", **CANARY)
    page = as_(company.aiko).post(f"/leads/{lead}/open/", {"next": "/pools/open/"}, follow=True)
    assert page.redirect_chain[-1][0] == f"/leads/{lead}/"
    assert "canary@masked.example" in page.content.decode()


def test_at_the_limit_it_says_so_and_what_helps(company: Company) -> None:
    leads = [
        company.lead(
            source="open", company=f"Open {n}", **{**CANARY, "email": f"open{n}@masked.example", "phone": None}
        )
        for n in range(3)
    ]
    browser = as_(company.aiko)
    for lead in leads[:2]:
        browser.post(f"/leads/{lead}/open/")
    page = browser.get(f"/pools/open/?lead={leads[2]}")
    assert "You have looked at 2 since your last claim. Claim one and contact it, and the count starts anew." in words(
        page
    )
    assert "<button disabled>Details" in page.content.decode()
    part = browser.post(f"/leads/{leads[2]}/open/", headers={"HX-Request": "true"})
    assert part.status_code == 409
    assert "2 is the most allowed. Claim one first." in words(part)
    assert "canary" not in part.content.decode().lower()
    whole = browser.post(f"/leads/{leads[2]}/open/", {"next": "/pools/open/"}, follow=True)
    assert "2 is the most allowed. Claim one first." in words(whole)
    browser.post(f"/leads/{leads[0]}/claim/")
    assert "1 of 2 left" in words(browser.get("/pools/open/"))
    browser.post(f"/leads/{leads[0]}/contact/", {"kind": "call"})
    assert "2 of 2 left" in words(browser.get("/pools/open/"))


def test_the_leads_own_page_offers_its_details_too(company: Company) -> None:
    lead = company.lead(source="open", **CANARY)
    browser = as_(company.aiko)
    page = browser.get(f"/leads/{lead}/")
    assert "Details" in words(page)
    assert f'action="/leads/{lead}/open/"' in page.content.decode()


def test_nobody_opens_what_is_not_in_sight(company: Company, other: Company) -> None:
    hidden, foreign = company.lead(country="JP", **CANARY), other.lead(source="open", **CANARY)
    enter(company.workspace.id)
    for lead in (hidden, foreign):
        assert as_(company.aiko).post(f"/leads/{lead}/open/").status_code == 404
    assert as_(company.manager).post(f"/leads/{hidden}/open/").status_code == 403
