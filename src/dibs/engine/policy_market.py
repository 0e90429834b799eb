"""The policy document: slices of the market and whose they are, and how leads are matched to who is known."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from dibs.engine.policy_terms import ConditionText, Name, Part, Share, exactly_one


def _day(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise PydanticCustomError("day", "not a day: write it as 2027-01-31") from None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Country = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
#: One code, all that begin alike (`SW1*`), or a range (`100-0000..109-9999`).
PostalCodes = Annotated[str, StringConstraints(min_length=1, max_length=65)]


class Owner(Part):
    """Whose a territory is: a team's, one rep's, or whoever's another territory is."""

    team: Name | None = None
    """The team."""
    rep: Name | None = None
    """The rep's handle."""
    territory: Name | None = None
    """The territory whose owner it is."""

    @model_validator(mode="after")
    def _one_owner(self) -> Owner:
        exactly_one(self, ("team", "rep", "territory"), "an owner")
        return self


class Sizes(Part):
    """Companies of a size, by their employees; both ends count in."""

    at_least: Annotated[int, Field(ge=0)] | None = None
    """So many employees or more."""
    at_most: Annotated[int, Field(ge=0)] | None = None
    """So many or fewer."""


class Territory(Part):
    """A slice of the market. All that is given must hold. Of several that a lead lies in, the first counts, and within it the first of
    its children that the lead lies in, and so on down."""

    when: ConditionText | None = None
    """Which leads lie in it, beside what follows."""
    countries: tuple[Country, ...] = ()
    """Their country is one of these, ISO 3166 alpha-2."""
    regions: tuple[Text, ...] = ()
    """Their region is one of these, whatever the case and the accents."""
    postal_codes: tuple[PostalCodes, ...] = ()
    """Their postal code is one of these, whole or by the part before its space or hyphen (`SW1A`), begins like one (`SW1*`), or lies in a
    range (`100-0000..109-9999`, both ends in), however it is spaced."""
    industries: tuple[Text, ...] = ()
    """Their industry is one of these, whatever the case and the accents."""
    employees: Sizes | None = None
    """Their company is of this size."""
    parent: Name | None = None
    """The territory it is a part of: only leads that lie there lie here, and without an owner of its own it has that one's."""
    owner: Owner | None = None
    """To whom `push: {to: territory.owner}` gives them; left out: the parent's."""
    starts: Day | None = None
    """The first day on which it is there, in the policy's time zone; left out: since ever."""
    ends: Day | None = None
    """The last day on which it is there; left out: for ever."""


class Matching(Part):
    """How a new lead is matched to who is known already."""

    same_person: bool = True
    """Whether the same person again is a touch on the open lead, and not a second lead."""
    account_at: Share = 0.9
    """From this score up, above 0 and up to 1, a lead belongs to the account."""
    review_at: Share = 0.7
    """From this score up, and under `account_at`, a person is asked whether it does."""
    make: Literal["capture", "conversion", "never"] = "capture"
    """When a new customer's account and contact are made: as soon as their lead comes in (`capture`), when it is converted
    (`conversion`), or by people alone (`never`)."""

    @model_validator(mode="after")
    def _in_order(self) -> Matching:
        if self.review_at > self.account_at:
            raise PydanticCustomError("matching_overlap", "review_at must not lie above account_at")
        return self
