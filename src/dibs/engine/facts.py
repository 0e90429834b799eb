"""What is known when a decision is made: the lead, its account, the reps, the team.

Facts are plain frozen values. ``None`` means "not known"; a condition on an unknown fact is false, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter

Attribute = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What a policy may ask about a lead. ``country`` is ISO 3166 alpha-2, ``language`` BCP 47, ``score`` 1..100.

    ``touches``: how often the person came, the first time counted in; ``pages`` they looked at, mails they ``opens``; the last of any of
    these at ``last_touch_at``. ``answers`` to the policy's standard questions by the question's name; ``assessment``: the score of the
    last assessment, 0..100, and what it led to, ``assessed`` (``pursue``, ``follow_up``, ``hand_over``, ``retire``). ``likelihood`` to be
    won, 0..1, where a model is switched on.
    """

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
    received_at: datetime | None = None
    touches: int | None = None
    pages: int | None = None
    opens: int | None = None
    last_touch_at: datetime | None = None
    campaign: str | None = None
    do_not_contact: bool | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    assessment: int | None = None
    assessed: str | None = None
    likelihood: float | None = None
    score: int | None = None
    rank: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def qualified(self, score: int | None, rank: str | None, likelihood: float | None) -> LeadFacts:
        """The same lead with its score, rank and likelihood: `dataclasses.replace`, at half its cost, for what is done to every lead."""
        return LeadFacts(*_UP_TO_SCORE(self), likelihood, score, rank, self.attributes)  # type: ignore[call-arg]


#: A lead's facts in the order of its fields, up to the four that end them: likelihood, score, rank, attributes.
_UP_TO_SCORE = attrgetter(*[known.name for known in fields(LeadFacts)][:-4])


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The customer or target company a lead was matched to. ``owner`` is the handle of the rep who has it, or else the next above it in
    its family, which ``through`` then names. ``customer``: whether it buys already, it or one above it. ``parent`` is the name of the
    one above it.
    """

    name: str | None = None
    domain: str | None = None
    owner: str | None = None
    customer: bool | None = None
    parent: str | None = None
    through: str | None = None


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When a rep works, in the rep's own time zone.

    ``days`` maps ISO weekday (1 Monday .. 7 Sunday) to ``(start, end)`` in minutes since local midnight; a weekday that
    is absent is free. ``away`` holds half-open spans of time off, aware datetimes; ``holidays`` those of public holidays, which are
    time off too; ``busy`` those of appointments, in which no lead is pushed to the rep but working time runs on.
    """

    timezone: str = "UTC"
    days: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    away: tuple[tuple[datetime, datetime], ...] = ()
    holidays: tuple[tuple[datetime, datetime], ...] = ()
    busy: tuple[tuple[datetime, datetime], ...] = ()

    def __hash__(self) -> int:
        """Mappings have none of their own; zone and time off tell most people's hours apart."""
        return hash((self.timezone, self.away, self.busy))


@dataclass(frozen=True, slots=True)
class RepFacts:
    """What a policy may ask about a rep, and what decides whether a lead can be pushed to them now.

    ``open_leads`` counts leads owned and not yet converted or retired; ``assigned_today`` those pushed to the rep in the
    rep's own local day; ``conversion_rate`` is 0..1 over ``closed`` leads, both within the policy's ``tiering.over``. ``hours``
    ``None`` means always at work. ``tier`` is the tier the rep is settled in, no fact for conditions: ``""`` in none of them,
    ``None`` not settled yet (see ``tiers``). ``seniority`` and technical ``depth`` are 1..5. ``pushed_at``: when the latest leads were
    pushed to them, oldest first, no fact for conditions.
    """

    handle: str
    active: bool = True
    available: bool = True
    hours: WorkingHours | None = None
    open_leads: int = 0
    assigned_today: int = 0
    conversion_rate: float | None = None
    closed: int = 0
    country: str | None = None
    languages: tuple[str, ...] = ()
    tier: str | None = None
    industries: tuple[str, ...] = ()
    seniority: int | None = None
    depth: int | None = None
    assigned_this_week: int = 0
    assigned_this_month: int = 0
    pushed_at: tuple[datetime, ...] = ()

    def with_one_more(self, pushed_at: tuple[datetime, ...]) -> RepFacts:
        """The same rep with one more open lead, pushed today: `dataclasses.replace`, at a third of its cost. ``pushed_at`` with it."""
        handle, active, available, hours, open_leads, today, *rest, week, month, _ = _OF_REP(self)
        counted = (open_leads + 1, today + 1, *rest, week + 1, month + 1, pushed_at)
        return RepFacts(handle, active, available, hours, *counted)


#: A rep's facts in the order of their fields; the three that count pushes beside today's end them.
_OF_REP = attrgetter(*[known.name for known in fields(RepFacts)])


@dataclass(frozen=True, slots=True)
class LeadClock:
    """Where a lead stands in its life: what ``timeline`` and ``claim`` need beside the lead's own facts.

    ``waiting_since`` is the lead's place in line, kept through a lapse. ``escalated`` counts the pool's escalation steps
    already done. ``passed_over`` names the reps who declined the lead or let it lapse: it is not pushed to them again.
    ``lock_expires_at`` is ``None`` for a lead that nobody holds on time, ``claimed_at`` unless its present owner claimed it.
    ``by_hand``: a manager gave it to its owner, or sent it from marketing to a pool of sales', or somebody put it into nurture, which rules do not overturn. ``sla_at``: when its first contact is due, at the latest;
    ``warned`` that somebody was told so. ``acted_at``: its owner's last act on it, or the person's last touch. ``awaits``: the team
    none of whom could be given it, and one of whom still shall, as soon as somebody can. ``side``: whose it is to bring on, ``marketing``
    until it is ready for ``sales``. ``sequence``: the mails it is in the middle of, of which it got ``mailed``, the last of them, or the
    beginning, at ``mailed_at``.
    """

    id: str
    state: str
    pool: str | None = None
    owner: str | None = None
    received_at: datetime | None = None
    waiting_since: datetime | None = None
    lock_expires_at: datetime | None = None
    contacted_at: datetime | None = None
    due_at: datetime | None = None
    due_for: str | None = None
    escalated: int = 0
    reassigned: int = 0
    passed_over: frozenset[str] = frozenset()
    claimed_at: datetime | None = None
    by_hand: bool = False
    sla_at: datetime | None = None
    warned: bool = False
    acted_at: datetime | None = None
    awaits: str | None = None
    side: str = "sales"
    sequence: str | None = None
    mailed: int = 0
    mailed_at: datetime | None = None
