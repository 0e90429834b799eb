"""Questionnaires: what their answers come to, and what that leads to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dibs.engine.assess import Graded, UnknownAnswer, assessed, gives_up, grade, highest, offered
from dibs.engine.facts import AccountFacts, LeadFacts
from dibs.engine.policy import canonical, check, from_canonical
from dibs.engine.policy_assess import Assessment
from dibs.engine.rulebook import Rulebook

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)

POLICY = """
policy: Assessed
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {}}
assessments:
  first_call:
    title: {en: First call, ja: 初回の電話}
    when: lead.product == "crm"
    questions:
      need: {ask: How much do they need it?, weight: 3, required: true, answers: {none: 0, some: 50, much: 100}}
      budget: {ask: Is there a budget?, answers: {"no": {value: 0, says: Not this year}, "yes": 80}}
    verdicts:
      - {score: 70, pursue: true}
      - {retire: not_a_fit}
      - {score: 40, follow_up: 14d}
      - {score: 20, hand_over: {pool: inbound}}
  spring:
    title: Spring fair
    when: lead.campaign == "spring"
    questions: {met: {ask: Met at the stand?, answers: {"no": 0, "yes": 100}}}
    verdicts: [{hand_over: true}]
  anybody:
    title: Anybody
    questions: {fits: {ask: Fits?, answers: {"no": 0, "yes": 100}}}
    verdicts: [{pursue: true}]
"""


@pytest.fixture(scope="module")
def book() -> Rulebook:
    checked = check(POLICY)
    assert checked.problems == ()
    assert checked.policy is not None
    return Rulebook.of(from_canonical(canonical(checked.policy)))


@pytest.fixture(scope="module")
def call(book: Rulebook) -> Assessment:
    return book.policy.assessments["first_call"]


@pytest.mark.parametrize(
    ("answers", "score", "at_most", "leads_to"),
    [
        ({}, 0, 95, "retire"),
        ({"budget": "yes"}, 20, 95, "hand_over"),
        ({"need": "some"}, 38, 58, "hand_over"),  # 37.5: halves go up
        ({"need": "some", "budget": "yes"}, 58, 58, "follow_up"),
        ({"need": "much", "budget": "no"}, 75, 75, "pursue"),
        ({"need": "much", "budget": "yes"}, 95, 95, "pursue"),
        ({"need": "none", "budget": "no"}, 0, 0, "retire"),
    ],
)
def test_a_score_is_the_mean_of_the_answers_by_weight_and_leads_to_the_highest_verdict_reached(
    call: Assessment, answers: Mapping[str, str], score: int, at_most: int, leads_to: str
) -> None:
    graded = grade(call, answers)
    assert (graded.score, graded.at_most, graded.leads_to, graded.answered) == (score, at_most, leads_to, len(answers))
    assert graded.missing == (() if "need" in answers else ("need",))


def test_the_verdict_counts_and_not_its_place_in_the_list(call: Assessment) -> None:
    assert grade(call, {"need": "some", "budget": "yes"}).place == 2
    assert grade(call, {}).place == 1


@pytest.mark.parametrize(
    ("answers", "question", "answer"),
    [
        ({"need": "very much"}, "need", "very much"),
        ({"needs": "much"}, "needs", None),
        ({"need": ""}, "need", ""),
        ({"": ""}, "", None),
    ],
)
def test_what_is_no_answer_is_refused_by_name(
    call: Assessment, answers: Mapping[str, str], question: str, answer: str | None
) -> None:
    with pytest.raises(UnknownAnswer) as refused:
        grade(call, answers)
    assert (refused.value.question, refused.value.answer) == (question, answer)


@pytest.mark.parametrize(
    ("lead", "names"),
    [
        (LeadFacts(), ("anybody",)),
        (LeadFacts(product="crm"), ("first_call", "anybody")),
        (LeadFacts(product="crm", campaign="spring"), ("first_call", "spring", "anybody")),
        (LeadFacts(product="erp", campaign="autumn"), ("anybody",)),
    ],
)
def test_questionnaires_are_for_leads_of_a_product_or_a_campaign(
    book: Rulebook, lead: LeadFacts, names: tuple[str, ...]
) -> None:
    assert offered(book, lead, AccountFacts(name="Any"), NOW) == names


def test_why_a_lead_is_given_up_may_stand_in_two_ways(book: Rulebook, call: Assessment) -> None:
    assert gives_up(call.verdicts[1]) == "not_a_fit"
    assert [gives_up(verdict) for verdict in (*call.verdicts[:1], *call.verdicts[2:])] == [None, None, None]
    assert gives_up(book.policy.assessments["spring"].verdicts[0]) is None
    by_way = call.verdicts[3].model_copy(
        update={"hand_over": call.verdicts[3].hand_over.model_copy(update={"pool": None, "retire": "spam"})}  # type: ignore[union-attr]
    )
    assert gives_up(by_way) == "spam"


def test_the_log_keeps_score_and_verdict_and_where_the_policy_says_so(call: Assessment) -> None:
    reason = assessed("first_call", grade(call, {"need": "much"}))
    assert reason.code == "assessed"
    assert reason.params == {"template": "first_call", "score": 75, "verdict": "pursue"}
    assert reason.rule == "assessments.first_call.verdicts[0]"


def test_an_assessment_says_how_long_until_it_is_looked_at_again(call: Assessment) -> None:
    assert grade(call, {"need": "some", "budget": "yes"}).verdict.follow_up == timedelta(days=14)


# Any questionnaire.


@st.composite
def _questionnaires(draw: st.DrawFn) -> tuple[Assessment, dict[str, str]]:
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True))
    questions: dict[str, Any] = {}
    answers: dict[str, str] = {}
    for name in names:
        values = draw(st.lists(st.integers(0, 100), min_size=2, max_size=5))
        questions[name] = {
            "ask": name,
            "weight": draw(st.integers(1, 100)),
            "required": draw(st.booleans()),
            "answers": {f"a{place}": value for place, value in enumerate(values)},
        }
        given = draw(st.none() | st.sampled_from(sorted(questions[name]["answers"])))
        if given is not None:
            answers[name] = given
    scores = {0, *draw(st.sets(st.integers(0, 100), max_size=4))}
    verdicts = [{"score": score, "pursue": True} for score in draw(st.permutations(sorted(scores)))]
    return Assessment.model_validate({"title": "T", "questions": questions, "verdicts": tuple(verdicts)}), answers


def _exactly(assessment: Assessment, values: Mapping[str, int]) -> int:
    """The score by the book, in fractions."""
    weights = sum(question.weight for question in assessment.questions.values())
    total = sum(assessment.questions[name].weight * value for name, value in values.items())
    return floor(Fraction(total, weights) + Fraction(1, 2))


@given(_questionnaires())
def test_any_questionnaire_scores_as_fractions_do(drawn: tuple[Assessment, dict[str, str]]) -> None:
    assessment, answers = drawn
    graded = grade(assessment, answers)
    given_values = {name: assessment.questions[name].answers[answer].value for name, answer in answers.items()}
    best = {
        name: given_values.get(name, max(choice.value for choice in question.answers.values()))
        for name, question in assessment.questions.items()
    }
    assert graded.score == _exactly(assessment, given_values)
    assert graded.at_most == _exactly(assessment, best)
    assert 0 <= graded.score <= graded.at_most <= highest(assessment) <= 100
    reached = [verdict.score for verdict in assessment.verdicts if verdict.score <= graded.score]
    assert graded.verdict.score == max(reached)


@given(_questionnaires(), st.data())
def test_another_answer_never_lowers_the_score_nor_raises_what_it_may_become(
    drawn: tuple[Assessment, dict[str, str]], data: st.DataObject
) -> None:
    assessment, answers = drawn
    before: Graded = grade(assessment, answers)
    name = data.draw(st.sampled_from(sorted(assessment.questions)))
    if name in answers:
        return
    after = grade(assessment, {**answers, name: data.draw(st.sampled_from(sorted(assessment.questions[name].answers)))})
    assert after.score >= before.score
    assert after.at_most <= before.at_most


# What a policy is checked for.


@pytest.mark.parametrize(
    ("before", "after", "code", "path", "severity"),
    [
        ("      - {retire: not_a_fit}\n", "", "verdict_for_the_rest", "assessments.first_call.verdicts", "error"),
        ("score: 40, follow", "score: 70, follow", "verdict_twice", "assessments.first_call.verdicts[2]", "error"),
        ("score: 70, pursue", "score: 96, pursue", "verdict_unreachable", "assessments.first_call.verdicts[0].score", "warning"),
        ("{pool: inbound}}\n  spring", "{pool: nowhere}}\n  spring", "unknown_pool", "assessments.first_call.verdicts[3].hand_over.pool", "error"),
        ('lead.product == "crm"', 'lead.produce == "crm"', "unknown_fact", "assessments.first_call.when", "error"),
        ('lead.product == "crm"', "rep.closed > 3", "fact_not_known_here", "assessments.first_call.when", "error"),
        ("follow_up: 14d", "follow_up: 14d, pursue: true", "exactly_one", "assessments.first_call.verdicts[2]", "error"),
        ("weight: 3", "weight: 0", "out_of_range", "assessments.first_call.questions.need.weight", "error"),
        ("much: 100}", "much: 101}", "out_of_range", "assessments.first_call.questions.need.answers.much", "error"),
        ("{none: 0, some: 50, much: 100}", "{none: 0}", "too_few", "assessments.first_call.questions.need.answers", "error"),
        ("retire: not_a_fit", "retire: tired", "unknown_value", "assessments.first_call.verdicts[1].retire", "error"),
    ],
)  # fmt: skip
def test_a_questionnaire_that_cannot_work_is_named_with_its_place(
    before: str, after: str, code: str, path: str, severity: str
) -> None:
    assert before in POLICY
    found = [
        (problem.code, problem.path, problem.severity) for problem in check(POLICY.replace(before, after, 1)).problems
    ]
    assert (code, path, severity) in found
