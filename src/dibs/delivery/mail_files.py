"""Mails laid down as files while no mail server is named: one file each, for its owner's eyes, called after the mail's Message-ID.

So a mail that is sent a second time lies there once, and the mails to somebody who is erased can be taken away: by the process that erases,
once it has committed, and every hour by a worker, which finds what is still there, whoever died on the way. Each looks in the folder of its
own machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

#: What of a Message-ID does not stand in a file's name.
_APART = re.compile(r"[^0-9A-Za-z]+")
#: How the name of one begins that is of a mail to a lead.
_OF_MAIL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-")


class EmailBackend(BaseEmailBackend):
    """Django's mail backend that does it. Raises `OSError` where the folder cannot be written to."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            told: Any = message.message()  # Django's own kind of message, which names its line ends
            _write(folder / _name(str(told["Message-ID"])), told.as_bytes(linesep="\r\n"))
        return len(email_messages)


def take_away(message_ids: Iterable[str]) -> int:
    """Remove these mails, as far as they lie here; returns how many did. Raises `OSError` for one that lies there and stays."""
    folder, gone = Path(settings.EMAIL_FILE_PATH), 0
    for message_id in message_ids:
        try:
            (folder / _name(message_id)).unlink()
        except FileNotFoundError:
            continue
        gone += 1
    return gone


def of_mails() -> dict[UUID, list[Path]]:
    """What lies here by the mails that it is of, halves of files included: those to leads are called after their id."""
    found: dict[UUID, list[Path]] = {}
    with suppress(FileNotFoundError), os.scandir(settings.EMAIL_FILE_PATH) as lying:
        for entry in lying:
            if _OF_MAIL.match(entry.name):
                found.setdefault(UUID(entry.name[:36]), []).append(Path(entry.path))
    return found


def _name(message_id: str) -> str:
    return f"{_APART.sub('-', message_id).strip('-')[:200]}.eml"


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: whoever reads the folder finds no half of a mail."""
    half = path.with_suffix(f".{os.getpid()}.half")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    half.replace(path)
