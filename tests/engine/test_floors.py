"""The claim floor: what is expected, when it is looked at, and how what is missing is made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.judging import INBOUND, MONDAY, OFFICE, book, office

from dibs.engine.counters import Claimed, FloorLooked, Standing, after
from dibs.engine.decision import Assigned, Due, Placement
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts, WorkingHours
from dibs.engine.floors import FloorLook, expected, fill, in_turn, looked
from dibs.engine.roster import Roster
from dibs.engine.rulebook import Rulebook

TODAY = date(2026, 3, 2)
AIKO = RepFacts("aiko", hours=office())


def at(clock: str, day: int = 0) -> datetime:
    """The moment at which a clock in UTC shows this, so many days after Monday."""
    hours, minutes = map(int, clock.split(":"))
    return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=day, hours=hours, minutes=minutes)


def asking(count: int = 5, per: str = "day", then: str = "notify", ahead: str = "1h", **parts: Any) -> Rulebook:
    floor = {"count": count, "per": per, "then": then, "ahead": ahead}
    fair_play = {"claim_at_least": floor} | parts.pop("fair_play", {})
    return book(fair_play=fair_play, **parts)


def claimed(count: int, day: date = TODAY) -> Standing:
    standing = Standing()
    for _ in range(count):
        standing = after(standing, Claimed(60, MONDAY, day))
    return standing


def off(start: str, end: str, day: int = 0, until: int | None = None) -> tuple[datetime, datetime]:
    return at(start, day), at(end, day if until is None else until)


@pytest.mark.parametrize(
    ("rep", "timezone", "ahead", "when", "moment"),
    [
        (AIKO, "UTC", "1h", at("9:00"), at("16:00")),
        (AIKO, "UTC", "30m", at("9:00"), at("16:30")),
        # Not before the day begins, however far ahead.
        (AIKO, "UTC", "20h", at("5:00"), at("9:00")),
        # Who is off in the afternoon is asked before that.
        (replace(AIKO, hours=office(away=(off("13:00", "18:00"),))), "UTC", "1h", at("9:00"), at("12:00")),
        (replace(AIKO, hours=office("Asia/Tokyo")), "Asia/Tokyo", "1h", at("1:00"), at("7:00")),
        # At all hours: the day ends at the rep's own midnight.
        (RepFacts("aiko"), "Asia/Tokyo", "1h", at("9:00"), at("14:00")),
        (RepFacts("aiko"), "America/Mexico_City", "2h", at("9:00"), at("4:00", 1)),
        # At night: the part of the shift that lies in the day.
        (replace(AIKO, hours=WorkingHours("UTC", {1: (22 * 60, 6 * 60)})), "UTC", "1h", at("9:00"), at("23:00")),
    ],
)
def test_it_is_looked_at_ahead_of_the_end_of_the_reps_own_day(
    rep: RepFacts, timezone: str, ahead: str, when: datetime, moment: datetime
) -> None:
    rules = asking(ahead=ahead)
    told = expected(rules, rep, Standing(), timezone, when)
    assert told is not None
    assert told.at == moment
    assert looked(rules, rep, Standing(), timezone, moment - timedelta(seconds=1)) is None
    assert looked(rules, rep, Standing(), timezone, moment) is not None


@pytest.mark.parametrize(
    ("rep", "day", "why"),
    [
        (replace(AIKO, active=False), 0, "gone"),
        (AIKO, 5, "a Saturday"),
        (replace(AIKO, hours=office(away=(off("0:00", "0:00", 0, 1),))), 0, "away all day"),
        (replace(AIKO, hours=office(away=(off("0:00", "0:00", -30, 30),))), 2, "on leave"),
        (
            replace(AIKO, hours=WorkingHours("UTC", {1: (1320, 360)}, (off("9:00", "2:00", 0, 1),))),
            0,
            "off until after it",
        ),
    ],
)
def test_whoever_does_not_work_that_day_is_not_asked(rep: RepFacts, day: int, why: str) -> None:
    assert looked(asking(), rep, Standing(), "UTC", at("16:30", day)) is None, why


def test_without_the_rule_nobody_is_asked() -> None:
    assert looked(book(), AIKO, Standing(), "UTC", at("16:30")) is None


def test_whoever_has_nothing_to_claim_is_not_asked() -> None:
    tiers = [{"name": "old", "when": "rep.closed >= 5", "sees": "preview"}, {"name": "new", "sees": "none"}]
    rules = asking(tiers=tiers)
    assert looked(rules, AIKO, Standing(), "UTC", at("16:30")) is None
    assert looked(rules, replace(AIKO, tier="old"), Standing(), "UTC", at("16:30")) is not None
    rules = asking(pools={"inbound": INBOUND | {"teams": ["others"]}})
    assert looked(rules, AIKO, Standing(), "UTC", at("16:30"), frozenset({"closers"})) is None
    assert looked(rules, AIKO, Standing(), "UTC", at("16:30"), frozenset({"others"})) is not None


def test_a_rep_who_is_switched_off_is_asked_all_the_same() -> None:
    """Else the switch would be a way around the rule."""
    assert looked(asking(), replace(AIKO, available=False), Standing(), "UTC", at("16:30")) is not None


@pytest.mark.parametrize(("have", "count", "missing"), [(0, 5, 5), (3, 5, 2), (5, 5, 0), (9, 5, 0)])
def test_what_is_missing(have: int, count: int, missing: int) -> None:
    look = looked(asking(count), AIKO, claimed(have), "UTC", at("16:30"))
    assert look is not None
    assert (look.period, look.have, look.count, look.missing) == (TODAY, have, count, missing)
    if not missing:
        assert look.reason is None
        return
    assert look.reason is not None
    assert look.reason.code == "below_floor"
    assert look.reason.params == {"have": have, "count": count, "per": "day", "missing": missing}
    assert look.reason.rule == "fair_play.claim_at_least"


def test_claims_of_yesterday_are_not_todays() -> None:
    look = looked(asking(), AIKO, claimed(5, TODAY), "UTC", at("16:30", 1))
    assert look is not None
    assert look.have == 0


@pytest.mark.parametrize(
    ("hours", "count", "expects"),
    [
        (office(), 10, 10),
        (None, 10, 10),
        # Two of five days off, whole or by the hour.
        (office(away=(off("0:00", "0:00", 0, 2),)), 10, 6),
        (office(away=(off("9:00", "13:00", 0), off("13:00", "17:00", 1))), 10, 8),
        # Rounded in the rep's favour.
        (office(away=(off("0:00", "0:00", 0, 1),)), 4, 3),
        (office(away=(off("0:00", "0:00", 0, 4),)), 4, 0),
        # A week of three days, and one of six with a day off.
        (WorkingHours("UTC", dict.fromkeys((1, 2, 3), OFFICE[1])), 10, 6),
        (WorkingHours("UTC", dict.fromkeys(range(1, 7), OFFICE[1]), (off("0:00", "0:00", 2, 3),)), 12, 10),
    ],
)
def test_days_off_and_time_off_lower_a_weeks_count_in_proportion(
    hours: WorkingHours | None, count: int, expects: int
) -> None:
    told = expected(asking(count, per="week"), RepFacts("aiko", hours=hours), Standing(), "UTC", at("9:00"))
    assert told is not None
    assert (told.period, told.count) == (TODAY, expects)


def test_half_a_day_off_halves_the_days_count() -> None:
    rep = replace(AIKO, hours=office(away=(off("9:00", "13:00"),)))
    told = expected(asking(5), rep, Standing(), "UTC", at("9:00"))
    assert told is not None
    assert told.count == 2


@pytest.mark.parametrize(
    ("hours", "moment"),
    [
        (office(), at("16:00", 4)),
        (office(away=(off("0:00", "0:00", 4, 5),)), at("16:00", 3)),
        (office(away=(off("12:00", "0:00", 4, 6),)), at("11:00", 4)),
        (None, at("23:00", 6)),
    ],
)
def test_a_week_is_looked_at_ahead_of_the_end_of_its_last_working_day(
    hours: WorkingHours | None, moment: datetime
) -> None:
    told = expected(asking(5, per="week"), RepFacts("aiko", hours=hours), claimed(2), "UTC", at("12:00", 2))
    assert told is not None
    assert (told.at, told.have) == (moment, 2)


def test_each_period_is_looked_at_once() -> None:
    rules, standing = asking(), Standing()
    looks = []
    for n in range(5 * 24):
        now = at("0:00") + timedelta(hours=n)
        look = looked(rules, AIKO, standing, "UTC", now)
        if look is not None:
            looks.append(now)
            standing = after(standing, FloorLooked(look.period))
    assert looks == [at("16:00", day) for day in range(5)]


def test_a_look_that_was_missed_is_made_up_on_the_same_day_and_not_on_the_next() -> None:
    late = looked(asking(), AIKO, Standing(), "UTC", at("23:59"))
    assert late is not None
    assert late.period == TODAY
    assert looked(asking(), AIKO, Standing(), "UTC", at("0:30", 1)) is None
    weekly = asking(per="week")
    assert looked(weekly, AIKO, Standing(), "UTC", at("23:00", 6)) is not None
    assert looked(weekly, AIKO, Standing(), "UTC", at("0:30", 7)) is None


def test_a_look_at_an_earlier_day_does_not_count_for_a_later_one() -> None:
    standing = after(Standing(), FloorLooked(TODAY))
    assert standing.floor_on == TODAY
    assert after(standing, FloorLooked(TODAY - timedelta(days=1))).floor_on == TODAY


# Making up for it.


def lines(*leads: LeadFacts, **clock: Any) -> list[tuple[LeadFacts, LeadClock]]:
    """Leads that wait in ``inbound``, the oldest first."""
    return [
        (
            lead,
            LeadClock(**({"id": f"lead-{n}", "state": "pooled", "pool": "inbound", "waiting_since": MONDAY} | clock)),
        )
        for n, lead in enumerate(leads)
    ]


TEN = lines(*[LeadFacts(score=10 * n + 5) for n in range(10)])


def look(missing: int) -> FloorLook:
    return FloorLook(TODAY, 5 - missing, 5, missing, None)


def filled(
    rules: Rulebook,
    missing: int,
    rep: RepFacts = AIKO,
    standing: Standing | None = None,
    waiting: Sequence[tuple[LeadFacts, LeadClock]] = TEN,
) -> tuple[list[str], list[Placement], Roster]:
    roster = Roster({rep.handle: rep, "bo": RepFacts("bo")}, {"closers": ("aiko", "bo")}, {"closers": {"aiko": 3.0}})
    given, left = fill(rules, look(missing), rep, standing or Standing(), waiting, roster, at("16:00"))
    return [clock.id for clock, _ in given], [placement for _, placement in given], left


AUTO: dict[str, Any] = {"then": "auto_assign"}


def test_what_is_missing_is_assigned_from_the_oldest() -> None:
    sla = {"first_contact": "30m", "then": {"review": "managers"}}
    ids, placements, roster = filled(asking(**AUTO, sla=sla), 3)
    assert ids == ["lead-0", "lead-1", "lead-2"]
    for placement in placements:
        assert placement.to == Assigned("aiko")
        assert placement.due == Due(at("16:30"), "sla", at("16:30"))
        (reason,) = placement.reasons
        assert (reason.code, reason.rule) == ("claim_floor", "fair_play.claim_at_least")
        assert reason.params == {"rep": "aiko", "have": 2, "count": 5, "per": "day"}
    assert (roster.reps["aiko"].open_leads, roster.reps["aiko"].assigned_today) == (3, 3)
    # It is theirs to take, so it is nobody's turn.
    assert roster.passes == {"closers": {"aiko": 3.0}}


def test_a_policy_that_notifies_assigns_nothing() -> None:
    assert filled(asking(), 3)[0] == []


@pytest.mark.parametrize(
    ("parts", "given_", "ids"),
    [
        # No more than the rep may hold, and no more than the team's caps leave.
        ({"fair_play": {"hold_at_most": 4}}, {"standing": Standing(holding=2)}, ["lead-0", "lead-1"]),
        ({"fair_play": {"hold_at_most": 4}}, {"standing": Standing(holding=4)}, []),
        ({"teams": {"closers": {"open_at_most": 9}}}, {"rep": replace(AIKO, open_leads=8)}, ["lead-0"]),
        ({"teams": {"closers": {"per_day": 6}}}, {"rep": replace(AIKO, assigned_today=4)}, ["lead-0", "lead-1"]),
        ({"teams": {"others": {"per_day": 1}}}, {"rep": replace(AIKO, assigned_today=4)}, ["lead-0", "lead-1", "lead-2"]),
        # Nothing for who is not there.
        ({}, {"rep": replace(AIKO, active=False)}, []),
        ({}, {"rep": replace(AIKO, available=False)}, []),
        # Nothing that was theirs before, that is not theirs to see, or that does not wait.
        ({}, {"waiting": lines(LeadFacts(), passed_over=frozenset({"aiko"}))}, []),
        ({}, {"waiting": lines(LeadFacts(), passed_over=frozenset({"bo"}))}, ["lead-0"]),
        ({"pools": {"inbound": INBOUND | {"teams": ["others"]}}}, {}, []),
        ({"pools": {"inbound": INBOUND | {"teams": ["closers"]}}}, {}, ["lead-0", "lead-1", "lead-2"]),
        ({}, {"waiting": lines(LeadFacts(), pool="gone")}, []),
        ({}, {"waiting": lines(LeadFacts(), state="review", pool=None)}, []),
        ({"tiers": [{"name": "all", "sees": "preview", "only": "lead.score > 40"}]}, {}, ["lead-4", "lead-5", "lead-6"]),
        ({"tiers": [{"name": "all", "sees": "none"}]}, {}, []),
        # Of a queue the oldest too, not the head.
        ({"pools": {"inbound": INBOUND | {"mode": "queue"}}}, {}, ["lead-0", "lead-1", "lead-2"]),
    ],
)  # fmt: skip
def test_what_can_be_assigned(parts: dict[str, Any], given_: dict[str, Any], ids: list[str]) -> None:
    assert filled(asking(**AUTO, **parts), 3, **given_)[0] == ids


def test_who_misses_most_comes_first_and_equals_take_turns() -> None:
    looks = {handle: look(missing) for handle, missing in {"amy": 1, "bo": 3, "cy": 1, "di": 2}.items()}
    turns = {tuple(in_turn(looks, digest)) for digest in map(str, range(30))}
    assert turns == {("bo", "di", "amy", "cy"), ("bo", "di", "cy", "amy")}
    later = {handle: replace(each, period=TODAY + timedelta(days=n)) for n, (handle, each) in enumerate(looks.items())}
    assert in_turn(looks, "x") == in_turn(dict(reversed(looks.items())), "x")
    assert set(in_turn(later, "x")) == set(looks)


minutes = st.integers(0, 7 * 24 * 60)
spans = (
    st.tuples(minutes, minutes)
    .map(sorted)
    .map(lambda s: (at("0:00") + timedelta(minutes=s[0]), at("0:00") + timedelta(minutes=s[1])))
)


@given(
    st.dictionaries(st.integers(1, 7), st.tuples(st.integers(0, 1439), st.integers(0, 1440)), max_size=7),
    st.lists(spans, max_size=4),
    st.sampled_from(["day", "week"]),
    st.integers(1, 30),
    st.sampled_from(["1m", "1h", "30h"]),
    minutes,
)
def test_nobody_is_expected_to_claim_more_than_the_policy_says_nor_outside_the_period(
    days: dict[int, tuple[int, int]],
    away: list[tuple[datetime, datetime]],
    per: str,
    count: int,
    ahead: str,
    minute: int,
) -> None:
    rep = RepFacts("aiko", hours=WorkingHours("UTC", days, tuple(away)))
    rules, now = asking(count, per=per, ahead=ahead), at("0:00") + timedelta(minutes=minute)
    told = expected(rules, rep, Standing(), "UTC", now)
    if told is None:
        return
    assert 0 <= told.count <= count
    length = timedelta(days=1 if per == "day" else 7)
    begins = datetime(told.period.year, told.period.month, told.period.day, tzinfo=UTC)
    assert begins <= now < begins + length
    assert begins <= told.at <= begins + length
    assert told.period.weekday() == 0 or per == "day"
    less = replace(rep, hours=WorkingHours("UTC", days, (*away, (begins, begins + length / 2))))
    fewer = expected(rules, less, Standing(), "UTC", now)
    assert fewer is None or fewer.count <= told.count


@given(st.integers(1, 12), st.integers(0, 6), st.integers(1, 8), st.integers(0, 9), st.integers(1, 9))
def test_no_more_is_assigned_than_is_missing_and_than_there_is_room_for(
    missing: int, holding: int, cap: int, open_leads: int, open_at_most: int
) -> None:
    rules = asking(30, **AUTO, fair_play={"hold_at_most": cap}, teams={"closers": {"open_at_most": open_at_most}})
    ids, _, _ = filled(rules, missing, replace(AIKO, open_leads=open_leads), Standing(holding=holding))
    room = max(0, min(cap - holding, open_at_most - open_leads))
    assert ids == [f"lead-{n}" for n in range(min(missing, room, 10))]
