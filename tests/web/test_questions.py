"""The standard questions on the lead page, and how its score came to be."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.distribution.placing import place
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.api.test_questions import POLICY
from tests.making import make_arrival, publish
from tests.web.conftest import as_


@pytest.fixture
def there(company: Company) -> Company:
    publish(company.workspace, POLICY.replace("When?", "<b>When?</b>"))
    return company


def arrives(company: Company, **facts: Any) -> tuple[Any, Any]:
    lead = place(company.workspace.id, [make_arrival(employees=500, **facts)], now=now())[0]
    return lead.lead_id, company.aiko if lead.owner == "aiko" else company.budi


def test_the_lead_page_asks_what_the_policy_asks_and_shows_the_score_as_it_went(there: Company) -> None:
    lead, rep = arrives(there)
    page = as_(rep).get(f"/leads/{lead}/").content.decode()
    assert "Is there a budget?" in page
    assert "Next year" in page
    assert "(+60)" not in page, "what an answer is worth is for who may see the policy"
    assert 'class="stairs"' in page
    assert "until it is ready for sales" in page
    assert "(+60)" in as_(there.ops).get(f"/leads/{lead}/").content.decode()


def test_what_answers_would_come_to_is_told_before_they_are_saved(there: Company) -> None:
    lead, rep = arrives(there)
    browser = as_(rep)
    would = browser.post(
        f"/leads/{lead}/answers/would-be/", {"answer.budget": "yes", "answer.time": "later"}
    ).content.decode()
    assert "That makes 90 of 100." in would
    assert "Ready for sales" in would
    assert "Not ready" in browser.post(f"/leads/{lead}/answers/would-be/", {"answer.budget": "soon"}).content.decode()
    enter(there.workspace.id)
    assert Lead.objects.get(id=lead).answers == {}


def test_saved_answers_are_counted_and_the_lead_goes_on(there: Company) -> None:
    lead, rep = arrives(there)
    browser = as_(rep)
    assert browser.post(f"/leads/{lead}/answer/", {"answer.budget": "soon"}).status_code == 302
    page = browser.get(f"/leads/{lead}/").content.decode()
    assert "Is there a budget? Next year" in page
    assert "+20" in page
    browser.post(f"/leads/{lead}/answer/", {"answer.budget": "yes"})
    enter(there.workspace.id)
    found = Lead.objects.get(id=lead)
    assert (found.state, found.side, found.score) == ("pooled", "sales", 90)
    # What a question is called is text, whatever it holds.
    page = as_(there.ops).get(f"/leads/{lead}/").content.decode()
    assert "&lt;b&gt;When?&lt;/b&gt;" in page
    assert "<b>When?</b>" not in page
    # Who had it sees it as a lead of the pool, and nothing of its answers.
    assert "Budget" not in browser.get(f"/leads/{lead}/").content.decode()
    assert (
        browser.post(f"/leads/{lead}/answers/would-be/", {"answer.budget": "no"}).content.decode().count("That makes")
        == 0
    )


@pytest.mark.parametrize("form", [{"answer.mood": "good"}, {"answer.budget": "plenty"}, {"answer.budget": "<script>"}])
def test_what_is_no_answer_is_refused_in_words(there: Company, form: dict[str, str]) -> None:
    lead, rep = arrives(there)
    browser = as_(rep)
    told = browser.post(f"/leads/{lead}/answer/", form, follow=True).content.decode()
    assert "The questions have changed meanwhile" in told
    enter(there.workspace.id)
    assert Lead.objects.get(id=lead).answers == {}


def test_a_lead_is_taken_away_for_now_and_one_given_up_is_reopened_from_the_page(there: Company) -> None:
    lead, rep = arrives(there, email="ann@acme.example", consent=True)
    browser = as_(rep)
    assert "Keep it away for now" in browser.get(f"/leads/{lead}/").content.decode()
    browser.post(f"/leads/{lead}/nurture/", {"sequence": "drip", "why": "in spring"})
    enter(there.workspace.id)
    assert Lead.objects.get(id=lead).sequence == "drip"
    boss = as_(there.ops)
    boss.post(f"/leads/{lead}/retire/", {"why": "no_budget"})
    assert "Reopen" in boss.get(f"/leads/{lead}/").content.decode()
    boss.post(f"/leads/{lead}/reopen/", {})
    enter(there.workspace.id)
    assert Lead.objects.get(id=lead).state == "owned"


def test_nobody_of_another_company_asks_or_answers(there: Company, other: Company) -> None:
    lead, _ = arrives(there)
    browser = as_(other.ops)
    assert browser.post(f"/leads/{lead}/answers/would-be/", {"answer.budget": "yes"}).status_code == 404
    assert browser.post(f"/leads/{lead}/answer/", {"answer.budget": "yes"}).status_code == 404
