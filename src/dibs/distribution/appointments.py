"""Meetings with the person of a lead. While one lasts its rep is busy, and is pushed nothing that is not to wait (see ``hours``)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F

from dibs.crm.models import Appointment
from dibs.distribution import acting
from dibs.distribution.merged_into import kept_lead
from dibs.distribution.scene import Answer, Scene, act
from dibs.engine.decision import Reason, Refusal
from dibs.people.caller import Caller
from dibs.people.tenancy import enter, new_id

#: The longest meeting: what asks whether a rep is busy looks back no further.
LONGEST = timedelta(days=7)

#: The longest title, place and text, in characters.
_WIDTHS = {"title": 300, "place": 500, "text": 5_000}


def make_appointment(
    caller: Caller,
    lead_id: UUID,
    now: datetime,
    *,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    place: str = "",
    text: str = "",
    new: UUID | None = None,
) -> Answer:
    """A meeting for who has the lead, else for the rep who makes it; ``new`` is to be its id: there already, it is not made
    twice. Raises `ValueError` where it has no title, no length, or more than `LONGEST`."""
    said = _words(title=title, place=place, text=text)
    _span(starts_at, ends_at)

    def decide(scene: Scene) -> Refusal | None:
        rep = scene.held_by or caller.rep_id
        if rep is None:
            return Refusal((Reason("nobodys"),), remedy=Reason("choose_another"))
        if new is not None and Appointment.objects.filter(id=new).exists():
            return None
        Appointment.objects.create(
            id=new or new_id(),
            workspace_id=caller.workspace_id,
            lead_id=lead_id,
            opportunity_id=acting.opportunity_of(scene),
            rep_id=rep,
            starts_at=starts_at,
            ends_at=ends_at,
            created_at=now,
            **said,
        )
        return None

    return act(caller, lead_id, now, decide, kind="noted", claim=None)


def change_appointment(
    caller: Caller,
    appointment_id: UUID,
    now: datetime,
    *,
    title: str | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    place: str | None = None,
    text: str | None = None,
) -> Answer:
    """Another time, place or title; ``None``: as it is. Where only the beginning moves, the end moves along. It is then of who has the
    lead now. Raises `LookupError` where there is no such appointment, `ValueError` as `make_appointment`."""
    meeting = _appointment(caller, appointment_id)
    starts = starts_at or meeting.starts_at
    ends = ends_at or (starts + (meeting.ends_at - meeting.starts_at) if starts_at else meeting.ends_at)
    _span(starts, ends)
    said = _words(
        title=meeting.title if title is None else title,
        place=meeting.place if place is None else place,
        text=meeting.text if text is None else text,
    )

    def decide(scene: Scene) -> Refusal | None:
        changed = Appointment.objects.filter(id=meeting.id, cancelled_at__isnull=True).update(
            starts_at=starts, ends_at=ends, rep_id=scene.held_by or meeting.rep_id, sequence=F("sequence") + 1, **said
        )
        return None if changed else Refusal((Reason("is_cancelled"),), remedy=Reason("choose_another"))

    return act(caller, _lead_of(meeting), now, decide, kind="noted", claim=None)


def cancel_appointment(caller: Caller, appointment_id: UUID, now: datetime) -> Answer:
    """It does not take place. Cancelled already, nothing changes. Raises `LookupError` where there is no such appointment."""
    meeting = _appointment(caller, appointment_id)

    def decide(scene: Scene) -> None:
        Appointment.objects.filter(id=meeting.id, cancelled_at__isnull=True).update(
            cancelled_at=now, sequence=F("sequence") + 1
        )

    return act(caller, _lead_of(meeting), now, decide, kind="noted", claim=None)


def _appointment(caller: Caller, appointment_id: UUID) -> Appointment:
    enter(caller.workspace_id)
    found = Appointment.objects.filter(workspace_id=caller.workspace_id, id=appointment_id, lead__isnull=False).first()
    if found is None:
        raise LookupError(appointment_id)
    return found


def _lead_of(meeting: Appointment) -> UUID:
    """The lead that it is told with."""
    assert meeting.lead_id is not None
    return kept_lead(meeting.workspace_id, meeting.lead_id)


def _span(starts_at: datetime, ends_at: datetime) -> None:
    if not timedelta() < ends_at - starts_at <= LONGEST:
        raise ValueError(f"a meeting ends after it begins, and lasts {LONGEST.days} days at most")


def _words(**given: str) -> dict[str, str]:
    said = {name: value.replace("\0", "").strip() for name, value in given.items()}
    for name, value in said.items():
        if len(value) > _WIDTHS[name]:
            raise ValueError(f"{name} has {_WIDTHS[name]} characters at most")
    if not said["title"]:
        raise ValueError("a meeting has a title")
    return said
