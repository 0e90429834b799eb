"""A name cut into pieces that a name written a little otherwise shares: what candidates are found by."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

#: Letters in a piece. Trigrams are the usual; with a million accounts each of them is in tens of thousands of names, and one letter more
#: makes a lookup five times cheaper (measured: ``benchmarks/matching.py``). Of scripts that write syllables or words two say as much.
LENGTH, DENSE_LENGTH = 4, 2
#: Of a longer name only so many letters count.
LONGEST = 80


@lru_cache(maxsize=65536)
def grams_of(key: str) -> frozenset[str]:
    """The pieces of a name as names are compared (`crm.companies.company_key`): of each word the letters `LENGTH` at a time, a
    blank before and after it counted in; of scripts that write no blanks `DENSE_LENGTH`.

    >>> sorted(grams_of("acme"))
    [' acm', 'acme', 'cme ']
    """
    return frozenset(gram for word in key[:LONGEST].split() for gram in _of_word(word))


def _of_word(word: str) -> Iterator[str]:
    if ord(max(word)) < _DENSE:
        word, length = f" {word} ", LENGTH
    else:
        length = DENSE_LENGTH
    yield from (word[at : at + length] for at in range(max(1, len(word) - length + 1)))


#: From here on, scripts write syllables or words with a letter: kana, Han, Hangul.
_DENSE = 0x2E80
