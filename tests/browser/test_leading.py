"""What who leads does: deciding about many leads in Review, announcing a policy, and what the reps see of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from dibs.crm.models import Lead
from dibs.distribution import acting
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.browser.conftest import LogIn, hold_the_time


def unclear(at: Company, count: int) -> list[Any]:
    return [at.lead(source="unclear", company=f"Unclear {number}") for number in range(count)]


def test_many_are_chosen_with_the_keyboard_and_handed_over(company: Company, log_in: LogIn) -> None:
    leads = unclear(company, 5)
    page = log_in(company.manager)
    page.goto("/review/")
    bar = page.locator("#decide")
    expect(bar).to_be_hidden()
    for key in ("j", "x", "j", "j", "Shift+X"):
        page.keyboard.press(key)
    expect(page.locator("#cases input:checked")).to_have_count(3)
    expect(bar).to_contain_text("3 chosen")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(bar).to_contain_text("2 chosen")
    bar.get_by_label("To whom").select_option("aiko")
    bar.get_by_role("button", name="Hand over").click()
    result = page.get_by_role("status").filter(has_text="2 leads handed over.")
    expect(result).to_contain_text("Unclear 0")
    expect(result).to_contain_text("Now with Aiko.")
    expect(page.locator("#cases .case")).to_have_count(3)
    expect(bar).to_be_hidden()
    enter(company.workspace.id)
    assert Lead.objects.filter(id__in=leads, owner=company.aiko).count() == 2


def test_what_is_missing_is_said_and_the_choice_is_kept_and_the_focus_goes_to_what_is_new(
    company: Company, log_in: LogIn
) -> None:
    unclear(company, 3)
    page = log_in(company.manager)
    page.goto("/review/")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_role("alert")).to_have_text("Choose who gets it.")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.locator("#cases input:checked")).to_have_count(1)
    page.get_by_label("To whom").select_option("aiko")
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_role("heading", name="1 lead handed over.")).to_be_focused()


def test_a_range_is_chosen_with_shift_and_the_mouse_and_all_with_one_box(company: Company, log_in: LogIn) -> None:
    unclear(company, 4)
    page = log_in(company.manager)
    page.goto("/review/")
    boxes = page.locator("#cases input")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.locator("#cases input:checked")).to_have_count(3)
    page.get_by_label("Choose all 4 on this page").check()
    expect(page.locator("#decide")).to_contain_text("4 chosen")
    page.get_by_label("Choose all 4 on this page").uncheck()
    expect(page.locator("#decide")).to_be_hidden()


def test_enter_opens_the_lead_where_the_focus_is(company: Company, log_in: LogIn) -> None:
    unclear(company, 2)
    page = log_in(company.manager)
    page.goto("/review/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Unclear 0")).to_be_visible()


def test_what_somebody_else_decides_about_is_struck_through_and_goes(company: Company, log_in: LogIn) -> None:
    first, *_ = unclear(company, 3)
    page = log_in(company.manager)
    page.goto("/review/")
    expect(page.locator("#live")).to_have_text("Live")
    page.locator(f"#case-{first} input").check()
    hold_the_time(page)  # the row goes after a few seconds
    enter(company.workspace.id)
    acting.assign(caller_of(company.ops), first, "aiko", now())
    row = page.locator(f"#case-{first}")
    expect(row).to_have_class(re.compile("taken"))
    expect(row).to_contain_text("Aiko has it now")
    expect(row.locator("input")).not_to_be_checked()
    page.clock.run_for(5_000)
    expect(row).to_have_count(0)


def test_what_somebody_writes_stays_while_others_move_the_lead(company: Company, log_in: LogIn) -> None:
    lead = company.lead(company="Moved Meanwhile")
    page = log_in(company.manager)
    page.goto(f"/leads/{lead}/")
    expect(page.locator("#live")).to_have_text("Live")
    page.locator("#note").fill("Half a sentence")
    page.evaluate("document.body.addEventListener('dibs:moved', () => (document.body.dataset.heard = 'yes'))")
    enter(company.workspace.id)
    assert isinstance(claim_lead(caller_of(company.aiko.user), lead, now()), Claimed)
    expect(page.locator("body")).to_have_attribute("data-heard", "yes")
    expect(page.locator("#note")).to_have_value("Half a sentence")


def test_filters_work_at_once_and_the_way_back_too(company: Company, log_in: LogIn) -> None:
    company.lead(source="unclear", company="Mexican", country="MX")
    company.lead(source="unclear", company="Spanish", country="ES")
    page = log_in(company.manager)
    page.goto("/review/")
    page.get_by_label("Country").select_option("ES")
    expect(page.locator("#cases .case")).to_have_count(1)
    expect(page).to_have_url(re.compile("country=ES"))
    page.go_back()
    expect(page.locator("#cases .case")).to_have_count(2)


@pytest.mark.parametrize("width", [360, 1280])
def test_without_javascript_many_are_decided_about_too(company: Company, log_in: LogIn, width: int) -> None:
    unclear(company, 2)
    page = log_in(company.manager, java_script_enabled=False, viewport={"width": width, "height": 740})
    page.goto("/review/")
    page.get_by_label("Choose Unclear 1").check()
    page.get_by_label("Why give up").select_option("spam")
    page.get_by_role("button", name="Give up").click()
    expect(page.get_by_text("1 lead given up.")).to_be_visible()
    expect(page.locator("#cases .case")).to_have_count(1)


def test_a_tighter_rule_is_shown_announced_and_taken_back_and_the_rep_is_told(company: Company, log_in: LogIn) -> None:
    page = log_in(company.ops)
    page.goto("/policy/edit/")
    page.locator("textarea[name=text]").fill(POLICY.replace("hold_at_most: 3", "hold_at_most: 1"))
    page.get_by_role("button", name="Publish").click()
    changes = page.get_by_role("region", name="What changes for the reps")
    expect(changes).to_contain_text("Leads in hand, at most")
    page.get_by_label("Takes effect").fill("2099-03-31T09:00")
    page.keyboard.press("Tab")
    changes.get_by_role("button").click()
    expect(page.get_by_role("heading", name="Version 2 is announced")).to_be_visible()

    rep = log_in(company.aiko)
    expect(rep.locator(".bell b")).to_have_text("1")
    rep.goto("/standing/")
    expect(rep.get_by_role("region", name=re.compile("these rules change"))).to_contain_text("1 instead of 3")
    rep.get_by_role("button", name="I have read them").click()
    expect(rep.locator(".bell b")).to_have_count(0)

    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("Version 2 is taken back")).to_be_visible()
    rep.reload()
    expect(rep.locator(".bell b")).to_have_text("1")
    expect(rep.get_by_role("region", name=re.compile("these rules change"))).to_have_count(0)
