"""Settles reps in their tiers: once a day each, by the rep's own calendar, and at once where a policy with other tiers begins.

The engine decides (`dibs.engine.tiers`); here its facts are read for all reps together and its answers written together, so that
two thousand reps are a handful of statements. No claim waits meanwhile: nothing is locked until all is decided, and then only
who was not settled by another worker in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

import structlog
from django.db import connection, transaction

from dibs.delivery import notices
from dibs.delivery.outbox import post
from dibs.delivery.wake import wake
from dibs.distribution.crews import Crew, crew
from dibs.distribution.rulebooks import Active, active
from dibs.distribution.standings import recorded, records
from dibs.distribution.writing import begin_standings, reasons_json
from dibs.engine import tiers
from dibs.engine.calendar import local_day
from dibs.engine.decision import Reason
from dibs.engine.facts import RepFacts
from dibs.engine.rulebook import Rulebook
from dibs.engine.tiers import Retiered, TierState
from dibs.people.bulk import insert_rows, update_rows
from dibs.people.tenancy import enter, new_id

_log = structlog.get_logger()

_COLUMNS = ("tier", "tier_since", "tier_candidate", "tier_days", "tier_on")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a standing keeps of a rep's tier, with the record it was decided on."""

    state: TierState = field(default_factory=TierState)
    closed: int = 0
    converted: int = 0


def retier_all(workspace_id: UUID, now: datetime, *, at_once: bool = False) -> int:
    """Look at the tier of every active rep whose local day has turned since the last look; returns how many have another one now.

    ``at_once``: of every rep, as a new policy's tiers may be others; a second look on the same day moves only who is in none of
    them. Any number of workers may do this at the same time: what one has settled, no other settles again. The transaction is the
    caller's if there is one.
    """
    enter(workspace_id)
    policy = active(workspace_id)
    if policy is None or not (at_once or _some_due(workspace_id, policy, now)):
        return 0

    # Read.
    known = crew(workspace_id, now)
    kept = kept_tiers(workspace_id)
    states = {handle: kept.get(rep, Kept()).state for handle, rep in known.ids.items()}
    due = [
        handle
        for handle, rep in known.roster.reps.items()
        if rep.active and (_is_due(policy, states[handle], known.today(handle)) or (at_once and policy.book.tiers))
    ]
    ended = records(workspace_id, [known.ids[handle] for handle in due], now - policy.book.policy.tiering.over)

    # Decide.
    looks: list[_Look] = []
    for handle in due:
        rep_id, was = known.ids[handle], states[handle]
        closed, converted = ended.get(rep_id, (0, 0))
        facts = recorded(known.roster.reps[handle], was.tier, closed, converted)
        looked = tiers.retier(policy.book, was, facts, known.today(handle))
        looks.append(_Look(rep_id, handle, was, looked, closed, converted))

    # Write.
    with transaction.atomic():
        moved = _write(workspace_id, looks, known, policy, now)
    for look in moved:
        assert look.looked.reason is not None
        reason = look.looked.reason
        _log.info("rep_tier_changed", workspace=str(workspace_id), rep=look.handle, code=reason.code, **reason.params)
    return len(moved)


def kept_tiers(workspace_id: UUID, rep_id: UUID | None = None) -> dict[UUID, Kept]:
    """What is kept of each rep's tier, or of one rep's, by the rep's id."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT rep_id, closed, converted, {', '.join(_COLUMNS)} FROM distribution_standing "
            "WHERE workspace_id = %s AND (%s::uuid IS NULL OR rep_id = %s::uuid)",
            [workspace_id, rep_id, rep_id],
        )
        return {rep: Kept(TierState(*state), closed, converted) for rep, closed, converted, *state in cursor.fetchall()}


def settled(workspace_id: UUID, known: Crew, book: Rulebook) -> dict[str, RepFacts]:
    """Every rep's facts, by handle, with the tier they are settled in; counted afresh for who was not looked at yet."""
    if not book.tiers:
        return dict(known.roster.reps)
    kept = kept_tiers(workspace_id)
    new = [rep for rep in known.handles if kept.get(rep, Kept()).state.on is None]
    ended = records(workspace_id, new, known.now - book.policy.tiering.over) if new else {}
    reps = {}
    for handle, rep in known.roster.reps.items():
        has = kept.get(known.ids[handle], Kept())
        closed, converted = has.closed, has.converted
        if has.state.on is None:
            closed, converted = ended.get(known.ids[handle], (0, 0))
        reps[handle] = recorded(rep, has.state.tier, closed, converted)
    return reps


@dataclass(frozen=True, slots=True)
class _Look:
    """One rep's tier looked at: what it was, and what the engine said."""

    rep_id: UUID
    handle: str
    was: TierState
    looked: Retiered
    closed: int
    converted: int


def _some_due(workspace_id: UUID, policy: Active, now: datetime) -> bool:
    """Whether anybody is due, by dates alone: cheap, for it is asked every few minutes and nearly always no."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rep.timezone, standing.tier, standing.tier_on FROM people_rep rep "
            "LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id WHERE rep.workspace_id = %s AND rep.active",
            [workspace_id],
        )
        rows = cursor.fetchall()
    return any(_is_due(policy, TierState(tier, on=on), local_day(timezone, now)) for timezone, tier, on in rows)


def _is_due(policy: Active, state: TierState, today: date) -> bool:
    """Whether a rep is to be looked at. Without tiers, only to forget the one they were in."""
    if not policy.book.tiers:
        return state != TierState()
    return state.tier is None or state.on is None or today > state.on


def _write(workspace_id: UUID, looks: Sequence[_Look], known: Crew, policy: Active, now: datetime) -> list[_Look]:
    """Write what was decided of those whom nobody else has looked at since; returns those of them who have another tier now."""
    ids = [look.rep_id for look in looks]
    begin_standings(workspace_id, ids)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT rep_id, {', '.join(_COLUMNS)} FROM distribution_standing WHERE workspace_id = %s AND rep_id = ANY(%s) "
            "ORDER BY rep_id FOR NO KEY UPDATE",
            [workspace_id, ids],
        )
        now_kept = {rep: TierState(*state) for rep, *state in cursor.fetchall()}
    fresh = [look for look in looks if now_kept.get(look.rep_id) == look.was]
    rows = []
    for look in (look for look in fresh if look.looked.state != look.was):
        state = look.looked.state
        values = (state.tier, state.since, state.candidate, state.days, state.on)
        rows.append((look.rep_id, *values, look.closed, look.converted))
    update_rows("distribution_standing", "rep_id", (*_COLUMNS, "closed", "converted"), rows)
    moved = [look for look in fresh if look.looked.reason is not None]
    _tell(workspace_id, moved, known, policy, now)
    return moved


def _tell(workspace_id: UUID, moved: Sequence[_Look], known: Crew, policy: Active, now: datetime) -> None:
    """The line in the log that says why, a notice to the rep, and an event for who follows along."""
    why = [(look, look.looked.reason) for look in moved if look.looked.reason is not None]
    note(workspace_id, "tier_changed", [(look.rep_id, (reason,)) for look, reason in why], policy.number, now)
    users = users_of(workspace_id, [look.rep_id for look, _ in why])
    notices.tell_each(workspace_id, [(users[look.rep_id], (reason,)) for look, reason in why], "tier_changed", now)
    post(
        workspace_id,
        [
            (
                "rep.tier_changed",
                None,
                {
                    "rep": look.handle,
                    "rep_name": known.names[look.handle],
                    "before": look.was.tier or None,
                    "after": look.looked.state.tier or None,
                },
            )
            for look, _ in why
        ],
        now,
    )
    if why:
        transaction.on_commit(lambda: wake(workspace_id))


def note(
    workspace_id: UUID,
    kind: str,
    why: Iterable[tuple[UUID, Sequence[Reason]]],
    policy_version: int | None,
    now: datetime,
) -> None:
    """Enter in the reps' own log what happened to their standing."""
    rows = [
        (new_id(), workspace_id, rep_id, now, kind, reasons_json(reasons), policy_version) for rep_id, reasons in why
    ]
    columns = ("id", "workspace_id", "rep_id", "at", "kind", "reasons", "policy_version")
    insert_rows("distribution_repentry", columns, rows)


def users_of(workspace_id: UUID, rep_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The user that each of these reps is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, user_id FROM people_rep WHERE workspace_id = %s AND id = ANY(%s)", [workspace_id, list(rep_ids)]
        )
        return dict(cursor.fetchall())
