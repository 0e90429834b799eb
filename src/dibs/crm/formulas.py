"""Text that a spreadsheet would run: kept as text here, told apart on the way in, made harmless on the way out.

What is dangerous and what takes the danger away follow OWASP, "CSV Injection"
(https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import re
from typing import Any

_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_CALL = re.compile(r"[=＝].|[+\-@＋－＠].*[(|!]", re.DOTALL)
_PLAIN_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")


def looks_like_formula(text: str) -> bool:
    """Whether text that came in reads as a formula: ``=...`` always, ``+ - @`` only with a call in it (else a phone, a
    negative number or a handle would count)."""
    return text.startswith(_STARTS) and _CALL.match(text) is not None


def export_safe(value: Any) -> Any:
    """``value`` as a spreadsheet may have it: text that it would take for a formula gets an apostrophe in front.

    Plain numbers (``-5``, ``+81312345678``) stay as they are; what is not text is returned untouched.
    """
    if not isinstance(value, str) or not value.startswith(_STARTS) or _PLAIN_NUMBER.fullmatch(value):
        return value
    return f"'{value}"
