from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.judging import INBOUND, MONDAY, book, minutes, waiting

from dibs.engine.claim import chosen_score, may_act, may_claim, may_open, may_skip, sight
from dibs.engine.counters import Claimed, Lapsed, Standing, after
from dibs.engine.decision import Ask, Due, Grant, Refusal
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.fairplay import kept_for, mix_state
from dibs.engine.lifecycle import STATES
from dibs.engine.reasons import CLAIMING, REMEDIES
from dibs.engine.rulebook import Rulebook

AIKO = RepFacts("aiko")
LEAD = LeadFacts(score=60, rank="warm", country="MX")
TIERS = [
    {"name": "top", "when": "rep.conversion_rate >= 0.2 && rep.closed >= 20", "sees": "full"},
    {"name": "mid", "when": "rep.closed >= 5", "sees": "preview", "only": "lead.score < 75"},
    {"name": "new", "sees": "none"},
]


def asked(
    rules: Rulebook,
    clock: LeadClock | None = None,
    *,
    lead: LeadFacts = LEAD,
    rep: RepFacts = AIKO,
    standing: Standing | None = None,
    now: datetime = MONDAY,
    **more: Any,
) -> Grant | Refusal | Ask:
    given = {"today": now.date(), "last_had_at": None} | more
    return may_claim(rules, lead, clock or waiting(), rep, standing or Standing(), now, **given)


def held(owner: str = "bo", until: datetime | None = None, **fields: Any) -> LeadClock:
    return waiting(state="owned", owner=owner, lock_expires_at=until or minutes(10), **fields)


def test_a_waiting_lead_is_the_reps_until_the_lock_ends() -> None:
    answer = asked(book(), standing=Standing(day=MONDAY.date(), claims_today=2))
    assert isinstance(answer, Grant)
    assert answer.lock_expires_at == minutes(15)
    assert answer.due == Due(minutes(15), "lock")
    assert answer.reasons[0].params == {
        "rep": "aiko",
        "pool": "inbound",
        "until": minutes(15).isoformat(),
        "nth_today": 3,
    }


def test_without_a_lock_the_time_for_first_contact_is_what_is_due() -> None:
    pools = {"inbound": INBOUND | {"lock": None}}
    sla = {"first_contact": "30m", "then": {"review": "desk"}}
    unlocked = asked(book(pools=pools, sla=sla))
    assert isinstance(unlocked, Grant)
    assert (unlocked.lock_expires_at, unlocked.due) == (None, Due(minutes(30), "sla", minutes(30)))
    free = asked(book(pools=pools))
    assert isinstance(free, Grant)
    assert free.due is None


QUEUE = {"pools": {"inbound": INBOUND | {"mode": "queue"}}}
OTHERS = {"pools": {"inbound": INBOUND | {"teams": ["others"]}}}
CAP = {"fair_play": {"hold_at_most": 10}}
MIX = {"fair_play": {"mix": {"low_below": 50, "share": "30%", "over": 20}}}
HIGH_ONLY = Standing(recent=(90,) * 9)
PER_HIGH = {"fair_play": {"mix": {"low_below": 50, "per_high": 2}}}
RATE = {"fair_play": {"claim_rate": {"count": 2, "per": "10m"}}}


@pytest.mark.parametrize(
    ("parts", "given_", "code", "params", "remedy"),
    [
        ({}, {"rep": RepFacts("aiko", active=False)}, "inactive", {}, "ask_manager"),
        (
            {},
            {"clock": held()},
            "already_claimed",
            {"by": "bo", "until": minutes(10).isoformat()},
            "choose_another",
        ),
        (
            {},
            {"clock": waiting(state="working", owner="bo")},
            "already_claimed",
            {"by": "bo", "until": None},
            "choose_another",
        ),
        (
            {},
            {"clock": waiting(state="offered", owner="bo")},
            "already_claimed",
            {"by": "bo", "until": None},
            "choose_another",
        ),
        (
            {},
            {"clock": waiting(state="offered", owner="aiko")},
            "not_claimable",
            {"state": "offered"},
            "accept_the_offer",
        ),
        ({}, {"clock": waiting(state="review")}, "not_claimable", {"state": "review"}, "choose_another"),
        ({}, {"clock": waiting(state="retired")}, "not_claimable", {"state": "retired"}, "choose_another"),
        ({}, {"clock": waiting(pool="no-such-pool")}, "not_claimable", {"state": "pooled"}, "choose_another"),
        (OTHERS, {"teams": frozenset({"closers"})}, "pool_not_in_sight", {"pool": "inbound"}, "ask_manager"),
        ({"tiers": TIERS}, {}, "tier_sees_none", {"tier": "new"}, "reach_tier"),
        ({"tiers": TIERS[:1]}, {}, "tier_sees_none", {"tier": None}, "reach_tier"),
        (
            {"tiers": TIERS},
            {"rep": RepFacts("aiko", closed=5), "lead": replace(LEAD, score=80)},
            "not_in_your_tier",
            {"tier": "mid", "only": "lead.score < 75"},
            "choose_within",
        ),
        (QUEUE, {"is_head": False}, "not_the_head", {"pool": "inbound"}, "take_the_head"),
        (QUEUE, {}, "not_the_head", {"pool": "inbound"}, "take_the_head"),
        ({}, {"last_had_at": minutes(-59)}, "reclaim_too_soon", {"until": minutes(1).isoformat()}, "wait_until"),
        (CAP, {"standing": Standing(holding=10)}, "holding_cap", {"have": 10, "limit": 10}, "contact_first"),
        (
            MIX,
            {"standing": HIGH_ONLY, "low_score_in_sight": True},
            "mix",
            {"low": 0, "need": 3, "of": 10, "low_below": 50},
            "claim_low_score_first",
        ),
        (
            PER_HIGH,
            {"standing": Standing(recent=(10, 90, 49)), "low_score_in_sight": True},
            "mix",
            {"low": 1, "need": 2, "of": 2, "low_below": 50},
            "claim_low_score_first",
        ),
        (
            RATE,
            {"standing": Standing(claimed_at=(minutes(-9), minutes(-1)))},
            "claim_rate",
            {"count": 2, "per": 600, "until": minutes(1).isoformat()},
            "wait_until",
        ),
        (
            RATE | QUEUE,
            {"standing": Standing(claimed_at=(minutes(0), minutes(0))), "is_head": True},
            "claim_rate",
            {"count": 2, "per": 600, "until": minutes(10).isoformat()},
            "wait_until",
        ),
    ],
)
def test_a_refusal_says_why_and_what_would_make_it_a_yes(
    parts: dict[str, Any], given_: dict[str, Any], code: str, params: dict[str, Any], remedy: str
) -> None:
    answer = asked(book(**parts), **given_)
    assert isinstance(answer, Refusal)
    assert answer.code == code
    assert answer.reasons[0].params == params
    assert set(params) == set(CLAIMING[code])
    assert answer.remedy is not None
    assert answer.remedy.code == remedy
    assert set(answer.remedy.params) == set(REMEDIES[remedy])


@pytest.mark.parametrize(
    ("parts", "given_"),
    [
        (OTHERS, {"teams": frozenset({"others"})}),
        (QUEUE, {"is_head": True}),
        ({}, {"last_had_at": minutes(-60)}),
        (CAP, {"standing": Standing(holding=9)}),
        ({"tiers": TIERS}, {"rep": RepFacts("aiko", closed=5)}),
        ({"tiers": TIERS}, {"rep": RepFacts("aiko", closed=20, conversion_rate=0.2), "lead": replace(LEAD, score=99)}),
        (MIX, {"standing": HIGH_ONLY, "lead": replace(LEAD, score=49)}),
        (MIX, {"standing": Standing(recent=(90, 90))}),
        (MIX, {"standing": Standing(recent=(*[10] * 3, *[90] * 6)), "low_score_in_sight": True}),
        ({"fair_play": {"skip_at_most": 1}}, {"standing": Standing(skips=9)}),
        # The first high one is free; then two low ones for the next.
        (PER_HIGH, {"standing": Standing(), "low_score_in_sight": True}),
        (PER_HIGH, {"standing": Standing(recent=(10, 49)), "low_score_in_sight": True}),
        (PER_HIGH, {"standing": Standing(recent=(50, 10, 49)), "low_score_in_sight": True}),
        (PER_HIGH, {"standing": Standing(recent=(50,)), "lead": replace(LEAD, score=49), "low_score_in_sight": True}),
        (RATE, {"standing": Standing(claimed_at=(minutes(-1),))}),
        (RATE, {"standing": Standing(claimed_at=(minutes(-10), minutes(-1)))}),
        (RATE, {"standing": Standing(claimed_at=(minutes(-99), minutes(-98), minutes(-1)))}),
    ],
)
def test_just_within_each_rule_the_answer_is_yes(parts: dict[str, Any], given_: dict[str, Any]) -> None:
    assert isinstance(asked(book(**parts), **given_), Grant)


def test_the_mix_does_not_hold_up_a_queue_where_only_the_head_can_be_taken() -> None:
    answer = asked(book(**MIX, **QUEUE), standing=HIGH_ONLY, low_score_in_sight=True, is_head=True)
    assert isinstance(answer, Grant)


def test_what_a_queue_hands_out_says_nothing_for_or_against_the_mix() -> None:
    assert chosen_score(book(), LEAD, "inbound") == 60
    assert chosen_score(book(**QUEUE), LEAD, "inbound") is None
    assert after(Standing(recent=(70,)), Claimed(None, MONDAY, MONDAY.date())).recent == (70,)


def test_the_mix_asks_for_the_dear_fact_only_when_it_decides() -> None:
    assert asked(book(**MIX), standing=HIGH_ONLY) == Ask("low_score_in_sight", 50)
    assert isinstance(asked(book(**MIX)), Grant)
    assert isinstance(asked(book(**MIX), held(), standing=HIGH_ONLY), Refusal), "a lead that is gone is not asked about"


def test_nobody_owes_a_low_score_lead_that_is_not_there() -> None:
    answer = asked(book(**MIX), standing=HIGH_ONLY, low_score_in_sight=False)
    assert isinstance(answer, Grant)
    assert [reason.code for reason in answer.reasons] == ["claimed", "mix_waived"]


def test_a_lock_that_ran_out_is_claimable_at_once() -> None:
    assert isinstance(asked(book(), held(until=minutes(10)), now=minutes(10) - timedelta(microseconds=1)), Refusal)
    answer = asked(book(), held(until=minutes(10)), now=minutes(10))
    assert isinstance(answer, Grant)
    assert answer.reasons[1].params == {"rep": "bo", "at": minutes(10).isoformat()}


def test_a_contacted_lead_never_lapses() -> None:
    assert isinstance(asked(book(), held(contacted_at=MONDAY), now=minutes(60)), Refusal)


def test_whoever_let_it_lapse_waits_even_before_the_lapse_is_written() -> None:
    answer = asked(book(), held(owner="aiko", until=minutes(10)), now=minutes(11))
    assert isinstance(answer, Refusal)
    assert answer.code == "reclaim_too_soon"
    assert answer.reasons[0].params == {"until": minutes(70).isoformat()}


@pytest.mark.parametrize(
    ("mode", "sees", "level", "head_only"),
    [
        ("pool", None, "preview", False),
        ("cherry_pick", None, "full", False),
        ("queue", None, "preview", True),
        ("pool", "full", "preview", False),
        ("cherry_pick", "full", "full", False),
        ("cherry_pick", "preview", "preview", False),
        ("cherry_pick", "none", "none", False),
    ],
)
def test_a_rep_sees_what_both_the_pools_mode_and_the_tier_show(
    mode: str, sees: str | None, level: str, head_only: bool
) -> None:
    tiers = [{"name": "all", "sees": sees}] if sees else []
    rules = book(pools={"inbound": INBOUND | {"mode": mode, "preview": ["company", "score"]}}, tiers=tiers)
    seen = sight(rules, AIKO, frozenset(), "inbound")
    assert (seen.level, seen.head_only) == (level, head_only)
    if level == "preview":
        assert seen.fields == ("company", "score")


@pytest.mark.parametrize(
    ("mode", "sees", "limit", "level", "opens"),
    [
        ("cherry_pick", None, None, "full", False),
        ("cherry_pick", None, 5, "preview", True),
        ("cherry_pick", "full", 5, "preview", True),
        # Whom the tier shows a preview, or the mode, there is nothing to open.
        ("cherry_pick", "preview", 5, "preview", False),
        ("cherry_pick", "none", 5, "none", False),
        ("pool", None, 5, "preview", False),
        ("pool", "full", 5, "preview", False),
        ("queue", None, 5, "preview", False),
    ],
)
def test_with_a_skip_limit_details_are_seen_by_opening(
    mode: str, sees: str | None, limit: int | None, level: str, opens: bool
) -> None:
    tiers = [{"name": "all", "sees": sees}] if sees else []
    fair_play = {"skip_at_most": limit} if limit else {}
    rules = book(pools={"inbound": INBOUND | {"mode": mode}}, tiers=tiers, fair_play=fair_play)
    seen = sight(rules, AIKO, frozenset(), "inbound")
    assert (seen.level, seen.opens) == (level, opens)


def test_a_lead_is_opened_as_one_is_skipped_and_what_is_open_stays_so() -> None:
    rules = book(fair_play={"skip_at_most": 2})
    for skips in range(5):
        assert may_open(rules, Standing(skips=skips), already_open=False) == may_skip(rules, Standing(skips=skips))
        assert may_open(rules, Standing(skips=skips), already_open=True) is None
    refusal = may_open(rules, Standing(skips=2), already_open=False)
    assert refusal is not None
    assert refusal.code == "skip_limit"


def test_a_pool_for_other_teams_does_not_exist_for_the_rep() -> None:
    assert sight(book(**OTHERS), AIKO, frozenset(), "inbound").level == "none"
    assert sight(book(), AIKO, frozenset(), "no-such-pool").level == "none"


def test_skips_are_refused_at_the_limit_and_claiming_is_the_way_out() -> None:
    rules = book(fair_play={"skip_at_most": 5})
    assert may_skip(book(), Standing(skips=1000)) is None
    assert may_skip(rules, Standing(skips=4)) is None
    refusal = may_skip(rules, Standing(skips=5))
    assert refusal is not None
    assert (refusal.code, refusal.remedy and refusal.remedy.code) == ("skip_limit", "claim_one_first")
    assert may_skip(rules, after(Standing(skips=5), Claimed(60, MONDAY, MONDAY.date()))) is None


@pytest.mark.parametrize(
    ("clock", "rep", "matches", "now", "code"),
    [
        (held("aiko"), "aiko", True, minutes(9), None),
        (held("aiko"), "aiko", True, minutes(10), "claim_lapsed"),
        (held("aiko", contacted_at=MONDAY), "aiko", True, minutes(99), None),
        (held("aiko"), "aiko", False, MONDAY, "claim_lapsed"),
        (held("bo"), "aiko", True, MONDAY, "not_yours"),
        (held("bo"), "aiko", False, MONDAY, "claim_lapsed"),
        (waiting(), "aiko", True, MONDAY, "not_yours"),
        (waiting(), "aiko", False, MONDAY, "claim_lapsed"),
    ],
)
def test_only_who_holds_a_live_lease_may_act(
    clock: LeadClock, rep: str, matches: bool, now: datetime, code: str | None
) -> None:
    refusal = may_act(clock, rep, matches, now)
    assert (refusal.code if refusal else None) == code
    assert refusal is None or refusal.remedy is not None


clocks = st.builds(
    LeadClock,
    st.just("lead"),
    st.sampled_from(STATES),
    pool=st.sampled_from(["inbound", "queue", "gone", None]),
    owner=st.sampled_from(["aiko", "bo", None]),
    waiting_since=st.just(MONDAY),
    lock_expires_at=st.sampled_from([None, minutes(-5), MONDAY, minutes(5)]),
    contacted_at=st.sampled_from([None, minutes(-20)]),
)
standings = st.builds(
    Standing,
    holding=st.integers(0, 4),
    recent=st.lists(st.integers(1, 100), max_size=30).map(tuple),
    skips=st.integers(0, 9),
    claimed_at=st.lists(st.integers(-20, 0).map(minutes), max_size=4).map(sorted).map(tuple),
)
EVERYTHING = book(
    pools={"inbound": INBOUND, "queue": INBOUND | {"mode": "queue", "teams": ["closers"]}},
    tiers=TIERS,
    fair_play={
        "hold_at_most": 3,
        "mix": {"share": "30%", "over": 20},
        "skip_at_most": 3,
        "claim_rate": {"count": 2, "per": "10m"},
    },
)


@given(
    clocks,
    standings,
    st.builds(
        RepFacts,
        st.just("aiko"),
        active=st.booleans(),
        closed=st.sampled_from([0, 5, 30]),
        conversion_rate=st.just(0.3),
    ),
    st.sampled_from([None, 10, 60, 90]),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.sampled_from([None, minutes(-5), minutes(-500)]),
)
def test_every_answer_is_a_grant_a_question_or_a_refusal_with_a_remedy(
    clock: LeadClock,
    standing: Standing,
    rep: RepFacts,
    score: int | None,
    low: bool | None,
    head: bool,
    lapse: datetime | None,
) -> None:
    lead = LeadFacts(score=score)
    teams = frozenset({"closers"}) if head else frozenset[str]()
    answer = asked(
        EVERYTHING,
        clock,
        lead=lead,
        rep=rep,
        standing=standing,
        low_score_in_sight=low,
        is_head=head,
        teams=teams,
        last_had_at=lapse,
    )
    if isinstance(answer, Refusal):
        assert answer.remedy is not None
        assert answer.remedy.code in REMEDIES
        assert answer.code in CLAIMING
    elif isinstance(answer, Ask):
        assert low is None
    else:
        assert standing.holding < 3
        assert sum(at > minutes(-10) for at in standing.claimed_at) < 2
        assert rep.active
        assert clock.state == "pooled" or (clock.state == "owned" and clock.contacted_at is None)
        assert answer.lock_expires_at == minutes(15)


@given(st.lists(st.integers(1, 100), max_size=60), st.sampled_from([0.1, 0.3, 0.5, 1.0]), st.integers(2, 40))
def test_a_rep_who_follows_the_mix_always_has_the_share_it_asks_for(scores: list[int], share: float, over: int) -> None:
    """While low-score leads are in sight, whoever is refused takes a low one instead, and then the share holds."""
    rules = book(fair_play={"mix": {"low_below": 50, "share": share, "over": over}})
    mix = rules.policy.fair_play.mix
    assert mix is not None
    standing = Standing()
    for score in scores:
        answer = asked(rules, lead=LeadFacts(score=score), standing=standing, low_score_in_sight=True)
        taken = score if isinstance(answer, Grant) else 20
        assert isinstance(asked(rules, lead=LeadFacts(score=taken), standing=standing, low_score_in_sight=True), Grant)
        standing = after(standing, Claimed(taken, MONDAY, MONDAY.date()))
        window = standing.recent[-over:]
        owed = mix_state(mix, standing.recent[:-1]).need
        assert sum(s < 50 for s in window) >= owed


@given(st.lists(st.integers(1, 100), max_size=80), st.sampled_from([1, 2, 5]), st.booleans())
def test_a_rep_who_follows_per_high_has_so_many_low_ones_between_any_two_high(
    scores: list[int], per_high: int, in_sight: bool
) -> None:
    rules = book(fair_play={"mix": {"low_below": 50, "per_high": per_high}})
    standing, taken = Standing(), list[int]()
    for score in scores:
        answer = asked(rules, lead=LeadFacts(score=score), standing=standing, low_score_in_sight=in_sight)
        if isinstance(answer, Refusal):
            assert in_sight
            assert answer.remedy is not None
            assert int(str(answer.remedy.params["count"])) >= 1
            continue
        standing = after(standing, Claimed(score, MONDAY, MONDAY.date()))
        taken.append(score)
    high = [place for place, score in enumerate(taken) if score >= 50]
    if in_sight:
        assert all(later - earlier > per_high for earlier, later in pairwise(high))
    else:
        assert taken == scores


@given(
    st.integers(1, 5),
    st.sampled_from([60, 600, 3600, 86400]),
    st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(["pool", "queue"]), st.booleans()), max_size=60),
)
def test_the_claim_rate_is_never_exceeded_in_any_span(count: int, per: int, day: list[tuple[int, str, bool]]) -> None:
    """Whatever else happens: also claims from a queue count, and those that lapse."""
    rules = book(
        pools={"inbound": INBOUND, "queue": INBOUND | {"mode": "queue"}},
        fair_play={"claim_rate": {"count": count, "per": f"{per}s"}},
    )
    rate = rules.policy.fair_play.claim_rate
    standing, now, made = Standing(), MONDAY, list[datetime]()
    for gap, pool, lapses in day:
        now += timedelta(seconds=gap)
        clock = waiting(pool="inbound" if pool == "pool" else "queue")
        answer = asked(rules, clock, standing=standing, now=now, is_head=True)
        within = [at for at in made if at > now - timedelta(seconds=per)]
        # Refused exactly when one more would be too many.
        assert isinstance(answer, Grant) == (len(within) < count)
        if isinstance(answer, Refusal):
            again = datetime.fromisoformat(str(answer.reasons[0].params["until"]))
            assert now < again
            assert isinstance(asked(rules, clock, standing=standing, now=again, is_head=True), Grant)
            continue
        made.append(now)
        standing = after(standing, Claimed(50, now, now.date(), keep=kept_for(rate)))
        assert len(standing.claimed_at) <= count
        if lapses:
            standing = after(standing, Lapsed())
    for first, begins in enumerate(made):
        assert sum(at < begins + timedelta(seconds=per) for at in made[first:]) <= count
