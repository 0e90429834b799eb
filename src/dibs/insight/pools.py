"""The pools as a caller sees them: which there are, how many wait, and who, page by page.

How a page is found is said in ``searching``. A page may be short, or empty, and still have a next one: where a tier's condition is
asked of each lead, or very many wait, one page looks through so many and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from dibs.distribution.reading import Row
from dibs.insight.pages import BadCursor, Page, cursor_after, last_seen
from dibs.insight.searching import BY_RANGE, BY_VALUE, SORTS, VALUES_LIMIT, BadFilter, Order, Question
from dibs.insight.sight import Eyes, SeenLead, Window, read_lead
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

__all__ = ["BY_RANGE", "BY_VALUE", "SORTS", "VALUES_LIMIT", "BadFilter", "PoolCard", "pool_page", "pools_in_sight"]

#: Counting stops here: "5,000 or more" is as good to know, and costs no more at a million.
COUNT_LIMIT = 5_000

Filters = Mapping[str, Sequence[str] | tuple[float | None, float | None]]


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

    ``q``: words that must all stand in fields that the caller sees, each in any of them; see ``crm.lookup`` for what is folded.
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
    ask = Question(eyes, window, pool, q.strip(), filters or {}, sort)
    anchor = _anchor(caller, last_seen(cursor, ask.text), ask.order) if cursor else None
    found, go_on = ask.rows(anchor, limit)
    items = [eyes.through(window, row) for row in found]
    return Page(items, cursor_after(go_on, ask.text) if go_on else None)


def _anchor(caller: Caller, lead_id: UUID, order: Order) -> Row:
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


def _count(eyes: Eyes, window: Window, pool: str) -> tuple[int, bool]:
    """How many wait, as far as it is counted, and whether there are more."""
    return Question(eyes, window, pool, "", {}, "waiting_since").count(COUNT_LIMIT)


def _oldest(eyes: Eyes, window: Window, pool: str) -> datetime | None:
    """Since when the one that waits longest has waited."""
    found, _ = Question(eyes, window, pool, "", {}, "waiting_since").rows(None, 1)
    return found[0]["waiting_since"] if found else None
