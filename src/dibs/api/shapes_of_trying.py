"""What comes in and goes out where policies are tried: dry runs, and past leads through two policies."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from dibs.api.shapes import Incoming, LeadIn, Outgoing, ReasonOut, text
from dibs.engine.lifecycle import State

_Version = Annotated[int, Field(ge=1, lt=2**31)]
_Draft = Annotated[str, text(1_000_000, 1)]


class DryRunIn(Incoming):
    """A lead, typed in (``lead``) or one that is here (``lead_id``), and the policy to try it on."""

    lead: LeadIn | None = None
    lead_id: UUID | None = Field(
        None, description="One that the caller leads: tried as if it came in now for the first time."
    )
    version: _Version | None = Field(
        None, description="A published version; the one in force without it and without `source`."
    )
    source: _Draft | None = Field(None, description="The text of a policy that need not be published.")
    at: AwareDatetime | None = Field(
        None, description="The moment to try it at, a year from now at most; now if left out."
    )


class PolicyTried(Outgoing):
    number: int | None = Field(description="null: a draft.")
    name: str
    digest: str


class QuestionOut(Outgoing):
    """One question that a condition is made of, and the facts it asked; a value of null is not known."""

    text: str
    words: str = Field(description="In the caller's language, where it can be said in words.")
    holds: bool | None = Field(description="null: it cannot be told, for lack of a fact; that counts as no.")
    facts: dict[str, Any]


class ConditionOut(Outgoing):
    """A condition, whether it holds, and the questions that made it so."""

    when: str | None = Field(description="null: it asks nothing, and holds always.")
    words: str
    holds: bool
    because: list[QuestionOut]


class PointsOut(ConditionOut):
    add: int


class WayOut(Outgoing):
    way: Literal["push", "pull", "review", "nurture"]
    to: str | None
    by: str | None
    fallback: str | None


class GoesOut(Outgoing):
    """Where a rule puts the lead, or would put it if it were reached."""

    state: State | None
    rep: str | None
    team: str | None
    pool: str | None
    review: str | None
    reasons: list[ReasonOut]


class RuleTried(ConditionOut):
    index: int
    name: str
    way: WayOut
    verdict: Literal["matched", "not_matched", "not_reached"]
    goes: GoesOut | None = Field(description="null: its condition does not hold.")


class ConsideredOut(Outgoing):
    rep: str
    name: str
    chosen: bool
    because: str | None = Field(description="Why not; null: the rep could have had it.")
    open_leads: int | None = Field(description="null: the caller does not lead the rep.")
    assigned_today: int | None
    numbers: dict[str, Any] | None = Field(description="How `best_match` weighed the rep.")


class AttemptOut(Outgoing):
    """One try to find a rep. `rep` null: nobody could be given it, and what is next was done."""

    to: str
    rep: str | None
    rep_name: str | None
    by: str | None
    considered: list[ConsideredOut]


class TriedTerritoryOut(Outgoing):
    name: str
    path: list[str] = Field(description="From the top of the tree down to it.")
    team: str | None
    rep: str | None
    through: str | None = Field(description="The territory whose owner it is, where that is not its own.")


class AccountTried(Outgoing):
    name: str | None
    domain: str | None
    owner: str | None
    customer: bool | None
    parent: str | None
    through: str | None


class LeadNamed(Outgoing):
    id: UUID
    state: State
    pool: str | None
    owner: str | None
    owner_name: str | None
    review: str | None
    name: str | None
    company: str | None


class BecomesOut(Outgoing):
    """Where the lead would be, and when it would be looked at again."""

    state: State
    owner: str | None
    owner_name: str | None
    pool: str | None
    review: str | None
    rule: str | None = Field(description="The rule that took it; null: none did.")
    score: int | None
    rank: str | None
    territory: str | None
    due_at: datetime | None
    due_for: str | None
    lock_expires_at: datetime | None
    sla_at: datetime | None
    awaits: str | None
    side: Literal["marketing", "sales"]
    sequence: str | None = Field(description="The mails that it would get.")
    retired_why: str | None = Field(description="Why the policy would give it up; null: it would not.")


class RepliedOut(Outgoing):
    """An answer to a standard question, and its points."""

    question: str
    answer: str
    add: int


class GateOut(Outgoing):
    """What is asked before any rule: may the person be contacted, and is the lead ready for sales?"""

    side: Literal["marketing", "sales"] = Field(description="Whose it would be to bring on.")
    open: bool = Field(description="Whether the route says where it goes; if not, no rule is reached.")
    ready: ConditionOut | None = Field(description="Why it is ready or not; null: the policy does not say which are.")
    reasons: list[ReasonOut]


class DryRunOut(Outgoing):
    """What would become of a lead, and every step on the way. Nothing was written."""

    policy: PolicyTried
    at: datetime
    lead: dict[str, Any] = Field(description="The facts as they were cleaned, with score and rank.")
    is_now: LeadNamed | None = Field(description="The lead that was tried, where it is now.")
    touches: LeadNamed | None = Field(description="The open lead of the same person: it would be a touch on that.")
    near: list[LeadNamed] = Field(description="Leads that may be of the same person.")
    account: AccountTried | None
    matching: list[ReasonOut]
    points: list[PointsOut]
    answers: list[RepliedOut] = Field(description="Answers to the standard questions that count.")
    gate: GateOut
    territory: TriedTerritoryOut | None
    rules: list[RuleTried] = Field(description="Every rule in its order.")
    attempts: list[AttemptOut]
    becomes: BecomesOut
    reasons: list[ReasonOut] = Field(description="What the log would say.")


class CompareIn(Incoming):
    """A policy, and the time from which leads are taken."""

    version: _Version | None = Field(None, description="A published version. This or `source`.")
    source: _Draft | None = Field(None, description="The text of a policy that need not be published.")
    since: AwareDatetime = Field(description="Leads received from then on.")
    until: AwareDatetime | None = Field(None, description="And before then; now if left out.")


class CountOut(Outgoing):
    name: str | None = Field(description="null: all that the caller does not lead.")
    label: str
    before: int
    after: int


class WhatIfOut(Outgoing):
    leads: int
    elsewhere: int = Field(description="Leads that would have gone to another team, pool or review.")
    other_rep: int = Field(description="Leads that another rep of the same team would have got.")
    rescored: int
    reps: list[CountOut]
    teams: list[CountOut]
    pools: list[CountOut]
    reviews: list[CountOut]
    states: list[CountOut]
    rules: list[CountOut]


class ComparisonOut(Outgoing):
    id: UUID
    before: int = Field(description="The version compared with: the one in force then.")
    after: int | None = Field(description="null: a draft.")
    name: str
    since: datetime
    until: datetime
    state: Literal["waiting", "running", "done", "failed"]
    total: int
    passed: int = Field(description="Leads gone through so far.")
    changed: int
    problem: str
    by: str | None
    created_at: datetime
    finished_at: datetime | None
    result: WhatIfOut | None = Field(description="null until it is done; in lists left out.")


class ComparisonPage(Outgoing):
    items: list[ComparisonOut]
    next: None = Field(description="Always null: the latest are one page.")


class WentOut(Outgoing):
    state: State
    rep: str | None
    team: str | None
    pool: str | None
    review: str | None
    rule: str
    score: int | None
    rank: str | None


class ChangedOut(Outgoing):
    lead: LeadNamed
    before: WentOut
    after: WentOut


class ChangedPage(Outgoing):
    items: list[ChangedOut]
    next: str | None
