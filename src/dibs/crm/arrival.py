"""A lead on its way in: cleaned, not yet placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

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
    consent: bool | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    lead_id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Enrichment:
    """New facts on a lead that is already here: field name to value; ``attributes`` are merged into those it has."""

    lead_id: UUID
    facts: Mapping[str, Any]
