"""Somebody is erased while they write in, are sent again by their source, and their lead is claimed: all at the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dibs.crm.models import KnownBy, Lead, Touch
from dibs.distribution.models import Decision, Standing
from dibs.intake.models import RawPayload
from dibs.intake.receiving import receive
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd
from tests.concurrency.erasers import work
from tests.making import make_rep, make_user, make_workspace, publish

POLICY = """
policy: Together
route: [{name: Rest, pull: {pool: inbound}}]
pools: {inbound: {}}
"""


@pytest.fixture(scope="module")
def crowd(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Crowd]:
    with django_db_blocker.unblock(), Crowd(4, work) as crowd:
        yield crowd


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    workspace = make_workspace(country="MX")
    publish(workspace, POLICY)
    return workspace


def test_whoever_comes_in_meanwhile_is_known_or_new_and_never_half(crowd: Crowd, workspace: Workspace) -> None:
    ops, rep = make_user(workspace, "ops"), make_rep(workspace, "aiko", teams=("closers",))
    # How many seconds the eraser is ahead of the senders; below 0, behind them. Which is the quicker differs by machine: who
    # came too late sets out earlier next time, so that the race is a close one on each.
    ahead, step, known_still = 0.0, 0.002, True
    seen: Counter[str] = Counter()
    for turn in range(24):
        enter(workspace.id)
        email = f"zelda{turn}@canary.example"
        record = {"source": "web", "external_id": f"{turn}", "email": email, "name": f"Zelda {turn}"}
        form = record | {"external_id": f"{turn}-form", "message": f"It is Zelda {turn}"}
        first = receive(workspace.id, [record], now=datetime.now(UTC))[0].lead_id
        erased, again, written, _ = crowd.all(
            [
                ("erase", workspace.id, (ops.id, email), max(-ahead, 0)),
                ("send", workspace.id, [record | {"city": f"Oaxaca {turn}"}], max(ahead, 0)),
                ("send", workspace.id, [form], max(ahead, 0)),
                ("claim", workspace.id, (rep.user_id, first), 0),
            ]
        )
        enter(workspace.id)
        assert erased >= 1
        outcomes = [again[0], written[0]]
        seen.update(outcomes)
        was_known, known_still = known_still, "placed" not in outcomes
        step = step * 2 if known_still == was_known else step / 4
        ahead += step if known_still else -step
        for lead in Lead.objects.filter(workspace=workspace):
            known = (lead.email, lead.name, lead.city, lead.message, lead.external_id)
            if lead.flags == ["erased"]:
                assert (known, lead.attributes, lead.lookup) == ((None,) * 5, {}, "")
                assert lead.state == "retired"
                assert not KnownBy.objects.filter(lead_id=lead.id).exists()
                assert not RawPayload.objects.filter(lead=lead.id).exists()
                assert not Touch.objects.filter(lead=lead).exclude(detail={}).exists()
            else:
                assert lead.email
                assert lead.name
            nths = Decision.objects.filter(lead=lead).order_by("nth").values_list("nth", flat=True)
            assert list(nths) == list(range(1, lead.version + 1))
        assert Lead.objects.get(id=first).flags == ["erased"]
        held = Lead.objects.filter(owner=rep, state__in=["owned", "working"]).count()
        standing = Standing.objects.filter(rep=rep).first()
        assert (standing.open_leads if standing else 0) == held
    # The races were races: now one was first, now another.
    assert seen["placed"] > 0
    assert seen["placed"] < seen.total()


def test_two_who_erase_the_same_person_at_once_are_not_in_each_other_s_way(crowd: Crowd, workspace: Workspace) -> None:
    ops, rep = make_user(workspace, "ops"), make_rep(workspace, "aiko", teams=("closers",))
    for turn in range(6):
        enter(workspace.id)
        email = f"zelda{turn}@canary.example"
        lead = receive(workspace.id, [{"source": "web", "email": email, "name": "Z Q"}], now=datetime.now(UTC))[
            0
        ].lead_id
        crowd.all([*[("erase", workspace.id, (ops.id, email), 0)] * 3, ("claim", workspace.id, (rep.user_id, lead), 0)])
        enter(workspace.id)
        row = Lead.objects.get(id=lead)
        assert (row.state, row.flags, row.email) == ("retired", ["erased"], None)
        assert Decision.objects.filter(lead_id=lead, kind="erased").count() == 1
