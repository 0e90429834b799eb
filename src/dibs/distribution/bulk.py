"""The same act on many leads: handed over, sent back to a pool, given up.

Leads are taken in chunks, each a transaction of its own, so that no chunk waits long and none undoes another. What is done
already is not done again: sent once more after a break, the same request goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from dibs.distribution import policies
from dibs.distribution.acting import RETIRE_REASONS, assigned, retired, returned
from dibs.distribution.crews import Crew, crew
from dibs.distribution.policies import Active
from dibs.distribution.reading import lead_clock, lock_leads, passed_over
from dibs.distribution.scene import Refused, Scene, may_do
from dibs.distribution.writing import Outcome, write
from dibs.engine.decision import Reason, Refusal
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

Act = Literal["assign", "return", "retire"]

#: Leads that one transaction takes.
CHUNK = 100

#: The decision that each act is.
_KINDS: Mapping[str, str] = {"assign": "assigned", "return": "returned", "retire": "retired"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done. ``rep``: the handle of who gets them. ``pool``: where they go back to; ``None``: each to the pool it was
    in. ``why``: for giving up one of `acting.RETIRE_REASONS`, else a person's own words. ``note`` goes with giving up.
    """

    act: Act
    rep: str | None = None
    pool: str | None = None
    why: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.act == "assign" and not self.rep:
            raise ValueError("to assign needs a rep")
        if self.act == "retire" and self.why not in RETIRE_REASONS:
            raise ValueError(f"why is one of {', '.join(RETIRE_REASONS)}")


@dataclass(frozen=True, slots=True)
class Done:
    """It is as wanted. ``changed``: it was not before. ``owner`` is the handle of who has it."""

    state: str
    pool: str | None
    owner: str | None
    changed: bool


Answer = Done | Refused | None


class NoSuchPool(LookupError):
    """The policy has no pool of this name."""


class NoSuchRep(LookupError):
    """There is no active rep with this handle."""


def act_on_many(
    caller: Caller, wanted: Wanted, leads: Sequence[UUID], now: datetime, *, known: Collection[UUID]
) -> list[Answer]:
    """Do it to each of ``leads``, and answer each by its place; ``None``: there is no such lead for the caller.

    ``known`` are those of them that the caller may know of. Raises `NoSuchRep` and `NoSuchPool` before anything is done.
    """
    enter(caller.workspace_id)
    _check(caller, wanted, now)
    answers: dict[UUID, Answer] = {}
    # In the order in which leads are locked everywhere. Within somebody else's transaction all go together: to lock more leads
    # after the first chunk's standings would turn that order round.
    line = iter(sorted(set(leads).intersection(known)))
    while chunk := list(islice(line, len(leads) if connection.in_atomic_block else CHUNK)):
        answers |= _chunk(caller, wanted, chunk, now)
    return [answers.get(lead) for lead in leads]


def _check(caller: Caller, wanted: Wanted, now: datetime) -> None:
    if wanted.act == "assign":
        rep = crew(caller.workspace_id, now).roster.reps.get(wanted.rep or "")
        if rep is None or not rep.active:
            raise NoSuchRep(wanted.rep)
    if wanted.act == "return" and wanted.pool is not None:
        active = policies.active(caller.workspace_id)
        if active is None or wanted.pool not in active.book.policy.pools:
            raise NoSuchPool(wanted.pool)


def _chunk(caller: Caller, wanted: Wanted, leads: Sequence[UUID], now: datetime) -> dict[UUID, Answer]:
    """One transaction; once more if the database ended a deadlock by taking it back."""
    try:
        return _chunk_once(caller, wanted, leads, now)
    except OperationalError as problem:
        if connection.in_atomic_block or not isinstance(problem.__cause__, DeadlockDetected):
            raise
        return _chunk_once(caller, wanted, leads, now)


def _chunk_once(caller: Caller, wanted: Wanted, leads: Sequence[UUID], now: datetime) -> dict[UUID, Answer]:
    answers: dict[UUID, Answer] = {}
    outcomes: list[Outcome] = []
    with transaction.atomic():
        # Read.
        rows = lock_leads(caller.workspace_id, leads)
        active = policies.active(caller.workspace_id)
        known = crew(caller.workspace_id, now)
        skipped = passed_over(caller.workspace_id, leads)

        # Decide.
        for lead, row in rows.items():
            clock = lead_clock(row, known.handles.get(row["owner_id"]), skipped.get(lead, frozenset()))
            scene = Scene(caller, row, active, known, now, clock)
            if _is_so(wanted, row, known):
                answers[lead] = _done(row, known, changed=False)
                continue
            decided = _decide(scene, wanted, active)
            if isinstance(decided, Refusal):
                answers[lead] = Refused(decided)
                continue
            outcomes.append(decided)
            answers[lead] = _done(row | dict(decided.changes), known, changed=True)

        # Write.
        write(caller.workspace_id, outcomes, now=now, policy_version=active.number if active else None, crew=known)
    return answers


def _is_so(wanted: Wanted, row: Mapping[str, Any], known: Crew) -> bool:
    """Whether the lead is already as wanted: done by an earlier try, or by somebody else."""
    if wanted.act == "assign":
        return row["state"] in {"owned", "working"} and known.handles.get(row["owner_id"]) == wanted.rep
    if wanted.act == "return":
        return row["state"] == "pooled" and wanted.pool in {None, row["pool"]}
    return bool(row["state"] == "retired")


def _decide(scene: Scene, wanted: Wanted, active: Active | None) -> Outcome | Refusal:
    refusal = may_do(scene, _KINDS[wanted.act], None)
    if refusal:
        return refusal
    if wanted.act == "assign":
        assert wanted.rep is not None
        return assigned(scene, wanted.rep, wanted.why)
    if wanted.act == "retire":
        return retired(scene, wanted.why, wanted.note)
    if active is None:
        return Refusal((Reason("no_policy"),), remedy=Reason("publish_policy"))
    pool = wanted.pool or scene.row["pool"]
    if pool not in active.book.policy.pools:
        return Refusal((Reason("no_pool", {"pool": pool}),), remedy=Reason("choose_pool"))
    return returned(scene, pool, wanted.why)


def _done(row: Mapping[str, Any], known: Crew, *, changed: bool) -> Done:
    return Done(row["state"], row["pool"], known.handles.get(row["owner_id"]), changed)
