"""The main job, as a rep does it: find a lead, take it, see the clock, log contact; and what the others see meanwhile."""

from __future__ import annotations

import re
from datetime import timedelta

from django.utils.timezone import now
from playwright.sync_api import Route, expect

from dibs.crm.models import Lead
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.distribution.ticking import tick
from dibs.people.caller import caller_of
from dibs.people.models import Rep, User
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.browser.conftest import LogIn, hold_the_time
from tests.running import wait_for


def test_with_the_keyboard_alone_from_login_to_contact(company: Company, log_in: LogIn) -> None:
    for number in range(6):
        company.lead(company=f"Other {number}", employees=300)
    lead = company.lead(company="Clínica del Valle", industry="health", country="MX", phone="+523300000000")
    page = log_in(company.aiko, by_password=True)
    expect(page).to_have_url(re.compile("/pools/inbound/"))
    assert "+523300000000" not in page.content()

    page.keyboard.press("/")
    page.keyboard.type("clín")
    expect(page.locator("#leads tbody tr")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#panel h1")).to_have_text("Clínica del Valle")
    page.keyboard.press("c")

    page.wait_for_url(re.compile(f"/leads/{lead}/"))
    expect(page.get_by_text("Yours, until first contact, for")).to_be_visible()
    clock = page.locator(".clock time")
    expect(clock).to_have_text(re.compile(r"^1[0-4]:\d\d$"))
    first = clock.inner_text()
    expect(clock).not_to_have_text(first)  # it counts
    expect(page.get_by_role("link", name="+523300000000")).to_be_visible()

    page.keyboard.press("l")
    expect(page.get_by_role("group", name="What was it?")).to_be_visible()
    page.keyboard.press("l")
    expect(page.get_by_text("Contact logged. It stays yours.")).to_be_visible()
    enter(company.workspace.id)
    assert Lead.objects.get(id=lead).state == "working"


def test_down_and_up_choose_a_row_and_the_panel_follows(company: Company, log_in: LogIn) -> None:
    for number in range(3):
        company.lead(company=f"Company {number}", now=now() - timedelta(minutes=9 - number))
    page = log_in(company.aiko)
    chosen = page.locator('#leads tr[aria-current="true"]')
    title = page.locator("#panel h1")
    expect(title).to_have_text("Company 0")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(title).to_have_text("Company 2")
    expect(chosen).to_contain_text("Company 2")
    page.keyboard.press("k")
    expect(title).to_have_text("Company 1")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/leads/"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_the_panel_shows_the_row_that_was_chosen_while_the_one_before_was_on_its_way(
    company: Company, log_in: LogIn
) -> None:
    for number in range(3):
        company.lead(company=f"Company {number}", now=now() - timedelta(minutes=9 - number))
    page = log_in(company.aiko)
    asked: list[Route] = []
    page.route("**/pools/inbound/leads/**", lambda route: asked.append(route), times=1)
    page.keyboard.press("j")
    wait_for(lambda: page.wait_for_timeout(20) or asked)
    page.keyboard.press("j")
    page.wait_for_timeout(200)  # the hand rests
    asked[0].continue_()
    expect(page.locator("#panel h1")).to_have_text("Company 2")


def test_a_key_pressed_right_after_another_row_was_chosen_takes_that_row(company: Company, log_in: LogIn) -> None:
    shown = company.lead(company="Shown Before", now=now() - timedelta(minutes=9))
    chosen = company.lead(company="Chosen Now")
    page = log_in(company.aiko)
    expect(page.locator("#panel h1")).to_have_text("Shown Before")
    page.route("**/pools/inbound/leads/**", lambda route: (page.wait_for_timeout(300), route.continue_())[1])
    page.evaluate(
        "for (const key of ['j', 'c']) document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))"
    )
    expect(page).to_have_url(re.compile(f"/leads/{chosen}/"))
    enter(company.workspace.id)
    assert Lead.objects.get(id=shown).owner is None


def test_a_key_whose_panel_never_came_does_nothing_later(company: Company, log_in: LogIn) -> None:
    company.lead(company="Shown Before", now=now() - timedelta(minutes=9))
    chosen = company.lead(company="Chosen Now")
    page = log_in(company.aiko)
    expect(page.locator("#panel h1")).to_have_text("Shown Before")
    page.route("**/pools/inbound/leads/**", lambda route: route.fulfill(status=500))
    page.evaluate(
        """() => new Promise((done) => {
            document.body.addEventListener("htmx:responseError", () => setTimeout(done), { once: true });
            for (const key of ["j", "c"]) document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        })"""
    )
    page.unroute("**/pools/inbound/leads/**")
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    page.evaluate(
        """() => new Promise((done) => {
            document.body.addEventListener("htmx:afterSettle", () => setTimeout(done), { once: true });
            const row = document.querySelector('#leads tr[aria-current="true"]');
            htmx.ajax("GET", row.dataset.panel, { target: "#panel", swap: "outerHTML" });
        })"""
    )
    expect(page.locator("#panel h1")).to_have_text("Chosen Now")
    assert "POST" not in sent
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile(f"/leads/{chosen}/"))


def test_two_reps_race_for_one_lead_and_the_second_is_told_who_was_first(company: Company, log_in: LogIn) -> None:
    lead = company.lead(company="Wanted Ltd")
    aiko, budi = log_in(company.aiko), log_in(company.budi)
    for page in (aiko, budi):
        page.goto("/pools/inbound/")
        # So that neither is warned: the stream is cut, and both click in good faith.
        page.context.route("**/stream**", lambda route: route.abort())
        page.reload()
        expect(page.locator("#panel h1")).to_have_text("Wanted Ltd")
        hold_the_time(page)  # the row goes after a few seconds
    for page in (aiko, budi):
        page.locator("form[data-claim] button").click(no_wait_after=True)
    # Two workers answer: who clicked last may well be answered first.
    enter(company.workspace.id)
    owner = wait_for(lambda: Lead.objects.get(id=lead).owner)
    won, lost = (aiko, budi) if owner.handle == "aiko" else (budi, aiko)
    expect(lost.locator("#leads tr.taken")).to_contain_text(f"{owner.name} took it")
    expect(lost.get_by_role("alert")).to_contain_text(f"{owner.name} took it")
    expect(lost.get_by_role("alert")).to_contain_text("Choose another lead.")
    expect(won).to_have_url(re.compile(f"/leads/{lead}/"))


def test_a_row_that_somebody_took_is_struck_through_and_goes(company: Company, log_in: LogIn) -> None:
    company.lead(company="Stays Here", employees=300)
    lead = company.lead(company="Goes Away")
    page = log_in(company.aiko)
    expect(page.locator("#live")).to_have_text("Live")
    hold_the_time(page)
    enter(company.workspace.id)
    assert isinstance(claim_lead(caller_of(company.budi.user), lead, now()), Claimed)
    row = page.locator(f"#lead-{lead}")
    expect(row).to_have_class(re.compile("taken"))
    expect(row).to_contain_text("Budi took it")
    expect(page.locator("#waiting")).to_have_text("1")
    page.clock.run_for(5_000)
    expect(row).to_have_count(0)
    expect(page.get_by_role("link", name="Stays Here")).to_be_visible()


def test_who_took_a_lead_can_be_read_in_full_and_the_panel_promises_nothing_more(
    company: Company, log_in: LogIn
) -> None:
    Rep.objects.filter(id=company.budi.id).update(name="Maximiliano Hernández-Goldschmidt")
    User.objects.filter(id=company.aiko.user_id).update(language="es")
    lead = company.lead(company="Goes Away", industry="health", source="web", country="MX", employees=20)
    page = log_in(company.aiko, viewport={"width": 1280, "height": 800})
    expect(page.locator("#live")).to_have_text("En directo")
    expect(page.locator("#panel")).to_contain_text("Espera desde hace")
    page.evaluate("document.getElementById('waiting').removeAttribute('data-count')")  # as where counting stopped
    hold_the_time(page)
    enter(company.workspace.id)
    assert isinstance(claim_lead(caller_of(company.budi.user), lead, now()), Claimed)
    told = page.locator(f"#lead-{lead} .took")
    expect(told).to_have_text("Maximiliano Hernández-Goldschmidt lo tomó")
    cut = "cell => cell.scrollWidth > cell.clientWidth || cell.scrollHeight > cell.clientHeight"
    assert told.evaluate(cut) is False
    expect(page.locator("#panel")).to_contain_text("lo tomó")
    expect(page.locator("#panel [data-waits]")).to_have_count(0)
    expect(page.locator("#waiting")).to_have_text("1")


def test_what_happens_before_the_page_is_live_is_shown_too(company: Company, log_in: LogIn) -> None:
    company.lead(company="Stays Here", employees=300)
    lead = company.lead(company="Goes Away")
    page = log_in(company.aiko)
    opened: list[Route] = []
    page.route("**/stream?**", lambda route: opened.append(route), times=1)
    page.reload()
    hold_the_time(page)
    enter(company.workspace.id)
    assert isinstance(claim_lead(caller_of(company.budi.user), lead, now()), Claimed)
    company.lead(company="Just Came")
    wait_for(lambda: page.wait_for_timeout(20) or opened)
    opened[0].continue_()
    expect(page.locator(f"#lead-{lead}")).to_contain_text("Budi took it")
    page.get_by_role("button", name="Something moved here: look again").click()
    expect(page.get_by_role("link", name="Just Came")).to_be_visible()
    expect(page.get_by_role("link", name="Stays Here")).to_be_visible()
    expect(page.get_by_role("link", name="Goes Away")).to_have_count(0)


def test_what_was_there_when_the_page_was_made_is_not_announced(company: Company, log_in: LogIn) -> None:
    company.lead(company="Was Here")
    page = log_in(company.aiko)
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator("#waiting")).to_have_text("1")
    expect(page.locator("#fresh")).to_be_hidden()


def test_a_lead_that_comes_in_is_announced_and_nothing_jumps(company: Company, log_in: LogIn) -> None:
    company.lead(company="Was Here")
    page = log_in(company.aiko)
    expect(page.locator("#live")).to_have_text("Live")
    company.lead(company="Just Came", employees=300)
    fresh = page.get_by_role("button", name="1 new lead: show it")
    expect(fresh).to_be_visible()
    expect(page.get_by_role("link", name="Just Came")).to_have_count(0)
    fresh.click()
    expect(page.get_by_role("link", name="Just Came")).to_be_visible()


def test_a_lock_that_runs_out_puts_the_lead_back(company: Company, log_in: LogIn) -> None:
    lead = company.lead(company="Too Slow")
    page = log_in(company.aiko)
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile(f"/leads/{lead}/"))
    tick(now() + timedelta(minutes=16))
    page.goto("/mine/")
    expect(page.get_by_text("You have no leads just now")).to_be_visible()
    page = log_in(company.budi)
    page.goto("/pools/inbound/")
    expect(page.get_by_role("link", name="Too Slow")).to_be_visible()


def test_filters_are_chosen_by_ticking(company: Company, log_in: LogIn) -> None:
    company.lead(company="Mexican", country="MX")
    company.lead(company="Spanish", country="ES")
    page = log_in(company.aiko)
    page.locator('[data-chip="country"] summary').click()
    page.get_by_label("Spain").check()
    expect(page.locator("#leads tbody tr")).to_have_count(1)
    expect(page.locator("#leads")).to_contain_text("Spanish")
    expect(page.locator('[data-chip="country"] summary')).to_have_text(re.compile("Country Spain"))
    expect(page).to_have_url(re.compile(r"\?country=ES$"))
    page.reload()
    expect(page.locator("#leads tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("#leads tbody tr")).to_have_count(2)
    page.go_back()
    expect(page.locator("#leads tbody tr")).to_have_count(1)


def test_without_javascript_the_main_job_works_too(company: Company, log_in: LogIn) -> None:
    lead = company.lead(company="Plain Forms")
    page = log_in(company.aiko, java_script_enabled=False)
    page.get_by_role("link", name="Plain Forms").click()
    page.get_by_role("button", name="Claim").click()
    expect(page).to_have_url(re.compile(f"/leads/{lead}/"))
    expect(page.locator(".clock")).to_have_text(re.compile(r"1[0-5]:\d\d"))
    page.locator("#contact summary").click()
    page.get_by_role("button", name="Log it").click()
    expect(page.get_by_text("Contact logged. It stays yours.")).to_be_visible()


def test_the_floor_follows_what_happens(company: Company, log_in: LogIn) -> None:
    lead = company.lead(company="Watched Inc", source="open")
    page = log_in(company.manager)
    expect(page).to_have_url(re.compile("/floor/"))
    expect(page.locator("#live")).to_have_text("Live")
    enter(company.workspace.id)
    claim_lead(caller_of(company.aiko.user), lead, now())
    expect(page.locator(".feed")).to_contain_text("Watched Inc claimed by Aiko")
