"""How reasons, spans and conditions are put in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dibs.delivery import texts
from dibs.delivery.wording import condition_in_words, country_name, language_of, say, sentence, span, titled
from dibs.engine.decision import Reason
from dibs.intake import cleaning


def test_a_rep_is_called_by_name_where_the_name_is_known() -> None:
    taken = Reason("already_claimed", {"by": "budi", "until": None})
    assert say(taken, "en", {"budi": "Budi Santoso"}) == "Budi Santoso took it"
    assert say(taken, "en") == "budi took it"


def test_a_moment_is_told_in_the_readers_zone_and_language() -> None:
    reason = Reason("wait_until", {"at": "2026-03-02T23:30:00+00:00"})
    assert say(reason, "en") == "Wait until March 2 23:30."
    assert say(reason, "ja", timezone="Asia/Tokyo") == "3月3日 08:30 まで待ってください。"


def test_one_and_many_are_told_apart() -> None:
    assert say(Reason("contact_first", {"count": 1}), "en") == "Contact one of your leads first."
    assert say(Reason("contact_first", {"count": 3}), "en") == "Contact 3 of your leads first."
    assert say(Reason("contact_first", {"count": 3}), "es") == "Contacte primero con 3 de sus leads."


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


def test_every_flag_that_intake_puts_on_a_lead_has_words() -> None:
    assert set(texts.FLAGS) == {flag.replace("*_", "") for flag in cleaning.FLAGS}
