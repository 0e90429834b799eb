"""What became of an opportunity, and what was written down about it: for who sees it (`dibs.insight.deals`).

Of its lead's story it tells from the conversion on: what came before is the lead's, for who sees that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from dibs.crm.models import Activity, Appointment, Note
from dibs.insight.deals import Deal
from dibs.people.caller import Caller

#: The decisions about a lead that are about its opportunity.
_KINDS = ("converted", "dealt")
#: No more than these of a kind are told, the newest first.
MOST = 200


@dataclass(frozen=True, slots=True)
class Happened:
    """One change. ``reasons`` as the log keeps them; ``by``: who did it."""

    at: datetime
    by: str | None
    reasons: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote down: ``what`` is ``note``, ``activity`` or ``appointment``; ``kind`` and ``outcome`` an activity's; ``at``
    when it was, or is to be (``ahead``)."""

    at: datetime
    what: str
    by: str | None
    text: str
    kind: str = ""
    outcome: str = ""
    ahead: bool = False


def changes_of(caller: Caller, deal: Deal) -> list[Happened]:
    """What became of it, oldest first."""
    if deal.lead is None:
        return []
    with connection.cursor() as ask:
        ask.execute(
            "SELECT decision.at, actor.name, decision.reasons::text FROM distribution_decision decision "
            "LEFT JOIN people_user actor ON actor.id = decision.actor_id "
            "WHERE decision.workspace_id = %s AND decision.lead_id = %s AND decision.kind = ANY(%s) "
            "ORDER BY decision.nth DESC LIMIT %s",
            [caller.workspace_id, deal.lead, list(_KINDS), MOST],
        )
        rows = ask.fetchall()
    return [Happened(at, by, tuple(json.loads(reasons))) for at, by, reasons in reversed(rows)]


def written_of(caller: Caller, deal: Deal, now: datetime) -> list[Written]:
    """Notes, activities and appointments that came along with it or were added since, newest first."""
    mine = {"workspace_id": caller.workspace_id, "opportunity_id": deal.id}
    found = [
        Written(at, "note", by, text)
        for at, by, text in Note.objects.filter(**mine)
        .order_by("-at", "-id")
        .values_list("at", "by__name", "text")[:MOST]
    ]
    activities = Activity.objects.filter(**mine).order_by("-created_at", "-id")
    for kind, outcome, text, due, done, made, by in activities.values_list(
        "kind", "outcome", "text", "due_at", "done_at", "created_at", "by__name"
    )[:MOST]:
        found.append(Written(done or due or made, "activity", by, text, kind, outcome, ahead=done is None))
    meetings = Appointment.objects.filter(**mine, cancelled_at__isnull=True).order_by("-starts_at", "-id")
    for starts, title, rep in meetings.values_list("starts_at", "title", "rep__name")[:MOST]:
        found.append(Written(starts, "appointment", rep, title, ahead=starts > now))
    return sorted(found, key=lambda written: written.at, reverse=True)
