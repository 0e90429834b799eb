"""What happens between a page's making and the opening of its stream is told all the same, and what the page has shown is not."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections, transaction

from dibs.config import following, watching
from dibs.config.following import Fanout
from dibs.config.watching import Sight, Viewer, _asking
from dibs.delivery.live import stream_token
from dibs.delivery.outbox import post
from dibs.delivery.outbox_mark import SPAN, Mark, mark
from dibs.people.models import User, Workspace
from dibs.people.tenancy import enter, new_id
from tests.making import MONDAY, make_user, make_workspace
from tests.running import Up

pytestmark = pytest.mark.django_db(transaction=True)
EVERYTHING = Sight(
    handle=None,
    reports=frozenset(),
    pools=frozenset(),
    partial=frozenset(),
    everything=True,
    leads_a_team=False,
    reviews=frozenset(),
)


@pytest.fixture
def company() -> Iterator[Workspace]:
    yield make_workspace()
    _asking.submit(connections.close_all).result()


def happen(workspace: Workspace, name: str = "lead.placed") -> str:
    enter(workspace.id)
    lead = str(new_id())
    post(workspace.id, [(name, UUID(lead), {"lead": lead, "pool": None, "was": "new", "state": "pooled"})], MONDAY)
    return lead


def viewer(workspace: Workspace, since: Mark | None) -> Viewer:
    return Viewer(workspace.id, new_id(), EVERYTHING, since)


def told_at_first(*viewers: Viewer) -> list[list[str]]:
    """The leads that each is told of before it is greeted, all by one server that nobody watched before."""

    async def open_all() -> list[list[str]]:
        fanout, told = Fanout(), []
        for each in viewers:
            async with fanout.reader(each) as queue:
                told.append([queue.get_nowait() or "" for _ in range(queue.qsize())])
        return [[json.loads(text.split("data: ")[1]).get("lead", "many") for text in texts] for texts in told]

    return in_a_loop(open_all)


def in_a_loop(act: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as own:  # the browser's tests leave a loop in this thread
        return own.submit(lambda: asyncio.run(act())).result()


def while_under_way(does: Callable[[], Any], then: Callable[[], Any]) -> tuple[Any, Any]:
    """What ``does`` answers inside a transaction of its own, and what ``then`` answers here before that is committed."""

    def in_another() -> tuple[Any, Any]:
        try:
            with transaction.atomic():
                done = does()
                with ThreadPoolExecutor(1) as third:
                    return done, third.submit(closing, then).result()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        return other.submit(in_another).result()


def closing(then: Callable[[], Any]) -> Any:
    try:
        return then()
    finally:
        connection.close()


def test_what_happened_since_the_page_was_made_is_told_and_what_was_there_is_not(company: Workspace) -> None:
    happen(company)
    since = mark(company.id)
    missed = [happen(company), happen(company)]
    assert told_at_first(viewer(company, since), viewer(company, mark(company.id)), viewer(company, None)) == [
        missed,
        [],
        [],
    ]


def test_an_event_with_a_lower_number_that_was_committed_later_is_told(company: Workspace) -> None:
    late, (early, since) = while_under_way(lambda: happen(company), lambda: (happen(company), mark(company.id)))
    assert late != early
    assert told_at_first(viewer(company, since), viewer(company, mark(company.id))) == [[late], []]


def test_of_what_is_on_its_way_before_anybody_watches_everybody_is_told(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_EVERY", 0.01)  # seconds

    async def watch() -> str:
        fanout = Fanout()
        follower = asyncio.create_task(fanout.follow())
        under_way, over = threading.Event(), threading.Event()
        with ThreadPoolExecutor(1) as other:
            late = other.submit(while_under_way, lambda: happen(company), lambda: (under_way.set(), over.wait()))
            await asyncio.to_thread(under_way.wait)
            async with fanout.reader(viewer(company, None)) as queue:
                assert queue.empty()
                over.set()
                told = await queue.get() or ""
        follower.cancel()
        assert late.result()[0] in told
        return told

    assert in_a_loop(watch)


def test_another_workspaces_events_are_nobodys_here(company: Workspace) -> None:
    other = make_workspace()
    enter(company.id)
    since = mark(company.id)
    happen(other)
    assert told_at_first(viewer(company, since)) == [[]]


def test_what_happened_meanwhile_is_told_once_whoever_reads_it_first(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_EVERY", 0.01)  # seconds
    monkeypatch.setattr(following, "_PAUSE", 0.01)
    since = mark(company.id)
    missed = [happen(company) for _ in range(3)]

    async def watch() -> list[str]:
        fanout = Fanout()
        follower = asyncio.create_task(fanout.follow())
        read = watching._events_since

        def slowly(*arguments: Any) -> Any:
            found = read(*arguments)
            # Committed after it was read what was missed, and before the stream has begun: the follower has it by then, or has it after.
            later.append(closing(lambda: happen(company)))
            return found

        later: list[str] = []
        monkeypatch.setattr(watching, "_events_since", slowly)
        async with fanout.reader(viewer(company, None)) as first, fanout.reader(viewer(company, since)) as second:
            last = await asyncio.to_thread(lambda: closing(lambda: happen(company)))
            told: list[str] = []
            while last not in told:
                told.append(json.loads((await second.get() or "").split("data: ")[1])["lead"])
            while last not in (await first.get() or ""):
                pass
        follower.cancel()
        assert told == [*missed, *later, last]
        return told

    assert len(in_a_loop(watch)) == 5


def test_after_too_many_the_page_is_told_to_look_for_itself(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_MISSED", 2)
    enter(company.id)
    marks = [mark(company.id)]
    missed = []
    for _ in range(3):
        missed.append(happen(company))
        marks.append(mark(company.id))
    assert told_at_first(*(viewer(company, since) for since in marks)) == [["many"], missed[1:], missed[2:], []]


def test_nothing_is_looked_through_for_a_page_that_is_old_whosever_the_events_are(
    company: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is good for hours, and the outbox is everybody's: to look through all of it would keep all other readers waiting."""
    monkeypatch.setattr(following, "_MISSED", 2)
    enter(company.id)
    since = mark(company.id)
    other = make_workspace()
    for _ in range(3):
        happen(other)
    monkeypatch.setattr(watching, "EVENTS", "SELECT 'not asked'")
    assert told_at_first(viewer(company, since)) == [["many"]]


def test_a_mark_knows_the_last_numbers_one_by_one_and_all_before_them() -> None:
    at = Mark(1_000, 0b1011)
    there = {997: True, 998: False, 999: True, 1_000: True, 1_001: False, 1_000 - SPAN: True, 1_001 - SPAN: False}
    assert {seq: at.has(seq) for seq in there} == there
    assert at.low == 1_000 - SPAN
    assert Mark.read(str(at)) == at


def test_the_stream_tells_it_before_it_greets(running_dibs: Up) -> None:
    company = make_workspace()
    ops: User = make_user(company, "ops")
    since = mark(company.id)
    lead = happen(company)
    with ask_for_stream(running_dibs, stream_token(ops.id, since)) as lines:
        assert first_of(lines) == [("lead", lead), ("hello", None)]
    with ask_for_stream(running_dibs, stream_token(ops.id, since), {"Last-Event-ID": "0"}) as lines:
        assert first_of(lines) == [("many", None)]


def ask_for_stream(running: Up, token: str, headers: dict[str, str] | None = None) -> Any:
    asked = urllib.request.Request(f"{running.stream_url}?token={token}", headers=headers or {})
    return urllib.request.urlopen(asked, timeout=600)


def first_of(lines: Any) -> list[tuple[str, str | None]]:
    """The events up to the greeting, each with its lead."""
    told: list[tuple[str, str | None]] = []
    name = ""
    for line in lines:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            told.append((name, json.loads(value).get("lead")))
            if name in ("hello", "many"):
                break
    return told
