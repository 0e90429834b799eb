"""Claim floors: looked at once, towards the end of the rep's own day or week; told, or made up for from the oldest leads."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from dibs.crm.models import Lead
from dibs.delivery.models import Notice, Outbox
from dibs.distribution import acting, claiming, floors, policies, tasks
from dibs.distribution.floors import look_at_floors
from dibs.distribution.models import Decision, RepEntry, Standing
from dibs.distribution.placing import place
from dibs.insight.mine import my_standing
from dibs.people.caller import caller_of
from dibs.people.models import Rep, TimeOff, Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace
from tests.running import PATIENCE, at_once

pytestmark = pytest.mark.django_db(transaction=True)

#: Monday to Friday, 9 to 18.
HOURS = {str(n): [540, 1080] for n in range(1, 6)}


def policy(floor: str, *, fair: str = "", more: str = "", pools: str = "inbound: {lock: 24h}") -> str:
    return (
        f"policy: Floors\nroute:\n  - {{name: Vip, when: 'lead.source == \"vip\"', pull: {{pool: vip}}}}\n"
        f"  - {{name: All, pull: {{pool: inbound}}}}\npools:\n  vip: {{teams: [vip]}}\n  {pools}\n"
        f"fair_play:\n  claim_at_least: {floor}\n{fair}{more}"
    )


NOTIFY = "{count: 3, per: day, then: notify, ahead: 1h}"
ASSIGN = "{count: 3, per: day, then: auto_assign, ahead: 1h}"
LOOK = MONDAY.replace(hour=17)  # an hour before the day's end


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def aiko(workspace: Workspace) -> Rep:
    return make_rep(workspace, "aiko", teams=("closers",), hours=HOURS)


def leads(workspace: Workspace, count: int, **fields: Any) -> list[UUID]:
    """Leads that came to wait a minute apart, the first of them an hour before Monday morning."""
    enter(workspace.id)
    start = fields.pop("start", MONDAY - timedelta(hours=1))
    return [
        place(workspace.id, [make_arrival(**fields)], now=start + timedelta(minutes=n))[0].lead_id for n in range(count)
    ]


def claims(rep: Rep, ids: list[UUID], at: datetime = MONDAY) -> None:
    for lead_id in ids:
        answer = claiming.claim_lead(caller_of(rep.user), lead_id, at)
        assert isinstance(answer, claiming.Claimed), answer


def held(rep: Rep) -> list[UUID]:
    enter(rep.workspace_id)
    return list(Lead.objects.filter(owner=rep, state="owned").order_by("waiting_since").values_list("id", flat=True))


def entries(rep: Rep) -> list[list[dict[str, Any]]]:
    enter(rep.workspace_id)
    return [entry.reasons for entry in RepEntry.objects.filter(rep=rep, kind="below_floor").order_by("at")]


# -- telling ------------------------------------------------------------------------------------------------------------


def test_who_is_short_is_told_and_so_are_the_managers_of_their_teams(workspace: Workspace, aiko: Rep) -> None:
    manager, other = make_user(workspace, "manager"), make_user(workspace, "manager")
    make_team(workspace, "closers", managers=(manager,))
    make_team(workspace, "field", managers=(other,))
    policies.publish(workspace.id, policy(NOTIFY), by=None, now=MONDAY)
    claims(aiko, leads(workspace, 2)[:1])
    found = look_at_floors(workspace.id, LOOK)
    assert (found.looked_at, found.short, found.assigned) == (1, 1, 0)
    params = {"have": 1, "count": 3, "per": "day", "missing": 2}
    rule = "fair_play.claim_at_least"
    assert entries(aiko) == [[{"code": "below_floor", "params": params, "rule": rule}]]
    notice = Notice.objects.get(user=aiko.user)
    assert (notice.kind, notice.at, notice.reasons) == ("below_floor", LOOK, entries(aiko)[0])
    to_manager = Notice.objects.get(user=manager)
    assert to_manager.reasons == [{"code": "rep_below_floor", "params": {"rep": "aiko"} | params, "rule": rule}]
    assert not Notice.objects.filter(user=other).exists()
    event = Outbox.objects.get(event="rep.below_floor")
    assert event.payload == {"rep": "aiko", "rep_name": "Aiko", "assigned": False} | params
    assert held(aiko) == [lead.id for lead in Lead.objects.filter(owner=aiko)]


@pytest.mark.parametrize("rule", [NOTIFY, ASSIGN])
def test_a_manager_of_many_is_told_once_however_many_batches_they_are_looked_at_in(
    workspace: Workspace, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floors, "_AT_ONCE", {"notify": 2, "auto_assign": 2})
    manager, other = make_user(workspace, "manager"), make_user(workspace, "manager")
    make_team(workspace, "closers", managers=(manager, other))
    reps = [make_rep(workspace, f"rep-{n}", teams=("closers",), hours=HOURS) for n in range(7)]
    policies.publish(workspace.id, policy(rule), by=None, now=MONDAY)
    assert look_at_floors(workspace.id, LOOK).short == 7
    for user in (manager, other):
        notice = Notice.objects.get(user=user)
        assert (notice.kind, notice.at) == ("below_floor", LOOK)
        assert sorted(reason["params"]["rep"] for reason in notice.reasons) == [f"rep-{n}" for n in range(7)]
    assert all(Notice.objects.filter(user=rep.user).count() == 1 for rep in reps)
    assert look_at_floors(workspace.id, LOOK + timedelta(minutes=1)).short == 0
    assert Notice.objects.filter(user=manager).count() == 1


def test_who_has_claimed_enough_is_told_nothing(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, policy(NOTIFY), by=None, now=MONDAY)
    claims(aiko, leads(workspace, 3))
    found = look_at_floors(workspace.id, LOOK)
    assert (found.looked_at, found.short) == (1, 0)
    assert not Notice.objects.exists()
    assert Standing.objects.get(rep=aiko).floor_on == MONDAY.date()


def test_the_look_is_taken_an_hour_before_the_days_end_and_once(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, policy(NOTIFY), by=None, now=MONDAY)
    assert look_at_floors(workspace.id, LOOK - timedelta(minutes=1)).looked_at == 0
    assert look_at_floors(workspace.id, LOOK).short == 1
    assert look_at_floors(workspace.id, LOOK + timedelta(minutes=1)).looked_at == 0
    assert look_at_floors(workspace.id, LOOK + timedelta(days=1)).short == 1
    assert len(entries(aiko)) == 2


def test_each_rep_by_the_clock_of_their_own(workspace: Workspace) -> None:
    make_rep(workspace, "chika", hours=HOURS, timezone="Asia/Tokyo")
    mateo = make_rep(workspace, "mateo", hours=HOURS, timezone="America/Mexico_City")
    policies.publish(workspace.id, policy(NOTIFY), by=None, now=MONDAY)
    assert look_at_floors(workspace.id, MONDAY.replace(hour=8)).short == 1
    assert look_at_floors(workspace.id, MONDAY.replace(hour=22, minute=59)).short == 0
    assert look_at_floors(workspace.id, MONDAY.replace(hour=23)).short == 1
    assert len(entries(mateo)) == 1


def test_nobody_is_short_on_a_day_off_or_away(workspace: Workspace, aiko: Rep) -> None:
    away = make_rep(workspace, "budi", hours=HOURS)
    TimeOff.objects.create(workspace=workspace, rep=away, starts=MONDAY.replace(hour=0), ends=MONDAY.replace(hour=23))
    policies.publish(workspace.id, policy(NOTIFY), by=None, now=MONDAY)
    assert look_at_floors(workspace.id, LOOK).short == 1
    assert entries(away) == []
    saturday = LOOK + timedelta(days=5)
    assert look_at_floors(workspace.id, saturday).looked_at == 0


def test_a_week_is_looked_at_on_its_last_working_day_and_days_off_are_taken_off(
    workspace: Workspace, aiko: Rep
) -> None:
    part = make_rep(workspace, "budi", hours={"1": [540, 1080], "2": [540, 1080]})
    away = make_rep(workspace, "chika", hours=HOURS)
    TimeOff.objects.create(
        workspace=workspace, rep=away, starts=MONDAY.replace(hour=0), ends=MONDAY + timedelta(days=2)
    )
    floor = "{count: 10, per: week, then: notify, ahead: 2h}"
    policies.publish(workspace.id, policy(floor), by=None, now=MONDAY)
    assert look_at_floors(workspace.id, MONDAY.replace(hour=16) + timedelta(days=1)).short == 1
    assert [reasons[0]["params"]["count"] for reasons in entries(part)] == [4]
    assert look_at_floors(workspace.id, MONDAY.replace(hour=16) + timedelta(days=4)).short == 2
    assert [reasons[0]["params"]["count"] for reasons in entries(aiko)] == [10]
    # Two of five days away, though that was over by Wednesday.
    assert [reasons[0]["params"]["count"] for reasons in entries(away)] == [6]


def test_without_such_a_rule_nothing_is_read_at_all(
    workspace: Workspace, aiko: Rep, django_assert_max_num_queries: Any
) -> None:
    plain = "policy: Plain\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {}}\n"
    policies.publish(workspace.id, plain, by=None, now=MONDAY)
    policies.active(workspace.id)
    with django_assert_max_num_queries(1):
        assert look_at_floors(workspace.id, LOOK).looked_at == 0


def test_a_hundred_short_reps_are_told_in_a_few_statements(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for n in range(100):
        make_rep(workspace, f"rep-{n}", hours=HOURS)
    policies.publish(workspace.id, policy(NOTIFY), by=None, now=MONDAY)
    with django_assert_max_num_queries(40):
        assert look_at_floors(workspace.id, LOOK).short == 100
    assert Notice.objects.count() == 100


# -- making up for it ---------------------------------------------------------------------------------------------------


def test_what_is_missing_is_assigned_from_the_oldest(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, policy(ASSIGN), by=None, now=MONDAY)
    waiting = leads(workspace, 6)
    claims(aiko, [waiting[4]])
    found = look_at_floors(workspace.id, LOOK)
    assert (found.short, found.assigned) == (1, 2)
    assert set(held(aiko)) == {waiting[0], waiting[1], waiting[4]}
    lead = Lead.objects.get(id=waiting[0])
    assert (lead.state, lead.taken_by, lead.lock_expires_at) == ("owned", "floor", None)
    assert lead.claim is not None
    decision = Decision.objects.filter(lead_id=waiting[0]).latest("nth")
    assert (decision.kind, decision.before, decision.after, decision.rep_id) == ("assigned", "pooled", "owned", aiko.id)
    assert decision.policy_version == 1
    assert decision.score == lead.score
    assert decision.reasons == [
        {
            "code": "claim_floor",
            "params": {"rep": "aiko", "have": 1, "count": 3, "per": "day"},
            "rule": "fair_play.claim_at_least",
        }
    ]
    standing = Standing.objects.get(rep=aiko)
    assert (standing.holding, standing.open_leads, standing.assigned_today, standing.claims_today) == (3, 3, 2, 1)
    assert standing.floor_on == MONDAY.date()
    assert [reason["code"] for reason in entries(aiko)[0]] == ["below_floor", "claim_floor"]
    assert Outbox.objects.get(event="rep.below_floor").payload["assigned"] is True
    assert Outbox.objects.filter(event="lead.assigned").count() == 2


def test_it_is_done_once_a_day(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, policy(ASSIGN), by=None, now=MONDAY)
    leads(workspace, 10)
    assert look_at_floors(workspace.id, LOOK).assigned == 3
    assert look_at_floors(workspace.id, LOOK + timedelta(minutes=5)).assigned == 0
    assert len(held(aiko)) == 3


def test_no_more_than_a_rep_may_hold_is_assigned(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, policy(ASSIGN, fair="  hold_at_most: 2\n"), by=None, now=MONDAY)
    waiting = leads(workspace, 5)
    claims(aiko, waiting[4:])
    assert look_at_floors(workspace.id, LOOK).assigned == 1
    assert Standing.objects.get(rep=aiko).holding == 2


def test_no_team_cap_is_passed(workspace: Workspace, aiko: Rep) -> None:
    caps = "teams:\n  closers: {per_day: 2}\n"
    policies.publish(workspace.id, policy(ASSIGN, more=caps), by=None, now=MONDAY)
    leads(workspace, 5)
    assert look_at_floors(workspace.id, LOOK).assigned == 2


def test_only_pools_of_the_reps_teams_are_drawn_from(workspace: Workspace, aiko: Rep) -> None:
    vip = make_rep(workspace, "vera", teams=("vip",), hours=HOURS)
    policies.publish(workspace.id, policy(ASSIGN), by=None, now=MONDAY)
    older = leads(workspace, 2, source="vip", start=MONDAY - timedelta(hours=5))
    newer = leads(workspace, 4)
    assert look_at_floors(workspace.id, LOOK).assigned == 6
    assert set(older) <= set(held(vip))
    assert set(held(aiko)) <= set(newer)
    assert len(held(aiko)) == len(held(vip)) == 3


def test_leads_out_of_a_tiers_sight_are_not_assigned(workspace: Workspace, aiko: Rep) -> None:
    tiers = "tiers: [{name: low, sees: preview, only: 'lead.employees < 100'}]\n"
    policies.publish(workspace.id, policy(ASSIGN, more=tiers), by=None, now=MONDAY)
    leads(workspace, 3, employees=500)
    small = leads(workspace, 2, employees=5, start=MONDAY)
    assert look_at_floors(workspace.id, LOOK).assigned == 2
    assert held(aiko) == small


def test_a_lead_that_the_rep_let_go_is_not_assigned_again(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, policy(ASSIGN), by=None, now=MONDAY)
    waiting = leads(workspace, 4)
    claims(aiko, waiting[:1])
    assert isinstance(acting.release(caller_of(aiko.user), waiting[0], MONDAY), acting.Acted)
    # What was given back counts as no claim either.
    assert look_at_floors(workspace.id, LOOK).assigned == 3
    assert held(aiko) == waiting[1:]


def test_what_is_left_over_goes_to_who_misses_most(workspace: Workspace, aiko: Rep) -> None:
    budi = make_rep(workspace, "budi", hours=HOURS)
    policies.publish(workspace.id, policy(ASSIGN), by=None, now=MONDAY)
    waiting = leads(workspace, 4)
    claims(aiko, waiting[:1])
    assert look_at_floors(workspace.id, LOOK).assigned == 3
    assert held(budi) == waiting[1:]
    assert [reason["code"] for reason in entries(aiko)[0]] == ["below_floor"]


def test_who_is_not_available_is_told_and_given_nothing(workspace: Workspace) -> None:
    out = make_rep(workspace, "aiko", hours=HOURS, available=False)
    policies.publish(workspace.id, policy(ASSIGN), by=None, now=MONDAY)
    leads(workspace, 4)
    found = look_at_floors(workspace.id, LOOK)
    assert (found.short, found.assigned) == (1, 0)
    assert len(entries(out)) == 1


def test_a_lead_that_somebody_is_deciding_on_is_left_to_them(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, policy(ASSIGN), by=None, now=MONDAY)
    waiting = leads(workspace, 4)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        from django.db import transaction

        try:
            enter(workspace.id)
            with transaction.atomic():
                list(Lead.objects.select_for_update().filter(id=waiting[0]))
                locked.set()
                done.wait(PATIENCE)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(PATIENCE)
    try:
        assert look_at_floors(workspace.id, LOOK).assigned == 3
    finally:
        done.set()
        holder.join(PATIENCE)
    assert held(aiko) == waiting[1:]


def test_four_workers_at_once_make_up_for_it_once(workspace: Workspace) -> None:
    reps = [make_rep(workspace, f"rep-{n}", hours=HOURS) for n in range(25)]
    policies.publish(workspace.id, policy(ASSIGN, fair="  hold_at_most: 5\n"), by=None, now=MONDAY)
    leads(workspace, 100)
    assigned = at_once(*[lambda: look_at_floors(workspace.id, LOOK).assigned] * 4)
    assert sum(assigned) == 75
    enter(workspace.id)
    assert RepEntry.objects.count() == 25
    assert all(len(held(rep)) == 3 for rep in reps)
    assert set(Standing.objects.values_list("holding", "assigned_today")) == {(3, 3)}
    assert Decision.objects.filter(kind="assigned").count() == 75


def test_claims_at_the_same_moment_pass_no_cap(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, policy(ASSIGN, fair="  hold_at_most: 3\n"), by=None, now=MONDAY)
    waiting = leads(workspace, 30)
    caller = caller_of(aiko.user)
    acts: list[Any] = [lambda n=n: claiming.claim_lead(caller, waiting[20 + n], LOOK) for n in range(6)]
    acts.append(lambda: look_at_floors(workspace.id, LOOK))
    at_once(*acts)
    assert len(held(aiko)) == Standing.objects.get(rep=aiko).holding == 3


def test_the_job_looks_in_every_workspace(workspace: Workspace, aiko: Rep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "moment", lambda: LOOK)
    policies.publish(workspace.id, policy(NOTIFY), by=None, now=MONDAY)
    other = make_workspace()
    budi = make_rep(other, "budi", hours=HOURS)
    policies.publish(other.id, policy(NOTIFY), by=None, now=MONDAY)
    assert tasks.look_at_claim_floors(timestamp=int(LOOK.timestamp())) == 2
    assert len(entries(aiko)) == len(entries(budi)) == 1


def test_a_job_that_was_left_over_from_yesterday_does_not_go_back_to_it(
    workspace: Workspace, aiko: Rep, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies.publish(workspace.id, policy(NOTIFY), by=None, now=MONDAY)
    monkeypatch.setattr(tasks, "moment", lambda: LOOK + timedelta(hours=16))
    assert tasks.look_at_claim_floors(timestamp=int(LOOK.timestamp())) == 0
    assert entries(aiko) == []


# -- what the rep is shown ----------------------------------------------------------------------------------------------


def test_the_standing_says_what_is_expected_with_days_off_taken_off_and_when_it_is_looked_at(
    workspace: Workspace,
) -> None:
    rep = make_rep(workspace, "aiko", hours=HOURS)
    TimeOff.objects.create(workspace=workspace, rep=rep, starts=MONDAY.replace(hour=0), ends=MONDAY + timedelta(days=1))
    policies.publish(workspace.id, policy("{count: 10, per: week}"), by=None, now=MONDAY)
    mine = my_standing(caller_of(rep.user), MONDAY + timedelta(days=2))
    assert mine is not None
    (rule,) = [rule for rule in mine.rules if rule.rule == "claim_at_least"]
    assert (rule.have, rule.at_least, rule.ok) == (0, 8, False)
    assert rule.params is not None
    assert rule.params["at"] == (LOOK + timedelta(days=4)).isoformat()
    assert rule.next is not None
    assert rule.next.params["count"] == 8


def test_who_has_nothing_to_claim_is_expected_nothing(workspace: Workspace) -> None:
    rep = make_rep(workspace, "aiko", hours=HOURS)
    tiers = "tiers: [{name: top, when: rep.closed >= 5, sees: full}, {name: new, sees: none}]\n"
    policies.publish(workspace.id, policy(NOTIFY, more=tiers), by=None, now=MONDAY)
    mine = my_standing(caller_of(rep.user), LOOK)
    assert mine is not None
    (rule,) = [rule for rule in mine.rules if rule.rule == "claim_at_least"]
    assert (rule.at_least, rule.ok, rule.next) == (0, True, None)
    assert look_at_floors(workspace.id, LOOK).looked_at == 0
