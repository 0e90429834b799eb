"""The connection that Django keeps for each thread."""

from __future__ import annotations

import select
from datetime import UTC, datetime
from typing import Any, Self

from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgreSQLSchemaEditor


class DatabaseSchemaEditor(PostgreSQLSchemaEditor):
    """Changes of the schema are several statements in one text, which can't be prepared."""

    def __enter__(self) -> Self:
        self.connection.ensure_connection()
        self._threshold = self.connection.connection.prepare_threshold
        self.connection.connection.prepare_threshold = None
        super().__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        try:
            super().__exit__(*exc)
        finally:
            if self.connection.connection is not None:
                self.connection.connection.prepare_threshold = self._threshold


class MomentLoader(BaseTzLoader):  # type: ignore[misc]
    """Reads a moment. Django's own takes it apart in Python, ten times the work, and a rep's standing has fifty of them."""

    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            return datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            # Such as "infinity": refused with the right words there.
            return super().load(data)  # type: ignore[no-any-return]


class DatabaseWrapper(PostgreSQL):
    SchemaEditorClass = DatabaseSchemaEditor

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        params["context"].register_loader("timestamptz", MomentLoader)
        return params

    def is_usable(self) -> bool:
        """Whether the kept connection can still be used; asked once at the start of each request.

        Django asks the server (``SELECT 1``). An idle connection has nothing to read unless the server has hung up or sent a
        notice, so that a look at the socket nearly always answers without the round trip. It can't see a network that went
        silent; the statement itself will.
        """
        raw: Any = self.connection
        if raw is None or raw.closed:
            return False
        watch = select.poll()
        watch.register(raw.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return not watch.poll(0) or super().is_usable()
