"""What was written down of a lead, planned for it and sent to its person, for who sees the lead in full.

What was written of a lead that was merged into another is told with that one: so undoing the merge needs to move nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from dibs.distribution.merged_into import kept_lead
from dibs.insight.pages import BadCursor, Page, cursor_after, last_seen
from dibs.insight.sight import SeenLead
from dibs.people.caller import Caller

#: No more than these of a kind are told of one lead in one answer.
MOST = 500

#: The lead, and those that were merged into it and still are.
_OF_LEAD = """
    WITH RECURSIVE same (id) AS (
        SELECT %(lead)s::uuid
        UNION
        SELECT merge.gone_id FROM crm_merge merge JOIN same ON merge.kept_id = same.id
        WHERE merge.workspace_id = %(workspace)s AND merge.undone_at IS NULL
    )
"""

_MEETING = """
    SELECT meeting.id, meeting.lead_id, meeting.title, meeting.place, meeting.text, meeting.starts_at, meeting.ends_at, rep.handle,
           rep.name, meeting.sequence, meeting.cancelled_at, meeting.created_at
    FROM crm_appointment meeting JOIN people_rep rep ON rep.id = meeting.rep_id
    WHERE meeting.workspace_id = %(workspace)s
"""

What = Literal["note", "activity", "appointment", "sent"]

#: What is listed of a lead, in the order of its line's fields, and how it is sorted.
_LISTS: Mapping[What, tuple[str, str]] = {
    "note": (
        """
        SELECT note.id, note.at, author.name, note.text, note.pinned, note.by_id
        FROM crm_note note LEFT JOIN people_user author ON author.id = note.by_id
        WHERE note.workspace_id = %(workspace)s AND note.lead_id IN (SELECT id FROM same)
        """,
        "pinned DESC, at DESC, id DESC",
    ),
    "activity": (
        """
        SELECT activity.id, activity.kind, activity.outcome, activity.text, activity.due_at, activity.done_at, rep.handle, author.name,
               activity.created_at
        FROM crm_activity activity LEFT JOIN people_rep rep ON rep.id = activity.rep_id
        LEFT JOIN people_user author ON author.id = activity.by_id
        WHERE activity.workspace_id = %(workspace)s AND activity.lead_id IN (SELECT id FROM same)
        """,
        "done_at IS NOT NULL, CASE WHEN done_at IS NULL THEN due_at END, done_at DESC, id DESC",
    ),
    "appointment": (
        f"{_MEETING} AND meeting.lead_id IN (SELECT id FROM same)",
        "starts_at DESC, id",
    ),
    "sent": (
        """
        SELECT mail.id, 'mail', coalesce(mail.sent_at, mail.at) AS at, mail.subject, 'mail', mail.text, '', mail.sequence, mail.state
        FROM delivery_mail mail WHERE mail.workspace_id = %(workspace)s AND mail.lead_id IN (SELECT id FROM same)
        UNION ALL
        SELECT sent.id, 'sent', sent.at, sent.title, sent.kind, sent.text, sent.url, sent.campaign, 'sent'
        FROM crm_sent sent WHERE sent.workspace_id = %(workspace)s AND sent.lead_id IN (SELECT id FROM same)
        UNION ALL
        SELECT piece.id, 'piece', piece.sent_on::timestamp AT TIME ZONE 'UTC', piece.title, piece.kind, piece.text, piece.url,
               campaign.key, 'sent'
        FROM crm_piece piece JOIN crm_campaign campaign ON campaign.id = piece.campaign_id
        WHERE piece.workspace_id = %(workspace)s
          AND campaign.key = (SELECT lead.campaign FROM crm_lead lead WHERE lead.workspace_id = %(workspace)s AND lead.id = %(lead)s)
          AND NOT EXISTS (SELECT FROM crm_sent sent WHERE sent.workspace_id = %(workspace)s
                          AND sent.piece_id = piece.id AND sent.lead_id IN (SELECT id FROM same))
        """,
        "at DESC NULLS LAST, id DESC",
    ),
}


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A note. ``by``: the name of who wrote it; ``mine``: the caller did, and may change it."""

    id: UUID
    at: datetime
    by: str | None
    text: str
    pinned: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """Something done (``done_at``) or planned for ``due_at``. ``rep``: the handle of whose it was to do; ``by``: who wrote it down."""

    id: UUID
    kind: str
    outcome: str
    text: str
    due_at: datetime | None
    done_at: datetime | None
    rep: str | None
    by: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AppointmentLine:
    """A meeting of ``rep``, a handle, and ``rep_name``. ``sequence`` counts its changes."""

    id: UUID
    lead: UUID
    title: str
    place: str
    text: str
    starts_at: datetime
    ends_at: datetime
    rep: str
    rep_name: str
    sequence: int
    cancelled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SentLine:
    """What the person of a lead was sent. ``what``: ``mail`` of a sequence, with its ``state``; ``sent``, as another system reports;
    ``piece`` of the campaign that the lead answers to, sent to all of its people."""

    what: Literal["mail", "sent", "piece"]
    at: datetime | None
    title: str
    kind: str
    text: str
    url: str
    campaign: str | None
    state: str


def notes_of(caller: Caller, seen: SeenLead) -> list[NoteLine]:
    """The lead's notes, those on top first, then the newest."""
    return [_note(caller, row) for row in _ask(caller, seen, "note")]


def activities_of(caller: Caller, seen: SeenLead) -> list[ActivityLine]:
    """What is planned with the lead, the soonest first, then what was done, the latest first."""
    return [ActivityLine(*row) for row in _ask(caller, seen, "activity")]


def appointments_of(caller: Caller, seen: SeenLead) -> list[AppointmentLine]:
    """The lead's appointments, the latest first, cancelled ones too."""
    return [AppointmentLine(*row) for row in _ask(caller, seen, "appointment")]


def sent_to(caller: Caller, seen: SeenLead) -> list[SentLine]:
    """What the lead's person was sent, the latest first."""
    return [SentLine(*row[1:]) for row in _ask(caller, seen, "sent")]


def page_of(
    caller: Caller, seen: SeenLead, what: What, *, cursor: str | None = None, limit: int = MOST
) -> Page[NoteLine | ActivityLine | AppointmentLine | SentLine]:
    """A page of any of these lists. Raises `BadCursor`, also where what the cursor stood at is gone meanwhile, or all after it."""
    question = repr(("written", str(caller.workspace_id), str(seen["id"]), what))
    rows = _ask(caller, seen, what, after=last_seen(cursor, question) if cursor else None, most=limit + 1)
    if cursor and not rows:
        raise BadCursor
    items = [_line(caller, what, row) for row in rows[:limit]]
    return Page(items, cursor_after(rows[limit - 1][0], question) if len(rows) > limit else None)


def one_of(caller: Caller, seen: SeenLead, what: Literal["note", "activity", "appointment"], which: UUID) -> Any:
    """One line of these lists; ``None``: there is none such."""
    return next((_line(caller, what, row) for row in _ask(caller, seen, what, only=which)), None)


def _note(caller: Caller, row: Sequence[Any]) -> NoteLine:
    id, at, by, text, pinned, writer = row
    return NoteLine(id, at, by, text, pinned, writer == caller.user_id)


def _line(caller: Caller, what: What, row: Sequence[Any]) -> NoteLine | ActivityLine | AppointmentLine | SentLine:
    if what == "note":
        return _note(caller, row)
    if what == "sent":
        return SentLine(*row[1:])
    return ActivityLine(*row) if what == "activity" else AppointmentLine(*row)


def appointment_of(caller: Caller, appointment_id: UUID) -> AppointmentLine | None:
    """One appointment, with the lead that it is told with; unmasked: whether the caller sees that in full is for who asks to look."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_MEETING} AND meeting.id = %(id)s AND meeting.lead_id IS NOT NULL",
            {"workspace": caller.workspace_id, "id": appointment_id},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    meeting = AppointmentLine(*row)
    return replace(meeting, lead=kept_lead(caller.workspace_id, meeting.lead))


def lead_with(caller: Caller, what: Literal["note", "activity"], which: UUID) -> UUID | None:
    """The lead that this note or activity is told with."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT lead_id FROM crm_{what} WHERE workspace_id = %s AND id = %s", [caller.workspace_id, which]
        )
        row = cursor.fetchone()
    return kept_lead(caller.workspace_id, row[0]) if row and row[0] else None


@dataclass(frozen=True, slots=True)
class Told:
    """What the story has to tell of, with its reason's code and parameters."""

    at: datetime
    kind: str
    by: str | None
    code: str
    params: Mapping[str, Any]


def written_of(caller: Caller, seen: SeenLead, contacts: frozenset[datetime]) -> list[Told]:
    """What the log of decisions does not tell. ``contacts``: when it tells of a contact, which is an activity too."""
    told = [
        Told(note.at, "noted", note.by, "noted", {"by": note.by, "note": note.text}) for note in notes_of(caller, seen)
    ]
    for done in activities_of(caller, seen):
        if done.done_at is not None and done.done_at not in contacts:
            params = {"by": done.by, "kind": done.kind, "outcome": done.outcome, "note": done.text}
            told.append(Told(done.done_at, "activity", done.by, "activity_done", params))
    for meeting in appointments_of(caller, seen):
        params = {"by": meeting.rep_name, "title": meeting.title, "at": meeting.starts_at.isoformat()}
        told.append(Told(meeting.created_at, "appointment", meeting.rep_name, "appointment_made", params))
        if meeting.cancelled_at is not None:
            told.append(Told(meeting.cancelled_at, "appointment", meeting.rep_name, "appointment_cancelled", params))
    told += [
        Told(sent.at, "sent", None, "was_sent", {"title": sent.title, "campaign": sent.campaign})
        for sent in sent_to(caller, seen)
        if sent.what == "sent" and sent.at is not None
    ]
    return told


def _ask(
    caller: Caller,
    seen: SeenLead,
    what: What,
    *,
    after: UUID | None = None,
    only: UUID | None = None,
    most: int = MOST,
) -> list[Sequence[Any]]:
    """Rows of a list, ``after`` one of them, or ``only`` that one. None, of a lead that the caller sees masked."""
    if seen.level != "full":
        return []
    select, order = _LISTS[what]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""{_OF_LEAD}, listed AS ({select}),
            placed AS (SELECT listed.*, row_number() OVER (ORDER BY {order}) AS nth FROM listed)
            SELECT placed.* FROM placed
            WHERE (%(after)s::uuid IS NULL OR placed.nth > (SELECT last.nth FROM placed last WHERE last.id = %(after)s))
              AND (%(only)s::uuid IS NULL OR placed.id = %(only)s)
            ORDER BY placed.nth LIMIT %(most)s""",
            {"lead": seen["id"], "workspace": caller.workspace_id, "after": after, "only": only, "most": most},
        )
        return [row[:-1] for row in cursor.fetchall()]
