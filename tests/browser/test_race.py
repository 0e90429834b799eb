"""Two reps, two browsers, one lead, at the same moment, by keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from dibs.crm.models import Lead
from dibs.distribution.models import Decision
from dibs.people.models import Membership, Rep, Team
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.browser.conftest import LogIn, hold_the_time
from tests.running import wait_for


def _go_down_to_the_last(page: Page) -> None:
    """With j, once too far back with k, and with j again."""
    title = page.locator("#panel h1")
    expect(page.locator("#live")).to_have_text("Live")
    expect(title).to_have_text("First of all")
    for key, company in (
        ("j", "In the middle"),
        ("k", "First of all"),
        ("j", "In the middle"),
        ("j", "Wanted by both"),
    ):
        page.keyboard.press(key)
        expect(title).to_have_text(company)


def test_two_reps_press_c_at_the_same_moment(company: Company, log_in: LogIn) -> None:
    Membership.objects.create(workspace=company.workspace, rep=company.budi, team=Team.objects.get(slug="closers"))
    company.lead(company="First of all", employees=300, source="referral")
    company.lead(company="In the middle", employees=300)
    lead = company.lead(company="Wanted by both")
    pages = {rep.handle: log_in(rep) for rep in (company.aiko, company.budi)}
    for page in pages.values():
        _go_down_to_the_last(page)
    # Neither claim leaves before both have pressed: so neither was told in time that it is too late.
    claims: list[Route] = []
    for page in pages.values():
        page.route(f"**/leads/{lead}/claim/", lambda route: claims.append(route))
        hold_the_time(page)  # the row goes after a few seconds
        page.keyboard.press("c")
    # Both browsers speak through one connection, which is read while one of them waits.
    wait_for(lambda: page.wait_for_timeout(20) or len(claims) == len(pages))
    for claim in claims:
        claim.continue_()

    enter(company.workspace.id)
    winner = wait_for(lambda: Lead.objects.get(id=lead).owner)
    (loser,) = Rep.objects.filter(handle__in=pages).exclude(id=winner.id)
    won, lost = pages[winner.handle], pages[loser.handle]

    # The one has it, and sees for how long.
    expect(won).to_have_url(re.compile(f"/leads/{lead}/"))
    won.clock.resume()
    clock = won.locator(".clock time")
    expect(clock).to_have_text(re.compile(r"^1[0-4]:\d\d$"))
    at_first = clock.inner_text()
    expect(clock).not_to_have_text(at_first)

    # The other is told who was first, by name, and the row goes.
    expect(lost).to_have_url(re.compile("/pools/inbound/"))
    expect(lost.get_by_role("alert")).to_contain_text(f"{winner.name} took it")
    lost.clock.resume()
    expect(lost.locator(f"#lead-{lead}")).to_have_count(0)
    expect(lost.locator("#waiting")).to_have_text("2")
    assert [made.rep for made in Decision.objects.filter(lead_id=lead, kind="claimed")] == [winner]

    # And goes on by keyboard: k up, enter to the lead's own page.
    lost.keyboard.press("k")
    expect(lost.locator('#leads tr[aria-current="true"]')).to_be_visible()
    lost.keyboard.press("Enter")
    lost.wait_for_url(re.compile("/leads/"))
