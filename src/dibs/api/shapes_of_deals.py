"""Opportunities, as they come in and go out."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from dibs.api.shapes import Code, Incoming, Note, Outgoing, text
from dibs.distribution.converting import HIGHEST_AMOUNT

Amount = Annotated[Decimal, Field(ge=0, lt=HIGHEST_AMOUNT)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Version = Annotated[int, Field(ge=0, lt=2**31)]

_SEEN = (
    "The version that was looked at: changed since, it is refused (`opportunity_outdated`). Left out: whatever it is."
)


class ConvertIn(Incoming):
    """What the opportunity is to be. What is left out comes from the lead (name, amount, currency) and the policy (the first stage)."""

    name: Annotated[str, text(300)] = Field(
        "", description="What it is called; left out, as the lead's company or person."
    )
    amount: Amount | None = Field(None, description="What it is worth; left out, the lead's deal value.")
    currency: Currency | None = Field(None, description="ISO 4217; left out, the lead's.")
    stage: Code | None = Field(None, description="One of the policy's stages; left out, the first.")
    close_on: date | None = Field(None, description="The day it is expected to close.")
    close: bool = Field(
        False, description="It is won already: for what is worth less than the policy's `close_at_once`."
    )
    note: Note = ""
    claim: UUID | None = None


class DealOut(Outgoing):
    """An opportunity. `stage` is the one it is in, or was in last."""

    id: UUID
    name: str
    state: Literal["open", "won", "lost"]
    stage: str
    amount: float | None
    currency: str | None
    close_on: date | None
    owner: str = Field(description="The handle of the rep whose it is.")
    owner_name: str
    lead: UUID | None = Field(description="The lead that it comes from.")
    account: UUID | None
    account_name: str | None
    contact: UUID | None
    contact_name: str | None
    contact_title: str | None
    contact_email: str | None
    contact_phone: str | None
    lost_why: str
    created_at: datetime
    staged_at: datetime = Field(description="Since when it is in its stage.")
    ended_at: datetime | None
    version: int


class DealPage(Outgoing):
    items: list[DealOut]
    next: str | None


class DealIn(Incoming):
    """What is left out stays as it is; null takes an amount, a currency or a day away."""

    name: Annotated[str, text(300, 1)] | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    stage: Code | None = None
    close_on: date | None = None
    owner: Code | None = Field(
        None, description="The handle of the rep who gets it: for who leads the one whose it is."
    )
    version: Version | None = Field(None, description=_SEEN)


class WinIn(Incoming):
    amount: Amount | None = Field(None, description="What it came to; left out, the amount that it has.")
    currency: Currency | None = None
    version: Version | None = Field(None, description=_SEEN)


class LoseIn(Incoming):
    why: Annotated[str, text(300)] = Field("", description="In a person's own words.")
    version: Version | None = Field(None, description=_SEEN)


class ReopenIn(Incoming):
    version: Version | None = Field(None, description=_SEEN)


class SumOut(Outgoing):
    currency: str | None
    amount: float
    weighted: float = Field(description="Each amount times how likely it is won in its stage.")


class StageOut(Outgoing):
    stage: str
    likely: float | None = Field(description="How likely it is won from here, 0 to 1, where the policy says so.")
    known: bool = Field(description="Whether the policy in force has this stage.")
    count: int
    sums: list[SumOut]


class EndedOut(Outgoing):
    count: int
    sums: list[SumOut]


class StagesOut(Outgoing):
    """Open opportunities by stage, and what ended in the last 30 days."""

    stages: list[StageOut]
    sums: list[SumOut]
    won: EndedOut
    lost: EndedOut
