"""What narrows a pool's line, as SQL: a field's values, words that are searched for, a tier's condition on leads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dibs.crm.lookup import BORDER, FIELDS, OPEN, PERSONAL, line_of, place_of
from dibs.insight.sight import Window

#: Words of so many letters LIKE looks for faster than strpos, which gains by being able to leap.
_BRIEF = 2

#: SQL and its parameters.
Said = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL about ``{lead}``: ``inside`` asks only what the index holds. Where that lets more through than wanted, ``beyond`` says all of
    it and asks the lead itself."""

    inside: str
    values: list[Any]
    beyond: str | None = None
    beyond_values: tuple[Any, ...] = ()

    def whole(self) -> Said:
        """Asked of a lead that is read anyway."""
        said, values = (self.inside, self.values) if self.beyond is None else (self.beyond, self.beyond_values)
        return said.format(lead="lead"), list(values)


def one_of(name: str, values: Sequence[str]) -> Condition:
    """The field has one of these values. What the index holds of it is folded, and says only that some field has it."""
    exact = f"{{lead}}.{name} = ANY(%s)"
    if name not in FIELDS:
        return Condition(exact, [list(values)])
    lines = [line_of(value) for value in values]
    said = " OR ".join(["strpos({lead}.lookup, %s) > 0"] * len(lines)) or "false"
    return Condition(f"({said})", lines, exact, (list(values),))


def found_in(word: str, window: Window) -> Condition:
    """The word, folded, stands in a field that the caller sees."""
    seen = [name for name in FIELDS if name in window.fields]
    said, values = "strpos({lead}.lookup, %s) > 0", [word]
    if len(word) <= _BRIEF:
        said, values = "{lead}.lookup LIKE %s", ["%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"]
    if len(seen) == len(FIELDS):
        return Condition(said, values)
    if not seen:
        return Condition("false", [])
    personal = not window.fields.isdisjoint(PERSONAL)
    if not personal:
        # Where it stands first tells already whether it stands anywhere before the border.
        said += " AND strpos({lead}.lookup, %s) < strpos({lead}.lookup, %s)"
        values += [word, BORDER]
    if personal or len(seen) < len(OPEN):
        lines = [f"strpos(split_part({{lead}}.lookup, E'\\n', {place_of(name)}), %s) > 0" for name in seen]
        said += f" AND ({' OR '.join(lines)})"
        values += [word] * len(lines)
    return Condition(said, values)


@dataclass(frozen=True, slots=True)
class Bound:
    """``lead.employees >= 200``"""

    field: str
    sign: str
    bound: int


@dataclass(frozen=True, slots=True)
class Among:
    """``lead.country in ["JP", "ID"]``"""

    field: str
    values: tuple[str, ...]


_PLAIN = r"""(?:"[^"\\]*"|'[^'\\]*')"""
_COMPARED = re.compile(r"\s*lead\.(score|employees)\s*(<=|<|>=|>)\s*(\d{1,15})\s*")
_AMONG = re.compile(
    r"\s*lead\.(country|industry|source|rank|region|city|language|product|currency)"
    rf"\s*(?:==\s*({_PLAIN})|in\s+\[\s*({_PLAIN}(?:\s*,\s*{_PLAIN})*)\s*\])\s*"
)


def terms_of(text: str) -> list[Bound | Among] | None:
    """A condition on leads that SQL can say as well: comparisons of facts with plain values, all of which must hold. ``None``: another.

    It is the same in both: an unknown fact makes a comparison not true, and so does NULL.
    """
    terms: list[Bound | Among] = []
    at = 0
    while True:
        if found := _COMPARED.match(text, at):
            terms.append(Bound(found[1], found[2], int(found[3])))
        elif found := _AMONG.match(text, at):
            values = [value[1:-1] for value in re.findall(_PLAIN, found[2] or found[3])]
            terms.append(Among(found[1], tuple(dict.fromkeys(values))))
        else:
            return None
        at = found.end()
        if at == len(text):
            return terms
        if not text.startswith("&&", at):
            return None
        at += 2
