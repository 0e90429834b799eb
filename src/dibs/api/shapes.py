"""What comes in and goes out, as OpenAPI describes it. Requests are checked against these; answers are held to them by tests.

People are in ``shapes_of_people``.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from dibs.crm.arrival import TOUCHES
from dibs.distribution.acting import CONTACT_KINDS, OUTCOMES, RETIRE_REASONS
from dibs.distribution.policies import HORIZON
from dibs.engine.lifecycle import State

#: PostgreSQL keeps no NUL in text, so none comes in.
_NO_NUL = r"^[^\x00]*$"


def text(longest: int, shortest: int = 0) -> StringConstraints:
    """Text of so many characters, of those that can be kept."""
    return StringConstraints(min_length=shortest, max_length=longest, pattern=_NO_NUL)


Line = Annotated[str, text(300)]
Name = Annotated[str, text(200)]
Code = Annotated[str, text(100, 1)]
Note = Annotated[str, text(5_000)]
Attribute = Annotated[str, text(10_000)] | int | float | bool | None


class Incoming(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Outgoing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LeadIn(Incoming):
    """A lead as a source sends it. Text that cannot be right (an e-mail, a phone) is kept as it came, and flagged."""

    source: Code = Field(description="Where it comes from; with external_id it names the lead.")
    external_id: Annotated[str, text(200, 1)] | None = Field(
        None, description="The source's own id: sent again, the lead is enriched."
    )
    received_at: datetime | None = Field(None, description="When it came in; now, if left out.")
    name: Line | None = None
    title: Line | None = None
    email: Annotated[str, text(320)] | None = None
    phone: Annotated[str, text(64)] | None = None
    company: Line | None = None
    domain: Annotated[str, text(253)] | None = None
    industry: Name | None = None
    employees: Annotated[int, Field(ge=0, le=2**53)] | None = None
    country: Annotated[str, text(60)] | None = Field(None, description="ISO 3166 alpha-2, or a name of the country.")
    region: Name | None = None
    city: Name | None = None
    postal_code: Annotated[str, text(32)] | None = None
    language: Annotated[str, text(16)] | None = Field(None, description="BCP 47, such as es-MX.")
    product: Name | None = None
    use_case: Line | None = None
    deal_value: Annotated[Decimal, Field(ge=0, lt=10**15)] | None = None
    currency: Annotated[str, text(3)] | None = Field(None, description="ISO 4217.")
    message: Annotated[str, text(100_000)] | None = None
    consent: bool | None = None
    campaign: Code | None = Field(None, description="The campaign that it answers to, by its key.")
    touches: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="How often the person came, this time counted in; 1, if left out."
    )
    pages: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(None, description="Pages that they looked at.")
    opens: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(None, description="Mails that they opened.")
    answers: dict[Annotated[str, text(50, 1)], Annotated[str, text(200)] | bool | int | float | None] = Field(
        default_factory=dict, description="Answers to the policy's standard questions, by the question's name."
    )
    attributes: dict[Annotated[str, text(100, 1)], Attribute] = Field(
        default_factory=dict, description="The rest, by name."
    )


class TouchIn(Incoming):
    """The person of a lead did something. With ``external_id``, the same one sent twice is one."""

    kind: Literal[TOUCHES] = "visit"  # type: ignore[valid-type]
    count: Annotated[int, Field(ge=1, le=10_000)] = 1
    at: AwareDatetime | None = Field(None, description="When; now, if left out or ahead.")
    source: Code = Field("api", description="Where it was noticed; with external_id it names the touch.")
    external_id: Annotated[str, text(200, 1)] | None = None
    detail: dict[Annotated[str, text(100, 1)], Attribute] = Field(
        default_factory=dict, max_length=50, description="What there is to say of it, such as the page."
    )


class LeadsIn(Incoming):
    """Up to 1,000 leads. Each is checked and answered by itself, in its place."""

    # Not list[LeadIn]: then one that does not fit would refuse them all. OpenAPI is told what they are.
    leads: Annotated[list[Any], Field(min_length=1, max_length=1000)]


class LeadOut(Outgoing):
    """A lead as the caller may see it. A masked field is absent and named in ``hidden``."""

    id: UUID
    state: State
    pool: str | None
    waiting_since: datetime | None
    due_at: datetime | None
    due_for: str | None
    hidden: list[str]
    opens: bool = Field(False, description="What is hidden comes by opening the lead.")
    source: str | None = None
    external_id: str | None = None
    received_at: datetime | None = None
    name: str | None = None
    title: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    domain: str | None = None
    industry: str | None = None
    employees: int | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    postal_code: str | None = None
    language: str | None = None
    product: str | None = None
    use_case: str | None = None
    deal_value: float | None = None
    currency: str | None = None
    message: str | None = None
    consent: bool | None = None
    campaign: str | None = None
    attributes: dict[str, Any] | None = None
    flags: list[str] | None = None
    score: Annotated[int, Field(ge=1, le=100)] | None = None
    rank: Literal["hot", "warm", "cool"] | None = None
    territory: str | None = None
    account: str | None = None
    owner: str | None = Field(None, description="The handle of the rep who has it.")
    owner_name: str | None = None
    review: str | None = None
    taken_by: str | None = None
    lock_expires_at: datetime | None = None
    contacted_at: datetime | None = None
    escalated: int | None = None
    reassigned: int | None = None
    policy_version: int | None = None
    assessment: int | None = Field(None, description="The score of its last assessment, 0..100.")
    assessed: str | None = Field(
        None, description="What its last assessment led to: pursue, follow_up, hand_over or retire."
    )
    likelihood: float | None = Field(
        None, description="To convert, 0..1, as the model says that is switched on; in full only."
    )
    touches: int | None = Field(None, description="How often its person came, the first time counted in.")
    pages: int | None = Field(None, description="Pages that its person looked at.")
    mails_opened: int | None = Field(None, description="Mails that they opened: what policies call `lead.opens`.")
    last_touch_at: datetime | None = None
    follow_up_at: datetime | None = Field(None, description="When it is to be looked at again.")
    side: Literal["marketing", "sales"] | None = Field(
        None, description="Whose it is to bring on: marketing's until it is ready for sales; in full only."
    )
    answers: dict[str, str] | None = Field(
        None, description="Answers to the standard questions, by the question's name; in full only."
    )
    ended_at: datetime | None = Field(None, description="When it was converted or retired.")
    retired_why: str | None = None
    do_not_contact: bool | None = Field(
        None, description="True: its person is on the list of those who must not be contacted."
    )
    sequence: str | None = Field(None, description="The sequence of mails it is in the middle of.")
    opportunity: UUID | None = Field(None, description="What it became; said in answer to its conversion.")
    claim: UUID | None = Field(
        None, description="The lease. For who has the lead alone: show it when acting on the lead."
    )


class LeadPage(Outgoing):
    items: list[LeadOut]
    next: str | None = Field(description="The cursor of the next page; null: this was the last one.")


class FieldError(Outgoing):
    """What is wrong where. In a policy with line and column, from 1, and whether it is an error or a warning."""

    where: list[str | int]
    code: str
    message: str
    line: int | None = None
    column: int | None = None
    severity: Literal["error", "warning"] | None = None


class Receipt(Outgoing):
    """What became of a lead that was sent."""

    outcome: Literal["placed", "touched", "enriched", "unchanged", "refused"]
    id: UUID | None = None
    state: State | None = None
    pool: str | None = None
    owner: str | None = None
    review: str | None = None
    score: int | None = None
    rank: str | None = None
    flags: list[str] = []
    errors: list[FieldError] = []


class Receipts(Outgoing):
    items: list[Receipt] = Field(description="One for each lead, in the order they were sent.")


class ReasonOut(Outgoing):
    code: str
    params: dict[str, Any]
    rule: str | None
    text: str = Field(description="In the caller's language.")


class EntryOut(Outgoing):
    """A decision; or, without `before` and `after`, what was written down: `noted`, `activity`, `appointment`, `sent`."""

    at: datetime
    kind: str
    before: str | None
    after: str | None
    pool: str | None
    rep: str | None = Field(description="The name of the rep it is about.")
    by: str | None = Field(description="Who did it; null: the policy, or time.")
    policy_version: int | None
    reasons: list[ReasonOut]


class Timeline(Outgoing):
    lead: UUID
    items: list[EntryOut]


class PoolOut(Outgoing):
    name: str
    mode: Literal["queue", "pool", "cherry_pick"]
    level: Literal["full", "preview"] = Field(description="How much of its leads the caller sees.")
    waiting: int
    more: bool = Field(description="There are more than were counted.")
    oldest: datetime | None


class Pools(Outgoing):
    items: list[PoolOut]
    next: None = Field(description="Always null: they are one page.")


class PolicyIn(Incoming):
    source: Annotated[str, text(1_000_000, 1)] = Field(description="The policy document, as YAML.")
    note: Annotated[str, text(500)] = ""
    effective_from: Annotated[AwareDatetime, Field(lt=HORIZON)] | None = Field(
        None, description="From when it counts. Ahead: it is announced until then. Left out or past: at once."
    )
    move: bool = Field(
        False, description="As it comes into force, open leads move that its territories give to others than before."
    )


class PolicyOut(Outgoing):
    number: int
    name: str
    digest: str
    active: bool
    pending: bool = Field(description="Announced, and not in force yet.")
    effective_from: datetime = Field(description="Since when it is in force, or from when it will be.")
    cancelled_at: datetime | None = Field(description="When its announcement was taken back; it never was in force.")
    moves_leads: bool = Field(description="Open leads moved, or will, that its territories give to others than before.")
    note: str
    published_at: datetime
    published_by: str | None
    source: str | None = Field(None, description="The document as it was published; in lists left out.")


class PolicyPage(Outgoing):
    items: list[PolicyOut]
    next: str | None


class ContactIn(Incoming):
    kind: Literal[CONTACT_KINDS] = "call"  # type: ignore[valid-type]
    note: Note = ""
    outcome: Literal[("", *OUTCOMES)] = Field("", description="What came of a call or a message.")  # type: ignore[valid-type]
    claim: UUID | None = Field(None, description="The lease; a lapsed one is refused.")


class AcceptIn(Incoming):
    claim: UUID | None = None


class WhyIn(Incoming):
    why: Annotated[str, text(500)] = ""
    claim: UUID | None = None


class RetireIn(Incoming):
    why: Literal[RETIRE_REASONS]  # type: ignore[valid-type]
    note: Note = ""
    claim: UUID | None = None


class AssignIn(Incoming):
    rep: Code = Field(description="The handle of the rep who gets the lead.")
    why: Annotated[str, text(500)] = ""


class BulkIn(Incoming):
    """One act on many leads. ``assign`` needs ``rep``; ``retire`` one of the fixed reasons as ``why``."""

    act: Literal["assign", "return", "retire"]
    leads: Annotated[list[UUID], Field(min_length=1, max_length=1000)]
    rep: Code | None = Field(None, description="The handle of the rep who gets them.")
    pool: Code | None = Field(None, description="Where they go back to; left out, each to the pool it was in.")
    why: Annotated[str, text(500)] = Field(
        "", description=f"For the record. To retire, one of {', '.join(RETIRE_REASONS)}."
    )
    note: Note = Field("", description="More words to a retirement.")


class BulkItem(Outgoing):
    """What became of one lead. ``unchanged``: it was so already."""

    id: UUID
    outcome: Literal["done", "unchanged", "refused", "not_found"]
    state: State | None = None
    pool: str | None = None
    owner: str | None = None
    code: str | None = Field(None, description="Why it was refused, as a code.")
    reasons: list[ReasonOut] = []
    remedy: ReasonOut | None = None


class BulkOut(Outgoing):
    items: list[BulkItem] = Field(description="One for each lead, in the order they were sent.")


class Problem(BaseModel):
    """RFC 9457. ``code`` is stable; a refusal by the rules also says why, and what would make it a yes."""

    type: str
    status: int
    code: str
    title: str
    detail: str
    errors: list[FieldError] | None = None
    reasons: list[ReasonOut] | None = None
    remedy: ReasonOut | None = None
    by: str | None = Field(None, description="Who has the lead, if that is why.")
    earliest: datetime | None = Field(None, description="From when the policy may take effect, if it is too sudden.")
