"""Leads that found nobody of their team: the longest waiting goes to the first who can be given one."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from textwrap import dedent
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dibs.crm.arrival import Enrichment
from dibs.crm.models import Lead
from dibs.distribution import acting, claiming, overflow
from dibs.distribution.models import Decision, Rotation
from dibs.distribution.placing import enrich, place
from dibs.distribution.ticking import tick
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, TimeOff, Workspace
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import after
from tests.making import MONDAY, make_arrival, make_rep, make_user, make_workspace, publish

pytestmark = pytest.mark.django_db(transaction=True)

CAPPED = """
policy: Only so many
route:
  - {name: Demo, when: 'lead.source == "demo"', push: {team: closers}, fallback: {pool: spare}}
  - {name: Rest, pull: {pool: inbound}}
teams:
  closers: {open_at_most: 2}
pools:
  inbound: {escalate: [{after: 30m, push: {team: closers}}, {after: 5h, review: managers}], assign_after: 24h}
  spare: {assign_after: 72h}
"""


def company(policy: str = CAPPED, reps: str = "aiko budi") -> tuple[Workspace, dict[str, Caller]]:
    workspace = make_workspace()
    callers = {handle: caller_of(make_rep(workspace, handle, teams=("closers",)).user) for handle in reps.split()}
    publish(workspace, dedent(policy))
    return workspace, callers


def arrive(workspace: Workspace, count: int, minute: float = 0, **fields: Any) -> list[UUID]:
    """So many leads, a second apart."""
    came = []
    for n in range(count):
        at = after(minute) + timedelta(seconds=n)
        came.append(place(workspace.id, [make_arrival(received_at=at, **fields)], now=at)[0].lead_id)
    return came


def owners(workspace: Workspace, leads: list[UUID]) -> list[str | None]:
    enter(workspace.id)
    found = dict(Lead.objects.filter(id__in=leads).values_list("id", "owner__handle"))
    return [found[lead] for lead in leads]


def test_a_team_at_its_caps_overflows_to_the_fallback_and_whoever_frees_up_gets_the_oldest() -> None:
    workspace, callers = company()
    leads = arrive(workspace, 7, source="demo")
    held, waiting = leads[:4], leads[4:]
    assert Counter(owners(workspace, held)) == {"aiko": 2, "budi": 2}
    assert set(Lead.objects.filter(id__in=waiting).values_list("state", "pool", "awaits")) == {
        ("pooled", "spare", "closers")
    }
    tick(after(5))
    assert owners(workspace, waiting) == [None] * 3
    first = next(lead for lead in held if owners(workspace, [lead]) == ["budi"])
    acting.convert(callers["budi"], first, after(6))
    assert owners(workspace, waiting) == ["budi", None, None], "at once, not at the next tick"
    lead = Lead.objects.get(id=waiting[0])
    assert (lead.state, lead.awaits, lead.taken_by) == ("owned", None, "freed")
    decision = Decision.objects.filter(lead=lead).order_by("-nth")[0]
    assert (decision.kind, decision.before, decision.after) == ("freed", "pooled", "owned")
    assert [reason["code"] for reason in decision.reasons] == ["freed", "passed_over", "chosen"]


@pytest.mark.parametrize("act", ["retire", "release"])
def test_every_act_that_makes_room_brings_the_next(act: str) -> None:
    workspace, callers = company(reps="aiko")
    leads = arrive(workspace, 3, source="demo")
    if act == "retire":
        acting.retire(callers["aiko"], leads[0], after(1), why="no_answer")
    else:
        acting.release(callers["aiko"], leads[0], after(1))
    assert owners(workspace, leads[2:]) == ["aiko"]
    assert owners(workspace, [leads[0]]) == (["aiko"] if act == "retire" else [None]), "never back to who gave it up"


def test_a_waiting_lead_may_be_claimed_meanwhile_and_then_awaits_nobody() -> None:
    workspace, callers = company(reps="aiko")
    other = caller_of(make_rep(workspace, "carla").user)
    *_, waiting = arrive(workspace, 3, source="demo")
    assert isinstance(claiming.claim_lead(other, waiting, after(1)), claiming.Claimed)
    assert Lead.objects.get(id=waiting).awaits is None
    acting.convert(callers["aiko"], arrive(workspace, 1, 2)[0], after(3))
    assert owners(workspace, [waiting]) == ["carla"]


def test_when_all_are_on_leave_leads_go_out_oldest_first_as_soon_as_the_first_is_back() -> None:
    workspace, _ = company(
        CAPPED.replace("open_at_most: 2", "open_at_most: 3").replace(", {after: 5h, review: managers}", "")
    )
    for n, rep in enumerate(Rep.objects.order_by("handle")):
        starts, ends = MONDAY - timedelta(days=1), after(600 + 60 * n)
        TimeOff.objects.create(workspace=workspace, rep=rep, starts=starts, ends=ends)
    pulled, pushed = arrive(workspace, 2), arrive(workspace, 3, 1, source="demo")
    tick(after(45))
    assert set(Lead.objects.values_list("state", "awaits")) == {("pooled", "closers")}
    assert not Lead.objects.filter(due_at__lt=after(24 * 60)).exists(), "nobody asks every few minutes"
    tick(after(599))
    assert not Lead.objects.filter(owner__isnull=False).exists()
    tick(after(600))
    assert owners(workspace, [*pulled, *pushed]) == ["aiko"] * 3 + [None] * 2
    tick(after(660))
    assert owners(workspace, pushed) == ["aiko", "budi", "budi"]


def test_what_managers_have_before_them_after_a_step_goes_to_nobody_by_itself() -> None:
    workspace, _ = company(reps="aiko")
    enter(workspace.id)
    Rep.objects.update(available=False)
    (lead,) = arrive(workspace, 1)
    tick(after(31))
    tick(after(301))
    row = Lead.objects.get(id=lead)
    assert (row.state, row.awaits) == ("review", None), "the policy said: then a person decides"
    Rep.objects.update(available=True)
    tick(after(302))
    assert owners(workspace, [lead]) == [None]


def test_a_lead_that_nobody_free_may_have_keeps_no_other_waiting() -> None:
    workspace, callers = company(reps="aiko budi")
    enter(workspace.id)
    Rep.objects.filter(handle="budi").update(available=False)
    first, second, third, fourth = arrive(workspace, 4, source="demo")
    acting.release(callers["aiko"], first, after(1))
    tick(after(2))
    enter(workspace.id)
    assert owners(workspace, [first, second, third, fourth]) == [None, "aiko", "aiko", None]
    acting.convert(callers["aiko"], second, after(3))
    assert owners(workspace, [first, fourth]) == [None, "aiko"]
    Rep.objects.filter(handle="budi").update(available=True)
    tick(after(4))
    assert owners(workspace, [first]) == ["budi"]


def test_a_lead_in_its_line_keeps_whom_it_awaits_when_more_becomes_known_of_it() -> None:
    workspace, _ = company(reps="aiko")
    enter(workspace.id)
    Rep.objects.update(available=False)
    (lead,) = arrive(workspace, 1)
    tick(after(31))
    enrich(workspace.id, [Enrichment(lead, {"city": "Osaka"})], now=after(32))
    enter(workspace.id)
    assert Lead.objects.get(id=lead).awaits == "closers"
    Rep.objects.update(available=True)
    tick(after(33))
    assert owners(workspace, [lead]) == ["aiko"]
    assert Lead.objects.get(id=lead).escalated == 1


def test_many_waiting_are_dealt_out_in_turn_and_none_twice() -> None:
    workspace, _ = company(CAPPED.replace("open_at_most: 2", "open_at_most: 150"), reps="aiko budi cleo")
    enter(workspace.id)
    Rep.objects.update(available=False)
    leads = arrive(workspace, overflow.BATCH + 50, source="demo")
    Rep.objects.update(available=True)
    assert overflow.give_waiting(workspace.id, after(99)) == overflow.BATCH + 50
    got = Counter(owners(workspace, leads))
    assert max(got.values()) - min(got.values()) <= 1
    assert Rotation.objects.count() == 3
    assert overflow.give_waiting(workspace.id, after(99)) == 0


def test_where_nothing_awaits_anybody_a_pass_asks_once() -> None:
    workspace, _ = company()
    arrive(workspace, 3)
    overflow.give_waiting(workspace.id, after(1))
    with CaptureQueriesContext(connection) as asked:
        assert overflow.give_waiting(workspace.id, after(2)) == 0
    assert len([query for query in asked if "crm_lead" in query["sql"]]) == 1
    assert not [query for query in asked if "people_rep" in query["sql"]]


def test_leads_of_another_workspace_wait_for_their_own() -> None:
    one, _ = company(reps="aiko")
    Rep.objects.update(available=False)
    (lead,) = arrive(one, 1, source="demo")
    two, _ = company(reps="aiko")
    assert overflow.give_waiting(two.id, after(1)) == 0
    enter(one.id)
    assert owners(one, [lead]) == [None]


def test_a_manager_sees_what_waits_and_may_give_it_by_hand() -> None:
    workspace, _ = company(reps="aiko")
    manager = caller_of(make_user(workspace, "ops"))
    *_, waiting = arrive(workspace, 3, source="demo")
    acting.assign(manager, waiting, "aiko", after(1))
    lead = Lead.objects.get(id=waiting)
    assert (lead.owner.handle, lead.by_hand, lead.awaits) == ("aiko", True, None)


HOURLY = """
policy: So many an hour
route:
  - {name: Demo, when: 'lead.source == "demo"', push: {team: closers}, fallback: {pool: spare}}
  - {name: Rest, pull: {pool: inbound}}
teams:
  closers: {per_hour: 2}
pools:
  inbound: {escalate: [{after: 60m, push: {team: closers}}], assign_after: 24h}
  spare: {assign_after: 72h}
"""


@pytest.mark.parametrize("at_once", [1, 30])
def test_a_lead_that_comes_the_moment_somebody_frees_up_is_not_before_those_that_wait(at_once: int) -> None:
    workspace, _ = company(HOURLY, reps="aiko")
    first = arrive(workspace, 4, source="demo")
    assert owners(workspace, first) == ["aiko", "aiko", None, None]
    came = place(workspace.id, [make_arrival(source="demo") for _ in range(at_once)], now=after(61))
    assert owners(workspace, first) == ["aiko"] * 4, "no tick has been there yet"
    assert {placed.owner for placed in came} == {None}
    assert Rotation.objects.get().passed == 4


def test_a_step_whose_time_has_come_is_not_before_those_that_wait_longer() -> None:
    workspace, _ = company(HOURLY, reps="aiko")
    *_, third, fourth = arrive(workspace, 4, source="demo")
    (pulled,) = arrive(workspace, 1, 0.5)
    tick(after(61))
    assert owners(workspace, [third, fourth, pulled]) == ["aiko", "aiko", None]
    assert Lead.objects.get(id=pulled).awaits == "closers"


def test_leads_that_nobody_free_may_have_are_looked_past_without_being_locked() -> None:
    workspace, _ = company(
        HOURLY.replace("push: {team: closers}, fall", "push: {team: closers, among: 'rep.seniority >= 3'}, fall", 1)
    )
    arrive(workspace, 5, source="demo")
    with CaptureQueriesContext(connection) as asked:
        assert overflow.give_waiting(workspace.id, after(1)) == 0
    assert not [query for query in asked if "FOR UPDATE" in query["sql"]]
