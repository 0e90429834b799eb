"""Every reason code there is, with its parameters' names: what wording and documentation are held to.

A code is stable: it stands in logs for ever. Text is made late, in the reader's language, by ``dibs.delivery.wording``.
Moments are ISO 8601 text in UTC, spans are whole seconds, scores are points 1..100.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Why a lead was placed where it was.
PLACING: Mapping[str, tuple[str, ...]] = {
    "scored": ("score", "rank", "parts"),
    "no_domain": (),
    "no_account": ("domain",),
    "matched_account": ("account", "domain", "owner"),
    "in_territory": ("territory",),
    # "tried": the rules before it, each {"rule", "when", "because"}; because is "false", or "unknown" with the "fact"
    "routed": ("rule", "index", "when", "tried"),
    "no_rule_matched": ("tried",),
    "chosen": ("rep", "team", "by"),
    "passed_over": ("rep", "because"),
    "nobody_eligible": ("to",),
    "fell_back": ("to",),
    "pooled": ("pool",),
    "offered": ("rep", "team", "until"),
    "in_review": ("queue",),
    "in_nurture": (),
    "no_policy": (),
}

#: Why a rep could not be given a lead: the values of ``because`` in ``passed_over``.
CAUSES: tuple[str, ...] = (
    "inactive",
    "unavailable",
    "away",
    "off_hours",
    "open_at_most",
    "per_day",
    "declined_before",
)

#: What a rep was granted, or refused.
CLAIMING: Mapping[str, tuple[str, ...]] = {
    "claimed": ("rep", "pool", "until", "nth_today"),
    "lock_had_lapsed": ("rep", "at"),
    "mix_waived": ("low", "need", "low_below"),
    "already_claimed": ("by", "until"),
    "not_claimable": ("state",),
    "inactive": (),
    "pool_not_in_sight": ("pool",),
    "tier_sees_none": ("tier",),
    "not_in_your_tier": ("tier", "only"),
    "not_the_head": ("pool",),
    "holding_cap": ("have", "limit"),
    "reclaim_too_soon": ("until",),
    "mix": ("low", "need", "of", "low_below"),
    "skip_limit": ("have", "limit"),
    "not_yours": ("by",),
    "claim_lapsed": ("at",),
}

#: Why a person's act was refused; written by ``dibs.distribution``.
ACTING: Mapping[str, tuple[str, ...]] = {
    "not_waiting": (),
    "not_now": ("state", "act"),
    "already_ended": ("state", "act"),
    "too_busy": (),
}

#: What would make a refusal a yes.
REMEDIES: Mapping[str, tuple[str, ...]] = {
    "choose_another": (),
    "ask_manager": (),
    "accept_the_offer": (),
    "reach_tier": ("tier", "when"),
    "choose_within": ("only",),
    "take_the_head": ("pool",),
    "contact_first": ("count",),
    "wait_until": ("at",),
    "claim_low_score_first": ("count", "low_below"),
    "claim_one_first": (),
    "claim_again": (),
    "try_again": (),
    "publish_policy": (),
}

#: What time did.
TIME: Mapping[str, tuple[str, ...]] = {
    "lock_lapsed": ("rep", "at"),
    "offer_lapsed": ("rep", "at"),
    "back_in_pool": ("pool", "since"),
    "escalated": ("pool", "step", "after"),
    "aged": ("pool", "after"),
    "sla_missed": ("rep", "within"),
    "stale": ("after",),
    "reassign_limit": ("limit",),
    "pool_gone": ("pool",),
}

#: What people and programs did; written by ``dibs.distribution``. "why" is one of the fixed reasons or the person's own words.
ACTS: Mapping[str, tuple[str, ...]] = {
    "enriched": ("fields",),
    "skipped": (),
    "accepted": (),
    "rejected": ("why",),
    "released": ("why",),
    "contacted": ("kind", "note"),
    "assigned_by": ("rep", "by", "why"),
    "returned": ("pool", "by", "why"),
    "converted": ("amount", "currency", "note"),
    "retired": ("why", "note"),
}

CODES: Mapping[str, tuple[str, ...]] = {**PLACING, **CLAIMING, **ACTING, **REMEDIES, **TIME, **ACTS}
