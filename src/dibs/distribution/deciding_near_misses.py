"""What a person decides about a near miss: two leads are one person's, a lead is an account's, or neither; and takes back again.

What is near enough to be asked about stands in `NearMiss` (``near``). The leads are locked before it is, by everybody (``merging``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from dibs.crm.models import Account, Merge, NearMiss, Opportunity
from dibs.distribution.merging import Room, Unmerged, ended_among, merge_in, unmerge, which
from dibs.distribution.scene import Refused
from dibs.engine.decision import Reason, Refusal
from dibs.people.caller import Caller
from dibs.people.tenancy import enter


@dataclass(frozen=True, slots=True)
class Decided:
    """A near miss as it is now."""

    near: UUID
    state: str
    lead: UUID
    merge: UUID | None = None


def decide(caller: Caller, near_id: UUID, now: datetime, *, same: bool) -> Decided | Refused | None:
    """Decide a near miss: the leads are one person's and are merged, or the lead is the account's (``same``); or they are not, and
    nobody is asked about them again. ``None``: there is none such for the caller."""
    enter(caller.workspace_id)
    with transaction.atomic():
        near = _near(caller, near_id)
        if near is None:
            return None
        if near.other_id is not None:
            return _decide_person(caller, near, near.other_id, now, same=same)
        return _decide_account(caller, near, now, same=same)


def _decide_person(
    caller: Caller, near: NearMiss, other: UUID, now: datetime, *, same: bool
) -> Decided | Refused | None:
    room = Room.read(caller, (near.lead_id, other), now)
    if not (room.led(near.lead_id) and room.led(other)):
        return None
    if (near := _locked(near)).state != "open":
        return Refused(_decided(near))
    if not same:
        return _settled(near, "apart", caller, now)
    if (ended := ended_among(room)) is not None:
        return ended
    merged = merge_in(room, *which(room.rows[near.lead_id], room.rows[other]))
    return Decided(near.id, "merged", merged.kept, merged.merge)


def _decide_account(caller: Caller, near: NearMiss, now: datetime, *, same: bool) -> Decided | Refused | None:
    room = Room.read(caller, (near.lead_id,), now, near.account_id)
    if not room.led(near.lead_id):
        return None
    if (near := _locked(near)).state != "open":
        return Refused(_decided(near))
    if not same:
        return _settled(near, "apart", caller, now)
    assert near.account_id is not None
    row = room.rows[near.lead_id]
    name = Account.objects.values_list("name", flat=True).get(id=near.account_id)
    room.write(
        room.look_at(row, {"account_id": near.account_id}, Reason("belongs_to", {"account": name, "by": caller.name}))
    )
    # What the lead was converted to while nobody had decided is the account's too.
    _opportunities(near).filter(account__isnull=True).update(account_id=near.account_id)
    return _settled(near, "merged", caller, now)


def reopen(caller: Caller, near_id: UUID, now: datetime) -> Decided | Refused | None:
    """Take back what was decided about a near miss: leads that were merged are taken apart, a lead is no longer the account's; and it
    is open to be decided anew. ``None``: there is none such for the caller."""
    enter(caller.workspace_id)
    with transaction.atomic():
        near = _near(caller, near_id)
        if near is None:
            return None
        room = Room.read(caller, tuple(lead for lead in (near.lead_id, near.other_id) if lead), now, near.account_id)
        near = _locked(near)
        if not all(room.led(lead) for lead in room.rows if room.rows[lead]["state"] != "merged"):
            return None
        if near.state == "open":
            return Refused(Refusal((Reason("already_undone"),), remedy=Reason("choose_another")))
        if near.state == "merged" and near.other_id is not None:
            made = (
                Merge.objects.filter(
                    workspace_id=caller.workspace_id,
                    kept__in=[near.lead_id, near.other_id],
                    gone__in=[near.lead_id, near.other_id],
                    undone_at__isnull=True,
                )
                .order_by("-at")
                .first()
            )
            if made is not None and not isinstance(done := unmerge(caller, made.id, now), Unmerged):
                return done
        elif near.state == "merged":
            row = room.rows[near.lead_id]
            if row["account_id"] == near.account_id:
                name = Account.objects.values_list("name", flat=True).get(id=near.account_id)
                because = Reason("belongs_no_more", {"account": name, "by": caller.name})
                room.write(room.look_at(row, {"account_id": None}, because))
                _opportunities(near).filter(account_id=near.account_id).update(account_id=None)
        return _settled(near, "open", caller, now)


def _opportunities(near: NearMiss) -> QuerySet[Opportunity]:
    """What its lead became."""
    return Opportunity.objects.filter(workspace_id=near.workspace_id, lead_id=near.lead_id)


def _near(caller: Caller, near_id: UUID) -> NearMiss | None:
    return NearMiss.objects.filter(workspace_id=caller.workspace_id, id=near_id).first()


def _locked(near: NearMiss) -> NearMiss:
    """The same as it is now, until the transaction ends. Its leads are locked before, by everybody."""
    return NearMiss.objects.select_for_update().get(id=near.id)


def _decided(near: NearMiss) -> Refusal:
    return Refusal((Reason("already_decided", {"decided": near.state}),), remedy=Reason("choose_another"))


def _settled(near: NearMiss, state: str, caller: Caller, now: datetime) -> Decided:
    NearMiss.objects.filter(id=near.id).update(state=state, decided_by=caller.user_id, decided_at=now)
    return Decided(near.id, state, near.lead_id)
