"""Accounts as the engine knows them: each with what it has from the family above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
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
            SELECT one.id, one.id, one.name, one.domain, owner.handle, one.customer, 0, one.parent_id
            FROM crm_account one LEFT JOIN people_rep owner ON owner.id = one.owner_id
            WHERE one.workspace_id = %s AND one.id = ANY(%s)
            """,
            [workspace_id, wanted],
        )
        rows = cursor.fetchall()
    # Most have nobody above them. Where all were asked for those, the planner took to reading every account there is.
    children = [account for account, *_, parent in rows if parent is not None]
    if children:
        rows += _above(workspace_id, children)
    found: dict[UUID, Relative] = {}
    for account, one, name, domain, owner, customer, height, _ in rows:
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


def _above(workspace_id: UUID, accounts: list[UUID]) -> list[tuple[Any, ...]]:
    """Who is above these, the nearest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE up AS (
                SELECT id AS of, id, parent_id, 0 AS height
                FROM crm_account WHERE workspace_id = %(workspace)s AND id = ANY(%(ids)s)
                UNION ALL
                SELECT up.of, above.id, above.parent_id, up.height + 1
                FROM up, LATERAL (
                    SELECT id, parent_id FROM crm_account WHERE id = up.parent_id AND workspace_id = %(workspace)s LIMIT 1
                ) above
                WHERE up.height < %(highest)s AND above.id <> up.of
            )
            SELECT up.of, up.id, above.name, above.domain, owner.handle, above.customer, up.height, up.parent_id
            FROM up JOIN crm_account above ON above.id = up.id AND above.workspace_id = %(workspace)s
            LEFT JOIN people_rep owner ON owner.id = above.owner_id
            WHERE up.height > 0 ORDER BY up.of, up.height
            """,
            {"workspace": workspace_id, "ids": accounts, "highest": _HIGHEST},
        )
        return list(cursor.fetchall())
