"""Company names: kept as they were sent, compared without their legal form."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from cleanco.clean import normalized, prepare_default_terms, strip_punct, strip_tail

# cleanco knows the forms that follow a name in most languages, one at a time. These it does not: forms that stand before the name, or
# next to it with no space, and those that are several words.
_NO_SPACE = re.compile(
    r"株式会社|株式會社|有限会社|合同会社|合名会社|合資会社|一般社団法人|一般財団法人|公益社団法人|公益財団法人|特定非営利活動法人|社会福祉法人"
    r"|医療法人(?:社団|財団)?|学校法人|宗教法人|国立大学法人|独立行政法人|監査法人|税理士法人|弁護士法人|\((?:株|有|同|名|資|社|財|주|유)\)"
    r"|股份有限公司|有限责任公司|有限責任公司|有限公司|集团公司|주식회사|유한회사|유한책임회사"
    # As NFKC writes them, like the name by then.
    + unicodedata.normalize("NFKC", r"|บริษัท|จำกัด(?:\s*\(มหาชน\))?|ห้างหุ้นส่วน")
)
_BEFORE = re.compile(
    r"^(?:perseroan\s+terbatas|kabushiki\s+kaisha|sociedad\s+an[oó]nima|perusahaan\s+perseroan|perusahaan\s+umum|\(?persero\)?|perum|koperasi|yayasan|firma|p\.?\s?t\.?|c\.?\s?v\.?|u\.?\s?d\.?|ooo|zao|oao|pao|"
    r"ооо|зао|оао|пао|ао|тов|công\s+ty\s+(?:tnhh|cổ\s+phần))(?:\s+|\.\s*)",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s,]+(?:(?:sociedad\s+an[oó]nima|sociedad\s+de\s+responsabilidad\s+limitada)(?:\s+de\s+capital\s+variable)?|sociedad\s+limitada|"
    r"sociedad\s+por\s+acciones\s+simplificada|perseroan\s+terbatas|s/a|p/l|mbh|public\s+limited\s+company|\(?persero\)?|tbk|k\.?\s?k|g\.?\s?k|kabushiki\s+kaisha|godo\s+kaisha|yugen\s+kaisha|cabang \w+|"
    r"s\.?\s?de\s?r\.?\s?l\.?(?:\s+de\s+c\.?\s?v)?|(?:s\.?\s?a\.?\s?p\.?\s?i|s\.?\s?a\.?\s?b|s\.?\s?a\.?\s?s|s\.?\s?o\.?\s?f\.?\s?o\.?\s?m|s\.?\s?a)\.?"
    r"\s+de\s+c\.?\s?v|s\.?\s?l\.?\s?u|s\.?\s?a\.?\s?u|s\.?\s?a\.?\s?c|s\.?\s?a\.?\s?b|s\.?\s?c\.?\s?a|s\.?\s?c|a\.?\s?c|e\.?i\.?r\.?l|e\.?i\.?r\.?e\.?l\.?i|"
    r"ug(?:\s*\(haftungsbeschränkt\))?|e\.?k|public\s+company|p\.?\s?l\.?\s?c|co\.?,?\s*ltd|sdn\.?\s*bhd|pte\.?\s*ltd|pty\.?\s*ltd)\.?$",
    re.IGNORECASE,
)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)
_NEITHER = re.compile(r"[^a-z0-9]+")
_EMPTY = re.compile(r"^(?:the|la|el|los|las|le|les|die|der|das)\s+", re.IGNORECASE)


@lru_cache(maxsize=65536)
def company_key(name: str) -> str:
    """The name to compare by: legal form, article, case, accents, width and punctuation taken away.

    ``Acme S.A. de C.V.``, ``ACME`` and ``Acme, Inc.`` give ``acme``; a name that is nothing but a legal form stays whole.
    """
    text = unicodedata.normalize("NFKC", name)
    bare = (text if text.isascii() else _NO_SPACE.sub(" ", text)).strip()
    for _ in range(4):  # "PT Sumber Jaya (Persero) Tbk", "Co., Ltd.": some names bear several, outside in.
        shorter = _AFTER.sub("", _BEFORE.sub("", bare, count=1)).strip(" ,.-")
        if _LATIN.search(shorter):  # Of other scripts cleanco takes vowel signs for punctuation.
            shorter = without_form(shorter) or shorter
        if shorter == bare or not shorter:
            break
        bare = shorter
    return _folded(_EMPTY.sub("", bare)) or _folded(bare) or _folded(text) or " ".join(text.casefold().split())


def _forms_by_end() -> dict[str, list[tuple[int, list[str]]]]:
    """cleanco's forms, each with its place in the order in which they are tried, by their last word."""
    forms: dict[str, list[tuple[int, list[str]]]] = {}
    for place, (_, words) in enumerate(prepare_default_terms()):
        if words:
            forms.setdefault(words[-1], []).append((place, words))
    return forms


_FORMS = _forms_by_end()


def without_form(name: str) -> str:
    """What ``cleanco.basename`` answers. It compares the end of a name with each of some hundred forms, in their order; here only with
    those that end in the same word, which is most of what reading a name took."""
    words = strip_tail(name).split()
    folded = [_as_forms_are_written(word) for word in words]
    tried = -1
    while folded:
        for place, form in _FORMS.get(folded[-1], ()):
            if place > tried and folded[-len(form) :] == form:
                del folded[-len(form) :], words[-len(form) :]
                tried = place
                break
        else:
            break
    return str(strip_tail(" ".join(words)))


@lru_cache(maxsize=65536)
def _as_forms_are_written(word: str) -> str:
    """The word as cleanco compares it. Companies are called by the same few words again and again."""
    return str(strip_punct(word.casefold() if word.isascii() else normalized(word)))


def _folded(text: str) -> str:
    """Letters and digits of any script, without case; of the Latin ones without accents, which people leave out."""
    if text.isascii():
        return " ".join(_NEITHER.sub(" ", text.lower()).split())
    apart = unicodedata.normalize("NFKD", text)
    latin = "".join([c for at, c in enumerate(apart) if not (unicodedata.combining(c) and at and _is_latin(apart, at))])
    text = unicodedata.normalize("NFKC", latin)
    kept = "".join([c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text.casefold()])
    return " ".join(kept.split())


def _is_latin(text: str, at: int) -> bool:
    """Whether the letter that a combining mark at this place belongs to is a Latin one: ``é``, and not ``が``."""
    base = at - 1
    while base > 0 and unicodedata.combining(text[base]):
        base -= 1
    return text[base].isascii()
