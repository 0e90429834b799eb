"""Accounts as the engine knows them: each with what it has from the family above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from dibs.engine.facts import AccountFacts

#: How far up a family is looked: further than any company's, and an end to one that goes round in a circle.
_HIGHEST = 16


@dataclass(frozen=True, slots=True)
class Relative:
    """An account and its family: ``top`` is the highest above it."""

    facts: AccountFacts
    top: str


def accounts_by_id(workspace_id: UUID, ids: Iterable[UUID | None]) -> dict[UUID, AccountFacts]:
    """The accounts that leads were matched to."""
    return {account: relative.facts for account, relative in relatives(workspace_id, ids).items()}


def relatives(workspace_id: UUID, ids: Iterable[UUID | None]) -> dict[UUID, Relative]:
    """These accounts, each with the owner it has or else the nearest above it has, and whether it or one above it buys already."""
    wanted = sorted({account for account in ids if account})
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE up AS (
                SELECT id AS of, id, parent_id, name, domain, owner_id, customer, 0 AS height
                FROM crm_account WHERE workspace_id = %(workspace)s AND id = ANY(%(ids)s)
                UNION ALL
                SELECT up.of, above.id, above.parent_id, above.name, above.domain, above.owner_id, above.customer, up.height + 1
                FROM up JOIN crm_account above ON above.id = up.parent_id AND above.workspace_id = %(workspace)s
                WHERE up.height < %(highest)s AND above.id <> up.of
            )
            SELECT up.of, up.id, up.name, up.domain, owner.handle, up.customer, up.height
            FROM up LEFT JOIN people_rep owner ON owner.id = up.owner_id ORDER BY up.of, up.height
            """,
            {"workspace": workspace_id, "ids": wanted, "highest": _HIGHEST},
        )
        rows = cursor.fetchall()
    found: dict[UUID, Relative] = {}
    for account, one, name, domain, owner, customer, height in rows:
        if height == 0:
            found[account] = Relative(AccountFacts(name=name, domain=domain, owner=owner, customer=customer), str(one))
            continue
        facts = found[account].facts
        takes_owner = facts.owner is None and owner is not None
        found[account] = Relative(
            AccountFacts(
                name=facts.name,
                domain=facts.domain,
                owner=owner if takes_owner else facts.owner,
                customer=facts.customer or customer,
                parent=name if height == 1 else facts.parent,
                through=name if takes_owner else facts.through,
            ),
            str(one),
        )
    return found
