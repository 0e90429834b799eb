"""A file looked at before it is imported: what its columns would fill, what its first rows would become, and nothing is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.db import transaction

from dibs.intake.chunks import Refused
from dibs.intake.cleaning import ANSWERS, FIELDS, yes_or_no
from dibs.intake.connectors.opening import open_rows
from dibs.intake.connectors.rows import Row as RowOfFile
from dibs.intake.dates import likely_order, may_be_date
from dibs.intake.guessing import LOOKED_AT, as_written, dated, earlier_or_guessed, texts_of
from dibs.intake.headers import Fitted, storable
from dibs.intake.importing import Wanted, place_name
from dibs.intake.mapping import JOINABLE, Kind, Mapping, MappingFile, bad_moments
from dibs.intake.mapping import Column as Told
from dibs.intake.models import Source
from dibs.intake.numbers import read_number
from dibs.intake.preparing import Sent, prepare
from dibs.intake.receiving import Received, take_in
from dibs.people.models import Workspace
from dibs.people.tenancy import enter

#: Rows that are tried, and rows of these that are shown whole.
TRIED, SHOWN = LOOKED_AT, 12
#: A column filled with this much the same in all the rows, or blank in all, is worth a look.
_WARNED = ("email", "phone", "company", "name")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: its name, some of what it holds, and the fields that it fills; none: it becomes nothing."""

    name: str
    values: tuple[str, ...]
    to: tuple[str, ...]
    #: The formats that its dates are read by, and whether some could be read day first as well as month first.
    dates: tuple[str, ...] = ()
    ambiguous: bool = False
    #: How an attribute is read, and how all that stands in it could be besides.
    kind: Kind = "text"
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it would become: ``outcome`` as in `receiving.Received`, where the lead would be, its fields, what is doubted of it; for
    one that is refused, why."""

    number: int
    outcome: str
    where: str
    fields: Map[str, Any]
    flags: tuple[str, ...]
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The look at a file. ``counts``: of the rows tried, how many of each outcome; ``warnings``: codes of what is likely wrong as a whole,
    each with what it is about: ``no_address``, ``all_refused``, ``all_known``, ``often_doubted``."""

    mapping: Mapping
    encoding: str
    delimiter: str
    sheet: str | None
    sheets: tuple[str, ...]
    header_line: int
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    tried: int
    more: bool
    counts: Map[str, int]
    where: Map[str, int]
    warnings: tuple[tuple[str, str], ...]


def preview(
    workspace: Workspace, path: Path, wanted: Wanted, now: datetime, said: Map[str, Any] | None = None
) -> Preview:
    """Look at a file. ``said``: what the source says of all its rows, if that is not kept yet: ``campaign``, ``consent``. Without a
    mapping, the one the source had last is tried, then the columns' names say. Raises `FileRefused` or `MappingRefused`.
    """
    enter(workspace.id)
    given = wanted.mapping.mapping if wanted.mapping else Mapping()
    with open_rows(
        path,
        encoding=wanted.encoding or given.encoding,
        delimiter=given.delimiter,
        sheet=wanted.sheet,
        header=wanted.header,
    ) as file:
        mapping = wanted.mapping or earlier_or_guessed(workspace, wanted.source, file.header)
        Fitted(mapping, file.header, workspace.timezone)
        rows = list(islice(file, TRIED + 1))
        if wanted.mapping is None:
            mapping = as_written(mapping, file.header, rows[:TRIED])
        fitted = Fitted(mapping, file.header, workspace.timezone)
        more, rows = len(rows) > TRIED, rows[:TRIED]
        delimiter, encoding, header_line = file.delimiter, file.encoding, file.header_line
        sheet, sheets = getattr(file, "sheet", None), tuple(getattr(file, "sheets", ()))
        header = file.header
    sent, numbers, refused = [], [], []
    for row in rows:
        if row.values is None:
            refused.append(Refused(row.number, row.line, row.code, "", row.message))
            continue
        fields, flags = fitted.fields(row.values)
        sent.append(Sent(fields, dict(zip(header, map(storable, row.values), strict=True)), flags))
        numbers.append(row.number)
    where = mapping.mapping.place(workspace.country, workspace.timezone)
    prepared = prepare(sent, now=now, source=wanted.source, where=where, salt=fitted.salt)
    with transaction.atomic():
        if said:
            facts = {name: said[name] for name in ("campaign", "consent") if name in said}
            Source.objects.update_or_create(
                workspace=workspace, name=wanted.source, defaults=facts, create_defaults={"kind": "csv", **facts}
            )
        answers = take_in(workspace.id, prepared, now=now, enriching=mapping.mapping.enrich)
        transaction.set_rollback(True)
    facts_of = {row.at: {**row.facts, "attributes": row.attributes} for row in prepared.taken}
    told = [
        _row(number, answer, facts_of.get(at, {}))
        for at, (number, answer) in enumerate(zip(numbers, answers, strict=True))
    ]
    told += [Row(why.row, "refused", "", {}, (), why.code, why.message) for why in refused]
    told.sort(key=lambda row: row.number)
    counts = Counter(row.outcome for row in told)
    return Preview(
        mapping.mapping,
        encoding,
        delimiter,
        sheet,
        sheets,
        header_line,
        tuple(_column(at, name, rows, mapping.mapping) for at, name in enumerate(header)),
        tuple(told[:SHOWN]),
        len(rows),
        more,
        dict(counts),
        dict(Counter(row.where for row in told if row.where).most_common()),
        tuple(_warnings(told, counts, mapping.mapping)),
    )


def mapping_from(
    choices: Map[str, str],
    before: Mapping,
    dates: Map[str, Sequence[str]] = MappingProxyType({}),
    kinds: Map[str, Kind] = MappingProxyType({}),
    decimal: str | None = None,
) -> MappingFile:
    """A mapping with each column of ``choices`` filling the field that it names: "" for nothing, ``attributes`` for one of its own name.
    What ``before`` says besides, of dates, marks and constants, stays; ``dates``: the formats of columns for which they were chosen, none
    of them for what can be read without; ``kinds``: how attributes are read for which that was chosen; ``decimal``: the mark, if it was,
    "" for what each number tells.
    Raises `MappingRefused`.
    """
    columns: dict[str, Any] = {}
    external_id = None
    for name, to in choices.items():
        if not to:
            continue
        if to == "external_id":
            external_id = name
            continue
        target = f"attributes.{name[:100]}" if to == "attributes" else to
        kept = before.columns.get(name)
        if kept is not None and kept.to == (target,):
            columns[name] = kept
        else:
            columns[name] = Told(to=(target,))
        if name in kinds and not (kinds[name] == "number" and columns[name].kind == "whole"):
            columns[name] = columns[name].model_copy(update={"kind": kinds[name], "dates": ()})
        if name in dates:
            columns[name] = columns[name].model_copy(update={"dates": tuple(dates[name])})
    mapping = Mapping.model_validate(
        {
            **{name: getattr(before, name) for name in Mapping.model_fields},
            "columns": columns,
            "external_id": external_id,
            "rest": "drop",
            "decimal": before.decimal if decimal is None else decimal or None,
        }
    )
    file = MappingFile(mapping)
    filled = Counter(
        target for column in mapping.columns.values() for target in column.to if not target.startswith("attributes.")
    )
    for name, column in mapping.columns.items():
        if wrong := bad_moments(column.dates, None, ("columns", name)):
            raise file.refused(*wrong)
    for target, times in filled.items():
        if target not in FIELDS and not target.startswith(ANSWERS):
            raise file.refused(("unknown_field", f"a lead has no field {target}", ()))
        if times > 1 and target not in JOINABLE:
            raise file.refused(("target_twice", f"two columns fill {target}, which takes one", ()))
    if not columns and external_id is None:
        raise file.refused(("empty", "no column is mapped to a field", ()))
    return file


def _column(at: int, name: str, rows: Sequence[Any], mapping: Mapping) -> Column:
    held = (str(storable(row.values[at])).strip()[:60] for row in rows if row.values is not None)
    values = tuple(islice(dict.fromkeys(value for value in held if value), 3))
    if name == mapping.external_id:
        return Column(name, values, ("external_id",))
    kept = mapping.columns.get(name)
    if kept is not None:
        _order, either = likely_order(texts_of(at, rows)) if dated(kept) else (None, False)
        dates = tuple(kept.dates or mapping.dates)
        return Column(name, values, tuple(kept.to), dates, either and not dates, kept.kind, _kinds(at, rows))
    to = (f"attributes.{name}",) if mapping.rest == "attributes" else ()
    return Column(name, values, to, kinds=_kinds(at, rows))


def _kinds(at: int, rows: Sequence[RowOfFile]) -> tuple[Kind, ...]:
    """How all that stands in the column could be read besides as text."""
    held = [text for text in texts_of(at, rows) if text.strip()]
    could: list[Kind] = []
    if held and all(map(may_be_date, held)):
        could.append("moment")
    elif held and all(read_number(text) is not None for text in held):
        could.append("number")
    if held and all(yes_or_no(text) is not None for text in held):
        could.append("yes_no")
    return tuple(could)


def _row(number: int, answer: Received, facts: Map[str, Any]) -> Row:
    if answer.outcome == "refused":
        return Row(number, "refused", "", {}, (), answer.code or "", answer.message or "")
    where = place_name(answer.placed) if answer.placed is not None else ""
    return Row(number, answer.outcome, where, facts, answer.flags)


def _warnings(told: Sequence[Row], counts: Map[str, int], mapping: Mapping) -> list[tuple[str, str]]:
    found = []
    taken = [row for row in told if row.outcome != "refused"]
    if told and not taken:
        found.append(("all_refused", ""))
    if taken and counts.get("unchanged", 0) == len(taken):
        found.append(("all_known", ""))
    if taken and not mapping.enrich and not any(row.fields.keys() & set(_WARNED) for row in taken):
        found.append(("no_address", ""))
    doubted = Counter(flag for row in taken for flag in row.flags)
    found += [("often_doubted", flag) for flag, times in doubted.most_common(5) if times * 4 >= len(taken)]
    return found
