"""How a lead's score came to be what it is: each time it changed, and what it was made of that it had not been made of before."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from dibs.insight.sight import SeenLead
from dibs.people.caller import Caller

#: The latest changes that are told of a lead.
MOST = 200


@dataclass(frozen=True, slots=True)
class Part:
    """Points of a score: for a condition that held, or for an answer to a question."""

    add: int
    when: str | None = None
    question: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A lead's score, 1..100, from ``at`` on. ``gained``: what it is made of that was not there before; ``lost``: what was there, and is
    no more. ``kind``: of the decision that it was scored by."""

    at: datetime
    kind: str
    score: int
    rank: str
    gained: tuple[Part, ...]
    lost: tuple[Part, ...]
    policy_version: int | None


def scores_of(caller: Caller, seen: SeenLead) -> list[Scored]:
    """The lead's scores from the first on, each time something changed; none, of a lead that is seen masked: its parts would tell what is
    in it."""
    if seen.level != "full":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT at, kind, policy_version, (SELECT reason FROM jsonb_array_elements(reasons) reason WHERE reason->>'code' = 'scored' LIMIT 1)::text
            FROM distribution_decision
            WHERE workspace_id = %s AND lead_id = %s AND reasons @> '[{"code": "scored"}]' ORDER BY nth
            """,
            [caller.workspace_id, seen["id"]],
        )
        found = [(at, kind, version, json.loads(reason)["params"]) for at, kind, version, reason in cursor.fetchall()]
    return list(_changes(found))[-MOST:]


def _changes(found: Sequence[tuple[datetime, str, int | None, Mapping[str, Any]]]) -> Iterator[Scored]:
    before: Counter[Part] = Counter()
    last: tuple[int, str] | None = None
    for at, kind, version, params in found:
        parts = Counter(_part(part) for part in params.get("parts") or ())
        now = int(params["score"]), str(params["rank"])
        if now != last or parts != before:
            gained, lost = parts - before, before - parts
            yield Scored(at, kind, *now, tuple(gained.elements()), tuple(lost.elements()), version)
        before, last = parts, now


def _part(part: Mapping[str, Any]) -> Part:
    return Part(int(part.get("add") or 0), part.get("when"), part.get("question"), part.get("answer"))
