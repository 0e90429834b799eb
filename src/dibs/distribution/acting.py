"""What people do with leads once they have them, and what managers do with all of them.

Every act is: lock the lead and read, check, write. It answers `Acted`, or `Refused` with what would make it a yes, or ``None``
where the caller may not know of the lead. Whether the caller's role allows the kind of act is for the caller's face to ask
(``people.access``); whose lead it is, is asked here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from django.db import connection

from dibs.crm.models import Activity, Opportunity
from dibs.distribution.converting import UnknownStage, convert
from dibs.distribution.families import accounts_by_id
from dibs.distribution.lines import sees
from dibs.distribution.reading import has_opened, lead_facts, seed_for
from dibs.distribution.refusing import refused_by_hand
from dibs.distribution.scene import Acted, Answer, Refused, Scene, act
from dibs.distribution.setting_aside import nurture, reopen
from dibs.distribution.standings import standing_now, with_record
from dibs.distribution.ticking import settle
from dibs.distribution.writing import Outcome, begin_standings
from dibs.engine import claim as judge
from dibs.engine import consequences, counters, timeline
from dibs.engine.decision import Assigned, Due, InPool, Placement, Reason, Refusal
from dibs.engine.due import due_in_pool, due_when_idle, due_when_owned, with_marketings
from dibs.engine.facts import LeadClock
from dibs.engine.gate import goes_back, side_in
from dibs.engine.policy_terms import RetireWhy
from dibs.people.caller import Caller
from dibs.people.tenancy import enter, new_id

__all__ = [
    "CONTACT_KINDS",
    "OUTCOMES",
    "RETIRE_REASONS",
    "Acted",
    "Answer",
    "Refused",
    "UnknownStage",
    "accept",
    "assign",
    "assigned",
    "contact",
    "contacted",
    "convert",
    "nurture",
    "open_lead",
    "reject",
    "release",
    "reopen",
    "retire",
    "retired",
    "return_to_pool",
    "returned",
    "skip",
]

#: What counts as a first contact.
CONTACT_KINDS = ("call", "mail", "meeting", "message")

#: What came of a call or a message.
OUTCOMES = ("reached", "no_answer", "left_message", "wrong_number")

#: Why a lead may be retired.
RETIRE_REASONS: tuple[str, ...] = get_args(RetireWhy)


def contact(
    caller: Caller,
    lead_id: UUID,
    now: datetime,
    *,
    kind: str = "call",
    note: str = "",
    outcome: str = "",
    claim: UUID | None = None,
    planned: UUID | None = None,
    new: UUID | None = None,
) -> Answer:
    """The rep did something real: the clock stops and the lead stays theirs. ``kind`` is one of `CONTACT_KINDS`, ``outcome`` one of
    `OUTCOMES` or "". Kept as an activity too; ``planned``: the one that was planned for it, else ``new`` is to be its id: there
    already, nothing is done twice. A follow-up that was due until the rep's midnight is done with it."""
    if kind not in CONTACT_KINDS:
        raise ValueError(f"kind is one of {', '.join(CONTACT_KINDS)}")
    if outcome and outcome not in OUTCOMES:
        raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}")

    def decide(scene: Scene) -> Outcome | None:
        if planned is not None and not Activity.objects.filter(id=planned, done_at__isnull=True).exists():
            return None  # done from another window, a moment ago
        if new is not None and Activity.objects.filter(id=new).exists():
            return None  # sent twice
        said = {"kind": kind, "note": note} | ({"outcome": outcome} if outcome else {})
        done = contacted(scene, Reason("contacted", said))
        write_done(scene, kind, note, outcome, planned=planned, new=new)
        return done

    return act(caller, lead_id, now, decide, kind="contacted", claim=claim)


def _followed_up(scene: Scene) -> bool:
    """Whether the lead was to be looked at again on a day of its rep's that is not after today."""
    at, owner = scene.row["follow_up_at"], scene.clock.owner
    return at is not None and owner is not None and scene.known.day(owner, at) <= scene.known.today(owner)


def write_done(
    scene: Scene, kind: str, text: str, outcome: str, *, planned: UUID | None = None, new: UUID | None = None
) -> None:
    """Keep what was done just now as an activity; ``planned``: the one it was. What was done before stays as it was."""
    if planned is not None:
        still = Activity.objects.filter(id=planned, done_at__isnull=True)
        still.update(done_at=scene.now, outcome=outcome, text=text, by_id=scene.caller.user_id)
        return
    Activity.objects.create(
        id=new or new_id(),
        workspace_id=scene.caller.workspace_id,
        lead_id=scene.row["id"],
        opportunity_id=opportunity_of(scene),
        rep_id=scene.held_by or scene.caller.rep_id,
        by_id=scene.caller.user_id,
        kind=kind,
        outcome=outcome,
        text=text,
        done_at=scene.now,
        created_at=scene.now,
    )


def opportunity_of(scene: Scene) -> UUID | None:
    """The opportunity that the lead became: what is done with the one is done with the other."""
    if scene.row["state"] != "converted":
        return None
    found = Opportunity.objects.filter(workspace_id=scene.caller.workspace_id, lead_id=scene.row["id"])
    return found.values_list("id", flat=True).first()


def accept(caller: Caller, lead_id: UUID, now: datetime, *, claim: UUID | None = None) -> Answer:
    """The rep takes the offer."""

    def decide(scene: Scene) -> Outcome:
        after = consequences.accepted(scene.clock, _or_marketings(scene, _first_contact_due(scene)), now)
        return scene.still_with("accepted", after, Reason("accepted"))

    return act(caller, lead_id, now, decide, kind="accepted", claim=claim)


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
            why,
        )
        done = scene.goes_to("rejected", moved.placement, consequences.moved(scene.clock, moved, now))
        assert scene.held_by is not None
        done.passed_over = (scene.held_by, "declined")
        return done

    return act(caller, lead_id, now, decide, kind="rejected", claim=claim)


def release(caller: Caller, lead_id: UUID, now: datetime, *, why: str = "", claim: UUID | None = None) -> Answer:
    """The rep gives the lead back: to its pool, in its old place in line unless there was a contact, or to be placed again."""

    def decide(scene: Scene) -> Outcome:
        assert scene.active is not None
        assert scene.held_by is not None
        pool = scene.row["pool"]
        because = Reason("released", {"why": why})
        escalated = 0
        book, facts, account = scene.active.book, lead_facts(scene.row), _account(scene)
        goes = goes_back(book, facts, book.activation(facts, account, now=now), scene.clock)
        if pool in book.policy.pools and goes:
            back, escalated = timeline.back_in_pool(book, scene.clock, scene.row["rank"], now)
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
        done.passed_over = (scene.held_by, scene.how_given_back())
        return done

    return act(caller, lead_id, now, decide, kind="released", claim=claim)


def retire(
    caller: Caller, lead_id: UUID, now: datetime, *, why: str, note: str = "", claim: UUID | None = None
) -> Answer:
    """The lead is given up. ``why`` is one of `RETIRE_REASONS`. A manager may also retire one that nobody has."""
    if why not in RETIRE_REASONS:
        raise ValueError(f"why is one of {', '.join(RETIRE_REASONS)}")

    return act(caller, lead_id, now, lambda scene: retired(scene, why, note), kind="retired", claim=claim)


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
            actor=caller.actor,
        )
        if caller.handle and caller.rep_id:
            done.felt = ((caller.handle, counters.Skipped()),)
            done.passed_over = (caller.rep_id, "skipped")
        return done

    return act(caller, lead_id, now, decide, kind="skipped", claim=None)


def open_lead(caller: Caller, lead_id: UUID, now: datetime) -> Answer:
    """The rep looks at the details of a waiting lead of which the pool shows a preview: counted as a skip, once for each lead until
    the next claim, and refused where the policy's limit is reached. `dibs.insight.sight` shows it in full from then on.

    Where there is nothing to open, because the caller sees the lead in full already or comes to its details by a claim alone,
    nothing is counted and nothing refused.
    """
    enter(caller.workspace_id)
    # Claimable at once, tick or no tick, and so to be looked at.
    settle(caller.workspace_id, [lead_id], now, wait=not connection.in_atomic_block)
    return act(caller, lead_id, now, _opening, kind="opened", claim=None)


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
        actor=caller.actor,
        felt=((rep.handle, counters.Skipped()),),
        passed_over=(rep_id, "opened"),
    )


def assign(caller: Caller, lead_id: UUID, handle: str, now: datetime, *, why: str = "") -> Answer:
    """A manager gives the lead to a rep by name. It beats the rules; they do not overturn it.

    Raises `LookupError` if there is no active rep with this handle.
    """

    return act(caller, lead_id, now, lambda scene: assigned(scene, handle, why), kind="assigned", claim=None)


def return_to_pool(caller: Caller, lead_id: UUID, pool: str, now: datetime, *, why: str = "") -> Answer:
    """A manager sends a lead from review to a pool, where its wait begins anew: in its old place it would be over the pool's
    steps and its age cap, and the next tick would overturn the manager. Raises `LookupError` for an unknown pool.
    """

    return act(caller, lead_id, now, lambda scene: returned(scene, pool, why), kind="returned", claim=None)


def contacted(scene: Scene, *because: Reason) -> Outcome:
    """What comes of a contact. A follow-up that was due until the rep's midnight is done with it."""
    done = scene.still_with(
        "contacted", consequences.contacted(scene.clock, scene.now, _due_when_idle(scene)), *because
    )
    if _followed_up(scene):
        done.changes = {**done.changes, "follow_up_at": None}
    return done


def retired(scene: Scene, why: str, note: str) -> Outcome:
    """What comes of giving the lead up; where its person must not be contacted, they are on the list of those from then on."""
    done = scene.still_with(
        "retired", consequences.ended(scene.clock, "retired"), Reason("retired", {"why": why, "note": note})
    )
    done.changes = {**done.changes, "retired_why": why}
    if why == "do_not_contact":
        refused_by_hand(scene.caller, scene.row, scene.now)
        done.changes = {**done.changes, "do_not_contact": True}
    return done


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
    after = consequences.placed(scene.clock, placement, scene.now, by_hand=True)
    return scene.goes_to("assigned", placement, after)


def returned(scene: Scene, pool: str, why: str) -> Outcome:
    """What comes of sending the lead to this pool: one of marketing's is sales' from then on, unless the pool is marketing's too. Raises `LookupError` for an unknown one."""
    if scene.active is None or pool not in scene.active.book.policy.pools:
        raise LookupError(pool)
    now, side = scene.now, side_in(scene.active.book, pool, scene.clock)
    placement = Placement(
        to=InPool(pool, since=now),
        due=due_in_pool(scene.active.book, pool, now, 0, now, scene.row["rank"], side),
        reasons=(Reason("returned", {"pool": pool, "by": scene.caller.name, "why": why}),),
        side=side,
    )
    after = consequences.placed(scene.clock, placement, now, by_hand=side != scene.clock.side)
    return scene.goes_to("returned", placement, after)


def _first_contact_due(scene: Scene, handle: str | None = None) -> Due | None:
    if scene.active is None:
        return None
    rep = scene.known.roster.reps.get(handle or scene.caller.handle or "")
    return due_when_owned(scene.active.book, lead_facts(scene.row), rep, scene.now)


def _due_when_idle(scene: Scene) -> Due | None:
    """When the lead, from this act on, will have been left alone for too long, or goes on by itself being marketing's."""
    if scene.active is None or scene.clock.owner is None:
        return None
    book, rep = scene.active.book, scene.known.roster.reps.get(scene.clock.owner)
    due = due_when_idle(book, book.activation(lead_facts(scene.row), now=scene.now), rep, scene.now, scene.now)
    return _or_marketings(scene, due)


def _or_marketings(scene: Scene, due: Due | None) -> Due | None:
    if scene.active is None:
        return due
    teams = scene.known.roster.teams
    return with_marketings(scene.active.book, scene.clock, scene.row["rank"], due, scene.clock.owner, teams, scene.now)


def _account(scene: Scene) -> Any:
    account = scene.row["account_id"]
    return accounts_by_id(scene.caller.workspace_id, [account]).get(account)


def _with(placement: Placement, because: Reason) -> Placement:
    return replace(placement, reasons=(because, *placement.reasons))


def _passed_by(clock: LeadClock, handle: str) -> LeadClock:
    return replace(clock, passed_over=clock.passed_over | {handle})
