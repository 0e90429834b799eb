"""Reps who do not exist: names, faces, working hours and languages of the country they sit in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from dibs.simulation.companies import ascii_of
from dibs.simulation.countries import COUNTRIES, latin
from dibs.simulation.faces import face


@dataclass(frozen=True, slots=True)
class Manner:
    """How a simulated rep works.

    ``claims_an_hour`` while at work; ``minutes_to_contact`` the median time from having a lead to the first contact;
    ``contacts`` the chance (0..1) that a lead held is contacted before its lock runs out, ``wins`` that a contacted one is
    converted; ``picky`` (0..1) how strongly the rep goes for the highest scores instead of the lead that waits longest; ``fair``
    (0..1) how often the rep takes a low score unasked.
    """

    claims_an_hour: float = 8.0
    minutes_to_contact: float = 4.0
    contacts: float = 0.93
    wins: float = 0.18
    picky: float = 0.5
    fair: float = 0.0


@dataclass(frozen=True, slots=True)
class SyntheticRep:
    """A salesperson. ``hours`` maps ISO weekday (1 Monday .. 7 Sunday) to (start, end) in minutes since local midnight.

    ``industries`` are those the rep knows best; ``seniority`` and technical ``depth`` are 1..5.
    """

    handle: str
    name: str
    country: str
    timezone: str
    languages: tuple[str, ...]
    hours: Mapping[int, tuple[int, int]]
    face: str
    manner: Manner = field(default_factory=Manner)
    industries: tuple[str, ...] = ()
    seniority: int | None = None
    depth: int | None = None


def weekdays(start: int, end: int, days: tuple[int, ...] = (1, 2, 3, 4, 5)) -> dict[int, tuple[int, int]]:
    """The same hours on each of ``days``; minutes since local midnight."""
    return dict.fromkeys(days, (start, end))


def synthetic_reps(
    n: int, seed: str, countries: tuple[str, ...] = ("JP", "MX", "ES", "ID", "CO", "BR", "DE")
) -> list[SyntheticRep]:
    """``n`` reps, taking the countries in turn; handles are given names, with a number where two share one."""
    random = Random(f"reps:{seed}")
    taken: set[str] = set()
    reps = []
    for index in range(n):
        country = COUNTRIES[countries[index % len(countries)]]
        given, family = latin(random.choice(country.given)), latin(random.choice(country.family))
        handle, again = ascii_of(given), 1
        while handle in taken:
            again += 1
            handle = f"{ascii_of(given)}-{again}"
        taken.add(handle)
        reps.append(
            SyntheticRep(
                handle=handle,
                name=f"{given} {family}",
                country=country.code,
                timezone=country.timezone,
                languages=(country.language,) if country.language == "en" else (country.language, "en"),
                hours=weekdays(*country.hours),
                face=face(f"{seed}:{handle}"),
                manner=Manner(
                    claims_an_hour=random.uniform(5, 12),
                    minutes_to_contact=random.uniform(2, 8),
                    contacts=random.uniform(0.82, 0.98),
                    wins=random.uniform(0.08, 0.28),
                    picky=random.random(),
                ),
            )
        )
    return reps
