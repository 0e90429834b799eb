"""Accounts, for those who may see them: who they are, whose, and of which family."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.crm.companies import company_key
from dibs.distribution.families import relatives
from dibs.insight.pages import Page, cursor_after, last_seen
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: By what accounts can be looked for, each exactly; a name as names are compared.
FILTERS = ("name", "domain", "external_id", "phone", "owner", "parent")


@dataclass(frozen=True, slots=True)
class AccountCard:
    """An account. ``owner`` is the handle of the rep who has it, by itself or by ``through``, the one above it in its family;
    ``parent`` the id of the one right above it; ``customer``: whether it, or one above it, buys already."""

    id: UUID
    name: str
    domain: str | None
    phone: str | None
    external_id: str | None
    customer: bool
    owner: str | None
    through: str | None
    parent: UUID | None
    parent_name: str | None
    created_at: datetime


_COLUMNS = "account.id, account.name, account.domain, account.phone, account.external_id, account.parent_id, account.created_at"


def accounts_page(
    caller: Caller, filters: Mapping[str, str], *, cursor: str | None = None, limit: int = 50
) -> Page[AccountCard]:
    """Accounts, newest first. ``filters`` are of `FILTERS`; ``owner`` is a handle, ``parent`` an id or external id. Raises `BadCursor`."""
    enter(caller.workspace_id)
    question = repr(("accounts", str(caller.workspace_id), sorted(filters.items())))
    where, values = ["account.workspace_id = %s"], [caller.workspace_id]
    for name, value in filters.items():
        condition, *given = _CONDITIONS[name](value)
        where.append(condition)
        values += given
    if cursor:
        where.append("account.id < %s")
        values.append(last_seen(cursor, question))
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {_COLUMNS} FROM crm_account account WHERE {' AND '.join(where)} ORDER BY account.id DESC LIMIT %s",
            [*values, limit + 1],
        )
        rows = ask.fetchall()
    cards = _cards(caller, rows[:limit])
    return Page(cards, cursor_after(cards[-1].id, question) if len(rows) > limit else None)


_CONDITIONS: Mapping[str, Any] = {
    "name": lambda value: ("account.name_key = %s", company_key(value)),
    "domain": lambda value: ("account.domain = %s", value.lower()),
    "external_id": lambda value: ("account.external_id = %s", value),
    "phone": lambda value: ("account.phone = %s", value),
    "owner": lambda value: ("account.owner_id = (SELECT id FROM people_rep WHERE workspace_id = account.workspace_id AND handle = %s)", value),
    "parent": lambda value: (
        "account.parent_id = (SELECT id FROM crm_account above WHERE above.workspace_id = account.workspace_id "
        "AND (above.external_id = %s OR above.id::text = %s) LIMIT 1)",
        value,
        value,
    ),
}  # fmt: skip


def account_in_sight(caller: Caller, account_id: UUID) -> AccountCard | None:
    """One account; ``None``: there is none such here."""
    return accounts_in_sight(caller, [account_id]).get(account_id)


def accounts_in_sight(caller: Caller, ids: Collection[UUID]) -> dict[UUID, AccountCard]:
    """Those of these accounts that there are."""
    if not ids:
        return {}
    enter(caller.workspace_id)
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {_COLUMNS} FROM crm_account account WHERE account.workspace_id = %s AND account.id = ANY(%s)",
            [caller.workspace_id, list(ids)],
        )
        rows = ask.fetchall()
    return {card.id: card for card in _cards(caller, rows)}


def _cards(caller: Caller, rows: Sequence[Sequence[Any]]) -> list[AccountCard]:
    families = relatives(caller.workspace_id, [row[0] for row in rows])
    return [
        AccountCard(
            id=id,
            name=name,
            domain=domain,
            phone=phone,
            external_id=external_id,
            customer=bool(families[id].facts.customer),
            owner=families[id].facts.owner,
            through=families[id].facts.through,
            parent=parent,
            parent_name=families[id].facts.parent,
            created_at=created_at,
        )
        for id, name, domain, phone, external_id, parent, created_at in rows
    ]
