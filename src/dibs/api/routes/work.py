"""What is written down of a lead, and planned for it: notes, activities, appointments, follow-ups; and what its person was sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.timezone import now
from ninja import Query, Router

from dibs.api import answers
from dibs.api.documentation import ACT_ANSWERS, reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem, refused
from dibs.api.routes.acts import act_on, id_in
from dibs.api.shapes import Problem as ProblemOut
from dibs.api.shapes_of_work import (
    ActivityChange,
    ActivityIn,
    ActivityList,
    ActivityOut,
    AppointmentChange,
    AppointmentIn,
    AppointmentList,
    AppointmentOut,
    FollowUpIn,
    NoteChange,
    NoteIn,
    NoteList,
    NoteOut,
    Paged,
    SentIn,
    SentKept,
    SentList,
)
from dibs.api.tokens import Request, Token, check_query
from dibs.distribution import acting, activities, appointments, follow_ups, notes
from dibs.insight import calendar_file, work
from dibs.insight.sight import SeenLead, lead_in_sight, may_know_of
from dibs.intake.sent import Report, report_sent
from dibs.people.access import Action
from dibs.people.caller import Caller
from dibs.people.tenancy import enter, new_id

router = Router(tags=["work"])

_SEE = Token(Action.SEE_LEADS)
_WORK = Token(Action.WORK_LEADS)
_CONFLICT = {409: ProblemOut}


@router.get("/leads/{lead_id}/notes", auth=_SEE, response=reads(NoteList), summary="List a lead's notes")
def list_notes(request: Request, lead_id: str, wanted: Query[Paged]) -> HttpResponse:
    """Those on top first, then the newest. None, of a lead that the caller sees masked."""
    return _listed(request, lead_id, "note", wanted)


@router.post("/leads/{lead_id}/notes", auth=_WORK, response=writes({201: NoteOut}) | _CONFLICT, summary="Write a note")
def write_note(request: Request, lead_id: str, body: NoteIn) -> HttpResponse:
    """For who has the lead or had it last, helps with it, or leads where it is."""
    new = new_id()
    return _written(
        request,
        id_in(lead_id),
        lambda caller, lead, at: notes.write_note(caller, lead, body.text, at, pinned=body.pinned, new=new),
        lambda caller, seen: work.one_of(caller, seen, "note", new),
        201,
    )


@router.patch("/notes/{note_id}", auth=_WORK, response=writes({200: NoteOut}) | _CONFLICT, summary="Change a note")
def change_note(request: Request, note_id: str, body: NoteChange) -> HttpResponse:
    """Its text for who wrote it; put on top by all who may write here."""
    which = id_in(note_id)
    return _written(
        request,
        _lead_with(request, "note", which),
        lambda caller, lead, at: notes.change_note(caller, which, at, text=body.text, pinned=body.pinned),
        lambda caller, seen: work.one_of(caller, seen, "note", which),
    )


@router.delete("/notes/{note_id}", auth=_WORK, response=writes({204: None}), summary="Take a note back")
def delete_note(request: Request, note_id: str) -> HttpResponse:
    """For who wrote it."""
    which = id_in(note_id)
    return _written(
        request, _lead_with(request, "note", which), lambda caller, lead, at: notes.delete_note(caller, which, at)
    )


@router.get(
    "/leads/{lead_id}/activities", auth=_SEE, response=reads(ActivityList), summary="List what is done with a lead"
)
def list_activities(request: Request, lead_id: str, wanted: Query[Paged]) -> HttpResponse:
    """What is planned and what was done. None, of a lead that the caller sees masked."""
    return _listed(request, lead_id, "activity", wanted)


@router.post(
    "/leads/{lead_id}/activities",
    auth=_WORK,
    response=writes({201: ActivityOut}) | _CONFLICT,
    summary="Log or plan an activity",
)
def log_activity(request: Request, lead_id: str, body: ActivityIn) -> HttpResponse:
    """A call, mail, meeting or message that was done, by who has the lead or helps with it, is a contact: it stops the clock."""
    new = new_id()

    def do(caller: Caller, lead: UUID, at: datetime) -> acting.Answer:
        if body.due_at is not None:
            return activities.plan_activity(
                caller, lead, at, kind=body.kind, due_at=body.due_at, text=body.text, new=new
            )
        return activities.log_activity(
            caller, lead, at, kind=body.kind, text=body.text, outcome=body.outcome, claim=body.claim, new=new
        )

    return _written(request, id_in(lead_id), do, lambda caller, seen: work.one_of(caller, seen, "activity", new), 201)


@router.patch(
    "/activities/{activity_id}",
    auth=_WORK,
    response=writes({200: ActivityOut}) | _CONFLICT,
    summary="Change what is planned, or say that it was done",
)
def change_activity(request: Request, activity_id: str, body: ActivityChange) -> HttpResponse:
    """What was done stays as it was: 409 (`already_done`)."""
    which = id_in(activity_id)

    def do(caller: Caller, lead: UUID, at: datetime) -> acting.Answer:
        if body.done:
            return activities.finish_activity(caller, which, at, outcome=body.outcome, text=body.text)
        return activities.change_activity(caller, which, at, kind=body.kind, due_at=body.due_at, text=body.text)

    return _written(
        request,
        _lead_with(request, "activity", which),
        do,
        lambda caller, seen: work.one_of(caller, seen, "activity", which),
    )


@router.delete(
    "/activities/{activity_id}",
    auth=_WORK,
    response=writes({204: None}) | _CONFLICT,
    summary="Drop what was planned",
)
def drop_activity(request: Request, activity_id: str) -> HttpResponse:
    which = id_in(activity_id)
    return _written(
        request,
        _lead_with(request, "activity", which),
        lambda caller, lead, at: activities.drop_activity(caller, which, at),
    )


@router.get(
    "/leads/{lead_id}/appointments", auth=_SEE, response=reads(AppointmentList), summary="List a lead's appointments"
)
def list_appointments(request: Request, lead_id: str, wanted: Query[Paged]) -> HttpResponse:
    """None, of a lead that the caller sees masked."""
    return _listed(request, lead_id, "appointment", wanted)


@router.post(
    "/leads/{lead_id}/appointments",
    auth=_WORK,
    response=writes({201: AppointmentOut}) | _CONFLICT,
    summary="Make an appointment",
)
def make_appointment(request: Request, lead_id: str, body: AppointmentIn) -> HttpResponse:
    """For the rep who has the lead, else for the caller. While it lasts the rep is busy."""
    new = new_id()
    return _written(
        request,
        id_in(lead_id),
        lambda caller, lead, at: appointments.make_appointment(caller, lead, at, new=new, **body.model_dump()),
        lambda caller, seen: work.one_of(caller, seen, "appointment", new),
        201,
    )


@router.get(
    "/appointments/{appointment_id}.ics",
    auth=_SEE,
    response=reads(None),
    summary="Download an appointment for a calendar",
)
def appointment_file(request: Request, appointment_id: str) -> HttpResponse:
    """As iCalendar (`text/calendar`): downloaded again after a change, it replaces the one before."""
    caller = request.auth
    at = now()
    enter(caller.workspace_id)
    meeting = work.appointment_of(caller, id_in(appointment_id))
    seen = lead_in_sight(caller, meeting.lead, at) if meeting is not None else None
    if meeting is None or seen is None or seen.level != "full":
        raise Problem("not_found")
    return HttpResponse(
        calendar_file.ics(caller, meeting, at),
        content_type=calendar_file.MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{calendar_file.name_of(meeting)}"'},
    )


@router.patch(
    "/appointments/{appointment_id}",
    auth=_WORK,
    response=writes({200: AppointmentOut}) | _CONFLICT,
    summary="Change an appointment",
)
def change_appointment(request: Request, appointment_id: str, body: AppointmentChange) -> HttpResponse:
    """It is then of the rep who has the lead now. A cancelled one stays as it was: 409 (`is_cancelled`)."""
    which = id_in(appointment_id)
    return _written(
        request,
        _lead_of_meeting(request, which),
        lambda caller, lead, at: appointments.change_appointment(
            caller, which, at, **body.model_dump(exclude_unset=True)
        ),
        lambda caller, seen: work.one_of(caller, seen, "appointment", which),
    )


@router.delete(
    "/appointments/{appointment_id}",
    auth=_WORK,
    response=writes({200: AppointmentOut}),
    summary="Cancel an appointment",
)
def cancel_appointment(request: Request, appointment_id: str) -> HttpResponse:
    which = id_in(appointment_id)
    return _written(
        request,
        _lead_of_meeting(request, which),
        lambda caller, lead, at: appointments.cancel_appointment(caller, which, at),
        lambda caller, seen: work.one_of(caller, seen, "appointment", which),
    )


@router.put(
    "/leads/{lead_id}/follow-up", auth=_WORK, response=ACT_ANSWERS, summary="Say when a lead is to be looked at again"
)
def set_follow_up(request: Request, lead_id: str, body: FollowUpIn) -> HttpResponse:
    """Who has the lead then is told. No clock that runs on it stops for that."""
    return act_on(request, lead_id, lambda caller, lead, at: follow_ups.follow_up(caller, lead, body.at, at))


@router.get("/leads/{lead_id}/sent", auth=_SEE, response=reads(SentList), summary="List what a lead's person was sent")
def list_sent(request: Request, lead_id: str, wanted: Query[Paged]) -> HttpResponse:
    """Mails of sequences, what other systems report, what its campaign sent. Nothing, of a lead that the caller sees masked."""
    return _listed(request, lead_id, "sent", wanted)


@router.post(
    "/leads/{lead_id}/sent",
    auth=Token(Action.SEND_LEADS),
    response=writes({200: SentKept, 201: SentKept}),
    summary="Report what was sent to a lead's person",
)
def report(request: Request, lead_id: str, body: SentIn) -> HttpResponse:
    """For the system that sends it. 200: it was known already."""
    caller = request.auth
    lead, at = id_in(lead_id), now()

    def write() -> HttpResponse:
        try:
            new = report_sent(caller.workspace_id, lead, Report(**body.model_dump()))
        except ValueError as unfit:
            raise Problem("invalid", f"{unfit}.") from None
        except LookupError:
            raise Problem("invalid", "There is no such piece of a campaign.") from None
        if new is None:
            raise Problem("not_found")
        return answers.answer({"new": new}, 201 if new else 200)

    return once(request, caller, at, write)


def _listed(request: Request, lead_id: str, what: work.What, wanted: Paged) -> HttpResponse:
    check_query(request, Paged)
    caller = request.auth
    seen = lead_in_sight(caller, id_in(lead_id), now())
    if seen is None:
        raise Problem("not_found")
    return answers.page(work.page_of(caller, seen, what, cursor=wanted.cursor, limit=wanted.limit), asdict)


def _written(
    request: Request,
    lead: UUID,
    do: Callable[[Caller, UUID, datetime], acting.Answer],
    show: Callable[[Caller, SeenLead], Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Do this to what belongs to a lead that the caller may know of, and answer with what ``show`` finds then; nothing: 204."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        if not may_know_of(caller, lead, at):
            raise Problem("not_found")
        try:
            done = do(caller, lead, at)
        except ValueError as unfit:
            raise Problem("invalid", f"{unfit}.") from None
        except LookupError:
            raise Problem("not_found") from None
        if done is None:
            raise Problem("not_found")
        if isinstance(done, acting.Refused):
            return refused(done.refusal, caller)
        if show is None:
            return HttpResponse(status=204)
        seen = lead_in_sight(caller, lead, at)
        shown = show(caller, seen) if seen is not None else None
        if shown is None:
            raise Problem("not_found")
        return answers.answer(asdict(shown), status)

    return once(request, caller, at, write)


def _lead_with(request: Request, what: Any, which: UUID) -> UUID:
    caller = request.auth
    enter(caller.workspace_id)
    lead = work.lead_with(caller, what, which)
    if lead is None:
        raise Problem("not_found")
    return lead


def _lead_of_meeting(request: Request, which: UUID) -> UUID:
    caller = request.auth
    enter(caller.workspace_id)
    meeting = work.appointment_of(caller, which)
    if meeting is None:
        raise Problem("not_found")
    return meeting.lead
