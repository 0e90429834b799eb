"""Which encoding a file is in: told from all of its bytes, read once in pieces, never held whole."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import BinaryIO

from charset_normalizer import from_bytes

_PIECE = 1 << 20
#: How much text with bytes above 127 is looked at to tell encodings apart.
_ENOUGH = 256 << 10
#: How far into a file such text is looked for.
_FAR = 64 << 20

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Bytes for which CP1252 has no character.
_NOT_CP1252 = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})
_WESTERN = frozenset("áàâäãåæçéèêëíìîïñóòôöõøœúùûüýÿßÁÀÂÄÃÅÆÇÉÈÊËÍÌÎÏÑÓÒÔÖÕØŒÚÙÛÜÝ¿¡ªº°·€£«»“”‘’„–—…®™©´\xa0")
# What else a lead list may be written in, when it is neither Japanese nor Western European.
_OTHERS = ["euc_jp", "gb18030", "big5", "euc_kr", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp874"]


def encoding_of(file: BinaryIO) -> str:
    """The name of the Python codec that ``file`` (seekable, at its start) is to be read with.

    A byte order mark decides. Else UTF-8 if the bytes are that; also when a few lines are not, because a broken line in a
    UTF-8 file is likelier than a file in another encoding that is UTF-8 by chance. Else Shift_JIS (as Windows writes it, CP932)
    if that reads as Japanese; else what charset-normalizer makes of it, when that is no Western guess; else CP1252, or
    Latin-1 where CP1252 has no character for a byte.
    """
    start = file.read(_PIECE)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if wide := _wide_without_mark(start):
        return wide
    file.seek(0)
    if _is_utf8(file):
        return "utf-8"
    file.seek(0)
    survey = _Survey()
    while (piece := file.read(_PIECE >> 4)) and survey.look(piece):
        pass
    sample = survey.sample()
    if survey.fitting >= survey.broken:
        return "utf-8"
    if _reads_as_japanese(sample):
        return "cp932"
    western = "latin-1" if survey.seen & _NOT_CP1252 else "cp1252"
    return western if _reads_as_western(sample.decode(western)) else _by_statistics(sample) or western


class _Survey:
    """Lines with bytes above 127: how many are UTF-8, how many are not, and some of those that are not."""

    def __init__(self) -> None:
        self.fitting = self.broken = 0
        self.seen: set[int] = set()
        self._kept: list[bytes] = []
        self._size = self._read = 0
        self._rest = b""

    def look(self, piece: bytes) -> bool:
        """Take in the next piece; whether more is wanted."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()[-_PIECE:]
        for line in lines:
            self._line(line)
        self._read += len(piece)
        return self._size < _ENOUGH and self._read < _FAR

    def _line(self, line: bytes) -> None:
        if line.isascii():
            return
        try:
            line.decode("utf-8")
            self.fitting += 1
        except UnicodeDecodeError:
            self.broken += 1
            self.seen.update(line)
            self._kept.append(line[:4096])
            self._size += len(self._kept[-1])

    def sample(self) -> bytes:
        self._line(self._rest)
        self._rest = b""
        return b"\n".join(self._kept)


def _is_utf8(file: BinaryIO) -> bool:
    """Whether every byte of the file, from where it stands, is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        while piece := file.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _wide_without_mark(start: bytes) -> str | None:
    """UTF-16 whose mark is missing shows as NULs nearly all in even or nearly all in odd places, most line ends with one beside them."""
    head = start[:4096]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    few = 2 + len(head) // 100
    ends = head[:-1].count(b"\n")
    if odd > few and odd > 4 * even and ends and 2 * head.count(b"\n\0") >= ends:
        return "utf-16-le"
    if even > few and even > 4 * odd and ends and 2 * head.count(b"\0\n") >= ends:
        return "utf-16-be"
    return None


def _reads_as_japanese(sample: bytes) -> bool:
    """Whether the bytes are CP932 that a person wrote: kana and everyday kanji (JIS level 1), not the rare kanji and lone
    half-width kana that accented Latin letters turn into."""
    text = sample.decode("cp932", "replace")
    everyday = rare = 0
    for match in re.finditer(r"[ｦ-ﾟ]+|[^\x00-\x7f]", text):
        run = match[0]
        if "ｦ" <= run[0] <= "ﾟ":
            if len(run) >= 2:
                everyday += len(run)
            else:
                rare += 1
            continue
        if run == "\ufffd" or unicodedata.category(run) == "Co":
            rare += 2
        elif (lead := _lead_byte(run)) and 0x81 <= lead <= 0x97:
            everyday += 1
        else:
            rare += 1
    return everyday >= 2 and everyday >= 3 * rare


def _reads_as_western(text: str) -> bool:
    """Whether accented letters stand by themselves among plain ones and are those of Western Europe. Cyrillic or Greek in this
    encoding would be whole words of them, Polish or Czech would show signs that stand in no word."""
    usual = unusual = 0
    for match in re.finditer(r"[^\x00-\x7f]+", text):
        run = match[0]
        if len(run) <= 2 and all(c in _WESTERN for c in run):
            usual += 1
        else:
            unusual += 1
    return usual >= 4 * unusual


def _lead_byte(character: str) -> int | None:
    try:
        coded = character.encode("cp932")
    except UnicodeEncodeError:
        return None
    return coded[0] if len(coded) == 2 else None


def _by_statistics(sample: bytes) -> str | None:
    best = from_bytes(sample, cp_isolation=[*_OTHERS, "cp1252"]).best()
    if best is None or best.encoding == "cp1252" or not best.could_be_from_charset:
        return None
    return best.encoding if best.coherence > 0 else None
