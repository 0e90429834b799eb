"""Follows the outbox and hands what is new to the streams that are open."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, connections

from dibs.config.watching import Viewer, latest_event
from dibs.delivery.wake import CHANNEL

_log = structlog.get_logger()

_EVERY = 1.0  # seconds between looks, woken or not
_PAUSE = 0.05  # seconds after each look, in which what comes is gathered
_AGAIN = 2.0  # seconds after losing the database
#: Looks (one a second) for which a number once passed is looked behind: rows become visible when their transaction ends.
_LOOK_BACK = 10
#: More events than this in one look are not told one by one: the page is told to look for itself.
_MANY = 100
#: Messages that a browser may be behind before it is sent away.
_BEHIND = 500

#: Viewers whose sight is looked at anew between two looks at the outbox.
_ASKED_AT_ONCE = 5

Row = tuple[int, str, dict[str, Any]]


@dataclass
class _Place:
    """How far one workspace's events have been read."""

    high: int
    marks: deque[int] = field(default_factory=lambda: deque(maxlen=_LOOK_BACK))
    seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.marks.append(self.high)

    def new(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the rows that were not read before, noted as read."""
        fresh = [row for row in rows if row[0] not in self.seen]
        self.seen.update(row[0] for row in fresh)
        self.high = max([self.high, *(row[0] for row in fresh)])
        return fresh

    def look_behind(self) -> int:
        """Note a second passed; returns the number from which to read again what may have become visible late."""
        self.marks.append(self.high)
        low = self.marks[0]
        self.seen = {seq for seq in self.seen if seq > low}
        return low


class Fanout:
    def __init__(self) -> None:
        self._readers: dict[UUID, dict[asyncio.Queue[str | None], Viewer]] = defaultdict(dict)
        self._places: dict[UUID, _Place] = {}

    @asynccontextmanager
    async def reader(self, viewer: Viewer) -> AsyncIterator[asyncio.Queue[str | None]]:
        """A queue of messages for this viewer, of all that happens from here on; ``None`` in it is the end."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(_BEHIND)
        self._readers[viewer.workspace_id][queue] = viewer
        try:
            if viewer.workspace_id not in self._places:
                self._places.setdefault(viewer.workspace_id, _Place(await latest_event()))
            yield queue
        finally:
            readers = self._readers[viewer.workspace_id]
            readers.pop(queue, None)
            if not readers:
                del self._readers[viewer.workspace_id]
                self._places.pop(viewer.workspace_id, None)

    async def follow(self) -> None:
        """Read and hand out for ever, coming back whenever the database was gone."""
        while True:
            try:
                await self._follow_connected()
            except (psycopg.Error, DatabaseError, InterfaceError, OSError) as problem:
                _log.warning("stream_lost_database", problem=str(problem).partition("\n")[0])
                await asyncio.sleep(_AGAIN)

    async def _follow_connected(self) -> None:
        params = connections["default"].get_connection_params()
        wanted = {name: value for name, value in params.items() if name not in ("cursor_factory", "context")}
        async with await psycopg.AsyncConnection.connect(**wanted, autocommit=True) as database:
            await database.execute(f"LISTEN {CHANNEL}")
            clock = asyncio.get_running_loop().time
            next_second = clock()
            while True:
                async for _ in database.notifies(timeout=max(0.0, next_second - clock()), stop_after=1):
                    pass
                a_second = clock() >= next_second
                if a_second:
                    next_second = clock() + _EVERY
                for workspace_id in list(self._readers):
                    await self._read(database, workspace_id, look_behind=a_second)
                await asyncio.sleep(_PAUSE)

    async def _read(self, database: psycopg.AsyncConnection[Any], workspace_id: UUID, *, look_behind: bool) -> None:
        place = self._places.get(workspace_id)
        if place is None:
            return  # its first reader is about to note it
        since = place.look_behind() if look_behind else place.high
        await database.execute("SELECT set_config('dibs.workspace', %s, false)", [str(workspace_id)])
        cursor = await database.execute(
            "SELECT seq, event, payload FROM delivery_outbox WHERE workspace_id = %s AND seq > %s ORDER BY seq LIMIT 5000",
            [workspace_id, since],
        )
        rows = place.new(await cursor.fetchall())
        if rows:
            await self._hand_out(workspace_id, rows)
        stale = [viewer for viewer in self._readers.get(workspace_id, {}).values() if viewer.is_stale]
        for viewer in stale[:_ASKED_AT_ONCE]:
            await viewer.ask_again()

    async def _hand_out(self, workspace_id: UUID, rows: Sequence[Row]) -> None:
        # Another policy, or another tier: what somebody may see is another too.
        if any(event.startswith("policy.") or event == "rep.tier_changed" for _, event, _ in rows):
            for viewer in list(self._readers[workspace_id].values()):
                await viewer.ask_again()
        for queue, viewer in list(self._readers[workspace_id].items()):
            for text in messages_for(viewer, rows):
                try:
                    queue.put_nowait(text)
                except asyncio.QueueFull:
                    while not queue.empty():
                        queue.get_nowait()
                    queue.put_nowait(None)
                    break


def messages_for(viewer: Viewer, rows: Sequence[Row]) -> list[str]:
    """What of these events this viewer is sent, as server-sent events: ``lead``, ``rep`` and ``policy``, or one ``many`` in place of
    a flood, which names the pools that moved."""
    if viewer.sight is None:
        return []
    told = [(seq, event, seen) for seq, event, payload in rows if (seen := viewer.sight.of(payload, event)) is not None]
    if len(told) > _MANY:
        pools = sorted({seen["pool"] for _, _, seen in told if seen.get("pool")})
        return [message("many", {"events": len(told), "pools": pools}, told[-1][0])]
    return [message(event.partition(".")[0], {"event": event, **seen}, seq) for seq, event, seen in told]


def message(event: str, data: dict[str, Any], seq: int | None = None) -> str:
    """One server-sent event. Its id makes a browser that comes back say that it has been here."""
    number = f"id: {seq}\n" if seq is not None else ""
    return f"{number}event: {event}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
