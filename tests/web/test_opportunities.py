"""Opportunities as pages: a lead is converted to one, which goes over the board to its end."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now

from dibs.crm.models import Lead, Opportunity
from dibs.distribution import opportunities
from dibs.people.caller import caller_of
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import make_rep, publish
from tests.web.conftest import as_
from tests.web.test_leads import words


def claimed(company: Company, /, **fields: Any) -> UUID:
    lead = company.lead(**fields)
    as_(company.aiko).post(f"/leads/{lead}/claim/")
    return lead


def converted(company: Company, form: dict[str, str] | None = None, /, **fields: Any) -> Opportunity:
    lead = claimed(company, **fields)
    as_(company.aiko).post(f"/leads/{lead}/convert/", form or {})
    enter(company.workspace.id)
    return Opportunity.objects.get(lead_id=lead)


def now_is(company: Company, deal: Opportunity) -> Opportunity:
    enter(company.workspace.id)
    return Opportunity.objects.select_related("owner").get(id=deal.id)


def test_the_form_says_what_will_be_made_and_makes_it(company: Company) -> None:
    publish(company.workspace, POLICY + "opportunities: {close_at_once: {under: 5000, currency: EUR}}\n")
    lead = claimed(company, company="Acme", domain="acme.example", name="Lucia Torres", deal_value=900, currency="EUR")
    browser = as_(company.aiko)
    page = browser.get(f"/leads/{lead}/")
    assert 'value="900"' in page.content.decode()
    assert "Won already (if worth less than 5,000 EUR)" in words(page)
    assert "Belongs to the account Acme. Lucia Torres is its contact. Notes, activities" in words(page)
    form = {"name": "Fleet", "amount": "1,200.50", "currency": "eur", "stage": "proposal", "close_on": "2026-12-01"}
    page = browser.post(f"/leads/{lead}/convert/", form, follow=True)
    assert "Became an opportunity worth 1,200.50 EUR" in words(page)
    assert "Became an opportunity Fleet 1,200.50 EUR, Proposal" in words(page)
    enter(company.workspace.id)
    deal = Opportunity.objects.get(lead_id=lead)
    assert f'href="/opportunities/{deal.id}/"' in page.content.decode()
    assert str(deal.close_on) == "2026-12-01"


def test_the_form_promises_no_account_where_none_will_be_made(company: Company) -> None:
    publish(company.workspace, POLICY + "matching: {make: conversion}\n")
    page = as_(company.aiko).get(f"/leads/{claimed(company, company='Acme', domain=None)}/")
    assert "The account Acme is made, if there is none yet." in words(page)
    publish(company.workspace, POLICY + "matching: {make: never}\n")
    page = as_(company.aiko).get(f"/leads/{claimed(company, company='Bolt', domain=None)}/")
    assert "The account" not in words(page)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"amount": "a lot"}, "The amount is not a number."),
        ({"amount": "1e15"}, "The amount is not a number."),
        ({"amount": "-5"}, "The amount is not a number."),
        ({"amount": "5-10"}, "The amount is not a number."),
        ({"amount": "€5", "currency": "USD"}, "The amount is not a number."),
        ({"currency": "euros"}, "A currency has three letters"),
        ({"close_on": "soon"}, "A day is written like 2026-03-31."),
        ({"stage": "won"}, "Choose a stage."),
        ({"amount": "5", "currency": "EUR", "close": "yes"}, "The policy has nothing closed on the spot."),
    ],
)
def test_a_form_filled_in_wrongly_makes_nothing(company: Company, form: dict[str, str], said: str) -> None:
    lead = claimed(company)
    assert said in words(as_(company.aiko).post(f"/leads/{lead}/convert/", form, follow=True))
    enter(company.workspace.id)
    assert not Opportunity.objects.exists()


@pytest.mark.parametrize("query", ["stage=%00", "stage=nope%00", "state=%00", "cursor=%00", "state=won&cursor=x"])
def test_a_question_of_nonsense_is_answered_with_a_page(company: Company, query: str) -> None:
    assert as_(company.aiko).get(f"/opportunities/?{query}", follow=True).status_code == 200


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1,200", "1200"),
        ("1.200", "1200"),
        ("12,000", "12000"),
        ("1.200,50", "1200.50"),
        ("1,200.50", "1200.50"),
        ("1200,5", "1200.50"),
        ("1\u202f200", "1200"),
        ("５００万", "5000000"),
    ],
)
def test_an_amount_is_what_was_meant_however_thousands_are_written(company: Company, written: str, meant: str) -> None:
    assert converted(company, {"amount": written, "currency": "EUR"}).amount == Decimal(meant)


def test_the_board_shows_stages_with_what_they_come_to(company: Company) -> None:
    converted(company, {"name": "Fleet", "amount": "1000", "currency": "EUR"})
    converted(company, {"name": "Depot", "amount": "500", "currency": "EUR", "stage": "negotiation"})
    late = converted(company, {"name": "Late one", "close_on": "2020-01-31"})
    page = as_(company.aiko).get("/opportunities/")
    told = words(page)
    assert "Open 3 1,500 EUR weighted 600 EUR" in told
    assert "Qualified 2, likely to be won: 20%" in told
    assert "was to close Jan 31, 2020" in told
    assert told.index("Late one") < told.index("Fleet") < told.index("Depot")
    assert f'href="/opportunities/{late.id}/"' in page.content.decode()


def test_a_card_goes_on_to_the_next_stage_and_an_old_page_does_nothing(company: Company) -> None:
    deal = converted(company, {"name": "Fleet"})
    browser = as_(company.aiko)
    form = {"stage": "proposal", "version": "0", "next": "/opportunities/"}
    page = browser.post(f"/opportunities/{deal.id}/move/", form, follow=True)
    assert page.redirect_chain[-1][0] == "/opportunities/"
    assert "In its new stage." in words(page)
    assert now_is(company, deal).stage == "proposal"
    page = browser.post(f"/opportunities/{deal.id}/move/", {**form, "stage": "negotiation"}, follow=True)
    assert "Somebody changed the opportunity meanwhile. Look at it as it is now" in words(page)
    assert now_is(company, deal).stage == "proposal"
    for version in ("x", "-1", "99999999999"):
        page = browser.post(f"/opportunities/{deal.id}/move/", {**form, "version": version}, follow=True)
        assert "Somebody changed the opportunity meanwhile." in words(page)


def test_a_form_that_is_not_accepted_comes_back_as_it_was_filled_in(company: Company) -> None:
    publish(company.workspace, POLICY + "opportunities: {close_at_once: {under: 5000, currency: EUR}}\n")
    lead, browser = claimed(company, deal_value=900, currency="EUR"), as_(company.aiko)
    form = {
        "name": "Fleet & more",
        "amount": "a lot",
        "currency": "USD",
        "stage": "proposal",
        "close_on": "2027-03-04",
        "note": "They want it in <blue>",
        "close": "yes",
    }
    page = browser.post(f"/leads/{lead}/convert/", form)
    assert page.status_code == 422
    text = page.content.decode()
    for kept in (
        'value="Fleet &amp; more"',
        'value="a lot"',
        'value="USD"',
        '<option value="proposal" selected>',
        'value="2027-03-04"',
        "They want it in &lt;blue&gt;</textarea>",
        'name="close" value="yes" checked',
        'role="alert" tabindex="-1" autofocus>The amount is not a number.',
    ):
        assert kept in text, kept
    assert text.count('<details class="act" open>') == 1
    too_much = browser.post(f"/leads/{lead}/convert/", {**form, "amount": "7000", "currency": "EUR"})
    assert too_much.status_code == 409
    assert 'value="7000"' in too_much.content.decode()
    # A page that was left open at this address, or whose language is changed, shows the lead.
    assert browser.get(f"/leads/{lead}/convert/").headers["Location"] == f"/leads/{lead}/"
    assert 'value="900"' in browser.get(f"/leads/{lead}/").content.decode()


def test_what_is_filled_in_on_an_opportunity_is_not_lost_either(company: Company) -> None:
    deal = converted(company, {"name": "Fleet", "amount": "10", "currency": "EUR"})
    browser, where = as_(company.aiko), f"/opportunities/{deal.id}/"
    form = {"name": "Fleet 2", "amount": "twenty", "currency": "USD", "close_on": "2027-03-04", "version": "0"}
    page = browser.post(f"{where}change/", form)
    assert page.status_code == 422
    for kept in ('value="Fleet 2"', 'value="twenty"', 'value="USD"', 'value="2027-03-04"'):
        assert kept in page.content.decode(), kept
    late = browser.post(f"{where}change/", {**form, "amount": "20", "version": "7"})
    assert late.status_code == 409
    assert 'value="Fleet 2"' in late.content.decode()
    assert f'name="version" value="{now_is(company, deal).version}"' in late.content.decode()
    long = browser.post(f"{where}note/", {"text": "x" * 5001})
    assert long.status_code == 422
    assert "x" * 5001 in long.content.decode()
    lost = browser.post(f"{where}win/", {"amount": "ten", "currency": "EUR"})
    assert 'value="ten"' in lost.content.decode()


def test_a_slip_in_a_form_does_not_hide_that_somebody_changed_it_meanwhile(company: Company) -> None:
    deal = converted(company, {"name": "Fleet", "amount": "10", "currency": "EUR"})
    where = f"/opportunities/{deal.id}/"
    form = {"name": "Fleet 2", "amount": "twenty", "currency": "EUR", "close_on": "", "version": "0"}
    as_(company.ops).post(f"{where}change/", {**form, "name": "Fleet", "amount": "500"})
    browser = as_(company.aiko)
    for act in ("change", "win"):
        page = browser.post(f"{where}{act}/", form).content.decode()
        (shown,) = re.findall(rf'action="{where}{act}/">.*?name="version" value="(\d+)"', page)
        sent_again = browser.post(f"{where}{act}/", {**form, "amount": "10", "version": shown})
        assert sent_again.status_code == 409
        assert "Somebody changed the opportunity meanwhile." in words(sent_again)
    now = now_is(company, deal)
    assert (now.name, now.amount, now.state) == ("Fleet", Decimal(500), "open")


def test_one_is_changed_noted_won_and_reopened_on_its_page(company: Company) -> None:
    deal = converted(company, {"name": "Fleet", "amount": "10", "currency": "EUR"}, email="lucia@acme.example")
    browser, where = as_(company.aiko), f"/opportunities/{deal.id}/"
    assert "lucia@acme.example" in words(browser.get(where))
    form = {"name": "Fleet 2", "amount": "20", "currency": "EUR", "close_on": "2026-12-01", "version": "0"}
    page = browser.post(f"{where}change/", form, follow=True)
    assert "The opportunity was changed: Name, Amount, Expected to close" in words(page)
    page = browser.post(f"{where}note/", {"text": "They want it in blue"}, follow=True)
    assert "They want it in blue" in words(page)
    assert "They want it in blue" in words(browser.get(f"/leads/{deal.lead_id}/"))
    page = browser.post(f"{where}win/", {"amount": "18.5", "currency": "EUR", "version": "1"}, follow=True)
    assert "The opportunity was won: 18.50 EUR" in words(page)
    assert "Won on" in words(page)
    assert "Fleet 2" in words(browser.get("/opportunities/?state=won"))
    assert "Open again." in words(browser.post(f"{where}reopen/", {"version": "2"}, follow=True))
    page = browser.post(f"{where}lose/", {"why": "Too dear"}, follow=True)
    assert "The opportunity was lost: Too dear" in words(page)
    assert "Too dear" in words(browser.get("/opportunities/?state=lost"))


def test_what_ended_last_comes_first_and_a_stage_goes_by_when_they_close_page_after_page(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dibs.web.opportunities._ROWS", 2)
    browser = as_(company.aiko)
    closes = {"First": "2031-03-01", "Second": "", "Third": "2031-01-01"}
    for name, day in closes.items():
        converted(company, {"name": name, "close_on": day})

    def names_of(query: str) -> list[str]:
        found: list[str] = []
        more = f"/opportunities/?{query}"
        while more:
            page = browser.get(more).content.decode()
            found += re.findall(r"<b>(First|Second|Third)</b>", page)
            links = re.findall(r'rel="next" href="([^"]+)"', page)
            more = links[0].replace("&amp;", "&") if links else ""
        return found

    assert names_of("stage=qualified") == ["Third", "First", "Second"]
    enter(company.workspace.id)
    for name in ("Second", "Third", "First"):
        deal = Opportunity.objects.get(name=name)
        browser.post(f"/opportunities/{deal.id}/lose/", {"why": "Too dear"})
    assert names_of("state=lost") == ["First", "Third", "Second"]


def test_the_cards_of_who_may_work_them_can_be_dragged(company: Company) -> None:
    deal = converted(company, {"name": "Fleet"})
    page = as_(company.aiko).get("/opportunities/").content.decode()
    assert f'draggable="true" data-move="/opportunities/{deal.id}/move/" data-version="0"' in page
    assert 'data-stage="qualified"' in page


def test_a_manager_hands_it_over_and_whom_it_went_to_sees_its_lead(company: Company) -> None:
    chiyo = make_rep(company.workspace, "chiyo", teams=("closers",))
    deal = converted(company, {"name": "Fleet"})
    assert as_(chiyo).get(f"/opportunities/{deal.id}/").status_code == 404
    page = as_(company.manager).post(f"/opportunities/{deal.id}/hand/", {"rep": "chiyo"}, follow=True)
    assert "handed the opportunity to Chiyo" in words(page)
    assert "Fleet" in words(as_(chiyo).get("/opportunities/"))
    assert as_(chiyo).get(f"/leads/{deal.lead_id}/").status_code == 200
    page = as_(company.manager).post(f"/opportunities/{deal.id}/hand/", {"rep": "nobody"}, follow=True)
    assert "Choose who gets it." in words(page)
    assert as_(company.aiko).post(f"/opportunities/{deal.id}/hand/", {"rep": "aiko"}).status_code == 404


def test_all_of_who_has_left_go_to_another_at_once(company: Company) -> None:
    chiyo = make_rep(company.workspace, "chiyo", teams=("closers",))
    deals = [converted(company) for _ in range(2)]
    browser = as_(company.manager)
    assert "Hand all over" not in words(browser.get("/opportunities/?rep=aiko"))
    Rep.objects.filter(id=company.aiko.id).update(active=False)
    assert "Hand all over" in words(browser.get("/opportunities/?rep=aiko"))
    page = browser.post("/opportunities/hand/", {"rep": "aiko", "to": "chiyo"}, follow=True)
    assert "2 opportunities were handed over." in words(page)
    assert {now_is(company, deal).owner_id for deal in deals} == {chiyo.id}
    assert "Choose who gets it." in words(
        browser.post("/opportunities/hand/", {"rep": "chiyo", "to": "aiko"}, follow=True)
    )
    assert as_(chiyo).post("/opportunities/hand/", {"rep": "chiyo", "to": "budi"}).status_code == 403


def test_a_retired_lead_is_reopened_on_its_page(company: Company) -> None:
    lead = claimed(company)
    browser = as_(company.aiko)
    browser.post(f"/leads/{lead}/retire/", {"why": "bad_timing"})
    page = browser.get(f"/leads/{lead}/")
    assert "Given up: not the right time" in words(page)
    assert f'action="/leads/{lead}/reopen/"' in page.content.decode()
    page = browser.post(f"/leads/{lead}/reopen/", {"why": "They called back"}, follow=True)
    enter(company.workspace.id)
    assert Lead.objects.get(id=lead).state == "pooled"


def test_another_reps_and_another_companys_are_not_there(company: Company, other: Company) -> None:
    deal, foreign = converted(company, {"name": "Canary fleet"}), converted(other, {"name": "Canary foreign"})
    enter(company.workspace.id)
    for who in (company.budi, company.aiko, company.manager, company.ops):
        browser = as_(who)
        for path in ("/opportunities/", "/opportunities/?state=won", "/opportunities/?stage=qualified"):
            assert "foreign" not in browser.get(path).content.decode()
        assert browser.get(f"/opportunities/{foreign.id}/").status_code == 404
        assert browser.post(f"/opportunities/{foreign.id}/win/").status_code == 404
    browser = as_(company.budi)
    assert "Canary" not in browser.get("/opportunities/").content.decode()
    assert browser.get("/opportunities/?rep=aiko").status_code == 404
    assert browser.get(f"/opportunities/{deal.id}/").status_code == 404
    for act in ("move", "change", "win", "lose", "reopen", "hand", "note", "burn"):
        assert browser.post(f"/opportunities/{deal.id}/{act}/", {"text": "x"}).status_code == 404
    assert as_(company.aiko).post(f"/opportunities/{deal.id}/burn/").status_code == 404
    assert as_(company.aiko).put(f"/opportunities/{deal.id}/win/").status_code == 405
    assert as_(company.aiko).get(f"/opportunities/{deal.id}/win/").headers["Location"] == f"/opportunities/{deal.id}/"


def test_what_is_written_in_it_is_shown_as_text(company: Company) -> None:
    nasty = "<script>alert(1)</script>"
    deal = converted(company, {"name": nasty, "note": nasty})
    browser = as_(company.aiko)
    browser.post(f"/opportunities/{deal.id}/note/", {"text": nasty})
    browser.post(f"/opportunities/{deal.id}/lose/", {"why": nasty})
    for path in ("/opportunities/", f"/opportunities/{deal.id}/", "/opportunities/?state=lost"):
        assert nasty not in browser.get(path).content.decode()


def test_lists_go_on_and_a_strange_cursor_begins_anew(company: Company) -> None:
    aiko, n = caller_of(company.aiko.user), 53
    enter(company.workspace.id)
    Opportunity.objects.bulk_create(
        Opportunity(
            workspace_id=aiko.workspace_id, owner=company.aiko, name=f"No {i}", stage="qualified",
            close_on=(now() + timedelta(days=i)).date(),
        )
        for i in range(n)
    )  # fmt: skip
    browser = as_(company.aiko)
    assert "All 53" in words(browser.get("/opportunities/"))
    page = browser.get("/opportunities/?stage=qualified").content.decode()
    assert page.count('<tr><td><a href="/opportunities/') == 50
    rest = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert browser.get(rest).content.decode().count('<tr><td><a href="/opportunities/') == 3
    assert browser.get("/opportunities/?stage=qualified&cursor=made-up").status_code == 302
    deal = Opportunity.objects.first()
    assert deal is not None
    # One without a lead has no story, and works all the same.
    assert isinstance(opportunities.win(aiko, deal.id, now()), opportunities.Done)
    assert browser.get(f"/opportunities/{deal.id}/").status_code == 200


def test_stages_are_called_as_the_policy_says_in_the_readers_language(company: Company) -> None:
    says = "{talk: {says: {en: First talk, ja: 初回面談}}, offer: {}}"
    publish(company.workspace, POLICY + f"opportunities: {{stages: {says}}}\n")
    deal = converted(company)
    browser = as_(company.aiko)
    assert "First talk" in words(browser.get("/opportunities/"))
    browser.post(f"/opportunities/{deal.id}/move/", {"stage": "offer"})
    assert "The opportunity went from First talk to Offer" in words(browser.get(f"/opportunities/{deal.id}/"))
    browser.post("/language/", {"language": "ja"})
    assert "初回面談" in browser.get("/opportunities/").content.decode()
