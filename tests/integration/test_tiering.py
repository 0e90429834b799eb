"""Tiers: settled once a day by each rep's own calendar, from the record of a rolling window, and told with the reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from dibs.crm.models import Lead
from dibs.delivery.models import Notice, Outbox
from dibs.distribution import acting, claiming, policies, rulebooks, tasks
from dibs.distribution.models import RepEntry, Standing
from dibs.distribution.placing import place
from dibs.distribution.tiering import retier_all
from dibs.insight.mine import my_tier
from dibs.people.caller import caller_of
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_arrival, make_rep, make_user, make_workspace
from tests.running import at_once

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = """
policy: By performance
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {}}
tiering: {over: 30d, confirm: 2}
tiers:
  - {name: top, when: 'rep.conversion_rate >= 0.5 && rep.closed >= 2', sees: full}
  - {name: mid, when: 'rep.closed >= 1', sees: preview}
  - {name: new, sees: none}
"""


def day(n: float) -> datetime:
    return MONDAY + timedelta(days=n)


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def aiko(workspace: Workspace) -> Rep:
    return make_rep(workspace, "aiko")


def ended(rep: Rep, at: datetime, *, converted: int = 0, retired: int = 0) -> None:
    """Leads that the rep ended then."""
    enter(rep.workspace_id)
    for state, count in (("converted", converted), ("retired", retired)):
        for _ in range(count):
            Lead.objects.create(
                workspace_id=rep.workspace_id, source="x", received_at=at, state=state, owner=rep, ended_at=at, score=50
            )


def tier(rep: Rep) -> str | None:
    enter(rep.workspace_id)
    return Standing.objects.get(rep=rep).tier


def entries(rep: Rep) -> list[dict[str, Any]]:
    enter(rep.workspace_id)
    return [entry.reasons[0] for entry in RepEntry.objects.filter(rep=rep).order_by("at", "id")]


def test_the_first_tier_is_set_at_once_with_the_line_that_says_why(workspace: Workspace, aiko: Rep) -> None:
    ended(aiko, day(-3), converted=1, retired=1)
    with structlog.testing.capture_logs() as logged:
        policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    standing = Standing.objects.get(rep=aiko)
    assert (standing.tier, standing.tier_since, standing.tier_on) == ("top", MONDAY.date(), MONDAY.date())
    assert (standing.closed, standing.converted) == (2, 1)
    record = {"tier": "top", "closed": 2, "conversion_rate": 0.5, "over": 30 * 86400}
    entry = RepEntry.objects.get(rep=aiko)
    assert (entry.kind, entry.at, entry.policy_version) == ("tier_changed", MONDAY, 1)
    assert entry.reasons == [{"code": "tier_set", "params": record, "rule": "tiers"}]
    (line,) = [line for line in logged if line["event"] == "rep_tier_changed"]
    assert (line["rep"], line["code"], line["tier"], line["closed"]) == ("aiko", "tier_set", "top", 2)
    notice = Notice.objects.get(user=aiko.user)
    assert (notice.kind, notice.reasons) == ("tier_changed", entry.reasons)
    event = Outbox.objects.get(event="rep.tier_changed")
    assert event.payload == {"rep": "aiko", "rep_name": "Aiko", "before": None, "after": "top"}
    assert event.lead is None


def test_another_tier_has_to_last_before_the_rep_moves(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    assert tier(aiko) == "new"
    ended(aiko, day(0.5), converted=1)
    assert retier_all(workspace.id, day(1)) == 0
    standing = Standing.objects.get(rep=aiko)
    assert (standing.tier, standing.tier_candidate, standing.tier_days) == ("new", "mid", 1)
    assert retier_all(workspace.id, day(2)) == 1
    assert tier(aiko) == "mid"
    last = entries(aiko)[-1]
    assert last["code"] == "tier_changed"
    assert {**last["params"]} == {
        "before": "new",
        "after": "mid",
        "up": True,
        "closed": 1,
        "conversion_rate": 1.0,
        "over": 30 * 86400,
        "days": 2,
        "when": "rep.closed >= 1",
    }
    event = Outbox.objects.filter(event="rep.tier_changed").latest("seq")
    assert (event.payload["before"], event.payload["after"]) == ("new", "mid")


def test_who_only_touches_a_threshold_does_not_flicker(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    before = len(entries(aiko))
    for n in range(1, 9):
        # One lead comes into the window and leaves it again, every other day.
        Lead.objects.filter(owner=aiko).delete()
        if n % 2:
            ended(aiko, day(n - 0.5), retired=1)
        retier_all(workspace.id, day(n))
        assert tier(aiko) == "new"
    assert len(entries(aiko)) == before


def test_only_what_ended_within_the_window_counts(workspace: Workspace, aiko: Rep) -> None:
    ended(aiko, day(-29), converted=1)
    ended(aiko, day(-31), converted=5)
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    assert Standing.objects.get(rep=aiko).closed == 1
    assert tier(aiko) == "mid"
    for n in (2, 3):
        retier_all(workspace.id, day(n))
    assert Standing.objects.get(rep=aiko).closed == 0
    assert tier(aiko) == "new"


def test_a_rep_is_looked_at_once_a_day_and_the_day_is_the_reps_own(workspace: Workspace) -> None:
    tokyo = make_rep(workspace, "aiko", timezone="Asia/Tokyo")
    mexico = make_rep(workspace, "mateo", timezone="America/Mexico_City")
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)

    def looked() -> tuple[date | None, date | None]:
        return Standing.objects.get(rep=tokyo).tier_on, Standing.objects.get(rep=mexico).tier_on

    assert looked() == (date(2026, 3, 2), date(2026, 3, 2))
    retier_all(workspace.id, datetime(2026, 3, 2, 14, 59, tzinfo=UTC))
    assert looked() == (date(2026, 3, 2), date(2026, 3, 2))
    retier_all(workspace.id, datetime(2026, 3, 2, 15, 0, tzinfo=UTC))
    assert looked() == (date(2026, 3, 3), date(2026, 3, 2))
    retier_all(workspace.id, datetime(2026, 3, 3, 6, 0, tzinfo=UTC))
    assert looked() == (date(2026, 3, 3), date(2026, 3, 3))


def test_a_second_look_on_the_same_day_counts_for_nothing(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    ended(aiko, day(0.5), converted=1)
    for hours in range(5):
        retier_all(workspace.id, day(1) + timedelta(hours=hours))
    assert Standing.objects.get(rep=aiko).tier_days == 1


def test_days_without_a_worker_are_no_looks(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    ended(aiko, day(0.5), converted=1)
    retier_all(workspace.id, day(10))
    assert (tier(aiko), Standing.objects.get(rep=aiko).tier_days) == ("new", 1)


def test_a_look_costs_the_same_few_statements_for_two_reps_and_for_two_hundred(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for n in range(200):
        make_rep(workspace, f"rep-{n}")
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    for rep in Rep.objects.all():
        ended(rep, day(0.5), converted=2)
    retier_all(workspace.id, day(1))
    with django_assert_max_num_queries(30):
        assert retier_all(workspace.id, day(2)) == 200
    assert set(Standing.objects.values_list("tier", flat=True)) == {"top"}
    with django_assert_max_num_queries(2):
        assert retier_all(workspace.id, day(2)) == 0


def test_four_workers_at_once_settle_each_rep_once(workspace: Workspace) -> None:
    reps = [make_rep(workspace, f"rep-{n}") for n in range(20)]
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    for rep in reps:
        ended(rep, day(0.5), converted=1)
    retier_all(workspace.id, day(1))
    enter(workspace.id)
    RepEntry.objects.all().delete()
    Notice.objects.all().delete()
    moved = at_once(*[lambda: retier_all(workspace.id, day(2))] * 4)
    assert sum(moved) == 20
    enter(workspace.id)
    assert RepEntry.objects.count() == Notice.objects.count() == 20
    assert set(Standing.objects.values_list("tier", "tier_days")) == {("mid", 0)}


def test_a_claim_in_between_is_not_undone(workspace: Workspace, aiko: Rep) -> None:
    """What tiers write has no part in what claims count, and the other way round."""
    policies.publish(workspace.id, POLICY.replace("sees: none", "sees: preview"), by=None, now=MONDAY)
    placed = place(workspace.id, [make_arrival()], now=MONDAY)[0]
    ended(aiko, day(0.5), converted=1)
    retier_all(workspace.id, day(1))
    assert isinstance(claiming.claim_lead(caller_of(aiko.user), placed.lead_id, day(1.1)), claiming.Claimed)
    retier_all(workspace.id, day(2))
    standing = Standing.objects.get(rep=aiko)
    assert (standing.tier, standing.holding, standing.claims_this_week) == ("mid", 1, 1)


def test_what_a_rep_ends_counts_towards_the_tier(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, POLICY.replace("sees: none", "sees: preview"), by=None, now=MONDAY)
    caller = caller_of(aiko.user)
    placed = place(workspace.id, [make_arrival()], now=MONDAY)[0]
    assert isinstance(claiming.claim_lead(caller, placed.lead_id, day(0.1)), claiming.Claimed)
    assert isinstance(acting.convert(caller, placed.lead_id, day(0.1) + timedelta(minutes=5)), acting.Acted)
    retier_all(workspace.id, day(1))
    assert Standing.objects.get(rep=aiko).tier_candidate == "mid"


def test_reps_who_are_switched_off_are_left_alone(workspace: Workspace) -> None:
    make_rep(workspace, "gone", active=False)
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    assert not RepEntry.objects.exists()


def test_a_rep_who_joins_later_is_settled_by_the_next_look(workspace: Workspace) -> None:
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    newcomer = make_rep(workspace, "budi")
    assert retier_all(workspace.id, MONDAY + timedelta(minutes=5)) == 1
    assert tier(newcomer) == "new"


def test_a_tier_that_the_new_policy_does_not_have_is_replaced_at_once(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    policies.publish(workspace.id, POLICY.replace("name: new", "name: starters"), by=None, now=MONDAY)
    assert tier(aiko) == "starters"
    assert entries(aiko)[-1]["params"]["tier"] == "starters"


def test_a_policy_without_tiers_forgets_them(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    plain = "policy: Plain\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {}}\n"
    policies.publish(workspace.id, plain, by=None, now=MONDAY)
    assert (tier(aiko), Standing.objects.get(rep=aiko).tier_on) == (None, None)
    assert retier_all(workspace.id, day(1)) == 0
    policies.publish(workspace.id, POLICY, by=None, now=day(1))
    assert tier(aiko) == "new"


def test_a_workspace_without_a_policy_has_no_tiers(workspace: Workspace, aiko: Rep) -> None:
    assert retier_all(workspace.id, MONDAY) == 0


def test_the_job_looks_in_every_workspace_and_a_broken_one_stops_no_other(
    workspace: Workspace, aiko: Rep, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    other = make_workspace()
    rep = make_rep(other, "budi")
    version = policies.publish(other.id, POLICY, by=None, now=MONDAY)
    third = make_workspace()
    late = make_rep(third, "chika")
    policies.publish(third.id, POLICY, by=None, now=MONDAY)
    enter(other.id)
    type(version).objects.filter(id=version.id).update(document={})
    policies.rulebook.cache_clear()
    rulebooks.predicting.cache_clear()
    monkeypatch.setattr(tasks, "moment", lambda: day(1))
    with pytest.raises(ValidationError):
        tasks.settle_tiers(timestamp=int(day(1).timestamp()))
    for one, on in ((aiko, day(1)), (rep, MONDAY), (late, day(1))):
        enter(one.workspace_id)
        assert Standing.objects.get(rep=one).tier_on == on.date()


# -- what the rep is shown --------------------------------------------------------------------------------------------


def test_a_rep_is_shown_the_tier_the_record_and_the_way_up(workspace: Workspace, aiko: Rep) -> None:
    ended(aiko, day(-1), converted=1, retired=2)
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    mine = my_tier(caller_of(aiko.user), MONDAY)
    assert mine is not None
    assert (mine.name, mine.sees, mine.since, mine.closed, mine.converted) == ("mid", "preview", MONDAY.date(), 3, 1)
    assert (mine.over, mine.confirm, mine.candidate, mine.days) == (timedelta(days=30), 2, None, 0)
    assert mine.next is not None
    assert (mine.next.code, mine.next.params["tier"]) == ("reach_tier", "top")


def test_who_is_at_the_top_has_no_way_up_and_who_is_no_rep_no_tier(workspace: Workspace, aiko: Rep) -> None:
    ended(aiko, day(-1), converted=2)
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    mine = my_tier(caller_of(aiko.user), MONDAY)
    assert mine is not None
    assert (mine.name, mine.next) == ("top", None)
    assert my_tier(caller_of(make_user(workspace, "manager")), MONDAY) is None


def test_another_tier_that_fits_is_shown_while_it_has_to_last(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, POLICY, by=None, now=MONDAY)
    ended(aiko, day(0.5), converted=1)
    retier_all(workspace.id, day(1))
    mine = my_tier(caller_of(aiko.user), day(1))
    assert mine is not None
    assert (mine.name, mine.candidate, mine.days) == ("new", "mid", 1)
