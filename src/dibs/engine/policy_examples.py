"""Running a policy's own examples: each lead placed among made-up reps, and what came compared with what was expected."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime

from dibs.engine.decision import Assigned, InNurture, InPool, InReview, Offered, Placement, Retired
from dibs.engine.facts import LeadClock, RepFacts
from dibs.engine.policy_cases import Example
from dibs.engine.policy_check import reps_in, teams_in
from dibs.engine.policy_model import Policy
from dibs.engine.roster import Roster
from dibs.engine.route import place
from dibs.engine.rulebook import Rulebook

#: The moment of examples that name none: a Monday morning.
MOMENT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

Came = str | int | bool


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What came of one example. ``missed`` names the expectations that it did not meet."""

    index: int
    name: str
    expected: dict[str, Came]
    came: dict[str, Came]
    missed: tuple[str, ...]

    @property
    def held(self) -> bool:
        return not self.missed


def run_examples(policy: Policy, book: Rulebook) -> tuple[ExampleResult, ...]:
    """Place every example's lead, each on its own with a fresh roster."""
    return tuple(_run(policy, book, index, example) for index, example in enumerate(policy.examples))


def _run(policy: Policy, book: Rulebook, index: int, example: Example) -> ExampleResult:
    now = example.now or MOMENT
    lead = example.lead.facts()
    account = example.account.facts() if example.account else None
    clock = LeadClock(id=f"example-{index}", state="new", received_at=lead.received_at or now)
    placement, _ = place(book, lead, account, clock, made_up_roster(policy, example), now, f"example-{index}")
    expected: dict[str, Came] = example.expect.model_dump(exclude_none=True)
    came = _came(placement, expected)
    missed = tuple(key for key, value in expected.items() if not _met(key, value, came.get(key)))
    return ExampleResult(index, example.name or f"example {index + 1}", expected, came, missed)


def _met(key: str, expected: Came, came: Came | None) -> bool:
    """Whether what came is what was expected; in nurture, a lead that is expected there may be in any sequence."""
    return came == expected or (key == "nurture" and expected is True and came is not None)


def made_up_roster(policy: Policy, example: Example) -> Roster:
    """The policy's teams with the reps named for them, by it or by the example; a team without any holds one, named like it."""
    teams = {name: tuple(dict.fromkeys((*rules.weights, *rules.reps))) for name, rules in policy.teams.items()}
    for handle, rep in example.reps.items():
        if rep.team and handle not in teams.get(rep.team, ()):
            teams[rep.team] = (*teams.get(rep.team, ()), handle)
    for _, team, use in teams_in(policy):
        if use == "push":
            teams.setdefault(team, ())
    teams = {name: handles or (name,) for name, handles in teams.items()}
    handles = {handle for members in teams.values() for handle in members}
    handles |= {handle for _, handle in reps_in(policy)} | set(example.reps)
    if example.account and example.account.owner:
        handles.add(example.account.owner)
    reps = {handle: RepFacts(handle=handle) for handle in sorted(handles)}
    for handle, rep in example.reps.items():
        reps[handle] = RepFacts(handle=handle, **rep.model_dump(exclude={"team"}))
    return Roster(reps=reps, teams=teams)


def _came(placement: Placement, asked: Container[str]) -> dict[str, Came]:
    """A placement in the words of ``expect``. Whose the lead is to bring on is said where it is ``asked``, or not sales'."""
    came: dict[str, Came] = {}
    match placement.to:
        case InPool(pool=pool):
            came["pool"] = pool
        case Assigned(rep=rep, team=team) | Offered(rep=rep, team=team):
            came["rep"] = rep
            if team:
                came["team"] = team
        case InReview(queue=queue):
            came["review"] = queue
        case InNurture(sequence=sequence):
            came["nurture"] = sequence or True
        case Retired(why=why):
            came["retired"] = why
    if placement.side == "marketing" or (placement.side is not None and "side" in asked):
        came["side"] = placement.side
    if placement.score is not None:
        came["score"] = placement.score
    if placement.rank is not None:
        came["rank"] = placement.rank
    if placement.territory is not None:
        came["territory"] = placement.territory
    for reason in placement.reasons:
        if reason.code == "routed":
            came["rule"] = str(reason.params["rule"])
    return came
