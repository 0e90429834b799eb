"""``dibs explain`` tells what the page and the API tell."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from django.utils.timezone import now

from dibs.cli import explain as command
from dibs.cli.main import dibs_command
from dibs.distribution.placing import place
from dibs.insight.story import story_of
from dibs.people.caller import caller_of
from tests.making import make_arrival, make_user, make_workspace, publish

POLICY = """
policy: One pool
qualify: {score: [{when: 'lead.employees >= 200', add: 60}]}
route:
  - {name: Japan, when: 'lead.country == "JP"', pull: {pool: japan}}
  - {name: Everyone else, pull: {pool: inbound}}
pools: {inbound: {}, japan: {}}
"""


@pytest.fixture
def explain(db: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(command, "connected", nullcontext)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(dibs_command, ["explain", *arguments])

    return run


def test_it_tells_what_the_api_tells(explain: Any) -> None:
    workspace = make_workspace()
    ops = make_user(workspace, "ops")
    publish(workspace, POLICY)
    (placed,) = place(workspace.id, [make_arrival(source="web", external_id="a-1", employees=500)], now=now())
    entries = story_of(caller_of(ops), placed.lead_id, now())
    assert entries
    told = explain(str(placed.lead_id)).output
    for entry in entries:
        for reason in entry.reasons:
            assert reason["text"] in told
    assert "policy version 1" in told
    assert "Japan" in told
    for name in ("a-1", "web:a-1", str(placed.lead_id)):
        as_json = json.loads(explain(name, "--json").output)
        assert as_json["lead"]["id"] == str(placed.lead_id)
        assert [item["reasons"] for item in as_json["items"]] == [json.loads(json.dumps(e.reasons)) for e in entries]


def test_it_speaks_the_languages_of_the_pages(explain: Any) -> None:
    workspace = make_workspace()
    publish(workspace, POLICY)
    (placed,) = place(workspace.id, [make_arrival()], now=now())
    told = {
        language: explain(str(placed.lead_id), "--language", language).output for language in ("en", "ja", "es", "id")
    }
    assert len(set(told.values())) == 4


def test_a_lead_that_is_none_is_an_error(explain: Any) -> None:
    make_workspace()
    for name in (str(uuid4()), "nothing", "web:nothing"):
        answer = explain(name)
        assert answer.exit_code == 1
        assert "There is no lead" in answer.output


def test_two_leads_of_one_name_are_told_apart(explain: Any) -> None:
    workspace = make_workspace()
    publish(workspace, POLICY)
    place(workspace.id, [make_arrival(source=source, external_id="7") for source in ("web", "fair")], now=now())
    answer = explain("7")
    assert answer.exit_code == 1
    assert "fair:7" in answer.output
    assert explain("fair:7").exit_code == 0
