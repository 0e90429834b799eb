"""Notes, plans, appointments and follow-ups on the lead page, by forms alone; and the rep's own list."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils.timezone import now

from dibs.crm.models import Activity, Appointment, Campaign, Lead, Note, Piece, Sent
from dibs.distribution.acting import Refused
from dibs.engine.decision import Reason, Refusal
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import at_noon
from tests.web.conftest import as_
from tests.web.test_leads import words


@pytest.fixture
def lead(company: Company) -> UUID:
    lead = company.lead(company="Northwind")
    as_(company.aiko).post(f"/leads/{lead}/claim/")
    return lead


def of(company: Company, lead: UUID) -> Lead:
    enter(company.workspace.id)
    return Lead.objects.get(id=lead)


def post(who: Any, lead: UUID, act: str, **form: Any) -> str:
    """What the page says after the form."""
    answer = as_(who).post(f"/leads/{lead}/{act}/", form, follow=True)
    assert answer.status_code in {200, 409, 422}, answer.status_code
    return words(answer)


def test_a_note_is_kept_changed_put_on_top_and_taken_back(company: Company, lead: UUID) -> None:
    assert "Note kept." in post(company.aiko, lead, "note", text="<b>Bold</b> & brave")
    page = as_(company.aiko).get(f"/leads/{lead}/").content.decode()
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; brave" in page
    assert "<b>Bold</b>" not in page
    enter(company.workspace.id)
    note = Note.objects.get()
    assert "on top" in post(company.aiko, lead, "change-note", id=note.id, pinned="yes")
    assert "Braver" in post(company.aiko, lead, "change-note", id=note.id, text="Braver")
    assert "It is not yours" in post(company.manager, lead, "change-note", id=note.id, text="Mine now")
    assert "Note taken back." in post(company.aiko, lead, "delete-note", id=note.id)
    assert "That is not here any more." in post(company.aiko, lead, "delete-note", id=note.id)
    assert "A note has a text" in post(company.aiko, lead, "note", text="  ")


@pytest.mark.parametrize(("act", "form"), [("change-note", {"pinned": "yes"}), ("follow-up", {"clear": "yes"})])
def test_a_button_that_is_refused_leaves_the_form_beside_it_as_it_was(
    company: Company, lead: UUID, monkeypatch: pytest.MonkeyPatch, act: str, form: dict[str, str]
) -> None:
    post(company.aiko, lead, "note", text="They have two sites")
    post(company.aiko, lead, "follow-up", at="2031-03-04T10:00")
    enter(company.workspace.id)
    refused = Refused(Refusal((Reason("not_now", {"state": "pooled", "act": act}),), remedy=Reason("choose_another")))
    monkeypatch.setattr("dibs.distribution.notes.change_note", lambda *given, **fields: refused)
    monkeypatch.setattr("dibs.distribution.follow_ups.follow_up", lambda *given: refused)
    answer = as_(company.aiko).post(f"/leads/{lead}/{act}/", {**form, "id": Note.objects.get().id})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert page.count('role="alert" tabindex="-1" autofocus>') == 1
    assert '<textarea name="text" rows="4" maxlength="5000" required>They have two sites</textarea>' in page
    assert 'name="at" required value=""' not in page
    assert '<details class="act" open>' not in page
    assert '<details class="act up" open>' not in page


@pytest.mark.parametrize(
    ("act", "form", "made"),
    [
        ("note", {"text": "Once"}, Note),
        ("contact", {"kind": "call", "note": "Once"}, Activity),
        ("plan", {"kind": "call", "at": "2031-03-04T10:00"}, Activity),
        ("plan", {"kind": "task"}, Activity),
        ("appoint", {"title": "Once", "at": "2031-03-04T10:00", "minutes": "30"}, Appointment),
    ],
)
def test_a_form_that_is_sent_twice_is_done_once_and_another_one_again(
    company: Company, lead: UUID, act: str, form: dict[str, str], made: Any
) -> None:
    words_of_forms = set(
        re.findall(r'name="once" value="([^"]+)"', as_(company.aiko).get(f"/leads/{lead}/").content.decode())
    )
    first, second, *_more = sorted(words_of_forms)
    for once in (first, first, second):
        post(company.aiko, lead, act, **form, once=once)
    enter(company.workspace.id)
    assert made.objects.count() == 2


@pytest.mark.parametrize(
    ("act", "form", "kept"),
    [
        ("note", {"text": "n" * 5001}, "n" * 5001),
        (
            "contact",
            {"kind": "pigeon", "note": "They asked for <a> price"},
            "They asked for &lt;a&gt; price</textarea>",
        ),
        ("retire", {"why": "", "note": "No budget"}, "No budget</textarea>"),
        ("plan", {"kind": "meeting", "at": "soon", "text": "Bring cake"}, "Bring cake</textarea>"),
        ("appoint", {"title": "", "at": "2031-03-04T10:00", "minutes": "90", "place": "Café"}, 'value="Café"'),
        ("follow-up", {"at": "9999-12-31T23:59"}, 'value="9999-12-31T23:59"'),
    ],
)
def test_a_form_that_is_not_accepted_comes_back_as_it_was_filled_in(
    company: Company, lead: UUID, act: str, form: dict[str, str], kept: str
) -> None:
    answer = as_(company.aiko).post(f"/leads/{lead}/{act}/", form)
    assert answer.status_code == 422
    assert kept in answer.content.decode()
    assert answer.content.decode().count('role="alert" tabindex="-1" autofocus') == 1


def test_the_note_and_the_appointment_that_were_not_accepted_come_back_and_no_others(
    company: Company, lead: UUID
) -> None:
    browser = as_(company.aiko)
    for n in range(2):
        browser.post(f"/leads/{lead}/note/", {"text": f"Note {n}"})
        browser.post(
            f"/leads/{lead}/appoint/", {"title": f"Demo {n}", "at": f"2031-03-0{n + 4}T10:00", "minutes": "30"}
        )
    enter(company.workspace.id)
    note, meeting = Note.objects.get(text="Note 0"), Appointment.objects.get(title="Demo 0")
    page = browser.post(f"/leads/{lead}/change-note/", {"id": note.id, "text": "n" * 5001}).content.decode()
    assert page.count("n" * 5001) == page.count("autofocus>A note has a text") == 1
    assert ">Note 1</textarea>" in page
    form = {"id": meeting.id, "title": "Demo, longer", "at": "2031-03-04T10:00", "minutes": "long"}
    page = browser.post(f"/leads/{lead}/change-appointment/", form).content.decode()
    assert page.count('value="Demo, longer"') == page.count("autofocus>Say how long it lasts.") == 1
    assert 'value="Demo 1"' in page


def test_what_was_written_of_a_lead_that_was_merged_is_changed_on_the_one_that_is_left(
    company: Company, lead: UUID
) -> None:
    enter(company.workspace.id)
    at_noon(company.aiko)
    here = ZoneInfo(Rep.objects.get(id=company.aiko.id).timezone)
    soon = (now() + timedelta(hours=1)).astimezone(here).strftime("%Y-%m-%dT%H:%M")
    other = company.lead(company="Northwind Ltd")
    as_(company.aiko).post(f"/leads/{other}/claim/")
    post(company.aiko, other, "note", text="They have two sites")
    post(company.aiko, other, "plan", kind="call", at=soon, text="Ring the second site")
    post(company.aiko, other, "appoint", title="Demo", at=soon, minutes="30")
    company.post(company.manager, f"/leads/{other}/merge", {"into": str(lead)})
    assert of(company, other).state == "merged"
    due = as_(company.aiko).get("/mine/").content.decode().split('id="due"')[1].split("</section>")[0]
    assert "Ring the second site" in due
    assert "Demo" in due
    assert str(lead) in due
    assert str(other) not in due
    enter(company.workspace.id)
    note, planned, meeting = Note.objects.get(), Activity.objects.get(), Appointment.objects.get()
    assert "Three sites" in post(company.aiko, lead, "change-note", id=note.id, text="Three sites")
    assert "Note changed." in post(company.aiko, lead, "change-note", id=note.id, pinned="yes")
    assert as_(company.aiko).get(f"/appointments/{meeting.id}.ics").status_code == 200
    assert "Appointment changed." in post(
        company.aiko, lead, "change-appointment", id=meeting.id, title="Demo", at=soon, minutes="45"
    )
    assert "Done, and on record." in post(company.aiko, lead, "activity-done", id=planned.id, outcome="reached")
    # It was a contact of the lead that is left.
    assert of(company, lead).state == "working"
    assert "Note taken back." in post(company.aiko, lead, "delete-note", id=note.id)
    changed = company.call(company.aiko, "PATCH", f"/appointments/{meeting.id}", {"title": "Demo, on site"})
    assert changed.status_code == 200, changed.json()
    assert "Appointment cancelled." in post(company.aiko, lead, "cancel-appointment", id=meeting.id)


def test_something_is_planned_and_done_and_then_the_lead_was_contacted(company: Company, lead: UUID) -> None:
    assert "Written down." in post(
        company.aiko, lead, "plan", kind="call", at="2031-03-04T10:00", text="Ask for the budget"
    )
    enter(company.workspace.id)
    planned = Activity.objects.get()
    assert planned.due_at is not None
    assert planned.due_at.astimezone(ZoneInfo("UTC")).strftime("%H:%M") == "10:00"
    page = words(as_(company.aiko).get(f"/leads/{lead}/"))
    assert "Ask for the budget" in page
    said = post(company.aiko, lead, "activity-done", id=planned.id, outcome="reached", text="10,000 a year")
    assert "Done, and on record." in said
    assert "Contact: call, reached. “10,000 a year”" in said
    assert of(company, lead).state == "working"
    assert "Nothing is planned." in said


def test_what_is_planned_is_dropped_and_what_has_no_moment_was_done(company: Company, lead: UUID) -> None:
    post(company.aiko, lead, "plan", kind="task", at="2031-03-04T10:00")
    enter(company.workspace.id)
    assert "Not planned any more." in post(company.aiko, lead, "drop-activity", id=Activity.objects.get().id)
    assert "Aiko: task Read their site" in post(company.aiko, lead, "plan", kind="task", at="", text="Read their site")
    assert "Say what is to be done." in post(company.aiko, lead, "plan", kind="nap", at="")
    assert "That is no moment." in post(company.aiko, lead, "plan", kind="task", at="soon")
    assert "That is no moment." in post(company.aiko, lead, "plan", kind="task", at="9999-12-31T23:59")


def test_an_appointment_in_the_reps_own_zone_is_made_changed_downloaded_and_cancelled(
    company: Company, lead: UUID
) -> None:
    enter(company.workspace.id)
    Rep.objects.filter(id=company.aiko.id).update(timezone="Asia/Tokyo")
    form = {"title": "Demo", "at": "2031-03-04T10:00", "minutes": "45", "place": "Their office"}
    assert "Appointment made." in post(company.aiko, lead, "appoint", **form)
    enter(company.workspace.id)
    meeting = Appointment.objects.get()
    assert meeting.starts_at.isoformat() == "2031-03-04T01:00:00+00:00"
    assert meeting.ends_at - meeting.starts_at == timedelta(minutes=45)
    browser = as_(company.aiko)
    page = browser.get(f"/leads/{lead}/").content.decode()
    assert 'value="2031-03-04T10:00"' in page
    file = browser.get(f"/appointments/{meeting.id}.ics")
    assert file["Content-Type"].startswith("text/calendar")
    assert b"DTSTART:20310304T010000Z" in file.content
    assert as_(company.budi).get(f"/appointments/{meeting.id}.ics").status_code == 404
    changed = form | {"id": meeting.id, "minutes": "60", "title": "Second demo"}
    assert "Second demo" in post(company.aiko, lead, "change-appointment", **changed)
    assert "Appointment cancelled." in post(company.aiko, lead, "cancel-appointment", id=meeting.id)
    assert "This appointment was cancelled" in post(company.aiko, lead, "change-appointment", **changed)
    for wrong in ({"minutes": "0"}, {"minutes": "-5"}, {"minutes": "²"}, {"minutes": "99999"}, {"minutes": ""}):
        assert "Say how long it lasts." in post(company.aiko, lead, "appoint", **(form | wrong)), wrong
    assert "An appointment has a title." in post(company.aiko, lead, "appoint", **(form | {"title": " "}))


def test_a_follow_up_is_set_shown_and_cleared(company: Company, lead: UUID) -> None:
    at = now().astimezone(ZoneInfo("UTC")) + timedelta(days=2)
    post(company.aiko, lead, "follow-up", at=at.strftime("%Y-%m-%dT09:00"))
    assert of(company, lead).follow_up_at is not None
    assert "Not needed any more" in words(as_(company.aiko).get(f"/leads/{lead}/"))
    assert "To be looked at again:" in words(as_(company.aiko).get(f"/leads/{lead}/"))
    post(company.aiko, lead, "follow-up", clear="yes")
    assert of(company, lead).follow_up_at is None


def test_a_contact_says_what_came_of_it(company: Company, lead: UUID) -> None:
    assert "Contact: call, left a message" in post(company.aiko, lead, "contact", kind="call", outcome="left_message")
    assert "Say what came of it." in post(company.aiko, lead, "contact", kind="call", outcome="bliss")


def test_what_its_person_was_sent_is_shown_to_who_has_it_and_only_pages_are_links(company: Company) -> None:
    lead = company.lead(campaign="spring")
    enter(company.workspace.id)
    campaign = Campaign.objects.create(workspace=company.workspace, key="spring", name="Spring")
    Piece.objects.create(workspace=company.workspace, campaign=campaign, title="Spring letter", text="canary <script>")
    Sent.objects.create(
        workspace=company.workspace, lead_id=lead, title="Brochure", url="javascript:alert(1)", at=now()
    )
    Sent.objects.create(
        workspace=company.workspace, lead_id=lead, title="Prices", url="https://example.com/p", at=now()
    )
    assert "Spring letter" not in words(as_(company.aiko).get(f"/leads/{lead}/"))
    as_(company.aiko).post(f"/leads/{lead}/claim/")
    page = as_(company.aiko).get(f"/leads/{lead}/").content.decode()
    assert "Spring letter" in page
    assert "canary &lt;script&gt;" in page
    assert "javascript:" not in page
    assert 'href="https://example.com/p" target="_blank" rel="noopener noreferrer"' in page


def test_notes_and_plans_are_not_in_the_page_of_who_sees_the_lead_masked(company: Company, lead: UUID) -> None:
    post(company.aiko, lead, "note", text="canary note")
    post(company.aiko, lead, "plan", kind="task", at="2031-03-04T10:00", text="canary task")
    post(company.aiko, lead, "appoint", title="canary meeting", at="2031-03-04T10:00", minutes="30")
    as_(company.aiko).post(f"/leads/{lead}/release/")
    page = as_(company.aiko).get(f"/leads/{lead}/").content.decode()
    assert "canary" not in page
    assert 'id="notes"' not in page
    assert 'id="to-do"' not in page
    led = as_(company.manager).get(f"/leads/{lead}/").content.decode()
    assert all(f"canary {what}" in led for what in ("note", "task", "meeting"))


def test_another_workspaces_lead_takes_no_note(company: Company, other: Company, lead: UUID) -> None:
    for act in ("note", "plan", "appoint", "follow-up"):
        assert as_(other.ops).post(f"/leads/{lead}/{act}/", {"text": "x"}).status_code == 404
    assert as_(company.aiko).post(f"/leads/{uuid4()}/note/", {"text": "x"}).status_code == 404
    assert as_(company.integration).post(f"/leads/{lead}/note/", {"text": "x"}).status_code in {302, 403}


# -- My leads


@pytest.fixture
def three(company: Company, lead: UUID) -> list[UUID]:
    """Three leads of Aiko's, where it is noon: one claimed, one worked on, one offered."""
    enter(company.workspace.id)
    at_noon(company.aiko)
    working = company.lead(company="Southwind", source="referral")
    as_(company.aiko).post(f"/leads/{working}/claim/")
    as_(company.aiko).post(f"/leads/{working}/contact/", {"kind": "call"})
    return [lead, working, company.lead(company="Eastwind", source="demo")]


def test_the_list_has_all_that_is_mine_what_it_is_to_me_and_what_is_due(company: Company, three: list[UUID]) -> None:
    page = words(as_(company.aiko).get("/mine/"))
    for said in ("Northwind", "Southwind", "Eastwind", "To contact", "Being worked on", "Offered to you", "Due today"):
        assert said in page, said
    assert page.index("Due today") < page.index("Choose all 3 on this page")
    assert "make the first contact" in page
    assert "accept it" in page
    assert words(as_(company.budi).get("/mine/")).count("wind") == 0


def test_an_offer_is_accepted_and_a_plan_done_from_what_is_due(company: Company, three: list[UUID]) -> None:
    browser = as_(company.aiko)
    soon = (now() + timedelta(hours=1)).astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M")
    browser.post(f"/leads/{three[0]}/plan/", {"kind": "call", "at": soon, "text": "Ring them"})
    enter(company.workspace.id)
    planned = Activity.objects.get(done_at__isnull=True)
    form = {"next": "/mine/", "id": str(planned.id)}
    assert browser.post(f"/leads/{three[0]}/activity-done/", form)["Location"] == "/mine/"
    assert of(company, three[0]).state == "working"
    assert browser.post(f"/leads/{three[2]}/accept/", {"next": "/mine/"})["Location"] == "/mine/"
    assert of(company, three[2]).state == "owned"


def test_the_list_is_narrowed_searched_and_looked_at_in_parts(company: Company, three: list[UUID]) -> None:
    browser = as_(company.aiko)

    def listed(query: str) -> set[str]:
        page = browser.get(f"/mine/?{query}").content.decode()
        return {str(lead) for lead in three if f'id="case-{lead}"' in page}

    assert listed("") == set(map(str, three))
    assert listed("q=south") == {str(three[1])}
    assert listed("f-source=referral") == {str(three[1])}
    assert listed("f-state=offered") == {str(three[2])}
    assert listed("due=yes") == {str(three[0]), str(three[2])}
    assert listed("idle=1") == set()
    assert listed("view=ended") == set()
    assert listed("view=nonsense&sort=nonsense&idle=²&f-state=%00") == set(map(str, three))
    assert browser.get("/mine/?cursor=nonsense")["Location"] == "/mine/?"
    as_(company.aiko).post(f"/leads/{three[1]}/retire/", {"why": "no_interest"})
    assert listed("view=ended") == {str(three[1])}
    assert "Given up: no interest" in words(browser.get("/mine/?view=ended"))


def test_the_same_is_done_to_those_chosen_and_each_is_told(company: Company, three: list[UUID]) -> None:
    browser = as_(company.aiko)
    chosen = [str(lead) for lead in three]
    page = words(browser.post("/mine/", {"act": "contact", "kind": "mail", "note": "Hello", "lead": chosen}))
    assert "Done with 2 leads. 1 could not be." in page
    assert "Eastwind" in page
    assert of(company, three[0]).state == "working"
    page = words(browser.post("/mine/", {"act": "follow_up", "at": "2031-01-02T09:00", "lead": chosen[:2]}))
    assert "Done with 2 leads." in page
    assert of(company, three[1]).follow_up_at is not None
    foreign = company.lead()
    page = words(browser.post("/mine/", {"act": "retire", "why": "not_a_fit", "lead": [chosen[0], str(foreign), "x"]}))
    assert "Done with 1 lead. 1 could not be." in page
    assert of(company, foreign).state == "pooled"
    for form, said in (
        ({"act": "retire", "lead": chosen[1]}, "Say why it is given up."),
        ({"act": "contact"}, "Choose at least one lead first."),
        ({"act": "dance", "lead": chosen[1]}, "Choose what to do with them."),
        ({"act": "follow_up", "at": "", "lead": chosen[1]}, "That is no moment."),
        ({"act": "nurture", "sequence": "gone", "lead": chosen[1]}, "The policy has no such mails."),
    ):
        refused = browser.post("/mine/", form)
        assert refused.status_code == 422
        assert said in words(refused)


def test_a_long_list_goes_on_on_another_page(
    company: Company, monkeypatch: pytest.MonkeyPatch, three: list[UUID]
) -> None:
    monkeypatch.setattr("dibs.web.my_list.ROWS", 2)
    browser = as_(company.aiko)
    first = browser.get("/mine/?sort=name").content.decode()
    (more,) = [part.split('"')[0] for part in first.split('rel="next" href="')[1:]]
    second = browser.get(more.replace("&amp;", "&")).content.decode()
    found = [str(lead) for lead in three if f'id="case-{lead}"' in first + second]
    assert len(found) == 3
    assert 'rel="next"' not in second
