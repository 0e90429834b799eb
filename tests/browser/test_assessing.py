"""Assessing a lead with the keyboard, while the other hand holds the telephone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from dibs.crm.models import Assessed, Lead
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.people.caller import caller_of
from dibs.people.models import User
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.browser.conftest import LogIn
from tests.browser.test_look import _FAINT, _NAMELESS
from tests.making import publish
from tests.running import wait_for

SAMPLE = Path(__file__).parents[2] / "policies" / "sample.yaml"


def mine(company: Company) -> str:
    """A lead that Aiko has claimed, under the questionnaires of the sample policy."""
    text = SAMPLE.read_text(encoding="utf-8")
    questionnaires = text[text.index("assessments:") : text.index("credits:")]
    questionnaires = questionnaires.replace("{pool: small_business}", "{pool: open}")
    publish(company.workspace, POLICY + "\n" + questionnaires)
    lead = company.lead(product="Enterprise", company="Obra Grande")
    enter(company.workspace.id)
    assert isinstance(claim_lead(caller_of(company.aiko.user), lead, now()), Claimed)
    return f"/leads/{lead}/"


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_digits_answer_and_the_score_follows(company: Company, log_in: LogIn) -> None:
    page = log_in(company.aiko)
    page.goto(mine(company))
    page.keyboard.press("a")
    sheet = page.locator("details.sheet").first
    expect(sheet).to_have_attribute("open", "")
    graded = page.locator("#graded-first_call")
    expect(graded).to_contain_text("0 of 100, 100 at most")
    page.keyboard.press("3")
    expect(graded).to_contain_text("38 of 100, 100 at most")
    page.keyboard.press("2")
    expect(graded).to_contain_text("48 of 100, 85 at most")
    assert page.evaluate("document.activeElement.name") == "answer.decides"
    page.keyboard.press("3")
    page.keyboard.press("1")
    # The last answer is worth nothing, so that nothing more can be reached either.
    expect(graded).to_contain_text("73 of 100")
    expect(graded).not_to_contain_text("at most")
    expect(graded.locator("[aria-current]")).to_contain_text("Go on with it")
    assert page.evaluate("document.activeElement.value") == "finish"
    page.reload()
    expect(page.locator("#graded-first_call")).to_contain_text("73 of 100")
    expect(page.locator("[name='answer.need'][value=much]")).to_be_checked()
    page.keyboard.press("a")
    page.keyboard.press("2")
    expect(page.locator("#graded-first_call")).to_contain_text("54 of 100")
    page.get_by_role("button", name="Finish").first.click()
    expect(page.get_by_text("Assessed: 54 of 100, to be followed up.")).to_be_visible()
    enter(company.workspace.id)
    assert [each.answers["need"] for each in Assessed.objects.all()] == ["some"]
    assert Lead.objects.get(company="Obra Grande").state == "working"


def test_a_window_that_is_closed_before_an_answer_is_kept_loses_nothing(company: Company, log_in: LogIn) -> None:
    page = log_in(company.aiko)
    page.goto(mine(company))
    # The first answer is on its way for as long as the page is there, and those after it wait for that.
    page.route("**/graded/", lambda route: None, times=1)
    page.keyboard.press("a")
    for digit in "3231":
        page.keyboard.press(digit)
    page.goto("/mine/")
    enter(company.workspace.id)
    kept = wait_for(lambda: Assessed.objects.filter(finished_at=None).first())
    assert kept.answers == {"need": "much", "budget": "next_year", "decides": "they", "when": "some_day"}


@pytest.mark.parametrize(
    ("language", "much", "score"),
    [
        ("en", "It costs them every day", "38 of 100"),
        ("ja", "毎日損をしている", "38"),
        ("es", "Les cuesta cada día", "38 de 100"),
        ("id", "Merugikan setiap hari", "38 dari 100"),
    ],
)
def test_it_fits_a_telephone_and_can_be_read_in_every_language(
    company: Company, log_in: LogIn, language: str, much: str, score: str
) -> None:
    where = mine(company)
    User.objects.update(language=language)
    for scheme in ("light", "dark"):
        page = log_in(company.aiko, viewport={"width": 360, "height": 780}, color_scheme=scheme)
        page.goto(where)
        page.locator("details.sheet:not([open]) summary").first.click()
        page.get_by_text(much).click()
        expect(page.locator("#graded-first_call")).to_contain_text(score)
        assert fits(page)
        assert page.evaluate(_FAINT) == []
        assert page.evaluate(_NAMELESS) == []
        page.goto("/mine/")
        Assessed.objects.all().delete()


def test_without_scripts_it_is_filled_in_as_well(company: Company, log_in: LogIn) -> None:
    page = log_in(company.aiko, java_script_enabled=False)
    page.goto(mine(company))
    page.locator("details.sheet summary").first.click()
    page.get_by_text("Somewhat").click()
    page.get_by_role("button", name="Keep, and show the score").first.click()
    expect(page.locator("#graded-first_call")).to_contain_text("19 of 100")
    page.get_by_role("button", name="Finish").first.click()
    expect(page.get_by_text("Assessed: 19 of 100, to be handed over.")).to_be_visible()
    expect(page).to_have_url(re.compile("/(mine|leads)/"))
