"""Who must not be contacted: a list that can say of an address or a number whether it is on it, and tells nobody who is.

What is kept is a keyed hash (HMAC-SHA-256 under the workspace's own secret) of the mailbox or number as persons are recognised by it
(`dibs.crm.persons`), so that the list outlives the erasure of the person, and `a.b+news@gmail.com` is `ab@gmail.com` here too.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple, get_args
from uuid import UUID

from django.db import connection

from dibs.crm.persons import mailbox
from dibs.people.models import Workspace
from dibs.people.tenancy import new_id

#: Why somebody is on the list: they asked somebody here; by a link in a mail; they were erased; they stood on a list that was
#: imported; mail to them came back.
Why = Literal["asked", "unsubscribed", "erased", "list", "bounced"]
WHYS: tuple[Why, ...] = get_args(Why)


class Entry(NamedTuple):
    """A mailbox (``mail``) or a number in E.164 (``phone``), as the list compares them."""

    what: Literal["mail", "phone"]
    value: str

    @property
    def shown(self) -> str:
        """What somebody recognises it by who knows it: ``a***@example.com``, ``+81***89``."""
        if self.what == "phone":
            return f"{self.value[:3]}***{self.value[-2:]}"
        box, _, domain = self.value.rpartition("@")
        return f"{box[:1]}***@{domain}"[:100]


def entries_of(email: str | None, phone: str | None) -> tuple[Entry, ...]:
    """What is looked for on the list for somebody with these: none, one or two. What could be no address or number is nothing."""
    found: list[Entry] = []
    if email and "@" in email.strip("@"):
        found.append(Entry("mail", mailbox(email.strip())[0]))
    if phone and phone.startswith("+") and phone[1:].isdigit():
        found.append(Entry("phone", phone))
    return tuple(found)


@lru_cache(maxsize=1024)
def secret_of(workspace_id: UUID) -> bytes:
    """The workspace's secret, read once a process. Raises `Workspace.DoesNotExist`."""
    return bytes(Workspace.objects.values_list("secret", flat=True).get(id=workspace_id))


def digest(workspace_id: UUID, entry: Entry) -> bytes:
    """What the list keeps of an entry: 32 bytes."""
    return hmac.digest(secret_of(workspace_id), f"{entry.what}:{entry.value}".encode(), "sha256")


def add(workspace_id: UUID, entries: Iterable[Entry], *, why: Why, now: datetime, by: UUID | None = None) -> int:
    """Put these on the list; returns how many were not on it. What was, stays as it was. Leads that are here are not asked about: that
    is `dibs.distribution.refusing`."""
    return add_digests(
        workspace_id, [(digest(workspace_id, e), e.what, e.shown) for e in entries], why=why, now=now, by=by
    )


def add_digests(
    workspace_id: UUID,
    rows: Sequence[tuple[bytes, str, str]],
    *,
    why: Why,
    now: datetime,
    by: UUID | None = None,
) -> int:
    """The same for who has the hash alone, as a link in a mail has: each (hash, what, as it is shown)."""
    # In one order everywhere: two who add the same ones at once would else wait for each other.
    rows = sorted({row[0]: row for row in rows}.values())
    if not rows:
        return 0
    hashes, whats, shown = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_donotcontact (id, workspace_id, digest, what, shown, why, at, by_id)
            SELECT unnest(%s::uuid[]), %s, unnest(%s::bytea[]), unnest(%s::text[]), unnest(%s::text[]), %s, %s, %s
            ON CONFLICT (workspace_id, digest) DO NOTHING
            """,
            [[new_id() for _ in rows], workspace_id, list(hashes), list(whats), list(shown), why, now, by],
        )
        return int(cursor.rowcount)


def remove(workspace_id: UUID, entries: Iterable[Entry]) -> int:
    """Take these off the list; returns how many were on it."""
    hashes = [digest(workspace_id, entry) for entry in entries]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM crm_donotcontact WHERE workspace_id = %s AND digest = ANY(%s::bytea[])", [workspace_id, hashes]
        )
        return int(cursor.rowcount)


def forget_shown(workspace_id: UUID, entries: Iterable[Entry]) -> int:
    """Keep of these no more than their hash, as of somebody who was erased; returns how many were on the list."""
    hashes = [digest(workspace_id, entry) for entry in entries]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE crm_donotcontact SET shown = '' WHERE workspace_id = %s AND digest = ANY(%s::bytea[])",
            [workspace_id, hashes],
        )
        return int(cursor.rowcount)


def is_listed(workspace_id: UUID, entries: Sequence[Entry]) -> bool:
    """Whether one of these is on the list."""
    return listed(workspace_id, [entries])[0]


def listed(workspace_id: UUID, people: Sequence[Sequence[Entry]]) -> list[bool]:
    """For each of these people, whether what they are known by is on the list. While the list is empty that costs one short question
    for all of them, and no hashing."""
    if not any(people):
        return [False] * len(people)
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM crm_donotcontact WHERE workspace_id = %s)", [workspace_id])
        if not cursor.fetchone()[0]:
            return [False] * len(people)
        hashes = {entry: digest(workspace_id, entry) for entry in {entry for person in people for entry in person}}
        cursor.execute(
            "SELECT digest FROM crm_donotcontact WHERE workspace_id = %s AND digest = ANY(%s::bytea[])",
            [workspace_id, list(hashes.values())],
        )
        found = {bytes(row[0]) for row in cursor.fetchall()}
    return [any(hashes[entry] in found for entry in person) for person in people]
