"""History played again: leads come in at the moments they were received, time passes between them, and those that were won convert when
they were.

Everything goes through the functions the product uses, with moments of the past for ``now``; nothing here writes a lead. Who has a
lead is what the policy in force makes of it: a history does not know who else would have won what somebody won.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from dibs.crm.models import Lead, Opportunity
from dibs.delivery.models import Mail, Outbox
from dibs.distribution import acting, claiming, converting, opportunities, overflow, policies, results, ticking, tiering
from dibs.distribution.models import Decision
from dibs.intake import mapping as mappings
from dibs.intake.chunks import Reading, chunks
from dibs.intake.connectors.csv import CsvFile
from dibs.intake.headers import Fitted, guess_mapping
from dibs.intake.preparing import Prepared, Taken
from dibs.intake.receiving import take_in
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, Role, User, Workspace
from dibs.people.tenancy import enter

#: Time passes in steps of this length at most: what falls due is done by then.
_STEP = timedelta(days=1)
#: From so many leads on the database is told, each time there are four times as many, how its tables have grown.
_COUNTED_FROM = 500
_A_MOMENT = timedelta(microseconds=1)
#: How often one lead may fall due at one moment.
_ROUNDS = 20
_ATTRIBUTE = "attributes."


class CannotReplay(Exception):
    """The history cannot be played in this workspace. ``code`` says why: ``leads_here``, ``no_policy``, ``nobody_leads``, ``no_reps``,
    ``unknown_moment``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class File:
    """A file of the history, and how it is read; without a mapping by its header."""

    path: Path
    mapping: mappings.MappingFile | None = None


@dataclass(frozen=True, slots=True)
class Wins:
    """The file of what was won. It finds leads by their external id and says more of them, as an enriching import does. ``at`` names the
    field or attribute (``attributes.won_at``) with the moment, ``amount`` the one with what it was worth, in ``currency``."""

    file: File
    at: str
    amount: str | None = None
    currency: str | None = None


@dataclass(slots=True)
class Replayed:
    """What happened. ``refused`` rows of either file; ``unknown`` wins of leads that are not there; ``early`` ones from before their lead
    was received, which are played when it was. Of the wins, leads were taken out of where they waited by a rep's claim (``claimed``) or
    a manager's hand (``given``), and ``reopened`` where the policy had given them up.
    """

    leads: int = 0
    touched: int = 0
    refused: int = 0
    won: int = 0
    unknown: int = 0
    early: int = 0
    claimed: int = 0
    given: int = 0
    reopened: int = 0
    since: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }


@dataclass(order=True, slots=True)
class _Win:
    at: datetime
    external_id: str
    row: Taken = field(compare=False)
    amount: Decimal | None = field(compare=False)


class History:
    """One workspace's past. Made to be played once."""

    def __init__(self, workspace: Workspace, source: str, now: datetime) -> None:
        self.workspace, self.source, self.now = workspace, source, now
        self.done = Replayed()
        self._reps: dict[UUID, Caller] = {}
        self._leading: Caller | None = None
        self._currency: str | None = None

    def play(
        self,
        leads: File,
        wins: Wins | None = None,
        *,
        progress: Callable[[int, int], None] = lambda done, all_of_it: None,
    ) -> Replayed:
        """Play it from the first lead to the last lead or win. All of it is one transaction: nothing stays of a history that is broken
        off. ``progress`` is told how many leads and wins are played, and how many there are.

        No mail is sent: those that sequences would have sent are on record as stopped. Raises `CannotReplay`, `FileRefused` and
        `MappingRefused` before anything is played.
        """
        enter(self.workspace.id)
        self._look_around()
        came = sorted(self._rows(leads, dated=True), key=_received)
        won = self._won(wins, {row.external_id: _received(row) for row in came}) if wins else []
        self.done.since = _received(came[0]) if came else None
        total, played, counted = len(came) + len(won), 0, _COUNTED_FROM
        with transaction.atomic():
            moment = self.done.since
            for at, some in groupby(came, key=_received):
                assert moment is not None
                played += self._up_to(moment, at, won)
                moment = at
                batch = [row._replace(at=place) for place, row in enumerate(some)]
                for answer in take_in(self.workspace.id, Prepared(len(batch), batch, []), now=at):
                    self._count(answer.outcome)
                played += len(batch)
                if self.done.leads >= counted:
                    counted = 4 * self.done.leads
                    _count_rows()
                progress(played, total)
            while won and moment is not None:
                at = max(moment, won[0].at) + _A_MOMENT
                played += self._up_to(moment, at, won)
                moment = at
                progress(played, total)
            self.done.until = moment
            _count_rows()
            Mail.objects.filter(workspace_id=self.workspace.id, state="waiting").update(state="stopped", send_at=None)
        return self.done

    # -- what there is to play ------------------------------------------------------------------------------------------

    def _look_around(self) -> None:
        workspace_id = self.workspace.id
        if Lead.objects.filter(workspace_id=workspace_id).exists():
            raise CannotReplay("leads_here", "A history is played in a workspace that has no leads yet.")
        if policies.active(workspace_id) is None:
            raise CannotReplay("no_policy", "Publish a policy first: it says who gets the leads.")
        leading = User.objects.filter(workspace_id=workspace_id, role=Role.OPS, is_active=True).order_by("id").first()
        if leading is None:
            raise CannotReplay("nobody_leads", "Add somebody with the role ops first: they give out what nobody took.")
        self._leading = caller_of(leading)
        for rep in Rep.objects.filter(workspace_id=workspace_id, active=True).select_related("user").order_by("handle"):
            self._reps[rep.id] = caller_of(rep.user)
        if not self._reps:
            raise CannotReplay("no_reps", "Add reps first: leads that were won were won by somebody.")

    def _rows(self, file: File, *, dated: bool) -> Iterator[Taken]:
        given = file.mapping.mapping if file.mapping else mappings.Mapping()
        with CsvFile(file.path, encoding=given.encoding, delimiter=given.delimiter) as read:
            mapping = file.mapping or guess_mapping(read.header)
            Fitted(mapping, read.header, self.workspace.timezone)
            where = mapping.mapping.place(self.workspace.country, self.workspace.timezone)
            zone, encoding, delimiter = self.workspace.timezone, read.encoding, read.delimiter
        for chunk in chunks(
            Reading(file.path, encoding, delimiter, mapping.mapping, zone, self.source, where, self.now)
        ):
            self.done.refused += len(chunk.unread) + len(chunk.prepared.refused)
            for row in chunk.prepared.taken:
                if dated and "received_at" not in row.facts:
                    self.done.refused += 1  # it came at no time that anybody knows
                else:
                    yield row

    def _won(self, wins: Wins, received: Mapping[str, datetime]) -> list[_Win]:
        """The wins, as a heap by when they are played. One without its moment is refused: it would be won at no time."""
        found = []
        for row in self._rows(wins.file, dated=False):
            at = _moment(_said(row, wins.at))
            if at is None:
                self.done.refused += 1
                continue
            came = received.get(row.external_id, at)
            self.done.early += at < came
            found.append(_Win(max(at, came), row.external_id, row, _amount(_said(row, wins.amount))))
        if not found and self.done.refused:
            raise CannotReplay("unknown_moment", f"No row says in {wins.at} when it was won.")
        self._currency = wins.currency
        heapq.heapify(found)
        return found

    # -- time -----------------------------------------------------------------------------------------------------------

    def _up_to(self, moment: datetime, until: datetime, won: list[_Win]) -> int:
        """What happens from ``moment`` on and before ``until``; returns how many wins."""
        played = 0
        while True:
            step = min(until, moment + _STEP)
            while won and won[0].at < step:
                win = heapq.heappop(won)
                at = max(moment, win.at)
                self._let_time_pass(at)
                self._convert(win, at)
                played += 1
            self._let_time_pass(step)
            if step >= until:
                return played
            moment = step

    def _let_time_pass(self, now: datetime) -> None:
        """What the worker would have done by now: due leads, waiting ones, tiers, results."""
        workspace_id = self.workspace.id
        for _ in range(_ROUNDS):
            due = list(
                Lead.objects.filter(workspace_id=workspace_id, due_at__lte=now)
                .order_by("due_at")
                .values_list("id", flat=True)
            )
            if not ticking.settle(workspace_id, due, now):
                break
        overflow.give_waiting(workspace_id, now)
        tiering.retier_all(workspace_id, now)
        results.count(workspace_id, now)

    # -- wins -----------------------------------------------------------------------------------------------------------

    def _convert(self, win: _Win, now: datetime) -> None:
        """The lead is converted by who has it, and its opportunity won."""
        (answer,) = take_in(self.workspace.id, Prepared(1, [win.row._replace(at=0)], []), now=now, enriching=True)
        if answer.lead_id is None:
            self.done.unknown += 1
            return
        lead = Lead.objects.get(id=answer.lead_id)
        rep = self._had_by(lead, now)
        amount = win.amount or None
        converted = converting.convert(rep, lead.id, now, amount=amount, currency=self._currency if amount else None)
        if not isinstance(converted, acting.Acted):
            raise RuntimeError(f"lead {lead.id} could not be converted: {converted}")
        opportunity = Opportunity.objects.values_list("id", flat=True).get(lead_id=lead.id)
        opportunities.win(rep, opportunity, now)
        self.done.won += 1

    def _had_by(self, lead: Lead, now: datetime) -> Caller:
        """Who has the lead, if need be from now on."""
        assert self._leading is not None
        if lead.state in {"owned", "working"} and lead.owner_id is not None:
            return self._reps[lead.owner_id]
        if lead.state == "offered" and lead.owner_id is not None:
            acting.accept(self._reps[lead.owner_id], lead.id, now)
            return self._reps[lead.owner_id]
        if lead.state == "retired":
            acting.reopen(self._leading, lead.id, now, why="")
            self.done.reopened += 1
            return self._had_by(Lead.objects.get(id=lead.id), now)
        if lead.state == "pooled":
            for rep in self._by_load():
                if isinstance(claiming.claim_lead(rep, lead.id, now), claiming.Claimed):
                    self.done.claimed += 1
                    return rep
        rep = self._by_load()[0]
        acting.assign(self._leading, lead.id, rep.handle or "", now)
        self.done.given += 1
        return rep

    def _by_load(self) -> list[Caller]:
        """The reps, who has the fewest open leads first."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT rep_id, open_leads FROM distribution_standing WHERE workspace_id = %s", [self.workspace.id]
            )
            load = dict(cursor.fetchall())
        return sorted(self._reps.values(), key=lambda rep: (load.get(rep.rep_id, 0), rep.handle))

    def _count(self, outcome: str) -> None:
        if outcome == "placed":
            self.done.leads += 1
        elif outcome == "touched":
            self.done.touched += 1


def _count_rows() -> None:
    """Have the database look at how its tables have grown: it does so by itself only after a transaction, and would take its tables for
    empty all the way through this one."""
    tables = ", ".join(model._meta.db_table for model in (Lead, Opportunity, Decision, Outbox))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {tables}")


def _received(row: Taken) -> datetime:
    at: datetime = row.facts["received_at"]
    return at


def _said(row: Taken, name: str | None) -> Any:
    if name is None:
        return None
    return row.attributes.get(name.removeprefix(_ATTRIBUTE)) if name.startswith(_ATTRIBUTE) else row.facts.get(name)


def _moment(said: Any) -> datetime | None:
    if isinstance(said, datetime):
        return said
    try:
        at = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _amount(said: Any) -> Decimal | None:
    try:
        amount = Decimal(str(said))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 < amount < converting.HIGHEST_AMOUNT else None
