"""What a log keeps of a person who is erased, and how long people are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dibs.engine.forgetting import OURS, THEIRS, Cutoffs, cutoffs, without_person
from dibs.engine.policy_privacy import Keep
from dibs.engine.reasons import CODES


def reason(code: str, **params: Any) -> dict[str, Any]:
    return {"code": code, "params": params, "rule": None}


def test_every_parameter_of_a_reason_is_known_to_be_ours_or_theirs() -> None:
    """Or it goes: but then somebody is to have meant it."""
    numbers = {
        "add", "candidates", "closed", "conversion_rate", "count", "days", "drawn", "expected", "have", "index", "likelihood", "load", "low",
        "low_below", "mails", "need", "nth_today", "over", "parts", "points", "score", "strengths", "times", "tried", "up",
    }  # fmt: skip
    names = {name for params in CODES.values() for name in params}
    assert names - numbers <= OURS | THEIRS
    assert not OURS & THEIRS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (reason("contacted", kind="call", note="spoke with Zelda"), reason("contacted", kind="call", note="")),
        (reason("retired", why="no_interest", note="x"), reason("retired", why="no_interest", note="")),
        (reason("released", why="Zelda is rude"), reason("released", why="")),
        (reason("assigned_by", rep="aiko", by="Boss", why="hers"), reason("assigned_by", rep="aiko", by="Boss", why="")),
        (
            reason("scored", score=40, rank="warm", parts=[{"when": "lead.employees >= 200", "add": 40}]),
            reason("scored", score=40, rank="warm", parts=[{"when": "lead.employees >= 200", "add": 40}]),
        ),
        (
            reason("predicted", score=40, parts=[{"fact": "title", "value": "Dr. Quixotte", "effect": 0.2}]),
            reason("predicted", score=40, parts=[{"fact": "title", "value": "", "effect": 0.2}]),
        ),
        (
            reason("matched_account", account="Quixotte", score=0.9, parts=[{"part": "name", "like": 0.9, "score": 0.9}]),
            reason("matched_account", account="", score=0.9, parts=[{"part": "name", "like": 0.9, "score": 0.9}]),
        ),
        (reason("enriched", fields=["attributes.Zelda", "city"]), reason("enriched", fields=[])),
        (reason("best_match", rep="aiko", expected=0.3, value=0.2), reason("best_match", rep="aiko", expected=0.3, value=0.2)),
        (reason("not_written_yet", whatever="Zelda", deep={"note": "Z", "team": "t"}), reason("not_written_yet", whatever="", deep={"note": "", "team": "t"})),
    ],
)  # fmt: skip
def test_what_was_said_of_the_person_goes_and_what_the_rules_say_stays(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert without_person([before]) == [after]
    # To do it twice changes nothing.
    assert without_person([after]) == [after]


def test_a_reason_keeps_its_code_and_its_rule() -> None:
    kept = {"code": "routed", "params": {"rule": "Hot", "index": 0}, "rule": "route.0"}
    assert without_person([kept]) == [kept]
    assert without_person([{"code": "accepted"}]) == [{"code": "accepted", "params": {}}]


NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_without_a_word_everybody_is_kept() -> None:
    assert cutoffs(Keep(), NOW) == Cutoffs(None, None, None)
    assert not cutoffs(Keep(), NOW).any


def test_each_span_counts_back_from_now() -> None:
    kept = cutoffs(Keep(ended=timedelta(days=30), raw=timedelta(days=1)), NOW)
    assert kept == Cutoffs(NOW - timedelta(days=30), None, NOW - timedelta(days=1))
    assert kept.any
