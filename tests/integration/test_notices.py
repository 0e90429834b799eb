"""Notices: one's own, newest first, read when one says so, and dropped when they are old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dibs.delivery import notices
from dibs.delivery.models import Notice
from dibs.delivery.tasks import forget_old_events
from dibs.distribution import policies
from dibs.engine.decision import Reason
from dibs.insight.mine import upcoming
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import MONDAY, make_rep, make_user, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)

FRIDAY = MONDAY + timedelta(days=4)
WHY = Reason(
    "rule_tightens", {"rule": "fair_play.hold_at_most", "before": 10, "after": 5, "at": FRIDAY.isoformat()}, "x"
)


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def aiko(workspace: Workspace) -> Caller:
    return caller_of(make_rep(workspace, "aiko", teams=("vip",)).user)


def tell(to: Caller, minutes: int = 0, why: Reason = WHY) -> None:
    notices.tell(to.workspace_id, [to.user_id], "rules_announced", [why], MONDAY + timedelta(minutes=minutes))


def test_a_notice_is_kept_as_reasons_and_says_nothing_in_any_language(aiko: Caller) -> None:
    tell(aiko)
    (notice,) = notices.notices_of(aiko)
    assert (notice.at, notice.kind, notice.read_at) == (MONDAY, "rules_announced", None)
    assert notice.reasons == ({"code": WHY.code, "params": dict(WHY.params), "rule": "x"},)


def test_the_newest_comes_first_and_the_rest_follows(aiko: Caller) -> None:
    for n in range(5):
        tell(aiko, n)
    first = notices.notices_of(aiko, 2)
    rest = notices.notices_of(aiko, 10, before=first[-1].id)
    assert [(notice.at - MONDAY).seconds // 60 for notice in [*first, *rest]] == [4, 3, 2, 1, 0]


def test_those_of_one_moment_are_all_told_once(aiko: Caller) -> None:
    for _ in range(5):
        tell(aiko)
    pages, before = [], None
    while page := notices.notices_of(aiko, 2, before=before):
        pages += [notice.id for notice in page]
        before = page[-1].id
    assert len(pages) == len(set(pages)) == 5


def test_nobody_sees_or_reads_anothers(workspace: Workspace, aiko: Caller) -> None:
    budi = caller_of(make_rep(workspace, "budi").user)
    tell(aiko)
    (theirs,) = notices.notices_of(aiko)
    assert notices.notices_of(budi) == []
    assert notices.mark_read(budi, MONDAY, [theirs.id]) == 0
    assert (notices.unread(aiko), notices.unread(budi)) == (1, 0)
    elsewhere = caller_of(make_rep(make_workspace(), "aiko").user)
    assert notices.notices_of(elsewhere) == []


def test_some_are_read_or_all_and_the_moment_of_the_first_time_stays(aiko: Caller) -> None:
    for n in range(3):
        tell(aiko, n)
    newest = notices.notices_of(aiko)[0]
    assert notices.mark_read(aiko, FRIDAY, [newest.id]) == 1
    assert notices.unread(aiko) == 2
    assert notices.mark_read(aiko, FRIDAY + timedelta(days=1)) == 2
    assert notices.unread(aiko) == 0
    assert notices.notices_of(aiko)[0].read_at == FRIDAY
    assert notices.mark_read(aiko, FRIDAY) == 0


def test_many_people_are_told_in_one_statement_or_two(workspace: Workspace, django_assert_max_num_queries: Any) -> None:
    people = [make_user(workspace).id for _ in range(50)]
    from django.db import transaction

    with transaction.atomic(), django_assert_max_num_queries(5):
        assert notices.tell(workspace.id, people, "rules_changed", [WHY], MONDAY) == 50
    assert Notice.objects.count() == 50


def test_old_ones_are_dropped_by_the_job_that_drops_old_events(workspace: Workspace, aiko: Caller) -> None:
    late = MONDAY + notices.KEPT_FOR
    tell(aiko, 0)
    tell(aiko, 1)
    forget_old_events(timestamp=int((late + timedelta(minutes=1)).timestamp()))
    enter(workspace.id)
    assert [notice.at for notice in notices.notices_of(aiko)] == [MONDAY + timedelta(minutes=1)]


# -- what is announced, for who reads it -------------------------------------------------------------------------------


def text(hold: int, lock: str) -> str:
    return (
        "policy: Next\nroute:\n  - {name: Vip, when: lead.consent, pull: {pool: vip}}\n  - {name: All, pull: {pool: inbound}}\n"
        f"pools: {{inbound: {{}}, vip: {{teams: [vip], lock: {lock}}}}}\nfair_play: {{hold_at_most: {hold}}}\n"
    )


def rules(of: Caller, at: Any = MONDAY) -> list[Any] | None:
    coming = upcoming(of, at)
    return None if coming is None else [change.params["rule"] for change in coming.changes]


def test_each_rep_sees_the_changes_that_are_for_them_and_who_leads_sees_all(workspace: Workspace, aiko: Caller) -> None:
    budi = caller_of(make_rep(workspace, "budi").user)
    manager, ops = caller_of(make_user(workspace, "manager")), caller_of(make_user(workspace, "ops"))
    policies.publish(workspace.id, text(10, "15m"), by=None, now=MONDAY)
    assert upcoming(aiko, MONDAY) is None
    policies.publish(workspace.id, text(5, "10m"), None, "", FRIDAY, now=MONDAY)
    both = ["pools.vip.lock", "fair_play.hold_at_most"]
    assert rules(aiko) == rules(manager) == rules(ops) == both
    assert rules(budi) == ["fair_play.hold_at_most"]
    coming = upcoming(aiko, MONDAY)
    assert coming is not None
    assert (coming.number, coming.name, coming.at) == (2, "Next", FRIDAY)
    assert {change.params["at"] for change in coming.changes} == {FRIDAY.isoformat()}


def test_what_changes_nothing_for_a_rep_is_not_shown_to_them(workspace: Workspace, aiko: Caller) -> None:
    budi = caller_of(make_rep(workspace, "budi").user)
    policies.publish(workspace.id, text(10, "15m"), by=None, now=MONDAY)
    policies.publish(workspace.id, text(10, "10m"), None, "", FRIDAY, now=MONDAY)
    assert rules(aiko) == ["pools.vip.lock"]
    assert rules(budi) is None


def test_nothing_is_ahead_any_more_once_its_moment_has_come(workspace: Workspace, aiko: Caller) -> None:
    policies.publish(workspace.id, text(10, "15m"), by=None, now=MONDAY)
    policies.publish(workspace.id, text(5, "15m"), None, "", FRIDAY, now=MONDAY)
    assert upcoming(aiko, FRIDAY) is None
    policies.cancel_pending(workspace.id, now=MONDAY)
    assert upcoming(aiko, MONDAY) is None


def test_a_program_that_may_not_see_policies_is_not_told_of_them(workspace: Workspace) -> None:
    integration = caller_of(make_user(workspace, "integration"))
    policies.publish(workspace.id, text(10, "15m"), by=None, now=MONDAY)
    policies.publish(workspace.id, text(5, "15m"), None, "", FRIDAY, now=MONDAY)
    assert upcoming(integration, MONDAY) is None


def test_what_comes_after_a_notice_was_read_is_a_notice_of_its_own(aiko: Caller) -> None:
    def more(given: dict[UUID, UUID]) -> dict[UUID, UUID]:
        return notices.tell_more(aiko.workspace_id, [(aiko.user_id, [WHY])], "below_floor", MONDAY, given)

    first = more({})
    assert more(first) == first
    (only,) = notices.notices_of(aiko)
    assert (only.id, len(only.reasons)) == (first[aiko.user_id], 2)
    notices.mark_read(aiko, MONDAY)
    assert more(first) != first
    assert sorted(len(notice.reasons) for notice in notices.notices_of(aiko)) == [1, 2]
