"""Dibs as its users meet it: real processes, on a real port."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

ROOT = Path(__file__).parent.parent
KEY = "a key that only the tests know, and long enough"
#: Seconds that a test waits for what has to come. What comes costs no more for it, however slow or busy the machine is; what never comes
#: fails the test all the same.
PATIENCE = 600.0

_claimed: list[socket.socket] = []


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(url: str, *, timeout: float = PATIENCE, **headers: str) -> Answer:
    """GET, whatever the status. Raises `OSError` if nobody answers."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.headers, refused.read())


def wait_for(what: Any, seconds: float = PATIENCE, every: float = 0.05) -> Any:
    """What ``what()`` returns, as soon as that is true."""
    until = time.monotonic() + seconds
    while True:
        if found := what():
            return found
        if time.monotonic() > until:
            raise AssertionError(f"it did not come true within {seconds} s")
        time.sleep(every)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each of these answers, all begun at the same moment, each on a database connection of its own. Raises what one raises."""
    from django.db import connection

    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            gate.wait(PATIENCE)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result(PATIENCE) for done in [pool.submit(run, act) for act in acts]]


def somebody_waits_for_us() -> bool:
    """Whether another connection to the database waits for what this one holds. Others there may wait for each other any time."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


def do_jobs() -> None:
    """Have a worker do what waits in the queue by now; an error in a job is not raised."""
    from procrastinate.contrib.django import app

    worker = app.with_connector(app.connector.get_worker_connector())
    with ThreadPoolExecutor(1) as own:  # a thread of its own, as the browser's tests leave an event loop in this one
        try:
            own.submit(worker.run_worker, wait=False, install_signal_handlers=False).result(PATIENCE)
        finally:
            end_sessions_of_jobs()


def end_sessions_of_jobs() -> None:
    """Close the database connection of the one thread in which jobs are put into the queue. It outlives every worker: a later one
    would find it as this test left it, and the test database could not be dropped."""
    from asgiref.sync import SyncToAsync
    from django.db import connections

    SyncToAsync.single_thread_executor.submit(connections.close_all).result(PATIENCE)


def answers(url: str, status: int = 200) -> bool:
    try:
        return ask(url, timeout=60).status == status
    except OSError:
        return False


def is_over(process: psutil.Process) -> bool:
    """Whether a process has ended, though nobody may have asked yet how."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def a_folder() -> Iterator[Path]:
    """The name of a data folder that the embedded server's own user can reach, also where the tests run as root. It is
    removed when the server in it has ended."""
    around = Path(tempfile.mkdtemp(prefix="dibs-test-"))
    around.chmod(0o711)
    try:
        yield around / "data"
    finally:
        for lock in around.rglob("keeper"):
            with open(lock) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
        shutil.rmtree(around, ignore_errors=True)


def free_port() -> int:
    """A port that is free now, as is the one after it, and that no other test is given while this process lives.

    It may be a while until somebody listens there. So it is none of those that the system gives to whoever calls out (from 32,768 on),
    and its number is held meanwhile by a socket of another kind, which is in nobody's way.
    """
    while True:
        port = random.randrange(10_000, 32_000, 2)
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            for number in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            claim.close()
            continue
        _claimed.append(claim)
        return port


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would point at another database."""
    dropped = ("DATABASE_URL", "DIBS_DATA", "DJANGO_SETTINGS_MODULE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped and not name.startswith("PG")}
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return kept | {"PYTHONPATH": path} | more


def dibs(*arguments: str, input: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a ``dibs`` command to its end."""
    command = [sys.executable, "-m", "dibs.cli.main", *arguments]
    return subprocess.run(
        command, env=environment(**env), input=input, capture_output=True, text=True, timeout=PATIENCE
    )


def url_of(settings: Mapping[str, Any]) -> str:
    """The URL that means the same database as these Django settings."""
    user, password, host, port = (quote(str(settings[name]), safe="") for name in ("USER", "PASSWORD", "HOST", "PORT"))
    who = f"{user}:{password}" if password else user
    where = f"?host={host}" if host.startswith("%2F") else ""
    return f"postgres://{who}@{'' if where else host}{f':{port}' if port else ''}/{settings['NAME']}{where}"


@dataclass
class Up:
    """A ``dibs up`` that runs. ``log`` is the file that it writes to."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    data: Path = Path()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}/stream"

    def said(self) -> str:
        return self.log.read_text()

    def stop(self, number: int = signal.SIGINT, within: float = PATIENCE) -> int:
        """Signal it and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(within)


@contextmanager
def up(data: Path, *arguments: str, port: int | None = None, **env: str) -> Iterator[Up]:
    """``dibs up`` on a data folder, from when it answers until it has stopped."""
    port = port or free_port()
    log = data.with_name(f"{data.name}.up.log")
    command = [sys.executable, "-m", "dibs.cli.main", "up", "--port", str(port), "--data", str(data), *arguments]
    with open(log, "ab") as out:
        process = subprocess.Popen(command, env=environment(**env), stdout=out, stderr=out)
    running = Up(process, port, log, data)
    try:

        def is_up() -> bool:
            assert process.poll() is None, f"dibs up ended: {running.said()}"
            return "Dibs is up" in running.said()

        wait_for(is_up)
        yield running
    finally:
        if process.poll() is None:
            running.stop(signal.SIGTERM)


@contextmanager
def served(database_url: str, port: int, log: Path) -> Iterator[Up]:
    """The web and the stream server on a database, without a worker: in a test, time passes only when the test says so."""
    env = environment(
        DATABASE_URL=database_url,
        DIBS_SECRET_KEY=KEY,
        DIBS_STREAM_PORT=str(port + 1),
        DJANGO_SETTINGS_MODULE="dibs.config.settings",
    )
    with open(log, "ab") as out:
        web, stream = (
            subprocess.Popen(
                [sys.executable, "-m", "dibs.config.serving", kind, "127.0.0.1", str(at)],
                env=env,
                stdout=out,
                stderr=out,
            )
            for kind, at in (("web", port), ("stream", port + 1))
        )
    try:
        for process, address in ((web, f"{port}/readyz"), (stream, f"{port + 1}/healthz")):
            wait_for(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{address}"))  # noqa: B023
            assert process.poll() is None, log.read_text()
        yield Up(web, port, log)
    finally:
        for process in (web, stream):
            process.terminate()
        for process in (web, stream):
            process.wait(PATIENCE)
