"""An appointment as a file for calendars: iCalendar (RFC 5545), published (RFC 5546) and not sent as an invitation."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from icalendar import Alarm, Calendar, Event, vCalAddress, vText

from dibs import __version__
from dibs.insight.work import AppointmentLine
from dibs.people.caller import Caller
from dibs.people.models import Rep

MEDIA_TYPE = "text/calendar; charset=utf-8; method=PUBLISH"

#: How long before it begins a calendar reminds of it.
_BEFORE = timedelta(minutes=15)

#: What no parameter of a calendar's line may hold.
_UNFIT = re.compile(r"[\x00-\x1f\x7f\";:,]")


def ics(caller: Caller, meeting: AppointmentLine, now: datetime) -> bytes:
    """The file. The same appointment has the same name (UID) in it for ever, so that a later one takes its place in the calendar."""
    event = Event()
    event.add("uid", f"{meeting.id}@dibs")
    event.add("sequence", meeting.sequence)
    event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", meeting.starts_at.astimezone(UTC))
    event.add("dtend", meeting.ends_at.astimezone(UTC))
    event.add("summary", meeting.title)
    if meeting.place:
        event.add("location", meeting.place)
    if meeting.text:
        event.add("description", meeting.text)
    event.add("status", "CONFIRMED" if meeting.cancelled_at is None else "CANCELLED")
    event.add("transp", "OPAQUE")
    event["organizer"] = _organizer(caller, meeting)
    if meeting.cancelled_at is None:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", meeting.title)
        alarm.add("trigger", -_BEFORE)
        event.add_component(alarm)
    calendar = Calendar()
    calendar.add("prodid", f"-//Dibs//Dibs {__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def name_of(meeting: AppointmentLine) -> str:
    """What the file is called: of letters that every header and disk takes."""
    return f"appointment-{meeting.starts_at.astimezone(UTC):%Y-%m-%d}-{str(meeting.id)[-6:]}.ics"


def _organizer(caller: Caller, meeting: AppointmentLine) -> vCalAddress:
    """The rep, whom RFC 5546 wants named."""
    rep = Rep.objects.filter(workspace_id=caller.workspace_id, handle=meeting.rep)
    email = rep.values_list("user__email", flat=True).first()
    organizer = vCalAddress(f"mailto:{_UNFIT.sub('', email or 'nobody@dibs.invalid')}")
    organizer.params["cn"] = vText(_UNFIT.sub(" ", meeting.rep_name))
    return organizer
