"""Who watches the live stream, and what of it is for them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import close_old_connections, connection
from django.utils.timezone import now

from dibs.delivery.live import opened_with
from dibs.delivery.outbox_mark import Mark, mark
from dibs.distribution import policies
from dibs.distribution.overseeing import ANY_MANAGER
from dibs.insight.sight import Eyes
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Role, User
from dibs.people.tenancy import enter

T = TypeVar("T")

#: An event as it is read: its number, its name and its payload.
Row = tuple[int, str, dict[str, Any]]

#: Of which workspace, after which number, and how many at most.
EVENTS = "SELECT seq, event, payload FROM delivery_outbox WHERE workspace_id = %s AND seq > %s ORDER BY seq LIMIT %s"

#: Seconds after which it is asked again what a viewer may see: roles, teams and tiers change.
_FRESH = 30.0
_SEE_ALL = frozenset({Role.OPS.value, Role.INTEGRATION.value})

# One thread, and so one connection, asks Django's questions for all viewers.
_asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dibs-stream-asks")


@dataclass(frozen=True, slots=True)
class Sight:
    """What a viewer may be told of, at one time. ``pools`` in whole; of ``partial`` pools only that something moved. ``reviews``: the
    queues whose leads are for them to decide on."""

    handle: str | None
    reports: frozenset[str]
    pools: frozenset[str]
    partial: frozenset[str]
    everything: bool
    leads_a_team: bool
    reviews: frozenset[str]

    def of(self, payload: Mapping[str, Any], event: str = "") -> dict[str, Any] | None:
        """What of an event's payload is for this viewer; ``None``: nothing. That the rules change is for everybody, by name only."""
        rep = payload.get("rep")
        pool = payload.get("pool")
        if self.everything or (rep is not None and (rep == self.handle or rep in self.reports)):
            return dict(payload)
        if event.startswith("policy."):
            return dict(payload) if self.leads_a_team else {}
        was, state = payload.get("was"), payload.get("state")
        if pool is not None and "pooled" in (was, state):
            # It came to the pool, or left it, and by whose hand. What became of it after is no longer the pool's business, nor
            # is who looked at it and passed on.
            if was == state == "pooled":
                return {"pool": pool} if pool in self.pools | self.partial else None
            if pool in self.pools:
                return dict(payload)
            return {"pool": pool} if pool in self.partial else None
        if self.leads_a_team and rep is None and pool is None:
            return dict(payload) if state != "review" or payload.get("review") in self.reviews else None
        return None


class Viewer:
    """One open stream's user. ``since``: what the page that opened it can have shown, where that is known."""

    def __init__(self, workspace_id: UUID, user_id: UUID, sight: Sight, since: Mark | None = None) -> None:
        self.workspace_id = workspace_id
        self.user_id = user_id
        self.sight: Sight | None = sight
        self.since = since
        self._asked_at = time.monotonic()

    @property
    def is_stale(self) -> bool:
        return time.monotonic() - self._asked_at > _FRESH

    async def ask_again(self) -> None:
        """Look anew at what the viewer may see: nothing any more, if the user was switched off."""
        found = await _ask(_look, self.user_id)
        self.sight = found[1] if found else None
        self._asked_at = time.monotonic()


async def viewer_with(token: str) -> Viewer | None:
    """The viewer a token stands for; ``None`` if it is not good, or its user was switched off."""
    opening = opened_with(token)
    if opening is None:
        return None
    found = await _ask(_look, opening.user_id)
    return Viewer(found[0].workspace_id, opening.user_id, found[1], opening.since) if found else None


async def where_it_stands(workspace_id: UUID) -> Mark:
    """Where the workspace's outbox stands now."""
    return await _ask(_where_it_stands, workspace_id)


async def events_since(workspace_id: UUID, since: Mark, most: int) -> list[Row] | None:
    """The workspace's events that were not there at that mark, in their order. ``None``: more than ``most`` numbers were given out since,
    in whichever workspace, and none of them was read. So an old mark asks no more of the database than a new one."""
    return await _ask(_events_since, workspace_id, since, most)


async def _ask(question: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(_asking, question, *arguments)


def _where_it_stands(workspace_id: UUID) -> Mark:
    close_old_connections()
    enter(workspace_id)
    try:
        return mark(workspace_id)
    finally:
        enter(None)


def _events_since(workspace_id: UUID, since: Mark, most: int) -> list[Row] | None:
    close_old_connections()
    enter(workspace_id)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT last_value FROM delivery_outbox_seq")
            if cursor.fetchone()[0] - since.seq > most:
                return None
            cursor.execute(EVENTS, [workspace_id, since.low, since.seq - since.low + most])
            rows = cursor.fetchall()
        return [(seq, event, json.loads(payload)) for seq, event, payload in rows if not since.has(seq)]
    finally:
        enter(None)


def _look(user_id: UUID) -> tuple[Caller, Sight] | None:
    close_old_connections()
    user = User.objects.filter(id=user_id, is_active=True).first()
    if user is None:
        return None
    caller = caller_of(user)
    try:
        return caller, _sight(caller)
    finally:
        enter(None)


def _sight(caller: Caller) -> Sight:
    eyes = Eyes(caller, now())
    active = policies.active(caller.workspace_id)
    windows = {pool: eyes.window(pool) for pool in (active.book.policy.pools if active else ())}
    seen = {pool: window for pool, window in windows.items() if window.level != "none"}
    partial = frozenset(pool for pool, window in seen.items() if window.only is not None or window.head_only)
    return Sight(
        handle=caller.handle,
        reports=_reports(caller),
        pools=frozenset(seen) - partial,
        partial=partial,
        everything=caller.role in _SEE_ALL,
        leads_a_team=caller.role == Role.MANAGER,
        reviews=caller.manages | {ANY_MANAGER},
    )


def _reports(caller: Caller) -> frozenset[str]:
    """The handles of the reps in the teams that the caller manages."""
    if not caller.manages:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rep.handle FROM people_rep rep JOIN people_membership member ON member.rep_id = rep.id"
            " JOIN people_team team ON team.id = member.team_id WHERE team.workspace_id = %s AND team.slug = ANY(%s)",
            [caller.workspace_id, list(caller.manages)],
        )
        return frozenset(row[0] for row in cursor.fetchall())
