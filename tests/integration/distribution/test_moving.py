"""Many leads moved in one step: looked at first, done in chunks, undone again; and a rep's leave and leaving."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.models import Lead
from dibs.delivery.notices import notices_of
from dibs.distribution import acting, moving, moving_on
from dibs.distribution.dealing import Aim
from dibs.distribution.models import Decision, Move, Rotation
from dibs.distribution.moving import MoveRefused, Wanted
from dibs.distribution.placing import place
from dibs.distribution.ticking import tick
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, TimeOff, User, Workspace
from dibs.people.tenancy import enter
from tests.concurrency.truths import assert_true
from tests.integration.distribution.scene import Scene, after, claimed, make_scene
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def floor(scene: Scene) -> Scene:
    """Three more closers, and operations."""
    for handle in ("citra", "dewi", "eko"):
        make_rep(Workspace.objects.get(id=scene.workspace.id), handle, teams=("closers",))
    return scene


def ops(scene: Scene) -> Caller:
    return caller_of(make_user(scene.workspace, "ops"))


def hot(scene: Scene, count: int) -> list[UUID]:
    """So many hot leads, pushed to the closers in turn."""
    arrivals = [make_arrival(employees=2000) for _ in range(count)]
    return [placed.lead_id for placed in place(scene.workspace.id, arrivals, now=MONDAY)]


def owners(scene: Scene) -> Counter[str | None]:
    enter(scene.workspace.id)
    return Counter(Lead.objects.values_list("owner__handle", flat=True))


def started(caller: Caller, wanted: Wanted, at: datetime, leads: Any = ()) -> Move:
    """Planned, started and done."""
    move = moving.plan(caller, wanted, at, leads)
    assert moving.start(caller, move.id, at) is not None
    moving_on.carry_on(caller.workspace_id, move.id, lambda: at)
    move.refresh_from_db()
    return move


def assert_sound(scene: Scene) -> None:
    assert_true(scene.workspace.id)


def columns(leads: list[UUID]) -> dict[UUID, dict[str, Any]]:
    """What a lead is, without what each write counts up."""
    return {
        row["id"]: {name: value for name, value in row.items() if name not in {"version", "policy_version"}}
        for row in Lead.objects.filter(id__in=leads).values()
    }


def test_planning_moves_nothing(floor: Scene) -> None:
    leads = hot(floor, 10)
    before = columns(leads)
    turns = set(Rotation.objects.values_list("rep", "passed"))
    move = moving.plan(floor.manager, Wanted(), after(1), leads)
    assert (move.state, move.total) == ("planned", 10)
    assert columns(leads) == before
    assert set(Rotation.objects.values_list("rep", "passed")) == turns


def test_plans_that_nobody_started_go_after_a_week_and_what_was_moved_stays_told(floor: Scene) -> None:
    leads = hot(floor, 4)
    left = moving.plan(floor.manager, Wanted(), after(1), leads)
    dropped = moving.plan(floor.manager, Wanted(), after(1), leads)
    moving.drop(floor.manager, dropped.id, after(2))
    done = started(floor.manager, Wanted(), after(3), leads)
    for days, there in ((6, {left.id, dropped.id, done.id}), (8, {done.id})):
        moving.plan(floor.manager, Wanted(), after(days * 1440), leads)
        known = {left.id, dropped.id, done.id}
        assert set(Move.objects.filter(id__in=known).values_list("id", flat=True)) == there


def test_the_preview_comes_true(floor: Scene) -> None:
    leads = hot(floor, 40)
    move = moving.plan(floor.manager, Wanted(), after(1), leads)
    planned = dict(move.items.values_list("lead_id", "planned__rep"))
    had = dict(Lead.objects.values_list("id", "owner__handle"))
    moving.start(floor.manager, move.id, after(1))
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(1))
    has = dict(Lead.objects.values_list("id", "owner__handle"))
    assert has == planned
    assert all(has[lead] != had[lead] for lead in leads), "never with the rep whom it was taken off"
    assert_sound(floor)


def test_all_that_is_a_reps_goes_by_the_policy_evenly(floor: Scene) -> None:
    hot(floor, 50)
    move = started(floor.manager, Wanted(kind="leave", rep="aiko"), after(1))
    assert (move.state, move.total, move.moved) == ("done", 10, 10)
    found = owners(floor)
    assert found["aiko"] == 0
    assert set(found.values()) - {0} <= {12, 13}
    reasons = Decision.objects.filter(kind="reassigned").values_list("reasons", flat=True)
    assert {said[0]["code"] for said in reasons} == {"on_leave"}
    assert_sound(floor)


def test_only_what_had_no_contact_yet(floor: Scene) -> None:
    hot(floor, 20)
    mine = list(Lead.objects.filter(owner__handle="aiko").values_list("id", flat=True))
    acting.contact(floor.aiko, mine[0], after(1))
    move = moving.plan(floor.manager, Wanted(kind="leave", rep="aiko", uncontacted=True), after(2))
    assert move.total == 3
    acting.contact(floor.aiko, mine[1], after(3))
    moving.start(floor.manager, move.id, after(4))
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(4))
    move.refresh_from_db()
    assert (move.moved, move.kept) == (2, 1)
    assert move.items.get(state="kept").code == "changed_since"
    assert owners(floor)["aiko"] == 2


def test_who_is_back_from_leave_gets_no_flood(floor: Scene) -> None:
    hot(floor, 50)
    started(floor.manager, Wanted(kind="leave", rep="aiko", since=after(5), until=after(2000)), after(1))
    assert TimeOff.objects.get(rep__handle="aiko").starts == after(5)
    hot_later = [make_arrival(employees=2000) for _ in range(20)]
    place(floor.workspace.id, hot_later, now=after(10))
    assert owners(floor)["aiko"] == 0
    back = [make_arrival(employees=2000) for _ in range(10)]
    placed = place(floor.workspace.id, back, now=after(2001))
    assert Counter(each.owner for each in placed)["aiko"] in {2, 3}


def test_a_new_hire_starts_level(floor: Scene) -> None:
    hot(floor, 50)
    make_rep(floor.workspace, "fajar", teams=("closers",))
    placed = place(floor.workspace.id, [make_arrival(employees=2000) for _ in range(12)], now=after(10))
    assert set(Counter(each.owner for each in placed).values()) == {2}


def test_a_leave_that_begins_later_moves_what_there_is_then(floor: Scene) -> None:
    hot(floor, 10)
    wanted = Wanted(kind="leave", rep="aiko", since=after(60), until=after(2000), at_start=True)
    move = moving.plan(floor.manager, wanted, after(1))
    assert move.total == 2
    moving.start(floor.manager, move.id, after(1))
    move.refresh_from_db()
    assert (move.state, move.started_at) == ("waiting", after(60))
    hot(floor, 10)
    assert moving_on.carry_on_all(floor.workspace.id, after(59), lambda: after(59)) == 0
    assert owners(floor)["aiko"] == 4
    assert moving_on.carry_on_all(floor.workspace.id, after(60), lambda: after(60)) == 4
    move.refresh_from_db()
    assert (move.state, move.moved, owners(floor)["aiko"]) == ("done", 4, 0)


def test_who_leaves_can_do_nothing_any_more_and_their_leads_go_on(floor: Scene) -> None:
    hot(floor, 10)
    boss = ops(floor)
    move = moving.plan(boss, Wanted(kind="leaving", rep="aiko"), after(1))
    assert Rep.objects.get(handle="aiko").active, "planning sees nobody off"
    moving.start(boss, move.id, after(1))
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(1))
    assert not User.objects.get(rep__handle="aiko").is_active
    assert owners(floor)["aiko"] == 0
    assert_sound(floor)
    moving.undo(boss, move.id, after(2))
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(2))
    move.refresh_from_db()
    assert (move.state, move.undone) == ("undone", 0)
    assert set(move.items.values_list("state", "code")) == {("changed", "inactive")}


def test_undone_everything_is_as_it_was(floor: Scene) -> None:
    waiting = floor.arrives(employees=500).lead_id
    claim = floor.arrives(employees=500).lead_id
    claimed(floor.aiko, claim, after(0))
    leads = hot(floor, 30)
    worked = Lead.objects.filter(owner__handle="budi").first()
    assert worked is not None
    acting.contact(floor.budi, worked.id, after(2))
    everything = [*leads, waiting, claim]
    before, held = columns(everything), floor.standing(floor.aiko)
    move = started(floor.manager, Wanted(aim=Aim("rep", "citra")), after(3), everything)
    assert owners(floor)["citra"] == 32
    moving.undo(floor.manager, move.id, after(3))
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(3))
    move.refresh_from_db()
    assert (move.state, move.undone) == ("undone", move.moved)
    assert columns(everything) == before
    now = floor.standing(floor.aiko)
    for counter in (
        "holding",
        "open_leads",
        "assigned_today",
        "assigned_this_week",
        "claims_today",
        "claims_this_week",
    ):
        assert getattr(now, counter) == getattr(held, counter), counter
    assert_sound(floor)


def test_a_clock_goes_on_where_it_stood(floor: Scene) -> None:
    lead = floor.arrives(employees=500).lead_id
    claimed(floor.aiko, lead, after(0))
    move = started(floor.manager, Wanted(aim=Aim("rep", "citra")), after(5), [lead])
    moving.undo(floor.manager, move.id, after(65))
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(65))
    assert floor.lead(lead).lock_expires_at == after(75), "ten of the fifteen minutes were left"
    tick(after(66))
    assert floor.lead(lead).owner.handle == "aiko"


def test_a_lead_that_was_touched_since_is_not_undone_and_said(floor: Scene) -> None:
    leads = hot(floor, 10)
    move = started(floor.manager, Wanted(aim=Aim("rep", "citra")), after(1), leads)
    citra = caller_of(User.objects.get(rep__handle="citra"))
    touched = move.items.filter(state="moved")[3].lead_id
    acting.contact(citra, touched, after(2))
    moving.undo(floor.manager, move.id, after(3))
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(3))
    move.refresh_from_db()
    assert move.undone == move.moved - 1
    assert move.items.get(state="changed").lead_id == touched
    assert floor.lead(touched).owner.handle == "citra"


def test_given_to_a_rep_by_name_no_rule_takes_it_away(floor: Scene) -> None:
    leads = hot(floor, 5)
    started(floor.manager, Wanted(aim=Aim("rep", "citra")), after(1), leads)
    given = set(Decision.objects.filter(kind="reassigned").values_list("lead", flat=True))
    assert given == set(Lead.objects.filter(by_hand=True).values_list("id", flat=True))
    assert len(given) >= 4


def test_into_a_pool_their_wait_begins_anew(floor: Scene) -> None:
    leads = hot(floor, 5)
    started(floor.manager, Wanted(aim=Aim("pool", "inbound"), why="Too many"), after(60 * 48), leads)
    for lead in leads:
        found = floor.lead(lead)
        assert (found.state, found.pool, found.waiting_since) == ("pooled", "inbound", after(60 * 48))
    tick(after(60 * 48 + 1))
    assert owners(floor)[None] == 5
    assert_sound(floor)


def test_what_waits_where_it_would_go_stays(floor: Scene) -> None:
    waiting = floor.arrives(employees=500).lead_id
    move = started(floor.manager, Wanted(), after(1), [waiting])
    assert (move.moved, move.kept) == (0, 1)
    assert floor.story(waiting) == [("placed", "new", "pooled")]


def test_to_a_team_those_at_their_caps_are_passed_over(floor: Scene) -> None:
    leads = [floor.arrives(employees=500).lead_id for _ in range(9)]
    publish(floor.workspace, _CAPPED)
    move = started(floor.manager, Wanted(aim=Aim("team", "closers", "least_open")), after(1), leads)
    assert move.total == 9
    assert all(count <= 1 for handle, count in owners(floor).items() if handle)
    assert owners(floor)[None] == 4, "the rest stays with the managers or waits: nothing is lost"


_CAPPED = """
policy: One each
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {mode: pool}}
teams: {closers: {open_at_most: 1}}
"""


def test_a_crash_in_the_middle_loses_nothing(floor: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    leads = hot(floor, 20)
    monkeypatch.setattr(moving_on, "CHUNK", 7)
    move = moving.plan(floor.manager, Wanted(aim=Aim("rep", "citra")), after(1), leads)
    moving.start(floor.manager, move.id, after(1))
    enter(floor.workspace.id)
    assert moving_on._chunk(floor.workspace.id, move.id, after(1), 7, moving_on._Upto(), wait=True) == 7
    move.refresh_from_db()
    assert (move.state, move.moved + move.kept) == ("running", 7)
    assert moving_on.carry_on_all(floor.workspace.id, after(2), lambda: after(2)) == 13
    move.refresh_from_db()
    assert (move.state, move.moved + move.kept) == ("done", 20)
    assert moving_on.carry_on(floor.workspace.id, move.id, lambda: after(3)) == 0
    assert_sound(floor)


def test_stopped_in_the_middle_it_is_undone_as_far_as_it_went(floor: Scene) -> None:
    leads = hot(floor, 20)
    before = columns(leads)
    move = moving.plan(floor.manager, Wanted(aim=Aim("rep", "citra")), after(1), leads)
    moving.start(floor.manager, move.id, after(1))
    moving_on._chunk(floor.workspace.id, move.id, after(1), 7, moving_on._Upto(), wait=True)
    moving.undo(floor.manager, move.id, after(1))
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(1))
    assert columns(leads) == before
    assert not move.items.filter(state__in=["planned", "moved"]).exists()


@pytest.mark.django_db(transaction=True)
def test_a_lead_no_engine_can_answer_for_does_not_stop_the_rest(floor: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    leads = hot(floor, 6)
    move = moving.plan(floor.manager, Wanted(aim=Aim("pool", "inbound")), after(1), leads)
    moving.start(floor.manager, move.id, after(1))
    from dibs.distribution import dealing

    real = dealing.handed_on

    def fails(book: Any, lead: Any, account: Any, clock: Any, *rest: Any, **more: Any) -> Any:
        if clock.id == str(leads[2]):
            raise ArithmeticError("no answer")
        return real(book, lead, account, clock, *rest, **more)

    monkeypatch.setattr(dealing, "handed_on", fails)
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(1))
    move.refresh_from_db()
    assert (move.state, move.moved, move.refused) == ("done", 5, 1)
    assert floor.lead(leads[2]).owner is not None


def test_by_hand_a_move_of_the_border_leaves_it(floor: Scene) -> None:
    leads = hot(floor, 2)
    acting.assign(floor.manager, leads[0], "eko", after(1))
    started(floor.manager, Wanted(aim=Aim("rep", "eko")), after(2), [leads[0]])
    Lead.objects.filter(id=leads[0]).update(by_hand=True)
    move = started(floor.manager, Wanted(kind="border"), after(3), leads)
    assert (move.moved, move.kept) == (1, 1)
    assert move.items.get(state="kept").code == "by_hand"


def test_by_hand_leads_that_have_something_in_common_leave_it_to_the_rep_unless_they_are_named(floor: Scene) -> None:
    leads = [lead for lead in hot(floor, 5) if floor.lead(lead).owner.handle != "eko"]  # type: ignore[union-attr]
    started(floor.manager, Wanted(aim=Aim("rep", "eko")), after(1), leads)
    found = Wanted(asked={"rank": "hot"})
    move = moving.plan(floor.manager, found, after(2), leads)
    assert [item.code for item in move.items.all()] == ["by_hand"] * 4, "the preview says so"
    assert moving.plan(floor.manager, Wanted(asked={}), after(2), leads).items.filter(code="by_hand").count() == 4
    move = started(floor.manager, found, after(3), leads)
    assert (move.moved, move.kept) == (0, 4)
    assert owners(floor) == {"eko": 5}
    assert started(floor.manager, Wanted(), after(4), leads).moved == 4, "chosen one by one they go"


def test_reps_are_told_once_of_what_came_and_went(floor: Scene) -> None:
    hot(floor, 10)
    started(floor.manager, Wanted(kind="leave", rep="aiko"), after(1))
    (told,) = [each for each in notices_of(floor.aiko) if each.kind == "leads_moved"]
    assert [(said["code"], said["params"]["count"]) for said in told.reasons] == [("leads_moved_out", 2)]
    assert [each.kind for each in notices_of(floor.budi)].count("leads_moved") <= 1


def test_a_manager_moves_their_own_teams_leads_to_their_own_people_only(floor: Scene) -> None:
    outsider = make_rep(floor.workspace, "zoe", teams=("tokyo",))
    theirs = hot(floor, 1)[0]
    Lead.objects.filter(id=theirs).update(owner=outsider)
    move = moving.plan(floor.manager, Wanted(), after(1), [theirs])
    assert move.total == 0, "as if there were none such"
    for wanted, code in (
        (Wanted(aim=Aim("rep", "zoe")), "not_your_team"),
        (Wanted(aim=Aim("team", "tokyo")), "not_your_team"),
        (Wanted(aim=Aim("review", "tokyo")), "not_your_team"),
        (Wanted(kind="leave", rep="zoe"), "not_your_team"),
        (Wanted(kind="leaving", rep="aiko"), "not_your_team"),
        (Wanted(aim=Aim("rep", "nobody")), "unknown_rep"),
        (Wanted(aim=Aim("team", "nowhere")), "unknown_team"),
        (Wanted(aim=Aim("pool", "nowhere")), "unknown_pool"),
        (Wanted(kind="leave", rep="aiko", since=after(9), until=after(8)), "bad_span"),
        (Wanted(kind="leave", rep="aiko", at_start=True), "bad_span"),
    ):
        with pytest.raises(MoveRefused) as refused:
            moving.plan(floor.manager, wanted, after(1))
        assert refused.value.code == code, wanted
    with pytest.raises(MoveRefused):
        moving.plan(floor.aiko, Wanted(), after(1))


def test_a_move_is_its_planners_and_operations(floor: Scene) -> None:
    other = make_user(floor.workspace, "manager")
    make_team(floor.workspace, "closers", managers=(other,))
    move = moving.plan(floor.manager, Wanted(), after(1), hot(floor, 2))
    for act in (moving.start, moving.drop, moving.undo):
        assert act(caller_of(other), move.id, after(2)) is None
    dropped = moving.drop(ops(floor), move.id, after(2))
    assert dropped is not None
    assert dropped.state == "dropped"
    with pytest.raises(MoveRefused, match="move_not_now"):
        moving.start(floor.manager, move.id, after(3))
    with pytest.raises(MoveRefused, match="move_not_now"):
        moving.undo(floor.manager, move.id, after(3))


def test_what_was_planned_by_another_policy_is_planned_again(floor: Scene) -> None:
    move = moving.plan(floor.manager, Wanted(), after(1), hot(floor, 2))
    publish(floor.workspace, _CAPPED)
    with pytest.raises(MoveRefused, match="move_outdated"):
        moving.start(floor.manager, move.id, after(2))


def test_a_manager_who_is_one_no_more_moves_nothing(floor: Scene) -> None:
    move = moving.plan(floor.manager, Wanted(), after(1), hot(floor, 4))
    moving.start(floor.manager, move.id, after(2))
    User.objects.filter(id=floor.manager.user_id).update(role="rep")
    moving_on.carry_on(floor.workspace.id, move.id, lambda: after(3))
    move.refresh_from_db()
    assert (move.state, move.problem, move.moved) == ("failed", "not_allowed", 0)


def test_another_workspaces_leads_are_none(floor: Scene) -> None:
    theirs = hot(floor, 3)
    other = make_scene()
    move = moving.plan(caller_of(make_user(other.workspace, "ops")), Wanted(), after(1), theirs)
    assert move.total == 0
    assert moving.start(ops(floor), move.id, after(1)) is None


def test_leads_of_who_left_without_a_move_can_still_be_moved(floor: Scene) -> None:
    hot(floor, 10)
    from dibs.distribution.joining import leave

    boss = ops(floor)
    assert leave(User.objects.get(rep__handle="aiko")) == 2
    move = started(boss, Wanted(kind="leaving", rep="aiko"), after(1))
    assert (move.moved, owners(floor)["aiko"]) == (2, 0)
