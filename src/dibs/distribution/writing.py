"""Writes what was decided: the lead, the turns, the standings, the log and the outbox, in one transaction.

This is the only place that changes who owns a lead and in which state it is (a claim does the same in one statement of
its own, see ``claiming``). Locks are taken in one order by everybody: leads by id, then rotations by team, then standings by
rep; the standings last because they are needed only for the few milliseconds of writing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from dibs.delivery.outbox import Event, lead_payload_json, post
from dibs.delivery.wake import wake
from dibs.distribution.crews import Crew
from dibs.distribution.reading import Row
from dibs.distribution.standings import STANDING_COLUMNS, standing_of
from dibs.engine import counters
from dibs.engine.consequences import Felt
from dibs.engine.credits import Earned
from dibs.engine.decision import InReview, Offered, Placement, Reason, Retired
from dibs.engine.facts import LeadClock
from dibs.engine.lifecycle import HELD, check_move
from dibs.engine.roster import Roster
from dibs.people.bulk import insert_rows, update_rows
from dibs.people.tenancy import new_id, new_token

DECISION_COLUMNS = (
    "id",
    "workspace_id",
    "lead_id",
    "nth",
    "at",
    "kind",
    "before",
    "after",
    "rep_id",
    "actor_id",
    "pool",
    "reasons",
    "policy_version",
    "seed",
    "score",
)

_CREDIT_COLUMNS = (
    "id",
    "workspace_id",
    "rep_id",
    "lead_id",
    "at",
    "what",
    "points",
    "times",
    "rule",
    "score",
    "policy_version",
)

_JSON = frozenset({"attributes", "answers"})

#: Up to so many leads that change the same columns are not worth a statement that only they share.
_RARE = 8

#: Made once: with what is asked of it, `json.dumps` makes one for every call.
to_json = json.JSONEncoder(ensure_ascii=False, default=str).encode

#: Kinds of decision that change facts and not the state, so the state table does not speak of them.
STILL = frozenset(
    {"enriched", "touched", "skipped", "opened", "helped", "warned", "mailed", "dealt", "erased", "scheduled"}
)


@dataclass(slots=True)
class Outcome:
    """One decision about one lead, ready to be written.

    ``changes`` maps columns of the lead to new values. ``rep`` is whom it concerns, ``actor`` the user who did it (``None``:
    the policy, or time). ``felt`` lists what it does to standings, by the rep's handle; ``earned`` what it earns who has the lead.
    ``passed_over``: the rep who did not keep it, and how (see `PassedOver`); ``passed_at``: when, if that is not now. ``also``: events that
    are told beside the decision's own.
    """

    lead: Row
    kind: str
    changes: Mapping[str, Any]
    reasons: Sequence[Reason]
    rep: UUID | None = None
    actor: UUID | None = None
    felt: Felt = ()
    passed_over: tuple[UUID, str] | None = None
    passed_at: datetime | None = None
    earned: tuple[Earned, ...] = ()
    seed: str = ""
    also: tuple[Event, ...] = ()

    @property
    def state(self) -> str:
        return str(self.changes.get("state", self.lead["state"]))

    def holder(self) -> UUID | None:
        """The rep the decision is about: who has the lead now, or who had it."""
        owner: UUID | None = self.changes.get("owner_id", self.lead["owner_id"])
        return self.rep or owner


#: Reasons as the log keeps them, by identity: the engine gives many leads the same ones. Each is held, so that its id stays its own.
_WRITTEN: dict[int, tuple[Reason, str]] = {}
_MOST_WRITTEN = 4096


def reasons_json(reasons: Iterable[Reason]) -> str:
    """Reasons as the log keeps them."""
    return f"[{', '.join(map(_reason_json, reasons))}]"


def _reason_json(reason: Reason) -> str:
    known = _WRITTEN.get(id(reason))
    if known is not None:
        return known[1]
    said = {"code": reason.code, "params": dict(reason.params), "rule": reason.rule}
    text = to_json(said)
    if len(_WRITTEN) >= _MOST_WRITTEN:
        _WRITTEN.clear()
    _WRITTEN[id(reason)] = (reason, text)
    return text


def columns_of(clock: LeadClock, crew: Crew, *, by: str, review: str | None = None) -> dict[str, Any]:
    """The lead's columns for where its clock says it stands now, with a new lease if a rep has come to have it. ``by`` says how:
    assigned, offered, escalated, aged, ...; ``review`` is the queue of a lead in review.
    """
    held = clock.state in HELD
    return {
        "state": clock.state,
        "pool": clock.pool,
        "review": review,
        "owner_id": crew.ids[clock.owner] if clock.owner else None,
        "claim": new_token() if held else None,
        "taken_by": by if held else None,
        "waiting_since": clock.waiting_since,
        "lock_expires_at": clock.lock_expires_at,
        "claimed_at": clock.claimed_at,
        "contacted_at": clock.contacted_at,
        "due_at": clock.due_at,
        "due_for": clock.due_for,
        "escalated": clock.escalated,
        "reassigned": clock.reassigned,
        "by_hand": clock.by_hand,
        "sla_at": clock.sla_at,
        "warned": clock.warned,
        "acted_at": clock.acted_at,
        "awaits": clock.awaits,
        "side": clock.side,
        "sequence": clock.sequence,
        "mailed": clock.mailed,
        "mailed_at": clock.mailed_at,
    }


#: Ways of coming to a lead that say more of it than that it was offered first.
_SAYS_MORE = frozenset({"escalated", "aged"})


def placing(placement: Placement, clock: LeadClock, crew: Crew, *, by: str) -> dict[str, Any]:
    """The lead's columns for a placement whose consequence is ``clock``."""
    to = placement.to
    columns = columns_of(
        clock,
        crew,
        by="offered" if isinstance(to, Offered) and by not in _SAYS_MORE else by,
        review=to.queue if isinstance(to, InReview) else None,
    )
    if isinstance(to, Retired):
        columns |= {"ended_at": crew.now, "retired_why": to.why}
    if placement.score is not None:
        columns |= {"score": placement.score, "rank": placement.rank, "territory": placement.territory}
        columns["likelihood"] = placement.likelihood
    return columns


def write(
    workspace_id: UUID,
    outcomes: Sequence[Outcome],
    *,
    now: datetime,
    policy_version: int | None,
    crew: Crew,
    also_felt: Sequence[Outcome] = (),
) -> None:
    """Write decisions about leads that are there and locked. ``also_felt``: of others of the same transaction, written already, whose
    standings are still to be moved: all in one go, or two transactions could wait for each other.

    Raises `ForbiddenMove` if the state table does not allow one of them; then nothing is written.
    """
    if not outcomes:
        return
    for outcome in outcomes:
        if outcome.kind not in STILL:
            check_move(outcome.lead["state"], outcome.kind, outcome.state)
    _update_leads(outcomes, policy_version)
    log(workspace_id, outcomes, now=now, policy_version=policy_version, crew=crew)
    _remember_passed_over(workspace_id, outcomes, now)
    _credit(workspace_id, outcomes, now, policy_version)
    feel(workspace_id, [*outcomes, *also_felt], crew)
    transaction.on_commit(lambda: wake(workspace_id))


def log(
    workspace_id: UUID,
    outcomes: Sequence[Outcome],
    *,
    now: datetime,
    policy_version: int | None,
    crew: Crew,
) -> None:
    """Append decisions to the log and their events to the outbox."""
    decisions: list[tuple[Any, ...]] = []
    events: list[Event] = []
    names = crew.names_by_id()
    for outcome in outcomes:
        lead, rep = outcome.lead, outcome.holder()
        pool = outcome.changes.get("pool", lead["pool"])
        decisions.append(
            (
                new_id(),
                workspace_id,
                lead["id"],
                lead["version"] + 1,
                now,
                outcome.kind,
                lead["state"],
                outcome.state,
                rep,
                outcome.actor,
                pool,
                reasons_json(outcome.reasons),
                policy_version,
                outcome.seed,
                outcome.changes.get("score", lead["score"]),
            )
        )
        review = outcome.changes.get("review", lead.get("review"))
        told = names.get(rep) if rep else None
        payload = lead_payload_json(lead["id"], pool, lead["state"], outcome.state, told, review)
        events.append((f"lead.{outcome.kind}", lead["id"], payload))
        events.extend(outcome.also)
    insert_rows("distribution_decision", DECISION_COLUMNS, decisions)
    post(workspace_id, events, now)


def feel(workspace_id: UUID, outcomes: Iterable[Outcome], crew: Crew) -> None:
    """Move the standings of the reps that something happened to, through the engine, each from its latest value."""
    by_rep: dict[UUID, list[counters.Event]] = {}
    for outcome in outcomes:
        for handle, event in outcome.felt:
            by_rep.setdefault(crew.ids[handle], []).append(event)
    move_standings(workspace_id, by_rep)


def move_standings(workspace_id: UUID, by_rep: Mapping[UUID, Sequence[counters.Event]]) -> None:
    """The same, for events that no decision about a lead brings with it."""
    if not by_rep:
        return
    reps = sorted(by_rep)
    rows = _lock_standings(workspace_id, reps)
    if len(rows) < len(reps):
        begin_standings(workspace_id, reps)
        rows = _lock_standings(workspace_id, reps)
    updated = []
    for rep, version, *values in rows:
        standing = standing_of(values)
        for event in counters.together(by_rep[rep]):
            standing = counters.after(standing, event)
        updated.append((rep, version + 1, *standing_values(standing)))
    update_rows("distribution_standing", "rep_id", ("version", *STANDING_COLUMNS), updated)


def _lock_standings(workspace_id: UUID, reps: list[UUID]) -> list[tuple[Any, ...]]:
    """The standings of these reps, of those who have one, locked in the order of their ids until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT rep_id, version, {', '.join(STANDING_COLUMNS)} FROM distribution_standing "
            "WHERE workspace_id = %s AND rep_id = ANY(%s) ORDER BY rep_id FOR UPDATE",
            [workspace_id, reps],
        )
        return list(cursor.fetchall())


def begin_standings(workspace_id: UUID, reps: Sequence[UUID]) -> None:
    """Give reps who have no standing yet an empty one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO distribution_standing (rep_id, workspace_id, holding, open_leads, claims_today, assigned_today, "
            "claims_this_week, recent, skips, kept_skips, lapses, claimed_at, version, tier_days, closed, converted, "
            "assigned_this_week, assigned_this_month, pushed_at, lapses_in_a_row) "
            "SELECT rep, %s, 0, 0, 0, 0, 0, '{}', 0, 0, 0, '{}', 0, 0, 0, 0, 0, 0, '{}', 0 FROM unnest(%s::uuid[]) AS rep ON CONFLICT DO NOTHING",
            [workspace_id, list(reps)],
        )


def standing_values(standing: counters.Standing) -> list[Any]:
    """A standing as column values in the order of `STANDING_COLUMNS`; arrays as PostgreSQL writes them, which is a tenth of the work
    of having them made of lists."""
    values = {column: getattr(standing, column) for column in STANDING_COLUMNS}
    values["recent"] = "{" + ",".join(map(str, standing.recent)) + "}"
    values["claimed_at"] = "{" + ",".join(map(datetime.isoformat, standing.claimed_at)) + "}"
    values["pushed_at"] = "{" + ",".join(map(datetime.isoformat, standing.pushed_at)) + "}"
    return list(values.values())


def write_turns(workspace_id: UUID, before: Roster, after: Roster, ids: Mapping[str, UUID]) -> None:
    """Keep the passes of the rotations that moved. The teams' rows must be locked (see ``reading.crew``)."""
    moved = [
        (new_id(), workspace_id, key, ids[handle], passed)
        for key, passes in after.passes.items()
        if passes is not before.passes.get(key)
        for handle, passed in passes.items()
        if before.passes.get(key, {}).get(handle) != passed and handle in ids
    ]
    if not moved:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO distribution_rotation (id, workspace_id, key, rep_id, passed)
            SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::float8[])
            ON CONFLICT (workspace_id, key, rep_id) DO UPDATE SET passed = excluded.passed
            """,
            [list(column) for column in zip(*moved, strict=True)],
        )


#: Leads, each with what it changes, by the columns that are changed.
_Groups = dict[tuple[str, ...], list[tuple[Row, Row]]]


def _update_leads(outcomes: Sequence[Outcome], policy_version: int | None) -> None:
    """Leads that change the same columns go together, so that a batch is a statement or two."""
    groups: _Groups = {}
    for outcome in outcomes:
        changes = {**outcome.changes, "version": outcome.lead["version"] + 1, "policy_version": policy_version}
        groups.setdefault(tuple(sorted(changes)), []).append((outcome.lead, changes))
    for columns, several in _fewer(groups).items():
        rows = [(lead["id"], *(_column(name, changes[name]) for name in columns)) for lead, changes in several]
        update_rows("crm_lead", "id", columns, rows)


def _fewer(groups: _Groups) -> _Groups:
    """Leads and their changes by the columns these are of, in fewer groups: where people come back to many leads, each changes a few
    others. What one of a group does not change is written as it was read; they are locked since."""
    rare = [one for several in groups.values() if len(several) <= _RARE for one in several]
    if len(rare) <= _RARE or len({lead["id"] for lead, _ in rare}) < len(rare):
        return groups
    kept = {columns: several for columns, several in groups.items() if len(several) > _RARE}
    by_unread: dict[frozenset[str], list[tuple[Row, Row]]] = {}
    for lead, changes in rare:
        by_unread.setdefault(frozenset(changes.keys() - lead.keys()), []).append((lead, changes))
    for several in by_unread.values():
        columns = set[str]().union(*(changes for _, changes in several))
        if not all(columns <= lead.keys() | changes.keys() for lead, changes in several):
            return groups
        kept.setdefault(tuple(sorted(columns)), []).extend((lead, lead | changes) for lead, changes in several)
    return kept


def _column(name: str, value: Any) -> Any:
    return to_json(value) if name in _JSON and not isinstance(value, str) else value


def _remember_passed_over(workspace_id: UUID, outcomes: Sequence[Outcome], now: datetime) -> None:
    rows = [
        (new_id(), workspace_id, outcome.lead["id"], *outcome.passed_over, outcome.passed_at or now)
        for outcome in outcomes
        if outcome.passed_over
    ]
    insert_rows("distribution_passedover", ("id", "workspace_id", "lead_id", "rep_id", "kind", "at"), rows)


def _credit(workspace_id: UUID, outcomes: Sequence[Outcome], now: datetime, policy_version: int | None) -> None:
    rows = [
        (
            new_id(),
            workspace_id,
            outcome.lead["owner_id"],
            outcome.lead["id"],
            now,
            credit.what,
            credit.points,
            credit.times,
            credit.rule,
            outcome.lead["score"],
            policy_version,
        )
        for outcome in outcomes
        for credit in outcome.earned
    ]
    insert_rows("distribution_credit", _CREDIT_COLUMNS, rows)
