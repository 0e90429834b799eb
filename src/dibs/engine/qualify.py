"""Scoring and ranking a lead: points for each condition that holds and each answer given, kept within 1..100."""

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
    """A lead's score, 1..100, its rank, and what they are made of. ``likelihood`` to convert, 0..1, where a model is switched on."""

    score: int
    rank: Rank
    reasons: tuple[Reason, ...]
    likelihood: float | None = None


def rank_of(score: int, ranks: Ranks) -> Rank:
    """hot from ``ranks.hot`` up, warm from ``ranks.warm`` up, else cool."""
    return "hot" if score >= ranks.hot else "warm" if score >= ranks.warm else "cool"


def qualify(book: Rulebook, lead: LeadFacts, account: AccountFacts | None, now: datetime) -> Qualified:
    """Count the points of every condition that holds, and of every answer to a standard question. Without any, the score is 1.

    Where a model is switched on it is asked first, so that points may be given for the likelihood; and the score is what it says where
    the policy has leads qualified by prediction.
    """
    if book.model is None:
        if lead.likelihood is not None:
            lead = lead.qualified(lead.score, lead.rank, None)  # said by a model that is switched off since
        return _counted(book, *book.scored(lead, account, now))
    predicted = book.model.predict(lead)
    if book.policy.qualify.by == "prediction":
        rank = rank_of(predicted.score, book.policy.qualify.rank)
        reasons = (_by_prediction(predicted.score, rank), predicted.reason)
        return Qualified(predicted.score, rank, reasons, predicted.likelihood)
    lead = lead.qualified(lead.score, lead.rank, predicted.likelihood)
    counted = _counted(book, *book.scored(lead, account, now))
    return Qualified(counted.score, counted.rank, (*counted.reasons, predicted.reason), predicted.likelihood)


@lru_cache(maxsize=512)
def _by_prediction(score: int, rank: Rank) -> Reason:
    """The score's reason where it is no sum of points: what it is made of, the prediction says."""
    return Reason("scored", {"score": score, "rank": rank, "parts": []}, "qualify.by")


@lru_cache(maxsize=4096)
def _counted(book: Rulebook, places: tuple[int, ...], answers: tuple[tuple[str, str], ...]) -> Qualified:
    """What the points at these places, and these answers, come to. Leads for which the same holds share one answer, which is never
    changed."""
    parts: list[dict[str, Scalar]] = []
    points = 0
    for place in places:
        _, add, text = book.points[place]
        parts.append({"when": text, "add": add})
        points += add
    questions = book.policy.qualify.questions
    for question, answer in answers:
        add = questions[question].answers[answer].add
        parts.append({"question": question, "answer": answer, "add": add})
        points += add
    score = min(max(points, 1), 100)
    rank = rank_of(score, book.policy.qualify.rank)
    return Qualified(score, rank, (Reason("scored", {"score": score, "rank": rank, "parts": parts}, "qualify.score"),))
