"""The policy document: how leads are pushed within teams, and when reps can be given any."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from dibs.engine.policy_terms import ConditionText, Count, Duration, Name, Part


class Caps(Part):
    """How many leads a rep is given at most. Whoever is at one of them is passed over when a lead is pushed to the team. Not held to it are
    what is theirs by name, as an account's or a territory's owner, what a manager gives them, and what they claim
    (`fair_play.hold_at_most` is for that): these count, and may take a rep beyond. Days, weeks and months are the rep's own; a week begins
    on Monday."""

    open_at_most: Count | None = None
    """Open leads, those not converted or retired, however they came."""
    per_hour: Annotated[int, Field(ge=1, le=100)] | None = None
    """Pushed within any 60 minutes, 1..100."""
    per_day: Count | None = None
    """Pushed in a day."""
    per_week: Count | None = None
    """Pushed in a week."""
    per_month: Count | None = None
    """Pushed in a calendar month. It is counted as it is: never divided into days, so a small one rounds to nothing nowhere."""


class TeamRules(Caps):
    """How leads are pushed within a team. Its caps hold for each of its reps."""

    weights: dict[Name, Annotated[float, Field(ge=0.01, le=100)]] = {}
    """Turns a rep gets where others get one, by handle, for `by: weighted_round_robin`."""
    reps: dict[Name, Caps] = {}
    """Caps of single reps, by handle, in place of the team's: those that are given."""
    catch_up: bool = False
    """Whether a rep back from leave makes up for missed turns."""


Strength = Annotated[float, Field(ge=0, le=10)]


class Strengths(Part):
    """What a rep's declared strengths count for: by which part they raise the expected conversion, 0..10; `0.2` is a fifth more."""

    industry: Strength = 0.2
    """The lead's industry is among the rep's."""
    language: Strength = 0.2
    """The rep speaks the lead's language."""
    depth: Strength = 0.2
    """The rep's technical depth, 1..5, for leads that need it: 5 counts in full, 1 for nothing."""
    technical: ConditionText | None = None
    """Which leads need technical depth; left out: none."""


class BestMatch(Part):
    """How `by: best_match` chooses: the rep with the highest expected conversion of this kind of lead, traded against load."""

    kinds: Annotated[
        tuple[Literal["source", "industry", "country", "product", "use_case", "language", "rank"], ...],
        Field(min_length=1, max_length=3),
    ] = ("industry",)
    """The facts that make two leads of one kind, 1..3 of them."""
    over: Annotated[Duration, Field(json_schema_extra={"default": "180d"})] = timedelta(days=180)
    """Leads that ended within this time are the past results."""
    strengths: Strengths = Strengths()
    """What declared strengths count for."""
    load: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How much load counts, 0..1. With as many open leads as a rep may have, this part of the expectation is lost; without a cap, with ten
    more than the least busy of the team, it is divided by 1 and this."""
    explore: bool = True
    """Whether what is not known well is tried: an expectation is drawn from what the results leave possible, so that newcomers get chances."""


class Availability(Part):
    """When reps are taken for away."""

    away_after: Annotated[int, Field(ge=1, le=20)] | None = None
    """After so many locks, offers and times for first contact in a row that ran out unused while the rep was at work, 1..20, they are
    switched to away, until they switch back."""
