"""Leads come in: what was sent is kept as it was sent, cleaned, and given to distribution to place.

The same thing sent twice is one thing: a row is known by its source, its external id and the digest of what it said. Known and
the same: unchanged. Known and different: the lead is enriched by what is new. Unknown: a lead is placed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected, SerializationFailure

from dibs.crm.arrival import Arrival, Enrichment
from dibs.distribution.placing import AlreadyHere, Placed, enrich, place
from dibs.intake.cleaning import FIELDS, Cleaned, Place, Wrong, clean
from dibs.people.bulk import insert_rows
from dibs.people.models import Workspace
from dibs.people.tenancy import enter, new_id

#: Longest text of one field and of one row, in characters.
FIELD_LIMIT = 100_000
ROW_LIMIT = 1_000_000
#: How often a chunk is begun again because another sender was at the same leads.
_TRIES = 6
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
#: What a lead keeps from when it came first, whatever is sent later.
_FIXED = frozenset({"source", "external_id", "received_at"})
_COMPARED = sorted(FIELDS - _FIXED)

Outcome = Literal["placed", "enriched", "unchanged", "refused"]


@dataclass(slots=True)
class Sent:
    """One row as a source sent it: lead fields by name, and the payload they were read from (``None``: the fields are it)."""

    fields: Mapping[str, Any]
    payload: Mapping[str, Any] | None = None
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class Received:
    """What became of a row. ``placed`` says where the lead is now, of one placed or enriched. ``code``, ``field`` and
    ``message`` say why a row was refused; ``flags`` what was doubted and kept."""

    outcome: Outcome
    lead_id: UUID | None = None
    placed: Placed | None = None
    flags: tuple[str, ...] = ()
    code: str | None = None
    field: str | None = None
    message: str | None = None


@dataclass(slots=True)
class _Taken:
    """A row on its way: where its answer goes, what it is known by, what it says."""

    at: int
    sent: Sent
    source: str
    external_id: str
    digest: bytes
    text: str
    cleaned: Cleaned
    lead_id: UUID | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.external_id


@dataclass(slots=True)
class Prepared:
    """Rows weighed and cleaned, before the database is asked anything: those that can be kept, and answers to the others."""

    taken: list[_Taken]
    answers: list[Received | None]


def receive(
    workspace_id: UUID,
    rows: Sequence[Mapping[str, Any] | Sent],
    *,
    now: datetime,
    source: str | None = None,
    where: Place | None = None,
    enriching: bool = False,
    salt: str = "",
) -> list[Received]:
    """Take in ``rows`` and answer each by its place. One transaction: all that is not refused is in, or nothing is.

    A row is a lead's fields by name (``cleaning.FIELDS``). ``source`` is for rows that name none. ``where`` says in which country
    and time zone the source is, by default the workspace's. With ``enriching``, rows add to leads that are here, found by
    external id, and a row whose lead is unknown is refused. ``salt`` names the mapping the fields were read by: the same payload
    by another mapping is not the same thing said.

    Call it for a thousand rows or so at a time: it keeps the rotations it moves locked until it is done.
    """
    enter(workspace_id)
    if where is None:
        country, timezone = Workspace.objects.values_list("country", "timezone").get(id=workspace_id)
        where = Place(country or None, timezone)
    prepared = prepare(rows, now=now, source=source, where=where, salt=salt)
    return take_in(workspace_id, prepared, now=now, enriching=enriching)


def prepare(
    rows: Sequence[Mapping[str, Any] | Sent], *, now: datetime, where: Place, source: str | None = None, salt: str = ""
) -> Prepared:
    """The half of `receive` that needs no database, so that an import can do it for the next rows meanwhile."""
    prepared = Prepared([], [None] * len(rows))
    salted = salt.encode()
    for at, row in enumerate(rows):
        try:
            prepared.taken.append(_prepared(at, row, source, salted, where, now))
        except Wrong as wrong:
            prepared.answers[at] = _refused(wrong)
    return prepared


def take_in(workspace_id: UUID, prepared: Prepared, *, now: datetime, enriching: bool = False) -> list[Received]:
    """The other half: keep, place and enrich, in one transaction. The connection is in the workspace already."""
    thorough = False
    for left in reversed(range(_TRIES)):
        answers = prepared.answers.copy()
        try:
            with transaction.atomic():
                for wave in _waves(prepared.taken):
                    _take_wave(workspace_id, wave, answers, enriching=enriching, thorough=thorough, now=now)
            break
        except (AlreadyHere, IntegrityError, OperationalError) as problem:
            # Another sender was at the same leads at the same time. They are here now; look again.
            if not left or not _will_pass(problem):
                raise
            thorough = True
    return [answer or Received("unchanged") for answer in answers]


def _will_pass(problem: Exception) -> bool:
    if isinstance(problem, IntegrityError):
        return "raw_payload_once" in str(problem) or "lead_external_once" in str(problem)
    return isinstance(problem, AlreadyHere) or isinstance(problem.__cause__, DeadlockDetected | SerializationFailure)


def _prepared(
    at: int, row: Mapping[str, Any] | Sent, source: str | None, salt: bytes, where: Place, now: datetime
) -> _Taken:
    """A row with its digest, cleaned. `Wrong` if it is no lead or cannot be kept."""
    sent = row if isinstance(row, Sent) else Sent(_object(row))
    whose = _word(sent.fields.get("source")) or source
    if not whose:
        raise Wrong("source_missing", "source is missing: where does this lead come from?", "source")
    if len(whose) > 100:
        raise Wrong("field_too_long", "source must be at most 100 characters long", "source")
    text = _kept(sent.fields if sent.payload is None else sent.payload)
    cleaned = clean(sent.fields, where, now)
    cleaned.flags.extend(sent.flags)
    external_id = cleaned.facts.get("external_id", "")
    if not external_id and not (cleaned.facts.keys() - {"source", "received_at"}) and not cleaned.attributes:
        raise Wrong("row_empty", "the row says nothing about a lead")
    digest = hashlib.sha256(salt + b"\0" + text.encode()).digest()
    return _Taken(at, sent, whose, external_id, digest, text, cleaned)


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


def _waves(taken: Sequence[_Taken]) -> Iterable[list[_Taken]]:
    """The rows in rounds in which each lead is spoken of once: what a later row says is added to what an earlier one said."""
    rest: Sequence[_Taken] = taken
    while rest:
        wave: list[_Taken] = []
        later: list[_Taken] = []
        seen: set[tuple[str, str] | bytes] = set()
        for row in rest:
            known_by = row.key if row.external_id else row.digest
            (later if known_by in seen else wave).append(row)
            seen.add(known_by)
        yield wave
        rest = later


def _take_wave(
    workspace_id: UUID,
    wave: Sequence[_Taken],
    answers: list[Received | None],
    *,
    enriching: bool,
    thorough: bool,
    now: datetime,
) -> None:
    # Read: which leads are here, and what has been said of them already. Of a lead that is not here nothing has been said,
    # unless somebody is saying it right now: then ``thorough``, the second time round, asks about every row.
    here = _leads_here(workspace_id, wave)
    said = _said_before(workspace_id, [row for row in wave if thorough or not row.external_id or row.key in here])

    # Decide: tell the new from the known.
    kept: list[_Taken] = []
    arrivals: dict[int, Arrival] = {}
    for row in wave:
        if (row.source, row.external_id, row.digest) in said:
            answers[row.at] = Received("unchanged", said[row.source, row.external_id, row.digest])
            continue
        row.lead_id = here.get(row.key) if row.external_id else None
        if row.lead_id is None:
            if enriching:
                answers[row.at] = _refused(_unknown(row))
                continue
            arrival = arrivals[row.at] = _arrival(row, now)
            row.lead_id = arrival.lead_id
        kept.append(row)
    known = [row for row in kept if row.at not in arrivals]
    changes = _changes(known)

    # Write: the payloads first, then what was made of them.
    _keep(workspace_id, kept, now)
    places = place(workspace_id, list(arrivals.values()), now=now)
    for at, placed in zip(arrivals, places, strict=True):
        answers[at] = Received("placed", placed.lead_id, placed, arrivals[at].flags)
    enriched = {placed.lead_id: placed for placed in enrich(workspace_id, changes, now=now)}
    for row in known:
        now_at = enriched.get(row.lead_id) if row.lead_id else None
        outcome: Outcome = "enriched" if now_at else "unchanged"
        answers[row.at] = Received(outcome, row.lead_id, now_at, tuple(row.cleaned.flags))


def _said_before(workspace_id: UUID, rows: Sequence[_Taken]) -> dict[tuple[str, str, bytes], UUID | None]:
    """Which of the rows were received before, exactly so, and the lead that each became or added to."""
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            # LATERAL: as in `_leads_here`.
            "SELECT said.source, said.external_id, said.digest, raw.lead "
            "FROM unnest(%b::text[], %b::text[], %b::bytea[]) AS said(source, external_id, digest), "
            "LATERAL (SELECT lead FROM intake_rawpayload WHERE workspace_id = %s AND source = said.source "
            "AND external_id = said.external_id AND digest = said.digest LIMIT 1) raw",
            [
                [row.source for row in rows],
                [row.external_id for row in rows],
                [row.digest for row in rows],
                workspace_id,
            ],
        )
        return {(source, external_id, bytes(digest)): lead for source, external_id, digest, lead in cursor.fetchall()}


def _leads_here(workspace_id: UUID, rows: Sequence[_Taken]) -> dict[tuple[str, str], UUID]:
    """The leads that are here under the rows' sources and external ids."""
    named = [row for row in rows if row.external_id]
    if not named:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            # LATERAL with a limit: one look into the index for each, never a scan of all the leads for a thousand of them.
            "SELECT said.source, said.external_id, lead.id "
            "FROM unnest(%b::text[], %b::text[]) AS said(source, external_id), "
            "LATERAL (SELECT id FROM crm_lead WHERE workspace_id = %s AND source = said.source "
            "AND external_id = said.external_id AND external_id IS NOT NULL LIMIT 1) lead",
            [[row.source for row in named], [row.external_id for row in named], workspace_id],
        )
        return {(source, external_id): lead for source, external_id, lead in cursor.fetchall()}


def _unknown(row: _Taken) -> Wrong:
    if not row.external_id:
        return Wrong("external_id_missing", "the row has no external id, so its lead cannot be found", "external_id")
    return Wrong("lead_unknown", f"no lead of {row.source} has the external id {row.external_id[:80]}", "external_id")


def _arrival(row: _Taken, now: datetime) -> Arrival:
    facts = {"received_at": now} | row.cleaned.facts | {"source": row.source}
    return Arrival(**facts, attributes=row.cleaned.attributes, flags=tuple(row.cleaned.flags))


def _changes(rows: Sequence[_Taken]) -> list[Enrichment]:
    """What the rows say about leads that are here and that these do not say already."""
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, flags, {', '.join(_COMPARED)} FROM crm_lead WHERE id = ANY(%s)",
            [[row.lead_id for row in rows]],
        )
        here = {found[0]: dict(zip(("flags", *_COMPARED), found[1:], strict=True)) for found in cursor.fetchall()}
    changes = []
    for row in rows:
        assert row.lead_id is not None
        lead, cleaned = here[row.lead_id], row.cleaned
        facts: dict[str, Any] = {
            name: value for name, value in cleaned.facts.items() if name not in _FIXED and lead[name] != value
        }
        had = lead["attributes"] if isinstance(lead["attributes"], dict) else json.loads(lead["attributes"] or "{}")
        attributes = {
            name: value for name, value in cleaned.attributes.items() if name not in had or had[name] != value
        }
        if attributes:
            facts["attributes"] = attributes
        flags = _flags_after(lead["flags"], row)
        if flags != lead["flags"]:
            facts["flags"] = flags
        if facts:
            changes.append(Enrichment(row.lead_id, facts))
    return changes


def _flags_after(flags: Sequence[str], row: _Taken) -> list[str]:
    """The lead's flags, without those on fields that were sent anew, and with what is doubted about these."""
    sent = tuple(f"{name}_" for name, value in row.sent.fields.items() if value not in (None, ""))
    kept = [flag for flag in flags if not flag.startswith(sent)] if sent else list(flags)
    return list(dict.fromkeys([*kept, *row.cleaned.flags]))


def _keep(workspace_id: UUID, rows: Sequence[_Taken], now: datetime) -> None:
    columns = ("id", "workspace_id", "source", "external_id", "digest", "payload", "lead", "received_at")
    insert_rows(
        "intake_rawpayload",
        columns,
        [(new_id(), workspace_id, row.source, row.external_id, row.digest, row.text, row.lead_id, now) for row in rows],
    )


def _refused(wrong: Wrong) -> Received:
    return Received("refused", code=wrong.code, field=wrong.field, message=wrong.message)
