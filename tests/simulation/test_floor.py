"""The floor plays what the engine answers: tiers, claim floors, credits, opened leads and lines as each rep stands before them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.engine.judging import book, office

from dibs.engine.decision import Grant, Refusal
from dibs.engine.facts import LeadFacts, RepFacts
from dibs.simulation.floor import Credited, Floor, FloorRep

#: A Monday, the day it began and so many days later.
START = datetime(2026, 3, 2, tzinfo=UTC)


def at(clock: str, day: int = 0) -> datetime:
    hours, minutes = map(int, clock.split(":"))
    return START + timedelta(days=day, hours=hours, minutes=minutes)


def floor(*reps: FloorRep, **parts: Any) -> Floor:
    """A floor of ``closers`` under a policy that scores leads by their employees."""
    people = reps or (FloorRep(RepFacts("aiko")), FloorRep(RepFacts("bo")))
    score = [{"when": f"lead.employees >= {n}", "add": 10} for n in range(10, 100, 10)]
    rules = book(**{"qualify": {"score": score}} | parts)
    return Floor(rules, "digest", people, {"closers": [rep.facts.handle for rep in people]})


def arrive(place: Floor, *employees: int, now: datetime = START) -> list[str]:
    """Leads worth as many points as they have employees, a minute apart."""
    names = []
    for n, count in enumerate(employees):
        when = now + timedelta(minutes=n)
        names.append(f"lead-{len(place.leads):02}")
        place.place(names[-1], LeadFacts(employees=count, received_at=when), None, when)
    return names


def pool(**fields: Any) -> dict[str, Any]:
    """Nothing happens to what waits but by reps."""
    return {"pools": {"inbound": {"lock": "15m", "assign_after": "30d"} | fields}}


def refused(answer: Grant | Refusal | None) -> str | None:
    return answer.code if isinstance(answer, Refusal) else None


def win(place: Floor, handle: str, lead: str, now: datetime, *, end: str = "converted") -> None:
    assert isinstance(place.claim(lead, handle, now), Grant)
    assert place.contact(lead, handle, now) is None
    assert place.end(lead, handle, end, now) is None


TIERS = [
    {"name": "top", "when": "rep.conversion_rate >= 0.5 && rep.closed >= 2", "sees": "full"},
    {"name": "rest", "sees": "preview", "only": "lead.score < 75"},
]


def test_tiers_move_by_the_days_of_the_reps_and_not_by_what_happens_within_one() -> None:
    place = floor(tiers=TIERS, tiering={"over": "10d", "confirm": 2}, **pool())
    easy = arrive(place, *[20] * 4)
    (hot,) = arrive(place, 90)
    assert {handle: reason.code for handle, reason in place.retier(at("0:05")).items()} == {
        "aiko": "tier_set",
        "bo": "tier_set",
    }
    for lead in easy[:2]:
        win(place, "aiko", lead, at("9:00"))
    assert refused(place.claim(hot, "aiko", at("9:05"))) == "not_in_your_tier"
    assert place.retier(at("23:00")) == {}
    assert place.retier(at("0:05", 1)) == {}
    moved = place.retier(at("0:05", 2))
    assert list(moved) == ["aiko"]
    assert (moved["aiko"].params["before"], moved["aiko"].params["after"]) == ("rest", "top")
    assert (place.reps["aiko"].closed, place.reps["aiko"].converted) == (2, 2)
    assert isinstance(place.claim(hot, "aiko", at("9:00", 2)), Grant)
    # What was won ten days ago no longer counts, and that too has to last.
    tiers = [next(iter(place.retier(at("9:30", day)).values()), None) for day in range(3, 14)]
    assert [n + 3 for n, reason in enumerate(tiers) if reason is not None] == [11]


def test_before_the_first_look_the_record_of_the_moment_counts() -> None:
    place = floor(tiers=TIERS, **pool())
    leads = arrive(place, 20, 20, 90)
    assert refused(place.claim(leads[2], "aiko", at("9:00"))) == "not_in_your_tier"
    for lead in leads[:2]:
        win(place, "aiko", lead, at("9:00"))
    assert isinstance(place.claim(leads[2], "aiko", at("9:01")), Grant)


def test_each_reps_day_turns_by_their_own_clock() -> None:
    tokyo = FloorRep(RepFacts("aiko"), timezone="Asia/Tokyo")
    mexico = FloorRep(RepFacts("bo"), timezone="America/Mexico_City")
    place = floor(tokyo, mexico, tiers=TIERS, tiering={"confirm": 1}, **pool())
    place.retier(at("14:00"))
    for handle in ("aiko", "bo"):
        for lead in arrive(place, 20, 20, now=at("14:10")):
            win(place, handle, lead, at("14:30"))
    assert list(place.retier(at("15:30"))) == ["aiko"]
    assert list(place.retier(at("5:30", 1))) == []
    assert list(place.retier(at("6:30", 1))) == ["bo"]


def test_a_queues_head_is_the_first_that_the_tier_lets_a_rep_see() -> None:
    place = floor(tiers=TIERS, **pool(mode="queue"))
    hot, warm, cool = arrive(place, 90, 60, 20)
    assert refused(place.claim(hot, "aiko", at("9:00"))) == "not_in_your_tier"
    assert refused(place.claim(cool, "aiko", at("9:00"))) == "not_the_head"
    assert isinstance(place.claim(warm, "aiko", at("9:00")), Grant)


def test_whoever_gives_a_lead_back_untouched_waits_as_long_as_who_let_it_lapse() -> None:
    place = floor(**pool(reclaim_after="1h"))
    (lead,) = arrive(place, 50)
    place.claim(lead, "aiko", at("9:00"))
    assert place.release(lead, "aiko", at("9:10")) is None
    assert refused(place.claim(lead, "aiko", at("10:09"))) == "reclaim_too_soon"
    assert isinstance(place.claim(lead, "aiko", at("10:10")), Grant)
    place.contact(lead, "aiko", at("10:11"))
    place.release(lead, "aiko", at("10:12"))
    assert isinstance(place.claim(lead, "aiko", at("10:13")), Grant)


def test_a_released_head_is_behind_its_rep_until_they_may_have_it_again() -> None:
    place = floor(**pool(mode="queue", reclaim_after="1h"))
    first, second = arrive(place, 60, 50)
    place.claim(first, "aiko", at("9:00"))
    place.release(first, "aiko", at("9:05"))
    assert isinstance(place.claim(second, "aiko", at("9:06")), Grant)
    assert isinstance(place.claim(first, "bo", at("9:06")), Grant)


def test_opening_counts_as_a_skip_once_for_each_lead_until_the_next_claim() -> None:
    place = floor(fair_play={"skip_at_most": 2}, **pool(mode="cherry_pick"))
    one, two, three = arrive(place, 30, 40, 50)

    def skips() -> int:
        return place.reps["aiko"].standing.skips

    assert place.open(one, "aiko", at("9:00")) is None
    assert place.open(one, "aiko", at("9:01")) is None
    assert skips() == 1
    assert place.open(two, "aiko", at("9:02")) is None
    assert refused(place.open(three, "aiko", at("9:03"))) == "skip_limit"
    assert place.open(two, "aiko", at("9:03")) is None
    assert isinstance(place.claim(three, "aiko", at("9:04")), Grant)
    assert skips() == 0
    assert place.open(two, "aiko", at("9:05")) is None
    assert skips() == 1
    assert refused(place.open(three, "bo", at("9:06"))) == "not_waiting"


def test_where_there_is_nothing_to_open_nothing_is_counted() -> None:
    for parts in (pool(mode="cherry_pick"), pool(mode="pool") | {"fair_play": {"skip_at_most": 1}}):
        place = floor(**parts)
        (lead,) = arrive(place, 30)
        assert place.open(lead, "aiko", at("9:00")) is None
        assert (place.reps["aiko"].standing.skips, place.leads[lead].version) == (0, 1)


CREDITS = {"claim": 1, "convert": 10, "weights": [{"when": "lead.score < 30", "times": 3}]}


def test_a_claim_earns_by_its_first_contact_and_a_conversion_whoever_has_it() -> None:
    place = floor(credits=CREDITS, **pool())
    low, high, pushed = arrive(place, 20, 60, 60)
    place.claim(low, "aiko", at("9:00"))
    assert place.earned == []
    place.contact(low, "aiko", at("9:01"))
    place.contact(low, "aiko", at("9:02"))
    place.claim(high, "aiko", at("9:03"))
    place.end(high, "aiko", "retired", at("9:04"))
    place.assign(pushed, "bo", at("9:05"))
    place.contact(pushed, "bo", at("9:06"))
    place.end(pushed, "bo", "converted", at("9:07"))
    assert place.earned == [
        Credited("aiko", low, "claim", 3.0, at("9:01")),
        Credited("bo", pushed, "convert", 10.0, at("9:07")),
    ]


def test_a_lead_earns_its_rep_each_kind_once_however_often_it_comes_back() -> None:
    place = floor(credits=CREDITS, **pool())
    (lead,) = arrive(place, 60)
    for minute in ("9:00", "9:10"):
        place.claim(lead, "aiko", at(minute))
        place.contact(lead, "aiko", at(minute))
        place.release(lead, "aiko", at(minute))
    place.claim(lead, "bo", at("9:20"))
    place.contact(lead, "bo", at("9:20"))
    assert [(rep, what) for rep, _, what, _, _ in place.earned] == [("aiko", "claim"), ("bo", "claim")]


def test_a_claim_that_lapses_earns_nothing() -> None:
    place = floor(credits=CREDITS, **pool())
    (lead,) = arrive(place, 60)
    place.claim(lead, "aiko", at("9:00"))
    place.tick(at("9:15"))
    assert refused(place.contact(lead, "aiko", at("9:16"))) == "not_yours"
    assert place.earned == []


def at_desk(handle: str) -> FloorRep:
    return FloorRep(RepFacts(handle, hours=office()), teams=frozenset({"closers"}))


def test_what_is_missing_at_the_end_of_the_day_is_made_up_from_the_oldest_once() -> None:
    rule = {"claim_at_least": {"count": 2, "then": "auto_assign", "ahead": "1h"}}
    place = floor(at_desk("aiko"), at_desk("bo"), fair_play=rule, **pool(order=["-score"]))
    leads = arrive(place, 10, 90, 50, 70, 60)
    win(place, "aiko", leads[1], at("9:30"))
    assert place.look_at_floors(at("15:59")) == {}
    looks = place.look_at_floors(at("16:00"))
    assert {handle: look.missing for handle, look in looks.items()} == {"aiko": 1, "bo": 2}
    # Who misses most comes first, and all of it from the oldest on.
    owners = [place.leads[lead].clock.owner for lead in leads]
    assert owners == ["bo", "aiko", "bo", "aiko", None]
    assert place.look_at_floors(at("16:01")) == {}
    standing = place.reps["bo"].standing
    assert (standing.claims_today, standing.assigned_today, standing.holding) == (0, 2, 2)
    assert standing.floor_on == START.date()
    assert not place.leads[leads[0]].pulled


def test_who_only_has_to_be_told_is_given_nothing() -> None:
    place = floor(at_desk("aiko"), fair_play={"claim_at_least": {"count": 2}}, **pool())
    (lead,) = arrive(place, 50)
    assert place.look_at_floors(at("16:00"))["aiko"].missing == 2
    assert place.leads[lead].clock.state == "pooled"


def test_a_line_is_in_the_databases_order_also_where_something_is_not_known() -> None:
    place = floor(**pool(order=["-employees", "deal_value"]))
    for name, employees, value in (("a", 5, None), ("b", None, 9.0), ("c", 5, 1.0), ("d", 7, None), ("e", None, None)):
        place.place(name, LeadFacts(employees=employees, deal_value=value), None, START)
    assert [lead.clock.id for lead in place.line("inbound")] == ["b", "e", "d", "c", "a"]


@pytest.mark.parametrize(
    ("rules", "count", "code"),
    [
        ({"claim_rate": {"count": 3, "per": "1h"}}, 3, "claim_rate"),
        ({"hold_at_most": 2}, 2, "holding_cap"),
        ({"mix": {"low_below": 50, "per_high": 1}}, 1, "mix"),
    ],
)
def test_claims_are_refused_where_a_rule_says_so(rules: dict[str, Any], count: int, code: str) -> None:
    place = floor(fair_play=rules, **pool())
    arrive(place, 10)
    leads = arrive(place, *[80] * 6)
    answers = [refused(place.claim(lead, "aiko", at("9:00"))) for lead in leads]
    assert answers == [None] * count + [code] * (6 - count)


def test_a_low_score_lead_under_a_lock_that_ran_out_is_within_sight() -> None:
    place = floor(fair_play={"mix": {"low_below": 50, "per_high": 1}}, **pool())
    low, one, two = arrive(place, 10, 80, 80)
    place.claim(low, "bo", at("9:00"))
    place.claim(one, "aiko", at("9:01"))
    assert refused(place.claim(two, "aiko", at("9:15"))) == "mix"
    assert place.leads[low].clock.state == "owned"
