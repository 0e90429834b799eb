"""Every text is in every language, and what is compiled is what is written."""

from __future__ import annotations

import re

import pytest

from dibs.delivery import texts, wording, words
from dibs.engine import reasons
from tests.web import catalogues

_HOLES = re.compile(r"%\(\w+\)[0-9]*[sd]|\{\w+\}")


def _forms(string: object) -> list[str]:
    return list(string) if isinstance(string, (tuple, list)) else [str(string)]


@pytest.fixture(scope="module")
def gathered() -> catalogues.Catalog:
    return catalogues.gathered()


@pytest.mark.parametrize("tongue", catalogues.TONGUES)
def test_a_catalogue_holds_every_text_and_no_other(tongue: str, gathered: catalogues.Catalog) -> None:
    wanted = {(message.context, message.id) for message in gathered if message.id}
    held = {(message.context, message.id) for message in catalogues.read(tongue) if message.id}
    assert held == wanted, "run: python -m tests.web.catalogues"


@pytest.mark.parametrize("tongue", catalogues.TONGUES)
def test_every_text_is_translated_with_the_same_holes(tongue: str) -> None:
    for message in catalogues.read(tongue):
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        ids, forms = _forms(message.id), _forms(message.string)
        allowed = set().union(*(_HOLES.findall(text) for text in ids))
        for form in forms:
            assert form.strip(), message.id
            assert set(_HOLES.findall(form)) <= allowed, message.id
        # The form for many says as much as the English one.
        assert set(_HOLES.findall(forms[-1])) == set(_HOLES.findall(ids[-1])), message.id


@pytest.mark.parametrize("tongue", catalogues.TONGUES)
def test_what_is_compiled_is_what_is_written(tongue: str) -> None:
    compiled = catalogues.po(tongue).with_suffix(".mo").read_bytes()
    assert compiled == catalogues.compiled(catalogues.read(tongue)), "run: python -m tests.web.catalogues"


def test_every_code_has_a_text() -> None:
    assert set(texts.TEXTS) | set(texts.COUNTED) | {"chosen", "claim_more"} == set(reasons.CODES)


def test_every_cause_of_being_passed_over_and_of_not_being_mailed_has_a_word() -> None:
    assert set(words.WORDS["because"]) == set(reasons.CAUSES) | set(reasons.NOT_MAILED)


def _sample(name: str, code: str) -> object:
    if name in {"until", "at", "since"}:
        return "2026-03-02T09:15:00+00:00"
    if name in {"after", "within"}:
        return 5400
    if name in {"fields", "parts", "tried"}:
        return ["country"] if name == "fields" else []
    if name == "by" and code == "chosen":
        return "round_robin"
    if code in {"rule_tightens", "rule_loosens"}:
        return {"rule": "fair_play.hold_at_most", "before": 10, "after": 5}[name]
    if name in {"have", "limit", "count", "low", "need", "of", "low_below", "score", "index", "step", "nth_today"}:
        return 3
    if name in {"closed", "over", "days", "missing", "points", "times", "conversion_rate", "up"}:
        return 0.25 if name == "conversion_rate" else 3
    if code == "best_match" and name != "rep":
        return [] if name == "candidates" else 0.25
    if name == "likelihood":
        return 0.25
    if name == "per":
        return 3600 if code == "claim_rate" else "day"
    return {
        "what": "claim",
        "then": "notify",
        "state": "pooled",
        "because": "away",
        "kind": "call",
        "rank": "warm",
    }.get(name, "tokyo")


@pytest.mark.parametrize("language", wording.LANGUAGES)
@pytest.mark.parametrize("code", sorted(reasons.CODES))
def test_every_code_is_said_in_every_language_from_the_parameters_it_has(code: str, language: str) -> None:
    params = {name: _sample(name, code) for name in reasons.CODES[code]}
    said = wording.say({"code": code, "params": params}, language)
    assert said
    assert said != code
    assert "{" not in said
    assert "…" not in said, "a text uses a parameter that the code does not have"
    if language != "en":
        assert said != wording.say({"code": code, "params": params}, "en")
