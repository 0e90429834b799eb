"""The market in slices: in which territory a lead lies, and whose that is.

Territories form a tree. Of several that a lead lies in, the first counts; within it the first of its children, and so on down. What
is drawn by countries, regions, postal codes, industries and sizes is looked up here, in plain Python and by country first, so that a
thousand of them cost a lead little more than one; conditions are asked as everywhere, several at once. A territory that is not there yet,
or not any more, on the day it is in the policy's time zone, counts as not written, with all its children.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from dibs.engine.asking import Facts, Questions
from dibs.engine.calendar import local_day
from dibs.engine.conditions import Activation, Condition
from dibs.engine.facts import LeadFacts
from dibs.engine.policy_market import Owner, Territory
from dibs.engine.postal import PostalCodes

#: What a lookup by country is kept under for leads whose country no territory names.
_ELSEWHERE = "elsewhere"

Territories = Mapping[str, Territory]


@dataclass(frozen=True, slots=True)
class Lies:
    """Where a lead lies. ``above``: the territories around, the nearest first. ``owner`` is a team or a rep, ``None`` for nobody's;
    ``through`` the territory whose owner that is, where it is not its own."""

    name: str
    territory: Territory
    above: tuple[str, ...]
    owner: Owner | None
    through: str | None


class Market:
    """A policy's territories made ready to be looked up. Those whose parent is unknown, or is a part of them, are never reached."""

    __slots__ = ("_children", "_zone", "dated", "lies")

    def __init__(self, territories: Territories, zone: str, conditions: Mapping[str, Condition], facts: Facts) -> None:
        self._zone = zone
        #: Whether any of them begins or ends by a day.
        self.dated = any(territory.starts or territory.ends for territory in territories.values())
        #: Each of them: whose it is, and what it is a part of.
        self.lies = {
            name: Lies(name, territory, above(territories, name), *owner_of(territories, name))
            for name, territory in territories.items()
        }
        self._children: dict[str | None, _Siblings] = {
            parent: _Siblings({name: territories[name] for name in names}, conditions, facts)
            for parent, names in children(territories).items()
        }

    def of(self, lead: LeadFacts, activation: Activation, now: datetime, day: date | None = None) -> Lies | None:
        """The territory that the lead lies in, as far down as it goes; ``None``: in none. ``day``: as it is on this day."""
        siblings = self._children.get(None)
        if siblings is None:
            return None
        today = (day or local_day(self._zone, now)) if self.dated else None
        found: str | None = None
        while siblings is not None:
            name = siblings.first(lead, activation, today)
            if name is None:
                break
            found = name
            siblings = self._children.get(name)
        return self.lies[found] if found is not None else None


def above(territories: Territories, name: str) -> tuple[str, ...]:
    """The territories that this one is a part of, the nearest first; up to the first that is unknown or comes again."""
    found: list[str] = []
    parent = territories[name].parent
    while parent is not None and parent in territories and parent not in found and parent != name:
        found.append(parent)
        parent = territories[parent].parent
    return tuple(found)


def in_circle(territories: Territories, name: str) -> bool:
    """Whether a territory is a part of itself, by way of its parents."""
    over = above(territories, name)
    last = over[-1] if over else name
    return territories[last].parent == name


def children(territories: Territories) -> dict[str | None, tuple[str, ...]]:
    """The territories below each, in their order; ``None``: those at the top. Those that cannot be reached from there are in none."""
    below: dict[str | None, list[str]] = {}
    for name, territory in territories.items():
        below.setdefault(territory.parent, []).append(name)
    reached: dict[str | None, tuple[str, ...]] = {}
    coming: list[str | None] = [None]
    while coming:
        parent = coming.pop()
        if parent in below:
            reached[parent] = tuple(below[parent])
            coming += below[parent]
    return reached


def owner_of(territories: Territories, name: str) -> tuple[Owner | None, str | None]:
    """Whose a territory is, a team or a rep, and the territory that says so where it is another.

    Its own; one given by another territory is that one's, and without any it has its parent's. ``None``: nobody's, also where
    owners lead round in a circle.
    """
    at, tried = name, set[str]()
    while at in territories and at not in tried:
        tried.add(at)
        territory = territories[at]
        if territory.owner is not None and territory.owner.territory is None:
            return territory.owner, None if at == name else at
        onward = territory.owner.territory if territory.owner is not None else territory.parent
        if onward is None:
            break
        at = onward
    return None, None


def starts_and_ends(territories: Territories, since: date, until: date) -> Iterator[str]:
    """The territories that begin after the day ``since`` and up to ``until``, or whose last day lies in ``since`` up to before
    ``until``: on ``until`` the market is another than it was on ``since``."""
    for name, territory in territories.items():
        begins = territory.starts is not None and since < territory.starts <= until
        ends = territory.ends is not None and since <= territory.ends < until
        if begins or ends:
            yield name


@lru_cache(maxsize=8192)
def folded(text: str) -> str:
    """As regions and industries are compared: without case, width, accents, and spaces around."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    if apart.isascii():
        return apart.strip()
    bare = "".join(sign for sign in apart if not "\u0300" <= sign <= "\u036f")
    return unicodedata.normalize("NFC", bare).strip()


def there(territories: Territories, name: str, day: date) -> bool:
    """Whether a territory is there on this day: it and all that it is a part of have begun and not ended."""
    return all(
        (one.starts is None or one.starts <= day) and (one.ends is None or day <= one.ends)
        for one in (territories[name], *(territories[over] for over in above(territories, name)))
    )


class _Slice:
    """One territory's bounds: all that is given must hold."""

    __slots__ = (
        "_at_least", "_at_most", "_condition", "_countries", "_ends", "_industries", "_postal_codes", "_regions", "_starts", "name",
    )  # fmt: skip

    def __init__(self, name: str, territory: Territory, condition: Condition | None) -> None:
        self.name = name
        self._condition = condition
        self._countries = frozenset(territory.countries)
        self._regions = frozenset(folded(region) for region in territory.regions)
        self._industries = frozenset(folded(industry) for industry in territory.industries)
        self._postal_codes = PostalCodes(territory.postal_codes) if territory.postal_codes else None
        sizes = territory.employees
        self._at_least = sizes.at_least if sizes is not None else None
        self._at_most = sizes.at_most if sizes is not None else None
        self._starts, self._ends = territory.starts, territory.ends

    def could_hold(self, country: str | None) -> bool:
        """Whether leads of this country may lie here."""
        return not self._countries or country in self._countries

    def holds(self, lead: LeadFacts, activation: Activation, today: date | None) -> bool:
        """Whether the lead lies here, its country being right already. What is not known of it lies in no bounds."""
        if self._regions and (lead.region is None or folded(lead.region) not in self._regions):
            return False
        if self._industries and (lead.industry is None or folded(lead.industry) not in self._industries):
            return False
        if self._at_least is not None and (lead.employees is None or lead.employees < self._at_least):
            return False
        if self._at_most is not None and (lead.employees is None or lead.employees > self._at_most):
            return False
        if self._postal_codes is not None and (
            lead.postal_code is None or not self._postal_codes.hold(lead.postal_code)
        ):
            return False
        if today is not None and (
            (self._starts is not None and today < self._starts) or (self._ends is not None and today > self._ends)
        ):
            return False
        return self._condition is None or self._condition.holds(activation)


class _Asked:
    """Territories one after the other that are a condition each, and nothing else: asked several at once."""

    __slots__ = ("_names", "_questions")

    def __init__(self, names: list[str], conditions: Mapping[str, Condition], facts: Facts) -> None:
        self._names = tuple(names)
        self._questions = Questions([conditions[name] for name in names], facts, first=True)

    def first(self, lead: LeadFacts, activation: Activation, today: date | None) -> str | None:
        place = self._questions.first(activation)
        return None if place is None else self._names[place]


class _Drawn:
    """Territories one after the other that have bounds: looked up by the lead's country, which most of them name."""

    __slots__ = ("_by_country", "_elsewhere")

    def __init__(self, slices: list[_Slice], named: frozenset[str]) -> None:
        self._by_country = {
            country: tuple(one for one in slices if one.could_hold(country)) for country in sorted(named)
        }
        self._elsewhere = tuple(one for one in slices if one.could_hold(_ELSEWHERE))

    def first(self, lead: LeadFacts, activation: Activation, today: date | None) -> str | None:
        for one in self._by_country.get(lead.country or "", self._elsewhere):
            if one.holds(lead, activation, today):
                return one.name
        return None


class _Siblings:
    """The children of one territory, or those at the top, in runs of a kind so that their order is kept."""

    __slots__ = ("_runs",)

    def __init__(self, territories: Territories, conditions: Mapping[str, Condition], facts: Facts) -> None:
        self._runs = tuple(_runs(territories, conditions, facts))

    def first(self, lead: LeadFacts, activation: Activation, today: date | None) -> str | None:
        for run in self._runs:
            name = run.first(lead, activation, today)
            if name is not None:
                return name
        return None


def _runs(territories: Territories, conditions: Mapping[str, Condition], facts: Facts) -> Iterator[_Asked | _Drawn]:
    asked: list[str] = []
    drawn: list[tuple[str, Territory]] = []
    for name, territory in territories.items():
        if name in conditions and not has_bounds(territory):
            if drawn:
                yield _drawn(drawn, conditions)
                drawn = []
            asked.append(name)
        else:
            if asked:
                yield _Asked(asked, conditions, facts)
                asked = []
            drawn.append((name, territory))
    if drawn:
        yield _drawn(drawn, conditions)
    if asked:
        yield _Asked(asked, conditions, facts)


def _drawn(territories: list[tuple[str, Territory]], conditions: Mapping[str, Condition]) -> _Drawn:
    named = frozenset(country for _, territory in territories for country in territory.countries)
    return _Drawn([_Slice(name, territory, conditions.get(name)) for name, territory in territories], named)


def has_bounds(territory: Territory) -> bool:
    """Whether anything beside its condition and its parent says which leads lie in it, or when."""
    return bool(
        territory.countries
        or territory.regions
        or territory.postal_codes
        or territory.industries
        or (territory.employees is not None and territory.employees != type(territory.employees)())
        or territory.starts
        or territory.ends
    )
