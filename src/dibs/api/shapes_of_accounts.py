"""Accounts and near misses as the API takes and tells of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from dibs.api.shapes import FieldError, Incoming, LeadOut, Line, Outgoing, text


class AccountIn(Incoming):
    """An account. It is known by ``external_id``, else by its domain, else, where it has neither, by its name. What is left out stays
    as it is; null or "" takes away what there is."""

    name: Line | None = None
    external_id: Annotated[str, text(200, 1)] | None = None
    domain: Annotated[str, text(253)] | None = Field(None, description="Its web domain, or an address there.")
    phone: Annotated[str, text(64)] | None = None
    customer: bool = Field(False, description="Whether it buys already.")
    owner: Annotated[str, text(100)] | None = Field(None, description="The handle of the rep whose account it is.")
    parent: Annotated[str, text(253)] | None = Field(
        None, description="The external id or the domain of the account above it in its family."
    )


class AccountsIn(Incoming):
    """Up to 1,000 accounts. Each is checked and answered by itself, in its place."""

    # As leads in a batch: one that does not fit must not refuse them all.
    accounts: Annotated[list[Any], Field(min_length=1, max_length=1000)]


class AccountOut(Outgoing):
    id: UUID
    name: str
    external_id: str | None
    domain: str | None
    phone: str | None
    customer: bool = Field(description="Whether it, or one above it in its family, buys already.")
    owner: str | None = Field(
        description="The handle of the rep who has it, or else of who has the nearest one above it."
    )
    through: str | None = Field(description="The account above it whose owner that is; null: its own.")
    parent: UUID | None
    parent_name: str | None
    created_at: datetime


class AccountPage(Outgoing):
    items: list[AccountOut]
    next: str | None


class AccountReceipt(Outgoing):
    """What became of an account that was sent."""

    outcome: Literal["created", "changed", "unchanged", "refused"]
    id: UUID | None = None
    errors: list[FieldError] = []


class AccountReceipts(Outgoing):
    items: list[AccountReceipt] = Field(description="One for each account, in the order they were sent.")


class LikenessPart(Outgoing):
    part: Literal["domain", "name", "phone", "email", "mailbox"]
    like: float = Field(description="How like the two are in it, 0 to 1.")
    score: float = Field(description="What it alone is worth, 0 to 1.")


class MatchOut(Outgoing):
    """A lead that may be of the same person as another lead, or belong to an account."""

    id: UUID
    at: datetime
    state: Literal["open", "merged", "apart"]
    score: float
    parts: list[LikenessPart]
    lead: LeadOut
    other: LeadOut | None
    account: AccountOut | None
    merge: UUID | None = Field(description="The merge of the two leads that stands, for undoing it.")
    decided_by: str | None
    decided_at: datetime | None


class MatchPage(Outgoing):
    items: list[MatchOut]
    next: str | None


class MergeIn(Incoming):
    into: UUID = Field(description="The lead that is kept.")


class MergeOut(Outgoing):
    merge: UUID = Field(description="Names it for undoing.")
    kept: UUID
    gone: UUID


class UnmergeOut(Outgoing):
    kept: UUID
    gone: UUID
    restored: bool = Field(
        description="The lead that was kept is as it was before, too; false: it had changed since and stays as it is."
    )


class DecidedOut(Outgoing):
    id: UUID
    state: Literal["open", "merged", "apart"]
    lead: UUID = Field(description="The lead, or of two that were merged the one that was kept.")
    merge: UUID | None = None
