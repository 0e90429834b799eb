"""Who is known here, what is handed out of them, and what is erased, as the API takes it and tells of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from dibs.api.shapes import Incoming, Outgoing, text
from dibs.engine.lifecycle import State


class PersonIn(Incoming):
    """Who is meant: everybody with this address, or with this number, or the person of this lead. Exactly one."""

    email: Annotated[str, text(320, 1)] | None = None
    phone: Annotated[str, text(64, 1)] | None = Field(
        None, description="With its country code, or as it is dialled in the workspace's country."
    )
    lead: UUID | None = None


class ExportIn(PersonIn):
    format: Literal["json", "html"] = Field("json", description="`html`: a page that the person can read.")
    language: Literal["en", "ja", "es", "id"] | None = Field(None, description="Left out: the caller's.")


class EraseIn(PersonIn):
    do_not_contact: bool = Field(
        True, description="Put them on the list of those who must not be contacted, should they come in again."
    )


class FoundLead(Outgoing):
    id: UUID
    name: str | None
    company: str | None
    email: str | None
    phone: str | None
    source: str
    received_at: datetime
    state: State


class PersonOut(Outgoing):
    """What is known of somebody, in numbers. `several`: leads under different names were found, as of a shared mailbox or a switchboard."""

    emails: list[str]
    phones: list[str]
    names: list[str]
    leads: list[FoundLead]
    several: bool
    counts: dict[str, int] = Field(description="Rows by what they are called; `mentions`: in what was said of others.")
    on_the_list: bool = Field(description="Whether they are on the list of those who must not be contacted.")


class PersonWhole(Outgoing):
    """All that is known of somebody. `rows` holds a list for each kind of thing, each row with its columns by name."""

    format: Literal["dibs.person"]
    version: int
    company: str
    timezone: str = Field(description="The company's. The moments here are in UTC all the same.")
    made_at: datetime
    known_as: dict[str, list[str]]
    counts: dict[str, int]
    on_the_list: bool
    rows: dict[str, list[dict[str, Any]]]


class ErasedOut(Outgoing):
    """`leads`: how many were theirs; `ended`: how many of these were open and were given up first."""

    erasure: UUID
    leads: int
    ended: int
    rows: dict[str, int]
    listed: bool


class ErasureOut(Outgoing):
    """That somebody was erased; who it was, nobody can tell. `why`: `asked`, or `ended`, `open` or `raw`: kept as long as the policy says."""

    id: UUID
    at: datetime
    why: Literal["asked", "ended", "open", "raw"]
    by: str | None = Field(description="Who did it; null for the policy, and for who runs the server.")
    leads: int
    rows: dict[str, int]
    listed: bool


class ErasurePage(Outgoing):
    items: list[ErasureOut]
    next: str | None


class RetentionOut(Outgoing):
    """How long the policy keeps what is known of people, in seconds (null: for ever), and how much has had its time now."""

    keep: dict[str, float | None]
    over: dict[str, int]


class ConsentIn(Incoming):
    given: bool = Field(
        description="`false`: withdrawn. The person goes on the list of those who must not be contacted."
    )
