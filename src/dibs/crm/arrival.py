"""A lead on its way in: cleaned, not yet placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from dibs.engine.decision import Reason
from dibs.people.tenancy import new_id


@dataclass(slots=True)
class Arrival:
    """The fields a source may fill, cleaned. ``flags`` names what could not be right and was kept as it came."""

    source: str
    received_at: datetime
    external_id: str | None = None
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
    deal_value: Decimal | None = None
    currency: str | None = None
    message: str | None = None
    campaign: str | None = None
    consent: bool | None = None
    touches: int | None = None
    pages: int | None = None
    opens: int | None = None
    last_touch_at: datetime | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    #: The consent is what the source says of all its people, and not what this one said.
    consent_assumed: bool = False
    lead_id: UUID = field(default_factory=new_id)
    #: The import it comes with.
    batch: UUID | None = None


#: What a touch can be: another message that would have been a lead of its own (``form``), a visit, pages looked at, mails opened, links
#: followed, somebody rang, wrote, met, or something else.
TOUCHES = ("form", "visit", "page", "open", "click", "call", "mail", "meeting", "other")
#: Touches that were meant for somebody: who has the lead is told of them at once.
MEANT = frozenset({"form", "call", "mail", "meeting"})


@dataclass(frozen=True, slots=True)
class Touching:
    """The person of a lead came again, or did something. ``kind`` is of `TOUCHES`; ``count``: so many at once. ``source`` and
    ``external_id`` name it as they name a lead, so that the same touch sent twice is one; ``detail`` is what was said of it."""

    at: datetime
    kind: str
    source: str
    external_id: str | None = None
    count: int = 1
    detail: Mapping[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Enrichment:
    """New facts on a lead that is already here: field name to value; ``attributes`` and ``answers`` are merged into those it has.

    With ``touch``, they are what the person said now: of who they are the lead takes what it lacks, of what they want all. ``because``: why
    the lead is looked at again, or was told so, beside what it is told.
    """

    lead_id: UUID
    facts: Mapping[str, Any]
    touch: Touching | None = None
    because: Reason | None = None
    #: The consent is what the source says of all its people: it is taken only where nothing is known.
    consent_assumed: bool = False
