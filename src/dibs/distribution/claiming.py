"""A rep takes a lead from a pool: one read, one judgement, one conditional write.

No lock is held while the engine judges. The write takes effect only if the lead and the rep's standing are still at the versions that
were read (``claim_statements``); else everything is read again, a few times. Two reps, one lead: one gets it, the other learns who did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from dibs.delivery.wake import wake
from dibs.distribution import policies
from dibs.distribution.claim_statements import BY_TOKEN, BY_USER, Seen, read, take
from dibs.distribution.hours import hours_of
from dibs.distribution.lines import Before, in_line, line, low_score_waits, take_back
from dibs.distribution.reading import Row, lead_clock, lead_facts
from dibs.distribution.standings import in_tier, with_record
from dibs.distribution.ticking import settle
from dibs.distribution.writing import begin_standings
from dibs.engine import claim as judge
from dibs.engine import consequences, counters, fairplay
from dibs.engine.calendar import local_day
from dibs.engine.decision import Ask, Reason, Refusal
from dibs.engine.facts import RepFacts
from dibs.engine.rulebook import Rulebook
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

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
    return _claim(workspace_id, BY_TOKEN, digest, lead_id, now)


def claim_lead(caller: Caller, lead_id: UUID, now: datetime) -> Answer:
    """Claim for somebody who is known already; ``None``: there is no such lead in their sight."""
    return _claim(caller.workspace_id, BY_USER, caller.user_id, lead_id, now)


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


def _claim(workspace_id: UUID, statement: str, who: Any, lead_id: UUID, now: datetime) -> Answer:
    enter(workspace_id)
    low_in_sight: bool | None = None
    for _ in range(_TRIES):
        # Read.
        seen = read(statement, workspace_id, who, lead_id, now)
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
        if lead := take(workspace_id, seen, after, answer.reasons, standing, claim, active.number, now):
            transaction.on_commit(partial(wake, workspace_id))
            return Claimed(
                lead, claim, answer.lock_expires_at, answer.reasons, seen.rep.handle, seen.rep_name, seen.account
            )
    return Refused(Refusal((Reason("too_busy"),), remedy=Reason("try_again")))


#: Refusals that a caller may not tell from "there is no such lead".
_UNSEEN = frozenset({"pool_not_in_sight", "tier_sees_none"})


def _may_know_of(book: Rulebook, rep: RepFacts, seen: Seen) -> bool:
    """Whether a refused rep may learn that there is such a lead: it is theirs, or of a pool that they look into."""
    assert seen.lead is not None
    if seen.lead["owner_id"] == seen.rep_id:
        return True
    return judge.sight(book, rep, seen.teams, seen.lead["pool"] or "").level != "none"


def _with_counters(seen: Seen, book: Rulebook, today: date, now: datetime) -> RepFacts:
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


def _is_head(book: Rulebook, queue: str, rep: RepFacts, seen: Seen, now: datetime) -> bool:
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
