"""Mails to leads in nurture: written in the transaction that decided on them, for `dibs.delivery.mailing` to send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import parseaddr
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from dibs.delivery import mailing, unsubscribing
from dibs.delivery.mailing import Done
from dibs.distribution import policies
from dibs.distribution.reading import Row, lead_facts
from dibs.engine import letters
from dibs.engine.decision import Mailed
from dibs.engine.facts import LeadFacts
from dibs.engine.letters import Written
from dibs.engine.policy_nurture import Nurture
from dibs.people.bulk import insert_rows
from dibs.people.tenancy import new_id

#: The job that sends what waits, by the name that it has in the queue.
JOB = "send_mails"

_COLUMNS = (
    "id", "workspace_id", "lead_id", "sequence", "step", "began_at", "mail", "language", "sender", "address", "subject", "text",
    "state", "at", "send_at", "attempts", "error", "message_id",
)  # fmt: skip


def sender_of(nurture: Nurture) -> str:
    """From whom mails are, as a header has it: ``Aiko of Dibs <aiko@dibs.example>``."""
    return letters.one_line(nurture.sender or settings.DEFAULT_FROM_EMAIL)


def letter_to(
    nurture: Nurture, mail: str, lead: LeadFacts, *, unsubscribe: str, language: str | None = None
) -> Written:
    """A mail as this lead gets it, in its own language or another of the mail's."""
    called, box = parseaddr(sender_of(nurture))
    letter = language if language in nurture.mails[mail] else letters.language_for(nurture, mail, lead)
    return letters.written(nurture, mail, letter, lead, sender=called or box, unsubscribe=unsubscribe)


def keep_mails(workspace_id: UUID, nurture: Nurture, mailed: Sequence[tuple[Row, Mailed]], now: datetime) -> None:
    """Keep the mails that these leads are to get, in the caller's transaction, and have them sent once it commits. The rows are the leads
    as they were before."""
    if not mailed:
        return
    began = _began(workspace_id, [row for row, answer in mailed if answer.step > 1])
    sender = sender_of(nurture)
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    rows = []
    for row, answer in mailed:
        mail_id = new_id()
        link = unsubscribing.address(workspace_id, row["id"], row["email"])
        letter = letter_to(nurture, answer.mail, lead_facts(row), unsubscribe=link)
        since = began.get(row["id"]) or row["mailed_at"] or now
        rows.append(
            (
                mail_id, workspace_id, row["id"], row["sequence"], answer.step, since, answer.mail, letter.language, sender,
                row["email"], letter.subject, letter.text, "waiting", now, now, 0, "", f"<{mail_id}@{domain}>",
            )
        )  # fmt: skip
    insert_rows("delivery_mail", _COLUMNS, rows)
    transaction.on_commit(send_soon, robust=True)


def send_soon() -> None:
    """Have what waits sent; if this fails, the job that comes every minute does it."""
    with suppress(AlreadyEnqueued):
        app.configure_task(JOB, queueing_lock=JOB).defer(timestamp=0)


def send(workspace_id: UUID, clock: Callable[[], datetime]) -> Done:
    """Send what waits, by what the policy in force says of who may be written to. Without a policy nothing is sent."""
    active = policies.active(workspace_id)
    return mailing.send_waiting(workspace_id, active.book.policy.nurture, clock) if active else Done()


def _began(workspace_id: UUID, rows: Sequence[Row]) -> dict[UUID, datetime]:
    """When these leads came into the sequences they are in, as the last mail they got there says."""
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (mail.lead_id) mail.lead_id, mail.began_at FROM delivery_mail mail
            JOIN unnest(%s::uuid[], %s::text[], %s::smallint[]) AS got(lead_id, sequence, step) USING (lead_id, sequence, step)
            WHERE mail.workspace_id = %s ORDER BY mail.lead_id, mail.at DESC
            """,
            [*([row[name] for row in rows] for name in ("id", "sequence", "mailed")), workspace_id],
        )
        return dict(cursor.fetchall())
