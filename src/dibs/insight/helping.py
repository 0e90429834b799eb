"""Who is on a lead's team, for who may see the lead in full."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dibs.crm.models import Helper
from dibs.insight.sight import SeenLead
from dibs.people.caller import Caller


@dataclass(frozen=True, slots=True)
class TeamMate:
    """A rep on a lead's team: since when, and who put them there."""

    rep: str
    name: str
    at: datetime
    by: str | None


def team_of(caller: Caller, seen: SeenLead) -> list[TeamMate]:
    """The team of a lead that `dibs.insight.sight` has shown to the caller, in the order in which they came; nobody, of one seen masked."""
    if seen.level != "full":
        return []
    found = Helper.objects.filter(workspace_id=caller.workspace_id, lead_id=seen["id"]).order_by("at", "id")
    return [
        TeamMate(handle, name, at, by)
        for handle, name, at, by in found.values_list("rep__handle", "rep__name", "at", "by__name")
    ]
