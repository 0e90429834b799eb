"""Where a lead goes: qualified, put into its territory, then by the first rule of the policy that matches, if it is for sales.

A lead always lands somewhere. When a rule pushes and nobody is eligible, it goes to the rule's fallback, else to the pool of
the last rule that pulls, else before managers; and the reasons say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Literal

from dibs.engine import affinity
from dibs.engine.calendar import absence
from dibs.engine.conditions import Activation
from dibs.engine.decision import (
    Assigned,
    Due,
    InNurture,
    InPool,
    InReview,
    Offered,
    Param,
    Placement,
    Reason,
    Retired,
    Scalar,
    Where,
)
from dibs.engine.due import (
    due_in_pool,
    due_of_marketing,
    due_when_contacted_by,
    due_when_stale,
    is_with_stale,
    sooner,
)
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts, RepFacts
from dibs.engine.gate import Gate, gate
from dibs.engine.nurture import due_for_mail, entered, goes_on
from dibs.engine.policy_market import Owner
from dibs.engine.policy_model import Rule
from dibs.engine.policy_ways import Onward, Pull, Push, Way
from dibs.engine.qualify import Qualified, qualify
from dibs.engine.roster import Roster
from dibs.engine.rotate import next_rep, take
from dibs.engine.rulebook import CompiledRule, Rulebook
from dibs.engine.territories import Lies

#: The review queue for leads that no rule names another for.
MANAGERS = "managers"


@dataclass(frozen=True, slots=True)
class Case:
    """All that is asked about when a place is sought for one lead: what stays the same while rules are tried.

    ``lead`` carries its score and rank; ``activation`` is its facts laid out for the policy's conditions; ``territory`` where it lies.
    """

    book: Rulebook
    lead: LeadFacts
    account: AccountFacts | None
    clock: LeadClock
    now: datetime
    seed: str
    activation: Activation
    territory: Lies | None

    @classmethod
    def of(
        cls,
        book: Rulebook,
        lead: LeadFacts,
        account: AccountFacts | None,
        clock: LeadClock,
        now: datetime,
        seed: str,
    ) -> Case:
        """The case of a lead, with the territory that it lies in."""
        activation = book.activation(lead, account, now=now)
        return cls(book, lead, account, clock, now, seed, activation, book.territory(lead, activation, now))

    @property
    def territory_name(self) -> str | None:
        """What the territory is called."""
        return None if self.territory is None else self.territory.name

    @property
    def territory_owner(self) -> Owner | None:
        """Whose it is: a team or a rep."""
        return None if self.territory is None else self.territory.owner

    def on(self, side: Literal["marketing", "sales"]) -> Case:
        """The case of a lead that is this side's to bring on from now: where it was the other's, its wait begins anew."""
        if side == self.clock.side:
            return self
        return replace(self, clock=replace(self.clock, side=side, waiting_since=self.now))

    def team_of(self, push: Push) -> str | None:
        """The team that a push is to, if it is to one."""
        if push.to == "territory.owner":
            return self.territory_owner.team if self.territory_owner is not None else None
        return push.team


@dataclass(frozen=True, slots=True)
class Given:
    """Where a lead would go (``None``: nobody could be given it), the roster after that, and why. ``awaits``: the team that it was to
    be pushed to and of which nobody could be given it."""

    to: Where | None
    roster: Roster
    reasons: tuple[Reason, ...]
    awaits: str | None = None

    def because(self, *reasons: Reason) -> Given:
        """The same, with these reasons before its own."""
        return Given(self.to, self.roster, reasons + self.reasons, self.awaits)

    def after(self, tried: Given) -> Given:
        """The same, after something else was ``tried`` that would have come first: with its reasons, and for its team."""
        return Given(self.to, self.roster, tried.reasons + self.reasons, tried.awaits or self.awaits)

    @property
    def still_awaits(self) -> str | None:
        """The team that the lead awaits where it goes: none, if somebody has it now."""
        return None if isinstance(self.to, Assigned | Offered) else self.awaits


@dataclass(frozen=True, slots=True)
class Judged:
    """A lead looked at as far as it does not matter who there is to have it: its points, its case, what is asked before any rule, and
    the first rule that matches, if the route says where it goes. ``since``: its wait begins anew, being the other side's from now."""

    scored: Qualified
    case: Case
    gate: Gate
    matched: CompiledRule | None
    since: datetime | None = None


def place(
    book: Rulebook,
    lead: LeadFacts,
    account: AccountFacts | None,
    clock: LeadClock,
    roster: Roster,
    now: datetime,
    seed: str,
) -> tuple[Placement, Roster]:
    """Qualify the lead and find its place. The placement carries score (1..100), rank and territory as they are now.

    ``clock.passed_over`` names reps the lead is not pushed to. A lead that already waits keeps its place in line. ``seed``
    breaks ties; use the lead's id and the policy's digest.
    """
    return place_judged(judge(book, lead, account, clock, now, seed), roster)


def judge(
    book: Rulebook, lead: LeadFacts, account: AccountFacts | None, clock: LeadClock, now: datetime, seed: str
) -> Judged:
    """The first half of `place`, and most of its work: what nobody needs to hold the teams' turns for."""
    scored = qualify(book, lead, account, now)
    case = Case.of(book, lead.qualified(scored.score, scored.rank, scored.likelihood), account, clock, now, seed)
    passed = gate(book, case.lead, case.activation)
    since = now if passed.side != clock.side and clock.state != "new" else None
    matched = book.first(case.activation) if passed.is_open else None
    return Judged(scored, case.on(passed.side), passed, matched, since)


def place_judged(judged: Judged, roster: Roster) -> tuple[Placement, Roster]:
    """The second half of `place`: who is next, or where else the lead goes."""
    scored, case = judged.scored, judged.case
    given = _routed_by(judged.gate, judged.matched, case, roster)
    if judged.since is not None and isinstance(given.to, InPool):
        given = replace(given, to=InPool(given.to.pool, since=judged.since))
    to, due = landed(case, given)
    reasons = scored.reasons + given.reasons
    placement = Placement(
        to,
        due,
        reasons,
        scored.score,
        scored.rank,
        case.territory_name,
        given.still_awaits,
        side=judged.gate.side,
        likelihood=scored.likelihood,
    )
    return placement, given.roster


def route(case: Case, roster: Roster) -> Given:
    """Find a place for a lead by the first rule that matches: `place` without counting its points again."""
    passed = gate(case.book, case.lead, case.activation)
    return _routed_by(passed, case.book.first(case.activation) if passed.is_open else None, case, roster)


def _routed_by(passed: Gate, matched: CompiledRule | None, case: Case, roster: Roster) -> Given:
    if passed.way is not None:
        given = by_way(case, passed.way, roster, passed.rule).because(*passed.reasons)
    elif matched is None:
        given = reviewed(MANAGERS, roster, None).because(_no_rule(case))
    else:
        given = by_rule(case, matched.rule, roster, f"route[{matched.index}]").because(
            *passed.reasons, _routed(case.book, matched.index, case.activation.missing)
        )
    lies = case.territory
    return given if lies is None else given.because(_in_territory(lies.name, lies.above[0] if lies.above else None))


def landed(case: Case, given: Given, escalated: int | None = None) -> tuple[Where, Due | None]:
    """Where the lead lands, which must be somewhere, and when it must be looked at again there.

    ``escalated``: how many of that pool's steps it has behind it; without it, those it has if it stays where it waits.
    """
    assert given.to is not None, "a lead always lands somewhere"
    if escalated is None:
        stays = case.clock.state == "pooled" and isinstance(given.to, InPool) and given.to.pool == case.clock.pool
        escalated = case.clock.escalated if stays else 0
    return given.to, _due_at(case, given.to, given.roster, escalated, given.still_awaits)


def push_to(case: Case, push: Push, roster: Roster, rule: str | None, *, outright: bool = False) -> Given:
    """Give the lead to a rep as a push says, if one is eligible. ``outright``: assigned even where the push would offer."""
    within = None if outright else push.accept_within
    owner = case.territory_owner
    match push.to:
        case "account.owner":
            handle = case.account.owner if case.account is not None else None
            given = _to_rep(case, handle, push, roster, rule, offered=within is not None)
        case "territory.owner" if owner is not None and owner.team is not None:
            given = _to_team(case, owner.team, push, roster, rule)
        case "territory.owner":
            given = _to_rep(case, owner.rep if owner else None, push, roster, rule, offered=within is not None)
        case _:
            assert push.team is not None
            given = _to_team(case, push.team, push, roster, rule)
    if push.to == "territory.owner" and case.territory is not None and case.territory.through is not None:
        given = given.because(_owned_as(case.territory.name, case.territory.through))
    if within is None or not isinstance(given.to, Assigned):
        return given
    rep, team, until = given.to.rep, given.to.team, case.now + within
    reason = Reason("offered", {"rep": rep, "team": team, "until": until.isoformat()}, rule)
    return Given(Offered(rep, until, team), given.roster, (*given.reasons, reason))


def go_on(case: Case, onward: Onward, roster: Roster, rule: str | None) -> Given:
    """Send the lead on to a team, a pool or a review. Only a team can answer that there is nobody."""
    if onward.pool is not None:
        return _waits(case, onward.pool, roster, rule)
    if onward.review is not None:
        return reviewed(onward.review, roster, rule)
    return push_to(case, Push(team=onward.team, by=onward.by), roster, rule)


def by_way(case: Case, way: Way, roster: Roster, rule: str | None) -> Given:
    """Send the lead this way. Where nobody of the team can be given it, it is before managers until somebody can: a pool of the route is
    not for a lead that does not go by it."""
    if way.retire is not None:
        return Given(Retired(way.retire), roster, (Reason("retired_by_policy", {"why": way.retire}, rule),))
    if way.nurture is not None:
        return nurtured(case, way.nurture, roster, rule)
    onward = way.onward
    assert onward is not None, "a way is exactly one"
    given = go_on(case, onward, roster, rule)
    return given if given.to is not None else reviewed(MANAGERS, roster, rule).after(given)


def nurtured(case: Case, named: str | bool | None, roster: Roster, rule: str | None) -> Given:
    """Keep the lead away from sales, in the sequence of mails that is ``named``, or the first that is for such leads."""
    to, reasons = entered(case.book, case.lead, case.activation, named, rule)
    return Given(to, roster, reasons)


def reviewed(queue: str, roster: Roster, rule: str | None) -> Given:
    """Put the lead before the managers of ``queue``."""
    return Given(InReview(queue), roster, (Reason("in_review", {"queue": queue}, rule),))


def somewhere(case: Case, roster: Roster) -> Given:
    """Where a lead goes when nothing else is left: the pool of the last rule that pulls, else before managers."""
    pull = last_pull(case.book)
    if pull is None:
        return reviewed(MANAGERS, roster, None)
    return _waits(case, pull.pool, roster, None)


def last_pull(book: Rulebook) -> Pull | None:
    """What the last rule that pulls says, the pool that the policy lets most leads end up in."""
    return next((route.rule.pull for route in reversed(book.routes) if route.rule.pull is not None), None)


def by_rule(case: Case, rule: Rule, roster: Roster, path: str) -> Given:
    """Do what the matching rule says, and if nobody can be given the lead, what remains."""
    if rule.pull is not None:
        return _waits(case, rule.pull.pool, roster, path)
    if rule.review is not None:
        return reviewed(rule.review, roster, path)
    if rule.push is None:
        return nurtured(case, rule.nurture, roster, path)
    given = push_to(case, rule.push, roster, path)
    if given.to is None and rule.fallback is not None:
        fallback = go_on(case, rule.fallback, roster, f"{path}.fallback")
        given = fallback.because(_fell_back(rule.fallback, f"{path}.fallback")).after(given)
    if given.to is None:
        given = somewhere(case, roster).after(given)
    return given


def _due_at(case: Case, to: Where, roster: Roster, escalated: int, awaits: str | None) -> Due | None:
    book, clock, now = case.book, case.clock, case.now
    if clock.by_hand:
        clock = replace(clock, by_hand=False)  # it was; wherever it goes now, it does not go there by a manager's hand
    match to:
        case InPool(pool=pool, since=since):
            return due_in_pool(
                book, pool, since or clock.waiting_since or now, escalated, now, case.lead.rank, clock.side
            )
        case Offered(until=until):
            return Due(until, "offer")
        case Assigned(rep=rep):
            there = is_with_stale(book, rep, roster.teams)
            late = due_of_marketing(book, clock, case.lead.rank, now, there=there)
            return sooner(due_when_contacted_by(book, case.activation, roster.reps.get(rep), now), late)
        case InNurture(sequence=sequence):
            stale = due_when_stale(book, case.lead.rank, clock.waiting_since or now, now)
            late = due_of_marketing(book, clock, case.lead.rank, now, there=True)
            return sooner(stale, late, due_for_mail(book, sequence, *goes_on(clock, to, now), now))
        case InReview():
            there = is_with_stale(book, None, {}, awaits)
            return due_of_marketing(book, clock, case.lead.rank, now, there=there)
        case Retired():
            return None


def _to_team(case: Case, team: str, push: Push, roster: Roster, rule: str | None) -> Given:
    chosen = next_rep(
        case.book,
        team,
        push.by,
        roster,
        case.clock,
        case.now,
        case.seed,
        among=_among(case, push),
        lead=case.lead,
        activation=case.activation,
    )
    if chosen.rep is None:
        return Given(None, roster, (*chosen.passed_over, Reason("nobody_eligible", {"to": team}, rule)), team)
    reasons = (*chosen.passed_over, _chosen(chosen.rep, team, push.by, rule))
    if chosen.weighed:
        reasons = (*reasons, affinity.explained(chosen.weighed, rule))
    return Given(Assigned(chosen.rep, team), take(roster, team, chosen, case.now), reasons)


def _among(case: Case, push: Push) -> Callable[[RepFacts], bool] | None:
    """Whether a rep is one of those whom the push is for; ``None``: everybody is."""
    text = push.among
    if text is None:
        return None
    return lambda rep: case.book.is_among(text, case.lead, case.account, rep, case.now)


def _to_rep(case: Case, handle: str | None, push: Push, roster: Roster, rule: str | None, *, offered: bool) -> Given:
    """To a rep whose lead it is by name. Their caps don't count, and their hours only if they have to accept: it is theirs
    tomorrow morning too. Gone, switched off, on leave, not among those whom the push is for, or having declined it, does count."""
    by, among = push.to, _among(case, push)
    nobody = Reason("nobody_eligible", {"to": by}, rule)
    rep = roster.reps.get(handle) if handle is not None else None
    if rep is None:
        return Given(None, roster, (nobody,))
    because = absence(rep.hours, case.now)
    if because != "away" and not offered:
        because = None
    if not rep.active:
        because = "inactive"
    elif not rep.available:
        because = "unavailable"
    elif rep.handle in case.clock.passed_over:
        because = "declined_before"
    elif among is not None and not among(rep):
        because = "not_among"
    if because is not None:
        return Given(None, roster, (Reason("passed_over", {"rep": rep.handle, "because": because}), nobody))
    chosen = Reason("chosen", {"rep": rep.handle, "team": None, "by": by}, rule)
    return Given(Assigned(rep.handle), roster.pushed(None, rep.handle, at=case.now), (chosen,))


def _waits(case: Case, pool: str, roster: Roster, rule: str | None) -> Given:
    return Given(InPool(pool), roster, _pooled(pool, rule))


# Reasons that say the same of many leads are one object, never changed: made once here, and written out once in the log.


@lru_cache(maxsize=4096)
def _chosen(rep: str, team: str, by: str, rule: str | None) -> Reason:
    return Reason("chosen", {"rep": rep, "team": team, "by": by}, rule)


@lru_cache(maxsize=1024)
def _pooled(pool: str, rule: str | None) -> tuple[Reason, ...]:
    return (Reason("pooled", {"pool": pool}, rule),)


@lru_cache(maxsize=1024)
def _in_territory(name: str, above: str | None) -> Reason:
    path = f"territories.{name}"
    if above is None:
        return Reason("in_territory", {"territory": name}, path)
    return Reason("in_territory_of", {"territory": name, "above": above}, path)


@lru_cache(maxsize=1024)
def _owned_as(name: str, other: str) -> Reason:
    return Reason("owned_as", {"territory": name, "other": other}, f"territories.{name}")


def _fell_back(onward: Onward, rule: str) -> Reason:
    return Reason("fell_back", {"to": onward.team or onward.pool or onward.review}, rule)


# Why the rules before the matching one did not match.


@lru_cache(maxsize=4096)
def _routed(book: Rulebook, index: int, missing: int) -> Reason:
    rule = book.routes[index].rule
    tried = _tried(book, index, missing)
    params: dict[str, Param] = {"rule": rule.name, "index": index, "when": rule.when, "tried": tried}
    return Reason("routed", params, f"route[{index}]")


def _no_rule(case: Case) -> Reason:
    return Reason("no_rule_matched", {"tried": _tried(case.book, len(case.book.routes), case.activation.missing)})


@lru_cache(maxsize=4096)
def _tried(book: Rulebook, until: int, missing: int) -> list[dict[str, Scalar]]:
    """The rules before the ``until``-th and why each did not match: ``false``, or a fact that is not known.

    Leads that lack the same facts share one list, which is never changed.
    """
    lacking = book.lacking(missing)
    return [_why_not(route, lacking) for route in book.routes[:until]]


def _why_not(route: CompiledRule, lacking: frozenset[str]) -> dict[str, Scalar]:
    tried: dict[str, Scalar] = {"rule": route.rule.name, "when": route.rule.when, "because": "false"}
    needs = route.when.needs if route.when is not None else None
    missing = sorted((needs or frozenset()) & lacking)
    if missing:
        tried |= {"because": "unknown", "fact": missing[0]}
    return tried
