"""Territories: what is drawn by what, the tree, owners by way of others, days, and what is wrong with a tree."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.engine.decision import Assigned, InPool, InReview
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.policy import check
from dibs.engine.policy_market import Owner
from dibs.engine.policy_model import Policy
from dibs.engine.roster import Roster
from dibs.engine.route import place
from dibs.engine.rulebook import Rulebook
from dibs.engine.territories import Lies, starts_and_ends

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def book(territories: dict[str, dict[str, Any]], **fields: Any) -> Rulebook:
    route = fields.pop("route", [{"name": "Owners", "push": {"to": "territory.owner"}}])
    document = {"policy": "Market", "territories": territories, "route": route, **fields}
    return Rulebook.of(Policy.model_validate(document, strict=False))


def lies(rules: Rulebook, now: datetime = NOON, **facts: Any) -> Lies | None:
    lead = LeadFacts(**facts)
    return rules.territory(lead, rules.activation(lead, now=now), now)


def named(rules: Rulebook, now: datetime = NOON, **facts: Any) -> str | None:
    found = lies(rules, now, **facts)
    return found.name if found is not None else None


ANN = {"rep": "ann"}


@pytest.mark.parametrize(
    ("drawn", "inside", "outside"),
    [
        ({"countries": ["JP", "ID"]}, {"country": "ID"}, {"country": "MX"}),
        ({"regions": ["São Paulo"]}, {"region": " sao paulo "}, {"region": "Bahia"}),
        ({"industries": ["Retail"]}, {"industry": "ＲＥＴＡＩＬ"}, {"industry": "Retail banking"}),
        ({"postal_codes": ["SW1*", "100-0000..109-9999"]}, {"postal_code": "105-0001"}, {"postal_code": "SW2 1AA"}),
        ({"employees": {"at_least": 200}}, {"employees": 200}, {"employees": 199}),
        ({"employees": {"at_most": 50}}, {"employees": 50}, {"employees": 51}),
        ({"employees": {"at_least": 10, "at_most": 50}}, {"employees": 30}, {"employees": 9}),
        ({"when": 'lead.product == "crm"'}, {"product": "crm"}, {"product": "erp"}),
        (
            {"countries": ["JP"], "when": "lead.employees > 10", "regions": ["Tokyo"]},
            {"country": "JP", "region": "tokyo", "employees": 11},
            {"country": "JP", "region": "tokyo", "employees": 10},
        ),
        ({}, {}, None),
    ],
)
def test_all_that_is_given_must_hold_and_what_is_not_known_does_not(
    drawn: dict[str, Any], inside: dict[str, Any], outside: dict[str, Any] | None
) -> None:
    rules = book({"here": {**drawn, "owner": ANN}})
    assert named(rules, **inside) == "here"
    if outside is not None:
        assert named(rules, **outside) is None
        assert named(rules) is None


TREE: dict[str, dict[str, Any]] = {
    "asia": {"countries": ["JP", "ID", "SG"], "owner": {"team": "east"}},
    "large": {"employees": {"at_least": 1000}, "owner": {"rep": "ines"}},
    "japan": {"parent": "asia", "countries": ["JP"]},
    "kansai": {"parent": "japan", "regions": ["Osaka", "Kyoto"], "owner": {"rep": "bo"}},
    "anchor": {"parent": "japan", "when": 'lead.industry == "shipping"', "owner": {"territory": "large"}},
}


def test_the_first_counts_and_within_it_the_first_of_its_parts() -> None:
    rules = book(TREE)
    assert named(rules, country="JP", employees=5000) == "japan"
    assert named(rules, country="JP", region="osaka", industry="shipping") == "kansai"
    assert named(rules, country="JP", industry="shipping") == "anchor"
    assert named(rules, country="SG") == "asia"
    assert named(rules, country="MX", employees=5000) == "large"
    assert named(rules, country="MX") is None
    # Only what lies in the parent lies in the part.
    assert named(rules, country="MX", region="Osaka") is None


def test_an_owner_is_its_own_or_anothers_or_the_parents() -> None:
    rules = book(TREE)
    kansai = lies(rules, country="JP", region="Osaka")
    assert kansai is not None
    assert (kansai.owner, kansai.through, kansai.above) == (Owner(rep="bo"), None, ("japan", "asia"))
    japan = lies(rules, country="JP")
    assert japan is not None
    assert (japan.owner, japan.through, japan.above) == (Owner(team="east"), "asia", ("asia",))
    anchor = lies(rules, country="JP", industry="shipping")
    assert anchor is not None
    assert (anchor.owner, anchor.through) == (Owner(rep="ines"), "large")


def test_a_push_goes_to_whose_it_is_and_says_by_way_of_which() -> None:
    rules = book({**TREE, "far": {"when": 'lead.country == "MX"'}})
    roster = Roster({handle: RepFacts(handle) for handle in ("bo", "ines", "eri")}, {"east": ("eri",)}, {})

    def placed(**facts: Any) -> Any:
        return place(rules, LeadFacts(**facts), None, LeadClock("1", "new"), roster, NOON, "seed")[0]

    plain = placed(country="SG")
    assert (plain.to, plain.territory) == (Assigned("eri", "east"), "asia")
    assert [reason.code for reason in plain.reasons if "terr" in reason.code or "owned" in reason.code] == [
        "in_territory"
    ]
    deep = placed(country="JP", industry="shipping")
    assert deep.to == Assigned("ines")
    said = {reason.code: reason.params for reason in deep.reasons}
    assert said["in_territory_of"] == {"territory": "anchor", "above": "japan"}
    assert said["owned_as"] == {"territory": "anchor", "other": "large"}
    nobodys = placed(country="MX")
    assert (nobodys.to, nobodys.territory) == (InReview("managers"), "far")


def test_a_territory_nobody_owns_leaves_its_leads_to_the_fallback() -> None:
    route = [{"name": "Owners", "push": {"to": "territory.owner"}, "fallback": {"pool": "inbound"}}]
    rules = book({"mine": {"countries": ["JP"]}}, route=route, pools={"inbound": {}})
    placement, _ = place(rules, LeadFacts(country="JP"), None, LeadClock("1", "new"), Roster({}, {}, {}), NOON, "seed")
    assert placement.to == InPool("inbound")
    assert placement.territory == "mine"


def test_days_begin_in_the_policys_zone_and_both_ends_count_in() -> None:
    drawn = {"fair": {"countries": ["JP"], "starts": "2026-03-02", "ends": "2026-03-03", "owner": ANN}}
    tokyo = book(drawn, timezone="Asia/Tokyo")
    first, last = datetime(2026, 3, 1, 15, tzinfo=UTC), datetime(2026, 3, 3, 14, 59, tzinfo=UTC)
    assert named(tokyo, first, country="JP") == "fair"
    assert named(tokyo, last, country="JP") == "fair"
    assert named(tokyo, first.replace(hour=14, minute=59), country="JP") is None
    assert named(tokyo, last.replace(hour=15), country="JP") is None
    assert named(book(drawn), first, country="JP") is None


def test_what_has_ended_ends_with_all_its_parts_and_the_next_one_counts() -> None:
    rules = book(
        {
            "old": {"countries": ["JP"], "ends": "2026-03-01", "owner": ANN},
            "part": {"parent": "old", "owner": ANN},
            "new": {"countries": ["JP"], "owner": {"rep": "bo"}},
        }
    )
    assert named(rules, country="JP") == "new"
    assert named(rules, datetime(2026, 3, 1, 12, tzinfo=UTC), country="JP") == "part"


def test_conditions_and_bounds_in_turn_keep_their_order() -> None:
    rules = book(
        {
            "a": {"when": 'lead.source == "a"'},
            "b": {"when": "lead.employees > 5"},
            "c": {"countries": ["JP"]},
            "d": {"when": "lead.employees > 3"},
            "e": {"countries": ["ID", "JP"], "when": "lead.employees > 2"},
            "f": {"countries": ["ID"]},
        }
    )
    assert named(rules, source="a", country="JP", employees=9) == "a"
    assert named(rules, country="JP", employees=9) == "b"
    assert named(rules, country="JP", employees=4) == "c"
    assert named(rules, country="ID", employees=4) == "d"
    assert named(rules, country="ID", employees=3) == "e"
    assert named(rules, country="ID", employees=2) == "f"
    assert named(rules, country="ID") == "f"


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "countries": st.lists(st.sampled_from(["JP", "ID", "MX"]), min_size=1, max_size=2, unique=True),
                "industries": st.lists(st.sampled_from(["Retail", "Steel"]), min_size=1, max_size=1),
                "when": st.sampled_from(["lead.employees > 5", 'lead.source == "fair"', "true"]),
                "employees": st.sampled_from([{"at_least": 3}, {"at_most": 7}]),
                "parent": st.sampled_from(["t0", "t1", "t2"]),
            },
        ),
        max_size=8,
    ),
    st.sampled_from(["JP", "ID", "BR", None]),
    st.sampled_from(["retail", "steel", None]),
    st.integers(1, 9) | st.none(),
    st.sampled_from(["fair", None]),
)
def test_a_lookup_finds_what_asking_each_in_turn_would(
    drawn: list[dict[str, Any]], country: str | None, industry: str | None, employees: int | None, source: str | None
) -> None:
    territories = {f"t{n}": one for n, one in enumerate(drawn)}

    def in_it(one: dict[str, Any]) -> bool:
        sizes = one.get("employees", {})
        return (
            (not one.get("countries") or country in one["countries"])
            and (not one.get("industries") or (industry or "").title() in one["industries"])
            and (
                not sizes
                or (employees is not None and sizes.get("at_least", 0) <= employees <= sizes.get("at_most", 99))
            )
            and {
                None: True,
                "true": True,
                "lead.employees > 5": (employees or 0) > 5,
                'lead.source == "fair"': source == "fair",
            }[one.get("when")]
        )

    expected: str | None = None
    deeper = True
    while deeper:
        below = (name for name, one in territories.items() if one.get("parent") == expected and in_it(one))
        found = next(below, None)
        deeper = found is not None
        expected = found or expected
    facts = {"country": country, "industry": industry, "employees": employees, "source": source}
    assert named(book(territories), **facts) == expected


def test_what_begins_or_ends_between_two_days_is_named() -> None:
    policy = book(
        {
            "begins": {"starts": "2026-03-02"},
            "ended": {"ends": "2026-03-01"},
            "ends": {"ends": "2026-03-02"},
            "stays": {"starts": "2026-01-01", "ends": "2026-12-31"},
            "always": {},
        }
    ).policy
    assert list(starts_and_ends(policy.territories, date(2026, 3, 1), date(2026, 3, 2))) == ["begins", "ended"]
    assert list(starts_and_ends(policy.territories, date(2026, 3, 2), date(2026, 3, 2))) == []
    assert list(starts_and_ends(policy.territories, date(2026, 3, 2), date(2026, 3, 3))) == ["ends"]


PUSHED = "route:\n  - {name: Owners, push: {to: territory.owner}}\n"


def problems(*territories: str, rest: str = PUSHED) -> list[tuple[str, str, str]]:
    lines = "".join(f"  {line}\n" for line in territories)
    checked = check(f"policy: Market\nterritories:\n{lines}{rest}")
    return [(each.severity, each.code, each.path) for each in checked.problems]


@pytest.mark.parametrize(
    ("territories", "expected"),
    [
        (("a: {owner: {rep: x}, parent: b}",), [("error", "unknown_territory", "territories.a.parent")]),
        (("a: {owner: {territory: b}}",), [("error", "unknown_territory", "territories.a.owner.territory")]),
        (
            ("a: {owner: {rep: x}, parent: a}",),
            [("error", "territory_circle", "territories.a.parent")],
        ),
        (
            ("a: {owner: {rep: x}, parent: b}", "b: {owner: {rep: x}, parent: c}", "c: {owner: {rep: x}, parent: a}"),
            [("error", "territory_circle", "territories.a.parent")],
        ),
        (
            ("a: {countries: [JP], owner: {territory: b}}", "b: {countries: [ID], owner: {territory: a}}"),
            [("error", "owner_circle", "territories.a.owner")],
        ),
        (
            ("a: {countries: [JP], owner: {territory: b}}", "b: {parent: a}"),
            [("error", "owner_circle", "territories.a.owner")],
        ),
        (("a: {owner: {rep: x}, countries: [UK]}",), [("warning", "unknown_country", "territories.a.countries[0]")]),
        (
            ("a: {owner: {rep: x}, countries: [JP], postal_codes: [100-0000, 9..1]}",),
            [("error", "postal_range", "territories.a.postal_codes[1]")],
        ),
        (
            ("a: {owner: {rep: x}, postal_codes: [100-0000]}",),
            [("warning", "postal_without_country", "territories.a.postal_codes")],
        ),
        (
            ("a: {owner: {rep: x}, countries: [JP]}", "b: {parent: a, postal_codes: [100-0000]}"),
            [],
        ),
        (
            ("a: {owner: {rep: x}, employees: {at_least: 9, at_most: 8}}",),
            [("error", "sizes_crossed", "territories.a.employees")],
        ),
        (
            ("a: {owner: {rep: x}, starts: 2026-03-02, ends: 2026-03-01}",),
            [("error", "ends_before_start", "territories.a.ends")],
        ),
        (("a: {countries: [JP]}",), [("warning", "territory_unowned", "territories.a")]),
        (
            ("a: {owner: {rep: x}, countries: [JP, ID]}", "b: {owner: {rep: x}, countries: [JP]}"),
            [("warning", "territory_unreachable", "territories.b")],
        ),
        (
            ("a: {owner: {rep: x}, countries: [JP], ends: 2026-12-31}", "b: {owner: {rep: x}, countries: [JP]}"),
            [],
        ),
        (
            ("a: {owner: {rep: x}, regions: [Osaka], countries: [JP]}", "b: {owner: {rep: x}, countries: [JP]}"),
            [],
        ),
        (
            ("a: {owner: {rep: x}}", "b: {owner: {rep: y}, parent: a}", "c: {owner: {rep: y}, countries: [JP]}"),
            [("warning", "territory_unreachable", "territories.c")],
        ),
        (
            ("a: {owner: {rep: x}, countries: [JP]}", "b: {parent: a, countries: [MX]}"),
            [("warning", "territory_unreachable", "territories.b")],
        ),
        (
            ("a: {owner: {rep: x}, employees: {at_most: 9}}", "b: {parent: a, employees: {at_least: 10}}"),
            [("warning", "territory_unreachable", "territories.b")],
        ),
        (
            ("a: {owner: {rep: x}, ends: 2026-03-01}", "b: {parent: a, starts: 2026-03-02}"),
            [("warning", "territory_unreachable", "territories.b")],
        ),
        (
            ("a: {owner: {rep: x}, when: 'false'}",),
            [("warning", "territory_unreachable", "territories.a")],
        ),
        (
            ("a: {owner: {rep: x}, when: 'lead.employees > 5'}", "b: {owner: {rep: x}, when: 'lead.employees  > 5'}"),
            [("warning", "territory_unreachable", "territories.b")],
        ),
    ],
)
def test_what_does_not_hang_together_is_told_with_its_place(
    territories: tuple[str, ...], expected: list[tuple[str, str, str]]
) -> None:
    assert problems(*territories) == expected


def test_without_a_push_to_owners_nobody_need_own() -> None:
    assert problems("a: {countries: [JP]}", rest="route:\n  - {name: All, review: managers}\n") == []


def test_a_draft_with_a_circle_ends_all_the_same() -> None:
    rules = book({"a": {"parent": "b"}, "b": {"parent": "a", "owner": {"territory": "a"}}, "c": {"owner": ANN}})
    assert named(rules) == "c"
