"""A small company to call the API of: two teams, every role, a policy with every kind of pool."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils.timezone import now

from dibs.distribution.placing import place
from dibs.people.access import SCOPES
from dibs.people.models import Membership, Rep, User, Workspace
from dibs.people.tenancy import enter
from tests.making import make_arrival, make_rep, make_team, make_token, make_user, make_workspace, publish

POLICY = """
policy: Every kind of pool
qualify:
  score:
    - {when: 'lead.employees >= 200', add: 60}
    - {when: 'lead.source == "referral"', add: 20}
route:
  - {name: Japan, when: 'lead.country == "JP"', pull: {pool: japan}}
  - {name: Asked for a demo, when: 'lead.source == "demo"', push: {team: closers, accept_within: 5m}}
  - {name: In line, when: 'lead.source == "line"', pull: {pool: line}}
  - {name: Open, when: 'lead.source == "open"', pull: {pool: open}}
  - {name: Unclear, when: 'lead.source == "unclear"', review: closers}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound: {mode: pool, preview: [company, industry, country, source, score], lock: 15m, reclaim_after: 1h}
  japan: {mode: pool, teams: [tokyo]}
  line: {mode: queue, order: [waiting_since], preview: [company]}
  open: {mode: cherry_pick}
fair_play: {hold_at_most: 3, skip_at_most: 2}
"""


@dataclass
class Company:
    """A workspace, its people, and a way to call the API as one of them."""

    workspace: Workspace
    ops: User
    manager: User
    aiko: Rep
    budi: Rep
    integration: User
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))
    tokens: dict[Any, str] = field(default_factory=dict)

    def token(self, who: Any) -> str:
        if isinstance(who, str):
            return who
        user = who.user if isinstance(who, Rep) else who
        if user.id not in self.tokens:
            scopes = sorted(SCOPES) if user.role == "integration" else []
            self.tokens[user.id] = make_token(user, scopes=scopes)
        return self.tokens[user.id]

    def get(self, who: Any, path: str, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token(who)}"}
        return self.client.get(f"/api/v1{path}", query, headers=headers)

    def post(self, who: Any, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {self.token(who)}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        if body is None:
            return self.client.generic("POST", f"/api/v1{path}", headers=sent)
        return self.client.post(f"/api/v1{path}", json.dumps(body), content_type="application/json", headers=sent)

    def call(self, who: Any, method: str, path: str, body: Any = None) -> Any:
        """Any method, with a body where one is given."""
        headers = {"Authorization": f"Bearer {self.token(who)}"}
        if body is None:
            return self.client.generic(method, f"/api/v1{path}", headers=headers)
        return self.client.generic(
            method, f"/api/v1{path}", json.dumps(body), content_type="application/json", headers=headers
        )

    def lead(self, **fields: Any) -> UUID:
        """A lead placed by the policy."""
        enter(self.workspace.id)
        at = fields.pop("now", None) or now()
        (placed,) = place(self.workspace.id, [make_arrival(**({"received_at": at} | fields))], now=at)
        return placed.lead_id


def make_company() -> Company:
    workspace = make_workspace()
    ops, manager = make_user(workspace, "ops"), make_user(workspace, "manager")
    make_team(workspace, "closers", managers=(manager,))
    make_team(workspace, "tokyo")
    aiko, budi = make_rep(workspace, "aiko", teams=("closers",)), make_rep(workspace, "budi", teams=("tokyo",))
    integration = make_user(workspace, "integration")
    publish(workspace, POLICY)
    assert Membership.objects.count() == 2
    return Company(workspace, ops, manager, aiko, budi, integration)


def soon(**ahead: float) -> str:
    """A moment so far from now, as the API takes it."""
    return (now() + timedelta(**ahead)).isoformat()


@pytest.fixture
def company(db: Any) -> Company:
    return make_company()


@pytest.fixture
def other(company: Company) -> Company:
    """Another company on the same server."""
    there = make_company()
    enter(company.workspace.id)
    return there
