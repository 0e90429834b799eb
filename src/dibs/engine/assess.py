"""Assessing a lead: what the answers to a questionnaire come to, and what that leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dibs.engine.decision import Param, Reason
from dibs.engine.facts import AccountFacts, LeadFacts
from dibs.engine.policy_assess import Assessment, Verdict
from dibs.engine.policy_ways import Way
from dibs.engine.rulebook import Rulebook

#: What a verdict may be, as `LeadFacts.assessed` has it.
VERDICTS = ("pursue", "follow_up", "hand_over", "retire")


class UnknownAnswer(Exception):
    """The questionnaire has no such question, or the question no such answer. ``answer`` is ``None`` where there is no such question."""

    def __init__(self, question: str, answer: str | None = None) -> None:
        super().__init__(question if answer is None else f"{question}: {answer}")
        self.question, self.answer = question, answer


@dataclass(frozen=True, slots=True)
class Graded:
    """What a questionnaire comes to, as far as it is filled in.

    ``score`` 0..100 counts what is open as 0; ``at_most`` is what it would be if all that is open were answered the best way, so that
    ``score`` is final where they are the same. ``verdict`` is the ``place``-th of the questionnaire's, from 0. ``missing`` names the
    questions that must be answered and are not.
    """

    score: int
    at_most: int
    place: int
    verdict: Verdict
    answered: int
    missing: tuple[str, ...]

    @property
    def leads_to(self) -> str:
        """One of `VERDICTS`."""
        return leads_to(self.verdict)


def grade(assessment: Assessment, answers: Mapping[str, str]) -> Graded:
    """Score the answers, by the question's name: the mean of their values by the questions' weights, halves rounded up.

    Raises `UnknownAnswer`.
    """
    for name, answer in answers.items():
        question = assessment.questions.get(name)
        if question is None:
            raise UnknownAnswer(name)
        if answer not in question.answers:
            raise UnknownAnswer(name, answer)
    weights = total = best = 0
    for name, question in assessment.questions.items():
        weights += question.weight
        if name in answers:
            value = most = question.answers[answers[name]].value
        else:
            value, most = 0, max(choice.value for choice in question.answers.values())
        total += question.weight * value
        best += question.weight * most
    score = _rounded(total, weights)
    place = _verdict_at(assessment, score)
    missing = tuple(
        name for name, question in assessment.questions.items() if question.required and name not in answers
    )
    return Graded(score, _rounded(best, weights), place, assessment.verdicts[place], len(answers), missing)


def highest(assessment: Assessment) -> int:
    """The score of the best answer to everything, 0..100: no verdict above it can be reached."""
    return grade(assessment, {}).at_most


def leads_to(verdict: Verdict) -> str:
    """One of `VERDICTS`."""
    return next(name for name in VERDICTS if getattr(verdict, name) is not None)


def gives_up(verdict: Verdict) -> str | None:
    """Why a lead with this verdict is given up, if it is."""
    way = verdict.hand_over
    if verdict.retire is not None or way is None or way is True:
        return verdict.retire
    return way.retire


def offered(book: Rulebook, lead: LeadFacts, account: AccountFacts | None, now: datetime) -> tuple[str, ...]:
    """The names of the questionnaires that are for leads like this, in the policy's order."""
    return book.assessments(lead, account, now)


def assessed(template: str, graded: Graded) -> Reason:
    """What the log keeps of an assessment."""
    params: dict[str, Param] = {"template": template, "score": graded.score, "verdict": graded.leads_to}
    return Reason("assessed", params, f"assessments.{template}.verdicts[{graded.place}]")


def handed_over(template: str, graded: Graded) -> Reason:
    """Why a lead with this verdict leaves its rep."""
    params: dict[str, Param] = {"template": template, "verdict": graded.leads_to}
    return Reason("as_assessed", params, f"assessments.{template}.verdicts[{graded.place}].hand_over")


def way_of(verdict: Verdict) -> Way | None:
    """Where a lead with this verdict is handed over to; ``None``: to where the route says."""
    return verdict.hand_over if isinstance(verdict.hand_over, Way) else None


def _verdict_at(assessment: Assessment, score: int) -> int:
    """The place of the verdict with the highest score that is reached. One of them begins at 0, which a policy is checked for."""
    reached = [place for place, verdict in enumerate(assessment.verdicts) if verdict.score <= score]
    return max(reached, key=lambda place: assessment.verdicts[place].score)


def _rounded(total: int, weights: int) -> int:
    return (2 * total + weights) // (2 * weights)
