"""A face for each rep, drawn from a seed: a small SVG document, friendly and unlike the next one.

Coordinates are in a square of 80 units with a round ground of radius 40. Only presentation attributes are used, no styles,
no ids, no links: the drawing passes the strictest content security policy, and many of them fit on one page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

Hair = Literal["short", "side", "curly", "afro", "bob", "long", "wavy", "bun", "ponytail", "bald", "crew", "scarf"]
Beard = Literal["none", "stubble", "full", "moustache"]

HAIRS: tuple[Hair, ...] = (
    "short", "side", "curly", "afro", "bob", "long", "wavy", "bun", "ponytail", "bald", "crew", "scarf",
)  # fmt: skip

_GROUNDS = ("#f6d9c6", "#d8e6d3", "#cfe3ea", "#e6d8ec", "#f5e3ad", "#d5dcf0", "#f3cfd3", "#cdeae1", "#e9e0cf")
_CLOTHES = ("#0a665f", "#2f4b7c", "#8a3b5c", "#b4532a", "#4a5d23", "#5b4a8a", "#30424f", "#a23b3b", "#c08a1e")
#: Skin, and the same in shade.
_SKINS = (
    ("#f9dcc6", "#eebfa2"), ("#f3cba9", "#e0a983"), ("#e6b48a", "#cc9165"),
    ("#c98f63", "#ab7248"), ("#9d6a45", "#7f5133"), ("#6f4a33", "#543625"),
)  # fmt: skip
_HAIR_COLOURS = ("#1f1a17", "#2e2320", "#4a3426", "#6b4a2f", "#93643a", "#c79a55", "#8d8d8f", "#a2492a")
_SCARVES = ("#b23a5a", "#2f7f79", "#5a4fa0", "#c97b2a", "#3f6ea3", "#6d7f3f")
_INK = "#2b2320"


@dataclass(frozen=True, slots=True)
class Features:
    """What a face is made of. ``skin`` and ``hair_colour`` are places in the palettes above, light to dark and dark to light."""

    hair: Hair
    skin: int
    hair_colour: int
    beard: Beard = "none"
    glasses: bool = False
    earrings: bool = False
    ground: int = 0
    clothes: int = 0
    smile: int = 0
    brows: int = 0


def draw_features(seed: str) -> Features:
    """Features drawn from ``seed``: the same seed, the same face."""
    random = Random(f"face:{seed}")
    hair = random.choice(HAIRS)
    bearded = hair in ("short", "side", "crew", "bald", "curly", "afro") and random.random() < 0.45
    skin = random.randrange(len(_SKINS))
    # Hair of the colour of the skin would not be seen: from the fourth skin on only the darkest, or grey.
    colours = (8, 6, 5, 4, 3, 2, 2, 1) if skin < 3 else (8, 6, 2, 0, 0, 0, 2, 0)
    return Features(
        hair=hair,
        skin=skin,
        hair_colour=random.choices(range(len(_HAIR_COLOURS)), colours)[0],
        beard=random.choice(("stubble", "full", "moustache")) if bearded else "none",
        glasses=random.random() < 0.3,
        earrings=not bearded and hair not in ("scarf", "crew") and random.random() < 0.35,
        ground=random.randrange(len(_GROUNDS)),
        clothes=random.randrange(len(_CLOTHES)),
        smile=random.randrange(3),
        brows=random.randrange(3),
    )


def face(seed: str, features: Features | None = None) -> str:
    """An SVG document of about two kilobytes; ``features`` instead of those drawn from ``seed``, if given."""
    drawn = features or draw_features(seed)
    skin, shade = _SKINS[drawn.skin]
    hair = _HAIR_COLOURS[drawn.hair_colour] if drawn.hair != "scarf" else _SCARVES[drawn.clothes % len(_SCARVES)]
    behind, above = _HAIR[drawn.hair]
    parts = [
        f'<circle cx="40" cy="40" r="40" fill="{_GROUNDS[drawn.ground]}"/>',
        behind(hair),
        _body(_CLOTHES[drawn.clothes], skin, shade, drawn),
        _ears(skin, shade) if drawn.hair != "scarf" else "",
        f'<path d="M25 34C25 22 31 17.5 40 17.5S55 22 55 34v6C55 50 48 57 40 57S25 50 25 40Z" fill="{skin}"/>',
        _beard(drawn.beard, hair),
        _features(drawn, shade, hair),
        above(hair),
        _glasses() if drawn.glasses else "",
        _earrings() if drawn.earrings else "",
    ]
    return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 80">' + "".join(parts) + "</svg>"


def _body(cloth: str, skin: str, shade: str, drawn: Features) -> str:
    """Shoulders, cut off by the round ground, and the neck with the shadow of the chin."""
    shoulders = f'<path d="M12.5 69C15 62 24 59 33 58h14c9 1 18 4 20.5 11A40 40 0 0 1 12.5 69Z" fill="{cloth}"/>'
    neck = f'<path d="M33.5 50h13v9.5a6.5 6.5 0 0 1-13 0Z" fill="{skin}"/>'
    shadow = f'<path d="M33.5 54.5a14.5 14.5 0 0 0 13 0v2.5a13 13 0 0 1-13 0Z" fill="{shade}"/>'
    collar = '<path d="M33 58l7 8 7-8 3.5 .6L43 70l-3-3-3 3-7.5-11.400Z" fill="#fff" opacity=".85"/>'
    return shoulders + neck + shadow + (collar if drawn.clothes % 2 else "")


def _ears(skin: str, shade: str) -> str:
    return (
        f'<circle cx="24.5" cy="38.5" r="4" fill="{skin}"/><circle cx="55.5" cy="38.5" r="4" fill="{skin}"/>'
        f'<path d="M23 38.5a1.8 1.8 0 0 1 2.5-1.5M57 38.5a1.8 1.8 0 0 0-2.5-1.5" fill="none" stroke="{shade}" '
        'stroke-width="1" stroke-linecap="round"/>'
    )


def _features(drawn: Features, shade: str, hair: str) -> str:
    brow = _INK if drawn.hair in ("scarf", "bald") else hair
    brows = (
        "M29.5 32.5q3.5-2.2 6.5-.6M50.5 32.5q-3.5-2.2-6.5-.6",
        "M29.5 32q3.5-1.2 6.5 0M50.5 32q-3.5-1.2-6.5 0",
        "M29.5 33q2.5-3 6.5-1.800M50.5 33q-2.5-3-6.5-1.8",
    )[drawn.brows]
    mouth = (
        f'<path d="M34 47.5q6 5.5 12 0" fill="none" stroke="{_INK}" stroke-width="1.7" stroke-linecap="round"/>',
        '<path d="M33.5 46.5h13a6.5 5.6 0 0 1-13 0Z" fill="#7d2b2b"/>'
        '<path d="M34.5 46.5h11a6 2.6 0 0 1-11 0Z" fill="#fff"/>',
        f'<path d="M34.5 47q6.5 5.5 11.5-.8" fill="none" stroke="{_INK}" stroke-width="1.7" stroke-linecap="round"/>',
    )[drawn.smile]
    cheeks = (
        '<g fill="#d9534f" opacity=".16"><circle cx="30" cy="43.5" r="3.2"/><circle cx="50" cy="43.5" r="3.2"/></g>'
    )
    return (
        f'<path d="{brows}" fill="none" stroke="{brow}" stroke-width="1.7" stroke-linecap="round"/>'
        f'<g fill="{_INK}"><ellipse cx="33" cy="37.5" rx="1.9" ry="2.3"/><ellipse cx="47" cy="37.5" rx="1.9" ry="2.3"/></g>'
        '<g fill="#fff"><circle cx="33.7" cy="36.7" r=".7"/><circle cx="47.7" cy="36.7" r=".7"/></g>'
        f'<path d="M40 38.5q-2.6 4.2 .8 4.4" fill="none" stroke="{shade}" stroke-width="1.6" stroke-linecap="round"/>'
        + cheeks
        + mouth
    )


def _beard(beard: Beard, hair: str) -> str:
    if beard == "full":
        return (
            f'<path d="M25 38C26.5 43 29 44.5 33 44q7-2.5 14 0c4 .5 6.5-1 8-6v2.5C55 51 48 58.5 40 58.5S25 51 25 40.5Z" '
            f'fill="{hair}"/><ellipse cx="40" cy="48.5" rx="7" ry="3.6" fill="#c98a78"/>'
        )
    if beard == "stubble":
        return (
            f'<path d="M25.3 41C28 46 33 45 40 44.5s12 1.5 14.7-3.5C54 51 48 57 40 57S26 51 25.3 41Z" fill="{hair}" '
            'opacity=".22"/>'
        )
    if beard == "moustache":
        return f'<path d="M32.5 46q3.5-3.8 7.5-1.6 4-2.2 7.5 1.6-3.7 1-7.5-.2-3.8 1.2-7.5 .2Z" fill="{hair}"/>'
    return ""


def _glasses() -> str:
    return (
        f'<g fill="#fff" fill-opacity=".22" stroke="{_INK}" stroke-width="1.4"><rect x="27" y="33" width="11.5" height="9.5" '
        'rx="4.2"/><rect x="41.5" y="33" width="11.5" height="9.5" rx="4.2"/><path d="M38.5 36.5q1.5-1.2 3 0" fill="none"/></g>'
    )


def _earrings() -> str:
    return '<g fill="#d9a520"><circle cx="24.3" cy="44" r="1.5"/><circle cx="55.7" cy="44" r="1.5"/></g>'


def _nothing(_hair: str) -> str:
    return ""


def _path(*shapes: str) -> Callable[[str], str]:
    def drawing(hair: str) -> str:
        return f'<path d="{"".join(shapes)}" fill="{hair}"/>'

    return drawing


_CAP = "M24 35C22 20 30 12.5 40 12.5S58 20 56 35"
#: hair -> what is drawn behind the body, what above the face.
_HAIR: dict[Hair, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "short": (_nothing, _path(_CAP, "C54.5 29 53 26.5 51 24.5 44 27.5 34 27 29.5 24 27 26.5 25.5 29 24 35Z")),
    "side": (_nothing, _path(_CAP, "C54 31 53 28 52 25 44 26 36 23.5 33 20 32 25 27 27 24 35Z")),
    "crew": (
        _nothing,
        _path(
            "M25 31C24 19 31 14 40 14S56 19 55 31C53.5 26 52 23.5 50 22 43 20.5 37 20.5 30 22 28 23.5 26.5 26 25 31Z"
        ),
    ),
    "curly": (
        _nothing,
        _path(
            "M23.5 34a5 5 0 0 1-.5-8 6 6 0 0 1 5-9 7 7 0 0 1 11-4.5 7 7 0 0 1 10.5 2.5A6 6 0 0 1 57 24a5 5 0 0 1-.5 10",
            "C55.5 29 54 26.5 51.5 25a4.5 4.5 0 0 1-6-.5 5 5 0 0 1-7 0 5 5 0 0 1-6.5 .8C27 26.5 25 29 23.5 34Z",
        ),
    ),
    "afro": (
        lambda hair: f'<circle cx="40" cy="29" r="21.5" fill="{hair}"/>',
        _path("M24.5 36C22 20 30 14 40 14s18 6 15.5 22C54 29 50 26 40 26S26 29 24.5 36Z"),
    ),
    "bob": (
        _path("M21 50C18 22 28 11.5 40 11.5S62 22 59 50c-4 4-8 2-10 0H31c-2 2-6 4-10 0Z"),
        _path(_CAP, "l-1.5 4C53.5 31 52.5 28 51 26H29.5c-2 2-3 5-4 13Z"),
    ),
    "long": (
        _path("M20 64C17 48 17 12 40 11.5 63 12 63 48 60 64c-5 3-10 2-12-1H32c-2 3-7 4-12 1Z"),
        _path(_CAP, "l-.8 6C54.5 32 51 26 41 20 34 26.5 26 29 24.8 41Z"),
    ),
    "wavy": (
        _path(
            "M20.5 60c-3-4 .5-7-1-11s1-7 0-12C19 20 28 11 40 11s21 9 20.5 26c-1 5 1.5 8 0 12s2 7-1 11c-4 3-9 2-11-1h-17c-2 3-7 4-11 1Z"
        ),
        _path(_CAP, "l-.5 5C54 32 49 29 46 21 40 27 28 27.5 24.5 40Z"),
    ),
    "bun": (
        lambda hair: f'<circle cx="40" cy="11.5" r="7" fill="{hair}"/>',
        _path(_CAP, "C54.5 28 49 22.5 40 22.5S25.5 28 24 35Z"),
    ),
    "ponytail": (
        _path("M50 16c13-1 17 9 13.5 20-1 5 1 9-1.5 13-5-2-6-8-5.5-14Z"),
        _path(_CAP, "C54.5 29 52 25 47 22 40 27 29 25.5 24 35Z"),
    ),
    "bald": (_nothing, _nothing),
    "scarf": (
        _path("M19 66C20 56 21 50 21 38 21 20 29 11 40 11s19 9 19 27c0 12 1 18 2 28A40 40 0 0 1 19 66Z"),
        lambda hair: (
            f'<path fill-rule="evenodd" d="M21 39C21 19 29 11 40 11s19 8 19 28c0 14-7 22-19 27-12-5-19-13-19-27Z'
            f'M27 38c0 9 5 17.5 13 17.5S53 47 53 38 48.5 22.5 40 22.5 27 28 27 38Z" fill="{hair}"/>'
            '<path d="M22.5 45c3 9 9 14.5 17.5 18.5 8.5-4 14.5-9.5 17.5-18.5" fill="none" stroke="#000" '
            'stroke-opacity=".14" stroke-width="1.4"/>'
        ),
    ),
}
