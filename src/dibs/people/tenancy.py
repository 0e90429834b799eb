"""One company's data stays its own: the workspace on every row, and the database's own lock behind the filter.

Every table but the few that say who is calling (workspace, user, session, token) carries ``workspace_id`` and a row-level
security policy that compares it with the connection setting ``dibs.workspace``. `enter` puts that setting on the current
connection, and only when it changes: a round trip once per switch, not once per request.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from struct import unpack
from typing import Any
from uuid import UUID

from django.db import connection, migrations, models

_NOBODY = ""

#: Random numbers of 64 bits, fetched this many at once: to ask the system for each was a tenth of placing a lead.
_FETCHED = 512
_random: list[int] = []
# A child of this process draws numbers of its own.
os.register_at_fork(after_in_child=_random.clear)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, method 3): milliseconds, then 12 bits of the rest of the millisecond, then 62 random ones.

    It sorts by the time it was made, so that new rows land on the same index pages. The packages at hand count on from the
    last millisecond when many are made in one, and an import would be dated into the future.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | _random_64() >> 2)


def new_token() -> UUID:
    """A UUIDv4, random throughout: nobody guesses it, and it says nothing of when it was made."""
    high, low = _random_64(), _random_64()
    return UUID(int=(high & ~0xF000 | 0x4000) << 64 | 0b10 << 62 | low >> 2)


def _random_64() -> int:
    """From the system's source, as `secrets` is."""
    while True:
        try:
            return _random.pop()
        except IndexError:  # used up, by this thread or by another
            _random.extend(unpack(f"{_FETCHED}Q", os.urandom(8 * _FETCHED)))


class WorkspaceRow(models.Model):
    """A row that belongs to one workspace.

    ``workspace`` has no foreign-key constraint: each insert would lock the workspace's row, one row for all writers.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(
        "people.Workspace", on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        abstract = True


def enter(workspace_id: UUID | str | None) -> None:
    """Let the current connection see this workspace's rows, and no other's; ``None``: no workspace's at all.

    Call it outside a transaction: inside one, a rollback would take the setting back and the memory of it would be wrong,
    so there the setting lasts as long as the transaction and is not remembered.
    """
    wanted = str(workspace_id) if workspace_id else _NOBODY
    connection.ensure_connection()
    raw: Any = connection.connection
    if getattr(raw, "dibs_workspace", None) == wanted:
        return
    inside = connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('dibs.workspace', %s, %s)", [wanted, inside])
    raw.dibs_workspace = None if inside else wanted


@contextmanager
def within(workspace_id: UUID | str) -> Iterator[None]:
    """Work in one workspace for the length of a block (jobs, commands, tests); afterwards in none."""
    enter(workspace_id)
    try:
        yield
    finally:
        enter(None)


@contextmanager
def at_work(workspace: str) -> Iterator[UUID]:
    """What `within` is to a block, to a job of one workspace: gives its id, and leaves no connection behind in the worker's thread."""
    try:
        with within(workspace):
            yield UUID(workspace)
    finally:
        connection.close()


class Isolate(migrations.RunSQL):
    """Migration step: row-level security on a table, binding its owner too."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            sql=[
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
                f"CREATE POLICY workspace_isolation ON {table} USING "
                "(workspace_id = nullif(current_setting('dibs.workspace', true), '')::uuid)",
            ],
            reverse_sql=[
                f"DROP POLICY workspace_isolation ON {table}",
                f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            ],
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (self.__class__.__qualname__, [self.table], {})
