"""Accounts come in: cleaned like leads, and written. From the API, or from a CSV file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.timezone import now as moment

from dibs.crm.accounts import CODES, Told, Written, write_accounts
from dibs.intake.cleaning import tidy, yes_or_no
from dibs.intake.connectors.csv import CsvFile
from dibs.intake.emails import is_free_mail, registered_domain
from dibs.intake.phones import clean_phone
from dibs.people.models import Workspace
from dibs.people.tenancy import enter

#: The fields of an account, each with other names that columns of files have for it.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "name": ("account", "account name", "company", "company name", "会社名", "取引先名", "nombre", "empresa", "cuenta", "nama", "perusahaan"),
    "external_id": ("id", "account id", "external id", "取引先id"),
    "domain": ("website", "web", "url", "ドメイン", "dominio", "sitio web", "situs"),
    "phone": ("telephone", "tel", "電話", "電話番号", "teléfono", "telefono", "telepon"),
    "customer": ("is customer", "existing customer", "顧客", "cliente", "pelanggan"),
    "owner": ("account owner", "rep", "担当", "担当者", "responsable", "propietario", "pemilik"),
    "parent": ("parent account", "parent id", "親会社", "matriz", "induk"),
}  # fmt: skip
_LENGTHS = {"name": 300, "external_id": 200, "domain": 253, "phone": 64, "owner": 100, "parent": 253}
#: Accounts that one transaction writes.
CHUNK = 1000

#: Why a row is refused before anything is written, beside `dibs.crm.accounts.CODES`.
UNCLEAN: Mapping[str, str] = {
    "field_too_long": "the text is too long",
    "domain_invalid": "this is no domain",
    "domain_free_mail": "anybody can have an address at this domain, so it is no company's",
    "customer_invalid": "customer is yes or no",
    "field_type": "it must be text",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one account. ``code`` and ``message`` say why it was refused, ``field`` what it is about."""

    outcome: str
    id: UUID | None = None
    code: str | None = None
    field: str | None = None
    message: str | None = None


class _Unclean(Exception):
    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code, self.field = code, field


def receive_accounts(
    workspace_id: UUID, rows: Sequence[Mapping[str, Any]], now: datetime, *, known: Sequence[UUID | None] = ()
) -> list[Taken]:
    """Create or change these accounts, and answer each by its place. Fields that a row does not have stay as they are; an empty owner,
    parent or domain takes away what there is. ``known``: the accounts that rows are about, where that is known.
    """
    enter(workspace_id)
    country = Workspace.objects.values_list("country", flat=True).get(id=workspace_id) or None
    answers: list[Taken | None] = [None] * len(rows)
    told: dict[int, Told] = {}
    for at, row in enumerate(rows):
        try:
            told[at] = _cleaned(row, country)
        except _Unclean as wrong:
            answers[at] = Taken("refused", None, wrong.code, wrong.field, UNCLEAN[wrong.code])
            continue
        if known:
            told[at] = replace(told[at], id=known[at])
    for at, written in zip(told, write_accounts(workspace_id, list(told.values()), now), strict=True):
        answers[at] = _taken(written)
    return [answer for answer in answers if answer is not None]


def _taken(written: Written) -> Taken:
    if written.code is None:
        return Taken(written.outcome, written.id)
    return Taken("refused", written.id, written.code, written.field, CODES[written.code])


def _cleaned(row: Mapping[str, Any], country: str | None) -> Told:
    given: dict[str, Any] = {}
    for name, value in row.items():
        if name == "customer":
            flag = value if isinstance(value, bool) else yes_or_no(value) if value not in (None, "") else False
            if flag is None:
                raise _Unclean("customer_invalid", name)
            given[name] = flag
            continue
        if (value is not None and not isinstance(value, str | int)) or isinstance(value, bool):
            raise _Unclean("field_type", name)
        text = tidy(str(value)) if value is not None else ""
        if len(text) > _LENGTHS[name]:
            raise _Unclean("field_too_long", name)
        given[name] = text or None
    if given.get("domain"):
        domain = registered_domain(given["domain"])
        if domain is None:
            raise _Unclean("domain_invalid", "domain")
        if is_free_mail(domain):
            raise _Unclean("domain_free_mail", "domain")
        given["domain"] = domain
    if given.get("phone"):
        given["phone"] = clean_phone(given["phone"], country)[0] or given["phone"]
    if given.get("parent") and "." in given["parent"] and (above := registered_domain(given["parent"])):
        given["parent"] = above if "://" in given["parent"] or given["parent"].startswith("www.") else given["parent"]
    return Told(frozenset(given), **given)


@dataclass(slots=True)
class Summary:
    """What became of a file of accounts. ``refused`` holds the row's number (1 is the first after the header), its code, field and
    message; ``unknown`` columns that are no field's."""

    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str, str, str]] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


class NoName(Exception):
    """The file has no column that could be an account's name or external id."""


def import_accounts(
    workspace: Workspace,
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> Summary:
    """Read accounts from a CSV file. Parents are set when all are there, so that they may stand in any order. Raises `NoName`, and
    `FileRefused` for what is no such file. ``progress`` is told how many rows were read. ``dry_run``: only the columns are looked at.
    """
    enter(workspace.id)
    summary = Summary()
    parents: list[tuple[int, dict[str, Any], UUID]] = []
    with CsvFile(path, encoding=encoding, delimiter=delimiter) as file:
        columns = _columns(file.header, summary)
        rows = iter(file)
        while chunk := list(islice(rows, CHUNK)):
            summary.rows += len(chunk)
            read = []
            for row in chunk:
                if row.values is None:
                    summary.refused.append((row.number, row.code, "", row.message))
                else:
                    read.append((row.number, {name: row.values[at] for name, at in columns.items()}))
            if not dry_run:
                parents += _import_chunk(workspace.id, read, summary)
            progress(summary.rows)
    for some in _in_chunks(parents):
        answers = receive_accounts(
            workspace.id, [row for _, row, _ in some], moment(), known=[account for _, _, account in some]
        )
        for (number, _, _), answer in zip(some, answers, strict=True):
            if answer.code is not None:
                summary.refused.append((number, answer.code, answer.field or "", answer.message or ""))
    return summary


def _in_chunks(parents: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(parents), CHUNK):
        yield parents[start : start + CHUNK]


def _columns(header: Sequence[str], summary: Summary) -> dict[str, int]:
    known = {name: at for at, name in ((at, _field(title)) for at, title in enumerate(header)) if name}
    for title in header:
        name = _field(title)
        if name:
            summary.columns[title] = name
        else:
            summary.unknown.append(title)
    if not known.keys() & {"name", "external_id"}:
        raise NoName
    return known


def _field(title: str) -> str | None:
    text = tidy(title).casefold().replace("_", " ")
    return next((name for name, others in FIELDS.items() if text == name.replace("_", " ") or text in others), None)


def _import_chunk(
    workspace_id: UUID, read: Sequence[tuple[int, dict[str, Any]]], summary: Summary
) -> list[tuple[int, dict[str, Any], UUID]]:
    """Write a chunk without parents; returns the rows whose parents are still to be set."""
    # An empty cell says nothing: it takes nothing away.
    rows = [{name: value for name, value in row.items() if tidy(value) and name != "parent"} for _, row in read]
    parents = []
    for (number, row), answer in zip(read, receive_accounts(workspace_id, rows, moment()), strict=True):
        if answer.code is not None:
            summary.refused.append((number, answer.code, answer.field or "", answer.message or ""))
            continue
        setattr(summary, answer.outcome, getattr(summary, answer.outcome) + 1)
        if tidy(row.get("parent", "")) and answer.id is not None:
            parents.append((number, {"parent": row["parent"]}, answer.id))
    return parents
