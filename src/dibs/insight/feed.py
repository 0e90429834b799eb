"""What just happened to leads in somebody's range, the newest first.

A model that is switched on or off gives many leads another place within seconds. Those are one line: one for each would leave nothing else
to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from django.db import connection

from dibs.insight.leads import range_of
from dibs.insight.sight import SELECT, Eyes, SeenLead, row_of

#: How many of the latest are told, and how many decisions are looked at for them; where some are of a lot, so many to look past it.
SHOWN, _LOOKED_AT, _LOOKED_PAST = 30, 120, 5_000
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


@dataclass(frozen=True, slots=True)
class Lot:
    """Leads in the caller's range that have another place since ``model`` was switched on, or since none is (``None``); the last of them
    ``at``. ``leads``: how many; ``None``: more than are looked at."""

    at: datetime
    leads: int | None
    model: int | None


_OF_A_LOT = """reasons @> '[{"code": "rescored"}]'"""


def _latest(count: int) -> str:
    return (
        "SELECT * FROM distribution_decision WHERE workspace_id = %s AND at <= %s AND kind <> ALL(%s) "
        f"ORDER BY at DESC, id DESC LIMIT {count}"
    )


def feed(eyes: Eyes) -> list[Happening | Lot]:
    """The latest decisions about leads in the caller's range; all but the `UNTOLD`."""
    told, lot = _happenings(eyes, _latest(_LOOKED_AT))
    if not lot:
        return told[:SHOWN]
    others, _ = _happenings(
        eyes,
        f"SELECT * FROM ({_latest(_LOOKED_PAST)}) latest WHERE NOT {_OF_A_LOT} ORDER BY at DESC, id DESC LIMIT {_LOOKED_AT}",
    )
    return sorted([*others, *_lots(eyes)], key=attrgetter("at"), reverse=True)[:SHOWN]


def _happenings(eyes: Eyes, latest: str) -> tuple[list[Happening | Lot], bool]:
    """What these decisions, as SQL selects them, were about leads in the caller's range; and whether any of them, in it or not, is of a
    `Lot`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT decision.at, decision.kind, decision.{_OF_A_LOT}, decision.pool, rep.name, actor.name, {SELECT}
            FROM ({latest}) decision
            JOIN crm_lead lead ON lead.id = decision.lead_id
            LEFT JOIN people_rep owner ON owner.id = lead.owner_id
            LEFT JOIN crm_account account ON account.id = lead.account_id
            LEFT JOIN people_rep rep ON rep.id = decision.rep_id
            LEFT JOIN people_user actor ON actor.id = decision.actor_id
            ORDER BY decision.at DESC, decision.id DESC
            """,
            [eyes.caller.workspace_id, eyes.now, sorted(UNTOLD)],
        )
        rows = cursor.fetchall()
    if any(of_a_lot for _, _, of_a_lot, *_ in rows):
        return [], True
    told: list[Happening | Lot] = []
    for at, kind, _, pool, who, by, *values in rows:
        if len(told) == SHOWN:
            break
        seen = eyes.see(row_of(values))
        if seen is not None and seen.level == "full":
            told.append(Happening(at, kind, seen, pool, who, by))
    return told, False


def _lots(eyes: Eyes) -> list[Lot]:
    scope, values = range_of(eyes)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH latest AS ({_latest(_LOOKED_PAST)})
            SELECT (why -> 'params' ->> 'model')::int AS model, max(latest.at), count(DISTINCT lead.id), (SELECT count(*) FROM latest)
            FROM latest CROSS JOIN LATERAL jsonb_path_query_first(latest.reasons, '$[*] ? (@.code == "rescored")') AS why
            JOIN crm_lead lead ON lead.id = latest.lead_id
            WHERE latest.{_OF_A_LOT} AND {scope} GROUP BY model
            """,
            [eyes.caller.workspace_id, eyes.now, sorted(UNTOLD), *values],
        )
        return [
            Lot(at, leads if looked_at < _LOOKED_PAST else None, model)
            for model, at, leads, looked_at in cursor.fetchall()
        ]
