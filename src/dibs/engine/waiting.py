"""What time does to a lead that waits: its pool's steps, going stale, the age cap.

A step that finds nobody to push to is not tried over and over: the lead `awaits` that team from then on, and goes to the first of it
who can be given one (`dibs.engine.timeline.freed`), unless its next step or the age cap comes first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dibs.engine.decision import Due, InNurture, InPool, Kept, Mailed, Moved, Placement, Reason, Retired
from dibs.engine.due import due_in_pool, due_when_stale, sooner
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts
from dibs.engine.nurture import due_for_mail, next_step, sequence_of, why_not_mailed
from dibs.engine.policy_model import Pool
from dibs.engine.policy_ways import Push, Step
from dibs.engine.roster import Roster
from dibs.engine.route import MANAGERS, Case, Given, by_way, go_on, landed, place, push_to, reviewed
from dibs.engine.rulebook import Rulebook

#: When to look again for a rep whose lead it is by name, an account's owner, while they can't be given it: nothing tells when they can.
RETRY = timedelta(minutes=5)

Answer = tuple[Moved | Kept, Roster]


def waiting(case: Case, roster: Roster) -> Answer:
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
    return Kept(due_in_pool(book, clock.pool or "", since, clock.escalated, now, case.lead.rank, clock.side)), roster


def in_nurture(case: Case, roster: Roster) -> tuple[Moved | Kept | Mailed, Roster]:
    """Kept away from sales, until it goes stale; with the mails of its sequence meanwhile."""
    book, clock, now = case.book, case.clock, case.now
    stale = due_when_stale(book, case.lead.rank, clock.waiting_since or now, now)
    if stale is not None and stale.at <= now:
        return _went_stale(case, roster)
    mail = due_for_mail(book, clock.sequence, clock.mailed, clock.mailed_at, now)
    if mail is not None and mail.at <= now:
        return _next_mail(case, roster, stale)
    return Kept(sooner(stale, mail)), roster


def new_wait(book: Rulebook, placement: Placement, now: datetime) -> Placement:
    """The same placement; in a pool, with a place in line that begins now. For a lead that did not wait in a pool until now: in its
    old place it would be over the pool's steps and age cap at once.
    """
    if not isinstance(placement.to, InPool):
        return placement
    pool = placement.to.pool
    due = due_in_pool(book, pool, now, 0, now, placement.rank, placement.side or "sales")
    return replace(placement, to=InPool(pool, since=now), due=due)


def last_push(steps: tuple[Step, ...]) -> Push | None:
    """The last of these steps that pushes, if any does: how."""
    return next((step.push for step in reversed(steps) if step.push is not None), None)


def placement_of(case: Case, given: Given, *reasons: Reason, escalated: int = 0) -> Placement:
    """Where the lead lands, with these reasons before those of its being given there."""
    to, due = landed(case, given, escalated)
    return Placement(to, due, reasons + given.reasons, awaits=given.still_awaits)


def seconds(span: timedelta) -> int:
    """A span as reasons hold it."""
    return int(span.total_seconds())


def _step(case: Case, rules: Pool, index: int, roster: Roster) -> Answer:
    """Do an escalation step; if nobody can be pushed to, wait until somebody may be, or for what comes next."""
    step, pool = rules.escalate[index], case.clock.pool
    path = f"pools.{pool}.escalate[{index}]"
    reason = Reason("escalated", {"pool": pool, "step": index + 1, "after": seconds(step.after)}, path)
    if step.review is not None:
        given = reviewed(step.review, roster, path)
    else:
        assert step.push is not None
        given = push_to(case, step.push, roster, path)
    if given.to is None:
        return Kept(_asked_again(case, index, given.awaits), given.reasons, given.awaits), roster
    moved = Moved("escalated", placement_of(case, given, reason), escalated=index + 1, reassigned=case.clock.reassigned)
    return moved, given.roster


def _asked_again(case: Case, index: int, awaits: str | None) -> Due:
    """When the next step comes, or the age cap; and where the lead awaits a rep and no team, soon."""
    now, clock = case.now, case.clock
    since = clock.waiting_since or now
    after = due_in_pool(case.book, clock.pool or "", since, index + 1, now, case.lead.rank, clock.side)
    assert after is not None, "a pool that there is has an age cap"
    return after if awaits is not None or after.at < now + RETRY else Due(now + RETRY, "escalate")


def _aged(case: Case, rules: Pool, roster: Roster) -> Answer:
    """At the age cap: assigned outright as the pool's last push would, else before managers."""
    pool = case.clock.pool
    path = f"pools.{pool}.assign_after"
    reason = Reason("aged", {"pool": pool, "after": seconds(rules.assign_after)}, path)
    push = last_push(rules.escalate)
    given = push_to(case, push, roster, path, outright=True) if push is not None else Given(None, roster, ())
    if given.to is None:
        queue = next((step.review for step in reversed(rules.escalate) if step.review is not None), MANAGERS)
        given = reviewed(queue, roster, path).after(given)
    escalated = len(rules.escalate)
    return Moved(
        "aged", placement_of(case, given, reason), escalated=escalated, reassigned=case.clock.reassigned
    ), given.roster


def _went_stale(case: Case, roster: Roster) -> Answer:
    """Left alone for too long: on to where the policy sends such leads; in another pool they begin a new wait."""
    stale, clock = case.book.policy.qualify.stale, case.clock
    assert stale is not None
    path = "qualify.stale"
    reason = Reason("stale", {"after": seconds(stale.after)}, path)
    if stale.then.pool is not None and clock.state == "pooled" and clock.pool == stale.then.pool:
        given = reviewed(MANAGERS, roster, path)
    else:
        given = go_on(case, stale.then, roster, path)
    if isinstance(given.to, InPool):
        given = replace(given, to=replace(given.to, since=case.now))
    elif given.to is None:
        given = reviewed(MANAGERS, roster, path).after(given)
    return Moved("requalified", placement_of(case, given, reason), reassigned=clock.reassigned), given.roster


def answered(
    book: Rulebook,
    lead: LeadFacts,
    account: AccountFacts | None,
    clock: LeadClock,
    placement: Placement,
    roster: Roster,
    now: datetime,
    seed: str,
) -> tuple[Placement, Roster]:
    """The same placement, just made; where it would keep a lead in nurture whose person wrote or rang while it got the mails of a
    sequence, the way that this sequence has for those who answer."""
    sequence = sequence_of(book, clock.sequence)
    if clock.state != "nurture" or sequence is None or not isinstance(placement.to, InNurture):
        return placement, roster
    if placement.score is not None and placement.rank is not None:
        lead = lead.qualified(placement.score, placement.rank, placement.likelihood)
    case = Case.of(book, lead, account, replace(clock, side=placement.side or clock.side), now, seed)
    path = f"nurture.sequences.{clock.sequence}"
    given = _begun_anew(by_way(case, sequence.replied, roster, f"{path}.replied"), clock, now)
    to, due = landed(case, given, 0)
    because = Reason("answered_mails", {"sequence": clock.sequence}, path)
    reasons = (*placement.reasons, because, *given.reasons)
    return replace(placement, to=to, due=due, reasons=reasons, awaits=given.still_awaits), given.roster


def _next_mail(case: Case, roster: Roster, stale: Due | None) -> tuple[Moved | Mailed, Roster]:
    """The next mail of the lead's sequence. Where there is none any more, or the lead may not be mailed any more, where the sequence sends
    those that are through with it; if nowhere, it stays without mails."""
    book, clock, now = case.book, case.clock, case.now
    sequence, why = sequence_of(book, clock.sequence), why_not_mailed(book.policy.nurture, case.lead)
    if sequence is None or why == "do_not_contact":
        placement, roster = place(book, case.lead, case.account, clock, roster, now, case.seed)
        gone = () if sequence else (Reason("sequence_gone", {"sequence": clock.sequence}),)
        placement = new_wait(book, replace(placement, reasons=(*gone, *placement.reasons)), now)
        return Moved("requalified", placement, reassigned=clock.reassigned), roster
    path = f"nurture.sequences.{clock.sequence}"
    step, mails = next_step(sequence, clock.mailed), len(sequence.steps)
    if step is not None and why is None:
        nth = clock.mailed + 1
        params = {"sequence": clock.sequence, "mail": step.mail, "step": nth, "mails": mails}
        due = sooner(stale, due_for_mail(book, clock.sequence, nth, now, now))
        return Mailed(step.mail, nth, due, (Reason("mailed", params, f"{path}.steps[{clock.mailed}]"),)), roster
    if step is None:
        because = Reason("sequence_over", {"sequence": clock.sequence}, path)
    else:
        because = Reason("not_mailed", {"because": why}, path)
    way = sequence.then
    given = by_way(case, way, roster, f"{path}.then") if way is not None else Given(InNurture(), roster, ())
    given = _begun_anew(given, clock, now)
    return Moved("requalified", placement_of(case, given, because), reassigned=clock.reassigned), given.roster


def _begun_anew(given: Given, clock: LeadClock, now: datetime) -> Given:
    """The same, out of the lead's sequence: in a pool its wait begins now, and in the same sequence it does not go round again."""
    if isinstance(given.to, InPool):
        return replace(given, to=InPool(given.to.pool, since=now))
    if isinstance(given.to, InNurture) and given.to.sequence == clock.sequence:
        return replace(given, to=InNurture())
    return given


def not_nurtured(placement: Placement, roster: Roster) -> Placement:
    """The same placement; before managers in place of nurture, or of being given up: nobody does that by itself to what a rep has had."""
    if not isinstance(placement.to, InNurture | Retired):
        return placement
    review = reviewed(MANAGERS, roster, None)
    assert review.to is not None
    return replace(placement, to=review.to, due=None, reasons=placement.reasons + review.reasons)
