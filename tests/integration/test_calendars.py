"""Reps' calendars, fetched from a real server: what each says holds, and one that fails stands in nobody's way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dibs.delivery.notices import notices_of
from dibs.distribution import calendars
from dibs.people import particulars
from dibs.people.caller import caller_of
from dibs.people.models import Busy, Calendar, Rep
from dibs.people.tenancy import enter
from tests.making import make_rep, make_workspace
from tests.running import at_once

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)  # a Monday


def ics(*spans: tuple[int, int]) -> bytes:
    """A calendar with an appointment on the first day for each of these pairs of hours, UTC."""
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20261102T{a:02d}0000Z\r\nDTEND:20261102T{b:02d}0000Z\r\nEND:VEVENT\r\n"
        for n, (a, b) in enumerate(spans)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{events}END:VCALENDAR\r\n".encode()


class Server:
    """Answers each path with what stands under it in ``says``: a body, or a status."""

    def __init__(self) -> None:
        self.says: dict[str, bytes | int] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.before: Callable[[], Any] = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers["If-None-Match"]))
                outer.before()
                said = outer.says.get(self.path, 404)
                mark = f'"{hash(said)}"'
                if not isinstance(said, int) and self.headers["If-None-Match"] == mark:
                    said = 304
                status, body = (said, b"") if isinstance(said, int) else (200, said)
                self.send_response(status)
                self.send_header("ETag", mark)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    settings.PRIVATE_CALENDARS = True
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture
def aiko(transactional_db: None) -> Rep:
    return make_rep(make_workspace(), "aiko", timezone="Asia/Tokyo")


def connect(rep: Rep, server: Server, path: str = "/a.ics") -> None:
    enter(rep.workspace_id)
    particulars.connect_calendar(rep, server.url + path)


def refresh(rep: Rep, now: datetime = NOW) -> int:
    return calendars.refresh(rep.workspace_id, now)


def busy(rep: Rep) -> list[tuple[int, int]]:
    enter(rep.workspace_id)
    return [(b.starts.hour, b.ends.hour) for b in Busy.objects.filter(rep=rep).order_by("starts")]


def told(rep: Rep) -> list[dict[str, Any]]:
    return [dict(notice.reasons[0]) for notice in notices_of(caller_of(rep.user))]


def test_what_a_calendar_says_is_kept_and_kept_up(aiko: Rep, server: Server) -> None:
    connect(aiko, server)
    server.says["/a.ics"] = ics((8, 9), (10, 11))
    assert refresh(aiko) == 1
    assert busy(aiko) == [(8, 9), (10, 11)]
    server.says["/a.ics"] = ics((12, 13))
    assert refresh(aiko, NOW + timedelta(minutes=4)) == 0  # not due yet
    assert refresh(aiko, NOW + timedelta(minutes=5)) == 1
    assert busy(aiko) == [(12, 13)]


def test_a_file_that_is_as_it_was_is_not_sent_again_until_the_next_day(aiko: Rep, server: Server) -> None:
    connect(aiko, server)
    server.says["/a.ics"] = ics((8, 9))
    for after in (timedelta(0), timedelta(hours=1), timedelta(hours=2), timedelta(days=1)):
        assert refresh(aiko, NOW + after) == 1
    assert [mark is not None for _, mark in server.asked] == [False, True, True, False]
    enter(aiko.workspace_id)
    assert Calendar.objects.get().fetched_at == NOW + timedelta(days=1)


def test_a_calendar_that_fails_keeps_what_it_said_and_is_asked_less_often(aiko: Rep, server: Server) -> None:
    connect(aiko, server)
    server.says["/a.ics"] = ics((8, 9))
    refresh(aiko)
    for broken, problem in ((500, "http_error"), (404, "not_there"), (b"<html>", "not_a_calendar")):
        server.says["/a.ics"] = broken
        enter(aiko.workspace_id)
        Calendar.objects.update(tried_at=None)
        assert refresh(aiko, NOW + timedelta(minutes=5)) == 0
        assert busy(aiko) == [(8, 9)]
        state = particulars.calendar_of(aiko)
        assert state is not None
        assert (state.problem, state.failing_since, state.fetched_at) == (problem, NOW + timedelta(minutes=5), NOW)
    asked = len(server.asked)
    refresh(aiko, NOW + timedelta(minutes=15))
    assert len(server.asked) == asked
    server.says["/a.ics"] = ics((9, 10))
    assert refresh(aiko, NOW + timedelta(minutes=20)) == 1
    assert busy(aiko) == [(9, 10)]
    state = particulars.calendar_of(aiko)
    assert state is not None
    assert (state.problem, state.failing_since) == ("", None)


def test_the_rep_is_told_after_a_day_and_once(aiko: Rep, server: Server) -> None:
    connect(aiko, server)
    for hours in (0, 12, 23, 24, 25, 60):
        refresh(aiko, NOW + timedelta(hours=hours))
        assert len(told(aiko)) == (0 if hours < 24 else 1)
    (reason,) = told(aiko)
    assert reason["code"] == "calendar_failing"
    assert reason["params"]["host"] == "127.0.0.1"
    assert reason["params"]["problem"] == "not_there"
    server.says["/a.ics"] = ics()
    refresh(aiko, NOW + timedelta(hours=70))
    server.says["/a.ics"] = 500
    for hours in (71, 96):
        refresh(aiko, NOW + timedelta(hours=hours))
    assert [why["params"]["problem"] for why in told(aiko)] == ["http_error", "not_there"]


def test_one_that_fails_keeps_no_other_from_its_turn(aiko: Rep, server: Server) -> None:
    enter(aiko.workspace_id)
    others = [make_rep(aiko.workspace, f"rep-{n}") for n in range(20)]
    connect(aiko, server, "/broken.ics")
    server.says["/broken.ics"] = b"nonsense"
    for n, rep in enumerate(others):
        connect(rep, server, f"/{n}.ics")
        server.says[f"/{n}.ics"] = ics((8, 9))
    assert refresh(aiko) == 20
    assert all(busy(rep) == [(8, 9)] for rep in others)


def test_the_networks_own_addresses_are_not_asked_unless_that_is_allowed(
    aiko: Rep, server: Server, settings: Any
) -> None:
    settings.PRIVATE_CALENDARS = False
    connect(aiko, server)
    server.says["/a.ics"] = ics((8, 9))
    assert refresh(aiko) == 0
    assert server.asked == []
    enter(aiko.workspace_id)
    assert Calendar.objects.get().problem == "private_address"


def test_who_has_left_is_not_asked_for(aiko: Rep, server: Server) -> None:
    connect(aiko, server)
    Rep.objects.update(active=False)
    assert refresh(aiko) == 0
    assert server.asked == []


def test_an_answer_that_comes_after_the_address_has_changed_is_not_kept(aiko: Rep, server: Server) -> None:
    connect(aiko, server)
    server.says["/a.ics"] = ics((8, 9))
    calendar = calendars._take(aiko.workspace_id, NOW)
    connect(aiko, server, "/other.ics")
    said = calendars._ask(calendar, NOW)
    assert not calendars._keep(aiko.workspace_id, calendar[0], said[0], NOW)
    assert busy(aiko) == []


def test_workers_at_the_same_moment_share_the_calendars(aiko: Rep, server: Server) -> None:
    enter(aiko.workspace_id)
    reps = [make_rep(aiko.workspace, f"rep-{n}") for n in range(40)]
    for n, rep in enumerate(reps):
        connect(rep, server, f"/{n}.ics")
        server.says[f"/{n}.ics"] = ics((8, 9))
    answered = at_once(*[lambda: calendars.refresh(aiko.workspace_id, NOW)] * 3)
    assert sum(answered) == 40
    assert sorted(path for path, _ in server.asked) == sorted(server.says)


def test_another_companys_calendars_are_its_own(aiko: Rep, server: Server) -> None:
    connect(aiko, server)
    server.says["/a.ics"] = ics((8, 9))
    elsewhere = make_workspace()
    assert calendars.refresh(elsewhere.id, NOW) == 0
    assert server.asked == []
    assert not Busy.objects.exists()
    assert refresh(aiko) == 1
