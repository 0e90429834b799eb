"""Moments come back from the database as they went in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import DataError, connection


def _back(moment: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [moment])
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 2, 9, 0, 0, 120000, tzinfo=UTC),
        datetime(2026, 3, 2, 9, 0, 0, 999999, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(1850, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        None,
    ],
)
def test_a_moment_is_read_as_it_was_written(db: Any, moment: datetime | None) -> None:
    found = _back(moment)
    assert found == moment
    assert found is None or found.tzinfo is UTC


def test_moments_in_an_array_are_read_the_same(db: Any) -> None:
    moments = [datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 29)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz[]", [moments])
        assert cursor.fetchone()[0] == moments


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "0044-03-15 12:00 BC"])
def test_what_python_has_no_moment_for_is_refused_in_words(db: Any, moment: str) -> None:
    with pytest.raises(DataError, match="timestamp"):
        _back(moment)
