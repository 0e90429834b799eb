"""The bounds of fairness, held for any roster: whatever the leaves, weights, caps, hours, joinings and leavings."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.engine.judging import MONDAY, book, office, team

from dibs.engine.calendar import local_day
from dibs.engine.counters import Pushed, Standing, after, counted, on_day
from dibs.engine.decision import Assigned
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts, WorkingHours
from dibs.engine.roster import Roster
from dibs.engine.rotate import OWED, next_rep, take
from dibs.engine.route import place
from dibs.engine.rulebook import Rulebook

LEAD = LeadClock("lead", "new")
HANDLES = ("a", "b", "c", "d", "e")
ZONES = ("Asia/Tokyo", "America/Mexico_City", "Pacific/Kiritimati", "America/Los_Angeles", "UTC")
EVERYBODY = frozenset(HANDLES)

some = st.sets(st.sampled_from(HANDLES), max_size=4)
by_turns = st.sampled_from(["round_robin", "weighted_round_robin"])


@dataclass
class Floor:
    """A team whose leads come one after the other, on the counters as the live service keeps them."""

    rules: Rulebook
    reps: dict[str, RepFacts]
    zones: dict[str, str]
    passes: dict[str, dict[str, float]]
    standings: dict[str, Standing]

    @classmethod
    def of(cls, rules: Rulebook, *reps: RepFacts, zones: tuple[str, ...] = ()) -> Floor:
        handles = [rep.handle for rep in reps]
        named = dict(itertools.zip_longest(handles, zones[: len(handles)], fillvalue="UTC"))
        return cls(rules, {rep.handle: rep for rep in reps}, named, {}, dict.fromkeys(handles, Standing()))

    def push(self, now: datetime, n: int, by: str = "round_robin") -> str | None:
        reps = {
            handle: counted(rep, on_day(self.standings[handle], local_day(self.zones[handle], now)))
            for handle, rep in self.reps.items()
        }
        roster = Roster(reps, {"closers": tuple(reps)}, self.passes)
        chosen = next_rep(self.rules, "closers", by, roster, LEAD, now, f"lead-{n}")
        after_it = take(roster, "closers", chosen, now)
        self.passes = {name: dict(passes) for name, passes in after_it.passes.items()}
        if chosen.rep is not None:
            event = Pushed(now, local_day(self.zones[chosen.rep], now))
            self.standings[chosen.rep] = after(self.standings[chosen.rep], event)
        return chosen.rep


caps = st.fixed_dictionaries(
    {},
    optional={
        "open_at_most": st.integers(1, 30),
        "per_hour": st.integers(1, 6),
        "per_day": st.integers(1, 12),
        "per_week": st.integers(1, 25),
        "per_month": st.integers(1, 40),
    },
)


@settings(max_examples=60, deadline=None)
@given(
    caps,
    st.dictionaries(st.sampled_from(HANDLES[:3]), caps, max_size=2),
    st.lists(st.integers(1, 9000), min_size=20, max_size=120),
    st.permutations(ZONES),
    st.sampled_from(["round_robin", "weighted_round_robin", "least_open", "first_available"]),
)
def test_no_cap_is_ever_passed_in_the_reps_own_hour_day_week_and_month(
    common: dict[str, int], own: dict[str, dict[str, int]], gaps: list[int], zones: list[str], by: str
) -> None:
    floor = Floor.of(book(teams={"closers": {**common, "reps": own}}), *map(RepFacts, HANDLES[:3]), zones=tuple(zones))
    got: dict[str, list[datetime]] = {handle: [] for handle in floor.reps}
    now = MONDAY
    for n, gap in enumerate(gaps):
        now += timedelta(seconds=gap)
        rep = floor.push(now, n, by)
        limits = {handle: {**common, **own.get(handle, {})} for handle in floor.reps}
        full = {handle for handle in floor.reps if at_a_cap(got[handle], limits[handle], floor.zones[handle], now)}
        assert rep not in full
        assert (rep is None) == (full == set(floor.reps)), "nobody below their caps is passed over"
        if rep is not None:
            got[rep].append(now)


def at_a_cap(got: list[datetime], limits: dict[str, int], zone: str, now: datetime) -> bool:
    """By counting the moments themselves, as anybody would check it."""
    today = local_day(zone, now)
    days = [local_day(zone, at) for at in got]
    have = {
        "open_at_most": len(got),
        "per_hour": sum(at > now - timedelta(hours=1) for at in got),
        "per_day": days.count(today),
        "per_week": sum(day.isocalendar()[:2] == today.isocalendar()[:2] for day in days),
        "per_month": sum((day.year, day.month) == (today.year, today.month) for day in days),
    }
    return any(have[cap] >= most for cap, most in limits.items())


def test_a_small_monthly_cap_is_used_in_full_and_not_rounded_to_none_a_day() -> None:
    floor = Floor.of(book(teams={"closers": {"reps": {"a": {"per_month": 2}}}}), *map(RepFacts, "abc"))
    got = Counter(floor.push(MONDAY + timedelta(days=n % 28, minutes=n), n) for n in range(90))
    assert got["a"] == 2
    assert abs(got["b"] - got["c"]) <= 1
    assert floor.push(MONDAY + timedelta(days=30), 91) in {"a", "b", "c"}
    assert "a" in {floor.push(MONDAY + timedelta(days=30), n) for n in range(92, 95)}, "a new month, a new count"


def test_days_weeks_and_months_begin_at_the_reps_own_midnight() -> None:
    for cap in ("per_day", "per_week", "per_month"):
        rules = book(teams={"closers": {cap: 1}})
        # Tuesday the 31st of March in Mexico is Wednesday, the 1st of April, in Tokyo; Sundays and Mondays alike.
        evening = datetime.fromisoformat(
            "2026-04-01T00:30:00+00:00" if cap != "per_week" else "2026-04-06T00:30:00+00:00"
        )
        floor = Floor.of(rules, RepFacts("a"), RepFacts("b"), zones=("Asia/Tokyo", "America/Mexico_City"))
        before = evening - timedelta(hours=10)
        assert {floor.push(before, 1), floor.push(before, 2)} == {"a", "b"}
        assert floor.push(before, 3) is None
        assert floor.push(evening, 4) == "a", cap
        assert floor.push(evening, 5) is None
        assert floor.push(evening + timedelta(hours=6), 6) == "b", cap


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), some, some), min_size=1, max_size=10), by_turns, st.booleans())
def test_nobody_who_was_away_or_joins_is_flooded_and_nobody_waits_longer_than_their_turn(
    spells: list[tuple[int, set[str], set[str]]], by: str, weighted: bool
) -> None:
    """Whatever came before: of any leads in a row, with nobody coming or going, everybody gets their share within a turn each."""
    weights = {"a": 0.5, "b": 2.0} if weighted and by == "weighted_round_robin" else {}
    rules, passes, n = book(teams={"closers": {"weights": weights}}), {}, 0
    for count, away, off_team in spells:
        reps = {handle: RepFacts(handle, available=handle not in away) for handle in HANDLES}
        able = EVERYBODY - away - off_team
        roster = Roster(reps, {"closers": tuple(sorted(EVERYBODY - off_team))}, passes)
        got: Counter[str] = Counter()
        for done in range(1, count + 1):
            chosen = next_rep(rules, "closers", by, roster, LEAD, MONDAY, f"lead-{n}")
            roster, n = take(roster, "closers", chosen, MONDAY), n + 1
            assert (chosen.rep in able) == bool(able)
            if chosen.rep is None:
                continue
            got[chosen.rep] += 1
            turns = {handle: 1 / weights.get(handle, 1) for handle in able}
            share = done / sum(1 / turn for turn in turns.values())
            longest = max(turns.values())
            for handle, turn in turns.items():
                assert abs(got[handle] * turn - share) <= longest + turn + 1e-9
        passes = roster.passes


SENIORITY = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
AMONG = {
    "big": {"name": "Big", "when": 'lead.product == "big"', "push": {"team": "closers", "among": "rep.seniority >= 4"}},
    "small": {"name": "Small", "when": 'lead.product == "small"', "push": {"team": "closers", "among": "rep.seniority <= 2"}},
    "rest": {"name": "Rest", "push": {"team": "closers"}},
}  # fmt: skip
WHOM = {"big": {"d", "e"}, "small": {"a", "b"}, "rest": set(HANDLES)}
#: Both pairs are a turn apart and as far behind each other as is owed, and so is whoever is in none of them: seven leads in all.
THE_WORST: list[tuple[str, int, set[str]]] = [
    ("rest", 15, {"c", "d"}),
    ("big", 32, {"a", "c", "e"}),
    ("small", 7, set()),
    ("rest", 20, set()),
]


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(AMONG)), st.integers(1, 30), some), min_size=1, max_size=10),
)
@example(THE_WORST)
def test_whoever_is_asked_for_other_leads_than_the_rest_is_owed_two_turns_and_no_more(
    spells: list[tuple[str, int, set[str]]],
) -> None:
    rules = book(*AMONG.values())
    passes: Any = {}
    n = 0
    for product, count, away in spells:
        reps = {
            handle: RepFacts(handle, available=handle not in away, seniority=SENIORITY[handle]) for handle in HANDLES
        }
        roster, got = Roster(reps, {"closers": HANDLES}, passes), []
        for _ in range(count):
            placement, roster = place(rules, LeadFacts(product=product), None, LEAD, roster, MONDAY, f"lead-{n}")
            n += 1
            if isinstance(placement.to, Assigned):
                got.append(placement.to.rep)
        able = WHOM[product] - away
        assert set(got) <= able
        assert len(got) == (count if able else 0)
        # Three groups are asked for different leads: what may be owed from each to the next, a turn within each of the two pairs,
        # and a turn at the end.
        counts = [Counter(got)[handle] for handle in able] or [0]
        assert max(counts) - min(counts) <= 2 * OWED + 3
        passes = roster.passes


def test_big_deals_go_to_seniors_and_small_ones_stay_with_newcomers_without_a_flood_after_it() -> None:
    rules = book(*AMONG.values())
    roster = team(*(RepFacts(handle, seniority=SENIORITY[handle]) for handle in HANDLES))
    got: dict[str, Counter[str]] = {product: Counter() for product in AMONG}
    for n, product in enumerate(["small"] * 60 + ["big"] * 6 + ["rest"] * 50):
        placement, roster = place(rules, LeadFacts(product=product), None, LEAD, roster, MONDAY, str(n))
        assert isinstance(placement.to, Assigned)
        got[product][placement.to.rep] += 1
        left_out = {reason.params["rep"] for reason in placement.reasons if reason.params.get("because") == "not_among"}
        assert left_out == EVERYBODY - WHOM[product]
    assert got["small"] == {"a": 30, "b": 30}
    assert got["big"] == {"d": 3, "e": 3}
    assert all(7 <= got["rest"][handle] <= 14 for handle in HANDLES), got["rest"]
    hired = Roster({**roster.reps, "new": RepFacts("new", seniority=1)}, {"closers": (*HANDLES, "new")}, roster.passes)
    first: list[str] = []
    for n, product in enumerate(["rest", "small"] * 20, 1000):
        placement, hired = place(rules, LeadFacts(product=product), None, LEAD, hired, MONDAY, str(n))
        assert isinstance(placement.to, Assigned)
        first.append(placement.to.rep)
    assert first[:8].count("new") <= 4
    assert 8 <= first.count("new") <= 16


def test_not_being_among_those_asked_costs_no_turn() -> None:
    rules = book(*AMONG.values())
    roster = team(
        *(RepFacts(handle, seniority=SENIORITY[handle]) for handle in HANDLES), passes=dict.fromkeys(HANDLES, 3.0)
    )
    _, roster = place(rules, LeadFacts(product="small"), None, LEAD, roster, MONDAY, "s")
    assert [roster.passes["closers"][handle] for handle in "cde"] == [3.0] * 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(ZONES), st.integers(0, 23), st.integers(1, 16)), min_size=2, max_size=5),
    st.lists(st.integers(0, 20_000), min_size=5, max_size=60),
)
def test_a_lead_goes_to_somebody_exactly_if_somebody_is_at_work_and_it_is_them(
    shifts: list[tuple[str, int, int]], gaps: list[int]
) -> None:
    reps = []
    for handle, (zone, start, length) in zip(HANDLES, shifts, strict=False):
        days = dict.fromkeys(range(1, 6), (start * 60, start * 60 + length * 60))
        reps.append(RepFacts(handle, hours=WorkingHours(zone, days)))
    floor, now = Floor.of(book(), *reps), MONDAY
    for n, gap in enumerate(gaps):
        now += timedelta(seconds=gap)
        rep = floor.push(now, n)
        there = {one.handle for one in reps if on_shift(one.hours, now)}
        assert (rep in there) if there else rep is None


def on_shift(hours: WorkingHours | None, now: datetime) -> bool:
    """Looked up minute by minute, in a way that has nothing of the calendar's own."""
    from zoneinfo import ZoneInfo

    assert hours is not None
    local = now.astimezone(ZoneInfo(hours.timezone))
    for back in (0, 1):
        day = local.date() - timedelta(days=back)
        if (span := hours.days.get(day.isoweekday())) is None:
            continue
        midnight = datetime(day.year, day.month, day.day, tzinfo=local.tzinfo)
        starts = (midnight + timedelta(minutes=span[0])).replace(tzinfo=local.tzinfo)
        ends = (midnight + timedelta(minutes=span[1])).replace(tzinfo=local.tzinfo)
        if starts.astimezone(now.tzinfo) <= now < ends.astimezone(now.tzinfo):
            return True
    return False


@pytest.mark.parametrize("by", ["round_robin", "weighted_round_robin", "least_open", "first_available", "best_match"])
def test_a_batch_does_not_all_go_to_one_rep_nor_ties_to_the_first_of_the_list(by: str) -> None:
    rules = book({"name": "All", "push": {"team": "closers", "by": by}}, best_match={"explore": False})
    roster, got = team(*HANDLES), Counter[str]()
    for n in range(500):
        placement, roster = place(rules, LeadFacts(), None, LEAD, roster, MONDAY, f"lead-{n}")
        assert isinstance(placement.to, Assigned)
        got[placement.to.rep] += 1
    assert max(got.values()) - min(got.values()) <= 1
    firsts = Counter(
        to.rep
        for n in range(300)
        if isinstance(to := place(rules, LeadFacts(), None, LEAD, team(*HANDLES), MONDAY, str(n))[0].to, Assigned)
    )
    assert all(30 <= firsts[handle] <= 95 for handle in HANDLES)


def test_a_list_changed_in_mid_rotation_moves_nobodys_turn() -> None:
    rules, roster, got = book(), team("a", "b", "c", "d"), []
    for n in range(10):
        if n == 5:  # b leaves and e comes, and the list stands the other way round
            reps = {handle: RepFacts(handle) for handle in "abcde"}
            roster = Roster(reps, {"closers": ("e", "d", "c", "a")}, roster.passes)
        chosen = next_rep(rules, "closers", "round_robin", roster, LEAD, MONDAY, str(n))
        roster = take(roster, "closers", chosen, MONDAY)
        got.append(str(chosen.rep))
    assert set(got[:4]) == set("abcd")
    rest = Counter(got) - Counter({"b": got.count("b")})
    assert all(2 <= rest[handle] <= 3 for handle in "acd")
    assert rest["e"] <= 2


def test_an_inactive_user_in_the_rotation_is_passed_over_and_costs_nobody_a_turn() -> None:
    off = RepFacts("b", active=False)
    rules, roster, got = book(), team("a", off, "c"), []
    for n in range(20):
        chosen = next_rep(rules, "closers", "round_robin", roster, LEAD, MONDAY, str(n))
        assert [reason.params for reason in chosen.passed_over] == [{"rep": "b", "because": "inactive"}]
        roster = take(roster, "closers", chosen, MONDAY)
        got.append(chosen.rep)
    assert Counter(got) == {"a": 10, "c": 10}


def test_whoever_is_in_an_appointment_or_keeps_a_holiday_is_passed_over_and_comes_back_level() -> None:
    hour = timedelta(hours=1)
    busy = RepFacts("b", hours=office(busy=((MONDAY, MONDAY + hour),)))
    free = RepFacts("c", hours=office(holidays=((MONDAY, MONDAY + 24 * hour),)))
    floor = Floor.of(book(), RepFacts("a"), busy, free)
    assert {floor.push(MONDAY + n * timedelta(minutes=1), n) for n in range(30)} == {"a"}
    later = Counter(floor.push(MONDAY + hour + n * timedelta(minutes=1), n) for n in range(100, 120))
    assert later == {"a": 10, "b": 10}
    assert Counter(floor.push(MONDAY + 24 * hour + timedelta(minutes=n), n) for n in range(30)) == dict.fromkeys(
        "abc", 10
    )


def test_reps_of_equal_standing_stay_equal_though_one_of_them_has_caps_of_their_own() -> None:
    rules = book(teams={"closers": {"per_day": 50, "reps": {"a": {"per_day": 3}}}})
    roster = team("a", "b", "c")
    for n in range(31):
        chosen = next_rep(rules, "closers", "round_robin", roster, LEAD, MONDAY, str(n))
        roster = take(roster, "closers", chosen, MONDAY)
    assert {handle: rep.assigned_today for handle, rep in roster.reps.items()} == {"a": 3, "b": 14, "c": 14}
    tomorrow = {handle: replace(rep, assigned_today=0) for handle, rep in roster.reps.items()}
    chosen_next = []
    again = Roster(tomorrow, roster.teams, roster.passes)
    for n in range(9):
        chosen = next_rep(rules, "closers", "round_robin", again, LEAD, MONDAY, f"t{n}")
        again = take(again, "closers", chosen, MONDAY)
        chosen_next.append(chosen.rep)
    assert Counter(chosen_next) == {"a": 3, "b": 3, "c": 3}
