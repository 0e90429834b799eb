"""What time does to a lead: locks and offers run out, waiting leads escalate, late ones go to somebody else.

`on_time` is asked when a lead is due. It looks at where the lead stands and at the policy as it is now, not at what was
meant when the due time was written: a policy published since then counts, and a question asked early or twice does no harm.

Never a loop: each answer either moves the lead on (its state, ``escalated`` or ``reassigned`` change) or puts its due time
later than now, and ``reassigned`` has a limit. Every lead that waits in a pool is due at its age cap at the latest, and the
age cap takes it out of the pool.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dibs.engine.calendar import next_start
from dibs.engine.decision import Due, InNurture, InPool, InReview, Kept, Moved, Placement, Reason
from dibs.engine.due import due_in_pool, due_when_stale
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts
from dibs.engine.policy_model import Pool
from dibs.engine.policy_time import Sla
from dibs.engine.policy_ways import Push, Step
from dibs.engine.roster import Roster
from dibs.engine.route import (
    MANAGERS,
    Case,
    Given,
    go_on,
    landed,
    place,
    push_to,
    reviewed,
    route,
    somewhere,
)
from dibs.engine.rulebook import Rulebook

#: When to look again for somebody to push to while all are at their caps: nothing tells when one frees up.
RETRY = timedelta(minutes=5)

#: How often a lead is passed on to another rep where the policy's ``sla.then.reassign`` does not say.
REASSIGN_AT_MOST = 3

Answer = tuple[Moved | Kept, Roster]


def on_time(
    book: Rulebook,
    lead: LeadFacts,
    account: AccountFacts | None,
    clock: LeadClock,
    roster: Roster,
    now: datetime,
    seed: str,
) -> Answer:
    """What happens to this lead now, if anything does yet; and the roster after it.

    ``lead`` carries its score and rank as last qualified. ``clock.pool`` is where the lead waits or last waited.
    """
    case = Case.of(book, lead, account, clock, now, seed)
    match clock.state:
        case "new":
            placement, roster = place(book, lead, account, clock, roster, now, seed)
            return Moved("placed", placement), roster
        case "pooled":
            return _waiting(case, roster)
        case "nurture":
            return _in_nurture(case, roster)
        case "offered":
            return _offered(case, roster)
        case "owned" if clock.contacted_at is None:
            return _owned(case, roster)
        case _:
            return Kept(None), roster


def declined(
    book: Rulebook,
    lead: LeadFacts,
    account: AccountFacts | None,
    clock: LeadClock,
    roster: Roster,
    now: datetime,
    seed: str,
) -> tuple[Moved, Roster]:
    """Where a lead goes whose offer its rep turned down: on to the next, as if the offer had run out."""
    case = Case.of(book, lead, account, clock, now, seed)
    return _passed_on(case, roster, "rejected", ())


def given_back(
    book: Rulebook,
    lead: LeadFacts,
    account: AccountFacts | None,
    clock: LeadClock,
    roster: Roster,
    now: datetime,
    seed: str,
) -> tuple[Placement, Roster]:
    """Where a lead goes that its rep gives back and that waits in no pool: placed anew. ``clock.passed_over`` names the rep.

    In a pool it begins its wait, not having waited there yet. A lead that the policy would nurture goes before managers: nobody
    nurtures what a rep has had already.
    """
    placement, roster = place(book, lead, account, clock, roster, now, seed)
    placement = new_wait(book, placement, now)
    if isinstance(placement.to, InNurture):
        review = reviewed(MANAGERS, roster, None)
        placement = replace(placement, to=InReview(MANAGERS), due=None, reasons=placement.reasons + review.reasons)
    return placement, roster


def back_in_pool(book: Rulebook, clock: LeadClock, rank: str | None, now: datetime) -> tuple[Placement, int]:
    """Back to the pool the lead came from, which the policy must still have, and how many of the pool's steps it has behind it.

    In its old place in line, as far as nothing was done about it. After a contact its wait begins anew: what it waited before was
    answered, and its old place would be over the age cap by now.
    """
    assert clock.pool is not None
    if clock.contacted_at is not None:
        return new_wait(book, Placement(InPool(clock.pool), None, (), rank=rank), now), 0
    due = due_in_pool(book, clock.pool, clock.waiting_since or now, clock.escalated, now, rank)
    return Placement(InPool(clock.pool), due, ()), clock.escalated


def new_wait(book: Rulebook, placement: Placement, now: datetime) -> Placement:
    """The same placement; in a pool, with a place in line that begins now. For a lead that did not wait in a pool until now: in its
    old place it would be over the pool's steps and age cap at once.
    """
    if not isinstance(placement.to, InPool):
        return placement
    pool = placement.to.pool
    due = due_in_pool(book, pool, now, 0, now, placement.rank)
    return replace(placement, to=InPool(pool, since=now), due=due)


def _waiting(case: Case, roster: Roster) -> Answer:
    """In a pool: the age cap, then going stale, then the last step whose time has come."""
    book, clock, now = case.book, case.clock, case.now
    rules = book.policy.pools.get(clock.pool or "")
    if rules is None:
        placement, roster = place(book, case.lead, case.account, clock, roster, now, case.seed)
        placement = replace(placement, reasons=(Reason("pool_gone", {"pool": clock.pool}), *placement.reasons))
        return Moved("requalified", placement, reassigned=clock.reassigned), roster
    since = clock.waiting_since or now
    if since + rules.assign_after <= now:
        return _aged(case, rules, roster)
    stale = book.policy.qualify.stale
    if stale is not None and stale.rank == case.lead.rank and since + stale.after <= now:
        return _went_stale(case, roster)
    for index in range(len(rules.escalate) - 1, clock.escalated - 1, -1):
        if since + rules.escalate[index].after <= now:
            return _step(case, rules, index, roster)
    return Kept(due_in_pool(book, clock.pool or "", since, clock.escalated, now, case.lead.rank)), roster


def _step(case: Case, rules: Pool, index: int, roster: Roster) -> Answer:
    """Do an escalation step; if nobody can be pushed to, wait until somebody may be, or for what comes next."""
    step, pool = rules.escalate[index], case.clock.pool
    path = f"pools.{pool}.escalate[{index}]"
    reason = Reason("escalated", {"pool": pool, "step": index + 1, "after": _seconds(step.after)}, path)
    if step.review is not None:
        given = reviewed(step.review, roster, path)
    else:
        assert step.push is not None
        given = push_to(case, step.push, roster, path)
    if given.to is None:
        return Kept(_try_again(case, step, index, roster), given.reasons), roster
    moved = Moved("escalated", _placement(case, given, reason), escalated=index + 1, reassigned=case.clock.reassigned)
    return moved, given.roster


def _try_again(case: Case, step: Step, index: int, roster: Roster) -> Due:
    """Later than now, and no later than the next step or the age cap."""
    now, clock = case.now, case.clock
    assert step.push is not None
    again = Due(_frees_up_at(case, step.push, roster), "escalate")
    after = due_in_pool(case.book, clock.pool or "", clock.waiting_since or now, index + 1, now, case.lead.rank)
    return after if after is not None and now < after.at < again.at else again


def _frees_up_at(case: Case, push: Push, roster: Roster) -> datetime:
    """The earliest moment after now at which somebody whom this push asks may be free: back at work, or off a cap."""
    owner = case.territory_owner if push.to == "territory.owner" else None
    territory = owner.team if owner is not None else None
    earliest: datetime | None = None
    for handle in roster.teams.get(push.team or territory or "", ()):
        rep = roster.reps.get(handle)
        if rep is None or not rep.active or not rep.available or handle in case.clock.passed_over:
            continue
        back = next_start(rep.hours, case.now)
        if back is not None and back <= case.now:  # at work, so at a cap
            back = case.now + RETRY
        if back is not None and (earliest is None or back < earliest):
            earliest = back
    return earliest or case.now + RETRY


def _aged(case: Case, rules: Pool, roster: Roster) -> Answer:
    """At the age cap: assigned outright as the pool's last push would, else before managers."""
    pool = case.clock.pool
    path = f"pools.{pool}.assign_after"
    reason = Reason("aged", {"pool": pool, "after": _seconds(rules.assign_after)}, path)
    push = _last_push(rules.escalate)
    given = push_to(case, push, roster, path, outright=True) if push is not None else Given(None, roster, ())
    if given.to is None:
        queue = next((step.review for step in reversed(rules.escalate) if step.review is not None), MANAGERS)
        given = reviewed(queue, roster, path).because(*given.reasons)
    escalated = len(rules.escalate)
    return Moved(
        "aged", _placement(case, given, reason), escalated=escalated, reassigned=case.clock.reassigned
    ), given.roster


def _in_nurture(case: Case, roster: Roster) -> Answer:
    since = case.clock.waiting_since or case.now
    due = due_when_stale(case.book, case.lead.rank, since, case.now)
    if due is None or due.at > case.now:
        return Kept(due), roster
    return _went_stale(case, roster)


def _went_stale(case: Case, roster: Roster) -> Answer:
    """Left alone for too long: on to where the policy sends such leads; in another pool they begin a new wait."""
    stale, clock = case.book.policy.qualify.stale, case.clock
    assert stale is not None
    path = "qualify.stale"
    reason = Reason("stale", {"after": _seconds(stale.after)}, path)
    if stale.then.pool is not None and clock.state == "pooled" and clock.pool == stale.then.pool:
        given = reviewed(MANAGERS, roster, path)
    else:
        given = go_on(case, stale.then, roster, path)
    if isinstance(given.to, InPool):
        given = replace(given, to=replace(given.to, since=case.now))
    elif given.to is None:
        given = reviewed(MANAGERS, roster, path).because(*given.reasons)
    return Moved("requalified", _placement(case, given, reason), reassigned=clock.reassigned), given.roster


def _offered(case: Case, roster: Roster) -> Answer:
    clock = case.clock
    ends = clock.lock_expires_at or clock.due_at or case.now
    if ends > case.now:
        return Kept(Due(ends, "offer")), roster
    reason = Reason("offer_lapsed", {"rep": clock.owner, "at": ends.isoformat()})
    moved, roster = _passed_on(case, roster, "lapsed", (reason,))
    return replace(moved, lapsed=clock.owner), roster


def _owned(case: Case, roster: Roster) -> Answer:
    """Owned without contact: under a lock, or with a time for first contact, or neither."""
    clock, now = case.clock, case.now
    if clock.lock_expires_at is not None:
        if clock.lock_expires_at > now:
            return Kept(Due(clock.lock_expires_at, "lock")), roster
        return _lock_lapsed(case, clock.lock_expires_at, roster)
    if clock.due_for != "sla" or clock.due_at is None or _sla(case) is None:
        return Kept(None), roster
    if clock.due_at > now:
        return Kept(Due(clock.due_at, "sla")), roster
    return _late(case, roster)


def _lock_lapsed(case: Case, ended: datetime, roster: Roster) -> Answer:
    """Back to the same place in the same line. What should have happened there meanwhile is due at once."""
    clock = case.clock
    after = roster.given_up(clock.owner) if clock.owner is not None else roster
    lapsed = Reason("lock_lapsed", {"rep": clock.owner, "at": ended.isoformat()}, f"pools.{clock.pool}.lock")
    since = clock.waiting_since or case.now
    if clock.pool is not None and clock.pool in case.book.policy.pools:
        due = due_in_pool(case.book, clock.pool, since, clock.escalated, case.now, case.lead.rank)
        back = Reason("back_in_pool", {"pool": clock.pool, "since": since.isoformat()})
        placement = Placement(InPool(clock.pool), due, (lapsed, back))
        return Moved("lapsed", placement, clock.owner, clock.escalated, clock.reassigned), after
    given = somewhere(case, after)
    placement = _placement(case, given, lapsed, Reason("pool_gone", {"pool": clock.pool}))
    return Moved("lapsed", placement, clock.owner, 0, clock.reassigned), given.roster


def _late(case: Case, roster: Roster) -> Answer:
    """No first contact in time: to another rep, so many times, then before managers; if the policy says neither, kept."""
    clock, sla = case.clock, _sla(case)
    assert sla is not None
    params = {"rep": clock.owner, "within": _seconds(sla.first_contact)}
    missed = Reason("sla_missed", params, "sla.first_contact")
    if not sla.then.reassign and sla.then.review is None:
        return Kept(None, (missed,)), roster
    queue = sla.then.review or MANAGERS
    case, roster = _without_owner(case, roster)
    if clock.reassigned >= sla.then.reassign:
        given = reviewed(queue, roster, "sla.then")
        limit = (Reason("reassign_limit", {"limit": sla.then.reassign}, "sla.then"),) if sla.then.reassign else ()
        placement = _placement(case, given, missed, *limit)
        return Moved("reassigned", placement, clock.owner, clock.escalated, clock.reassigned), given.roster
    given = _pushed_again(case, roster)
    if given.to is None:
        given = reviewed(queue, roster, "sla.then").because(*given.reasons)
    placement = _placement(case, given, missed)
    return Moved("reassigned", placement, clock.owner, clock.escalated, clock.reassigned + 1), given.roster


def _passed_on(case: Case, roster: Roster, kind: str, reasons: tuple[Reason, ...]) -> tuple[Moved, Roster]:
    """From an offer not taken to the next rep; after the limit, before managers; when nobody is left, where else it can go."""
    clock, sla = case.clock, _sla(case)
    case, roster = _without_owner(case, roster)
    limit = (sla.then.reassign if sla is not None else 0) or REASSIGN_AT_MOST
    if clock.reassigned >= limit:
        queue = (sla.then.review if sla is not None else None) or MANAGERS
        given = reviewed(queue, roster, "sla.then")
        placement = _placement(case, given, *reasons, Reason("reassign_limit", {"limit": limit}, "sla.then"))
        return Moved(kind, placement, None, clock.escalated, clock.reassigned), given.roster
    again = clock.reassigned + 1
    if _waited_in(case) is not None:
        # In its old place in line: a step of the pool whose time came while it was offered is done now.
        late, after = _waiting(replace(case, clock=replace(case.clock, state="pooled")), roster)
        if isinstance(late, Moved):
            placement = replace(late.placement, reasons=(*reasons, *late.placement.reasons))
            return Moved(kind, placement, None, late.escalated, again), after
        given = _pushed_again(case, roster)
        if given.to is None:
            assert clock.pool is not None
            back = Reason("back_in_pool", {"pool": clock.pool, "since": (clock.waiting_since or case.now).isoformat()})
            given = replace(given, to=InPool(clock.pool), reasons=(*given.reasons, back))
        placement = _placement(case, given, *reasons, escalated=clock.escalated)
        return Moved(kind, placement, None, clock.escalated, again), given.roster
    given = route(case, roster)
    if isinstance(given.to, InNurture):  # the policy changed since; nobody nurtures what a rep was already offered
        given = reviewed(MANAGERS, roster, None).because(*given.reasons)
    return Moved(kind, _placement(case, given, *reasons), None, clock.escalated, again), given.roster


def _pushed_again(case: Case, roster: Roster) -> Given:
    """To the next rep, by the push that brings leads like this to reps: the pool's if it came by a pool, else its rule's."""
    pool = _waited_in(case)
    if pool is not None:
        done = pool.escalate[: case.clock.escalated] or pool.escalate
        push = _last_push(done)
        return push_to(case, push, roster, f"pools.{case.clock.pool}.escalate") if push is not None else _nobody(roster)
    matched = case.book.first(case.activation)
    if matched is None or matched.rule.push is None:
        return _nobody(roster)
    path = f"route[{matched.index}]"
    given = push_to(case, matched.rule.push, roster, path)
    if given.to is None and matched.rule.fallback is not None and matched.rule.fallback.team is not None:
        given = go_on(case, matched.rule.fallback, roster, f"{path}.fallback").because(*given.reasons)
    return given


def _sla(case: Case) -> Sla | None:
    """What the policy sets for the first contact on this lead."""
    found = case.book.sla(case.activation)
    return found[1] if found is not None else None


def _nobody(roster: Roster) -> Given:
    return Given(None, roster, ())


def _waited_in(case: Case) -> Pool | None:
    """The pool the lead came to its rep from, if the policy still has it."""
    return case.book.policy.pools.get(case.clock.pool) if case.clock.pool is not None else None


def _last_push(steps: tuple[Step, ...]) -> Push | None:
    return next((step.push for step in reversed(steps) if step.push is not None), None)


def _without_owner(case: Case, roster: Roster) -> tuple[Case, Roster]:
    """The lead taken off its rep, who is not given it again."""
    owner = case.clock.owner
    if owner is None:
        return case, roster
    clock = replace(case.clock, passed_over=case.clock.passed_over | {owner})
    return replace(case, clock=clock), roster.given_up(owner)


def _placement(case: Case, given: Given, *reasons: Reason, escalated: int = 0) -> Placement:
    return Placement(*landed(case, given, escalated), reasons + given.reasons)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
