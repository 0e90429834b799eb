"""What is asked of a lead before any rule of the route: whether its person may be contacted, and whether it is ready for sales."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.engine.judging import MONDAY, book, minutes

from dibs.engine import consequences, reassign, timeline
from dibs.engine.claim import may_claim
from dibs.engine.counters import Standing
from dibs.engine.decision import Assigned, Grant, InNurture, InPool, InReview, Kept, Moved, Placement, Reason, Retired
from dibs.engine.due import with_marketings
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.gate import side_in
from dibs.engine.lifecycle import may_move
from dibs.engine.policy_model import Rule
from dibs.engine.policy_ways import Onward
from dibs.engine.roster import Roster
from dibs.engine.route import Case, judge, place
from dibs.engine.rulebook import Rulebook
from dibs.engine.staying import stays

DAY = timedelta(days=1)
PULL: dict[str, Any] = {"name": "Everyone", "pull": {"pool": "inbound"}}
BUDGET = {"ask": "A budget?", "answers": {"yes": 60, "no": -20, "soon": {"add": 20, "says": "Next year"}}}
READY = {
    "when": "lead.score >= 60",
    "until": {"team": "marketing"},
    "give_up": {"after": "60d", "then": {"retire": "unqualified"}},
}
QUALIFY: dict[str, Any] = {
    "score": [{"when": "lead.employees >= 100", "add": 30}],
    "questions": {"budget": BUDGET},
    "rank": {"hot": 80, "warm": 20},
    "ready": READY,
    "stale": {"after": "30d", "rank": "warm", "then": {"team": "phones"}},
}
PEOPLE = Roster(
    {handle: RepFacts(handle) for handle in ("aiko", "budi", "mia", "pia")},
    {"closers": ("aiko", "budi"), "marketing": ("mia",), "phones": ("pia",)},
)
WARM = LeadFacts(employees=500)


def rules(*route: dict[str, Any], **qualify: Any) -> Rulebook:
    parts = {"qualify": {**QUALIFY, **qualify}}
    return book(*(route or [PULL]), teams={"closers": {}}, **parts)


def new(
    lead: LeadFacts = WARM, rulebook: Rulebook | None = None, roster: Roster = PEOPLE
) -> tuple[Placement, LeadClock]:
    clock = LeadClock(id="lead", state="new", received_at=MONDAY)
    placement, _ = place(rulebook or rules(), lead, None, clock, roster, MONDAY, "seed")
    return placement, consequences.placed(clock, placement, MONDAY)


def at(rulebook: Rulebook, lead: LeadFacts, clock: LeadClock, days: float, roster: Roster = PEOPLE) -> Any:
    moment = MONDAY + days * DAY
    facts = lead.qualified(30, "warm", None) if lead.score is None else lead
    return timeline.on_time(rulebook, facts, None, clock, roster, moment, "seed")[0]


def codes(placement: Placement) -> list[str]:
    return [reason.code for reason in placement.reasons]


def test_a_lead_that_is_not_ready_goes_where_marketing_has_it_and_is_marketings() -> None:
    placement, clock = new()
    assert placement.to == Assigned("mia", "marketing")
    assert placement.side == clock.side == "marketing"
    assert codes(placement) == ["scored", "not_ready", "chosen"]
    assert "routed" not in codes(placement)


def test_a_lead_that_is_ready_goes_by_the_route_and_is_sales() -> None:
    placement, clock = new(LeadFacts(employees=500, answers={"budget": "yes"}))
    assert placement.to == InPool("inbound")
    assert (placement.score, clock.side) == (90, "sales")
    assert codes(placement) == ["scored", "ready", "routed", "pooled"]


def test_without_a_word_on_readiness_every_lead_is_sales_and_no_reason_speaks_of_it() -> None:
    placement, _ = new(rulebook=rules(ready=None))
    assert (placement.side, codes(placement)) == ("sales", ["scored", "routed", "pooled"])


@pytest.mark.parametrize(
    ("until", "to"),
    [
        ({"pool": "inbound"}, InPool("inbound")),
        ({"review": "managers"}, InReview("managers")),
        ({"nurture": True}, InNurture()),
        ({"retire": "not_a_fit"}, Retired("not_a_fit")),
        ({"team": "nobody"}, InReview("managers")),
    ],
)
def test_until_is_any_way(until: dict[str, Any], to: object) -> None:
    placement, clock = new(rulebook=rules(ready={**READY, "until": until}))
    assert placement.to == to
    assert clock.side == "marketing"
    assert may_move("new", "placed", clock.state)


def test_a_team_of_which_nobody_can_be_given_it_is_awaited_before_managers_and_in_no_pool_of_sales() -> None:
    away = Roster({**PEOPLE.reps, "mia": RepFacts("mia", available=False)}, PEOPLE.teams)
    _, clock = new(roster=away)
    assert (clock.state, clock.awaits, clock.side) == ("review", "marketing", "marketing")
    given, _ = timeline.freed(rules(), WARM.qualified(30, "warm", None), None, clock, PEOPLE, minutes(5), "seed")
    assert isinstance(given, Moved)
    assert given.placement.to == Assigned("mia", "marketing")
    assert given.placement.reasons[0].rule == "qualify.ready.until"


def test_whoever_must_not_be_contacted_is_given_up_before_any_rule_is_asked_and_ready_or_not() -> None:
    placement, clock = new(LeadFacts(employees=500, answers={"budget": "yes"}, do_not_contact=True, consent=False))
    assert placement.to == Retired("do_not_contact")
    assert codes(placement) == ["scored", "must_not_contact", "retired_by_policy"]
    assert (clock.state, clock.due_at, clock.owner) == ("retired", None, None)


def test_who_refused_consent_goes_by_the_route_unless_the_policy_says_where() -> None:
    refused = LeadFacts(employees=500, consent=False)
    assert new(refused, book(PULL))[0].to == InPool("inbound")
    placement, _ = new(refused, book(PULL, privacy={"no_consent": {"review": "desk"}}))
    assert placement.to == InReview("desk")
    assert codes(placement) == ["scored", "no_consent", "in_review"]
    assert new(LeadFacts(consent=True), book(PULL, privacy={"no_consent": {"review": "desk"}}))[0].to == InPool(
        "inbound"
    )


# Answers.


def test_answers_add_their_points_and_the_score_says_which() -> None:
    (scored, *_), score = new(LeadFacts(employees=500, answers={"budget": "soon"}))[0].reasons, 50
    assert scored.params["score"] == score
    assert scored.params["parts"] == [
        {"when": "lead.employees >= 100", "add": 30},
        {"question": "budget", "answer": "soon", "add": 20},
    ]


@pytest.mark.parametrize("answers", [{"budget": "plenty"}, {"mood": "good"}, {}])
def test_an_answer_that_the_policy_does_not_know_counts_nothing(answers: dict[str, str]) -> None:
    assert new(LeadFacts(employees=500, answers=answers))[0].score == 30


def test_an_answer_to_a_question_that_is_not_asked_of_such_a_lead_counts_nothing() -> None:
    asked = rules(questions={"budget": {**BUDGET, "when": 'lead.country == "JP"'}})
    lead = LeadFacts(employees=500, answers={"budget": "yes"})
    assert new(lead, asked)[0].score == 30
    assert new(LeadFacts(employees=500, answers={"budget": "yes"}, country="JP"), asked)[0].score == 90


@pytest.mark.parametrize(("add", "score"), [(100, 100), (-100, 1)])
def test_the_score_stays_within_1_and_100_with_answers_too(add: int, score: int) -> None:
    asked = rules(questions={"budget": {"ask": "?", "answers": {"yes": add, "no": 0}}})
    assert new(LeadFacts(employees=500, answers={"budget": "yes"}), asked)[0].score == score


@pytest.mark.parametrize(
    ("when", "answers", "holds"),
    [
        ('lead.answers.budget == "yes"', {"budget": "yes"}, True),
        ('lead.answers.budget == "yes"', {"budget": "no"}, False),
        ('lead.answers.budget != "yes"', {}, False),
        ('lead.answers["budget"] == "yes"', {"budget": "yes"}, True),
        ("lead.answers.budget == null", {}, True),
        ("lead.answers.budget == null", {"budget": "no"}, False),
        ('lead.answers.budget == "yes" || lead.employees > 10', {}, True),
        (
            'lead.answers.budget in ["yes", "soon"] && lead.answers.time != null',
            {"budget": "soon", "time": "now"},
            True,
        ),
    ],
)
def test_conditions_ask_answers_by_name_and_one_not_given_makes_them_false(
    when: str, answers: dict[str, str], holds: bool
) -> None:
    rule = {"name": "Asked", "when": when, "review": "desk"}
    # Asked often enough that the rules are asked together, as they are of the many.
    rulebook = book(rule, {"name": "Other", "when": 'lead.answers.time == "then"', "review": "other"}, PULL)
    for _ in range(6):
        placement, _clock = new(LeadFacts(employees=500, answers=answers), rulebook)
        assert (placement.to == InReview("desk")) is holds


# Time.


def test_a_warm_lead_that_marketing_has_had_for_30_days_goes_to_the_telemarketing_group() -> None:
    _, clock = new()
    assert (clock.due_at, clock.due_for) == (MONDAY + 30 * DAY, "stale")
    assert isinstance(at(rules(), WARM, clock, 29), Kept)
    moved = at(rules(), WARM, clock, 30)
    assert moved.kind == "reassigned"
    assert moved.placement.to == Assigned("pia", "phones")
    assert moved.off == "mia"
    gone_on = consequences.moved(clock, moved, MONDAY + 30 * DAY)
    assert (gone_on.side, gone_on.due_for, gone_on.due_at) == ("marketing", "unready", MONDAY + 60 * DAY)
    assert isinstance(at(rules(), WARM, gone_on, 31), Kept), "it is with whom stale leads go to"


def test_one_that_got_hot_or_cool_meanwhile_stays() -> None:
    _, clock = new()
    kept = at(rules(), LeadFacts(employees=10).qualified(1, "cool", None), clock, 30)
    assert isinstance(kept, Kept)
    assert kept.due is not None
    assert (kept.due.why, kept.due.at) == ("unready", MONDAY + 60 * DAY)


def test_a_lead_that_does_not_get_ready_is_given_up() -> None:
    _, clock = new()
    moved = at(rules(stale=None), WARM, clock, 60)
    assert (moved.kind, moved.placement.to) == ("retired", Retired("unqualified"))
    assert codes(moved.placement) == ["gave_up", "retired_by_policy"]
    ended = consequences.moved(clock, moved, MONDAY + 60 * DAY)
    assert (ended.state, ended.due_at) == ("retired", None)
    assert consequences.felt(clock, ended, MONDAY, lambda _handle, moment: moment.date())[0][0] == "mia"


@pytest.mark.parametrize(
    ("then", "kind", "state"),
    [
        ({"review": "desk"}, "reassigned", "review"),
        ({"pool": "inbound"}, "reassigned", "pooled"),
        ({"team": "closers"}, "reassigned", "owned"),
        ({"nurture": True}, "nurtured", "nurture"),
    ],
)
def test_given_up_it_is_marketings_no_more_and_begins_anew_where_it_goes(
    then: dict[str, Any], kind: str, state: str
) -> None:
    rulebook = rules(stale=None, ready={**READY, "give_up": {"after": "60d", "then": then}})
    _, clock = new(rulebook=rulebook)
    moved = at(rulebook, WARM, clock, 60)
    assert moved.kind == kind
    after = consequences.moved(clock, moved, MONDAY + 60 * DAY)
    assert may_move(clock.state, moved.kind, after.state)
    assert (after.state, after.side, after.waiting_since) == (state, "sales", MONDAY + 60 * DAY)
    assert after.due_for != "unready"
    if after.state == "pooled":
        assert after.due_at is not None
        assert after.due_at > MONDAY + 60 * DAY


@pytest.mark.parametrize("until", [{"pool": "slow"}, {"review": "managers"}, {"nurture": True}, {"team": "marketing"}])
def test_whoever_of_marketing_has_it_it_is_given_up_by_its_wait(until: dict[str, Any]) -> None:
    qualify = {**QUALIFY, "stale": None, "ready": {**READY, "until": until}}
    slow = {"mode": "pool", "assign_after": "365d"}
    rulebook = book(PULL, qualify=qualify, pools={"inbound": {}, "slow": slow})
    _, clock = new(rulebook=rulebook)
    assert (clock.due_for, clock.due_at) == ("unready", MONDAY + 60 * DAY)
    moved = at(rulebook, WARM, clock, 60)
    assert moved.placement.to == Retired("unqualified")
    assert may_move(clock.state, moved.kind, "retired")


@pytest.mark.parametrize(
    "change",
    [{"by_hand": True}, {"side": "sales"}, {"lock_expires_at": MONDAY + 61 * DAY}],
    ids=["given by a manager", "sales'", "under a lock"],
)
def test_time_does_not_take_it_from_whom_a_manager_gave_it_nor_from_sales_nor_under_a_lock(
    change: dict[str, Any],
) -> None:
    _, clock = new()
    assert isinstance(at(rules(), WARM, replace(clock, **change), 60), Kept)


def test_stale_leads_of_marketing_that_nobody_can_be_given_wait_for_that_team_and_are_not_asked_about_for_ever() -> (
    None
):
    _, clock = new()
    away = Roster({**PEOPLE.reps, "pia": RepFacts("pia", available=False)}, PEOPLE.teams)
    moved = at(rules(), WARM, clock, 30, away)
    after = consequences.moved(clock, moved, MONDAY + 30 * DAY)
    assert (after.state, after.awaits, after.due_for) == ("review", "phones", "unready")
    assert isinstance(at(rules(), WARM, after, 31, away), Kept)


def test_a_touched_lead_goes_stale_no_later_for_being_contacted() -> None:
    _, clock = new()
    working = consequences.contacted(
        clock, minutes(10), with_marketings(rules(), clock, "warm", None, "mia", PEOPLE.teams, minutes(10))
    )
    assert (working.state, working.due_at, working.due_for) == ("working", MONDAY + 30 * DAY, "stale")
    moved = at(rules(), WARM, working, 30)
    assert (moved.kind, moved.placement.to) == ("reassigned", Assigned("pia", "phones"))


def test_one_claimed_without_a_lock_from_a_pool_of_marketing_is_due_too() -> None:
    pools = {"inbound": {}, "marketing": {"lock": None, "assign_after": "365d"}}
    qualify = {**QUALIFY, "ready": {**READY, "until": {"pool": "marketing"}}}
    rulebook = book(PULL, qualify=qualify, pools=pools)
    _, clock = new(rulebook=rulebook)
    lead = WARM.qualified(30, "warm", None)
    grant = may_claim(
        rulebook, lead, clock, RepFacts("mia"), Standing(), minutes(1), today=MONDAY.date(), last_had_at=None
    )
    assert isinstance(grant, Grant)
    assert grant.due is not None
    assert (grant.due.why, grant.due.at) == ("stale", MONDAY + 30 * DAY)


# Qualified.


def qualified(lead: LeadFacts, clock: LeadClock, rulebook: Rulebook, moment: Any = None) -> Moved | None:
    found = reassign.qualified(Case.of(rulebook, lead, None, clock, moment or minutes(60), "seed"), PEOPLE)
    return found[0] if found is not None else None


HOT = LeadFacts(employees=500, answers={"budget": "yes"}).qualified(90, "hot", None)


def test_a_lead_that_marketing_has_and_that_became_ready_is_handed_on_by_the_route() -> None:
    _, clock = new()
    moved = qualified(HOT, clock, rules())
    assert moved is not None
    assert (moved.kind, moved.placement.to, moved.off) == ("qualified", InPool("inbound", since=minutes(60)), "mia")
    after = consequences.moved(clock, moved, minutes(60))
    assert (after.side, after.waiting_since, after.passed_over) == ("sales", minutes(60), frozenset())
    assert may_move("owned", "qualified", after.state)
    assert may_move("working", "qualified", after.state)


def test_its_rep_may_be_the_one_of_sales_too() -> None:
    both = {"name": "Closers", "push": {"team": "marketing"}}
    _, clock = new()
    moved = qualified(HOT, clock, rules(both))
    assert moved is not None
    assert moved.placement.to == Assigned("mia", "marketing")


def test_one_that_is_not_ready_or_sales_already_or_given_by_a_manager_stays() -> None:
    _, clock = new()
    assert qualified(WARM.qualified(30, "warm", None), clock, rules()) is None
    assert qualified(HOT, replace(clock, side="sales"), rules()) is None
    assert qualified(HOT, replace(clock, by_hand=True), rules()) is None


def test_a_lead_of_sales_that_somebody_has_is_not_marketings_again_by_itself() -> None:
    _, clock = new(
        LeadFacts(employees=500, answers={"budget": "yes"}), rules({"name": "All", "push": {"team": "closers"}})
    )
    assert (clock.state, clock.side) == ("owned", "sales")
    for days in (1, 30, 60, 400):
        assert isinstance(at(rules(), WARM, clock, days), Kept)


def test_a_lead_that_waits_with_sales_and_is_not_ready_by_now_goes_back_and_begins_its_time_there() -> None:
    pooled = LeadClock(id="lead", state="pooled", pool="inbound", waiting_since=MONDAY, received_at=MONDAY)
    placement, _ = place(rules(), WARM, None, pooled, PEOPLE, minutes(600), "seed")
    after = consequences.placed(pooled, placement, minutes(600))
    assert (after.owner, after.side, after.waiting_since) == ("mia", "marketing", minutes(600))
    assert after.due_at == minutes(600) + 30 * DAY


def test_a_rule_may_name_its_sequence() -> None:
    assert Rule.model_validate({"name": "Later", "nurture": "drip"}).nurture == "drip"


#: Marketing's own pool, and one that sales have beside that of the route.
POOLS = {name: {"lock": "15m", "assign_after": "40d"} for name in ("inbound", "other", "marketing")}
MARKETINGS = {**READY, "until": {"pool": "marketing"}}


def sent_by_hand(pool: str, **qualify: Any) -> tuple[Rulebook, LeadClock]:
    """A lead of marketing's that managers send from review to this pool."""
    rulebook = book(PULL, teams={"closers": {}}, pools=POOLS, qualify={**QUALIFY, "ready": MARKETINGS, **qualify})
    clock = LeadClock("lead", "review", waiting_since=MONDAY, side="marketing")
    side = side_in(rulebook, pool, clock)
    placement = Placement(InPool(pool, since=minutes(5)), None, (), side=side)
    return rulebook, consequences.placed(clock, placement, minutes(5), by_hand=side != "marketing")


@pytest.mark.parametrize(("pool", "side"), [("inbound", "sales"), ("other", "sales"), ("marketing", "marketing")])
def test_what_a_manager_sends_to_a_pool_of_sales_is_sales(pool: str, side: str) -> None:
    _, clock = sent_by_hand(pool)
    assert (clock.side, clock.by_hand) == (side, side == "sales")


def test_where_stale_leads_of_marketings_wait_they_stay_marketings_unless_it_is_a_pool_of_the_route() -> None:
    for pool, side in (("other", "marketing"), ("inbound", "sales")):
        stale = {"after": "30d", "rank": "warm", "then": {"pool": pool}}
        assert sent_by_hand(pool, stale=stale)[1].side == side


def test_it_stays_there_whatever_is_learnt_of_it_until_it_is_ready_or_must_not_be_contacted() -> None:
    rulebook, clock = sent_by_hand("inbound")
    warm = WARM.qualified(30, "warm", None)
    for known, there in (
        (replace(warm, pages=3), True),
        (replace(warm, answers={"budget": "yes"}), False),
        (replace(warm, do_not_contact=True), False),
    ):
        judged = judge(rulebook, known, None, clock, minutes(9), "seed")
        assert stays(rulebook, warm, None, clock, judged, minutes(9), "seed") is there


def test_a_manager_who_moves_many_to_a_pool_of_sales_gives_them_to_sales_and_a_rule_does_not() -> None:
    rulebook, _ = sent_by_hand("inbound")
    clock = LeadClock("lead", "owned", owner="mia", waiting_since=MONDAY, side="marketing")
    case = Case.of(rulebook, WARM.qualified(30, "warm", None), None, clock, minutes(9), "seed")
    for code, side in (("moved_by", "sales"), ("as_assessed", "marketing")):
        moved, _ = reassign.hand_on(case, PEOPLE, Reason(code), to=Onward(pool="inbound"))
        assert consequences.moved(clock, moved, minutes(9)).side == side
