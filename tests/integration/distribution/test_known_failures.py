"""What other systems that push leads are known to get wrong, each shown here not to happen, by the real service on PostgreSQL.

The same with processes of their own racing each other is in ``tests/concurrency/test_pushing_races.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.models import Account, Lead
from dibs.distribution import acting
from dibs.distribution.joining import leave
from dibs.distribution.models import Decision
from dibs.distribution.placing import place
from dibs.distribution.ticking import tick
from dibs.people.caller import caller_of
from dibs.people.models import Membership, Rep, TimeOff, Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace, publish

pytestmark = pytest.mark.django_db

PUSH = """
policy: Everything to the closers
route:
  - {{name: Everyone, push: {{team: closers, by: {by}}}, fallback: {{pool: inbound}}}}
teams:
  closers: {{{rules}}}
pools:
  inbound: {{assign_after: 3000d}}
"""

STRATEGIES = ("round_robin", "weighted_round_robin", "least_open", "first_available", "best_match")


def closers(handles: str, by: str = "round_robin", rules: str = "", **fields: Any) -> tuple[Workspace, list[Rep]]:
    """A workspace whose every lead is pushed to a team of these reps."""
    workspace = make_workspace(timezone="UTC")
    reps = [make_rep(workspace, handle, teams=("closers",), **fields) for handle in handles.split()]
    publish(workspace, PUSH.format(by=by, rules=rules))
    return workspace, reps


def arrive(workspace: Workspace, number: int = 1, now: datetime = MONDAY, **fields: Any) -> list[str | None]:
    """So many leads come in one after the other; who got each. Those of before wait for nobody any more."""
    Lead.objects.update(awaits=None)
    return [place(workspace.id, [make_arrival(**fields)], now=now)[0].owner for _ in range(number)]


def end(workspace: Workspace, now: datetime = MONDAY) -> None:
    """Everybody converts all they have."""
    enter(workspace.id)
    for lead in Lead.objects.filter(state__in=["owned", "working"]).select_related("owner__user"):
        assert isinstance(acting.convert(caller_of(lead.owner.user), lead.id, now), acting.Acted)


def why(lead_id: UUID, code: str) -> list[dict[str, Any]]:
    """The parameters of every reason of this code in the last decision about the lead."""
    last = Decision.objects.filter(lead_id=lead_id).order_by("-nth")[0]
    return [reason["params"] for reason in last.reasons if reason["code"] == code]


# A list changed in mid-rotation: with an index into the list, whoever moves into the gap is skipped or served twice.


@pytest.mark.parametrize("left", range(4))
def test_a_list_changed_in_mid_rotation_neither_skips_nor_repeats_anybody(left: int) -> None:
    workspace, reps = closers("ann bea cid dee")
    before = arrive(workspace, 6)
    Membership.objects.filter(rep=reps[left]).delete()
    make_rep(workspace, "aaa", teams=("closers",))
    make_rep(workspace, "zoe", teams=("closers",))
    stay = {rep.handle for rep in reps} - {reps[left].handle}
    after = arrive(workspace, 15)
    assert reps[left].handle not in after
    got = Counter(handle for handle in before + after if handle in stay)
    assert max(got.values()) - min(got.values()) <= 1, "who stayed is as level as if nothing had changed"
    assert all(2 <= after.count(handle) <= 4 for handle in ("aaa", "zoe")), "who is new gets a share like everybody's"
    assert max(after[:5].count(handle) for handle in ("aaa", "zoe")) <= 2, "and no burst: one turn ahead at most"


# A returning rep flooded: whoever counts turns gives all that were missed at once.


@pytest.mark.parametrize("by", ["round_robin", "weighted_round_robin", "first_available"])
def test_a_rep_back_from_leave_gets_no_flood(by: str) -> None:
    workspace, (ann, *_) = closers("ann bea cid", by)
    arrive(workspace, 9)
    TimeOff.objects.create(workspace=workspace, rep=ann, starts=MONDAY, ends=MONDAY + timedelta(days=14))
    away = MONDAY + timedelta(days=1)
    assert Counter(arrive(workspace, 40, away)) == {"bea": 20, "cid": 20}
    back = MONDAY + timedelta(days=14)
    first = [owner for n in range(12) for owner in arrive(workspace, 1, back + timedelta(minutes=n))]
    assert all(3 <= first.count(handle) <= 5 for handle in ("ann", "bea", "cid")), "level, but for one turn"
    assert first[:6].count("ann") <= 3


def test_a_rep_back_without_any_lead_is_kept_from_a_flood_by_the_hour_where_the_fewest_open_go_first() -> None:
    workspace, (ann, *_) = closers("ann bea cid", "least_open", "per_hour: 3")
    ann.available = False
    ann.save()
    for hour in range(4):
        arrive(workspace, 4, MONDAY + timedelta(hours=hour))
    ann.available = True
    ann.save()
    got = Counter(arrive(workspace, 9, MONDAY + timedelta(hours=5)))
    assert got == {"ann": 3, "bea": 3, "cid": 3}, "without the cap all nine would be hers"


# Ties always to the senior: the first of the list, the lowest id or the oldest account wins whenever two are equal.


@pytest.mark.parametrize("by", STRATEGIES)
def test_ties_are_not_always_the_seniors(by: str) -> None:
    workspace, reps = closers("aaa bbb", by)
    first = []
    for n in range(40):  # level again each time: two leads to two reps, all of them ended, a day apart
        now = MONDAY + timedelta(days=n)
        pair = arrive(workspace, 2, now)
        end(workspace, now)
        if by != "best_match":  # which may well give both to one: it weighs, and does not take turns
            assert set(pair) == {"aaa", "bbb"}
        first.append(pair[0])
    assert 4 <= first.count(reps[0].handle) <= 36, "one in 10^7 if ties are drawn"


# An inactive user in the rotation: leads go on to somebody who left, and lie there.


@pytest.mark.parametrize("by", STRATEGIES)
def test_who_left_or_switched_off_gets_nothing_and_the_log_says_so(by: str) -> None:
    workspace, (ann, bea, _) = closers("ann bea cid", by)
    arrive(workspace, 3)
    leave(ann.user)
    Rep.objects.filter(id=bea.id).update(available=False)
    (placed,) = place(workspace.id, [make_arrival()], now=MONDAY)
    assert placed.owner == "cid"
    passed_over = {said["rep"]: said["because"] for said in why(placed.lead_id, "passed_over")}
    assert passed_over == {"ann": "inactive", "bea": "unavailable"}
    assert set(arrive(workspace, 5)) == {"cid"}


def test_a_lead_of_an_account_whose_owner_left_goes_to_the_fallback_and_not_to_them() -> None:
    workspace, (ann, _) = closers("ann bea")
    publish(
        workspace,
        """
        policy: Named accounts
        route:
          - {name: Named, when: 'account.owner != null', push: {to: account.owner}, fallback: {team: closers}}
        """,
    )
    Account.objects.create(workspace=workspace, name="Acme", domain="acme.example", owner=ann)
    assert arrive(workspace, domain="acme.example", email="a@acme.example") == ["ann"]
    leave(ann.user)
    assert arrive(workspace, domain="acme.example", email="b@acme.example") == ["bea"]


# A small monthly capacity rounding to zero a day: 20 a month over 30 days is 0 a day, and the rep never gets one.


def test_a_small_monthly_capacity_is_counted_by_the_month_and_not_rounded_to_nothing_a_day() -> None:
    workspace, _ = closers("ann", rules="per_month: 2")
    assert arrive(workspace, 3) == ["ann", "ann", None]
    assert arrive(workspace, 1, datetime(2026, 3, 31, 23, 0, tzinfo=UTC)) == [None]
    assert arrive(workspace, 3, datetime(2026, 4, 1, 0, 0, tzinfo=UTC)) == ["ann", "ann", None]


def test_a_capacity_of_one_a_month_gives_that_one() -> None:
    workspace, _ = closers("ann bea", rules="per_month: 10, reps: {ann: {per_month: 1}}")
    assert Counter(arrive(workspace, 12)) == {"ann": 1, "bea": 10, None: 1}


# Bulk insert all to one rep: who is next is read once for the whole batch.


@pytest.mark.parametrize("by", STRATEGIES)
@pytest.mark.parametrize("size", [15, 200])
def test_a_bulk_insert_is_dealt_out_as_if_its_leads_had_come_one_by_one(by: str, size: int) -> None:
    workspace, _ = closers("ann bea cid dee eve", by)
    got = Counter(placed.owner for placed in place(workspace.id, [make_arrival() for _ in range(size)], now=MONDAY))
    most, least = max(got.values()), min(got.values())
    assert sum(got.values()) == size
    if by == "best_match":  # which weighs and draws, and need not be level
        assert len(got) > 1
    else:
        assert len(got) == 5
        assert most - least <= 1


def test_a_bulk_insert_stops_at_the_caps_that_it_fills_itself() -> None:
    workspace, _ = closers("ann bea", rules="per_day: 30, open_at_most: 40")
    got = Counter(placed.owner for placed in place(workspace.id, [make_arrival() for _ in range(100)], now=MONDAY))
    assert got == {"ann": 30, "bea": 30, None: 40}


# Reassignment loops: a late lead goes from A to B to A, and on.

LATE = """
policy: Late leads go on
route:
  - {name: Everyone, push: {team: closers}}
sla: {first_contact: 10m, then: {reassign: 5, review: closers}}
"""


def ticks(workspace: Workspace, hours: float, every: timedelta = timedelta(minutes=5)) -> None:
    """Time goes on, and nobody does anything."""
    now, until = MONDAY, MONDAY + timedelta(hours=hours)
    while now <= until:
        tick(now)
        now += every
    enter(workspace.id)


def owners_of(lead_id: UUID) -> list[str]:
    """Who had the lead, in turn."""
    story = (
        Decision.objects.filter(lead_id=lead_id, after__in=["owned", "offered"]).order_by("nth").select_related("rep")
    )
    return [decision.rep.handle for decision in story if decision.rep is not None]


def test_a_lead_that_nobody_contacts_goes_to_each_once_and_then_before_managers_and_stays_there() -> None:
    workspace, _ = closers("ann bea cid")
    publish(workspace, LATE)
    (placed,) = place(workspace.id, [make_arrival()], now=MONDAY)
    ticks(workspace, 24)
    assert sorted(owners_of(placed.lead_id)) == ["ann", "bea", "cid"], "each once, though five times would be allowed"
    lead = Lead.objects.get(id=placed.lead_id)
    assert (lead.state, lead.review, lead.due_at) == ("review", "closers", None)


def test_offers_that_nobody_takes_end_before_managers_after_the_limit() -> None:
    workspace, _ = closers("ann bea cid dee eve fay")
    publish(
        workspace,
        """
        policy: Offers
        route:
          - {name: Everyone, push: {team: closers, accept_within: 5m}}
        """,
    )
    (placed,) = place(workspace.id, [make_arrival()], now=MONDAY)
    ticks(workspace, 24)
    had = owners_of(placed.lead_id)
    assert len(had) == len(set(had)) == 4, "three times on, and to nobody twice"
    assert Lead.objects.get(id=placed.lead_id).state == "review"


# Two automations overwriting each other: each undoes what the other did, and the lead never comes to rest.

TWO = """
policy: Two automations
route:
  - {name: Everyone, push: {team: closers}}
teams: {closers: {}, telemarketing: {}}
sla: {first_contact: 10m, then: {reassign: 3, review: closers}}
idle:
  - {after: 30m, then: {team: telemarketing}}
"""


def test_two_rules_that_take_a_lead_from_each_other_end_before_managers() -> None:
    workspace, _ = closers("ann bea cid")
    for handle in ("tia", "tom", "ted"):
        make_rep(workspace, handle, teams=("telemarketing",))
    publish(workspace, TWO)
    (placed,) = place(workspace.id, [make_arrival()], now=MONDAY)
    ticks(workspace, 48)
    had = owners_of(placed.lead_id)
    assert len(had) == len(set(had)) <= 4
    lead = Lead.objects.get(id=placed.lead_id)
    assert lead.state == "review"
    assert Decision.objects.filter(lead_id=placed.lead_id).count() == len(had) + 1, "and nothing more is written of it"


def test_what_a_manager_gave_by_hand_no_rule_gives_to_another() -> None:
    workspace, (_, _, cid) = closers("ann bea cid")
    publish(workspace, TWO)
    boss = make_user(workspace, "manager")
    make_team(workspace, "closers", managers=(boss,))
    (placed,) = place(workspace.id, [make_arrival()], now=MONDAY)
    assert isinstance(acting.assign(caller_of(boss), placed.lead_id, "cid", MONDAY), acting.Acted)
    ticks(workspace, 48)
    lead = Lead.objects.get(id=placed.lead_id)
    assert (lead.state, lead.owner_id) == ("owned", cid.id)


# A day boundary in the wrong time zone: caps by the day turn over at the server's midnight, or the head office's.


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Asia/Tokyo", datetime(2026, 3, 2, 15, 0, tzinfo=UTC)),
        ("America/Mexico_City", datetime(2026, 3, 3, 6, 0, tzinfo=UTC)),
        ("UTC", datetime(2026, 3, 3, 0, 0, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 3, 2, 18, 15, tzinfo=UTC)),
        # The day on which clocks go forward has 23 hours.
        ("Europe/Madrid", datetime(2026, 3, 29, 22, 0, tzinfo=UTC)),
    ],
)
def test_a_cap_by_the_day_turns_over_at_the_reps_own_midnight(zone: str, midnight: datetime) -> None:
    workspace, _ = closers("ann", rules="per_day: 2", timezone=zone)
    minute = timedelta(minutes=1)
    assert arrive(workspace, 3, midnight - 3 * minute) == ["ann", "ann", None]
    assert arrive(workspace, 1, midnight - minute) == [None]
    assert arrive(workspace, 3, midnight) == ["ann", "ann", None]


# Leads stuck when all are on leave: they were assigned to nobody, and nothing looks at them again.


def on_leave(workspace: Workspace, reps: Sequence[Rep], days: int) -> None:
    for rep in reps:
        ends = MONDAY + timedelta(days=days)
        TimeOff.objects.create(workspace=workspace, rep=rep, starts=MONDAY - timedelta(days=1), ends=ends)


def test_leads_that_came_while_all_were_on_leave_go_out_oldest_first_when_one_is_back() -> None:
    workspace, reps = closers("ann bea", rules="per_day: 3")
    on_leave(workspace, reps, 7)
    waiting = [place(workspace.id, [make_arrival()], now=MONDAY + timedelta(hours=n))[0].lead_id for n in range(5)]
    tick(MONDAY + timedelta(days=3))
    enter(workspace.id)
    assert not Lead.objects.filter(state="owned").exists()
    TimeOff.objects.filter(rep=reps[0]).update(ends=MONDAY + timedelta(days=4))
    tick(MONDAY + timedelta(days=4))
    enter(workspace.id)
    owned = set(Lead.objects.filter(state="owned", owner=reps[0]).values_list("id", flat=True))
    assert owned == set(waiting[:3]), "the oldest first, and no more than she may have in a day"
    tick(MONDAY + timedelta(days=7))
    enter(workspace.id)
    assert Lead.objects.filter(state="owned").count() == 5, "none is left behind"


def test_leads_for_whom_there_was_nobody_and_no_pool_wait_before_managers_and_are_not_lost() -> None:
    workspace, reps = closers("ann bea")
    publish(workspace, "policy: No pool\nroute:\n  - {name: Everyone, push: {team: closers}}\n")
    on_leave(workspace, reps, 7)
    (placed,) = place(workspace.id, [make_arrival()], now=MONDAY)
    assert (placed.state, placed.review) == ("review", "managers")
    assert {said["because"] for said in why(placed.lead_id, "passed_over")} == {"away"}
    tick(MONDAY + timedelta(days=7))
    enter(workspace.id)
    assert Lead.objects.get(id=placed.lead_id).state == "owned"
