"""What a rep writes down of leads and plans for them, over HTTP: whose it is to write, what it does to the clock, who sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now
from icalendar import Calendar

from dibs.crm.models import Activity, Appointment, Lead, Note
from dibs.delivery.models import Notice
from dibs.distribution.follow_ups import tell_what_is_due
from dibs.distribution.hours import hours_of
from dibs.people.tenancy import enter
from tests.api.conftest import Company, soon


@pytest.fixture
def lead(company: Company) -> UUID:
    """A lead that Aiko has claimed."""
    lead = company.lead()
    assert company.post(company.aiko, f"/leads/{lead}/claim").status_code == 200
    return lead


def of(company: Company, lead: UUID) -> Lead:
    enter(company.workspace.id)
    return Lead.objects.get(id=lead)


# -- notes


def test_a_note_is_written_changed_pinned_and_taken_back_by_who_wrote_it(company: Company, lead: UUID) -> None:
    first = company.post(company.aiko, f"/leads/{lead}/notes", {"text": " Wants a call in March\n"})
    assert first.status_code == 201
    assert first.json()["text"] == "Wants a call in March"
    assert first.json()["by"] == "Aiko"
    second = company.post(company.aiko, f"/leads/{lead}/notes", {"text": "Prefers mail"}).json()
    changed = company.call(company.aiko, "PATCH", f"/notes/{first.json()['id']}", {"text": "In April", "pinned": True})
    assert (changed.json()["text"], changed.json()["pinned"]) == ("In April", True)
    listed = company.get(company.aiko, f"/leads/{lead}/notes").json()["items"]
    assert [note["text"] for note in listed] == ["In April", "Prefers mail"]
    assert company.call(company.aiko, "DELETE", f"/notes/{second['id']}").status_code == 204
    assert len(company.get(company.aiko, f"/leads/{lead}/notes").json()["items"]) == 1


def test_long_lists_go_on_page_after_page_and_what_is_far_down_is_changed_too(company: Company, lead: UUID) -> None:
    for n in range(5):
        company.post(company.aiko, f"/leads/{lead}/notes", {"text": f"Note {n}", "pinned": n == 2})
        due = soon(days=9 - n)
        company.post(company.aiko, f"/leads/{lead}/activities", {"kind": "task", "due_at": due, "text": f"Task {n}"})
        company.post(
            company.aiko,
            f"/leads/{lead}/appointments",
            {"title": f"Demo {n}", "starts_at": due, "ends_at": soon(days=9 - n, hours=1)},
        )

    def all_of(what: str, said: str) -> list[str]:
        found: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = company.get(company.aiko, f"/leads/{lead}/{what}", **query).json()
            assert len(page["items"]) <= 2
            found += [item[said] for item in page["items"]]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]

    assert all_of("notes", "text") == ["Note 2", "Note 4", "Note 3", "Note 1", "Note 0"]
    assert all_of("activities", "text") == ["Task 4", "Task 3", "Task 2", "Task 1", "Task 0"]
    assert all_of("appointments", "title") == ["Demo 0", "Demo 1", "Demo 2", "Demo 3", "Demo 4"]
    assert company.get(company.aiko, f"/leads/{lead}/sent", limit=1).json() == {"items": [], "next": None}
    first = company.get(company.aiko, f"/leads/{lead}/notes", limit=2).json()
    # A cursor is of its list alone; and of what is still there.
    for path in (f"/leads/{lead}/activities", f"/leads/{company.lead()}/notes"):
        wrong = company.get(company.manager, path, cursor=first["next"])
        assert (wrong.status_code, wrong.json()["code"]) == (400, "bad_cursor")
    company.call(company.aiko, "DELETE", f"/notes/{first['items'][-1]['id']}")
    gone = company.get(company.aiko, f"/leads/{lead}/notes", cursor=first["next"])
    assert (gone.status_code, gone.json()["code"]) == (400, "bad_cursor")
    assert company.get(company.aiko, f"/leads/{lead}/notes", page="2").json()["code"] == "invalid"


def test_only_its_writer_changes_a_note_and_who_leads_may_put_it_on_top(company: Company, lead: UUID) -> None:
    note = company.post(company.aiko, f"/leads/{lead}/notes", {"text": "Mine"}).json()["id"]
    assert company.call(company.manager, "PATCH", f"/notes/{note}", {"text": "Not yours"}).json()["code"] == "not_yours"
    assert company.call(company.manager, "DELETE", f"/notes/{note}").json()["code"] == "not_yours"
    pinned = company.call(company.manager, "PATCH", f"/notes/{note}", {"pinned": True}).json()
    assert (pinned["pinned"], pinned["mine"], pinned["text"]) == (True, False, "Mine")


def test_a_rep_neither_reads_nor_writes_notes_of_a_lead_that_another_has(company: Company, lead: UUID) -> None:
    note = company.post(company.aiko, f"/leads/{lead}/notes", {"text": "canary"}).json()["id"]
    assert company.get(company.budi, f"/leads/{lead}/notes").status_code == 404
    assert company.post(company.budi, f"/leads/{lead}/notes", {"text": "x"}).status_code == 404
    assert company.call(company.budi, "PATCH", f"/notes/{note}", {"pinned": True}).status_code == 404
    assert company.call(company.budi, "DELETE", f"/notes/{note}").status_code == 404


def test_notes_of_a_lead_that_went_back_to_its_pool_are_not_in_its_preview(company: Company, lead: UUID) -> None:
    company.post(company.aiko, f"/leads/{lead}/notes", {"text": "canary"})
    company.post(company.aiko, f"/leads/{lead}/activities", {"kind": "task", "text": "canary"})
    company.post(company.aiko, f"/leads/{lead}/release")
    for who in (company.aiko, company.budi):
        assert company.get(who, f"/leads/{lead}/notes").json()["items"] == []
        assert company.get(who, f"/leads/{lead}/activities").json()["items"] == []
        assert b"canary" not in company.get(who, f"/leads/{lead}/timeline").content
    refused = company.post(company.aiko, f"/leads/{lead}/notes", {"text": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_yours")
    assert b"canary" in company.get(company.manager, f"/leads/{lead}/timeline").content


def test_nothing_of_another_workspace_can_be_read_or_written(company: Company, other: Company, lead: UUID) -> None:
    enter(company.workspace.id)
    note = company.post(company.aiko, f"/leads/{lead}/notes", {"text": "x"}).json()["id"]
    planned = company.post(company.aiko, f"/leads/{lead}/activities", {"kind": "call", "due_at": soon(days=1)}).json()[
        "id"
    ]
    meeting = company.post(
        company.aiko,
        f"/leads/{lead}/appointments",
        {"title": "x", "starts_at": soon(hours=1), "ends_at": soon(hours=2)},
    ).json()["id"]
    for method, path, body in (
        ("GET", f"/leads/{lead}/notes", None),
        ("POST", f"/leads/{lead}/notes", {"text": "x"}),
        ("PATCH", f"/notes/{note}", {"pinned": True}),
        ("DELETE", f"/notes/{note}", None),
        ("PATCH", f"/activities/{planned}", {"done": True}),
        ("DELETE", f"/activities/{planned}", None),
        ("GET", f"/appointments/{meeting}.ics", None),
        ("PATCH", f"/appointments/{meeting}", {"title": "y"}),
        ("DELETE", f"/appointments/{meeting}", None),
        ("PUT", f"/leads/{lead}/follow-up", {"at": None}),
        ("POST", f"/leads/{lead}/sent", {"title": "x", "at": soon()}),
    ):
        assert other.call(other.ops, method, path, body).status_code == 404, (method, path)


# -- activities


def test_a_call_that_is_logged_is_a_contact_and_stops_the_clock(company: Company, lead: UUID) -> None:
    sent = {"kind": "call", "outcome": "no_answer", "text": "Rang twice"}
    done = company.post(company.aiko, f"/leads/{lead}/activities", sent)
    assert done.status_code == 201
    assert done.json() | {"kind": "call", "outcome": "no_answer", "rep": "aiko", "by": "Aiko"} == done.json()
    assert of(company, lead).state == "working"
    assert of(company, lead).contacted_at is not None
    told = company.get(company.aiko, f"/leads/{lead}/timeline").json()["items"]
    assert [entry["kind"] for entry in told].count("activity") == 0
    assert told[-1]["reasons"][0]["text"] == "Contact: call, no answer. “Rang twice”"


def test_a_task_that_is_logged_is_no_contact(company: Company, lead: UUID) -> None:
    assert (
        company.post(company.aiko, f"/leads/{lead}/activities", {"kind": "task", "text": "Looked them up"}).status_code
        == 201
    )
    assert of(company, lead).state == "owned"
    (told,) = [
        e for e in company.get(company.aiko, f"/leads/{lead}/timeline").json()["items"] if e["kind"] == "activity"
    ]
    assert told["reasons"][0]["text"] == "Aiko: task. “Looked them up”"
    assert (told["before"], told["after"]) == (None, None)


def test_what_a_manager_did_stops_no_clock_of_the_reps(company: Company, lead: UUID) -> None:
    assert company.post(company.manager, f"/leads/{lead}/activities", {"kind": "call"}).status_code == 201
    assert of(company, lead).state == "owned"


def test_who_helps_makes_the_contact_for_who_has_the_lead(company: Company, lead: UUID) -> None:
    assert company.post(company.aiko, f"/leads/{lead}/helpers", {"rep": "budi"}).status_code == 200
    assert company.post(company.budi, f"/leads/{lead}/activities", {"kind": "mail"}).status_code == 201
    assert of(company, lead).state == "working"
    assert company.post(company.budi, f"/leads/{lead}/notes", {"text": "Wrote to them"}).status_code == 201


def test_a_contact_by_any_way_is_an_activity(company: Company, lead: UUID) -> None:
    company.post(company.aiko, f"/leads/{lead}/contact", {"kind": "meeting", "note": "Coffee"})
    (done,) = company.get(company.aiko, f"/leads/{lead}/activities").json()["items"]
    assert (done["kind"], done["text"], done["done_at"] is not None) == ("meeting", "Coffee", True)


def test_an_offer_is_accepted_before_a_call_on_it_is_logged(company: Company) -> None:
    lead = company.lead(source="demo")
    refused = company.post(company.aiko, f"/leads/{lead}/activities", {"kind": "call"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_now")
    enter(company.workspace.id)
    assert not Activity.objects.exists()


def test_a_lapsed_claim_writes_nothing_down(company: Company, lead: UUID) -> None:
    enter(company.workspace.id)
    Lead.objects.filter(id=lead).update(lock_expires_at=now() - timedelta(seconds=1))
    for path, body in (
        ("activities", {"kind": "call"}),
        ("notes", {"text": "x"}),
        ("appointments", {"title": "x", "starts_at": soon(hours=1), "ends_at": soon(hours=2)}),
    ):
        refused = company.post(company.aiko, f"/leads/{lead}/{path}", body)
        assert (refused.status_code, refused.json()["code"]) == (409, "claim_lapsed"), path
    enter(company.workspace.id)
    assert not Note.objects.exists()
    assert not Activity.objects.exists()
    assert not Appointment.objects.exists()


def test_what_is_planned_is_changed_done_once_and_dropped(company: Company, lead: UUID) -> None:
    at = soon(hours=3)
    planned = company.post(
        company.aiko, f"/leads/{lead}/activities", {"kind": "call", "due_at": at, "text": "Ask"}
    ).json()
    assert planned["done_at"] is None
    assert of(company, lead).state == "owned"
    where = f"/activities/{planned['id']}"
    assert company.call(company.aiko, "PATCH", where, {"kind": "mail"}).json()["kind"] == "mail"
    done = company.call(company.aiko, "PATCH", where, {"done": True, "outcome": "reached"}).json()
    assert done["done_at"] is not None
    assert (done["text"], done["outcome"]) == ("Ask", "reached")
    assert of(company, lead).state == "working"
    enter(company.workspace.id)
    assert Activity.objects.count() == 1
    again = company.call(company.aiko, "PATCH", where, {"text": "Other"})
    assert (again.status_code, again.json()["code"]) == (409, "already_done")
    assert company.call(company.aiko, "DELETE", where).json()["code"] == "already_done"
    other = company.post(company.aiko, f"/leads/{lead}/activities", {"kind": "task", "due_at": at}).json()["id"]
    assert company.call(company.aiko, "DELETE", f"/activities/{other}").status_code == 204


def test_an_activity_sent_twice_with_one_key_is_one(company: Company, lead: UUID) -> None:
    for _ in range(2):
        answer = company.post(company.aiko, f"/leads/{lead}/activities", {"kind": "task"}, Idempotency_Key="once")
        assert answer.status_code == 201
    enter(company.workspace.id)
    assert Activity.objects.count() == 1


# -- appointments


def make(company: Company, lead: UUID, **given: Any) -> Any:
    body = {"title": "Demo", "starts_at": "2031-03-04T10:00:00+09:00", "ends_at": "2031-03-04T11:00:00+09:00"} | given
    return company.post(company.aiko, f"/leads/{lead}/appointments", body)


def test_an_appointment_is_made_changed_and_cancelled_and_calendars_can_tell(company: Company, lead: UUID) -> None:
    hostile = "Demo\r\nATTENDEE:mailto:evil@example.com; with, commas\\"
    made = make(company, lead, title=hostile, place="Room 1\nDTSTART:19700101T000000Z", text="Bring\nthe contract")
    assert made.status_code == 201
    where = f"/appointments/{made.json()['id']}"
    moved = company.call(company.aiko, "PATCH", where, {"starts_at": "2031-03-05T10:00:00+09:00"}).json()
    assert (moved["ends_at"], moved["sequence"]) == ("2031-03-05T02:00:00Z", 1)
    file = company.get(company.aiko, f"{where}.ics")
    assert file["Content-Type"].startswith("text/calendar")
    calendar = Calendar.from_ical(file.content)
    (event,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "PUBLISH"
    assert event["UID"] == f"{made.json()['id']}@dibs"
    assert event["SEQUENCE"] == 1
    assert event.decoded("DTSTART") == datetime(2031, 3, 5, 1, tzinfo=UTC)
    assert str(event["SUMMARY"]) == hostile.replace("\r\n", "\n")
    assert "ATTENDEE" not in event
    assert len(event.walk("VALARM")) == 1
    assert company.call(company.aiko, "DELETE", where).json()["cancelled_at"] is not None
    (event,) = Calendar.from_ical(company.get(company.aiko, f"{where}.ics").content).walk("VEVENT")
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 2)
    again = company.call(company.aiko, "PATCH", where, {"title": "Demo 2"})
    assert (again.status_code, again.json()["code"]) == (409, "is_cancelled")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends_at": "2031-03-04T10:00:00+09:00"},
        {"ends_at": "2031-03-20T10:00:00+09:00"},
        {"title": "  "},
        {"starts_at": "2031-03-04T10:00:00"},
        {"starts_at": "0001-01-01T00:00:00+14:00"},
        {"ends_at": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_an_appointment_that_cannot_be_is_refused(company: Company, lead: UUID, wrong: dict[str, Any]) -> None:
    refused = make(company, lead, **wrong)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


def test_while_an_appointment_lasts_its_rep_is_busy_and_when_it_is_cancelled_free(company: Company, lead: UUID) -> None:
    meeting = make(company, lead, starts_at=soon(minutes=-5), ends_at=soon(minutes=30)).json()["id"]
    enter(company.workspace.id)
    hours = hours_of(company.workspace.id, company.aiko.id, now())
    assert hours is not None
    assert len(hours.busy) == 1
    pushed = company.lead(source="demo")
    assert of(company, pushed).state != "offered"
    company.call(company.aiko, "DELETE", f"/appointments/{meeting}")
    enter(company.workspace.id)
    assert hours_of(company.workspace.id, company.aiko.id, now()) is None


def test_who_cannot_see_the_lead_cannot_download_its_appointment(company: Company, lead: UUID) -> None:
    meeting = make(company, lead).json()["id"]
    assert company.get(company.budi, f"/appointments/{meeting}.ics").status_code == 404
    company.post(company.aiko, f"/leads/{lead}/release")
    assert company.get(company.aiko, f"/appointments/{meeting}.ics").status_code == 404
    assert company.get(company.manager, f"/appointments/{meeting}.ics").status_code == 200


# -- follow-ups


def test_a_follow_up_is_kept_told_once_and_done_with_by_a_contact(company: Company, lead: UUID) -> None:
    at = now() + timedelta(hours=1)
    kept = company.call(company.aiko, "PUT", f"/leads/{lead}/follow-up", {"at": at.isoformat()})
    assert kept.status_code == 200
    assert kept.json()["follow_up_at"] is not None
    enter(company.workspace.id)
    assert tell_what_is_due(company.workspace.id, now()) == 0
    due = at + timedelta(minutes=1)
    assert tell_what_is_due(company.workspace.id, due) == 1
    assert tell_what_is_due(company.workspace.id, due) == 0
    notice = Notice.objects.get(kind="work_due")
    assert notice.user_id == company.aiko.user_id
    assert notice.reasons[0]["params"]["lead"] == str(lead)
    told = company.get(company.aiko, "/me/notices").json()["items"]
    assert told[0]["reasons"][0]["text"].startswith("You wanted to look at this lead again at")
    Lead.objects.filter(id=lead).update(follow_up_at=now())  # its moment has come; an hour from now may be tomorrow
    company.post(company.aiko, f"/leads/{lead}/contact", {"kind": "call"})
    assert of(company, lead).follow_up_at is None


def test_a_follow_up_on_another_day_outlives_a_contact_and_another_one_is_told_again(
    company: Company, lead: UUID
) -> None:
    later = now() + timedelta(days=3)
    company.call(company.aiko, "PUT", f"/leads/{lead}/follow-up", {"at": later.isoformat()})
    company.post(company.aiko, f"/leads/{lead}/contact", {"kind": "call"})
    assert of(company, lead).follow_up_at == later
    enter(company.workspace.id)
    assert tell_what_is_due(company.workspace.id, later + timedelta(minutes=1)) == 1
    company.call(company.aiko, "PUT", f"/leads/{lead}/follow-up", {"at": (later + timedelta(hours=1)).isoformat()})
    enter(company.workspace.id)
    assert tell_what_is_due(company.workspace.id, later + timedelta(hours=2)) == 1
    company.call(company.aiko, "PUT", f"/leads/{lead}/follow-up", {"at": None})
    assert of(company, lead).follow_up_at is None


def test_a_follow_up_goes_with_the_lead_to_whoever_has_it_then(company: Company, lead: UUID) -> None:
    at = now() + timedelta(hours=1)
    company.call(company.aiko, "PUT", f"/leads/{lead}/follow-up", {"at": at.isoformat()})
    company.post(company.ops, f"/leads/{lead}/assign", {"rep": "budi"})
    enter(company.workspace.id)
    tell_what_is_due(company.workspace.id, at + timedelta(minutes=1))
    assert Notice.objects.get(kind="work_due").user_id == company.budi.user_id


def test_only_what_somebody_has_is_to_be_looked_at_again(company: Company, lead: UUID) -> None:
    assert company.call(company.budi, "PUT", f"/leads/{lead}/follow-up", {"at": soon(days=1)}).status_code == 404
    company.post(company.aiko, f"/leads/{lead}/retire", {"why": "no_interest"})
    refused = company.call(company.aiko, "PUT", f"/leads/{lead}/follow-up", {"at": soon(days=1)})
    assert (refused.status_code, refused.json()["code"]) == (409, "already_ended")


def test_what_was_planned_is_told_when_it_is_due(company: Company, lead: UUID) -> None:
    at = now() + timedelta(minutes=5)
    company.post(company.aiko, f"/leads/{lead}/activities", {"kind": "call", "due_at": at.isoformat()})
    enter(company.workspace.id)
    for _ in range(2):
        tell_what_is_due(company.workspace.id, at + timedelta(seconds=1))
    assert Notice.objects.filter(kind="work_due").count() == 1


# -- what was sent


def test_what_another_system_sent_is_told_once_to_who_has_the_lead(company: Company, lead: UUID) -> None:
    sent = {"title": "Spring brochure", "at": soon(days=-1), "url": "https://example.com/b.pdf", "external_id": "m-1"}
    assert company.post(company.integration, f"/leads/{lead}/sent", sent).status_code == 201
    assert company.post(company.integration, f"/leads/{lead}/sent", sent).json() == {"new": False}
    (told,) = company.get(company.aiko, f"/leads/{lead}/sent").json()["items"]
    assert (told["what"], told["title"], told["url"]) == ("sent", "Spring brochure", "https://example.com/b.pdf")
    assert company.get(company.budi, f"/leads/{lead}/sent").status_code == 404
    assert "Spring brochure was sent to them" in str(company.get(company.aiko, f"/leads/{lead}/timeline").json())


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://example.com"])
def test_an_address_that_is_no_page_is_refused(company: Company, lead: UUID, url: str) -> None:
    assert company.post(company.ops, f"/leads/{lead}/sent", {"title": "x", "at": soon(), "url": url}).status_code == 422


@pytest.mark.parametrize("blank", [{"title": "  "}, {"title": "\t\u3000"}, {"title": "x", "kind": " "}])
def test_what_was_sent_is_called_something(company: Company, lead: UUID, blank: dict[str, str]) -> None:
    refused = company.post(company.integration, f"/leads/{lead}/sent", {"at": soon(days=-1)} | blank)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert company.get(company.aiko, f"/leads/{lead}/sent").json()["items"] == []


def test_an_id_of_blanks_names_nothing(company: Company, lead: UUID) -> None:
    sent = {"title": " Brochure ", "at": soon(days=-1), "external_id": " ", "campaign": " "}
    for _ in range(2):
        assert company.post(company.integration, f"/leads/{lead}/sent", sent).json() == {"new": True}
    told = company.get(company.aiko, f"/leads/{lead}/sent").json()["items"]
    assert [(one["title"], one["campaign"]) for one in told] == [("Brochure", None)] * 2
    touched = {"kind": "visit", "external_id": " "}
    for _ in range(2):
        assert company.post(company.integration, f"/leads/{lead}/touches", touched).json()["outcome"] == "touched"
    nowhere = company.post(company.integration, f"/leads/{lead}/touches", {"source": " "})
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "invalid")


def test_what_breaks_while_a_touch_is_counted_is_not_told_as_the_sender_s_mistake(
    company: Company, lead: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("ours alone")

    monkeypatch.setattr("dibs.intake.touches.enrich", broken)
    answer = company.post(company.integration, f"/leads/{lead}/touches", {"kind": "visit"})
    assert answer.status_code == 500
    assert "ours alone" not in answer.content.decode()


# -- of two leads made one


def test_of_two_leads_made_one_what_is_planned_goes_along_and_all_notes_are_told(company: Company, lead: UUID) -> None:
    twin = company.lead()
    company.post(company.ops, f"/leads/{twin}/assign", {"rep": "aiko"})
    company.post(company.aiko, f"/leads/{twin}/notes", {"text": "Of the twin"})
    planned = company.post(company.aiko, f"/leads/{twin}/activities", {"kind": "call", "due_at": soon(hours=1)}).json()
    make(company, twin)
    company.call(company.aiko, "PUT", f"/leads/{twin}/follow-up", {"at": soon(days=1)})
    merged = company.post(company.ops, f"/leads/{twin}/merge", {"into": str(lead)})
    assert merged.status_code == 200, merged.content
    assert [note["text"] for note in company.get(company.aiko, f"/leads/{lead}/notes").json()["items"]] == [
        "Of the twin"
    ]
    assert of(company, lead).follow_up_at is not None
    assert company.call(company.aiko, "PATCH", f"/activities/{planned['id']}", {"done": True}).status_code == 200
    assert of(company, lead).state == "working"
    assert len(company.get(company.aiko, f"/leads/{lead}/appointments").json()["items"]) == 1
    refused = company.post(company.ops, f"/leads/{twin}/notes", {"text": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "already_ended")
