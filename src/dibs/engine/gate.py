"""What is asked of a lead before any rule of the route: may its person be contacted, and is it ready for sales?

Until it is, the lead is marketing's: it goes the way that ``qualify.ready.until`` says, and not by the route. Whoever must not be
contacted goes the way that ``privacy`` says, whatever else is known of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from dibs.engine.conditions import Activation
from dibs.engine.decision import Reason
from dibs.engine.facts import LeadClock, LeadFacts
from dibs.engine.policy_ways import Way
from dibs.engine.rulebook import Rulebook

MUST_NOT = "privacy.do_not_contact"
NO_CONSENT = "privacy.no_consent"
READY = "qualify.ready"


@dataclass(frozen=True, slots=True)
class Gate:
    """Whose a lead is to bring on, and why. ``way``: how it goes in place of the route, at ``rule``; ``None``: the route says."""

    side: Literal["marketing", "sales"]
    reasons: tuple[Reason, ...] = ()
    way: Way | None = None
    rule: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the route says where the lead goes."""
        return self.way is None


#: Every lead is for sales, where the policy does not say which.
OPEN = Gate("sales")


def gate(book: Rulebook, lead: LeadFacts, activation: Activation) -> Gate:
    """Whether the lead, its score and rank known, goes by the route. ``activation``: its facts laid out for the policy."""
    if lead.do_not_contact is not True and not book.gated:
        return OPEN
    if lead.do_not_contact is True:
        return _must_not(book)
    if lead.consent is False and book.policy.privacy.no_consent is not None:
        return _no_consent(book)
    return _ready(book, book.is_ready(activation))


def goes_back(book: Rulebook, lead: LeadFacts, activation: Activation, clock: LeadClock) -> bool:
    """Whether a lead that somebody had may wait again in the pool it came from: not one that became ready for sales, or is not ready any
    more, and not one whose person must not be contacted."""
    passed = gate(book, lead, activation)
    if passed.side != clock.side:
        return False
    return passed.is_open or passed.side == "marketing" or (passed.way is not None and passed.way.pool == clock.pool)


def side_in(book: Rulebook, pool: str, clock: LeadClock) -> Literal["marketing", "sales"]:
    """Whose to bring on a lead is that a person sends to this pool: marketing's leads stay that where the policy has marketing's wait;
    anywhere else sales are to have it, ready or not."""
    qualify = book.policy.qualify
    if clock.side == "sales":
        return "sales"
    if qualify.ready is None or qualify.ready.until.pool == pool:
        return "marketing"
    if any(route.rule.pull is not None and route.rule.pull.pool == pool for route in book.routes):
        return "sales"
    sequences = book.policy.nurture.sequences.values()
    pools = {way.pool for sequence in sequences for way in (sequence.then, sequence.replied) if way is not None}
    if qualify.stale is not None:
        pools.add(qualify.stale.then.pool)
    return "marketing" if pool in pools else "sales"


# Leads of which the same is to be said share one answer, never changed: its reasons are written out once in the log.


@lru_cache(maxsize=256)
def _must_not(book: Rulebook) -> Gate:
    return Gate("sales", (Reason("must_not_contact", rule=MUST_NOT),), book.policy.privacy.do_not_contact, MUST_NOT)


@lru_cache(maxsize=256)
def _no_consent(book: Rulebook) -> Gate:
    return Gate("sales", (Reason("no_consent", rule=NO_CONSENT),), book.policy.privacy.no_consent, NO_CONSENT)


@lru_cache(maxsize=512)
def _ready(book: Rulebook, is_ready: bool) -> Gate:
    ready = book.policy.qualify.ready
    if ready is None:
        return OPEN
    if is_ready:
        return Gate("sales", (Reason("ready", {"when": ready.when}, f"{READY}.when"),))
    until = Reason("not_ready", {"when": ready.when}, f"{READY}.when")
    return Gate("marketing", (until,), ready.until, f"{READY}.until")
