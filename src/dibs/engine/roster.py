"""Who there is to give leads to, and where each stands in the rotations.

A roster is a value: pushing a lead gives a new roster that shares everything but the one rep and the one rotation that
changed, so that a batch of thousands can be placed one after the other, each seeing what the ones before it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from dibs.engine.counters import with_push
from dibs.engine.facts import RepFacts
from dibs.engine.results import NOTHING_KNOWN, Results


@dataclass(frozen=True, slots=True)
class Roster:
    """``teams`` maps a team's slug to its reps' handles, in the team's order. ``passes[team][handle]`` is the rep's pass in
    that team's rotation (see `rotate`); whoever is in a team and not in its passes has never been through a turn there. ``results``: how reps' leads ended lately.
    """

    reps: Mapping[str, RepFacts] = field(default_factory=dict)
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    passes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    results: Results = NOTHING_KNOWN

    def pushed(
        self, team: str | None, rep: str, weight: float = 1.0, moved: Mapping[str, float] | None = None, *, at: datetime
    ) -> Roster:
        """The roster after ``rep`` got a lead ``at`` a moment: one more open lead, one more today, this week and this month, and, in
        a team, one turn used.

        A turn costs ``1 / weight`` of pass. ``moved`` are passes that others are moved on to first (see `rotate`). ``team`` ``None``
        is a lead that is theirs by name (an account's owner): it uses no turn.
        """
        facts = self.reps[rep]
        reps = {**self.reps, rep: facts.with_one_more(with_push(facts.pushed_at, at))}
        if team is None:
            return Roster(reps, self.teams, self.passes, self.results)
        rotation = {**self.passes.get(team, {}), **(moved or {})}
        rotation[rep] = rotation.get(rep, 0.0) + 1.0 / weight
        return Roster(reps, self.teams, {**self.passes, team: rotation}, self.results)

    def switched_off(self, rep: str) -> Roster:
        """The roster after ``rep`` was taken for away."""
        facts = self.reps.get(rep)
        return self if facts is None else replace(self, reps={**self.reps, rep: replace(facts, available=False)})

    def given_up(self, rep: str) -> Roster:
        """The roster after ``rep`` no longer has a lead: declined, lapsed, released, ended. The turn stays used."""
        facts = self.reps.get(rep)
        if facts is None:
            return self
        return replace(self, reps={**self.reps, rep: replace(facts, open_leads=max(0, facts.open_leads - 1))})
