"""One act on many leads over HTTP: each answered by its place."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from dibs.crm.models import Lead
from dibs.distribution.models import Decision, Standing
from dibs.people.tenancy import enter
from tests.api.conftest import Company


def bulk(company: Company, who: Any, act: str, leads: list[Any], **more: Any) -> Any:
    body = {"act": act, "leads": [str(lead) for lead in leads]}
    return company.post(who, "/leads/bulk", body | more)


def outcomes(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["outcome"] for item in answer.json()["items"]]


def state(company: Company, lead: UUID) -> str:
    enter(company.workspace.id)
    return Lead.objects.get(id=lead).state


def test_each_is_answered_by_its_place(company: Company) -> None:
    review, pooled, over = company.lead(source="unclear"), company.lead(), company.lead(source="unclear")
    company.post(company.ops, f"/leads/{over}/retire", {"why": "spam"})
    unknown = uuid4()
    answer = bulk(company, company.manager, "assign", [unknown, over, review, pooled, review], rep="aiko", why="Yours")
    assert outcomes(answer) == ["not_found", "refused", "done", "done", "done"]
    items = answer.json()["items"]
    assert [item["id"] for item in items] == [str(lead) for lead in (unknown, over, review, pooled, review)]
    assert (items[2]["state"], items[2]["owner"], items[2].get("code")) == ("owned", "aiko", None)
    assert (items[1]["code"], items[1]["reasons"][0]["code"]) == ("already_ended", "already_ended")
    assert items[1]["remedy"]["text"] == "Choose another lead."


def test_sent_again_it_goes_on_where_it_stopped(company: Company) -> None:
    leads = [company.lead(source="unclear") for _ in range(3)]
    assert outcomes(bulk(company, company.manager, "retire", leads[:2], why="spam")) == ["done", "done"]
    again = bulk(company, company.ops, "retire", leads, why="spam")
    assert outcomes(again) == ["unchanged", "unchanged", "done"]
    enter(company.workspace.id)
    assert Decision.objects.filter(kind="retired").count() == 3


def test_standings_move_once_for_each_lead(company: Company) -> None:
    leads = [company.lead() for _ in range(4)]
    company.post(company.budi, f"/leads/{leads[0]}/claim")
    for _ in range(2):
        bulk(company, company.ops, "assign", leads, rep="aiko")
    enter(company.workspace.id)
    held = dict(Standing.objects.values_list("rep__handle", "holding"))
    assert held == {"aiko": 4, "budi": 0}


def test_back_to_the_pool_it_was_in_or_to_the_one_named(company: Company) -> None:
    lead = company.lead(source="unclear")
    item = bulk(company, company.manager, "return", [lead]).json()["items"][0]
    assert (item["outcome"], item["code"], item["remedy"]["code"]) == ("refused", "no_pool", "choose_pool")
    assert outcomes(bulk(company, company.manager, "return", [lead], pool="inbound")) == ["done"]
    assert outcomes(bulk(company, company.manager, "return", [lead], pool="inbound")) == ["unchanged"]
    assert state(company, lead) == "pooled"


@pytest.mark.parametrize(
    ("act", "more", "code"),
    [
        ("assign", {}, "invalid"),
        ("assign", {"rep": "nobody"}, "unknown_rep"),
        ("return", {"pool": "nowhere"}, "unknown_pool"),
        ("retire", {"why": "because"}, "invalid"),
        ("retire", {}, "invalid"),
        ("convert", {}, "invalid"),
    ],
)
def test_what_cannot_be_done_is_refused_as_a_whole(company: Company, act: str, more: dict[str, str], code: str) -> None:
    lead = company.lead(source="unclear")
    answer = bulk(company, company.manager, act, [lead], **more)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert state(company, lead) == "review"


def test_no_more_than_a_thousand_at_once(company: Company) -> None:
    assert bulk(company, company.ops, "retire", [uuid4()] * 1001, why="spam").status_code == 422
    assert bulk(company, company.ops, "retire", [], why="spam").status_code == 422
    assert bulk(company, company.ops, "retire", ["no id"], why="spam").status_code == 422


def test_a_manager_moves_their_teams_leads_alone(company: Company) -> None:
    ours, theirs = company.lead(), company.lead(country="JP")
    company.post(company.aiko, f"/leads/{ours}/claim")
    company.post(company.budi, f"/leads/{theirs}/claim")
    answer = bulk(company, company.manager, "retire", [ours, theirs], why="spam")
    assert outcomes(answer) == ["done", "not_found"]
    assert state(company, theirs) == "owned"
    assert bulk(company, company.aiko, "retire", [ours], why="spam").json()["code"] == "not_allowed"


def test_another_workspaces_leads_are_like_none(company: Company, other: Company) -> None:
    theirs = other.lead(source="unclear")
    assert outcomes(bulk(company, company.ops, "retire", [theirs], why="spam")) == ["not_found"]
    assert state(other, theirs) == "review"


def test_with_a_key_it_is_done_once_and_answered_again(company: Company) -> None:
    lead = company.lead(source="unclear")
    body = {"act": "assign", "leads": [str(lead)], "rep": "aiko"}
    first = company.post(company.manager, "/leads/bulk", body, Idempotency_Key="k1")
    second = company.post(company.manager, "/leads/bulk", body, Idempotency_Key="k1")
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.json() == second.json()
