"""Follows the outbox and hands what is new to the streams that are open."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, connections

from dibs.config.watching import EVENTS, Row, Viewer, events_since, where_it_stands
from dibs.delivery.outbox_mark import Mark
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

#: Numbers that are looked through at most for what a page has missed; after more it looks for itself.
_MISSED = 2_000

#: Viewers whose sight is looked at anew between two looks at the outbox.
_ASKED_AT_ONCE = 5


@dataclass
class _Place:
    """How far one workspace's events have been read, from where the outbox stood at first."""

    start: Mark
    high: int = field(init=False)
    marks: deque[int] = field(default_factory=lambda: deque(maxlen=_LOOK_BACK))
    seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.high = self.start.seq
        # What was on its way at first has numbers before this.
        self.marks.append(self.start.low)

    def new(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the rows that were not read before, noted as read."""
        fresh = [row for row in rows if row[0] not in self.seen and not self.start.has(row[0])]
        self.seen.update(row[0] for row in fresh)
        self.high = max([self.high, *(row[0] for row in fresh)])
        return fresh

    def look_behind(self) -> int:
        """Note a second passed; returns the number from which to read again what may have become visible late."""
        self.marks.append(self.high)
        low = self.marks[0]
        self.seen = {seq for seq in self.seen if seq > low}
        return low


class _Reader:
    """One open stream: whose it is, and the messages that wait for it."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.queue: asyncio.Queue[str | None] = asyncio.Queue(_BEHIND)
        self._told: set[int] = set()
        self._meanwhile: list[Row] | None = []

    def catch_up(self, missed: Sequence[Row] | None) -> None:
        """Put what was missed into the queue, and what has happened while that was read, each once and in their order. ``None``: too much
        to be told."""
        meanwhile, self._meanwhile = self._meanwhile or [], None
        if missed is None:
            self.queue.put_nowait(message("many", {}, 0))
        rows = {row[0]: row for row in (*(missed or ()), *meanwhile)}
        self.put(rows[seq] for seq in sorted(rows))
        self._told = {row[0] for row in missed or ()}

    def put(self, rows: Iterable[Row]) -> None:
        """Put what of these events the viewer is to be told into the queue, but for what the page that opened the stream knows."""
        if self._meanwhile is not None:
            self._meanwhile += rows
            return
        since = self.viewer.since
        new = [row for row in rows if row[0] not in self._told and not (since and since.has(row[0]))]
        for text in messages_for(self.viewer, new):
            try:
                self.queue.put_nowait(text)
            except asyncio.QueueFull:
                while not self.queue.empty():
                    self.queue.get_nowait()
                self.queue.put_nowait(None)
                break


class Fanout:
    def __init__(self) -> None:
        self._readers: dict[UUID, set[_Reader]] = defaultdict(set)
        self._places: dict[UUID, _Place] = {}

    @asynccontextmanager
    async def reader(self, viewer: Viewer) -> AsyncIterator[asyncio.Queue[str | None]]:
        """A queue of messages for this viewer: in it already what the page that opened the stream has missed, then all that happens from
        here on; ``None`` in it is the end."""
        reader = _Reader(viewer)
        self._readers[viewer.workspace_id].add(reader)
        try:
            if viewer.workspace_id not in self._places:
                self._places.setdefault(viewer.workspace_id, _Place(await where_it_stands(viewer.workspace_id)))
            missed = await events_since(viewer.workspace_id, viewer.since, _MISSED) if viewer.since else []
            reader.catch_up(missed)
            yield reader.queue
        finally:
            readers = self._readers[viewer.workspace_id]
            readers.discard(reader)
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
        cursor = await database.execute(EVENTS, [workspace_id, since, 5000])
        rows = place.new(await cursor.fetchall())
        if rows:
            await self._hand_out(workspace_id, rows)
        stale = [reader.viewer for reader in self._readers.get(workspace_id, ()) if reader.viewer.is_stale]
        for viewer in stale[:_ASKED_AT_ONCE]:
            await viewer.ask_again()

    async def _hand_out(self, workspace_id: UUID, rows: Sequence[Row]) -> None:
        # Another policy, or another tier: what somebody may see is another too.
        if any(event.startswith("policy.") or event == "rep.tier_changed" for _, event, _ in rows):
            for reader in list(self._readers[workspace_id]):
                await reader.viewer.ask_again()
        for reader in list(self._readers[workspace_id]):
            reader.put(rows)


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
