"""The examples a policy carries: a lead, how the reps stand, and what must come of it. `dibs.engine.policy_examples` runs them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from dibs.engine.facts import AccountFacts, LeadFacts
from dibs.engine.policy_terms import Name, Part, Rank, RetireWhy, Threshold, Title


class LeadInExample(Part):
    """A lead's facts. Score, rank and likelihood are what comes of them, and so not given."""

    source: str | None = None
    name: str | None = None
    title: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    domain: str | None = None
    industry: str | None = None
    employees: int | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    postal_code: str | None = None
    language: str | None = None
    product: str | None = None
    use_case: str | None = None
    deal_value: float | None = None
    currency: str | None = None
    message: str | None = None
    consent: bool | None = None
    received_at: AwareDatetime | None = None
    touches: int | None = None
    pages: int | None = None
    opens: int | None = None
    last_touch_at: AwareDatetime | None = None
    campaign: str | None = None
    do_not_contact: bool | None = None
    """On the list of those who must not be contacted."""
    answers: dict[Name, Name] = {}
    """Answers to the standard questions, by the question's name."""
    assessment: Annotated[int, Field(ge=0, le=100)] | None = None
    """Score of the last assessment, 0..100."""
    assessed: Literal["pursue", "follow_up", "hand_over", "retire"] | None = None
    """What the last assessment led to."""
    attributes: dict[str, str | int | float | bool | None] = {}

    def facts(self) -> LeadFacts:
        return LeadFacts(**self.model_dump())


class AccountInExample(Part):
    """The account's facts; ``owner`` is a rep's handle."""

    name: str | None = None
    domain: str | None = None
    owner: Name | None = None
    customer: bool | None = None
    parent: str | None = None
    through: str | None = None

    def facts(self) -> AccountFacts:
        return AccountFacts(**self.model_dump())


class RepInExample(Part):
    """How a rep stands in an example; what is left out is: at work, with nothing open."""

    team: Name | None = None
    """A team the rep is put in."""
    active: bool = True
    """Whether the rep works here."""
    available: bool = True
    """The rep's own switch."""
    open_leads: Annotated[int, Field(ge=0)] = 0
    """Leads the rep has open."""
    assigned_today: Annotated[int, Field(ge=0)] = 0
    """Leads pushed to the rep today."""
    assigned_this_week: Annotated[int, Field(ge=0)] = 0
    """Leads pushed to the rep since Monday."""
    assigned_this_month: Annotated[int, Field(ge=0)] = 0
    """Leads pushed to the rep since the first of the month."""
    conversion_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    """0..1."""
    closed: Annotated[int, Field(ge=0)] = 0
    """Leads the rep has closed."""
    country: str | None = None
    """ISO 3166 alpha-2."""
    languages: tuple[str, ...] = ()
    """BCP 47."""
    industries: tuple[str, ...] = ()
    """Industries the rep knows."""
    seniority: Annotated[int, Field(ge=1, le=5)] | None = None
    """1..5."""
    depth: Annotated[int, Field(ge=1, le=5)] | None = None
    """Technical depth, 1..5."""


class Expected(Part):
    """What must come of an example; what is left out may be anything."""

    pool: Name | None = None
    """It waits in this pool."""
    team: Name | None = None
    """It went to somebody of this team."""
    rep: Name | None = None
    """It went to this rep."""
    review: Name | None = None
    """It is before these managers."""
    nurture: Literal[True] | Name | None = None
    """It is kept away from sales; with a name, in this sequence of mails."""
    retired: RetireWhy | None = None
    """It is given up, for this reason."""
    side: Literal["marketing", "sales"] | None = None
    """Whose it is to bring on."""
    rank: Rank | None = None
    """Its rank."""
    score: Threshold | None = None
    """Its score, 1..100."""
    rule: Title | None = None
    """The rule that took it."""
    territory: Name | None = None
    """The territory it lies in."""

    @model_validator(mode="after")
    def _something(self) -> Expected:
        if not self.model_fields_set:
            raise PydanticCustomError(
                "expects_nothing", "expect at least one thing: pool, team, rep, rule, rank, score ..."
            )
        return self


class Example(Part):
    """A lead and what must come of it. ``check`` and every publish run it.

    The teams hold the reps that the policy names for them (``weights``, ``reps``) and those that ``reps`` puts there; a team without any
    holds one made-up rep, named like the team.
    """

    name: Title | None = None
    """What it shows."""
    lead: LeadInExample
    """What is known of the lead."""
    account: AccountInExample | None = None
    """The account it was matched to, if any."""
    reps: dict[Name, RepInExample] = {}
    """How reps stand, by handle."""
    now: AwareDatetime | None = None
    """The moment; left out: a Monday, 09:00 UTC."""
    expect: Expected
    """What must come of it."""
