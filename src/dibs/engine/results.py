"""What past results say of a rep and a kind of lead: expected conversion, shrunk towards what is known of more leads.

Two reps who converted 2 of 3 and 50 of 100 are not to be compared by 67% and 50%: three leads say little. So a rep's results
are read as draws from a beta-binomial distribution around the team's mean for leads of this kind, which in turn is drawn
around the team's mean over all kinds (empirical Bayes; G. Casella: *An Introduction to Empirical Bayes Data Analysis*, The
American Statistician 39, 1985). With a prior of mean ``m`` worth ``s`` leads, who converted ``c`` of ``n`` is expected to convert

    (m * s + c) / (s + n)

of the next ones. How much the prior is worth, ``s``, is estimated from the results themselves by their moments, as by
J. C. Kleinman: *Proportions with Extraneous Variance: Single and Independent Samples*, Journal of the American Statistical
Association 68, 1973: where those who are compared differ by no more than chance would make them, it is worth much and all come
out alike; where they differ by more, it is worth little and each is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dibs.engine.facts import LeadFacts

#: Of leads that ended, how many there were, and how many of these became business.
Count = tuple[int, int]

#: What a prior is worth in leads: at least, at most, and where there is nothing to estimate it from.
LEAST, MOST, USUAL = 4.0, 400.0, 20.0

#: What is taken for known of a team before it has ended any lead: as if one of ten had become business.
BEFORE: Count = (10, 1)

#: How long the name of a kind may get, in characters.
_LONGEST = 400
_BETWEEN = " / "


@dataclass(frozen=True, slots=True)
class Prior:
    """What is expected of a lead before it is known whose it is: ``mean`` 0..1, worth as much as so many leads."""

    mean: float
    worth: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """A rep's chance of converting a lead of one kind: a beta distribution with these parameters, both above 0.

    ``closed`` and ``converted`` are the results of theirs that went into it.
    """

    alpha: float
    beta: float
    closed: int
    converted: int

    @property
    def mean(self) -> float:
        """The expected conversion, 0..1."""
        return self.alpha / (self.alpha + self.beta)


@dataclass(frozen=True, slots=True)
class Results:
    """How reps' leads ended lately: ``counts[kind][handle]``. A value; what is worked out of it is kept with it."""

    counts: Mapping[str, Mapping[str, Count]] = field(default_factory=dict)
    _priors: dict[tuple[tuple[str, ...], str], Prior] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def expected(self, members: tuple[str, ...], kind: str, rep: str) -> Expectation:
        """What to expect of a rep of the team with these members and a lead of this kind."""
        prior = self._prior(members, kind)
        closed, converted = self.counts.get(kind, {}).get(rep, (0, 0))
        return Expectation(
            prior.mean * prior.worth + converted,
            (1 - prior.mean) * prior.worth + closed - converted,
            closed,
            converted,
        )

    def _prior(self, members: tuple[str, ...], kind: str) -> Prior:
        """What is known of the whole team and leads of this kind, and how alike its reps are there."""
        known = self._priors.get((members, kind))
        if known is None:
            known = self._priors[members, kind] = self._estimated(members, kind)
        return known

    def _estimated(self, members: tuple[str, ...], kind: str) -> Prior:
        of_kinds = {name: _sum(_of(reps, members)) for name, reps in self.counts.items()}
        closed, converted = _sum([*of_kinds.values(), BEFORE])
        overall = converted / closed
        between_kinds = worth(list(of_kinds.values()), overall)
        closed, converted = of_kinds.get(kind, (0, 0))
        mean = (overall * between_kinds + converted) / (between_kinds + closed)
        return Prior(mean, worth(_of(self.counts.get(kind, {}), members), mean))


#: Before anything has been counted.
NOTHING_KNOWN = Results()


def kind_of(kinds: Sequence[str], lead: LeadFacts) -> str:
    """Which kind of lead this is, by the facts that the policy's ``best_match.kinds`` names."""
    return kind_named(getattr(lead, name) for name in kinds)


def kind_named(values: Iterable[str | None]) -> str:
    """What a kind is called by the values of its facts; what is not known is a kind of its own. Letters count alike, great or small."""
    return _BETWEEN.join((value or "").strip().lower() for value in values)[:_LONGEST]


def worth(counts: Iterable[Count], mean: float) -> float:
    """How many leads the common ``mean`` (0..1) of these proportions is worth as a prior for each, `LEAST`..`MOST`.

    Kleinman's moments with weights ``n``: the weighted square deviations are compared with what chance alone would make them. A
    difference beyond that is the correlation ``1 / (worth + 1)`` of two leads of the same one.
    """
    seen = [(n, c) for n, c in counts if n]
    total, spread = sum(n for n, _ in seen), mean * (1 - mean)
    if len(seen) < 2 or spread <= 0:
        return USUAL
    pooled = sum(c for _, c in seen) / total
    deviations = sum(n * (c / n - pooled) ** 2 for n, c in seen) / spread
    by_chance = len(seen) - 1
    beyond = total - sum(n * n for n, _ in seen) / total - by_chance
    if beyond <= 0:
        return USUAL  # one lead each says nothing of how alike they are
    correlation = (deviations - by_chance) / beyond
    if correlation <= 1 / (MOST + 1):
        return MOST
    return max(LEAST, min(MOST, 1 / min(correlation, 1.0) - 1))


def _of(reps: Mapping[str, Count], members: tuple[str, ...]) -> list[Count]:
    return [reps[handle] for handle in members if handle in reps]


def _sum(counts: Iterable[Count]) -> Count:
    closed = converted = 0
    for n, c in counts:
        closed, converted = closed + n, converted + c
    return closed, converted
