"""What a calendar file says of when somebody is busy, and what one may say that nobody meant well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dibs.people.agendas import AHEAD, Agenda, busy, busy_in_each

SINCE = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday


def calendar(*events: str, head: str = "") -> str:
    """A file with these events, each given as its lines; an event without a span is from nine to ten on the first day."""
    parts = []
    for n, lines in enumerate(events):
        span = "" if "DTSTART" in lines else "DTSTART:20261102T090000Z\nDTEND:20261102T100000Z\n"
        parts.append(f"BEGIN:VEVENT\nUID:{n}\nDTSTAMP:20260101T000000Z\n{span}{lines.strip()}\nEND:VEVENT\n")
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{head}{''.join(parts)}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").replace("\r\n\r\n", "\r\n")


def agenda(text: str, timezone: str = "Asia/Tokyo") -> Agenda:
    return Agenda(text, timezone, "aiko@example.com", SINCE)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lines", "span"),
    [
        ("DTSTART:20261103T010000Z\nDTEND:20261103T020000Z", (at(3, 1), at(3, 2))),
        ("DTSTART:20261103T010000Z\nDURATION:PT45M", (at(3, 1), at(3, 1, 45))),
        (
            "DTSTART;TZID=America/New_York:20261103T090000\nDTEND;TZID=America/New_York:20261103T100000",
            (at(3, 14), at(3, 15)),
        ),
        # A time without a zone, and a whole day, are the person's own.
        ("DTSTART:20261103T100000\nDTEND:20261103T110000", (at(3, 1), at(3, 2))),
        ("DTSTART;VALUE=DATE:20261103", (at(2, 15), at(3, 15))),
        ("DTSTART;VALUE=DATE:20261103\nDTEND;VALUE=DATE:20261106", (at(2, 15), at(5, 15))),
    ],
)
def test_an_appointment_is_a_span(lines: str, span: tuple[datetime, datetime]) -> None:
    assert busy(agenda(calendar(lines))) == [span]


@pytest.mark.parametrize(
    "lines",
    [
        "TRANSP:TRANSPARENT",
        "STATUS:CANCELLED",
        "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:budi@example.com\nATTENDEE;PARTSTAT=DECLINED:mailto:Aiko@Example.com",
        "DTSTART:20261102T090000Z\nDTEND:20261102T090000Z",
        "DTSTART:20261001T090000Z\nDTEND:20261001T100000Z",
        "DTSTART:20270901T090000Z\nDTEND:20270901T100000Z",
        "DTSTART:20261103T010000Z\nDTEND:20261103T010001Z\nRRULE:FREQ=SECONDLY",
    ],
)
def test_what_is_free_cancelled_declined_or_far_off_is_no_appointment(lines: str) -> None:
    assert busy(agenda(calendar(lines))) == []


def test_what_somebody_else_declined_still_stands() -> None:
    assert busy(agenda(calendar("ATTENDEE;PARTSTAT=DECLINED:mailto:budi@example.com"))) == [(at(2, 9), at(2, 10))]


def test_the_name_of_a_calendar_says_whose_it_is_where_the_address_is_another() -> None:
    text = calendar("ATTENDEE;PARTSTAT=DECLINED:mailto:aiko@old.example", head="X-WR-CALNAME:aiko@old.example\n")
    assert busy(agenda(text)) == []


def test_what_repeats_is_worked_out_for_sixty_days_with_its_exceptions() -> None:
    weekly = (
        "DTSTART;TZID=America/New_York:20261028T090000\nDTEND;TZID=America/New_York:20261028T100000\n"
        "RRULE:FREQ=WEEKLY\nEXDATE;TZID=America/New_York:20261111T090000"
    )
    found = busy(agenda(calendar(weekly)))
    # Since the first of November the clocks there have gone back.
    assert found[:2] == [(at(4, 14), at(4, 15)), (at(18, 14), at(18, 15))]
    assert found[-1][1] <= SINCE + AHEAD
    assert len(found) == 8


def test_one_occurrence_that_was_moved_is_where_it_was_moved_to() -> None:
    base = "UID:a\nDTSTART:20261103T010000Z\nDTEND:20261103T020000Z\nRRULE:FREQ=DAILY;COUNT=2"
    moved = "UID:a\nRECURRENCE-ID:20261104T010000Z\nDTSTART:20261104T050000Z\nDTEND:20261104T060000Z"
    text = calendar(base, moved).replace("UID:0\r\n", "").replace("UID:1\r\n", "")
    assert busy(agenda(text)) == [(at(3, 1), at(3, 2)), (at(4, 5), at(4, 6))]


def test_what_overlaps_or_touches_is_one_span_and_begins_now_at_the_earliest() -> None:
    text = calendar(
        "DTSTART:20261101T230000Z\nDTEND:20261102T003000Z",
        "DTSTART:20261103T010000Z\nDTEND:20261103T020000Z",
        "DTSTART:20261103T013000Z\nDTEND:20261103T030000Z",
        "DTSTART:20261103T030000Z\nDTEND:20261103T040000Z",
    )
    assert busy(agenda(text)) == [(SINCE, at(2, 0, 30)), (at(3, 1), at(3, 4))]


def test_a_calendar_may_tell_of_busy_times_alone() -> None:
    text = calendar().replace(
        "END:VCALENDAR",
        "BEGIN:VFREEBUSY\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
        "FREEBUSY;FBTYPE=BUSY:20261105T090000Z/20261105T100000Z,20261105T120000Z/PT1H\r\n"
        "FREEBUSY;FBTYPE=FREE:20261106T090000Z/20261106T100000Z\r\nEND:VFREEBUSY\r\nEND:VCALENDAR",
    )
    assert busy(agenda(text)) == [(at(5, 9), at(5, 10)), (at(5, 12), at(5, 13))]


#: Every second of every day since 1900, many times over: hours of work for whoever starts on it.
_BOMB = (
    "DTSTART:19000101T000000Z\nDTEND:19000101T000001Z\n"
    f"RRULE:FREQ=DAILY;BYHOUR={','.join(map(str, range(24)))};BYMINUTE={','.join(map(str, range(60)))};"
    f"BYSECOND={','.join(map(str, range(60)))}"
)


def test_a_file_that_takes_too_much_is_given_up_and_the_others_are_read() -> None:
    good = calendar("DTSTART:20261103T010000Z\nDTEND:20261103T020000Z")
    files = [good, "<html>Log in first</html>", "", good[: len(good) // 2], calendar(*[_BOMB] * 20), good]
    said = busy_in_each([agenda(text) for text in files])
    fine = [(at(3, 1), at(3, 2))]
    assert said == [fine, "not_a_calendar", "not_a_calendar", "not_a_calendar", "too_much", fine]


def test_a_crowded_calendar_is_kept_to_so_many_spans() -> None:
    hours = [SINCE + timedelta(minutes=20 * n) for n in range(3_000)]
    text = calendar(*[f"DTSTART:{h:%Y%m%dT%H%M%SZ}\nDURATION:PT10M" for h in hours])
    said = busy(agenda(text))
    assert len(said) == 2_000
    assert said[0] == (SINCE, SINCE + timedelta(minutes=10))


def test_nothing_asked_is_nothing_answered() -> None:
    assert busy_in_each([]) == []
