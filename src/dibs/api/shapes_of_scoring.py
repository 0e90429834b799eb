"""What comes in and goes out where models that predict are learnt and switched."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from dibs.api.shapes import Incoming, Outgoing, text


class LearnIn(Incoming):
    """What to leave out."""

    without: Annotated[list[Annotated[str, text(120, 1)]], Field(max_length=50)] = Field(
        [],
        description="Facts that are not to be learnt from, such as `city` or `attributes.stage`.",
    )


class LacksOut(Outgoing):
    """There is too little to learn from: `have` of what `need` would do."""

    code: Literal["few_ended", "few_won", "few_lost", "one_sided", "no_facts"]
    have: int
    need: int


class MeasureOut(Outgoing):
    """A measure on the later leads, and the interval in which it lies with 95 %."""

    value: float
    low: float
    high: float


class WorthOut(Outgoing):
    auc: MeasureOut = Field(
        description="How often a lead that converted has the higher score than one that did not; 0.5 is chance."
    )
    brier: MeasureOut = Field(
        description="Mean square of how far likelihoods were off; 0 is best. Points have one by the same calibration."
    )
    lift_10: MeasureOut = Field(description="How many times as often as all the best 10 of 100 leads convert.")
    lift_20: MeasureOut
    lift_30: MeasureOut


class LikelihoodPartOut(Outgoing):
    part: Literal["learnt", "calibrated", "held_out"]
    since: datetime
    until: datetime
    leads: int
    won: int = Field(description="Those of them that converted.")


class RateOut(Outgoing):
    """The share of leads that converted, 0..1: in the part that was calibrated on, and in the later one."""

    before: float
    then: float


class BinOut(Outgoing):
    """Leads of about the same likelihood: what was said of them, and the share that converted, with its interval."""

    leads: int
    predicted: float
    won: float = Field(description="The share of them that converted, 0..1.")
    low: float
    high: float


class GainsOut(Outgoing):
    """Which share of the leads that converted is among the best 5, 10, ... 100 of a hundred."""

    model: list[float]
    points: list[float] | None


class LevelOut(Outgoing):
    value: str | None = Field(description="null: not known; `*`: any that few leads have.")
    effect: float = Field(description="On the log-odds, against the average lead; 0.69 doubles the odds.")
    leads: int


class WeightOut(Outgoing):
    """A fact that the model looks at, and how much it moves a lead on average: the mean size of its effect."""

    fact: str
    moves: float
    levels: list[LevelOut]


class MeasuresOut(Outgoing):
    parts: list[LikelihoodPartOut]
    calibration: Literal["platt", "isotonic"]
    verdict: Literal["better", "even", "worse", "alone", "chance"] = Field(
        description="Beside the points, by the difference in `auc`; `alone`: no policy counts points; `chance`: it may tell nothing."
    )
    rate: RateOut
    usual_brier: float = Field(description="What saying the usual rate of every lead would be worth.")
    model: WorthOut
    points: WorthOut | None
    difference: WorthOut | None = Field(description="The model's less the points'.")
    reliability: list[BinOut]
    gains: GainsOut
    facts: list[WeightOut]
    too_good: list[str] = Field(
        description="Facts that alone tell the end nearly always: are they known when a lead comes in?"
    )


class ScoreModelOut(Outgoing):
    number: int
    state: Literal["waiting", "learning", "ready", "too_little", "failed"]
    active: bool
    step: Literal["reading", "learning", "calibrating", "measuring"] | None = Field(
        description="What is being done, while it is learnt."
    )
    asked_at: datetime
    by: str | None
    finished_at: datetime | None
    learnt_from: datetime | None
    learnt_until: datetime | None = Field(description="Leads received from then on measured it.")
    without: list[str]
    lacks: LacksOut | None
    problem: str
    measures: MeasuresOut | None = Field(description="null: not learnt, or in a list.")


class ScoreModelPage(Outgoing):
    items: list[ScoreModelOut]
    next: str | None
