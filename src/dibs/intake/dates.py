"""Orders of day and month that can be taken for one another: what reads them, and which of them a column's values can only be in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from dibs.intake.moments import read_moment

#: Times that may follow a day, as people and programs write them, the likelier first.
_TIMES = (" %H:%M", "", " %H:%M:%S", ", %H:%M", ", %H:%M:%S", " %H.%M", " %I:%M %p", " %I:%M:%S %p", ", %I:%M %p")


def _forms(*days: str) -> tuple[str, ...]:
    return tuple(f"{day}{time}" for day in days for time in _TIMES)


#: The formats (`strptime`'s) of each order, by its name.
ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "day": _forms("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y", "%d.%m.%y"),
        "month": _forms("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y"),
    }
)
_NUMBERS = re.compile(r"\s*(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?![\d/.-])")


def order_of(formats: Iterable[str]) -> str | None:
    """The name of the order that these formats are; ``None``: they are some of their own."""
    given = tuple(formats)
    return next((name for name, forms in ORDERS.items() if forms == given), None)


def may_be_date(value: str) -> bool:
    """Whether the value is a day, or a moment, in whatever order."""
    return _NUMBERS.match(value) is not None or read_moment(value, "UTC") is not None


def likely_order(values: Iterable[str]) -> tuple[str | None, bool]:
    """The only order in which these can be read, if one is; and whether there is a value that more than one could read. A day above 12
    tells, and so do full stops: only the day goes before them."""
    found = [match for value in values if (match := _NUMBERS.match(value)) and read_moment(value, "UTC") is None]
    if not found:
        return None, False
    firsts, seconds = [int(each[1]) for each in found], [int(each[3]) for each in found]
    by_day = max(seconds) <= 12 and (max(firsts) > 12 or all(each[2] == "." for each in found))
    by_month = max(firsts) <= 12 and max(seconds) > 12
    return ("day" if by_day else "month" if by_month else None), not (by_day or by_month)


def contradicts(values: Iterable[str], order: str) -> bool:
    """Whether one of these cannot be read in this order, because its month would be above 12."""
    month = 3 if order == "day" else 1
    return any(int(match[month]) > 12 for value in values if (match := _NUMBERS.match(value)))
