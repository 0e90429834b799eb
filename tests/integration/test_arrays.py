"""Lists on their way into the database, where Dibs writes them itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, connection

ONE, OTHER = UUID(int=1), UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("text", ["", "NULL", "null", " a ", "a,b", "{}", "{a}", 'said "so"', "\\", '\\"', "\\\\", "two\nlines", "\t", "é", "株式会社", "🙂"]),
        ("text", ["only"]),
        ("text", ['"']),
        ("text", [None]),
        ("text", ["a", None, "NULL", None, 'b"']),
        ("text", []),
        ("text", [["a", 'b"'], ["c,", "\\"]]),
        ("uuid", [ONE, OTHER]),
        ("uuid", [ONE, None]),
        ("bigint", [0, -1, 2**63 - 1, -(2**63)]),
        ("int", [7]),
        ("bool", [True, False]),
        ("float8", [0.1, 1e300]),
    ],
)  # fmt: skip
def test_what_is_in_a_list_comes_back_as_it_was(kind: str, given: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [given])
        assert cursor.fetchone() == (given,)


@pytest.mark.django_db
@pytest.mark.parametrize(("text", "refused"), [("a\0b", "cannot contain NUL"), ("a\ud800b", "surrogates not allowed")])
def test_what_the_database_can_not_hold_is_refused_with_the_right_words(text: str, refused: str) -> None:
    with connection.cursor() as cursor, pytest.raises((DataError, UnicodeEncodeError), match=refused):
        cursor.execute("SELECT %s::text[]", [["fine", text]])
