"""Company names: kept as they were sent, compared without their legal form."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from cleanco import basename

# Forms that stand apart from the name with no space, or before it; cleanco knows those that follow.
_JAPANESE = re.compile(
    r"株式会社|有限会社|合同会社|合名会社|合資会社|一般社団法人|一般財団法人|公益社団法人|公益財団法人|医療法人|学校法人"
    r"|\((?:株|有|同|名|資)\)"
)
_BEFORE = re.compile(r"^(?:pt|cv|ud|p\.t\.|c\.v\.|ooo|zao|oao)\.?\s+", re.IGNORECASE)
_AFTER = re.compile(r"[\s,]+(?:tbk|k\.?k|g\.?k|cabang \w+)\.?$", re.IGNORECASE)


@lru_cache(maxsize=65536)
def company_key(name: str) -> str:
    """The name to compare by: legal form, case, accents' compatibility forms and punctuation taken away.

    ``Acme S.A. de C.V.``, ``ACME`` and ``Acme, Inc.`` give ``acme``; a name that is nothing but a legal form stays whole.
    """
    text = unicodedata.normalize("NFKC", name)
    bare = _BEFORE.sub("", _AFTER.sub("", _JAPANESE.sub(" ", text).strip()))
    for _ in range(3):  # "Co., Ltd." is two forms to cleanco.
        shorter = basename(bare)
        if shorter == bare or not shorter:
            break
        bare = shorter
    folded = " ".join(re.sub(r"[^\w]+", " ", bare or text).casefold().split())
    return folded or " ".join(text.casefold().split())
