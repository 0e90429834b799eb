"""A rep's own: the leads they have, with their clocks, and where they stand with the rules."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from dibs.insight.mine import my_leads
from dibs.insight.sight import SeenLead
from dibs.people.access import Action
from dibs.web.visit import Visit, page


@require_GET
@page(Action.WORK_LEADS, rep_only=True)
def mine(visit: Visit) -> HttpResponse:
    """My leads, the one whose time runs out first on top."""
    leads = my_leads(visit.caller, visit.now)
    offered = [lead for lead in leads if lead["state"] == "offered"]
    held = [lead for lead in leads if lead["state"] == "owned"]
    working = [lead for lead in leads if lead["state"] == "working"]
    return visit.show(
        "mine/mine.html", tab="mine", offered=offered, held=held, working=working, until=_until, total=len(leads)
    )


def _until(lead: SeenLead) -> datetime | None:
    """When its time runs out: the lock or the offer, else the promised first contact."""
    until: datetime | None = lead.get("lock_expires_at") or (lead["due_at"] if lead["due_for"] == "sla" else None)
    return until


@require_GET
@page(Action.WORK_LEADS, rep_only=True)
def standing(visit: Visit) -> HttpResponse:
    """Each rule in force, where I stand, and what would make it a yes."""
    return visit.show("mine/standing.html", tab="standing", mine=visit.standing, rules=visit.rules)
