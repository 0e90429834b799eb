"""Pull: who may take what, and what a rep sees of what waits.

Every refusal names what would make it a yes. What concerns the lead is asked before what concerns the rep's own account with
fair play, so that nobody is sent off to earn the right to a lead that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from dibs.engine.conditions import Condition
from dibs.engine.counters import Standing, on_day
from dibs.engine.decision import Ask, Due, Grant, Param, Reason, Refusal
from dibs.engine.due import due_when_owned, with_marketings
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.fairplay import mix_state, rate_state, skip_remedy, skips_counted
from dibs.engine.lifecycle import ENDED, TRANSITIONS
from dibs.engine.policy_fair_play import Tier
from dibs.engine.policy_model import Pool
from dibs.engine.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Sight:
    """What a rep sees of the leads that wait in a pool.

    ``level``: ``full``, ``preview`` (only ``fields``) or ``none``. ``only``: of which leads; ``None`` means all. ``head_only``:
    just the first in line. ``opens``: the rest of a lead is seen by opening it, which `may_open` allows so many times. ``tier``
    names the tier that decided, ``why_none`` the refusal's code if nothing is seen.
    """

    level: str
    fields: tuple[str, ...] = ()
    only: Condition | None = None
    head_only: bool = False
    opens: bool = False
    tier: str | None = None
    why_none: str | None = None


NOTHING = Sight("none", why_none="pool_not_in_sight")


def may_claim(
    book: Rulebook,
    lead: LeadFacts,
    clock: LeadClock,
    rep: RepFacts,
    standing: Standing,
    now: datetime,
    *,
    today: date,
    last_had_at: datetime | None,
    low_score_in_sight: bool | None = None,
    teams: frozenset[str] = frozenset(),
    is_head: bool | None = None,
) -> Grant | Refusal | Ask:
    """Whether the rep may take the lead now.

    ``today`` is the rep's local date. ``last_had_at``: when the rep last let this very lead lapse, or gave it back without a
    contact; else whoever gives a lead back and takes it again would have a new lock each time. ``teams``: slugs of the rep's
    teams. ``is_head``: whether the lead is first in the rep's line, asked only where the pool is a queue. ``low_score_in_sight``
    is asked for by an `Ask` when it decides: whether a lead with a score under ``Ask.low_below`` waits within the rep's sight, in a
    pool to choose from: the head of a queue is not owed, for it does not count.

    A lock that ran out without contact is claimable at once, whether or not the lapse has been written.
    """
    if not rep.active:
        return _no("inactive", {}, Reason("ask_manager"))
    ran_out = lock_ran_out(clock, now)
    pool = book.policy.pools.get(clock.pool) if clock.pool is not None else None
    refusal = _not_free(clock, rep, ran_out, pool) or _not_in_sight(book, lead, clock, rep, teams, now, is_head)
    if refusal is None and pool is not None:
        if ran_out and clock.owner == rep.handle:
            last_had_at = clock.lock_expires_at
        refusal = _too_soon(pool, clock, last_had_at, now) or _at_cap(book, standing) or _too_fast(book, standing, now)
    if refusal is not None:
        return refusal
    assert pool is not None
    # The mix is about choosing. In a queue there is nothing to choose: only the head can be taken, whatever its score.
    mixed = _mix(book, lead, standing, low_score_in_sight) if pool.mode != "queue" else ()
    if isinstance(mixed, Refusal | Ask):
        return mixed

    until = now + pool.lock if pool.lock is not None else None
    if until is not None:
        due: Due | None = Due(until, "lock")
    else:
        mine = dict.fromkeys(teams, (rep.handle,))
        due = with_marketings(book, clock, lead.rank, due_when_owned(book, lead, rep, now), rep.handle, mine, now)
    params: dict[str, Param] = {
        "rep": rep.handle,
        "pool": clock.pool,
        "until": until.isoformat() if until is not None else None,
        "nth_today": on_day(standing, today).claims_today + 1,
    }
    reasons = [Reason("claimed", params, f"pools.{clock.pool}")]
    if ran_out and clock.lock_expires_at is not None:
        reasons.append(Reason("lock_had_lapsed", {"rep": clock.owner, "at": clock.lock_expires_at.isoformat()}))
    return Grant(until, due, (*reasons, *mixed))


def may_skip(book: Rulebook, standing: Standing) -> Refusal | None:
    """Whether the rep may pass over one more waiting lead, such as the head of a queue, before claiming.

    A skip limit never stands in the way of a claim: claiming is how to get from under it, and contacting what was claimed.
    """
    limit, have = book.policy.fair_play.skip_at_most, skips_counted(standing)
    if limit is None or have < limit:
        return None
    params: dict[str, Param] = {"have": have, "limit": limit}
    return _no("skip_limit", params, skip_remedy(standing, limit), "fair_play.skip_at_most")


def may_open(book: Rulebook, standing: Standing, already_open: bool) -> Refusal | None:
    """Whether the rep may see one more waiting lead's details before claiming, where `Sight.opens`: each counts as a skip.

    ``already_open``: whether the rep opened this very lead since their last claim; it stays open until the next.
    """
    return None if already_open else may_skip(book, standing)


def may_act(clock: LeadClock, rep_handle: str, token_matches: bool, now: datetime) -> Refusal | None:
    """Whether this rep may act on a lead that somebody holds (log contact, release, accept, ...), and still may.

    ``token_matches``: whether the lease shown is the lead's present one. A lease is good until its very end, not at it.
    """
    ends = clock.lock_expires_at if clock.owner == rep_handle and clock.contacted_at is None else None
    if not token_matches or (ends is not None and ends <= now):
        return _no("claim_lapsed", {"at": ends.isoformat() if ends is not None else None}, Reason("claim_again"))
    if clock.owner != rep_handle:
        return _no("not_yours", {"by": clock.owner}, Reason("choose_another"))
    return None


def may_move(clock: LeadClock, kind: str) -> Refusal | None:
    """Whether this kind of act is for a lead in this state at all; ``kind`` as in ``lifecycle.TRANSITIONS``."""
    if kind in TRANSITIONS[clock.state]:  # type: ignore[index]
        return None
    code = "already_ended" if clock.state in ENDED else "not_now"
    return _no(code, {"state": clock.state, "act": kind}, Reason("choose_another"))


def lock_ran_out(clock: LeadClock, now: datetime) -> bool:
    """Whether the lead is held under a lock that has ended without a contact."""
    return (
        clock.state == "owned"
        and clock.contacted_at is None
        and clock.lock_expires_at is not None
        and clock.lock_expires_at <= now
    )


def sight(book: Rulebook, rep: RepFacts, teams: frozenset[str], pool: str) -> Sight:
    """What the rep sees of leads waiting in ``pool``: what the pool's mode shows, narrowed by the rep's tier.

    ``cherry_pick`` shows everything, ``pool`` and ``queue`` the pool's preview, a queue of its head alone. With a skip limit, who
    would see everything sees the preview, and everything of a lead that they open. A policy with tiers shows nothing to a rep whom
    none of them fits. A pool for other teams, or that the policy does not have, does not exist for the rep.
    """
    rules = book.policy.pools.get(pool)
    if rules is None or (rules.teams is not None and teams.isdisjoint(rules.teams)):
        return NOTHING
    full, only, name = rules.mode == "cherry_pick", None, None
    if book.tiers:
        tier, only = tier_of(book, rep)
        if tier is None or tier.sees == "none":
            return Sight("none", tier=tier.name if tier is not None else None, why_none="tier_sees_none")
        full, name = full and tier.sees == "full", tier.name
    opens = full and book.policy.fair_play.skip_at_most is not None
    level = "full" if full and not opens else "preview"
    return Sight(level, rules.preview, only, head_only=rules.mode == "queue", opens=opens, tier=name)


def tier_of(book: Rulebook, rep: RepFacts) -> tuple[Tier | None, Condition | None]:
    """The rep's tier, and the condition on leads that it sees only: the tier they are settled in, if the policy has it; of a rep
    not settled yet the first that fits."""
    if rep.tier is not None:
        for tier, _, only in book.tiers:
            if tier.name == rep.tier:
                return tier, only
        if rep.tier == "":
            return None, None
    return first_that_fits(book, rep)


def first_that_fits(book: Rulebook, rep: RepFacts) -> tuple[Tier | None, Condition | None]:
    """The first tier whose condition holds for the rep as they are now, and the condition on leads that it sees only."""
    activation = book.activation(rep=rep)
    for tier, when, only in book.tiers:
        if when is None or when.holds(activation):
            return tier, only
    return None, None


def _not_free(clock: LeadClock, rep: RepFacts, ran_out: bool, pool: Pool | None) -> Refusal | None:
    """Somebody has the lead, or it does not wait in a pool at all."""
    if clock.state == "offered" and clock.owner == rep.handle:
        return _no("not_claimable", {"state": clock.state}, Reason("accept_the_offer"))
    if clock.state in {"owned", "working", "offered"} and not ran_out:
        until = clock.lock_expires_at.isoformat() if clock.lock_expires_at is not None else None
        return _no("already_claimed", {"by": clock.owner, "until": until}, Reason("choose_another"))
    if pool is None or not (clock.state == "pooled" or ran_out):
        return _no("not_claimable", {"state": clock.state}, Reason("choose_another"))
    return None


def _not_in_sight(
    book: Rulebook,
    lead: LeadFacts,
    clock: LeadClock,
    rep: RepFacts,
    teams: frozenset[str],
    now: datetime,
    is_head: bool | None,
) -> Refusal | None:
    """The pool, the rep's tier or the queue's order keeps the lead from the rep."""
    assert clock.pool is not None
    seen = sight(book, rep, teams, clock.pool)
    if seen.why_none == "pool_not_in_sight":
        return _no("pool_not_in_sight", {"pool": clock.pool}, Reason("ask_manager"), f"pools.{clock.pool}.teams")
    if seen.why_none == "tier_sees_none":
        return _no("tier_sees_none", {"tier": seen.tier}, _next_tier(book), "tiers")
    if seen.only is not None and not seen.only.holds(book.activation(lead, rep=rep, now=now)):
        params: dict[str, Param] = {"tier": seen.tier, "only": seen.only.text}
        return _no("not_in_your_tier", params, Reason("choose_within", {"only": seen.only.text}), "tiers")
    if seen.head_only and not is_head:
        return _no(
            "not_the_head",
            {"pool": clock.pool},
            Reason("take_the_head", {"pool": clock.pool}),
            f"pools.{clock.pool}.mode",
        )
    return None


def _next_tier(book: Rulebook) -> Reason:
    """The way out of a tier that sees nothing: the nearest one above that sees something."""
    for tier, _, _ in reversed(book.tiers):
        if tier.sees != "none" and tier.when is not None:
            return Reason("reach_tier", {"tier": tier.name, "when": tier.when})
    return Reason("ask_manager")


def _too_soon(pool: Pool, clock: LeadClock, last_had_at: datetime | None, now: datetime) -> Refusal | None:
    if pool.reclaim_after is None or last_had_at is None or now >= last_had_at + pool.reclaim_after:
        return None
    until = (last_had_at + pool.reclaim_after).isoformat()
    rule = f"pools.{clock.pool}.reclaim_after"
    return _no("reclaim_too_soon", {"until": until}, Reason("wait_until", {"at": until}), rule)


def _at_cap(book: Rulebook, standing: Standing) -> Refusal | None:
    limit = book.policy.fair_play.hold_at_most
    if limit is None or standing.holding < limit:
        return None
    params: dict[str, Param] = {"have": standing.holding, "limit": limit}
    remedy = Reason("contact_first", {"count": standing.holding - limit + 1})
    return _no("holding_cap", params, remedy, "fair_play.hold_at_most")


def _too_fast(book: Rulebook, standing: Standing, now: datetime) -> Refusal | None:
    rate = book.policy.fair_play.claim_rate
    if rate is None or len(standing.claimed_at) < rate.count:
        return None
    until = rate_state(rate, standing.claimed_at, now).until
    if until is None:
        return None
    at = until.isoformat()
    params: dict[str, Param] = {"count": rate.count, "per": int(rate.per.total_seconds()), "until": at}
    return _no("claim_rate", params, Reason("wait_until", {"at": at}), "fair_play.claim_rate")


def chosen_score(book: Rulebook, lead: LeadFacts, pool: str | None) -> int | None:
    """The score that a claim from this pool counts with in the mix; ``None`` from a queue, where there is nothing to choose."""
    rules = book.policy.pools.get(pool or "")
    return None if rules is not None and rules.mode == "queue" else _worth(lead)


def _worth(lead: LeadFacts) -> int:
    """A lead without a score, which no policy has looked at yet, is worth the least."""
    return lead.score or 1


def _mix(
    book: Rulebook, lead: LeadFacts, standing: Standing, low_score_in_sight: bool | None
) -> tuple[Reason, ...] | Refusal | Ask:
    """Whether a high-score lead may be taken before the low ones that are owed. A low-score lead always may."""
    mix = book.policy.fair_play.mix
    if mix is None or _worth(lead) < mix.low_below:
        return ()
    state = mix_state(mix, standing.recent)
    if not state.owes_low:
        return ()
    params: dict[str, Param] = {"low": state.low, "need": state.need, "low_below": mix.low_below}
    if low_score_in_sight is None:
        return Ask("low_score_in_sight", mix.low_below)
    if not low_score_in_sight:
        return (Reason("mix_waived", params, "fair_play.mix"),)
    remedy = Reason("claim_low_score_first", {"count": state.need - state.low, "low_below": mix.low_below})
    return _no("mix", {**params, "of": state.n}, remedy, "fair_play.mix")


def _no(code: str, params: dict[str, Param], remedy: Reason, rule: str | None = None) -> Refusal:
    return Refusal((Reason(code, params, rule),), remedy)
