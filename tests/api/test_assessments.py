"""Assessing leads over the API: what is offered, drafts, and what comes of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from dibs.crm.models import Assessed
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import make_rep, publish

QUESTIONNAIRES = """
assessments:
  call:
    title: {en: First call, ja: 初回の電話, es: Primera llamada}
    questions:
      need: {ask: {en: Need?, es: ¿Lo necesitan?}, weight: 3, required: true, answers: {none: 0, some: {value: 50, says: {en: Some, es: Algo}}, much: 100}}
      budget: {ask: Budget?, answers: {"no": 0, "yes": 100}}
    verdicts:
      - {score: 10, follow_up: 14d}
      - {score: 70, pursue: true}
      - {hand_over: {pool: open}}
  fair:
    title: Fair
    when: lead.campaign == "fair"
    questions: {met: {ask: Met?, answers: {"no": 0, "yes": 100}}}
    verdicts: [{pursue: true}]
"""


@pytest.fixture
def lead(company: Company) -> UUID:
    """A lead that Aiko has claimed."""
    publish(company.workspace, POLICY + QUESTIONNAIRES)
    lead_id = company.lead(source="referral")
    assert company.post(company.aiko, f"/leads/{lead_id}/claim").status_code == 200
    return lead_id


def offered(company: Company, who: Any, lead: UUID) -> list[dict[str, Any]]:
    answer = company.get(who, f"/leads/{lead}/assessments")
    assert answer.status_code == 200, answer.content
    return list(answer.json()["offered"])


def test_a_questionnaire_is_offered_in_the_callers_language(company: Company, lead: UUID) -> None:
    company.aiko.user.language = "es"
    company.aiko.user.save()
    (call,) = offered(company, company.aiko, lead)
    assert (call["template"], call["title"], call["kept_at"], call["answers"]) == ("call", "Primera llamada", None, {})
    assert [question["name"] for question in call["questions"]] == ["need", "budget"]
    need = call["questions"][0]
    assert (need["ask"], need["weight"], need["required"]) == ("¿Lo necesitan?", 3, True)
    assert need["answers"] == [
        {"name": "none", "says": "none", "value": 0},
        {"name": "some", "says": "Algo", "value": 50},
        {"name": "much", "says": "much", "value": 100},
    ]
    assert [(verdict["score"], verdict["verdict"]) for verdict in call["verdicts"]] == [
        (70, "pursue"),
        (10, "follow_up"),
        (0, "hand_over"),
    ]
    assert call["graded"] == {"score": 0, "at_most": 100, "verdict": "hand_over", "missing": ["need"]}


def test_a_preview_writes_nothing(company: Company, lead: UUID) -> None:
    answer = company.post(company.aiko, f"/leads/{lead}/assessments/call/preview", {"answers": {"need": "some"}})
    assert answer.json() == {"score": 38, "at_most": 63, "verdict": "follow_up", "missing": []}
    enter(company.workspace.id)
    assert not Assessed.objects.exists()


def test_a_draft_is_kept_and_thrown_away(company: Company, lead: UUID) -> None:
    where = f"/leads/{lead}/assessments/call"
    for answers in ({"budget": "yes"}, {"need": "some", "budget": "yes"}):
        kept = company.call(company.aiko, "PUT", where, {"answers": answers})
        assert kept.status_code == 200
    assert kept.json() == {"score": 63, "at_most": 63, "verdict": "follow_up", "missing": []}
    (call,) = offered(company, company.aiko, lead)
    assert call["answers"] == {"need": "some", "budget": "yes"}
    assert call["graded"] == kept.json()
    # To who leads them it is offered as well, and what another has filled in is not theirs.
    (call,) = offered(company, company.manager, lead)
    assert (call["answers"], call["kept_at"]) == ({}, None)
    assert company.call(company.manager, "DELETE", where).status_code == 404
    assert company.call(company.aiko, "DELETE", where).status_code == 204
    assert company.call(company.aiko, "DELETE", where).status_code == 404
    assert offered(company, company.aiko, lead)[0]["kept_at"] is None


def test_a_finished_one_is_on_record_and_the_lead_goes_where_it_leads(company: Company, lead: UUID) -> None:
    answer = company.post(
        company.aiko, f"/leads/{lead}/assess", {"template": "call", "answers": {"need": "much", "budget": "no"}}
    )
    assert answer.status_code == 200, answer.content
    assert (answer.json()["state"], answer.json()["owner"]) == ("working", "aiko")
    done = company.get(company.manager, f"/leads/{lead}/assessments").json()["done"]
    (one,) = done
    assert (one["template"], one["score"], one["verdict"], one["by"]) == ("call", 75, "pursue", "Aiko")
    assert one["answers"] == {"need": "much", "budget": "no"}
    story = company.get(company.aiko, f"/leads/{lead}/timeline").json()["items"]
    assert "Assessed by Call: 75 of 100, to be pursued" in [
        reason["text"] for entry in story for reason in entry["reasons"]
    ]


def test_what_was_handed_over_may_be_out_of_the_reps_sight(company: Company, lead: UUID) -> None:
    answer = company.post(company.aiko, f"/leads/{lead}/assess", {"template": "call", "answers": {"need": "none"}})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["pool"]) == ("pooled", "open")
    seen = company.get(company.budi, f"/leads/{lead}/assessments").json()
    assert seen == {"offered": [], "done": []}


def test_the_same_assessment_sent_twice_is_one(company: Company, lead: UUID) -> None:
    body = {"template": "call", "answers": {"need": "much"}}
    first, second = (
        company.post(company.aiko, f"/leads/{lead}/assess", body, Idempotency_Key="once") for _ in range(2)
    )
    assert first.json() == second.json()
    assert len(company.get(company.aiko, f"/leads/{lead}/assessments").json()["done"]) == 1


@pytest.mark.parametrize(
    ("body", "code", "more"),
    [
        ({"template": "no_such", "answers": {}}, "unknown_assessment", {}),
        ({"template": "fair", "answers": {"met": "yes"}}, "unknown_assessment", {}),
        ({"template": "call", "answers": {"budget": "yes"}}, "answers_missing", {"missing": ["need"]}),
        ({"template": "call", "answers": {"need": "lots"}}, "unknown_answer", {"question": "need", "answer": "lots"}),
        ({"template": "call", "answers": {"needs": "much"}}, "unknown_answer", {"question": "needs"}),
        ({"template": "call", "answers": {"need": 3}}, "invalid", {}),
        ({"template": "call", "answers": {"need": "a\0b"}}, "invalid", {}),
        ({"template": "call", "answers": ["much"]}, "invalid", {}),
        ({"template": "call", "answers": {str(n): "x" for n in range(51)}}, "invalid", {}),
        ({"template": "x" * 51, "answers": {}}, "invalid", {}),
        ({"answers": {}}, "invalid", {}),
        ({"template": "call", "score": 100}, "invalid", {}),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(
    company: Company, lead: UUID, body: Any, code: str, more: dict[str, Any]
) -> None:
    answer = company.post(company.aiko, f"/leads/{lead}/assess", body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert more.items() <= answer.json().items()
    seen = company.get(company.aiko, f"/leads/{lead}/assessments").json()
    assert (seen["done"], company.get(company.aiko, f"/leads/{lead}").json()["state"]) == ([], "owned")


@pytest.mark.parametrize("template", ["no_such", "%00", "..", "a" * 300, "call%2f", "€"])
def test_an_address_that_names_no_questionnaire_is_answered_so(company: Company, lead: UUID, template: str) -> None:
    where = f"/leads/{lead}/assessments/{template}"
    for method, path in (("PUT", where), ("POST", f"{where}/preview"), ("DELETE", where)):
        answer = company.call(company.aiko, method, path, None if method == "DELETE" else {"answers": {}})
        assert answer.status_code in {404, 405, 422}, (method, answer.status_code)


def test_another_reps_lead_is_not_theirs_to_assess(company: Company, lead: UUID) -> None:
    body = {"template": "call", "answers": {"need": "much"}}
    for who, status in ((company.budi, 404), (company.manager, 403), (company.ops, 403)):
        assert company.post(who, f"/leads/{lead}/assess", body).status_code == status
        keeping = company.call(who, "PUT", f"/leads/{lead}/assessments/call", {"answers": {"need": "much"}})
        assert keeping.status_code == status
    assert company.post(company.budi, f"/leads/{lead}/assessments/call/preview", {"answers": {}}).status_code == 404
    assert company.get(company.budi, f"/leads/{lead}/assessments").status_code == 404


def test_another_workspace_has_no_such_lead(company: Company, other: Company, lead: UUID) -> None:
    body = {"template": "call", "answers": {"need": "much"}}
    for who in (other.aiko, other.manager, other.ops):
        assert other.get(who, f"/leads/{lead}/assessments").status_code == 404
        assert other.post(who, f"/leads/{lead}/assess", body).status_code == 404
        assert other.call(who, "PUT", f"/leads/{lead}/assessments/call", {"answers": {}}).status_code == 404
        assert other.call(who, "DELETE", f"/leads/{lead}/assessments/call").status_code == 404
    assert company.get(company.aiko, f"/leads/{uuid4()}/assessments").status_code == 404


def test_of_a_lead_seen_masked_there_is_nothing(company: Company, lead: UUID) -> None:
    citra = make_rep(company.workspace, "citra", teams=("closers",))
    assert company.post(company.aiko, f"/leads/{lead}/contact", {}).status_code == 200
    waiting = company.lead(source="webform")
    assert company.get(citra, f"/leads/{waiting}/assessments").json() == {"offered": [], "done": []}
