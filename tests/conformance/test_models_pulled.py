"""A day of each model in which reps take leads by themselves: queue, pool, cherry-pick."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.model_day import ModelDay, at

pytestmark = pytest.mark.django_db(transaction=True)


def remedy(day: ModelDay) -> tuple[str, dict[str, Any]]:
    """What would have made a yes of the last refusal."""
    assert day.refusal is not None
    assert day.refusal.remedy is not None
    return day.refusal.remedy.code, dict(day.refusal.remedy.params)


# -- queue ------------------------------------------------------------------------------------------------------------


def _a_line(length: int = 60) -> ModelDay:
    """Callers, and a line of people who asked to be called back, one a minute from eight on: the first is L01."""
    day = ModelDay("queue", {"callers": ["aiko", "budi", "carmen"]})
    for n in range(1, length + 1):
        came = at("8:00") + timedelta(minutes=n)
        assert day.arrives(f"L{n:02}", came, source="callback", phone=f"+49301{n:06}") == "pool line"
    return day


def test_nobody_takes_number_47_while_23_waits() -> None:
    day = _a_line()
    now = at("9:05")
    for n in range(1, 23):
        rep, now = ("aiko", "budi", "carmen")[n % 3], now + timedelta(minutes=2)
        assert day.next(rep, "line", now) == f"L{n:02}"
        day.works(rep, f"L{n:02}", now)
        assert day.claim(rep, "L47", now) in {"unseen", "not_the_head"}
    assert set(day.sees("aiko", "line", now) or {}) == {"L23"}
    assert day.where("L23") == day.where("L47") == "pool line"
    assert day.next("budi", "line", now) == "L23"


def test_a_better_lead_comes_first_and_equals_in_the_order_they_came() -> None:
    day = _a_line(3)
    day.arrives("demo", at("8:30"), source="demo_request", employees=200, phone="+81312345678")
    assert [day.next("aiko", "line", at("9:00")) for _ in range(3)] == ["demo", "L01", "L02"]


def test_passing_over_the_head_is_counted_and_two_times_enough() -> None:
    day = _a_line(5)
    for name in ("L01", "L02"):
        assert day.do("skip", "aiko", name, at("9:05")) == "done"
    assert day.do("skip", "aiko", "L03", at("9:06")) == "skip_limit"
    assert day.standing("aiko").skips == 2
    # The third is hers to take, and what she passed over is still first in line for everybody else.
    assert day.next("aiko", "line", at("9:07")) == "L03"
    assert day.standing("aiko").skips == 0
    assert day.next("budi", "line", at("9:07")) == "L01"


def test_a_lead_that_lapses_is_back_at_its_old_place_for_the_next_one_who_asks() -> None:
    day = _a_line(5)
    assert day.next("aiko", "line", at("9:05")) == "L01"
    day.passes(at("9:21"))
    assert (day.where("L01"), day.standing("aiko").lapses) == ("pool line", 1)
    # Not hers again for two hours: she gets the second, and he the first.
    assert day.next("aiko", "line", at("9:22")) == "L02"
    assert day.next("budi", "line", at("9:22")) == "L01"


def test_three_that_are_not_called_are_enough_and_the_refusal_says_what_to_do() -> None:
    day = _a_line(6)
    assert [day.next("aiko", "line", at("9:05")) for _ in range(3)] == ["L01", "L02", "L03"]
    assert day.next("aiko", "line", at("9:06")) == "holding_cap"
    assert remedy(day) == ("contact_first", {"count": 1})
    day.works("aiko", "L01", at("9:07"))
    assert day.next("aiko", "line", at("9:07")) == "L04"


def test_nobody_talks_to_more_than_twelve_people_an_hour() -> None:
    day = _a_line(20)
    for n in range(1, 13):
        now = at("9:05") + timedelta(minutes=n)
        assert day.next("aiko", "line", now) == f"L{n:02}"
        day.works("aiko", f"L{n:02}", now)
    assert day.next("aiko", "line", at("9:20")) == "claim_rate"
    assert remedy(day) == ("wait_until", {"at": at("10:06").isoformat()})
    assert day.next("budi", "line", at("9:20")) == "L13"
    # An hour after the first of the twelve there is room for one: the thirteenth, which he let lapse.
    assert day.next("aiko", "line", at("10:06")) == "L13"
    assert day.next("aiko", "line", at("10:06")) == "claim_rate"


def test_a_low_score_does_not_wait_behind_better_ones_for_ever() -> None:
    day = ModelDay("queue", {"callers": ["aiko", "budi"]})
    day.arrives("letter", at("8:00"), source="newsletter", email="someone@example.com")
    for n in range(8):
        day.arrives(f"L{n}", at("8:00") + timedelta(minutes=14 * n), source="demo_request", phone=f"+4930111{n:04}")
    day.passes(at("10:00"))
    assert day.where("letter").startswith("offered ")


# -- pool -------------------------------------------------------------------------------------------------------------


def _an_open_pool() -> ModelDay:
    """Good and small ones, waiting since eight: G1 is the best, S1 the oldest of the small."""
    day = ModelDay("pool", {"sales": ["aiko", "budi", "carmen"]})
    for n in range(1, 13):
        came = at("8:00") + timedelta(minutes=n)
        good = {"deal_value": 90_000.0 - n, "employees": 400, "consent": True, "email": f"g{n}@obra.example"}
        assert day.arrives(f"G{n}", came, **good) == "pool open"
        assert day.arrives(f"S{n}", came, phone=f"+34911{n:06}", email=f"s{n}@tienda.example") == "pool open"
    return day


def test_a_rep_browses_what_leads_are_worth_and_not_whose_they_are() -> None:
    day = _an_open_pool()
    seen = day.sees("aiko", "open", at("9:00"))
    assert seen is not None
    assert set(seen) == {f"{kind}{n}" for kind in "GS" for n in range(1, 13)}
    assert seen["G7"]["score"] == 85
    assert not {"email", "phone", "name", "company", "domain"} & {*seen["G7"], *seen["S7"]}
    # Any of them may be taken, and then it is seen in full.
    assert day.claim("aiko", "S7", at("9:00")) == "claimed"
    assert day.claim("budi", "S7", at("9:00")) == "already_claimed"


def test_one_in_four_is_a_small_one() -> None:
    day = _an_open_pool()
    now = at("9:00")
    for n in range(1, 4):
        assert day.claim("aiko", f"G{n}", now) == "claimed"
        day.works("aiko", f"G{n}", now)
    assert day.claim("aiko", "G4", now) == "mix"
    assert remedy(day) == ("claim_low_score_first", {"count": 1, "low_below": 40})
    assert day.claim("aiko", "S1", now) == "claimed"
    assert day.claim("aiko", "G4", now) == "claimed"


def test_nobody_empties_the_pool_at_nine_in_the_morning() -> None:
    day = _an_open_pool()
    wanted = ["G1", "S1", "G2", "S2", "G3", "S3", "G4", "S4"]
    assert {day.claim("aiko", name, at("9:00")) for name in wanted} == {"claimed"}
    assert day.claim("aiko", "S5", at("9:04")) == "claim_rate"
    assert remedy(day) == ("wait_until", {"at": at("9:10").isoformat()})
    assert day.claim("aiko", "S5", at("9:10")) == "claimed"
    assert day.claim("aiko", "S6", at("9:10")) == "claimed"
    # Ten held and none called: now another rule says no.
    assert day.claim("aiko", "S7", at("9:11")) == "holding_cap"


def test_who_lets_a_lead_lapse_or_gives_it_back_is_not_the_next_to_have_it() -> None:
    day = _an_open_pool()
    assert day.claim("aiko", "G1", at("9:00")) == "claimed"
    day.passes(at("9:15"))
    assert day.where("G1") == "pool open"
    assert day.claim("aiko", "G1", at("9:16")) == "reclaim_too_soon"
    assert day.claim("aiko", "G2", at("9:17")) == "claimed"
    assert day.do("release", "aiko", "G2", at("9:31")) == "done"
    assert day.claim("aiko", "G2", at("9:31")) == "reclaim_too_soon"
    assert day.claim("budi", "G1", at("9:32")) == "claimed"
    assert day.claim("aiko", "G2", at("10:31")) == "claimed"


def test_what_nobody_wants_is_given_out() -> None:
    day = ModelDay("pool", {"sales": ["aiko", "budi"]})
    day.arrives("small", at("8:00"), phone="+34911222333")
    day.passes(at("11:59"))
    assert day.where("small") == "pool open"
    day.passes(at("12:00"))
    assert day.where("small").startswith("owned ")


# -- cherry-pick ------------------------------------------------------------------------------------------------------


def _a_market() -> ModelDay:
    """Eight large deals and eight of the long tail; D1 is the largest, T1 the oldest."""
    day = ModelDay("cherry_pick", {"executives": ["aiko", "budi"]}, hours=(8, 17))
    for n in range(1, 9):
        came = at("8:00") + timedelta(minutes=n)
        large = {"deal_value": 200_000.0 - 1000 * n, "company": f"Grand {n}", "phone": f"+49891{n:06}"}
        assert day.arrives(f"D{n}", came, **large) == "pool large_deals"
        assert day.arrives(f"T{n}", came, deal_value=500.0, company=f"Petit {n}") == "pool long_tail"
    return day


def test_the_list_shows_previews_and_six_may_be_opened_before_one_is_taken() -> None:
    day = _a_market()
    seen = day.sees("aiko", "large_deals", at("9:00"))
    assert seen is not None
    assert set(seen) == {f"D{n}" for n in range(1, 9)}
    assert seen["D1"]["company"] == "Grand 1"
    assert "phone" not in seen["D1"]
    for n in range(1, 7):
        assert day.do("open", "aiko", f"D{n}", at("9:01")) == "done"
    assert day.do("open", "aiko", "D7", at("9:02")) == "skip_limit"
    # What she opened stays open to her until she takes one, and counts once.
    assert day.do("open", "aiko", "D1", at("9:02")) == "done"
    assert day.reads("aiko", "D1", at("9:03"))["phone"] == "+49891000001"
    assert "phone" not in day.reads("budi", "D1", at("9:03"))
    assert day.claim("aiko", "D3", at("9:04")) == "claimed"
    assert "phone" not in day.reads("aiko", "D1", at("9:05"))
    assert day.do("open", "aiko", "D7", at("9:05")) == "done"


def test_after_a_large_one_comes_a_small_one() -> None:
    day = _a_market()
    assert day.claim("aiko", "D1", at("9:00")) == "claimed"
    assert day.claim("aiko", "D2", at("9:05")) == "mix"
    assert remedy(day) == ("claim_low_score_first", {"count": 1, "low_below": 30})
    assert day.claim("aiko", "T5", at("9:06")) == "claimed"
    assert day.claim("aiko", "D2", at("9:07")) == "claimed"
    assert day.claim("budi", "D3", at("9:08")) == "claimed"


def test_where_no_small_one_waits_a_large_one_is_no_ones_fault() -> None:
    day = ModelDay("cherry_pick", {"executives": ["aiko", "budi"]})
    for n in (1, 2):
        day.arrives(f"D{n}", at("8:00"), deal_value=150_000.0)
    assert [day.claim("aiko", f"D{n}", at("9:00")) for n in (1, 2)] == ["claimed", "claimed"]


def test_a_week_without_claims_ends_with_the_oldest_of_what_waits() -> None:
    day = _a_market()
    for name in ("T1", "D1", "T2", "D2"):
        assert day.claim("budi", name, at("9:00", 1)) == "claimed"
        day.works("budi", name, at("9:01", 1))
    day.looks_at_floors(at("12:00", 4))
    assert day.where("T3") == "pool long_tail"
    day.looks_at_floors(at("13:00", 4))  # four hours before Friday's end
    had = {rep: [name for name in day.named if day.where(name) == f"owned {rep}"] for rep in ("aiko", "budi")}
    assert (len(had["aiko"]), len(had["budi"])) == (4, 2), "hold_at_most is 4, whoever falls short of what"


def test_a_small_one_pays_three_times() -> None:
    day = _a_market()
    assert day.claim("aiko", "D1", at("9:00")) == "claimed"
    day.works("aiko", "D1", at("9:10"), wins=True)
    assert day.claim("aiko", "T1", at("9:20")) == "claimed"
    day.works("aiko", "T1", at("9:30"), wins=True)
    assert day.credits() == {("aiko", "D1"): 11, ("aiko", "T1"): 33}
