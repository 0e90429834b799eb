"""A rep takes a lead from a pool: one read, one judgement, one conditional write.

No lock is held while the engine judges. The write is a single statement that takes effect only if the lead and the rep's
standing are still at the versions that were read; else everything is read again, a few times. Two reps, one lead: one gets
it, the other learns who did.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError, connection, transaction

from dibs.delivery.outbox import lead_payload
from dibs.delivery.wake import wake
from dibs.distribution import policies
from dibs.distribution.hours import hours_of
from dibs.distribution.lines import Before, in_line, line, low_score_waits, take_back
from dibs.distribution.reading import LEAD_SELECT, Row, lead_clock, lead_facts, lead_row
from dibs.distribution.standings import STANDING_COLUMNS, TIER_COLUMNS, TierKept, in_tier, standing_of, with_record
from dibs.distribution.ticking import settle
from dibs.distribution.writing import begin_standings, reasons_json, standing_values
from dibs.engine import claim as judge
from dibs.engine import consequences, counters, fairplay
from dibs.engine.calendar import local_day
from dibs.engine.decision import Ask, Reason, Refusal
from dibs.engine.facts import LeadClock, RepFacts
from dibs.engine.rulebook import Rulebook
from dibs.people.access import Action, may
from dibs.people.caller import Caller
from dibs.people.tenancy import enter, new_id

#: How often facts that changed under a claim are read again. Each turn means that somebody else got something done.
_TRIES = 8
#: How far down the line "next" looks for a lead that this rep may have.
_IN_LINE = 32


@dataclass(frozen=True, slots=True)
class Claimed:
    """Yes. ``lead`` holds all its columns as they are now; ``claim`` is the lease's token."""

    lead: Row
    claim: UUID
    lock_expires_at: datetime | None
    reasons: tuple[Reason, ...]
    rep_handle: str
    rep_name: str
    account: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """No, and what would make it a yes. ``by`` names the rep who has the lead, if that is why."""

    refusal: Refusal
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Unauthorised:
    """Nobody known is calling: the token is unknown, expired or somebody else's."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Somebody known is calling, who is no rep or whose token lacks the scope ``claim``."""


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing waits in the pool that the rep may have."""


Answer = Claimed | Refused | Unauthorised | Forbidden | None


def claim_with_token(workspace_id: UUID, digest: bytes, lead_id: UUID, now: datetime) -> Answer:
    """Claim for whoever holds the token with this digest; ``None``: there is no such lead in their sight."""
    return _claim(workspace_id, _BY_TOKEN, digest, lead_id, now)


def claim_lead(caller: Caller, lead_id: UUID, now: datetime) -> Answer:
    """Claim for somebody who is known already; ``None``: there is no such lead in their sight."""
    return _claim(caller.workspace_id, _BY_USER, caller.user_id, lead_id, now)


def claim_next(caller: Caller, pool: str, now: datetime) -> Answer | Empty:
    """Claim the first lead of a pool, in the pool's own order, that the rep may have; ``None``: no such pool in their sight."""
    workspace_id, rep_id = caller.workspace_id, caller.rep_id
    if rep_id is None:
        return Forbidden()
    enter(workspace_id)
    active = policies.active(workspace_id)
    if active is None:
        return None
    rep = RepFacts(handle=caller.handle or "")
    if active.book.tiers:
        rep = with_record(workspace_id, rep_id, rep, active.book, now)
    sight = judge.sight(active.book, rep, caller.teams, pool)
    if sight.level == "none":
        return None
    before = Before(rep_id, rep, sight.only)
    refused: Refused | None = None
    for lead_id in line(workspace_id, active.book, pool, now, limit=_IN_LINE, before=before):
        answer = claim_lead(caller, lead_id, now)
        if isinstance(answer, Refused) and answer.refusal.code in _ABOUT_THIS_LEAD:
            # Somebody was quicker, or this very lead is not for this rep: the next one may be.
            refused = refused or answer
            continue
        if answer is not None:
            return answer
    # A lost race is just an empty line; only a refusal about the rep's own past with a lead is worth telling.
    if refused and refused.refusal.code == "reclaim_too_soon":
        return refused
    return Empty()


_ABOUT_THIS_LEAD = frozenset(
    {"already_claimed", "not_claimable", "reclaim_too_soon", "not_the_head", "not_in_your_tier"}
)


def _claim(workspace_id: UUID, read: str, who: Any, lead_id: UUID, now: datetime) -> Answer:
    enter(workspace_id)
    low_in_sight: bool | None = None
    for _ in range(_TRIES):
        # Read.
        seen = _read(read, workspace_id, who, lead_id, now)
        if seen is None:
            return Unauthorised()
        if seen.rep_id is None or not seen.may_claim:
            return Forbidden()
        if seen.lead is None:
            return None
        if seen.standing is None:
            begin_standings(workspace_id, [seen.rep_id])
            continue
        if _lock_ran_out(seen.lead, now):
            # Claimable at once, tick or no tick: what the tick would have written is written first.
            settle(workspace_id, [lead_id], now, wait=not connection.in_atomic_block)
            continue
        if seen.policy_id is None:
            return None
        active = policies.rulebook(seen.policy_id)
        queue = _queue_of(active.book, seen.lead)
        if queue is not None and take_back(workspace_id, queue, now):
            # Some of the locks that ran out in the line may have been the rep's own: the standing read above is an old one.
            continue

        # Decide.
        facts, clock = lead_facts(seen.lead), lead_clock(seen.lead, seen.holder_handle)
        today = local_day(seen.timezone, now)
        rep = _with_counters(seen, active.book, today, now)
        if active.book.tiers:
            rep = in_tier(workspace_id, seen.rep_id, rep, seen.tier, active.book, now)
        answer = judge.may_claim(
            active.book,
            facts,
            clock,
            rep,
            seen.standing,
            now,
            today=today,
            last_had_at=seen.last_had_at,
            teams=seen.teams,
            is_head=queue is None or _is_head(active.book, queue, rep, seen, now),
            low_score_in_sight=low_in_sight,
        )
        if isinstance(answer, Ask):
            low_in_sight = low_score_waits(workspace_id, active.book, rep, seen.teams, answer.low_below, now)
            continue
        if isinstance(answer, Refusal):
            if answer.code == "holding_cap" and _settle_own(workspace_id, seen.rep_id, now):
                continue
            if answer.code in _UNSEEN or not _may_know_of(active.book, rep, seen):
                return None
            return Refused(answer, seen.holder_name)

        # Write.
        score = judge.chosen_score(active.book, facts, seen.lead["pool"])
        keep = fairplay.kept_for(active.book.policy.fair_play.claim_rate)
        standing = counters.after(seen.standing, counters.Claimed(score, at=now, today=today, keep=keep))
        after = consequences.claimed(clock, rep.handle, answer, now)
        claim = uuid4()
        if _write(workspace_id, seen, after, answer.reasons, standing, claim, active.number, now):
            transaction.on_commit(partial(wake, workspace_id))
            lead = seen.lead | {
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
                "policy_version": active.number,
                "version": seen.lead["version"] + 1,
            }
            return Claimed(
                lead, claim, answer.lock_expires_at, answer.reasons, seen.rep.handle, seen.rep_name, seen.account
            )
    return Refused(Refusal((Reason("too_busy"),), remedy=Reason("try_again")))


#: Refusals that a caller may not tell from "there is no such lead".
_UNSEEN = frozenset({"pool_not_in_sight", "tier_sees_none"})


def _may_know_of(book: Rulebook, rep: RepFacts, seen: _Seen) -> bool:
    """Whether a refused rep may learn that there is such a lead: it is theirs, or of a pool that they look into."""
    assert seen.lead is not None
    if seen.lead["owner_id"] == seen.rep_id:
        return True
    return judge.sight(book, rep, seen.teams, seen.lead["pool"] or "").level != "none"


@dataclass(slots=True)
class _Seen:
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
_BY_TOKEN = (
    _FACTS.format(
        scopes="token.scopes::text[]",
        caller="people_apitoken token JOIN people_user caller ON caller.id = token.user_id",
    )
    + "WHERE token.digest = %s AND token.workspace_id = %s AND caller.is_active"
    " AND (token.expires_at IS NULL OR token.expires_at > %s)"
)
_BY_USER = (
    _FACTS.format(scopes="NULL::text[]", caller="people_user caller")
    + "WHERE caller.id = %s AND caller.workspace_id = %s AND caller.is_active AND %s::timestamptz IS NOT NULL"
)
_BEFORE_STANDING = 20
_BEFORE_LEAD = _BEFORE_STANDING + 1 + len(STANDING_COLUMNS) + len(TIER_COLUMNS)


def _read(statement: str, workspace_id: UUID, who: Any, lead_id: UUID, now: datetime) -> _Seen | None:
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
    return _Seen(
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


_TAKE = f"""
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


def _write(
    workspace_id: UUID,
    seen: _Seen,
    after: LeadClock,
    reasons: tuple[Reason, ...],
    standing: counters.Standing,
    claim: UUID,
    policy: int,
    now: datetime,
) -> bool:
    """Take the lead if nothing changed since it was read; whether it was taken."""
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
            cursor.execute(_TAKE, values)
            return bool(cursor.fetchone()[0])
    except DatabaseError as problem:
        if getattr(problem.__cause__, "sqlstate", None) in _OVERTAKEN:
            return False
        raise


def _with_counters(seen: _Seen, book: Rulebook, today: date, now: datetime) -> RepFacts:
    """The rep with their load; and with their hours where a claim without a lock starts a clock that counts in these alone."""
    assert seen.standing is not None
    assert seen.rep_id is not None
    assert seen.lead is not None
    rep = counters.counted(seen.rep, counters.on_day(seen.standing, today))
    pool = book.policy.pools.get(seen.lead["pool"] or "")
    hours = {sla.hours for sla in book.policy.sla} | {idle.hours for idle in book.policy.idle}
    by_hours = "business" in hours
    if not by_hours or pool is None or pool.lock is not None:
        return rep
    return replace(rep, hours=hours_of(seen.lead["workspace_id"], seen.rep_id, now))


def _lock_ran_out(lead: Row, now: datetime) -> bool:
    return lead["state"] == "owned" and lead["lock_expires_at"] is not None and lead["lock_expires_at"] <= now


def _queue_of(book: Rulebook, lead: Row) -> str | None:
    """The queue that the lead stands in, if it stands in one."""
    pool = book.policy.pools.get(lead["pool"] or "")
    return lead["pool"] if pool is not None and pool.mode == "queue" else None


def _is_head(book: Rulebook, queue: str, rep: RepFacts, seen: _Seen, now: datetime) -> bool:
    """Whether the lead is the first of its line for this rep, whose locks that ran out are taken back already."""
    assert seen.lead is not None
    assert seen.rep_id is not None
    before = Before(seen.rep_id, rep, judge.sight(book, rep, seen.teams, queue).only)
    return in_line(seen.lead["workspace_id"], book, queue, now, limit=1, before=before) == [seen.lead["id"]]


def _settle_own(workspace_id: UUID, rep_id: UUID, now: datetime) -> int:
    """Write the lapses of a rep's own locks that ran out: they still count as held until that is done."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM crm_lead WHERE workspace_id = %s AND owner_id = %s AND state = 'owned' AND lock_expires_at <= %s",
            [workspace_id, rep_id, now],
        )
        lapsed = [row[0] for row in cursor.fetchall()]
    return settle(workspace_id, lapsed, now)
