"""Caps by hour, day, week and month, counted in each rep's own, kept by the database and held by every way a lead comes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dibs.crm.models import Lead
from dibs.distribution import acting
from dibs.distribution.crews import crew
from dibs.distribution.models import Decision
from dibs.distribution.models import Standing as StandingRow
from dibs.distribution.placing import place
from dibs.distribution.rulebooks import active
from dibs.distribution.standings import standing_now
from dibs.people.caller import caller_of
from dibs.people.models import Rep, Workspace
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: Caps
route:
  - {name: Everyone, push: {team: closers, by: BY}, fallback: {pool: inbound}}
teams:
  closers: CAPS
pools:
  inbound: {}
"""


def closers(caps: str, by: str = "round_robin", zones: tuple[str, ...] = ("UTC", "UTC")) -> Workspace:
    workspace = make_workspace()
    for handle, zone in zip(("aiko", "budi"), zones, strict=False):
        make_rep(workspace, handle, teams=("closers",), timezone=zone)
    publish(workspace, POLICY.replace("CAPS", caps).replace("BY", by))
    return workspace


def pushed(workspace: Workspace, now: datetime, count: int = 1, **fields: Any) -> list[str | None]:
    """To whom leads go that come one after the other; ``None``: to the pool. Those of before wait for nobody any more."""
    Lead.objects.update(awaits=None)
    return [place(workspace.id, [make_arrival(**fields)], now=now)[0].owner for _ in range(count)]


def passed_over(workspace: Workspace) -> set[tuple[str, str]]:
    """Who was passed over for the latest lead, and why."""
    reasons = Decision.objects.filter(workspace=workspace, kind="placed").latest("at", "id").reasons
    return {(each["params"]["rep"], each["params"]["because"]) for each in reasons if each["code"] == "passed_over"}


@pytest.mark.parametrize(
    ("cap", "over"),
    [
        ("per_hour", timedelta(hours=1)),
        ("per_day", timedelta(days=1)),
        ("per_week", timedelta(days=7)),
        ("per_month", timedelta(days=30)),
    ],
)
def test_when_all_are_at_their_caps_a_lead_overflows_to_the_fallback_until_the_time_is_over(
    cap: str, over: timedelta
) -> None:
    workspace = closers(f"{{{cap}: 2}}")
    assert Counter(pushed(workspace, MONDAY, 4)) == {"aiko": 2, "budi": 2}
    assert pushed(workspace, MONDAY) == [None]
    assert passed_over(workspace) == {("aiko", cap), ("budi", cap)}
    assert pushed(workspace, MONDAY + over - timedelta(hours=10 if cap != "per_hour" else 0, seconds=1)) == [None]
    assert Counter(pushed(workspace, MONDAY + over, 5)) == {"aiko": 2, "budi": 2, None: 1}


def test_a_batch_keeps_the_caps_too_and_so_do_leads_after_it() -> None:
    workspace = closers("{per_hour: 7, reps: {budi: {per_month: 3}}}")
    placed = place(workspace.id, [make_arrival() for _ in range(40)], now=MONDAY)
    assert Counter(one.owner for one in placed) == {"aiko": 7, "budi": 3, None: 30}
    assert pushed(workspace, MONDAY + timedelta(minutes=59)) == [None]
    assert Counter(pushed(workspace, MONDAY + timedelta(minutes=61), 9)) == {"aiko": 7, None: 2}


def test_days_weeks_and_months_turn_at_the_reps_own_midnight() -> None:
    # 16:00 on the 31st of March in UTC is the 1st of April, one in the morning, in Tokyo and still ten in the morning in Mexico.
    turn = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)
    for cap in ("per_day", "per_month"):
        workspace = closers(f"{{{cap}: 1}}", zones=("Asia/Tokyo", "America/Mexico_City"))
        assert set(pushed(workspace, turn - timedelta(hours=2), 2)) == {"aiko", "budi"}
        assert pushed(workspace, turn, 2) == ["aiko", None]
        assert pushed(workspace, turn + timedelta(hours=15), 2)[0] == "budi"


def test_what_was_pushed_counts_however_it_ended_and_claims_do_not_count() -> None:
    workspace = closers("{per_day: 2}")
    aiko = caller_of(Rep.objects.get(workspace=workspace, handle="aiko").user)
    Rep.objects.filter(workspace=workspace, handle="budi").update(available=False)
    first, second = (place(workspace.id, [make_arrival()], now=MONDAY)[0].lead_id for _ in range(2))
    acting.contact(aiko, first, MONDAY)
    acting.convert(aiko, first, MONDAY)
    acting.release(aiko, second, MONDAY)
    assert pushed(workspace, MONDAY) == [None]
    assert standing_now(workspace.id, aiko.rep_id or first).assigned_today == 2


def test_the_counters_are_kept_as_the_engine_says() -> None:
    workspace = closers("{per_hour: 9}")
    Rep.objects.filter(workspace=workspace, handle="budi").update(available=False)
    moments = [MONDAY, MONDAY + timedelta(minutes=30), MONDAY + timedelta(minutes=70), MONDAY + timedelta(days=30)]
    for now in moments[:3]:
        pushed(workspace, now)
    row = StandingRow.objects.get(rep__handle="aiko")
    assert (row.assigned_today, row.assigned_this_week, row.assigned_this_month) == (3, 3, 3)
    assert row.pushed_at == moments[1:3]
    pushed(workspace, moments[3])
    row.refresh_from_db()
    assert (row.assigned_today, row.assigned_this_week, row.assigned_this_month, row.pushed_at) == (
        1,
        1,
        1,
        moments[3:],
    )
    known = crew(workspace.id, moments[3] + timedelta(days=40)).roster.reps["aiko"]
    assert (known.assigned_today, known.assigned_this_week, known.assigned_this_month) == (0, 0, 0)
    assert known.open_leads == 4


def test_only_what_the_policy_asks_of_the_moments_is_read() -> None:
    workspace = closers("{per_day: 9}", by="first_available")
    pushed(workspace, MONDAY, 6)
    policy = active(workspace.id)
    assert policy is not None
    read = crew(workspace.id, MONDAY, book=policy.book).roster.reps
    assert {len(rep.pushed_at) for rep in read.values()} == {1}
    assert {len(rep.pushed_at) for rep in crew(workspace.id, MONDAY).roster.reps.values()} == {3}
    publish(workspace, POLICY.replace("CAPS", "{per_day: 9}").replace("BY", "round_robin"))
    policy = active(workspace.id)
    assert policy is not None
    assert {rep.pushed_at for rep in crew(workspace.id, MONDAY, book=policy.book).roster.reps.values()} == {()}


def test_first_available_is_whoever_has_gone_longest_without_a_lead() -> None:
    workspace = closers("{open_at_most: 50}", by="first_available")
    (first,) = pushed(workspace, MONDAY)
    (second,) = pushed(workspace, MONDAY + timedelta(minutes=1))
    assert {first, second} == {"aiko", "budi"}
    for minute in (2, 4, 6):
        assert pushed(workspace, MONDAY + timedelta(minutes=minute)) == [first]
        assert pushed(workspace, MONDAY + timedelta(minutes=minute + 1)) == [second]
    Rep.objects.filter(handle=str(first)).update(available=False)
    assert pushed(workspace, MONDAY + timedelta(minutes=9)) == [second]
    Rep.objects.filter(handle=str(first)).update(available=True)
    assert [pushed(workspace, MONDAY + timedelta(minutes=n)) for n in (12, 13, 14)] == [[first], [second], [first]]


AMONG = """
policy: Among
route:
  - {name: In their language, when: lead.language != null, push: {team: closers, among: lead.language in rep.languages}, fallback: {pool: inbound}}
  - {name: Owners, when: account.owner != null, push: {to: account.owner, among: rep.seniority >= 2}, fallback: {review: managers}}
  - {name: Big, when: lead.deal_value > 5000, push: {team: closers, among: 'rep.seniority >= 4 && rep.industries.exists(i, i == lead.industry)'}, fallback: {pool: inbound}}
  - {name: Rest, push: {team: closers}}
pools:
  inbound: {}
"""


def test_a_push_asks_only_those_whom_it_is_among_and_says_whom_it_left_out() -> None:
    workspace = make_workspace()
    make_rep(workspace, "aiko", teams=("closers",), languages=["ja"], seniority=5, industries=["Food"])
    make_rep(workspace, "budi", teams=("closers",), languages=["id", "en"], seniority=1)
    publish(workspace, AMONG)
    assert pushed(workspace, MONDAY, 3, language="id") == ["budi"] * 3
    assert passed_over(workspace) == {("aiko", "not_among")}
    assert pushed(workspace, MONDAY, language="fi") == [None]
    assert pushed(workspace, MONDAY, 2, deal_value=9000, industry="Food") == ["aiko"] * 2
    assert pushed(workspace, MONDAY, deal_value=9000, industry="Tools") == [None]
    assert set(pushed(workspace, MONDAY, 4)) == {"aiko", "budi"}
