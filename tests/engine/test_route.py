from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.judging import MONDAY, PULL, book, minutes, office, team, waiting

from dibs.engine.decision import Assigned, Due, InNurture, InPool, InReview, Offered, Placement, Reason
from dibs.engine.due import due_in_pool
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts, RepFacts
from dibs.engine.lifecycle import may_move
from dibs.engine.roster import Roster
from dibs.engine.route import place
from dibs.engine.rulebook import Rulebook

NEW = LeadClock("lead", "new")
CREW = team("aiko", "bo")


def placed(
    rules: Rulebook,
    lead: LeadFacts | None = None,
    *,
    account: AccountFacts | None = None,
    roster: Roster = CREW,
    clock: LeadClock = NEW,
) -> tuple[Placement, Roster]:
    return place(rules, lead or LeadFacts(), account, clock, roster, MONDAY, "seed")


def reason(placement: Placement, code: str) -> Reason:
    return next(reason for reason in placement.reasons if reason.code == code)


def codes(placement: Placement) -> list[str]:
    return [reason.code for reason in placement.reasons]


HOT: dict[str, Any] = {"name": "Hot", "when": "lead.score >= 75", "push": {"team": "closers"}}
SCORE = {"score": [{"when": "lead.employees >= 200", "add": 80}]}


def test_the_first_rule_that_matches_wins_and_says_what_was_tried_before_it() -> None:
    rules = book({"name": "Japan", "when": 'lead.country == "JP"', "review": "tokyo"}, HOT, PULL, qualify=SCORE)
    placement, roster = placed(rules, LeadFacts(employees=500))
    assert isinstance(placement.to, Assigned)
    assert (placement.score, placement.rank) == (80, "hot")
    routed = reason(placement, "routed")
    assert routed.rule == "route[1]"
    assert routed.params["rule"] == "Hot"
    assert routed.params["index"] == 1
    assert routed.params["tried"] == [
        {"rule": "Japan", "when": 'lead.country == "JP"', "because": "unknown", "fact": "lead.country"}
    ]
    assert reason(placement, "chosen").params == {"rep": placement.to.rep, "team": "closers", "by": "round_robin"}
    assert roster.reps[placement.to.rep].open_leads == 1


def test_a_rule_that_is_false_is_told_from_one_about_an_unknown_fact() -> None:
    rules = book({"name": "Japan", "when": 'lead.country == "JP"', "review": "tokyo"}, PULL)
    placement, _ = placed(rules, LeadFacts(country="MX"))
    assert reason(placement, "routed").params["tried"] == [
        {"rule": "Japan", "when": 'lead.country == "JP"', "because": "false"}
    ]


@pytest.mark.parametrize(
    ("when", "because"),
    [
        ('lead.country == "JP" || lead.employees > 5', {"because": "unknown", "fact": "lead.country"}),
        ('lead.attributes.plan == "pro"', {"because": "unknown", "fact": "lead.attributes.plan"}),
        ("account.owner != null", {"because": "false"}),
        ("lead.score > 90", {"because": "false"}),
    ],
)
def test_a_missing_fact_is_named_and_asking_whether_it_is_missing_is_no_mystery(
    when: str, because: dict[str, str]
) -> None:
    rules = book({"name": "Picky", "when": when, "review": "desk"}, PULL)
    placement, _ = placed(rules, LeadFacts(attributes={"size": 3}))
    assert reason(placement, "routed").params["tried"] == [{"rule": "Picky", "when": when, **because}]


def test_a_pulled_lead_waits_with_a_due_time() -> None:
    placement, _ = placed(book())
    assert placement.to == InPool("inbound")
    assert placement.due == Due(minutes(30), "escalate")
    assert codes(placement) == ["scored", "routed", "pooled"]


def test_accept_within_makes_an_offer_of_a_push() -> None:
    rules = book({"name": "All", "push": {"team": "closers", "accept_within": "5m"}})
    placement, _ = placed(rules)
    assert isinstance(placement.to, Offered)
    assert placement.to.until == minutes(5)
    assert placement.due == Due(minutes(5), "offer")


def test_review_and_nurture() -> None:
    assert placed(book({"name": "All", "review": "desk"}))[0].to == InReview("desk")
    assert placed(book({"name": "All", "nurture": True}))[0].to == InNurture()


def test_no_rule_that_matches_means_managers_decide() -> None:
    placement, _ = placed(book({"name": "Japan", "when": 'lead.country == "JP"', "pull": {"pool": "inbound"}}))
    assert placement.to == InReview("managers")
    assert codes(placement) == ["scored", "no_rule_matched", "in_review"]


NAMED: dict[str, Any] = {"name": "Named", "when": "account.owner != null", "push": {"to": "account.owner"}}


def test_a_named_account_goes_to_its_owner_and_uses_no_turn() -> None:
    placement, roster = placed(book(NAMED, PULL), account=AccountFacts("Acme", "acme.example", "bo"))
    assert placement.to == Assigned("bo")
    assert roster.passes == CREW.passes
    assert roster.reps["bo"].open_leads == 1


@pytest.mark.parametrize(
    ("rep", "because"),
    [
        (RepFacts("bo", active=False), "inactive"),
        (RepFacts("bo", available=False), "unavailable"),
        (RepFacts("bo", hours=office(away=((MONDAY, minutes(9000)),))), "away"),
    ],
)
def test_an_owner_who_is_not_there_is_passed_over_by_name(rep: RepFacts, because: str) -> None:
    placement, _ = placed(book(NAMED, PULL), account=AccountFacts(owner="bo"), roster=team("aiko", rep))
    assert placement.to == InPool("inbound")
    assert reason(placement, "passed_over").params == {"rep": "bo", "because": because}
    assert reason(placement, "nobody_eligible").params == {"to": "account.owner"}


def test_the_owners_hours_only_count_if_they_have_to_accept() -> None:
    asleep = team(RepFacts("bo", hours=office("Asia/Tokyo"), open_leads=10_000))
    offer = {**NAMED, "push": {"to": "account.owner", "accept_within": "5m"}}
    assert placed(book(NAMED, PULL), account=AccountFacts(owner="bo"), roster=asleep)[0].to == Assigned("bo")
    assert placed(book(offer, PULL), account=AccountFacts(owner="bo"), roster=asleep)[0].to == InPool("inbound")


def test_an_owner_nobody_knows_is_nobody() -> None:
    placement, _ = placed(book(NAMED, PULL), account=AccountFacts(owner="left-long-ago"))
    assert placement.to == InPool("inbound")


@pytest.mark.parametrize(("owner", "to"), [({"team": "closers"}, {"aiko", "bo"}), ({"rep": "bo"}, {"bo"})])
def test_a_territory_has_a_team_or_a_rep(owner: dict[str, str], to: set[str]) -> None:
    rules = book(
        {"name": "Mine", "push": {"to": "territory.owner"}},
        territories={"asia": {"when": 'lead.country == "JP"', "owner": owner}},
    )
    placement, _ = placed(rules, LeadFacts(country="JP"))
    assert isinstance(placement.to, Assigned)
    assert placement.to.rep in to
    assert placement.territory == "asia"
    assert reason(placement, "in_territory").params == {"territory": "asia"}
    elsewhere, _ = placed(rules, LeadFacts(country="MX"))
    assert elsewhere.to == InReview("managers")
    assert elsewhere.territory is None


GONE = team(RepFacts("aiko", active=False))


@pytest.mark.parametrize(
    ("route", "to"),
    [
        ([{**HOT, "when": None, "fallback": {"pool": "spare"}}, PULL], InPool("spare")),
        ([{**HOT, "when": None, "fallback": {"review": "desk"}}, PULL], InReview("desk")),
        ([{**HOT, "when": None, "fallback": {"team": "others"}}, PULL], Assigned("cleo", "others")),
        ([{**HOT, "when": None, "fallback": {"team": "nobody"}}, PULL], InPool("inbound")),
        ([{**HOT, "when": None}, PULL, {**PULL, "pull": {"pool": "spare"}}], InPool("spare")),
        ([{**HOT, "when": None}], InReview("managers")),
    ],
)
def test_when_nobody_is_eligible_the_lead_lands_all_the_same(route: list[dict[str, Any]], to: Any) -> None:
    rules = book(*route, pools={"inbound": {}, "spare": {}}, teams={"closers": {}, "others": {}, "nobody": {}})
    roster = Roster(GONE.reps | {"cleo": RepFacts("cleo")}, {"closers": ("aiko",), "others": ("cleo",)}, {})
    placement, _ = placed(rules, roster=roster)
    assert placement.to == to
    assert reason(placement, "passed_over").params == {"rep": "aiko", "because": "inactive"}
    assert reason(placement, "nobody_eligible").params == {"to": "closers"}
    assert ("fell_back" in codes(placement)) == ("fallback" in route[0])


def test_a_waiting_lead_that_is_routed_to_its_own_pool_keeps_its_place_and_its_steps() -> None:
    clock = waiting(waiting_since=minutes(-40), escalated=1)
    placement, _ = placed(book(), clock=clock)
    assert placement.due == Due(minutes(20), "escalate")


def test_the_owner_has_a_time_for_first_contact_where_the_policy_sets_one() -> None:
    sla = {"first_contact": "30m", "when": 'lead.rank == "hot"', "then": {"reassign": 1}}
    rules = book(HOT, {**HOT, "when": None}, qualify=SCORE, sla=sla)
    assert placed(rules, LeadFacts(employees=500))[0].due == Due(minutes(30), "sla", minutes(30))
    assert placed(rules, LeadFacts(employees=5))[0].due is None


def test_the_time_for_first_contact_can_count_the_owners_working_hours() -> None:
    sla = {"first_contact": "9h", "hours": "business", "then": {"reassign": 1}}
    roster = team(RepFacts("aiko", hours=office()))
    placement, _ = placed(book({**HOT, "when": None}, sla=sla), roster=roster)
    assert placement.due == Due(MONDAY + timedelta(days=1, hours=1), "sla", MONDAY + timedelta(days=1, hours=1))


@pytest.mark.parametrize(
    ("waited", "escalated", "due"),
    [
        (0, 0, Due(minutes(30), "escalate")),
        (0, 1, Due(minutes(60), "escalate")),
        (0, 2, Due(minutes(24 * 60), "age_cap")),
        (45, 0, Due(MONDAY, "escalate")),
        (45, 1, Due(minutes(15), "escalate")),
        (10_000, 0, Due(MONDAY, "escalate")),
        (10_000, 2, Due(MONDAY, "age_cap")),
    ],
)
def test_what_is_next_counts_from_when_the_wait_began_and_is_never_in_the_past(
    waited: int, escalated: int, due: Due
) -> None:
    assert due_in_pool(book(), "inbound", minutes(-waited), escalated, MONDAY) == due


def test_a_lead_whose_pool_is_gone_is_due_at_once() -> None:
    assert due_in_pool(book(), "no-such-pool", MONDAY, 0, MONDAY) == Due(MONDAY, "escalate")


def test_going_stale_is_due_too() -> None:
    rules = book(qualify={"stale": {"after": "10m", "rank": "cool", "then": {"review": "desk"}}})
    assert due_in_pool(rules, "inbound", MONDAY, 0, MONDAY, "cool") == Due(minutes(10), "stale")
    assert due_in_pool(rules, "inbound", MONDAY, 0, MONDAY, "hot") == Due(minutes(30), "escalate")


def test_a_batch_is_spread_as_if_each_lead_had_come_alone() -> None:
    rules, roster = book({**HOT, "when": None}), team("a", "b", "c", "d")
    for n in range(1000):
        _, roster = place(rules, LeadFacts(), None, LeadClock(str(n), "new"), roster, MONDAY, str(n))
    assert [rep.open_leads for rep in roster.reps.values()] == [250] * 4


WAYS: list[dict[str, Any]] = [
    {"pull": {"pool": "inbound"}},
    {"review": "desk"},
    {"nurture": True},
    {"push": {"team": "closers"}},
    {"push": {"team": "closers", "by": "least_open", "accept_within": "5m"}},
    {"push": {"team": "closers", "by": "first_available"}, "fallback": {"pool": "inbound"}},
    {"push": {"to": "account.owner"}, "fallback": {"team": "closers", "by": "weighted_round_robin"}},
    {"push": {"to": "territory.owner"}, "fallback": {"review": "desk"}},
]
CONDITIONS = ['lead.country == "JP"', "lead.score >= 50", "lead.employees < 10 || account.owner == null", None]
rules_of_a_policy = st.lists(st.tuples(st.sampled_from(WAYS), st.sampled_from(CONDITIONS)), min_size=1, max_size=30)
reps = st.builds(
    RepFacts,
    st.sampled_from(["aiko", "bo", "cleo", "dewi"]),
    active=st.booleans(),
    available=st.booleans(),
    hours=st.sampled_from([None, office(), office("Asia/Tokyo")]),
    open_leads=st.integers(0, 3),
)
leads = st.builds(
    LeadFacts,
    country=st.sampled_from(["JP", "MX", None]),
    employees=st.sampled_from([None, 1, 500]),
)
accounts = st.sampled_from(
    [None, AccountFacts("Acme"), AccountFacts("Acme", owner="bo"), AccountFacts("Acme", owner="ghost")]
)


@settings(max_examples=150)
@given(rules_of_a_policy, st.lists(reps, max_size=4, unique_by=lambda rep: rep.handle), leads, accounts)
def test_a_lead_always_lands_somewhere_and_the_same_question_has_the_same_answer(
    ways: list[tuple[dict[str, Any], str | None]], crew: list[RepFacts], lead: LeadFacts, account: AccountFacts | None
) -> None:
    route = [{"name": f"Rule {n}", "when": when} | way for n, (way, when) in enumerate(ways)]
    rules = book(
        *route,
        qualify=SCORE,
        teams={"closers": {"open_at_most": 3}},
        territories={"japan": {"when": 'lead.country == "JP"', "owner": {"team": "closers"}}},
    )
    placement, roster = placed(rules, lead, account=account, roster=team(*crew))
    assert may_move("new", "placed", placement.to.state)
    assert (placement, roster) == placed(rules, lead, account=account, roster=team(*crew))
    if isinstance(placement.to, InPool):
        assert placement.due is not None
        assert MONDAY < placement.due.at <= minutes(24 * 60)
    if isinstance(placement.to, Assigned | Offered):
        rep = next(rep for rep in crew if rep.handle == placement.to.rep)  # type: ignore[union-attr]
        assert rep.active
        assert rep.available
        assert roster.reps[rep.handle].open_leads == rep.open_leads + 1
    scored = LeadFacts(country=lead.country, employees=lead.employees, score=placement.score, rank=placement.rank)
    activation = rules.activation(scored, account, now=MONDAY)
    alone = next((n for n, r in enumerate(rules.routes) if r.when is None or r.when.holds(activation)), None)
    routed = next((reason for reason in placement.reasons if reason.code == "routed"), None)
    assert (routed.params["index"] if routed else None) == alone, "asking together finds what asking each alone does"
