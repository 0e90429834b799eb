"""Leads handed on: one procedure, whatever the cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.judging import INBOUND, MONDAY, PULL, book, minutes, office, team, waiting

from dibs.engine import consequences
from dibs.engine.decision import Assigned, Due, InPool, InReview, Kept, Moved, Offered, Reason, Warned
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts, RepFacts
from dibs.engine.lifecycle import may_move
from dibs.engine.policy_ways import Onward
from dibs.engine.reasons import CODES
from dibs.engine.reassign import COUNTED, REASSIGN_AT_MOST, handed_on
from dibs.engine.roster import Roster
from dibs.engine.route import judge
from dibs.engine.rulebook import Rulebook
from dibs.engine.staying import stays
from dibs.engine.timeline import freed, on_time

LEAD = LeadFacts(score=50, rank="warm", country="MX")
PUSHED: dict[str, Any] = {"name": "All", "push": {"team": "closers"}}
OFFER: dict[str, Any] = {"name": "All", "push": {"team": "closers", "accept_within": "5m"}}
LEAVE = Reason("on_leave", {"rep": "aiko", "by": "Mia", "why": ""})
BORDER = Reason("territory_changed", {"before": "north", "after": "south"})
CREW = team("aiko", "bo", "cleo")


def owned(**fields: Any) -> LeadClock:
    return LeadClock(
        **({"id": "lead", "state": "owned", "owner": "aiko", "acted_at": MONDAY, "received_at": MONDAY} | fields)
    )


def working(**fields: Any) -> LeadClock:
    return owned(**({"state": "working", "contacted_at": MONDAY} | fields))


def handed(
    rules: Rulebook,
    clock: LeadClock,
    cause: Reason = LEAVE,
    to: Onward | str | None = None,
    roster: Roster = CREW,
    lead: LeadFacts = LEAD,
    account: AccountFacts | None = None,
    now: Any = MONDAY,
) -> Moved:
    return handed_on(rules, lead, account, clock, roster, now, "seed", cause, to=to)[0]


def codes(moved: Moved) -> list[str]:
    return [reason.code for reason in moved.placement.reasons]


# Off whoever has it, and never back.


@pytest.mark.parametrize("state", ["offered", "owned", "working"])
def test_a_lead_is_taken_off_its_rep_and_goes_to_another_by_the_policy(state: str) -> None:
    answer = handed(book(PUSHED), owned(state=state))
    assert (answer.kind, answer.off, answer.lapsed, answer.reassigned) == ("reassigned", "aiko", None, 0)
    assert isinstance(answer.placement.to, Assigned)
    assert answer.placement.to.rep in {"bo", "cleo"}
    assert codes(answer)[0] == "on_leave"


def test_its_rep_has_one_open_lead_fewer_and_the_next_one_more() -> None:
    roster = team(RepFacts("aiko", open_leads=4), RepFacts("bo", open_leads=1))
    answer, after = handed_on(book(PUSHED), LEAD, None, owned(), roster, MONDAY, "seed", LEAVE)
    assert answer.placement.to == Assigned("bo", "closers")
    assert (after.reps["aiko"].open_leads, after.reps["bo"].open_leads) == (3, 2)


def test_an_account_goes_to_its_owner_unless_it_is_the_owner_it_is_taken_off() -> None:
    rules = book({"name": "Named", "push": {"to": "account.owner"}, "fallback": {"review": "desk"}})
    assert handed(rules, owned(), account=AccountFacts(owner="bo")).placement.to == Assigned("bo")
    assert handed(rules, owned(), account=AccountFacts(owner="aiko")).placement.to == InReview("desk")


def test_with_nobody_left_it_goes_where_else_the_policy_says() -> None:
    fallback = {**PUSHED, "fallback": {"pool": "inbound"}}
    answer = handed(book(fallback), working(), roster=team("aiko"), now=minutes(600))
    assert answer.placement.to == InPool("inbound", since=minutes(600)), "a new wait, not one over its age cap"
    assert answer.placement.awaits == "closers"
    assert handed(book(PUSHED), owned(), roster=team("aiko")).placement.to == InReview("managers")


def test_what_a_rep_had_already_is_nurtured_by_nobody() -> None:
    rules = book({"name": "Later", "nurture": True})
    assert handed(rules, owned()).placement.to == InReview("managers")


# To where somebody says.


def test_to_a_rep_by_name_whatever_their_hours_and_caps() -> None:
    rules = book(PUSHED, teams={"closers": {"open_at_most": 1}}, sla={"first_contact": "30m", "then": {"reassign": 1}})
    roster = team("aiko", RepFacts("bo", open_leads=9, available=False, hours=office(away=((MONDAY, minutes(99)),))))
    answer = handed(rules, working(), to="bo", roster=roster)
    assert answer.placement.to == Assigned("bo")
    assert answer.placement.due == Due(minutes(30), "sla", minutes(30))
    assert codes(answer) == ["on_leave", "given_to"]


@pytest.mark.parametrize("to", ["aiko", "gone", "nobody"])
def test_a_rep_by_name_who_cannot_have_it_brings_it_before_managers(to: str) -> None:
    answer = handed(book(PUSHED), owned(), to=to, roster=team("aiko", RepFacts("gone", active=False)))
    assert answer.placement.to == InReview("managers")
    assert "passed_over" in codes(answer)


def test_to_a_team_a_pool_or_a_review() -> None:
    rules = book(PUSHED)
    assert handed(rules, owned(), to=Onward(team="closers", by="least_open")).placement.to.state == "owned"
    into = handed(rules, owned(waiting_since=MONDAY), to=Onward(pool="inbound"), now=minutes(9999))
    assert into.placement.to == InPool("inbound", since=minutes(9999))
    assert into.placement.due == Due(minutes(9999 + 30), "escalate")
    assert handed(rules, owned(), to=Onward(review="desk")).placement.to == InReview("desk")
    gone = handed(rules, owned(), to=Onward(pool="gone"))
    assert (gone.placement.to, "pool_gone" in codes(gone)) == (InReview("managers"), True)


def test_to_a_team_nobody_of_whom_can_have_it_before_managers_until_somebody_can() -> None:
    roster = Roster({"aiko": RepFacts("aiko"), "tele": RepFacts("tele", available=False)}, {"calls": ("tele",)})
    answer = handed(book(PUSHED), working(), to=Onward(team="calls"), roster=roster)
    assert (answer.placement.to, answer.placement.awaits) == (InReview("managers"), "calls")
    clock = consequences.moved(working(), answer, MONDAY)
    back = replace(roster, reps={**roster.reps, "tele": RepFacts("tele")})
    given_, _ = freed(book(PUSHED), LEAD, None, clock, back, minutes(5), "seed")
    assert isinstance(given_, Moved)
    assert (given_.kind, given_.placement.to) == ("freed", Assigned("tele", "calls"))


# What nobody has.


def test_a_lead_that_waits_is_placed_anew_and_keeps_its_place_in_the_same_line() -> None:
    answer = handed(book(), waiting(escalated=1), now=minutes(40))
    assert (answer.kind, answer.off, answer.placement.to, answer.escalated) == (
        "requalified",
        None,
        InPool("inbound"),
        1,
    )
    assert answer.placement.due == Due(minutes(60), "escalate")
    other = handed(
        book({"name": "All", "pull": {"pool": "old"}}, pools={"inbound": INBOUND, "old": INBOUND}),
        waiting(escalated=1),
        now=minutes(40),
    )
    assert (other.placement.to, other.escalated) == (InPool("old", since=minutes(40)), 0)


def test_one_in_review_can_be_given_to_anybody() -> None:
    clock = LeadClock("lead", "review", received_at=MONDAY)
    assert handed(book(PUSHED), clock, to="bo").placement.to == Assigned("bo")
    assert handed(book(), clock, now=minutes(9999)).placement.to == InPool("inbound", since=minutes(9999))


# A lead that came from a pool.


def test_a_claimed_lead_without_a_contact_goes_back_to_its_place_in_line() -> None:
    clock = waiting(state="owned", owner="aiko", claimed_at=minutes(5), lock_expires_at=minutes(20))
    answer = handed(book(), clock, now=minutes(10))
    assert (answer.placement.to, answer.placement.due) == (InPool("inbound"), Due(minutes(30), "escalate"))
    late = handed(book(), clock, now=minutes(45))
    assert isinstance(late.placement.to, Assigned), "the step whose time came meanwhile is done now"
    assert late.placement.to.rep != "aiko"
    assert late.escalated == 1


def test_one_that_was_contacted_begins_a_new_wait() -> None:
    clock = waiting(state="working", owner="aiko", claimed_at=minutes(5), contacted_at=minutes(6), escalated=1)
    answer = handed(book(), clock, now=minutes(5000))
    assert (answer.placement.to, answer.escalated) == (InPool("inbound", since=minutes(5000)), 0)


def test_one_that_its_pool_had_pushed_goes_to_the_next_by_the_same_step() -> None:
    clock = waiting(state="owned", owner="aiko", escalated=1)
    answer = handed(book(), clock, now=minutes(40))
    assert isinstance(answer.placement.to, Assigned)
    assert answer.placement.to.rep in {"bo", "cleo"}
    assert answer.escalated == 1


# Never a loop.


def test_every_cause_that_no_person_decides_has_words() -> None:
    assert set(CODES) >= COUNTED


def test_what_rules_do_is_limited_and_what_people_do_is_not() -> None:
    clock = owned(reassigned=REASSIGN_AT_MOST)
    over = handed(book(PUSHED), clock, BORDER)
    assert (over.placement.to, over.reassigned) == (InReview("managers"), REASSIGN_AT_MOST)
    assert codes(over) == ["territory_changed", "reassign_limit", "in_review"]
    assert isinstance(handed(book(PUSHED), clock, LEAVE).placement.to, Assigned)
    desk = book(PUSHED, sla={"first_contact": "1h", "then": {"reassign": 5, "review": "desk"}})
    assert isinstance(handed(desk, clock, BORDER).placement.to, Assigned)
    assert handed(desk, owned(reassigned=5), BORDER).placement.to == InReview("desk")


def test_two_automations_that_overwrite_each_other_end_before_managers() -> None:
    """One writes that the company is in Japan, the other that it is in Mexico, each as soon as the other has."""
    lands = {
        "japan": {"countries": ["JP"], "owner": {"team": "tokyo"}},
        "mexico": {"countries": ["MX"], "owner": {"team": "cdmx"}},
    }
    rules = book({"name": "Territory", "push": {"to": "territory.owner"}}, territories=lands)
    reps = [RepFacts(f"{team}{n}") for team in ("t", "m") for n in range(9)]
    roster = Roster(
        {rep.handle: rep for rep in reps},
        {"tokyo": tuple(f"t{n}" for n in range(9)), "cdmx": tuple(f"m{n}" for n in range(9))},
    )
    clock, had = owned(owner="t0"), ["t0"]
    for turn in range(20):
        lead = replace(LEAD, country="MX" if turn % 2 == 0 else "JP")
        answer, roster = handed_on(rules, lead, None, clock, roster, minutes(turn), f"seed{turn}", BORDER)
        clock = replace(
            consequences.moved(clock, answer, minutes(turn)), passed_over=clock.passed_over | {answer.off or ""}
        )
        if clock.owner is None:
            break
        assert clock.owner not in had
        had.append(clock.owner)
    assert len(had) == 1 + REASSIGN_AT_MOST
    assert clock.state == "review"
    for country in ("MX", "JP"):
        judged = judge(rules, replace(LEAD, country=country), None, clock, minutes(21), "seed")
        assert stays(rules, LEAD, None, clock, judged, minutes(21), "seed"), "it waits for a person by now"
        before = replace(clock, reassigned=REASSIGN_AT_MOST - 1)
        judged = judge(rules, replace(LEAD, country=country), None, before, minutes(21), "seed")
        assert not stays(rules, LEAD, None, before, judged, minutes(21), "seed")


@pytest.mark.parametrize(("most", "there"), [(5, False), (4, True), (0, True)])
def test_how_often_is_as_the_policy_says(most: int, there: bool) -> None:
    rules = book(PUSHED, sla={"first_contact": "1h", "then": {"reassign": most, "review": "desk"}})
    clock = LeadClock("lead", "review", received_at=MONDAY, reassigned=4)
    judged = judge(rules, LEAD, None, clock, MONDAY, "seed")
    assert stays(rules, LEAD, None, clock, judged, MONDAY, "seed") is there


def test_to_and_fro_between_two_reps_is_not_gone_twice() -> None:
    """Each missed the first contact: to the other, and then to a person, for the first is not given it again."""
    rules = book(PUSHED, sla={"first_contact": "10m", "then": {"reassign": 9, "review": "desk"}})
    roster, clock, seen, now = team("aiko", "bo"), owned(sla_at=minutes(10)), [], MONDAY
    while clock.owner is not None:
        seen.append(clock.owner)
        assert clock.sla_at is not None
        now = clock.sla_at
        answer, roster = on_time(rules, LEAD, None, clock, roster, now, "seed")
        assert isinstance(answer, Moved)
        clock = replace(consequences.moved(clock, answer, now), passed_over=clock.passed_over | {answer.off or ""})
    assert seen == ["aiko", "bo"]
    assert clock.state == "review"


causes = st.sampled_from(
    [
        LEAVE,
        BORDER,
        Reason("moved_by"),
        Reason("idle"),
        Reason("sla_missed"),
        Reason("offer_lapsed"),
        Reason("rejected"),
    ]
)
aims = st.sampled_from(
    [
        None,
        "aiko",
        "bo",
        "ghost",
        Onward(team="closers"),
        Onward(team="ghosts"),
        Onward(pool="inbound"),
        Onward(pool="gone"),
        Onward(review="desk"),
    ]
)
states = st.sampled_from(
    [
        owned(),
        owned(by_hand=True),
        working(),
        working(pool="inbound", waiting_since=MONDAY, claimed_at=MONDAY),
        owned(state="offered", lock_expires_at=minutes(5)),
        owned(state="offered", pool="inbound", escalated=1, waiting_since=MONDAY),
        owned(pool="gone", waiting_since=MONDAY, claimed_at=MONDAY),
        owned(owner="left"),
        waiting(),
        waiting(pool="gone"),
        LeadClock("lead", "review", received_at=MONDAY),
        LeadClock("lead", "nurture", waiting_since=MONDAY),
    ]
)
routes = st.sampled_from(
    [
        [PULL],
        [PUSHED],
        [OFFER, PULL],
        [{"name": "All", "nurture": True}],
        [{"name": "A", "push": {"to": "account.owner"}}],
        [{"name": "R", "review": "desk"}],
    ]
)
crews = st.sampled_from(
    [CREW, team(), team("aiko"), team(RepFacts("bo", available=False)), team(RepFacts("bo", open_leads=5), "cleo")]
)


@settings(max_examples=400)
@given(routes, causes, aims, states, crews, st.integers(0, 4), st.integers(0, 3000))
def test_an_open_lead_always_lands_somewhere_and_never_with_who_had_it(
    route: list[dict[str, Any]],
    cause: Reason,
    to: Onward | str | None,
    clock: LeadClock,
    crew: Roster,
    reassigned: int,
    minute: int,
) -> None:
    rules = book(
        *route,
        teams={"closers": {"open_at_most": 5}},
        sla={"first_contact": "1h", "warn": "50%", "then": {"reassign": 2}},
    )
    clock = replace(clock, reassigned=reassigned)
    now = minutes(minute)
    answer, after = handed_on(rules, LEAD, AccountFacts(owner="aiko"), clock, crew, now, "seed", cause, to=to)
    assert may_move(clock.state, answer.kind, answer.placement.to.state)
    assert answer.placement.reasons[0] == cause
    assert answer.off == clock.owner
    stands = consequences.moved(clock, answer, now)
    assert stands.owner is None or stands.owner != clock.owner
    assert stands.due_at is None or stands.due_at >= now
    if isinstance(answer.placement.to, Assigned | Offered):
        assert answer.placement.awaits is None
        assert after.reps[answer.placement.to.rep].open_leads == crew.reps[answer.placement.to.rep].open_leads + 1
    again, _ = handed_on(rules, LEAD, AccountFacts(owner="aiko"), clock, crew, now, "seed", cause, to=to)
    assert again == answer, "the same question has the same answer"


# Warned first, then handed on; and by hand, told of and left.

SLA = {"first_contact": "40m", "warn": "75%", "hours": "business", "then": {"reassign": 1, "review": "desk"}}


def got(rules: Rulebook, now: Any = MONDAY, roster: Roster = CREW, **fields: Any) -> LeadClock:
    """A lead that aiko was given now."""
    answer, _ = handed_on(
        rules, LEAD, None, LeadClock("lead", "review", received_at=MONDAY), roster, now, "seed", LEAVE, to="aiko"
    )
    return replace(consequences.moved(LeadClock("lead", "review", received_at=MONDAY), answer, now), **fields)


def test_a_first_contact_is_warned_of_at_a_part_of_its_time_in_working_minutes() -> None:
    rules = book(PUSHED, sla=SLA)
    friday = minutes(4 * 1440 + 7 * 60 + 45)  # 16:45, a quarter of an hour before the weekend
    roster = team(RepFacts("aiko", hours=office()), "bo")
    clock = got(rules, friday, roster)
    monday = minutes(7 * 1440)
    assert (clock.due_at, clock.due_for) == (monday.replace(minute=15), "warn")
    assert clock.sla_at == monday.replace(minute=25)
    early, _ = on_time(rules, LEAD, None, clock, roster, monday, "seed")
    assert early == Kept(Due(monday.replace(minute=15), "warn", clock.sla_at))
    answer, _ = on_time(rules, LEAD, None, clock, roster, monday.replace(minute=15), "seed")
    assert isinstance(answer, Warned)
    assert [reason.code for reason in answer.reasons] == ["sla_near"]
    clock = consequences.warned(clock, answer)
    assert (clock.due_for, clock.due_at, clock.warned, clock.owner) == ("sla", monday.replace(minute=25), True, "aiko")
    late, _ = on_time(rules, LEAD, None, clock, roster, monday.replace(minute=25), "seed")
    assert isinstance(late, Moved)
    assert (late.lapsed, late.placement.to) == ("aiko", Assigned("bo", "closers"))


def test_who_is_asked_too_late_is_not_warned_first() -> None:
    rules = book(PUSHED, sla=SLA)
    answer, _ = on_time(rules, LEAD, None, got(rules), CREW, minutes(60), "seed")
    assert isinstance(answer, Moved)


def test_each_kind_of_lead_has_the_time_of_the_first_rule_that_is_for_it() -> None:
    rules = book(
        PUSHED, sla=[{**SLA, "when": 'lead.rank == "hot"'}, {"first_contact": "8h", "then": {"review": "desk"}}]
    )
    assert got(rules).due_at == minutes(8 * 60)


def test_a_lead_left_alone_after_a_contact_goes_on_to_another_team() -> None:
    rules = book(
        PUSHED,
        idle={
            "after": "3d",
            "warn": "50%",
            "when": 'lead.rank == "warm"',
            "then": {"team": "calls", "by": "least_open"},
        },
    )
    roster = Roster({h: RepFacts(h) for h in ("aiko", "tele")}, {"closers": ("aiko",), "calls": ("tele",)})
    clock = consequences.contacted(owned(), MONDAY, Due(minutes(36 * 60), "warn"))
    warned, _ = on_time(rules, LEAD, None, clock, roster, minutes(36 * 60), "seed")
    assert isinstance(warned, Warned)
    clock = consequences.warned(clock, warned)
    assert (clock.due_at, clock.due_for) == (minutes(3 * 1440), "idle")
    answer, _ = on_time(rules, LEAD, None, clock, roster, minutes(3 * 1440), "seed")
    assert isinstance(answer, Moved)
    assert (answer.kind, answer.off, answer.lapsed, answer.placement.to) == (
        "reassigned",
        "aiko",
        None,
        Assigned("tele", "calls"),
    )
    assert codes(answer)[0] == "idle"


def test_an_act_of_the_rep_or_a_touch_of_the_person_begins_the_wait_anew() -> None:
    rules = book(PUSHED, idle={"after": "3d", "then": {"review": "desk"}})
    clock = working(due_at=minutes(3 * 1440), due_for="idle")
    touched = consequences.touched(clock, minutes(1440))
    answer, _ = on_time(rules, LEAD, None, touched, CREW, minutes(3 * 1440), "seed")
    assert answer == Kept(Due(minutes(4 * 1440), "idle"))
    assert consequences.contacted(touched, minutes(2000)).acted_at == minutes(2000)


def test_a_lead_given_and_never_touched_is_left_alone_too_where_nobody_set_a_time_for_its_first_contact() -> None:
    rules = book(PUSHED, idle={"after": "3d", "then": {"review": "desk"}})
    clock = got(rules)
    assert (clock.due_at, clock.due_for) == (minutes(3 * 1440), "idle")


@pytest.mark.parametrize("state", ["owned", "working"])
def test_what_a_manager_gave_by_hand_is_told_of_and_left_with_its_rep(state: str) -> None:
    idle = {"after": "3d", "then": {"team": "closers"}}
    rules = book(PUSHED, sla=SLA, idle=idle)
    clock = got(rules, by_hand=True) if state == "owned" else working(by_hand=True)
    told: list[str] = []
    now = clock.due_at or minutes(3 * 1440)
    for _ in range(9):
        answer, _ = on_time(rules, LEAD, None, clock, CREW, now, "seed")
        assert isinstance(answer, Warned)
        told += [reason.code for reason in answer.reasons]
        clock = consequences.warned(clock, answer)
        if clock.due_at is None:
            break
        now = clock.due_at
    assert (clock.owner, clock.by_hand, clock.due_at) == ("aiko", True, None)
    assert told == (["sla_near", "sla_missed", "kept_by_hand"] if state == "owned" else []) + ["idle", "kept_by_hand"]
