"""Territories as the policy's pages show them: the tree with whose each is, and what moving a border would move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from dibs.delivery.wording import active_language, condition_in_words, titled
from dibs.distribution.borders import Border, Shown
from dibs.engine.policy import Owner, Policy
from dibs.engine.policy_market import Sizes, Territory
from dibs.insight.crew import rep_names
from dibs.insight.territories import market
from dibs.people.caller import Caller
from dibs.web.shown import called, country, date_of, number

#: Values of one bound that are named; of more, how many there are.
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One territory. ``bounds``: what it is drawn by, in words; ``parts``: its condition in words; ``days``: when it is there, if not
    always."""

    name: str
    depth: int
    bounds: list[str]
    parts: Any
    owner: str
    through: str
    days: str
    there: bool
    leads: int


@dataclass(frozen=True, slots=True)
class Moves:
    """A lead that a border moves: what it is called, who has it, and who would."""

    url: str
    name: str
    rep: str | None
    to: str | None
    where: str
    before: str
    after: str


def tree(caller: Caller, policy: Policy, now: datetime) -> list[Row]:
    """The territories, each before its parts."""
    names = rep_names(caller.workspace_id)
    return [
        Row(
            titled(part.name),
            min(part.depth, 6),
            _bounds(part.territory),
            condition_in_words(part.territory.when, active_language()) if part.territory.when else [],
            _owner(part.owner, names),
            titled(part.through) if part.through is not None else "",
            _days(part.territory),
            part.there,
            part.leads,
        )
        for part in market(caller, policy, now)
    ]


def crossing(border: Border) -> list[Moves]:
    """The leads that a border would move which are shown."""
    return [_moves(shown) for shown in border.first]


def between(border: Border) -> list[tuple[str, str, int]]:
    """How many leads from which territory to which."""
    return [(_named(before), _named(after), leads) for before, after, leads in border.between]


def _moves(shown: Shown) -> Moves:
    to = shown.to or {}
    return Moves(
        str(shown.crossing.lead_id),
        called(shown.lead),
        shown.rep,
        to.get("rep"),
        _place(to) if shown.to is not None else _("stays"),
        _named(shown.crossing.before),
        _named(shown.crossing.after),
    )


def _place(to: Any) -> str:
    if to.get("pool"):
        return _("the pool %(pool)s") % {"pool": titled(to["pool"])}
    if to.get("review"):
        return _("the managers")
    return ""


def _named(territory: str | None) -> str:
    return titled(territory) if territory is not None else _("no territory")


def _owner(owner: Owner | None, names: Mapping[str, str]) -> str:
    if owner is None:
        return ""
    if owner.team:
        return _("the team %(team)s") % {"team": titled(owner.team)}
    return names.get(owner.rep or "", owner.rep or "")


def _bounds(territory: Territory) -> list[str]:
    bounds = [
        (None, [country(code) for code in territory.countries]),
        (None, list(territory.regions)),
        (_("postal codes %(codes)s"), list(territory.postal_codes)),
        (None, [titled(industry) for industry in territory.industries]),
    ]
    said = [
        _several(values) if text is None else text % {"codes": _several(values)} for text, values in bounds if values
    ]
    return [*said, *([_size(territory.employees)] if territory.employees is not None else [])]


def _several(values: list[str]) -> str:
    named = ", ".join(value.replace("..", "–") for value in values[:_NAMED])
    rest = len(values) - _NAMED
    return _("%(named)s and %(n)s more") % {"named": named, "n": rest} if rest > 0 else named


def _size(sizes: Sizes) -> str:
    least, most = sizes.at_least, sizes.at_most
    if least is not None and most is not None:
        return _("%(least)s to %(most)s employees") % {"least": number(least), "most": number(most)}
    if least is not None:
        return _("%(least)s employees or more") % {"least": number(least)}
    return _("%(most)s employees or fewer") % {"most": number(most)} if most is not None else ""


def _days(territory: Territory) -> str:
    starts, ends = territory.starts, territory.ends
    if starts is not None and ends is not None:
        return _("from %(first)s to %(last)s") % {"first": date_of(starts), "last": date_of(ends)}
    if starts is not None:
        return _("from %(first)s") % {"first": date_of(starts)}
    return _("until %(last)s") % {"last": date_of(ends)} if ends is not None else ""
