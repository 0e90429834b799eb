"""What time does to a lead: locks and offers run out, waiting leads escalate, late ones go to somebody else.

`on_time` is asked when a lead is due. It looks at where the lead stands and at the policy as it is now, not at what was
meant when the due time was written: a policy published since then counts, and a question asked early or twice does no harm.

Never a loop: each answer either moves the lead on (its state, ``escalated`` or ``reassigned`` change) or puts its due time
later than now, and ``reassigned`` has a limit. Every lead that waits in a pool is due at its age cap at the latest, and the
age cap takes it out of the pool.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from dibs.engine.calendar import at_work
from dibs.engine.decision import Due, InPool, Kept, Mailed, Moved, Placement, Reason, Warned
from dibs.engine.due import due_in_pool, due_when_idle
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts, RepFacts
from dibs.engine.gate import gate, goes_back
from dibs.engine.policy_ways import Push
from dibs.engine.reassign import hand_on, sla_of, without_owner
from dibs.engine.roster import Roster
from dibs.engine.rotate import cannot_take
from dibs.engine.route import Case, Judged, judge, place, place_judged, push_to, somewhere
from dibs.engine.rulebook import Rulebook
from dibs.engine.unready import of_marketing, still_marketings
from dibs.engine.waiting import in_nurture, new_wait, not_nurtured, placement_of, seconds, waiting

Answer = tuple[Moved | Kept | Warned | Mailed, Roster]


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
    return in_turn(laid_out(book, lead, account, clock, now, seed), roster)


def laid_out(
    book: Rulebook, lead: LeadFacts, account: AccountFacts | None, clock: LeadClock, now: datetime, seed: str
) -> Case | Judged:
    """The first half of `on_time`: what nobody needs to hold the teams' turns for."""
    if clock.state == "new":
        return judge(book, lead, account, clock, now, seed)
    return Case.of(book, lead, account, clock, now, seed)


def in_turn(laid: Case | Judged, roster: Roster) -> Answer:
    """The second half of `on_time`."""
    if isinstance(laid, Judged):
        placement, roster = place_judged(laid, roster)
        return Moved("placed", placement), roster
    case = laid
    unready = of_marketing(case, roster)
    if unready is not None:
        return unready
    answer, roster = _in_its_state(case, roster)
    return still_marketings(case, roster, answer), roster


def _in_its_state(case: Case, roster: Roster) -> Answer:
    clock = case.clock
    match clock.state:
        case "pooled":
            return waiting(case, roster)
        case "nurture":
            return in_nurture(case, roster)
        case "offered":
            return _offered(case, roster)
        case "owned" if clock.contacted_at is None:
            return _owned(case, roster)
        case "working":
            return _left_alone(case, roster)
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
    why: str = "",
) -> tuple[Moved, Roster]:
    """Where a lead goes whose offer its rep turned down: on to the next, as if the offer had run out. ``why``: in the rep's words."""
    case = Case.of(book, lead, account, clock, now, seed)
    return hand_on(case, roster, Reason("rejected", {"why": why}), kind="rejected")


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
    return not_nurtured(new_wait(book, placement, now), roster), roster


def back_in_pool(book: Rulebook, clock: LeadClock, rank: str | None, now: datetime) -> tuple[Placement, int]:
    """Back to the pool the lead came from, which the policy must still have, and how many of the pool's steps it has behind it.

    In its old place in line, as far as nothing was done about it. After a contact its wait begins anew: what it waited before was
    answered, and its old place would be over the age cap by now.
    """
    assert clock.pool is not None
    if clock.contacted_at is not None:
        begun = Placement(InPool(clock.pool), None, (), rank=rank, side=clock.side)  # type: ignore[arg-type]
        return new_wait(book, begun, now), 0
    due = due_in_pool(book, clock.pool, clock.waiting_since or now, clock.escalated, now, rank, clock.side)
    return Placement(InPool(clock.pool), due, ()), clock.escalated


def freed(
    book: Rulebook,
    lead: LeadFacts,
    account: AccountFacts | None,
    clock: LeadClock,
    roster: Roster,
    now: datetime,
    seed: str,
) -> tuple[Moved | Kept, Roster]:
    """Give a lead that waits to the team that it `awaits`, if somebody of it can be given one now: by the push that found nobody, or
    the one that would be next by now. Asked of the leads that await a team from the longest waiting on, the oldest goes first.
    """
    assert clock.awaits is not None
    case = Case.of(book, lead, account, clock, now, seed)
    push, rule, escalated = _awaited(case, clock.awaits)
    given = push_to(case, push, roster, rule)
    if given.to is None:
        due = Due(clock.due_at, clock.due_for) if clock.due_at is not None and clock.due_for is not None else None  # type: ignore[arg-type]
        return Kept(due, given.reasons, clock.awaits), roster
    since = clock.waiting_since or now
    reason = Reason("freed", {"team": clock.awaits, "since": since.isoformat()}, rule)
    return Moved(
        "freed", placement_of(case, given, reason), escalated=escalated, reassigned=clock.reassigned
    ), given.roster


def able(book: Rulebook, roster: Roster, teams: Iterable[str], now: datetime) -> list[str]:
    """Those of these teams of which somebody can be given a lead now."""

    def can(team: str, handle: str) -> bool:
        rep = roster.reps.get(handle)
        return rep is not None and cannot_take(rep, book.caps_of(team, handle), now) is None

    return [team for team in teams if any(can(team, handle) for handle in roster.teams.get(team, ()))]


def _awaited(case: Case, team: str) -> tuple[Push, str | None, int]:
    """The push to this team that the lead awaits, where the policy says so, and how many of its pool's steps it has behind it then."""
    book, clock = case.book, case.clock
    rules = book.policy.pools.get(clock.pool or "") if clock.state == "pooled" else None
    if rules is not None:
        since = clock.waiting_since or case.now
        for index in range(len(rules.escalate) - 1, -1, -1):
            step = rules.escalate[index]
            if step.push is not None and since + step.after <= case.now and case.team_of(step.push) == team:
                return step.push, f"pools.{clock.pool}.escalate[{index}]", max(index + 1, clock.escalated)
    passed = gate(book, case.lead, case.activation)
    if passed.way is not None and passed.way.team == team:
        return Push(team=team, by=passed.way.by), passed.rule, clock.escalated
    matched = book.first(case.activation) if passed.is_open else None
    if matched is not None and matched.rule.push is not None and case.team_of(matched.rule.push) == team:
        return matched.rule.push, f"route[{matched.index}]", clock.escalated
    onward = [("qualify.stale.then", book.policy.qualify.stale.then)] if book.policy.qualify.stale else []
    onward += [(f"idle[{index}].then", idle.then) for index, (idle, _) in enumerate(book.idles)]
    if matched is not None and matched.rule.fallback is not None:
        onward.insert(0, (f"route[{matched.index}].fallback", matched.rule.fallback))
    for path, on in onward:
        if on.team == team:
            return Push(team=team, by=on.by), path, clock.escalated
    return Push(team=team), None, clock.escalated


def _offered(case: Case, roster: Roster) -> Answer:
    clock = case.clock
    ends = clock.lock_expires_at or clock.due_at or case.now
    if ends > case.now:
        return Kept(Due(ends, "offer")), roster
    reason = Reason("offer_lapsed", {"rep": clock.owner, "at": ends.isoformat()})
    off_work = _off_work(case, roster, ends)
    moved, roster = hand_on(case, roster, reason, kind="lapsed")
    return replace(moved, lapsed=clock.owner, off_work=off_work), roster


def _owned(case: Case, roster: Roster) -> Answer:
    """Owned without contact: under a lock, or with a time for first contact, or neither."""
    clock, now = case.clock, case.now
    if clock.lock_expires_at is not None:
        if clock.lock_expires_at > now:
            return Kept(Due(clock.lock_expires_at, "lock")), roster
        return _lock_lapsed(case, clock.lock_expires_at, roster)
    by = clock.sla_at
    if by is None or sla_of(case) is None:
        return _left_alone(case, roster)
    if by <= now:
        return _late(case, roster)
    ends = Due(by, "sla", by)
    if clock.due_for != "warn" or clock.due_at is None or clock.warned:
        return Kept(ends), roster
    if clock.due_at > now:
        return Kept(Due(clock.due_at, "warn", by)), roster
    near = {"lead": clock.id, "rep": clock.owner, "at": by.isoformat()}
    return Warned(ends, (Reason("sla_near", near, _first_contact(case)),)), roster


def _lock_lapsed(case: Case, ended: datetime, roster: Roster) -> Answer:
    """Back to the same place in the same line. What should have happened there meanwhile is due at once."""
    clock = case.clock
    after = roster.given_up(clock.owner) if clock.owner is not None else roster
    lapsed = Reason("lock_lapsed", {"rep": clock.owner, "at": ended.isoformat()}, f"pools.{clock.pool}.lock")
    since = clock.waiting_since or case.now
    goes = goes_back(case.book, case.lead, case.activation, clock)
    if clock.pool is not None and clock.pool in case.book.policy.pools and goes:
        due = due_in_pool(case.book, clock.pool, since, clock.escalated, case.now, case.lead.rank, clock.side)
        back = Reason("back_in_pool", {"pool": clock.pool, "since": since.isoformat()})
        placement = Placement(InPool(clock.pool), due, (lapsed, back))
        return Moved("lapsed", placement, clock.owner, clock.escalated, clock.reassigned, off=clock.owner), after
    if not goes:
        seen = replace(without_owner(case, roster)[0].clock, state="pooled", pool=None)
        placement, after = given_back(case.book, case.lead, case.account, seen, after, case.now, case.seed)
        placement = replace(placement, reasons=(lapsed, *placement.reasons))
        return Moved("lapsed", placement, clock.owner, 0, clock.reassigned, off=clock.owner), after
    given = somewhere(case, after)
    placement = placement_of(case, given, lapsed, Reason("pool_gone", {"pool": clock.pool}))
    return Moved("lapsed", placement, clock.owner, 0, clock.reassigned, off=clock.owner), given.roster


def _late(case: Case, roster: Roster) -> Answer:
    """No first contact in time: to another rep, so many times, then before managers; if the policy says neither, or a manager gave the
    lead by hand, it stays."""
    clock, found = case.clock, sla_of(case)
    assert found is not None
    sla = found[1]
    missed = Reason("sla_missed", {"rep": clock.owner, "within": seconds(sla.first_contact)}, _first_contact(case))
    stays = not sla.then.reassign and sla.then.review is None
    if clock.by_hand or stays:
        because = (missed, _kept_by_hand(case)) if clock.by_hand else (missed,)
        return Warned(_due_when_idle(case, roster, warned=False), because, over=True), roster
    off_work = _off_work(case, roster, clock.sla_at or case.now)
    moved, roster = hand_on(case, roster, missed)
    return replace(moved, lapsed=clock.owner, off_work=off_work), roster


def _left_alone(case: Case, roster: Roster) -> Answer:
    """A lead that its rep has, as far as nobody waits for its first contact: on to elsewhere once it was left alone for too long."""
    clock, now = case.clock, case.now
    due, found = _due_when_idle(case, roster, warned=clock.warned), case.book.idle(case.activation)
    if due is None or found is None or due.at > now:
        return Kept(due), roster
    index, idle = found
    path = "idle" if len(case.book.idles) == 1 else f"idle[{index}]"
    params = {"rep": clock.owner, "after": seconds(idle.after)}
    if due.why == "warn":
        ends = _due_when_idle(case, roster, warned=True)
        assert ends is not None
        near = Reason("idle_near", {"lead": clock.id, "rep": clock.owner, "at": ends.at.isoformat()}, path)
        return Warned(ends, (near,)), roster
    reason = Reason("idle", params, path)
    if clock.by_hand:
        return Warned(None, (reason, _kept_by_hand(case)), over=True), roster
    # Who is not for sales is not left to sales: where the policy says for such leads.
    is_open = gate(case.book, case.lead, case.activation).is_open or idle.then.review is not None
    return hand_on(case, roster, reason, to=idle.then if is_open else None)


def _due_when_idle(case: Case, roster: Roster, *, warned: bool) -> Due | None:
    """When the lead will have been left alone for too long, by its rep's last act or the person's last touch."""
    clock, rep = case.clock, _owner(case, roster)
    acted_at = clock.acted_at or clock.contacted_at or clock.claimed_at or clock.waiting_since or clock.received_at
    if acted_at is None:
        return None
    return due_when_idle(case.book, case.activation, rep, acted_at, case.now, warned=warned)


def _kept_by_hand(case: Case) -> Reason:
    return Reason("kept_by_hand", {"lead": case.clock.id, "rep": case.clock.owner})


def _owner(case: Case, roster: Roster) -> RepFacts | None:
    return roster.reps.get(case.clock.owner) if case.clock.owner is not None else None


def _off_work(case: Case, roster: Roster, ended: datetime) -> bool:
    """Whether the time of the lead's rep ran out while they were not at work."""
    rep = _owner(case, roster)
    return rep is not None and not at_work(rep.hours, ended)


def _first_contact(case: Case) -> str | None:
    found = sla_of(case)
    return f"{found[0]}.first_contact" if found is not None else None
