"""Reps who let so many locks and offers in a row run out that the policy takes them for away.

They are switched to away in the transaction that writes the lapse, and are pushed nothing from the next lead of the same batch on. They
switch back themselves, or who leads them does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection

from dibs.delivery import notices
from dibs.delivery.outbox import post
from dibs.distribution import presence
from dibs.distribution.crews import Crew
from dibs.distribution.reading import Row
from dibs.distribution.rulebooks import Active
from dibs.distribution.telling import who_leads
from dibs.distribution.tiering import note, users_of
from dibs.engine import fairplay
from dibs.engine.counters import Standing
from dibs.engine.decision import Reason
from dibs.engine.roster import Roster

_log = structlog.get_logger()


class Lapses:
    """The lapses in a row of the reps whom a batch of leads concerns. A policy that takes nobody for away asks nothing of it."""

    def __init__(self, workspace_id: UUID, active: Active, known: Crew, rows: Sequence[Row]) -> None:
        self._workspace_id, self._active, self._known = workspace_id, active, known
        self._counts = bool(active.book.policy.availability.away_after)
        owners = {row["owner_id"] for row in rows if row["owner_id"]} if self._counts else set()
        self._standings = {
            known.handles[rep]: count for rep, count in self._read(owners).items() if rep in known.handles
        }
        self._lapsed: set[str] = set()

    def one_more(self, rep: str | None, roster: Roster) -> Roster:
        """The roster after the rep let one more lapse: without them, if that was one too many."""
        if rep is None or not self._counts:
            return roster
        self._lapsed.add(rep)
        self._standings[rep] = self._standings.get(rep, 0) + 1
        return roster.switched_off(rep) if self._goes_away(self._standings[rep]) else roster

    def take_for_away(self, now: datetime) -> None:
        """Switch off those for whom it was one too many, by what their standings say now that the lapses are written; and tell them,
        and who leads them."""
        counted = self._read(self._known.ids[rep] for rep in self._lapsed) if self._lapsed else {}
        lapses = {rep: count for rep, count in counted.items() if self._goes_away(count)}
        away = {rep: lapses[rep] for rep in sorted(lapses) if presence.take_for_away(self._workspace_id, rep, now)}
        if not away:
            return
        workspace_id, handles = self._workspace_id, self._known.handles
        rule = "availability.away_after"
        own = {rep: Reason("taken_for_away", {"count": count}, rule) for rep, count in away.items()}
        note(workspace_id, "away", [(rep, [reason]) for rep, reason in own.items()], self._active.number, now)
        users = users_of(workspace_id, list(away))
        notices.tell_each(workspace_id, [(users[rep], [reason]) for rep, reason in own.items()], "availability", now)
        told: dict[UUID, list[Reason]] = {}
        for user, rep in who_leads(workspace_id, away):
            said = Reason("rep_taken_for_away", {"rep": handles[rep], "count": away[rep]}, rule)
            told.setdefault(user, []).append(said)
        notices.tell_each(workspace_id, told.items(), "rep_away", now)
        names = self._known.names
        post(
            workspace_id,
            [presence.event(handles[rep], names[handles[rep]], False, "lapses") for rep in away],
            now,
        )
        for rep, count in away.items():
            _log.info("rep_taken_for_away", workspace=str(workspace_id), rep=handles[rep], lapses=count)

    def _goes_away(self, count: int) -> bool:
        return fairplay.goes_away(self._active.book, Standing(lapses_in_a_row=count))

    def _read(self, reps: Iterable[UUID]) -> dict[UUID, int]:
        wanted = sorted(reps)
        if not wanted:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT rep_id, lapses_in_a_row FROM distribution_standing WHERE workspace_id = %s AND rep_id = ANY(%s)",
                [self._workspace_id, wanted],
            )
            return dict(cursor.fetchall())
