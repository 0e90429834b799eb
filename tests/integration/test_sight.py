"""What each caller sees of a pool, of the leads that are theirs, and of the floor."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.models import Lead
from dibs.distribution import acting
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.distribution.placing import place
from dibs.insight import pools
from dibs.insight.floor import floor
from dibs.insight.leads import leads_page
from dibs.insight.mine import my_standing
from dibs.insight.my_list import Asked, my_list
from dibs.insight.pages import BadCursor
from dibs.insight.pools import BadFilter, pool_page, pools_in_sight
from dibs.insight.sight import lead_in_sight
from dibs.insight.story import story_of
from dibs.people.caller import Caller, caller_of
from dibs.people.models import User
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace, publish

POLICY = """
policy: One pool
qualify:
  score:
    - {when: 'lead.employees >= 500', add: 80}
    - {when: 'lead.employees >= 100', add: 15}
  rank: {hot: 75, warm: 40}
route:
  - {name: Tokyo, when: 'lead.country == "JP"', pull: {pool: japan}}
  - {name: Review, when: 'lead.source == "odd"', review: managers}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound: {preview: [company, country, industry, employees, score, source], lock: 15m}
  japan: {teams: [tokyo]}
fair_play: {hold_at_most: 5, claim_at_least: {count: 2, per: day}}
sla: {first_contact: 5m, when: 'lead.rank == "hot"', then: {review: managers}}
"""


class Place:
    """A workspace with a policy, and a moment that moves."""

    def __init__(self) -> None:
        self.workspace = make_workspace()
        self.ops = caller_of(make_user(self.workspace, "ops"))
        boss = make_user(self.workspace, "manager")
        make_team(self.workspace, "closers", managers=(boss,))
        make_team(self.workspace, "tokyo")
        self.aiko = caller_of(make_rep(self.workspace, "aiko", teams=("closers",)).user)
        self.budi = caller_of(make_rep(self.workspace, "budi", teams=("tokyo",)).user)
        self.manager = caller_of(boss)
        publish(self.workspace, POLICY)
        self.now: datetime = MONDAY

    def lead(self, **fields: Any) -> UUID:
        (placed,) = place(self.workspace.id, [make_arrival(**({"received_at": self.now} | fields))], now=self.now)
        return placed.lead_id

    def claim(self, who: Caller, lead: UUID) -> None:
        assert isinstance(claim_lead(who, lead, self.now), Claimed)

    def page(self, who: Caller, pool: str = "inbound", **asked: Any) -> list[UUID]:
        page = pool_page(who, pool, now=self.now, **asked)
        assert page is not None
        return [lead["id"] for lead in page.items]

    def all_pages(self, who: Caller, limit: int, **asked: Any) -> list[UUID]:
        found: list[UUID] = []
        cursor = None
        for _ in range(200):
            page = pool_page(who, "inbound", now=self.now, limit=limit, cursor=cursor, **asked)
            assert page is not None
            assert len(page.items) <= limit
            found += [lead["id"] for lead in page.items]
            cursor = page.next
            if cursor is None:
                return found
        raise AssertionError("the pages never end")


@pytest.fixture
def here(db: Any) -> Place:
    return Place()


def test_pages_hold_every_lead_once_in_every_order(here: Place) -> None:
    chance = random.Random(7)
    for _ in range(37):
        here.now += timedelta(seconds=chance.choice([0, 1, 30]))
        here.lead(employees=chance.choice([None, 5, 150, 700]), country=chance.choice(["MX", "ES"]))
    rows = list(Lead.objects.filter(pool="inbound", state="pooled"))
    orders = {
        "": lambda lead: (-lead.score, lead.received_at, lead.id),
        "-score": lambda lead: (-lead.score, lead.received_at, lead.id),
        "waiting_since": lambda lead: (lead.waiting_since, lead.id),
    }
    for sort, order in orders.items():
        expected = [lead.id for lead in sorted(rows, key=order)]
        for limit in (1, 5, 36, 37, 100):
            assert here.all_pages(here.aiko, limit, sort=sort) == expected
    backwards = [lead.id for lead in sorted(rows, key=orders["-score"])][::-1]
    assert here.all_pages(here.aiko, 5, sort="score") == backwards
    newest = [lead.id for lead in sorted(rows, key=orders["waiting_since"])][::-1]
    assert here.all_pages(here.aiko, 5, sort="-waiting_since") == newest


@pytest.mark.parametrize(
    "order", ["[employees]", "[-employees, waiting_since]", "[-deal_value, employees]", "[received_at]"]
)
def test_unknown_values_have_their_place_in_a_policys_order(here: Place, order: str) -> None:
    chance = random.Random(11)
    for _ in range(23):
        here.lead(employees=chance.choice([None, None, 5, 150]), deal_value=chance.choice([None, 10, 2000]))
    publish(here.workspace, POLICY.replace("inbound: {", f"inbound: {{order: {order}, "))
    everything = here.page(here.ops, limit=100)
    assert len(everything) == 23
    for limit in (1, 4):
        assert here.all_pages(here.ops, limit) == everything


def test_filters_narrow_and_several_values_of_one_field_widen(here: Place) -> None:
    mexico, spain = here.lead(country="MX", employees=150), here.lead(country="ES", industry="health")
    chile = here.lead(country="CL", industry="health", employees=700)
    assert here.page(here.aiko, filters={"country": ["MX"]}) == [mexico]
    assert set(here.page(here.aiko, filters={"country": ["MX", "ES"]})) == {mexico, spain}
    assert here.page(here.aiko, filters={"country": ["ES", "CL"], "industry": ["health"]}) == [chile, spain]
    assert here.page(here.aiko, filters={"score": (10, 50)}) == [mexico]
    assert here.page(here.aiko, filters={"employees": (None, 200)}) == [mexico]
    assert here.page(here.aiko, filters={"country": ["JP"]}) == []
    for filters in (
        {"country": []},
        {"email": ["x"]},
        {"nothing": ["x"]},
        {"country": ["AA"] * 1 + [f"{n}" for n in range(20)]},
    ):
        with pytest.raises(BadFilter):
            here.page(here.ops, filters=filters)


def test_a_lock_that_ran_out_waits_again_before_any_tick(here: Place) -> None:
    lead = here.lead(employees=700, email="hidden@example.com")
    low = here.lead()
    here.claim(here.aiko, lead)
    assert here.page(here.budi) == [low]
    assert lead_in_sight(here.budi, lead, here.now) is None
    here.now += timedelta(minutes=15)
    assert here.page(here.budi) == [lead, low]
    assert here.page(here.budi, filters={"country": ["MX"]}, sort="waiting_since") == [lead, low]
    for who in (here.budi, here.aiko):
        seen = lead_in_sight(who, lead, here.now)
        assert seen is not None
        assert seen["state"] == "pooled"
        assert "email" not in seen
    assert my_list(here.aiko, Asked(), here.now).items == []
    for who in (here.ops, here.manager):
        full = lead_in_sight(who, lead, here.now)
        assert full is not None
        assert (full["owner"], full["lock_expires_at"], full["email"]) == (None, None, "hidden@example.com")
    assert [card.waiting for card in pools_in_sight(here.budi, here.now) if card.name == "inbound"] == [2]


def test_counting_stops_where_it_would_get_dear(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "COUNT_LIMIT", 3)
    first = here.lead()
    card = pools_in_sight(here.aiko, here.now)[0]
    assert (card.name, card.waiting, card.more, card.oldest) == ("inbound", 1, False, here.now)
    here.now += timedelta(minutes=5)
    for _ in range(3):
        here.lead()
    card = pools_in_sight(here.aiko, here.now)[0]
    assert (card.waiting, card.more, card.oldest) == (3, True, Lead.objects.get(id=first).waiting_since)


def test_a_cursor_of_a_lead_that_is_gone_is_refused(here: Place) -> None:
    leads = [here.lead() for _ in range(3)]
    page = pool_page(here.aiko, "inbound", limit=1, now=here.now)
    assert page is not None
    Lead.objects.filter(id=leads[0]).delete()
    with pytest.raises(BadCursor):
        pool_page(here.aiko, "inbound", limit=1, cursor=page.next, now=here.now)


def test_a_page_goes_on_after_a_lead_that_was_taken_meanwhile(here: Place) -> None:
    leads = [here.lead() for _ in range(3)]
    page = pool_page(here.aiko, "inbound", limit=1, now=here.now)
    assert page is not None
    here.claim(here.budi, leads[0])
    assert here.page(here.aiko, limit=5, cursor=page.next) == leads[1:]


def test_without_a_policy_there_are_no_pools(db: Any) -> None:
    workspace = make_workspace()
    rep = caller_of(make_rep(workspace, "aiko").user)
    assert pools_in_sight(rep, MONDAY) == []
    assert pool_page(rep, "inbound", now=MONDAY) is None
    standing = my_standing(rep, MONDAY)
    assert standing is not None
    assert standing.rules == ()


def test_a_pool_that_the_policy_no_longer_has_is_still_there_for_operations(here: Place) -> None:
    lead = here.lead(country="JP")
    publish(here.workspace, "policy: Fewer\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {}}\n")
    assert here.page(here.ops, "japan") == [lead]
    assert pool_page(here.budi, "japan", now=here.now) is None
    assert lead_in_sight(here.budi, lead, here.now) is None


def test_my_leads_come_in_the_order_their_time_runs_out(here: Place) -> None:
    first, second = here.lead(), here.lead()
    here.claim(here.aiko, first)
    here.now += timedelta(minutes=1)
    here.claim(here.aiko, second)
    assert [lead["id"] for lead in my_list(here.aiko, Asked(), here.now).items] == [first, second]
    acting.contact(here.aiko, first, here.now)
    assert [lead["id"] for lead in my_list(here.aiko, Asked(), here.now).items] == [second, first]
    assert all(lead.level == "full" for lead in my_list(here.aiko, Asked(), here.now).items)
    assert my_list(here.ops, Asked(), here.now).items == []


def test_a_lead_that_was_given_without_a_limit_is_among_the_leads_of_its_rep_and_their_manager(here: Place) -> None:
    lead = here.lead()
    assert isinstance(acting.assign(here.ops, lead, "aiko", here.now), acting.Acted)
    assert Lead.objects.get(id=lead).lock_expires_at is None
    for who in (here.aiko, here.manager, here.ops):
        assert [seen["id"] for seen in leads_page(who, {}, now=here.now).items] == [lead]
    assert leads_page(here.budi, {}, now=here.now).items == []


def test_my_standing_tells_each_rule_and_where_i_am(here: Place) -> None:
    here.claim(here.aiko, here.lead())
    standing = my_standing(here.aiko, here.now)
    assert standing is not None
    told = {rule.rule: (rule.have, rule.at_most, rule.at_least, rule.ok) for rule in standing.rules}
    assert told == {"hold_at_most": (1, 5, None, True), "claim_at_least": (1, None, 2, False)}
    assert (standing.policy, standing.policy_version) == ("One pool", 1)
    tomorrow = my_standing(here.aiko, here.now + timedelta(days=1))
    assert tomorrow is not None
    assert tomorrow.counters.claims_today == 0
    assert my_standing(here.ops, here.now) is None


def test_the_floor_counts_what_is_in_the_managers_reach(here: Place) -> None:
    hot = here.lead(employees=700, received_at=here.now)
    here.lead()
    japan = here.lead(country="JP")
    here.lead(source="odd")
    here.now += timedelta(minutes=4)
    here.claim(here.aiko, hot)
    here.claim(here.budi, japan)
    acting.contact(here.aiko, hot, here.now)
    here.now += timedelta(minutes=14)
    seen = floor(here.manager, here.now)
    assert {pool.name: pool.ages for pool in seen.pools} == {"inbound": (0, 0, 1, 0, 0)}
    assert (seen.waiting, seen.over_an_hour, seen.in_review) == (1, 0, 1)
    assert seen.median_to_claim == timedelta(minutes=4)
    assert seen.contacted_in_time == 1.0
    assert seen.at_risk == 0
    assert [rep.handle for rep in seen.reps] == ["aiko"]
    assert {(what.kind, what.who) for what in seen.feed} == {("claimed", "Aiko"), ("contacted", "Aiko")}
    everything = floor(here.ops, here.now)
    assert {pool.name for pool in everything.pools} == {"inbound", "japan"}
    assert everything.at_risk == 1
    assert len(everything.feed) == 3
    assert floor(here.ops, here.now + timedelta(hours=2)).over_an_hour == 1


def test_the_floor_counts_everything_that_waits_even_where_a_pools_page_stops(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "COUNT_LIMIT", 1)
    for minutes in (0, 0, 5, 15, 30, 59, 60, 90):
        here.lead(received_at=here.now - timedelta(minutes=minutes))
        Lead.objects.filter(received_at=here.now - timedelta(minutes=minutes)).update(
            waiting_since=here.now - timedelta(minutes=minutes)
        )
    for _ in range(3):
        here.lead(source="odd")
    seen = floor(here.ops, here.now)
    inbound, japan = seen.pools
    assert (inbound.name, inbound.ages, inbound.oldest) == (
        "inbound",
        (2, 1, 1, 2, 2),
        here.now - timedelta(minutes=90),
    )
    assert (japan.waiting, japan.oldest) == (0, None)
    assert (seen.waiting, seen.over_an_hour, seen.in_review) == (8, 2, 3)


def test_the_floor_of_an_empty_workspace_is_empty(db: Any) -> None:
    ops = caller_of(make_user(make_workspace(), "ops"))
    seen = floor(ops, MONDAY)
    assert (seen.pools, seen.median_to_claim, seen.contacted_in_time, seen.feed, seen.waiting) == (
        (),
        None,
        None,
        (),
        0,
    )


def test_the_story_names_people_and_keeps_their_order(here: Place) -> None:
    lead = here.lead()
    here.claim(here.aiko, lead)
    acting.contact(here.aiko, lead, here.now, kind="call", note="left a message")
    story = story_of(here.ops, lead, here.now)
    assert story is not None
    assert [(entry.kind, entry.before, entry.after) for entry in story] == [
        ("placed", "new", "pooled"),
        ("claimed", "pooled", "owned"),
        ("contacted", "owned", "working"),
    ]
    assert story[1].who == "Aiko"
    assert {entry.policy_version for entry in story} == {1}
    assert story_of(here.budi, lead, here.now) is None


def test_who_was_switched_off_is_nobody(here: Place) -> None:
    user = make_user(here.workspace, "ops", is_active=False)
    with pytest.raises(User.DoesNotExist):
        caller_of(user)
