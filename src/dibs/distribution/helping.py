"""A lead's team: reps who see it in full and help with it. Whose it is stays as it is, whatever they do."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from dibs.crm.models import Helper
from dibs.distribution.scene import Answer, Scene, act
from dibs.distribution.writing import Outcome
from dibs.engine.decision import Reason, Refusal
from dibs.people.caller import Caller


def add_helper(caller: Caller, lead_id: UUID, handle: str, now: datetime) -> Answer:
    """Put a rep on the lead's team: for who has the lead, and who leads them. Somebody who is on it already stays.

    Raises `LookupError` if there is no active rep with this handle.
    """

    def decide(scene: Scene) -> Outcome | Refusal | None:
        rep = scene.known.roster.reps.get(handle)
        if rep is None or not rep.active:
            raise LookupError(handle)
        if refusal := _of_others(scene):
            return refusal
        rep_id = scene.known.ids[handle]
        if rep_id == scene.held_by:
            return Refusal((Reason("owns_it", {"rep": handle}),), remedy=Reason("choose_somebody"))
        _, is_new = Helper.objects.get_or_create(
            workspace_id=caller.workspace_id,
            lead_id=lead_id,
            rep_id=rep_id,
            defaults={"by_id": caller.user_id, "at": now},
        )
        return _helped(scene, Reason("helper_added", {"rep": handle, "by": caller.name})) if is_new else None

    return act(caller, lead_id, now, decide, kind="helped", claim=None)


def remove_helper(caller: Caller, lead_id: UUID, handle: str, now: datetime) -> Answer:
    """Take a rep off the lead's team: for who has the lead, who leads them, and the rep. Who is not on it makes no difference.

    Raises `LookupError` if there is no rep with this handle.
    """

    def decide(scene: Scene) -> Outcome | Refusal | None:
        rep_id = scene.known.ids.get(handle)
        if rep_id is None:
            raise LookupError(handle)
        if handle != caller.handle and (refusal := _of_others(scene)):
            return refusal
        gone, _ = Helper.objects.filter(workspace_id=caller.workspace_id, lead_id=lead_id, rep_id=rep_id).delete()
        return _helped(scene, Reason("helper_removed", {"rep": handle, "by": caller.name})) if gone else None

    return act(caller, lead_id, now, decide, kind="helped", claim=None)


def _of_others(scene: Scene) -> Refusal | None:
    """Who is only on the team says nothing of others on it."""
    if scene.is_led or not scene.helps:
        return None
    return Refusal((Reason("not_yours", {"by": scene.clock.owner}),), remedy=Reason("choose_another"))


def _helped(scene: Scene, because: Reason) -> Outcome:
    return Outcome(
        lead=scene.row, kind="helped", changes={}, reasons=(because,), rep=scene.held_by, actor=scene.caller.actor
    )
