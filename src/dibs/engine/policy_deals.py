"""The policy document: what converted leads become."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dibs.engine.policy_terms import Name, Part, Share, Words


class Stage(Part):
    """A stage of an opportunity on its way."""

    says: Words | None = None
    """What people read; left out: the stage's name."""
    likely: Share | None = None
    """How likely it is won from here, for forecasts."""


class CloseAtOnce(Part):
    """Small opportunities that the rep who converted the lead may close on the spot."""

    under: Annotated[float, Field(gt=0, le=1e12)]
    """Under this amount."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """In this currency, ISO 4217; others are not closed on the spot."""


class Opportunities(Part):
    """What converted leads become: opportunities, on a board by stage. `won` and `lost` are its ends, and no stages."""

    stages: Annotated[dict[Name, Stage], Field(min_length=1, max_length=12)] = {
        "qualified": Stage(likely=0.2),
        "proposal": Stage(likely=0.5),
        "negotiation": Stage(likely=0.8),
    }
    """The stages by name, in their order; a new opportunity begins in the first."""
    close_at_once: CloseAtOnce | None = None
    """Which may be closed on the spot; left out: none."""

    @model_validator(mode="after")
    def _ends_are_no_stages(self) -> Opportunities:
        for name in ("won", "lost"):
            if name in self.stages:
                raise PydanticCustomError(
                    "end_as_stage", f"{name} is an end of every opportunity, and no stage of its own"
                )
        return self
