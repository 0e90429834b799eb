"""A policy's own examples, and those of the policies that come with Dibs."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest

from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts
from dibs.engine.policy import check
from dibs.engine.policy_cases import AccountInExample, LeadInExample, RepInExample

SHIPPED = sorted((Path(__file__).parents[2] / "policies").glob("*.yaml"))

START = """\
policy: With examples
qualify:
  score: [{when: 'lead.consent', add: 80}]
territories:
  japan: {when: 'lead.country == "JP"', owner: {team: tokyo}}
route:
  - {name: Owner, when: 'account.owner != null', push: {to: account.owner}, fallback: {review: managers}}
  - {name: Hot, when: 'lead.score >= 75', push: {team: closers, accept_within: 5m}, fallback: {pool: inbound}}
  - {name: Japan, when: 'lead.country == "JP"', push: {to: territory.owner}}
  - {name: Never, when: 'lead.source == "spam"', nurture: true}
  - {name: Rest, pull: {pool: inbound}}
teams:
  closers: {open_at_most: 5}
pools:
  inbound: {}
examples:
"""


def example(text: str) -> str:
    """The one problem of a policy with this example, or nothing."""
    checked = check(f"{START}  - {text}\n")
    assert all(each.code == "example_failed" for each in checked.problems), checked.problems
    assert checked.ok is not checked.problems
    return "; ".join(each.message for each in checked.problems)


@pytest.mark.parametrize(
    "text",
    [
        "{lead: {}, expect: {pool: inbound, rule: Rest, rank: cool, score: 1}}",
        "{lead: {consent: true}, expect: {team: closers, rep: closers, rule: Hot, rank: hot, score: 80}}",
        "{lead: {consent: true}, reps: {closers: {open_leads: 5}}, expect: {pool: inbound, rule: Hot}}",
        "{lead: {consent: true}, reps: {ann: {team: closers}}, expect: {team: closers, rep: ann}}",
        "{lead: {}, account: {owner: petra}, expect: {rep: petra, rule: Owner}}",
        "{lead: {}, account: {owner: petra}, reps: {petra: {active: false}}, expect: {review: managers}}",
        "{lead: {country: JP}, expect: {territory: japan, team: tokyo, rep: tokyo}}",
        "{lead: {source: spam}, expect: {nurture: true, rule: Never}}",
        "{lead: {}, now: 2026-03-01T12:00:00Z, expect: {pool: inbound}}",
    ],
)
def test_an_example_that_holds_is_no_problem(text: str) -> None:
    assert example(text) == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{lead: {}, expect: {pool: japan}}", "example 1: expected pool japan, got inbound"),
        ("{name: Big, lead: {}, expect: {rank: hot}}", "Big: expected rank hot, got cool (pool inbound, score 1, rule Rest)"),
        ("{lead: {}, expect: {rep: aiko}}", "expected rep aiko, got nothing (pool inbound"),
        ("{lead: {consent: true}, expect: {pool: inbound}}", "expected pool inbound, got nothing (rep closers, team closers"),
        ("{lead: {country: MX}, expect: {territory: japan}}", "expected territory japan, got nothing"),
        ("{lead: {}, expect: {rule: Hot, score: 80}}", "expected rule Hot, got Rest"),
    ],
)  # fmt: skip
def test_one_that_does_not_is_told_with_what_came_instead(text: str, says: str) -> None:
    assert says in example(text)


def test_a_failed_example_is_told_at_its_expectation_and_keeps_the_policy_from_being_published() -> None:
    checked = check(START + "  - {lead: {}, expect: {pool: inbound, rank: hot}}\n")
    assert not checked.ok
    (problem,) = checked.problems
    assert (problem.line, problem.column, problem.path) == (17, 46, "examples[0].expect.rank")
    assert [(result.held, result.missed) for result in checked.examples] == [(False, ("rank",))]


def test_examples_are_not_run_while_something_else_is_wrong() -> None:
    checked = check(
        (START + "  - {lead: {}, expect: {rank: hot}}\n").replace("{pool: inbound}}\nteams", "{pool: inbund}}\nteams")
    )
    assert "example_failed" not in {each.code for each in checked.problems}
    assert checked.examples == ()


def test_examples_know_every_fact_but_what_comes_of_them() -> None:
    assert set(LeadInExample.model_fields) == set(get_type_hints(LeadFacts)) - {"score", "rank", "likelihood"}
    assert set(AccountInExample.model_fields) == set(get_type_hints(AccountFacts))
    untold = {"handle", "hours", "tier", "pushed_at"}
    assert set(RepInExample.model_fields) - {"team"} == set(get_type_hints(RepFacts)) - untold


def test_there_is_a_policy_for_each_model() -> None:
    assert {path.stem for path in SHIPPED} >= {
        "round_robin",
        "weighted_round_robin",
        "least_open",
        "first_available",
        "named_accounts",
        "hot_push_warm_pull",
        "queue",
        "pool",
        "cherry_pick",
        "territory_pools",
        "territories",
        "escalation",
        "tiers",
    }


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_has_no_problems_and_an_example_for_each_of_its_rules(path: Path) -> None:
    checked = check(path.read_text(encoding="utf-8"))
    assert checked.problems == ()
    assert checked.policy is not None
    shown = {result.came.get("rule") for result in checked.examples}
    assert {rule.name for rule in checked.policy.route} <= shown
