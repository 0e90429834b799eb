"""What time does to leads: one pass takes those that are due, asks the engine, writes the answer.

Any number of workers may tick at once: each takes leads that no other has locked. Nothing is kept in memory between passes,
so a crash loses nothing: a lead that was due still is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from dibs.distribution import nurturing, overflow, policies, telling
from dibs.distribution.crews import Crew, crew, handles_of
from dibs.distribution.families import accounts_by_id
from dibs.distribution.lapses import Lapses
from dibs.distribution.reading import LEAD_SELECT, Row, lead_clock, lead_facts, lead_row, passed_over, seed_for
from dibs.distribution.writing import Outcome, placing, write, write_turns
from dibs.engine import claim as judge
from dibs.engine import consequences, timeline
from dibs.engine.decision import Kept, Mailed, Moved, Warned
from dibs.engine.facts import LeadClock
from dibs.engine.route import Case, Judged
from dibs.people.bulk import update_rows
from dibs.people.models import Workspace
from dibs.people.tenancy import enter

#: How long a lead waits that could not be decided on, before it is asked about again.
_PUT_OFF = timedelta(minutes=1)


@dataclass(slots=True)
class Ticked:
    """What one pass did: how many leads it looked at, and how many moved by kind of decision."""

    looked_at: int = 0
    moved: Counter[str] = field(default_factory=Counter)
    more: bool = False


def tick(now: datetime, *, batch: int = 1000, batches: int = 20) -> Ticked:
    """One pass over all workspaces: a policy whose announced moment has come, then the leads that await somebody who can be given one
    now, then those that are due, and again those that await whom these freed. ``batch`` leads a transaction, at most ``batches``
    transactions a workspace; ``more`` says that some were left, so that the caller ticks again at once. A batch that fails is done lead by lead, so that one lead no engine can answer for keeps no other waiting; it is asked about
    again in a minute. What failed is raised after all have had their turn.
    """
    total = Ticked()
    failed: Exception | None = None
    for workspace_id in Workspace.objects.order_by("id").values_list("id", flat=True):
        try:
            enter(workspace_id)
            policies.come_into_force(workspace_id, now)
        except Exception as problem:
            if not connection.is_usable():
                raise
            failed = failed or problem
        failed = _give_waiting(workspace_id, now, total) or failed
        looked_at_before = total.looked_at
        try:
            for _ in range(batches):
                looked_at = _one_batch(workspace_id, now, batch, total)
                if looked_at < batch:
                    break
            else:
                total.more = True
        except Exception as problem:
            if not connection.is_usable():
                raise
            failed = failed or problem
            _each_alone(workspace_id, now, batch, total)
        if total.looked_at != looked_at_before:
            failed = _give_waiting(workspace_id, now, total) or failed
    if failed is not None:
        raise failed
    return total


def _give_waiting(workspace_id: UUID, now: datetime, total: Ticked) -> Exception | None:
    """Leads that await a team, to whoever can be given one; returns what failed."""
    try:
        if given := overflow.give_waiting(workspace_id, now):
            total.moved["freed"] += given
    except Exception as problem:
        if not connection.is_usable():
            raise
        return problem
    return None


def settle(workspace_id: UUID, lead_ids: Sequence[UUID], now: datetime, *, wait: bool = False) -> int:
    """Do at once what the next tick would do to these leads, if they are due; returns how many were.

    Leads that somebody else is deciding on are left to them, or with ``wait`` waited for, which is not for within a transaction:
    it may hold what they need.
    """
    if not lead_ids:
        return 0
    total = Ticked()
    with transaction.atomic():
        statement = _DUE_OF_THESE if wait else f"{_DUE_OF_THESE} SKIP LOCKED"
        _settle(workspace_id, _locked(statement, [workspace_id, now, list(lead_ids)]), now, total)
    return total.looked_at


def _one_batch(workspace_id: UUID, now: datetime, batch: int, total: Ticked) -> int:
    with transaction.atomic():
        rows = _locked(_DUE, [workspace_id, now, batch])
        _settle(workspace_id, rows, now, total)
    return len(rows)


def _each_alone(workspace_id: UUID, now: datetime, batch: int, total: Ticked) -> None:
    """What `_one_batch` does, a lead a transaction; those that fail by themselves too are put off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM crm_lead WHERE workspace_id = %s AND due_at <= %s ORDER BY due_at, id LIMIT %s",
            [workspace_id, now, batch],
        )
        due = [row[0] for row in cursor.fetchall()]
    for lead_id in due:
        try:
            with transaction.atomic():
                _settle(
                    workspace_id, _locked(f"{_DUE_OF_THESE} SKIP LOCKED", [workspace_id, now, [lead_id]]), now, total
                )
        except Exception:
            if not connection.is_usable():
                raise
            with connection.cursor() as cursor:
                cursor.execute("UPDATE crm_lead SET due_at = %s WHERE id = %s", [now + _PUT_OFF, lead_id])


# Leads that somebody else has locked are left to them: they are being decided on this moment.
_DUE = f"""
    SELECT {LEAD_SELECT} FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.due_at <= %s
    ORDER BY lead.due_at, lead.id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_DUE_OF_THESE = f"""
    SELECT {LEAD_SELECT} FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.due_at <= %s AND lead.id = ANY(%s)
    ORDER BY lead.id FOR UPDATE
"""


def _locked(statement: str, values: list[Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [lead_row(row) for row in cursor.fetchall()]


def _settle(workspace_id: UUID, rows: Sequence[Row], now: datetime, total: Ticked) -> None:
    if not rows:
        return
    total.looked_at += len(rows)
    # Read, and lay out all of them before anybody else's turns are held up.
    active = policies.active(workspace_id)
    turns, book = (active.book.policy.team_names(), active.book) if active else ((), None)
    laid = _laid_out(workspace_id, rows, active, now) if active else []
    known = crew(workspace_id, now, lock_turns_of=turns, book=book)
    lapses = Lapses(workspace_id, active, known, rows) if active else None

    # Decide.
    roster = known.roster
    outcomes: list[Outcome] = []
    later: list[tuple[Any, ...]] = []
    mails: list[tuple[Row, Mailed]] = []
    if active is None or lapses is None:
        later = [(row["id"], None, None, row["awaits"]) for row in rows]
    else:
        for row, clock, seed, asked in laid:
            answer, roster = timeline.in_turn(asked, roster)
            if isinstance(answer, Kept):
                after = consequences.kept(clock, answer)
                later.append((row["id"], after.due_at, after.due_for, after.awaits))
            elif isinstance(answer, Warned):
                outcomes.append(_warned(row, clock, answer, seed))
                total.moved["warned"] += 1
            elif isinstance(answer, Mailed):
                outcomes.append(_mailed(row, clock, answer, seed, now))
                mails.append((row, answer))
                total.moved["mailed"] += 1
            else:
                roster = lapses.one_more(None if answer.off_work else answer.lapsed, roster)
                score = judge.chosen_score(active.book, lead_facts(row), row["pool"]) if clock.claimed_at else None
                outcomes.append(_outcome(row, clock, answer, known, seed, score))
                total.moved[answer.kind] += 1

    # Write.
    write_turns(workspace_id, known.roster, roster, known.ids)
    update_rows("crm_lead", "id", ("due_at", "due_for", "awaits"), later)
    write(
        workspace_id,
        outcomes,
        now=now,
        policy_version=active.number if active else None,
        crew=known,
    )
    if active is not None:
        nurturing.keep_mails(workspace_id, active.book.policy.nurture, mails, now)
    if lapses is not None:
        telling.warned(workspace_id, [outcome for outcome in outcomes if outcome.kind == "warned"], known, now)
        lapses.take_for_away(now)


def _laid_out(
    workspace_id: UUID, rows: Sequence[Row], active: policies.Active, now: datetime
) -> list[tuple[Row, LeadClock, str, Case | Judged]]:
    accounts = accounts_by_id(workspace_id, (row["account_id"] for row in rows))
    skipped = passed_over(workspace_id, (row["id"] for row in rows))
    handles = handles_of(workspace_id, (row["owner_id"] for row in rows))
    laid = []
    for row in rows:
        clock = lead_clock(row, handles.get(row["owner_id"]), skipped.get(row["id"], frozenset()))
        seed, account = seed_for(row, active.digest), accounts.get(row["account_id"])
        asked = timeline.laid_out(active.book, lead_facts(row), account, clock, now, seed)
        laid.append((row, clock, seed, asked))
    return laid


def _warned(row: Row, clock: LeadClock, answer: Warned, seed: str) -> Outcome:
    """The lead stays; what changes is what it is due for, and that somebody was told."""
    after = consequences.warned(clock, answer)
    return Outcome(
        lead=row,
        kind="warned",
        changes={name: getattr(after, name) for name in ("due_at", "due_for", "sla_at", "warned")},
        reasons=answer.reasons,
        rep=row["owner_id"],
        seed=seed,
    )


def _mailed(row: Row, clock: LeadClock, answer: Mailed, seed: str, now: datetime) -> Outcome:
    """The lead stays, and got another mail of its sequence."""
    after = consequences.mailed(clock, answer, now)
    return Outcome(
        lead=row,
        kind="mailed",
        changes={name: getattr(after, name) for name in ("due_at", "due_for", "mailed", "mailed_at")},
        reasons=answer.reasons,
        seed=seed,
    )


def _outcome(row: Row, clock: LeadClock, moved: Moved, known: Crew, seed: str, score: int | None) -> Outcome:
    """What the engine's answer means for the lead's columns and for the standings of those concerned. ``score``: what a claim of it
    counts with."""
    after = consequences.moved(clock, moved, known.now)
    off, lapsed = (known.ids[handle] if handle else None for handle in (moved.off, moved.lapsed))
    return Outcome(
        lead=row,
        kind=moved.kind,
        changes=placing(moved.placement, after, known, by=moved.kind),
        reasons=moved.placement.reasons,
        rep=known.ids[after.owner] if after.owner else off,
        felt=consequences.felt(
            clock, after, known.now, known.day, score=score, lapsed=moved.lapsed, off_work=moved.off_work
        ),
        passed_over=(off, "lapsed" if lapsed else "moved") if off else None,
        passed_at=consequences.lapsed_at(clock, known.now),
        seed=seed,
    )
