"""What a name is found by when it is written otherwise: numbers that it shares with the names that one slip makes of it.

A slip, be it a letter more, less, another one, or two in the wrong order, leaves alone what stands before it and what stands after it.
So a name is marked by what is left of it without each of a few short spans, one of which holds the slip wherever it is; and, for words
that were swapped or left out, by its words in any order, all of them and all but one. Names with a mark in common are then compared
letter by letter. The idea is that of partition-based joins (Li et al., "PASS-JOIN", PVLDB 5(3), 2011): of a thing cut into more pieces
than there are differences, some piece is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from struct import unpack
from uuid import UUID

#: Of a longer name so many letters count, and of one with more words so many are left out in turn.
LONGEST, _WORDS = 80, 8
#: The first letters tell names apart, and a word such as "Logistics" after them does not: there the spans are short.
_TELLING = 8


def marks_of(workspace_id: UUID, key: str) -> frozenset[int]:
    """What an account is kept under, by its name as names are compared (`crm.companies.company_key`): about nine numbers of 64 bits,
    those of a workspace unlike those of another."""
    return _numbers(workspace_id.bytes, key, 0)


def marks_sought(workspace_id: UUID, key: str) -> frozenset[int]:
    """What a name is looked for under: as if it were the right one, and as if it were a letter too long or too short."""
    return _numbers(workspace_id.bytes, key, 1)


@lru_cache(maxsize=16384)
def _numbers(workspace: bytes, key: str, slack: int) -> frozenset[int]:
    key = key[:LONGEST]
    empty = blake2b(digest_size=8, person=workspace).copy
    texts = {*_without_spans(key.replace(" ", ""), slack), *_without_words(key.split())}
    digests = []
    for text in texts:
        digest = empty()
        digest.update(text.encode())
        digests.append(digest.digest())
    return frozenset(unpack(f">{len(digests)}q", b"".join(digests)))


def _without_spans(letters: str, slack: int) -> list[str]:
    """What is before and after each span; of a name that is ``slack`` letters longer or shorter than it should be, too."""
    length = len(letters)
    return [
        f"{meant} {letters[:begin]} {letters[length - after :]}"
        for meant in range(length - slack, length + slack + 1)
        for begin, after in _spans(meant)
        if begin + after <= length
    ]


@lru_cache(maxsize=2 * LONGEST)
def _spans(length: int) -> tuple[tuple[int, int], ...]:
    """The spans of a name with so many letters: how many letters are before each, and how many after. Each letter is in one; two next
    to each other are in one together, but in the shortest names, of which too little would be left."""
    spans: list[tuple[int, int]] = []
    begin, end = 0, 0
    while length > 2 and end < length:
        step = 1 if length < 6 else 2 if begin < _TELLING else max(4, -(-(length - _TELLING) // 4))
        end = min(length, begin + step + (length > 4))
        spans.append((begin, length - end))
        begin += step
    return tuple(spans)


def _without_words(words: list[str]) -> Iterator[str]:
    """The words in any order: all, all but each, and of many the first few; as long as they are at least half of the name: with less in
    common no two names are alike."""
    yield " ".join(sorted(words))
    some = [words[:at] + words[at + 1 :] for at in range(min(len(words), _WORDS))]
    some += [words[:count] for count in range(max(2, len(words) - _WORDS), len(words) - 1)]
    half = sum(map(len, words)) / 2
    yield from (" ".join(sorted(left)) for left in some if left and sum(map(len, left)) >= half)
