"""The pages of mails and of those who must not be contacted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.timezone import now

from dibs.crm.models import DoNotContact
from dibs.delivery.models import Mail
from dibs.distribution.ticking import tick
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import publish
from tests.web.conftest import as_

NURTURE = (
    POLICY.replace("route:", "route:\n  - {name: Not yet, when: 'lead.source == \"webinar\"', nurture: true}")
    + """
nurture:
  sender: Budi <budi@dibs.example>
  sequences:
    course: {steps: [{after: 1s, mail: hello}, {after: 3d, mail: more}]}
  mails:
    hello:
      en: {subject: 'For {company}', text: 'Hello {first_name}, <b>{{bold}}</b>'}
      ja: {subject: '{company}様', text: '{name}様'}
    more: {en: {subject: More, text: More}}
"""
)


@pytest.fixture
def mailing(company: Company) -> Company:
    publish(company.workspace, NURTURE)
    return company


def page(company: Company, who: Any, path: str) -> str:
    answer = as_(who).get(path)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def test_the_page_says_who_is_where_in_each_sequence(mailing: Company) -> None:
    company = mailing
    for _ in range(3):
        company.lead(source="webinar", consent=True)
    enter(company.workspace.id)
    later = now() + timedelta(minutes=1)
    tick(later)
    enter(company.workspace.id)
    failed = Mail.objects.order_by("id").first()
    assert failed is not None
    Mail.objects.filter(id=failed.id).update(state="failed", send_at=None)
    shown = page(company, company.ops, "/nurture/")
    assert "Course" in shown
    assert "Try 1 failed mail again" in shown
    assert "Try 1 failed mail" not in page(company, company.manager, "/nurture/")
    answer = as_(company.ops).post("/nurture/retry/", {"sequence": "course"}, follow=True)
    assert "1 mail is tried once more" in answer.content.decode()
    enter(company.workspace.id)
    assert Mail.objects.get(id=failed.id).state == "waiting"


def test_a_letter_is_shown_as_its_reader_gets_it_and_no_markup_of_it_counts(mailing: Company) -> None:
    shown = page(mailing, mailing.manager, "/nurture/hello/en/")
    assert "For Cafetales del Sur" in shown
    assert "Hello Ana, &lt;b&gt;{bold}&lt;/b&gt;" in shown
    assert "You no longer want these mails?" in shown
    assert "Cafetales del Sur様" in page(mailing, mailing.manager, "/nurture/hello/ja/")


def test_a_letter_is_shown_with_a_lead_that_the_visitor_sees_in_full_alone(mailing: Company, other: Company) -> None:
    lead = mailing.lead(source="webinar", consent=True, company="Kumo KK", name="Aiko Tanaka")
    assert "For Kumo KK" in page(mailing, mailing.ops, f"/nurture/hello/en/?lead={lead}")
    theirs = other.lead(source="open", company="Secret Inc")
    enter(mailing.workspace.id)
    assert as_(mailing.ops).get(f"/nurture/hello/en/?lead={theirs}").status_code == 404
    assert as_(mailing.ops).get("/nurture/hello/en/?lead=nothing").status_code == 200


def test_a_lead_to_look_with_is_offered_by_what_it_is_called(mailing: Company) -> None:
    lead = mailing.lead(source="webinar", consent=True, company=None, name=None, domain="quiet.example")
    shown = page(mailing, mailing.ops, "/nurture/hello/en/")
    assert f'<option value="{lead}">quiet.example</option>' in shown


@pytest.mark.parametrize("path", ["/nurture/hello/es/", "/nurture/nothing/en/", "/nurture/hello/xx/"])
def test_a_letter_that_is_not_there_is_not_found(mailing: Company, path: str) -> None:
    assert as_(mailing.ops).get(path).status_code == 404
    assert as_(mailing.ops).post(f"{path}test/").status_code == 404


def test_operations_send_themselves_a_test(mailing: Company) -> None:
    answer = as_(mailing.ops).post("/nurture/hello/en/test/", follow=True)
    assert answer.status_code == 200
    (sent,) = outgoing.outbox
    assert (sent.to, sent.subject) == ([mailing.ops.email], "Test: For Cafetales del Sur")
    for who in (mailing.manager, mailing.aiko, mailing.integration):
        assert as_(who).post("/nurture/hello/en/test/").status_code == 403
        assert as_(who).post("/nurture/retry/").status_code == 403
    assert len(outgoing.outbox) == 1


def test_a_workspace_without_mails_says_how_to_write_them(company: Company) -> None:
    assert "The policy sends no mails" in page(company, company.ops, "/nurture/")


# -- do not contact ---------------------------------------------------------------------------------------------------


def change(company: Company, act: str, **data: Any) -> str:
    return str(as_(company.ops).post(f"/do-not-contact/{act}/", data, follow=True).content.decode())


def test_people_are_put_on_the_list_looked_up_and_taken_off(company: Company) -> None:
    assert "2 more must not be contacted" in change(company, "add", who="ana@acme.example\n+52 81 1234 5678")
    shown = page(company, company.ops, "/do-not-contact/")
    assert "a***@acme.example" in shown
    assert "+52***78" in shown
    assert "ana@acme.example must not be contacted" in change(company, "look", who="ana@acme.example")
    assert "bo@acme.example is not on the list" in change(company, "look", who="bo@acme.example")
    assert "Taken off the list" in change(company, "remove", who="ana@acme.example")
    assert "They were not on the list" in change(company, "remove", who="ana@acme.example")


def test_a_file_is_taken_too(company: Company) -> None:
    file = SimpleUploadedFile("list.csv", b"name;email\nAna;ana@acme.example\nBo;nothing\n", "text/csv")
    said = change(company, "add", file=file)
    assert "1 more must not be contacted" in said
    assert "1 line holds no address" in said
    enter(company.workspace.id)
    assert DoNotContact.objects.count() == 1


def test_nothing_in_it_is_said(company: Company) -> None:
    assert "There is no e-mail address" in change(company, "add", who="hello <script>")


def test_the_list_is_for_operations_alone(company: Company) -> None:
    for who in (company.aiko, company.manager, company.integration):
        for act in ("add", "look", "remove"):
            answer = as_(who).post(f"/do-not-contact/{act}/", {"who": "ana@acme.example"})
            assert answer.status_code == 403
