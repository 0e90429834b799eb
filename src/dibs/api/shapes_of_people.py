"""People as the API tells of them: who is calling and how they stand, their notices, the reps."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from dibs.api.shapes import Incoming, Outgoing, ReasonOut
from dibs.delivery.notices import KINDS


class Counters(Outgoing):
    holding: int
    open_leads: int
    claims_today: int
    claims_this_week: int
    assigned_today: int
    skips: int
    lapses: int
    last_claim_at: datetime | None


class RuleProgress(Outgoing):
    rule: str
    have: int
    ok: bool
    at_most: int | None
    at_least: int | None
    params: dict[str, Any] | None
    next: ReasonOut | None = Field(description="What would make it ok, if it is not.")


class StandingOut(Outgoing):
    today: date
    policy: str | None
    policy_version: int | None
    counters: Counters
    rules: list[RuleProgress]


class TierOut(Outgoing):
    """The tier a rep is settled in, and the record it was decided on."""

    name: str | None = Field(description="null: none of the policy's tiers fits.")
    sees: Literal["full", "preview", "none"]
    only: str | None = Field(description="Of which leads, as a condition; null: of all.")
    since: date | None
    closed: int = Field(description="Leads converted or retired within the window.")
    converted: int
    over: float = Field(description="The window, in seconds.")
    confirm: int = Field(description="How many days in a row another tier has to fit.")
    candidate: str | None = Field(description="Another tier that fits.")
    days: int = Field(description="For how many days in a row it has.")
    next: ReasonOut | None = Field(description="How to get further up.")


class UpcomingOut(Outgoing):
    """A policy that is announced, and what it changes for the caller."""

    number: int
    name: str
    at: datetime
    changes: list[ReasonOut]


class Me(Outgoing):
    user: UUID
    name: str
    role: Literal["rep", "manager", "ops", "integration"]
    rep: str | None = Field(description="The caller's handle, if the caller is a rep.")
    teams: list[str]
    manages: list[str]
    scopes: list[str]
    language: str
    standing: StandingOut | None
    tier: TierOut | None = Field(description="null: the policy has no tiers, or the caller is no rep.")
    upcoming: UpcomingOut | None = Field(description="null: no change is announced that concerns the caller.")
    notices: int = Field(description="Notices that the caller has not read.")


class NoticeOut(Outgoing):
    id: UUID
    at: datetime
    kind: Literal[KINDS]  # type: ignore[valid-type]
    reasons: list[ReasonOut]
    read_at: datetime | None


class NoticePage(Outgoing):
    items: list[NoticeOut]
    next: str | None


class NoticesRead(Incoming):
    """Which notices have been read; left out: all of them."""

    ids: Annotated[list[UUID], Field(max_length=1000)] | None = None


class NoticesLeft(Outgoing):
    unread: int = Field(description="How many are left.")


class Load(Outgoing):
    holding: int
    open_leads: int
    claims_today: int
    assigned_today: int
    skips: int
    lapses: int


class RepOut(Outgoing):
    handle: str
    name: str
    country: str
    timezone: str
    languages: list[str]
    teams: list[str]
    active: bool
    available: bool
    at_work: bool
    load: Load | None = Field(description="null: not for the caller to see.")


class Reps(Outgoing):
    items: list[RepOut]
    next: None = Field(description="Always null: they are one page.")
