"""The questionnaire on the lead page: filled in with and without scripts, kept, finished."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.models import Assessed, Lead
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.api.test_assessments import QUESTIONNAIRES
from tests.making import publish
from tests.web.conftest import as_

FILLED = {"answer.need": "some", "answer.budget": "yes"}


def words(response: Any) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())))


@pytest.fixture
def lead(company: Company) -> UUID:
    """A lead that Aiko has claimed."""
    publish(company.workspace, POLICY + QUESTIONNAIRES)
    lead_id = company.lead(source="referral")
    as_(company.aiko).post(f"/leads/{lead_id}/claim/")
    return lead_id


def drafts(company: Company, lead: UUID) -> list[tuple[int, bool]]:
    enter(company.workspace.id)
    return [(each.score, each.finished_at is not None) for each in Assessed.objects.filter(lead_id=lead)]


def test_who_has_the_lead_is_asked_and_told_where_each_score_leads(company: Company, lead: UUID) -> None:
    page = as_(company.aiko).get(f"/leads/{lead}/")
    said = words(page)
    for expected in (
        "First call",
        "Need? must be answered",
        "Budget?",
        "Some",
        "70–100 Go on with it",
        "10–69 Keep it, and look at it again in 14 days",
        "0–9 Send it to the pool Open",
        "1 question must still be answered.",
        "of 100, 100 at most",
    ):
        assert expected in said, expected
    assert "Fair" not in re.findall(r"<b>([^<]*)</b>", page.content.decode())
    assert 'name="answer.need" value="much"' in page.content.decode()
    # Nothing is said yet, and so it leads nowhere: not even to the least.
    assert '<li aria-current="true"><span class="nowrap">' not in page.content.decode()


def test_nobody_else_is_asked(company: Company, lead: UUID) -> None:
    assert "First call" not in words(as_(company.manager).get(f"/leads/{lead}/"))
    assert as_(company.budi).get(f"/leads/{lead}/").status_code == 404
    waiting = company.lead(source="open")
    assert "First call" not in words(as_(company.aiko).get(f"/leads/{waiting}/"))


def test_each_answer_is_kept_and_graded(company: Company, lead: UUID) -> None:
    browser = as_(company.aiko)
    piece = browser.post(f"/leads/{lead}/assess/call/graded/", {"answer.need": "some"})
    assert piece.status_code == 200
    assert "38 of 100, 63 at most" in words(piece)
    assert re.search(r'<li aria-current="true"><span class="nowrap">10–69', piece.content.decode())
    assert drafts(company, lead) == [(38, False)]
    again = browser.get(f"/leads/{lead}/").content.decode()
    assert 'value="some" checked' in again
    assert '<details class="sheet" open' in again
    assert "Begin anew" in again


def test_without_scripts_it_is_kept_by_a_button(company: Company, lead: UUID) -> None:
    browser = as_(company.aiko)
    answer = browser.post(f"/leads/{lead}/assess/call/", {**FILLED, "do": "keep"})
    assert answer["Location"] == f"/leads/{lead}/#assess"
    assert drafts(company, lead) == [(63, False)]
    browser.post(f"/leads/{lead}/assess/call/", {"do": "drop"})
    assert drafts(company, lead) == []


def test_a_finished_one_is_told_and_stays_to_be_read(company: Company, lead: UUID) -> None:
    browser = as_(company.aiko)
    browser.post(f"/leads/{lead}/assess/call/graded/", FILLED)
    page = browser.post(f"/leads/{lead}/assess/call/", {**FILLED, "do": "finish"}, follow=True)
    said = words(page)
    assert "Assessed: 63 of 100, to be followed up." in said
    assert "Assessed by Call: 63 of 100, to be followed up" in said
    assert "First call : 63 of 100, to be followed up" in said
    assert "Need? Some Budget? Yes" in said
    assert drafts(company, lead) == [(63, True)]
    # Who leads them reads it too.
    assert "First call : 63 of 100, to be followed up" in words(as_(company.manager).get(f"/leads/{lead}/"))


def test_what_goes_out_of_sight_leads_back_to_ones_own_leads(company: Company, lead: UUID) -> None:
    enter(company.workspace.id)
    publish(
        company.workspace, POLICY + QUESTIONNAIRES.replace("{hand_over: {pool: open}}", "{hand_over: {pool: japan}}")
    )
    answer = as_(company.aiko).post(f"/leads/{lead}/assess/call/", {"answer.need": "none", "do": "finish"})
    assert answer["Location"] == "/mine/"
    enter(company.workspace.id)
    assert Lead.objects.get(id=lead).pool == "japan"


@pytest.mark.parametrize(
    ("way", "where"),
    [
        ("{pool: japan}", "It waits in Japan."),
        ("{team: tokyo}", "It goes to Budi."),
        ("{review: tokyo}", "It goes before the managers of Tokyo."),
        ("{nurture: true}", "It is kept until it is ready for sales."),
    ],
)
def test_of_a_lead_that_is_handed_over_it_is_said_which_it_was_and_where_it_went(
    company: Company, lead: UUID, way: str, where: str
) -> None:
    enter(company.workspace.id)
    publish(company.workspace, POLICY + QUESTIONNAIRES.replace("{hand_over: {pool: open}}", f"{{hand_over: {way}}}"))
    Lead.objects.filter(id=lead).update(company="Kumo & Co")
    page = as_(company.aiko).post(f"/leads/{lead}/assess/call/", {"answer.need": "none", "do": "finish"}, follow=True)
    assert f"Kumo & Co is assessed: 0 of 100, to be handed over. {where}" in words(page)


def test_what_is_missing_is_said_and_nothing_lost(company: Company, lead: UUID) -> None:
    page = as_(company.aiko).post(f"/leads/{lead}/assess/call/", {"answer.budget": "yes", "do": "finish"}, follow=True)
    assert "1 question must still be answered." in words(page)
    assert drafts(company, lead) == [(25, False)]


@pytest.mark.parametrize(
    "given",
    [
        {"answer.need": "lots"},
        {"answer.no_such": "yes"},
        {"answer.need": "x" * 5_000},
        {"answer." + "q" * 200: "yes"},
        {"answer.need": "\0"},
        {"answer.": "yes"},
        {"answer.need": "<script>alert(1)</script>"},
    ],
)
def test_what_no_form_of_ours_sends_is_refused_in_words(company: Company, lead: UUID, given: dict[str, str]) -> None:
    browser = as_(company.aiko)
    piece = browser.post(f"/leads/{lead}/assess/call/graded/", given)
    assert piece.status_code == 422
    assert "The questionnaire has changed meanwhile" in words(piece)
    assert "<script>alert" not in piece.content.decode()
    page = browser.post(f"/leads/{lead}/assess/call/", {**given, "do": "finish"}, follow=True)
    assert "The questionnaire has changed meanwhile" in words(page)
    assert drafts(company, lead) == []


def test_a_questionnaire_for_other_leads_is_not_to_be_had(company: Company, lead: UUID) -> None:
    browser = as_(company.aiko)
    assert browser.post(f"/leads/{lead}/assess/fair/graded/", {"answer.met": "yes"}).status_code == 422
    page = browser.post(f"/leads/{lead}/assess/fair/", {"answer.met": "yes", "do": "finish"}, follow=True)
    assert "is not for this lead any more" in words(page)


def test_another_reps_lead_is_refused_and_one_out_of_sight_not_there(
    company: Company, other: Company, lead: UUID
) -> None:
    for who, status in (
        (company.budi, 404),
        (other.aiko, 404),
        (other.ops, 404),
        (company.manager, 409),
        (company.ops, 409),
    ):
        assert as_(who).post(f"/leads/{lead}/assess/call/graded/", FILLED).status_code == status
    page = as_(company.manager).post(f"/leads/{lead}/assess/call/", {**FILLED, "do": "finish"}, follow=True)
    assert "Aiko has it" in words(page)
    assert as_(other.ops).post(f"/leads/{lead}/assess/call/", {**FILLED, "do": "finish"}).status_code == 404
    assert as_(company.aiko).get(f"/leads/{lead}/assess/call/").status_code == 405
    assert drafts(company, lead) == []


def test_a_page_left_open_acts_on_no_later_lease(company: Company, lead: UUID) -> None:
    answer = as_(company.aiko).post(
        f"/leads/{lead}/assess/call/", {**FILLED, "do": "finish", "claim": str(UUID(int=5))}, follow=True
    )
    assert "Your time for it ran out" in words(answer)
    assert drafts(company, lead) == []
