"""What a person is looked for by in texts: their addresses, numbers and names, and nothing that only begins or ends like them.

A number is found however it is written, with blanks, dots, dashes or brackets between its digits; `ana@mail.example` not in
`diana@mail.example`, and *Ana Li* not in *Diana Lima*. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from dibs.engine.forgetting import GONE

#: What people write between the digits of a number.
BETWEEN = " ().-/\u00a0\u2011\u3000"
#: The fewest digits that are taken for a number.
_DIGITS = 7
#: Letters of scripts that part words by blanks, and digits: a name next to one of these is part of a longer word. ``様`` after a name is not.
_LETTER = "[0-9A-Za-zÀ-ɏͰ-ϿЀ-ӿ]"
_APART = "[" + re.escape(BETWEEN) + r"\t]{0,3}"


def digits_of(text: str) -> str | None:
    """The digits of a text that is a number and nothing else, else ``None``."""
    digits = "".join(letter for letter in text if letter.isdecimal() and letter.isascii())
    rest = text.strip().removeprefix("+").translate(str.maketrans("", "", BETWEEN + "0123456789"))
    return digits if len(digits) >= _DIGITS and not rest else None


def numbers(texts: Sequence[str]) -> list[str]:
    """The digits of those texts that are numbers."""
    return sorted({digits for text in texts if (digits := digits_of(text)) is not None})


@lru_cache(maxsize=64)
def pattern(texts: tuple[str, ...]) -> re.Pattern[str]:
    """What finds one of these texts; the longest first, so that nothing of a longer one is left."""
    ways = {way for text in texts for way in (text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1])}
    named = sorted((way for way in ways if digits_of(way) is None), key=lambda way: (-len(way), way))
    called = sorted(numbers(texts), key=lambda digits: (-len(digits), digits))
    return re.compile("|".join([*map(_of_text, named), *map(_of_number, called)]) or r"(?!)", re.IGNORECASE)


def _of_text(text: str) -> str:
    if "@" in text:
        return rf"(?<![\w.+-]){re.escape(text)}(?![\w-]|\.\w)"
    before = rf"(?<!{_LETTER})" if re.match(_LETTER, text) else ""
    after = rf"(?!{_LETTER})" if re.match(_LETTER, text[-1]) else ""
    return f"{before}{re.escape(text)}{after}"


def _of_number(digits: str) -> str:
    # Behind another country's code it is another number.
    abroad = "".join(rf"(?<!\+\d{{{code}}}[ .-])(?<!\+\d{{{code}}} \()" for code in (1, 2, 3))
    return rf"(?<!\d){abroad}\+?" + _APART.join(digits) + r"(?!\d)"


def found_in(value: Any, sought: re.Pattern[str]) -> bool:
    """Whether something of it matches, whatever it is made of."""
    if isinstance(value, str):
        return sought.search(value) is not None
    if isinstance(value, Mapping):
        return any(found_in(str(name), sought) or found_in(each, sought) for name, each in value.items())
    if isinstance(value, list):
        return any(found_in(each, sought) for each in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return sought.search(str(value)) is not None
    return False


def without(value: Any, sought: re.Pattern[str]) -> Any:
    """The same without what matches. A number that is one goes whole."""
    if isinstance(value, str):
        return sought.sub(GONE, value)
    if isinstance(value, Mapping):
        return {sought.sub(GONE, str(name)): without(each, sought) for name, each in value.items()}
    if isinstance(value, list):
        return [without(each, sought) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and sought.search(str(value)):
        return GONE
    return value
