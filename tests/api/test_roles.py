"""Every route asks who is calling, and what its action says is what each role gets."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from dibs.api.tokens import Token
from dibs.api.urls import api
from dibs.people.access import ACCESS, SCOPES, Action, may
from tests.api.conftest import Company
from tests.making import make_token

ROLES = ("rep", "manager", "ops", "integration")

#: Who may do what, written out once more by hand: a change of the table has to be meant.
MATRIX = {
    Action.SEE_SELF: "rep manager ops integration",
    Action.SET_SELF: "rep manager ops",
    Action.SEND_LEADS: "ops integration",
    Action.SEE_LEADS: "rep manager ops integration",
    Action.SEE_POOLS: "rep manager ops integration",
    Action.TAKE_LEADS: "rep manager ops",
    Action.WORK_LEADS: "rep manager ops",
    Action.ASSIGN_LEADS: "manager ops",
    Action.SEE_REPS: "rep manager ops integration",
    Action.SEE_FLOOR: "manager ops",
    Action.SEE_FAIR_PLAY: "rep manager ops integration",
    Action.SEE_POLICY: "manager ops integration",
    Action.TRY_POLICY: "manager ops",
    Action.EDIT_REPS: "manager ops",
    Action.MOVE_LEADS: "manager ops",
    Action.SEE_ACCOUNTS: "manager ops integration",
    Action.WRITE_ACCOUNTS: "ops integration",
    Action.DECIDE_MATCHES: "manager ops",
    Action.SEE_REPORTS: "manager ops integration",
    Action.SEE_DEALS: "rep manager ops integration",
    Action.WORK_DEALS: "rep manager ops",
    Action.SEE_SCORING: "manager ops integration",
    Action.TRAIN_SCORING: "ops",
    Action.ERASE_PEOPLE: "ops",
    Action.IMPORT_LEADS: "ops",
    Action.PUBLISH_POLICY: "ops",
}
BODIES: dict[str, Any] = {
    "refuse_contact": {"who": ["ana@acme.example"]},
    "allow_contact": {"who": ["ana@acme.example"]},
    "find_person": {"email": "nobody@nowhere.example"},
    "export_person": {"email": "nobody@nowhere.example"},
    "erase_person": {"email": "nobody@nowhere.example"},
    "consent": {"given": True},
    "send_lead": {"source": "x", "external_id": "1"},
    "send_leads": {"leads": [{"source": "x", "external_id": "1"}]},
    "retire": {"why": "other"},
    "assign": {"rep": "aiko"},
    "act_on_leads": {"act": "retire", "leads": ["00000000-0000-7000-8000-000000000000"], "why": "other"},
    "publish_policy": {"source": "policy: x"},
    "show_borders": {"version": 1},
    "read_notices": {},
    "dry_run": {"lead": {"source": "x"}},
    "compare": {"version": 1, "since": "2026-03-01T00:00:00Z"},
    "plan_move": {"rep": "aiko"},
    "add_helper": {"rep": "aiko"},
    "change_rep": {"keeps_holidays": False},
    "take_my_time_off": {"first_day": "2027-01-04", "last_day": "2027-01-08"},
    "take_time_off": {"first_day": "2027-01-04", "last_day": "2027-01-08"},
    "connect_my_calendar": {"url": "https://calendar.example/me.ics"},
    "connect_calendar": {"url": "https://calendar.example/aiko.ics"},
    "switch": {"available": False},
    "add_source": {"name": "fair"},
    "change_source": {"note": "x"},
    "add_campaign": {"key": "spring", "name": "Spring"},
    "change_campaign": {"name": "Spring"},
    "add_piece": {"title": "x"},
    "change_piece": {"title": "x"},
    "write_account": {"name": "Acme"},
    "write_accounts": {"accounts": [{"name": "Acme"}]},
    "change_account": {"customer": True},
    "merge_lead": {"into": "00000000-0000-7000-8000-000000000000"},
    "touch_lead": {"kind": "page"},
    "change_opportunity": {"stage": "proposal"},
    "write_note": {"text": "x"},
    "change_note": {"pinned": True},
    "log_activity": {"kind": "call"},
    "change_activity": {"done": True},
    "make_appointment": {"title": "x", "starts_at": "2031-03-04T10:00:00Z", "ends_at": "2031-03-04T11:00:00Z"},
    "change_appointment": {"title": "x"},
    "set_follow_up": {"at": None},
    "report": {"title": "x", "at": "2026-03-01T00:00:00Z"},
    "act_on_my_leads": {"act": "contact", "leads": ["00000000-0000-7000-8000-000000000000"]},
    "learn_score_model": {"without": ["city"]},
    "answer_questions": {"answers": {"budget": "yes"}},
    "assess": {"template": "call", "answers": {"need": "much"}},
    "preview_assessment": {"answers": {"need": "much"}},
    "keep_assessment": {"answers": {"need": "much"}},
}


#: What stands for each name in an address. No id is anything's.
PLACES = {"name": "inbound", "number": "1", "handle": "aiko"}


def filled(path: str) -> str:
    """An address with something in each of its places."""
    return re.sub(r"\{(\w+)\}", lambda place: PLACES.get(place[1]) or str(uuid4()), path)


def routes() -> list[tuple[str, str, str, Action]]:
    """Every operation of the API: name, method, path, action."""
    found = []
    for bound in api._get_bound_routers():
        for path, view in bound.path_operations.items():
            for operation in view.operations:
                (token,) = operation.auth_callbacks
                assert isinstance(token, Token)
                found.append((operation.view_func.__name__, operation.methods[0], path, token.action))
    return found


def test_the_matrix_is_the_table() -> None:
    assert set(MATRIX) == set(Action)
    for action, granted in ACCESS.items():
        assert set(MATRIX[action].split()) == set(granted.roles), action


@pytest.mark.parametrize(("name", "method", "path", "action"), routes(), ids=lambda value: str(value))
def test_a_route_lets_in_who_the_matrix_says(
    company: Company, name: str, method: str, path: str, action: Action
) -> None:
    where = filled(path)
    people = {"rep": company.aiko, "manager": company.manager, "ops": company.ops, "integration": company.integration}
    for role, who in people.items():
        answer = company.call(who, method, where, BODIES.get(name))
        refused = answer.status_code == 403 and answer.json()["code"] == "not_allowed"
        assert refused == (role not in MATRIX[action].split()), (role, answer.content)
        assert answer.status_code < 500
    assert company.client.generic(method, f"/api/v1{where}").status_code == 401


@pytest.mark.parametrize(("name", "method", "path", "action"), routes(), ids=lambda value: str(value))
def test_a_token_without_the_scope_does_not_open_a_route(
    company: Company, name: str, method: str, path: str, action: Action
) -> None:
    where = filled(path)
    token = make_token(company.ops, scopes=sorted(SCOPES - {ACCESS[action].scope}))
    answer = company.call(token, method, where, BODIES.get(name))
    refused = answer.status_code == 403 and answer.json()["code"] == "not_allowed"
    assert refused == (action is not Action.SEE_SELF)


def test_an_integration_without_scopes_may_only_ask_who_it_is() -> None:
    assert [action for action in Action if may("integration", (), action)] == [Action.SEE_SELF]


def test_an_unknown_role_may_nothing() -> None:
    assert not any(may("stranger", SCOPES, action) for action in Action)
