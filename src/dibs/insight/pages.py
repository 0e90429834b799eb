"""A page of a longer list, and the cursor that the next page is asked for with.

A cursor names the last row seen and is signed together with the question it belongs to: one that was made up, or that
comes from another list, another order, other filters or another workspace, is refused. It holds no value of the row: an
order may be by a field that the caller does not see. Nor does it show which row it is: where a page looked through leads that the
caller may not know of, it may be one of those.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.utils.crypto import salted_hmac

Item = TypeVar("Item")

_SIGNATURE = 12  # bytes


class BadCursor(Exception):
    """The cursor is none that was given out for this list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items and, if there may be more, where to go on. A page may hold fewer items than asked for and still go on."""

    items: Sequence[Item]
    next: str | None = None


def cursor_after(last: UUID, question: str) -> str:
    """The cursor for what comes after ``last`` in the answer to ``question``."""
    signature = _sign(last.bytes, question)
    return base64.urlsafe_b64encode(_veiled(last.bytes, signature, question) + signature).decode().rstrip("=")


def last_seen(cursor: str, question: str) -> UUID:
    """The last row that the cursor's page showed. Raises `BadCursor`."""
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise BadCursor from None
    veiled, signature = raw[:16], raw[16:]
    last = _veiled(veiled, signature, question)
    if len(veiled) != 16 or not hmac.compare_digest(signature, _sign(last, question)):
        raise BadCursor
    return UUID(bytes=last)


def _veiled(last: bytes, signature: bytes, question: str) -> bytes:
    """The id under a mask that only this server can make, or the id from under it; the signature makes each mask another one."""
    mask = salted_hmac("dibs.cursor.mask", signature + question.encode(), algorithm="sha256").digest()
    return bytes(one ^ other for one, other in zip(last, mask, strict=False))


def _sign(last: bytes, question: str) -> bytes:
    return salted_hmac("dibs.cursor", last + question.encode(), algorithm="sha256").digest()[:_SIGNATURE]
