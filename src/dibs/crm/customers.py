"""Accounts and contacts made of leads: those of a new customer are made, those that are here are found, and none is there twice,
whoever else makes them at the same moment.

The database's unique keys decide: an account made of a lead is known by its registered domain, else by its name as names are compared;
a contact by the mailbox that is theirs alone. Rows are written in the order of these keys, so that two batches wait for each other in
one order. By the marks of its name (`crm.marks`) a made account is found from when `mark_made` has been by, within a minute: they are
nine rows for each, and an import does not wait for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from dibs.crm.companies import company_key
from dibs.crm.marks import marks_of
from dibs.crm.persons import Known, known_by
from dibs.engine.decision import Reason
from dibs.people.bulk import insert_rows
from dibs.people.tenancy import new_id

_CONTACT_MADE = Reason("contact_made")
#: Accounts that are marked in one transaction.
_MARKED = 2_000


@dataclass(frozen=True, slots=True)
class Customer:
    """Who a lead is of. ``account_id``: the account that it belongs to already. ``asked``: a person is asked whether it belongs to one that
    is here, so that none is made of it before. ``domain`` is a registered one and no mail provider's."""

    account_id: UUID | None = None
    company: str | None = None
    domain: str | None = None
    name: str | None = None
    title: str | None = None
    phone: str | None = None
    known: tuple[Known, ...] = ()
    asked: bool = False

    @classmethod
    def of(cls, lead: Mapping[str, Any], *, asked: bool = False) -> Customer:
        """Who a lead with these columns is of."""
        flags = lead["flags"]
        return cls(
            account_id=lead["account_id"],
            company=lead["company"],
            domain=(lead["domain"] or "").lower() or None,
            name=lead["name"],
            title=lead["title"],
            phone=None if "phone_invalid" in flags or "phone_no_country" in flags else lead["phone"],
            known=known_by(lead["email"], lead["phone"], lead["name"], flags),
            asked=asked,
        )

    @property
    def _key(self) -> tuple[str, str] | None:
        """What the account that would be made of it is known by: its domain, or else "" and its name."""
        if self.account_id is not None or self.asked:
            return None
        if self.domain:
            return self.domain, ""
        key = company_key(self.company)[:300] if self.company else ""
        return ("", key) if key else None

    @property
    def email(self) -> str | None:
        """The mailbox that is the person's alone."""
        return next((known.value for known in self.known if known.own), None)


@dataclass(frozen=True, slots=True)
class Made:
    """The customer's account and contact, as far as they have them. ``account``: the name of the account, if it was made now; ``contact``:
    whether the contact was."""

    account_id: UUID | None = None
    contact_id: UUID | None = None
    account: str | None = None
    contact: bool = False

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What the lead's story says of it."""
        made = (Reason("account_made", {"account": self.account}),) if self.account is not None else ()
        return (*made, _CONTACT_MADE) if self.contact else made


def make_customers(
    workspace_id: UUID, customers: Sequence[Customer], now: datetime, *, by_name: bool = False
) -> list[Made]:
    """Find or make the account and the contact of each, by its place; in the caller's transaction.

    A person by themselves has a contact and no account. A contact needs something to be known by: a mailbox of their own, or a
    telephone number or shared mailbox and a name; with ``by_name`` whoever has only a name gets one as well, a new one each time.
    """
    accounts = _accounts(workspace_id, customers, now)
    owned = [
        customer.account_id or (accounts[key][0] if (key := customer._key) is not None else None)
        for customer in customers
    ]
    contacts = _contacts(workspace_id, customers, owned, now, by_name=by_name)
    told: set[UUID] = set()
    made = []
    for account_id, customer, (contact_id, new) in zip(owned, customers, contacts, strict=True):
        name = None
        if account_id is not None and account_id not in told and (key := customer._key) is not None:
            name = accounts[key][1]
            told.add(account_id)
        made.append(Made(account_id, contact_id, name, new))
    return made


def _accounts(
    workspace_id: UUID, customers: Sequence[Customer], now: datetime
) -> dict[tuple[str, str], tuple[UUID, str | None]]:
    """For each key the account, and its name if it was made."""
    wanted: dict[tuple[str, str], str] = {}
    for customer in customers:
        if (key := customer._key) is not None:
            wanted.setdefault(key, (customer.company or customer.domain or "")[:300])
    if not wanted:
        return {}
    rows = [(new_id(), key, name) for key, name in sorted(wanted.items())]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_account (id, workspace_id, name, name_key, domain, customer, made, marked, created_at)
            SELECT id, %s, name, name_key, nullif(domain, ''), false, true, false, %s
            FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) AS told(id, name, name_key, domain)
            ON CONFLICT DO NOTHING RETURNING id
            """,
            [
                workspace_id,
                now,
                [account for account, _, _ in rows],
                [name for _, _, name in rows],
                [company_key(name)[:300] for _, _, name in rows],
                [domain for _, (domain, _), _ in rows],
            ],
        )
        new = {account for (account,) in cursor.fetchall()}
        found: dict[tuple[str, str], tuple[UUID, str | None]] = {
            key: (account, name) for account, key, name in rows if account in new
        }
        missing = [key for key in wanted if key not in found]
        if missing:
            cursor.execute(
                "SELECT domain, '', id FROM crm_account WHERE workspace_id = %s AND domain = ANY(%s) "
                "UNION ALL SELECT '', name_key, id FROM crm_account WHERE workspace_id = %s AND name_key = ANY(%s) "
                "AND made AND domain IS NULL AND external_id IS NULL",
                [
                    workspace_id,
                    [domain for domain, _ in missing if domain],
                    workspace_id,
                    [name for domain, name in missing if not domain],
                ],
            )
            found |= {(domain, name): (account, None) for domain, name, account in cursor.fetchall()}
    return found


def _contacts(
    workspace_id: UUID,
    customers: Sequence[Customer],
    accounts: Sequence[UUID | None],
    now: datetime,
    *,
    by_name: bool,
) -> list[tuple[UUID | None, bool]]:
    """For each customer their contact, and whether it was made for them."""
    answers: list[tuple[UUID | None, bool]] = [(None, False)] * len(customers)
    boxes: dict[str, list[int]] = {}
    others: dict[Known | int, list[int]] = {}
    for at, customer in enumerate(customers):
        if (box := customer.email) is not None:
            boxes.setdefault(box, []).append(at)
        elif customer.known:
            others.setdefault(customer.known[0], []).append(at)
        elif by_name and customer.name:
            others[at] = [at]
    with_box = _by_mailbox(workspace_id, customers, accounts, boxes, now) if boxes else {}
    for box, several in boxes.items():
        contact, new = with_box[box]
        for at in several:
            answers[at] = (contact, new and at == several[0])
    known = _by_lead(workspace_id, [key for key in others if isinstance(key, Known)])
    rows: list[tuple[Any, ...]] = []
    for key, several in others.items():
        here = known.get(key) if isinstance(key, Known) else None
        new, contact = here is None, here or new_id()
        if new:
            rows.append(_row(contact, workspace_id, customers[several[0]], accounts[several[0]], None, now))
        for at in several:
            answers[at] = (contact, new and at == several[0])
    insert_rows("crm_contact", _COLUMNS, rows)
    return answers


_COLUMNS = ("id", "workspace_id", "account_id", "name", "title", "email", "phone", "created_at")


def _row(
    contact: UUID, workspace_id: UUID, customer: Customer, account: UUID | None, email: str | None, now: datetime
) -> tuple[Any, ...]:
    return (contact, workspace_id, account, customer.name or "", customer.title, email, customer.phone, now)


def _by_mailbox(
    workspace_id: UUID,
    customers: Sequence[Customer],
    accounts: Sequence[UUID | None],
    boxes: Mapping[str, Sequence[int]],
    now: datetime,
) -> dict[str, tuple[UUID, bool]]:
    """The contact with each mailbox; one that is here takes what it lacks and keeps what it has."""
    firsts = [(box, boxes[box][0]) for box in sorted(boxes)]
    rows = [_row(new_id(), workspace_id, customers[at], accounts[at], box, now) for box, at in firsts]
    new = {row[0] for row in rows}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_contact AS here (id, workspace_id, account_id, name, title, email, phone, created_at)
            SELECT id, %s, account_id, name, title, email, phone, %s
            FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[])
                AS told(id, account_id, name, title, email, phone)
            ON CONFLICT (workspace_id, email) WHERE email IS NOT NULL DO UPDATE SET
                account_id = coalesce(here.account_id, excluded.account_id),
                name = CASE WHEN here.name = '' THEN excluded.name ELSE here.name END,
                title = coalesce(here.title, excluded.title),
                phone = coalesce(here.phone, excluded.phone)
            WHERE (here.account_id IS NULL AND excluded.account_id IS NOT NULL) OR (here.name = '' AND excluded.name <> '')
                OR (here.title IS NULL AND excluded.title IS NOT NULL) OR (here.phone IS NULL AND excluded.phone IS NOT NULL)
            RETURNING email, id
            """,
            [workspace_id, now, *(list(column) for column in zip(*((r[0], *r[2:7]) for r in rows), strict=True))],
        )
        found = {box: (contact, contact in new) for box, contact in cursor.fetchall()}
        missing = [box for box in boxes if box not in found]
        if missing:
            cursor.execute(
                "SELECT email, id FROM crm_contact WHERE workspace_id = %s AND email = ANY(%s)", [workspace_id, missing]
            )
            found |= {box: (contact, False) for box, contact in cursor.fetchall()}
    return found


def _by_lead(workspace_id: UUID, known: Sequence[Known]) -> dict[Known, UUID]:
    """The contacts of those whose lead before this one has one, by what they are known by without a mailbox of their own."""
    if not known:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT said.value, said.name, contact.id FROM unnest(%s::text[], %s::text[]) AS said(value, name)
            JOIN crm_knownby known ON known.workspace_id = %s AND known.value = said.value AND known.name = said.name
            JOIN crm_lead lead ON lead.id = known.lead_id JOIN crm_contact contact ON contact.id = lead.contact_id
            """,
            [[one.value for one in known], [one.name for one in known], workspace_id],
        )
        return {Known(value, name): contact for value, name, contact in cursor.fetchall()}


def still_here(workspace_id: UUID, accounts: Iterable[UUID]) -> bool:
    """Whether these accounts are all here still; they are kept from being deleted until the transaction ends."""
    wanted = sorted(set(accounts))
    if not wanted:
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM crm_account WHERE workspace_id = %s AND id = ANY(%s) ORDER BY id FOR KEY SHARE",
            [workspace_id, wanted],
        )
        return len(cursor.fetchall()) == len(wanted)


def mark_all_made(workspace_id: UUID) -> int:
    """`mark_made` until all are, each time in a transaction of its own; returns how many accounts that were."""
    done = 0
    while True:
        with transaction.atomic():
            some = mark_made(workspace_id)
        done += some
        if some < _MARKED:
            return done


def mark_made(workspace_id: UUID) -> int:
    """Write the marks of accounts that were made of leads since, in the caller's transaction, some thousand at a time; returns how many
    accounts that were. Two at once take others each."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, name_key FROM crm_account WHERE workspace_id = %s AND NOT marked ORDER BY id LIMIT {_MARKED} "
            "FOR UPDATE SKIP LOCKED",
            [workspace_id],
        )
        names: dict[UUID, str] = dict(cursor.fetchall())
        if not names:
            return 0
        accounts = sorted(names)
        # One that was renamed meanwhile has its marks already.
        cursor.execute(
            "DELETE FROM crm_accountmark WHERE workspace_id = %s AND account_id = ANY(%s)", [workspace_id, accounts]
        )
        marks = sorted((mark, account) for account, key in names.items() for mark in marks_of(workspace_id, key))
        insert_rows(
            "crm_accountmark",
            ("workspace_id", "mark", "account_id"),
            [(workspace_id, mark, account) for mark, account in marks],
        )
        cursor.execute(
            "UPDATE crm_account SET marked = true WHERE workspace_id = %s AND id = ANY(%s)", [workspace_id, accounts]
        )
    return len(names)
