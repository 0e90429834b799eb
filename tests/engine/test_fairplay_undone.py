"""What standings feel when many leads were moved and the move is undone: nothing, in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dibs.engine.counters import Claimed, Contacted, Pushed, Released, Restored, Standing, Unpushed, after

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TODAY = MONDAY.date()


def test_a_push_taken_back_was_none() -> None:
    before = after(Standing(), Pushed(MONDAY, TODAY))
    at = MONDAY + timedelta(minutes=5)
    assert after(after(before, Pushed(at, TODAY)), Unpushed(at, TODAY)) == before


def test_a_push_of_yesterday_counts_in_what_is_still_counted_alone() -> None:
    pushed = after(Standing(), Pushed(MONDAY, TODAY))
    tomorrow = MONDAY + timedelta(days=1)
    standing = after(after(pushed, Pushed(tomorrow, tomorrow.date())), Unpushed(MONDAY, TODAY))
    assert (standing.assigned_today, standing.assigned_this_week, standing.assigned_this_month) == (1, 1, 1)
    assert (standing.open_leads, standing.holding) == (1, 1)


def test_nothing_is_counted_below_nothing() -> None:
    standing = after(Standing(), Unpushed(MONDAY, TODAY))
    assert (standing.open_leads, standing.holding, standing.assigned_today) == (0, 0, 0)


@pytest.mark.parametrize("contacted", [False, True])
def test_a_lead_that_comes_back_is_held_as_before_and_no_push(contacted: bool) -> None:
    before = after(Standing(), Pushed(MONDAY, TODAY))
    if contacted:
        before = after(before, Contacted())
    assert after(after(before, Released(contacted)), Restored(contacted)) == before


def test_a_claim_that_comes_back_counts_for_the_floor_again_but_for_no_mix() -> None:
    before = after(Standing(), Claimed(80, MONDAY, TODAY))
    gone = after(before, Released(False, TODAY, 80))
    back = after(gone, Restored(False, TODAY))
    assert (gone.claims_today, back.claims_today, back.claims_this_week) == (0, 1, 1)
    assert (back.holding, back.open_leads, back.recent) == (1, 1, ())
