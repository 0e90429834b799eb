"""The policy document: questionnaires that a rep fills in with a lead, and what they lead to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from dibs.engine.policy_terms import ConditionText, Duration, Name, Part, Words, exactly_one
from dibs.engine.policy_ways import Way

Value = Annotated[int, Field(ge=0, le=100)]


class Choice(Part):
    """One answer of an assessment's question."""

    value: Value
    """How good it is, 0..100."""
    says: Words | None = None
    """What people read; left out: the answer's name."""


def _as_choice(value: Any) -> Any:
    return {"value": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Asked(Part):
    """A question of an assessment."""

    ask: Words
    """The question."""
    weight: Annotated[int, Field(ge=1, le=100)] = 1
    """How much it counts beside the others, 1..100."""
    required: bool = False
    """Whether it must be answered before the assessment counts."""
    answers: Annotated[
        dict[Name, Annotated[Choice, BeforeValidator(_as_choice, Choice | int)]], Field(min_length=2, max_length=20)
    ]
    """The answers, by name; the value alone may stand for an answer."""


class Verdict(Part):
    """What an assessment leads to, from a score up: exactly one of `pursue`, `follow_up`, `hand_over` and `retire`."""

    score: Value = 0
    """From this score up, 0..100."""
    pursue: Literal[True] | None = None
    """The rep goes on with it."""
    follow_up: Duration | None = None
    """The rep keeps it, and is to look at it again after this long."""
    hand_over: Literal[True] | Way | None = None
    """It leaves the rep: by the policy's route with `true`, which may ask `lead.assessment` and `lead.assessed`; or this way."""
    retire: Literal["no_interest", "not_a_fit", "cannot_verify", "no_budget", "bad_timing", "unqualified"] | None = None
    """It is given up, for this reason."""

    @model_validator(mode="after")
    def _one(self) -> Verdict:
        exactly_one(self, ("pursue", "follow_up", "hand_over", "retire"), "what an assessment leads to")
        return self


class Assessment(Part):
    """A questionnaire. Its score, 0..100, is the mean of the answers' values by the questions' weights; what is not answered counts 0."""

    title: Words
    """What people call it."""
    when: ConditionText | None = None
    """For which leads, such as `lead.product == "crm"` or `lead.campaign == "spring"`; left out: all."""
    questions: Annotated[dict[Name, Asked], Field(min_length=1, max_length=50)]
    """The questions, by name, in their order."""
    verdicts: Annotated[tuple[Verdict, ...], Field(min_length=1, max_length=20)]
    """What it leads to: the one with the highest score that is reached. One of them begins at 0."""
