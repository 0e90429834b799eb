"""Who there is to give leads to, and where each stands in the rotations.

A roster is a value: pushing a lead gives a new roster that shares everything but the one rep and the one rotation that
changed, so that a batch of thousands can be placed one after the other, each seeing what the ones before it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dibs.engine.facts import RepFacts


@dataclass(frozen=True, slots=True)
class Roster:
    """``teams`` maps a team's slug to its reps' handles, in the team's order. ``passes[team][handle]`` is the rep's pass in
    that team's rotation (see `rotate`); whoever is in a team and not in its passes has never been through a turn there.
    """

    reps: Mapping[str, RepFacts] = field(default_factory=dict)
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    passes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def pushed(
        self, team: str | None, rep: str, weight: float = 1.0, along: Iterable[str] = (), level: float = 0.0
    ) -> Roster:
        """The roster after ``rep`` got a lead: one more open lead, one more today and, in a team, one turn used.

        A turn costs ``1 / weight`` of pass. ``along`` are reps to be no further behind in the rotation than ``level``: new or
        back, they start level with the rest. ``team`` ``None`` is a lead that is theirs by name (an account's owner): it uses
        no turn.
        """
        reps = {**self.reps, rep: self.reps[rep].with_one_more()}
        if team is None:
            return Roster(reps, self.teams, self.passes)
        rotation = dict(self.passes.get(team, {}))
        for handle in along:
            if rotation.get(handle, -1.0) < level:
                rotation[handle] = level
        rotation[rep] = rotation.get(rep, 0.0) + 1.0 / weight
        return Roster(reps, self.teams, {**self.passes, team: rotation})

    def given_up(self, rep: str) -> Roster:
        """The roster after ``rep`` no longer has a lead: declined, lapsed, released, ended. The turn stays used."""
        facts = self.reps.get(rep)
        if facts is None:
            return self
        return replace(self, reps={**self.reps, rep: replace(facts, open_leads=max(0, facts.open_leads - 1))})
