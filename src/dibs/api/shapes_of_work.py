"""Notes, activities, appointments, what was sent, and a rep's own list, as the API takes them and tells of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from dibs.api.shapes import BulkItem, Code, Incoming, LeadOut, Name, Note, Outgoing, text
from dibs.distribution import acting, activities, several
from dibs.insight import my_list

#: A moment that calendars have: none so far off that a day before or after it is none.
Moment = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 2, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC))]

_Kind = Literal[activities.KINDS]  # type: ignore[valid-type]
_Outcome = Literal[("", *activities.OUTCOMES)]  # type: ignore[valid-type]

NoteText = Annotated[str, text(5_000, 1)]
Title = Annotated[str, text(300, 1)]
Place = Annotated[str, text(500)]
Rank = Annotated[str, text(8, 1)]
Words = Annotated[str, text(200)]
Sort = Annotated[str, text(20)]
OwnId = Annotated[str, text(200, 1)]
Cursor = Annotated[str, text(200, 1)]
Kind = Annotated[str, text(20, 1)]
Body = Annotated[str, text(100_000)]
Address = Annotated[str, text(2_000)]
Why = Annotated[str, text(500)]


class NoteIn(Incoming):
    text: NoteText
    pinned: bool = Field(False, description="On top of the others.")


class NoteChange(Incoming):
    """What is left out stays."""

    text: NoteText | None = Field(None, description="For who wrote it.")
    pinned: bool | None = None


class NoteOut(Outgoing):
    id: UUID
    at: datetime
    by: str | None = Field(description="The name of who wrote it.")
    text: str
    pinned: bool
    mine: bool = Field(description="The caller wrote it, and may change it.")


class NoteList(Outgoing):
    items: list[NoteOut]
    next: str | None = Field(description="The cursor of the next page; null: this was the last one.")


class ActivityIn(Incoming):
    """Done just now; or, with ``due_at``, planned."""

    kind: _Kind
    text: Note = ""
    outcome: _Outcome = Field("", description="What came of a call or message that was done.")
    due_at: Moment | None = Field(None, description="When it is to be done. Left out: it is done.")
    claim: UUID | None = Field(None, description="The lease; a lapsed one is refused.")


class ActivityChange(Incoming):
    """What is left out stays. ``done``: it was done just now; a call, mail, meeting or message counts as a contact."""

    kind: _Kind | None = None
    text: Note | None = None
    due_at: Moment | None = None
    done: Literal[True] | None = None
    outcome: _Outcome = Field("", description="With `done`.")


class ActivityOut(Outgoing):
    id: UUID
    kind: str
    outcome: str
    text: str
    due_at: datetime | None
    done_at: datetime | None = Field(description="Null: it is planned.")
    rep: str | None = Field(description="The handle of the rep whose it is to do.")
    by: str | None = Field(description="The name of who wrote it down.")
    created_at: datetime


class ActivityList(Outgoing):
    items: list[ActivityOut] = Field(
        description="What is planned, the soonest first; then what was done, the latest first."
    )
    next: str | None = Field(description="The cursor of the next page; null: this was the last one.")


class AppointmentIn(Incoming):
    title: Title
    starts_at: Moment
    ends_at: Moment = Field(description="Later than its beginning, by 7 days at most.")
    place: Place = ""
    text: Note = ""


class AppointmentChange(Incoming):
    """What is left out stays; where only the beginning moves, the end moves along."""

    title: Title | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    place: Place | None = None
    text: Note | None = None


class AppointmentOut(Outgoing):
    id: UUID
    lead: UUID
    title: str
    place: str
    text: str
    starts_at: datetime
    ends_at: datetime
    rep: str
    rep_name: str
    sequence: int = Field(description="How often it was changed, as calendars count it.")
    cancelled_at: datetime | None
    created_at: datetime


class AppointmentList(Outgoing):
    items: list[AppointmentOut] = Field(description="The latest first, cancelled ones too.")
    next: str | None = Field(description="The cursor of the next page; null: this was the last one.")


class FollowUpIn(Incoming):
    at: Moment | None = Field(description="When the lead is to be looked at again; null: at no time.")


class SentIn(Incoming):
    """What another system sent to the lead's person. With ``external_id``, the same one sent twice is one."""

    title: Title
    at: Moment
    kind: Kind = "mail"
    text: Body = ""
    url: Address = Field("", description="Where it is to be read: https:// or http://.")
    campaign: Code | None = None
    piece: UUID | None = Field(None, description="Of a campaign that Dibs knows.")
    external_id: OwnId | None = None


class SentOut(Outgoing):
    what: Literal["mail", "sent", "piece"] = Field(
        description="A mail of a sequence; what another system reports; what the campaign sent to all of its people."
    )
    at: datetime | None
    title: str
    kind: str
    text: str
    url: str
    campaign: str | None = Field(description="Of a mail, its sequence.")
    state: str


class SentList(Outgoing):
    items: list[SentOut] = Field(description="The latest first.")
    next: str | None = Field(description="The cursor of the next page; null: this was the last one.")


class SentKept(Outgoing):
    new: bool = Field(description="False: it was known already.")


class Paged(Incoming):
    cursor: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 500


class MyFilters(Incoming):
    view: Literal[my_list.VIEWS] = "open"  # type: ignore[valid-type]
    state: Code | None = None
    rank: Rank | None = None
    source: Code | None = None
    campaign: Code | None = None
    product: Name | None = None
    due: bool = Field(False, description="Those with something to be done until the rep's midnight, or overdue.")
    idle_days: Annotated[int, Field(ge=0, le=3_660)] | None = Field(
        None, description="Those that were left alone for so many days."
    )
    q: Words = Field("", description="Words that stand in its company, name, e-mail and so on.")
    sort: Sort = Field("", description=f"One of {', '.join(my_list.ORDERS)}.")
    cursor: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class MyBulkIn(Incoming):
    """One act on several of one's own leads. To retire needs ``why``, one of the fixed reasons."""

    act: Literal[several.KINDS]  # type: ignore[valid-type]
    leads: Annotated[list[UUID], Field(min_length=1, max_length=several.MOST)]
    kind: Literal[acting.CONTACT_KINDS] = Field("call", description="Of a contact.")  # type: ignore[valid-type]
    outcome: _Outcome = Field("", description="Of a contact.")
    why: Why = Field("", description="Why they are retired, or given back.")
    note: Note = ""
    at: Moment | None = Field(None, description="Of a follow-up; null: at no time.")
    sequence: Name | None = Field(None, description="Of mails, to nurture; null: the policy's.")


class MyBulkOut(Outgoing):
    items: list[BulkItem] = Field(description="One for each lead, in the order they were sent.")


class DueOut(Outgoing):
    at: datetime
    what: Literal["offer", "lock", "contact", "follow_up", "activity", "appointment"]
    overdue: bool
    lead: LeadOut
    id: UUID | None = Field(description="The activity's or the appointment's.")
    kind: str | None = Field(description="Of an activity.")
    title: str = Field(description="What an activity or an appointment says.")
    until: datetime | None = Field(description="When an appointment ends.")


class DueList(Outgoing):
    items: list[DueOut] = Field(
        description="First what a clock runs on and appointments, then follow-ups and plans, until the rep's midnight."
    )
    next: None = Field(description="Always null: they are one page.")
