"""Hours, time off, holidays and appointments as the engine gets them: what keeps a lead from being pushed to somebody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dibs.distribution import policies
from dibs.distribution.crews import crew
from dibs.distribution.hours import hours_of
from dibs.distribution.placing import place
from dibs.engine import calendar
from dibs.people.models import Busy, Rep, TimeOff, Workspace
from tests.making import make_arrival, make_rep, make_workspace, publish

POLICY = """
policy: Push
route:
  - {name: All, push: {team: closers, by: round_robin}, fallback: {pool: inbound}}
pools:
  inbound: {}
"""
WEEKDAYS = {str(day): [540, 1080] for day in range(1, 6)}
#: Labour Thanksgiving Day, a Monday, eleven in the morning in Tokyo.
HOLIDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def workspace(db: Any) -> Workspace:
    workspace = make_workspace()
    publish(workspace, POLICY)
    return workspace


def tokyo(workspace: Workspace, handle: str, **fields: Any) -> Rep:
    given = {"timezone": "Asia/Tokyo", "country": "JP", "hours": WEEKDAYS} | fields
    return make_rep(workspace, handle, teams=("closers",), **given)


def absence(rep: Rep, now: datetime) -> str | None:
    """What keeps the rep, which the crew's facts and those asked for one rep have to agree on."""
    alone = hours_of(rep.workspace_id, rep.id, now)
    together = crew(rep.workspace_id, now).roster.reps[rep.handle].hours
    assert alone == together
    return calendar.absence(alone, now)


def given_to(workspace: Workspace, now: datetime) -> str | None:
    (placed,) = place(workspace.id, [make_arrival(received_at=now)], now=now)
    from dibs.crm.models import Lead

    owner = Lead.objects.get(id=placed.lead_id).owner
    return owner.handle if owner else None


def test_a_public_holiday_of_the_reps_country_is_a_day_off(workspace: Workspace) -> None:
    aiko, berlin = tokyo(workspace, "aiko"), tokyo(workspace, "lena", country="DE")
    assert (absence(aiko, HOLIDAY), absence(berlin, HOLIDAY)) == ("holiday", None)
    assert {given_to(workspace, HOLIDAY) for _ in range(4)} == {"lena"}


def test_the_holiday_is_over_at_midnight_where_the_rep_is(workspace: Workspace) -> None:
    night = {str(day): [0, 1440] for day in range(1, 8)}
    aiko = tokyo(workspace, "aiko", hours=night)
    begins, ends = datetime(2026, 11, 22, 15, tzinfo=UTC), datetime(2026, 11, 23, 15, tzinfo=UTC)
    tick = timedelta(seconds=1)
    assert [absence(aiko, at) for at in (begins - tick, begins, ends - tick, ends)] == [
        None,
        "holiday",
        "holiday",
        None,
    ]


@pytest.mark.parametrize("fields", [{"keeps_holidays": False}, {"country": ""}, {"hours": None}])
def test_who_keeps_no_holidays_works_on_them(workspace: Workspace, fields: dict[str, Any]) -> None:
    assert absence(tokyo(workspace, "aiko", **fields), HOLIDAY) is None


def test_a_regions_holiday_is_the_regions_alone(workspace: Workspace) -> None:
    epiphany = datetime(2027, 1, 6, 10, tzinfo=UTC)
    fields = {"timezone": "Europe/Berlin", "country": "DE"}
    bavarian, berliner = (
        tokyo(workspace, "anna", region="BY", **fields),
        tokyo(workspace, "lena", region="BE", **fields),
    )
    assert (absence(bavarian, epiphany), absence(berliner, epiphany)) == ("holiday", None)


def test_during_an_appointment_nothing_is_pushed_and_after_it_again(workspace: Workspace) -> None:
    aiko = tokyo(workspace, "aiko")
    now = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    Busy.objects.create(workspace=workspace, rep=aiko, starts=now, ends=now + timedelta(hours=1))
    assert absence(aiko, now) == "busy"
    assert given_to(workspace, now) is None
    assert given_to(workspace, now + timedelta(hours=1)) == "aiko"


def test_appointments_and_time_off_hold_for_who_is_always_at_work_too(workspace: Workspace) -> None:
    aiko = tokyo(workspace, "aiko", hours=None)
    now = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
    Busy.objects.create(workspace=workspace, rep=aiko, starts=now, ends=now + timedelta(hours=1))
    TimeOff.objects.create(
        workspace=workspace, rep=aiko, starts=now + timedelta(hours=2), ends=now + timedelta(hours=3)
    )
    assert [absence(aiko, now + timedelta(minutes=m)) for m in (0, 60, 120, 180)] == ["busy", None, "away", None]


def test_an_absence_written_down_this_moment_holds_for_the_next_lead(workspace: Workspace) -> None:
    aiko = tokyo(workspace, "aiko")
    now = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    assert given_to(workspace, now) == "aiko"
    off = TimeOff.objects.create(workspace=workspace, rep=aiko, starts=now, ends=now + timedelta(days=1))
    assert given_to(workspace, now) is None
    off.delete()
    Rep.objects.filter(id=aiko.id).update(hours={"3": [0, 1440]})
    assert given_to(workspace, now) is None
    Rep.objects.filter(id=aiko.id).update(hours=WEEKDAYS)
    assert given_to(workspace, now) == "aiko"


def test_a_rep_who_is_kept_from_it_is_named_in_the_reasons(workspace: Workspace) -> None:
    from dibs.distribution.models import Decision

    tokyo(workspace, "aiko")
    tokyo(workspace, "budi", country="DE")
    now = HOLIDAY
    (placed,) = place(workspace.id, [make_arrival(received_at=now)], now=now)
    reasons = Decision.objects.filter(lead=placed.lead_id).latest("at").reasons
    because = {
        reason["params"]["rep"]: reason["params"]["because"] for reason in reasons if reason["code"] == "passed_over"
    }
    assert because == {"aiko": "holiday"}
    assert policies.active(workspace.id) is not None
