"""Writes the reference of reason codes from the engine's list and their texts: ``python docs/write_reasons_reference.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dibs.delivery import texts, words
from dibs.engine import reasons

PAGE = Path(__file__).parent / "reference" / "reasons.md"

#: The groups in the order they are read, each with its heading and what it is about.
GROUPS = (
    ("Why a lead was placed where it was", reasons.PLACING, "Logged with every placement, in this order where several apply."),
    ("What a rep was granted, or refused", reasons.CLAIMING, "The first reason of a refusal is its code, in API, command line and page alike."),
    ("Why an act was refused", reasons.ACTING, "A lead is not in the state for it, or somebody else was at it."),
    ("What would make a refusal a yes", reasons.REMEDIES, "Every refusal carries one of these as its remedy."),
    ("What time did", reasons.TIME, "Written by the worker's tick."),
    ("What became of a rep's standing", reasons.STANDING, "Written to the rep's own story, and to the rep; credits also to the report."),
    ("What a policy will change", reasons.ANNOUNCING, "Told to the reps before a policy that was announced takes effect."),
    ("What people and programs did", reasons.ACTS, "Written when somebody acts on a lead."),
    ("What was written down of a lead", reasons.WORK, "Told with a lead's story, and to the rep for whom it is time."),
    ("What became of an opportunity", reasons.DEALS, "Written to the story of the lead that was converted to it."),
    ("What became of many leads at once", reasons.MOVING, "Written when leads are moved in bulk, and told to the reps whom it concerns."),
    ("What became of a rep's availability", reasons.AVAILABILITY, "Told to the rep whom it is about."),
)  # fmt: skip

_HEAD = """# Reasons

Whatever Dibs decides, it says why, as reasons: a code that never changes, its parameters, and the policy rule it came from. Codes
are for programs. People read the text, in their own language (English, Japanese, Spanish, Indonesian); below is the English one.

Moments are ISO 8601 in UTC, spans whole seconds, scores points from 1 to 100; reps are named by handle.

This page is made from the code.
"""


def render() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_sections(), *_words()])


def text_of(code: str) -> str:
    """The English text of a code."""
    if code in texts.COUNTED:
        return str(texts.COUNTED[code][1] % 2)  # type: ignore[operator]
    if code == "chosen":
        return texts.CHOSEN["round_robin"]
    if code == "claim_more":
        return str(texts.CLAIM_MORE["day", "notify"] % 2)  # type: ignore[operator]
    return texts.TEXTS[code]


def _sections() -> Iterator[str]:
    for heading, codes, about in GROUPS:
        yield f"## {heading}\n\n{about}\n\n| code | text | parameters |\n|---|---|---|"
        for code, parameters in codes.items():
            named = ", ".join(f"`{name}`" for name in parameters)
            yield f"| `{code}` | {text_of(code)} | {named} |"
        yield ""


def _words() -> Iterator[str]:
    yield "## Values with a meaning of their own\n"
    for title, meanings in (
        ("`because`: why a rep was passed over", words.WORDS["because"]),
        ("`by` of `chosen`: the way of choosing", texts.CHOSEN),
        ("`kind` of `contacted`", words.WORDS["kind"]),
        ("`why` of `retired`", words.WORDS["why"]),
    ):
        yield f"### {title}\n\n| value | text |\n|---|---|"
        yield from (f"| `{value}` | {text} |" for value, text in meanings.items())
        yield ""


if __name__ == "__main__":
    import django

    django.setup()
    PAGE.write_text(render().rstrip() + "\n", encoding="utf-8")
