"""``best_match``: the rep with the highest expected conversion of this lead, by results and strengths, traded against load.

What counts is, for each rep who could be given the lead,

    drawn * (1 + strengths) * left

``drawn`` is taken from what the rep's results leave possible (`results.Expectation`) by Thompson sampling: W. R. Thompson, *On
the Likelihood that One Unknown Probability Exceeds Another in View of the Evidence of Two Samples*, Biometrika 25, 1933. Who
has few results yet is drawn high as often as low, and so gets chances without a rule for it; who has many is drawn close to
what they showed. Without ``explore`` it is the mean. ``strengths`` is what the declared ones add, ``left`` what load leaves.

Under a cap on open leads that is ``1 - load * open / cap``. Without one nothing says what full hands are, and it is
``1 / (1 + load * ahead / 10)`` for somebody with so many more open leads than the least busy of those who could be given this
one: it goes on falling, so that even the best by far does not get all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from dibs.engine.decision import Param, Reason, Scalar
from dibs.engine.facts import LeadFacts, RepFacts
from dibs.engine.results import Expectation, kind_of
from dibs.engine.roster import Roster

if TYPE_CHECKING:
    from dibs.engine.conditions import Activation
    from dibs.engine.rulebook import Rulebook

#: So many open leads more than the least busy one has weigh, without a cap, as much as ``load`` says.
HEAVY = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rep and what speaks for them. ``expected`` and ``drawn`` 0..1, ``strengths`` 1 and up, ``load`` 0..1: what is left of it."""

    rep: str
    results: Expectation
    drawn: float
    strengths: float
    load: float

    @property
    def value(self) -> float:
        """What candidates are compared by: the greatest is next."""
        return self.drawn * self.strengths * self.load

    def numbers(self) -> dict[str, Scalar]:
        """For the log, to four places."""
        return {
            "rep": self.rep,
            "closed": self.results.closed,
            "converted": self.results.converted,
            "expected": round(self.results.mean, 4),
            "drawn": round(self.drawn, 4),
            "strengths": round(self.strengths, 4),
            "load": round(self.load, 4),
            "value": round(self.value, 4),
        }


def candidates(
    book: Rulebook,
    team: str,
    willing: Sequence[str],
    roster: Roster,
    lead: LeadFacts,
    activation: Activation | None,
    seed: str,
) -> list[Candidate]:
    """Everybody who could be given the lead, weighed. The same seed draws the same for a rep, whoever else is there."""
    rules = book.policy.best_match
    members = roster.teams.get(team, ())
    kind = kind_of(rules.kinds, lead)
    technical = activation is not None and book.is_technical(activation)
    fewest = min((roster.reps[handle].open_leads for handle in willing), default=0)
    weighed = []
    for handle in willing:
        rep = roster.reps[handle]
        results = roster.results.expected(members, kind, handle)
        lot = Random(f"{seed}:{handle}") if rules.explore else None
        drawn = lot.betavariate(results.alpha, results.beta) if lot is not None else results.mean
        caps = book.caps_of(team, handle)
        cap = caps.open_at_most if caps is not None else None
        weighed.append(
            Candidate(
                handle,
                results,
                drawn,
                1 + strength(book, rep, lead, technical),
                _left(rules.load, rep.open_leads, cap, fewest),
            )
        )
    return weighed


def _left(load: float, open_leads: int, cap: int | None, fewest: int) -> float:
    """What load leaves of an expectation, above 0 and up to 1, or 0 at a cap that is not kept; ``load`` 0..1 as in the policy."""
    if cap is not None:
        return 1 - load * min(1.0, open_leads / cap)
    return 1 / (1 + load * (open_leads - fewest) / HEAVY)


def strength(book: Rulebook, rep: RepFacts, lead: LeadFacts, technical: bool) -> float:
    """Which part the rep's declared strengths add to the expectation, 0 and up."""
    rules, added = book.policy.best_match.strengths, 0.0
    if lead.industry and lead.industry.casefold() in (industry.casefold() for industry in rep.industries):
        added += rules.industry
    if lead.language and _spoken(lead.language) in map(_spoken, rep.languages):
        added += rules.language
    if technical and rep.depth is not None:
        added += rules.depth * (rep.depth - 1) / 4
    return added


def explained(weighed: Sequence[Candidate], rule: str | None) -> Reason:
    """The numbers behind the choice: those of the first, who was chosen, and those of everybody who was weighed."""
    numbers = weighed[0].numbers()
    params: dict[str, Param] = {
        name: numbers[name] for name in ("rep", "expected", "drawn", "strengths", "load", "value")
    }
    return Reason("best_match", params | {"candidates": [candidate.numbers() for candidate in weighed]}, rule)


def _spoken(language: str) -> str:
    """A language without its country: who speaks ``es`` speaks ``es-MX``."""
    return language.partition("-")[0].lower()
