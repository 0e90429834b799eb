"""The questionnaires of a policy, in words: for which leads, what is asked, and what it leads to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dibs.delivery.verdicts import verdict_in_words
from dibs.delivery.wording import active_language, condition_in_words, titled
from dibs.engine.policy_model import Policy
from dibs.engine.policy_terms import in_language


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: its weight, and each answer with its value, the best first."""

    ask: str
    weight: int
    required: bool
    answers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A questionnaire in the picture. ``verdicts``: from which score up, and what comes of it, the highest first."""

    title: str
    parts: Any
    asked: tuple[Asked, ...]
    verdicts: tuple[tuple[int, str], ...]


def questionnaires(policy: Policy) -> Iterable[Drawn]:
    """Each questionnaire, in the policy's order."""
    language = active_language()
    for assessment in policy.assessments.values():
        asked = tuple(
            Asked(
                in_language(question.ask, language),
                question.weight,
                question.required,
                tuple(
                    (in_language(choice.says or titled(name), language), choice.value)
                    for name, choice in sorted(question.answers.items(), key=lambda given: -given[1].value)
                ),
            )
            for question in assessment.questions.values()
        )
        verdicts = sorted(assessment.verdicts, key=lambda verdict: -verdict.score)
        yield Drawn(
            in_language(assessment.title, language),
            condition_in_words(assessment.when, language),
            asked,
            tuple((verdict.score, verdict_in_words(verdict, language)) for verdict in verdicts),
        )
