"""Territories over HTTP: whose they are, what a border would move, and moving it with the policy."""

from __future__ import annotations

from typing import Any

import pytest

from dibs.crm.models import Lead
from dibs.distribution import borders, moving_on, policies
from dibs.distribution.models import Move, PolicyVersion
from dibs.distribution.placing import place
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import MONDAY, make_arrival, make_rep

pytestmark = pytest.mark.django_db

POLICY = """
policy: By territory
timezone: Asia/Tokyo
territories:
  asia: {{countries: [JP, ID], owner: {{team: closers}}}}
  kansai: {{parent: asia, regions: [Osaka], owner: {{rep: {kansai}}}}}
  shikoku: {{parent: asia, regions: [Kochi], owner: {{territory: kansai}}, ends: 2026-01-31}}
route:
  - {{name: Owners, push: {{to: territory.owner}}}}
  - {{name: Rest, pull: {{pool: inbound}}}}
pools: {{inbound: {{}}}}
"""


@pytest.fixture
def osaka(company: Company) -> str:
    """A lead in Osaka, which is Ken's."""
    for handle in ("ken", "kai"):
        make_rep(company.workspace, handle)
    enter(company.workspace.id)
    policies.publish(company.workspace.id, POLICY.format(kansai="ken"), by=None)
    found = place(company.workspace.id, [make_arrival(country="JP", region="Osaka", company="Oak")], now=MONDAY)
    return str(found[0].lead_id)


def asked(company: Company, method: str, path: str, body: Any = None, who: str | None = None) -> Any:
    return company.call(who or company.ops, method, path, body)


def test_the_tree_says_whose_each_territory_is(company: Company, osaka: str) -> None:
    answer = asked(company, "GET", "/territories")
    assert answer.status_code == 200, answer.content
    assert [(each["name"], each["parent"], each["team"], each["rep"]) for each in answer.json()["items"]] == [
        ("asia", None, "closers", None),
        ("kansai", "asia", None, "ken"),
        ("shikoku", "asia", None, "ken"),
    ]
    asia, kansai, shikoku = answer.json()["items"]
    assert (asia["leads"], kansai["leads"], kansai["through"], kansai["there"]) == (0, 1, None, True)
    assert (shikoku["through"], shikoku["ends"], shikoku["there"]) == ("kansai", "2026-01-31", False)


def test_a_manager_counts_the_own_teams_leads_alone(company: Company, osaka: str) -> None:
    answer = asked(company, "GET", "/territories", who=company.manager)
    assert [each["leads"] for each in answer.json()["items"]] == [0, 0, 0]


def test_what_a_border_would_move_is_told_and_nothing_changes(company: Company, osaka: str) -> None:
    answer = asked(company, "POST", "/policies/borders", {"source": POLICY.format(kansai="kai")})
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["leads"], told["more"]) == (1, False)
    assert told["between"] == [{"before": "kansai", "after": "kansai", "leads": 1}]
    assert told["first"] == [
        {
            "lead": osaka, "company": "Oak", "name": told["first"][0]["name"], "state": "owned", "rep": "ken", "before": "kansai",
            "after": "kansai", "to": {"state": "owned", "rep": "kai", "pool": None, "review": None},
        }
    ]  # fmt: skip
    enter(company.workspace.id)
    assert Lead.objects.get(id=osaka).owner.handle == "ken"  # type: ignore[union-attr]
    assert not Move.objects.exists()
    assert not PolicyVersion.objects.filter(number__gt=2).exists()


def test_publishing_with_move_moves_them(company: Company, osaka: str) -> None:
    body = {"source": POLICY.format(kansai="kai"), "move": True}
    answer = asked(company, "POST", "/policies", body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["moves_leads"] is True
    enter(company.workspace.id)
    newest, before = PolicyVersion.objects.order_by("-number")[:2]
    (move,) = borders.move_over(company.workspace.id, before.id, newest.id, MONDAY)
    moving_on.carry_on(company.workspace.id, move.id, lambda: MONDAY)
    shown = asked(company, "GET", f"/moves/{move.id}").json()
    assert (shown["kind"], shown["state"], shown["moved"]) == ("border", "done", 1)
    assert asked(company, "GET", f"/leads/{osaka}").json()["owner"] == "kai"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({"source": "policy: x", "version": 1}, 422, "invalid"),
        ({"source": "policy: ["}, 422, "policy_refused"),
        (
            {"source": "policy: x\nterritories: {a: {parent: a}}\nroute: [{name: A, review: managers}]"},
            422,
            "policy_refused",
        ),
        ({"source": "\u0000"}, 422, None),
        ({"version": 99}, 404, "not_found"),
        ({"version": 0}, 422, "invalid"),
        ({"version": 10**12}, 422, "invalid"),
        ({"source": POLICY.format(kansai="ken"), "move": True}, 422, "invalid"),
    ],
)
def test_what_is_no_policy_is_refused(
    company: Company, osaka: str, body: dict[str, Any], status: int, code: str | None
) -> None:
    answer = asked(company, "POST", "/policies/borders", body)
    assert answer.status_code == status, answer.content
    assert code is None or answer.json()["code"] == code


def test_an_older_version_can_be_asked_about(company: Company, osaka: str) -> None:
    enter(company.workspace.id)
    policies.publish(company.workspace.id, POLICY.format(kansai="kai"), by=None)
    number = PolicyVersion.objects.order_by("-number")[1].number
    told = asked(company, "POST", "/policies/borders", {"version": number}).json()
    assert told["leads"] == 0  # Ken has it still: the border was published and the lead not moved.
