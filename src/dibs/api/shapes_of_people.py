"""People as the API tells of them: who is calling and how they stand, their notices, the reps."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from dibs.api.shapes import Incoming, Outgoing, ReasonOut, text
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


Absence = Literal["switched_off", "away", "holiday", "busy", "off_hours"]
Week = dict[Annotated[str, Field(pattern="^[1-7]$")], tuple[str, str]]


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
    absence: Absence | None = Field(
        description="What keeps them from being given leads now; null: nothing, or they have left."
    )
    load: Load | None = Field(description="null: not for the caller to see.")


class Reps(Outgoing):
    items: list[RepOut]
    next: None = Field(description="Always null: they are one page.")


class HolidayOut(Outgoing):
    day: date
    name: str


class OffOut(Outgoing):
    id: UUID
    starts: datetime
    ends: datetime
    note: str


class TimeOffPage(Outgoing):
    items: list[OffOut]
    next: None = Field(description="Always null: they are one page.")


class CalendarOut(Outgoing):
    """How a calendar is doing. Its address is not told."""

    host: str
    fetched_at: datetime | None = Field(description="When it last answered; null: not yet.")
    failing_since: datetime | None
    problem: str | None = Field(description="Why it can't be read; null: it can.")


class CapOut(Outgoing):
    name: Literal["open_at_most", "per_hour", "per_day", "per_week", "per_month"]
    at_most: int
    have: int


class RepInFull(Outgoing):
    """A rep with all that is written down about them."""

    handle: str
    name: str
    country: str
    region: str = Field(description="Of the country, whose holidays count too: ISO 3166-2 without the country.")
    timezone: str
    keeps_holidays: bool
    hours: Week | None = Field(
        description='From weekday, "1" Monday to "7" Sunday, to begin and end, "HH:MM" in the rep\'s time zone; an end before its '
        "beginning is on the next day. null: always at work, public holidays too."
    )
    languages: list[str]
    industries: list[str]
    seniority: int | None
    depth: int | None = Field(description="How deep technically, 1..5.")
    teams: list[str]
    active: bool
    available: bool
    away_why: Literal["", "manager", "lapses"] = Field(
        description="Why they are not available: by themselves, by who leads them, or for leads that ran out unused."
    )
    away_since: datetime | None
    absence: Absence | None
    holidays: list[HolidayOut] = Field(description="Public holidays of the next twelve months, if the rep keeps them.")
    time_off: list[OffOut] = Field(description="What is not over.")
    calendar: CalendarOut | None
    caps: dict[str, list[CapOut]] = Field(
        description="By team: how many leads the policy gives them at most, and how many it is now."
    )


Words = Annotated[list[Annotated[str, text(200)]], Field(max_length=50)]


class RepChange(Incoming):
    """What is to change; what is left out stays."""

    name: Annotated[str, text(200, 1)] = ""
    country: Annotated[str, text(2)] = Field("", description="ISO 3166 alpha-2; empty: none.")
    region: Annotated[str, text(8)] = ""
    timezone: Annotated[str, text(64, 1)] = ""
    keeps_holidays: bool = True
    hours: Week | None = None
    languages: Words = []
    industries: Words = []
    seniority: Annotated[int, Field(ge=1, le=5)] | None = None
    depth: Annotated[int, Field(ge=1, le=5)] | None = None
    teams: Annotated[list[Annotated[str, text(50, 1)]], Field(max_length=200)] = Field(
        [], description="All teams that the rep is in from now on. A manager adds to and takes from teams of their own."
    )
    available: bool = True


class Switch(Incoming):
    available: bool


class OffIn(Incoming):
    """Either whole days in the rep's time zone, `first_day` to `last_day`, both counted; or moments, from `starts` until just before `ends`."""

    first_day: date | None = None
    last_day: date | None = None
    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    note: Annotated[str, text(200)] = ""

    @model_validator(mode="after")
    def _one_or_the_other(self) -> OffIn:
        days, moments = (self.first_day, self.last_day), (self.starts, self.ends)
        if not ((None not in days and moments == (None, None)) or (None not in moments and days == (None, None))):
            raise ValueError("Give first_day and last_day, or starts and ends")
        return self


class CalendarIn(Incoming):
    url: Annotated[str, text(2000, 1)] = Field(description="Where the calendar is, as iCalendar (ICS).")
