"""Accounts written, many at a time, and the marks of their names that they are found by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from dibs.crm.companies import company_key
from dibs.crm.marks import marks_of
from dibs.people.bulk import insert_rows, update_rows
from dibs.people.models import Rep
from dibs.people.tenancy import new_id

#: How far up a family is looked for a circle.
_HIGHEST = 64
#: How often a batch is begun again because somebody else wrote the same account.
_TRIES = 4
_COLUMNS = ("name", "name_key", "domain", "phone", "customer", "owner_id")


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of an account. It is known by ``external_id``, else by its registered ``domain``, else, where it has neither, by its
    name; or it is ``id``. ``given`` names the fields that were said: others stay as they are. ``owner`` is a rep's handle, ``parent``
    the external id or the domain of the one above it; ``None`` for either: nobody, nothing.
    """

    given: frozenset[str]
    name: str | None = None
    external_id: str | None = None
    domain: str | None = None
    phone: str | None = None
    customer: bool = False
    owner: str | None = None
    parent: str | None = None
    id: UUID | None = None


Code = Literal[
    "name_missing", "account_unknown", "owner_unknown", "parent_unknown", "parent_circle", "domain_taken", "id_taken"
]
#: Why an account was refused.
CODES: Mapping[Code, str] = {
    "name_missing": "a new account needs a name",
    "account_unknown": "there is no such account",
    "owner_unknown": "there is no active rep with this handle",
    "parent_unknown": "there is no account with this external id or domain to be its parent",
    "parent_circle": "it would be above itself in its family",
    "domain_taken": "another account has this domain",
    "id_taken": "another account has this external id",
}


@dataclass(slots=True)
class Written:
    """What became of it: ``created``, ``changed``, ``unchanged``, or ``refused`` with a code of `CODES` and the field it is about."""

    outcome: Literal["created", "changed", "unchanged", "refused"]
    id: UUID | None = None
    code: Code | None = None
    field: str | None = None


class _Refused(Exception):
    def __init__(self, code: Code, field: str) -> None:
        super().__init__(code)
        self.code, self.field = code, field


class _ParentsRefused(Exception):
    """Some, by place, cannot have the parent that was said."""

    def __init__(self, answers: dict[int, Written]) -> None:
        super().__init__(sorted(answers))
        self.answers = answers


def write_accounts(workspace_id: UUID, accounts: Sequence[Told], now: datetime) -> list[Written]:
    """Create or change these, and answer each by its place; one that is refused keeps no other out. One transaction; call it for a
    thousand or so at a time. Whose leads are whose stays as it is: an account's owner gets what comes from now on.
    """
    for left in reversed(range(_TRIES)):
        try:
            with transaction.atomic():
                return _all_but_refused(workspace_id, accounts, now)
        except IntegrityError as problem:
            # Somebody else wrote one of them meanwhile: it is there now.
            if not left or not any(name in str(problem) for name in ("account_domain_once", "account_external_once")):
                raise
    raise AssertionError("it returns or raises")


def _all_but_refused(workspace_id: UUID, accounts: Sequence[Told], now: datetime) -> list[Written]:
    """Whether a parent can be is only known with all of them there: if one cannot, all are written anew without it."""
    refused: dict[int, Written] = {}
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _Writing(workspace_id, accounts, now, refused).done()
        except _ParentsRefused as late:
            refused |= late.answers
            refused |= _below(accounts, refused)
    # Some say each other's names again and again: without them all.
    hanging = (at for at, told in enumerate(accounts) if told.parent and at not in refused)
    refused |= {at: Written("refused", code="parent_unknown", field="parent") for at in hanging}
    return _Writing(workspace_id, accounts, now, refused).done()


def _below(accounts: Sequence[Told], refused: Mapping[int, Written]) -> dict[int, Written]:
    """Those of the batch that would be below one that is refused and that is not there yet either."""
    below: dict[str, list[int]] = {}
    for at, told in enumerate(accounts):
        if told.parent and at not in refused:
            below.setdefault(told.parent, []).append(at)
    found: dict[int, Written] = {}
    coming = [at for at, answer in refused.items() if answer.id is None]
    while coming:
        told = accounts[coming.pop()]
        for key in (told.external_id, told.domain):
            for at in below.pop(key or "", ()):
                found[at] = Written("refused", code="parent_unknown", field="parent")
                coming.append(at)
    return found


class _Writing:
    """One batch on its way, without those ``refused`` already, by place."""

    def __init__(
        self, workspace_id: UUID, accounts: Sequence[Told], now: datetime, refused: Mapping[int, Written]
    ) -> None:
        self.workspace_id, self.accounts, self.now, self.refused = workspace_id, accounts, now, refused
        self.rows: dict[UUID, dict[str, Any]] = {}
        self.new: set[UUID] = set()
        self.touched: set[UUID] = set()
        self.names_before: dict[UUID, str] = {}
        self.by_id: dict[str, UUID] = {}
        self.by_domain: dict[str, UUID] = {}
        self.by_name: dict[str, UUID] = {}
        handles = {told.owner for told in accounts if told.owner}
        self.reps = dict(
            Rep.objects.filter(workspace_id=workspace_id, active=True, handle__in=handles).values_list("handle", "id")
        )
        self._read()

    def done(self) -> list[Written]:
        answers = []
        for at, told in enumerate(self.accounts):
            if (known := self.refused.get(at)) is not None:
                answers.append(known)
                continue
            try:
                answers.append(self._one(told))
            except _Refused as refused:
                answers.append(Written("refused", code=refused.code, field=refused.field))
        self._write()
        late: dict[int, Written] = {}
        for at, (answer, told) in enumerate(zip(answers, self.accounts, strict=True)):
            if "parent" in told.given and answer.id is not None and at not in self.refused:
                try:
                    if self._set_parent(answer.id, told.parent) and answer.outcome == "unchanged":
                        answer.outcome = "changed"
                except _Refused as refused:
                    here = None if answer.id in self.new else answer.id
                    late[at] = Written("refused", here, refused.code, refused.field)
        if late:
            raise _ParentsRefused(late)
        return answers

    def _read(self) -> None:
        """The accounts that are meant, and those that own what is to be theirs; locked, so that two batches change one in turn."""
        told = self.accounts
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT id, external_id, {", ".join(_COLUMNS)} FROM crm_account
                WHERE workspace_id = %s AND (id = ANY(%s) OR external_id = ANY(%s) OR domain = ANY(%s)
                      OR (name_key = ANY(%s) AND domain IS NULL AND external_id IS NULL))
                ORDER BY id FOR UPDATE
                """,
                [
                    self.workspace_id,
                    [one.id for one in told if one.id],
                    [one.external_id for one in told if one.external_id],
                    [one.domain for one in told if one.domain],
                    [company_key(one.name) for one in told if one.name and not one.domain and not one.external_id],
                ],
            )
            for values in cursor.fetchall():
                self._know(dict(zip(("id", "external_id", *_COLUMNS), values, strict=True)))

    def _know(self, row: dict[str, Any]) -> None:
        self.rows[row["id"]] = row
        if row["external_id"]:
            self.by_id[row["external_id"]] = row["id"]
        if row["domain"]:
            self.by_domain[row["domain"]] = row["id"]
        if not row["external_id"] and not row["domain"]:
            self.by_name.setdefault(row["name_key"], row["id"])

    def _one(self, told: Told) -> Written:
        row = self._meant(told)
        wanted = self._wanted(told, row)
        if row is None:
            if not told.name:
                raise _Refused("name_missing", "name")
            row = (
                dict.fromkeys(_COLUMNS) | {"id": new_id(), "customer": False, "external_id": told.external_id} | wanted
            )
            self.new.add(row["id"])
            self._know(row)
            return Written("created", row["id"])
        changed = {name: value for name, value in wanted.items() if row[name] != value}
        if told.external_id and row["external_id"] is None:
            changed["external_id"] = told.external_id
        if not changed:
            return Written("unchanged", row["id"])
        if row["id"] not in self.new:
            self.touched.add(row["id"])
            self.names_before.setdefault(row["id"], row["name_key"])
        row.update(changed)
        self._know(row)
        return Written("changed", row["id"])

    def _meant(self, told: Told) -> dict[str, Any] | None:
        """The account that is here already."""
        if told.id is not None:
            if told.id not in self.rows:
                raise _Refused("account_unknown", "id")
            return self.rows[told.id]
        if told.external_id and (known := self.by_id.get(told.external_id)):
            return self.rows[known]
        if told.domain and (known := self.by_domain.get(told.domain)):
            if told.external_id and self.rows[known]["external_id"]:
                raise _Refused("domain_taken", "domain")
            return self.rows[known]
        if told.name and not told.domain and not told.external_id:
            known = self.by_name.get(company_key(told.name))
            return self.rows[known] if known else None
        return None

    def _wanted(self, told: Told, row: Mapping[str, Any] | None) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if told.name and "name" in told.given:
            wanted |= {"name": told.name, "name_key": company_key(told.name)[:300]}
        if "domain" in told.given:
            holder = self.by_domain.get(told.domain or "")
            if holder is not None and (row is None or holder != row["id"]):
                raise _Refused("domain_taken", "domain")
            wanted["domain"] = told.domain
        if told.id is not None and told.external_id and self.by_id.get(told.external_id, told.id) != told.id:
            raise _Refused("id_taken", "external_id")
        if "phone" in told.given:
            wanted["phone"] = told.phone
        if "customer" in told.given:
            wanted["customer"] = told.customer
        if "owner" in told.given:
            if told.owner and told.owner not in self.reps:
                raise _Refused("owner_unknown", "owner")
            wanted["owner_id"] = self.reps[told.owner] if told.owner else None
        return wanted

    def _write(self) -> None:
        columns = ("external_id", *_COLUMNS)
        created = [self.rows[account] for account in sorted(self.new)]
        insert_rows(
            "crm_account",
            ("id", "workspace_id", "created_at", "made", "marked", *columns),
            [
                (row["id"], self.workspace_id, self.now, False, True, *(row[name] for name in columns))
                for row in created
            ],
        )
        # What somebody has written down is no more only made of a lead.
        update_rows(
            "crm_account",
            "id",
            ("made", *columns),
            [(account, False, *(self.rows[account][name] for name in columns)) for account in sorted(self.touched)],
        )
        renamed = {
            account: before for account, before in self.names_before.items() if before != self.rows[account]["name_key"]
        }
        _post(
            self.workspace_id,
            gone=renamed,
            new={account: self.rows[account]["name_key"] for account in (*self.new, *renamed)},
        )

    def _set_parent(self, account: UUID, parent: str | None) -> bool:
        with connection.cursor() as cursor:
            above: UUID | None = None
            if parent:
                cursor.execute(
                    "SELECT id FROM crm_account WHERE workspace_id = %s AND (external_id = %s OR domain = %s) "
                    "ORDER BY external_id = %s DESC NULLS LAST LIMIT 1",
                    [self.workspace_id, parent, parent.lower(), parent],
                )
                found = cursor.fetchone()
                if found is None:
                    raise _Refused("parent_unknown", "parent")
                above = found[0]
                if above == account or account in _above(self.workspace_id, above):
                    raise _Refused("parent_circle", "parent")
            cursor.execute(
                "UPDATE crm_account SET parent_id = %s WHERE workspace_id = %s AND id = %s AND parent_id IS DISTINCT FROM %s",
                [above, self.workspace_id, account, above],
            )
            return bool(cursor.rowcount)


def _above(workspace_id: UUID, account: UUID) -> set[UUID]:
    """All that is above an account in its family, itself too if that goes round in a circle."""
    found: set[UUID] = set()
    at: UUID | None = account
    with connection.cursor() as cursor:
        while len(found) < _HIGHEST:
            cursor.execute("SELECT parent_id FROM crm_account WHERE workspace_id = %s AND id = %s", [workspace_id, at])
            row = cursor.fetchone()
            at = row[0] if row else None
            if at is None or at in found:
                break
            found.add(at)
    return found


def _post(workspace_id: UUID, *, gone: Mapping[UUID, str], new: Mapping[UUID, str]) -> None:
    """Write the marks of accounts' names; in the order of the marks, so that neighbours in the index are written together."""
    with connection.cursor() as cursor:
        if gone:
            cursor.execute(
                "DELETE FROM crm_accountmark gone USING unnest(%s::bigint[], %s::uuid[]) AS was(mark, account) "
                "WHERE gone.mark = was.mark AND gone.account_id = was.account",
                [list(column) for column in zip(*_marks(workspace_id, gone), strict=True)],
            )
        insert_rows(
            "crm_accountmark",
            ("workspace_id", "mark", "account_id"),
            [(workspace_id, mark, account) for mark, account in _marks(workspace_id, new)],
        )


def _marks(workspace_id: UUID, names: Mapping[UUID, str]) -> list[tuple[int, UUID]]:
    return sorted((mark, account) for account, key in names.items() for mark in marks_of(workspace_id, key))
