"""What is written down of a lead on its page, and planned for it: notes, activities, appointments, when to look at it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from dibs.distribution import acting, activities, appointments, follow_ups, notes
from dibs.engine.lifecycle import HELD
from dibs.insight import calendar_file, work
from dibs.insight.sight import SeenLead, lead_in_sight
from dibs.people.access import Action
from dibs.web.forms import Unfit, once_in
from dibs.web.visit import Visit, page

#: Moments that a form can name.
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

#: How long appointments last, to choose among, in minutes.
MINUTES = (15, 30, 45, 60, 90, 120, 180, 240, 480)

_ROUND = timedelta(minutes=30)

Does = Callable[[Visit, UUID, Mapping[str, str]], acting.Answer]


def may_write(visit: Visit, seen: SeenLead) -> bool:
    """Whether the visitor may write of this lead: who has it or had it last, helps with it, or leads where it is."""
    if not visit.caller.may(Action.WORK_LEADS) or seen.level != "full" or seen["state"] == "merged":
        return False
    return visit.has(seen) or visit.may_assign(seen) or seen["id"] in visit.eyes.helps


def to_do_part(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    """What is ahead with the lead, and the forms to plan more of it."""
    may = may_write(visit, seen)
    planned = [each for each in work.activities_of(visit.caller, seen) if each.done_at is None]
    ahead = [
        each
        for each in reversed(work.appointments_of(visit.caller, seen))
        if each.cancelled_at is None and each.ends_at > visit.now
    ]
    follow_up = seen.get("follow_up_at") if seen["state"] in HELD else None
    if not (may or planned or ahead or follow_up):
        return None
    soon = _rounded_up(visit.now)
    return {
        "may": may,
        "planned": planned,
        "ahead": [
            (each, local(each.starts_at), int((each.ends_at - each.starts_at).total_seconds() // 60)) for each in ahead
        ],
        "follow_up": follow_up,
        "may_follow_up": may and seen["state"] in HELD,
        "all_kinds": activities.KINDS,
        "outcomes": activities.OUTCOMES,
        "minutes": MINUTES,
        "soon": local(soon),
        "tomorrow": local(tomorrow_morning(visit)),
    }


def notes_part(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    may, written = may_write(visit, seen), work.notes_of(visit.caller, seen)
    return {"may": may, "notes": written} if may or written else None


def sent_part(visit: Visit, seen: SeenLead) -> Mapping[str, Any] | None:
    """What its person was sent, so that who speaks with them knows."""
    sent = work.sent_to(visit.caller, seen)
    return {"sent": [(each, each.url.startswith(("https://", "http://"))) for each in sent]} if sent else None


@require_GET
@page(Action.SEE_LEADS)
def appointment_file(visit: Visit, appointment_id: UUID) -> HttpResponse:
    """The appointment, to be kept in a calendar."""
    meeting = work.appointment_of(visit.caller, appointment_id)
    seen = lead_in_sight(visit.caller, meeting.lead, visit.now) if meeting is not None else None
    if meeting is None or seen is None or seen.level != "full":
        raise Http404
    return HttpResponse(
        calendar_file.ics(visit.caller, meeting, visit.now),
        content_type=calendar_file.MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{calendar_file.name_of(meeting)}"'},
    )


# -- what the forms do


def _note(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    return _fit(_("A note has a text, of 5,000 characters at most."), lambda: notes.write_note(visit.caller, lead, form.get("text", ""), visit.now, new=once_in(visit, lead, form)))  # fmt: skip


def _change_note(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    which, text = _which(form), form.get("text")
    pinned = {"yes": True, "no": False}.get(form.get("pinned", ""))
    return _fit(
        _("A note has a text, of 5,000 characters at most."),
        lambda: notes.change_note(visit.caller, which, visit.now, text=text, pinned=pinned),
    )


def _delete_note(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    return _fit("", partial(notes.delete_note, visit.caller, _which(form), visit.now))


def _plan(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    """For a moment; without one it was done just now."""
    kind, text = form.get("kind", ""), form.get("text", "")
    unfit = _("Say what is to be done.")
    new = once_in(visit, lead, form)
    if not form.get("at", "").strip():
        return _fit(
            unfit, lambda: activities.log_activity(visit.caller, lead, visit.now, kind=kind, text=text, new=new)
        )
    at = moment(visit, form.get("at", ""))
    return _fit(
        unfit,
        lambda: activities.plan_activity(visit.caller, lead, visit.now, kind=kind, due_at=at, text=text, new=new),
    )


def _activity_done(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    outcome, text = form.get("outcome", ""), form.get("text", "").strip() or None
    return _fit(
        _("Say what came of it."),
        lambda: activities.finish_activity(visit.caller, _which(form), visit.now, outcome=outcome, text=text),
    )


def _drop_activity(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    return _fit("", partial(activities.drop_activity, visit.caller, _which(form), visit.now))


def _appoint(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    starts, ends = _span(visit, form)
    return _fit(
        _("An appointment has a title."),
        lambda: appointments.make_appointment(
            visit.caller,
            lead,
            visit.now,
            title=form.get("title", ""),
            starts_at=starts,
            ends_at=ends,
            place=form.get("place", ""),
            text=form.get("text", ""),
            new=once_in(visit, lead, form),
        ),
    )


def _change_appointment(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    starts, ends = _span(visit, form)
    return _fit(
        _("An appointment has a title."),
        lambda: appointments.change_appointment(
            visit.caller,
            _which(form),
            visit.now,
            title=form.get("title"),
            starts_at=starts,
            ends_at=ends,
            place=form.get("place"),
            text=form.get("text"),
        ),
    )


def _cancel_appointment(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    return _fit("", partial(appointments.cancel_appointment, visit.caller, _which(form), visit.now))


def _follow_up(visit: Visit, lead: UUID, form: Mapping[str, str]) -> acting.Answer:
    at = None if form.get("clear") else moment(visit, form.get("at", ""))
    return follow_ups.follow_up(visit.caller, lead, at, visit.now)


#: What the forms post to, and what is done then.
DOES: Mapping[str, Does] = {
    "note": _note,
    "change-note": _change_note,
    "delete-note": _delete_note,
    "plan": _plan,
    "activity-done": _activity_done,
    "drop-activity": _drop_activity,
    "appoint": _appoint,
    "change-appointment": _change_appointment,
    "cancel-appointment": _cancel_appointment,
    "follow-up": _follow_up,
}


def moment(visit: Visit, given: str) -> datetime:
    """A moment as an input of type ``datetime-local`` gives it, in the visitor's zone. Raises `Unfit`."""
    try:
        at = datetime.fromisoformat(given.strip())
        at = at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(visit.timezone))
        if _FIRST <= at < _LAST:
            return at
    except (ValueError, OverflowError):
        pass
    raise Unfit(_("That is no moment. Write it like 2026-03-31 09:00."))


def local(at: datetime) -> str:
    """As an input of type ``datetime-local`` has it."""
    return localtime(at).strftime("%Y-%m-%dT%H:%M")


def _span(visit: Visit, form: Mapping[str, str]) -> tuple[datetime, datetime]:
    starts = moment(visit, form.get("at", ""))
    minutes = form.get("minutes", "")
    if not (minutes.isascii() and minutes.isdigit() and 0 < int(minutes[:6]) <= 7 * 24 * 60):
        raise Unfit(_("Say how long it lasts."))
    return starts, starts + timedelta(minutes=int(minutes))


def _which(form: Mapping[str, str]) -> UUID:
    try:
        return UUID(form.get("id", ""))
    except ValueError:
        raise Unfit(_("That is not here any more.")) from None


def _fit(unfit: str, do: Callable[[], acting.Answer]) -> acting.Answer:
    try:
        return do()
    except ValueError:
        raise Unfit(unfit) from None
    except LookupError:
        raise Unfit(_("That is not here any more.")) from None


def _rounded_up(at: datetime) -> datetime:
    return at + (-(at - _FIRST) % _ROUND)


def tomorrow_morning(visit: Visit) -> datetime:
    """Nine in the visitor's next morning."""
    here = visit.now.astimezone(ZoneInfo(visit.timezone)) + timedelta(days=1)
    return here.replace(hour=9, minute=0, second=0, microsecond=0)
