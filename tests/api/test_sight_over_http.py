"""What a rep may not see is in no answer, however it is asked for."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.api.conftest import Company
from tests.making import make_rep, make_token, publish

#: Every field of a lead that inbound's preview leaves out, with a value that stands nowhere else.
CANARIES: dict[str, Any] = {
    "external_id": "canary-external",
    "name": "Canary Name",
    "title": "Canary Title",
    "email": "canary@canary-mail.example",
    "phone": "+15550004242",
    "domain": "canary-domain.example",
    "employees": 424242,
    "region": "Canary Region",
    "city": "Canary City",
    "postal_code": "CAN-4242",
    "product": "Canary Product",
    "use_case": "Canary Use",
    "deal_value": 424242.5,
    "message": "Canary message",
    "attributes": {"canary_key": "canary value"},
}
TRACES = [str(v) for v in CANARIES.values() if not isinstance(v, dict)] + ["canary_key", "canary value"]


@pytest.fixture
def masked(company: Company) -> UUID:
    return company.lead(source="webform", company="Seen Company", **CANARIES)


def _everywhere(company: Company, who: Any, lead: UUID) -> list[Any]:
    answers = [
        company.get(who, f"/leads/{lead}"),
        company.get(who, f"/leads/{lead}/timeline"),
        company.get(who, "/leads", limit=1000),
        company.get(who, "/pools"),
        company.get(who, "/me"),
        company.get(who, "/reps"),
    ]
    sorts = ("", "-score", "score", "waiting_since", "-waiting_since")
    answers += [company.get(who, "/pools/inbound/leads", sort=sort, limit=1) for sort in sorts]
    answers += [company.get(who, "/pools/inbound/leads", q=q) for q in ("Seen", "Canary", "canary", "424242")]
    return answers


def test_a_masked_value_is_in_no_answer(company: Company, masked: UUID) -> None:
    company.lead()
    for answer in _everywhere(company, company.aiko, masked):
        assert answer.status_code == 200, answer.content
        for trace in TRACES:
            assert trace not in answer.content.decode(), (answer.request["PATH_INFO"], trace)
    seen = company.get(company.aiko, f"/leads/{masked}").json()
    assert seen["company"] == "Seen Company"
    assert set(CANARIES) <= set(seen["hidden"])
    assert not set(CANARIES) & set(seen)


def test_a_masked_value_is_in_no_cursor(company: Company, masked: UUID) -> None:
    company.lead()
    publish(company.workspace, _POLICY_BY_VALUE)
    page = company.get(company.aiko, "/pools/inbound/leads", limit=1).json()
    cursor = page["next"]
    assert b"424242" not in base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    assert company.get(company.aiko, "/pools/inbound/leads", limit=1, cursor=cursor).json()["items"]


_POLICY_BY_VALUE = """
policy: By value
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {order: [-deal_value, received_at], preview: [company]}}
"""


def test_searching_and_filtering_reach_only_what_is_seen(company: Company, masked: UUID) -> None:
    assert company.get(company.aiko, "/pools/inbound/leads", q="Seen").json()["items"]
    for q in ("Canary City", "canary-mail", "Canary Name"):
        assert company.get(company.aiko, "/pools/inbound/leads", q=q).json()["items"] == []
        assert len(company.get(company.ops, "/pools/inbound/leads", q=q).json()["items"]) == 1
    for wanted in ("city:Canary City", "employees:424242..424242", "deal_value:1..", "region:Canary Region"):
        answer = company.get(company.aiko, "/pools/inbound/leads", filter=wanted)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_filter"), wanted
        assert len(company.get(company.ops, "/pools/inbound/leads", filter=wanted).json()["items"]) == 1


def test_only_the_holder_sees_the_lease(company: Company, masked: UUID) -> None:
    lease = company.post(company.aiko, f"/leads/{masked}/claim").json()["claim"]
    assert company.get(company.aiko, f"/leads/{masked}").json()["claim"] == lease
    for who in (company.ops, company.manager, company.integration):
        for path in (f"/leads/{masked}", "/leads", f"/leads/{masked}/timeline"):
            answer = company.get(who, path)
            assert answer.status_code == 200
            assert lease not in answer.content.decode()
    assert company.get(company.budi, f"/leads/{masked}").status_code == 404


def test_another_companys_lead_answers_as_one_that_there_is_not(company: Company, other: Company) -> None:
    theirs = other.lead()
    for who in (company.aiko, company.manager, company.ops, company.integration):
        for path in ("/leads/{}", "/leads/{}/timeline"):
            foreign, unknown = (company.get(who, path.format(lead)) for lead in (theirs, uuid4()))
            assert foreign.status_code == 404
            assert foreign.content == unknown.content
    for act, body in (
        ("contact", {}),
        ("release", {}),
        ("accept", {}),
        ("reject", {}),
        ("convert", {}),
        ("skip", None),
        ("retire", {"why": "other"}),
        ("assign", {"rep": "aiko"}),
    ):
        for who in (company.aiko, company.manager, company.ops):
            foreign, unknown = (company.post(who, f"/leads/{lead}/{act}", body) for lead in (theirs, uuid4()))
            assert foreign.status_code in {403, 404}
            assert foreign.content == unknown.content
    listed = company.get(company.ops, "/leads", limit=1000).content.decode()
    assert str(theirs) not in listed


def test_a_rep_cannot_tell_a_colleagues_lead_from_none(company: Company) -> None:
    lead = company.lead(country="JP", email="kenji@example.jp")
    assert company.post(company.budi, f"/leads/{lead}/claim").status_code == 200
    for path in (f"/leads/{lead}", f"/leads/{lead}/timeline"):
        assert (
            company.get(company.aiko, path).content
            == company.get(company.aiko, path.replace(str(lead), str(uuid4()))).content
        )
    for act in ("contact", "release", "convert"):
        assert company.post(company.aiko, f"/leads/{lead}/{act}", {"claim": str(uuid4())}).status_code == 404


def test_a_manager_sees_the_leads_of_own_teams_and_of_none(company: Company) -> None:
    own, elsewhere = company.lead(source="demo"), company.lead(country="JP")
    unclear, waiting = company.lead(source="unclear"), company.lead()
    company.post(company.budi, f"/leads/{elsewhere}/claim")
    listed = {item["id"] for item in company.get(company.manager, "/leads").json()["items"]}
    assert listed == {str(own), str(unclear), str(waiting)}
    assert company.get(company.manager, f"/leads/{elsewhere}").status_code == 404
    assert company.get(company.manager, f"/leads/{unclear}").json()["review"] == "closers"
    everything = {item["id"] for item in company.get(company.ops, "/leads").json()["items"]}
    assert everything == listed | {str(elsewhere)}


def test_a_pool_for_other_teams_does_not_exist(company: Company) -> None:
    company.lead(country="JP")
    assert {pool["name"] for pool in company.get(company.aiko, "/pools").json()["items"]} == {"inbound", "line", "open"}
    assert {pool["name"] for pool in company.get(company.budi, "/pools").json()["items"]} >= {"japan"}
    hidden, unknown = (company.get(company.aiko, f"/pools/{name}/leads") for name in ("japan", "nowhere"))
    assert (hidden.status_code, hidden.content) == (404, unknown.content)


def test_of_a_queue_a_rep_sees_the_head_alone(company: Company) -> None:
    head, behind = company.lead(source="line"), company.lead(source="line")
    page = company.get(company.aiko, "/pools/line/leads").json()
    assert [item["id"] for item in page["items"]] == [str(head)]
    assert page["next"] is None
    assert company.get(company.aiko, f"/leads/{head}").status_code == 200
    assert company.get(company.aiko, f"/leads/{behind}").status_code == 404
    assert company.get(company.aiko, "/pools/line/leads", q="Company").json()["code"] == "bad_filter"
    assert company.post(company.aiko, f"/leads/{behind}/claim").status_code in {403, 404}
    assert len(company.get(company.ops, "/pools/line/leads").json()["items"]) == 2


def test_tiers_narrow_what_is_seen_and_counted(company: Company) -> None:
    high, low = company.lead(employees=500), company.lead()
    publish(
        company.workspace,
        """
policy: Tiers
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {mode: cherry_pick}}
tiers:
  - {name: old hands, when: 'rep.handle == "budi"', sees: full}
  - {name: middle, when: 'rep.handle == "aiko"', sees: preview, only: 'lead.score < 50'}
  - {name: new, sees: none}
""",
    )
    carmen = make_rep(company.workspace, "carmen")
    assert [i["id"] for i in company.get(company.budi, "/pools/inbound/leads").json()["items"]] == [str(high), str(low)]
    assert [i["id"] for i in company.get(company.aiko, "/pools/inbound/leads").json()["items"]] == [str(low)]
    assert company.get(company.aiko, "/pools").json()["items"][0]["waiting"] == 1
    assert company.get(company.aiko, f"/leads/{high}").status_code == 404
    assert "email" in company.get(company.aiko, f"/leads/{low}").json()["hidden"]
    assert company.get(carmen, "/pools").json()["items"] == []
    assert company.get(carmen, f"/leads/{low}").status_code == 404


def test_the_timeline_of_a_masked_lead_tells_nothing_of_it(company: Company, masked: UUID) -> None:
    preview = company.get(company.aiko, f"/leads/{masked}/timeline").json()
    full = company.get(company.ops, f"/leads/{masked}/timeline").json()
    assert [e["kind"] for e in preview["items"]] == [e["kind"] for e in full["items"]] == ["placed"]
    assert "scored" in json.dumps(full)
    assert "scored" not in json.dumps(preview)
    company.post(company.aiko, f"/leads/{masked}/claim")
    mine = company.get(company.aiko, f"/leads/{masked}/timeline").json()["items"]
    assert [e["kind"] for e in mine] == ["placed", "claimed"]
    assert mine[1]["rep"] == "Aiko"
    assert all(reason["text"] for entry in mine for reason in entry["reasons"])
    assert {entry["policy_version"] for entry in mine} == {1}


def test_the_timeline_of_a_masked_lead_names_no_rule_of_the_route_and_nobody_who_passed(
    company: Company, masked: UUID
) -> None:
    company.post(company.aiko, f"/leads/{masked}/skip")
    preview = company.get(company.budi, f"/leads/{masked}/timeline").json()["items"]
    assert [entry["kind"] for entry in preview] == ["placed"]
    assert [reason["rule"] for reason in preview[0]["reasons"]] == [None]
    full = company.get(company.ops, f"/leads/{masked}/timeline").json()["items"]
    assert [entry["kind"] for entry in full] == ["placed", "skipped"]


def test_reps_see_who_there_is_and_managers_how_loaded_theirs_are(company: Company) -> None:
    def loads(who: Any) -> dict[str, bool]:
        return {r["handle"]: r["load"] is not None for r in company.get(who, "/reps").json()["items"]}

    assert loads(company.aiko) == {"aiko": True, "budi": False}
    assert loads(company.manager) == {"aiko": True, "budi": False}
    assert loads(company.ops) == {"aiko": True, "budi": True}


def test_an_integration_sees_what_its_scopes_say(company: Company) -> None:
    lead = company.lead()
    bare = make_token(company.integration)
    reader = make_token(company.integration, scopes=["leads:read"])
    assert company.get(bare, f"/leads/{lead}").status_code == 403
    assert company.get(bare, "/me").status_code == 200
    assert company.get(reader, f"/leads/{lead}").json()["hidden"] == []
    assert company.post(reader, "/leads", {"source": "x"}).status_code == 403
