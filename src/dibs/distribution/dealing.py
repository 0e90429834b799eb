"""Where each of many leads would go, worked out one after the other in memory: for the preview of a move, and again for the move.

Nothing is written here. The same leads, roster, policy, moment and seeds give the same answer, so that a preview comes true where
nothing has changed since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from dibs.distribution.crews import Crew
from dibs.distribution.overseeing import oversees
from dibs.distribution.policies import Active
from dibs.distribution.reading import Row, lead_clock, lead_facts, seed_for
from dibs.engine.decision import Assigned, InPool, InReview, Moved, Offered, Reason
from dibs.engine.facts import AccountFacts, LeadClock
from dibs.engine.lifecycle import ENDED, HELD
from dibs.engine.policy_terms import By
from dibs.engine.policy_ways import Onward
from dibs.engine.reassign import handed_on
from dibs.engine.roster import Roster
from dibs.people.caller import Caller

Way = Literal["policy", "rep", "team", "pool", "review"]
_NAMED: tuple[Way, ...] = ("rep", "team", "pool", "review")
#: Why leads are moved; see `Move`.
Kind = Literal["bulk", "leave", "leaving", "border"]


@dataclass(frozen=True, slots=True)
class Aim:
    """Where leads go: where the policy puts them, or to what ``name`` names: a rep's handle, a team, a pool, a team's review. ``by``:
    how somebody of the team is chosen."""

    way: Way = "policy"
    name: str = ""
    by: str = "round_robin"

    @property
    def onward(self) -> Onward | str | None:
        """As the engine wants it."""
        match self.way:
            case "policy":
                return None
            case "rep":
                return self.name
            case "team":
                return Onward(team=self.name, by=cast(By, self.by))
            case "pool":
                return Onward(pool=self.name)
            case "review":
                return Onward(review=self.name)

    @property
    def takes_turns(self) -> bool:
        """Whether somebody's turn in a rotation may be used."""
        return self.way in {"policy", "team"}

    def as_json(self) -> dict[str, Any]:
        """As a `Move` keeps it, and as the API is asked for it."""
        if self.way == "policy":
            return {"policy": True}
        return {self.way: self.name} | ({"by": self.by} if self.way == "team" else {})

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Aim:
        """The same back again."""
        for way in _NAMED:
            if way in kept:
                return cls(way, kept[way], kept.get("by", "round_robin"))
        return cls()


@dataclass(frozen=True, slots=True)
class Dealt:
    """One lead: where it goes, or with ``code`` why nothing is done with it: ``stays``, ``changed_since``, ``by_hand``, ``not_led``,
    ``already_ended`` or ``not_now``."""

    row: Row
    clock: LeadClock
    moved: Moved | None = None
    code: str = ""


@dataclass(slots=True)
class Dealer:
    """What is the same for all leads of a move. ``roster`` is how it stands after those dealt so far.

    ``spared``: the handle of a rep who is given none of them: all are theirs, and they are going. Others' rotations carry them along,
    so that coming back, or not going after all, brings no flood.

    ``keeps_by_hand``: what a manager gave to somebody by hand stays theirs; see `dibs.distribution.moving.keeps_by_hand`.
    """

    caller: Caller
    active: Active
    known: Crew
    aim: Aim
    kind: str
    cause: Reason
    now: datetime
    spared: str | None = None
    uncontacted: bool = False
    keeps_by_hand: bool = False
    roster: Roster = field(init=False)

    def __post_init__(self) -> None:
        self.roster = self.known.roster
        facts = self.roster.reps.get(self.spared or "")
        if facts is not None:
            gone = replace(facts, available=False, active=facts.active and self.kind != "leaving")
            self.roster = replace(self.roster, reps={**self.roster.reps, facts.handle: gone})

    def deal(
        self,
        rows: Sequence[Row],
        accounts: Mapping[UUID, AccountFacts],
        skipped: Mapping[UUID, frozenset[str]],
        before: Mapping[UUID, Mapping[str, Any]] | None = None,
    ) -> Iterator[Dealt]:
        """Where each goes, in this order. ``before``: who had each when the move was planned; one that somebody else has now stays."""
        for row in rows:
            clock = lead_clock(row, self.known.handles.get(row["owner_id"]), skipped.get(row["id"], frozenset()))
            code = self._why_not(row, clock, (before or {}).get(row["id"]))
            if code:
                yield Dealt(row, clock, code=code)
                continue
            moved, roster = handed_on(
                self.active.book,
                lead_facts(row),
                accounts.get(row["account_id"]),
                clock,
                self.roster,
                self.now,
                seed_for(row, self.active.digest),
                self.cause,
                to=self.aim.onward,
            )
            if _stays(row, moved):
                yield Dealt(row, clock, code="stays")
                continue
            self.roster = roster
            yield Dealt(row, clock, moved)

    def leads_it(self, row: Row) -> bool:
        """Whether the lead is one that the mover leads."""
        return oversees(self.caller, row, self.active.book, self.now, self._leads)

    def _leads(self, rep_id: UUID) -> bool:
        handle, teams = self.known.handles.get(rep_id), self.known.roster.teams
        return any(handle in teams.get(team, ()) for team in self.caller.manages)

    def _why_not(self, row: Row, clock: LeadClock, before: Mapping[str, Any] | None) -> str:
        if row["state"] in ENDED:
            return "already_ended"
        if before is not None and before.get("rep") != clock.owner:
            return "changed_since"
        if self.uncontacted and clock.contacted_at is not None:
            return "changed_since"
        if not self.leads_it(row):
            return "not_led"
        if row["state"] in {"new", "nurture"} and self.aim.way != "rep":
            return "not_now"
        if self.keeps_by_hand and row["by_hand"]:
            return "by_hand"
        if self.aim.way == "rep" and clock.owner == self.aim.name and row["state"] in {"owned", "working"}:
            return "stays"
        return ""


def _stays(row: Row, moved: Moved) -> bool:
    """Whether a lead that waits would go to where it waits."""
    to = moved.placement.to
    if isinstance(to, InPool):
        return bool(row["state"] == "pooled" and row["pool"] == to.pool)
    return isinstance(to, InReview) and row["state"] == "review" and row["review"] == to.queue


def place_of(row: Row, handle: str | None) -> dict[str, Any]:
    """Where a lead is, for the preview: none of its own fields."""
    held = row["state"] in HELD
    return {
        "state": row["state"],
        "rep": handle if held else None,
        "pool": row["pool"] if row["state"] == "pooled" else None,
        "review": row["review"] if row["state"] == "review" else None,
    }


def place_after(moved: Moved) -> dict[str, Any]:
    """Where it goes, and the reason that says so in one line."""
    to = moved.placement.to
    where: dict[str, Any] = {
        "state": to.state,
        "rep": to.rep if isinstance(to, Assigned | Offered) else None,
        "pool": to.pool if isinstance(to, InPool) else None,
        "review": to.queue if isinstance(to, InReview) else None,
    }
    said = next((why for why in reversed(moved.placement.reasons) if why.code in _SAYS_WHERE), None)
    if said is not None:
        params = {name: said.params[name] for name in _SAID if name in said.params}
        where["because"] = {"code": said.code, "params": params, "rule": said.rule}
    return where


#: Reasons that say where a lead went in one line, and what of them that line needs.
_SAYS_WHERE = frozenset({"chosen", "given_to", "pooled", "back_in_pool", "in_review"})
_SAID = ("rep", "team", "by", "pool", "queue", "why")
