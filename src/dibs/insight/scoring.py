"""Models that predict, for people: which there are, how far one is, and what it is worth beside the points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dibs.distribution import endings, learning, predictions
from dibs.distribution.models import ScoreModel
from dibs.distribution.reading import lead_facts
from dibs.distribution.rulebooks import model, switched_on
from dibs.engine.prediction import NotAModel, Prediction
from dibs.insight.sight import SeenLead, read_lead
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: What is told of a model as its row has it.
_FIELDS = (
    "number", "state", "active", "asked_at", "finished_at", "learnt_from", "learnt_until", "problem",
)  # fmt: skip
#: What was measured, where it is learnt.
_MEASURES = (
    "parts", "calibration", "verdict", "rate", "usual_brier", "model", "points", "difference", "reliability", "gains", "facts", "too_good",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Enough:
    """What there is to learn from: leads that have ended, and how many of them converted; and the least that it takes."""

    ended: int
    won: int
    least_ended: int = learning.LEAST_ENDED
    least_won: int = learning.LEAST_WON

    @property
    def enough(self) -> bool:
        """Whether it is worth a try: enough in all. How they lie in time, learning will tell."""
        return self.ended >= self.least_ended and self.won >= self.least_won and self.ended - self.won >= self.least_won


def enough(caller: Caller, now: datetime) -> Enough:
    """What there is to learn from in the caller's workspace."""
    enter(caller.workspace_id)
    return Enough(*endings.count(caller.workspace_id, now))


def models(caller: Caller) -> list[ScoreModel]:
    """The latest models of the caller's workspace, the newest first."""
    enter(caller.workspace_id)
    return predictions.latest(caller.workspace_id)


def model_of(caller: Caller, number: int) -> ScoreModel | None:
    """The model of this number in the caller's workspace."""
    enter(caller.workspace_id)
    found = ScoreModel.objects.filter(workspace_id=caller.workspace_id, number=number)
    return found.select_related("by").first()


def as_plain(found: ScoreModel, *, whole: bool = True) -> dict[str, Any]:
    """A model for JSON; ``whole``: with what was measured, where it is learnt."""
    measures: Mapping[str, Any] = found.measures
    return {
        **{name: getattr(found, name) for name in _FIELDS},
        "by": found.by.name if found.by else None,
        "step": measures.get("step") if found.state == "learning" else None,
        "without": list(measures.get("without", ())),
        "lacks": measures.get("lacks"),
        "measures": {name: measures[name] for name in _MEASURES} if whole and found.state == "ready" else None,
    }


def prediction_of(caller: Caller, seen: SeenLead, now: datetime) -> Prediction | None:
    """What the model that is switched on says of a lead that is seen in full, as it is known now; ``None`` where none is, or it is not
    for the caller: facts move it that a masked lead does not show."""
    if seen.level != "full":
        return None
    on: UUID | None = switched_on(caller.workspace_id)
    row = read_lead(caller.workspace_id, seen["id"]) if on is not None else None
    if on is None or row is None:
        return None
    try:
        return model(on).predict(lead_facts(row))
    except NotAModel:
        return None
