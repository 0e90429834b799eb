"""Leads of the past that are made up, with a signal that is known: what a model has to find, and not more."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

from dibs.distribution.learning import Past
from dibs.engine.facts import LeadFacts

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
#: What each source does to the log-odds, and being a company of more than 200.
SOURCES = {"pricing": 1.5, "list": -1.5, "webinar": 0.0, "fair": 0.0}
LARGE = 0.8


def past(count: int, *, signal: float = 1.0, seed: int = 1, base: float = -1.3) -> list[Past]:
    """So many ended leads, an hour between each, won by chance alone but for ``signal`` times `SOURCES` and `LARGE`. Their points know
    the source only."""
    lots = random.Random(seed)
    leads = []
    for nth in range(count):
        source = lots.choice(list(SOURCES))
        employees = int(math.exp(lots.uniform(0, 8)))
        known = lots.random() < 0.9
        odds = base + signal * (SOURCES[source] + (LARGE if employees > 200 and known else 0))
        facts = LeadFacts(
            source=source,
            employees=employees if known else None,
            country=lots.choice(["JP", "US", "MX"]),
            name=f"Person {nth}",
            email=f"person{nth}@example.com",
            phone="+81312345678" if lots.random() < 0.5 else None,
            attributes={"shoe_size": lots.randint(30, 50), "reference": f"ref-{nth}"},
        )
        won = lots.random() < 1 / (1 + math.exp(-odds))
        leads.append(Past(facts, won, BEGIN + timedelta(hours=nth), 80 if source == "pricing" else 20))
    return leads


def truth(facts: LeadFacts, signal: float = 1.0, base: float = -1.3) -> float:
    """How likely such a lead really was to be won."""
    large = LARGE if facts.employees is not None and facts.employees > 200 else 0.0
    return 1 / (1 + math.exp(-(base + signal * (SOURCES[facts.source or ""] + large))))
