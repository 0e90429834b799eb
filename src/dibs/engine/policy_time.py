"""The policy document: how soon leads must be contacted, and how long they may be left alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dibs.engine.policy_terms import ConditionText, Duration, Name, Part, Share
from dibs.engine.policy_ways import Onward


class Consequence(Part):
    """After a missed first contact: handed to another rep so many times, then to the review of a team's managers."""

    reassign: Annotated[int, Field(ge=0, le=20)] = 0
    """How often the lead is handed to another rep, 0..20."""
    review: Name | None = None
    """Then it goes before the managers of this team; `managers` means all managers."""


class Sla(Part):
    """How soon a lead must have its first contact, counted from when a rep got it, in all hours or the rep's working hours."""

    first_contact: Duration
    """How soon."""
    when: ConditionText | None = None
    """For which leads; left out: all."""
    hours: Literal["always", "business"] = "always"
    """`business`: only the rep's working hours count."""
    warn: Share | None = None
    """At which part of that time the rep and who leads them are warned; left out: not at all."""
    then: Consequence
    """What becomes of a lead that is late."""


class Idle(Part):
    """What becomes of a lead that its rep has contacted and then left alone."""

    after: Duration
    """How long after the rep's last act on it, or the person's own last touch if that is later."""
    when: ConditionText | None = None
    """For which leads, such as `lead.rank == "warm"`; left out: all."""
    hours: Literal["always", "business"] = "always"
    """`business`: only the rep's working hours count."""
    warn: Share | None = None
    """At which part of that time the rep is warned; left out: not at all."""
    then: Onward
    """Where it goes. Not to the rep who left it alone."""
