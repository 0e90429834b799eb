"""What people do with leads once they have them, and what managers do with all of them.

Every act is: lock the lead and read, check, write. It answers `Acted`, or `Refused` with what would make it a yes, or ``None``
where the caller may not know of the lead. Whether the caller's role allows the kind of act is for the caller's face to ask
(``people.access``); whose lead it is, is asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from dibs.distribution import policies
from dibs.distribution.lines import sees
from dibs.distribution.policies import Active
from dibs.distribution.reading import (
    Crew,
    Row,
    accounts_by_id,
    crew,
    earned_already,
    has_opened,
    lead_clock,
    lead_facts,
    lock_leads,
    passed_over,
    seed_for,
    standing_now,
    with_record,
)
from dibs.distribution.ticking import settle
from dibs.distribution.writing import Outcome, begin_standings, placing, write, write_turns
from dibs.engine import claim as judge
from dibs.engine import consequences, credits, fairplay, timeline
from dibs.engine.credits import Earned, What
from dibs.engine.decision import Assigned, Due, InPool, Placement, Reason, Refusal
from dibs.engine.due import due_in_pool, due_when_owned
from dibs.engine.facts import LeadClock
from dibs.engine.lifecycle import ENDED
from dibs.people.caller import Caller
from dibs.people.models import Role
from dibs.people.tenancy import enter

#: What counts as a first contact.
CONTACT_KINDS = ("call", "mail", "meeting", "message")

#: Acts that may earn something, and what kind of credit.
_EARNING: Mapping[str, What] = {"contacted": "claim", "converted": "convert"}

#: Why a lead may be retired.
RETIRE_REASONS = ("no_interest", "not_a_fit", "cannot_verify", "duplicate", "no_answer", "spam", "other")


@dataclass(frozen=True, slots=True)
class Acted:
    """Done. ``lead`` holds all its columns as they are now; ``owner`` is the handle of who has it."""

    lead: Row
    owner: str | None
    reasons: tuple[Reason, ...]

    @property
    def state(self) -> str:
        return str(self.lead["state"])


@dataclass(frozen=True, slots=True)
class Refused:
    """No, and what would make it a yes."""

    refusal: Refusal


Answer = Acted | Refused | None


@dataclass(slots=True)
class Scene:
    """What one act read, and the lead it is about."""

    caller: Caller
    row: Row
    active: Active | None
    known: Crew
    now: datetime
    clock: LeadClock
    turns_after: Any = None
    held_by: UUID | None = field(init=False)

    def __post_init__(self) -> None:
        self.held_by = self.row["owner_id"]
        self.turns_after = self.known.roster

    def still_with(self, kind: str, after: LeadClock, *reasons: Reason) -> Outcome:
        """The lead stays in the same hands, or ends in them; the lease stays too."""
        before = self.clock
        names = ("state", "lock_expires_at", "contacted_at", "due_at", "due_for")
        changes = {name: getattr(after, name) for name in names}
        if after.state in ENDED:
            changes["ended_at"] = self.now
        earned = self._earned(kind)
        return Outcome(
            lead=self.row,
            kind=kind,
            changes=changes,
            reasons=(*reasons, *(credit.reason for credit in earned)),
            rep=self.held_by,
            actor=self.caller.user_id,
            felt=consequences.felt(before, after, self.now, self.known.today),
            earned=earned,
        )

    def _earned(self, kind: str) -> tuple[Earned, ...]:
        """What this earns who has the lead: the first contact on one they took themselves, or a conversion. Each kind once a lead: to
        give it back and take it again earns nothing anew."""
        row, what = self.row, _EARNING.get(kind)
        if self.active is None or self.held_by is None or what is None:
            return ()
        if what == "claim" and (row["taken_by"] != "claimed" or self.clock.contacted_at is not None):
            return ()
        credit = credits.earned(self.active.book, lead_facts(row), what, self.now)
        if credit is None or what in earned_already(self.caller.workspace_id, self.held_by, row["id"]):
            return ()
        return (credit,)

    def goes_to(self, kind: str, placement: Placement, after: LeadClock) -> Outcome:
        """The lead changes hands."""
        return Outcome(
            lead=self.row,
            kind=kind,
            changes=placing(placement, after, self.known, by="review" if self.clock.state == "review" else "assigned"),
            reasons=placement.reasons,
            rep=self.known.ids[after.owner] if after.owner else self.held_by,
            actor=self.caller.user_id,
            felt=consequences.felt(self.clock, after, self.now, self.known.today),
        )


def contact(
    caller: Caller, lead_id: UUID, now: datetime, *, kind: str = "call", note: str = "", claim: UUID | None = None
) -> Answer:
    """The rep did something real: the clock stops and the lead stays theirs. ``kind`` is one of `CONTACT_KINDS`."""
    if kind not in CONTACT_KINDS:
        raise ValueError(f"kind is one of {', '.join(CONTACT_KINDS)}")

    def decide(scene: Scene) -> Outcome:
        after = consequences.contacted(scene.clock, now)
        return scene.still_with("contacted", after, Reason("contacted", {"kind": kind, "note": note}))

    return _act(caller, lead_id, now, decide, kind="contacted", claim=claim)


def accept(caller: Caller, lead_id: UUID, now: datetime, *, claim: UUID | None = None) -> Answer:
    """The rep takes the offer."""

    def decide(scene: Scene) -> Outcome:
        return scene.still_with(
            "accepted", consequences.accepted(scene.clock, _first_contact_due(scene)), Reason("accepted")
        )

    return _act(caller, lead_id, now, decide, kind="accepted", claim=claim)


def reject(caller: Caller, lead_id: UUID, now: datetime, *, why: str = "", claim: UUID | None = None) -> Answer:
    """The rep declines the offer: it goes to the next in line, and not to this rep again."""

    def decide(scene: Scene) -> Outcome:
        assert scene.active is not None
        moved, scene.turns_after = timeline.declined(
            scene.active.book,
            lead_facts(scene.row),
            _account(scene),
            scene.clock,
            scene.known.roster,
            now,
            seed_for(scene.row, scene.active.digest),
        )
        placement = _with(moved.placement, Reason("rejected", {"why": why}))
        done = scene.goes_to(
            "rejected", placement, consequences.moved(scene.clock, replace(moved, placement=placement), now)
        )
        assert scene.held_by is not None
        done.passed_over = (scene.held_by, "declined")
        return done

    return _act(caller, lead_id, now, decide, kind="rejected", claim=claim)


def release(caller: Caller, lead_id: UUID, now: datetime, *, why: str = "", claim: UUID | None = None) -> Answer:
    """The rep gives the lead back: to its pool, in its old place in line unless there was a contact, or to be placed again."""

    def decide(scene: Scene) -> Outcome:
        assert scene.active is not None
        assert scene.held_by is not None
        pool = scene.row["pool"]
        because = Reason("released", {"why": why})
        escalated = 0
        if pool in scene.active.book.policy.pools:
            back, escalated = timeline.back_in_pool(scene.active.book, scene.clock, scene.row["rank"], now)
            placement = _with(back, because)
        else:
            handle = scene.known.handles[scene.held_by]
            clock = _passed_by(scene.clock, handle)
            placement, scene.turns_after = timeline.given_back(
                scene.active.book,
                lead_facts(scene.row),
                _account(scene),
                clock,
                scene.known.roster,
                now,
                seed_for(scene.row, scene.active.digest),
            )
            placement = _with(placement, because)
        done = scene.goes_to(
            "released", placement, consequences.placed(scene.clock, placement, now, escalated=escalated)
        )
        done.passed_over = (scene.held_by, "released" if scene.clock.contacted_at is None else "worked")
        return done

    return _act(caller, lead_id, now, decide, kind="released", claim=claim)


def convert(
    caller: Caller,
    lead_id: UUID,
    now: datetime,
    *,
    amount: Decimal | None = None,
    currency: str | None = None,
    note: str = "",
    claim: UUID | None = None,
) -> Answer:
    """The lead became business: one of its two good ends."""

    def decide(scene: Scene) -> Outcome:
        params = {"amount": str(amount) if amount is not None else None, "currency": currency, "note": note}
        return scene.still_with("converted", consequences.ended(scene.clock, "converted"), Reason("converted", params))

    return _act(caller, lead_id, now, decide, kind="converted", claim=claim)


def retire(
    caller: Caller, lead_id: UUID, now: datetime, *, why: str, note: str = "", claim: UUID | None = None
) -> Answer:
    """The lead is given up. ``why`` is one of `RETIRE_REASONS`. A manager may also retire one that nobody has."""
    if why not in RETIRE_REASONS:
        raise ValueError(f"why is one of {', '.join(RETIRE_REASONS)}")

    return _act(caller, lead_id, now, lambda scene: retired(scene, why, note), kind="retired", claim=claim)


def skip(caller: Caller, lead_id: UUID, now: datetime) -> Answer:
    """The rep looked at a waiting lead and passed on: counted, and refused where the policy's limit is reached."""

    def decide(scene: Scene) -> Outcome | Refusal:
        if scene.active is not None and caller.rep_id is not None:
            # Locked: skips of several leads at the same moment take turns, or all of them would be under the limit.
            begin_standings(caller.workspace_id, [caller.rep_id])
            standing = standing_now(caller.workspace_id, caller.rep_id, lock=True)
            refusal = judge.may_skip(scene.active.book, standing)
            if refusal:
                return refusal
        done = Outcome(
            lead=scene.row,
            kind="skipped",
            changes={},
            reasons=(Reason("skipped"),),
            rep=caller.rep_id,
            actor=caller.user_id,
        )
        if caller.handle and caller.rep_id:
            done.felt = ((caller.handle, fairplay.Skipped()),)
            done.passed_over = (caller.rep_id, "skipped")
        return done

    return _act(caller, lead_id, now, decide, kind="skipped", claim=None)


def open_lead(caller: Caller, lead_id: UUID, now: datetime) -> Answer:
    """The rep looks at the details of a waiting lead of which the pool shows a preview: counted as a skip, once for each lead until
    the next claim, and refused where the policy's limit is reached. `dibs.insight.sight` shows it in full from then on.

    Where there is nothing to open, because the caller sees the lead in full already or comes to its details by a claim alone,
    nothing is counted and nothing refused.
    """
    enter(caller.workspace_id)
    # Claimable at once, tick or no tick, and so to be looked at.
    settle(caller.workspace_id, [lead_id], now, wait=not connection.in_atomic_block)
    return _act(caller, lead_id, now, _opening, kind="opened", claim=None)


def _opening(scene: Scene) -> Outcome | Refusal | None:
    caller, row = scene.caller, scene.row
    if scene.active is None or caller.rep_id is None or row["state"] != "pooled":
        return None
    book, rep_id = scene.active.book, caller.rep_id
    pool = book.policy.pools.get(row["pool"])
    if pool is None or caller.oversees(pool.teams):
        return None
    rep = scene.known.roster.reps[caller.handle or ""]
    if book.tiers:
        rep = with_record(caller.workspace_id, rep_id, rep, book, scene.now)
    sight = judge.sight(book, rep, caller.teams, row["pool"])
    if not sight.opens or not sees(book, sight.only, rep, row, scene.now):
        return None
    # Locked: several leads opened at the same moment take turns, or all of them would be under the limit. The same one opened twice
    # at once takes turns at the lead itself.
    begin_standings(caller.workspace_id, [rep_id])
    standing = standing_now(caller.workspace_id, rep_id, lock=True)
    already = has_opened(caller.workspace_id, rep_id, row["id"])
    refusal = judge.may_open(book, standing, already)
    if refusal is not None or already:
        return refusal
    return Outcome(
        lead=row,
        kind="opened",
        changes={},
        reasons=(Reason("opened"),),
        rep=rep_id,
        actor=caller.user_id,
        felt=((rep.handle, fairplay.Skipped()),),
        passed_over=(rep_id, "opened"),
    )


def assign(caller: Caller, lead_id: UUID, handle: str, now: datetime, *, why: str = "") -> Answer:
    """A manager gives the lead to a rep by name. It beats the rules; they do not overturn it.

    Raises `LookupError` if there is no active rep with this handle.
    """

    return _act(caller, lead_id, now, lambda scene: assigned(scene, handle, why), kind="assigned", claim=None)


def return_to_pool(caller: Caller, lead_id: UUID, pool: str, now: datetime, *, why: str = "") -> Answer:
    """A manager sends a lead from review to a pool, where its wait begins anew: in its old place it would be over the pool's
    steps and its age cap, and the next tick would overturn the manager. Raises `LookupError` for an unknown pool.
    """

    return _act(caller, lead_id, now, lambda scene: returned(scene, pool, why), kind="returned", claim=None)


def retired(scene: Scene, why: str, note: str) -> Outcome:
    """What comes of giving the lead up."""
    return scene.still_with(
        "retired", consequences.ended(scene.clock, "retired"), Reason("retired", {"why": why, "note": note})
    )


def assigned(scene: Scene, handle: str, why: str) -> Outcome:
    """What comes of giving the lead to this rep. Raises `LookupError` if there is no active rep with this handle."""
    rep = scene.known.roster.reps.get(handle)
    if rep is None or not rep.active:
        raise LookupError(handle)
    placement = Placement(
        to=Assigned(handle),
        due=_first_contact_due(scene, handle),
        reasons=(Reason("assigned_by", {"rep": handle, "by": scene.caller.name, "why": why}),),
    )
    return scene.goes_to("assigned", placement, consequences.placed(scene.clock, placement, scene.now))


def returned(scene: Scene, pool: str, why: str) -> Outcome:
    """What comes of sending the lead to this pool. Raises `LookupError` for an unknown one."""
    if scene.active is None or pool not in scene.active.book.policy.pools:
        raise LookupError(pool)
    now = scene.now
    placement = Placement(
        to=InPool(pool, since=now),
        due=due_in_pool(scene.active.book, pool, now, 0, now, scene.row["rank"]),
        reasons=(Reason("returned", {"pool": pool, "by": scene.caller.name, "why": why}),),
    )
    return scene.goes_to("returned", placement, consequences.placed(scene.clock, placement, now))


#: Acts that a manager does to leads whoever has them; the rest are for the rep who has the lead.
_OVER_ALL = frozenset({"assigned", "returned"})
#: Acts on a lead that waits, where there is no owner to ask about.
_ON_WAITING = frozenset({"skipped", "opened"})


def _act(
    caller: Caller,
    lead_id: UUID,
    now: datetime,
    decide: Callable[[Scene], Outcome | Refusal | None],
    *,
    kind: str,
    claim: UUID | None,
) -> Answer:
    """Do it, and once more if the database ended a deadlock by taking it back: then the others in it have got through."""
    try:
        return _act_once(caller, lead_id, now, decide, kind=kind, claim=claim)
    except OperationalError as problem:
        if connection.in_atomic_block or not isinstance(problem.__cause__, DeadlockDetected):
            raise
        return _act_once(caller, lead_id, now, decide, kind=kind, claim=claim)


def _act_once(
    caller: Caller,
    lead_id: UUID,
    now: datetime,
    decide: Callable[[Scene], Outcome | Refusal | None],
    *,
    kind: str,
    claim: UUID | None,
) -> Answer:
    enter(caller.workspace_id)
    with transaction.atomic():
        # Read.
        row = lock_leads(caller.workspace_id, [lead_id]).get(lead_id)
        if row is None:
            return None
        active = policies.active(caller.workspace_id)
        turns = active.book.policy.team_names() if active and kind in {"rejected", "released"} else ()
        known = crew(caller.workspace_id, now, lock_turns_of=turns)
        skipped = passed_over(caller.workspace_id, [lead_id]).get(lead_id, frozenset())
        clock = lead_clock(row, known.handles.get(row["owner_id"]), skipped)
        scene = Scene(caller, row, active, known, now, clock)

        # Decide.
        refusal = may_do(scene, kind, claim)
        if refusal:
            return Refused(refusal)
        if kind in {"rejected", "released", "returned"} and active is None:
            return Refused(Refusal((Reason("no_policy"),), remedy=Reason("publish_policy")))
        outcome = decide(scene)
        if outcome is None:
            return Acted(row, known.handles.get(row["owner_id"]), ())
        if isinstance(outcome, Refusal):
            return Refused(outcome)

        # Write.
        write_turns(caller.workspace_id, known.roster, scene.turns_after, known.ids)
        write(
            caller.workspace_id,
            [outcome],
            now=now,
            policy_version=active.number if active else None,
            crew=known,
        )
    lead = row | dict(outcome.changes) | {"version": row["version"] + 1}
    return Acted(lead, known.handles.get(lead["owner_id"]), tuple(outcome.reasons))


def may_do(scene: Scene, kind: str, claim: UUID | None) -> Refusal | None:
    """Whether the state allows it, and whether the lead is the caller's to act on."""
    caller, row = scene.caller, scene.row
    leads_all = caller.role in {Role.MANAGER, Role.OPS}
    if kind in _ON_WAITING:
        if row["state"] != "pooled":
            return Refusal((Reason("not_waiting"),), remedy=Reason("choose_another"))
        return None
    if kind not in _OVER_ALL and not (leads_all and kind in {"retired", "released", "converted"}):
        token_matches = claim is None or claim == row["claim"]
        refusal = judge.may_act(scene.clock, caller.handle or "", token_matches, scene.now)
        if refusal:
            return refusal
    return judge.may_move(scene.clock, kind)


def _first_contact_due(scene: Scene, handle: str | None = None) -> Due | None:
    if scene.active is None:
        return None
    rep = scene.known.roster.reps.get(handle or scene.caller.handle or "")
    return due_when_owned(scene.active.book, lead_facts(scene.row), rep, scene.now)


def _account(scene: Scene) -> Any:
    account = scene.row["account_id"]
    return accounts_by_id(scene.caller.workspace_id, [account]).get(account)


def _with(placement: Placement, because: Reason) -> Placement:
    return Placement(
        to=placement.to,
        due=placement.due,
        reasons=(because, *placement.reasons),
        score=placement.score,
        rank=placement.rank,
        territory=placement.territory,
    )


def _passed_by(clock: LeadClock, handle: str) -> LeadClock:
    return replace(clock, passed_over=clock.passed_over | {handle})
