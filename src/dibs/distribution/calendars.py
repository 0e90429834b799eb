"""Keeps reps' calendars: what each says is fetched every few minutes, and holds until the next answer.

A calendar that fails stands in nobody's way: what it said last goes on to hold, it is asked less often, and the rep is told after a day.
Nothing is locked while a server elsewhere is waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction

from dibs.delivery import notices
from dibs.delivery.wake import wake
from dibs.engine.decision import Reason
from dibs.people.agendas import Agenda, Span, busy_in_each
from dibs.people.bulk import insert_rows
from dibs.people.fetching import Address, Fetched, Unfetched, fetch, is_public
from dibs.people.tenancy import enter, new_id

_log = structlog.get_logger()

#: How often a calendar is asked for, and one that failed.
EVERY = timedelta(minutes=5)
_AFTER_FAILURE = timedelta(minutes=15)

#: How long a calendar fails before its owner is told.
TOLD_AFTER = timedelta(days=1)

#: Calendars that are asked for at the same time, and in one run at most: who comes later has their turn in the next.
_AT_ONCE = 16
_RUN = 320

#: Seconds after which an answer is waited for no longer.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class _Due:
    """A calendar that it is time to ask for."""

    id: UUID
    rep_id: UUID
    user_id: UUID
    url: str
    etag: str
    modified: str
    timezone: str
    owner: str


def refresh(workspace_id: UUID, now: datetime) -> int:
    """Ask for every calendar that is due, and keep what each says; returns how many answered. Call it outside a transaction.

    Any number of workers may do this at the same time: each takes what no other has taken.
    """
    answered, asked = 0, 0
    while asked < _RUN and (due := _take(workspace_id, now)):
        asked += len(due)
        for calendar, said in zip(due, _ask(due, now), strict=True):
            with transaction.atomic():
                answered += _keep(workspace_id, calendar, said, now)
    return answered


def _take(workspace_id: UUID, now: datetime) -> list[_Due]:
    """The calendars that waited longest, noted as tried. The server's own marks are sent back on the same day only: what repeats is
    worked out for some weeks ahead, so that a file that never changes has to be read anew as well.
    """
    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH due AS (
                SELECT calendar.id FROM people_calendar calendar JOIN people_rep rep ON rep.id = calendar.rep_id
                WHERE calendar.workspace_id = %s AND rep.active AND (calendar.tried_at IS NULL OR calendar.tried_at <=
                    CASE WHEN calendar.failing_since IS NULL THEN %s::timestamptz ELSE %s::timestamptz END)
                ORDER BY calendar.tried_at NULLS FIRST LIMIT %s FOR UPDATE OF calendar SKIP LOCKED
            )
            UPDATE people_calendar calendar SET tried_at = %s
            FROM due, people_rep rep JOIN people_user person ON person.id = rep.user_id
            WHERE calendar.id = due.id AND rep.id = calendar.rep_id
            RETURNING calendar.id, rep.id, rep.user_id, calendar.url,
                CASE WHEN calendar.fetched_at >= %s THEN calendar.etag ELSE '' END,
                CASE WHEN calendar.fetched_at >= %s THEN calendar.modified ELSE '' END, rep.timezone, person.email
            """,
            [
                workspace_id,
                now - EVERY,
                now - _AFTER_FAILURE,
                _AT_ONCE,
                now,
                *[now.replace(hour=0, minute=0, second=0, microsecond=0)] * 2,
            ],
        )
        return [_Due(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class _Said:
    """What came of asking: a ``problem`` by its code, or the file with the ``spans`` in which it says that its owner is busy; a file
    without a body is as it was."""

    file: Fetched | None = None
    spans: Sequence[Span] = ()
    problem: str = ""


def _ask(due: Sequence[_Due], now: datetime) -> list[_Said]:
    """Ask for all of these at the same time, and read what came."""
    pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="dibs-calendars")
    asked = [pool.submit(_fetch, calendar) for calendar in due]
    wait(asked, timeout=_PATIENCE)
    pool.shutdown(wait=False, cancel_futures=True)
    said = [
        answer.result() if answer.done() and not answer.cancelled() else _Said(problem="no_answer") for answer in asked
    ]
    files = [
        (place, each.file.body)
        for place, each in enumerate(said)
        if each.file is not None and each.file.body is not None
    ]
    agendas = [
        Agenda(body.decode("utf-8-sig", "replace"), due[place].timezone, due[place].owner, now) for place, body in files
    ]
    for (place, _), read in zip(files, busy_in_each(agendas), strict=True):
        said[place] = _Said(problem=read) if isinstance(read, str) else _Said(said[place].file, read)
    return said


def _fetch(calendar: _Due) -> _Said:
    try:
        return _Said(fetch(calendar.url, etag=calendar.etag, modified=calendar.modified, permitted=_permitted))
    except Unfetched as why:
        return _Said(problem=why.code)


def _permitted(address: Address) -> bool:
    return settings.PRIVATE_CALENDARS or is_public(address)


def _keep(workspace_id: UUID, calendar: _Due, said: _Said, now: datetime) -> bool:
    """Keep what a calendar says, unless it has another address by now; returns whether it answered."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT failing_since FROM people_calendar WHERE id = %s AND url = %s FOR UPDATE",
            [calendar.id, calendar.url],
        )
        row = cursor.fetchone()
        if row is None:
            return False
        if said.file is None:
            since = row[0] or now
            cursor.execute(
                "UPDATE people_calendar SET failing_since = %s, problem = %s WHERE id = %s",
                [since, said.problem, calendar.id],
            )
            _tell(workspace_id, calendar, since, said.problem, now)
            _log.info("calendar_failed", workspace=str(workspace_id), rep=str(calendar.rep_id), problem=said.problem)
            return False
        if said.file.body is not None:
            cursor.execute("DELETE FROM people_busy WHERE rep_id = %s", [calendar.rep_id])
            rows = [(new_id(), workspace_id, calendar.rep_id, starts, ends) for starts, ends in said.spans]
            insert_rows("people_busy", ("id", "workspace_id", "rep_id", "starts", "ends"), rows)
            cursor.execute(
                "UPDATE people_calendar SET etag = %s, modified = %s WHERE id = %s",
                [said.file.etag, said.file.modified, calendar.id],
            )
        cursor.execute(
            "UPDATE people_calendar SET fetched_at = %s, failing_since = NULL, problem = '' WHERE id = %s",
            [now, calendar.id],
        )
    return True


def _tell(workspace_id: UUID, calendar: _Due, since: datetime, problem: str, now: datetime) -> None:
    """Tell the owner of a calendar that has failed for a day, once."""
    if now < since + TOLD_AFTER or notices.has_been_told(workspace_id, calendar.user_id, "calendar_failing", since):
        return
    host = urlsplit(calendar.url).hostname
    reason = Reason("calendar_failing", {"host": host, "since": since.isoformat(), "problem": problem})
    notices.tell(workspace_id, [calendar.user_id], "calendar_failing", [reason], now)
    transaction.on_commit(lambda: wake(workspace_id))
