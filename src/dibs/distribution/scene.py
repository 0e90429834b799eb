"""One act of a person on one lead: the lead locked and what the act needs read, judged, written.

What each act does is decided in ``acting``; here is what all of them have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from dibs.crm.models import Helper
from dibs.distribution import policies
from dibs.distribution.crews import Crew, crew
from dibs.distribution.overflow import give_waiting
from dibs.distribution.overseeing import oversees
from dibs.distribution.policies import Active
from dibs.distribution.reading import Row, earned_already, lead_clock, lead_facts, lock_leads, passed_over
from dibs.distribution.standings import standing_now
from dibs.distribution.writing import Outcome, placing, write, write_turns
from dibs.engine import claim as judge
from dibs.engine import consequences, credits, fairplay
from dibs.engine.credits import Earned, What
from dibs.engine.decision import Placement, Reason, Refusal
from dibs.engine.facts import LeadClock
from dibs.engine.forgetting import ERASED
from dibs.engine.lifecycle import ENDED, HELD
from dibs.people.caller import Caller
from dibs.people.models import Role
from dibs.people.tenancy import enter

#: Acts that may earn something, and what kind of credit.
_EARNING: Mapping[str, What] = {"contacted": "claim", "converted": "convert"}

#: Acts that who leads does to leads whoever has them; the rest are for the rep who has the lead.
_OVER_ALL = frozenset({"assigned", "returned"})
#: Acts that who leads may do in place of the rep who has the lead.
_FOR_WHO_HAS_IT = frozenset({"retired", "released", "converted", "nurtured", "reopened"})
#: Acts after which a rep may have room for another lead.
_FREEING = frozenset({"converted", "retired", "released", "rejected", "assessed", "nurtured"})
#: Acts by which the lead may go to somebody else of a team, whose turns are locked for it.
_HANDING_ON = frozenset({"rejected", "released", "assessed", "reopened", "answered"})
#: Acts of which it is for the policy to say what comes of them.
_BY_POLICY = frozenset({"rejected", "released", "returned", "nurtured", "reopened"})
#: Acts that are no kind of decision themselves, and the kind whose place in the state table is theirs.
_JUDGED_AS: Mapping[str, str] = {"assessed": "contacted", "filled_in": "contacted"}
#: Acts that are between a rep and the lead: of nobody else anything is asked.
_BETWEEN_TWO = frozenset(
    {
        "contacted",
        "accepted",
        "converted",
        "retired",
        "returned",
        "skipped",
        "opened",
        "filled_in",
        "noted",
        "scheduled",
    }
)
#: What is written down of a lead, by who has it, helps with it or leads where it is; and when it is to be looked at again.
_WRITTEN_DOWN = frozenset({"noted", "scheduled"})
#: Acts on a lead that waits, where there is no owner to ask about.
_ON_WAITING = frozenset({"skipped", "opened"})


#: Columns that an act changes while the lead stays in the same hands.
_OF_ITS_CLOCK = (
    "state",
    "lock_expires_at",
    "contacted_at",
    "due_at",
    "due_for",
    "reassigned",
    "sla_at",
    "warned",
    "acted_at",
    "awaits",
    "sequence",
    "mailed",
    "mailed_at",
)


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
    #: Decisions of the same act before the one that it is answered with, each on the lead as the one before left it.
    before: list[Outcome] = field(default_factory=list)
    held_by: UUID | None = field(init=False)

    def __post_init__(self) -> None:
        self.held_by = self.row["owner_id"]
        self.turns_after = self.known.roster

    @property
    def is_led(self) -> bool:
        """Whether the lead is the caller's to lead, and not merely to see."""
        book = self.active.book if self.active else None
        return self.caller.role != Role.INTEGRATION and oversees(self.caller, self.row, book, self.now, self._leads)

    @property
    def helps(self) -> bool:
        """Whether the caller is on the team of a lead that another rep has."""
        rep_id = self.caller.rep_id
        if rep_id is None or self.held_by in {None, rep_id}:
            return False
        return Helper.objects.filter(
            workspace_id=self.caller.workspace_id, lead_id=self.row["id"], rep_id=rep_id
        ).exists()

    def _leads(self, rep_id: UUID) -> bool:
        handle, teams = self.known.handles.get(rep_id), self.known.roster.teams
        return any(handle in teams.get(team, ()) for team in self.caller.manages)

    def still_with(self, kind: str, after: LeadClock, *reasons: Reason) -> Outcome:
        """The lead stays in the same hands, or ends in them; the lease stays too."""
        before = self.clock
        changes = {name: getattr(after, name) for name in _OF_ITS_CLOCK}
        if after.state in ENDED:
            changes["ended_at"] = self.now
        earned = self._earned(kind)
        return Outcome(
            lead=self.row,
            kind=kind,
            changes=changes,
            reasons=(*reasons, *(credit.reason for credit in earned)),
            rep=self.held_by,
            actor=self.caller.actor,
            felt=consequences.felt(before, after, self.now, self.known.day),
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
            actor=self.caller.actor,
            felt=consequences.felt(
                self.clock, after, self.now, self.known.day, score=self.chosen_score(), given_by=self.caller.handle
            ),
        )

    def how_given_back(self) -> str:
        """The kind of `PassedOver`. Who gives back what they claimed passes it over; in a queue it stays before them once they have no skip
        left for that."""
        assert self.active is not None
        assert self.held_by is not None
        if self.clock.contacted_at is not None:
            return "worked"
        limit, caller = self.active.book.policy.fair_play.skip_at_most, self.caller
        if limit is None or self.clock.claimed_at is None or caller.rep_id != self.held_by:
            return "released"
        standing = standing_now(caller.workspace_id, self.held_by, lock=True)
        return "released" if fairplay.skip_left_after(standing, limit) else "returned"

    def chosen_score(self) -> int | None:
        """What a claim of the lead counts with in the mix."""
        return judge.chosen_score(self.active.book, lead_facts(self.row), self.row["pool"]) if self.active else None


def act(
    caller: Caller,
    lead_id: UUID,
    now: datetime,
    decide: Callable[[Scene], Outcome | Refusal | None],
    *,
    kind: str,
    claim: UUID | None,
) -> Answer:
    """Do to the lead what ``decide`` says, or nothing where it says ``None``. ``kind`` is the decision's, ``claim`` the lease shown.

    Done once more if the database ended a deadlock by taking it back: then the others in it have got through.
    """
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
        turns = active.book.policy.team_names() if active and kind in _HANDING_ON else ()
        only = (row["owner_id"], caller.rep_id) if kind in _BETWEEN_TWO else None
        known = crew(caller.workspace_id, now, lock_turns_of=turns, book=active.book if active else None, only=only)
        clock = lead_clock(row, known.handles.get(row["owner_id"]), _passed_over(caller, lead_id, kind))
        scene = Scene(caller, row, active, known, now, clock)

        # Decide.
        refusal = may_do(scene, kind, claim)
        if refusal:
            return Refused(refusal)
        if kind in _BY_POLICY and active is None:
            return Refused(Refusal((Reason("no_policy"),), remedy=Reason("publish_policy")))
        outcome = decide(scene)
        if outcome is None:
            return Acted(row, known.handles.get(row["owner_id"]), ())
        if isinstance(outcome, Refusal):
            return Refused(outcome)

        # Write.
        write_turns(caller.workspace_id, known.roster, scene.turns_after, known.ids)
        for each in (*scene.before, outcome):
            write(
                caller.workspace_id,
                [each],
                now=now,
                policy_version=active.number if active else None,
                crew=known,
            )
        if kind in _FREEING:
            # Fails alone: the tick gives them out too.
            transaction.on_commit(partial(give_waiting, caller.workspace_id, now), robust=True)
    lead = outcome.lead | dict(outcome.changes) | {"version": outcome.lead["version"] + 1}
    reasons = tuple(reason for each in (*scene.before, outcome) for reason in each.reasons)
    return Acted(lead, known.handles.get(lead["owner_id"]), reasons)


def _passed_over(caller: Caller, lead_id: UUID, kind: str) -> frozenset[str]:
    """Whom the lead is not pushed to again. By what is between a rep and the lead it is pushed to nobody."""
    if kind in _BETWEEN_TWO:
        return frozenset()
    return passed_over(caller.workspace_id, [lead_id]).get(lead_id, frozenset())


def may_do(scene: Scene, kind: str, claim: UUID | None) -> Refusal | None:
    """Whether the state allows it, and whether the lead is the caller's to act on."""
    caller, row = scene.caller, scene.row
    if ERASED in row["flags"]:
        return Refusal((Reason("is_erased"),), remedy=Reason("choose_another"))
    if kind in _ON_WAITING:
        if row["state"] != "pooled":
            return Refusal((Reason("not_waiting"),), remedy=Reason("choose_another"))
        return None
    if kind == "helped":
        return _may_say_who_helps(scene)
    if kind == "answered" and row["state"] in ENDED:
        return judge.may_move(scene.clock, kind)
    if kind in _WRITTEN_DOWN or kind == "answered":
        return _may_write_down(scene, kind)
    if kind in _OVER_ALL:
        if not scene.is_led:
            return Refusal((Reason("not_led"),), remedy=Reason("ask_its_manager"))
    elif not (kind in _FOR_WHO_HAS_IT and scene.is_led):
        token_matches = claim is None or claim == row["claim"]
        # Who helps may log a contact for who has the lead.
        who = scene.clock.owner if kind == "contacted" and scene.helps else caller.handle
        refusal = judge.may_act(scene.clock, who or "", token_matches, scene.now)
        if refusal:
            return refusal
    return judge.may_move(scene.clock, _JUDGED_AS.get(kind, kind))


def _may_say_who_helps(scene: Scene) -> Refusal | None:
    """Whether the caller may say who is on the lead's team, one that somebody has; who is on it, of themselves."""
    if scene.row["state"] not in HELD:
        return Refusal((Reason("nobodys"),), remedy=Reason("choose_another"))
    if scene.is_led or scene.helps:
        return None
    return judge.may_act(scene.clock, scene.caller.handle or "", True, scene.now)


def _may_write_down(scene: Scene, kind: str) -> Refusal | None:
    """Whether the caller may write of this lead, over as it may be: who has it or had it last, helps with it, or leads where it is. Of
    one that was merged into another they write there; and only what somebody has is to be looked at again."""
    if scene.row["state"] == "merged" or (kind == "scheduled" and scene.row["state"] not in HELD):
        return judge.may_move(scene.clock, kind)
    if scene.is_led or (scene.helps and not judge.lock_ran_out(scene.clock, scene.now)):
        return None
    return judge.may_act(scene.clock, scene.caller.handle or "", True, scene.now)
