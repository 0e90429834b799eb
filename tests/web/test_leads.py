"""Leads in pages: what is shown of them, and what can be done with them, by forms alone."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.insight import pools, searching
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.web.conftest import as_

CANARY = {
    "name": "Canary Name",
    "email": "canary@masked.example",
    "phone": "+525512345678",
    "message": "canary message",
}


def lead_of(company: Company, lead: Any) -> Lead:
    enter(company.workspace.id)
    return Lead.objects.get(id=lead)


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_what_is_hidden_is_not_in_the_page_at_all(company: Company) -> None:
    lead = company.lead(company="Seen Inc", city="Canary City", **CANARY)
    browser = as_(company.aiko)
    for path in (
        "/pools/inbound/",
        f"/pools/inbound/?lead={lead}",
        f"/pools/inbound/leads/{lead}/",
        f"/leads/{lead}/",
        "/pools/inbound/values/country/",
        "/mine/",
    ):
        page = browser.get(path).content.decode()
        assert "canary" not in page.lower(), path
        assert "5512345678" not in page, path
    assert "Seen Inc" in browser.get("/pools/inbound/").content.decode()


def test_a_hidden_field_cannot_be_found_out_by_search_or_filter(company: Company) -> None:
    company.lead(company="Seen Inc", city="Canary City", **CANARY)
    browser = as_(company.aiko)
    assert "Seen Inc" not in browser.get("/pools/inbound/?q=canary").content.decode()
    assert "Seen Inc" in browser.get("/pools/inbound/?city=Elsewhere").content.decode()


def test_a_lead_that_is_mine_is_shown_in_full(company: Company) -> None:
    lead = company.lead(**CANARY)
    browser = as_(company.aiko)
    assert browser.post(f"/leads/{lead}/claim/")["Location"] == f"/leads/{lead}/"
    page = browser.get(f"/leads/{lead}/").content.decode()
    assert "Canary Name" in page
    assert 'href="mailto:canary@masked.example"' in page
    assert "data-until=" in page
    assert "Yours, until first contact, for" in page
    assert "data-until=" in browser.get("/mine/").content.decode()


def test_the_pages_tell_the_whole_story(company: Company) -> None:
    lead = company.lead(employees=300)
    browser = as_(company.aiko)
    browser.post(f"/leads/{lead}/claim/")
    told = words(browser.get(f"/leads/{lead}/"))
    for said in (
        "Came in from Webform",
        "Scored 60, warm",
        "Employees 200 or more: 60",
        "Went to the pool Inbound",
        "“Everyone else” was the first rule that matched",
        "Country is Japan does not hold",
        "matched",
        "Aiko claimed it from Inbound",
        "Goes back to where it waited, if no contact is logged by then",
        "version 1",
    ):
        assert said in told, said


def test_the_second_of_two_is_told_who_was_first(company: Company) -> None:
    lead = company.lead()
    as_(company.budi).post(f"/leads/{lead}/claim/")
    page = as_(company.aiko).post(f"/leads/{lead}/claim/", {"next": "/pools/inbound/"}, follow=True)
    assert "Budi took it. Choose another lead." in words(page)
    part = as_(company.aiko).post(f"/leads/{lead}/claim/", headers={"HX-Request": "true"})
    assert part.status_code == 409
    assert "Budi took it" in words(part)
    assert str(lead) in part["HX-Trigger"]


def test_a_refusal_says_what_would_make_it_a_yes(company: Company) -> None:
    leads = [company.lead() for _ in range(4)]
    browser = as_(company.aiko)
    for lead in leads[:3]:
        browser.post(f"/leads/{lead}/claim/")
    page = words(browser.post(f"/leads/{leads[3]}/claim/", {"next": "/pools/inbound/"}, follow=True))
    assert "You hold 3 leads without contact, and 3 is the most allowed. Contact one of your leads first." in page
    assert "3 of 3" in words(browser.get("/standing/"))


def test_log_contact_and_it_stays_mine(company: Company) -> None:
    lead = company.lead()
    browser = as_(company.aiko)
    browser.post(f"/leads/{lead}/claim/")
    claim = lead_of(company, lead).claim
    page = browser.post(
        f"/leads/{lead}/contact/", {"kind": "call", "note": "Asked for a quote", "claim": claim}, follow=True
    )
    assert "Contact logged. It stays yours." in words(page)
    assert "Asked for a quote" in words(page)
    assert lead_of(company, lead).state == "working"


def test_a_page_left_open_since_an_older_claim_does_nothing(company: Company) -> None:
    lead = company.lead()
    browser = as_(company.aiko)
    browser.post(f"/leads/{lead}/claim/")
    page = browser.post(f"/leads/{lead}/contact/", {"kind": "call", "claim": uuid4()}, follow=True)
    assert "Your time for it ran out" in words(page)
    assert lead_of(company, lead).state == "owned"


def test_a_lock_that_ran_out_is_said_so_and_the_lead_waits_again(company: Company) -> None:
    lead = company.lead()
    browser = as_(company.aiko)
    browser.post(f"/leads/{lead}/claim/")
    enter(company.workspace.id)
    Lead.objects.filter(id=lead).update(lock_expires_at=now() - timedelta(seconds=1))
    page = browser.post(f"/leads/{lead}/contact/", {"kind": "call"}, follow=True)
    assert "Your time for it ran out" in words(page)
    assert str(lead) in as_(company.budi).get("/pools/inbound/").content.decode()


def test_give_back_convert_and_give_up(company: Company) -> None:
    browser = as_(company.aiko)
    back, won, lost = (company.lead() for _ in range(3))
    for lead in (back, won, lost):
        browser.post(f"/leads/{lead}/claim/")
    page = browser.post(f"/leads/{back}/release/", {"why": "I know them"}, follow=True)
    assert "Given back." in words(page)
    assert lead_of(company, back).state == "pooled"
    page = browser.post(f"/leads/{won}/convert/", {"amount": "1,200.50", "currency": "eur"}, follow=True)
    assert "Became an opportunity worth 1,200.50 EUR" in words(page)
    page = browser.post(f"/leads/{lost}/retire/", {"why": "no_answer", "note": "Five calls"}, follow=True)
    assert "Given up: no answer. “Five calls”" in words(page)


@pytest.mark.parametrize(
    ("act", "form", "said"),
    [
        ("contact", {"kind": "telepathy"}, "Say what kind of contact it was."),
        ("convert", {"amount": "a lot"}, "The amount is not a number."),
        ("convert", {"amount": "NaN"}, "The amount is not a number."),
        ("convert", {"amount": "5", "currency": "euros"}, "A currency has three letters"),
        ("retire", {"why": "because"}, "Say why it is given up."),
    ],
)
def test_a_form_filled_in_wrongly_says_what_to_do(company: Company, act: str, form: dict[str, str], said: str) -> None:
    lead = company.lead()
    browser = as_(company.aiko)
    browser.post(f"/leads/{lead}/claim/")
    assert said in words(browser.post(f"/leads/{lead}/{act}/", form, follow=True))
    assert lead_of(company, lead).state == "owned"


def test_an_offer_is_accepted_or_declined(company: Company) -> None:
    browser = as_(company.aiko)
    one, two = company.lead(source="demo"), company.lead(source="demo")
    assert "Offered to you" in words(browser.get("/mine/"))
    assert "It is yours." in words(browser.post(f"/leads/{one}/accept/", follow=True))
    page = browser.post(f"/leads/{two}/decline/", {"why": "too far away"}, follow=True)
    assert "Declined. It goes to the next in line." in words(page)
    assert lead_of(company, two).state != "offered"


def test_the_queue_gives_whoever_is_first_and_shows_nobody_else(company: Company) -> None:
    first = company.lead(source="line", company="First Ltd", now=now() - timedelta(minutes=9))
    second = company.lead(source="line", company="Second Ltd")
    browser = as_(company.aiko)
    page = browser.get("/queue/line/").content.decode()
    assert "First Ltd" in page
    assert "Second Ltd" not in page
    assert browser.get(f"/leads/{second}/").status_code == 404
    assert browser.post("/queue/line/next/")["Location"] == f"/leads/{first}/"
    assert browser.post("/queue/line/next/")["Location"] == f"/leads/{second}/"
    assert "Nothing waits here just now." in words(browser.post("/queue/line/next/", follow=True))


def test_skips_are_counted_and_have_a_limit(company: Company) -> None:
    lead = company.lead()
    browser = as_(company.aiko)
    for _ in range(2):
        browser.post(f"/leads/{lead}/skip/")
    page = words(browser.post(f"/leads/{lead}/skip/", {"next": "/pools/inbound/"}, follow=True))
    assert "You have passed by 2 leads since your last claim" in page
    assert "Claim one first." in page


def test_filters_search_and_order(company: Company) -> None:
    company.lead(company="Alpha", country="MX", industry="health", employees=300)
    company.lead(company="Beta", country="ES", industry="retail", employees=20)
    browser = as_(company.aiko)

    def shown(query: str) -> list[str]:
        return re.findall(r"data-select>([^<]+)</a>", browser.get(f"/pools/inbound/?{query}").content.decode())

    assert shown("") == ["Alpha", "Beta"]
    assert shown("country=ES") == ["Beta"]
    assert shown("country=ES&country=MX&industry=health") == ["Alpha"]
    assert shown("score_from=50") == ["Alpha"]
    assert shown("score_to=50") == ["Beta"]
    assert shown("q=bet") == ["Beta"]
    assert shown("sort=score") == ["Beta", "Alpha"]
    for odd in (
        "sort=email",
        "score_from=x",
        "cursor=made-up",
        "country=",
        "lead=nothing",
        "q=%00",
        "score_from=99999999999999",
    ):
        assert browser.get(f"/pools/inbound/?{odd}", follow=True).status_code == 200, odd


def test_a_search_that_has_not_come_to_the_end_says_so(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "LOOK_THROUGH", 2)
    company.lead(company="Needle", now=now() - timedelta(minutes=1))
    for number in range(2):
        company.lead(company=f"Hay {number}", employees=300)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_lead")
    browser = as_(company.aiko)
    first = browser.get("/pools/inbound/?q=needle").content.decode()
    assert "None among the leads looked through so far." in first
    assert "No lead here fits that" not in first
    further = re.search(r'rel="next" href="([^"]+)">Look further<', first)
    assert further
    assert "Needle" in words(browser.get(unescape(further[1])))
    # Looked through to the end.
    nothing = re.search(r'rel="next" href="([^"]+)">', browser.get("/pools/inbound/?q=thread").content.decode())
    assert nothing
    assert "No further lead here fits that" in words(browser.get(unescape(nothing[1])))
    monkeypatch.setattr(searching, "LOOK_THROUGH", 5)
    assert "No lead here fits that" in words(browser.get("/pools/inbound/?q=thread"))


def test_a_range_given_the_wrong_way_round_is_meant_the_right_way_round(company: Company) -> None:
    company.lead(company="Alpha", employees=300)
    page = as_(company.aiko).get("/pools/inbound/?score_from=90&score_to=10").content.decode()
    assert "Alpha" in page
    assert "10–90" in page


def test_a_count_that_stopped_is_shown_as_one(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "COUNT_LIMIT", 2)
    for _ in range(3):
        company.lead()
    assert '<span id="waiting">2+</span> waiting' in as_(company.aiko).get("/pools/inbound/").content.decode()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "You have passed by 2 leads since your last claim, and 2 is the most allowed. Claim one first."),
        ("ja", "前回の取得から 2 件見送りました。上限は 2 件です。先に 1 件取得してください。"),
    ],
)
def test_a_refusal_is_told_in_whole_sentences(company: Company, language: str, said: str) -> None:
    lead = company.lead()
    browser = as_(company.aiko)
    browser.post("/language/", {"language": language})
    for _ in range(2):
        browser.post(f"/leads/{lead}/skip/")
    assert said in words(browser.post(f"/leads/{lead}/skip/", {"next": "/pools/inbound/"}, follow=True))


def test_values_of_a_filter_are_those_that_wait(company: Company) -> None:
    company.lead(country="MX")
    company.lead(country="ES")
    page = words(as_(company.aiko).get("/pools/inbound/values/country/"))
    assert "Mexico" in page
    assert "Spain" in page


def test_a_manager_hands_over_sends_back_and_gives_up_what_is_in_review(company: Company) -> None:
    browser = as_(company.manager)
    one, two, three = (company.lead(source="unclear", company=f"Unclear {n}") for n in range(3))
    page = words(browser.get("/review/"))
    assert "Unclear 0" in page
    assert "Unclear 2" in page
    assert "Handed over." in words(
        browser.post(f"/leads/{one}/assign/", {"rep": "aiko", "next": "/review/"}, follow=True)
    )
    assert lead_of(company, one).owner.handle == "aiko"
    said = browser.post(f"/leads/{two}/return/", {"pool": "inbound", "next": "/review/"}, follow=True)
    assert "Back in the pool, where its wait begins anew." in words(said)
    browser.post(f"/leads/{three}/retire/", {"why": "spam", "next": "/review/"})
    assert "Nothing to decide" in words(browser.get("/review/"))
    four = company.lead(source="unclear")
    assert "Choose who gets it." in words(browser.post(f"/leads/{four}/assign/", {"rep": "nobody"}, follow=True))


def test_a_rep_cannot_hand_over_nor_touch_anothers_lead(company: Company) -> None:
    lead = company.lead()
    as_(company.budi).post(f"/leads/{lead}/claim/")
    browser = as_(company.aiko)
    assert browser.post(f"/leads/{lead}/assign/", {"rep": "aiko"}).status_code == 403
    for act in ("contact", "release", "retire", "convert", "accept", "decline"):
        assert browser.post(f"/leads/{lead}/{act}/", {"kind": "call", "why": "spam"}).status_code == 404, act
    assert browser.get(f"/leads/{lead}/").status_code == 404
    assert lead_of(company, lead).owner.handle == "budi"


def test_another_companys_lead_is_like_one_that_does_not_exist(company: Company, other: Company) -> None:
    theirs = other.lead(source="open", company="Their Secret")
    enter(company.workspace.id)
    for person in (company.aiko, company.manager, company.ops):
        browser = as_(person)
        unknown, foreign = browser.get(f"/leads/{uuid4()}/"), browser.get(f"/leads/{theirs}/")
        assert unknown.status_code == foreign.status_code == 404
        assert unknown.content == foreign.content
        assert browser.post(f"/leads/{theirs}/retire/", {"why": "spam"}).status_code == 404
    assert as_(company.aiko).post(f"/leads/{theirs}/claim/").status_code == 404
    assert lead_of(other, theirs).state == "pooled"


def test_what_people_send_is_text_and_never_markup(company: Company) -> None:
    lead = company.lead(company="<script>alert(1)</script>", name='"><img src=x onerror=alert(1)>', source="open")
    for path in ("/pools/open/", f"/leads/{lead}/", f"/pools/open/leads/{lead}/"):
        page = as_(company.aiko).get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)" in page
