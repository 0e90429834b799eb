"""What must hold when something goes wrong: failures, forbidden moves, deadlocks, other workspaces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from dibs.crm.models import Lead
from dibs.distribution import acting, claiming
from dibs.distribution import scene as acts
from dibs.distribution.placing import AlreadyHere, place
from dibs.distribution.ticking import tick
from dibs.engine.lifecycle import ForbiddenMove
from dibs.people.caller import caller_of
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import POLICY, Scene, after, claimed
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish
from tests.running import PATIENCE, somebody_waits_for_us, wait_for

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_the_same_lead_by_two_ways_at_once_is_refused_whole() -> None:
    workspace = make_workspace()
    publish(workspace, POLICY)
    place(workspace.id, [make_arrival(external_id="one")], now=MONDAY)
    with pytest.raises(AlreadyHere):
        place(workspace.id, [make_arrival(external_id="two"), make_arrival(external_id="one")], now=MONDAY)
    enter(workspace.id)
    assert Lead.objects.count() == 1


def test_another_workspaces_lead_is_unknown(scene: Scene) -> None:
    lead_id = scene.arrives(employees=200).lead_id
    other = make_workspace()
    publish(other, POLICY)
    stranger = caller_of(make_rep(other, "aiko").user)
    acts: list[Callable[[], Any]] = [
        lambda: claiming.claim_lead(stranger, lead_id, after(1)),
        lambda: acting.contact(stranger, lead_id, after(1)),
        lambda: acting.skip(stranger, lead_id, after(1)),
        lambda: acting.assign(stranger, lead_id, "aiko", after(1)),
        lambda: acting.retire(stranger, lead_id, after(1), why="spam"),
    ]
    assert [act() for act in acts] == [None] * len(acts)
    assert scene.lead(lead_id).state == "pooled"


def test_a_tick_serves_every_workspace(scene: Scene) -> None:
    mine = scene.arrives(employees=200).lead_id
    other = make_workspace()
    publish(other, POLICY)
    make_rep(other, "carmen", teams=("closers",))
    theirs = place(other.id, [make_arrival(employees=200)], now=MONDAY)[0].lead_id
    assert tick(after(30)).moved == {"escalated": 2}
    assert scene.lead(mine).state == "owned"
    enter(other.id)
    assert Lead.objects.get(id=theirs).owner.handle == "carmen"


def test_a_move_that_the_table_forbids_is_refused(scene: Scene) -> None:
    from dibs.distribution.crews import crew
    from dibs.distribution.reading import lock_leads
    from dibs.distribution.writing import Outcome, write

    lead_id = scene.arrives(employees=200).lead_id
    row = lock_leads(scene.workspace.id, [lead_id])[lead_id]
    outcome = Outcome(lead=row, kind="converted", changes={"state": "converted"}, reasons=())
    with pytest.raises(ForbiddenMove):
        write(scene.workspace.id, [outcome], now=MONDAY, policy_version=1, crew=crew(scene.workspace.id, MONDAY))


@pytest.mark.django_db(transaction=True)
def test_a_lead_that_no_engine_can_answer_for_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    from dibs.distribution import ticking

    workspace = make_workspace()
    publish(workspace, POLICY)
    make_rep(workspace, "aiko", teams=("closers",))
    leads = [
        placed.lead_id for placed in place(workspace.id, [make_arrival(employees=200) for _ in range(5)], now=MONDAY)
    ]
    laid_out = ticking.timeline.laid_out

    def fails_for_one(book: Any, lead: Any, account: Any, clock: Any, *rest: Any) -> Any:
        if clock.id == str(leads[2]):
            raise ZeroDivisionError
        return laid_out(book, lead, account, clock, *rest)

    monkeypatch.setattr(ticking.timeline, "laid_out", fails_for_one)
    with pytest.raises(ZeroDivisionError):
        tick(after(30))
    enter(workspace.id)
    states = {lead.id: lead.state for lead in Lead.objects.all()}
    assert [states[lead_id] for lead_id in leads] == ["owned", "owned", "pooled", "owned", "owned"]
    assert Lead.objects.get(id=leads[2]).due_at == after(31)
    monkeypatch.undo()
    assert tick(after(31)).moved == {"escalated": 1}


@pytest.mark.django_db(transaction=True)
def test_an_act_that_the_database_takes_back_to_end_a_deadlock_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace()
    publish(workspace, POLICY)
    aiko = caller_of(make_rep(workspace, "aiko", teams=("closers",)).user)
    done: list[UUID] = []
    once = acts._act_once
    monkeypatch.setattr(acts, "_act_once", lambda by, lead, *a, **k: done.append(lead) or once(by, lead, *a, **k))

    def the_other_way_round(lead_id: UUID, held: threading.Event) -> None:
        try:
            enter(workspace.id)
            with suppress(OperationalError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM distribution_standing WHERE rep_id = %s FOR UPDATE", [aiko.rep_id])
                held.set()
                wait_for(somebody_waits_for_us, every=0.01)
                cursor.execute("SELECT 1 FROM crm_lead WHERE id = %s FOR UPDATE", [lead_id])
        finally:
            connection.close()

    # Who has waited for a second looks whether it is for ever, once, and is taken back if so: the act, which began to wait first, unless
    # this machine takes the other a second to follow. Then it is the other, or the act in the next turn.
    while len(done) == len(set(done)):
        lead_id = place(workspace.id, [make_arrival(employees=200)], now=MONDAY)[0].lead_id
        claimed(aiko, lead_id, after(1))
        held = threading.Event()
        with ThreadPoolExecutor(1) as other:
            ended = other.submit(the_other_way_round, lead_id, held)
            assert held.wait(PATIENCE)
            assert isinstance(acting.contact(aiko, lead_id, after(2)), acting.Acted)
            ended.result(PATIENCE)
        assert Lead.objects.get(id=lead_id).state == "working"
        assert len(set(done)) <= 100
