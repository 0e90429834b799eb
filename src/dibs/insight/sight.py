"""What a caller may see of a lead. Everything that shows leads goes through here, and masks before it sends.

A field that is masked is absent from what comes out of this module: there is nothing for a page or the API to hide.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from dibs.distribution import policies
from dibs.distribution.lines import Before, in_line, sees
from dibs.distribution.overseeing import lock_ran_out, oversees, waits_in_pool
from dibs.distribution.reading import LEAD_COLUMNS, LEAD_SELECT, lead_row, opened_among
from dibs.distribution.standings import with_record
from dibs.engine import claim as judge
from dibs.engine.conditions import Condition
from dibs.engine.facts import RepFacts
from dibs.engine.policy_terms import is_name
from dibs.engine.rulebook import Rulebook
from dibs.people.caller import SEE_ALL, Caller
from dibs.people.models import Role
from dibs.people.tenancy import enter

Level = Literal["full", "preview", "none"]

#: Where a lead stands: not the lead's own fields, and shown with every lead in sight.
STANDING_FIELDS = ("id", "state", "pool", "waiting_since", "due_at", "due_for")
#: The lead's own fields: masked unless the pool's preview names them.
OWN_FIELDS = (
    "source",
    "external_id",
    "received_at",
    "name",
    "title",
    "email",
    "phone",
    "company",
    "domain",
    "industry",
    "employees",
    "country",
    "region",
    "city",
    "postal_code",
    "language",
    "product",
    "use_case",
    "deal_value",
    "currency",
    "message",
    "consent",
    "campaign",
    "attributes",
    "flags",
    "score",
    "rank",
    "territory",
    "account",
)
#: What became of it: shown with leads in full only.
HISTORY_FIELDS = (
    "owner",
    "owner_name",
    "review",
    "taken_by",
    "lock_expires_at",
    "contacted_at",
    "escalated",
    "reassigned",
    "policy_version",
    "touches",
    "pages",
    "last_touch_at",
    "likelihood",
    "assessment",
    "assessed",
    "follow_up_at",
    "side",
    "sequence",
    "answers",
    "ended_at",
    "retired_why",
    "do_not_contact",
)

#: Columns of a lead and of whom it belongs to, and the tables they come from; `row_of` reads them.
SELECT = f"{LEAD_SELECT}, owner.handle, owner.name, account.name"
TABLES = (
    "crm_lead lead LEFT JOIN people_rep owner ON owner.id = lead.owner_id "
    "LEFT JOIN crm_account account ON account.id = lead.account_id"
)

#: Kinds of decision that tell only that a rep looked: no claim to know more of the lead, and for nobody but the rep and who leads them.
LOOKS = ("skipped", "opened")


class SeenLead(dict[str, Any]):
    """A lead as one caller may see it. ``hidden`` names the fields that are masked, whether or not they have a value; ``opens``: the
    caller may come to see them by opening the lead (``distribution.acting.open_lead``). ``led``: the caller leads where it is, and may
    hand it over.
    """

    __slots__ = ("hidden", "led", "level", "opens")

    def __init__(
        self, values: Mapping[str, Any], level: Level, hidden: tuple[str, ...] = (), *, opens: bool = False
    ) -> None:
        super().__init__(values)
        self.level = level
        self.hidden = hidden
        self.opens = opens
        self.led = False


@dataclass(frozen=True, slots=True)
class Window:
    """What a caller sees of the leads that wait in one pool.

    ``fields`` are of `OWN_FIELDS`; ``only`` narrows the leads; ``head_only``: nothing but the first in line. ``opens``: a lead that the
    caller has opened is seen in full, by itself; in the list it stays a preview, as the others.
    """

    level: Level
    fields: frozenset[str]
    only: Condition | None = None
    head_only: bool = False
    opens: bool = False


_EVERYTHING = Window("full", frozenset(OWN_FIELDS))
_NOTHING = Window("none", frozenset())


class Eyes:
    """One caller, looking now. What the answer needs about the caller is read once, when it is first needed."""

    def __init__(self, caller: Caller, now: datetime) -> None:
        self.caller = caller
        self.now = now
        self._windows: dict[str, Window] = {}
        self._heads: dict[str, UUID | None] = {}
        self._openings: dict[UUID, bool] = {}

    @property
    def sees_all(self) -> bool:
        return self.caller.role in SEE_ALL

    @property
    def leads_a_team(self) -> bool:
        return self.caller.role == Role.MANAGER

    @cached_property
    def book(self) -> Rulebook | None:
        """The active policy; ``None`` in a workspace that has not published one."""
        active = policies.active(self.caller.workspace_id)
        return active.book if active else None

    @cached_property
    def rep(self) -> RepFacts:
        """The caller as the engine knows a rep. Only policies with tiers ask for a rep's record, so only they pay for it."""
        caller = self.caller
        facts = RepFacts(handle=caller.handle or "")
        if caller.rep_id and self.book is not None and self.book.tiers:
            return with_record(caller.workspace_id, caller.rep_id, facts, self.book, self.now)
        return facts

    @cached_property
    def reports(self) -> frozenset[UUID]:
        """The reps of the teams that the caller manages."""
        if not self.caller.manages:
            return frozenset()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT member.rep_id FROM people_membership member JOIN people_team team ON team.id = member.team_id "
                "WHERE team.workspace_id = %s AND team.slug = ANY(%s)",
                [self.caller.workspace_id, list(self.caller.manages)],
            )
            return frozenset(row[0] for row in cursor.fetchall())

    @cached_property
    def helps(self) -> frozenset[UUID]:
        """The leads on whose team the caller is: seen in full while somebody has them, and as anybody sees them while they wait."""
        if self.caller.rep_id is None:
            return frozenset()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT lead_id FROM crm_helper WHERE workspace_id = %s AND rep_id = %s",
                [self.caller.workspace_id, self.caller.rep_id],
            )
            return frozenset(row[0] for row in cursor.fetchall())

    def window(self, pool: str) -> Window:
        """What the caller sees of the leads that wait in this pool."""
        if pool not in self._windows:
            self._windows[pool] = self._open(pool)
        return self._windows[pool]

    def _open(self, pool: str) -> Window:
        if self.book is None or pool not in self.book.policy.pools:
            # Leads may still wait in a pool that a newer policy no longer has: only who sees everything sees those. A name that
            # no policy could give is no pool's.
            return _EVERYTHING if self.sees_all and is_name(pool) else _NOTHING
        if self.caller.oversees(self.book.policy.pools[pool].teams):
            return _EVERYTHING
        if self.caller.rep_id is None:
            return _NOTHING
        sight = judge.sight(self.book, self.rep, self.caller.teams, pool)
        if sight.level == "none":
            return _NOTHING
        full = sight.level == "full"
        fields = frozenset(OWN_FIELDS) if full else _shown(sight.fields)
        return Window("full" if full else "preview", fields, sight.only, sight.head_only, sight.opens)

    def level(self, row: Mapping[str, Any]) -> Window:
        """What the caller sees of this lead; ``row`` as `row_of` makes it."""
        if self.oversees(row):
            return _EVERYTHING
        if waits_in_pool(row, self.now):
            window = self.window(row["pool"])
            if window.level == "none" or not self.admits(window, row):
                return _NOTHING
            return _EVERYTHING if window.opens and self._has_opened(row["id"]) else window
        owner = row["owner_id"]
        if owner is None:
            return _NOTHING
        return _EVERYTHING if owner == self.caller.rep_id or row["id"] in self.helps else _NOTHING

    def oversees(self, row: Mapping[str, Any]) -> bool:
        """Whether the caller leads where this lead is; to see it as a rep, be it in full, is less."""
        return oversees(self.caller, row, None if self.sees_all else self.book, self.now, self._leads)

    def _leads(self, rep_id: UUID) -> bool:
        return rep_id in self.reports

    def head(self, pool: str) -> UUID | None:
        """The lead that is first in the pool's line for the caller."""
        assert self.book is not None
        if pool not in self._heads:
            rep_id, only = self.caller.rep_id, self.window(pool).only
            before = Before(rep_id, self.rep, only) if rep_id is not None else None
            first = in_line(self.caller.workspace_id, self.book, pool, self.now, limit=1, before=before)
            self._heads[pool] = first[0] if first else None
        return self._heads[pool]

    def admits(self, window: Window, row: Mapping[str, Any]) -> bool:
        """Whether the queue's order and the tier's condition on leads, as far as there are any, let this lead through."""
        if window.head_only:
            return bool(row["id"] == self.head(row["pool"]))
        return self.book is None or sees(self.book, window.only, self.rep, row, self.now)

    def _has_opened(self, lead_id: UUID) -> bool:
        if lead_id not in self._openings:
            self._read_openings([lead_id])
        return self._openings[lead_id]

    def _read_openings(self, leads: Collection[UUID]) -> None:
        rep_id = self.caller.rep_id
        opened = opened_among(self.caller.workspace_id, rep_id, leads) if rep_id is not None and leads else frozenset()
        self._openings.update((lead, lead in opened) for lead in leads)

    def see_many(self, rows: Iterable[Mapping[str, Any]]) -> dict[UUID, SeenLead]:
        """Those of these leads that the caller may see, by id. Which the caller has opened is read once for all of them."""
        rows = list(rows)
        waiting = [row for row in rows if waits_in_pool(row, self.now)]
        self._read_openings([row["id"] for row in waiting if self.window(row["pool"]).opens])
        return {row["id"]: seen for row in rows if (seen := self.see(row)) is not None}

    def see(self, row: Mapping[str, Any]) -> SeenLead | None:
        """The lead as the caller may see it; ``None``: not at all."""
        window = self.level(row)
        if window.level == "none":
            return None
        seen = self.through(window, row)
        seen.led = self.oversees(row)
        return seen

    def through(self, window: Window, row: Mapping[str, Any]) -> SeenLead:
        """The lead with what the window shows of it, and nothing else."""
        mine = self.caller.rep_id is not None and row["owner_id"] == self.caller.rep_id
        return masked(row, window, mine=mine, lapsed=lock_ran_out(row, self.now))


def _shown(fields: Collection[str]) -> frozenset[str]:
    """The fields of a preview. The rank says less than the score, so who may see the score may see the rank."""
    return frozenset(fields) | ({"rank"} if "score" in fields else frozenset())


def row_of(values: Any) -> dict[str, Any]:
    """A lead's columns with the owner's handle and name and the account's name, from `SELECT`."""
    row = lead_row(values[: len(LEAD_COLUMNS)])
    row["owner"], row["owner_name"], row["account"] = values[len(LEAD_COLUMNS) :]
    return row


def masked(row: Mapping[str, Any], window: Window, *, mine: bool, lapsed: bool) -> SeenLead:
    """The lead with what the window shows of it, and nothing else. ``mine``: the caller has it; ``lapsed``: its lock ran out."""
    seen = {name: row[name] for name in STANDING_FIELDS}
    seen.update((name, row[name]) for name in OWN_FIELDS if name in window.fields)
    if window.level == "full":
        seen.update((name, row[name]) for name in HISTORY_FIELDS)
        # What the policy calls ``opens``; of a lead that one sees, that says whether it can be opened.
        seen["mails_opened"] = row["opens"]
        if mine and not lapsed:
            # The lease is its holder's alone: with it one acts on the lead.
            seen["claim"] = row["claim"]
    if lapsed:
        # To everybody it waits again; the tick only has not written so yet.
        seen |= {"state": "pooled", "due_at": None, "due_for": None}
        if window.level == "full":
            seen.update(dict.fromkeys(("owner", "owner_name", "taken_by", "lock_expires_at")))
    hidden = () if window.level == "full" else tuple(name for name in OWN_FIELDS if name not in window.fields)
    return SeenLead(seen, window.level, hidden, opens=window.opens)


def in_full(row: Mapping[str, Any], owner: str, owner_name: str, account: str | None) -> SeenLead:
    """A lead that the caller has just been given, whole, with its lease."""
    return masked(
        {**row, "owner": owner, "owner_name": owner_name, "account": account}, _EVERYTHING, mine=True, lapsed=False
    )


def outline(row: Mapping[str, Any]) -> SeenLead:
    """Where a lead stands and nothing of its own, for who has just let go of it."""
    return SeenLead({name: row[name] for name in STANDING_FIELDS}, "preview", OWN_FIELDS)


def read_lead(workspace_id: UUID, lead_id: UUID) -> dict[str, Any] | None:
    """The lead's row, whole and unmasked; ``None`` if this workspace has none such. For this package only."""
    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {SELECT} FROM {TABLES} WHERE lead.workspace_id = %s AND lead.id = %s", [workspace_id, lead_id]
        )
        values = cursor.fetchone()
    return row_of(values) if values else None


def lead_in_sight(caller: Caller, lead_id: UUID, now: datetime) -> SeenLead | None:
    """The lead as the caller may see it. ``None``: there is none such, or not for this caller; which, is not told."""
    row = read_lead(caller.workspace_id, lead_id)
    return Eyes(caller, now).see(row) if row else None


def may_know_of(caller: Caller, lead_id: UUID, now: datetime) -> bool:
    """Whether the caller may learn why an act on this lead is refused: it is in sight, or it was theirs before.

    Who leads others acts on their leads too, and so only on those in sight: to have had one as a rep once is no reason.
    """
    if lead_in_sight(caller, lead_id, now) is not None:
        return True
    if caller.rep_id is None or caller.role != Role.REP:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM distribution_decision WHERE workspace_id = %s AND lead_id = %s AND rep_id = %s "
            "AND NOT kind = ANY(%s))",
            [caller.workspace_id, lead_id, caller.rep_id, list(LOOKS)],
        )
        return bool(cursor.fetchone()[0])
