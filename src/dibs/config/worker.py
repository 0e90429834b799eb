"""The worker: jobs from the queue, and the tick that lets time act on leads.

Run as many as you like on one database: each takes what no other has taken.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

import structlog

_log = structlog.get_logger()

#: Objects that are made before memory is tidied again: a megabyte or two of what may turn out to be garbage.
_TIDIED_AFTER = 20_000

#: Seconds from one tick to the next, and after one that failed.
_EVERY = 1.0
_AFTER_FAILURE = 2.0
#: Seconds that running jobs have to finish when the worker is told to stop; a job cut short is taken again.
_PATIENCE = 5.0


def tick_until(stop: threading.Event) -> None:
    """Tick once a second until told to stop. A pass that fails, as without a database, is logged and tried again."""
    from django.db import close_old_connections

    from dibs.distribution.ticking import tick

    while not stop.is_set():
        began = time.monotonic()
        close_old_connections()
        try:
            ticked = tick(datetime.now(UTC))
        except Exception as problem:
            _log.error("tick_failed", problem=_first_line(problem), exc_info=not _is_gone(problem))
            stop.wait(_AFTER_FAILURE)
            continue
        if ticked.looked_at:
            _log.info("ticked", looked_at=ticked.looked_at, **ticked.moved)
        if not ticked.more:
            stop.wait(max(0.0, _EVERY - (time.monotonic() - began)))


async def take_jobs(stop: threading.Event) -> None:
    """Run jobs until told to stop, coming back whenever the database was gone."""
    from asgiref.sync import sync_to_async
    from django.db import close_old_connections
    from procrastinate.contrib.django import app

    worker_app = app.with_connector(app.connector.get_worker_connector())
    while not stop.is_set():
        # The jobs that come by themselves are put into the queue on Django's connection, which its thread keeps: also one that broke.
        await sync_to_async(close_old_connections)()
        try:
            async with worker_app.open_async():
                # Some jobs come every minute: those that are done well are not kept.
                work = worker_app.run_worker_async(
                    install_signal_handlers=False, concurrency=4, delete_jobs="successful"
                )
                await _until(stop, work)
        except Exception as problem:
            _log.error("jobs_stopped", problem=_first_line(problem), exc_info=not _is_gone(problem))
            await asyncio.sleep(_AFTER_FAILURE)


async def _until(stop: threading.Event, work: object) -> None:
    task = asyncio.ensure_future(work)  # type: ignore[call-overload]
    while not stop.is_set() and not task.done():
        await asyncio.wait([task], timeout=0.1)
    if not task.done():
        task.cancel()  # the worker takes it as "finish what you are doing"
        await asyncio.wait([task], timeout=_PATIENCE)
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _is_gone(problem: BaseException) -> bool:
    import psycopg

    from dibs.config.answering import database_is_gone

    while not isinstance(problem, psycopg.OperationalError) and problem.__cause__ is not None:
        if database_is_gone(problem):
            return True
        problem = problem.__cause__
    return isinstance(problem, psycopg.OperationalError) or database_is_gone(problem)


def _first_line(problem: BaseException) -> str:
    return (str(problem) or type(problem).__name__).splitlines()[0]


def keep_for_good() -> None:
    """Have what is loaded now left out when memory is tidied: it stays anyway, and to look through it again and again was a tenth of the
    work of a batch of leads. Web processes do the same before they fork (``serving``). And have it tidied less often than Python does: a
    batch of a thousand leads is some hundred thousand objects that are all still needed, and to look through these was another tenth."""
    import dibs.distribution.ticking  # noqa: F401 (with all that it needs)

    gc.collect()
    gc.freeze()
    gc.set_threshold(_TIDIED_AFTER)


def load() -> None:
    """Read what a worker is made of. The database is not asked for anything yet."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dibs.config.settings")
    django.setup()
    import procrastinate.contrib.django.models  # noqa: F401

    keep_for_good()


def work_until_told() -> None:
    """Take jobs and tick until SIGTERM or SIGINT. Comes after `load`."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    ticking = threading.Thread(target=tick_until, args=(stop,), name="dibs-tick")
    ticking.start()
    asyncio.run(take_jobs(stop))
    ticking.join(_PATIENCE)
