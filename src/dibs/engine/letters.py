"""Mails to leads: a letter of the policy with a lead's own words put in its places.

A place is ``{name}``, or ``{name|otherwise}`` with what stands there where the fact is not known; ``{{`` and ``}}`` are braces. Nothing
else is: no conditions, no other facts, so that what a policy sends can be read off the policy. What a lead brings in is text and stays
text: no line of a header can be begun by it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dibs.engine.facts import LeadFacts
from dibs.engine.policy_nurture import Letter, Nurture
from dibs.engine.policy_terms import Language

#: What a letter can name. ``unsubscribe`` is an address, and for the text alone.
PLACES: tuple[str, ...] = ("name", "first_name", "company", "product", "sender", "unsubscribe")

#: A mail's subject ends here, in characters: what came from a lead can be long.
LONGEST_SUBJECT = 200
#: No fact of a lead takes more of a letter than this, in characters.
_LONGEST_FACT = 120

#: What of a line is a space, and what is nothing, by Unicode's categories.
_APART = {"Cc": " ", "Zl": " ", "Zp": " ", "Cs": "", "Cf": "", "Co": "", "Cn": ""}

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_PLACE = re.compile(r"([a-z_]+)(?:\|([^{}|\r\n]*))?")

#: What stands before the address to unsubscribe at, where the letter has no place for it.
_UNSUBSCRIBE: Mapping[Language, str] = {
    "en": "You no longer want these mails? Unsubscribe here:",
    "ja": "今後このようなメールが不要な場合は、こちらから配信を停止できます:",
    "es": "¿Ya no quiere recibir estos correos? Dese de baja aquí:",
    "id": "Tidak ingin menerima email ini lagi? Berhenti berlangganan di sini:",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A mail as its person gets it. ``subject`` is one line; ``text`` has line ends as ``\\n``."""

    language: Language
    subject: str
    text: str


def wrong_places(text: str, *, subject: bool = False) -> Iterator[tuple[str, int]]:
    """What is wrong with the places of a letter's text or ``subject``: each as a message, and the character it is at."""
    for found in _PIECE.finditer(text):
        piece = found[0]
        if piece in {"{{", "}}"}:
            continue
        if found[1] is None:
            yield f"a single {piece} is no place; write {piece * 2} for a brace", found.start()
            continue
        place = _PLACE.fullmatch(found[1])
        if place is None or place[1] not in PLACES:
            known = ", ".join(f"{{{name}}}" for name in PLACES)
            yield f"there is no place {piece}; there are {known}", found.start()
        elif subject and place[1] == "unsubscribe":
            yield "the address to unsubscribe at stands in the text, not in the subject", found.start()
        elif place[1] == "unsubscribe" and place[2] is not None:
            yield "the address to unsubscribe at is always known: write {unsubscribe}", found.start()


def language_for(nurture: Nurture, mail: str, lead: LeadFacts) -> Language:
    """In which of its languages a mail goes to a lead: the lead's own, else the policy's, else the first there is."""
    letters = nurture.mails[mail]
    own = (lead.language or "").replace("_", "-").partition("-")[0].lower()
    for language in (own, nurture.language, "en"):
        if language in letters:
            return language
    return min(letters)


def written(
    nurture: Nurture, mail: str, language: Language, lead: LeadFacts, *, sender: str, unsubscribe: str
) -> Written:
    """The mail as it is sent to this lead. ``sender`` is the name it is from, ``unsubscribe`` an address of the web; where the letter
    has no place for that, it stands under the text."""
    letter = nurture.mails[mail][language]
    facts = {
        "name": lead.name,
        "first_name": first_name(lead.name),
        "company": lead.company,
        "product": lead.product,
        "sender": sender,
    }
    known = {name: one_line(value)[:_LONGEST_FACT].strip() if value else "" for name, value in facts.items()}
    subject = one_line(_filled(letter.subject, known))[:LONGEST_SUBJECT].strip()
    text = (
        _filled(letter.text, {**known, "unsubscribe": unsubscribe}).replace("\r\n", "\n").replace("\r", "\n").rstrip()
    )
    if not has_place(letter, "unsubscribe"):
        text = f"{text}\n\n--\n{_UNSUBSCRIBE[language]}\n{unsubscribe}"
    return Written(language, subject or one_line(mail), f"{text}\n")


def has_place(letter: Letter, name: str) -> bool:
    """Whether the letter's text has this place."""
    return any(
        found[1] is not None and (place := _PLACE.fullmatch(found[1])) is not None and place[1] == name
        for found in _PIECE.finditer(letter.text)
    )


def first_name(name: str | None) -> str | None:
    """What somebody is called by those who write to them: the first word of a name, or the one after the comma; the whole name where it
    is written in a script that puts the family first or no space between."""
    if not name or not name.strip():
        return None
    if any(unicodedata.name(letter, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL")) for letter in name):
        return name.strip()
    _, comma, after = name.partition(",")
    return ((after if comma and after.strip() else name).split() or [name])[0]


def one_line(text: str) -> str:
    """Text as a header can hold it: no line ends, no control characters, no marks that turn the direction of writing around."""
    kept = "".join(_APART.get(unicodedata.category(letter), letter) for letter in text)
    return " ".join(kept.split())


def _filled(text: str, known: Mapping[str, str]) -> str:
    """The text with its places filled. A place with nothing in it takes the space before it along: "Hello {first_name}," is "Hello,"."""
    pieces: list[str] = []
    at = 0
    for found in _PIECE.finditer(text):
        pieces.append(text[at : found.start()])
        at = found.end()
        if found[1] is None:
            pieces.append(found[0][0])
            continue
        place = _PLACE.fullmatch(found[1])
        assert place is not None, "a policy's letters are checked before it is published"
        value = known.get(place[1]) or (place[2] or "").strip()
        if not value:
            pieces[-1] = pieces[-1].removesuffix(" ")
        pieces.append(value)
    pieces.append(text[at:])
    return "".join(pieces)
