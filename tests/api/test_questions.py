"""The standard questions over HTTP: asked, answered, counted, and how a lead's score came to be."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.distribution.placing import place
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import make_arrival, make_rep, make_user, make_workspace, publish

POLICY = """
policy: Marketing first
qualify:
  score: [{when: 'lead.employees >= 100', add: 30}]
  questions:
    budget:
      ask: {en: Is there a budget?, es: ¿Hay presupuesto?}
      answers: {yes: 60, soon: {add: 20, says: {en: Next year, es: El próximo año}}, no: -20}
    time: {ask: When?, when: 'lead.answers.budget == "yes"', answers: {this_month: 10, later: 0}}
  ready: {when: lead.score >= 60, until: {team: closers}, give_up: {after: 60d, then: {retire: unqualified}}}
nurture:
  sequences: {drip: {steps: [{after: 3d, mail: hello}]}}
  mails: {hello: {en: {subject: Hello, text: Hello}}}
route: [{name: Everyone, pull: {pool: inbound}}]
pools: {inbound: {preview: [company, score]}}
teams: {closers: {}}
"""


@pytest.fixture
def there(company: Company) -> Company:
    publish(company.workspace, POLICY)
    return company


def arrives(company: Company, **facts: Any) -> str:
    placed = place(company.workspace.id, [make_arrival(employees=500, **facts)], now=now())[0]
    return str(placed.lead_id)


def whose(company: Company, lead: str) -> Any:
    enter(company.workspace.id)
    owner = Lead.objects.select_related("owner").get(id=lead).owner
    return company.aiko if owner is not None and owner.handle == "aiko" else company.budi


def test_the_questions_of_a_lead_are_told_to_who_sees_it_in_full_in_their_language(there: Company) -> None:
    lead = arrives(there)
    rep = whose(there, lead)
    items = there.get(rep, f"/leads/{lead}/questions").json()["items"]
    assert [(one["name"], one["answer"]) for one in items] == [("budget", None)]
    assert items[0]["ask"] == "Is there a budget?"
    assert items[0]["answers"] == [
        {"name": "yes", "says": "yes", "add": None},
        {"name": "soon", "says": "Next year", "add": None},
        {"name": "no", "says": "no", "add": None},
    ]
    # What an answer is worth is for who may see the policy.
    told = there.get(there.ops, f"/leads/{lead}/questions").json()["items"][0]["answers"]
    assert [one["add"] for one in told] == [60, 20, -20]
    there.ops.language = "es"
    there.ops.save()
    assert there.get(there.ops, f"/leads/{lead}/questions").json()["items"][0]["ask"] == "¿Hay presupuesto?"


def test_an_answer_is_counted_at_once_and_the_lead_goes_on_to_sales(there: Company) -> None:
    lead = arrives(there)
    rep = whose(there, lead)
    assert there.get(rep, f"/leads/{lead}").json()["side"] == "marketing"
    answered = there.call(rep, "PUT", f"/leads/{lead}/answers", {"answers": {"budget": "yes"}})
    assert answered.status_code == 200, answered.content
    seen = there.get(there.ops, f"/leads/{lead}").json()
    assert (seen["state"], seen["pool"], seen["score"], seen["side"]) == ("pooled", "inbound", 90, "sales")
    assert seen["answers"] == {"budget": "yes"}
    # To who had it, it is a lead of a pool now: answers and questions are masked with the rest.
    masked = there.get(rep, f"/leads/{lead}").json()
    assert "answers" not in masked
    assert "side" not in masked
    for part in ("questions", "scores"):
        assert there.get(rep, f"/leads/{lead}/{part}").json()["items"] == []
    assert there.call(rep, "PUT", f"/leads/{lead}/answers", {"answers": {"budget": "no"}}).json()["code"] == "not_yours"
    kind = there.get(there.ops, f"/leads/{lead}/timeline").json()["items"][-1]
    assert kind["kind"] == "qualified"
    assert kind["reasons"][0]["code"] == "answered"
    assert kind["reasons"][0]["text"].endswith("answered: Budget")


def test_how_a_score_came_to_be(there: Company) -> None:
    lead = arrives(there)
    rep = whose(there, lead)
    for answer in ("soon", "soon", "no", None):
        there.call(rep, "PUT", f"/leads/{lead}/answers", {"answers": {"budget": answer}})
    items = there.get(rep, f"/leads/{lead}/scores").json()["items"]
    assert [(one["score"], one["rank"]) for one in items] == [(30, "cool"), (50, "warm"), (10, "cool"), (30, "cool")]
    assert items[0]["gained"] == [{"add": 30, "when": "lead.employees >= 100", "question": None, "answer": None}]
    assert items[1]["gained"] == [{"add": 20, "when": None, "question": "budget", "answer": "soon"}]
    assert [one["lost"][0]["answer"] for one in items[2:]] == ["soon", "no"]
    assert items[0]["kind"] == "placed"


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"budget": "plenty"}, "unknown_answer"),
        ({"mood": "good"}, "unknown_answer"),
        ({"time": "later"}, "unknown_answer"),
        ({}, "invalid"),
        ({"budget": 5}, "invalid"),
        ({"budget": "x" * 51}, "invalid"),
        ({"budget": "' OR 1=1; --"}, "unknown_answer"),
        ({"<script>": "yes"}, "unknown_answer"),
    ],
)
def test_what_is_no_answer_is_refused_and_nothing_written(there: Company, answers: Any, code: str) -> None:
    lead = arrives(there)
    answer = there.call(whose(there, lead), "PUT", f"/leads/{lead}/answers", {"answers": answers})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    enter(there.workspace.id)
    assert Lead.objects.get(id=lead).answers == {}


def test_a_lead_is_sent_in_with_answers_as_people_write_them(there: Company) -> None:
    body = {
        "source": "form",
        "email": "ann@acme.example",
        "employees": 500,
        "answers": {"budget": "Yes", "time": "This month"},
    }
    sent = there.post(there.integration, "/leads", body)
    assert sent.status_code == 201, sent.content
    assert (sent.json()["score"], sent.json()["pool"]) == (100, "inbound")
    odd = {"source": "form", "email": "bob@acme.example", "answers": {"budget": "!!!", "mood": "good", "size": True}}
    assert there.post(there.integration, "/leads", odd).json()["flags"] == ["answers_invalid", "answers_unknown"]
    lead = there.get(there.ops, f"/leads/{there.post(there.integration, '/leads', odd).json()['id']}").json()
    assert lead["answers"] == {"mood": "good", "size": "yes"}
    assert lead["flags"] == ["answers_invalid", "answers_unknown"]
    assert lead["attributes"]["answers.budget"] == "!!!"


def test_a_lead_is_taken_away_from_sales_for_now_given_up_and_reopened(there: Company) -> None:
    lead = arrives(there, email="ann@acme.example", consent=True)
    rep = whose(there, lead)
    wrong = there.post(rep, f"/leads/{lead}/nurture", {"sequence": "weekly"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_sequence")
    assert there.post(rep, f"/leads/{lead}/nurture", {"sequence": "drip", "why": "in spring"}).status_code == 200
    seen = there.get(there.ops, f"/leads/{lead}").json()
    assert (seen["state"], seen["sequence"], seen["owner"]) == ("nurture", "drip", None)
    assert there.post(there.ops, f"/leads/{lead}/retire", {"why": "no_budget"}).status_code == 200
    assert there.get(there.ops, f"/leads/{lead}").json()["retired_why"] == "no_budget"
    reopened = there.post(there.ops, f"/leads/{lead}/reopen", {"why": "they rang"})
    assert reopened.status_code == 200, reopened.content
    assert reopened.json()["state"] == "owned"
    again = there.post(there.ops, f"/leads/{lead}/reopen")
    assert (again.status_code, again.json()["code"]) == (409, "not_now")


def test_another_workspace_knows_nothing_of_it(there: Company) -> None:
    lead = arrives(there)
    other = make_workspace()
    publish(other, POLICY)
    for who in (make_user(other, "ops"), make_rep(other, "carmen", teams=("closers",))):
        for part in ("questions", "scores"):
            assert there.get(who, f"/leads/{lead}/{part}").status_code == 404
        for method, path, body in (
            ("PUT", "answers", {"answers": {"budget": "yes"}}),
            ("POST", "nurture", {}),
            ("POST", "reopen", {}),
        ):
            assert there.call(who, method, f"/leads/{lead}/{path}", body).status_code == 404
    enter(there.workspace.id)
    assert Lead.objects.get(id=lead).answers == {}
