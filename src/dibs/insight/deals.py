"""Opportunities, for those who may see them: a rep's own and those of leads they help with, a manager's teams', everybody's for operations.

Sums are by currency: what is in one is never added to what is in another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.crm.customers import Customer
from dibs.distribution import policies
from dibs.distribution.belonging import accounts_asked_about
from dibs.distribution.converting import name_of, rules_of
from dibs.engine import closing
from dibs.engine.policy_deals import CloseAtOnce, Opportunities
from dibs.insight.pages import Page, cursor_after, last_seen
from dibs.insight.sight import Eyes, SeenLead, read_lead
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: Filter: the SQL it stands for.
FILTERS: Mapping[str, str] = {
    "state": "deal.state = %s",
    "stage": "deal.stage = %s",
    "owner": "owner.handle = %s",
    "lead": "deal.lead_id = %s",
    "account": "deal.account_id = %s",
    "currency": "deal.currency = %s",
    "closes_from": "deal.close_on >= %s",
    "closes_before": "deal.close_on < %s",
    "ended_from": "deal.ended_at >= %s",
    "ended_before": "deal.ended_at < %s",
}
#: Orders of lists: the SQL that rows are sorted by before their id, never NULL where it is asked for, and whether the greatest comes first.
ORDERS: Mapping[str, tuple[str, bool]] = {
    "newest": ("deal.id", True),
    "ended": ("deal.ended_at", True),
    "closing": ("coalesce(deal.close_on, 'infinity')", False),
}
#: Cards of a stage that the board shows; the list has the rest.
ON_BOARD = 40
#: How long what was won and lost stays beside the board.
LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Deal:
    """An opportunity. ``state``: open, won or lost; ``stage`` the one it is in, or was in last; ``owner`` the handle of the rep whose it
    is; ``close_on`` the day it is expected to close; ``version`` what a change of it has to name."""

    id: UUID
    name: str
    state: str
    stage: str
    amount: Decimal | None
    currency: str | None
    close_on: date | None
    owner: str
    owner_name: str
    lead: UUID | None
    account: UUID | None
    account_name: str | None
    contact: UUID | None
    contact_name: str | None
    contact_title: str | None
    contact_email: str | None
    contact_phone: str | None
    lost_why: str
    created_at: datetime
    staged_at: datetime
    ended_at: datetime | None
    version: int


_COLUMNS = (
    "deal.id, deal.name, deal.state, deal.stage, deal.amount, deal.currency, deal.close_on, owner.handle, owner.name, deal.lead_id, "
    "deal.account_id, account.name, deal.contact_id, contact.name, contact.title, contact.email, contact.phone, deal.lost_why, "
    "deal.created_at, deal.staged_at, deal.ended_at, deal.version"
)
_TABLES = (
    "crm_opportunity deal JOIN people_rep owner ON owner.id = deal.owner_id "
    "LEFT JOIN crm_account account ON account.id = deal.account_id LEFT JOIN crm_contact contact ON contact.id = deal.contact_id"
)
#: The first to close come first, and those of which it is not known last.
_BY_CLOSE = "deal.close_on NULLS LAST, deal.staged_at, deal.id"


def deal_in_sight(caller: Caller, opportunity_id: UUID, now: datetime) -> Deal | None:
    """The opportunity; ``None``: there is none such, or not for this caller; which, is not told."""
    scope, values = _range(caller, now)
    found = _read(f"{scope} AND deal.id = %s", [*values, opportunity_id])
    return found[0] if found else None


def deal_of_lead(caller: Caller, lead_id: UUID, now: datetime) -> Deal | None:
    """What a lead became, where the caller sees that."""
    scope, values = _range(caller, now)
    found = _read(f"{scope} AND deal.lead_id = %s", [*values, lead_id])
    return found[0] if found else None


def deals_page(
    caller: Caller,
    filters: Mapping[str, Any],
    *,
    cursor: str | None = None,
    limit: int = 50,
    now: datetime,
    order: str = "newest",
) -> Page[Deal]:
    """Opportunities in the caller's sight. ``filters`` are of `FILTERS`, ``order`` of `ORDERS`; by their end, only what ended has a place.
    Raises `BadCursor`."""
    wanted = {name: value for name, value in sorted(filters.items()) if value is not None}
    question = repr(("deals", str(caller.workspace_id), wanted, *([order] if order != "newest" else [])))
    by, falling = ORDERS[order]
    where, values = _range(caller, now)
    for name, value in wanted.items():
        where += f" AND {FILTERS[name]}"
        values.append(value)
    if cursor and order == "newest":
        # Nobody but the id is asked: the index leads to it however far back it is, and it need not be there any more.
        where += " AND deal.id < %s"
        values.append(last_seen(cursor, question))
    elif cursor:
        last = f"(SELECT {by}, deal.id FROM crm_opportunity deal WHERE deal.workspace_id = %s AND deal.id = %s)"
        where += f" AND ({by}, deal.id) {'<' if falling else '>'} {last}"
        values += [caller.workspace_id, last_seen(cursor, question)]
    way = "DESC" if falling else "ASC"
    found = _read(where, values, f"ORDER BY {by} {way}, deal.id {way} LIMIT {int(limit) + 1}")
    return Page(found[:limit], cursor_after(found[limit - 1].id, question) if len(found) > limit else None)


@dataclass(slots=True)
class Sum:
    """What opportunities come to in one currency (``None``: in none that was said), in all and weighted by how likely each is won."""

    currency: str | None
    amount: Decimal = Decimal(0)
    weighted: Decimal = Decimal(0)


@dataclass(slots=True)
class Column:
    """A stage of the board. ``likely``: 0..1, where the policy says so; ``known``: whether it still has this stage. ``deals``: the first
    of them by when they close, ``count`` how many there are."""

    stage: str
    likely: float | None
    known: bool
    count: int = 0
    sums: list[Sum] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Board:
    """Open opportunities by stage, what they come to, and what was won and lost within `LATELY`."""

    columns: Sequence[Column]
    sums: Sequence[Sum]
    won: tuple[int, Sequence[Sum]]
    lost: tuple[int, Sequence[Sum]]

    @property
    def count(self) -> int:
        return sum(column.count for column in self.columns)


def board(caller: Caller, now: datetime, *, owner: str | None = None, cards: int = ON_BOARD) -> Board:
    """The board of what the caller sees, or of one rep's (``owner``, a handle). Stages as in the policy, then those that it no longer has."""
    rules = rules_of(_active(caller))
    where, values = _range(caller, now)
    if owner is not None:
        where += " AND owner.handle = %s"
        values.append(owner)
    columns = {name: Column(name, stage.likely, True) for name, stage in rules.stages.items()}
    for stage, currency, count, amount in _summed(f"{where} AND deal.state = 'open'", values, "deal.stage"):
        column = columns.setdefault(stage, Column(stage, None, False))
        column.count += count
        if amount is not None:
            column.sums.append(Sum(currency, amount, closing.weighted(rules, stage, amount)))
    for deal in _first_of_each(f"{where} AND deal.state = 'open'", values, cards) if cards else ():
        columns[deal.stage].deals.append(deal)
    ended = _summed(f"{where} AND deal.state <> 'open' AND deal.ended_at > %s", [*values, now - LATELY], "deal.state")
    return Board(
        list(columns.values()),
        _together([one for column in columns.values() for one in column.sums]),
        _ended(ended, "won"),
        _ended(ended, "lost"),
    )


def owners(caller: Caller, now: datetime) -> list[tuple[str, str]]:
    """Handle and name of the reps whose opportunities the caller sees, who have left too, by name."""
    scope, values = _range(caller, now)
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT owner.handle, owner.name FROM {_TABLES} WHERE {scope} GROUP BY owner.id ORDER BY owner.name, owner.handle",
            values,
        )
        return list(ask.fetchall())


@dataclass(frozen=True, slots=True)
class Becoming:
    """What a lead would become. ``account``: the one it belongs to, else ``new_account``, where one is made of it; ``at_once``: which may
    be closed on the spot."""

    name: str
    amount: Decimal | None
    currency: str | None
    stages: Opportunities
    account: str | None
    new_account: str | None
    contact: str | None
    at_once: CloseAtOnce | None


def becoming(caller: Caller, seen: SeenLead) -> Becoming | None:
    """What the lead that the caller sees in full would be converted to."""
    row = read_lead(caller.workspace_id, seen["id"]) if seen.level == "full" else None
    if row is None:
        return None
    rules, customer = rules_of(_active(caller)), Customer.of(row)
    new = row["company"] or customer.domain if customer.account_id is None else None
    if new and (_people_make_them(caller) or accounts_asked_about(caller.workspace_id, [row["id"]])):
        new = None
    return Becoming(
        name=name_of(row),
        amount=row["deal_value"],
        currency=row["currency"],
        stages=rules,
        account=row["account"],
        new_account=new,
        contact=row["name"] or customer.email or row["phone"],
        at_once=rules.close_at_once,
    )


def _people_make_them(caller: Caller) -> bool:
    """Whether people alone make accounts."""
    active = _active(caller)
    return active is not None and active.book.policy.matching.make == "never"


def stages(caller: Caller) -> Opportunities:
    """The stages in force."""
    return rules_of(_active(caller))


def _active(caller: Caller) -> policies.Active | None:
    enter(caller.workspace_id)
    return policies.active(caller.workspace_id)


def _range(caller: Caller, now: datetime) -> tuple[str, list[Any]]:
    """SQL for the opportunities that are the caller's to see."""
    enter(caller.workspace_id)
    eyes = Eyes(caller, now)
    if eyes.sees_all:
        return "deal.workspace_id = %s", [caller.workspace_id]
    reps = {caller.rep_id} if caller.rep_id else set()
    return (
        "deal.workspace_id = %s AND (deal.owner_id = ANY(%s) OR deal.lead_id = ANY(%s))",
        [caller.workspace_id, sorted(reps | eyes.reports), sorted(eyes.helps)],
    )


def _read(where: str, values: Sequence[Any], rest: str = "") -> list[Deal]:
    with connection.cursor() as ask:
        ask.execute(f"SELECT {_COLUMNS} FROM {_TABLES} WHERE {where} {rest}", values)
        return [Deal(*row) for row in ask.fetchall()]


def _first_of_each(where: str, values: Sequence[Any], cards: int) -> list[Deal]:
    """So many of each stage, in their order."""
    names = [f.name for f in fields(Deal)]
    chosen = ", ".join(f"{column} AS {name}" for column, name in zip(_COLUMNS.split(", "), names, strict=True))
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {', '.join(names)} FROM (SELECT {chosen}, row_number() OVER (PARTITION BY deal.stage ORDER BY {_BY_CLOSE}) AS nth "
            f"FROM {_TABLES} WHERE {where}) AS numbered WHERE nth <= %s ORDER BY nth",
            [*values, cards],
        )
        return [Deal(*row) for row in ask.fetchall()]


def _summed(where: str, values: Sequence[Any], by: str) -> list[tuple[str, str | None, int, Decimal | None]]:
    """What there is of each stage or state and currency: how many, and what they come to (``None``: no amounts are known)."""
    with connection.cursor() as ask:
        ask.execute(
            f"SELECT {by}, CASE WHEN deal.amount IS NULL THEN NULL ELSE deal.currency END AS money, count(*), sum(deal.amount) "
            f"FROM {_TABLES} WHERE {where} GROUP BY 1, 2 ORDER BY 1, 2 NULLS LAST",
            values,
        )
        return list(ask.fetchall())


def _together(sums: Sequence[Sum]) -> list[Sum]:
    """Sums of each currency, added up; the greatest first."""
    all_of: dict[str | None, Sum] = {}
    for one in sums:
        total = all_of.setdefault(one.currency, Sum(one.currency))
        total.amount += one.amount
        total.weighted += one.weighted
    return sorted(all_of.values(), key=lambda total: total.amount, reverse=True)


def _ended(summed: Sequence[tuple[str, str | None, int, Decimal | None]], state: str) -> tuple[int, list[Sum]]:
    these = [row for row in summed if row[0] == state]
    return sum(row[2] for row in these), _together([Sum(row[1], row[3]) for row in these if row[3] is not None])
