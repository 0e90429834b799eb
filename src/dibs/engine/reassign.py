"""A lead is handed on: taken off whoever has it, and given its next place. The one procedure for every cause.

An offer declined or run out, a first contact missed, a lead left alone, a rep on leave or gone, a border moved, a manager's bulk: each
says why, and where to if that is not for the policy to say. The lead always lands somewhere, and never with the rep whom it was taken
off.

Never a loop: what time and rules do counts in ``reassigned``, and after the policy's limit the lead goes to review, and stays there until a
person decides; two automations that overwrite each other's work are stopped by the same count. What a person decides is not counted.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dibs.engine.decision import Assigned, InNurture, InPool, Moved, Placement, Reason, Retired
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts
from dibs.engine.gate import gate, goes_back, side_in
from dibs.engine.lifecycle import HELD
from dibs.engine.policy_model import Pool
from dibs.engine.policy_time import Sla
from dibs.engine.policy_ways import Onward, Push, Way
from dibs.engine.roster import Roster
from dibs.engine.route import MANAGERS, Case, Given, by_way, go_on, place, push_to, reviewed, route
from dibs.engine.rulebook import Rulebook
from dibs.engine.waiting import last_push, new_wait, not_nurtured, placement_of, waiting

#: How often a lead is passed on to another rep where the policy's ``sla.then.reassign`` does not say.
REASSIGN_AT_MOST = 3

#: Causes by which the policy passes a lead on, rep by rep: the way that brought it to the first brings it to the next.
PASSED_ON = frozenset({"offer_lapsed", "rejected", "sla_missed"})
#: Causes that no person decides: so often, and then a person does.
COUNTED = PASSED_ON | {"idle", "territory_changed"}
#: Causes by which a person says where it goes.
BY_A_PERSON = frozenset({"moved_by", "on_leave", "has_left"})


def handed_on(
    book: Rulebook,
    lead: LeadFacts,
    account: AccountFacts | None,
    clock: LeadClock,
    roster: Roster,
    now: datetime,
    seed: str,
    cause: Reason,
    *,
    to: Onward | Way | str | None = None,
) -> tuple[Moved, Roster]:
    """Take an open lead off whoever has it, and give it to ``to``: a rep by handle, a team, a pool, a review, out; ``None``: by the policy.

    The answer's kind is ``reassigned``, ``nurtured`` or ``retired`` by where it goes, or ``requalified`` where nobody had it; ``cause`` is the first of its reasons, and
    `Moved.off` the rep it was taken off, whom the caller remembers as passed over. ``lead`` carries its score and rank as last
    qualified. A rep by name gets it whatever their hours and caps, as by a manager's hand; one who is not active, or who is the one it
    is taken off, does not. Where ``to`` can't have it, it goes before managers.
    """
    return hand_on(Case.of(book, lead, account, clock, now, seed), roster, cause, to=to)


def hand_on(
    case: Case, roster: Roster, cause: Reason, *, to: Onward | Way | str | None = None, kind: str | None = None
) -> tuple[Moved, Roster]:
    """`handed_on` for a case laid out already. ``kind``: the decision's, if it has a name of its own."""
    had, held, clock = case.clock.owner, case.clock.state in HELD, case.clock
    case, roster = without_owner(case, roster)
    counted = cause.code in COUNTED
    escalated, reassigned = clock.escalated, clock.reassigned + counted
    limit, queue, path = _limits(case, cause)
    if counted and clock.reassigned >= limit:
        over = (Reason("reassign_limit", {"limit": limit}, path),) if limit else ()
        given = reviewed(queue, roster, path).because(*over)
        placement, roster, reassigned = placement_of(case, given, cause), roster, clock.reassigned
    elif to is not None:
        given = _to(case, to, roster, cause)
        if given.to is None:
            given = reviewed(queue, roster, cause.rule).after(given)
        side = None
        if cause.code in BY_A_PERSON and isinstance(given.to, InPool):
            side = side_in(case.book, given.to.pool, case.clock)
            case = case.on(side)
        placement, roster = replace(placement_of(case, given, cause), side=side), given.roster
        escalated = 0 if isinstance(given.to, InPool) else escalated
    elif cause.code == "sla_missed":
        given = _pushed_again(case, roster)
        if given.to is None:
            given = reviewed(queue, roster, path).after(given)
        placement, roster = placement_of(case, given, cause), given.roster
    elif cause.code in PASSED_ON:
        placement, roster, escalated = _to_the_next(case, roster)
        placement = _because(placement, cause)
    else:
        placement, roster, escalated = _afresh(case, roster, held=held)
        placement = _because(placement, cause)
    kind = kind or (_kind_to(placement) if held else "requalified")
    return Moved(kind, placement, None, escalated, reassigned, off=had), roster


def qualified(case: Case, roster: Roster, because: tuple[Reason, ...] = ()) -> tuple[Moved, Roster] | None:
    """A lead that marketing has and that is ready for sales by now: on to sales by the policy's route, which may give it to whoever has
    it; ``None`` where it is not ready, is not marketing's, or is its rep's by a manager's hand. ``case.lead`` carries its score and rank
    as they are now; ``because``: what comes before the reasons of its way."""
    clock = case.clock
    if clock.side != "marketing" or clock.state not in HELD or clock.by_hand:
        return None
    passed = gate(case.book, case.lead, case.activation)
    if not passed.is_open or passed.side != "sales":
        return None
    roster = roster.given_up(clock.owner) if clock.owner is not None else roster
    waits = replace(clock, state="pooled", pool=None, owner=None)
    placement, roster = place(case.book, case.lead, case.account, waits, roster, case.now, case.seed)
    placement = not_nurtured(new_wait(case.book, placement, case.now), roster)
    placement = replace(placement, reasons=because + placement.reasons)
    return Moved("qualified", placement, None, 0, 0, off=clock.owner), roster


def _kind_to(placement: Placement) -> str:
    """What a move of a lead that a rep has is called, by where it goes."""
    return {Retired: "retired", InNurture: "nurtured"}.get(type(placement.to), "reassigned")


def without_owner(case: Case, roster: Roster) -> tuple[Case, Roster]:
    """The lead taken off its rep, who is not given it again."""
    owner = case.clock.owner
    if owner is None:
        return case, roster
    clock = replace(case.clock, passed_over=case.clock.passed_over | {owner})
    return replace(case, clock=clock), roster.given_up(owner)


def sla_of(case: Case) -> tuple[str, Sla] | None:
    """What the policy sets for the first contact on this lead, and where it says so."""
    found = case.book.sla(case.activation)
    if found is None:
        return None
    return ("sla" if len(case.book.slas) == 1 else f"sla[{found[0]}]"), found[1]


def is_for_a_person(case: Case) -> bool:
    """Whether the lead is in review for having been passed on as often as it may be: whatever becomes known of it, a person says where
    it goes from there."""
    if case.clock.state != "review" or not case.clock.reassigned:
        return False
    found = sla_of(case)
    return case.clock.reassigned >= (REASSIGN_AT_MOST if found is None else passed_on_at_most(found[1]))


def passed_on_at_most(sla: Sla) -> int:
    """How often time and rules pass on a lead that this is for."""
    return sla.then.reassign or REASSIGN_AT_MOST


def _limits(case: Case, cause: Reason) -> tuple[int, str, str | None]:
    """How often the lead is passed on, whose review it goes to after that, and where the policy says so."""
    found = sla_of(case)
    if found is None:
        return REASSIGN_AT_MOST, MANAGERS, None
    path, sla = found
    limit = sla.then.reassign if cause.code == "sla_missed" else passed_on_at_most(sla)
    return limit, sla.then.review or MANAGERS, f"{path}.then"


def _to(case: Case, to: Onward | Way | str, roster: Roster, cause: Reason) -> Given:
    """To where a person or a rule says."""
    if isinstance(to, str):
        return _by_name(case, to, roster, cause)
    if isinstance(to, Way):
        onward = to.onward
        if onward is None:
            return by_way(case, to, roster, cause.rule)
        to = onward
    if to.pool is not None:
        if to.pool not in case.book.policy.pools:
            return Given(None, roster, (Reason("pool_gone", {"pool": to.pool}),))
        stays = case.clock.state == "pooled" and case.clock.pool == to.pool
        given = go_on(case, to, roster, cause.rule)
        return given if stays else replace(given, to=InPool(to.pool, since=case.now))
    return go_on(case, to, roster, cause.rule)


def _by_name(case: Case, handle: str, roster: Roster, cause: Reason) -> Given:
    rep = roster.reps.get(handle)
    if rep is None or not rep.active or handle == case.clock.owner:
        because = "declined_before" if handle == case.clock.owner else "inactive"
        return Given(None, roster, (Reason("passed_over", {"rep": handle, "because": because}),))
    reason = Reason("given_to", {"rep": handle}, cause.rule)
    return Given(Assigned(handle), roster.pushed(None, handle, at=case.now), (reason,))


def _afresh(case: Case, roster: Roster, *, held: bool) -> tuple[Placement, Roster, int]:
    """Placed by the policy as it is now. A lead that came from the pool it goes to, and that nobody has contacted, has its old place in
    line there, and what should have happened there meanwhile is done now."""
    book, clock, now = case.book, case.clock, case.now
    waits = replace(clock, state="pooled") if clock.state in HELD else clock
    placement, after = place(book, case.lead, case.account, waits, roster, now, case.seed)
    if held:
        placement = not_nurtured(placement, after)
    if not isinstance(placement.to, InPool):
        return placement, after, 0
    if placement.to.pool != clock.pool or clock.contacted_at is not None or clock.state in {"review", "nurture"}:
        return new_wait(book, placement, now), after, 0
    if held:
        routed, rest, escalated = _in_line(case, roster, again=clock.claimed_at is None and clock.escalated > 0)
        kept = replace(placement, to=routed.to, due=routed.due, awaits=routed.awaits)
        return replace(kept, reasons=placement.reasons + routed.reasons), rest, escalated
    return placement, after, clock.escalated


def _to_the_next(case: Case, roster: Roster) -> tuple[Placement, Roster, int]:
    """From an offer not taken to the next rep; when nobody is left, where else it can go."""
    if _waited_in(case) is not None:
        return _in_line(case, roster, again=True)
    given = route(case, roster)
    placement = not_nurtured(placement_of(case, given), given.roster)
    return placement, given.roster, case.clock.escalated


def _in_line(case: Case, roster: Roster, *, again: bool) -> tuple[Placement, Roster, int]:
    """In its old place in line: a step of the pool whose time came meanwhile is done now; else it is pushed ``again``, or waits."""
    clock = case.clock
    late, after = waiting(replace(case, clock=replace(clock, state="pooled")), roster)
    if isinstance(late, Moved):
        return late.placement, after, late.escalated
    given = _pushed_again(case, roster) if again else Given(None, roster, ())
    if given.to is None:
        assert clock.pool is not None
        back = Reason("back_in_pool", {"pool": clock.pool, "since": (clock.waiting_since or case.now).isoformat()})
        given = Given(InPool(clock.pool), roster, (back,), late.awaits).after(given)
    return placement_of(case, given, escalated=clock.escalated), given.roster, clock.escalated


def _pushed_again(case: Case, roster: Roster) -> Given:
    """To the next rep, by the push that brings leads like this to reps: the pool's if it came by a pool, else its rule's."""
    pool = _waited_in(case)
    if pool is not None:
        done = pool.escalate[: case.clock.escalated] or pool.escalate
        push = last_push(done)
        if push is None:
            return Given(None, roster, ())
        return push_to(case, push, roster, f"pools.{case.clock.pool}.escalate")
    passed = gate(case.book, case.lead, case.activation)
    if passed.way is not None:
        team = passed.way.team
        if team is None:
            return Given(None, roster, ())
        return push_to(case, Push(team=team, by=passed.way.by), roster, passed.rule)
    matched = case.book.first(case.activation)
    if matched is None or matched.rule.push is None:
        return Given(None, roster, ())
    path = f"route[{matched.index}]"
    given = push_to(case, matched.rule.push, roster, path)
    if given.to is None and matched.rule.fallback is not None and matched.rule.fallback.team is not None:
        given = go_on(case, matched.rule.fallback, roster, f"{path}.fallback").after(given)
    return given


def _waited_in(case: Case) -> Pool | None:
    """The pool the lead came to its rep from, if the policy still has it, and the lead may go back there."""
    if case.clock.pool is None or not goes_back(case.book, case.lead, case.activation, case.clock):
        return None
    return case.book.policy.pools.get(case.clock.pool)


def _because(placement: Placement, cause: Reason) -> Placement:
    return replace(placement, reasons=(cause, *placement.reasons))
