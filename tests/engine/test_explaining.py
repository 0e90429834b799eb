"""Why a condition holds or not: part by part, with the facts it asked, and never otherwise than the condition itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.engine.asking import Facts
from dibs.engine.conditions import Condition, ConditionRefused
from dibs.engine.explaining import Explained, explain
from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def holds(text: str, lead: LeadFacts, account: AccountFacts | None = None) -> bool:
    condition = Condition.of(text)
    return condition.holds(Facts([condition]).activation(lead, account, None, NOW))


def blamed(text: str, **facts: Any) -> list[tuple[str, bool | None]]:
    found = explain(text, LeadFacts(**facts), now=NOW)
    return [(part.text, part.holds) for part in found.decisive()]


def test_it_names_the_part_that_failed_and_the_value_it_saw() -> None:
    found = explain('lead.country == "JP" && lead.employees >= 200', LeadFacts(country="JP", employees=12), now=NOW)
    assert found.holds is False
    assert found.how == "and"
    assert [part.holds for part in found.parts] == [True, False]
    (why,) = found.decisive()
    assert (why.text, why.facts) == ("lead.employees >= 200", {"lead.employees": 12})


def test_of_alternatives_that_all_failed_each_is_named() -> None:
    assert blamed('lead.country == "JP" || lead.country == "KR"', country="MX") == [
        ('lead.country == "JP"', False),
        ('lead.country == "KR"', False),
    ]


def test_of_alternatives_one_of_which_holds_that_one_is_named() -> None:
    assert blamed('lead.country == "JP" || lead.employees > 5', country="JP", employees=2) == [
        ('lead.country == "JP"', True)
    ]


def test_an_unknown_fact_is_told_from_a_plain_no() -> None:
    assert blamed('lead.employees >= 200 && lead.country == "JP"', country="JP") == [("lead.employees >= 200", None)]
    found = explain("lead.employees >= 200", LeadFacts())
    assert (found.holds, found.facts) == (None, {"lead.employees": None})


def test_a_part_that_must_not_hold_is_looked_into() -> None:
    found = explain('!(lead.country in ["JP", "KR"])', LeadFacts(country="KR"))
    assert (found.holds, found.how) == (False, "not")
    assert found.decisive()[0].facts == {"lead.country": "KR"}


def test_questions_for_absence_say_what_is_there() -> None:
    found = explain("account.owner == null", LeadFacts(), AccountFacts(owner="aiko"))
    assert (found.holds, found.facts) == (False, {"account.owner": "aiko"})
    assert explain("account.owner != null", LeadFacts()).facts == {"account.owner": None}


def test_single_attributes_are_named_with_their_values() -> None:
    lead = LeadFacts(attributes={"plan": "pro", "seats": 4})
    found = explain('lead.attributes.plan == "free" && lead.attributes["seats"] > 3', lead)
    assert [part.facts for part in found.parts] == [{"lead.attributes.plan": "pro"}, {"lead.attributes.seats": 4}]


def test_an_attribute_may_stand_for_itself() -> None:
    text = 'lead.attributes.vip && lead.country == "JP"'
    assert explain(text, LeadFacts(country="JP", attributes={"vip": True})).holds is True
    assert explain(text, LeadFacts(country="JP", attributes={"vip": "yes"})).holds is None


def test_a_test_tells_the_side_it_took() -> None:
    text = 'lead.source == "demo" ? lead.employees > 5 : lead.score > 50 ? true : lead.country == "JP"'
    found = explain(text, LeadFacts(source="web", score=10, country="MX"))
    assert (found.how, found.holds) == ("if", False)
    assert [part.text for part in found.decisive()] == [
        'lead.source == "demo"',
        "lead.score > 50",
        'lead.country == "JP"',
    ]


def test_signs_in_text_comments_and_macros_part_nothing() -> None:
    text = 'lead.company == "A && B || (C" // && this\n  && lead.city.matches("a|b")'
    found = explain(text, LeadFacts(company="A && B || (C", city="b"))
    assert [part.text for part in found.questions()] == ['lead.company == "A && B || (C"', 'lead.city.matches("a|b")']
    assert found.holds is True
    whole = explain('["a", "b"].exists(x, x == lead.city && x != "a")', LeadFacts(city="b"))
    assert (whole.how, whole.holds) == ("asked", True)


def test_reps_are_asked_too() -> None:
    found = explain(
        "rep.seniority >= 3 && lead.language in rep.languages",
        LeadFacts(language="ja"),
        rep=RepFacts("aiko", languages=("ja",)),
    )
    assert [part.holds for part in found.parts] == [None, True]
    assert found.parts[1].facts == {"lead.language": "ja", "rep.languages": ("ja",)}


def test_what_does_not_compile_is_refused() -> None:
    with pytest.raises(ConditionRefused):
        explain("lead.contry == 'JP'", LeadFacts())


_QUESTIONS = st.sampled_from(
    [
        'lead.country == "JP"',
        "lead.employees >= 200",
        "lead.deal_value > 10",
        "lead.industry == null",
        "lead.consent",
        "!lead.consent",
        'lead.attributes.plan == "pro"',
        "lead.attributes.vip",
        'lead.city.startsWith("M")',
        '(lead.employees + 3) * 2 > 400',
        'lead.country in ["JP", "MX"]',
        "account.owner != null",
        "true",
        "now > lead.received_at",
    ]
)  # fmt: skip
CONDITIONS = st.recursive(
    _QUESTIONS,
    lambda parts: st.one_of(
        st.lists(parts, min_size=2, max_size=3).map(lambda each: " && ".join(f"({part})" for part in each)),
        st.lists(parts, min_size=2, max_size=3).map(" || ".join),
        parts.map(lambda part: f"!({part})"),
        st.tuples(parts, parts, parts).map(lambda each: "({}) ? ({}) : ({})".format(*each)),
        st.tuples(_QUESTIONS, _QUESTIONS, parts).map(lambda each: "{} && {} || {}".format(*each)),
    ),
    max_leaves=6,
)
LEADS = st.builds(
    LeadFacts,
    country=st.sampled_from([None, "JP", "MX"]),
    employees=st.sampled_from([None, 3, 500]),
    deal_value=st.sampled_from([None, 5.0, 50.0]),
    industry=st.sampled_from([None, "retail"]),
    consent=st.sampled_from([None, True, False]),
    city=st.sampled_from([None, "Monterrey", "Osaka"]),
    received_at=st.sampled_from([None, NOW]),
    attributes=st.sampled_from([{}, {"plan": "pro"}, {"vip": True}, {"vip": "yes", "plan": 3}, {"vip": False}]),
)


@given(CONDITIONS, LEADS, st.sampled_from([None, AccountFacts(), AccountFacts(owner="aiko")]))
def test_an_explanation_never_says_other_than_the_condition(
    text: str, lead: LeadFacts, account: AccountFacts | None
) -> None:
    try:
        Condition.of(text)
    except ConditionRefused:
        return
    found = explain(text, lead, account, now=NOW)
    assert (found.holds is True) == holds(text, lead, account)
    assert found.decisive() or found.how == "if"
    _is_whole(found)


def _is_whole(found: Explained) -> None:
    assert bool(found.parts) == (found.how != "asked")
    for part in found.parts:
        _is_whole(part)
