"""Two leads of one person made one, and taken apart again.

Every act here is: lock, read, decide, write; the leads are locked in the order of their ids, so that a lead that is claimed, routed or
merged elsewhere at the same moment is so before or after, never between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from dibs.crm.lookup import lookup_of
from dibs.crm.models import Activity, Appointment, Merge, NearMiss
from dibs.distribution import policies
from dibs.distribution.crews import Crew, crew
from dibs.distribution.families import accounts_by_id
from dibs.distribution.policies import Active
from dibs.distribution.reading import LEAD_COLUMNS, Row, lead_clock, lock_leads, passed_over
from dibs.distribution.scene import Refused, Scene
from dibs.distribution.touching import Told, looked_at
from dibs.distribution.undoing import had_again, kept_of, read_back
from dibs.distribution.writing import Outcome, write, write_turns
from dibs.engine import consequences, counters
from dibs.engine.consequences import Felt
from dibs.engine.decision import InReview, Placement, Reason, Refusal
from dibs.engine.facts import AccountFacts
from dibs.engine.lifecycle import ENDED, HELD
from dibs.engine.roster import Roster
from dibs.people.caller import Caller
from dibs.people.tenancy import enter, new_id

#: Which of two leads is kept: the one that has come further; of two as far, the older one.
_FURTHEST = ("working", "owned", "offered", "review", "pooled", "nurture", "new")
#: What the kept lead takes from the other where it lacks it.
_TAKEN = (
    "name", "title", "email", "phone", "company", "domain", "industry", "employees", "country", "region", "city", "postal_code",
    "language", "product", "use_case", "deal_value", "currency", "message", "consent", "campaign", "account_id", "contact_id",
    "assessment", "assessed",
)  # fmt: skip
#: What is the lead's for ever, whatever is undone.
_FOR_EVER = frozenset({"id", "workspace_id", "external_id", "received_at", "created_at", "version", "policy_version"})
_KEPT = tuple(column for column in LEAD_COLUMNS if column not in _FOR_EVER)


@dataclass(frozen=True, slots=True)
class Merged:
    """Done: ``kept`` is the lead that is left, ``gone`` the other; ``merge`` names it for undoing."""

    merge: UUID
    kept: UUID
    gone: UUID


@dataclass(frozen=True, slots=True)
class Unmerged:
    """Undone: both are leads of their own again. ``restored``: the one that was kept is as it was before too; it had changed since, and
    so stays as it is, where this is false."""

    kept: UUID
    gone: UUID
    restored: bool


@dataclass(slots=True)
class Room:
    """What an act on some leads has read."""

    caller: Caller
    now: datetime
    rows: dict[UUID, Row]
    active: Active | None
    known: Crew
    roster: Roster
    skipped: Mapping[UUID, frozenset[str]]
    accounts: Mapping[UUID, AccountFacts]

    @classmethod
    def read(cls, caller: Caller, leads: tuple[UUID, ...], now: datetime, *accounts: UUID | None) -> Room:
        workspace_id = caller.workspace_id
        rows = lock_leads(workspace_id, leads)
        active = policies.active(workspace_id)
        known = crew(workspace_id, now, lock_turns_of=active.book.policy.team_names() if active else ())
        wanted = {row["account_id"] for row in rows.values()} | set(accounts)
        skipped = passed_over(workspace_id, rows)
        return cls(caller, now, rows, active, known, known.roster, skipped, accounts_by_id(workspace_id, wanted))

    def led(self, lead: UUID) -> bool:
        """Whether there is such a lead, and it is the caller's to lead."""
        row = self.rows.get(lead)
        if row is None:
            return False
        clock = lead_clock(row, self.known.handles.get(row["owner_id"]))
        return Scene(self.caller, row, self.active, self.known, self.now, clock).is_led

    def look_at(self, row: Row, given: Mapping[str, Any], *because: Reason) -> Outcome:
        """What comes of these new facts on a lead."""
        account = self.accounts.get(given.get("account_id", row["account_id"]))
        outcome, self.roster = looked_at(
            self.active,
            row,
            Told(dict(given)),
            self.known,
            account,
            self.skipped.get(row["id"], frozenset()),
            self.roster,
            self.now,
        )
        outcome.reasons = (*because, *(reason for reason in outcome.reasons if reason.code != "enriched"))
        outcome.actor = self.caller.actor
        return outcome

    def write(self, *outcomes: Outcome) -> None:
        write_turns(self.caller.workspace_id, self.known.roster, self.roster, self.known.ids)
        write(
            self.caller.workspace_id,
            sorted(outcomes, key=lambda outcome: outcome.lead["id"]),
            now=self.now,
            policy_version=self.active.number if self.active else None,
            crew=self.known,
        )


def merge(
    caller: Caller, one: UUID, other: UUID, now: datetime, *, keep: UUID | None = None
) -> Merged | Refused | None:
    """Make two open leads one. ``keep``: which is kept; left out, the one that has come further, else the older one.

    The kept one takes what it lacks and the other's touches, is qualified anew, and stays with who has it, or is routed anew if it
    waits. The other's rep is free of it. ``None``: one of them is not the caller's to lead.
    """
    enter(caller.workspace_id)
    if one == other:
        return Refused(Refusal((Reason("same_lead"),), remedy=Reason("choose_another")))
    with transaction.atomic():
        room = Room.read(caller, (one, other), now)
        if not (room.led(one) and room.led(other)):
            return None
        if (ended := ended_among(room)) is not None:
            return ended
        kept, gone = which(room.rows[one], room.rows[other], keep)
        return merge_in(room, kept, gone)


def ended_among(room: Room) -> Refused | None:
    """What has ended is not merged any more."""
    ended = next((row for row in room.rows.values() if row["state"] in ENDED), None)
    if ended is None:
        return None
    because = Reason("already_ended", {"state": ended["state"], "act": "merged"})
    return Refused(Refusal((because,), remedy=Reason("choose_another")))


def which(one: Row, other: Row, keep: UUID | None = None) -> tuple[Row, Row]:
    """The lead to keep, and the other: the one that has come further is kept, else the older one, unless it is said which."""
    if keep is not None:
        return (one, other) if one["id"] == keep else (other, one)
    first, second = sorted((one, other), key=lambda row: (_FURTHEST.index(row["state"]), row["received_at"], row["id"]))
    return first, second


def merge_in(room: Room, kept: Row, gone: Row) -> Merged:
    """Two leads that are locked and open, made one."""
    by = room.caller.name
    clock = lead_clock(gone, room.known.handles.get(gone["owner_id"]))
    ended = consequences.ended(clock, "merged")
    away = Outcome(
        lead=gone,
        kind="merged",
        changes={
            "state": "merged",
            "merged_into_id": kept["id"],
            "owner_id": None,
            "claim": None,
            "review": None,
            "by_hand": False,
            "lock_expires_at": None,
            "due_at": None,
            "due_for": None,
            "sla_at": None,
            "warned": False,
            "awaits": None,
            "sequence": None,
            "mailed": 0,
            "mailed_at": None,
        },
        reasons=(Reason("merged", {"into": str(kept["id"]), "by": by}),),
        rep=gone["owner_id"],
        actor=room.caller.actor,
        felt=consequences.felt(clock, ended, room.now, room.known.day),
    )
    stays = room.look_at(kept, _together(kept, gone), Reason("merged_with", {"lead": str(gone["id"]), "by": by}))
    before = {"kept": kept_of(kept, _KEPT), "gone": kept_of(gone, _KEPT), "version": kept["version"] + 1}
    room.write(away, stays)
    _still_to_do(room, kept["id"], gone["id"])
    made = Merge.objects.create(
        id=new_id(),
        workspace_id=room.caller.workspace_id,
        kept_id=kept["id"],
        gone_id=gone["id"],
        before=before,
        at=room.now,
        by_id=room.caller.user_id,
    )
    pairs = NearMiss.objects.filter(
        workspace_id=room.caller.workspace_id,
        state="open",
        lead__in=[kept["id"], gone["id"]],
        other__in=[kept["id"], gone["id"]],
    )
    pairs.update(state="merged", decided_by=room.caller.user_id, decided_at=room.now)
    return Merged(made.id, kept["id"], gone["id"])


def _still_to_do(room: Room, kept: UUID, gone: UUID) -> None:
    """What is planned with the one goes to the one that is kept, and stays with it should they be taken apart again; what was done and
    written down stays where it was, and is told with both."""
    planned = Activity.objects.filter(workspace_id=room.caller.workspace_id, lead_id=gone, done_at__isnull=True)
    planned.update(lead_id=kept)
    ahead = Appointment.objects.filter(workspace_id=room.caller.workspace_id, lead_id=gone, cancelled_at__isnull=True)
    ahead.filter(ends_at__gt=room.now).update(lead_id=kept)


def _together(kept: Row, gone: Row) -> dict[str, Any]:
    """What the kept lead has from now on."""
    given = {name: gone[name] for name in _TAKEN if kept[name] is None and gone[name] is not None}
    given["attributes"] = {**gone["attributes"], **kept["attributes"]}
    if answers := {**gone["answers"], **kept["answers"]}:
        given["answers"] = answers
    # It is one person: what they refused by one address they refused.
    if gone["do_not_contact"]:
        given["do_not_contact"] = True
    if gone["consent"] is False:
        given["consent"] = False
    given["touches"] = (kept["touches"] or 1) + (gone["touches"] or 1)
    for name in ("pages", "opens"):
        if gone[name] is not None:
            given[name] = (kept[name] or 0) + gone[name]
    at = [moment for row in (kept, gone) if (moment := row["last_touch_at"]) is not None]
    given["last_touch_at"] = max(*at, kept["received_at"], gone["received_at"])
    if kept["follow_up_at"] is None:
        given["follow_up_at"] = gone["follow_up_at"]
    return given


def unmerge(caller: Caller, merge_id: UUID, now: datetime) -> Unmerged | Refused | None:
    """Take two merged leads apart. The one that was away is where it was, its rep's if that one is still here; the one that was kept
    is as it was before, unless something happened to it since. ``None``: there is no such merge for the caller."""
    enter(caller.workspace_id)
    with transaction.atomic():
        merges = Merge.objects.filter(workspace_id=caller.workspace_id, id=merge_id)
        if (made := merges.first()) is None:
            return None
        room = Room.read(caller, (made.kept_id, made.gone_id), now)
        # Nobody has the lead that is away: it is led by who leads the one that was kept.
        if not room.led(made.kept_id):
            return None
        made = merges.select_for_update().get()
        kept, gone = room.rows[made.kept_id], room.rows[made.gone_id]
        if made.undone_at is not None or gone["state"] != "merged":
            return Refused(Refusal((Reason("already_undone"),), remedy=Reason("choose_another")))
        because = Reason("unmerged", {"by": caller.name})
        outcomes = [_back(room, gone, _restored(gone, made.before["gone"]), "unmerged", because)]
        restored = kept["version"] == made.before["version"]
        if restored:
            outcomes.append(_back(room, kept, _restored(kept, made.before["kept"]), "undone", because))
        room.write(*outcomes)
        made.undone_at, made.undone_by_id = now, caller.user_id
        made.save(update_fields=["undone_at", "undone_by"])
        NearMiss.objects.filter(
            workspace_id=caller.workspace_id,
            state="merged",
            lead__in=[kept["id"], gone["id"]],
            other__in=[kept["id"], gone["id"]],
        ).update(state="apart", decided_by=caller.user_id, decided_at=now)
        return Unmerged(kept["id"], gone["id"], restored)


def _back(room: Room, row: Row, was: dict[str, Any], kind: str, because: Reason) -> Outcome:
    """The lead as it was before; before the managers, if who had it has left."""
    known, now = room.known, room.now
    owner = known.handles.get(was["owner_id"]) if was["state"] in HELD else None
    reasons: tuple[Reason, ...] = (because,)
    if was["state"] in HELD and (owner is None or not known.roster.reps[owner].active):
        clock = lead_clock({**row, "state": "new"}, None)
        placement = Placement(InReview("managers"), None, (Reason("in_review", {"queue": "managers"}),))
        after = consequences.placed(clock, placement, now)
        was |= {
            "state": "review",
            "review": "managers",
            "owner_id": None,
            "claim": None,
            "lock_expires_at": None,
            "due_at": after.due_at,
            "due_for": after.due_for,
        }
        reasons, owner = (because, *placement.reasons), None
    if row["state"] == "retired":
        was |= {"ended_at": None, "retired_why": None}  # what the merge made known of it had it given up
    if kind == "undone" and was["state"] == row["state"] and was["owner_id"] == row["owner_id"]:
        kind = "enriched"  # It is where it was all the while, with its facts of before.
    return Outcome(
        lead=row,
        kind=kind,
        changes=was,
        reasons=reasons,
        rep=was["owner_id"] or row["owner_id"],
        actor=room.caller.actor,
        felt=_felt(row, was, owner, known),
    )


def _felt(row: Row, was: Mapping[str, Any], owner: str | None, known: Crew) -> Felt:
    """What standings feel: who got the lead by the merge lets go of it, and who had it before has it as before."""
    has = known.handles.get(row["owner_id"]) if row["state"] in HELD else None
    if has == owner:
        return ()
    events: list[tuple[str, counters.Event]] = []
    if has is not None:
        events.append((has, counters.Released(row["contacted_at"] is not None)))
    if owner is not None:
        events.append((owner, had_again(was, owner, known)))
    return tuple(events)


def _restored(row: Row, kept: Mapping[str, Any]) -> dict[str, Any]:
    was = read_back(kept)
    return {**was, "lookup": lookup_of(row | was)}
