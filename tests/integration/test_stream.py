"""The live stream: who is told of what, in which order, and when."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections

from dibs.config import following
from dibs.config.following import Fanout, _Place, messages_for
from dibs.config.watching import Sight, Viewer, _asking
from dibs.delivery.live import Opening, opened_with, stream_token
from dibs.delivery.outbox import post
from dibs.delivery.outbox_mark import Mark
from dibs.delivery.wake import wake
from dibs.people.models import User, Workspace
from dibs.people.tenancy import enter, new_id
from tests.making import MONDAY, make_rep, make_user, make_workspace, publish
from tests.running import PATIENCE, Up, ask

POLICY = """
policy: Three pools
route:
  - {name: Hot, when: 'lead.score >= 50', pull: {pool: closers}}
  - {name: Partners, when: 'lead.source == "partner"', pull: {pool: partners}}
  - {name: Rest, pull: {pool: open}}
pools:
  open: {mode: cherry_pick, assign_after: 24h}
  partners: {mode: queue, assign_after: 24h}
  closers: {mode: pool, teams: [closers], assign_after: 24h}
"""


def sight(**given: Any) -> Sight:
    empty: dict[str, Any] = {
        "handle": "aiko",
        "reports": frozenset(),
        "pools": frozenset(),
        "partial": frozenset(),
        "everything": False,
        "leads_a_team": False,
        "reviews": frozenset(),
    }
    return Sight(**(empty | given))


def payload(**given: Any) -> dict[str, Any]:
    return {"lead": "7", "pool": "open", "was": "new", "state": "pooled", "rep": None, "rep_name": None} | given


REVIEWED = payload(pool=None, state="review", review="tokyo")
OTHERS = payload(rep="benat", rep_name="Beñat", was="pooled", state="owned")


@pytest.mark.parametrize(
    ("who", "event", "told"),
    [
        (sight(), payload(), None),
        (sight(pools=frozenset({"open"})), payload(), payload()),
        (sight(pools=frozenset({"open"})), OTHERS, OTHERS),
        (sight(pools=frozenset({"open"})), OTHERS | {"was": "owned", "state": "working"}, None),
        (sight(pools=frozenset({"open"})), OTHERS | {"was": "pooled", "state": "pooled"}, {"pool": "open"}),
        (sight(pools=frozenset({"open"})), payload(pool="closers"), None),
        (sight(partial=frozenset({"open"})), payload(), {"pool": "open"}),
        (sight(), payload(rep="aiko", pool=None), payload(rep="aiko", pool=None)),
        (sight(handle=None), payload(pool=None), None),
        (sight(handle=None, reports=frozenset({"benat"})), OTHERS, OTHERS),
        (sight(handle=None, leads_a_team=True), payload(pool=None), payload(pool=None)),
        (sight(handle=None, leads_a_team=True, reviews=frozenset({"tokyo"})), REVIEWED, REVIEWED),
        (sight(handle=None, leads_a_team=True, reviews=frozenset({"lima"})), REVIEWED, None),
        (sight(handle=None, leads_a_team=True), payload(pool=None, rep="benat"), None),
        (sight(handle=None, everything=True), payload(pool=None, rep="benat"), payload(pool=None, rep="benat")),
    ],
    ids=[
        "a pool out of sight",
        "a pool in sight",
        "who took a lead of a pool in sight",
        "what another rep does with a lead that came from a pool in sight",
        "who passed on a lead of a pool in sight",
        "another pool",
        "a pool of which some leads are out of sight",
        "one's own lead",
        "nobody's lead, to no manager",
        "a report's lead, to the manager",
        "nobody's lead, to a manager",
        "a lead in a team's review, to its manager",
        "a lead in a team's review, to another's manager",
        "another team's lead, to a manager",
        "anything, to operations",
    ],
)
def test_each_is_told_what_they_may_know(who: Sight, event: dict[str, Any], told: dict[str, Any] | None) -> None:
    assert who.of(event) == told


CHANGED = {"rep": "aiko", "rep_name": "Aiko", "before": "mid", "after": "top"}
PUBLISHED = {"number": 2, "name": "Secret plans", "digest": "7", "by": "Nora"}


@pytest.mark.parametrize(
    ("who", "event", "payload", "told"),
    [
        (sight(), "rep.tier_changed", CHANGED, CHANGED),
        (sight(handle="benat", pools=frozenset({"open"})), "rep.tier_changed", CHANGED, None),
        (sight(handle=None, reports=frozenset({"aiko"}), leads_a_team=True), "rep.below_floor", CHANGED, CHANGED),
        (sight(handle=None, reports=frozenset({"benat"}), leads_a_team=True), "rep.below_floor", CHANGED, None),
        (sight(handle=None, everything=True), "rep.tier_changed", CHANGED, CHANGED),
        (sight(), "policy.announced", PUBLISHED, {}),
        (sight(handle=None, leads_a_team=True), "policy.announced", PUBLISHED, PUBLISHED),
        (sight(handle=None, everything=True), "policy.cancelled", PUBLISHED, PUBLISHED),
    ],
    ids=[
        "the rep's own",
        "another rep's",
        "a report's, to the manager",
        "another team's, to a manager",
        "anybody's, to operations",
        "that the rules change, to a rep",
        "the policy, to a manager",
        "the policy, to operations",
    ],
)
def test_events_that_are_about_no_lead_find_their_readers(
    who: Sight, event: str, payload: dict[str, Any], told: dict[str, Any] | None
) -> None:
    viewer = Viewer(new_id(), new_id(), who)
    texts = messages_for(viewer, [(1, event, payload)])
    assert [json.loads(text.split("data: ")[1]) for text in texts] == (
        [] if told is None else [{"event": event} | told]
    )
    assert all(text.startswith(f"id: 1\nevent: {event.partition('.')[0]}\n") for text in texts)


def test_a_flood_is_told_as_one() -> None:
    viewer = Viewer(new_id(), new_id(), sight(pools=frozenset({"open", "closers"})))
    rows = [(n, "lead.placed", payload(pool=("open", "closers", "hidden")[n % 3])) for n in range(600)]
    (text,) = messages_for(viewer, rows)
    assert text.startswith("id: 598\nevent: many\n")
    assert json.loads(text.split("data: ")[1]) == {"events": 400, "pools": ["closers", "open"]}


def test_who_was_switched_off_is_told_nothing() -> None:
    viewer = Viewer(new_id(), new_id(), sight(everything=True))
    viewer.sight = None
    assert messages_for(viewer, [(1, "lead.placed", payload())]) == []


def test_a_number_that_becomes_visible_late_is_not_missed_and_none_is_told_twice() -> None:
    place = _Place(Mark(10))
    first = [(11, "a", {}), (13, "b", {})]
    assert place.new(first) == first
    assert place.high == 13
    since = place.look_behind()
    late = [(12, "late", {})]
    assert place.new([*first, *late]) == late
    assert place.new([*first, *late]) == []
    for _ in range(20):
        since = place.look_behind()
    assert since == 13
    assert place.seen == set()


def test_a_token_opens_only_the_stream_and_only_if_it_is_ours() -> None:
    user_id = new_id()
    assert opened_with(stream_token(user_id)) == Opening(user_id)
    assert opened_with(stream_token(user_id, Mark(7_000, 5))) == Opening(user_id, Mark(7_000, 5))
    for made_up in ("", "x", stream_token(user_id)[:-1], stream_token(user_id).replace(":", ";")):
        assert opened_with(made_up) is None


# -- for real -----------------------------------------------------------------------------------------------------------


@contextmanager
def watching(running: Up, user: User, **headers: str) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    """The events that this user's browser gets."""
    request = urllib.request.Request(f"{running.stream_url}?token={stream_token(user.id)}", headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        events = read(response)
        # It listens from here on.
        assert next(events)[0] == ("many" if headers else "hello")
        yield events


def read(lines: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    name, silences = "", 0
    for line in lines:
        # While nothing happens a sign of life comes every 15 s: after so many, what was to come will not.
        silences = silences + 1 if line.startswith(b":") else 0
        assert silences < 40
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def happen(workspace: Workspace, event: str = "lead.placed", **given: Any) -> str:
    enter(workspace.id)
    lead = new_id()
    post(workspace.id, [(event, lead, payload(**given) | {"lead": str(lead)})], MONDAY)
    wake(workspace.id)
    return str(lead)


@pytest.fixture
def company(running_dibs: Up) -> Workspace:
    workspace = make_workspace()
    publish(workspace, POLICY)
    return workspace


def test_what_happens_is_told(running_dibs: Up, company: Workspace) -> None:
    ops = make_user(company, "ops")
    with watching(running_dibs, ops) as events:
        lead = happen(company, rep="aiko", rep_name="Aiko", event="lead.claimed")
        name, told = next(events)
        assert name == "lead"
        assert told == payload(rep="aiko", rep_name="Aiko") | {"event": "lead.claimed", "lead": lead}


@pytest.mark.django_db(transaction=True)
def test_a_notice_is_enough_to_be_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_EVERY", 3600.0)  # seconds until somebody would look anyway
    company = make_workspace()
    viewer = Viewer(company.id, make_user(company, "ops").id, sight(everything=True))

    def happens() -> str:
        try:
            return happen(company)
        finally:
            connection.close()

    async def told() -> None:
        fanout = Fanout()
        following_on = asyncio.create_task(fanout.follow())
        async with fanout.reader(viewer) as queue:
            for _ in range(3):
                lead = await asyncio.to_thread(happens)
                assert lead in (await asyncio.wait_for(queue.get(), PATIENCE) or "")
        following_on.cancel()

    with ThreadPoolExecutor(1) as own:  # a thread of its own, as the browser's tests leave an event loop in this one
        own.submit(asyncio.run, told()).result()
    _asking.submit(connections.close_all).result()


def test_what_happens_right_after_the_greeting_is_told(running_dibs: Up) -> None:
    for _ in range(3):
        company = make_workspace()
        with watching(running_dibs, make_user(company, "ops")) as events:
            lead = happen(company)
            assert next(events)[1]["lead"] == lead


def test_a_rep_is_told_of_the_pools_in_sight_and_of_no_others(running_dibs: Up, company: Workspace) -> None:
    rep = make_rep(company, "aiko")
    with watching(running_dibs, rep.user) as events:
        happen(company, pool="closers")
        happen(company, pool="partners")
        lead = happen(company, pool="open")
        # Of a queue only the head is in sight, so that it moved is all there is to tell.
        assert next(events) == ("lead", {"event": "lead.placed", "pool": "partners"})
        assert next(events)[1]["lead"] == lead


def test_another_workspaces_events_are_not_told(running_dibs: Up, company: Workspace) -> None:
    ops = make_user(company, "ops")
    other = make_workspace()
    with watching(running_dibs, ops) as events:
        happen(other)
        lead = happen(company)
        assert next(events)[1]["lead"] == lead


def test_a_browser_that_comes_back_is_told_to_look_for_itself(running_dibs: Up, company: Workspace) -> None:
    with watching(running_dibs, make_user(company, "ops"), **{"Last-Event-ID": "0"}):
        pass


def test_without_a_good_token_there_is_no_stream(running_dibs: Up, company: Workspace) -> None:
    gone = make_user(company, "ops", is_active=False)
    for token in ("", "nonsense", stream_token(gone.id), stream_token(new_id())):
        # 204 tells an EventSource not to come back.
        assert ask(f"{running_dibs.stream_url}?token={token}").status == 204
