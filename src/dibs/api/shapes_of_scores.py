"""What comes in and goes out about standard questions and scores, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from dibs.api.shapes import Incoming, Outgoing, text

Slug = Annotated[str, text(50, 1)]


class RepliesIn(Incoming):
    """Answers to the standard questions."""

    answers: Annotated[dict[Slug, Slug | None], Field(min_length=1, max_length=50)] = Field(
        description="The answer's name, by the question's name; null takes one back. What is not named stays."
    )


class OfferOut(Outgoing):
    """An answer that may be given."""

    name: str
    says: str = Field(description="What people read, in the caller's language.")
    add: int | None = Field(None, description="Its points, for who may see the policy.")


class StandardQuestionOut(Outgoing):
    """A standard question that is asked of the lead."""

    name: str
    ask: str = Field(description="The question, in the caller's language.")
    answers: list[OfferOut]
    answer: str | None = Field(description="What is answered; null: nothing yet.")


class QuestionsOut(Outgoing):
    items: list[StandardQuestionOut] = Field(description="In the policy's order. None, of a lead that is seen masked.")


class PartOut(Outgoing):
    """Points of a score: for a condition, or for an answer."""

    add: int
    when: str | None = Field(None, description="The condition, as the policy writes it.")
    question: str | None = None
    answer: str | None = None


class ScoredOut(Outgoing):
    """A lead's score from a moment on, and what it is made of that it was not made of before."""

    at: datetime
    kind: str = Field(description="The kind of decision that it was scored by.")
    score: Annotated[int, Field(ge=1, le=100)]
    rank: Literal["hot", "warm", "cool"]
    gained: list[PartOut]
    lost: list[PartOut]
    policy_version: int | None


class ScoresOut(Outgoing):
    items: list[ScoredOut] = Field(description="From the first on. None, of a lead that is seen masked.")


class NurtureIn(Incoming):
    sequence: Slug | None = Field(None, description="Which mails it gets; left out: the first that are for such leads.")
    why: Annotated[str, text(500)] = ""
