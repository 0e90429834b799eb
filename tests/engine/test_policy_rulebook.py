"""A compiled policy answers as its conditions one by one would."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dibs.engine.facts import LeadFacts
from dibs.engine.policy import Policy
from dibs.engine.rulebook import Rulebook

conditions = st.sampled_from(
    [
        None,
        'lead.country == "JP"',
        'lead.country != "JP"',
        "lead.employees >= 50",
        "lead.employees / 0 == 1",
        "lead.attributes.x == 1",
        "lead.deal_value > 10",
        "lead.consent || lead.employees > 3",
        "lead.country == null",
        "lead.domain != null && lead.employees < 9",
        "false",
        # Gives up instead of answering, also as a part of a block of conditions.
        "[0,1,2,3,4,5,6,7,8,9].all(a, " * 6 + "true" + ")" * 6,
        "(" * 24 + "lead.consent" + ")" * 24,
    ]
)
leads = st.builds(
    LeadFacts,
    country=st.sampled_from([None, "JP", "MX", "\ud800"]),
    employees=st.sampled_from([None, 3, 60]),
    deal_value=st.sampled_from([None, 5, 20.5]),
    consent=st.sampled_from([None, True, False]),
    domain=st.sampled_from([None, "x.example"]),
    attributes=st.sampled_from([{}, {"x": 1}, {"x": "1"}, {"x": None}]),
)


def book(whens: list[str | None]) -> Rulebook:
    route: Any = tuple({"name": f"rule {i}", "when": when, "pull": {"pool": "p"}} for i, when in enumerate(whens))
    return Rulebook.of(Policy.model_validate({"policy": "P", "route": route}))


@given(st.lists(conditions, min_size=1, max_size=30), st.lists(leads, min_size=1, max_size=5))
def test_the_first_rule_is_the_one_found_by_asking_each_in_turn(whens: list[str | None], some: list[LeadFacts]) -> None:
    rules = book(whens)
    for lead in some:
        activation = rules.activation(lead)
        slowly = next((route for route in rules.routes if route.when is None or route.when.holds(activation)), None)
        assert rules.first(activation) is slowly


def test_rules_are_numbered_by_their_place() -> None:
    rules = book(['lead.country == "JP"', None])
    found = rules.first(rules.activation(LeadFacts(country="MX")))
    assert found is not None
    assert (found.index, found.rule.name, found.when) == (1, "rule 1", None)
    assert book(['lead.country == "JP"']).first(rules.activation(LeadFacts(country="MX"))) is None
