"""Erasing one person from everything, and telling how much that was.

Two steps, so that no lead stays locked while all texts are looked through: first what others wrote of the person is taken out of their
rows, a table at a time, each in a transaction of its own, so that one that is broken off is simply begun again; then, in one
transaction, the person's leads are locked and looked for once more, the open ones ended, and everything that is theirs goes
(`dibs.intake.whereabouts`). What comes in for a locked lead meanwhile waits, and then finds nobody: it is of somebody new. Mails that were
laid down as files go once that is committed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from dibs.crm import do_not_contact
from dibs.delivery import mail_files
from dibs.delivery.models import Mail
from dibs.delivery.outbox import post
from dibs.distribution import forgetting
from dibs.engine.forgetting import without_person
from dibs.intake import mentions
from dibs.intake.mentions import look_through, table_of, take_out, text_columns, whose
from dibs.intake.models import Erasure
from dibs.intake.persons import Asked, Person, again, entries_apart, find, of_leads, own_texts, told_apart
from dibs.intake.whereabouts import MENTIONS, OWN, Own
from dibs.people.caller import Caller
from dibs.people.tenancy import enter, new_id

_log = structlog.get_logger()

#: Written by those whose requests are being answered just now: looked through once more when the leads are locked.
_FRESH = (
    "api.KeyedWrite",
    "intake.ImportRefusal",
    "delivery.Outbox",
    "delivery.Notice",
    "procrastinate.ProcrastinateJob",
)


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done: how many leads, how many of them were open, and how many rows, by what they are called."""

    erasure: UUID
    leads: int
    ended: int
    rows: Mapping[str, int] = field(default_factory=dict)
    listed: bool = False


def erase(caller: Caller, asked: Asked, now: datetime, *, listed: bool = True, why: str = "asked") -> Erased | None:
    """Erase who is asked for, everywhere. ``listed``: put them on the list of those who must not be contacted, so that nobody writes to
    them should they come in again. ``None``: nothing is known of them.

    Call it outside a transaction. Broken off, it is done anew by calling it again. ``why``: see `Erasure`.
    """
    enter(caller.workspace_id)
    person = find(caller.workspace_id, asked)
    texts = told_apart(caller.workspace_id, person)
    said = mentions.forget(caller.workspace_id, texts, person)
    done = _forget(caller, person, texts, said, now, listed=listed, why=why)
    return done if done.rows else None


def erase_leads(caller: Caller, leads: Sequence[UUID], now: datetime, *, why: str, into: UUID | None = None) -> Erased:
    """Erase the people of these leads from the leads and what belongs to them alone: for leads whose time is over. Other leads of the same
    people, and what others wrote, are left: theirs is not over. ``into``: the line in the log that this is added to."""
    enter(caller.workspace_id)
    person = of_leads(caller.workspace_id, leads)
    return _forget(caller, person, (), 0, now, listed=False, why=why, alone=True, into=into)


def _forget(
    caller: Caller,
    person: Person,
    texts: Sequence[str],
    said: int,
    now: datetime,
    *,
    listed: bool,
    why: str,
    alone: bool = False,
    into: UUID | None = None,
) -> Erased:
    workspace_id = caller.workspace_id
    with transaction.atomic():
        # Read.
        rows = forgetting.lock(workspace_id, person.ids("lead"))
        if not alone:
            while len(again(workspace_id, person).leads) > len(rows):
                rows |= forgetting.lock(workspace_id, set(person.leads) - set(rows))
        entries = person.entries()
        refused = entries_apart(workspace_id, person) if listed else ()

        # Write.
        ended = forgetting.end_and_blank(caller, rows, now, why=why, listed=listed)
        mails = Mail.objects.filter(workspace_id=workspace_id, lead_id__in=list(rows)).exclude(message_id="")
        laid_down = list(mails.values_list("message_id", flat=True))
        if laid_down:
            transaction.on_commit(partial(_take_mails_away, laid_down))
        counts = {"mentions": said} if said else {}
        for own in OWN:
            if (count := _forget_own(workspace_id, own, person, now)) > 0:
                counts[own.called] = counts.get(own.called, 0) + count
        for own in OWN:
            _look_through_own(workspace_id, own, person)
        for model in _FRESH:
            if texts and (count := look_through(workspace_id, model, MENTIONS[model], texts, person)):
                counts["mentions"] = counts.get("mentions", 0) + count
        was_listed = do_not_contact.forget_shown(workspace_id, entries) if entries and not alone else 0
        if was_listed:
            counts["do_not_contact"] = was_listed
        erasure = into or new_id()
        if not counts:
            return Erased(erasure, 0, 0)
        if refused:
            do_not_contact.add(workspace_id, refused, why="erased", now=now, by=caller.actor)
            do_not_contact.forget_shown(workspace_id, refused)
        _note(caller, erasure, now, why, len(rows), counts, bool(refused))
        told = {"erasure": str(erasure), "leads": [str(lead) for lead in sorted(rows)], "why": why}
        post(workspace_id, [("person.erased", None, told)], now)
    return Erased(erasure, len(rows), ended, counts, bool(refused))


def _take_mails_away(message_ids: Sequence[str]) -> None:
    """Remove what was laid down of these mails, now that nobody can bring the person back. A process that ends before, or a folder that
    can't be written to just now, leaves it to the job that looks every hour (`dibs.delivery.mailing.take_away_erased`)."""
    try:
        mail_files.take_away(message_ids)
    except OSError as problem:
        _log.error("mail_files_stay", problem=problem.strerror, folder=settings.EMAIL_FILE_PATH)


def _note(
    caller: Caller, erasure: UUID, now: datetime, why: str, leads: int, counts: Mapping[str, int], listed: bool
) -> None:
    """Write it into the log, or add it to a line that is there."""
    line, new = Erasure.objects.get_or_create(
        id=erasure,
        workspace_id=caller.workspace_id,
        defaults={"at": now, "why": why, "by_id": caller.actor, "leads": leads, "rows": counts, "listed": listed},
    )
    if not new:
        line.leads += leads
        line.rows = {name: line.rows.get(name, 0) + counts.get(name, 0) for name in {**line.rows, **counts}}
        line.save(update_fields=["leads", "rows"])


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log of erasures; ``by`` is a name."""

    id: UUID
    at: datetime
    why: str
    by: str | None
    leads: int
    rows: Mapping[str, int]
    listed: bool


def log(workspace_id: UUID, *, before: UUID | None = None, limit: int = 50) -> list[Line] | None:
    """The latest erasures, newest first, or those ``before`` one of them; ``None`` if there is none such."""
    lines = Erasure.objects.filter(workspace_id=workspace_id).select_related("by")
    if before is not None:
        last = lines.filter(id=before).first()
        if last is None:
            return None
        lines = lines.filter(Q(at__lt=last.at) | Q(at=last.at, id__lt=last.id))
    return [
        Line(line.id, line.at, line.why, line.by.name if line.by else None, line.leads, line.rows, line.listed)
        for line in lines.order_by("-at", "-id")[:limit]
    ]


def count(workspace_id: UUID, person: Person) -> dict[str, int]:
    """How many rows there are of somebody, by what they are called; with ``mentions``, rows of others in which they are mentioned.
    Nothing is written."""
    enter(workspace_id)
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        for own in OWN:
            where, params = whose(own, person)
            cursor.execute(
                f"SELECT count(*) FROM {table_of(own.model)} WHERE workspace_id = %(workspace)s AND ({where})",
                {**params, "workspace": workspace_id},
            )
            if found := cursor.fetchone()[0]:
                counts[own.called] = found
    texts = told_apart(workspace_id, person)
    mentioned = sum(
        look_through(workspace_id, name, columns, texts, person, tell=True) for name, columns in MENTIONS.items()
    )
    if mentioned > 0:
        counts["mentions"] = mentioned
    return counts


# -- what is theirs ---------------------------------------------------------------------------------------------------


def _forget_own(workspace_id: UUID, own: Own, person: Person, now: datetime) -> int:
    """Let the rows go, or what they say; returns how many rows that were."""
    where, params = whose(own, person)
    params |= {"workspace": workspace_id, "now": now, "accounts": person.ids("account")}
    table, these = table_of(own.model), f"workspace_id = %(workspace)s AND ({where})"
    touched = 0
    with connection.cursor() as cursor:
        if own.model == "crm.Account" and params["accounts"]:
            cursor.execute(
                "UPDATE crm_lead SET account_id = NULL WHERE workspace_id = %(workspace)s AND account_id = ANY(%(accounts)s)",
                params,
            )
        if own.model == "crm.Lead":
            return len(person.leads)
        if own.gone:
            cursor.execute(f"DELETE FROM {table} WHERE {these} AND ({own.gone})", params)
            touched += cursor.rowcount
        if own.blank:
            changes = ", ".join(f"{column} = {value}" for column, value in own.blank.items())
            cursor.execute(f"UPDATE {table} SET {changes} WHERE {these}", params)
            touched += cursor.rowcount
        for column in own.stripped:
            cursor.execute(f"SELECT id, {column}::text FROM {table} WHERE {these}", params)
            stripped = [
                (row, json.dumps(without_person(json.loads(text)), ensure_ascii=False))
                for row, text in cursor.fetchall()
            ]
            cursor.executemany(
                f"UPDATE {table} SET {column} = %s WHERE id = %s", [(text, row) for row, text in stripped]
            )
            touched += len(stripped)
        if not own.gone and not own.blank and not own.stripped:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {these}", params)
            touched = cursor.fetchone()[0]
    return touched


def _look_through_own(workspace_id: UUID, own: Own, person: Person) -> None:
    """Take the person's name, addresses and numbers out of every text that stays in their rows."""
    columns = text_columns(own.model)
    texts = own_texts(workspace_id, person)
    if own.gone == "true" or not columns or not texts:
        return
    where, params = whose(own, person)
    take_out(workspace_id, own.model, columns, texts, where, params)
