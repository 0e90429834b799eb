"""What the person of a lead agreed to, written down by who spoke with them: who said so, and when, is in the lead's story.

To withdraw consent is more than to lack it: the person is put on the list of those who must not be contacted, and their other leads are
told so, as with everybody on it (`refusing`).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from dibs.crm.arrival import Enrichment
from dibs.distribution import policies
from dibs.distribution.crews import crew
from dibs.distribution.placing import enrich
from dibs.distribution.reading import lead_clock, lock_leads
from dibs.distribution.refusing import refused_by_hand
from dibs.distribution.scene import Acted, Answer, Refused, Scene
from dibs.engine import claim as judge
from dibs.engine.decision import Reason, Refusal
from dibs.engine.forgetting import ERASED
from dibs.engine.lifecycle import ENDED
from dibs.people.caller import Caller
from dibs.people.tenancy import enter


def set_consent(caller: Caller, lead_id: UUID, given: bool, now: datetime) -> Answer:
    """Write down that the person agreed, or withdrew what they had agreed to: for who has the lead, and who leads where it is. The lead is
    scored again, and goes the policy's way for people who refused if it waits. ``None``: there is no such lead."""
    enter(caller.workspace_id)
    with transaction.atomic():
        row = lock_leads(caller.workspace_id, [lead_id]).get(lead_id)
        if row is None:
            return None
        active = policies.active(caller.workspace_id)
        known = crew(caller.workspace_id, now, only=(row["owner_id"], caller.rep_id))
        scene = Scene(caller, row, active, known, now, lead_clock(row, known.handles.get(row["owner_id"])))
        if (refusal := _may(scene)) is not None:
            return Refused(refusal)
        facts = {"consent": given} | ({} if given else {"do_not_contact": True})
        because = Reason("consent_given" if given else "consent_withdrawn", {"by": caller.name})
        enrich(caller.workspace_id, [Enrichment(lead_id, facts, because=because)], now=now)
        if not given:
            refused_by_hand(caller, row, now)
        after = lock_leads(caller.workspace_id, [lead_id])[lead_id]
    return Acted(after, known.handles.get(after["owner_id"]), (because,))


def _may(scene: Scene) -> Refusal | None:
    row = scene.row
    if ERASED in row["flags"]:
        return Refusal((Reason("is_erased"),), remedy=Reason("choose_another"))
    if row["state"] in ENDED:
        return Refusal(
            (Reason("already_ended", {"state": row["state"], "act": "enriched"}),), remedy=Reason("choose_another")
        )
    return None if scene.is_led else judge.may_act(scene.clock, scene.caller.handle or "", True, scene.now)
