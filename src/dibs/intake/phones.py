"""Phone numbers to E.164 (ITU-T E.164: ``+``, country code, national number; 15 digits at most).

``phonenumbers`` knows every country's numbers but takes 20 to 25 µs for each. Most numbers are plain, and for those its own
patterns are asked directly; whatever has a prefix, an extension or a doubt goes through the library in full.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberFormat

_PUNCTUATION = str.maketrans("", "", " -.()/\u00a0\u2010\u2011\u2012\u2013\u30fc")
_KINDS = (
    ["fixed_line", "mobile", "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail"]
)  # fmt: skip


def clean_phone(text: str, country: str | None) -> tuple[str | None, str | None]:
    """The number in E.164 and its extension, or ``(None, None)`` if it cannot be right.

    ``country`` (alpha-2) is where a number written without a country code is dialled from.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    digits = text.translate(_PUNCTUATION)
    plain = None
    if digits[:1] == "+":
        plain = _international(digits[1:])
        if plain == "":
            return None, None
    elif country:
        plain = _national(digits, country)
    if plain:
        return plain, None
    return _thorough(text, country)


def _international(digits: str) -> str | None:
    """The number, "" if there is surely none, ``None`` if the library has to say."""
    if not (digits.isdigit() and digits.isascii()):
        return None
    for length in (1, 2, 3):
        code = digits[:length]
        if code and int(code) in COUNTRY_CODE_TO_REGION_CODE:
            plan = _plan(int(code))
            rest = digits[length:]
            # A national prefix kept after the country code, as in +44 (0)20 7946 0018, is for the library to judge.
            if plan and not plan.prefix.match(rest):
                return f"+{digits}" if plan.numbers.fullmatch(rest) else ""
            return None
    return None


def _national(digits: str, country: str) -> str | None:
    if not (digits.isdigit() and digits.isascii()):
        return None
    code = _calling_code(country)
    plan = _plan(code) if code else None
    if plan is None or plan.trunk is None or plan.abroad.match(digits) or digits.startswith(str(code)):
        return None
    rest = digits
    if plan.trunk and digits.startswith(plan.trunk):
        rest = digits[len(plan.trunk) :]
        if plan.numbers.fullmatch(digits) or plan.prefix.match(rest):
            return None
    elif plan.trunk and plan.prefix.match(digits):
        return None
    return f"+{code}{rest}" if plan.numbers.fullmatch(rest) else None


def _thorough(text: str, country: str | None) -> tuple[str | None, str | None]:
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None, None
    if not phonenumbers.is_valid_number(number):
        return None, None
    extension = number.extension or None
    number.extension = None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), extension


class _Plan:
    """A country code's numbering plan: every valid national number as one pattern."""

    def __init__(self, code: int, regions: tuple[str, ...]) -> None:
        main: Any = PhoneMetadata.metadata_for_region(regions[0])
        patterns: dict[str, None] = {}
        for region in regions:
            data: Any = PhoneMetadata.metadata_for_region(region)
            for kind in _KINDS:
                description = getattr(data, kind)
                if description is not None and description.national_number_pattern:
                    lengths = description.possible_length or data.general_desc.possible_length
                    some = "|".join(rf".{{{n}}}" for n in lengths if n > 0)
                    patterns[rf"(?=(?:{some})$)(?:{description.national_number_pattern})"] = None
        self.numbers = re.compile("|".join(patterns))
        self.prefix = re.compile(main.national_prefix_for_parsing or r"(?!)")
        self.abroad = re.compile(main.international_prefix or r"(?!)")
        plain = main.national_prefix_for_parsing == main.national_prefix and not main.national_prefix_transform_rule
        #: What is dialled before the national number; "" for nothing, ``None`` where it is not simply put in front.
        self.trunk: str | None = (main.national_prefix or "") if plain else None


@cache
def _plan(code: int) -> _Plan | None:
    regions = COUNTRY_CODE_TO_REGION_CODE[code]
    return None if regions[0] == "001" else _Plan(code, regions)


@cache
def _calling_code(country: str) -> int:
    """0 for a country that is unknown, and for one that shares its code with a bigger one and has rules of its own."""
    code = phonenumbers.country_code_for_region(country)
    return code if code and COUNTRY_CODE_TO_REGION_CODE[code][0] == country else 0
