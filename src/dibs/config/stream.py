"""The live stream: one small ASGI process that listens to the database once and fans out to every browser.

``GET /stream?token=...`` answers with server-sent events. What is new comes from the outbox, read by its sequence; a NOTIFY only
says when to look, and a look is taken once a second anyway. An event names a lead, never its fields, and one about a pool that
the viewer can't see is not sent. It answers to the names that the pages answer to (``DIBS_HOSTS``), and to its own in ``DIBS_STREAM_URL``.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dibs.config.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 (models need Django set up)
from django.http.request import split_domain_port, validate_host  # noqa: E402

from dibs.config.answering import HOST_UNKNOWN  # noqa: E402
from dibs.config.following import Fanout, message  # noqa: E402
from dibs.config.watching import Viewer, viewer_with  # noqa: E402

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

_HEARTBEAT = 15.0  # seconds; proxies close what is silent for longer
_fanout = Fanout()


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http":
        await _answer(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    follower: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            follower = asyncio.create_task(_fanout.follow())
            await send({"type": "lifespan.startup.complete"})
        else:
            if follower is not None:
                follower.cancel()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["path"] == "/healthz":
        await _plain(send, 200, "ok")
        return
    if not _is_known_by(scope["headers"]):
        await _send_whole(send, 400, json.dumps(HOST_UNKNOWN), b"application/problem+json")
        return
    if scope["path"] != "/stream" or scope["method"] != "GET":
        await _plain(send, 404, "Nothing here. The stream is at /stream.")
        return
    token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
    viewer = await viewer_with(token)
    if viewer is None:
        # 204 tells an EventSource to stop asking; the page makes a new token when it is loaded.
        await _plain(send, 204, "")
        return
    again = any(name == b"last-event-id" for name, _ in scope["headers"])
    if again:
        viewer.since = None
    await _stream(viewer, again, receive, send)


def _is_known_by(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the server is told to answer to the name it was asked by."""
    asked = [value.decode("latin-1") for name, value in headers if name == b"host"]
    name, _ = split_domain_port(asked[0]) if len(asked) == 1 else ("", "")
    own = urlsplit(settings.STREAM_URL).hostname
    return bool(name) and validate_host(name, [*settings.ALLOWED_HOSTS, *([own] if own else [])])


async def _stream(viewer: Viewer, again: bool, receive: Receive, send: Send) -> None:
    """Send what the viewer may see until the browser goes away: first what has happened since the page was made, then the greeting, then
    what happens. ``again``: it was here before, and has missed something."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        # The page comes from another port, which makes it another origin. The token is the permission, not a cookie.
        (b"access-control-allow-origin", b"*"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.ensure_future(_hung_up(receive))
    async with _fanout.reader(viewer) as queue:
        try:
            missed = [queue.get_nowait() or "" for _ in range(queue.qsize())]
            await _chunk(send, "retry: 2000\n" + "".join(missed) + message("many" if again else "hello", {}, 0))
            while not gone.done():
                next_one = asyncio.ensure_future(queue.get())
                await asyncio.wait([gone, next_one], timeout=_HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
                if next_one.done():
                    if (text := next_one.result()) is None:
                        break  # it can't keep up: let it come back and catch up at once
                    await _chunk(send, text)
                else:
                    next_one.cancel()
                    if not gone.done():
                        await _chunk(send, ": still here\n\n")
        except OSError:
            pass
        finally:
            gone.cancel()
    if not gone.done() or gone.cancelled():
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _chunk(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _plain(send: Send, status: int, text: str) -> None:
    await _send_whole(send, status, text, b"text/plain; charset=utf-8")


async def _send_whole(send: Send, status: int, text: str, kind: bytes) -> None:
    headers = [
        (b"content-type", kind),
        (b"cache-control", b"no-store"),
        (b"access-control-allow-origin", b"*"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
