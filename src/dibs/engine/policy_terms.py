"""The terms a policy is written in: durations, shares, names, thresholds, and what every part of it keeps to.

Durations are written ``90s``, ``15m``, ``24h``, ``30d``, ``2w`` or joined (``1h30m``) and read as `timedelta`; shares are
written ``30%`` or ``0.3`` and read as a number above 0 and up to 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"-?(?:[0-9]{1,9}[wdhms])+")
_LONGEST = 3660 * 86400


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        raise PydanticCustomError("duration", f"{value} has no unit: write {value}m for minutes, or use s, h, d or w")
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise PydanticCustomError("duration", "not a duration: write it as 90s, 15m, 24h, 30d or 1h30m")
    seconds = sum(int(n) * _UNITS[u] for n, u in re.findall(r"([0-9]+)([wdhms])", value))
    if seconds <= 0 or value.startswith("-"):
        raise PydanticCustomError("duration_not_positive", "a duration must be longer than nothing")
    if seconds > _LONGEST:
        raise PydanticCustomError("duration_too_long", "a duration may be ten years (3660d) at most")
    return timedelta(seconds=seconds)


def written(length: timedelta) -> str:
    """A duration as a policy writes it: ``1h30m``."""
    seconds = int(length.total_seconds())
    parts = []
    for unit in "dhms":
        count, seconds = divmod(seconds, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _share(value: object) -> float:
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(\.\d+)?\s*%", value):
        value = float(value.rstrip("% ")) / 100
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("share", "not a share: write it as 30% or 0.3")
    if not 0 < value <= 1:
        raise PydanticCustomError("share_out_of_range", "a share lies above 0% and at 100% at most")
    return float(value)


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(written, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+[wdhms])+$", "examples": ["15m", "24h", "30d"]}),
]
Share = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ],
            "examples": ["30%"],
        }
    ),
]
#: A condition in CEL over ``lead``, ``account``, ``rep`` and ``now``; see `dibs.engine.conditions`.
ConditionText = Annotated[
    str, StringConstraints(min_length=1, max_length=2000), Field(json_schema_extra={"format": "cel"})
]
#: A name of a pool, team, rep or territory as the policy and the database write it.
_NAME = r"[a-z0-9][a-z0-9_-]{0,49}"
Name = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Threshold = Annotated[int, Field(ge=1, le=100)]
Count = Annotated[int, Field(ge=1, le=100_000)]

Rank = Literal["hot", "warm", "cool"]
#: Why a lead is given up.
RetireWhy = Literal[
    "no_interest", "not_a_fit", "cannot_verify", "duplicate", "no_answer", "no_budget", "bad_timing", "chose_other", "unqualified",
    "do_not_contact", "spam", "other",
]  # fmt: skip
#: The languages that Dibs speaks to reps, and mails to leads.
Language = Literal["en", "ja", "es", "id"]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
#: What people read: in one language for all, or by language.
Words = Line | Annotated[dict[Language, Line], Field(min_length=1)]
Mode = Literal["queue", "pool", "cherry_pick"]
By = Literal["round_robin", "weighted_round_robin", "least_open", "best_match", "first_available"]
OrderKey = Literal[
    "score", "-score", "received_at", "-received_at", "waiting_since", "-waiting_since", "employees", "-employees",
    "deal_value", "-deal_value",
]  # fmt: skip
LeadField = Literal[
    "source", "name", "title", "email", "phone", "company", "domain", "industry", "employees", "country", "region",
    "city", "postal_code", "language", "product", "use_case", "deal_value", "currency", "message", "consent",
    "received_at", "score", "rank", "campaign", "attributes",
]  # fmt: skip


def in_language(words: Words, language: str) -> str:
    """What people read, in this language: else in English, else in the first there is."""
    if isinstance(words, str):
        return words
    by_language = cast(Mapping[str, str], words)
    return by_language.get(language) or by_language.get("en") or next(iter(by_language.values()))


def is_name(text: str) -> bool:
    """Whether a policy could call a pool, a team or a territory so."""
    return re.fullmatch(_NAME, text) is not None


class Part(BaseModel):
    """Every part of a policy: frozen, strict about types, and with no field it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def exactly_one(part: Part, names: tuple[str, ...], what: str) -> None:
    """Refuse a part that gives none, or more than one, of these fields."""
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        ways = ", ".join(names[:-1]) + " or " + names[-1]
        found = "gives none of them" if not given else "gives " + " and ".join(given)
        raise PydanticCustomError("exactly_one", f"{what} needs exactly one of {ways}; this one {found}")
