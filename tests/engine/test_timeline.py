from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.judging import INBOUND, MONDAY, PULL, book, minutes, office, team, waiting

from dibs.engine import consequences
from dibs.engine.decision import Assigned, Due, InPool, InReview, Kept, Moved, Offered, Placement, Warned
from dibs.engine.due import due_when_owned
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.lifecycle import ENDED, may_move
from dibs.engine.reasons import TIME
from dibs.engine.reassign import REASSIGN_AT_MOST
from dibs.engine.roster import Roster
from dibs.engine.rulebook import Rulebook
from dibs.engine.timeline import able, declined, freed, on_time
from dibs.engine.waiting import RETRY

LEAD = LeadFacts(score=50, rank="warm", country="MX")
CREW = team("aiko", "bo")
NOBODY = team(RepFacts("aiko", active=False), RepFacts("bo", hours=office("Asia/Tokyo")))
OFFER: dict[str, Any] = {"name": "All", "push": {"team": "closers", "accept_within": "5m"}}
SLA = {"first_contact": "30m", "then": {"reassign": 2, "review": "desk"}}


def at(
    rules: Rulebook, clock: LeadClock, now: datetime, roster: Roster = CREW, lead: LeadFacts = LEAD
) -> Moved | Kept | Warned:
    return on_time(rules, lead, None, clock, roster, now, "seed")[0]


def give(
    rules: Rulebook, clock: LeadClock, now: datetime, roster: Roster = CREW, lead: LeadFacts = LEAD
) -> Moved | Kept:
    return freed(rules, lead, None, clock, roster, now, "seed")[0]


def moved(answer: Moved | Kept | Warned) -> Moved:
    assert isinstance(answer, Moved)
    return answer


def codes(placement: Placement) -> list[str]:
    return [reason.code for reason in placement.reasons]


def locked(owner: str = "aiko", **fields: Any) -> LeadClock:
    return waiting(**({"state": "owned", "owner": owner, "lock_expires_at": minutes(15)} | fields))


def offered(owner: str = "aiko", **fields: Any) -> LeadClock:
    return LeadClock(**({"id": "lead", "state": "offered", "owner": owner, "lock_expires_at": minutes(5)} | fields))


def late(**fields: Any) -> LeadClock:
    given_ = {
        "id": "lead",
        "state": "owned",
        "owner": "aiko",
        "due_at": minutes(30),
        "due_for": "sla",
        "sla_at": minutes(30),
        "acted_at": MONDAY,
    }
    return LeadClock(**(given_ | fields))


# Waiting in a pool.


def test_asked_early_nothing_happens_and_the_due_time_is_told_again() -> None:
    assert at(book(), waiting(), minutes(29)) == Kept(Due(minutes(30), "escalate"))
    assert at(book(), waiting(escalated=1), minutes(31)) == Kept(Due(minutes(60), "escalate"))
    assert at(book(), waiting(escalated=2), minutes(99)) == Kept(Due(minutes(24 * 60), "age_cap"))


def test_after_thirty_minutes_it_is_pushed_to_the_next_rep() -> None:
    answer = moved(at(book(), waiting(), minutes(30)))
    assert answer.kind == "escalated"
    assert isinstance(answer.placement.to, Assigned)
    assert (answer.escalated, answer.reassigned, answer.lapsed) == (1, 0, None)
    assert answer.placement.reasons[0].params == {"pool": "inbound", "step": 1, "after": 1800}
    assert answer.placement.reasons[0].rule == "pools.inbound.escalate[0]"


def test_after_sixty_it_goes_before_managers() -> None:
    answer = moved(at(book(), waiting(escalated=1), minutes(60)))
    assert (answer.kind, answer.placement.to, answer.escalated) == ("escalated", InReview("desk"), 2)


def test_a_tick_that_comes_late_does_the_last_step_whose_time_has_come() -> None:
    assert moved(at(book(), waiting(), minutes(61))).placement.to == InReview("desk")


def test_with_nobody_to_push_to_it_awaits_the_first_of_the_team_who_is_back() -> None:
    opening = minutes(45)
    roster = team(RepFacts("aiko", hours=office(away=((MONDAY, opening),))))
    answer = at(book(), waiting(), minutes(30), roster)
    assert isinstance(answer, Kept)
    assert (answer.due, answer.awaits) == (Due(minutes(60), "escalate"), "closers")
    assert [reason.code for reason in answer.reasons] == ["passed_over", "nobody_eligible"]
    clock = consequences.kept(waiting(), answer)
    assert isinstance(give(book(), clock, minutes(44), roster), Kept)
    assert moved(give(book(), clock, opening, roster)).placement.to == Assigned("aiko", "closers")


def test_with_everybody_at_a_cap_it_awaits_the_team_until_the_next_step() -> None:
    rules = book(teams={"closers": {"open_at_most": 1}})
    full = team(RepFacts("aiko", open_leads=1))
    answer = at(rules, waiting(), minutes(30), full)
    assert isinstance(answer, Kept)
    assert (answer.due, answer.awaits) == (Due(minutes(60), "escalate"), "closers")


def test_a_step_to_an_accounts_owner_who_cannot_have_it_is_tried_again_soon_but_no_later_than_the_next() -> None:
    rules = book(
        pools={
            "inbound": INBOUND
            | {"escalate": [{"after": "30m", "push": {"to": "account.owner"}}, {"after": "60m", "review": "desk"}]}
        }
    )
    answer = at(rules, waiting(), minutes(30))
    assert isinstance(answer, Kept)
    assert (answer.due, answer.awaits) == (Due(minutes(30) + RETRY, "escalate"), None)
    answer = at(rules, waiting(), minutes(58))
    assert isinstance(answer, Kept)
    assert answer.due == Due(minutes(60), "escalate")


def test_at_the_age_cap_it_is_assigned_outright_as_the_pools_last_push_would() -> None:
    pool = INBOUND | {"escalate": [{"after": "30m", "push": {"team": "closers", "accept_within": "5m"}}]}
    answer = moved(at(book(pools={"inbound": pool}, sla=SLA), waiting(escalated=1), minutes(24 * 60)))
    assert answer.kind == "aged"
    assert isinstance(answer.placement.to, Assigned)
    assert answer.placement.due == Due(minutes(24 * 60 + 30), "sla", minutes(24 * 60 + 30))


@pytest.mark.parametrize(
    ("steps", "queue"), [([], "managers"), ([{"after": "1h", "review": "desk"}], "desk"), (INBOUND["escalate"], "desk")]
)
def test_at_the_age_cap_with_nobody_to_assign_to_managers_decide(steps: list[dict[str, Any]], queue: str) -> None:
    rules = book(pools={"inbound": INBOUND | {"escalate": steps}})
    answer = moved(at(rules, waiting(escalated=len(steps)), minutes(24 * 60), NOBODY))
    assert (answer.kind, answer.placement.to) == ("aged", InReview(queue))


def test_a_lead_whose_pool_the_policy_no_longer_has_is_placed_anew() -> None:
    answer = moved(at(book(), waiting(pool="closed-down"), MONDAY))
    assert (answer.kind, answer.placement.to) == ("requalified", InPool("inbound"))
    assert codes(answer.placement)[0] == "pool_gone"
    assert answer.escalated == 0


# Claimed under a lock.


def test_a_lock_that_runs_out_brings_the_lead_back_to_its_old_place_in_line() -> None:
    rules = book(pools={"inbound": INBOUND | {"lock": "15m"}})
    answer, roster = on_time(rules, LEAD, None, locked(), team(RepFacts("aiko", open_leads=1)), minutes(15), "seed")
    assert isinstance(answer, Moved)
    assert (answer.kind, answer.lapsed, answer.placement.to) == ("lapsed", "aiko", InPool("inbound"))
    assert answer.placement.due == Due(minutes(30), "escalate")
    assert codes(answer.placement) == ["lock_lapsed", "back_in_pool"]
    assert roster.reps["aiko"].open_leads == 0


def test_what_should_have_happened_under_the_lock_is_due_at_once_and_once() -> None:
    answer = moved(at(book(), locked(lock_expires_at=minutes(40)), minutes(40)))
    assert answer.placement.due == Due(minutes(40), "escalate")
    done = moved(at(book(), locked(lock_expires_at=minutes(40), escalated=1), minutes(40)))
    assert done.placement.due == Due(minutes(60), "escalate")


def test_a_lock_still_running_a_contacted_lead_and_an_ended_one_are_left_alone() -> None:
    assert at(book(), locked(), minutes(14)) == Kept(Due(minutes(15), "lock"))
    assert at(book(), locked(state="working", contacted_at=MONDAY), minutes(99)) == Kept(None)
    for state in ENDED:
        assert at(book(), LeadClock("lead", state), minutes(99)) == Kept(None)


# Offered.


def test_an_offer_that_runs_out_goes_to_the_next_rep_and_not_back() -> None:
    assert at(book(OFFER), offered(), minutes(4)) == Kept(Due(minutes(5), "offer"))
    answer = moved(at(book(OFFER), offered(), minutes(5)))
    assert (answer.kind, answer.lapsed, answer.reassigned) == ("lapsed", "aiko", 1)
    assert answer.placement.to == Offered("bo", minutes(10), "closers")


def test_when_everybody_had_the_offer_it_goes_where_else_it_can() -> None:
    clock = offered("bo", passed_over=frozenset({"aiko"}), reassigned=1)
    assert moved(at(book(OFFER), clock, minutes(5))).placement.to == InReview("managers")
    assert moved(at(book(OFFER, PULL), clock, minutes(5))).placement.to == InPool("inbound")


def test_an_offer_is_passed_on_so_many_times_and_then_before_managers() -> None:
    many = team(*[f"rep{n}" for n in range(9)])
    assert isinstance(moved(at(book(OFFER), offered("rep0"), minutes(5), many)).placement.to, Offered)
    answer = moved(at(book(OFFER), offered("rep0", reassigned=REASSIGN_AT_MOST), minutes(5), many))
    assert answer.placement.to == InReview("managers")
    assert "reassign_limit" in codes(answer.placement)
    two = moved(at(book(OFFER, sla=SLA), offered("rep0", reassigned=2), minutes(5), many))
    assert two.placement.to == InReview("desk")


def test_an_offer_from_a_pool_that_nobody_takes_goes_back_to_its_place_there() -> None:
    steps = [{"after": "30m", "push": {"team": "closers", "accept_within": "5m"}}, {"after": "60m", "review": "desk"}]
    rules = book(pools={"inbound": INBOUND | {"escalate": steps}})
    clock = offered(pool="inbound", waiting_since=MONDAY, escalated=1, lock_expires_at=minutes(35))
    assert moved(at(rules, clock, minutes(35))).placement.to == Offered("bo", minutes(40), "closers")
    last = replace(clock, passed_over=frozenset({"bo"}))
    answer = moved(at(rules, last, minutes(35)))
    assert (answer.placement.to, answer.placement.due) == (InPool("inbound"), Due(minutes(60), "escalate"))
    assert answer.escalated == 1


@pytest.mark.parametrize(
    ("minute", "escalate", "to", "codes", "escalated"),
    [
        # Before the next step's time: to the next rep, as the last step says.
        (59, None, Assigned, ["passed_over", "chosen"], 1),
        # At its time, the step.
        (60, None, InReview, ["escalated", "in_review"], 2),
        (99, [{"after": "30m", "push": {"team": "closers"}}, {"after": "60m", "push": {"team": "closers"}}], Assigned, ["escalated", "passed_over", "chosen"], 2),
        # At the age cap, assigned outright.
        (24 * 60, None, Assigned, ["aged", "passed_over", "chosen"], 2),
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", ["declined", "lapsed"])
def test_a_step_whose_time_came_while_the_lead_was_offered_is_done_when_the_offer_ends(
    how: str, minute: int, escalate: list[dict[str, Any]] | None, to: type, codes: list[str], escalated: int
) -> None:
    rules = book(pools={"inbound": INBOUND | ({"escalate": escalate} if escalate else {})})
    clock = offered(pool="inbound", waiting_since=MONDAY, escalated=1, lock_expires_at=minutes(minute))
    if how == "declined":
        answer, _ = declined(rules, LEAD, None, clock, CREW, minutes(minute), "seed", "no time")
        codes = ["rejected", *codes]
        assert answer.placement.reasons[0].params == {"why": "no time"}
    else:
        answer = moved(at(rules, clock, minutes(minute)))
        codes = ["offer_lapsed", *codes]
    assert isinstance(answer.placement.to, to)
    assert answer.placement.to != Assigned("aiko", "closers")
    assert [reason.code for reason in answer.placement.reasons] == codes
    assert (answer.kind, answer.escalated, answer.reassigned) == (
        "rejected" if how == "declined" else "lapsed",
        escalated,
        1,
    )


def test_declining_is_as_if_the_offer_had_run_out() -> None:
    answer, _ = declined(book(OFFER), LEAD, None, offered(), CREW, minutes(1), "seed")
    assert (answer.kind, answer.placement.to) == ("rejected", Offered("bo", minutes(6), "closers"))


# First contact.


PUSHED: dict[str, Any] = {"name": "All", "push": {"team": "closers"}}


def test_no_contact_in_time_gives_the_lead_to_another_rep() -> None:
    assert at(book(PUSHED, sla=SLA), late(), minutes(29)) == Kept(Due(minutes(30), "sla", minutes(30)))
    answer = moved(at(book(PUSHED, sla=SLA), late(), minutes(30)))
    assert (answer.kind, answer.lapsed, answer.reassigned) == ("reassigned", "aiko", 1)
    assert answer.placement.to == Assigned("bo", "closers")
    assert answer.placement.due == Due(minutes(60), "sla", minutes(60))
    assert answer.placement.reasons[0].params == {"rep": "aiko", "within": 1800}


def test_after_so_many_reps_managers_decide() -> None:
    answer = moved(at(book(PUSHED, sla=SLA), late(reassigned=2), minutes(30)))
    assert answer.placement.to == InReview("desk")
    assert codes(answer.placement)[:2] == ["sla_missed", "reassign_limit"]


def test_with_no_other_rep_managers_decide() -> None:
    assert moved(at(book(PUSHED, sla=SLA), late(), minutes(30), team("aiko"))).placement.to == InReview("desk")


def test_a_policy_that_only_measures_leaves_the_lead_and_says_so() -> None:
    rules = book(PUSHED, sla={"first_contact": "30m", "then": {}})
    answer = at(rules, late(), minutes(30))
    assert isinstance(answer, Warned)
    assert (answer.due, [reason.code for reason in answer.reasons]) == (None, ["sla_missed"])
    assert consequences.warned(late(), answer).sla_at is None, "told once"


def test_what_the_policy_no_longer_asks_is_not_asked() -> None:
    assert at(book(PUSHED), late(), minutes(99)) == Kept(None)
    assert due_when_owned(book(PUSHED), LEAD, None, MONDAY) is None


# Going stale.

STALE = {"stale": {"after": "10d", "rank": "warm", "then": {"team": "closers"}}}


def test_a_warm_lead_left_alone_goes_to_another_team() -> None:
    rules = book(qualify=STALE)
    nurture = LeadClock("lead", "nurture", waiting_since=MONDAY)
    ten_days = MONDAY + timedelta(days=10)
    assert at(rules, nurture, MONDAY) == Kept(Due(ten_days, "stale"))
    answer = moved(at(rules, nurture, ten_days))
    assert answer.kind == "requalified"
    assert isinstance(answer.placement.to, Assigned)
    assert answer.placement.reasons[0].params == {"after": 864_000}
    assert at(rules, nurture, ten_days, lead=replace(LEAD, rank="cool")) == Kept(None)
    assert moved(at(rules, nurture, ten_days, NOBODY)).placement.to == InReview("managers")


def test_stale_into_another_pool_begins_a_new_wait_there() -> None:
    pools = {"inbound": INBOUND, "old": {"assign_after": "5d"}}
    rules = book(pools=pools, qualify={"stale": {"after": "10m", "rank": "warm", "then": {"pool": "old"}}})
    answer = moved(at(rules, waiting(), minutes(10)))
    assert answer.placement.to == InPool("old", since=minutes(10))
    assert answer.placement.due == Due(minutes(20), "stale")
    again = waiting(pool="old", waiting_since=minutes(10))
    assert moved(at(rules, again, minutes(20))).placement.to == InReview("managers"), "not round and round"


def test_a_lead_not_yet_placed_is_placed() -> None:
    answer = moved(at(book(), LeadClock("lead", "new"), MONDAY))
    assert (answer.kind, answer.placement.to) == ("placed", InPool("inbound"))


# Never a loop, whatever the policy and the team.

PUSHES = [{"team": "closers"}, {"team": "closers", "accept_within": "5m"}, {"to": "account.owner"}, {"team": "ghosts"}]
steps = st.lists(
    st.one_of(
        st.fixed_dictionaries({"push": st.sampled_from(PUSHES)}),
        st.fixed_dictionaries({"review": st.just("desk")}),
    ),
    max_size=4,
).map(lambda found: [{"after": f"{20 * (n + 1)}m"} | step for n, step in enumerate(found)])
pools = st.builds(
    lambda escalate, cap, lock: {"escalate": escalate, "assign_after": cap, "lock": lock},
    steps,
    st.sampled_from(["15m", "2h", "24h"]),
    st.sampled_from(["15m", None]),
)
slas = st.sampled_from(
    [
        None,
        SLA,
        {"first_contact": "10m", "warn": "50%", "then": {"reassign": 1}},
        {"first_contact": "1h", "then": {}},
        {"first_contact": "20m", "when": 'lead.rank == "hot"', "then": {"reassign": 1}},
    ]
)
idles = st.lists(
    st.sampled_from(
        [
            {"after": "2h", "then": {"team": "closers"}},
            {"after": "3h", "warn": "50%", "then": {"team": "ghosts"}},
            {"after": "90m", "warn": "90%", "then": {"pool": "old"}},
            {"after": "1h", "then": {"pool": "inbound"}},
            {"after": "1h", "when": 'lead.rank == "hot"', "then": {"review": "desk"}},
        ]
    ),
    max_size=2,
)
stales = st.sampled_from(
    [
        {},
        STALE,
        {"stale": {"after": "40m", "rank": "warm", "then": {"pool": "old"}}},
        {"stale": {"after": "30m", "rank": "warm", "then": {"team": "ghosts"}}},
    ]
)
crews = st.sampled_from(
    [
        CREW,
        NOBODY,
        team(),
        team(*[f"rep{n}" for n in range(9)]),
        team(RepFacts("aiko", open_leads=3), RepFacts("bo", open_leads=3)),
        team(RepFacts("aiko", hours=office("America/Mexico_City"))),
    ]
)
starts = st.sampled_from(
    [
        LeadClock("lead", "new"),
        waiting(),
        waiting(pool="gone"),
        waiting(pool="old", escalated=1),
        LeadClock("lead", "nurture", waiting_since=MONDAY),
        locked(),
        locked(pool="gone"),
        offered(),
        offered(pool="inbound", escalated=1, waiting_since=MONDAY),
        late(),
        late(pool="inbound"),
        late(by_hand=True),
        LeadClock("lead", "working", owner="aiko", contacted_at=MONDAY, acted_at=MONDAY),
        LeadClock("lead", "working", owner="bo", pool="old", contacted_at=MONDAY, acted_at=MONDAY, by_hand=True),
    ]
)
ways = st.sampled_from(
    [
        [PULL],
        [PUSHED, PULL],
        [OFFER],
        [OFFER, PULL],
        [{"name": "All", "nurture": True}],
        [{**OFFER, "fallback": {"pool": "old"}}],
    ]
)


def written(clock: LeadClock, answer: Moved, now: datetime) -> LeadClock:
    """The lead after the answer, as a store keeps it."""
    after = consequences.moved(clock, answer, now)
    return replace(after, passed_over=clock.passed_over | {answer.off}) if answer.off else after


@settings(max_examples=300)
@given(ways, pools, pools, slas, idles, stales, crews, starts)
def test_time_never_goes_round_in_circles_and_nothing_waits_past_its_age_cap(
    route: list[dict[str, Any]],
    inbound: dict[str, Any],
    old: dict[str, Any],
    sla: dict[str, Any] | None,
    idle: list[dict[str, Any]],
    qualify: dict[str, Any],
    crew: Roster,
    clock: LeadClock,
) -> None:
    """Nobody ever does anything: time alone drives the lead, each time exactly when it is due, until nothing is due any more."""
    rules = book(
        *route,
        pools={"inbound": inbound, "old": old},
        sla=sla,
        idle=idle,
        qualify=qualify,
        teams={"closers": {"open_at_most": 3}, "ghosts": {}},
    )
    roster, now, moves = crew, clock.due_at or clock.lock_expires_at or MONDAY, 0
    seen: set[tuple[Any, ...]] = set()
    for _ in range(2000):
        answer, roster = on_time(rules, LEAD, None, clock, roster, now, f"seed-{now}")
        if isinstance(answer, Kept):
            due = answer.due
            assert due is None or due.at > now, "kept, and due again at once, is a loop"
            clock = consequences.kept(clock, answer)
            if clock.awaits is not None and able(rules, roster, [clock.awaits], now):
                given, roster = freed(rules, LEAD, None, clock, roster, now, f"seed-{now}")
                # Somebody of a team that it awaits since an earlier step may have come to work meanwhile, as every tick asks.
                assert isinstance(given, Kept) or answer.awaits is None, (
                    "who could be given it now was given it at once"
                )
        elif isinstance(answer, Warned):
            due = answer.due
            assert due is None or due.at > now or (answer.over and due.why == "idle"), (
                "warned, and due again at once, is a loop"
            )
            clock = consequences.warned(clock, answer)
        else:
            moves += 1
            assert may_move(clock.state, answer.kind, answer.placement.to.state)
            assert {reason.code for reason in answer.placement.reasons} & set(TIME) or answer.kind == "placed"
            clock = written(clock, answer, now)
            due = answer.placement.due
            assert due is None or due.at >= now
            where = (clock.state, clock.pool, clock.waiting_since, clock.escalated, clock.reassigned, clock.passed_over)
            assert where not in seen, "nothing changed, so nothing moved"
            seen.add(where)
        if clock.state == "pooled":
            cap = rules.policy.pools[clock.pool or ""].assign_after
            assert due is not None
            assert clock.waiting_since is not None
            assert due.at <= max(clock.waiting_since + cap, now)
        if due is None:
            break
        now = max(due.at, now)
    else:
        raise AssertionError("time goes round in circles")
    assert moves <= 40
    left_alone = rules.idle(rules.activation(LEAD, now=now)) is None
    assert clock.state in {"review", "owned", "nurture"} or (clock.state == "working" and (clock.by_hand or left_alone))
