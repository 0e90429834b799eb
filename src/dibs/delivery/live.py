"""The token with which a browser opens the live stream: made for a page, good for a working day, and for nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.core import signing

from dibs.delivery.outbox_mark import Mark

_SALT = "dibs.stream"
_GOOD_FOR = 12 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Opening:
    """Whose stream a token opens, and what the page that it was made for can have shown; ``None``: nobody knows."""

    user_id: UUID
    since: Mark | None = None


def stream_token(user_id: UUID, since: Mark | None = None) -> str:
    """A token for this user's stream. What the user may see is asked when the stream is opened, and again while it runs."""
    return signing.dumps(f"{user_id} {since}" if since else str(user_id), salt=_SALT)


def opened_with(token: str) -> Opening | None:
    """What this token opens, or ``None`` if it is none of ours or has run out."""
    try:
        user_id, _, since = signing.loads(token, salt=_SALT, max_age=_GOOD_FOR).partition(" ")
        return Opening(UUID(user_id), Mark.read(since) if since else None)
    except (signing.BadSignature, ValueError, AttributeError):
        return None
