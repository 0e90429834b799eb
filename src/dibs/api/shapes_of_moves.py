"""Moves of many leads, and a lead's team, as the API takes them and tells of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from dibs.api.shapes import Code, Incoming, Outgoing, ReasonOut, text
from dibs.distribution.moving import MOST
from dibs.distribution.policies import HORIZON
from dibs.engine.lifecycle import State
from dibs.engine.policy_terms import By

_MoveState = Literal["planned", "waiting", "running", "done", "undoing", "undone", "failed", "dropped"]
_ItemState = Literal["planned", "moved", "kept", "refused", "undone", "changed"]


class MoveTo(Incoming):
    """Where the leads go: one of these. Left out: where the policy puts them."""

    policy: Literal[True] | None = None
    rep: Code | None = Field(None, description="A rep's handle. No rule takes the leads away from them again.")
    team: Code | None = None
    by: By = Field("round_robin", description="With `team`: how somebody of it is chosen.")
    pool: Code | None = None
    review: Code | None = Field(None, description="The team whose managers decide; `managers`: any.")

    @model_validator(mode="after")
    def _one(self) -> MoveTo:
        if sum(given is not None for given in (self.policy, self.rep, self.team, self.pool, self.review)) > 1:
            raise ValueError("name one of policy, rep, team, pool and review")
        return self


class MoveFilter(Incoming):
    """Open leads in the caller's range, by what `GET /leads` filters by."""

    state: State | None = None
    pool: Code | None = None
    review: Code | None = None
    owner: Code | None = Field(None, description="A rep's handle.")
    source: Code | None = None
    domain: Annotated[str, text(253, 1)] | None = None
    country: Annotated[str, text(2, 2)] | None = None
    industry: Annotated[str, text(200, 1)] | None = None
    rank: Annotated[str, text(8, 1)] | None = None
    received_from: datetime | None = None
    received_before: datetime | None = None


class MoveIn(Incoming):
    """Which leads: ``leads`` by id, those that ``filter`` finds, or all that is a ``rep``'s. A leave or leaving is of a ``rep``."""

    kind: Literal["bulk", "leave", "leaving"] = "bulk"
    leads: Annotated[list[UUID], Field(min_length=1, max_length=MOST)] | None = None
    filter: MoveFilter | None = None
    rep: Code | None = Field(None, description="All open leads of this rep, by handle.")
    uncontacted: bool = Field(False, description="Of a rep's leads only those without a contact yet.")
    to: MoveTo = MoveTo()
    why: Annotated[str, text(500)] = ""
    since: Annotated[AwareDatetime, Field(lt=HORIZON)] | None = Field(
        None, description="Of a leave: from when the rep is away. Starting the move writes it into the rep's time off."
    )
    until: Annotated[AwareDatetime, Field(lt=HORIZON)] | None = Field(None, description="Of a leave: until when.")
    at_start: bool = Field(
        False, description="Of a leave: the leads move when it begins, worked out anew then, and not at once."
    )

    @model_validator(mode="after")
    def _one_question(self) -> MoveIn:
        if sum(given is not None for given in (self.leads, self.filter, self.rep)) != 1:
            raise ValueError("say which leads by one of leads, filter and rep")
        if self.kind != "bulk" and self.rep is None:
            raise ValueError("a leave or leaving needs a rep")
        return self


class MoveOut(Outgoing):
    id: UUID
    kind: Literal["bulk", "leave", "leaving", "border"]
    state: _MoveState = Field(description="`waiting`: for the leave to begin, at `started_at`.")
    rep: str | None
    uncontacted: bool
    since: datetime | None
    until: datetime | None
    at_start: bool
    asked: dict[str, Any] | None = Field(description="The filter that the leads were found by.")
    to: dict[str, Any]
    why: str
    total: int
    moved: int
    kept: int = Field(description="Left where they are: they would stay, or somebody else has them since.")
    refused: int
    undone: int
    policy_version: int | None = Field(description="The policy that it was planned by.")
    by: str | None = Field(description="Who planned it; null: who runs the server.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    undone_at: datetime | None
    problem: str = Field(description="Why it failed, as a code.")


class RepShareOut(Outgoing):
    rep: str
    name: str
    loses: int
    gets: int
    open_leads: int = Field(description="How many the rep has now.")


class PlaceShareOut(Outgoing):
    kind: Literal["pool", "review"]
    name: str
    loses: int
    gets: int


class MoveWhole(MoveOut):
    """A move, and whom it concerns."""

    reps: list[RepShareOut]
    places: list[PlaceShareOut]
    stays: int = Field(description="Leads that are left where they are.")


class MovePage(Outgoing):
    items: list[MoveOut]
    next: str | None


class PlaceOut(Outgoing):
    state: State
    rep: str | None
    pool: str | None
    review: str | None


class MoveItemOut(Outgoing):
    lead: UUID
    state: _ItemState
    before: PlaceOut
    after: PlaceOut = Field(description="Where it would go; once it is moved, where it went.")
    because: ReasonOut | None = Field(description="Why it goes there.")
    code: str | None = Field(description="Why it was not moved, or not undone.")


class MoveItems(Outgoing):
    items: list[MoveItemOut]
    next: str | None


class HelperIn(Incoming):
    rep: Code = Field(description="The handle of the rep who is to help.")


class HelperOut(Outgoing):
    rep: str
    name: str
    at: datetime
    by: str | None


class Helpers(Outgoing):
    items: list[HelperOut]
    next: None = Field(description="Always null: they are one page.")
