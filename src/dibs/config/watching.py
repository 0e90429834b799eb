"""Who watches the live stream, and what of it is for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import close_old_connections, connection
from django.utils.timezone import now

from dibs.delivery.live import user_with
from dibs.distribution import policies
from dibs.distribution.overseeing import ANY_MANAGER
from dibs.insight.sight import Eyes
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Role, User
from dibs.people.tenancy import enter

T = TypeVar("T")

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
    """One open stream's user."""

    def __init__(self, workspace_id: UUID, user_id: UUID, sight: Sight) -> None:
        self.workspace_id = workspace_id
        self.user_id = user_id
        self.sight: Sight | None = sight
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
    user_id = user_with(token)
    if user_id is None:
        return None
    found = await _ask(_look, user_id)
    return Viewer(found[0].workspace_id, user_id, found[1]) if found else None


async def latest_event() -> int:
    """The number of the latest event in the outbox, of whichever workspace."""
    return await _ask(_latest_event)


async def _ask(question: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(_asking, question, *arguments)


def _latest_event() -> int:
    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM delivery_outbox_seq")
        return int(cursor.fetchone()[0])


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
