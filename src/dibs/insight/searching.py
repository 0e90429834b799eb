"""What is asked of a pool, as SQL: in its line, narrowed by filters, a search and the tier's condition on leads.

What the indexes answer (the usual orders, the filters of `INDEXED`, the score) is read along them, from where the last page ended, and
costs the same whether a hundred leads wait or a million. Anything else is looked through: the index ``lead_pool_by_score``
includes what a search, a range or another order needs, so that 100,000 leads are gone through without touching one of them. Of more
than `LOOK_THROUGH` a page looks through so many and the next goes on from there.

A search finds a lead by the fields that the caller sees, and not by others: what it finds, and where its pages end, says nothing of
what they hold.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.crm.lookup import words_of
from dibs.distribution.lines import sees
from dibs.distribution.overseeing import waits_in_pool
from dibs.distribution.reading import LEAD_COLUMNS, Row
from dibs.engine.conditions import ABSENT
from dibs.insight.narrowing import Bound, Condition, Said, found_in, one_of, terms_of
from dibs.insight.sight import OWN_FIELDS, SELECT, Eyes, Window, row_of

#: How many leads a page looks through in the index (about 40 ms).
LOOK_THROUGH = 150_000
#: How many it looks at first, where many would be found and their order is not that of the index.
LOOK_FIRST = 1_000
#: How many leads a page looks through where more wait than `LOOK_THROUGH` and the index has them in another order (about 15 ms).
LOOK_AT = 5_000
#: How many leads a page looks through, and how many at first, where a tier's condition is asked of each (about 25 microseconds a
#: lead); and how many are asked to count them.
ASK_THROUGH, _FIRST, COUNT_THROUGH = 600, 100, 300
#: How many values of one field may be asked for together.
VALUES_LIMIT = 10

#: Fields to filter by value; the first three have an index of their own.
BY_VALUE = ("country", "industry", "source", "rank", "region", "city", "language", "product", "currency", "territory")
INDEXED = BY_VALUE[:3]
#: Fields to filter by range, both ends included.
BY_RANGE = ("score", "employees", "deal_value")
#: Orders a caller may ask for, beside the pool's own.
SORTS = ("-score", "score", "waiting_since", "-waiting_since")
#: Columns with whether each goes down.
Order = tuple[tuple[str, bool], ...]

#: The order of the index that is looked through, and the same backwards.
_ALONG: Order = (("score", True), ("received_at", False), ("id", False))
_BACK: Order = tuple((name, not down) for name, down in _ALONG)
#: The columns it has.
_HELD = ("id", "score", "received_at", "waiting_since", "employees", "deal_value", "rank", "territory", "lookup")
_WAITING = ("lead.state = 'pooled'", "lead.state = 'owned' AND lead.lock_expires_at <= %s")

_UNKNOWN: Row = dict.fromkeys(LEAD_COLUMNS) | {"attributes": {}, "answers": {}}
_NULLABLE = frozenset({"score", "employees", "deal_value"})


class BadFilter(Exception):
    """A filter or an order that there is not, or not for this caller. ``what`` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Question:
    """A pool's leads as a caller wants them. ``filters`` as in `pools.pool_page`; raises `BadFilter`."""

    def __init__(self, eyes: Eyes, window: Window, pool: str, q: str, filters: Mapping[str, Any], sort: str) -> None:
        self.eyes, self.window, self.pool = eyes, window, pool
        self.order = _order(eyes, window, pool, sort)
        #: Conditions that an index answers, and those that are looked through for.
        self.sharp: list[Said] = []
        self.blunt: list[Condition] = []
        #: One filter that has an index of its own: the field, and the values wanted.
        self.branch: tuple[str, list[str]] | None = None
        for name in sorted(filters):
            if name not in window.fields:
                raise BadFilter(name)
            if name in BY_RANGE:
                self._in_range(name, *filters[name])
            elif name in BY_VALUE:
                self._one_of(name, list(dict.fromkeys(filters[name])))
            else:
                raise BadFilter(name)
        #: Whether the tier's condition is asked of each lead, for SQL can't.
        self.asks = window.only is not None and not self._narrowed(window.only.text)
        self.blunt += [found_in(word, window) for word in words_of(q)]
        #: What the question is, for the cursors that go on with it.
        self.text = repr((str(eyes.caller.workspace_id), pool, q, sorted(filters.items()), self.order))

    def _in_range(self, name: str, least: Any, most: Any) -> None:
        # Whole numbers stay whole: compared with a fraction, the column would be cast and its index be of no use.
        whole = name != "deal_value"
        bounds = [
            (sign, round_off(bound) if whole else bound)
            for sign, bound, round_off in ((">=", least, math.ceil), ("<=", most, math.floor))
            if bound is not None
        ]
        for sign, bound in bounds:
            self._compared(name, sign, bound)

    def _compared(self, name: str, sign: str, bound: Any) -> None:
        if name == "score":
            self.sharp.append((f"lead.score {sign} %s", [bound]))
        else:
            self.blunt.append(Condition(f"{{lead}}.{name} {sign} %s", [bound]))

    def _one_of(self, name: str, values: list[str]) -> None:
        if not 0 < len(values) <= VALUES_LIMIT:
            raise BadFilter(name)
        if name in INDEXED and self.branch is None:
            self.branch = (name, values)
        else:
            self.blunt.append(one_of(name, values))

    def _narrowed(self, text: str) -> bool:
        """Take over a tier's condition on leads, if SQL can say all of it."""
        terms = terms_of(text)
        for term in terms or ():
            if isinstance(term, Bound):
                self._compared(term.field, term.sign, term.bound)
            elif term.field in INDEXED and self.branch is None and len(term.values) <= VALUES_LIMIT:
                self.branch = (term.field, list(term.values))
            else:
                self.blunt.append(one_of(term.field, term.values))
        return terms is not None

    def rows(self, anchor: Row | None, limit: int) -> tuple[list[Row], UUID | None]:
        """Up to ``limit`` leads after ``anchor`` and the lead to go on after, if there may be more."""
        if not self.asks:
            found, stop = self._read(anchor, limit + 1, self._rows)
            return (found[:limit], found[limit - 1]["id"]) if len(found) > limit else (found, stop)
        admitted, go_on = self._admitted(anchor, limit, ASK_THROUGH)
        if not admitted:
            return [], go_on
        rows = self._rows(("SELECT unnest(%s::uuid[]) AS id", [admitted]))
        # One may have been taken since.
        return [row for row in rows if waits_in_pool(row, self.eyes.now)], go_on

    def _admitted(self, anchor: Row | None, limit: int, through: int) -> tuple[list[UUID], UUID | None]:
        """Up to ``limit`` leads that the tier's condition lets through, among the next ``through``, and the lead to go on after."""
        assert self.eyes.book is not None
        assert self.window.only is not None
        admitted: list[UUID] = []
        looked = 0
        while looked < through:
            # Most find theirs among the first. Where all have to be searched to find some, they are searched once.
            once = self.blunt and self.order not in (_ALONG, _BACK)
            batch = through - looked if looked or once else max(limit, _FIRST)
            read, stop = self._read(anchor, batch, self._facts)
            looked += len(read)
            for row in read:
                if sees(self.eyes.book, self.window.only, self.eyes.rep, row, self.eyes.now):
                    if len(admitted) == limit:
                        return admitted, admitted[-1]
                    admitted.append(row["id"])
            if len(read) < batch:
                return admitted, stop
            anchor = read[-1]
        assert anchor is not None
        return admitted, anchor["id"]

    def count(self, limit: int) -> tuple[int, bool]:
        """How many leads there are, as far as it is counted, and whether there are more."""
        if self.asks or self.blunt:
            # In whatever order they are found soonest.
            self.order = _ALONG
        if self.asks:
            admitted, go_on = self._admitted(None, COUNT_THROUGH, COUNT_THROUGH)
            return len(admitted), go_on is not None
        bounded = bool(self.blunt) and self._many_wait
        if not self.blunt:
            said, values = self.line(None, ("id",), limit + 1)
        elif bounded:
            said, values = self._looked(None, LOOK_AT, limit + 1)
        else:
            said, values = self._searched(None, limit + 1)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({said}) lead", values)
            counted = int(cursor.fetchone()[0])
        return min(counted, limit), bounded or counted > limit

    def _read(
        self, anchor: Row | None, number: int, rows: Callable[[Said], list[Row]]
    ) -> tuple[list[Row], UUID | None]:
        """Up to ``number`` leads after ``anchor``, read by ``rows``; of fewer, where looking through ended if that was not the end of
        the pool."""
        has_index = self.order[0][0] in ("score", "waiting_since")
        if not self.blunt and has_index:
            return rows(self.line(anchor, ("id",), number)), None
        along = self.order in (_ALONG, _BACK)
        if self.blunt and has_index and not along:
            found = rows(self._looked(anchor, LOOK_FIRST, number))
            if len(found) == number:
                return found, None
        if not self._many_wait:
            return rows(self._searched(anchor, number)), None
        if not self.blunt:
            return rows(self.line(anchor, ("id",), number)), None
        alone = along and self.branch is None
        bound = LOOK_THROUGH if alone else LOOK_AT
        found = rows(self._looked(anchor, bound, number, alone=alone))
        return found, self._last_looked_at(anchor, bound) if len(found) < number else None

    @cached_property
    def _many_wait(self) -> bool:
        """Whether more leads wait in the pool than are looked through at once. The first question spares the second nearly always; it
        goes by what the last VACUUM or ANALYZE found, and if that was long ago, a page takes longer."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'lead_pool_by_score'::regclass")
            if cursor.fetchone()[0] <= LOOK_THROUGH:
                return False
            cursor.execute(
                "SELECT EXISTS (SELECT id FROM crm_lead lead WHERE lead.workspace_id = %s AND lead.pool = %s "
                f"AND {_WAITING[0]} ORDER BY {order_sql(_ALONG)} OFFSET {LOOK_THROUGH:d})",
                [self.eyes.caller.workspace_id, self.pool],
            )
            return bool(cursor.fetchone()[0])

    def _rows(self, found: Said) -> list[Row]:
        """The leads whose ids these are, in order."""
        said, values = found
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {SELECT} FROM ({said}) found JOIN crm_lead lead ON lead.id = found.id "
                "LEFT JOIN people_rep owner ON owner.id = lead.owner_id "
                f"LEFT JOIN crm_account account ON account.id = lead.account_id ORDER BY {order_sql(self.order)}",
                values,
            )
            return [row_of(row) for row in cursor.fetchall()]

    def _facts(self, found: Said) -> list[Row]:
        """Of these leads what the tier's condition asks, in order; all else is left unknown."""
        assert self.window.only is not None
        asked = [fact.removeprefix(ABSENT).partition(".") for fact in self.window.only.facts]
        names = [name for subject, _, name in asked if subject == "lead"]
        columns = list(dict.fromkeys(["id", *(name for name, _ in self.order), *sorted(names)]))
        said, values = found
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {', '.join(f'lead.{name}' for name in columns)} FROM ({said}) found "
                f"JOIN crm_lead lead ON lead.id = found.id ORDER BY {order_sql(self.order)}",
                values,
            )
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        for row in rows:
            for name in ("attributes", "answers"):
                if isinstance(row.get(name), str):
                    row[name] = json.loads(row[name])
        return [_UNKNOWN | row for row in rows]

    def line(self, anchor: Row | None, columns: Sequence[str], limit: int) -> Said:
        """The first ``limit`` leads after ``anchor`` that the indexes can name, in order, with these columns and those of the order.

        Those that wait and those whose lock ran out, each for every value of the indexed filter: every branch is read along
        one index and stops by itself, then they are merged.
        """
        order = order_sql(self.order)
        wanted = ", ".join(f"lead.{name}" for name in dict.fromkeys([*columns, *(name for name, _ in self.order)]))
        after, after_values = _after(self.order, anchor)
        name, chosen = self.branch or ("", [""])
        parts: list[str] = []
        values: list[Any] = []
        for value in chosen:
            one, one_value = (f"AND lead.{name} = %s", [value]) if name else ("", [])
            for place, place_values in self._places():
                parts.append(
                    f"(SELECT {wanted} FROM crm_lead lead WHERE {place} {one} AND {after} ORDER BY {order} LIMIT {limit:d})"
                )
                values += [*place_values, *one_value, *after_values]
        return f"SELECT * FROM ({' UNION ALL '.join(parts)}) lead ORDER BY {order} LIMIT {limit:d}", values

    def _places(self) -> list[Said]:
        """Who waits, apart: those in the pool and those whose lock ran out. With what the indexes answer."""
        sharp = "".join(f" AND {said}" for said, _ in self.sharp)
        sharp_values = [value for _, values in self.sharp for value in values]
        here = [self.eyes.caller.workspace_id, self.pool]
        return [
            (f"lead.workspace_id = %s AND lead.pool = %s AND {state}{sharp}", [*here, *moment, *sharp_values])
            for state, moment in zip(_WAITING, ([], [self.eyes.now]), strict=True)
        ]

    def _looked(self, anchor: Row | None, bound: int, number: int, *, alone: bool = False) -> Said:
        """Those of the next ``bound`` leads that the blunt conditions let through. ``alone``: read in the index alone."""
        order = order_sql(self.order)
        if alone:
            line, values = self.line(anchor, _HELD, bound)
            said, said_values = _together(*self._in_index())
        else:
            line, values = self.line(anchor, ("id", *BY_VALUE, *BY_RANGE, "lookup"), bound)
            said, said_values = _all([condition.whole() for condition in self.blunt])
        return (
            f"SELECT lead.id FROM ({line}) lead WHERE {said} ORDER BY {order} LIMIT {number:d}",
            [*values, *said_values],
        )

    def _searched(self, anchor: Row | None, number: int) -> Said:
        """All leads after ``anchor`` that the conditions let through, found in the index alone.

        It is read along the index whatever the order asked for. Where that is another, OFFSET keeps the conditions out of the
        reading, where the planner would take their number for a reason to read the table.
        """
        order, after = order_sql(self.order), _after(self.order, anchor)
        inside, beyond = self._in_index(*([one_of(*self.branch)] if self.branch else ()))
        held = ", ".join(f"lead.{name}" for name in _HELD)
        (place, place_values), locked = self._places()
        line = f"SELECT {held} FROM crm_lead lead WHERE {place} ORDER BY {order_sql(_BACK if self.order == _BACK else _ALONG)}"
        if self.order in (_ALONG, _BACK):
            said, values = _all([after, _together(inside, beyond)])
            waiting = f"SELECT * FROM ({line}) lead WHERE {said}"
        else:
            # Sorted first, so that few have to be looked at themselves.
            said, values = _all([after, _together(inside, ("true", []))])
            waiting = f"SELECT * FROM ({line} OFFSET 0) lead WHERE {said}"
            if beyond[1]:
                waiting = f"SELECT * FROM ({waiting} ORDER BY {order} OFFSET 0) lead WHERE {beyond[0]}"
                values += beyond[1]
        lapsed, lapsed_values = _all([locked, after, inside, beyond])
        return (
            f"SELECT id FROM (({waiting} ORDER BY {order} LIMIT {number:d}) UNION ALL "
            f"(SELECT {held} FROM crm_lead lead WHERE {lapsed} ORDER BY {order} LIMIT {number:d})) lead "
            f"ORDER BY {order} LIMIT {number:d}",
            [*place_values, *values, *lapsed_values],
        )

    def _in_index(self, *more: Condition) -> tuple[Said, Said]:
        """What the blunt conditions ask in the index, and what they ask of the leads themselves where that lets too many through."""
        conditions = [*self.blunt, *more]
        inside = _all([(each.inside.format(lead="lead"), each.values) for each in conditions])
        beyond = [(each.beyond.format(lead="whole"), list(each.beyond_values)) for each in conditions if each.beyond]
        if not beyond:
            return inside, ("true", [])
        said, values = _all(beyond)
        return inside, (f"(SELECT {said} FROM crm_lead whole WHERE whole.id = lead.id)", values)

    def _last_looked_at(self, anchor: Row | None, bound: int) -> UUID | None:
        """Where looking through a bounded number of leads ended; ``None`` if it came to the end of the pool."""
        line, values = self.line(anchor, ("id",), bound)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT lead.id FROM ({line}) lead ORDER BY {order_sql(self.order)} OFFSET {bound - 1:d}", values
            )
            row = cursor.fetchone()
        return row[0] if row else None


def order_sql(order: Order) -> str:
    return ", ".join(f"lead.{name} {'DESC' if down else 'ASC'}" for name, down in order)


def _order(eyes: Eyes, window: Window, pool: str, sort: str) -> Order:
    """Columns to sort by, each with whether it goes down; the id makes it total. Raises `BadFilter`."""
    if sort and (sort not in SORTS or (sort.lstrip("-") in OWN_FIELDS and sort.lstrip("-") not in window.fields)):
        raise BadFilter("sort")
    if sort == "score":
        return _BACK
    if sort == "-waiting_since":
        return (("waiting_since", True), ("id", True))
    rules = eyes.book.policy.pools.get(pool) if eyes.book else None
    keys = {"-score": ("-score", "received_at"), "waiting_since": ("waiting_since",)}.get(sort) or (
        rules.order if rules else ("-score", "received_at")
    )
    return (*((key.lstrip("-"), key.startswith("-")) for key in keys), ("id", False))


def _after(order: Order, anchor: Row | None) -> Said:
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


def _all(said: Sequence[Said]) -> Said:
    return " AND ".join(text for text, _ in said) or "true", [value for _, values in said for value in values]


def _together(inside: Said, beyond: Said) -> Said:
    """Both as one condition, asked in this order; the planner thinks it less choosy than its parts would be each by itself."""
    said, values = _all([inside, beyond])
    return f"coalesce({said}, false)", values
