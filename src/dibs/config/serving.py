"""The children of ``dibs up``: ``python -m dibs.config.serving web HOST PORT``, ``stream HOST PORT``, or ``worker``."""

from __future__ import annotations

import gc
import os
import sys

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from dibs.config.parent import await_beginning, follow_parent

#: Web processes, and threads in each. A thread that waits for the database lets another run; more of them than this only queue
#: up for the interpreter's lock.
WORKERS = int(os.environ.get("DIBS_WORKERS", "2"))
THREADS = int(os.environ.get("DIBS_THREADS", "4"))


def load_web() -> None:
    # Imported before the workers fork from here: they start at once, share its memory, and keep no first visitor waiting. What is
    # made meanwhile stays, so looking through it for garbage again and again would be a fifth of the time for nothing.
    gc.disable()
    import dibs.config.wsgi  # noqa: F401, I001
    import phonenumbers.geodata.locale  # noqa: F401
    from django.template import engines
    from django.urls import get_resolver

    engines.all()
    get_resolver().reverse_dict  # noqa: B018 (imports all views)
    gc.collect()
    gc.freeze()
    gc.enable()


def serve_web(host: str, port: int) -> None:
    Granian(
        "dibs.config.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=WORKERS,
        blocking_threads=THREADS,
        # A thread keeps its connection to the database, so it is kept too.
        blocking_threads_idle_timeout=600,
        backlog=2048,
        backpressure=512,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(keep_alive=True),
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
    ).serve()


def load_stream() -> None:
    # Imported before its worker forks from here, as above.
    import dibs.config.stream  # noqa: F401


def serve_stream(host: str, port: int) -> None:
    Granian(
        "dibs.config.stream:application",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=1,
        backlog=2048,
        backpressure=10_000,
        http=HTTPModes.http1,
        # Readers never hang up by themselves, so a worker that has some is killed when it should stop: no news.
        log_level=LogLevels.error,
        workers_kill_timeout=1,
        respawn_failed_workers=True,
    ).serve()


if __name__ == "__main__":
    follow_parent()
    # A server's workers follow it in turn: one that outlived it would go on answering at the port.
    os.register_at_fork(after_in_child=follow_parent)
    match sys.argv[1:]:
        case ["web", *_]:
            load_web()
        case ["stream", *_]:
            load_stream()
        case ["worker", *_]:
            from dibs.config import worker

            worker.load()
    match await_beginning(sys.argv[1:]):
        case ["web", host, port]:
            serve_web(host, int(port))
        case ["stream", host, port]:
            serve_stream(host, int(port))
        case ["worker"]:
            worker.work_until_told()
        case _:
            sys.exit(__doc__)
