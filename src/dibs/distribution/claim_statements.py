"""The two statements of a claim: one reads all that it takes to judge it, one takes the lead.

The second is conditional: lead, standing, log and outbox are written together if the lead and the standing are still at the versions that
were read, else nothing is.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from dibs.delivery.outbox import lead_payload
from dibs.distribution.reading import LEAD_SELECT, Row, lead_row
from dibs.distribution.standings import STANDING_COLUMNS, TIER_COLUMNS, TierKept, standing_of
from dibs.distribution.writing import reasons_json, standing_values
from dibs.engine import counters
from dibs.engine.decision import Reason
from dibs.engine.facts import LeadClock, RepFacts
from dibs.people.access import Action, may
from dibs.people.tenancy import new_id


@dataclass(slots=True)
class Seen:
    """What one read found."""

    may_claim: bool
    rep_id: UUID | None
    rep: RepFacts
    rep_name: str
    timezone: str
    teams: frozenset[str]
    standing: counters.Standing | None
    standing_version: int
    policy_id: UUID | None
    holder_handle: str | None
    holder_name: str | None
    account: str | None
    last_had_at: datetime | None
    tier: TierKept
    lead: Row | None
    user_id: UUID


_FACTS = f"""
    SELECT caller.id, caller.role, {{scopes}}, rep.id, rep.handle, rep.name, rep.active, rep.available, rep.timezone,
           rep.country, rep.languages, rep.industries, rep.seniority, rep.depth,
           ARRAY(SELECT team.slug::text FROM people_membership member JOIN people_team team ON team.id = member.team_id
                 WHERE member.rep_id = rep.id),
           policy.id, holder.handle, holder.name, account.name,
           (SELECT max(passed.at) FROM distribution_passedover passed
            WHERE passed.workspace_id = caller.workspace_id AND passed.lead_id = lead.id AND passed.rep_id = rep.id
              AND passed.kind IN ('lapsed', 'released', 'returned')),
           standing.version, {", ".join(f"standing.{column}" for column in (*STANDING_COLUMNS, *TIER_COLUMNS))},
           {LEAD_SELECT}
    FROM {{caller}}
    LEFT JOIN people_rep rep ON rep.user_id = caller.id
    LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id
    LEFT JOIN distribution_policyversion policy ON policy.workspace_id = caller.workspace_id AND policy.active
    LEFT JOIN crm_lead lead ON lead.id = %s AND lead.workspace_id = caller.workspace_id
    LEFT JOIN people_rep holder ON holder.id = lead.owner_id
    LEFT JOIN crm_account account ON account.id = lead.account_id
"""
BY_TOKEN = (
    _FACTS.format(
        scopes="token.scopes::text[]",
        caller="people_apitoken token JOIN people_user caller ON caller.id = token.user_id",
    )
    + "WHERE token.digest = %s AND token.workspace_id = %s AND caller.is_active"
    " AND (token.expires_at IS NULL OR token.expires_at > %s)"
)
BY_USER = (
    _FACTS.format(scopes="NULL::text[]", caller="people_user caller")
    + "WHERE caller.id = %s AND caller.workspace_id = %s AND caller.is_active AND %s::timestamptz IS NOT NULL"
)
_BEFORE_STANDING = 20
_BEFORE_LEAD = _BEFORE_STANDING + 1 + len(STANDING_COLUMNS) + len(TIER_COLUMNS)


def read(statement: str, workspace_id: UUID, who: Any, lead_id: UUID, now: datetime) -> Seen | None:
    """What it takes to judge this claim, by `BY_TOKEN` or `BY_USER`; ``None``: nobody known is calling."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [lead_id, who, workspace_id, now])
        row = cursor.fetchone()
    if row is None:
        return None
    user, role, scopes, rep_id, handle, name, active, available, timezone, country, *about = row[:_BEFORE_STANDING]
    languages, industries, seniority, depth, teams, policy, holder, holder_name, account, had_at = about
    version, *stands = row[_BEFORE_STANDING:_BEFORE_LEAD]
    stood, tier = stands[: len(STANDING_COLUMNS)], stands[len(STANDING_COLUMNS) :]
    lead = row[_BEFORE_LEAD:]
    return Seen(
        may_claim=may(role, scopes or (), Action.TAKE_LEADS),
        rep_id=rep_id,
        rep=RepFacts(
            handle=handle or "",
            active=bool(active),
            available=bool(available),
            country=country or None,
            languages=tuple(languages or ()),
            industries=tuple(industries or ()),
            seniority=seniority,
            depth=depth,
        ),
        rep_name=name or "",
        timezone=timezone or "UTC",
        teams=frozenset(teams or ()),
        standing=None if version is None else standing_of(stood),
        standing_version=version or 0,
        policy_id=policy,
        holder_handle=holder,
        holder_name=holder_name,
        account=account,
        last_had_at=had_at,
        tier=TierKept() if version is None else TierKept(*tier),
        lead=None if lead[0] is None else lead_row(lead),
        user_id=user,
    )


TAKE = f"""
    WITH taken AS (
        UPDATE crm_lead SET state = %(state)s, owner_id = %(rep)s, claim = %(claim)s, taken_by = 'claimed',
               lock_expires_at = %(lock)s, due_at = %(due_at)s, due_for = %(due_for)s, claimed_at = %(now)s,
               contacted_at = NULL, by_hand = false, sla_at = %(sla_at)s, warned = false, acted_at = %(now)s, awaits = NULL,
               policy_version = %(policy)s, version = version + 1
        WHERE id = %(lead)s AND workspace_id = %(workspace)s AND version = %(lead_version)s
        RETURNING 1
    ), stood AS (
        UPDATE distribution_standing SET version = version + 1, {", ".join(f"{c} = %({c})s" for c in STANDING_COLUMNS)}
        WHERE rep_id = %(rep)s AND workspace_id = %(workspace)s AND version = %(standing_version)s
          AND EXISTS (SELECT FROM taken)
        RETURNING 1
    ), logged AS (
        INSERT INTO distribution_decision
            (id, workspace_id, lead_id, nth, at, kind, before, after, rep_id, actor_id, pool, reasons, policy_version, seed, score)
        SELECT %(decision)s, %(workspace)s, %(lead)s, %(lead_version)s + 1, %(now)s, 'claimed', %(before)s, %(state)s, %(rep)s, %(actor)s, %(pool)s,
               %(reasons)s, %(policy)s, '', %(score)s
        FROM stood
    ), sent AS (
        INSERT INTO delivery_outbox (id, workspace_id, at, event, lead, payload, attempts, deliver_at)
        SELECT %(event)s, %(workspace)s, %(now)s, 'lead.claimed', %(lead)s, %(payload)s, 0, %(now)s FROM stood
    )
    SELECT CASE WHEN EXISTS (SELECT FROM stood) THEN true WHEN EXISTS (SELECT FROM taken) THEN distribution_stale() ELSE false END
"""


#: What the database says of a claim that somebody else's write overtook: our own word for it, and a deadlock's.
_OVERTAKEN = frozenset({"DB409", "40P01"})


def take(
    workspace_id: UUID,
    seen: Seen,
    after: LeadClock,
    reasons: tuple[Reason, ...],
    standing: counters.Standing,
    claim: UUID,
    policy: int,
    now: datetime,
) -> Row | None:
    """Take the lead if nothing changed since it was read: its columns as they are then, else ``None``."""
    assert seen.lead is not None
    lead_id, pool = seen.lead["id"], seen.lead["pool"]
    values = dict(zip(STANDING_COLUMNS, standing_values(standing), strict=True)) | {
        "workspace": workspace_id,
        "rep": seen.rep_id,
        "claim": claim,
        "state": after.state,
        "lock": after.lock_expires_at,
        "due_at": after.due_at,
        "due_for": after.due_for,
        "sla_at": after.sla_at,
        "policy": policy,
        "lead": lead_id,
        "lead_version": seen.lead["version"],
        "standing_version": seen.standing_version,
        "decision": new_id(),
        "now": now,
        "before": seen.lead["state"],
        "actor": seen.user_id,
        "pool": pool,
        "score": seen.lead["score"],
        "reasons": reasons_json(reasons),
        "event": new_id(),
        "payload": json.dumps(
            lead_payload(lead_id, pool, seen.lead["state"], after.state, (seen.rep.handle, seen.rep_name))
        ),
    }
    # Inside somebody's transaction a refusal by the database must not take that with it: hence a savepoint there.
    keep = transaction.atomic() if connection.in_atomic_block else nullcontext()
    try:
        with keep, connection.cursor() as cursor:
            cursor.execute(TAKE, values)
            (taken,) = cursor.fetchone()
    except DatabaseError as problem:
        if getattr(problem.__cause__, "sqlstate", None) in _OVERTAKEN:
            return None
        raise
    return _as_taken(seen, after, claim, policy) if taken else None


def _as_taken(seen: Seen, after: LeadClock, claim: UUID, policy: int) -> Row:
    """The lead as `TAKE` leaves it."""
    assert seen.lead is not None
    return seen.lead | {
        "state": after.state,
        "owner_id": seen.rep_id,
        "claim": claim,
        "taken_by": "claimed",
        "lock_expires_at": after.lock_expires_at,
        "claimed_at": after.claimed_at,
        "contacted_at": after.contacted_at,
        "due_at": after.due_at,
        "due_for": after.due_for,
        "by_hand": after.by_hand,
        "sla_at": after.sla_at,
        "warned": after.warned,
        "acted_at": after.acted_at,
        "awaits": after.awaits,
        "policy_version": policy,
        "version": seen.lead["version"] + 1,
    }
