"""A dry run says what would happen, step by step, and changes nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from dibs.crm.models import Account, Lead
from dibs.distribution import drafts, policies
from dibs.distribution.models import Decision, Rotation
from dibs.distribution.placing import place
from dibs.engine.policy import PolicyRefused
from dibs.insight.dry_run import DryRun, try_arrival, try_lead
from dibs.insight.dry_run_told import shown
from dibs.insight.plain import to_json
from dibs.people.caller import Caller, caller_of
from dibs.people.tenancy import enter, new_id
from tests.api.conftest import Company, make_company
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def company(db: Any) -> Company:
    return make_company()


def run(company: Company, text: str | None = None, who: Any = None, **fields: Any) -> dict[str, Any]:
    """A dry run as it is shown."""
    caller = caller_of(who or company.ops)
    active = drafts.draft(company.workspace.id, text) if text else drafts.version(company.workspace.id)
    found = try_arrival(caller, active, make_arrival(**fields), MONDAY)
    told: dict[str, Any] = json.loads(to_json(shown(found, caller, "UTC")))
    return told


def rules(told: dict[str, Any]) -> dict[str, str]:
    return {rule["name"]: rule["verdict"] for rule in told["rules"]}


def test_every_rule_is_told_in_order_with_why_it_did_not_match(company: Company) -> None:
    told = run(company, source="line", country="MX")
    assert rules(told) == {
        "Japan": "not_matched",
        "Asked for a demo": "not_matched",
        "In line": "matched",
        "Open": "not_reached",
        "Unclear": "not_reached",
        "Everyone else": "not_reached",
    }
    japan = told["rules"][0]
    assert japan["because"] == [
        {
            "text": 'lead.country == "JP"',
            "words": "Country is Japan",
            "holds": False,
            "facts": {"lead.country": "MX"},
        }
    ]
    assert told["becomes"]["state"] == "pooled"
    assert (told["becomes"]["pool"], told["becomes"]["rule"]) == ("line", "In line")


def test_a_rule_that_is_not_reached_says_what_it_would_have_done(company: Company) -> None:
    told = run(company, source="open", country="JP")
    by_name = {rule["name"]: rule for rule in told["rules"]}
    assert by_name["Open"]["verdict"] == "not_reached"
    assert by_name["Open"]["holds"] is True
    assert by_name["Open"]["goes"]["pool"] == "open"
    assert by_name["Unclear"]["goes"] is None


def test_an_unknown_fact_is_told_as_unknown(company: Company) -> None:
    told = run(company, source="line", country=None, employees=None)
    assert told["rules"][0]["because"][0]["holds"] is None
    assert told["points"][0]["because"][0]["facts"] == {"lead.employees": None}


def test_who_is_chosen_and_who_is_passed_over_and_why(company: Company) -> None:
    make_rep(company.workspace, "carla", teams=("closers",), available=False)
    told = run(company, source="demo")
    (attempt,) = told["attempts"]
    assert (attempt["to"], attempt["rep"], attempt["by"]) == ("closers", "aiko", "round_robin")
    assert {one["rep"]: (one["chosen"], one["because"]) for one in attempt["considered"]} == {
        "aiko": (True, None),
        "carla": (False, "unavailable"),
    }
    assert told["becomes"]["state"] == "offered"
    assert told["becomes"]["due_for"] == "offer"


def test_a_fallback_is_told_when_nobody_can_be_given_it(company: Company) -> None:
    company.aiko.available = False
    company.aiko.save()
    text = """
policy: With a fallback
route:
  - {name: All, push: {team: closers}, fallback: {team: tokyo}}
"""
    told = run(company, text)
    assert [(attempt["to"], attempt["rep"]) for attempt in told["attempts"]] == [("closers", None), ("tokyo", "budi")]
    assert told["rules"][0]["way"] == {"way": "push", "to": "closers", "by": "round_robin", "fallback": "tokyo"}
    assert told["becomes"]["owner"] == "budi"


def test_points_are_told_one_by_one(company: Company) -> None:
    told = run(company, source="referral", employees=10)
    assert [(point["add"], point["holds"]) for point in told["points"]] == [(60, False), (20, True)]
    assert (told["becomes"]["score"], told["becomes"]["rank"]) == (20, "cool")


def test_the_account_and_its_owner_are_told(company: Company) -> None:
    Account.objects.create(workspace=company.workspace, name="Kumo KK", domain="kumo.example", owner=company.budi)
    text = """
policy: Named
route:
  - {name: Named accounts, when: 'account.owner != null', push: {to: account.owner}}
  - {name: Rest, pull: {pool: inbound}}
pools: {inbound: {}}
"""
    told = run(company, text, domain="kumo.example", email="a@kumo.example")
    assert (told["account"]["name"], told["account"]["owner"]) == ("Kumo KK", "budi")
    assert told["matching"][0]["code"] == "matched_account"
    assert told["becomes"]["owner"] == "budi"


def test_a_territory_is_told_with_the_way_to_it(company: Company) -> None:
    text = """
policy: Market
territories:
  asia: {countries: [JP, KR], owner: {team: tokyo}}
  japan: {parent: asia, countries: [JP]}
route:
  - {name: All, push: {to: territory.owner}}
"""
    told = run(company, text, country="JP")
    assert told["territory"] == {
        "name": "japan",
        "path": ["asia", "japan"],
        "team": "tokyo",
        "rep": None,
        "through": "asia",
    }
    assert told["becomes"]["owner"] == "budi"


def test_the_same_person_would_be_a_touch(company: Company) -> None:
    lead = company.lead(email="mia@kumo.example", now=MONDAY)
    told = run(company, email="mia@kumo.example")
    assert told["touches"]["id"] == str(lead)


def test_a_manager_is_not_told_of_a_lead_out_of_sight(company: Company) -> None:
    lead = company.lead(email="mia@kumo.example", country="JP", now=MONDAY)
    caller = caller_of(company.manager)
    active = drafts.version(company.workspace.id)
    found = try_arrival(caller, active, make_arrival(email="mia@kumo.example"), MONDAY)
    assert found.touches is None
    assert str(lead) not in to_json(shown(found, caller, "UTC"))
    assert try_lead(caller, active, lead, MONDAY) is None


def test_a_real_lead_is_tried_with_all_that_is_known_of_it(company: Company) -> None:
    lead = company.lead(email="mia@kumo.example", source="line", employees=500, attributes={"plan": "pro"}, now=MONDAY)
    Lead.objects.filter(id=lead).update(pages=9, last_touch_at=MONDAY)
    text = """
policy: Keen
route:
  - {name: Keen, when: 'lead.pages > 5 && lead.last_touch_at != null && lead.attributes.plan == "pro"', push: {team: closers}}
  - {name: Rest, pull: {pool: inbound}}
pools: {inbound: {}}
"""
    found = try_lead(caller_of(company.ops), drafts.draft(company.workspace.id, text), lead, MONDAY)
    assert found is not None
    assert found.becomes["state"] == "owned"
    assert found.real is not None
    assert found.real["pool"] == "line"
    assert found.touches is None


def test_another_workspaces_lead_or_version_is_none(company: Company) -> None:
    there = make_company()
    lead = there.lead(now=MONDAY)
    publish(there.workspace, "policy: Other\nroute: [{name: All, nurture: true}]")
    enter(company.workspace.id)
    assert try_lead(caller_of(company.ops), drafts.version(company.workspace.id), lead, MONDAY) is None
    with pytest.raises(policies.UnknownVersion):
        drafts.version(company.workspace.id, 2)


def test_nothing_is_written(company: Company) -> None:
    def everything() -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables")
            return list(cursor.fetchone())

    lead = company.lead(source="demo", now=MONDAY)
    before, turns = everything(), list(Rotation.objects.values_list("passed", flat=True))
    run(company, source="demo")
    assert try_lead(caller_of(company.ops), drafts.version(company.workspace.id), lead, MONDAY) is not None
    assert everything() == before
    assert list(Rotation.objects.values_list("passed", flat=True)) == turns


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("policy: x\nroute: [{name: a, when: 'lead.contry == 1', nurture: true}]", "unknown_fact"),
        ("policy: x\nroute: [{name: a, pull: {pool: nowhere}}]", None),
        ("&a [*a, *a]", None),
        ("policy: x\nroute: [{name: a, when: '" + "(" * 500 + "true" + ")" * 500 + "', nurture: true}]", None),
    ],
)
def test_a_draft_with_errors_is_refused_with_their_places(company: Company, text: str, code: str | None) -> None:
    with pytest.raises(PolicyRefused) as refused:
        drafts.draft(company.workspace.id, text)
    codes = [problem.code for problem in refused.value.problems]
    assert codes
    assert code is None or code in codes or code == "empty"


def test_a_draft_whose_example_fails_can_be_tried(company: Company) -> None:
    text = """
policy: Not yet
route: [{name: All, nurture: true}]
examples: [{lead: {country: JP}, expect: {rule: Japan}}]
"""
    assert run(company, text)["becomes"]["state"] == "nurture"


# What a dry run says is what happens.

_TEAMS = ("closers", "tokyo")
_BY = ("round_robin", "weighted_round_robin", "least_open", "first_available", "best_match")
_WHEN = (
    None, 'lead.country == "JP"', "lead.employees >= 100", "lead.score > 20", "account.owner != null",
    'lead.country != "JP" && lead.employees < 50', 'lead.attributes.plan == "pro"', 'lead.rank == "hot" || lead.consent',
)  # fmt: skip
PUSHES = st.one_of(
    st.builds(
        lambda team, by, within: {"team": team, "by": by} | ({"accept_within": "5m"} if within else {}),
        st.sampled_from(_TEAMS),
        st.sampled_from(_BY),
        st.booleans(),
    ),
    st.sampled_from([{"to": "account.owner"}, {"to": "territory.owner"}]),
)
WAYS = st.one_of(
    PUSHES.map(lambda push: {"push": push}),
    st.tuples(PUSHES, st.sampled_from([{"pool": "inbound"}, {"team": "tokyo"}, {"review": "managers"}])).map(
        lambda both: {"push": both[0], "fallback": both[1]}
    ),
    st.sampled_from([{"pull": {"pool": "inbound"}}, {"review": "managers"}, {"nurture": True}]),
)
POLICIES = st.builds(
    lambda rules, points, caps, weights: {
        "policy": "Any",
        "qualify": {"score": points},
        "territories": {
            "japan": {"countries": ["JP"], "owner": {"rep": "budi"}},
            "south": {"postal_codes": ["1*"], "owner": {"team": "closers"}},
        },
        "route": [
            {"name": f"Rule {place}", **way} | ({"when": when} if when else {})
            for place, (when, way) in enumerate(rules)
        ],
        "teams": {"closers": {**caps, "weights": weights}},
        "pools": {"inbound": {}},
        "sla": {"first_contact": "10m", "hours": "business", "then": {"reassign": 1}},
    },
    st.lists(st.tuples(st.sampled_from(_WHEN), WAYS), min_size=1, max_size=5),
    st.lists(
        st.builds(
            lambda when, add: {"when": when, "add": add},
            st.sampled_from([when for when in _WHEN if when and "score" not in when and "rank" not in when]),
            st.integers(-50, 80),
        ),
        max_size=3,
    ),
    st.sampled_from([{}, {"open_at_most": 1}, {"per_day": 1}, {"per_hour": 1}]),
    st.sampled_from([{}, {"aiko": 2, "carla": 0.5}]),
)
ARRIVALS = st.fixed_dictionaries(
    {
        "country": st.sampled_from([None, "JP", "MX"]),
        "employees": st.sampled_from([None, 10, 500]),
        "consent": st.sampled_from([None, True]),
        "postal_code": st.sampled_from([None, "100-0001", "900"]),
        "attributes": st.sampled_from([{}, {"plan": "pro"}]),
        "domain": st.sampled_from([None, "kumo.example", "sora.example"]),
        "company": st.sampled_from([None, "Kumo KK", "Kumo", "Other"]),
    }
)


class TestADryRunSaysWhatHappens(TestCase):
    """Random leads through random policies: tried, then really placed."""

    @settings(max_examples=60)
    @given(POLICIES, st.lists(ARRIVALS, min_size=1, max_size=4), st.booleans())
    def test_the_placing_is_what_the_dry_run_said(
        self, policy: dict[str, Any], leads: list[dict[str, Any]], night: bool
    ) -> None:
        now = MONDAY + timedelta(hours=12 if night else 1)
        workspace = make_workspace(slug=f"w{new_id().hex[-12:]}")
        ops = make_user(workspace)
        for team in _TEAMS:
            make_team(workspace, team)
        hours = {str(day): [8 * 60, 18 * 60] for day in range(1, 6)}
        for handle, team in (("aiko", "closers"), ("carla", "closers"), ("dewi", "closers"), ("budi", "tokyo")):
            make_rep(workspace, handle, teams=(team,), hours=hours if handle != "dewi" else None)
        budi = workspace_rep(workspace, "budi")
        Account.objects.create(workspace=workspace, name="Kumo KK", domain="kumo.example", owner=budi, name_key="kumo")
        publish(workspace, json.dumps(policy))
        caller = caller_of(ops)
        for fields in leads:
            arrival = make_arrival(**fields)
            said = try_arrival(caller, drafts.version(workspace.id), arrival, now)
            (placed,) = place(workspace.id, [arrival], now=now)
            assert_it_happened(said, placed.lead_id)
            assert said.owner == placed.owner
            self.consistent(said, caller)

    def consistent(self, said: DryRun, caller: Caller) -> None:
        """What is told of the rules is what the placement says of them."""
        routed = next((reason for reason in said.reasons if reason.code == "routed"), None)
        matched = [tried for tried in said.trace.rules if tried.verdict == "matched"]
        assert [tried.index for tried in matched] == ([routed.params["index"]] if routed else [])
        for tried in said.trace.rules:
            reached = routed is None or tried.index <= int(str(routed.params["index"]))
            assert (tried.verdict == "not_reached") != reached
            if tried.why is not None and reached:
                assert (tried.why.holds is True) == (tried.verdict == "matched")
        assert said.trace.placement.reasons == said.reasons[len(said.match.judged.reasons) :]
        assert matched == [] or matched[0].given is not None
        assert matched == [] or matched[0].given.to == said.trace.placement.to  # type: ignore[union-attr]
        total = sum(counted.add for counted in said.trace.points if counted.why.holds is True)
        assert said.trace.placement.score == min(max(total, 1), 100)
        to_json(shown(said, caller, "Asia/Tokyo"))


def workspace_rep(workspace: Any, handle: str) -> Any:
    from dibs.people.models import Rep

    return Rep.objects.get(workspace=workspace, handle=handle)


def assert_it_happened(said: DryRun, lead_id: Any) -> None:
    lead = Lead.objects.get(id=lead_id)
    decision = Decision.objects.get(lead_id=lead_id)
    for name in (
        "state",
        "score",
        "rank",
        "territory",
        "pool",
        "review",
        "due_at",
        "due_for",
        "owner_id",
        "sla_at",
        "awaits",
    ):
        assert getattr(lead, name) == said.becomes[name], name
    # A dry run makes no customers.
    assert [reason for reason in decision.reasons if reason["code"] not in {"account_made", "contact_made"}] == [
        json.loads(to_json({"code": reason.code, "params": dict(reason.params), "rule": reason.rule}))
        for reason in said.reasons
    ]
