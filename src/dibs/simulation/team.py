"""The people of the sample workspace: three teams in seven countries, so that somebody is at work at every hour.

Team slugs are those that ``policies/sample.yaml`` speaks of: closers take the hot leads pushed to them, Tokyo
has the Japanese ones, field works the pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dibs.simulation.countries import COUNTRIES
from dibs.simulation.faces import Beard, Hair, draw_features, face
from dibs.simulation.people import Manner, SyntheticRep, weekdays

_MON_FRI = (1, 2, 3, 4, 5)
_TUE_SAT = (2, 3, 4, 5, 6)
_WED_SUN = (3, 4, 5, 6, 7)
_SUN_THU = (7, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class SampleLogin:
    """Somebody who logs in without being a rep. ``manages`` names teams."""

    handle: str
    name: str
    role: str
    language: str
    manages: tuple[str, ...] = ()


#: slug -> name as it is shown.
TEAMS: Mapping[str, str] = {"closers": "Closers", "tokyo": "Tokyo", "field": "Field"}

LOGINS: tuple[SampleLogin, ...] = (
    SampleLogin("marta", "Marta Ruiz", "manager", "es", ("closers", "field")),
    SampleLogin("hiroshi", "Hiroshi Sato", "manager", "ja", ("tokyo",)),
    SampleLogin("nora", "Nora Lindner", "ops", "en"),
)


#: handle -> industries known best, seniority and technical depth, 1..5. Whoever is not here knows none, and is in the middle.
_STRENGTHS: Mapping[str, tuple[tuple[str, ...], int, int]] = {
    "aiko": (("retail", "healthcare"), 4, 4),
    "budi": (("logistics",), 3, 2),
    "carmen": (("hospitality", "education"), 4, 2),
    "lena": (("manufacturing", "energy"), 5, 5),
    "rafael": (("construction",), 3, 3),
    "valentina": (("finance", "consulting"), 5, 3),
    "tomas": (("agriculture",), 2, 2),
    "kenji": (("retail",), 4, 3),
    "misaki": (("finance",), 4, 2),
    "beatriz": (("hospitality",), 4, 2),
    "mariana": (("retail",), 4, 2),
    "daisuke": ((), 1, 1),
    "putri": ((), 1, 1),
    "ines": ((), 1, 1),
}


def _rep(
    handle: str,
    name: str,
    country: str,
    days: tuple[int, ...],
    hair: Hair,
    skin: int,
    hair_colour: int,
    manner: Manner,
    *,
    beard: Beard = "none",
    glasses: bool = False,
    early: bool = False,
) -> SyntheticRep:
    """A rep with a face chosen to go with the name; ``early`` starts two hours before the country's usual time and ends one before."""
    home = COUNTRIES[country]
    start, end = home.hours
    if early:
        start, end = start - 120, end - 60
    features = replace(
        draw_features(handle),
        hair=hair,
        skin=skin,
        hair_colour=hair_colour,
        beard=beard,
        glasses=glasses,
        earrings=hair in ("bob", "bun", "wavy", "ponytail") and handle[0] in "cbmp",
    )
    knows, seniority, depth = _STRENGTHS.get(handle, ((), 3, 2))
    return SyntheticRep(
        handle=handle,
        name=name,
        country=country,
        timezone=home.timezone,
        languages=(home.language, "en"),
        hours=weekdays(start, end, days),
        face=face(handle, features),
        manner=manner,
        industries=knows,
        seniority=seniority,
        depth=depth,
    )


_STEADY = Manner(claims_an_hour=5, minutes_to_contact=3.5, contacts=0.95, wins=0.2, picky=0.15)
_QUICK = Manner(claims_an_hour=7, minutes_to_contact=2, contacts=0.98, wins=0.24, picky=0.25)
_FAIR = Manner(claims_an_hour=7, minutes_to_contact=2, contacts=0.98, wins=0.24, picky=0.0, fair=0.3)
_NEW = Manner(claims_an_hour=3.5, minutes_to_contact=7, contacts=0.84, wins=0.09, picky=0.15)
_PICKY = Manner(claims_an_hour=12, minutes_to_contact=4, contacts=0.9, wins=0.22, picky=0.95)

#: team slug -> its reps. Aiko, whom the tutorial begins with, is in two teams and never owes the mix anything.
_AIKO = _rep("aiko", "Aiko Tanaka", "JP", _SUN_THU, "bob", 1, 0, _FAIR, early=True)
REPS: Mapping[str, tuple[SyntheticRep, ...]] = {
    "closers": (
        _AIKO,
        _rep("budi", "Budi Santoso", "ID", _TUE_SAT, "short", 3, 0, _STEADY, glasses=True, early=True),
        _rep("carmen", "Carmen Vega", "ES", _SUN_THU, "wavy", 1, 2, _STEADY),
        _rep("lena", "Lena Brandt", "DE", _TUE_SAT, "ponytail", 0, 5, _QUICK),
        _rep("rafael", "Rafael Moreira", "BR", _WED_SUN, "curly", 4, 0, _STEADY, beard="full"),
        _rep("valentina", "Valentina Quintero", "CO", _SUN_THU, "long", 2, 1, _QUICK),
        _rep("tomas", "Tomás Herrera", "MX", _WED_SUN, "side", 2, 1, _STEADY, beard="moustache"),
    ),
    "tokyo": (
        _AIKO,
        _rep("kenji", "Kenji Mori", "JP", _WED_SUN, "crew", 1, 0, _PICKY),
        _rep("yumi", "Yumi Kobayashi", "JP", _MON_FRI, "long", 0, 0, _STEADY, glasses=True),
        _rep("daisuke", "Daisuke Ito", "JP", _MON_FRI, "short", 1, 1, _NEW, beard="stubble"),
        _rep("misaki", "Misaki Shimizu", "JP", _TUE_SAT, "bun", 0, 1, _QUICK),
    ),
    "field": (
        _rep("siti", "Siti Rahma", "ID", _MON_FRI, "scarf", 2, 0, _STEADY, early=True),
        _rep("putri", "Putri Maharani", "ID", _WED_SUN, "wavy", 2, 0, _NEW, early=True),
        _rep("diego", "Diego Salinas", "MX", _TUE_SAT, "side", 2, 1, _PICKY),
        _rep("mariana", "Mariana Ortega", "MX", _SUN_THU, "bob", 2, 2, _QUICK),
        _rep("andres", "Andrés Lozano", "CO", _WED_SUN, "curly", 3, 1, _STEADY, glasses=True),
        _rep("beatriz", "Beatriz Almeida", "BR", _SUN_THU, "afro", 5, 0, _QUICK),
        _rep("caio", "Caio Nascimento", "BR", _TUE_SAT, "bald", 4, 0, _STEADY, beard="stubble"),
        _rep("javier", "Javier Navarro", "ES", _TUE_SAT, "short", 1, 6, _STEADY, glasses=True),
        _rep("ines", "Inés Castillo", "ES", _SUN_THU, "long", 0, 7, _NEW),
        _rep("jonas", "Jonas Keller", "DE", _MON_FRI, "crew", 0, 5, _STEADY, beard="full"),
    ),
}


def sample_reps() -> dict[str, SyntheticRep]:
    """Every rep of the sample once, by handle."""
    return {rep.handle: rep for reps in REPS.values() for rep in reps}


def teams_of(handle: str) -> tuple[str, ...]:
    """The slugs of the teams a rep is in."""
    return tuple(slug for slug, reps in REPS.items() if any(rep.handle == handle for rep in reps))
