"""Somebody is erased: nothing says any more who it was, and every count is what it was."""

from __future__ import annotations

import io
import json
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from dibs.api.models import KeyedWrite
from dibs.api.urls import document
from dibs.crm import do_not_contact
from dibs.crm.models import Account, Lead, Note, Opportunity, Touch
from dibs.distribution import acting
from dibs.distribution.models import Decision, Standing
from dibs.intake import erasing, mentions, receiving
from dibs.intake.models import Erasure, RawPayload, Source, Upload
from dibs.intake.persons import Asked, Person
from dibs.people.tenancy import enter
from tests.integration.wrote_in import EMAIL, NAME, PHONE, POLICY, House, traces
from tests.making import make_token, make_user, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: Any) -> House:
    return House()


def test_counts_and_reports_are_what_they_were(house: House) -> None:
    converted, retired = house.worked(), house.worked(name="Other Person", email="other@elsewhere.example", phone=None)
    assert isinstance(acting.convert(house.aiko, converted, house.now, note=f"{NAME} signed"), acting.Acted)
    assert isinstance(acting.retire(house.aiko, retired, house.now, why="no_interest"), acting.Acted)
    token = {"Authorization": f"Bearer {make_token(house.ops)}"}

    def figures() -> dict[str, Any]:
        told = {}
        for path in sorted(json.loads(document())["paths"]):
            if path.startswith(("/api/v1/metrics", "/api/v1/reports")) and "{" not in path:
                answer = Client().get(path, headers=token)
                assert answer.status_code == 200, (path, answer.content)
                told[path] = answer.json()
                if path.endswith("/leads"):
                    # Of what a figure counts, one is nobody's any more; it is the same leads still.
                    told[path]["items"] = [(lead["id"], lead["state"]) for lead in told[path]["items"]]
        enter(house.workspace.id)
        told["standings"] = list(Standing.objects.order_by("rep_id").values())
        told["kinds"] = list(
            Decision.objects.exclude(kind="erased").order_by("lead_id", "nth").values("kind", "after", "score")
        )
        return told

    before = figures()
    done = house.erase()
    assert done.ended == 0
    after = figures()
    assert len(before) > 4
    for path, told in before.items():
        assert _still(told) == _still(after[path]), path
    row = Lead.objects.get(id=converted)
    assert (row.state, row.source, row.country, row.owner_id) == ("converted", "webform", "MX", house.rep.id)


def _still(told: Any) -> Any:
    """Without the moment at which it was told."""
    return (
        {name: each for name, each in told.items() if name not in {"now", "at", "since", "until", "made_at"}}
        if isinstance(told, dict)
        else told
    )


def test_open_leads_are_given_up_first_and_who_had_them_is_free(house: House) -> None:
    lead = house.worked()
    assert Standing.objects.get(rep=house.rep).open_leads == 1
    done = house.erase()
    assert (done.leads, done.ended) == (1, 1)
    assert Standing.objects.get(rep=house.rep).open_leads == 0
    kinds = Decision.objects.filter(lead_id=lead).order_by("nth").values_list("kind", flat=True)
    assert list(kinds)[-2:] == ["retired", "erased"]
    assert Lead.objects.get(id=lead).retired_why == "do_not_contact"


def test_nothing_is_done_with_an_erased_lead_any_more(house: House) -> None:
    lead = house.worked()
    house.erase()
    said = acting.reopen(house.aiko, lead, house.now, why="they called")
    assert isinstance(said, acting.Refused)
    assert said.refusal.code == "is_erased"


def test_new_facts_on_an_erased_lead_are_those_of_somebody_new(house: House) -> None:
    """A source sends its record again, by the same id: what is erased stays so, and what is sent is a lead of its own."""
    record = {"source": "crm", "external_id": "77", "name": NAME, "email": EMAIL}
    lead = receiving.receive(house.workspace.id, [record], now=house.now)[0].lead_id
    house.erase(listed=True)
    sent = receiving.receive(house.workspace.id, [record | {"city": "Oaxaca"}], now=house.now)[0]
    assert sent.outcome == "placed"
    assert sent.lead_id != lead
    old, new = Lead.objects.get(id=lead), Lead.objects.get(id=sent.lead_id)
    assert (old.email, old.city) == (None, None)
    # They are on the list: nobody is given the new one.
    assert new.do_not_contact is True
    assert new.state == "retired"


def test_who_may_be_written_to_is_not_put_on_the_list(house: House) -> None:
    house.lead()
    house.erase(listed=False)
    assert not do_not_contact.is_listed(house.workspace.id, Asked(email=EMAIL).entries())


def test_the_list_knows_them_still_and_shows_nobody(house: House) -> None:
    house.lead()
    house.erase()
    assert do_not_contact.is_listed(house.workspace.id, Asked(email=EMAIL).entries())
    assert do_not_contact.is_listed(house.workspace.id, Asked(phone=PHONE).entries())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crm_donotcontact WHERE shown <> ''")
        assert cursor.fetchone()[0] == 0


def test_what_is_the_company_s_stays(house: House) -> None:
    """A colleague at the same company, on the same switchboard, is somebody else: nothing of theirs is touched."""
    colleague = house.lead(name="Rosa Colleague", email="rosa@canary-mail.example")
    Note.objects.create(workspace=house.workspace, lead_id=colleague, text=f"{NAME} said: ask Rosa on {PHONE}, {EMAIL}")
    house.lead()
    house.erase()
    row = Lead.objects.get(id=colleague)
    assert (row.name, row.email, row.phone) == ("Rosa Colleague", "rosa@canary-mail.example", PHONE)
    assert row.do_not_contact is None
    assert not do_not_contact.is_listed(house.workspace.id, Asked(phone=PHONE).entries())
    # The number is Rosa's too; the address and the name are not.
    assert Note.objects.get(lead_id=colleague).text == f"… said: ask Rosa on {PHONE}, …"


def test_a_namesake_keeps_their_name(house: House) -> None:
    namesake = house.lead(email="zelda@elsewhere.example", phone=None)
    Note.objects.create(workspace=house.workspace, lead_id=namesake, text=f"{NAME} wants a demo")
    house.lead()
    house.erase()
    assert Lead.objects.get(id=namesake).name == NAME
    assert Note.objects.get(lead_id=namesake).text == f"{NAME} wants a demo"


def test_what_others_said_of_them_as_they_came_in_goes_too(house: House) -> None:
    """Who was sent by somebody says so in a form: in its message, in a field of its own, and in what the source sent."""
    house.lead()
    said = {"message": f"{NAME} ({EMAIL}) sent me", "use_case": f"as {NAME}", "attributes": {"sent_by": EMAIL}}
    other = house.lead(name="Somebody Else", email="else@other.example", phone=None, **said)
    house.lead(name="Somebody Else", email="else@other.example", phone=None, title=f"{NAME} again")
    Touch.objects.update(detail={"title": f"{NAME} again"})
    record = {"source": "crm", "external_id": "5", "email": "third@else.example", "message": f"from {EMAIL}"}
    receiving.receive(house.workspace.id, [record], now=house.now)
    before = house.found(EMAIL)
    done = house.erase()
    assert not traces()
    row = Lead.objects.get(id=other)
    assert (row.message, row.use_case, row.attributes["sent_by"]) == ("… (…) sent me", "as …", "…")
    assert "\nas ...\n" in row.lookup
    assert done.rows["mentions"] == before["mentions"]


def test_names_and_numbers_are_found_however_they_are_written(house: House) -> None:
    other = house.lead(name="Somebody Else", email="else@other.example", phone=None)
    house.lead()
    ways = ("55-1234-5678", "(55) 1234-5678", "55.1234.5678", "+52 55 1234 5678", "Quixotte, Zelda", "Quixotte Zelda")
    for way in ways:
        Note.objects.create(workspace=house.workspace, lead_id=other, text=f"say {way}!")
    house.erase()
    assert {text.replace("(", "") for text in Note.objects.values_list("text", flat=True)} == {"say …!"}


def test_somebody_with_very_many_numbers_and_names_is_looked_for_all_the_same(house: House) -> None:
    lead = house.lead(name="Somebody Else", email="else@other.example", phone=None)
    numbers = [f"+52 55 {1000 + nth} {9999 - nth}" for nth in range(1000)]
    names = [f"Zelda Quixotte {nth}" for nth in range(1000)]
    for said in ("ask (55) 1000-9999", "ask 55.1999.9000", "ask zelda quixotte 7", "ask 55 2000 8999", "ask 1000 9999"):
        Note.objects.create(workspace=house.workspace, lead_id=lead, text=said)
    texts = [*names, *numbers, *(number.removeprefix("+52 ") for number in numbers)]
    assert mentions.look_through(house.workspace.id, "crm.Note", ("text",), texts, Person(), tell=True) == 3


def test_of_texts_that_hold_others_the_shortest_are_enough() -> None:
    assert mentions.shortest(["ana li", "dr. ana li", "55 12", "+52 55 12", "ana li", "li"]) == ["li", "55 12"]
    assert mentions.shortest([]) == []


def test_who_is_only_called_or_reached_alike_is_left_alone(house: House) -> None:
    other = house.lead(name="Somebody Else", email="else@other.example", phone=None)
    texts = [
        "rosana@mail.example and ana@mail.example.org",
        "Diana Limantour",
        "+1 551 234 5678, order 155123456789",
    ]
    for text in texts:
        Note.objects.create(workspace=house.workspace, lead_id=other, text=text)
    house.lead(name="Ana Li", email="ana@mail.example")
    assert erasing.erase(house.caller, Asked(email="ana@mail.example"), house.now) is not None
    enter(house.workspace.id)
    assert sorted(Note.objects.values_list("text", flat=True)) == sorted(texts)


@pytest.mark.parametrize(
    "name", ["Ted", "Con", "Web", "Inbound", "Marketing", "Everyone Else", "Web Form", "Aiko Sato"]
)
def test_a_name_that_is_a_word_of_the_house_leaves_counts_and_stories_whole(house: House, name: str) -> None:
    """*Ted* is in *converted*, and *Everyone Else* may be a rule: what a lead was counted by is still there."""
    publish(house.workspace, POLICY.replace("name: All", "name: Everyone else"))
    Source.objects.get_or_create(workspace=house.workspace, name="Web form", defaults={"kind": "api"})
    colleague = make_user(house.workspace, "manager", name="Aiko Sato")
    lead = house.worked(name=name, industry="Marketing", source="Web form")
    assert isinstance(acting.convert(house.aiko, lead, house.now), acting.Acted)
    other = house.lead(name="Somebody Else", email="else@other.example", phone=None)
    Note.objects.create(workspace=house.workspace, lead_id=other, text=f"ask {colleague.name} about Everyone else")

    def counted() -> list[Any]:
        leads = Lead.objects.order_by("id").values_list("source", "industry", "state", "pool", "taken_by")
        decided = Decision.objects.exclude(kind="erased").order_by("lead_id", "nth")
        rules = [reason["rule"] for one in decided for reason in one.reasons]
        codes = [(reason["code"], reason["params"].get("rule")) for one in decided for reason in one.reasons]
        return [list(leads), list(decided.values_list("kind", "before", "after", "pool")), rules, codes]

    before = counted()
    house.erase()
    assert counted() == before
    assert Note.objects.get(lead_id=other).text == "ask Aiko Sato about Everyone else"
    (erased,) = Decision.objects.filter(lead_id=lead, kind="erased")
    assert erased.reasons[0]["params"] == {"why": "asked"}


def test_who_bought_for_themselves_leaves_an_account_without_a_name(house: House) -> None:
    """What was sold to them counts on."""
    lead = house.worked(company=NAME, domain=None, email="zelda.quixotte@gmail.com")
    assert isinstance(acting.convert(house.aiko, lead, house.now, amount=Decimal(100), currency="MXN"), acting.Acted)
    Account.objects.update(customer=True, phone=PHONE)
    assert Account.objects.get().name == NAME
    assert erasing.erase(house.caller, Asked(email="zelda.quixotte@gmail.com"), house.now) is not None
    enter(house.workspace.id)
    assert not traces()
    assert (Account.objects.get().name, Account.objects.get().phone) == ("…", None)
    assert Opportunity.objects.get().amount == 100


def test_another_company_s_people_are_never_looked_at(house: House) -> None:
    other = House()
    theirs = other.lead()
    enter(house.workspace.id)
    house.lead()
    house.erase()
    enter(other.workspace.id)
    assert Lead.objects.get(id=theirs).email == EMAIL
    assert RawPayload.objects.filter(workspace=house.workspace).count() == 0


def test_nobody_known_is_nobody_erased(house: House) -> None:
    assert erasing.erase(house.caller, Asked(email="nobody@nowhere.example"), house.now) is None
    assert Erasure.objects.count() == 0


def test_the_log_says_how_much_and_not_who(house: House) -> None:
    house.worked()
    done = house.erase()
    line = Erasure.objects.get(id=done.erasure)
    assert (line.why, line.by_id, line.leads, line.listed) == ("asked", house.ops.id, 1, True)
    assert line.rows["leads"] == 1
    assert line.rows["decisions"] >= 3


def test_a_file_that_waits_to_be_imported_goes_if_they_are_in_it(house: House) -> None:
    house.lead()
    there = {
        "utf-8": f"name,email\n{NAME},{EMAIL}\n".encode(),
        "utf-16": f"name,email\n{NAME},{EMAIL}\n".encode("utf-16"),
        "workbook": _workbook(f"<t>{EMAIL}</t>"),
        "workbook in parts": _workbook("<si><r><t>zelda.quixotte</t></r><r><t>@canary-mail.example</t></r></si>"),
        "number": b"phone\n(55) 1234-5678\n",
        "workbook with a number": _workbook("<c><v>5512345678</v></c>"),
        "broken workbook": b"PK\x03\x04nonsense",
    }
    not_there = {"other": b"name,email\nA,a@b.example\n", "other workbook": _workbook("<t>a@b.example</t>")}
    for name, content in {**there, **not_there}.items():
        Upload.objects.create(workspace=house.workspace, name=name, content=content, size=len(content))
    house.erase()
    assert set(Upload.objects.values_list("name", flat=True)) == set(not_there)


def _workbook(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/sharedStrings.xml", f"<sst>{text}</sst>")
    return packed.getvalue()


def test_an_answer_that_was_kept_to_be_given_again_is_gone(house: House) -> None:
    token = make_token(house.ops)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}
    body = json.dumps({"source": "x", "external_id": "9", "name": NAME, "email": EMAIL})

    def send() -> Any:
        return Client().post("/api/v1/leads", body, content_type="application/json", headers=headers)

    assert send().status_code == 201
    enter(house.workspace.id)
    KeyedWrite.objects.update(answer=json.dumps({"email": EMAIL}))
    house.erase()
    again = send()
    assert again.status_code == 410
    assert again.json()["code"] == "erased"


@pytest.mark.parametrize("name", ["100% Sale_s", "a\\b Quixotte", 'O\'Brien "Bob" Q', "山田 太郎", "Ñandú Üç"])
def test_names_that_mean_something_to_a_database_are_taken_as_they_are(house: House, name: str) -> None:
    lead = house.lead(name=name)
    other = house.lead(name="Somebody Else", email="else@other.example", phone=None)
    Note.objects.create(workspace=house.workspace, lead_id=other, text=f"they know {name}")
    Note.objects.create(workspace=house.workspace, lead_id=other, text="100x Salees; aXb Quixotte")
    house.erase()
    assert Lead.objects.get(id=lead).name is None
    assert sorted(Note.objects.values_list("text", flat=True)) == ["100x Salees; aXb Quixotte", "they know …"]
