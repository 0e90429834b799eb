"""Many rows at once, past row-level security's refusal of COPY.

PostgreSQL takes no COPY into a table under row-level security. So rows are copied into a temporary table of the same shape,
private to the connection and outside the policies, and moved from there by one statement that the policies do bind. A
handful of rows is not worth that and goes as a plain statement.

Insert and update inside a transaction: the temporary table empties itself at commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import connection
from psycopg import sql

#: Up to this many rows a plain INSERT is cheaper than staging (measured: staging costs about 1 ms whatever the number).
_FEW = 8


def insert_rows(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert ``rows``, each with a value for every one of ``columns``. JSON goes in as text."""
    if not rows:
        return
    with connection.cursor() as cursor:
        if len(rows) <= _FEW:
            statement = _insert_one(table, tuple(columns))
            for row in rows:
                cursor.execute(statement, row)
            return
        # What is the same in every row is told once: half the columns of a batch, mostly.
        by_column = list(zip(*rows, strict=True))
        varying = [at for at, values in enumerate(by_column) if not _constant(values)] or [0]
        staging = _stage(
            cursor, table, [columns[at] for at in varying], list(zip(*(by_column[at] for at in varying), strict=True))
        )
        parts = [sql.Identifier(name) if at in varying else sql.Placeholder() for at, name in enumerate(columns)]
        constants = [value for at, value in enumerate(rows[0]) if at not in varying]
        into = sql.SQL("INSERT INTO {} ({}) ").format(sql.Identifier(table), _names(columns))
        cursor.execute(into + sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(parts), staging), constants)


def _constant(values: tuple[Any, ...]) -> bool:
    """Whether all of a column's values are the same. Most that are not show it at their ends."""
    first, last = values[0], values[-1]
    return (first is last or first == last) and values.count(first) == len(values)


def update_rows(table: str, key: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Set ``columns`` of the rows whose ``key`` is a row's first value; the rest of it are the values. Returns how many matched."""
    if not rows:
        return 0
    with connection.cursor() as cursor:
        if len(rows) <= _FEW:
            statement, done = _update_one(table, key, tuple(columns)), 0
            for first, *rest in rows:
                cursor.execute(statement, [*rest, first])
                done += cursor.rowcount
            return done
        staging = _stage(cursor, table, [key, *columns], rows)
        # Without statistics the planner takes the staging table for a thousand pages and scans the big one beside it.
        cursor.execute(sql.SQL("ANALYZE {}").format(staging))
        sets = sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(sql.Identifier(c)) for c in columns)
        cursor.execute(
            sql.SQL("UPDATE {table} t SET {sets} FROM {staging} s WHERE t.{key} = s.{key}").format(
                table=sql.Identifier(table), sets=sets, staging=staging, key=sql.Identifier(key)
            )
        )
        return int(cursor.rowcount)


# Every act writes a handful of rows, always with the same few statements: to put them together each time took as long as to send them.


@lru_cache(maxsize=256)
def _insert_one(table: str, columns: tuple[str, ...]) -> str:
    values = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
    into = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), _names(columns), values)
    return into.as_string()


@lru_cache(maxsize=256)
def _update_one(table: str, key: str, columns: tuple[str, ...]) -> str:
    sets = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns)
    update = sql.SQL("UPDATE {} SET {} WHERE {} = %s").format(sql.Identifier(table), sets, sql.Identifier(key))
    return update.as_string()


def let_be_seen(table: str, counted: Sequence[str]) -> None:
    """Have it noted that everybody may see the rows written, so that an index is read without asking the table, and how the values
    of the ``counted`` columns are spread, so that the right index is (VACUUM and ANALYZE, without their work on all the rest: a
    microsecond a row). Otherwise both wait for the autovacuum. Inside a transaction it can't be done.
    """
    if not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("VACUUM (ANALYZE, INDEX_CLEANUP OFF, TRUNCATE OFF) {} ({})").format(
                    sql.Identifier(table), _names(counted)
                )
            )


def _stage(cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> sql.Identifier:
    staging = sql.Identifier(f"staging_{table}")
    # AS SELECT, not LIKE: a copy with the types and without the NOT NULLs of columns that are not being written.
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT * FROM {} WITH NO DATA").format(
            staging, sql.Identifier(table)
        )
    )
    cursor.execute(sql.SQL("DELETE FROM {}").format(staging))
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(staging, _names(columns))) as copy:
        for row in rows:
            copy.write_row(row)
    return staging


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
