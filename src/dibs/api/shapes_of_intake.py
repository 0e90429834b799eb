"""What the API takes and answers about files, sources and campaigns."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from dibs.api.shapes import Code, Incoming, Name, Outgoing, text
from dibs.intake.campaigns import CHANNELS, KINDS
from dibs.intake.sources import CATEGORIES

#: Fields may be called ``text``, so what these are is said before.
Title = Annotated[str, text(300, 1)]
Words = Annotated[str, text(100_000)]
Address = Annotated[str, text(2000)]
Category = Literal[CATEGORIES]  # type: ignore[valid-type]
Channel = Literal[CHANNELS]  # type: ignore[valid-type]
Kind = Literal[KINDS]  # type: ignore[valid-type]
ImportState = Literal["running", "done", "failed", "undoing", "undone"]


class ImportOut(Outgoing):
    """An import: how far it is, and what became of its rows."""

    id: UUID
    source: str
    file_name: str
    state: ImportState
    problem: str = Field(description="Why it failed, or was not undone; a code, empty for none.")
    share: Annotated[float, Field(ge=0, le=1)] = Field(description="How much of the file is read.")
    counts: dict[str, Any] = Field(
        description="rows, placed, touched, enriched, unchanged, refused; where, flags and refused_for count by what; undone, once it is."
    )
    by: str | None
    started_at: datetime
    finished_at: datetime | None
    undone_by: str | None
    undone_at: datetime | None


class ImportPage(Outgoing):
    items: list[ImportOut]
    next: str | None


class RefusedRowOut(Outgoing):
    """A row that could not become a lead."""

    row: int = Field(description="1 is the first after the header.")
    line: int
    code: str
    field: str
    detail: str
    raw: str


class RefusedRowPage(Outgoing):
    items: list[RefusedRowOut]
    next: str | None


class PreviewColumn(Outgoing):
    name: str
    values: list[str] = Field(description="Some of what it holds.")
    to: list[str] = Field(description="The fields that it fills.")
    dates: list[str] = Field(description="The formats that its dates are read by; none: as they are read everywhere.")
    ambiguous: bool = Field(description="Some of its dates could be read day first as well as month first.")
    kind: Literal["text", "number", "whole", "yes_no", "moment"] = Field(description="How an attribute is read.")
    kinds: list[str] = Field(description="How all that stands in it could be read besides as text.")


class PreviewRow(Outgoing):
    row: int
    outcome: Literal["placed", "touched", "enriched", "unchanged", "refused"]
    where: str
    fields: dict[str, Any]
    flags: list[str]
    code: str
    message: str


class PreviewOut(Outgoing):
    """What a file would become: nothing of it was kept."""

    encoding: str
    sheet: str | None
    sheets: list[str]
    header_line: int = Field(description="The line in which the columns' names stand.")
    mapping: dict[str, Any]
    columns: list[PreviewColumn]
    rows: list[PreviewRow] = Field(description="The first rows, as they would become.")
    tried: int = Field(description="How many rows were tried.")
    more: bool = Field(description="The file has more rows than that.")
    counts: dict[str, int]
    where: dict[str, int]
    warnings: list[str]


class SourceIn(Incoming):
    """Where leads come from, and what all that it brings have in common."""

    name: Code
    category: Category = "api"
    campaign: Code | None = Field(None, description="The campaign whose responses it brings, by its key.")
    vendor: Name = Field("", description="Whom a list is from.")
    consent: bool | None = Field(
        None, description="Whether its people agreed to be written to, where a lead does not say."
    )
    note: Annotated[str, text(1000)] = ""


class SourceChange(Incoming):
    """What is to be another; what is left out stays."""

    name: Code | None = None
    category: Category | None = None
    campaign: Code | None = None
    vendor: Name | None = None
    consent: bool | None = None
    note: Annotated[str, text(1000)] | None = None


class SourceOut(Outgoing):
    id: UUID | None = Field(description="Null where leads name a source that nobody has written down.")
    name: str
    category: str
    kind: str
    campaign: str | None
    vendor: str
    consent: bool | None
    note: str
    leads: int
    open_leads: int
    converted: int
    retired: int
    barred: int = Field(description="Leads whose person must not be contacted.")
    customers: int = Field(description="Leads of accounts that are customers already.")
    share: float | None = Field(description="Converted of all that came, 0..1.")
    last_seen: datetime | None


class SourceList(Outgoing):
    items: list[SourceOut]


class CampaignIn(Incoming):
    """Something done to make people interested."""

    key: Code
    name: Annotated[str, text(200, 1)]
    channel: Channel = "other"
    product: Name | None = None
    starts_on: date | None = None
    ends_on: date | None = None


class CampaignChange(Incoming):
    """What is to be another; what is left out stays."""

    key: Code | None = None
    name: Annotated[str, text(200, 1)] | None = None
    channel: Channel | None = None
    product: Name | None = None
    starts_on: date | None = None
    ends_on: date | None = None


class PieceIn(Incoming):
    """What a campaign sent to people."""

    title: Title
    kind: Kind = "mail"
    text: Words = ""
    url: Address = Field("", description="Where it is, http or https.")
    sent_on: date | None = None


class PieceChange(Incoming):
    """What is to be another; what is left out stays."""

    title: Title | None = None
    kind: Kind | None = None
    text: Words | None = None
    url: Address | None = None
    sent_on: date | None = None


class PieceOut(Outgoing):
    id: UUID
    title: str
    kind: str
    text: str
    url: str
    sent_on: date | None


class CampaignOut(Outgoing):
    id: UUID
    key: str
    name: str
    channel: str
    product: str | None
    starts_on: date | None
    ends_on: date | None
    pieces: list[PieceOut]
    leads: int
    converted: int
    retired: int
    share: float | None = Field(description="Converted of all that came, 0..1.")
    last_seen: datetime | None


class CampaignList(Outgoing):
    items: list[CampaignOut]
