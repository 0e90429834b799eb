"""How a file is read where nobody said: as its source's last one, else as its columns' names and values tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dibs.intake.answers import asked, questions_of
from dibs.intake.connectors.rows import Row, RowsFile
from dibs.intake.dates import ORDERS, contradicts, likely_order, order_of
from dibs.intake.headers import Fitted, guess_mapping
from dibs.intake.mapping import Column, Mapping, MappingFile, MappingRefused, kept_mapping
from dibs.intake.models import Source
from dibs.intake.numbers import likely_mark
from dibs.people.models import Workspace

#: Fields that hold numbers which may have a fraction or be grouped.
_NUMBERS = frozenset({"employees", "deal_value"})
#: Rows that are looked at to tell how dates and numbers are written.
LOOKED_AT = 200


def how_to_read(workspace: Workspace, source: str, file: RowsFile, rows: Sequence[Row]) -> MappingFile:
    """The mapping for an open file and its first rows. Raises `MappingRefused` where neither its source nor its columns say anything."""
    return as_written(
        earlier(workspace, source, file.header) or guess_mapping(file.header, asked(questions_of(workspace.id))),
        file.header,
        rows,
    )


def earlier_or_guessed(workspace: Workspace, source: str, header: Sequence[str]) -> MappingFile:
    """How the source's last file was read, as far as this one has its columns; without one, what the columns' names say."""
    return earlier(workspace, source, header) or guess_or_nothing(workspace, header)


def earlier(workspace: Workspace, source: str, header: Sequence[str]) -> MappingFile | None:
    """How the source's last file was read, as far as this one has its columns; a column that is new fills what its name says, if nothing
    else does. ``None`` for a source without one, or of whose columns none is here."""
    said = Source.objects.filter(workspace=workspace, name=source).values_list("mapping", flat=True).first()
    if not said:
        return None
    kept = kept_mapping(said)
    before = kept.mapping
    columns, external_id = dict(before.columns), before.external_id
    try:
        Fitted(kept, header, workspace.timezone)
    except MappingRefused:
        columns = {name: column for name, column in columns.items() if name in header}
        external_id = external_id if external_id in header else None
        if not columns and external_id is None:
            return None
    else:
        # Who said on the page what becomes of each column left some out; of columns that became attributes unasked nobody did.
        if before.rest == "drop":
            return kept
    filled = {target for column in columns.values() for target in column.to} | (
        {"external_id"} if external_id else set()
    )
    for name, column in guess_or_nothing(workspace, header).mapping.columns.items():
        if name not in {*columns, external_id} and not filled & set(column.to):
            columns[name] = column
    return MappingFile(before.model_copy(update={"columns": columns, "external_id": external_id}))


def guess_or_nothing(workspace: Workspace, header: Sequence[str]) -> MappingFile:
    """The mapping that the columns' names say; where they say none, each becomes an attribute, for a person to say better."""
    try:
        return guess_mapping(header, asked(questions_of(workspace.id)))
    except MappingRefused:
        return MappingFile(Mapping(rest="attributes"))


def as_written(
    file: MappingFile,
    header: Sequence[str],
    rows: Sequence[Row],
    told: Collection[str] = (),
    *,
    mark_told: bool = False,
) -> MappingFile:
    """The mapping with the order of day and month for columns of dates that name none, and the decimal mark, where these rows leave but one
    of each; also where it has one, of the file before, that these rows cannot be read by. ``told``: columns for which a person has said how
    their dates are read; ``mark_told``: so of the mark."""
    mapping = file.mapping
    columns = dict(mapping.columns)
    for name, column in mapping.columns.items():
        if dated(column) and not mapping.dates and name in header and name not in told:
            texts, known = texts_of(header.index(name), rows), order_of(column.dates)
            order, _either = likely_order(texts)
            if order is not None and (
                not column.dates or (known not in {None, order} and contradicts(texts, str(known)))
            ):
                columns[name] = column.model_copy(update={"dates": ORDERS[order]})
    decimal = mapping.decimal
    if not mark_told:
        numbers = [name for name, column in columns.items() if numeric(column) and name in header]
        decimal = likely_mark(text for name in numbers for text in texts_of(header.index(name), rows)) or decimal
    return MappingFile(mapping.model_copy(update={"columns": columns, "decimal": decimal}))


def dated(column: Column) -> bool:
    """Whether the column holds moments."""
    return "received_at" in column.to or column.kind == "moment"


def numeric(column: Column) -> bool:
    """Whether the column holds numbers."""
    return column.kind in {"number", "whole"} or not _NUMBERS.isdisjoint(column.to)


def texts_of(at: int, rows: Sequence[Row]) -> list[str]:
    """What stands as text in the column at this place."""
    return [row.values[at] for row in rows if row.values is not None and isinstance(row.values[at], str)]
