"""Policies announced for a moment ahead: who is told, what is promised, and how they come into force."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pydantic import ValidationError

from dibs.delivery.models import Notice, Outbox
from dibs.distribution import policies, ticking
from dibs.distribution.models import PolicyVersion, RepEntry
from dibs.engine.policy import PolicyRefused
from dibs.people.models import Rep, Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_rep, make_user, make_workspace
from tests.running import at_once

pytestmark = pytest.mark.django_db(transaction=True)

FRIDAY = MONDAY + timedelta(days=4)


def text(
    name: str = "First", fair_play: str = "{hold_at_most: 10}", pools: str = "{inbound: {lock: 15m}}", more: str = ""
) -> str:
    return f"policy: {name}\nroute:\n  - {{name: All, pull: {{pool: inbound}}}}\npools: {pools}\nfair_play: {fair_play}\n{more}"


TIGHTER = "{hold_at_most: 5}"


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def aiko(workspace: Workspace) -> Rep:
    return make_rep(workspace, "aiko")


def versions(workspace: Workspace) -> list[tuple[int, bool, bool, bool]]:
    """Number, active, pending, taken back."""
    rows = PolicyVersion.objects.filter(workspace=workspace).order_by("number")
    return [(row.number, row.active, row.pending, row.cancelled_at is not None) for row in rows]


def events(workspace: Workspace) -> list[str]:
    return list(Outbox.objects.filter(workspace=workspace).order_by("seq").values_list("event", flat=True))


def told(rep: Rep) -> list[tuple[str, list[tuple[str, Any, Any, Any]]]]:
    """What the rep was told, oldest first: the kind of notice, and each reason's rule, before and after."""
    return [
        (
            notice.kind,
            [(r["params"].get("rule"), r["params"].get("before"), r["params"].get("after")) for r in notice.reasons],
        )
        for notice in Notice.objects.filter(user=rep.user).order_by("at", "id")
    ]


# -- announcing, and coming into force ----------------------------------------------------------------------------------


def test_an_announced_policy_waits_and_the_active_one_stays(workspace: Workspace) -> None:
    ops = make_user(workspace, "ops", name="Nora")
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    version = policies.publish(workspace.id, text("Second"), ops, "Less", FRIDAY, now=MONDAY)
    assert (version.number, version.active, version.pending, version.effective_from) == (2, False, True, FRIDAY)
    assert versions(workspace) == [(1, True, False, False), (2, False, True, False)]
    assert policies.pending(workspace.id) == version
    active = policies.active(workspace.id)
    assert active is not None
    assert active.number == 1
    event = Outbox.objects.get(workspace=workspace, event="policy.announced")
    assert event.payload == {
        "number": 2,
        "name": "Second",
        "digest": version.digest,
        "by": "Nora",
        "effective_from": FRIDAY.isoformat(),
    }


def test_it_comes_into_force_at_its_moment_and_not_before(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    assert policies.come_into_force(workspace.id, FRIDAY - timedelta(seconds=1)) is None
    assert versions(workspace)[1] == (2, False, True, False)
    version = policies.come_into_force(workspace.id, FRIDAY)
    assert version is not None
    assert (version.number, version.active, version.pending) == (2, True, False)
    assert versions(workspace) == [(1, False, False, False), (2, True, False, False)]
    assert events(workspace) == ["policy.published", "policy.announced", "policy.published"]
    assert policies.come_into_force(workspace.id, FRIDAY) is None


def test_the_tick_puts_it_in_force(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    ticking.tick(FRIDAY - timedelta(minutes=1))
    enter(workspace.id)
    assert versions(workspace)[0] == (1, True, False, False)
    ticking.tick(FRIDAY)
    enter(workspace.id)
    assert versions(workspace) == [(1, False, False, False), (2, True, False, False)]


def test_one_that_cannot_come_into_force_keeps_no_lead_and_no_other_workspace_waiting(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    broken = policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    PolicyVersion.objects.filter(id=broken.id).update(document={**broken.document, "unheard_of": True})
    other = make_workspace()
    policies.publish(other.id, text("First"), by=None, now=MONDAY)
    policies.publish(other.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    with pytest.raises(ValidationError, match="unheard_of"):
        ticking.tick(FRIDAY)
    enter(workspace.id)
    assert versions(workspace) == [(1, True, False, False), (2, False, True, False)]
    enter(other.id)
    assert versions(other) == [(1, False, False, False), (2, True, False, False)]


def test_nothing_due_costs_a_tick_one_query(workspace: Workspace, django_assert_num_queries: Any) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    with django_assert_num_queries(1):
        assert policies.come_into_force(workspace.id, MONDAY) is None


def test_the_first_policy_can_be_announced_too(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, text("First"), None, "", FRIDAY, now=MONDAY)
    assert policies.active(workspace.id) is None
    policies.come_into_force(workspace.id, FRIDAY)
    active = policies.active(workspace.id)
    assert active is not None
    assert active.number == 1
    assert told(aiko) == []


def test_a_moment_that_has_passed_is_at_once(workspace: Workspace) -> None:
    version = policies.publish(workspace.id, text("First"), None, "", MONDAY - timedelta(days=1), now=MONDAY)
    assert (version.active, version.pending, version.effective_from) == (True, False, MONDAY)


def test_the_same_announcement_twice_is_one(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    first = policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    again = policies.publish(workspace.id, "# a remark\n" + text("Second"), None, "", FRIDAY, now=MONDAY)
    assert again == first
    assert events(workspace) == ["policy.published", "policy.announced"]


def test_announcing_what_is_active_changes_nothing(workspace: Workspace) -> None:
    first = policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    assert policies.publish(workspace.id, text("First"), None, "", FRIDAY, now=MONDAY) == first
    assert policies.pending(workspace.id) is None


def test_another_announcement_takes_the_earlier_one_back(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    policies.publish(workspace.id, text("Third"), None, "", FRIDAY, now=MONDAY)
    assert versions(workspace) == [(1, True, False, False), (2, False, False, True), (3, False, True, False)]
    assert events(workspace)[1:] == ["policy.announced", "policy.cancelled", "policy.announced"]


def test_publishing_at_once_takes_the_announcement_back(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    policies.publish(workspace.id, text("A fix"), by=None, now=MONDAY + timedelta(hours=1))
    assert versions(workspace) == [(1, False, False, False), (2, False, False, True), (3, True, False, False)]
    assert policies.come_into_force(workspace.id, FRIDAY) is None


def test_going_back_can_be_announced(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), by=None, now=MONDAY)
    back = policies.rollback(workspace.id, 1, None, FRIDAY, now=MONDAY)
    assert (back.name, back.pending, back.note) == ("First", True, "Back to version 1")
    policies.come_into_force(workspace.id, FRIDAY)
    assert versions(workspace)[2] == (3, True, False, False)


def test_taking_back_leaves_the_active_one(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    taken_back = policies.cancel_pending(workspace.id, now=MONDAY)
    assert taken_back is not None
    assert taken_back.number == 2
    assert versions(workspace) == [(1, True, False, False), (2, False, False, True)]
    assert events(workspace)[-1] == "policy.cancelled"
    assert policies.cancel_pending(workspace.id, now=MONDAY) is None
    assert policies.come_into_force(workspace.id, FRIDAY) is None


def test_what_is_due_comes_into_force_before_another_is_published(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second", TIGHTER), None, "", FRIDAY, now=MONDAY)
    late = FRIDAY + timedelta(seconds=1)
    policies.publish(workspace.id, text("Third", "{hold_at_most: 4}"), by=None, now=late)
    assert versions(workspace) == [(1, False, False, False), (2, False, False, False), (3, True, False, False)]
    assert events(workspace)[2:] == ["policy.published", "policy.published"]
    assert told(aiko) == [
        ("rules_announced", [("fair_play.hold_at_most", 10, 5)]),
        ("rules_changed", [("fair_play.hold_at_most", 5, 4)]),
    ]


def test_what_is_due_cannot_be_taken_back(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second", TIGHTER), None, "", FRIDAY, now=MONDAY)
    assert policies.cancel_pending(workspace.id, now=FRIDAY) is None
    assert versions(workspace) == [(1, False, False, False), (2, True, False, False)]
    assert [kind for kind, _ in told(aiko)] == ["rules_announced"]


def test_a_policy_with_errors_is_not_announced(workspace: Workspace) -> None:
    with pytest.raises(PolicyRefused):
        policies.publish(
            workspace.id, text().replace("{pool: inbound}", "{pool: inbund}"), None, "", FRIDAY, now=MONDAY
        )
    assert versions(workspace) == []


def test_the_database_itself_allows_one_announcement(workspace: Workspace) -> None:
    version = policies.publish(workspace.id, text("First"), None, "", FRIDAY, now=MONDAY)
    copy = PolicyVersion(
        workspace=workspace, number=2, name="X", source="", document={}, digest=version.digest, pending=True
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save(force_insert=True)


# -- many at once -------------------------------------------------------------------------------------------------------


def test_four_workers_put_it_in_force_once(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)
    came: list[Any] = []

    def tick() -> None:
        enter(workspace.id)
        came.append(policies.come_into_force(workspace.id, FRIDAY))

    at_once(tick, tick, tick, tick)
    assert sum(version is not None for version in came) == 1
    assert events(workspace).count("policy.published") == 2


def test_publishers_and_workers_at_once_leave_one_active_and_at_most_one_announced(workspace: Workspace) -> None:
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), None, "", FRIDAY, now=MONDAY)

    def publisher(n: int) -> Any:
        later = FRIDAY + timedelta(days=n) if n % 2 else None
        return lambda: policies.publish(workspace.id, text(f"By {n}"), None, "", later, now=FRIDAY)

    def tick() -> None:
        enter(workspace.id)
        policies.come_into_force(workspace.id, FRIDAY)

    at_once(*(publisher(n) for n in range(6)), tick, lambda: policies.cancel_pending(workspace.id, now=FRIDAY), tick)
    rows = versions(workspace)
    assert [number for number, *_ in rows] == list(range(1, 9))
    assert sum(active for _, active, _, _ in rows) == 1
    assert sum(pending for _, _, pending, _ in rows) <= 1
    assert not any(cancelled and (active or pending) for _, active, pending, cancelled in rows)


# -- who is told --------------------------------------------------------------------------------------------------------


def test_reps_are_told_of_each_rule_that_changes_before_it_does(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, text(), by=None, now=MONDAY)
    assert told(aiko) == []
    policies.publish(
        workspace.id,
        text(fair_play="{hold_at_most: 5, skip_at_most: 3}", pools="{inbound: {lock: 30m}}"),
        None,
        "",
        FRIDAY,
        now=MONDAY,
    )
    ((kind, rules),) = told(aiko)
    assert kind == "rules_announced"
    assert rules == [
        ("pools.inbound.lock", "15m", "30m"),
        ("fair_play.hold_at_most", 10, 5),
        ("fair_play.skip_at_most", None, 3),
    ]
    (notice,) = Notice.objects.filter(user=aiko.user)
    assert [reason["code"] for reason in notice.reasons] == ["rule_loosens", "rule_tightens", "rule_tightens"]
    assert {reason["params"]["at"] for reason in notice.reasons} == {FRIDAY.isoformat()}
    assert (notice.at, notice.read_at) == (MONDAY, None)
    policies.come_into_force(workspace.id, FRIDAY)
    assert len(told(aiko)) == 1


def test_a_change_at_once_is_told_at_once(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, text(), by=None, now=MONDAY)
    policies.publish(workspace.id, text(fair_play=TIGHTER), by=None, now=MONDAY)
    policies.publish(workspace.id, text(), by=None, now=MONDAY + timedelta(hours=1))
    assert told(aiko) == [
        ("rules_changed", [("fair_play.hold_at_most", 10, 5)]),
        ("rules_changed", [("fair_play.hold_at_most", 5, 10)]),
    ]


def test_nobody_is_told_of_what_is_no_rule_of_theirs(workspace: Workspace, aiko: Rep) -> None:
    gone = make_rep(workspace, "gone", active=False)
    policies.publish(workspace.id, text("First"), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Second"), by=None, now=MONDAY)
    assert told(aiko) == []
    policies.publish(workspace.id, text("Third", fair_play=TIGHTER), by=None, now=MONDAY)
    assert told(aiko) != []
    assert told(gone) == []


def test_a_teams_caps_are_told_to_its_own_reps(workspace: Workspace, aiko: Rep) -> None:
    budi = make_rep(workspace, "budi", teams=("closers",))
    policies.publish(workspace.id, text(), by=None, now=MONDAY)
    policies.publish(workspace.id, text(more="teams: {closers: {per_day: 3}}\n"), by=None, now=MONDAY)
    assert told(budi) == [("rules_changed", [("teams.closers.per_day", None, 3)])]
    assert told(aiko) == []


def test_a_pools_rules_are_told_to_those_who_see_it_before_or_after(workspace: Workspace) -> None:
    reps = {slug: make_rep(workspace, slug, teams=(slug,)) for slug in ("old", "new", "other")}
    pools = "{{inbound: {{}}, vip: {{teams: [{}], lock: {}}}}}"
    policies.publish(workspace.id, text(pools=pools.format("old", "15m")), by=None, now=MONDAY)
    policies.publish(workspace.id, text(pools=pools.format("new", "10m")), by=None, now=MONDAY)
    rules = [("pools.vip.teams", "old", "new"), ("pools.vip.lock", "15m", "10m")]
    assert told(reps["old"]) == told(reps["new"]) == [("rules_changed", rules)]
    assert told(reps["other"]) == []


def test_taking_back_is_told_to_those_who_had_been_told(workspace: Workspace) -> None:
    vip, other = make_rep(workspace, "aiko", teams=("vip",)), make_rep(workspace, "budi")
    pools = "{{inbound: {{}}, vip: {{teams: [vip], lock: {}}}}}"
    policies.publish(workspace.id, text(pools=pools.format("15m")), by=None, now=MONDAY)
    policies.publish(workspace.id, text(pools=pools.format("5m")), None, "", FRIDAY, now=MONDAY)
    policies.cancel_pending(workspace.id, now=MONDAY + timedelta(hours=1))
    assert [kind for kind, _ in told(vip)] == ["rules_announced", "rules_kept"]
    last = Notice.objects.filter(user=vip.user).latest("at")
    assert [(reason["code"], reason["params"]) for reason in last.reasons] == [
        ("announcement_cancelled", {"at": FRIDAY.isoformat()})
    ]
    assert told(other) == []


def test_who_is_announced_the_same_change_again_is_not_told_again(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, text(), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Mistyped", fair_play=TIGHTER), None, "", FRIDAY, now=MONDAY)
    policies.publish(
        workspace.id, text("Put right", fair_play=TIGHTER), None, "", FRIDAY, now=MONDAY + timedelta(hours=1)
    )
    assert [kind for kind, _ in told(aiko)] == ["rules_announced"]
    policies.publish(
        workspace.id,
        text("Later", fair_play=TIGHTER),
        None,
        "",
        FRIDAY + timedelta(days=1),
        now=MONDAY + timedelta(hours=2),
    )
    assert [kind for kind, _ in told(aiko)] == ["rules_announced", "rules_kept", "rules_announced"]


def test_nothing_is_told_if_the_transaction_around_it_is_lost(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, text(), by=None, now=MONDAY)
    with transaction.atomic():
        policies.publish(workspace.id, text(fair_play=TIGHTER), None, "", FRIDAY, now=MONDAY)
        transaction.set_rollback(True)
    enter(workspace.id)
    assert told(aiko) == []
    assert policies.pending(workspace.id) is None


# -- the notice that a policy promises -----------------------------------------------------------------------------------

PROMISED = "{hold_at_most: 10, notice: 3d}"
PROMISED_TIGHTER = "{hold_at_most: 5, notice: 3d}"
EARLIEST = MONDAY + timedelta(days=3)


def refused(
    workspace: Workspace, source: str, effective_from: datetime | None, now: datetime = MONDAY
) -> policies.TooSudden:
    with pytest.raises(policies.TooSudden) as caught:
        policies.publish(workspace.id, source, None, "", effective_from, now=now)
    return caught.value


def test_a_tighter_rule_that_comes_too_suddenly_is_refused_with_the_earliest_moment(
    workspace: Workspace, aiko: Rep
) -> None:
    policies.publish(workspace.id, text(fair_play=PROMISED), by=None, now=MONDAY)
    for moment in (None, MONDAY + timedelta(hours=1), EARLIEST - timedelta(seconds=1)):
        too_sudden = refused(workspace, text(fair_play=PROMISED_TIGHTER), moment)
        assert too_sudden.earliest == EARLIEST
        (problem,) = too_sudden.problems
        assert (problem.code, problem.path) == ("too_sudden", "fair_play.notice")
        assert "fair_play.hold_at_most" in problem.message
        assert EARLIEST.isoformat() in problem.message
    assert versions(workspace) == [(1, True, False, False)]
    assert told(aiko) == []
    announced = policies.publish(workspace.id, text(fair_play=PROMISED_TIGHTER), None, "", EARLIEST, now=MONDAY)
    assert announced.pending


def test_a_looser_rule_may_come_at_once(workspace: Workspace) -> None:
    policies.publish(workspace.id, text(fair_play=PROMISED_TIGHTER), by=None, now=MONDAY)
    assert policies.publish(workspace.id, text(fair_play=PROMISED), by=None, now=MONDAY).active


def test_the_promise_itself_is_taken_away_with_notice_only(workspace: Workspace) -> None:
    policies.publish(workspace.id, text(fair_play=PROMISED), by=None, now=MONDAY)
    assert "fair_play.notice" in refused(workspace, text(), None).problems[0].message
    assert policies.publish(workspace.id, text(), None, "", EARLIEST, now=MONDAY).pending


def test_going_back_to_a_tighter_policy_keeps_the_promise(workspace: Workspace) -> None:
    policies.publish(workspace.id, text(fair_play=TIGHTER), by=None, now=MONDAY)
    policies.publish(workspace.id, text(fair_play=PROMISED), by=None, now=MONDAY)
    with pytest.raises(policies.TooSudden):
        policies.rollback(workspace.id, 1, None, now=MONDAY)
    assert policies.rollback(workspace.id, 1, None, EARLIEST, now=MONDAY).pending


def test_a_mistake_elsewhere_in_what_is_announced_is_put_right_without_a_new_notice(workspace: Workspace) -> None:
    policies.publish(workspace.id, text(fair_play=PROMISED), by=None, now=MONDAY)
    policies.publish(workspace.id, text("Mistyped", fair_play=PROMISED_TIGHTER), None, "", EARLIEST, now=MONDAY)
    later = MONDAY + timedelta(days=2)
    assert policies.publish(
        workspace.id, text("Put right", fair_play=PROMISED_TIGHTER), None, "", EARLIEST, now=later
    ).pending
    # Sooner than announced, or tighter than announced, it is news.
    refused(workspace, text("Sooner", fair_play=PROMISED_TIGHTER), EARLIEST - timedelta(hours=1), later)
    refused(workspace, text("Tighter", fair_play="{hold_at_most: 4, notice: 3d}"), EARLIEST, later)


def test_what_was_announced_needs_the_whole_notice_again_once_it_is_taken_back(workspace: Workspace) -> None:
    policies.publish(workspace.id, text(fair_play=PROMISED), by=None, now=MONDAY)
    policies.publish(workspace.id, text(fair_play=PROMISED_TIGHTER), None, "", EARLIEST, now=MONDAY)
    policies.cancel_pending(workspace.id, now=MONDAY)
    later = MONDAY + timedelta(days=1)
    assert refused(workspace, text(fair_play=PROMISED_TIGHTER), EARLIEST, later).earliest == later + timedelta(days=3)


# -- tiers ---------------------------------------------------------------------------------------------------------------


def test_reps_are_settled_anew_when_a_policy_with_other_tiers_comes_into_force(workspace: Workspace, aiko: Rep) -> None:
    policies.publish(workspace.id, text(), by=None, now=MONDAY)
    tiers = "tiers: [{name: new, sees: preview}]\n"
    policies.publish(workspace.id, text("Tiers", more=tiers), None, "", FRIDAY, now=MONDAY)
    assert not RepEntry.objects.exists()
    policies.come_into_force(workspace.id, FRIDAY)
    entry = RepEntry.objects.get(rep=aiko)
    assert (entry.kind, entry.policy_version, entry.at) == ("tier_changed", 2, FRIDAY)
    policies.publish(workspace.id, text("Still the same tiers", more=tiers), by=None, now=FRIDAY)
    assert RepEntry.objects.count() == 1
