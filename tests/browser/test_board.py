"""The board of opportunities in a browser: a card is dragged into another stage."""

from __future__ import annotations

from django.utils.timezone import now
from playwright.sync_api import expect

from dibs.crm.models import Opportunity
from dibs.distribution import acting
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.browser.conftest import LogIn


def test_a_card_is_dragged_into_another_stage_and_one_that_was_changed_meanwhile_stays(
    company: Company, log_in: LogIn
) -> None:
    aiko = caller_of(company.aiko.user)
    for name in ("Fleet", "Depot"):
        lead = company.lead(company=name)
        enter(company.workspace.id)
        assert isinstance(claim_lead(aiko, lead, now()), Claimed)
        acting.convert(aiko, lead, now(), name=name)
    page = log_in(company.aiko)
    page.goto("/opportunities/")
    stage = '.column[data-stage="{}"]'.format
    card = page.locator("li[data-move]", has_text="Fleet")
    card.drag_to(page.locator(stage("negotiation")))
    expect(page.locator(stage("negotiation"))).to_contain_text("Fleet")
    expect(page.locator(stage("qualified"))).not_to_contain_text("Fleet")
    expect(page.get_by_role("status").filter(has_text="In its new stage.")).to_be_visible()
    enter(company.workspace.id)
    assert Opportunity.objects.get(name="Fleet").stage == "negotiation"
    # Dropped where it was, nothing happens; and what somebody else changed is not overwritten.
    Opportunity.objects.filter(name="Depot").update(version=9)
    card = page.locator("li[data-move]", has_text="Depot")
    card.drag_to(page.locator(stage("qualified")).locator("header"))
    card.drag_to(page.locator(stage("proposal")))
    expect(page.locator("main")).to_contain_text("Somebody changed the opportunity meanwhile.")
    expect(page.locator(stage("qualified"))).to_contain_text("Depot")
    enter(company.workspace.id)
    assert Opportunity.objects.get(name="Depot").stage == "qualified"
