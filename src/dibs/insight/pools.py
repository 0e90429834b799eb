"""The pools as a caller sees them: which there are, how many wait, and who, page by page.

A page is read along an index, from where the last one ended, so that the first page of a pool costs the same whether a
hundred leads wait or a million. What no index can answer (a search, a tier's condition) looks through a bounded number of
leads for each page; a page may then be short, or empty, and still have a next one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.distribution.reading import LEAD_SELECT, Row
from dibs.insight.pages import BadCursor, Page, cursor_after, last_seen
from dibs.insight.sight import OWN_FIELDS, SELECT, Eyes, SeenLead, Window, read_lead, row_of
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: Counting stops here: "5,000 or more" is as good to know, and costs no more at a million.
COUNT_LIMIT = 5_000
#: How many leads a page looks through where no index answers (about 10 ms).
LOOK_THROUGH = 5_000
#: How many leads a page looks through where a tier's condition is asked of each (about 20 microseconds a lead).
ASK_THROUGH = 1_000
#: How many values of one field may be asked for together.
VALUES_LIMIT = 10

#: Fields to filter by value; the first three have an index of their own.
BY_VALUE = ("country", "industry", "source", "rank", "region", "city", "language", "product", "currency", "territory")
INDEXED = BY_VALUE[:3]
#: Fields to filter by range, both ends included.
BY_RANGE = ("score", "employees", "deal_value")
#: Orders a caller may ask for, beside the pool's own.
SORTS = ("-score", "score", "waiting_since", "-waiting_since")
#: Fields that a search looks in, as far as the caller sees them.
SEARCHED = ("company", "name", "title", "email", "domain", "industry", "city", "product", "use_case", "source")

Filters = Mapping[str, Sequence[str] | tuple[float | None, float | None]]

_NULLABLE = frozenset({"score", "employees", "deal_value"})
_SCORE_BOUND = re.compile(r"\s*lead\.score\s*(<=|<|>=|>)\s*(\d{1,3})\s*")


class BadFilter(Exception):
    """A filter or an order that there is not, or not for this caller. ``what`` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class PoolCard:
    """A pool at a glance. ``waiting`` is exact below `COUNT_LIMIT`; ``more`` says that there are more than that."""

    name: str
    mode: str
    level: str
    waiting: int
    more: bool
    oldest: datetime | None


def pools_in_sight(caller: Caller, now: datetime) -> list[PoolCard]:
    """The pools that the caller may look into, in the policy's order."""
    enter(caller.workspace_id)
    eyes = Eyes(caller, now)
    if eyes.book is None:
        return []
    cards = []
    for name, pool in eyes.book.policy.pools.items():
        window = eyes.window(name)
        if window.level == "none":
            continue
        waiting, more = _count(eyes, window, name)
        cards.append(PoolCard(name, pool.mode, window.level, waiting, more, _oldest(eyes, window, name)))
    return cards


def pool_page(
    caller: Caller,
    pool: str,
    *,
    q: str = "",
    filters: Filters | None = None,
    sort: str = "",
    cursor: str | None = None,
    limit: int = 50,
    now: datetime,
) -> Page[SeenLead] | None:
    """Leads that wait in a pool, as the caller may see them; ``None``: no such pool in the caller's sight.

    ``filters`` maps a field of `BY_VALUE` to the values wanted, one of `BY_RANGE` to (least, most). Only fields that the
    caller sees can be searched, filtered and sorted by: else the answer would tell what the field says. ``sort`` is one of
    `SORTS`, or "" for the pool's own order. Of a queue a rep sees the head alone. Raises `BadFilter` and `BadCursor`.
    """
    enter(caller.workspace_id)
    eyes = Eyes(caller, now)
    window = eyes.window(pool)
    if window.level == "none":
        return None
    if window.head_only:
        if q.strip() or filters or sort:
            raise BadFilter("queue")
        row = read_lead(caller.workspace_id, head) if (head := eyes.head(pool)) else None
        return Page([eyes.through(window, row)] if row and eyes.admits(window, row) else [], None)
    ask = _Question(eyes, window, pool, q.strip(), dict(filters or {}), sort)
    anchor = _anchor(caller, last_seen(cursor, ask.text), ask.order) if cursor else None
    found, go_on = ask.rows(anchor, limit)
    items = [eyes.through(window, row) for row in found]
    return Page(items, cursor_after(go_on, ask.text) if go_on else None)


class _Question:
    """What is asked of a pool, as SQL."""

    def __init__(self, eyes: Eyes, window: Window, pool: str, q: str, filters: dict[str, Any], sort: str) -> None:
        self.eyes, self.window, self.pool = eyes, window, pool
        self.order = _order(eyes, window, pool, sort)
        #: Conditions that an index answers, and those that it does not.
        self.sharp: list[tuple[str, list[Any]]] = []
        self.blunt: list[tuple[str, list[Any]]] = []
        self.branch: tuple[str, list[str]] | None = None
        for name in sorted(filters):
            self._filter(name, filters[name])
        if window.only is not None and (bound := _SCORE_BOUND.fullmatch(window.only.text)):
            self.sharp.append((f"lead.score {bound[1]} %s", [int(bound[2])]))
        if q:
            columns = [name for name in SEARCHED if name in window.fields]
            like = "%" + re.sub(r"([\\%_])", r"\\\1", q) + "%"
            either = " OR ".join(f"lead.{name} ILIKE %s" for name in columns) or "false"
            self.blunt.append((f"({either})", [like] * len(columns)))
        self.text = repr((str(eyes.caller.workspace_id), pool, q, sorted(filters.items()), self.order))

    def _filter(self, name: str, wanted: Any) -> None:
        if name not in self.window.fields:
            raise BadFilter(name)
        if name in BY_RANGE:
            least, most = wanted
            into = self.sharp if name == "score" else self.blunt
            # Whole numbers stay whole: compared with a fraction, the column would be cast and its index be of no use.
            whole = name != "deal_value"
            if least is not None:
                into.append((f"lead.{name} >= %s", [math.ceil(least) if whole else least]))
            if most is not None:
                into.append((f"lead.{name} <= %s", [math.floor(most) if whole else most]))
        elif name in BY_VALUE:
            values = list(dict.fromkeys(wanted))
            if not 0 < len(values) <= VALUES_LIMIT:
                raise BadFilter(name)
            if name in INDEXED and self.branch is None:
                self.branch = (name, values)
            else:
                self.blunt.append((f"lead.{name} = ANY(%s)", [values]))
        else:
            raise BadFilter(name)

    def rows(self, anchor: Row | None, limit: int) -> tuple[list[Row], UUID | None]:
        """Up to ``limit`` leads after ``anchor`` and the last lead looked at, if there may be more after it."""
        found: list[Row] = []
        if self.window.only is None:
            found = self._read(anchor, limit + 1)
            if len(found) > limit:
                return found[:limit], found[limit - 1]["id"]
            return found, self._last_looked_at(anchor) if self.blunt else None
        batch, looked = max(limit, 100), 0
        while looked < ASK_THROUGH:
            read = self._read(anchor, batch)
            looked += len(read)
            for row in read:
                if self.eyes.admits(self.window, row):
                    if len(found) == limit:
                        return found, found[-1]["id"]
                    found.append(row)
            if len(read) < batch:
                return found, self._last_looked_at(anchor) if self.blunt else None
            anchor = read[-1]
        assert anchor is not None
        return found, anchor["id"]

    def _read(self, anchor: Row | None, limit: int) -> list[Row]:
        order = _order_sql(self.order)
        if self.blunt:
            line, values = self._line(anchor, LEAD_SELECT, LOOK_THROUGH)
            blunt, blunt_values = _joined(self.blunt)
            line = f"SELECT * FROM ({line}) lead WHERE {blunt} ORDER BY {order} LIMIT %s"
            values = [*values, *blunt_values, limit]
        else:
            line, values = self._line(anchor, LEAD_SELECT, limit)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {SELECT} FROM ({line}) lead LEFT JOIN people_rep owner ON owner.id = lead.owner_id "
                f"LEFT JOIN crm_account account ON account.id = lead.account_id ORDER BY {order}",
                values,
            )
            return [row_of(row) for row in cursor.fetchall()]

    def _last_looked_at(self, anchor: Row | None) -> UUID | None:
        """Where looking through a bounded number of leads ended; ``None`` if it came to the end of the pool."""
        columns = ", ".join(f"lead.{name}" for name in dict.fromkeys(["id", *(name for name, _ in self.order)]))
        line, values = self._line(anchor, columns, LOOK_THROUGH)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT lead.id FROM ({line}) lead ORDER BY {_order_sql(self.order)} OFFSET {LOOK_THROUGH - 1}", values
            )
            row = cursor.fetchone()
        return row[0] if row else None

    def _line(self, anchor: Row | None, columns: str, limit: int) -> tuple[str, list[Any]]:
        """The first ``limit`` leads after ``anchor`` that the indexes can name, in order.

        Those that wait and those whose lock ran out, each for every value of the indexed filter: every branch is read along
        one index and stops by itself, then they are merged.
        """
        order = _order_sql(self.order)
        sharp, sharp_values = _joined(self.sharp)
        after, after_values = _after(self.order, anchor)
        name, wanted = self.branch or (None, ())
        parts: list[str] = []
        values: list[Any] = []
        for value in wanted or (None,):
            for state, moment in (
                ("lead.state = 'pooled'", []),
                ("lead.state = 'owned' AND lead.lock_expires_at <= %s", [self.eyes.now]),
            ):
                one, one_value = (f"AND lead.{name} = %s", [value]) if name else ("", [])
                parts.append(
                    f"(SELECT {columns} FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.pool = %s AND {state} {one} "
                    f"AND {sharp} AND {after} ORDER BY {order} LIMIT %s)"
                )
                values += [
                    self.eyes.caller.workspace_id,
                    self.pool,
                    *moment,
                    *one_value,
                    *sharp_values,
                    *after_values,
                    limit,
                ]
        return f"SELECT * FROM ({' UNION ALL '.join(parts)}) lead ORDER BY {order} LIMIT %s", [*values, limit]


def _order(eyes: Eyes, window: Window, pool: str, sort: str) -> tuple[tuple[str, bool], ...]:
    """Columns to sort by, each with whether it goes down; the id makes it total. Raises `BadFilter`."""
    if sort and (sort not in SORTS or (sort.lstrip("-") in OWN_FIELDS and sort.lstrip("-") not in window.fields)):
        raise BadFilter("sort")
    if sort == "score":
        # The index of the usual order, read backwards.
        return (("score", False), ("received_at", True), ("id", True))
    if sort == "-waiting_since":
        return (("waiting_since", True), ("id", True))
    rules = eyes.book.policy.pools.get(pool) if eyes.book else None
    keys = {"-score": ("-score", "received_at"), "waiting_since": ("waiting_since",)}.get(sort) or (
        rules.order if rules else ("-score", "received_at")
    )
    return (*((key.lstrip("-"), key.startswith("-")) for key in keys), ("id", False))


def _order_sql(order: Sequence[tuple[str, bool]]) -> str:
    return ", ".join(f"lead.{name} {'DESC' if down else 'ASC'}" for name, down in order)


def _after(order: Sequence[tuple[str, bool]], anchor: Row | None) -> tuple[str, list[Any]]:
    """SQL for "comes after the anchor in this order". Unknown values come first going down, last going up, as in PostgreSQL."""
    if anchor is None:
        return "true", []
    condition = "false"
    values: list[Any] = []
    for name, down in reversed(order):
        column, value = f"lead.{name}", anchor[name]
        if value is None:
            further, same, once = f"{column} IS NOT NULL" if down else "false", f"{column} IS NULL", []
        else:
            further, same, once = f"{column} {'<' if down else '>'} %s", f"{column} = %s", [value]
            if not down and name in _NULLABLE:
                further = f"({further} OR {column} IS NULL)"
        condition, values = f"({further} OR ({same} AND {condition}))", [*once, *once, *values]
    first, down = order[0]
    if anchor[first] is not None and (down or first not in _NULLABLE):
        # Said once more in a form that an index can start from.
        return f"lead.{first} {'<=' if down else '>='} %s AND {condition}", [anchor[first], *values]
    return condition, values


def _anchor(caller: Caller, lead_id: UUID, order: Sequence[tuple[str, bool]]) -> Row:
    """The lead a cursor names, with the columns it is ordered by as they are now. Raises `BadCursor` if it is gone."""
    columns = list(dict.fromkeys(["id", *(name for name, _ in order)]))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(columns)} FROM crm_lead WHERE workspace_id = %s AND id = %s",
            [caller.workspace_id, lead_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise BadCursor
    return dict(zip(columns, row, strict=True))


def _joined(conditions: Sequence[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    return " AND ".join(text for text, _ in conditions) or "true", [
        value for _, values in conditions for value in values
    ]


def _count(eyes: Eyes, window: Window, pool: str) -> tuple[int, bool]:
    """How many wait, as far as it is counted, and whether there are more."""
    if window.only is not None and not _SCORE_BOUND.fullmatch(window.only.text):
        ask = _Question(eyes, window, pool, "", {}, "")
        found, go_on = ask.rows(None, ASK_THROUGH)
        return len(found), go_on is not None
    ask = _Question(eyes, window, pool, "", {}, "waiting_since")
    line, values = ask._line(None, "lead.id, lead.waiting_since", COUNT_LIMIT + 1)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({line}) lead", values)
        counted = int(cursor.fetchone()[0])
    return min(counted, COUNT_LIMIT), counted > COUNT_LIMIT


def _oldest(eyes: Eyes, window: Window, pool: str) -> datetime | None:
    """Since when the one that waits longest has waited."""
    ask = _Question(eyes, window, pool, "", {}, "waiting_since")
    found, _ = ask.rows(None, 1)
    return found[0]["waiting_since"] if found else None
