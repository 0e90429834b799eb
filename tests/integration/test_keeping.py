"""How long people are kept, by the policy; what is handed out of them; what they agreed to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from django.test import Client

from dibs.cli.privacy import privacy
from dibs.crm import do_not_contact
from dibs.crm.models import Contact, Lead, Note, Opportunity, Touch
from dibs.distribution import acting, forgetting, opportunities
from dibs.distribution.consenting import set_consent
from dibs.distribution.models import Decision
from dibs.distribution.scene import Refused
from dibs.insight.reports import report
from dibs.intake import receiving, retention
from dibs.intake.handing_out import told
from dibs.intake.models import Erasure, RawPayload
from dibs.intake.person_document import as_page
from dibs.intake.persons import Asked, find
from dibs.people.models import Role, Workspace
from dibs.people.tenancy import enter
from tests.integration.wrote_in import EMAIL, NAME, PHONE, House
from tests.making import make_token, make_user, publish

pytestmark = pytest.mark.django_db

KEEPING = """
policy: Kept for so long
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {mode: pool, preview: [company], lock: 15m}}
privacy: {keep: {ended: 30d, open: 90d, raw: 10d}}
"""


@pytest.fixture
def house(db: Any) -> House:
    made = House()
    publish(made.workspace, KEEPING)
    return made


def _given_up(house: House, **fields: Any) -> UUID:
    lead = house.worked(**fields)
    assert isinstance(acting.retire(house.aiko, lead, house.now, why="no_interest"), acting.Acted)
    return lead


def test_leads_that_were_given_up_are_kept_for_so_long_and_no_longer(house: House) -> None:
    lead = _given_up(house)
    soon, later = house.now + timedelta(days=29), house.now + timedelta(days=31)
    assert retention.retain(house.workspace.id, soon).ended == 0
    assert Lead.objects.get(id=lead).email == EMAIL
    assert retention.over(house.workspace.id, later).ended == 1
    assert retention.retain(house.workspace.id, later).ended == 1
    row = Lead.objects.get(id=lead)
    assert (row.email, row.flags, row.state, row.retired_why) == (None, ["erased"], "retired", "no_interest")
    assert retention.over(house.workspace.id, later).total == 0
    # Kept no longer is not the same as not to be contacted.
    assert not do_not_contact.is_listed(house.workspace.id, Asked(email=EMAIL).entries())


def test_leads_that_nobody_has_are_kept_from_when_the_person_was_last_heard_of(house: House) -> None:
    waiting, held = house.lead(), house.worked(name="Other Person", email="other@elsewhere.example", phone=None)
    later = house.now + timedelta(days=89)
    house.now = later
    house.lead()  # comes again
    after = later + timedelta(days=89)
    assert retention.over(house.workspace.id, after).open == 0
    end = later + timedelta(days=91)
    assert retention.retain(house.workspace.id, end).open == 1
    row = Lead.objects.get(id=waiting)
    assert (row.state, row.retired_why, row.email) == ("retired", "other", None)
    assert set(Decision.objects.filter(lead=waiting, at=end).values_list("kind", "actor_id")) == {
        ("retired", None),
        ("erased", None),
    }
    assert Lead.objects.get(id=held).email == "other@elsewhere.example"


def test_customers_stay(house: House) -> None:
    lead = house.worked()
    assert isinstance(acting.convert(house.aiko, lead, house.now), acting.Acted)
    assert retention.retain(house.workspace.id, house.now + timedelta(days=4000)).total == 0
    assert Lead.objects.get(id=lead).email == EMAIL


def _lost(house: House, *, days: int = 0) -> tuple[UUID, Opportunity]:
    lead = house.worked()
    assert isinstance(acting.convert(house.aiko, lead, house.now), acting.Acted)
    deal = Opportunity.objects.get(lead_id=lead)
    at = house.now + timedelta(days=days)
    assert isinstance(opportunities.lose(house.aiko, deal.id, at, why=f"{NAME} went elsewhere"), opportunities.Done)
    return lead, Opportunity.objects.get(id=deal.id)


def test_who_was_lost_as_an_opportunity_is_kept_as_long_as_who_was_given_up(house: House) -> None:
    lead, deal = _lost(house, days=10)
    Note.objects.create(workspace=house.workspace, opportunity=deal, text=f"{NAME} again")
    before = report(house.caller, "source", house.now - timedelta(days=1), house.now + timedelta(days=1), house.now)
    assert retention.over(house.workspace.id, house.now + timedelta(days=39)).ended == 0
    later = house.now + timedelta(days=41)
    assert (retention.over(house.workspace.id, later).ended, retention.retain(house.workspace.id, later).ended) == (
        1,
        1,
    )
    row, kept = Lead.objects.get(id=lead), Opportunity.objects.get(id=deal.id)
    assert (row.state, row.flags, row.email) == ("converted", ["erased"], None)
    assert (kept.state, kept.name, kept.lost_why, kept.contact_id) == ("lost", "–", "", None)
    assert not Contact.objects.filter(email=EMAIL).exists()
    assert not Note.objects.exists()
    assert not any(NAME in str(one.reasons) for one in Decision.objects.all())
    after = report(house.caller, "source", house.now - timedelta(days=1), house.now + timedelta(days=1), house.now)
    assert after == before
    assert retention.over(house.workspace.id, later).total == 0


def test_an_opportunity_that_is_open_or_won_keeps_its_lead(house: House) -> None:
    lead, deal = _lost(house)
    assert isinstance(opportunities.reopen(house.aiko, deal.id, house.now), opportunities.Done)
    later = house.now + timedelta(days=4000)
    assert retention.retain(house.workspace.id, later).ended == 0
    assert isinstance(opportunities.win(house.aiko, deal.id, house.now), opportunities.Done)
    assert retention.retain(house.workspace.id, later).ended == 0
    assert Lead.objects.get(id=lead).email == EMAIL


def test_a_lost_opportunity_of_nobody_is_not_reopened(house: House) -> None:
    _, deal = _lost(house)
    retention.retain(house.workspace.id, house.now + timedelta(days=31))
    refused = opportunities.reopen(house.aiko, deal.id, house.now)
    assert isinstance(refused, Refused)
    assert refused.refusal.code == "is_erased"
    assert Opportunity.objects.get(id=deal.id).state == "lost"


def test_what_is_reopened_just_before_its_time_is_over_is_left_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, deal = _lost(house)
    lock = forgetting.lock

    def reopened_meanwhile(workspace_id: UUID, leads: Iterable[UUID]) -> Any:
        assert isinstance(opportunities.reopen(house.aiko, deal.id, house.now), opportunities.Done)
        return lock(workspace_id, leads)

    monkeypatch.setattr(forgetting, "lock", reopened_meanwhile)
    assert retention.retain(house.workspace.id, house.now + timedelta(days=31)).ended == 0
    assert Lead.objects.get(id=lead).email == EMAIL


def test_what_sources_sent_is_emptied_and_still_known(house: House) -> None:
    record = {"source": "crm", "external_id": "77", "name": NAME, "email": EMAIL}
    receiving.receive(house.workspace.id, [record], now=house.now)
    later = house.now + timedelta(days=11)
    assert retention.retain(house.workspace.id, later).raw == 1
    assert RawPayload.objects.get().payload == {}
    assert receiving.receive(house.workspace.id, [record], now=later)[0].outcome == "unchanged"
    assert retention.over(house.workspace.id, later).raw == 0


def test_a_contact_goes_with_the_last_lead_that_is_of_them(house: House) -> None:
    first = _given_up(house)
    contact = Contact.objects.get(email=EMAIL)
    assert Lead.objects.get(id=first).contact_id == contact.id
    second = house.lead()
    later = house.now + timedelta(days=31)
    assert retention.retain(house.workspace.id, later).ended == 1
    assert Contact.objects.filter(id=contact.id).exists()
    assert Lead.objects.get(id=second).email == EMAIL
    assert retention.retain(house.workspace.id, house.now + timedelta(days=91)).open == 1
    assert not Contact.objects.filter(id=contact.id).exists()


def test_a_night_is_one_line_in_the_log_and_goes_on_the_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 2)
    for number in range(5):
        _given_up(house, name=f"Person {number}", email=f"p{number}@elsewhere.example", phone=None)
    later = house.now + timedelta(days=31)
    assert retention.retain(house.workspace.id, later, most=3).ended == 3
    (line,) = Erasure.objects.filter(why="ended")
    assert (line.leads, line.rows["leads"], line.by_id) == (3, 3, None)
    assert retention.retain(house.workspace.id, later).ended == 2


def test_without_a_word_in_the_policy_everybody_is_kept(db: Any) -> None:
    house = House()
    _given_up(house)
    assert retention.retain(house.workspace.id, house.now + timedelta(days=3000)).total == 0


# -- handing out ------------------------------------------------------------------------------------------------------


def test_all_that_is_known_is_handed_out(house: House) -> None:
    lead = house.worked(attributes={"seen_at": "a fair"}, message="Call me")
    house.lead()
    Note.objects.create(workspace=house.workspace, lead_id=lead, text="wants a demo <b>soon</b>")
    stranger = house.lead(name="Somebody Else", email="else@other.example", phone=None)
    Note.objects.create(workspace=house.workspace, lead_id=stranger, text=f"their secret, told by {NAME}")
    document = told(house.workspace.id, find(house.workspace.id, Asked(email=EMAIL)), house.now)
    text = json.dumps(document)
    assert document["known_as"] == {"emails": [EMAIL], "phones": [PHONE], "names": [NAME]}
    (row,) = document["rows"]["leads"]
    assert (row["name"], row["message"], row["attributes"]["seen_at"]) == (NAME, "Call me", "a fair")
    assert [note["text"] for note in document["rows"]["notes"]] == ["wants a demo <b>soon</b>"]
    assert document["counts"]["mentions"] == 1
    assert "secret" not in text
    assert "Somebody Else" not in text
    assert any("spoke with" in said for each in document["rows"]["decisions"] for said in each["in_words"])
    assert Touch.objects.count() == len(document["rows"]["touches"]) == 1
    # Leases and what a search looks through are nobody's business.
    assert "claim" not in row
    assert "lookup" not in row


@pytest.mark.parametrize("language", ["en", "ja", "es", "id"])
def test_the_page_is_whole_and_quotes_what_was_written(house: House, language: str) -> None:
    lead = house.worked(name='<script>alert("x")</script> & co')
    Note.objects.create(workspace=house.workspace, lead_id=lead, text="<img src=x onerror=y>")
    page = as_page(
        told(house.workspace.id, find(house.workspace.id, Asked(email=EMAIL)), house.now, language), language
    )
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            tags.add(tag)

    Reader().feed(page)
    assert not tags & {"script", "img", "link", "iframe", "form", "object", "embed", "base", "svg"}
    assert not re.search(r"url\(|@import|(?:src|href)=\"(?!#)", page)
    assert "default-src 'none'" in page
    assert f'lang="{language}"' in page
    assert "&lt;img src=x onerror=y&gt;" in page


def test_the_page_speaks_to_people_in_their_words_and_leaves_the_machinery_to_the_json(house: House) -> None:
    Workspace.objects.filter(id=house.workspace.id).update(timezone="Asia/Tokyo")
    moment = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)
    lead = house.worked(country="JP", consent=False, attributes={"seen_at": "a fair"}, received_at=moment)
    deal = Opportunity.objects.create(workspace=house.workspace, lead_id=lead, owner=house.rep, name="x", stage="new")
    document = told(house.workspace.id, find(house.workspace.id, Asked(email=EMAIL)), house.now, "es")
    page = as_page(document, "es")
    assert document["timezone"] == "Asia/Tokyo"
    for said in (
        "Japón",
        "3 mar 2026 05:30",
        "<dt>Consentimiento</dt><dd>no</dd>",
        "a fair",
        f"<dd>{EMAIL}</dd>",
        "Asia/Tokyo",
    ):
        assert said in page, said
    for unsaid in (str(lead), str(deal.id), "policy_version", "2026-03-02T20", "qualify.score"):
        assert unsaid not in page, unsaid
    assert str(deal.id) in json.dumps(document)


def test_an_amount_stands_there_as_people_write_it(house: House) -> None:
    house.worked(deal_value=Decimal("1250000.50"), attributes={"turnover": 12_000_000.0, "share": 0.25})
    document = told(house.workspace.id, find(house.workspace.id, Asked(email=EMAIL)), house.now, "es")
    page = as_page(document, "es")
    for said in ("1250000,5", "12000000", "0,25"):
        assert f"<dd>{said}</dd>" in page, said
    assert "e+0" not in page


def test_of_who_is_only_on_the_list_the_page_says_that_alone(house: House) -> None:
    house.lead()
    house.erase()
    page = as_page(told(house.workspace.id, find(house.workspace.id, Asked(email=EMAIL)), house.now), "en")
    assert "You are on the list of those who must not be contacted." in page
    assert "Beyond that, nothing is known of you." in page
    assert "<article" not in page


def test_a_moment_at_the_end_of_all_calendars_spoils_no_page(house: House) -> None:
    lead = house.lead()
    Note.objects.create(workspace=house.workspace, lead_id=lead, text="x")
    document = told(house.workspace.id, find(house.workspace.id, Asked(email=EMAIL)), house.now)
    document["timezone"] = "Asia/Tokyo"
    document["rows"]["notes"][0]["at"] = "9999-12-31T23:59:59Z"
    assert "9999-12-31T23:59:59Z" in as_page(document)


# -- consent ----------------------------------------------------------------------------------------------------------


def test_consent_is_written_down_with_who_and_when(house: House) -> None:
    lead = house.worked()
    assert isinstance(set_consent(house.aiko, lead, True, house.now), acting.Acted)
    assert Lead.objects.get(id=lead).consent is True
    last = Decision.objects.filter(lead_id=lead).order_by("-nth").first()
    assert last is not None
    assert last.kind == "enriched"
    assert last.reasons[0] == {"code": "consent_given", "params": {"by": "Aiko"}, "rule": None}


def test_who_withdraws_consent_is_not_contacted_any_more(house: House) -> None:
    lead = house.worked()
    assert isinstance(set_consent(house.aiko, lead, False, house.now), acting.Acted)
    row = Lead.objects.get(id=lead)
    assert (row.consent, row.do_not_contact) == (False, True)
    assert do_not_contact.is_listed(house.workspace.id, Asked(email=EMAIL).entries())


def test_consent_is_for_who_has_the_lead_and_who_leads_there(house: House) -> None:
    lead = house.lead()
    refused = set_consent(house.aiko, lead, True, house.now)
    assert isinstance(refused, acting.Refused)
    assert isinstance(set_consent(house.caller, lead, True, house.now), acting.Acted)
    assert set_consent(house.caller, UUID(int=7), True, house.now) is None
    house.erase()
    said = set_consent(house.caller, lead, True, house.now)
    assert isinstance(said, acting.Refused)
    assert said.refusal.code == "is_erased"


# -- over the API -----------------------------------------------------------------------------------------------------


class Api:
    def __init__(self, house: House, role: str = Role.OPS) -> None:
        self.house = house
        user = house.ops if role == Role.OPS else make_user(house.workspace, role)
        self.headers = {"Authorization": f"Bearer {make_token(user)}"}

    def post(self, path: str, body: Any, **headers: str) -> Any:
        sent = json.dumps(body)
        answer = Client().post(
            f"/api/v1{path}", sent, content_type="application/json", headers={**self.headers, **headers}
        )
        enter(self.house.workspace.id)
        return answer

    def get(self, path: str, **query: Any) -> Any:
        answer = Client().get(f"/api/v1{path}", query, headers=self.headers)
        enter(self.house.workspace.id)
        return answer


def test_somebody_is_found_handed_out_and_erased_over_the_api(house: House) -> None:
    lead = house.worked()
    api = Api(house)
    found = api.post("/privacy/find", {"email": EMAIL})
    assert found.status_code == 200
    assert [each["id"] for each in found.json()["leads"]] == [str(lead)]
    assert found.json()["counts"]["decisions"] == 3
    assert found.json()["on_the_list"] is False
    assert api.post("/privacy/export", {"phone": "55 1234 5678"}).json()["rows"]["leads"][0]["email"] == EMAIL
    page = api.post("/privacy/export", {"lead": str(lead), "format": "html", "language": "es"})
    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert page["Content-Disposition"].startswith("attachment")
    done = api.post("/privacy/erase", {"email": EMAIL}, **{"Idempotency-Key": "e1"})
    assert done.status_code == 200
    assert (done.json()["leads"], done.json()["ended"], done.json()["listed"]) == (1, 1, True)
    again = api.post("/privacy/erase", {"email": EMAIL}, **{"Idempotency-Key": "e1"})
    assert again.json() == done.json()
    assert EMAIL not in api.get("/privacy/erasures").content.decode()
    (line,) = api.get("/privacy/erasures").json()["items"]
    assert (line["why"], line["by"], line["leads"]) == ("asked", house.ops.name, 1)
    found = api.post("/privacy/find", {"email": EMAIL})
    assert (found.json()["leads"], found.json()["counts"], found.json()["on_the_list"]) == ([], {}, True)


@pytest.mark.parametrize("path", ["/privacy/find", "/privacy/export", "/privacy/erase"])
def test_what_is_nobody_is_refused_with_a_code(house: House, path: str) -> None:
    api = Api(house)
    for body, status, code in (
        ({}, 422, "not_a_person"),
        ({"email": "nonsense"}, 422, "not_a_person"),
        ({"email": "a@b.example", "lead": str(UUID(int=1))}, 422, "not_a_person"),
        ({"email": "a\0@b.example"}, 422, "invalid"),
        ({"lead": "1"}, 422, "invalid"),
        ({"name": "x"}, 422, "invalid"),
        ({"email": "nobody@nowhere.example"}, 404, "not_found"),
        ({"lead": str(UUID(int=1))}, 404, "not_found"),
    ):
        answer = api.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body


def test_the_log_is_read_page_by_page(house: House) -> None:
    for number in range(3):
        house.lead(email=f"p{number}@elsewhere.example", name=f"P {number}", phone=None)
        assert Api(house).post("/privacy/erase", {"email": f"p{number}@elsewhere.example"}).status_code == 200
    api = Api(house)
    first = api.get("/privacy/erasures", limit=2).json()
    rest = api.get("/privacy/erasures", limit=2, cursor=first["next"]).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert api.get("/privacy/erasures", cursor="made-up").json()["code"] == "bad_cursor"


def test_how_long_people_are_kept_is_told(house: House) -> None:
    said = Api(house).get("/privacy/retention").json()
    assert said["keep"] == {"ended": 30 * 86400, "open": 90 * 86400, "raw": 10 * 86400}
    assert said["over"] == {"ended": 0, "open": 0, "raw": 0}


def test_consent_is_set_over_the_api(house: House) -> None:
    lead = house.worked()
    answer = Client().put(
        f"/api/v1/leads/{lead}/consent",
        json.dumps({"given": False}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {make_token(house.rep.user)}"},
    )
    assert answer.status_code == 200
    assert answer.json()["consent"] is False


# -- at the command line ----------------------------------------------------------------------------------------------


@pytest.fixture
def command(house: House, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command, on the database that the test has."""
    from contextlib import nullcontext

    monkeypatch.setattr("dibs.cli.privacy.connected", nullcontext)

    def run(*given: str) -> Any:
        answer = CliRunner().invoke(privacy, [*given, "--workspace", house.workspace.slug])
        enter(house.workspace.id)
        return answer

    return run


def test_somebody_is_found_and_erased_by_command(house: House, command: Any, tmp_path: Any) -> None:
    house.worked()
    told_so = json.loads(command("find", "--email", EMAIL, "--json").output)
    assert told_so["counts"]["leads"] == 1
    out = tmp_path / "person.html"
    assert command("export", "--email", EMAIL, "--html", "--output", str(out)).exit_code == 0
    assert NAME in out.read_text(encoding="utf-8")
    assert command("erase", "--email", EMAIL).exit_code == 1  # asked once more, and nobody answered
    assert Lead.objects.filter(email=EMAIL).exists()
    done = command("erase", "--email", EMAIL, "--yes", "--json")
    assert json.loads(done.output)["leads"] == 1
    assert not Lead.objects.filter(email=EMAIL).exists()
    gone = command("erase", "--email", EMAIL, "--yes")
    assert gone.exit_code == 0 or "Nothing is known" in gone.output
    assert command("find").exit_code == 2
    assert command("find", "--phone", "12").exit_code == 1


def test_what_is_kept_no_longer_goes_by_command(house: House, command: Any) -> None:
    lead = _given_up(house)
    Lead.objects.filter(id=lead).update(ended_at=house.now - timedelta(days=31))
    assert json.loads(command("retain", "--dry-run", "--json").output)["ended"] == 1
    assert Lead.objects.get(id=lead).email == EMAIL
    assert json.loads(command("retain", "--json").output)["ended"] == 1
    assert Lead.objects.get(id=lead).email is None
