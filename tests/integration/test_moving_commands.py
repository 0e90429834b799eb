"""`dibs move`, and seeing somebody off with `dibs user deactivate --redistribute`."""

from __future__ import annotations

import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from dibs.crm.models import Lead
from dibs.distribution.models import Move
from dibs.distribution.placing import place
from dibs.people.models import TimeOff, User
from dibs.people.tenancy import enter
from tests.integration.commands import Command
from tests.integration.distribution.scene import Scene, make_scene
from tests.making import MONDAY, make_arrival, make_rep


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    scene = make_scene()
    make_rep(scene.workspace, "citra", teams=("closers",))
    place(scene.workspace.id, [make_arrival(employees=2000) for _ in range(9)], now=MONDAY)
    return scene


def held(scene: Scene, handle: str) -> int:
    enter(scene.workspace.id)
    return Lead.objects.filter(owner__handle=handle).count()


def said(told: CompletedProcess[str]) -> Any:
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_planned_shown_started_and_undone(command: Command, scene: Scene) -> None:
    planned = command("move", "plan", "--rep", "aiko", "--to", "rep:citra", "--why", "Too many")
    assert planned.returncode == 0, planned.stderr
    assert "Nothing has moved yet" in planned.stdout
    enter(scene.workspace.id)
    move = str(Move.objects.get().id)
    assert held(scene, "aiko") == 3
    started = command("move", "start", move)
    assert "Moved: 3." in started.stdout, started.stderr
    assert (held(scene, "aiko"), held(scene, "citra")) == (0, 6)
    assert [card["state"] for card in said(command("move", "list", "--json"))] == ["done"]
    undone = said(command("move", "undo", move, "--json"))
    assert (undone["state"], undone["undone"]) == ("undone", 3)
    assert held(scene, "aiko") == 3
    again = command("move", "undo", move)
    assert (again.returncode, again.stderr.strip()) == (1, "Error: The move is undone.")


def test_a_leave_is_written_down_in_the_reps_own_time(command: Command, scene: Scene) -> None:
    span = ("--since", "2099-03-02T00:00:00", "--until", "2099-03-09T00:00:00")
    card = said(command("move", "plan", "--rep", "aiko", "--leave", *span, "--at-start", "--json"))
    assert said(command("move", "start", card["id"], "--json"))["state"] == "waiting"
    enter(scene.workspace.id)
    assert TimeOff.objects.get().starts.isoformat() == "2099-03-02T00:00:00+00:00"
    assert said(command("move", "drop", card["id"], "--json"))["state"] == "dropped"


def test_who_leaves_hands_on_what_they_have_once_it_was_looked_at(command: Command, scene: Scene) -> None:
    enter(scene.workspace.id)
    email = User.objects.get(rep__handle="aiko").email
    stays = command("user", "deactivate", email, "--redistribute", input="n\n")
    assert stays.returncode == 1
    assert "Loses" in stays.stdout
    assert User.objects.get(email=email).is_active
    gone = said(command("user", "deactivate", email, "--redistribute", "--yes", "--json"))
    assert (gone["kind"], gone["state"], gone["moved"]) == ("leaving", "done", 3)
    assert not User.objects.get(email=email).is_active
    assert held(scene, "aiko") == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ((), 2, "by one of --rep, --where and --lead"),
        (("--rep", "aiko", "--where", "pool=inbound"), 2, "by one of"),
        (("--where", "colour=red"), 2, "say FIELD=VALUE"),
        (("--rep", "aiko", "--to", "moon"), 2, "say policy, rep:HANDLE"),
        (("--rep", "nobody"), 1, "no active rep called nobody"),
        (("--rep", "aiko", "--to", "pool:nowhere"), 1, "no pool called nowhere"),
        (("--rep", "aiko", "--leave", "--at-start"), 1, "a since and a later until"),
    ],
)
def test_what_cannot_be_is_said(
    command: Command, scene: Scene, arguments: tuple[str, ...], code: int, text: str
) -> None:
    told = command("move", "plan", *arguments)
    assert (told.returncode, text in told.stderr) == (code, True), told.stderr
    assert "Traceback" not in told.stderr
