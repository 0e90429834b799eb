"""Looks at claim floors: who has claimed less than the policy expects, towards the end of the rep's own day or week, and what comes
of it.

The engine says whose floor it is time to look at, and what is assigned to make up for what is missing (`dibs.engine.floors`). A
look is taken once in each period, however many workers look: it counts as taken with the rep's standing locked. Standings are
locked before leads here, and leads only where nobody holds them: who never waits for a lead, can wait in no circle (see
``docs/decisions/0010-lock-order.md``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from dibs.delivery import notices
from dibs.delivery.outbox import post
from dibs.delivery.wake import wake
from dibs.distribution.crews import Crew, crew
from dibs.distribution.reading import LEAD_SELECT, Row, lead_clock, lead_facts, lead_row, passed_over
from dibs.distribution.rulebooks import Active, active
from dibs.distribution.standings import STANDING_COLUMNS, standing_of
from dibs.distribution.telling import who_leads
from dibs.distribution.tiering import note, settled, users_of
from dibs.distribution.writing import Outcome, begin_standings, move_standings, placing, write
from dibs.engine import claim as judge
from dibs.engine import consequences, counters, floors
from dibs.engine.calendar import local_day
from dibs.engine.counters import Standing
from dibs.engine.decision import Reason
from dibs.engine.facts import RepFacts
from dibs.engine.floors import FloorLook
from dibs.engine.rulebook import Rulebook
from dibs.people.tenancy import enter

_log = structlog.get_logger()

#: Reps whose floors are looked at in one transaction. Their claims wait meanwhile, so few of them where leads are assigned.
_AT_ONCE = {"notify": 500, "auto_assign": 20}
#: How many of the oldest leads are looked at for those that a tier's condition lets the rep have.
_LOOKED_AT = 1000
#: Leads looked at beyond those missing, for those that somebody holds this moment.
_SPARE = 20


@dataclass(slots=True)
class Floors:
    """What one pass found: reps looked at, how many of them were short, and leads assigned to make up for it."""

    looked_at: int = 0
    short: int = 0
    assigned: int = 0


@dataclass(slots=True)
class _Pass:
    """What a pass knows: the policy, the reps with their tiers, and their teams."""

    workspace_id: UUID
    policy: Active
    known: Crew
    reps: Mapping[str, RepFacts]
    teams: Mapping[str, frozenset[str]]
    now: datetime
    total: Floors = field(default_factory=Floors)
    #: The notice that each manager was given in this pass, which further reps of theirs are added to.
    given: dict[UUID, UUID] = field(default_factory=dict)

    @property
    def book(self) -> Rulebook:
        return self.policy.book

    def look(self, handle: str, standing: Standing) -> FloorLook | None:
        """The rep's floor, if it is time to look at it now."""
        return floors.looked(
            self.book,
            self.reps[handle],
            standing,
            self.known.timezones[handle],
            self.now,
            self.teams.get(handle, frozenset()),
        )


def look_at_floors(workspace_id: UUID, now: datetime) -> Floors:
    """Look at the claim floors of those for whom it is time. Call it outside a transaction."""
    enter(workspace_id)
    policy = active(workspace_id)
    rule = policy.book.policy.fair_play.claim_at_least if policy is not None else None
    if policy is None or rule is None:
        return Floors()
    known = crew(workspace_id, now)
    here = _Pass(
        workspace_id=workspace_id,
        policy=policy,
        known=known,
        reps=settled(workspace_id, known, policy.book),
        teams=_teams(known),
        now=now,
    )
    standings = _standings(workspace_id, known)
    looks = {
        handle: look
        for handle in here.reps
        if (look := here.look(handle, standings.get(handle, Standing()))) is not None
    }
    turn, size = floors.in_turn(looks, policy.digest), _AT_ONCE[rule.then]
    for first in range(0, len(turn), size):
        with transaction.atomic():
            _look(here, turn[first : first + size])
    return here.total


def _look(here: _Pass, handles: Sequence[str]) -> None:
    # Read.
    ids = [here.known.ids[handle] for handle in handles]
    begin_standings(here.workspace_id, ids)
    standings = _standings(here.workspace_id, here.known, lock=ids)

    # Decide.
    looks = {handle: look for handle in handles if (look := here.look(handle, standings[handle])) is not None}
    outcomes: list[Outcome] = []
    assigned: dict[str, Reason] = {}
    for handle in floors.in_turn(looks, here.policy.digest):
        made_up = _made_up(here, handle, looks[handle], standings[handle], outcomes)
        if made_up:
            assigned[handle] = made_up[0].reasons[0]
        outcomes += made_up

    # Write.
    write(here.workspace_id, outcomes, now=here.now, policy_version=here.policy.number, crew=here.known)
    move_standings(
        here.workspace_id,
        {here.known.ids[handle]: [counters.FloorLooked(look.period)] for handle, look in looks.items()},
    )
    short = {handle: look.reason for handle, look in looks.items() if look.reason is not None}
    _tell(here, short, assigned)
    here.total.looked_at += len(looks)
    here.total.short += len(short)
    here.total.assigned += len(outcomes)


def _made_up(here: _Pass, handle: str, look: FloorLook, standing: Standing, before: Sequence[Outcome]) -> list[Outcome]:
    """What is assigned to the rep for what is missing. ``before``: leads that went to others in this transaction already."""
    floor = here.book.policy.fair_play.claim_at_least
    if not look.missing or floor is None or floor.then != "auto_assign":
        return []
    rep = here.reps[handle]
    today = local_day(here.known.timezones[handle], here.now)
    rep = counters.counted(rep, counters.on_day(standing, today))
    rows = _oldest(here, handle, rep, look.missing, [outcome.lead["id"] for outcome in before])
    over = passed_over(here.workspace_id, (row["id"] for row in rows.values()))
    waiting = [(lead_facts(row), lead_clock(row, None, over.get(row["id"], frozenset()))) for row in rows.values()]
    roster = replace(here.known.roster, reps={**here.known.roster.reps, handle: rep})
    given, _ = floors.fill(here.book, look, rep, standing, waiting, roster, here.now)
    outcomes = []
    for clock, placement in given:
        after = consequences.placed(clock, placement, here.now)
        outcomes.append(
            Outcome(
                lead=rows[clock.id],
                kind="assigned",
                changes=placing(placement, after, here.known, by="floor"),
                reasons=placement.reasons,
                rep=here.known.ids[handle],
                felt=consequences.felt(clock, after, here.now, here.known.day),
            )
        )
    return outcomes


def _oldest(here: _Pass, handle: str, rep: RepFacts, count: int, taken: Sequence[UUID]) -> dict[str, Row]:
    """The ``count`` leads that have waited longest of those the rep might have claimed, by id and locked; those that somebody holds are
    left to them."""
    rep_id, teams = here.known.ids[handle], here.teams.get(handle, frozenset())
    sights = {pool: judge.sight(here.book, rep, teams, pool) for pool in here.book.policy.pools}
    pools = [pool for pool, sight in sights.items() if sight.level != "none"]
    only = next((sights[pool].only for pool in pools), None)
    with connection.cursor() as cursor:
        cursor.execute(
            _LONGEST,
            [pools, here.workspace_id, list(taken), rep_id, *[_LOOKED_AT if only else count + _SPARE] * 2],
        )
        rows = [lead_row(values) for values in cursor.fetchall()]
        if only is not None:
            rows = [row for row in rows if only.holds(here.book.activation(lead_facts(row), rep=rep, now=here.now))]
        wanted = [row["id"] for row in rows[: count + _SPARE]]
        cursor.execute(
            f"SELECT {LEAD_SELECT} FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.id = ANY(%s) "
            "AND lead.state = 'pooled' ORDER BY lead.waiting_since, lead.id LIMIT %s FOR UPDATE SKIP LOCKED",
            [here.workspace_id, wanted, count],
        )
        return {str(row["id"]): row for row in map(lead_row, cursor.fetchall())}


# Each pool by its own index, then the oldest of all of them: an order over several pools at once would sort them whole.
_LONGEST = f"""
    SELECT {LEAD_SELECT} FROM unnest(%s::text[]) AS wanted(pool) CROSS JOIN LATERAL (
        SELECT * FROM crm_lead one
        WHERE one.workspace_id = %s AND one.pool = wanted.pool AND one.state = 'pooled' AND NOT one.id = ANY(%s::uuid[])
          AND NOT EXISTS (
            SELECT FROM distribution_passedover passed
            WHERE passed.workspace_id = one.workspace_id AND passed.lead_id = one.id AND passed.rep_id = %s
              AND passed.kind NOT IN ('skipped', 'opened'))
        ORDER BY one.waiting_since, one.id LIMIT %s
    ) lead
    ORDER BY lead.waiting_since, lead.id LIMIT %s
"""


def _tell(here: _Pass, short: Mapping[str, Reason], assigned: Mapping[str, Reason]) -> None:
    """The line in the log, a notice to the rep and to who leads them, and an event for who follows along."""
    if not short:
        return
    ids, names = here.known.ids, here.known.names
    why = {handle: (reason, assigned[handle]) if handle in assigned else (reason,) for handle, reason in short.items()}
    note(
        here.workspace_id,
        "below_floor",
        [(ids[handle], reasons) for handle, reasons in why.items()],
        here.policy.number,
        here.now,
    )
    users = users_of(here.workspace_id, [ids[handle] for handle in short])
    notices.tell_each(
        here.workspace_id, [(users[ids[handle]], why[handle]) for handle in short], "below_floor", here.now
    )
    here.given |= notices.tell_more(here.workspace_id, _to_managers(here, short), "below_floor", here.now, here.given)
    post(
        here.workspace_id,
        [
            (
                "rep.below_floor",
                None,
                {"rep": handle, "rep_name": names[handle], **reason.params, "assigned": handle in assigned},
            )
            for handle, reason in short.items()
        ],
        here.now,
    )
    transaction.on_commit(lambda: wake(here.workspace_id))
    for handle, reason in short.items():
        _log.info("rep_below_floor", workspace=str(here.workspace_id), rep=handle, **reason.params)


def _to_managers(here: _Pass, short: Mapping[str, Reason]) -> list[tuple[UUID, list[Reason]]]:
    """What each manager is to know: a reason for each of their reps who is short."""
    told: dict[UUID, list[Reason]] = {}
    for user_id, rep in who_leads(here.workspace_id, [here.known.ids[handle] for handle in short]):
        handle = here.known.handles[rep]
        reason = short[handle]
        told.setdefault(user_id, []).append(Reason("rep_below_floor", {"rep": handle, **reason.params}, reason.rule))
    return list(told.items())


def _standings(workspace_id: UUID, known: Crew, *, lock: Iterable[UUID] | None = None) -> dict[str, Standing]:
    """Every rep's standing by handle, or with ``lock`` these reps', locked until the transaction ends."""
    statement = f"SELECT rep_id, {', '.join(STANDING_COLUMNS)} FROM distribution_standing WHERE workspace_id = %s"
    values: list[Any] = [workspace_id]
    if lock is not None:
        statement += " AND rep_id = ANY(%s) ORDER BY rep_id FOR UPDATE"
        values.append(list(lock))
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return {known.handles[rep]: standing_of(row) for rep, *row in cursor.fetchall() if rep in known.handles}


def _teams(known: Crew) -> dict[str, frozenset[str]]:
    teams: dict[str, set[str]] = {}
    for team, handles in known.roster.teams.items():
        for handle in handles:
            teams.setdefault(handle, set()).add(team)
    return {handle: frozenset(slugs) for handle, slugs in teams.items()}
