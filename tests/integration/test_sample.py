"""The sample workspace that a first start fills: alive, true, and made once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Avg, Count, Max, Min, Q

from dibs.cli.demo import (
    EARLIER,
    LEADS,
    LISTED,
    PASSWORD,
    RUSH,
    SLUG,
    WINDOW,
    Filled,
    fill_sample,
    said_logins,
    sample_logins,
    sample_policy,
)
from dibs.crm.models import Account, Appointment, Assessed, Lead, Note, Opportunity, Touch
from dibs.delivery import notices
from dibs.delivery.models import Mail
from dibs.distribution import rulebooks
from dibs.distribution.claiming import Claimed, claim_lead
from dibs.distribution.models import Choice, Credit, Decision, PolicyVersion, PoolSample, RepEntry, Standing
from dibs.engine import announcing
from dibs.engine.lifecycle import HELD, WAITING
from dibs.engine.policy import check
from dibs.people.caller import caller_of
from dibs.people.models import Rep, Team, User, Workspace
from dibs.people.tenancy import enter

#: A Wednesday morning in Europe, afternoon in Japan.
NOW = datetime(2026, 1, 14, 8, 30, tzinfo=UTC)

#: One process runs them all: filling takes seconds, and once is enough.
pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("sample")]


#: How many statements filling the sample took.
_ASKED = Counter[str]()


def _counted(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    # Inside the transaction around these tests, each step says again in which workspace it is.
    _ASKED["statements"] += "set_config" not in sql
    return execute(sql, *rest)


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[Filled]:
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.execute_wrapper(_counted):
            made = fill_sample(NOW)
        assert made is not None
        enter(Workspace.objects.get(slug=SLUG).id)
        yield made
        transaction.set_rollback(True)
    with django_db_blocker.unblock():
        enter(None)


def test_every_lead_has_its_place(filled: Filled) -> None:
    assert filled.leads == Lead.objects.count()
    # Some people came twice.
    assert filled.leads + Touch.objects.count() == EARLIER + LEADS + RUSH + LISTED
    assert Touch.objects.count() < 100
    assert not Lead.objects.filter(state="new").exists()
    assert set(Lead.objects.values_list("policy_version", flat=True)) == {1}


def test_there_is_something_to_see_on_every_page(filled: Filled) -> None:
    pools = dict(Lead.objects.filter(state="pooled").values_list("pool").annotate(Count("id")))
    assert set(pools) == {"inbound", "japan", "small_business"}
    assert all(count >= 5 for count in pools.values()), pools
    states = dict(Lead.objects.values_list("state").annotate(Count("id")))
    assert set(states) >= {"pooled", "owned", "working", "review", "nurture", "converted", "retired"}
    kinds = set(Decision.objects.values_list("kind", flat=True).distinct())
    assert kinds >= {
        "placed",
        "claimed",
        "contacted",
        "lapsed",
        "escalated",
        "accepted",
        "converted",
        "retired",
        "assigned",
    }
    assert Lead.objects.filter(state="owned", lock_expires_at__gt=NOW).exists()


def test_leads_are_talked_with_assessed_and_become_opportunities(filled: Filled) -> None:
    assert Note.objects.count() > 20
    assert Assessed.objects.filter(finished_at__isnull=False).count() > 20
    assert Appointment.objects.filter(starts_at__gt=NOW).exists()
    assert Lead.objects.filter(follow_up_at__isnull=False).exists()
    states = Counter(Opportunity.objects.values_list("state", flat=True))
    assert min(states[state] for state in ("open", "won", "lost")) >= 3, states
    assert Opportunity.objects.filter(state="open").values("stage").distinct().count() >= 2
    assert Opportunity.objects.count() == Lead.objects.filter(state="converted").count()


def test_mails_of_the_past_are_sent_and_none_waits_to_be(filled: Filled) -> None:
    assert set(Mail.objects.values_list("state", flat=True)) == {"sent"}
    assert not Mail.objects.filter(sent_at__gt=NOW).exists()


def test_leads_wait_for_different_times_and_some_are_about_to_escalate(filled: Filled) -> None:
    waiting = Lead.objects.filter(state="pooled")
    assert waiting.filter(waiting_since__gt=NOW - timedelta(minutes=5)).exists()
    assert waiting.filter(waiting_since__lt=NOW - timedelta(minutes=30)).exists()
    assert waiting.filter(due_for="escalate", due_at__lt=NOW + timedelta(minutes=10)).exists()


def test_nothing_happened_in_the_future_and_nothing_is_overdue(filled: Filled) -> None:
    assert Decision.objects.aggregate(last=Max("at"))["last"] <= NOW
    assert Lead.objects.aggregate(last=Max("received_at"))["last"] <= NOW
    assert not Lead.objects.filter(due_at__lte=NOW).exists()


def test_every_lead_in_a_pool_has_a_next_moment(filled: Filled) -> None:
    assert not Lead.objects.filter(state="pooled", due_at__isnull=True).exists()


def test_standings_agree_with_the_leads(filled: Filled) -> None:
    open_leads = dict(Lead.objects.filter(state__in=HELD).values_list("owner").annotate(Count("id")))
    holding = dict(
        Lead.objects.filter(state__in=["owned", "offered"], contacted_at=None)
        .values_list("owner")
        .annotate(Count("id"))
    )
    for standing in Standing.objects.all():
        assert standing.open_leads == open_leads.get(standing.rep_id, 0), standing.rep.handle
        assert standing.holding == holding.get(standing.rep_id, 0), standing.rep.handle


def test_the_story_of_each_lead_ends_where_the_lead_stands(filled: Filled) -> None:
    last = dict(Decision.objects.order_by("nth").values_list("lead_id", "after"))
    assert last == dict(Lead.objects.values_list("id", "state"))


def test_nobody_owns_what_waits(filled: Filled) -> None:
    assert not Lead.objects.filter(Q(state__in=WAITING, owner__isnull=False) | Q(state__in=HELD, owner=None)).exists()


def test_people_have_faces_teams_and_a_password(filled: Filled) -> None:
    assert Rep.objects.count() == Rep.objects.filter(face__startswith="<svg").count() == 21
    assert not Rep.objects.filter(teams=None).exists()
    assert Team.objects.filter(managers=None).count() == 0
    assert {login.email for login in sample_logins()} == set(User.objects.values_list("email", flat=True))
    assert User.objects.get(email="aiko@sample.example").check_password(PASSWORD)
    assert len({user.password for user in User.objects.all()}) == 1


def test_some_customers_ask_again(filled: Filled) -> None:
    assert Account.objects.filter(owner__isnull=False).exists()
    assert Lead.objects.filter(account__isnull=False).exists()


def test_the_policy_is_published_by_somebody_and_a_stricter_one_announced(filled: Filled) -> None:
    version, coming = PolicyVersion.objects.order_by("number")
    assert (version.active, version.name, version.published_by.name) == (True, "Everything together", "Nora Lindner")
    assert version.published_at < Decision.objects.aggregate(first=Min("at"))["first"]
    assert check(sample_policy()).ok
    assert (coming.pending, coming.effective_from) == (True, datetime(2026, 1, 16, tzinfo=UTC))
    changes = announcing.changes(rulebooks.policy_of(version), rulebooks.policy_of(coming))
    assert [(change.rule, change.tighter) for change in changes] == [("fair_play.hold_at_most", True)]


def test_the_policy_has_every_rule_of_fair_play(filled: Filled) -> None:
    policy = rulebooks.policy_of(PolicyVersion.objects.get(active=True))
    assert [name for name, rule in policy.fair_play if rule is None] == []
    assert policy.tiers
    assert policy.credits


def test_reps_are_in_different_tiers_and_their_log_says_why(filled: Filled) -> None:
    assert set(Standing.objects.values_list("tier", flat=True)) == {"senior", "regular", "new"}
    moved = [entry.reasons[0] for entry in RepEntry.objects.filter(kind="tier_changed")]
    assert any(reason["code"] == "tier_changed" and reason["params"]["up"] for reason in moved)


def test_fair_play_has_something_to_show_and_one_who_picks_the_best(filled: Filled) -> None:
    claims = Decision.objects.filter(kind="claimed").count()
    assert Choice.objects.count() == claims > 300
    index = {
        row["rep__handle"]: row["mean"]
        for row in Choice.objects.filter(seen__isnull=False)
        .values("rep__handle")
        .annotate(mean=Avg("ridit"), n=Count("id"))
        .filter(n__gte=10)
    }
    assert len(index) >= 6
    assert max(index, key=lambda handle: index[handle]) == "diego"
    assert index["diego"] > 0.65
    assert Credit.objects.filter(what="claim").exists()
    assert Credit.objects.filter(what="convert", times=2).exists()
    noted = PoolSample.objects.filter(pool="inbound").aggregate(first=Min("at"), last=Max("at"), most=Max("waiting"))
    assert noted["last"] - noted["first"] > timedelta(days=7)
    assert noted["most"] > 0


def test_who_began_lately_was_given_nothing_before(filled: Filled) -> None:
    first = Decision.objects.filter(rep__handle="ines").aggregate(first=Min("at"))["first"]
    assert first is not None
    assert first > NOW - timedelta(days=2)


def test_what_is_announced_is_unread_and_what_came_before_today_is_read(filled: Filled) -> None:
    aiko = caller_of(User.objects.get(email="aiko@sample.example"))
    told = notices.notices_of(aiko)
    unread = notices.unread(aiko)
    assert "rules_announced" in {notice.kind for notice in told[:unread]}
    assert all(notice.at >= NOW - WINDOW for notice in told[:unread])
    assert len(told) > unread


def test_the_tutorials_rep_can_claim_the_best_lead_at_once(filled: Filled) -> None:
    best = Lead.objects.filter(state="pooled", pool="inbound").order_by("-score", "received_at").first()
    answer = claim_lead(caller_of(User.objects.get(email="aiko@sample.example")), best.id, NOW)
    assert isinstance(answer, Claimed), answer


def test_a_first_start_is_not_kept_waiting_by_what_need_not_be_asked(filled: Filled) -> None:
    # Clock and seed are given, so it is the same number each time, of about a third of a millisecond each.
    assert _ASKED["statements"] < 35_000


def test_what_is_worked_out_of_its_log_is_planned_by_counts_and_not_by_guesses(filled: Filled) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, reltuples FROM pg_class WHERE relname IN ('crm_lead', 'distribution_decision')")
        counted = dict(cursor.fetchall())
    assert min(counted["crm_lead"], counted["distribution_decision"]) > filled.claimed


def test_filling_again_changes_nothing(filled: Filled) -> None:
    before = Decision.objects.count()
    assert fill_sample(NOW) is None
    enter(Workspace.objects.get().id)
    assert Decision.objects.count() == before


def test_the_logins_that_are_printed_can_log_in_and_read_what_is_said(filled: Filled) -> None:
    languages = dict(User.objects.values_list("email", "language"))
    printed = re.findall(r"[a-z]+@sample\.example", said_logins())
    assert [languages[email] for email in printed] == ["en", "en", "en", "ja", "es", "id"]
