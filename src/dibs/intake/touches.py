"""Touches come in by themselves: pages that the person of a lead looked at, mails they opened, a call."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from dibs.crm.arrival import Enrichment, Touching
from dibs.crm.models import Lead, Touch
from dibs.distribution.persons import kept_instead
from dibs.distribution.placing import enrich
from dibs.intake.receiving import Received
from dibs.people.tenancy import enter


class LeadEnded(Exception):
    """The lead has ended: what its person does now is a new lead's. ``state`` is where it is."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class Sourceless(ValueError):
    """It is not said where the touch was noticed: its source is blanks."""


def touch(workspace_id: UUID, lead_id: UUID, said: Touching, now: datetime) -> Received | None:
    """Write a touch on a lead; of one that was merged into another, on that one. The same one told again, by its source and external
    id, changes nothing; an external id of blanks is none. ``None``: there is no such lead. Raises `LeadEnded` and `Sourceless`.
    """
    said = replace(said, source=said.source.strip(), external_id=(said.external_id or "").strip() or None)
    if not said.source:
        raise Sourceless("a touch has a source, where it was noticed")
    enter(workspace_id)
    for _ in range(2):
        if said.external_id is not None:
            known = Touch.objects.filter(workspace_id=workspace_id, source=said.source, external_id=said.external_id)
            if (lead := known.values_list("lead_id", flat=True).first()) is not None:
                return Received("unchanged", lead)
        lead_id = kept_instead(workspace_id, [lead_id]).get(lead_id, lead_id)
        try:
            with transaction.atomic():
                placed = enrich(workspace_id, [Enrichment(lead_id, {}, said)], now=now)
                if not placed:
                    return None
                if placed[0].ended:
                    raise LeadEnded(Lead.objects.values_list("state", flat=True).get(id=lead_id))
                return Received("touched", placed[0].lead_id, placed[0])
        except IntegrityError as problem:
            if "touch_external_once" not in str(problem):
                raise
    raise AssertionError("what was there at the second look is found")
