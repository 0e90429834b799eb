"""Conditions: what holds, what an unknown fact does, and what is refused where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.engine.asking import Facts
from dibs.engine.conditions import FACTS, Condition, ConditionRefused
from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts
from dibs.engine.policy import check

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LEAD = LeadFacts(
    source="pricing",
    title="Head of Sales, 営業部長",
    employees=250,
    country="JP",
    deal_value=1500.0,
    consent=True,
    received_at=NOW - timedelta(hours=30),
    score=80,
    rank="hot",
    attributes={"pages_seen": 7, "campaign": "spring", "budget": 10.5, "note": None},
)
ACCOUNT = AccountFacts(name="Kaisha", owner="aiko")
REP = RepFacts(handle="aiko", closed=30, conversion_rate=0.25, languages=("ja", "en"))


def holds(
    text: str, lead: LeadFacts = LEAD, account: AccountFacts | None = ACCOUNT, rep: RepFacts | None = REP
) -> bool:
    condition = Condition.of(text)
    return condition.holds(Facts([condition]).activation(lead, account, rep, NOW))


@pytest.mark.parametrize(
    "text",
    [
        'lead.country == "JP"',
        'lead.source in ["demo_request", "pricing"]',
        "lead.employees >= 200 && lead.employees < 1000",
        "lead.consent",
        'lead.title.contains("部長")',
        'lead.title.lowerAscii().startsWith("head")',
        'lead.title.matches("(?i)head|chief")',
        "lead.deal_value > 1000",
        "1000 < lead.deal_value",
        "lead.deal_value >= -1",
        "lead.deal_value * 2 > 2999",
        "lead.deal_value / double(lead.employees) < 10.0",
        "lead.attributes.pages_seen > 5",
        "lead.attributes.budget > 10",
        'lead.attributes["campaign"] == "spring"',
        'account.owner == "aiko"',
        'rep.conversion_rate >= 0.2 && rep.closed >= 20 && "ja" in rep.languages',
        'now - lead.received_at > duration("24h")',
        'now.getHours("Asia/Tokyo") == 18',
        'lead.score >= 75 && lead.rank == "hot"',
        "lead . country == 'JP' // a remark with null in it",
        '"null" != lead.country',
    ],
)
def test_holds_of_a_lead_it_describes(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        'lead.country == "JP"',
        'lead.country != "JP"',
        'lead.country in ["JP"]',
        '!(lead.country == "JP")',
        "lead.employees >= 0",
        "!(lead.employees >= 0)",
        "lead.deal_value < 1e12",
        "lead.consent",
        "!lead.consent",
        "lead.attributes.pages_seen > 5",
        'lead.attributes["campaign"] != "x"',
        'account.owner != "aiko"',
        "rep.conversion_rate < 0.5",
        'lead.received_at < timestamp("2099-01-01T00:00:00Z")',
        'lead.country == "JP" && lead.employees > 0',
    ],
)
def test_is_false_when_a_fact_is_not_known_also_if_it_denies(text: str) -> None:
    assert not holds(text, LeadFacts(), AccountFacts(), None)
    assert not holds(text, LeadFacts(), None, None)


def test_an_unknown_fact_does_not_spoil_what_is_true_without_it() -> None:
    only_country = LeadFacts(country="JP")
    assert holds('lead.country == "JP" || lead.employees > 10', only_country)
    assert holds('lead.employees > 10 || lead.country == "JP"', only_country)
    assert not holds('lead.country == "MX" && lead.employees > 10', only_country)


@pytest.mark.parametrize(
    ("text", "known", "unknown"),
    [
        ("lead.country == null", False, True),
        ("lead.country != null", True, False),
        ("null == lead.country", False, True),
        ("null != lead.country", True, False),
        ("account.owner == null", False, True),
        ("account.owner != null && lead.employees != null", True, False),
        ("(lead.deal_value == null || lead.deal_value > 100)", True, True),
        ("lead.attributes.campaign == null", False, True),
        ('lead.attributes["campaign"] != null', True, False),
        ('null == lead.attributes["campaign"]', False, True),
        ("lead.attributes.note == null", True, True),
        ("lead.consent == null ? false : lead.consent", True, False),
        ("[lead.country == null, lead.employees == null].exists(x, x)", False, True),
    ],
)
def test_null_asks_whether_a_fact_is_known(text: str, known: bool, unknown: bool) -> None:
    assert holds(text) is known
    assert holds(text, LeadFacts(), None) is unknown


@pytest.mark.parametrize(
    ("text", "code", "at", "hint"),
    [
        ("lead.employes >= 200", "unknown_fact", 0, "lead.employees"),
        ('lead.country == "日本" && lead.contry == "x"', "unknown_fact", 24, "lead.country"),
        ("lead.employees > 1 &&\n  lead.employes > 2", "unknown_fact", 24, "lead.employees"),
        ("lead.budget_for_tools > 10", "unknown_fact", 0, "lead.attributes.budget_for_tools"),
        ('country == "JP"', "unknown_fact", 0, "lead.country"),
        ('lead == "JP"', "unknown_fact", 0, "lead.source"),
        ('lead["country"] == "JP"', "unknown_fact", 0, "lead."),
        ("absent.lead.country", "unknown_fact", 0, "lead.country == null"),
        ("lead.deal_value > 10 && lead.country != null && lead.xx == 1", "unknown_fact", 48, "lead.xx"),
        ("lead.deal_value > 10 && lead.deal_value < 20 && foo(1)", "unknown_fact", 48, "foo"),
        ('lead.employees == "many"', "condition_types", 15, "int and string"),
        ("lead.deal_value > 3 && lead.employees + 0.5 > 1.0", "condition_types", 38, "double( )"),
        ("lead.country", "condition_not_bool", 0, "string"),
        ("lead.employees + 1", "condition_not_bool", 0, "int"),
        ("lead.country ==", "condition_invalid", 15, "too early"),
        ('lead.country = "JP"', "condition_invalid", 13, ""),
        ('lead.country == "JP" and lead.consent', "condition_invalid", 21, "and"),
        ("null", "null_misused", 0, "lead.country == null"),
        ("!lead.consent == null", "null_misused", 17, ""),
        ("lead.attributes == null", "null_misused", 19, ""),
        ("lead.country in [null]", "null_misused", 17, ""),
        ("(" * 60 + "true" + ")" * 60, "condition_too_deep", 0, "several rules"),
        ("true || " * 300 + "true", "condition_too_long", 0, "2,000"),
    ],
)
def test_is_refused_with_a_place_and_a_way_out(text: str, code: str, at: int, hint: str) -> None:
    with pytest.raises(ConditionRefused) as refused:
        Condition.of(text)
    assert (refused.value.code, refused.value.at) == (code, at)
    assert hint in refused.value.message


def test_asks_only_what_is_known_where_it_stands() -> None:
    with pytest.raises(ConditionRefused, match=r"rep\.closed is not known here") as refused:
        Condition.of("lead.consent && rep.closed > 5", about=("lead", "now"))
    assert refused.value.code == "fact_not_known_here"
    assert refused.value.at == 16
    with pytest.raises(ConditionRefused, match="is what is being counted"):
        Condition.of("lead.score > 5", unknown={"lead.score": "is what is being counted"})


def test_runtime_errors_are_false() -> None:
    assert not holds("lead.employees / 0 == 1")
    assert not holds('lead.title.matches("(unclosed")')
    assert not holds("timestamp(lead.country) == now")


def test_work_that_would_not_end_is_cut_off() -> None:
    ten = "[0,1,2,3,4,5,6,7,8,9]"
    nested = "true"
    for name in "abcdefg":
        nested = f"{ten}.all({name}, {nested})"
    assert not holds(nested)


def test_every_fact_of_lead_account_and_rep_can_be_asked() -> None:
    wanted = {f"lead.{name}" for name in get_type_hints(LeadFacts)} | {
        f"account.{name}" for name in get_type_hints(AccountFacts)
    }
    wanted |= {f"rep.{name}" for name in get_type_hints(RepFacts)} - {"rep.hours", "rep.tier", "rep.pushed_at"} | {
        "now"
    }
    assert set(FACTS) == wanted


def test_only_facts_that_are_asked_are_fetched() -> None:
    class Shy:
        country = "JP"

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was fetched")

    condition = Condition.of('lead.country == "JP"')
    assert condition.holds(Facts([condition]).activation(Shy()))  # type: ignore[arg-type]


def test_work_without_end_is_not_true_whether_it_asks_of_the_lead_or_not() -> None:
    sixty = str(list(range(60)))
    for asked in ("e > 100", "lead.employees > e"):
        endless = f"{sixty}.all(a, {sixty}.all(b, {sixty}.all(c, {sixty}.all(d, {sixty}.exists(e, !({asked}))))))"
        text = f"policy: X\nroute:\n  - {{name: A, when: '{endless}', review: managers}}\n"
        assert {problem.severity for problem in check(text).problems} == {"warning"}


def test_text_that_the_runtime_cannot_take_equals_nothing() -> None:
    broken = LeadFacts(country="\ud800", attributes={"x": "\ud800"})
    assert not holds('lead.country == "JP"', broken)
    assert not holds('lead.attributes.x == "JP"', broken)


@given(st.integers(), st.integers(min_value=0, max_value=10**6))
def test_compares_whole_numbers_as_python_does(employees: int, limit: int) -> None:
    expected = employees >= limit if -(2**63) <= employees < 2**63 else False
    assert holds(f"lead.employees >= {limit}", LeadFacts(employees=employees)) is expected


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(min_value=0, max_value=10**6))
def test_compares_fractions_with_whole_numbers(value: float, limit: int) -> None:
    assert holds(f"lead.deal_value > {limit}", LeadFacts(deal_value=value)) is (value > limit)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_no_text_of_a_lead_makes_it_fail(value: str) -> None:
    lead = LeadFacts(country=value, attributes={value: value})
    assert holds('lead.country == "JP"', lead) is (value == "JP")
    assert holds("lead.attributes != lead.attributes", lead) is False


@given(st.text(max_size=60))
def test_no_text_as_a_condition_does_more_than_be_refused(text: str) -> None:
    try:
        condition = Condition.of(text)
    except ConditionRefused as refusal:
        place = refusal.at
        assert 0 <= place <= len(text)
    else:
        assert isinstance(condition.holds(Facts([condition]).activation(LEAD, ACCOUNT, REP, NOW)), bool)


pieces = st.sampled_from(
    ["lead.country", "lead.employees", "lead.deal_value", "lead.zip", "null", "==", "!=", ">", "&&", "||", "!", "(", ")", '"JP"', "10", "2.5",
     "in", "[", "]", ",", "lead.attributes.x", "?", ":", "-", "+", "now", "// x", "\n"]
)  # fmt: skip


@given(st.lists(pieces, max_size=14))
def test_no_heap_of_pieces_does_more_than_be_refused(parts: list[str]) -> None:
    text = " ".join(parts)
    try:
        condition = Condition.of(text)
    except ConditionRefused as refusal:
        assert 0 <= refusal.at <= len(text)  # noqa: PT017  (refused or not: both are right)
    else:
        assert isinstance(condition.holds(Facts([condition]).activation(LEAD)), bool)
