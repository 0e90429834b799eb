"""A row is made ready to be received: checked whether it can be kept, cleaned, given the digest it is known by.

Needs no database and no Django, so that an import can have another process do it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from dibs.intake.cleaning import Place, Wrong, clean

#: Longest text of one field and of one row, in characters.
FIELD_LIMIT = 100_000
ROW_LIMIT = 1_000_000
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(slots=True)
class Sent:
    """One row as a source sent it: lead fields by name, and the payload they were read from (``None``: the fields are it)."""

    fields: Mapping[str, Any]
    payload: Mapping[str, Any] | None = None
    flags: tuple[str, ...] = ()


class Taken(NamedTuple):
    """A row that can be kept: where its answer goes, what it is known by, the payload as JSON, and what it says, cleaned."""

    at: int
    source: str
    external_id: str
    digest: bytes
    text: str
    facts: dict[str, Any]
    attributes: dict[str, Any]
    flags: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.external_id


class Refusal(NamedTuple):
    """A row that cannot be kept: where its answer goes, and why."""

    at: int
    code: str
    message: str
    field: str | None


class Prepared(NamedTuple):
    """Rows made ready; ``rows`` says how many there were."""

    rows: int
    taken: list[Taken]
    refused: list[Refusal]


def prepare(
    rows: Sequence[Mapping[str, Any] | Sent], *, now: datetime, where: Place, source: str | None = None, salt: str = ""
) -> Prepared:
    """The rows, each kept or refused. See `receiving.receive` for what the arguments mean."""
    prepared = Prepared(len(rows), [], [])
    salted = salt.encode()
    for at, row in enumerate(rows):
        try:
            prepared.taken.append(_prepared(at, row, source, salted, where, now))
        except Wrong as wrong:
            prepared.refused.append(Refusal(at, wrong.code, wrong.message, wrong.field))
    return prepared


def _prepared(
    at: int, row: Mapping[str, Any] | Sent, source: str | None, salt: bytes, where: Place, now: datetime
) -> Taken:
    """A row with its digest, cleaned. `Wrong` if it is no lead or cannot be kept."""
    sent = row if isinstance(row, Sent) else Sent(_object(row))
    whose = _word(sent.fields.get("source")) or source
    if not whose:
        raise Wrong("source_missing", "source is missing: where does this lead come from?", "source")
    if len(whose) > 100:
        raise Wrong("field_too_long", "source must be at most 100 characters long", "source")
    text = _kept(sent.fields if sent.payload is None else sent.payload)
    cleaned = clean(sent.fields, where, now)
    external_id = cleaned.facts.get("external_id", "")
    if not external_id and not (cleaned.facts.keys() - {"source", "received_at"}) and not cleaned.attributes:
        raise Wrong("row_empty", "the row says nothing about a lead")
    digest = hashlib.sha256(salt + b"\0" + text.encode()).digest()
    flags = (*cleaned.flags, *sent.flags)
    return Taken(at, whose, external_id, digest, text, cleaned.facts, cleaned.attributes, flags)


def _object(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise Wrong("lead_not_object", "a lead is an object: field names with values")
    return row


def _word(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None or isinstance(value, bool) else str(value)


def _kept(payload: Mapping[str, Any]) -> str:
    """The payload as JSON that PostgreSQL can store. `Wrong` for what it cannot, or what is too long."""
    try:
        text = _JSON(payload)
    except (TypeError, ValueError) as problem:
        raise Wrong("payload_unstorable", f"the row cannot be kept as JSON: {problem}") from None
    except RecursionError:
        raise Wrong("payload_unstorable", "the row nests too deep") from None
    if len(text) > FIELD_LIMIT:
        for name, value in (*payload.items(), *_inside(payload.get("attributes"))):
            if isinstance(value, str) and len(value) > FIELD_LIMIT:
                longest = f"{name} has {len(value):,} characters; {FIELD_LIMIT:,} is the most a field may have"
                raise Wrong("field_too_long", longest, name)
        if len(text) > ROW_LIMIT:
            raise Wrong(
                "row_too_long", f"the row has {len(text):,} characters; {ROW_LIMIT:,} is the most a row may have"
            )
    if "\\u0000" in text and (holder := _holding(payload, lambda c: c == "\0")) is not None:
        raise Wrong("nul_byte", f"{holder} holds a NUL byte, which no text has", holder)
    if not text.isascii() and (holder := _broken(text, payload)) is not None:
        raise Wrong("wrong_encoding", f"{holder} holds bytes that are not in the encoding it was read with", holder)
    return text


def _inside(attributes: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(attributes, Mapping):
        return ()
    return ((f"attributes.{name}", value) for name, value in attributes.items())


def _broken(text: str, payload: Mapping[str, Any]) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return _holding(payload, lambda c: "\ud800" <= c <= "\udfff") or ""
    return None


def _holding(payload: Any, is_bad: Any) -> str | None:
    """The name of the first value, however deep, that holds such a character."""
    if isinstance(payload, str):
        return "" if any(map(is_bad, payload)) else None
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(payload, Mapping):
        inside = payload.items()
    elif isinstance(payload, list | tuple):
        inside = enumerate(payload)
    for name, value in inside:
        found = "" if isinstance(name, str) and any(map(is_bad, name)) else _holding(value, is_bad)
        if found is not None:
            shown = str(name).encode("ascii", "backslashreplace").decode().replace("\0", "\\x00")
            return f"{shown}.{found}" if found else shown
    return None
