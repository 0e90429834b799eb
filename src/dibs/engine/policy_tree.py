"""How a policy's territories hang together: can each be reached, does each belong to somebody, is each drawn by what there is?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Literal

from dibs.engine.conditions import Condition
from dibs.engine.policy_market import Sizes, Territory
from dibs.engine.policy_model import Policy
from dibs.engine.policy_reading import did_you_mean
from dibs.engine.policy_text import Path
from dibs.engine.postal import PostalCodeRefused, PostalCodes
from dibs.engine.territories import Territories, above, folded, in_circle, owner_of

# ISO 3166-1 alpha-2, and Kosovo's, which everybody uses.
_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG
CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL
GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA
LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP
NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"""
COUNTRIES = frozenset(_CODES.split())
#: What people write for a country whose code is another.
_MEANT = {"UK": "GB", "EN": "GB", "EL": "GR", "JA": "JP", "KO": "KR", "SP": "ES", "SU": "RU"}

Found = tuple[str, str, Path, int | None, Literal["error", "warning"]]
Compiled = Mapping[Path, Condition]


def tree(policy: Policy, compiled: Compiled) -> Iterator[Found]:
    """Everything found wrong with the territories, but for conditions that do not compile: of those, what is ``compiled``."""
    territories = policy.territories
    broken = [*_names(territories), *_circles(territories)]
    yield from broken
    for name, territory in territories.items():
        yield from _bounds(territories, name, territory)
    yield from _unreachable(territories, compiled)
    pushes = [rule.push for rule in policy.route]
    pushes += [step.push for pool in policy.pools.values() for step in pool.escalate]
    if not broken and any(push is not None and push.to == "territory.owner" for push in pushes):
        yield from _unowned(territories)


def _names(territories: Territories) -> Iterator[Found]:
    for name, territory in territories.items():
        named: list[tuple[Path, str]] = []
        if territory.parent is not None:
            named.append((("territories", name, "parent"), territory.parent))
        if territory.owner is not None and territory.owner.territory is not None:
            named.append((("territories", name, "owner", "territory"), territory.owner.territory))
        for path, other in named:
            if other not in territories:
                hint = did_you_mean(other, territories)
                yield "unknown_territory", f"there is no territory {other}{hint}", path, None, "error"


def _circles(territories: Territories) -> Iterator[Found]:
    told: set[str] = set()
    for name in territories:
        if in_circle(territories, name) and name not in told:
            ring = (name, *above(territories, name))
            told.update(ring)
            way = " in ".join((*ring, name))
            yield (
                "territory_circle",
                f"{name} is a part of itself: {way}",
                ("territories", name, "parent"),
                None,
                "error",
            )
    told.clear()
    for name, territory in territories.items():
        ring = _owner_circle(territories, name)
        if ring and name not in told and territory.owner is not None:
            told.update(ring)
            message = f"{name} has no owner: {' has the owner of '.join((*ring, ring[0]))}"
            yield "owner_circle", message, ("territories", name, "owner"), None, "error"


def _owner_circle(territories: Territories, name: str) -> tuple[str, ...]:
    """The territories that have each other's owners round in a circle, if this one is among them and one of them says so."""
    at: str | None = name
    ring: list[str] = []
    while at is not None and at in territories and at not in ring:
        ring.append(at)
        territory = territories[at]
        at = territory.owner.territory if territory.owner is not None else territory.parent
    said = any(territories[one].owner is not None for one in ring)
    return tuple(ring) if at == name and said else ()


def _bounds(territories: Territories, name: str, territory: Territory) -> Iterator[Found]:
    path: Path = ("territories", name)
    for index, country in enumerate(territory.countries):
        if country not in COUNTRIES:
            hint = f"; did you mean {_MEANT[country]}?" if country in _MEANT else ""
            message = f"there is no country {country} in ISO 3166{hint}"
            yield "unknown_country", message, (*path, "countries", index), None, "warning"
    readable = True
    for index, code in enumerate(territory.postal_codes):
        try:
            PostalCodes((code,))
        except PostalCodeRefused as refused:
            readable = False
            yield refused.code, refused.message, (*path, "postal_codes", index), None, "error"
    around = [territory, *(territories[over] for over in above(territories, name))]
    if territory.postal_codes and readable and not any(one.countries or one.when for one in around):
        message = f"postal codes of different countries look alike; say the countries of {name} too"
        yield "postal_without_country", message, (*path, "postal_codes"), None, "warning"
    sizes = territory.employees
    if sizes is not None and None not in (sizes.at_least, sizes.at_most) and _from(sizes) > _to(sizes):
        message = f"no company is of this size: at_least {sizes.at_least} lies above at_most {sizes.at_most}"
        yield "sizes_crossed", message, (*path, "employees"), None, "error"
    if territory.starts is not None and territory.ends is not None and territory.starts > territory.ends:
        yield "ends_before_start", f"{name} ends before it starts", (*path, "ends"), None, "error"


def _unowned(territories: Territories) -> Iterator[Found]:
    """A rule pushes to the owners of territories: those that have none."""
    parents = {territory.parent for territory in territories.values()}
    for name in territories:
        if owner_of(territories, name)[0] is None:
            rest = " that lie in none of its parts" if name in parents else ""
            message = f"{name} has no owner, so its leads{rest} go where the rule that pushes them falls back to"
            yield "territory_unowned", message, ("territories", name), None, "warning"


def _unreachable(territories: Territories, compiled: Compiled) -> Iterator[Found]:
    before: dict[str | None, list[str]] = {}
    for name, territory in territories.items():
        why = _never(territories, name, compiled) or next(
            (
                said
                for other in before.get(territory.parent, ())
                if (said := _taken_by(territories, other, name, compiled))
            ),
            None,
        )
        before.setdefault(territory.parent, []).append(name)
        if why:
            message = f"{name} can never be reached: {why}"
            yield "territory_unreachable", message, ("territories", name), None, "warning"


def _never(territories: Territories, name: str, compiled: Compiled) -> str | None:
    """Why no lead can lie here, whatever other territories there are."""
    territory = territories[name]
    if _constant(compiled, name) is False:
        return "its condition is always false"
    for over in above(territories, name):
        around = territories[over]
        apart: tuple[tuple[bool, str], ...] = (
            (_apart(territory.countries, around.countries, str), "countries"),
            (_apart(territory.regions, around.regions, folded), "regions"),
            (_apart(territory.industries, around.industries, folded), "industries"),
            (_from(territory.employees) > _to(around.employees), "sizes"),
            (_to(territory.employees) < _from(around.employees), "sizes"),
            (_starts(territory) > _ends(around) or _ends(territory) < _starts(around), "dates"),
        )
        for is_apart, what in apart:
            if is_apart:
                return f"its {what} lie outside those of {over}"
    return None


def _taken_by(territories: Territories, other: str, name: str, compiled: Compiled) -> str | None:
    """Why every lead that lies here lies in the ``other`` territory beside it, which comes first."""
    one, this = territories[other], territories[name]
    always, text = _constant(compiled, other) is True or one.when is None, _text(one)
    covers = (
        (always or text == _text(this))
        and _within(this.countries, one.countries, str)
        and _within(this.regions, one.regions, folded)
        and _within(this.industries, one.industries, folded)
        and _within(this.postal_codes, one.postal_codes, str)
        and _from(one.employees) <= _from(this.employees)
        and _to(one.employees) >= _to(this.employees)
        and _starts(one) <= _starts(this)
        and _ends(one) >= _ends(this)
    )
    if not covers:
        return None
    if always and not any(
        (one.countries, one.regions, one.industries, one.postal_codes, one.employees, one.starts, one.ends)
    ):
        return f"{other} before it takes every lead{_inside(this)}"
    if not always:
        return f"{other} before it has the same condition"
    return f"{other} before it takes all that lies there{_inside(this)}"


def _inside(territory: Territory) -> str:
    return f" in {territory.parent}" if territory.parent is not None else ""


def _constant(compiled: Compiled, name: str) -> bool | None:
    """The value of a territory's condition where it asks no facts."""
    condition = compiled.get(("territories", name, "when"))
    return None if condition is None or condition.facts else condition.constant()


def _text(territory: Territory) -> str:
    return re.sub(r"\s+", " ", territory.when or "").strip()


def _within(these: Iterable[str], those: tuple[str, ...], like: Callable[[str], str]) -> bool:
    """Whether all of these are among those; where nothing is named, everything is."""
    if not those:
        return True
    named = {like(text) for text in these}
    return bool(named) and named <= {like(text) for text in those}


def _apart(these: tuple[str, ...], those: tuple[str, ...], like: Callable[[str], str]) -> bool:
    """Whether both name some, and none in common."""
    if not these or not those:
        return False
    return {like(text) for text in these}.isdisjoint(map(like, those))


def _from(sizes: Sizes | None) -> float:
    return 0 if sizes is None or sizes.at_least is None else sizes.at_least


def _to(sizes: Sizes | None) -> float:
    return float("inf") if sizes is None or sizes.at_most is None else sizes.at_most


def _starts(territory: Territory) -> date:
    return territory.starts or date.min


def _ends(territory: Territory) -> date:
    return territory.ends or date.max
