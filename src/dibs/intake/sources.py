"""Where leads come from, as people keep it: what each source is, what all that it brings have in common, and what became of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from dibs.crm.models import Campaign
from dibs.intake.models import Source
from dibs.people.tenancy import enter

#: What a source can be. A ``list`` is of a third party: who it is from, and whether its people agreed to be on it, is kept with it.
CATEGORIES = ("form", "campaign", "list", "event", "referral", "partner", "file", "api")
#: What can be said of a source.
FIELDS = ("name", "category", "campaign", "vendor", "consent", "note")
#: Why a source is refused.
REFUSALS = ("name_missing", "name_taken", "unknown_category", "unknown_campaign", "vendor_missing")


class SourceRefused(Exception):
    """It cannot be kept so. ``code`` is of `REFUSALS`, ``field`` what it is about."""

    def __init__(self, code: str, field: str) -> None:
        assert code in REFUSALS, code
        super().__init__(code)
        self.code, self.field = code, field


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A source, and its leads: how many came, are open, were converted and retired, must not be contacted, are of customers; ``share`` is
    converted of all that came, 0..1, as in the reports. ``id`` is ``None`` where leads name a source that nobody has written down."""

    name: str
    id: UUID | None
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
    barred: int
    customers: int
    last_seen: datetime | None

    @property
    def share(self) -> float | None:
        return self.converted / self.leads if self.leads else None


def write_source(workspace_id: UUID, told: Mapping[str, Any], *, source_id: UUID | None = None) -> Source:
    """Write a source down, or change it: fields that ``told`` does not have stay. Raises `SourceRefused`; `Source.DoesNotExist`."""
    enter(workspace_id)
    source = Source(workspace_id=workspace_id, kind="api") if source_id is None else Source.objects.get(id=source_id)
    for name in FIELDS:
        if name in told:
            setattr(source, name, told[name])
    source.name, source.vendor = (source.name or "").strip()[:100], (source.vendor or "").strip()[:200]
    source.campaign, source.note = (source.campaign or "").strip()[:100] or None, (source.note or "")[:1000]
    if not source.name:
        raise SourceRefused("name_missing", "name")
    if source.category not in CATEGORIES:
        raise SourceRefused("unknown_category", "category")
    if source.campaign and not Campaign.objects.filter(key=source.campaign).exists():
        raise SourceRefused("unknown_campaign", "campaign")
    if source.category == "list" and not source.vendor:
        raise SourceRefused("vendor_missing", "vendor")
    try:
        with transaction.atomic():
            source.save()
    except IntegrityError as problem:
        if "source_name_once" in str(problem):
            raise SourceRefused("name_taken", "name") from None
        raise
    return source


def write_down(workspace_id: UUID, name: str, told: Mapping[str, Any]) -> Source:
    """The source of this name with what is told of it, written down if it is not yet. Raises `SourceRefused`."""
    enter(workspace_id)
    known = Source.objects.filter(name=name).values_list("id", flat=True).first()
    return write_source(workspace_id, {**told, "name": name}, source_id=known)


def sources_of(workspace_id: UUID, name: str | None = None) -> list[SourceCard]:
    """The sources that are written down and those that leads name, the busiest first; or the one of that name."""
    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH counted AS (
                SELECT lead.source AS name, count(*) AS leads, max(lead.created_at) AS last_seen,
                    count(*) FILTER (WHERE lead.state NOT IN ('converted', 'retired', 'merged')) AS open_leads,
                    count(*) FILTER (WHERE lead.state = 'converted') AS converted,
                    count(*) FILTER (WHERE lead.state = 'retired') AS retired,
                    count(*) FILTER (WHERE lead.do_not_contact) AS barred,
                    count(*) FILTER (WHERE account.customer) AS customers
                FROM crm_lead lead LEFT JOIN crm_account account ON account.id = lead.account_id
                WHERE lead.workspace_id = %(workspace)s AND (%(name)s::text IS NULL OR lead.source = %(name)s::text)
                GROUP BY lead.source
            )
            SELECT coalesce(source.name, counted.name), source.id, coalesce(source.category, 'api'), coalesce(source.kind, 'api'),
                source.campaign, coalesce(source.vendor, ''), source.consent, coalesce(source.note, ''),
                coalesce(leads, 0), coalesce(open_leads, 0), coalesce(converted, 0), coalesce(retired, 0), coalesce(barred, 0),
                coalesce(customers, 0), last_seen
            FROM (SELECT * FROM intake_source WHERE workspace_id = %(workspace)s
                  AND (%(name)s::text IS NULL OR name = %(name)s::text)) source
            FULL JOIN counted ON counted.name = source.name
            ORDER BY coalesce(leads, 0) DESC, 1
            """,
            {"workspace": workspace_id, "name": name},
        )
        return [SourceCard(*row) for row in cursor.fetchall()]
