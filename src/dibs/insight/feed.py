"""What just happened to leads in somebody's range, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from dibs.insight.sight import SELECT, Eyes, SeenLead, row_of

#: How many of the latest are told, and how many decisions are looked at for them.
SHOWN, _LOOKED_AT = 30, 120
#: Arrivals are many and say little; the others only add to a lead, or are told elsewhere.
UNTOLD = frozenset(
    {"placed", "enriched", "touched", "skipped", "opened", "helped", "mailed", "scheduled", "dealt", "erased"}
)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that just happened to a lead in the caller's range. ``who``: the rep it is about; ``by``: who decided it, if a person did."""

    at: datetime
    kind: str
    lead: SeenLead
    pool: str | None
    who: str | None
    by: str | None


def feed(eyes: Eyes) -> list[Happening]:
    """The latest decisions about leads in the caller's range; all but the `UNTOLD`."""
    caller = eyes.caller
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT decision.at, decision.kind, decision.pool, rep.name, actor.name, {SELECT}
            FROM (SELECT * FROM distribution_decision WHERE workspace_id = %s AND at <= %s AND kind <> ALL(%s)
                  ORDER BY at DESC, id DESC LIMIT {_LOOKED_AT}) decision
            JOIN crm_lead lead ON lead.id = decision.lead_id
            LEFT JOIN people_rep owner ON owner.id = lead.owner_id
            LEFT JOIN crm_account account ON account.id = lead.account_id
            LEFT JOIN people_rep rep ON rep.id = decision.rep_id
            LEFT JOIN people_user actor ON actor.id = decision.actor_id
            ORDER BY decision.at DESC, decision.id DESC
            """,
            [caller.workspace_id, eyes.now, sorted(UNTOLD)],
        )
        rows = cursor.fetchall()
    told: list[Happening] = []
    for at, kind, pool, who, by, *values in rows:
        if len(told) == SHOWN:
            break
        seen = eyes.see(row_of(values))
        if seen is not None and seen.level == "full":
            told.append(Happening(at, kind, seen, pool, who, by))
    return told
