"""What the engine answers: a closed set of frozen values that explain themselves.

A reason is a stable code, its parameters and the policy rule it came from. It holds no text: text is made late, in the
reader's language, by ``dibs.delivery.wording``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Scalar = str | int | float | bool | None
Param = Scalar | list[str] | list[dict[str, Scalar]]

DueFor = Literal["lock", "offer", "escalate", "age_cap", "warn", "sla", "idle", "stale", "unready", "mail"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why. ``code`` is stable and documented; ``rule`` is a path into the policy such as ``route[3]`` or ``fair_play.mix``."""

    code: str
    params: Mapping[str, Param] = field(default_factory=dict)
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """The next moment at which something must happen to a lead, and what. ``contact_by``: until when its rep has to contact it, where
    the policy sets a time for that."""

    at: datetime
    why: DueFor
    contact_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class InPool:
    """The lead waits in a pool to be claimed. ``since``: its place in line begins anew there; ``None``: it keeps the one it has."""

    pool: str
    since: datetime | None = None
    state: Literal["pooled"] = "pooled"


@dataclass(frozen=True, slots=True)
class Assigned:
    """The lead is the rep's, without asking."""

    rep: str
    team: str | None = None
    state: Literal["owned"] = "owned"


@dataclass(frozen=True, slots=True)
class Offered:
    """The lead is the rep's to accept until ``until``."""

    rep: str
    until: datetime
    team: str | None = None
    state: Literal["offered"] = "offered"


@dataclass(frozen=True, slots=True)
class InReview:
    """A person decides; ``queue`` is the team whose managers see it."""

    queue: str
    state: Literal["review"] = "review"


@dataclass(frozen=True, slots=True)
class InNurture:
    """Not ready for sales; ``sequence``: the mails it gets meanwhile."""

    sequence: str | None = None
    state: Literal["nurture"] = "nurture"


@dataclass(frozen=True, slots=True)
class Retired:
    """Given up by the policy itself; ``why`` is one of `policy_terms.RetireWhy`."""

    why: str
    state: Literal["retired"] = "retired"


Where = InPool | Assigned | Offered | InReview | InNurture | Retired


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a lead goes, when it must be looked at again, and why. ``score`` and ``rank`` as qualified, ``None`` if unchanged.

    ``awaits``: the team that a rule pushes it to and of which nobody could be given it, for when somebody can. ``side``: whose it is to
    bring on from now, ``None`` if unchanged; ``likelihood`` to convert as predicted, ``None`` if it was not."""

    to: Where
    due: Due | None
    reasons: tuple[Reason, ...]
    score: int | None = None
    rank: str | None = None
    territory: str | None = None
    awaits: str | None = None
    side: Literal["marketing", "sales"] | None = None
    likelihood: float | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Yes: the rep may have the lead until ``lock_expires_at`` (``None``: no time limit)."""

    lock_expires_at: datetime | None
    due: Due | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, and what would make it a yes: the first reason's code is the refusal's code, ``remedy`` says how to get there."""

    reasons: tuple[Reason, ...]
    remedy: Reason | None = None

    @property
    def code(self) -> str:
        return self.reasons[0].code


@dataclass(frozen=True, slots=True)
class Ask:
    """The engine needs one more fact, too dear to fetch each time, before it can answer; ask again with it given."""

    fact: Literal["low_score_in_sight"]
    low_below: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Nothing happens to the lead now, but it is to be looked at again at ``due``. ``awaits``: the team that it was to be pushed to and
    of which nobody could be given it; ``None``: it awaits whom it did."""

    due: Due | None
    reasons: tuple[Reason, ...] = ()
    awaits: str | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    """The lead stays whose it is, and its rep and who leads them are told: its time is about to run out. ``over``: it has run out, on a
    lead that a manager gave to its rep, which rules do not take away."""

    due: Due | None
    reasons: tuple[Reason, ...]
    over: bool = False


@dataclass(frozen=True, slots=True)
class Mailed:
    """The lead stays where it is, and its person gets the mail ``mail`` of its sequence, the ``step``-th, 1 the first."""

    mail: str
    step: int
    due: Due | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """Time moved the lead. ``kind`` is a key of ``lifecycle.TRANSITIONS``; ``lapsed`` the rep whose lock, offer or time for first
    contact ran out, ``off`` the one it was taken off, whatever for. ``off_work``: it ran out while that rep was not at work, and says
    nothing of whether they are there.

    ``escalated`` and ``reassigned`` are the lead's counters from now on.
    """

    kind: str
    placement: Placement
    lapsed: str | None = None
    escalated: int = 0
    reassigned: int = 0
    off: str | None = None
    off_work: bool = False
