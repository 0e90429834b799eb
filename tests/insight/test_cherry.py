"""The cherry-picking index on cases whose answer is known."""

from __future__ import annotations

from random import Random
from statistics import mean, variance

import pytest

from dibs.insight.cherry import ENOUGH, LEVEL, Index, index, student


def of(claims: list[tuple[float, float]]) -> Index:
    """The index of claims, each with its ridit and the variance that chance would give it."""
    ridits = [ridit for ridit, _ in claims]
    spread = variance(ridits) if len(ridits) > 1 else None
    chance = mean(variance for _, variance in claims) if claims else None
    return index(len(claims), mean(ridits) if ridits else None, spread, chance)


def choosing(random: Random, claims: int, pick: str) -> list[tuple[float, float]]:
    """Claims of a rep who chooses from pools of different sizes and scores: at random, the best, or now and then the best."""
    made = []
    for _ in range(claims):
        offer = [random.choice((10, 25, 40, 40, 40, 60, 75, 90)) for _ in range(random.randint(2, 30))]
        ridits = [(sum(o < s for o in offer) + offer.count(s) / 2) / len(offer) for s in offer]
        if len(set(offer)) == 1:
            continue
        best = pick == "best" or (pick == "often the best" and random.random() < 0.5)
        chosen = max(ridits) if best else random.choice(ridits)
        made.append((chosen, sum((ridit - 0.5) ** 2 for ridit in ridits) / len(ridits)))
    return made


@pytest.mark.parametrize(
    ("freedom", "reach"), [(1, 63.657), (2, 9.925), (9, 3.250), (19, 2.861), (29, 2.756), (120, 2.617), (10**6, 2.576)]
)
def test_the_reach_is_that_of_the_printed_tables(freedom: int, reach: float) -> None:
    assert student(freedom) == pytest.approx(reach, abs=0.0006)


def test_a_known_case() -> None:
    # Mean 0.55, sample variance 0.0425, standard error 0.0652; t(9) at 99 % is 3.2498.
    ridits = [0.25, 0.45, 0.55, 0.65, 0.85] * 2
    found = index(10, 0.55, 0.0425, 0.01)
    assert mean(ridits) == pytest.approx(0.55)
    assert (found.low, found.high) == (pytest.approx(0.3381, abs=1e-4), pytest.approx(0.7619, abs=1e-4))
    assert found.verdict == "either_way"


def test_choosing_at_random_gives_a_half() -> None:
    found = of(choosing(Random(1), 5_000, "any"))
    assert found.mean == pytest.approx(0.5, abs=0.01)
    assert found.verdict == "either_way"


@pytest.mark.parametrize("claims", [12, 30, 100])
def test_the_interval_covers_the_half_as_often_as_it_says(claims: int) -> None:
    random, reps = Random(f"coverage {claims}"), 800
    flagged = [of(choosing(random, claims, "any")).verdict for _ in range(reps)]
    missed = sum(verdict != "either_way" for verdict in flagged if verdict != "too_few") / reps
    # By chance alone 1 % of them, give or take three standard errors of so many reps.
    assert missed <= 1 - LEVEL + 3 * (LEVEL * (1 - LEVEL) / reps) ** 0.5


def test_who_always_takes_the_best_is_told_from_ten_claims_on_and_not_before() -> None:
    always = [(0.97, 1 / 12)] * 50
    assert [of(always[:n]).verdict for n in range(ENOUGH)] == ["too_few"] * ENOUGH
    assert all(of(always[:n]).verdict == "picks_high" for n in range(ENOUGH, 51))


def test_who_always_takes_the_worst_is_told_too() -> None:
    assert of([(0.05, 1 / 12)] * 20).verdict == "picks_low"


def test_two_claims_accuse_nobody() -> None:
    found = of([(1.0, 1 / 12), (1.0, 1 / 12)])
    assert found.verdict == "too_few"
    assert found.low == 0
    assert found.high == 1


def test_who_picks_half_of_the_time_is_found_with_enough_claims() -> None:
    verdicts = [of(choosing(Random(seed), 120, "often the best")).verdict for seed in range(40)]
    assert verdicts == ["picks_high"] * 40


def test_claims_without_spread_of_their_own_are_as_uncertain_as_chance() -> None:
    found = index(25, 0.6, 0.0, 1 / 12)
    assert found.low == pytest.approx(0.6 - student(24) * (1 / 12 / 25) ** 0.5)
    assert found.verdict == "either_way"


def test_without_claims_or_choice_nothing_is_said() -> None:
    assert of([]) == Index(0)
    assert index(3, 0.5, 0.0, 0.0) == Index(3, 0.5)
    assert index(1, 0.9, None, 1 / 12).verdict == "too_few"
