"""Leads come in: what was sent is kept as it was sent, cleaned, and given to distribution to place.

The same thing sent twice is one thing: a row is known by its source, its external id and the digest of what it said. Known and
the same: unchanged. Known and different: the lead is enriched by what is new. Unknown: a lead is placed, or touched, if its person
came before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected, SerializationFailure

from dibs.crm.arrival import Arrival, Enrichment
from dibs.distribution.persons import kept_instead
from dibs.distribution.placing import AlreadyHere, Placed, arrive
from dibs.distribution.writing import to_json
from dibs.intake.answers import by_name
from dibs.intake.cleaning import FIELDS, Place
from dibs.intake.codes import ROWS
from dibs.intake.models import Source
from dibs.intake.preparing import Prepared, Sent, Taken, prepare
from dibs.people.bulk import insert_rows
from dibs.people.models import Workspace
from dibs.people.tenancy import enter, new_id

#: How often a chunk is begun again because another sender was at the same leads.
_TRIES = 6
#: What a lead keeps from when it came first, whatever is sent later.
_FIXED = frozenset({"source", "external_id", "received_at"})
#: Facts that name a lead and say nothing of anybody.
_NAMES_ONE = frozenset({"source", "external_id", "received_at"})
#: What stands beside a row's facts and is none.
_SAID_OF_ALL = frozenset({"consent_assumed"})
_COMPARED = sorted(FIELDS - _FIXED)
#: Facts that hold others by name: what a row says of one of them says nothing of the rest.
_HELD = frozenset({"attributes", "answers"})
#: Constraints that say that another sender was first.
_ONCE = ("raw_payload_once", "lead_external_once", "touch_external_once")

Outcome = Literal["placed", "touched", "enriched", "unchanged", "refused"]


@dataclass(slots=True)
class Received:
    """What became of a row. ``placed`` says where the lead is now, of one placed, touched or enriched. ``code``, ``field`` and
    ``message`` say why a row was refused; ``flags`` what was doubted and kept."""

    outcome: Outcome
    lead_id: UUID | None = None
    placed: Placed | None = None
    flags: tuple[str, ...] = ()
    code: str | None = None
    field: str | None = None
    message: str | None = None


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
    # A program that sends an id alone means to say more later; a line of a file that says no more was left over.
    return take_in(workspace_id, prepared, now=now, enriching=enriching, ids_alone=True)


def take_in(
    workspace_id: UUID,
    prepared: Prepared,
    *,
    now: datetime,
    enriching: bool = False,
    batch: UUID | None = None,
    ids_alone: bool = False,
) -> list[Received]:
    """Keep, place and enrich, in one transaction. The connection is in the workspace already. ``batch``: the import that they are of,
    for which is noted what they change. ``ids_alone``: an id that says nothing else makes a lead."""
    thorough = False
    bare = frozenset[int]()
    if not ids_alone:
        bare = frozenset(row.at for row in prepared.taken if not row.attributes and row.facts.keys() <= _NAMES_ONE)
    if not enriching:
        fill_from_sources(workspace_id, prepared.taken)
    by_name(workspace_id, prepared.taken)
    for left in reversed(range(_TRIES)):
        answers: list[Received | None] = [None] * prepared.rows
        for refusal in prepared.refused:
            answers[refusal.at] = Received("refused", code=refusal.code, field=refusal.field, message=refusal.message)
        try:
            with transaction.atomic():
                for wave in _waves(prepared.taken):
                    _take_wave(
                        workspace_id,
                        wave,
                        answers,
                        enriching=enriching,
                        thorough=thorough,
                        now=now,
                        batch=batch,
                        bare=bare,
                    )
            break
        except (AlreadyHere, IntegrityError, OperationalError) as problem:
            # Another sender was at the same leads at the same time. They are here now; look again.
            if not left or not _will_pass(problem):
                raise
            thorough = True
    return [answer for answer in answers if answer is not None]


def _will_pass(problem: Exception) -> bool:
    if isinstance(problem, IntegrityError):
        return any(name in str(problem) for name in _ONCE)
    return isinstance(problem, AlreadyHere) or isinstance(problem.__cause__, DeadlockDetected | SerializationFailure)


def _waves(taken: Sequence[Taken]) -> Iterable[list[Taken]]:
    """The rows in rounds in which each lead is spoken of once: what a later row says is added to what an earlier one said."""
    rest: Sequence[Taken] = taken
    while rest:
        wave: list[Taken] = []
        later: list[Taken] = []
        seen: set[tuple[str, str] | bytes] = set()
        for row in rest:
            known_by = row.key if row.external_id else row.digest
            (later if known_by in seen else wave).append(row)
            seen.add(known_by)
        yield wave
        rest = later


def _take_wave(
    workspace_id: UUID,
    wave: Sequence[Taken],
    answers: list[Received | None],
    *,
    enriching: bool,
    thorough: bool,
    now: datetime,
    batch: UUID | None,
    bare: Set[int],
) -> None:
    # Read: which leads are here, and what has been said of them already. Of a lead that is not here nothing has been said,
    # unless somebody is saying it right now: then ``thorough``, the second time round, asks about every row.
    here = _leads_here(workspace_id, wave)
    said = _said_before(workspace_id, [row for row in wave if thorough or not row.external_id or row.key in here])

    # Decide: tell the new from the known.
    kept: list[tuple[Taken, UUID]] = []
    known: list[tuple[Taken, UUID]] = []
    arrivals: dict[int, Arrival] = {}
    for row in wave:
        if (row.source, row.external_id, row.digest) in said:
            answers[row.at] = Received("unchanged", said[row.source, row.external_id, row.digest])
            continue
        lead_id = here.get(row.key) if row.external_id else None
        if lead_id is not None:
            known.append((row, lead_id))
        elif enriching:
            answers[row.at] = _unknown(row)
            continue
        elif row.at in bare:
            answers[row.at] = Received("refused", code="row_empty", message=ROWS["row_empty"])
            continue
        else:
            arrival = arrivals[row.at] = arrival_of(row, now, batch)
            lead_id = arrival.lead_id
        kept.append((row, lead_id))
    changes = _changes(known)

    # Write: the payloads first, then what was made of them.
    _keep(workspace_id, kept, now)
    places, changed = arrive(workspace_id, list(arrivals.values()), changes, now=now)
    enriched = {placed.lead_id: placed for placed in changed}
    for row, lead_id in known:
        now_at = enriched.get(lead_id)
        answers[row.at] = Received("enriched" if now_at else "unchanged", lead_id, now_at, row.flags)
    for at, placed in zip(arrivals, places, strict=True):
        answers[at] = Received("touched" if placed.touched else "placed", placed.lead_id, placed, arrivals[at].flags)
    touched = {at: place.lead_id for at, place in zip(arrivals, places, strict=True) if place.touched}
    _are_of(workspace_id, [(row, arrivals[row.at].lead_id, touched[row.at]) for row in wave if row.at in touched])
    if batch is not None:
        _note_changes(workspace_id, batch, [*changed, *(place for place in places if place.touched)])


def _said_before(workspace_id: UUID, rows: Sequence[Taken]) -> dict[tuple[str, str, bytes], UUID | None]:
    """Which of the rows were received before, exactly so, and the lead that each became or added to."""
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            # LATERAL: as in `_leads_here`.
            "SELECT said.source, said.external_id, said.digest, raw.lead "
            "FROM unnest(%s::text[], %s::text[], %b::bytea[]) AS said(source, external_id, digest), "
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


def _leads_here(workspace_id: UUID, rows: Sequence[Taken]) -> dict[tuple[str, str], UUID]:
    """The leads that are here under the rows' sources and external ids, or were touched by what came under them; of a lead that was
    merged into another, that one."""
    named = [row for row in rows if row.external_id]
    if not named:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            # LATERAL with a limit: one look into the index for each, never a scan of all the leads for a thousand of them.
            "SELECT said.source, said.external_id, lead.id, lead.merged "
            "FROM unnest(%s::text[], %s::text[]) AS said(source, external_id), "
            "LATERAL (SELECT id, merged_into_id IS NOT NULL AS merged FROM crm_lead WHERE workspace_id = %s AND source = said.source "
            "AND external_id = said.external_id AND external_id IS NOT NULL "
            "UNION ALL SELECT lead_id, true FROM crm_touch WHERE workspace_id = %s AND source = said.source "
            "AND external_id = said.external_id AND external_id IS NOT NULL LIMIT 1) lead",
            [[row.source for row in named], [row.external_id for row in named], workspace_id, workspace_id],
        )
        here = {(source, external_id): (lead, merged) for source, external_id, lead, merged in cursor.fetchall()}
    instead = kept_instead(workspace_id, {lead for lead, merged in here.values() if merged})
    return {key: instead.get(lead, lead) for key, (lead, _) in here.items()}


def _unknown(row: Taken) -> Received:
    if not row.external_id:
        code, message = "external_id_missing", "the row has no external id, so its lead cannot be found"
    else:
        code, message = "lead_unknown", f"no lead of {row.source} has the external id {row.external_id[:80]}"
    assert code in ROWS
    return Received("refused", code=code, field="external_id", message=message)


def arrival_of(row: Taken, now: datetime, batch: UUID | None = None) -> Arrival:
    facts = {"received_at": now} | row.facts | {"source": row.source}
    return Arrival(**facts, attributes=row.attributes, flags=row.flags, batch=batch)


def fill_from_sources(workspace_id: UUID, rows: Sequence[Taken]) -> None:
    """Give the rows what is known of all that their source brings, where they don't say it themselves: the campaign that they answer
    to, and whether their people agreed to be written to."""
    names = {row.source for row in rows}
    if not names:
        return
    said = {
        name: {field: value for field, value in (("campaign", campaign), ("consent", consent)) if value is not None}
        for name, campaign, consent in Source.objects.filter(workspace_id=workspace_id, name__in=names).values_list(
            "name", "campaign", "consent"
        )
    }
    if not any(said.values()):
        return
    for row in rows:
        for field, value in said.get(row.source, {}).items():
            if field == "consent" and field not in row.facts:
                row.facts["consent_assumed"] = True
            row.facts.setdefault(field, value)


def _note_changes(workspace_id: UUID, batch: UUID, placed: Sequence[Placed]) -> None:
    """Note what an import does to leads that are here, be it by an earlier row of its own."""
    told = {id(place.changes): place for place in placed if place.changes is not None}
    insert_rows(
        "intake_changed",
        ("id", "workspace_id", "batch_id", "lead_id", "before", "after", "touches"),
        [
            (
                new_id(),
                workspace_id,
                batch,
                place.lead_id,
                to_json(dict(place.changes.before)),
                to_json(dict(place.changes.after)),
                list(place.changes.touches),
            )
            for place in told.values()
            if place.changes is not None and (place.changes.after or place.changes.touches)
        ],
    )


def _changes(rows: Sequence[tuple[Taken, UUID]]) -> list[Enrichment]:
    """What the rows say about leads that are here and that these do not say already."""
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, flags, {', '.join(_COMPARED)} FROM crm_lead WHERE id = ANY(%s)", [[lead for _, lead in rows]]
        )
        here = {found[0]: dict(zip(("flags", *_COMPARED), found[1:], strict=True)) for found in cursor.fetchall()}
    changes = []
    for row, lead_id in rows:
        lead = here[lead_id]
        facts: dict[str, Any] = {
            name: value
            for name, value in row.facts.items()
            if name not in _FIXED | _HELD | _SAID_OF_ALL and lead[name] != value
        }
        for held, said in (("attributes", row.attributes), ("answers", row.facts.get("answers", {}))):
            had = lead[held] if isinstance(lead[held], dict) else json.loads(lead[held] or "{}")
            new = {name: value for name, value in said.items() if name not in had or had[name] != value}
            if new:
                facts[held] = new
        flags = _flags_after(lead["flags"], row)
        if flags != lead["flags"]:
            facts["flags"] = flags
        if facts:
            changes.append(Enrichment(lead_id, facts, consent_assumed="consent_assumed" in row.facts))
    return changes


def _flags_after(flags: Sequence[str], row: Taken) -> list[str]:
    """The lead's flags, without those on fields that were sent anew, and with what is doubted about these."""
    anew = tuple(f"{name}_" for name in {*row.facts, *(flag.rpartition("_")[0] for flag in row.flags)} if name)
    kept = [flag for flag in flags if not flag.startswith(anew)] if anew else list(flags)
    return list(dict.fromkeys([*kept, *row.flags]))


def _are_of(workspace_id: UUID, touched: Sequence[tuple[Taken, UUID, UUID]]) -> None:
    """Payloads that were kept for leads of their own, the second of each, are of the leads that they turned out to touch, the third."""
    if not touched:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE intake_rawpayload raw SET lead = said.became "
            "FROM unnest(%s::text[], %s::text[], %b::bytea[], %s::uuid[], %s::uuid[]) "
            "AS said(source, external_id, digest, meant, became) "
            "WHERE raw.workspace_id = %s AND raw.source = said.source AND raw.external_id = said.external_id "
            "AND raw.digest = said.digest AND raw.lead = said.meant",
            [
                [row.source for row, _, _ in touched],
                [row.external_id for row, _, _ in touched],
                [row.digest for row, _, _ in touched],
                [meant for _, meant, _ in touched],
                [became for _, _, became in touched],
                workspace_id,
            ],
        )


def _keep(workspace_id: UUID, rows: Sequence[tuple[Taken, UUID]], now: datetime) -> None:
    columns = ("id", "workspace_id", "source", "external_id", "digest", "payload", "lead", "received_at")
    insert_rows(
        "intake_rawpayload",
        columns,
        [
            (new_id(), workspace_id, row.source, row.external_id, row.digest, row.text, lead_id, now)
            for row, lead_id in rows
        ],
    )
