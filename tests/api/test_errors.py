"""Bad requests get one shape of answer, with a stable code, and change nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import override_settings

from dibs.api import problems
from dibs.api.urls import document
from dibs.crm.models import Lead
from dibs.people.tenancy import enter
from tests.api import reference
from tests.api.conftest import Company


def _send(company: Company, body: bytes, content_type: str = "application/json", path: str = "/leads") -> Any:
    headers = {"Authorization": f"Bearer {company.token(company.ops)}"}
    return company.client.post(f"/api/v1{path}", body, content_type=content_type, headers=headers)


def _is_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"]
    assert body["detail"]
    return dict(body)


@pytest.mark.parametrize(
    "body",
    [b"{", b"not json", b'{"source": NaN}', b"\xff\xfe", b'{"source": "x"', b"[" * 100_000],
    ids=["cut", "text", "nan", "bytes", "unclosed", "deep"],
)
def test_a_body_that_is_not_json(company: Company, body: bytes) -> None:
    _is_problem(_send(company, body), 400, "bad_json")


def test_no_body_where_one_is_needed(company: Company) -> None:
    _is_problem(_send(company, b""), 422, "invalid")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([], []),
        ({}, ["source"]),
        ({"source": ""}, ["source"]),
        ({"source": "x", "emplyees": 3}, ["emplyees"]),
        ({"source": "x", "employees": -3}, ["employees"]),
        ({"source": "x", "employees": 10**30}, ["employees"]),
        ({"source": "x", "received_at": "yesterday"}, ["received_at"]),
        ({"source": "x", "name": "a\x00b"}, ["name"]),
        ({"source": "x", "name": "\ud800"}, ["name"]),
        ({"source": "x", "consent": "perhaps"}, ["consent"]),
        ({"source": "x" * 101}, ["source"]),
    ],
)
def test_a_body_that_does_not_fit_says_where(company: Company, body: Any, where: list[str]) -> None:
    problem = _is_problem(_send(company, json.dumps(body).encode()), 422, "invalid")
    assert problem["errors"][0]["where"] == where
    assert problem["errors"][0]["message"]


def test_other_media_types_are_refused(company: Company) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        _is_problem(_send(company, b'{"source": "x"}', kind), 415, "unsupported_media_type")


def test_a_body_that_is_too_large(company: Company) -> None:
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100):
        _is_problem(_send(company, b'{"source": "' + b"x" * 200 + b'"}'), 413, "body_too_large")


def test_addresses_that_are_none(company: Company) -> None:
    for path in ("/", "/nothing", "/leads/x/nothing", "/pools/inbound", "/openapi.yaml", "/pools/%00/leads"):
        _is_problem(company.get(company.ops, path), 404, "not_found")
    _is_problem(company.client.get("/api/v2/leads"), 404, "not_found")
    _is_problem(company.client.get("/api/"), 404, "not_found")


def test_methods_that_an_address_does_not_answer(company: Company) -> None:
    for method, path, allowed in (
        ("DELETE", "/leads", "GET, POST"),
        ("GET", "/leads/batch", None),
        ("PUT", "/me", "GET"),
        ("GET", "/leads/x/claim", "POST"),
        ("POST", "/openapi.json", "GET"),
    ):
        answer = company.client.generic(method, f"/api/v1{path}")
        _is_problem(answer, 405, "method_not_allowed")
        if allowed:
            assert sorted(answer["Allow"].split(", ")) == sorted(allowed.split(", "))


def test_cursors_that_were_made_up_or_are_anothers(company: Company, other: Company) -> None:
    for there in (company, other):
        for _ in range(3):
            there.lead()
    good = company.get(company.ops, "/pools/inbound/leads", limit=1).json()["next"]
    for cursor in ("x", "made-up", "é", good[:-1], good + "A", "A" * 38, good.swapcase(), "%00"):
        _is_problem(company.get(company.ops, "/pools/inbound/leads", cursor=cursor), 400, "bad_cursor")
        _is_problem(company.get(company.ops, "/leads", cursor=cursor), 400, "bad_cursor")
        _is_problem(company.get(company.ops, "/policies", cursor=cursor), 400, "bad_cursor")
    _is_problem(company.get(company.ops, "/pools/inbound/leads", cursor=good, sort="score"), 400, "bad_cursor")
    _is_problem(company.get(company.ops, "/pools/inbound/leads", cursor=good, q="x"), 400, "bad_cursor")
    _is_problem(other.get(other.ops, "/pools/inbound/leads", cursor=good), 400, "bad_cursor")


def test_limits_filters_and_orders_out_of_range(company: Company) -> None:
    for query in ({"limit": 0}, {"limit": 1001}, {"limit": "many"}, {"sort": "email"}, {"nonsense": 1}, {"q": "a\x00"}):
        _is_problem(company.get(company.ops, "/pools/inbound/leads", **query), 422, "invalid")
    for wanted in (
        "country",
        "country:",
        "nothing:x",
        "score:high",
        "score:NaN..",
        "score:1e999..",
        "message:x",
        "deal_value:1e-99999..",
    ):
        _is_problem(company.get(company.ops, "/pools/inbound/leads", filter=wanted), 422, "bad_filter")
    too_many = [f"country:{letter}X" for letter in "ABCDEFGHIJKL"]
    _is_problem(company.get(company.ops, "/pools/inbound/leads", filter=too_many), 422, "bad_filter")


def test_a_policy_that_is_refused_says_where(company: Company) -> None:
    text = "policy: Wrong\nroute:\n  - {name: All, when: 'lead.contry == \"JP\"', pull: {pool: inbound}}\npools: {inbound: {}}\n"
    problem = _is_problem(company.post(company.ops, "/policies", {"source": text}), 422, "policy_refused")
    assert (problem["errors"][0]["line"], problem["errors"][0]["severity"]) == (3, "error")
    assert problem["errors"][0]["column"] > 1
    assert company.get(company.ops, "/policies/active").json()["number"] == 1


def test_a_refused_batch_item_does_not_keep_the_others_out(company: Company) -> None:
    leads = [
        {"source": "x", "external_id": "1", "name": "One"},
        {"name": "no source"},
        7,
        {"source": "x", "name": "Two"},
    ]
    answer = company.post(company.integration, "/leads/batch", {"leads": leads})
    assert [item["outcome"] for item in answer.json()["items"]] == ["placed", "refused", "refused", "placed"]
    assert answer.json()["items"][1]["errors"][0]["where"] == ["source"]
    again = company.post(company.integration, "/leads/batch", {"leads": leads[:1]})
    assert again.json()["items"][0] == {"outcome": "unchanged", "id": answer.json()["items"][0]["id"], "flags": []}
    enter(company.workspace.id)
    assert Lead.objects.count() == 2
    for size in (0, 1001):
        _is_problem(company.post(company.ops, "/leads/batch", {"leads": leads[:1] * size}), 422, "invalid")


def test_a_doubtful_email_is_kept_and_flagged(company: Company) -> None:
    sent = {"source": "x", "external_id": "1", "email": "not an address", "phone": "none"}
    answer = company.post(company.integration, "/leads", sent)
    assert answer.status_code == 201
    assert answer.json()["flags"]
    kept = company.get(company.ops, f"/leads/{answer.json()['id']}").json()
    assert kept["email"] == "not an address"
    assert company.post(company.integration, "/leads", sent).status_code == 200
    changed = company.post(company.integration, "/leads", sent | {"company": "Now Known"})
    assert (changed.status_code, changed.json()["outcome"]) == (200, "enriched")


def test_programs_are_given_no_cookie(company: Company) -> None:
    answer = company.get(company.ops, "/me")
    assert not answer.cookies
    assert "Set-Cookie" not in answer.headers


def test_the_reference_is_what_the_routes_say() -> None:
    page = reference.PAGE.read_text(encoding="utf-8")
    assert page == reference.render(), "make it anew: python -m tests.api.reference"
    for code, (status, _) in problems.CODES.items():
        assert re.search(rf"^\| `{code}` \| {status} \|", page, re.MULTILINE), code
    for path, methods in json.loads(document())["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in page, path
