"""What comes in and goes out about assessments, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from dibs.api.shapes import Incoming, Outgoing, text

Slug = Annotated[str, text(50, 1)]
Verdict = Literal["pursue", "follow_up", "hand_over", "retire"]


class AnswersIn(Incoming):
    """What is filled in, so far or in all."""

    answers: dict[Slug, Slug] = Field(
        default_factory=dict, max_length=50, description="The answer's name, by the question's name."
    )


class AssessIn(AnswersIn):
    """A questionnaire that is filled in."""

    template: Slug = Field(description="Which questionnaire, by its name in the policy.")
    claim: UUID | None = Field(
        None, description="The lease that the rep was shown; one that is not the present one is refused."
    )


class GradedOut(Outgoing):
    """What a questionnaire comes to, as far as it is filled in."""

    score: int = Field(description="0..100; what is open counts as 0.")
    at_most: int = Field(description="What it would be if all that is open were answered the best way.")
    verdict: Verdict = Field(description="What this score leads to.")
    missing: list[str] = Field(description="Questions that must be answered and are not.")


class AnswerOut(Outgoing):
    """An answer that a question may have."""

    name: str
    says: str = Field(description="What people read, in the caller's language.")
    value: int = Field(description="0..100.")


class AssessmentQuestionOut(Outgoing):
    """A question of a questionnaire."""

    name: str
    ask: str = Field(description="The question, in the caller's language.")
    weight: int
    required: bool
    answers: list[AnswerOut]


class VerdictOut(Outgoing):
    """What a questionnaire leads to from a score up."""

    score: int
    verdict: Verdict
    says: str = Field(description="In words, in the caller's language.")


class OfferedOut(Outgoing):
    """A questionnaire that is for the lead, and how far the caller has filled it in."""

    template: str
    title: str = Field(description="In the caller's language.")
    questions: list[AssessmentQuestionOut]
    verdicts: list[VerdictOut] = Field(description="The highest score first.")
    answers: dict[str, str] = Field(description="What the caller has filled in so far.")
    kept_at: datetime | None = Field(description="When that was kept; null: nothing was.")
    graded: GradedOut


class DoneOut(Outgoing):
    """An assessment that is on record."""

    id: UUID
    template: str
    at: datetime
    by: str | None
    score: int
    verdict: Verdict
    answers: dict[str, str]
    policy_version: int | None


class AssessmentsOut(Outgoing):
    """The questionnaires that are for a lead, and the assessments of it that are on record, newest first."""

    offered: list[OfferedOut]
    done: list[DoneOut]
