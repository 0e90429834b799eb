"""The policy document: the ways a lead goes: pushed, pulled, on to somewhere else."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from dibs.engine.policy_terms import By, ConditionText, Duration, Name, Part, RetireWhy, exactly_one


class Onward(Part):
    """Where a lead goes on to: a team, by one of the ways to choose within it, a pool, or the review of a team's managers."""

    team: Name | None = None
    """To somebody of this team."""
    by: By = "round_robin"
    """How somebody of the team is chosen."""
    pool: Name | None = None
    """Into this pool."""
    review: Name | None = None
    """Before the managers of this team; `managers` means all managers."""

    @model_validator(mode="after")
    def _one_way(self) -> Onward:
        exactly_one(self, ("team", "pool", "review"), "where a lead goes on to")
        return self


class Way(Part):
    """Where a lead goes that sales does not have, or has done with: on to somebody, into a sequence of mails, or out."""

    team: Name | None = None
    """To somebody of this team."""
    by: By = "round_robin"
    """How somebody of the team is chosen."""
    pool: Name | None = None
    """Into this pool."""
    review: Name | None = None
    """Before the managers of this team; `managers` means all managers."""
    nurture: Literal[True] | Name | None = None
    """Away from sales for now; with a name, into this sequence of mails, with `true` into the first whose condition holds."""
    retire: RetireWhy | None = None
    """Given up, for this reason."""

    @model_validator(mode="after")
    def _one_way(self) -> Way:
        exactly_one(self, ("team", "pool", "review", "nurture", "retire"), "the way of a lead")
        return self

    @property
    def onward(self) -> Onward | None:
        """The same, where it is on to somebody."""
        if self.nurture is not None or self.retire is not None:
            return None
        return Onward(team=self.team, by=self.by, pool=self.pool, review=self.review)


class Push(Part):
    """Give the lead to a rep: the account's or territory's owner, or somebody of a team."""

    to: Literal["account.owner", "territory.owner"] | None = None
    """The rep who owns the lead's account, or the rep or team that owns its territory."""
    team: Name | None = None
    """Somebody of this team."""
    by: By = "round_robin"
    """How somebody of the team is chosen."""
    among: ConditionText | None = None
    """Which reps may get it, such as `rep.seniority >= 3` or `lead.language in rep.languages`; left out: all. The others keep their turn,
    up to two."""
    accept_within: Duration | None = None
    """Offer it, and take it back after this long; left out: assign it without asking."""

    @model_validator(mode="after")
    def _one_target(self) -> Push:
        exactly_one(self, ("to", "team"), "push")
        return self


class Pull(Part):
    """Let the lead wait in a pool until a rep claims it."""

    pool: Name
    """Which pool."""


class Step(Part):
    """What happens to a lead that has waited in the pool this long: pushed, or put before managers."""

    after: Duration
    """Counted from when the lead began to wait, lapsed claims included."""
    push: Push | None = None
    """Give it to a rep."""
    review: Name | None = None
    """Put it before the managers of this team; `managers` means all managers."""

    @model_validator(mode="after")
    def _one_way(self) -> Step:
        exactly_one(self, ("push", "review"), "an escalation step")
        return self
