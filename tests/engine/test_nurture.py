"""Mails of a sequence: when each is due, what ends them, and where leads go then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.judging import MONDAY, book, minutes, team

from dibs.engine import consequences, waiting
from dibs.engine.decision import InNurture, InPool, InReview, Kept, Mailed, Moved, Placement, Retired, Warned
from dibs.engine.facts import LeadClock, LeadFacts
from dibs.engine.nurture import may_be_an_address, why_not_mailed
from dibs.engine.policy_nurture import Nurture
from dibs.engine.route import place
from dibs.engine.rulebook import Rulebook
from dibs.engine.timeline import on_time

CREW = team("aiko", "bo")
NEW = LeadClock(id="lead", state="new", received_at=MONDAY)
LEAD = LeadFacts(email="ana@acme.example", consent=True, source="webinar", employees=5)
LETTERS = {name: {"en": {"subject": "Hi", "text": "x"}} for name in ("hello", "more", "last")}
COURSE: dict[str, Any] = {
    "steps": [{"after": "1d", "mail": "hello"}, {"after": "3d", "mail": "more"}, {"after": "7d", "mail": "last"}]
}
ROUTE: tuple[dict[str, Any], ...] = (
    {"name": "Warm", "when": "lead.score >= 40", "pull": {"pool": "inbound"}},
    {"name": "Rest", "nurture": True},
)
SCORE = {"score": [{"when": "lead.opens >= 2", "add": 60}], "rank": {"hot": 75, "warm": 40}}


def rules(*route: dict[str, Any], course: dict[str, Any] | None = None, **parts: Any) -> Rulebook:
    nurture = {"sequences": {"course": COURSE | (course or {})}, "mails": LETTERS} | parts.pop("nurture", {})
    return book(*(route or ROUTE), qualify=SCORE | parts.pop("qualify", {}), nurture=nurture, **parts)


def begun(policy: Rulebook, lead: LeadFacts = LEAD, now: datetime = MONDAY) -> tuple[LeadClock, LeadFacts, Placement]:
    placement, _ = place(policy, lead, None, NEW, CREW, now, "seed")
    assert placement.score is not None
    assert placement.rank is not None
    return consequences.placed(NEW, placement, now), lead.qualified(placement.score, placement.rank, None), placement


def at(policy: Rulebook, clock: LeadClock, now: datetime, lead: LeadFacts) -> Moved | Kept | Warned | Mailed:
    return on_time(policy, lead, None, clock, CREW, now, "seed")[0]


def days(count: float) -> datetime:
    return minutes(count * 24 * 60)


def codes(placement: Placement) -> list[str]:
    return [reason.code for reason in placement.reasons]


def test_a_lead_that_goes_into_nurture_comes_into_the_first_sequence_that_is_for_it() -> None:
    sequences = {"big": COURSE | {"when": "lead.employees > 100"}, "small": COURSE}
    clock, _, placement = begun(rules(nurture={"sequences": sequences}))
    assert placement.to == InNurture("small")
    assert (clock.sequence, clock.mailed, clock.mailed_at) == ("small", 0, MONDAY)
    assert (clock.due_at, clock.due_for) == (days(1), "mail")


def test_a_rule_can_name_the_sequence() -> None:
    sequences = {"big": COURSE, "small": COURSE}
    clock, _, _ = begun(rules({"name": "All", "nurture": "small"}, nurture={"sequences": sequences}))
    assert clock.sequence == "small"


def test_each_mail_comes_so_long_after_the_one_before() -> None:
    policy = rules()
    clock, lead, _ = begun(policy)
    got: list[tuple[str, int, datetime]] = []
    while clock.due_at is not None:
        now = clock.due_at
        answer = at(policy, clock, now, lead)
        assert isinstance(answer, Mailed)
        got.append((answer.mail, answer.step, now))
        clock = consequences.mailed(clock, answer, now)
    assert got == [("hello", 1, days(1)), ("more", 2, days(4)), ("last", 3, days(11))]
    assert clock.state == "nurture"


def test_asked_before_its_time_it_is_put_off() -> None:
    policy = rules()
    clock, lead, _ = begun(policy)
    answer = at(policy, clock, days(0.5), lead)
    assert isinstance(answer, Kept)
    assert answer.due is not None
    assert answer.due.at == days(1)


def test_a_late_worker_sends_one_mail_and_not_all_that_were_missed() -> None:
    policy = rules()
    clock, lead, _ = begun(policy)
    answer = at(policy, clock, days(30), lead)
    assert isinstance(answer, Mailed)
    assert answer.due is not None
    assert answer.due.at == days(33)


def test_after_the_last_mail_a_lead_has_as_long_to_answer_as_for_that_one_and_then_goes_where_the_sequence_says() -> (
    None
):
    policy = rules(course={"then": {"retire": "no_answer"}})
    clock, lead, _ = begun(policy)
    for _ in range(3):
        now = clock.due_at
        assert now is not None
        answer = at(policy, clock, now, lead)
        assert isinstance(answer, Mailed)
        clock = consequences.mailed(clock, answer, now)
    assert clock.due_at == days(18)
    over = at(policy, clock, days(18), lead)
    assert isinstance(over, Moved)
    assert over.placement.to == Retired("no_answer")
    assert "sequence_over" in codes(over.placement)


def test_after_the_last_mail_a_pool_begins_a_new_wait() -> None:
    policy = rules(course={"steps": [{"after": "3d", "mail": "hello"}], "then": {"pool": "inbound"}})
    clock, lead, _ = begun(policy)
    first = at(policy, clock, days(3), lead)
    assert isinstance(first, Mailed)
    over = at(policy, consequences.mailed(clock, first, days(3)), days(6), lead)
    assert isinstance(over, Moved)
    assert over.placement.to == InPool("inbound", since=days(6))
    after = consequences.moved(clock, over, days(6))
    assert (after.sequence, after.mailed, after.mailed_at) == (None, 0, None)
    assert after.due_at is not None
    assert after.due_at > days(6)


def test_a_sequence_that_leads_into_another_begins_that_one() -> None:
    steps = [{"after": "1d", "mail": "hello"}]
    sequences = {"one": {"steps": steps, "then": {"nurture": "two"}}, "two": {"steps": steps, "when": "false"}}
    policy = rules(nurture={"sequences": sequences})
    clock, lead, _ = begun(policy)
    first = at(policy, clock, days(1), lead)
    assert isinstance(first, Mailed)
    over = at(policy, consequences.mailed(clock, first, days(1)), days(2), lead)
    assert isinstance(over, Moved)
    after = consequences.moved(clock, over, days(2))
    assert (after.sequence, after.mailed, after.mailed_at, after.due_at) == ("two", 0, days(2), days(3))


def test_a_sequence_that_would_go_round_to_itself_ends() -> None:
    policy = rules(course={"steps": [{"after": "1d", "mail": "hello"}], "then": {"nurture": True}})
    clock, lead, _ = begun(policy)
    first = at(policy, clock, days(1), lead)
    assert isinstance(first, Mailed)
    over = at(policy, consequences.mailed(clock, first, days(1)), days(2), lead)
    assert isinstance(over, Moved)
    assert over.placement.to == InNurture()
    assert over.placement.due is None


@pytest.mark.parametrize(
    ("facts", "consent", "why"),
    [
        ({}, "given", None),
        ({"do_not_contact": True}, "given", "do_not_contact"),
        ({"consent": False}, "not_refused", "refused"),
        ({"consent": None}, "given", "no_consent"),
        ({"consent": None}, "not_refused", None),
        ({"email": None}, "given", "no_address"),
        ({"email": "not an address"}, "given", "no_address"),
        ({"email": "a@b.example\nBcc: c@d.example"}, "given", "no_address"),
    ],
)
def test_who_may_be_mailed(facts: dict[str, Any], consent: str, why: str | None) -> None:
    lead = LeadFacts(**({"email": "ana@acme.example", "consent": True} | facts))
    assert why_not_mailed(Nurture(consent=consent), lead) == why  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("ana@acme.example", True),
        ("ana+b@sub.acme.example", True),
        ("ana@localhost", False),
        ("@acme.example", False),
        ("a@b@acme.example", False),
        ("a,b@acme.example", False),
        ("<a@acme.example>", False),
        ("a@acme.example\x00", False),
        (f"{'a' * 250}@acme.example", False),
    ],
)
def test_what_can_be_an_address(address: str, good: bool) -> None:
    assert may_be_an_address(address) is good


def test_who_may_not_be_mailed_stays_without_mails_and_the_reason_says_why() -> None:
    clock, _, placement = begun(rules(), LeadFacts(email="ana@acme.example"))
    assert placement.to == InNurture()
    assert clock.sequence is None
    assert next(reason for reason in placement.reasons if reason.code == "not_mailed").params == {
        "because": "no_consent"
    }


def test_who_withdraws_consent_gets_no_more_and_goes_where_those_go_who_are_through() -> None:
    policy = rules(course={"then": {"review": "managers"}})
    clock, lead, _ = begun(policy)
    answer = at(policy, clock, days(1), LeadFacts(email=lead.email, consent=False, score=1, rank="cool"))
    assert isinstance(answer, Moved)
    assert answer.placement.to == InReview("managers")


def test_who_withdraws_consent_stays_without_mails_where_the_sequence_leads_nowhere() -> None:
    policy = rules()
    clock, lead, _ = begun(policy)
    answer = at(policy, clock, days(1), LeadFacts(email=lead.email, consent=False, score=1, rank="cool"))
    assert isinstance(answer, Moved)
    after = consequences.moved(clock, answer, days(1))
    assert (after.state, after.sequence, after.due_at) == ("nurture", None, None)


def test_who_must_not_be_contacted_goes_the_way_that_the_policy_has_for_them() -> None:
    policy = rules()
    clock, lead, _ = begun(policy)
    answer = at(policy, clock, days(1), LeadFacts(email=lead.email, consent=True, do_not_contact=True, score=1))
    assert isinstance(answer, Moved)
    assert answer.placement.to == Retired("do_not_contact")


def test_a_sequence_that_the_policy_has_no_more_lets_its_leads_find_another_place() -> None:
    clock, lead, _ = begun(rules())
    other = rules(nurture={"sequences": {"other": COURSE}})
    answer = at(other, clock, days(1), lead)
    assert isinstance(answer, Moved)
    assert answer.placement.reasons[0].code == "sequence_gone"
    after = consequences.moved(clock, answer, days(1))
    assert (after.sequence, after.mailed, after.mailed_at) == ("other", 0, days(1))


def test_looked_at_again_in_the_same_sequence_a_lead_goes_on_where_it_was() -> None:
    policy = rules()
    clock, lead, _ = begun(policy)
    first = at(policy, clock, days(1), lead)
    assert isinstance(first, Mailed)
    clock = consequences.mailed(clock, first, days(1))
    placement, _ = place(policy, lead, None, clock, CREW, days(2), "seed")
    after = consequences.placed(clock, placement, days(2))
    assert (after.mailed, after.mailed_at, after.due_at) == (1, days(1), days(4))


def test_a_lead_whose_engagement_moved_its_score_comes_back_to_the_pool_without_mails() -> None:
    policy = rules()
    clock, _, _ = begun(policy)
    engaged = LeadFacts(email=LEAD.email, consent=True, opens=2)
    placement, _ = place(policy, engaged, None, clock, CREW, days(2), "seed")
    after = consequences.placed(clock, waiting.new_wait(policy, placement, days(2)), days(2))
    assert (after.state, after.pool, after.sequence, after.waiting_since) == ("pooled", "inbound", None, days(2))


def answered(policy: Rulebook, clock: LeadClock, lead: LeadFacts, now: datetime) -> Placement:
    placement, roster = place(policy, lead, None, clock, CREW, now, "seed")
    return waiting.answered(policy, lead, None, clock, placement, roster, now, "seed")[0]


def test_who_answers_goes_before_managers_where_the_route_would_keep_them() -> None:
    policy = rules()
    clock, lead, _ = begun(policy)
    placement = answered(policy, clock, lead, days(2))
    assert placement.to == InReview("managers")
    assert "answered_mails" in codes(placement)


def test_who_answers_goes_the_way_that_the_sequence_has_for_it() -> None:
    policy = rules(course={"replied": {"pool": "inbound"}})
    clock, lead, _ = begun(policy)
    placement = answered(policy, clock, lead, days(2))
    assert placement.to == InPool("inbound", since=days(2))
    assert placement.due is not None
    assert placement.due.at == days(2) + timedelta(minutes=30)


def test_who_answers_and_is_for_sales_by_now_goes_by_the_route() -> None:
    policy = rules()
    clock, _, _ = begun(policy)
    placement = answered(policy, clock, LeadFacts(email=LEAD.email, consent=True, opens=3), days(2))
    assert isinstance(placement.to, InPool)
    assert "answered_mails" not in codes(placement)


def test_going_stale_and_mails_share_the_leads_time() -> None:
    policy = rules(qualify={"stale": {"after": "2d", "rank": "cool", "then": {"review": "managers"}}})
    clock, lead, _ = begun(policy)
    assert clock.due_for == "mail"
    first = at(policy, clock, days(1), lead)
    assert isinstance(first, Mailed)
    clock = consequences.mailed(clock, first, days(1))
    assert (clock.due_at, clock.due_for) == (days(2), "stale")
    over = at(policy, clock, days(2), lead)
    assert isinstance(over, Moved)
    assert over.placement.to == InReview("managers")


def test_a_lead_given_to_a_rep_leaves_its_sequence() -> None:
    policy = rules({"name": "All", "nurture": True})
    clock, _, _ = begun(policy)
    after = consequences.placed(clock, Placement(InReview("managers"), None, ()), days(1))
    assert (after.sequence, after.mailed, after.mailed_at) == (None, 0, None)


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=6),
    st.sampled_from([None, {"retire": "no_answer"}, {"pool": "inbound"}, {"nurture": True}, {"review": "managers"}]),
    st.lists(st.integers(0, 900), max_size=30),
)
@settings(max_examples=60)
def test_however_it_is_asked_no_mail_comes_twice_none_early_and_time_never_stands_still(
    hours: list[int], then: dict[str, Any] | None, looks: list[int]
) -> None:
    steps = [{"after": f"{count}h", "mail": "hello"} for count in hours]
    policy = rules(course={"steps": steps, "then": then} if then else {"steps": steps})
    clock, lead, _ = begun(policy)
    now, got = MONDAY, []
    for step in looks + [500] * 20:
        now += timedelta(hours=step)
        before = clock
        answer = at(policy, clock, now, lead)
        if isinstance(answer, Mailed):
            assert before.mailed_at is not None
            assert now - before.mailed_at >= timedelta(hours=hours[before.mailed])
            got.append(answer.step)
            clock = consequences.mailed(clock, answer, now)
        elif isinstance(answer, Moved):
            clock = consequences.moved(clock, answer, now)
            assert clock.sequence is None
            break
        else:
            assert isinstance(answer, Kept)
            assert answer.due is None or answer.due.at > now
            clock = consequences.kept(clock, answer)
    assert got == list(range(1, len(hours) + 1))
