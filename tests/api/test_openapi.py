"""Schemathesis sends what the OpenAPI document allows, and what it forbids, and holds the answers to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS

from dibs.api.urls import document
from dibs.config.wsgi import application
from tests.api.conftest import Company, make_company

#: What the document says of every text: no NUL.
NO_NUL = r"^[^\x00]*$"


def drawable(part: Any) -> Any:
    """The document without the pattern that forbids NUL, so that NULs are drawn too. Schemathesis would write each text's length into it,
    and an expression that counts to 10,000 takes 20 MB once compiled."""
    if isinstance(part, dict):
        return {name: drawable(inner) for name, inner in part.items() if (name, inner) != ("pattern", NO_NUL)}
    return [drawable(inner) for inner in part] if isinstance(part, list) else part


schema = schemathesis.openapi.from_dict(drawable(json.loads(document())))
schema.app = application
OPERATIONS = [(path, method) for path, methods in schema.raw_schema["paths"].items() for method in methods]

#: Left out: one bad lead in a batch is answered in its place, which the check takes for bad data let in; 404 for an id that
#: cannot be one is meant. What we promise of those is in test_errors and test_claiming.
CHECKED = tuple(
    check
    for name, check in ((c.__name__, c) for c in CHECKS.get_all())
    if name
    in {
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
        "ignored_auth",
    }
)
assert len(CHECKED) == 7


@pytest.fixture
def people(db: Any) -> Iterator[dict[str, Company]]:
    company = make_company()
    for country in ("JP", "MX"):
        company.lead(country=country)
    # The end of a request would close the connection, and with it the transaction that the test runs in.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield {"company": company}
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("role", ["ops", "rep"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda part: part)
def test_answers_are_what_the_document_says(path: str, method: str, role: str, people: dict[str, Company]) -> None:
    company = people["company"]
    who = company.ops if role == "ops" else company.aiko

    # Made here and not where tests are collected, which each of the tests' processes does for all of them.
    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=6,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answers(case: Any) -> None:
        if "lead_id" in (case.path_parameters or {}):
            case.path_parameters["lead_id"] = str(company.lead())
        if "handle" in (case.path_parameters or {}):
            case.path_parameters["handle"] = "aiko"
        if "name" in (case.path_parameters or {}):
            case.path_parameters["name"] = "inbound"
        case.call_and_validate(headers={"Authorization": f"Bearer {company.token(who)}"}, checks=CHECKED)

    answers()
