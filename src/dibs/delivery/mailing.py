"""Sends the mails that wait, through Django's mail backend: at least once each, and none that is not to be sent any more.

A mail is taken by one worker at a time, by putting off when it is to be sent next in a transaction of its own, and given to the mail
server outside of any. A worker that dies between the server's yes and the note of it lets the mail go out once more, under the same
Message-ID, by which mail programs know it for the same. The question whether it is still to be sent is asked as it is taken: what was
written on the lead, or on the list of those who must not be contacted, before that moment counts.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction

from dibs.crm import do_not_contact
from dibs.delivery import mail_files, unsubscribing
from dibs.engine.facts import LeadFacts
from dibs.engine.nurture import why_not_mailed
from dibs.engine.policy_nurture import Nurture

_log = structlog.get_logger()

#: How long a mail that was taken is nobody else's to send: longer than a mail server may take to answer.
TAKEN_FOR = timedelta(minutes=5)
#: How long after a failure it is tried again; after the last, it has failed.
AGAIN_AFTER: tuple[timedelta, ...] = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
)
#: Why a mail that waited was stopped, beside the causes of `dibs.engine.nurture.why_not_mailed`: the lead went elsewhere, or its address
#: is another now.
LEFT, ADDRESS = "left", "address"

_TAKE = """
    UPDATE delivery_mail SET attempts = attempts + 1, send_at = %(until)s
    WHERE id = (
        SELECT id FROM delivery_mail WHERE workspace_id = %(workspace)s AND state = 'waiting' AND send_at <= %(now)s
        ORDER BY send_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, lead_id, sequence, sender, address, subject, text, message_id, attempts
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail taken to be sent. ``attempts``: this one counted in."""

    id: UUID
    lead_id: UUID
    sequence: str
    sender: str
    address: str
    subject: str
    text: str
    message_id: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Done:
    """What one pass did: mails given to the mail server, stopped, given up, and to be tried again."""

    sent: int = 0
    stopped: int = 0
    failed: int = 0
    put_off: int = 0

    def __add__(self, other: Done) -> Done:
        counts = zip(self.counts, other.counts, strict=True)
        return Done(*(one + more for one, more in counts))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.sent, self.stopped, self.failed, self.put_off


def send_waiting(workspace_id: UUID, nurture: Nurture, clock: Callable[[], datetime], *, at_most: int = 1000) -> Done:
    """Send a workspace's mails that are due, ``at_most`` so many. ``nurture``: the policy's, which says who may be written to. Call it
    outside a transaction. Nothing is raised for a mail that fails: it says so itself, and is tried again."""
    server, total = get_connection(), Done()
    try:
        for _ in range(at_most):
            taken = _take(workspace_id, nurture, clock())
            if taken is None:
                break
            letter, why = taken
            if why is not None:
                total += Done(stopped=1)
                continue
            total += _send(workspace_id, letter, server, clock)
    finally:
        _close(server)
    return total


def message_of(workspace_id: UUID, letter: Letter, now: datetime, server: Any = None) -> EmailMessage:
    """The message as it is given to the mail server. Its reader's mail program can unsubscribe by itself (RFC 2369, RFC 8058), and programs
    that answer mails leave it alone (RFC 3834)."""
    link = unsubscribing.address(workspace_id, letter.lead_id, letter.address)
    ways = [f"<{link}>"]
    if settings.UNSUBSCRIBE_MAILBOX:
        ways.append(f"<mailto:{settings.UNSUBSCRIBE_MAILBOX}?subject=unsubscribe>")
    headers = {
        "Message-ID": letter.message_id,
        "Date": formatdate(now.timestamp()),
        "List-Unsubscribe": ", ".join(ways),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Precedence": "bulk",
    }
    return EmailMessage(
        subject=letter.subject,
        body=letter.text,
        from_email=letter.sender,
        to=[letter.address],
        headers=headers,
        connection=server,
    )


def try_again(workspace_id: UUID, now: datetime, sequence: str | None = None) -> int:
    """Have mails that failed tried once more from the beginning, of one sequence or all; returns how many."""
    which, values = (" AND sequence = %s", [sequence]) if sequence is not None else ("", [])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_mail SET state = 'waiting', attempts = 0, send_at = %s, error = '' "
            f"WHERE workspace_id = %s AND state = 'failed'{which}",
            [now, workspace_id, *values],
        )
        return int(cursor.rowcount)


def take_away_erased(workspace_id: UUID, lying: Mapping[UUID, Sequence[Path]]) -> int:
    """Remove what lies as a file (`mail_files.of_mails`) of mails whose person was erased; returns how many files that were. Those that
    can't be removed stay until the next time, and keep no other; the first of them is logged."""
    gone, stay = 0, 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM delivery_mail WHERE workspace_id = %s AND id = ANY(%s) AND message_id = ''",
            [workspace_id, list(lying)],
        )
        erased = [row[0] for row in cursor.fetchall()]
    for path in (path for mail in erased for path in lying[mail]):
        try:
            path.unlink(missing_ok=True)
        except OSError as problem:
            if not stay:
                _log.error("mail_files_stay", problem=problem.strerror, folder=settings.EMAIL_FILE_PATH)
            stay += 1
        else:
            gone += 1
    return gone


def _take(workspace_id: UUID, nurture: Nurture, now: datetime) -> tuple[Letter, str | None] | None:
    """The next mail that is due, for nobody else to send meanwhile, and why it is not to be sent, if it is not: then it is stopped."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE, {"workspace": workspace_id, "now": now, "until": now + TAKEN_FOR})
        row = cursor.fetchone()
        if row is None:
            return None
        letter = Letter(*row)
        why = _why_not(workspace_id, letter, nurture)
        if why is not None:
            cursor.execute(
                "UPDATE delivery_mail SET state = 'stopped', send_at = NULL, error = %s WHERE id = %s", [why, letter.id]
            )
        return letter, why


def _why_not(workspace_id: UUID, letter: Letter, nurture: Nurture) -> str | None:
    """Why a mail is not to be sent any more, as everything stands now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lead.state, lead.sequence, lead.mailed < mail.step, "
            "(SELECT max(began_at) FROM delivery_mail WHERE workspace_id = mail.workspace_id AND lead_id = lead.id "
            "AND sequence = mail.sequence) > mail.began_at, lead.email, lead.consent, lead.do_not_contact "
            "FROM delivery_mail mail JOIN crm_lead lead ON lead.id = mail.lead_id "
            "WHERE mail.workspace_id = %s AND mail.id = %s",
            [workspace_id, letter.id],
        )
        row = cursor.fetchone()
    # Gone from the sequence, or come into it again since: then what it gets is another mail.
    if row is None or row[0] != "nurture" or row[1] != letter.sequence or row[2] or row[3]:
        return LEFT
    *_, email, consent, refused = row
    why = why_not_mailed(nurture, LeadFacts(email=email, consent=consent, do_not_contact=refused))
    if why is not None:
        return why
    if email != letter.address:
        return ADDRESS
    entries = do_not_contact.entries_of(letter.address, None)
    return "do_not_contact" if do_not_contact.is_listed(workspace_id, entries) else None


def _send(workspace_id: UUID, letter: Letter, server: Any, clock: Callable[[], datetime]) -> Done:
    try:
        message_of(workspace_id, letter, clock(), server).send()
    except Exception as problem:
        _close(server)  # the next mail has a connection of its own: this one may be half-way through a message
        return _failed(letter, problem, clock())
    if _note(letter, "sent", sent_at=clock()) == "":
        # Erased while it went out: what was laid down of it goes too.
        mail_files.take_away([letter.message_id])
    return Done(sent=1)


def _failed(letter: Letter, problem: Exception, now: datetime) -> Done:
    """Try again later, unless that was the last time, or the mail server says that it never will."""
    error = f"{type(problem).__name__}: {' '.join(str(problem).split())}"[:500]
    _log.warning("mail_failed", mail=str(letter.id), attempts=letter.attempts, problem=type(problem).__name__)
    if _is_final(problem) or letter.attempts > len(AGAIN_AFTER):
        _note(letter, "failed", error=error)
        return Done(failed=1)
    _note(letter, "waiting", send_at=now + AGAIN_AFTER[letter.attempts - 1], error=error)
    return Done(put_off=1)


def _is_final(problem: Exception) -> bool:
    """Whether the mail server refused the address or the mail for good (a reply of 500 to 599, RFC 5321)."""
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in problem.recipients.values())
    if isinstance(problem, smtplib.SMTPAuthenticationError | smtplib.SMTPConnectError | smtplib.SMTPHeloError):
        return False  # of the server and not of this mail
    return isinstance(problem, smtplib.SMTPResponseException) and problem.smtp_code >= 500


def _note(
    letter: Letter,
    state: str,
    *,
    send_at: datetime | None = None,
    sent_at: datetime | None = None,
    error: str = "",
) -> str | None:
    """Write down what became of it; returns its Message-ID as it stands there now, "" once its person was erased. Whoever stopped it
    meanwhile is not overruled, unless it is out already: then nothing is written, and ``None`` returned."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_mail SET state = %s, send_at = %s, sent_at = %s, error = %s "
            "WHERE id = %s AND (state = 'waiting' OR %s = 'sent') RETURNING message_id",
            [state, send_at, sent_at, error, letter.id, state],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _close(server: Any) -> None:
    try:
        server.close()
    except Exception as problem:
        _log.info("mail_server_not_closed", problem=type(problem).__name__)
