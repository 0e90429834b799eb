"""Territories, and what moving their borders does, as the API takes them and tells of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from dibs.api.shapes import Incoming, Outgoing, text


class TerritoryOut(Outgoing):
    name: str
    parent: str | None = Field(description="The territory that it is a part of.")
    team: str | None = Field(description="The team that owns it; `team` and `rep` are both null where nobody does.")
    rep: str | None = Field(description="The handle of the rep who owns it.")
    through: str | None = Field(description="The territory whose owner that is, if it is not its own.")
    starts: date | None
    ends: date | None
    there: bool = Field(description="Whether its days, and those of what it is a part of, have begun and not ended.")
    leads: int = Field(
        description="Open leads there that the caller may look at, by where they lay when last looked at."
    )


class TerritoryList(Outgoing):
    items: list[TerritoryOut]


class BordersIn(Incoming):
    """A policy that is not in force: its text, or an older version's or the announced one's number."""

    source: Annotated[str, text(1_000_000, 1)] | None = None
    version: Annotated[int, Field(ge=1, lt=2**31)] | None = None

    @model_validator(mode="after")
    def _one(self) -> BordersIn:
        if (self.source is None) == (self.version is None):
            raise ValueError("give either source or version")
        return self


class BetweenOut(Outgoing):
    before: str | None = Field(description="A territory, or null for none.")
    after: str | None
    leads: int


class WhereTo(Outgoing):
    state: str
    rep: str | None
    pool: str | None
    review: str | None


class CrossingOut(Outgoing):
    lead: UUID
    company: str | None
    name: str | None
    state: str
    rep: str | None = Field(description="Who has it now.")
    before: str | None
    after: str | None
    to: WhereTo | None = Field(description="Where it would go; null if it would stay.")


class BordersOut(Outgoing):
    leads: int = Field(description="Open leads that would belong to others.")
    more: bool = Field(description="There are more open leads than were looked at.")
    between: list[BetweenOut]
    first: list[CrossingOut] = Field(description="The oldest of them.")
