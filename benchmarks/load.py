"""A load of HTTP clients that costs little itself: it shares the machine's two cores with what it measures.

One process, one selector, one kept-alive connection a client, requests made ready beforehand. Clients of `run` wait for an
answer before they ask again, as people do; those of `paced` ask at their own pace, as sources that leads come from do.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Answers:
    """What came back: how many of each status, how long each took (seconds), and how long it all took."""

    seconds: float = 0.0
    by_status: dict[int, int] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)

    def rate(self, status: int = 200) -> float:
        return self.by_status.get(status, 0) / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds within which this share (0..1) of the answers came."""
        ordered = sorted(self.took)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True)
class _Client:
    requests: Iterator[bytes]
    sent_at: float = 0.0
    buffer: bytes = b""


def run(port: int, clients: Sequence[Iterator[bytes]], seconds: float) -> Answers:
    """Let every client send its requests one after the other for so long, or until all have none left."""
    answers = Answers()
    selector = selectors.DefaultSelector()
    began = time.perf_counter()
    for requests in clients:
        connection = _connected(port)
        client = _Client(requests)
        selector.register(connection, selectors.EVENT_READ, client)
        _send_next(connection, client)
    waiting = len(clients)
    until = began + seconds
    while waiting:
        for key, _ in selector.select(timeout=10):
            client, connection = key.data, key.fileobj
            assert isinstance(connection, socket.socket)
            status = _received(connection, client)
            if status is None:
                continue
            now = time.perf_counter()
            client.buffer = b""
            answers.by_status[status] = answers.by_status.get(status, 0) + 1
            answers.took.append(now - client.sent_at)
            if now >= until or not _send_next(connection, client):
                selector.unregister(connection)
                connection.close()
                waiting -= 1
    answers.seconds = time.perf_counter() - began
    return answers


def paced(port: int, requests: Iterator[bytes], a_second: float, seconds: float) -> Answers:
    """Send so many requests a second for so long, each at its moment, whether or not the ones before it are answered. How long each
    took is counted from that moment: a request that had to wait for a late one is late too (G. Tene: *How NOT to Measure Latency*).
    """
    answers = Answers()
    selector = selectors.DefaultSelector()
    idle: list[socket.socket] = []
    began = time.perf_counter()
    number, sent, waiting = int(a_second * seconds), 0, 0
    while sent < number or waiting:
        due = began + sent / a_second
        if sent < number and time.perf_counter() >= due:
            connection = idle.pop() if idle else _connected(port)
            selector.register(connection, selectors.EVENT_READ, _Client(iter(()), sent_at=due))
            connection.sendall(next(requests))
            sent, waiting = sent + 1, waiting + 1
            continue
        for key, _ in selector.select(timeout=max(0.0, due - time.perf_counter()) if sent < number else 10):
            client, connection = key.data, key.fileobj
            assert isinstance(connection, socket.socket)
            status = _received(connection, client)
            if status is not None:
                answers.by_status[status] = answers.by_status.get(status, 0) + 1
                answers.took.append(time.perf_counter() - client.sent_at)
                selector.unregister(connection)
                idle.append(connection)
                waiting -= 1
    for connection in idle:
        connection.close()
    answers.seconds = time.perf_counter() - began
    return answers


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _received(connection: socket.socket, client: _Client) -> int | None:
    """Read what came; the status, once the answer has come in whole."""
    got = connection.recv(65536)
    if not got:
        raise ConnectionError("the server closed a connection in the middle of an answer")
    client.buffer += got
    return _whole(client.buffer)


def _send_next(connection: socket.socket, client: _Client) -> bool:
    request = next(client.requests, None)
    if request is None:
        return False
    client.sent_at = time.perf_counter()
    connection.sendall(request)
    return True


def _whole(buffer: bytes) -> int | None:
    """The status of an answer that has come in whole, else ``None``."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head = buffer[:head_end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        raise ValueError(f"an answer without a length: {head!r}")
    line_end = head.find(b"\r\n", at)
    length = int(head[at + 15 : line_end if line_end > 0 else len(head)])
    if len(buffer) < head_end + 4 + length:
        return None
    return int(head[9:12])
