"""A lead's story: every decision about it, with its reasons and the policy version, and what was written down of it meanwhile, as
notes and appointments. The page, the API and `dibs explain` all tell this one.

Reasons can say what is in a lead ("country is MX"). To a caller who sees a lead masked, only what is known to hold nothing
of it is told; and not who passed it by, which is between a rep and who leads them. Neither are the results that the best match
was chosen by: those of others are told to who leads where the lead is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.delivery.wording import say
from dibs.engine.decision import Reason
from dibs.insight.sight import LOOKS, Eyes, SeenLead, read_lead
from dibs.insight.work import written_of
from dibs.people.caller import Caller

#: What may be told of a lead that is seen masked: code and the parameters that hold nothing of the lead.
_SAFE: Mapping[str, frozenset[str]] = {
    "pooled": frozenset({"pool"}),
    "back_in_pool": frozenset({"pool", "since"}),
    "claimed": frozenset({"rep", "pool", "until", "nth_today"}),
    "lock_lapsed": frozenset({"rep", "at"}),
    "offer_lapsed": frozenset({"rep", "at"}),
    "escalated": frozenset({"pool", "step", "after"}),
    "returned": frozenset({"by", "pool"}),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision as it was logged. ``who`` is the rep it is about, ``by`` the user who made it (``None``: the policy, or
    time). ``reasons`` hold ``code``, ``params``, ``rule``, and ``text`` in the reader's language. What was not decided but written
    down has one reason, and no ``before`` and ``after``: `noted`, `activity`, `appointment`, `sent`."""

    at: datetime
    kind: str
    before: str | None
    after: str | None
    pool: str | None
    who: str | None
    by: str | None
    reasons: tuple[Mapping[str, Any], ...]
    policy_version: int | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "at": self.at,
            "kind": self.kind,
            "before": self.before,
            "after": self.after,
            "pool": self.pool,
            "rep": self.who,
            "by": self.by,
            "policy_version": self.policy_version,
            "reasons": [dict(reason) for reason in self.reasons],
        }


def told(
    reasons: Iterable[Reason | Mapping[str, Any]],
    language: str,
    names: Mapping[str, str] | None = None,
    timezone: str = "UTC",
) -> tuple[dict[str, Any], ...]:
    """Reasons with their text: ``code``, ``params``, ``rule``, ``text``. ``names`` gives reps' names by handle."""
    shown = []
    for reason in reasons:
        plain: Mapping[str, Any] = (
            {"code": reason.code, "params": dict(reason.params), "rule": reason.rule}
            if isinstance(reason, Reason)
            else reason
        )
        shown.append({**plain, "text": say(reason, language, names, timezone)})
    return tuple(shown)


def story_of(caller: Caller, lead_id: UUID, now: datetime, language: str | None = None) -> list[Entry] | None:
    """What was decided about the lead, oldest first; ``None``: no such lead in the caller's sight."""
    row = read_lead(caller.workspace_id, lead_id)
    seen = Eyes(caller, now).see(row) if row else None
    return None if seen is None else story_of_seen(caller, seen, language)


def story_of_seen(caller: Caller, seen: SeenLead, language: str | None = None) -> list[Entry]:
    """The story of a lead that `dibs.insight.sight` has shown to the caller."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT decision.at, decision.kind, decision.before, decision.after, decision.pool, rep.name, actor.name,
                   decision.reasons::text, decision.policy_version
            FROM distribution_decision decision
            LEFT JOIN people_rep rep ON rep.id = decision.rep_id
            LEFT JOIN people_user actor ON actor.id = decision.actor_id
            WHERE decision.workspace_id = %s AND decision.lead_id = %s ORDER BY decision.nth
            """,
            [caller.workspace_id, seen["id"]],
        )
        rows = cursor.fetchall()
        cursor.execute("SELECT handle, name FROM people_rep WHERE workspace_id = %s", [caller.workspace_id])
        names = dict(cursor.fetchall())
    language = language or caller.language
    entries = []
    for at, kind, before, after, pool, who, by, logged, version in rows:
        reasons: list[dict[str, Any]] = json.loads(logged)
        if seen.level != "full":
            if kind in LOOKS:
                continue
            reasons = _safe(reasons)
        if not seen.led:
            reasons = [_own_results(reason, caller.handle) for reason in reasons]
        entries.append(
            Entry(at, kind, before, after, pool, who, by, told(reasons, language, names, caller.timezone), version)
        )
    contacts = frozenset(entry.at for entry in entries if entry.kind == "contacted")
    for line in written_of(caller, seen, contacts):
        reason = told([Reason(line.code, line.params)], language, names, caller.timezone)
        entries.append(Entry(line.at, line.kind, None, None, None, None, line.by, reason, None))
    # What was decided at one moment stays in its order.
    return sorted(entries, key=lambda entry: entry.at)


def _own_results(reason: Mapping[str, Any], handle: str | None) -> dict[str, Any]:
    """The reason without what it says of other reps' results."""
    if reason["code"] != "best_match":
        return dict(reason)
    params = reason["params"]
    kept = params if params.get("rep") == handle else {"rep": params.get("rep")}
    own = [each for each in params.get("candidates") or () if each.get("rep") == handle]
    return {**reason, "params": {**kept, "candidates": own}}


def _safe(reasons: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "code": reason["code"],
            "params": {name: value for name, value in reason["params"].items() if name in _SAFE[reason["code"]]},
            # Which rule of the route took the lead tells what that rule asks of it.
            "rule": reason["rule"] if str(reason["rule"]).startswith("pools.") else None,
        }
        for reason in reasons
        if reason["code"] in _SAFE
    ]
