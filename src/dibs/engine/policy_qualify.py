"""The policy document: how leads are scored and ranked, and which of them are ready for sales."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from dibs.engine.policy_terms import ConditionText, Duration, Name, Part, Rank, Threshold, Words
from dibs.engine.policy_ways import Onward, Way


class Points(Part):
    """Points for a lead that a condition holds for; negative ones take away."""

    when: ConditionText
    """The condition."""
    add: Annotated[int, Field(ge=-100, le=100)]
    """Points, -100..100."""


class Ranks(Part):
    """The lowest score that is hot, and the lowest that is warm. What is under warm is cool."""

    hot: Threshold = 75
    """From this score up, 1..100, a lead is hot."""
    warm: Threshold = 40
    """From this score up it is warm; below, cool."""

    @model_validator(mode="after")
    def _in_order(self) -> Ranks:
        if self.hot <= self.warm:
            raise PydanticCustomError(
                "ranks_overlap", f"hot ({self.hot}) must lie above warm ({self.warm}), or no lead can be warm"
            )
        return self


class Stale(Part):
    """What becomes of a lead of this rank that nobody has taken further for this long."""

    after: Duration
    """How long it may wait, counted from when it began to."""
    rank: Rank = "warm"
    """Which leads this is about."""
    then: Onward
    """Where they go."""


class Answer(Part):
    """One answer that a question may have."""

    add: Annotated[int, Field(ge=-100, le=100)] = 0
    """Points, -100..100."""
    says: Words | None = None
    """What people read; left out: the answer's name."""


def _as_answer(value: Any) -> Any:
    """The points alone may stand for the answer."""
    return {"add": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Question(Part):
    """A standard question, asked of every lead that its condition holds for. Conditions ask `lead.answers.<name> == "<answer>"`."""

    ask: Words
    """The question."""
    when: ConditionText | None = None
    """Of which leads it is asked, not knowing their score; left out: of all."""
    answers: Annotated[
        dict[Name, Annotated[Answer, BeforeValidator(_as_answer, Answer | int)]], Field(min_length=2, max_length=20)
    ]
    """The answers, by name; points alone may stand for an answer."""


class GiveUp(Part):
    """What becomes of a lead that does not get ready."""

    after: Duration
    """How long it may take, counted from when the lead began to wait."""
    then: Way
    """Where it goes then: back before managers, say, or out, by `retire: unqualified`."""


class Ready(Part):
    """Which leads are ready for sales. Until then they are marketing's."""

    when: ConditionText
    """Which; score and rank are known."""
    until: Way
    """Whose it is until then: somebody of a team of marketing's, a pool, a review, or a sequence of mails."""
    give_up: GiveUp | None = None
    """When to stop trying; left out: never."""


class Qualify(Part):
    """How a lead is scored, 1..100, and ranked, and when it is for sales."""

    by: Literal["points", "prediction"] = "points"
    """`points`: the score is what conditions and answers add up to. `prediction`: it is the place of the lead's likelihood to convert among
    those that the model was learnt from, 1..100, as long as a model is switched on; the points count where none is."""
    score: tuple[Points, ...] = ()
    """Points for each condition that holds; their sum with those of answers, kept within 1..100, is the score."""
    questions: Annotated[dict[Name, Question], Field(max_length=50)] = {}
    """The standard questions, by name, in the order in which they are asked."""
    ready: Ready | None = None
    """Which leads are ready for sales; left out: all, at once."""
    rank: Ranks = Ranks()
    """Where the ranks begin."""
    stale: Stale | None = None
    """What becomes of leads that were left alone."""
