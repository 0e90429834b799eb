"""Reading policies: every problem of shape at its line and column, with a way out; and nothing that does harm."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.composer import Composer

from dibs.engine import policy_text
from dibs.engine.policy import Policy, PolicyRefused, Problem, canonical, check, digest, from_canonical, read, schema

SMALLEST = """\
policy: Smallest
route:
  - {name: All, pull: {pool: inbound}}
pools: {inbound: {}}
"""


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(PolicyRefused) as refused:
        read(text)
    return refused.value.problems


def problem(text: str) -> Problem:
    (only,) = problems(text)
    return only


def test_reads_the_shape_that_the_design_shows() -> None:
    policy = read(
        """
        policy: Hot push, warm pull
        qualify:
          score:
            - {when: 'lead.employees >= 200', add: 25}
          rank: {hot: 75, warm: 40}
          stale: {after: 30d, rank: warm, then: {team: telemarketing}}
        territories:
          japan: {when: 'lead.country == "JP"', owner: {team: tokyo}}
        route:
          - {name: Named accounts, when: 'account.owner != null', push: {to: account.owner}}
          - {name: Hot, when: 'lead.score >= 75', push: {team: closers, by: weighted_round_robin, accept_within: 5m}}
          - {name: Everyone else, pull: {pool: inbound}}
        teams:
          closers: {weights: {aiko: 2}, open_at_most: 25, per_day: 12, catch_up: false}
        pools:
          inbound:
            mode: pool
            order: [-score, received_at]
            preview: [company, industry, employees, country, source, score]
            lock: 15m
            reclaim_after: 1h
            escalate:
              - {after: 30m, push: {team: closers, by: round_robin}}
              - {after: 60m, review: managers}
            assign_after: 24h
        fair_play:
          hold_at_most: 10
          claim_at_least: {count: 5, per: day, then: notify}
          mix: {low_below: 50, share: 30%, over: 20}
          skip_at_most: 5
        tiers:
          - {name: top, when: 'rep.conversion_rate >= 0.2 && rep.closed >= 20', sees: full}
          - {name: mid, when: 'rep.closed >= 5', sees: preview, only: 'lead.score < 75'}
          - {name: new, sees: none}
        sla: {first_contact: 5m, when: 'lead.rank == "hot"', hours: business, then: {reassign: 2, review: managers}}
        examples:
          - {lead: {country: JP, employees: 10, source: webinar}, expect: {pool: inbound, rank: cool}}
        """
    )
    assert policy.pools["inbound"].lock == timedelta(minutes=15)
    assert policy.qualify.stale is not None
    assert policy.qualify.stale.after == timedelta(days=30)
    assert policy.fair_play.mix is not None
    assert policy.fair_play.mix.share == 0.3
    assert policy.route[1].push is not None
    assert policy.route[1].push.accept_within == timedelta(minutes=5)
    assert policy.teams["closers"].weights == {"aiko": 2}
    assert policy.team_names() == {"closers", "tokyo", "telemarketing"}


def test_json_is_read_too() -> None:
    document = {"policy": "P", "route": [{"name": "All", "pull": {"pool": "inbound"}}], "pools": {"inbound": {}}}
    assert read(json.dumps(document)) == read(json.dumps(document, indent=4)) == read(SMALLEST.replace("Smallest", "P"))


@pytest.mark.parametrize(
    ("before", "after", "code", "place", "path", "says"),
    [
        ("policy: Smallest", "polcy: Smallest", "missing_field", (1, 1), "", "policy is missing"),
        ("{name: All, pull", "{name: All, pul", "unknown_field", (3, 17), "route[0].pul", "did you mean pull?"),
        ("{inbound: {}}", "{inbound: {colour: red}}", "unknown_field", (4, 19), "pools.inbound.colour", "mode, teams, order"),
        ("{inbound: {}}", "{inbound: {lock: 15}}", "duration", (4, 25), "pools.inbound.lock", "15m"),
        ("{inbound: {}}", "{inbound: {lock: soon}}", "duration", (4, 25), "pools.inbound.lock", "90s, 15m"),
        ("{inbound: {}}", "{inbound: {lock: 0m}}", "duration_not_positive", (4, 25), "pools.inbound.lock", "longer"),
        ("{inbound: {}}", "{inbound: {lock: -5m}}", "duration_not_positive", (4, 25), "pools.inbound.lock", "longer"),
        ("{inbound: {}}", "{inbound: {lock: 999999999w}}", "duration_too_long", (4, 25), "pools.inbound.lock", "3660d"),
        ("{inbound: {}}", "{inbound: {mode: queu}}", "unknown_value", (4, 25), "pools.inbound.mode", "did you mean queue?"),
        ("{inbound: {}}", "{inbound: {order: [-scor]}}", "unknown_value", (4, 27), "pools.inbound.order[0]", "-score"),
        ("{inbound: {}}", "{inbound: {order: score}}", "wrong_type", (4, 26), "pools.inbound.order", "a list, not the text"),
        ("{inbound: {}}", "{inbound: []}", "wrong_type", (4, 18), "pools.inbound", "a mapping, not a list"),
        ("{inbound: {}}", "{Inbound Pool: {}}", "bad_name", (4, 9), "pools.Inbound Pool", "small letters"),
        ("policy: Smallest", "policy: 5", "wrong_type", (1, 9), "policy", "text, not the number 5"),
        ("policy: Smallest", "policy: ''", "empty", (1, 9), "policy", "must not be empty"),
        ("policy: Smallest", "policy: 2026-03-02", "wrong_type", (1, 9), "policy", "in quotes"),
        ("{name: All, pull: {pool: inbound}}", "{name: All}", "exactly_one", (3, 5), "route[0]", "push, pull, review or nurture"),
        ("pull: {pool: inbound}", "pull: {pool: inbound}, review: x", "exactly_one", (3, 5), "route[0]", "pull and review"),
        ("pull: {pool: inbound}", "push: {by: least_open}", "exactly_one", (3, 23), "route[0].push", "to or team"),
        ("pull: {pool: inbound}", "pull: {pool: inbound}, fallback: {pool: inbound}", "fallback_without_push", (3, 5), "route[0]", ""),
        ("route:\n  - {name: All, pull: {pool: inbound}}", "route: []", "empty", (2, 8), "route", "must not be empty"),
        ("pools:", "experiments: {}\npools:", "not_yet", (4, 1), "experiments", "leave it out"),
        ("pools:", "credits: {claim: 1, convert: -1}\npools:", "out_of_range", (4, 30), "credits.convert", "at least 0"),
        ("pools:", "fair_play: {claim_at_least: {count: 5, then: dismiss}}\npools:", "unknown_value", (4, 46), "fair_play.claim_at_least.then", "auto_assign"),
        ("pools:", "fair_play: {claim_rate: {count: 5, per: 25h}}\npools:", "rate_too_long", (4, 25), "fair_play.claim_rate", "24h"),
        ("pools:", "fair_play: {claim_rate: {count: 51, per: 1h}}\npools:", "out_of_range", (4, 33), "fair_play.claim_rate.count", "at most 50"),
        ("pools:", "fair_play: {mix: {share: 30%, per_high: 1}}\npools:", "exactly_one", (4, 18), "fair_play.mix", "share and per_high"),
        ("pools:", "fair_play: {mix: {low_below: 50}}\npools:", "exactly_one", (4, 18), "fair_play.mix", "share or per_high"),
        ("pools:", "tiering: {confirm: 0}\npools:", "out_of_range", (4, 20), "tiering.confirm", "at least 1"),
        ("pools:", "fair_play: {hold_at_most: 0}\npools:", "out_of_range", (4, 27), "fair_play.hold_at_most", "at least 1"),
        ("pools:", "fair_play: {mix: {share: 30}}\npools:", "share_out_of_range", (4, 26), "fair_play.mix.share", "100%"),
        ("pools:", "fair_play: {mix: {share: some}}\npools:", "share", (4, 26), "fair_play.mix.share", "30%"),
        ("pools:", "qualify: {rank: {hot: 40, warm: 40}}\npools:", "ranks_overlap", (4, 17), "qualify.rank", "above warm"),
        ("pools:", "qualify: {rank: {hot: 101}}\npools:", "out_of_range", (4, 23), "qualify.rank.hot", "at most 100"),
        ("pools:", "qualify: {rank: {warm: 0}}\npools:", "out_of_range", (4, 24), "qualify.rank.warm", "at least 1"),
        ("pools:", "qualify: {rank: {warm: 40.5}}\npools:", "wrong_type", (4, 24), "qualify.rank.warm", "whole number"),
        ("pools:", "teams: {a: {catch_up: maybe}}\npools:", "wrong_type", (4, 23), "teams.a.catch_up", "true or false"),
        ("pools:", "teams: {a: {weights: {aiko: 0}}}\npools:", "out_of_range", (4, 29), "teams.a.weights.aiko", "at least 0.01"),
        ("pools:", "teams: {a: {weights: {aiko: .inf}}}\npools:", "wrong_type", (4, 29), "teams.a.weights.aiko", "not infinite"),
        ("pools:", "pools: {x: {}}\npools:", "key_twice", (5, 1), "pools", "the first is in line 4"),
        ("pools:", "examples: [{lead: {contry: JP}, expect: {rank: hot}}]\npools:", "unknown_field", (4, 20), "examples[0].lead.contry", "country"),
        ("pools:", "examples: [{lead: {}, expect: {}}]\npools:", "expects_nothing", (4, 31), "examples[0].expect", "at least one"),
        ("pools:", "examples: [{lead: {}, now: soon, expect: {rank: hot}}]\npools:", "wrong_type", (4, 28), "examples[0].now", "a moment"),
        ("pools:", "teams: {a: {open_at_most: 0x}}\npools:", "wrong_type", (4, 27), "teams.a.open_at_most", "whole number"),
        ("{inbound: {}}", "{inbound: {preview: [salary]}}", "unknown_value", (4, 29), "pools.inbound.preview[0]", "salary"),
        ("{inbound: {}}", '{inbound: {"mo\\0de": 1}}', "unknown_field", (4, 19), "pools.inbound.mo\0de", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place_with_a_way_out(
    before: str, after: str, code: str, place: tuple[int, int], path: str, says: str
) -> None:
    assert before in SMALLEST
    found = problems(SMALLEST.replace(before, after, 1))[0]
    assert (found.code, (found.line, found.column), found.path) == (code, place, path)
    assert says in found.message
    assert found.severity == "error"


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "polcy: X\nroute:\n  - {name: 7, pul: {pool: inbound}}\npools:\n  inbound: {lock: 15}\n"
    found = [(each.line, each.code) for each in problems(text)]
    assert found == sorted(found, key=lambda place: place[0] or 0)
    assert set(found) == {
        (1, "missing_field"),
        (1, "unknown_field"),
        (3, "wrong_type"),
        (3, "unknown_field"),
        (5, "duration"),
    }


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "not_a_mapping", 1),
        ("# only a remark\n", "not_a_mapping", 1),
        ("- policy: X\n", "not_a_mapping", 1),
        ("just text", "not_a_mapping", 1),
        ("policy: [unclosed\n", "yaml", 2),
        ("policy: 'unclosed\nroute: 1\n", "yaml", 3),
        ("policy: X\n\troute: 1\n", "yaml", 2),
        ("policy: X\n---\npolicy: Y\n", "yaml", 2),
        ("policy: *nowhere\n", "yaml", 1),
        ("policy: X\nnote: \x07\n", "yaml", 2),
        ("policy: !!python/object:os.system X\n", "tag_refused", 1),
        ("policy: !secret X\n", "tag_refused", 1),
        ("policy: X\nroute: !!set {a, b}\n", "tag_refused", 2),
        ("policy: X\nbase: &b {a: 1}\npools: {<<: *b}\n", "merge_refused", 3),
        ("policy: X\n? [a, b]\n: 1\n", "key_refused", 2),
        ('policy: "X\\0"\n', "character_refused", 1),
        ('policy: "\\ud800"\n', "character_refused", 1),
        ("policy: X\nroute: &r [*r]\n", "endless_alias", 2),
        ("policy: X\nroute: " + "[" * 60 + "]" * 60 + "\n", "too_deep", 2),
        ("policy: X\nroute: " + "[" * 9000 + "]" * 9000 + "\n", "too_deep", None),
        ("policy: X\n%YAML 9.9\n", "yaml", 2),
    ],
)
def test_text_that_is_no_policy_is_refused(text: str, code: str, line: int | None) -> None:
    found = problems(text)[0]
    assert (found.code, found.line) == (code, line)


def test_an_alias_bomb_is_refused_and_not_unfolded() -> None:
    """It stands for 100,000,000,000 values: whoever unfolded them would not come back."""
    rows = ["policy: X", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert problem("\n".join(rows)).code == "too_many_values"


def test_a_giant_is_refused_without_reading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_text, "YAML", None)
    assert problem(SMALLEST + "#" * 1_000_000).code == "too_large"


def test_too_many_values_are_refused_before_all_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read_one, reads = Composer.compose_node, itertools.count()
    monkeypatch.setattr(Composer, "compose_node", lambda *given: (next(reads), read_one(*given))[1])
    assert problem("policy: X\nroute: [" + "{a: 1}, " * 120_000 + "]").code == "too_many_values"
    assert next(reads) == 3 * policy_text.MOST


def test_of_very_many_mistakes_only_the_first_are_told() -> None:
    found = problems("policy: X\nroute: [" + "{a: 1}, " * 2_000 + "]")
    assert len(found) == 200
    assert {each.code for each in found} == {"missing_field", "unknown_field"}


def test_aliases_that_end_are_fine() -> None:
    text = SMALLEST.replace("{inbound: {}}", "{inbound: &pool {lock: 5m}, other: *pool}")
    assert read(text).pools["other"].lock == timedelta(minutes=5)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert read("\ufeff" + SMALLEST) == read(SMALLEST)


def test_a_moment_without_a_zone_is_utc() -> None:
    text = SMALLEST + "examples: [{lead: {}, now: 2026-03-02T09:00:00, expect: {rank: cool}}]\n"
    assert read(text).examples[0].now == datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("24h", timedelta(days=1)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(days=14)),
        ("1h30m", timedelta(minutes=90)),
    ],
)
def test_durations_are_written_with_their_unit(written: str, length: timedelta) -> None:
    assert read(SMALLEST.replace("{}", f"{{lock: {written}}}")).pools["inbound"].lock == length


def test_the_canonical_form_says_everything_and_reads_back_the_same() -> None:
    policy = read(SMALLEST)
    document = json.loads(canonical(policy))
    assert [(pool["name"], pool["lock"]) for pool in document["pools"]] == [("inbound", "15m")]
    assert document["qualify"]["rank"] == {"hot": 75, "warm": 40}
    assert from_canonical(canonical(policy)) == policy


RULES = """
fair_play:
  claim_at_least: {count: 20, per: week, then: auto_assign, ahead: 3h}
  claim_rate: {count: 6, per: 90m}
  mix: {low_below: 40, per_high: 2}
  notice: 7d
  shown_to: managers
tiers: [{name: all, sees: full}]
tiering: {over: 30d, confirm: 5}
credits: {claim: 0.5, convert: 10, weights: [{when: lead.score < 30, times: 2.5}]}
"""


def test_the_rules_of_fair_play_read_back_as_they_were_meant() -> None:
    policy = read(SMALLEST + RULES)
    assert from_canonical(canonical(policy)) == policy
    rules = policy.fair_play
    assert rules.claim_at_least is not None
    assert (rules.claim_at_least.then, rules.claim_at_least.ahead) == ("auto_assign", timedelta(hours=3))
    assert rules.claim_rate is not None
    assert (rules.claim_rate.count, rules.claim_rate.per) == (6, timedelta(minutes=90))
    assert rules.mix is not None
    assert (rules.mix.per_high, rules.mix.share) == (2, None)
    assert (rules.notice, rules.shown_to) == (timedelta(days=7), "managers")
    assert (policy.tiering.over, policy.tiering.confirm) == (timedelta(days=30), 5)
    assert policy.credits is not None
    assert [(weight.when, weight.times) for weight in policy.credits.weights] == [("lead.score < 30", 2.5)]


def test_a_policy_published_before_a_field_was_there_reads_as_if_it_had_been_left_out() -> None:
    policy = read(SMALLEST + "fair_play: {mix: {share: 30%}, claim_at_least: {count: 5}}\n")
    document = json.loads(canonical(policy))
    for part in ("tiering", "credits"):
        del document[part]
    for field in ("claim_rate", "notice", "shown_to"):
        del document["fair_play"][field]
    del document["fair_play"]["mix"]["per_high"]
    del document["fair_play"]["claim_at_least"]["ahead"]
    assert from_canonical(json.dumps(document)) == policy


def test_the_digest_is_of_the_meaning_not_of_the_writing() -> None:
    rewritten = (
        "# a remark\nroute:\n- pull: {pool: inbound}\n  name: All\npools: {inbound: {lock: 900s}}\npolicy: Smallest\n"
    )
    assert digest(read(rewritten)) == digest(read(SMALLEST))
    assert digest(read(SMALLEST.replace("{}", "{lock: 16m}"))) != digest(read(SMALLEST))
    assert len(digest(read(SMALLEST))) == 64


def test_the_order_of_territories_survives_and_counts() -> None:
    west = "zulu: {when: 'lead.country == \"US\"', owner: {team: a}}"
    east = "alpha: {when: 'lead.country == \"US\"', owner: {team: b}}"
    one = read(SMALLEST + f"territories: {{{west}, {east}}}\n")
    other = read(SMALLEST + f"territories: {{{east}, {west}}}\n")
    assert list(from_canonical(canonical(one)).territories) == ["zulu", "alpha"]
    assert digest(one) != digest(other)


def test_pools_are_shown_in_the_order_they_are_written_in() -> None:
    policy = read(SMALLEST.replace("{inbound: {}}", "{zulu: {}, inbound: {}, alpha: {}}"))
    assert list(from_canonical(canonical(policy)).pools) == ["zulu", "inbound", "alpha"]


def test_what_is_asked_and_passed_in_an_order_keeps_it() -> None:
    ask = "questions: {zulu: {ask: Z?, answers: {yes: 5, no: 0}}, alpha: {ask: A?, answers: {often: 3, at_times: 1}}}"
    stages = "opportunities: {stages: {qualified: {}, proposal: {likely: 50%}, accepted: {}}}"
    said = f"qualify: {{{ask}}}\n{stages}\n"
    policy = from_canonical(canonical(read(SMALLEST + said)))
    assert list(policy.qualify.questions) == ["zulu", "alpha"]
    assert list(policy.qualify.questions["alpha"].answers) == ["often", "at_times"]
    assert list(policy.opportunities.stages) == ["qualified", "proposal", "accepted"]
    assert policy == read(SMALLEST + said)


def test_a_document_of_before_there_were_opportunities_is_still_read() -> None:
    document = json.loads(canonical(read(SMALLEST)))
    for part in ("opportunities", "assessments", "nurture", "privacy"):
        del document[part]
    assert from_canonical(json.dumps(document)) == read(SMALLEST)


def test_an_end_is_no_stage() -> None:
    with pytest.raises(PolicyRefused) as refused:
        read(SMALLEST + "opportunities: {stages: {qualified: {}, won: {}}}\n")
    assert "won is an end" in str(refused.value.problems[0])


def test_the_schema_knows_every_field_of_the_models() -> None:
    described = schema()
    assert described["$schema"].startswith("https://json-schema.org/")
    assert set(described["properties"]) == set(Policy.model_fields)
    assert described["additionalProperties"] is False
    assert described["$defs"]["Pool"]["properties"]["lock"]["anyOf"][0]["type"] == "string"


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["15m", "30%", "lead.consent"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*Policy.model_fields, "name", "when", "push", "pull", "inbound"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(documents)
def test_no_document_does_more_than_be_refused(document: Any) -> None:
    checked = check(json.dumps(document, ensure_ascii=False))
    assert checked.ok or any(found.severity == "error" for found in checked.problems)


@given(st.text(max_size=200))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    assert not check(text).ok


@given(st.integers(0, len(SMALLEST) - 1), st.sampled_from(list("{}[]:,-'\"\\&*!|>%@`# \n\tx0")))
def test_a_slip_of_the_finger_does_no_more_than_be_refused(at: int, char: str) -> None:
    checked = check(SMALLEST[:at] + char + SMALLEST[at + 1 :])
    for found in checked.problems:
        assert found.line is None or 1 <= found.line <= SMALLEST.count("\n") + 2
