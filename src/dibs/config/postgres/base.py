"""The connection that Django keeps for each thread."""

from __future__ import annotations

import select
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgreSQLSchemaEditor
from psycopg.types.array import ListDumper


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


#: What a list holds, as far as it is written in one go.
_TEXTS = ({str}, {str, type(None)})
_IDS, _NUMBERS = {UUID}, {int}


class ArrayDumper(ListDumper):
    """Writes a list as an array. The driver's own takes each element by itself, which was a tenth of placing a batch of leads: it tells
    by the thousand what they are known by."""

    def dump(self, obj: list[Any]) -> Any:
        kinds = set(map(type, obj))
        if kinds in _TEXTS:
            text = _texts(obj)
            # NUL is refused with the right words there.
            return super().dump(obj) if "\0" in text else text.encode(self._tx.encoding)
        if kinds == _IDS:
            return f"{{{','.join([f'{each.int:032x}' for each in obj])}}}".encode()
        if kinds == _NUMBERS:
            return f"{{{','.join(map(str, obj))}}}".encode()
        return super().dump(obj)


def _texts(texts: Iterable[str | None]) -> str:
    """An array of texts, each in quotes, whatever it holds."""
    quoted = ["NULL" if text is None else f'"{text}"' for text in texts]
    joined = ",".join(quoted)
    if "\\" in joined or joined.count('"') != 2 * len(quoted) - 2 * quoted.count("NULL"):
        escaped = (text if text is None else text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
        joined = ",".join("NULL" if text is None else f'"{text}"' for text in escaped)
    return f"{{{joined}}}"


class DatabaseWrapper(PostgreSQL):
    SchemaEditorClass = DatabaseSchemaEditor

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        params["context"].register_loader("timestamptz", MomentLoader)
        params["context"].register_dumper(list, ArrayDumper)
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
