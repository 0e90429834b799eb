"""Who must not be contacted, as operations look at the list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.crm import do_not_contact
from dibs.crm.do_not_contact import Entry
from dibs.insight.pages import Page, cursor_after, last_seen
from dibs.people.tenancy import enter


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line of the list. ``what`` is ``mail`` or ``phone``; ``shown`` as much of it as the list keeps; ``why`` one of
    `do_not_contact.WHYS`; ``by`` the name of who put it there, where somebody did."""

    id: UUID
    what: str
    shown: str
    why: str
    at: datetime
    by: str | None


_COLUMNS = """
    SELECT line.id, line.what, line.shown, line.why, line.at, by.name FROM crm_donotcontact line
    LEFT JOIN people_user by ON by.id = line.by_id WHERE line.workspace_id = %s
"""


def refusals(workspace_id: UUID, *, cursor: str | None = None, limit: int = 50) -> Page[Refusal]:
    """The list, the latest first. Raises `BadCursor`."""
    enter(workspace_id)
    question = f"do-not-contact {workspace_id}"
    which, values = "", [workspace_id]
    if cursor:
        which, values = " AND line.id < %s", [workspace_id, last_seen(cursor, question)]
    rows = _read(f"{_COLUMNS}{which} ORDER BY line.id DESC LIMIT %s", [*values, limit + 1])
    more = len(rows) > limit
    return Page(rows[:limit], cursor_after(rows[limit - 1].id, question) if more else None)


def refusal_of(workspace_id: UUID, entry: Entry) -> Refusal | None:
    """The line of this address or number, if it is on the list: the list itself cannot be searched by more than that."""
    enter(workspace_id)
    digest = do_not_contact.digest(workspace_id, entry)
    return next(iter(_read(f"{_COLUMNS} AND line.digest = %s", [workspace_id, digest])), None)


def count_of_refusals(workspace_id: UUID) -> int:
    """How many lines the list has."""
    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crm_donotcontact WHERE workspace_id = %s", [workspace_id])
        return int(cursor.fetchone()[0])


def _read(statement: str, values: list[Any]) -> list[Refusal]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Refusal(*row) for row in cursor.fetchall()]
