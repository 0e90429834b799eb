"""Taking leads with the keyboard and under rules: search, own locks, details that count, the queue's one button."""

from __future__ import annotations

import re
from datetime import timedelta

from django.utils.timezone import now
from playwright.sync_api import Route, expect

from dibs.crm.models import Lead
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.distribution.models import Standing
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.browser.conftest import LogIn
from tests.running import wait_for


def test_search_finds_while_one_types_and_keeps_the_focus(company: Company, log_in: LogIn) -> None:
    for name in ("Clínica del Valle", "Clínica Norte", "Farmacia Sol"):
        company.lead(company=name)
    page = log_in(company.aiko)
    page.keyboard.press("/")
    page.keyboard.type("clín", delay=30)
    expect(page.locator("#leads tbody tr")).to_have_count(2)
    page.keyboard.type("ica nor", delay=30)
    expect(page.locator("#leads tbody tr")).to_have_count(1)
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("clínica nor")
    expect(page).to_have_url(re.compile(r"\?q=cl%C3%ADnica(\+|%20)nor$"))
    page.keyboard.type(" nobody", delay=30)
    expect(page.get_by_text("No lead here fits that")).to_be_visible()


def test_another_order_is_chosen_and_stays(company: Company, log_in: LogIn) -> None:
    company.lead(company="Large And New", employees=300)
    company.lead(company="Small And Old", now=now() - timedelta(hours=1))
    page = log_in(company.aiko)
    rows = page.locator("#leads tbody tr")
    expect(rows.first).to_contain_text("Large And New")
    page.get_by_label("Order").select_option("waiting_since")
    expect(rows.first).to_contain_text("Small And Old")
    page.reload()
    expect(rows.first).to_contain_text("Small And Old")


def test_ones_own_locks_count_down_where_more_is_taken(company: Company, log_in: LogIn) -> None:
    lead = company.lead(company="Already Mine")
    company.lead(company="Still There")
    enter(company.workspace.id)
    assert isinstance(claim_lead(caller_of(company.aiko.user), lead, now()), Claimed)
    page = log_in(company.aiko)
    held = page.locator("#held")
    expect(held).to_contain_text("Already Mine")
    clock = held.locator("time")
    first = clock.inner_text()
    expect(clock).not_to_have_text(first)
    enter(company.workspace.id)
    Lead.objects.filter(id=lead).update(lock_expires_at=now() + timedelta(seconds=2))
    page.goto("/pools/inbound/")
    expect(held).not_to_contain_text("Already Mine")
    held.get_by_role("link").first.wait_for(state="detached")


def test_details_that_count_are_opened_with_a_key_and_the_rest_stays_hidden(company: Company, log_in: LogIn) -> None:
    for number in range(3):
        company.lead(source="open", company=f"Open {number}", email=f"hidden{number}@example.com")
    page = log_in(company.aiko)
    page.goto("/pools/open/")
    assert "@example.com" not in page.content()
    for number in range(2):
        expect(page.locator("#panel h1")).to_have_text(f"Open {number}")
        expect(page.locator("[data-details]")).to_contain_text(f"{2 - number} of 2 left")
        page.keyboard.press("d")
        expect(page.locator("#panel")).to_contain_text(f"hidden{number}@example.com")
        expect(page.locator("#foot")).to_contain_text(f"{number + 1} of 2")
        page.keyboard.press("j")
    expect(page.locator("#panel h1")).to_have_text("Open 2")
    expect(page.locator("#panel")).to_contain_text("You have looked at 2 since your last claim.")
    expect(page.locator("[data-details] button")).to_be_disabled()
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile("/leads/"))
    enter(company.workspace.id)
    assert Standing.objects.get(rep=company.aiko).skips == 0


def test_on_a_small_screen_details_open_on_the_leads_own_page(company: Company, log_in: LogIn) -> None:
    lead = company.lead(source="open", company="Open Wide", email="shown@example.com")
    page = log_in(company.aiko, viewport={"width": 360, "height": 740})
    page.goto("/pools/open/")
    page.locator("[data-details] button").click()
    expect(page).to_have_url(re.compile(f"/leads/{lead}/$"))
    expect(page.get_by_role("link", name="shown@example.com")).to_be_visible()


def test_the_queue_has_one_button_and_moves_on_by_itself(company: Company, log_in: LogIn) -> None:
    first = company.lead(source="line", company="First In Line", now=now() - timedelta(minutes=5))
    second = company.lead(source="line", company="Second In Line")
    page = log_in(company.aiko)
    page.goto("/queue/line/")
    head = page.locator("#turn h2")
    expect(head).to_have_text("First In Line")
    expect(page.locator("#live")).to_have_text("Live")
    enter(company.workspace.id)
    assert isinstance(claim_lead(caller_of(company.budi.user), first, now()), Claimed)
    expect(head).to_have_text("Second In Line")
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile(f"/leads/{second}/$"))


def test_keys_pressed_before_the_scripts_have_come_are_not_lost(company: Company, log_in: LogIn) -> None:
    company.lead(company="Clínica del Valle")
    first = company.lead(source="line", company="First In Line")
    page = log_in(company.aiko)
    held: list[Route] = []
    page.route("**/dibs/keys*.js", lambda route: held.append(route))

    def press_early(path: str, *keys: str) -> None:
        page.goto(path, wait_until="commit")
        expect(page.locator("dialog#keys")).to_be_attached()  # the page's last part is there
        wait_for(lambda: page.wait_for_timeout(20) or held)
        for key in keys:
            page.keyboard.press(key)
        held.pop().continue_()

    press_early("/pools/inbound/", "/", "x", "y")
    expect(page.locator("#q")).to_have_value("xy")
    expect(page.get_by_text("No lead here fits that")).to_be_visible()
    press_early("/queue/line/", "c")
    page.wait_for_url(re.compile(f"/leads/{first}/$"), wait_until="commit")


def test_a_key_pressed_when_the_scripts_have_just_come_is_heard_once(company: Company, log_in: LogIn) -> None:
    for number in range(3):
        company.lead(company=f"Company {number}", now=now() - timedelta(minutes=9 - number))
    page = log_in(company.aiko)
    # Scripts of modules have run by then, and what they wait for comes after this, which was here first.
    page.add_init_script(
        "document.addEventListener('DOMContentLoaded', () =>"
        " document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true})))"
    )
    page.goto("/pools/inbound/")
    chosen = page.locator('#leads tr[aria-current="true"]')
    expect(chosen).to_contain_text("Company 1")
    expect(page.locator("#panel h1")).to_have_text("Company 1")


def test_what_is_pressed_twice_is_taken_once(company: Company, log_in: LogIn) -> None:
    first = company.lead(source="line", company="First In Line", now=now() - timedelta(minutes=5))
    company.lead(source="line", company="Second In Line")
    page = log_in(company.aiko)
    page.goto("/queue/line/")
    sent: list[Route] = []
    page.route("**/queue/line/next/", lambda route: sent.append(route))
    page.keyboard.press("c")
    wait_for(lambda: page.wait_for_timeout(20) or sent)
    page.keyboard.press("c")
    sent[0].continue_()
    page.wait_for_url(re.compile(f"/leads/{first}/$"))
    assert len(sent) == 1
    enter(company.workspace.id)
    assert Lead.objects.filter(owner=company.aiko).count() == 1


def test_passing_by_says_what_it_costs(company: Company, log_in: LogIn) -> None:
    for number in range(3):
        company.lead(source="line", company=f"In Line {number}", now=now() - timedelta(minutes=9 - number))
    page = log_in(company.aiko)
    page.goto("/queue/line/")
    for number in range(2):
        expect(page.locator("#turn h2")).to_have_text(f"In Line {number}")
        expect(page.locator("#turn")).to_contain_text(f"{2 - number} of 2 left until you claim one.")
        page.get_by_role("button", name="Pass it by").click()
    expect(page.locator("#turn h2")).to_have_text("In Line 2")
    expect(page.get_by_role("button", name="Pass it by")).to_be_disabled()
