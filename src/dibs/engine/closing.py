"""What converted leads become: the stages of opportunities, what they promise, and which may be closed on the spot."""

from __future__ import annotations

from decimal import Decimal

from dibs.engine.decision import Reason, Refusal
from dibs.engine.policy_deals import Opportunities


def first_stage(rules: Opportunities) -> str:
    """The stage that a new opportunity begins in."""
    return next(iter(rules.stages))


def likely(rules: Opportunities, stage: str) -> float | None:
    """How likely an opportunity in this stage is won, 0..1; ``None``: the policy does not say, or has no such stage any more."""
    known = rules.stages.get(stage)
    return known.likely if known is not None else None


def weighted(rules: Opportunities, stage: str, amount: Decimal) -> Decimal:
    """What an amount in this stage counts for in a forecast: the amount times how likely it is won, nothing where that is not said."""
    share = likely(rules, stage)
    return amount * Decimal(str(share)) if share is not None else Decimal(0)


def may_close_at_once(rules: Opportunities, amount: Decimal | None, currency: str | None) -> Refusal | None:
    """Whether the rep who converts a lead may close what it became on the spot: what is worth less than the policy says, in its
    currency. An amount that is not known is not less."""
    limit = rules.close_at_once
    if limit is None:
        return Refusal((Reason("closing_not_allowed"),), remedy=Reason("leave_open"))
    if amount is not None and currency == limit.currency and amount < Decimal(str(limit.under)):
        return None
    under = f"{limit.under:.15g} {limit.currency}"
    said = f"{amount} {currency or ''}".strip() if amount is not None else None
    reason = Reason("too_big_to_close", {"worth": said, "under": under}, "opportunities.close_at_once")
    return Refusal((reason,), remedy=Reason("leave_open"))
