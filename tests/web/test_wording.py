"""How reasons, spans and conditions are put in words."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest
from django.utils import translation

from dibs.delivery import words
from dibs.delivery.wording import (
    LANGUAGES,
    condition_in_words,
    country_name,
    day,
    language_of,
    rule_in_words,
    say,
    sentence,
    span,
    titled,
)
from dibs.engine.announcing import changes
from dibs.engine.decision import Reason
from dibs.engine.forgetting import ERASED
from dibs.engine.policy_model import Policy
from dibs.intake import cleaning


def test_a_rep_is_called_by_name_where_the_name_is_known() -> None:
    taken = Reason("already_claimed", {"by": "budi", "until": None})
    assert say(taken, "en", {"budi": "Budi Santoso"}) == "Budi Santoso took it"
    assert say(taken, "en") == "budi took it"


def test_a_moment_is_told_in_the_readers_zone_and_language() -> None:
    reason = Reason("wait_until", {"at": "2020-03-02T23:30:00+00:00"})
    assert say(reason, "en") == "Wait until Mar 2, 2020 23:30."
    assert say(reason, "ja", timezone="Asia/Tokyo") == "2020年3月3日 08:30 まで待ってください。"


@pytest.mark.parametrize(
    ("language", "this_year", "another"),
    [
        ("en", "Sep 4", "Sep 4, 2027"),
        ("ja", "9月4日", "2027年9月4日"),
        ("es", "4 sep", "4 sep 2027"),
        ("id", "4 Sep", "4 Sep 2027"),
    ],
)
def test_a_day_is_written_the_same_everywhere_with_its_year_unless_that_is_this_one(
    language: str, this_year: str, another: str
) -> None:
    with translation.override(language):
        assert day(date(2026, 9, 4), date(2026, 12, 31)) == this_year
        assert day(date(2027, 9, 4), date(2026, 12, 31)) == another


def test_one_and_many_are_told_apart() -> None:
    assert say(Reason("contact_first", {"count": 1}), "en") == "Contact one of your leads first."
    assert say(Reason("contact_first", {"count": 3}), "en") == "Contact 3 of your leads first."
    assert say(Reason("contact_first", {"count": 3}), "es") == "Contacte primero con 3 de sus leads."


@pytest.mark.parametrize(
    ("points", "times", "said"),
    [
        (1, 1, "1 point for a conversion"),
        (1, None, "1 point for a conversion"),
        (2, 1, "2 points for a conversion"),
        (1.5, 1, "1.5 points for a conversion"),
        (1, 2, "1 point for a conversion, counted 2 times"),
        (10, 0.5, "10 points for a conversion, counted 0.5 times"),
    ],
)
def test_points_are_said_as_many_as_there_are(points: float, times: float | None, said: str) -> None:
    assert say(Reason("credited", {"what": "convert", "points": points, "times": times}), "en") == said


def test_what_a_log_does_not_hold_is_left_open() -> None:
    assert say({"code": "pooled", "params": {}}, "en") == "Went to the pool …"


def test_a_code_from_a_later_version_is_said_as_it_is() -> None:
    assert say({"code": "beamed_up", "params": {}}, "en") == "beamed_up"


def test_a_persons_own_words_stay_their_own() -> None:
    assert say(Reason("released", {"why": "I know them"}), "es") == "Devuelto: I know them"
    assert say(Reason("retired", {"why": "no_answer", "note": "5 calls"}), "en") == "Given up: no answer. “5 calls”"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lead.employees >= 200", ["Employees 200 or more"]),
        ('lead.country == "JP" && lead.score < 40', ["Country is Japan", "Score under 40"]),
        ('lead.source in ["demo_request", "pricing"]', ["Source is one of Demo request, Pricing"]),
        ("account.owner != null", ["Owner of the account is known"]),
        ('lead.country == "JP" || lead.score < 40', ['lead.country == "JP" || lead.score < 40']),
        ("size(lead.name) > 3", ["size(lead.name) > 3"]),
        ('lead.company == "A && B"', ['lead.company == "A && B"']),
    ],
)
def test_a_simple_condition_is_put_in_words_and_any_other_stays_as_written(text: str, words: list[str]) -> None:
    assert [part.text for part in condition_in_words(text, "en")] == words


def test_a_share_has_the_decimal_sign_of_the_readers_language() -> None:
    changed = Reason("tier_set", {"tier": "mid", "closed": 17, "conversion_rate": 0.529, "over": 86_400 * 60})
    said = {language: say(changed, language) for language in ("en", "ja", "es", "id")}
    assert [language for language, text in said.items() if "52.9%" in text] == ["en", "ja"]
    assert [language for language, text in said.items() if "52,9%" in text] == ["es", "id"]


def test_spans_are_told_in_their_two_largest_units() -> None:
    assert span(timedelta(minutes=15), "en") == "15 minutes"
    assert span(5400, "en") == "1 hour 30 minutes"
    assert span(0, "en") == "0 seconds"
    assert span(86_400, "id") == "1 hari"


def test_names_are_made_from_what_the_policy_calls_things() -> None:
    assert titled("small_business") == "Small business"
    assert country_name("MX", "ja") == "メキシコ"
    assert country_name("XX", "en") == "XX"
    assert language_of("es-MX") == "es"
    assert language_of("fr") == "en"


def test_a_reason_that_another_sentence_follows_ends_like_one() -> None:
    assert sentence("Budi took it", "en") == "Budi took it."
    assert sentence("Budi took it.", "en") == "Budi took it."
    assert sentence("取得しました", "ja") == "取得しました。"
    assert sentence("取得しました。", "ja") == "取得しました。"


def test_every_flag_that_intake_or_an_erasure_puts_on_a_lead_has_words() -> None:
    assert set(words.FLAGS) == {flag.replace("*_", "") for flag in cleaning.FLAGS} | {ERASED}


def policy(**parts: object) -> Policy:
    document = {"policy": "Test", "route": [{"name": "All", "pull": {"pool": "inbound"}}], "pools": {"inbound": {}}}
    return Policy.model_validate_json(json.dumps(document | parts))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"teams": {"field_sales": {"open_at_most": 9}}},
            ("Open leads with which a rep of Field sales is still given more, under", "no limit", "9"),
        ),
        (
            {"teams": {"field_sales": {"per_day": 9}}},
            ("Leads that a rep of Field sales is given a day, at most", "no limit", "9"),
        ),
        (
            {"pools": {"inbound": {"assign_after": "90m"}}},
            ("How long a lead waits in Inbound, at most", "1 day", "1 hour 30 minutes"),
        ),
        (
            {"pools": {"inbound": {"order": ["deal_value", "-received_at"]}}},
            ("Order of the leads in Inbound", "Score ↓, Came in ↑", "Deal value ↑, Came in ↓"),
        ),
        (
            {
                "pools": {
                    "inbound": {
                        "escalate": [
                            {"after": "30m", "push": {"team": "field_sales"}},
                            {"after": "1h", "push": {"to": "account.owner"}},
                            {"after": "2h", "review": "closers"},
                            {"after": "3h", "review": "managers"},
                        ]
                    }
                }
            },
            (
                "Who gets leads that nobody takes from Inbound",
                "nobody",
                "after 30 minutes Field sales; after 1 hour the owner of its account; after 2 hours the managers of Closers; after 3 hours any manager",
            ),
        ),
        ({"credits": {"claim": 2.5}}, ("Points for the first contact on a claimed lead", "none", "2.5")),
    ],
)
def test_a_rule_that_changes_is_put_in_words(parts: dict[str, object], words: tuple[str, str, str]) -> None:
    (change,) = changes(policy(), policy(**parts))
    with translation.override("en"):
        assert rule_in_words(change.rule, change.before, change.after) == words


def test_weights_are_put_in_words_condition_by_condition() -> None:
    weights = [
        {"when": 'lead.score < 40 && lead.company == "a, when: {b}"', "times": 3},
        {"when": "lead.score > 80", "times": 0.5},
    ]
    (change,) = changes(policy(credits={"claim": 1}), policy(credits={"claim": 1, "weights": weights}))
    with translation.override("en"):
        name, _, after = rule_in_words(change.rule, change.before, change.after)
    assert name == "Leads whose points count for more or less"
    assert after == "Score under 40, Company is a, when: {b}: 3 times; Score over 80: 0.5 times"
    with translation.override("es"):
        assert rule_in_words(change.rule, change.before, change.after)[2].endswith("0,5 veces")
        assert rule_in_words("credits.claim", None, 2.5)[1:] == ("ninguno", "2,5")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_rule_that_can_change_is_put_in_words(language: str) -> None:
    """Whatever the engine can tell of has a name of its own here."""
    tiers = [{"name": "top", "when": "rep.closed > 5", "sees": "full"}, {"name": "rest", "sees": "preview"}]
    was = policy(tiers=tiers, pools={"inbound": {}, "second": {}})
    will = policy(
        teams={
            "a": {"open_at_most": 1, "per_hour": 1, "per_day": 1, "per_week": 1, "per_month": 1, "reps": {"bo": {"per_day": 3}}}
        },
        availability={"away_after": 2},
        sla={"first_contact": "5m", "when": "lead.consent", "then": {"reassign": 1}},
        idle={"after": "3d", "then": {"pool": "inbound"}},
        territories={"a": {"countries": ["JP"], "owner": {"team": "a"}}},
        pools={
            "inbound": {
                "mode": "queue", "teams": ["a"], "order": ["score"], "preview": ["city"], "lock": "1m", "reclaim_after": "1h",
                "escalate": [{"after": "30m", "review": "managers"}], "assign_after": "1h",
            }
        },
        fair_play={
            "hold_at_most": 1, "claim_at_least": {"count": 1}, "claim_rate": {"count": 1, "per": "1h"},
            "mix": {"per_high": 1}, "skip_at_most": 1, "notice": "1d",
        },
        tiers=[tiers[0] | {"when": "rep.closed > 6", "sees": "none", "only": "lead.consent"}, tiers[1]],
        tiering={"over": "30d", "confirm": 9},
        credits={"claim": 1, "convert": 1, "weights": [{"when": "lead.consent", "times": 2}]},
    )  # fmt: skip
    told = (*changes(was, will), *changes(policy(), was))
    with translation.override(language):
        names = {change.rule: rule_in_words(change.rule, change.before, change.after)[0] for change in told}
    assert [rule for rule, name in names.items() if rule == name] == []
    paths = {re.sub(r"\.(inbound|second|a|top)\b", ".*", rule) for rule in names}
    assert paths == set(words.RULES)
