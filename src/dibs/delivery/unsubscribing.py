"""Links in mails by which their readers take themselves off: what they say, and that nobody else made them.

A link holds all that is needed to keep its promise: the workspace, the lead, and the hash of the mailbox as the list of those who must
not be contacted keeps it. So it works for ever, for a lead that is gone and a person that was erased too. It is signed by the
workspace's own secret, and holds no address: `a***@example.com` alone, for its reader to know which it is about.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from dibs.crm import do_not_contact
from dibs.people.models import Workspace

#: Bytes of the signature that a link carries: 128 bits, which nobody guesses.
_SIGNED = 16
#: Longer links are not looked at, in characters.
LONGEST = 400
_PURPOSE = b"unsubscribe:"


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says: of which workspace and lead, and whose mailbox. ``digest`` as the list keeps it, 32 bytes."""

    workspace_id: UUID
    lead_id: UUID
    digest: bytes
    shown: str


def token(workspace_id: UUID, lead_id: UUID, address: str) -> str:
    """What a link to unsubscribe this address of the lead carries. It is of letters, digits, ``-`` and ``_``."""
    entry = do_not_contact.entries_of(address, None)[0]
    said = workspace_id.bytes + lead_id.bytes + do_not_contact.digest(workspace_id, entry) + entry.shown.encode()
    return base64.urlsafe_b64encode(_signature(workspace_id, said) + said).decode().rstrip("=")


def read(text: str) -> Link | None:
    """The link that carries this, or ``None`` for what no workspace here signed."""
    if not 0 < len(text) <= LONGEST or not text.isascii():
        return None
    try:
        held = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    signature, said = held[:_SIGNED], held[_SIGNED:]
    if len(said) < 64:
        return None
    workspace_id = UUID(bytes=said[:16])
    try:
        good = hmac.compare_digest(signature, _signature(workspace_id, said))
    except Workspace.DoesNotExist:
        return None
    if not good:
        return None
    return Link(workspace_id, UUID(bytes=said[16:32]), said[32:64], said[64:].decode("utf-8", "replace"))


def address(workspace_id: UUID, lead_id: UUID, mailbox: str) -> str:
    """The link as a mail has it: it answers to a reader's click, and to a mail program's POST (RFC 8058)."""
    return f"{settings.PUBLIC_URL}/unsubscribe/{token(workspace_id, lead_id, mailbox)}/"


def _signature(workspace_id: UUID, said: bytes) -> bytes:
    secret = do_not_contact.secret_of(workspace_id)
    return hmac.digest(secret, _PURPOSE + said, "sha256")[:_SIGNED]
