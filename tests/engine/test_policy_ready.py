"""What is found wrong with readiness, questions and the ways beside the route, before a policy is published."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from dibs.engine.policy import People, canonical, check, from_canonical, read

HEAD = """
policy: Marketing first
qualify:
  questions:
    budget: {ask: A budget?, answers: {yes: 100, no: 0}}
"""
REST = """
route: [{name: Everyone, pull: {pool: inbound}}]
pools: {inbound: {}}
"""


def found(qualify: str, rest: str = REST, people: People | None = None) -> list[tuple[str, str, int | None]]:
    text = HEAD + indent(dedent(qualify), "  ") + rest
    return [(problem.code, problem.severity, problem.line) for problem in check(text, people).problems]


READY = (
    "ready: {when: 'lead.score >= 50', until: {team: marketing}, give_up: {after: 60d, then: {retire: unqualified}}}"
)


def test_a_policy_with_readiness_is_found_right() -> None:
    assert found(READY) == []


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ('lead.answers.budgets == "yes"', "unknown_question"),
        ('lead.answers["mood"] != null', "unknown_question"),
        ('lead.answers.budget == "plenty"', "unknown_answer"),
        ('"plenty" != lead.answers.budget', "unknown_answer"),
        ('lead.answers.budget in ["yes", "plenty"]', "unknown_answer"),
        ("lead.answers.budget > 5", "condition_types"),
        ('lead.answer.budget == "yes"', "unknown_fact"),
        ('rep.country == "JP"', "fact_not_known_here"),
    ],
)
def test_a_condition_asks_of_questions_and_answers_that_there_are(when: str, code: str) -> None:
    said = when.replace("'", "''")
    assert found(f"ready: {{when: '{said}', until: {{nurture: true}}}}") == [(code, "error", 6)]


def test_the_place_in_the_condition_is_told_and_what_may_have_been_meant() -> None:
    (problem,) = check(
        HEAD + "  ready: {when: 'lead.score > 5 && lead.answers.buget == \"yes\"', until: {nurture: true}}" + REST
    ).problems
    assert (problem.line, problem.column) == (6, 36)
    assert "budget" in problem.message


def test_score_and_rank_are_known_of_readiness_and_not_to_questions() -> None:
    assert found("ready: {when: 'lead.rank == \"hot\"', until: {nurture: true}}") == []
    asked = HEAD.replace("ask: A budget?", "ask: A budget?, when: 'lead.score > 5'")
    assert [problem.code for problem in check(asked + REST).problems] == ["fact_not_known_here"]


@pytest.mark.parametrize(("when", "code"), [("true", "ready_always"), ("1 > 2", "ready_never")])
def test_readiness_that_asks_nothing_is_no_readiness(when: str, code: str) -> None:
    assert found(f"ready: {{when: '{when}', until: {{team: marketing}}}}") == [(code, "warning", 6)]


def test_nothing_is_given_up_later_where_all_is_given_up_at_once() -> None:
    text = "ready: {when: 'lead.score >= 50', until: {retire: not_a_fit}, give_up: {after: 60d, then: {retire: unqualified}}}"
    assert found(text) == [("give_up_unused", "warning", 6)]


def test_a_pool_of_marketings_is_for_somebody() -> None:
    ready = "ready: {when: 'lead.score >= 50', until: {pool: inbound}}"
    assert found(ready) == [("until_for_everybody", "warning", 6)]
    of_marketings = REST.replace("inbound: {}", "inbound: {teams: [marketing]}")
    assert of_marketings != REST
    assert [problem.code for problem in check(HEAD + "  " + ready + of_marketings).problems] == []


def test_teams_and_pools_of_ways_are_looked_for_as_those_of_rules_are() -> None:
    assert ("unknown_pool", "error", 6) in found("ready: {when: 'lead.score >= 50', until: {pool: nowhere}}")
    people = People({"closers": 2, "marketing": 0}, frozenset({"aiko"}))
    assert found(READY, people=people) == [("team_empty", "warning", 6)]
    assert found(READY.replace("{retire: unqualified}", "{team: phones}"), people=people) == [
        ("team_empty", "warning", 6),
        ("unknown_team", "warning", 6),
    ]
    assert read(HEAD + "  " + READY + REST).team_names() == {"marketing"}


def test_the_best_answers_count_for_what_a_lead_can_reach() -> None:
    assert found("score: []") == []
    poor = HEAD.replace("yes: 100", "yes: 50")
    assert [problem.code for problem in check(poor + REST).problems] == ["rank_unreachable"]


def test_a_score_by_prediction_wants_a_model_that_is_switched_on() -> None:
    teams, reps = {"marketing": 1}, frozenset({"mia"})
    assert found("by: prediction", people=People(teams, reps, model=False)) == [("no_model", "warning", 6)]
    assert found("by: prediction", people=People(teams, reps, model=True)) == []
    assert found("by: prediction") == []


EXAMPLES = """
route: [{name: Everyone, pull: {pool: inbound}}]
pools: {inbound: {}}
nurture:
  sequences: {drip: {steps: [{after: 1d, mail: hello}]}}
  mails: {hello: {en: {subject: Hello, text: Hello}}}
privacy: {no_consent: {nurture: drip}}
examples:
"""


@pytest.mark.parametrize(
    ("example", "problems"),
    [
        ("{lead: {answers: {budget: yes}}, expect: {side: sales, pool: inbound, score: 100}}", []),
        ("{lead: {answers: {budget: no}}, expect: {side: marketing, team: marketing}}", []),
        ("{lead: {do_not_contact: true}, expect: {retired: do_not_contact, side: sales}}", []),
        ("{lead: {answers: {budget: no}}, expect: {side: sales}}", ["example_failed"]),
        ("{lead: {do_not_contact: true}, expect: {retired: spam}}", ["example_failed"]),
        ("{lead: {consent: false, email: a@b.example}, expect: {nurture: true}}", []),
        ("{lead: {answers: {budget: plenty}}, expect: {score: 1}}", ["unknown_answer"]),
        ("{lead: {answers: {mood: good}}, expect: {score: 1}}", ["unknown_question"]),
        ("{lead: {assessment: 70, assessed: pursue, campaign: spring}, expect: {score: 1}}", []),
    ],
)
def test_examples_know_answers_and_expect_whose_the_lead_is(example: str, problems: list[str]) -> None:
    text = HEAD + "  " + READY + EXAMPLES + f"  - {example}\n"
    assert [problem.code for problem in check(text).problems] == problems


def test_a_policy_says_the_same_published_and_read_again_in_the_same_order() -> None:
    policy = read(
        HEAD.replace("budget:", "zeal: {ask: Keen?, answers: {z: 1, a: 2}}\n    budget:") + "  " + READY + REST
    )
    again = from_canonical(canonical(policy))
    assert again == policy
    assert list(again.qualify.questions) == ["zeal", "budget"]
    assert list(again.qualify.questions["zeal"].answers) == ["z", "a"]
