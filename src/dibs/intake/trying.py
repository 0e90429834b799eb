"""A lead that is typed in to see what would become of it: cleaned as every lead is, and kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from dibs.crm.arrival import Arrival
from dibs.intake.cleaning import Place, Wrong
from dibs.intake.preparing import prepare
from dibs.intake.receiving import arrival_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter


def as_arrival(workspace_id: UUID, fields: Mapping[str, Any], *, now: datetime) -> Arrival:
    """The lead with these fields as it would come in; see `receiving.receive`. Raises `Wrong` for what would be refused."""
    enter(workspace_id)
    country, timezone = Workspace.objects.values_list("country", "timezone").get(id=workspace_id)
    prepared = prepare([fields], now=now, where=Place(country or None, timezone))
    for refusal in prepared.refused:
        raise Wrong(refusal.code, refusal.message, refusal.field)
    (row,) = prepared.taken
    return arrival_of(row, now)
