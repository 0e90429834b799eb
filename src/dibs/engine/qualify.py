"""Scoring and ranking a lead: points for each condition that holds, kept within 1..100."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from dibs.engine.decision import Reason, Scalar
from dibs.engine.facts import AccountFacts, LeadFacts
from dibs.engine.policy_qualify import Ranks
from dibs.engine.policy_terms import Rank
from dibs.engine.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Qualified:
    """A lead's score, 1..100, its rank, and what they are made of."""

    score: int
    rank: Rank
    reasons: tuple[Reason, ...]


def rank_of(score: int, ranks: Ranks) -> Rank:
    """hot from ``ranks.hot`` up, warm from ``ranks.warm`` up, else cool."""
    return "hot" if score >= ranks.hot else "warm" if score >= ranks.warm else "cool"


def qualify(book: Rulebook, lead: LeadFacts, account: AccountFacts | None, now: datetime) -> Qualified:
    """Count the points of every condition that holds. Without any, the score is 1."""
    return _counted(book, book.scored(lead, account, now))


@lru_cache(maxsize=4096)
def _counted(book: Rulebook, places: tuple[int, ...]) -> Qualified:
    """What the points at these places come to. Leads for which the same holds share one answer, which is never changed."""
    parts: list[dict[str, Scalar]] = []
    for place in places:
        _, add, text = book.points[place]
        parts.append({"when": text, "add": add})
    score = min(max(sum(book.points[place][1] for place in places), 1), 100)
    rank = rank_of(score, book.policy.qualify.rank)
    return Qualified(score, rank, (Reason("scored", {"score": score, "rank": rank, "parts": parts}, "qualify.score"),))
