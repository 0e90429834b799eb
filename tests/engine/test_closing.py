"""Which opportunities may be closed on the spot, and what stages promise."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dibs.engine import closing
from dibs.engine.policy_deals import CloseAtOnce, Opportunities, Stage

SMALL = Opportunities(close_at_once=CloseAtOnce(under=5000, currency="EUR"))


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        ("4999.99", "EUR", None),
        ("0", "EUR", None),
        ("5000", "EUR", "too_big_to_close"),
        ("5000.00", "EUR", "too_big_to_close"),
        ("10", "USD", "too_big_to_close"),
        ("10", None, "too_big_to_close"),
        (None, "EUR", "too_big_to_close"),
    ],
)
def test_what_is_worth_less_than_the_policy_says_may_be_closed(
    amount: str | None, currency: str | None, code: str | None
) -> None:
    refusal = closing.may_close_at_once(SMALL, Decimal(amount) if amount is not None else None, currency)
    assert (refusal.code if refusal else None) == code
    if refusal:
        assert refusal.remedy is not None
        assert refusal.reasons[0].params["under"] == "5000 EUR"


def test_without_a_limit_nothing_is_closed_on_the_spot() -> None:
    refusal = closing.may_close_at_once(Opportunities(), Decimal(1), "EUR")
    assert refusal is not None
    assert refusal.code == "closing_not_allowed"


def test_a_new_opportunity_begins_in_the_first_stage_as_written() -> None:
    assert closing.first_stage(Opportunities()) == "qualified"
    assert closing.first_stage(Opportunities(stages={"zulu": Stage(), "alpha": Stage(likely=0.5)})) == "zulu"


def test_a_forecast_counts_what_is_likely_and_nothing_where_that_is_not_said() -> None:
    rules = Opportunities(stages={"open": Stage(), "close": Stage(likely=0.3)})
    assert closing.weighted(rules, "close", Decimal("100.10")) == Decimal("30.030")
    assert closing.weighted(rules, "open", Decimal(100)) == 0
    assert closing.weighted(rules, "of_an_older_policy", Decimal(100)) == 0
