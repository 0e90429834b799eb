"""Checking policies: what their shape alone does not show."""

from __future__ import annotations

import pytest

from dibs.engine.policy import Checked, People, Problem, check

START = """\
policy: Checked
route:
  - {name: Japan, when: 'lead.country == "JP"', pull: {pool: japan}}
  - {name: Hot, when: 'lead.score >= 75', push: {team: closers}}
  - {name: Rest, pull: {pool: inbound}}
pools:
  japan: {}
  inbound: {escalate: [{after: 30m, push: {team: closers}}, {after: 60m, review: managers}]}
"""


def changed(*changes: str) -> Checked:
    """The starting policy with pairs of (before, after) replaced, checked."""
    text = START
    for before, after in zip(changes[::2], changes[1::2], strict=True):
        assert before in text, before
        text = text.replace(before, after, 1)
    return check(text)


def found(checked: Checked) -> list[tuple[str, str, str]]:
    return [(each.severity, each.code, each.path) for each in checked.problems]


def pointed_at(text: str, problem: Problem) -> str:
    """The rest of the line that a problem points at."""
    assert problem.line is not None
    assert problem.column is not None
    return text.splitlines()[problem.line - 1][problem.column - 1 :]


def test_a_sound_policy_has_no_problems() -> None:
    checked = check(START)
    assert checked.ok
    assert checked.problems == ()
    assert checked.policy is not None


@pytest.mark.parametrize(
    ("when", "code", "at"),
    [
        ("'lead.contry == \"JP\"'", "unknown_fact", "lead.contry =="),
        ("'lead.consent && lead.contry == \"JP\"'", "unknown_fact", "lead.contry =="),
        ("'lead.country == ''JP'' && lead.contry == \"x\"'", "unknown_fact", "lead.contry =="),
        ('"lead.country == \\"日本\\" && lead.contry == \\"x\\""', "unknown_fact", "lead.contry =="),
        ('"lead.country == \\u0022JP\\u0022 && lead.contry == null"', "unknown_fact", "lead.contry =="),
        ("lead.consent && lead.contry", "unknown_fact", "lead.contry,"),
        ("'lead.country'", "condition_not_bool", "lead.country',"),
        ("'lead.country =='", "condition_invalid", "', pull"),
        ("'lead.employees == \"x\"'", "condition_types", '== "x"'),
        ("'rep.closed > 3'", "fact_not_known_here", "rep.closed"),
        ("'lead.employees + 1.5 > 2.0'", "condition_types", "+ 1.5"),
    ],
)
def test_a_condition_that_does_not_compile_is_told_at_its_character(when: str, code: str, at: str) -> None:
    text = START.replace("'lead.country == \"JP\"'", when)
    (problem,) = check(text).problems
    assert (problem.severity, problem.code, problem.path) == ("error", code, "route[0].when")
    assert pointed_at(text, problem).startswith(at)


@pytest.mark.parametrize(
    "block",
    [
        "|\n      lead.consent &&\n        lead.contry",
        "|  # a remark\n      lead.consent &&\n        lead.contry",
        ">\n      lead.consent\n      && lead.contry",
        ">-\n\n      lead.consent\n\n      && lead.contry",
        "|2\n      lead.consent &&\n       lead.contry",
        "lead.consent &&\n      lead.contry",
        "'lead.consent\n      && lead.contry'",
        '"lead.consent\n      && lead.contry"',
        '"lead.consent\\n      \\\n      && lead.contry"',
    ],
)
def test_also_in_a_text_over_several_lines(block: str) -> None:
    text = f"policy: P\nroute:\n  - name: A\n    when: {block}\n    pull: {{pool: p}}\n  - {{name: B, pull: {{pool: p}}}}\npools: {{p: {{}}}}\n"
    (problem,) = check(text).problems
    assert problem.code == "unknown_fact"
    assert pointed_at(text, problem).startswith("lead.contry")


def test_scores_are_counted_before_score_and_rank_are_known() -> None:
    points = "qualify: {score: [{when: 'lead.score > 5', add: 80}]}\nroute:"
    assert found(changed("route:", points)) == [("error", "fact_not_known_here", "qualify.score[0].when")]


def test_each_condition_may_ask_what_is_known_where_it_stands() -> None:
    tiers = "tiers:\n  - {name: a, when: 'rep.closed > 5', sees: full, only: 'lead.score < 75 && rep.country == lead.country'}\n  - {name: b, sees: preview}\nroute:"
    assert changed("route:", tiers).ok
    assert found(changed("route:", tiers.replace("'rep.closed > 5'", "'lead.score > 5'"))) == [
        ("error", "fact_not_known_here", "tiers[0].when")
    ]
    sla = "sla: {first_contact: 5m, when: 'account.owner != null', then: {reassign: 1}}\nroute:"
    assert found(changed("route:", sla)) == [("error", "fact_not_known_here", "sla.when")]


def test_a_pool_that_does_not_exist_is_an_error_and_a_near_one_is_named() -> None:
    checked = changed("{pool: inbound}", "{pool: inbund}")
    assert found(checked) == [
        ("error", "unknown_pool", "route[2].pull.pool"),
        ("warning", "pool_unused", "pools.inbound"),
    ]
    assert "did you mean inbound?" in checked.problems[0].message
    checked = changed("push: {team: closers}}\n", "push: {team: closers}, fallback: {pool: nowhere}}\n")
    assert found(checked) == [("error", "unknown_pool", "route[1].fallback.pool")]
    assert "add it under pools" in checked.problems[0].message


def test_a_team_that_is_nearly_one_of_the_policys_own_is_warned_of() -> None:
    checked = changed("pools:", "teams: {closer: {per_day: 5}}\npools:")
    assert checked.ok
    assert [each.code for each in checked.problems] == ["team_like_another", "team_unused", "team_like_another"]
    assert "did you mean closer?" in checked.problems[0].message


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        # Nobody can see it.
        (("japan: {}", "japan: {teams: []}"), ("error", "pool_unseen", "pools.japan.teams")),
        # Never reached.
        (("name: Japan, when: 'lead.country == \"JP\"'", "name: Japan"), ("warning", "rule_unreachable", "route[1]")),
        (("'lead.country == \"JP\"'", "'true'"), ("warning", "rule_unreachable", "route[1]")),
        (("'lead.country == \"JP\"'", "'1 > 2'"), ("warning", "rule_unreachable", "route[0]")),
        (("'lead.country == \"JP\"'", "'lead.score  >=  75 '"), ("warning", "rule_unreachable", "route[1]")),
        (("- {name: Rest, pull", "- {name: Rest, when: lead.consent, pull"), ("warning", "no_rule_for_the_rest", "route")),
        (("name: Hot", "name: Japan"), ("error", "name_twice", "route[1]")),
        # Steps.
        (("after: 60m", "after: 30m"), ("error", "steps_out_of_order", "pools.inbound.escalate[1].after")),
        (("after: 60m", "after: 30h"), ("warning", "step_unreachable", "pools.inbound.escalate[1].after")),
        # Scores.
        (("route:", "qualify: {score: [{when: 'lead.consent', add: 60}]}\nroute:"), ("warning", "rank_unreachable", "qualify.rank")),
        (("route:", "fair_play: {mix: {share: 10%, over: 5}}\nroute:"), ("warning", "mix_asks_nothing", "fair_play.mix")),
        (("route:", "fair_play: {mix: {low_below: 40, per_high: 1, over: 9}}\nroute:"), ("warning", "over_unused", "fair_play.mix.over")),
        # Owners and ends.
        (("push: {team: closers}}\n", "push: {to: territory.owner}}\n"), ("error", "no_territories", "route[1].push.to")),
        (("route:", "sla: {first_contact: 5m, then: {}}\nroute:"), ("error", "sla_without_end", "sla.then")),
        (("route:", "sla: [{first_contact: 5m, then: {reassign: 1}}, {first_contact: 9m, when: lead.consent, then: {reassign: 1}}]\nroute:"), ("warning", "sla_unreachable", "sla[1]")),
        (("route:", "idle: [{after: 5d, when: lead.consent, then: {review: managers}}, {after: 9d, when: lead.consent, then: {review: managers}}]\nroute:"), ("warning", "idle_unreachable", "idle[1]")),
        (("route:", "idle: {after: 5d, when: 'lead.contry == null', then: {review: managers}}\nroute:"), ("error", "unknown_fact", "idle.when")),
        (("route:", "idle: {after: 5d, when: 'rep.closed > 2', then: {review: managers}}\nroute:"), ("error", "fact_not_known_here", "idle.when")),
        (("route:", "idle: {after: 5d, then: {pool: inbund}}\nroute:"), ("error", "unknown_pool", "idle.then.pool")),
        (("route:", "idle: {after: 5d, then: {team: closer}}\nroute:", "pools:", "teams: {closers: {per_day: 5}}\npools:"), ("warning", "team_like_another", "idle.then.team")),
        (("pools:", "teams: {closers: {weights: {aiko: 2}}}\npools:"), ("warning", "weights_unused", "teams.closers.weights")),
        (("pools:", "teams: {field: {per_day: 2}}\npools:"), ("warning", "team_unused", "teams.field")),
        (("pools:", "teams: {closers: {per_day: 9, per_week: 5}}\npools:"), ("warning", "cap_unused", "teams.closers.per_day")),
        (("pools:", "teams: {closers: {reps: {aiko: {per_hour: 3, per_month: 3}}}}\npools:"), ("warning", "cap_unused", "teams.closers.reps.aiko.per_hour")),
        (("route:", "best_match: {explore: false}\nroute:"), ("warning", "best_match_unused", "best_match")),
        (("push: {team: closers}}\n", "push: {team: closers, among: 'rep.senority > 2'}}\n"), ("error", "unknown_fact", "route[1].push.among")),
        (("route:", "best_match: {strengths: {technical: 'rep.depth > 2'}}\nroute:"), ("error", "fact_not_known_here", "best_match.strengths.technical")),
        # Orders that tell what a preview hides.
        (("japan: {}", "japan: {order: [-deal_value]}"), ("warning", "order_tells_hidden", "pools.japan.order[0]")),
        (("japan: {}", "japan: {preview: [company]}"), ("warning", "order_tells_hidden", "pools.japan.order[0]")),
        (("japan: {}", "japan: {mode: cherry_pick, preview: [city]}", "route:", "fair_play: {skip_at_most: 5}\nroute:"), ("warning", "order_tells_hidden", "pools.japan.order[0]")),
        # Rules that are at odds.
        (("route:", "fair_play: {claim_at_least: {count: 5, ahead: 8h}}\nroute:"), ("warning", "ahead_too_long", "fair_play.claim_at_least.ahead")),
        (("route:", "fair_play: {claim_at_least: {count: 9}, claim_rate: {count: 4, per: 4h}}\nroute:"), ("warning", "floor_over_rate", "fair_play.claim_at_least.count")),
        (("route:", "fair_play: {claim_at_least: {count: 26, per: week}, claim_rate: {count: 5, per: 24h}}\nroute:"), ("warning", "floor_over_rate", "fair_play.claim_at_least.count")),
        (("route:", "tiering: {confirm: 5}\nroute:"), ("warning", "tiering_unused", "tiering")),
        (("route:", "credits: {}\nroute:"), ("warning", "credits_earn_nothing", "credits")),
        (("route:", "credits: {claim: 1, weights: [{when: 'true', times: 2}, {when: lead.consent, times: 3}]}\nroute:"), ("warning", "weight_unreachable", "credits.weights[1]")),
        (("route:", "credits: {claim: 1, weights: [{when: 'lead.contry == null', times: 2}]}\nroute:"), ("error", "unknown_fact", "credits.weights[0].when")),
        (("route:", "credits: {claim: 1, weights: [{when: 'rep.closed > 2', times: 2}]}\nroute:"), ("error", "fact_not_known_here", "credits.weights[0].when")),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told(changes: tuple[str, ...], problem: tuple[str, str, str]) -> None:
    checked = changed(*changes)
    assert problem in found(checked)
    assert checked.ok is (problem[0] == "warning")


@pytest.mark.parametrize(
    "changes",
    [
        ("japan: {}", "japan: {order: [received_at, waiting_since], preview: [company]}"),
        ("japan: {}", "japan: {mode: queue, preview: [company]}"),
        ("japan: {}", "japan: {mode: cherry_pick, preview: [company]}"),
        ("route:", "fair_play: {claim_at_least: {count: 5, ahead: 2h}}\nroute:"),
        ("route:", "fair_play: {claim_at_least: {count: 5, per: week, ahead: 24h}}\nroute:"),
        ("route:", "fair_play: {claim_at_least: {count: 8}, claim_rate: {count: 4, per: 4h}}\nroute:"),
        ("route:", "fair_play: {claim_at_least: {count: 25, per: week}, claim_rate: {count: 5, per: 24h}}\nroute:"),
        ("route:", "fair_play: {mix: {low_below: 40, per_high: 1}}\nroute:"),
        ("route:", "fair_play: {mix: {low_below: 40, share: 30%, over: 9}}\nroute:"),
        ("route:", "credits: {convert: 1, weights: [{when: lead.consent, times: 0}]}\nroute:"),
    ],
)
def test_rules_that_go_together_are_let_be(changes: tuple[str, ...]) -> None:
    assert found(changed(*changes)) == []


def test_a_claim_floor_without_anything_to_claim_is_warned_of() -> None:
    text = "policy: P\nroute: [{name: All, push: {team: a}}]\nfair_play: {claim_at_least: {count: 5}}\n"
    assert found(check(text)) == [("warning", "floor_unused", "fair_play.claim_at_least")]


def test_tiers_that_leave_somebody_out_are_told() -> None:
    checked = changed("route:", "tiers: [{name: new, sees: none}]\nroute:")
    assert [each.code for each in checked.problems] == ["pool_unseen", "pool_unseen"]
    assert not checked.ok
    checked = changed("route:", "tiers: [{name: old, when: rep.closed > 5, sees: full}]\nroute:")
    assert found(checked) == [("warning", "no_tier_for_the_rest", "tiers")]
    checked = changed(
        "route:",
        "tiers: [{name: all, sees: full}, {name: old, when: rep.closed > 5, sees: none, only: lead.consent}]\nroute:",
    )
    assert [each.code for each in checked.problems] == ["tier_unreachable", "only_unused"]


def test_territories_that_are_never_reached_are_warned_of() -> None:
    territories = "territories: {all: {when: 'true', owner: {team: a}}, japan: {when: 'lead.country == \"JP\"', owner: {team: b}}}\nroute:"
    checked = changed("route:", territories)
    assert [(each.code, each.path) for each in checked.problems] == [("territory_unreachable", "territories.japan")]


def test_errors_come_in_the_order_of_the_file() -> None:
    checked = changed("lead.country", "lead.contry", "{pool: inbound}", "{pool: inbund}", "after: 60m", "after: 5m")
    assert [each.line for each in checked.problems] == [3, 5, 8, 8]


def test_a_workspaces_people_are_asked_about_when_given() -> None:
    text = START.replace("japan: {}", "japan: {teams: [tokyo, osaka]}") + "teams: {closers: {weights: {aiko: 2}}}\n"
    text = text.replace("push: {team: closers}}\n", "push: {team: closers, by: weighted_round_robin}}\n", 1)
    nobody = check(text, People(teams={}, reps=frozenset()))
    assert nobody.ok
    assert sorted((each.code, each.severity) for each in nobody.problems) == [
        ("pool_unseen", "warning"),
        ("unknown_rep", "warning"),
        ("unknown_team", "warning"),
        ("unknown_team", "warning"),
        ("unknown_team", "warning"),
    ]
    some = check(text, People(teams={"closers": 0, "tokyo": 3, "osaka": 1}, reps=frozenset({"aikö", "aiko2"})))
    assert [(each.code, each.path) for each in some.problems] == [
        ("team_empty", "route[1].push.team"),
        ("unknown_rep", "teams.closers.weights.aiko"),
    ]
    assert "did you mean aiko2?" in some.problems[1].message
    assert check(text, People(teams={"closers": 1, "tokyo": 3, "osaka": 1}, reps=frozenset({"aiko"}))).problems == ()


def test_the_managers_queue_is_nobodys_team() -> None:
    assert check(START, People(teams={"closers": 1}, reps=frozenset())).problems == ()
    other = check(START.replace("review: managers", "review: bosses"), People(teams={"closers": 1}, reps=frozenset()))
    assert [each.code for each in other.problems] == ["unknown_team"]


@pytest.mark.parametrize(
    ("sla", "code", "path", "at"),
    [
        ("sla: {first_contact: 5m, when: 'lead.contry == null', then: {reassign: 1}}", "unknown_fact", "sla.when", "lead.contry"),
        ("sla:\n  first_contact: 5m\n  when: lead.contry\n  then: {reassign: 1}", "unknown_fact", "sla.when", "lead.contry"),
        ("sla: {first_contct: 5m, first_contact: 5m, then: {reassign: 1}}", "unknown_field", "sla.first_contct", "first_contct"),
        ("sla: {first_contact: 5m, then: {reassign: 99}}", "out_of_range", "sla.then.reassign", "99"),
        ("sla: {first_contact: 5m, then: {}}", "sla_without_end", "sla.then", "{}"),
        ("sla: [{first_contact: 5m, when: lead.consent, then: {reassign: 1}}, {first_contact: 5m, then: {}}]", "sla_without_end", "sla[1].then", "{}"),
        ("sla:\n  - {first_contact: 5m, thn: {}, then: {reassign: 1}}", "unknown_field", "sla[0].thn", "thn"),
        ("idle: {after: 3d, then: {}}", "exactly_one", "idle.then", "{}"),
        ("idle: [{after: 3d, then: {}}]", "exactly_one", "idle[0].then", "{}"),
    ],
)  # fmt: skip
def test_what_may_stand_in_a_list_is_told_of_as_the_author_wrote_it(sla: str, code: str, path: str, at: str) -> None:
    text = START.replace("route:", f"{sla}\nroute:")
    (problem,) = check(text).problems
    assert (problem.code, problem.path) == (code, path)
    assert pointed_at(text, problem).startswith(at)


@pytest.mark.parametrize(
    ("part", "code", "path", "at"),
    [
        ("timezone: Asia/Tokio", "timezone", "timezone", "Asia/Tokio"),
        ("matching: {account_at: 50%}", "matching_overlap", "matching", "{"),
    ],
)
def test_what_no_policy_can_mean_is_told_where_it_stands(part: str, code: str, path: str, at: str) -> None:
    text = START.replace("route:", f"{part}\nroute:")
    (problem,) = check(text).problems
    assert (problem.code, problem.path) == (code, path)
    assert pointed_at(text, problem).startswith(at)
