"""What happens on the floor, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.utils import translation

from dibs.distribution.writing import STILL
from dibs.engine.lifecycle import TRANSITIONS
from dibs.insight.floor import UNTOLD, Happening
from dibs.web.floor import in_words

KINDS = {kind for moves in TRANSITIONS.values() for kind in moves} | STILL


@pytest.mark.parametrize("kind", sorted(KINDS - UNTOLD))
@pytest.mark.parametrize("language", ["en", "ja", "es", "id"])
def test_whatever_happens_to_a_lead_is_told_in_words(language: str, kind: str) -> None:
    what = Happening(datetime(2026, 3, 2, 9, tzinfo=UTC), kind, uuid4(), "Acme", "inbound", "Aiko", None)
    with translation.override(language):
        assert in_words(what)[0] != kind


def test_what_is_left_out_of_the_floor_is_a_kind_of_decision() -> None:
    assert UNTOLD < KINDS
