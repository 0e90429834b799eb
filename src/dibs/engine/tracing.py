"""A lead's way through a policy, step by step: every point, every rule in its order, and everybody who was considered.

The placement is `route.place`'s own, so that a trace can't tell of another than would happen; what stands beside it is asked of the same
rulebook, rule by rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dibs.engine.decision import Placement, Reason
from dibs.engine.explaining import Explained, explain
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts
from dibs.engine.gate import Gate, gate
from dibs.engine.policy_model import Rule
from dibs.engine.roster import Roster
from dibs.engine.route import Case, Given, by_rule, place
from dibs.engine.rulebook import Rulebook
from dibs.engine.territories import Lies

Verdict = Literal["matched", "not_matched", "not_reached"]


@dataclass(frozen=True, slots=True)
class Counted:
    """Points of the score: added if the condition holds."""

    when: str
    add: int
    why: Explained


@dataclass(frozen=True, slots=True)
class Replied:
    """An answer to a standard question, and its points."""

    question: str
    answer: str
    add: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule of the route. ``not_reached``: one before it took the lead, or none is asked. ``why`` its condition holds or not, also then; ``None``: it asks
    nothing. ``given``: where it puts the lead, or would put it if it were reached; ``None`` where its condition does not hold.
    """

    index: int
    rule: Rule
    verdict: Verdict
    why: Explained | None
    given: Given | None


@dataclass(frozen=True, slots=True)
class Considered:
    """A rep of a team that the lead was to be given to. ``because``: why not; ``None``: the rep could have had it. ``open_leads`` and
    ``assigned_today`` as they stood before."""

    rep: str
    chosen: bool
    because: str | None
    open_leads: int
    assigned_today: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to find a rep: in a team (``to`` its name), or by name (``to`` is ``account.owner`` or ``territory.owner``). Without a
    ``rep`` nobody could be given the lead, and what is next was done. ``numbers``: how `best_match` weighed them."""

    to: str
    rep: str | None
    by: str | None
    considered: tuple[Considered, ...]
    numbers: Reason | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What `trace` found. ``lead`` carries its score and rank; ``roster`` is the one after the placement. ``gate``: what is asked before
    any rule; where it is not open, no rule is reached. ``ready``: why the lead is for sales or not, where the policy says which are."""

    lead: LeadFacts
    points: tuple[Counted, ...]
    answers: tuple[Replied, ...]
    gate: Gate
    ready: Explained | None
    territory: Lies | None
    rules: tuple[Tried, ...]
    attempts: tuple[Attempt, ...]
    placement: Placement
    roster: Roster


def trace(
    book: Rulebook,
    lead: LeadFacts,
    account: AccountFacts | None,
    clock: LeadClock,
    roster: Roster,
    now: datetime,
    seed: str,
) -> Trace:
    """Place the lead as `route.place` does, and tell the whole way there."""
    placement, after = place(book, lead, account, clock, roster, now, seed)
    assert placement.score is not None
    assert placement.rank is not None
    points = tuple(Counted(when, add, explain(when, lead, account, now=now)) for _, add, when in book.points)
    qualified = lead.qualified(placement.score, placement.rank, placement.likelihood)
    case = Case.of(book, qualified, account, clock, now, seed)
    passed = gate(book, qualified, case.activation)
    ready, questions = book.policy.qualify.ready, book.policy.qualify.questions
    _, answered = book.scored(lead, account, now)
    return Trace(
        lead=qualified,
        points=points,
        answers=tuple(Replied(name, given, questions[name].answers[given].add) for name, given in answered),
        gate=passed,
        ready=None if ready is None else explain(ready.when, qualified, account, now=now),
        territory=case.territory,
        rules=tuple(_tried(case, roster, passed)),
        attempts=tuple(attempts(placement.reasons, roster)),
        placement=placement,
        roster=after,
    )


def _tried(case: Case, roster: Roster, passed: Gate) -> Iterable[Tried]:
    matched = case.book.first(case.activation) if passed.is_open else None
    for route in case.book.routes:
        why = None
        if route.rule.when is not None:
            why = explain(route.rule.when, case.lead, case.account, now=case.now)
        verdict: Verdict = "not_matched" if passed.is_open else "not_reached"
        if matched is not None and route.index >= matched.index:
            verdict = "matched" if route.index == matched.index else "not_reached"
        holds = why is None or why.holds is True
        given = by_rule(case, route.rule, roster, f"route[{route.index}]") if holds else None
        yield Tried(route.index, route.rule, verdict, why, given)


def attempts(reasons: Iterable[Reason], roster: Roster) -> Iterable[Attempt]:
    """The tries to find a rep that these reasons tell of. ``roster``: the one before them."""
    passed: dict[str, str] = {}
    numbers: Reason | None = None
    for reason in reasons:
        params = reason.params
        if reason.code == "passed_over":
            passed[str(params["rep"])] = str(params["because"])
        elif reason.code == "best_match":
            numbers = reason
        elif reason.code in ("nobody_eligible", "chosen"):
            rep, by = params.get("rep"), params.get("by")
            to = str(params.get("team") or params.get("to") or by)
            yield Attempt(
                to=to,
                rep=None if rep is None else str(rep),
                by=None if by is None else str(by),
                considered=tuple(_considered(to, rep, passed, roster)),
                numbers=numbers,
            )
            passed, numbers = {}, None


def _considered(to: str, chosen: object, passed: dict[str, str], roster: Roster) -> Iterable[Considered]:
    members = dict.fromkeys((*roster.teams.get(to, ()), *passed, *([str(chosen)] if chosen is not None else [])))
    for handle in members:
        rep = roster.reps.get(handle)
        yield Considered(
            rep=handle,
            chosen=handle == chosen,
            because=passed.get(handle),
            open_leads=rep.open_leads if rep is not None else 0,
            assigned_today=rep.assigned_today if rep is not None else 0,
        )
