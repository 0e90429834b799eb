"""What a policy changes for the reps, in which direction, and from when at the earliest."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.judging import INBOUND, MONDAY, PULL

from dibs.engine.announcing import RuleChange, changes, earliest
from dibs.engine.counters import Claimed, Standing, after
from dibs.engine.decision import Reason
from dibs.engine.fairplay import mix_state, rate_state
from dibs.engine.policy_fair_play import ClaimRate, Mix
from dibs.engine.policy_model import Policy

TIERS: list[dict[str, Any]] = [
    {"name": "top", "when": "rep.closed >= 20", "sees": "full"},
    {"name": "rest", "sees": "preview", "only": "lead.score < 75"},
]
TWO: dict[str, Any] = {"inbound": INBOUND, "other": {"mode": "queue", "lock": "1m"}}


def policy(**parts: Any) -> Policy:
    document = {"policy": "Test", "route": [PULL], "pools": {"inbound": INBOUND}}
    return Policy.model_validate_json(json.dumps(document | parts))


def fair(**rules: Any) -> Policy:
    return policy(fair_play=rules)


def pool(**fields: Any) -> Policy:
    return policy(pools={"inbound": INBOUND | fields})


def tiers(*of: dict[str, Any], **tiering: Any) -> Policy:
    return policy(tiers=list(of), tiering=tiering)


def sla(*rules: dict[str, Any]) -> Policy:
    return policy(sla=list(rules))


def idle(*rules: dict[str, Any]) -> Policy:
    return policy(idle=list(rules))


def lands(**of: dict[str, Any]) -> Policy:
    return policy(territories=of)


def team(**rules: Any) -> Policy:
    return policy(teams={"a": rules})


def earns(**points: Any) -> Policy:
    return policy(credits=points)


STEPS: list[dict[str, Any]] = [{"after": "30m", "push": {"team": "a"}}, {"after": "1h", "review": "managers"}]
LOW: list[dict[str, Any]] = [{"when": "lead.score < 40", "times": 3}]
EASY: dict[str, Any] = {"when": "lead.score > 80", "times": 0.5}
RATE, MIX, FLOOR = {"count": 5, "per": "1h"}, {"low_below": 50, "share": "30%", "over": 20}, {"count": 5, "per": "day"}
PER_HIGH = {"low_below": 50, "per_high": 2}
TIGHTER, LOOSER = True, False
SOON: dict[str, Any] = {"first_contact": "30m", "then": {"reassign": 1}}
HOT_SOON = SOON | {"when": 'lead.rank == "hot"'}
ALONE: dict[str, Any] = {"after": "3d", "then": {"team": "a"}}
JAPAN: dict[str, Any] = {"countries": ["JP"], "owner": {"team": "a"}}


@pytest.mark.parametrize(
    ("before", "after_", "rule", "direction"),
    [
        (team(), team(per_hour=4), "teams.a.per_hour", TIGHTER),
        (team(per_week=4), team(per_week=5), "teams.a.per_week", LOOSER),
        (team(per_month=4), team(per_month=3), "teams.a.per_month", TIGHTER),
        (team(per_day=5), team(per_day=5, reps={"bo": {"per_day": 3}}), "teams.a.reps", TIGHTER),
        (team(per_day=5), team(per_day=5, reps={"bo": {"per_day": 8}}), "teams.a.reps", LOOSER),
        (team(reps={"bo": {"per_day": 3}}), team(), "teams.a.reps", LOOSER),
        (policy(), policy(availability={"away_after": 3}), "availability.away_after", TIGHTER),
        (policy(availability={"away_after": 3}), policy(availability={"away_after": 5}), "availability.away_after", LOOSER),
        (sla(), sla(SOON), "sla", TIGHTER),
        (sla(SOON), sla(), "sla", LOOSER),
        (sla(SOON), sla(SOON | {"first_contact": "1h"}), "sla", LOOSER),
        (sla(SOON), sla(SOON | {"first_contact": "10m"}), "sla", TIGHTER),
        (sla(SOON), sla(SOON | {"hours": "business"}), "sla", LOOSER),
        (sla(SOON | {"hours": "business"}), sla(SOON), "sla", TIGHTER),
        (sla(SOON), sla(SOON | {"warn": "50%"}), "sla", LOOSER),
        (sla(SOON), sla(HOT_SOON), "sla", TIGHTER),
        (sla(SOON), sla(HOT_SOON, SOON), "sla", TIGHTER),
        (idle(), idle(ALONE), "idle", TIGHTER),
        (idle(ALONE), idle(ALONE | {"after": "5d"}), "idle", LOOSER),
        (idle(ALONE), idle(ALONE | {"then": {"review": "managers"}}), "idle", TIGHTER),
        (lands(), lands(japan=JAPAN), "territories.japan", LOOSER),
        (lands(japan=JAPAN), lands(), "territories.japan", TIGHTER),
        (lands(japan=JAPAN), lands(japan=JAPAN | {"owner": {"rep": "bo"}}), "territories.japan", TIGHTER),
        (lands(japan=JAPAN), lands(japan=JAPAN | {"countries": ["JP", "KR"]}), "territories.japan", TIGHTER),
        (fair(hold_at_most=10), fair(hold_at_most=9), "fair_play.hold_at_most", TIGHTER),
        (fair(hold_at_most=10), fair(hold_at_most=11), "fair_play.hold_at_most", LOOSER),
        (fair(), fair(hold_at_most=99), "fair_play.hold_at_most", TIGHTER),
        (fair(hold_at_most=10), fair(), "fair_play.hold_at_most", LOOSER),
        (fair(skip_at_most=5), fair(skip_at_most=4), "fair_play.skip_at_most", TIGHTER),
        (fair(skip_at_most=5), fair(skip_at_most=6), "fair_play.skip_at_most", LOOSER),
        (fair(), fair(skip_at_most=50), "fair_play.skip_at_most", TIGHTER),
        (fair(), fair(claim_rate=RATE), "fair_play.claim_rate", TIGHTER),
        (fair(claim_rate=RATE), fair(), "fair_play.claim_rate", LOOSER),
        (fair(claim_rate=RATE), fair(claim_rate={"count": 4, "per": "1h"}), "fair_play.claim_rate", TIGHTER),
        (fair(claim_rate=RATE), fair(claim_rate={"count": 6, "per": "1h"}), "fair_play.claim_rate", LOOSER),
        (fair(claim_rate=RATE), fair(claim_rate={"count": 5, "per": "30m"}), "fair_play.claim_rate", LOOSER),
        (fair(claim_rate=RATE), fair(claim_rate={"count": 10, "per": "2h"}), "fair_play.claim_rate", LOOSER),
        (fair(claim_rate=RATE), fair(claim_rate={"count": 10, "per": "121m"}), "fair_play.claim_rate", TIGHTER),
        (fair(), fair(mix=MIX), "fair_play.mix", TIGHTER),
        (fair(mix=MIX), fair(), "fair_play.mix", LOOSER),
        (fair(mix=MIX), fair(mix=MIX | {"share": "40%"}), "fair_play.mix", TIGHTER),
        (fair(mix=MIX), fair(mix=MIX | {"share": "20%"}), "fair_play.mix", LOOSER),
        (fair(mix=MIX), fair(mix=MIX | {"low_below": 60}), "fair_play.mix", LOOSER),
        (fair(mix=MIX), fair(mix=MIX | {"low_below": 40}), "fair_play.mix", TIGHTER),
        # Some gain and some lose by another window, or another way to count.
        (fair(mix=MIX), fair(mix=MIX | {"over": 10}), "fair_play.mix", TIGHTER),
        (fair(mix=MIX), fair(mix=MIX | {"over": 40}), "fair_play.mix", TIGHTER),
        (fair(mix=MIX), fair(mix=PER_HIGH), "fair_play.mix", TIGHTER),
        (fair(mix=PER_HIGH), fair(mix=MIX), "fair_play.mix", TIGHTER),
        (fair(mix=PER_HIGH), fair(mix=PER_HIGH | {"per_high": 3}), "fair_play.mix", TIGHTER),
        (fair(mix=PER_HIGH), fair(mix=PER_HIGH | {"per_high": 1}), "fair_play.mix", LOOSER),
        (fair(), fair(claim_at_least=FLOOR), "fair_play.claim_at_least", TIGHTER),
        (fair(claim_at_least=FLOOR), fair(), "fair_play.claim_at_least", LOOSER),
        (fair(claim_at_least=FLOOR), fair(claim_at_least=FLOOR | {"count": 6}), "fair_play.claim_at_least", TIGHTER),
        (fair(claim_at_least=FLOOR), fair(claim_at_least=FLOOR | {"count": 4}), "fair_play.claim_at_least", LOOSER),
        (fair(claim_at_least=FLOOR), fair(claim_at_least={"count": 25, "per": "week"}), "fair_play.claim_at_least", LOOSER),
        (fair(claim_at_least=FLOOR), fair(claim_at_least={"count": 26, "per": "week"}), "fair_play.claim_at_least", TIGHTER),
        (fair(claim_at_least={"count": 99, "per": "week"}), fair(claim_at_least={"count": 1}), "fair_play.claim_at_least", TIGHTER),
        (fair(claim_at_least=FLOOR), fair(claim_at_least=FLOOR | {"then": "auto_assign"}), "fair_play.claim_at_least", TIGHTER),
        (fair(claim_at_least=FLOOR | {"then": "auto_assign"}), fair(claim_at_least=FLOOR), "fair_play.claim_at_least", LOOSER),
        (fair(claim_at_least=FLOOR), fair(claim_at_least=FLOOR | {"ahead": "2h"}), "fair_play.claim_at_least", TIGHTER),
        (fair(claim_at_least=FLOOR), fair(claim_at_least=FLOOR | {"ahead": "30m"}), "fair_play.claim_at_least", LOOSER),
        (fair(notice="7d"), fair(), "fair_play.notice", TIGHTER),
        (fair(notice="7d"), fair(notice="6d"), "fair_play.notice", TIGHTER),
        (fair(notice="7d"), fair(notice="8d"), "fair_play.notice", LOOSER),
        (fair(), fair(notice="1d"), "fair_play.notice", LOOSER),
        (pool(), pool(mode="queue"), "pools.inbound.mode", TIGHTER),
        (pool(mode="cherry_pick"), pool(), "pools.inbound.mode", TIGHTER),
        (pool(mode="queue"), pool(mode="cherry_pick"), "pools.inbound.mode", LOOSER),
        (pool(), pool(lock="10m"), "pools.inbound.lock", TIGHTER),
        (pool(), pool(lock="20m"), "pools.inbound.lock", LOOSER),
        (pool(), pool(lock=None), "pools.inbound.lock", LOOSER),
        (pool(lock=None), pool(), "pools.inbound.lock", TIGHTER),
        (pool(), pool(reclaim_after="2h"), "pools.inbound.reclaim_after", TIGHTER),
        (pool(), pool(reclaim_after="30m"), "pools.inbound.reclaim_after", LOOSER),
        (pool(reclaim_after=None), pool(), "pools.inbound.reclaim_after", TIGHTER),
        (pool(), pool(reclaim_after=None), "pools.inbound.reclaim_after", LOOSER),
        (pool(preview=["company", "score"]), pool(preview=["score"]), "pools.inbound.preview", TIGHTER),
        (pool(preview=["company", "score"]), pool(preview=["score", "city"]), "pools.inbound.preview", TIGHTER),
        (pool(preview=["score"]), pool(preview=["company", "score"]), "pools.inbound.preview", LOOSER),
        (pool(), pool(teams=["a"]), "pools.inbound.teams", TIGHTER),
        (pool(teams=["a"]), pool(), "pools.inbound.teams", LOOSER),
        (pool(teams=["a"]), pool(teams=["a", "b"]), "pools.inbound.teams", LOOSER),
        (pool(teams=["a", "b"]), pool(teams=["b", "c"]), "pools.inbound.teams", TIGHTER),
        (policy(pools={"inbound": INBOUND, "other": {}}), policy(), "pools.other", TIGHTER),
        (pool(), policy(pools=TWO, route=[{"name": "All", "pull": {"pool": "other"}}]), "pools.inbound", TIGHTER),
        (pool(), pool(assign_after="12h"), "pools.inbound.assign_after", TIGHTER),
        (pool(), pool(assign_after="48h"), "pools.inbound.assign_after", LOOSER),
        (pool(), pool(order=["received_at"]), "pools.inbound.order", TIGHTER),
        (pool(order=["-score"]), pool(order=["score"]), "pools.inbound.order", TIGHTER),
        (pool(escalate=[]), pool(escalate=STEPS), "pools.inbound.escalate", TIGHTER),
        (pool(escalate=STEPS), pool(escalate=[]), "pools.inbound.escalate", LOOSER),
        (pool(escalate=STEPS), pool(escalate=STEPS[:1]), "pools.inbound.escalate", LOOSER),
        (pool(escalate=STEPS), pool(escalate=[STEPS[0] | {"after": "45m"}, STEPS[1]]), "pools.inbound.escalate", LOOSER),
        (pool(escalate=STEPS), pool(escalate=[STEPS[0] | {"after": "15m"}, STEPS[1]]), "pools.inbound.escalate", TIGHTER),
        # Somebody else gets it.
        (pool(escalate=STEPS), pool(escalate=STEPS[1:]), "pools.inbound.escalate", TIGHTER),
        (pool(escalate=STEPS[1:]), pool(escalate=[{"after": "1h", "review": "a"}]), "pools.inbound.escalate", TIGHTER),
        (team(), team(open_at_most=20), "teams.a.open_at_most", TIGHTER),
        (team(open_at_most=20), team(open_at_most=19), "teams.a.open_at_most", TIGHTER),
        (team(open_at_most=20), team(open_at_most=21), "teams.a.open_at_most", LOOSER),
        (team(per_day=5), team(per_day=4), "teams.a.per_day", TIGHTER),
        (team(per_day=5), policy(), "teams.a.per_day", LOOSER),
        (policy(), team(per_day=5), "teams.a.per_day", TIGHTER),
        (policy(), earns(claim=1), "credits.claim", LOOSER),
        (earns(claim=2), earns(claim=1.5), "credits.claim", TIGHTER),
        (earns(claim=2), policy(), "credits.claim", TIGHTER),
        (earns(convert=2), earns(convert=3), "credits.convert", LOOSER),
        (earns(convert=2), earns(convert=1), "credits.convert", TIGHTER),
        (earns(convert=2), earns(convert=2, weights=LOW), "credits.weights", LOOSER),
        (earns(convert=2, weights=LOW), earns(convert=2), "credits.weights", TIGHTER),
        (earns(convert=2, weights=LOW), earns(convert=2, weights=[LOW[0] | {"times": 4}]), "credits.weights", LOOSER),
        (earns(convert=2, weights=LOW), earns(convert=2, weights=[LOW[0] | {"times": 2}]), "credits.weights", TIGHTER),
        (earns(convert=2, weights=LOW), earns(convert=2, weights=[*LOW, EASY]), "credits.weights", TIGHTER),
        (earns(convert=2, weights=[*LOW, EASY]), earns(convert=2, weights=LOW), "credits.weights", LOOSER),
        # Which is another matter for some lead.
        (earns(convert=2, weights=LOW), earns(convert=2, weights=[{"when": "lead.score < 39", "times": 3}]), "credits.weights", TIGHTER),
        (earns(convert=2, weights=[*LOW, EASY]), earns(convert=2, weights=[EASY, *LOW]), "credits.weights", TIGHTER),
        (tiers(), tiers(*TIERS), "tiers", TIGHTER),
        (tiers(*TIERS), tiers(), "tiers", LOOSER),
        (tiers(*TIERS), tiers(TIERS[0]), "tiers", TIGHTER),
        (tiers(*TIERS), tiers(*reversed(TIERS)), "tiers", TIGHTER),
        (tiers(*TIERS), tiers(TIERS[0] | {"when": "rep.closed >= 9"}, TIERS[1]), "tiers.top.when", TIGHTER),
        (tiers(*TIERS), tiers(TIERS[0] | {"sees": "preview"}, TIERS[1]), "tiers.top.sees", TIGHTER),
        (tiers(*TIERS), tiers(TIERS[0], TIERS[1] | {"sees": "full"}), "tiers.rest.sees", LOOSER),
        (tiers(*TIERS), tiers(TIERS[0], {"name": "rest", "sees": "preview"}), "tiers.rest.only", LOOSER),
        (tiers(*TIERS), tiers(TIERS[0] | {"only": "lead.score > 9"}, TIERS[1]), "tiers.top.only", TIGHTER),
        (tiers(*TIERS), tiers(*TIERS, over="30d"), "tiering.over", TIGHTER),
        (tiers(*TIERS), tiers(*TIERS, confirm=1), "tiering.confirm", TIGHTER),
    ],
)  # fmt: skip
def test_each_rule_tightens_one_way_and_loosens_the_other(
    before: Policy, after_: Policy, rule: str, direction: bool
) -> None:
    (change,) = changes(before, after_)
    assert (change.rule, change.tighter) == (rule, direction)
    assert change.before != change.after


@pytest.mark.parametrize(
    ("before", "after_"),
    [
        (fair(hold_at_most=3, mix=MIX), fair(hold_at_most=3, mix=MIX)),
        (pool(preview=["company", "score"], teams=["a", "b"]), pool(preview=["score", "company"], teams=["b", "a"])),
        # Nobody earns anything, whatever it would count.
        (policy(), earns(weights=LOW)),
        (earns(claim=0, weights=LOW), policy()),
        (team(weights={"b": 2}), team(catch_up=True)),
        (policy(), policy(pools={"inbound": INBOUND, "other": {}})),
        (
            policy(pools=TWO),
            policy(pools=TWO, route=[{"name": "Few", "when": "lead.score < 9", "pull": {"pool": "other"}}, PULL]),
        ),
        (fair(), fair(shown_to="managers")),
        (fair(mix=PER_HIGH), fair(mix=PER_HIGH | {"over": 9})),
        (tiers(), tiers(confirm=9)),
        (policy(), policy(qualify={"rank": {"hot": 90}})),
    ],
)
def test_what_changes_no_rule_is_not_announced(before: Policy, after_: Policy) -> None:
    assert changes(before, after_) == ()


def test_rules_are_told_as_a_policy_writes_them() -> None:
    before = policy(fair_play={"claim_rate": RATE}, pools={"inbound": INBOUND, "gone": {"mode": "queue"}})
    after_ = policy(
        fair_play={"hold_at_most": 7, "claim_at_least": FLOOR, "mix": MIX, "notice": "36h"},
        pools={"inbound": INBOUND | {"lock": None, "preview": ["company", "score"]}},
        tiers=TIERS,
    )
    told = {change.rule: (change.before, change.after) for change in changes(before, after_)}
    assert told == {
        "pools.inbound.preview": ("company, industry, employees, country, source, score", "company, score"),
        "pools.inbound.lock": ("15m", None),
        "pools.gone": ("queue", None),
        "fair_play.hold_at_most": (None, 7),
        "fair_play.claim_at_least": (None, "{count: 5, per: day, then: notify, ahead: 1h}"),
        "fair_play.claim_rate": ("{count: 5, per: 1h}", None),
        "fair_play.mix": (None, "{low_below: 50, share: 30%, over: 20}"),
        "fair_play.notice": (None, "1d12h"),
        "tiers": (None, "top, rest"),
    }
    assert changes(fair(), fair(mix=PER_HIGH))[0].after == "{low_below: 50, per_high: 2}"
    assert changes(fair(), fair(mix=MIX | {"share": "12.5%"}))[0].after == "{low_below: 50, share: 12.5%, over: 20}"
    assert changes(fair(), fair(mix=MIX | {"share": "100%"}))[0].after == "{low_below: 50, share: 100%, over: 20}"


def test_steps_and_points_are_told_as_a_policy_writes_them_too() -> None:
    before = policy(
        pools={"inbound": INBOUND | {"escalate": []}}, credits={"claim": 1, "convert": 10, "weights": [EASY]}
    )
    after_ = policy(
        pools={"inbound": INBOUND | {"escalate": STEPS, "assign_after": "90m", "order": ["-deal_value"]}},
        teams={"a": {"per_day": 3}},
        credits={"convert": 2.5, "weights": LOW},
    )
    told = {change.rule: (change.before, change.after) for change in changes(before, after_)}
    assert told == {
        "teams.a.per_day": (None, 3),
        "pools.inbound.order": ("-score, received_at", "-deal_value"),
        "pools.inbound.escalate": (
            None,
            "{after: 30m, push: {team: a, by: round_robin}}, {after: 1h, review: managers}",
        ),
        "pools.inbound.assign_after": ("1d", "1h30m"),
        "credits.claim": (1, None),
        "credits.convert": (10, 2.5),
        "credits.weights": ("{times: 0.5, when: lead.score > 80}", "{times: 3, when: lead.score < 40}"),
    }


def test_all_that_a_new_policy_pays_is_more_than_nothing() -> None:
    told = changes(policy(), earns(convert=2, weights=[EASY]))
    assert [(change.rule, change.tighter) for change in told] == [
        ("credits.convert", False),
        ("credits.weights", False),
    ]
    assert [change.rule for change in changes(earns(convert=2, weights=[EASY]), policy())] == ["credits.convert"]


def test_a_workspaces_first_policy_changes_no_rule() -> None:
    assert changes(None, fair(hold_at_most=1)) == ()
    assert earliest(None, fair(hold_at_most=1), MONDAY) is None


def test_reps_are_told_what_changes_and_when() -> None:
    at = MONDAY + timedelta(days=2)
    params = {"rule": "fair_play.hold_at_most", "before": 10, "after": 5, "at": at.isoformat()}
    change = RuleChange("fair_play.hold_at_most", 10, 5, tighter=True)
    assert change.reason(at) == Reason("rule_tightens", params, "fair_play.hold_at_most")
    assert RuleChange("tiers", "a", None, tighter=False).reason(at).code == "rule_loosens"


@pytest.mark.parametrize(
    ("before", "after_", "at"),
    [
        (fair(notice="3d"), fair(notice="3d", hold_at_most=5), MONDAY + timedelta(days=3)),
        (fair(notice="3d"), fair(), MONDAY + timedelta(days=3)),
        (fair(notice="3d"), fair(notice="1h"), MONDAY + timedelta(days=3)),
        # Nobody needs warning of what is easier, or of what was never promised.
        (fair(notice="3d", hold_at_most=5), fair(notice="3d", hold_at_most=6), None),
        (fair(notice="3d"), fair(notice="9d"), None),
        (fair(notice="3d"), fair(notice="3d"), None),
        (fair(), fair(notice="3d", hold_at_most=5), None),
    ],
)
def test_what_tightens_waits_for_the_notice_that_was_promised(
    before: Policy, after_: Policy, at: datetime | None
) -> None:
    assert earliest(before, after_, MONDAY) == at


# The direction, held against what the rules do.

rates = st.builds(
    lambda count, per: ClaimRate(count=count, per=timedelta(minutes=per)), st.integers(1, 4), st.integers(1, 12)
)
mixes = st.one_of(
    st.builds(
        lambda low, share, over: Mix(low_below=low, share=share, over=over),
        st.sampled_from([30, 60]),
        st.sampled_from([0.2, 0.5]),
        st.sampled_from([4, 8]),
    ),
    st.builds(lambda low, per: Mix(low_below=low, per_high=per), st.sampled_from([30, 60]), st.integers(1, 3)),
)


@given(rates, rates, st.lists(st.integers(0, 9), max_size=30))
def test_a_claim_rate_that_loosens_allows_every_day_that_was_allowed(
    old: ClaimRate, new: ClaimRate, gaps: list[int]
) -> None:
    told = changes(fair(claim_rate=old.model_dump(mode="json")), fair(claim_rate=new.model_dump(mode="json")))
    if any(change.tighter for change in told):
        return
    standing, now = Standing(), MONDAY
    for gap in gaps:
        now += timedelta(minutes=gap)
        if rate_state(old, standing.claimed_at, now).until is None:
            assert rate_state(new, standing.claimed_at, now).until is None
            standing = after(standing, Claimed(50, now, now.date(), keep=50))


@given(rates, rates)
def test_a_claim_rate_that_tightens_refuses_something_that_was_allowed(old: ClaimRate, new: ClaimRate) -> None:
    told = changes(fair(claim_rate=old.model_dump(mode="json")), fair(claim_rate=new.model_dump(mode="json")))
    if not any(change.tighter for change in told):
        return
    standing, refused = Standing(), False
    for minute in range(30):
        now = MONDAY + timedelta(minutes=minute)
        # As fast as the old rate allows.
        while rate_state(old, standing.claimed_at, now).until is None:
            refused |= rate_state(new, standing.claimed_at, now).until is not None
            standing = after(standing, Claimed(50, now, now.date(), keep=50))
    assert refused


@given(mixes, mixes, st.lists(st.sampled_from([10, 40, 90]), max_size=30))
def test_a_mix_that_loosens_owes_nothing_that_was_not_owed(old: Mix, new: Mix, recent: list[int]) -> None:
    told = changes(fair(mix=old.model_dump(mode="json")), fair(mix=new.model_dump(mode="json")))
    if any(change.tighter for change in told):
        return
    if mix_state(new, tuple(recent)).owes_low:
        assert mix_state(old, tuple(recent)).owes_low
