"""The token with which a browser opens the live stream: made for a page, good for a working day, and for nothing else."""

from __future__ import annotations

from uuid import UUID

from django.core import signing

_SALT = "dibs.stream"
_GOOD_FOR = 12 * 3600  # seconds


def stream_token(user_id: UUID) -> str:
    """A token for this user's stream. What the user may see is asked when the stream is opened, and again while it runs."""
    return signing.dumps(str(user_id), salt=_SALT)


def user_with(token: str) -> UUID | None:
    """Whose stream this token opens, or ``None`` if it is none of ours or has run out."""
    try:
        return UUID(signing.loads(token, salt=_SALT, max_age=_GOOD_FOR))
    except (signing.BadSignature, ValueError, AttributeError):
        return None
