"""The policy document: what keeps pulling fair, who sees what, and what is earned."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dibs.engine.policy_terms import ConditionText, Count, Duration, Part, Share, Threshold, Title, exactly_one


class ClaimAtLeast(Part):
    """How many leads a rep is expected to claim, and what happens to one who does not."""

    count: Count
    """How many claims."""
    per: Literal["day", "week"] = "day"
    """In which time: the rep's own day, or the week from Monday. A week's count is for five working days (or more, if the rep has more);
    fewer days, and time off, lower it in proportion, as hours off do a day's; rounded down."""
    then: Literal["notify", "auto_assign"] = "notify"
    """What comes of it: `notify` tells the rep and the managers of the rep's teams; `auto_assign` also assigns what is missing, the
    oldest waiting leads first."""
    ahead: Annotated[Duration, Field(json_schema_extra={"default": "1h"})] = timedelta(hours=1)
    """How long before the end of the rep's working day, or of the week's last one, that happens; not before the first begins."""


class ClaimRate(Part):
    """No more than ``count`` claims within any span of ``per``."""

    count: Annotated[int, Field(ge=1, le=50)]
    """How many claims, 1..50."""
    per: Duration
    """Within how long, a day at most."""

    @model_validator(mode="after")
    def _within_a_day(self) -> ClaimRate:
        if self.per > timedelta(days=1):
            raise PydanticCustomError("rate_too_long", "a claim rate is counted over a day at most (24h)")
        return self


class Mix(Part):
    """Low-score leads that have to be among the claims: a share of the last ``over``, or so many for each high one. Claims from a queue
    do not count."""

    low_below: Threshold = 50
    """Scores under this are low."""
    share: Share | None = None
    """Which part of the claims has to be low."""
    over: Annotated[int, Field(ge=2, le=200)] = 20
    """Of how many latest claims, 2..200."""
    per_high: Annotated[int, Field(ge=1, le=20)] | None = None
    """How many low ones have to be claimed after a high one before the next high one, 1..20; `1` is one low for each high."""

    @model_validator(mode="after")
    def _one_way(self) -> Mix:
        exactly_one(self, ("share", "per_high"), "a mix")
        return self


class FairPlay(Part):
    """What keeps pulling fair; what is left out is not in force."""

    hold_at_most: Count | None = None
    """Claimed leads that a rep may hold without having contacted them."""
    claim_at_least: ClaimAtLeast | None = None
    """Claims that are expected of a rep."""
    claim_rate: ClaimRate | None = None
    """How fast a rep may claim."""
    mix: Mix | None = None
    """Low-score leads that a rep has to take among the others, unless none is within sight."""
    skip_at_most: Count | None = None
    """Leads whose details a rep may open, or heads of a queue pass, without claiming one. Giving back a claimed lead without a contact,
    or letting it lapse, counts as one more, and those before that claim count on; only a claim with a contact forgives them all. Where
    it is set, a `cherry_pick` pool shows previews, and the details of a lead that is opened."""
    notice: Duration | None = None
    """How long before it takes effect a policy that tightens a rule must be announced; left out: it may take effect at once."""
    shown_to: Literal["team", "managers"] = "team"
    """Who may open the page Fair play: everybody, for their teams, or managers only."""


class Tier(Part):
    """What reps of a kind see of waiting leads."""

    name: Title
    """What reasons call it."""
    when: ConditionText | None = None
    """Which reps it is for; left out: everybody else."""
    sees: Literal["full", "preview", "none"]
    """`full`: what the pool shows. `preview`: no more than the preview. `none`: nothing."""
    only: ConditionText | None = None
    """Which leads; left out: all."""


class Tiering(Part):
    """How reps come into their tiers: counted anew each day from what they ended lately, and moved only when that holds."""

    over: Annotated[Duration, Field(json_schema_extra={"default": "90d"})] = timedelta(days=90)
    """The rolling window that `rep.closed` and `rep.conversion_rate` are counted over."""
    confirm: Annotated[int, Field(ge=1, le=60)] = 3
    """How many days in a row another tier has to fit before the rep moves there, 1..60."""


class Weight(Part):
    """Leads that count for more, or for less."""

    when: ConditionText
    """Which leads."""
    times: Annotated[float, Field(ge=0, le=100)]
    """How many times the points, 0..100."""


class Credits(Part):
    """Points that reps earn, for pay and reports. The first weight whose condition holds counts; without any, the points as they are."""

    claim: Annotated[float, Field(ge=0, le=1000)] = 0
    """For the first contact on a lead the rep claimed; a claim that lapses earns nothing."""
    convert: Annotated[float, Field(ge=0, le=1000)] = 0
    """For a lead the rep converted, however they came to have it."""
    weights: tuple[Weight, ...] = ()
    """Which leads count for more, or for less."""
