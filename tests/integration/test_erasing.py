"""Somebody is erased: nothing in the whole database says any more who it was, and every count is what it was.

A person whose name, address and number stand nowhere else is put into every column of every table that could hold them; the tables are
asked of Django, so that a new one fails here until it is known what becomes of it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.models import Session
from django.db import connection, models
from django.test import Client
from django.utils.timezone import now as moment

from dibs.api.models import KeyedWrite
from dibs.api.urls import document
from dibs.crm import do_not_contact
from dibs.crm.models import Account, Contact, Lead, Note, Opportunity, Touch
from dibs.distribution import acting, claiming
from dibs.distribution.models import Decision, Standing
from dibs.distribution.placing import place
from dibs.intake import erasing, receiving
from dibs.intake.models import Erasure, RawPayload, Source, Upload
from dibs.intake.persons import Asked, NotAPerson, asked_for, find
from dibs.intake.whereabouts import ELSEWHERE, MENTIONS, OWN
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.making import make_arrival, make_rep, make_token, make_user, make_workspace, publish

pytestmark = pytest.mark.django_db

NAME, EMAIL, PHONE = "Zelda Quixotte", "zelda.quixotte@canary-mail.example", "+525512345678"
WAYS = ("zelda", "quixotte", "canary-mail", "5512345678", "55 1234 5678")
POLICY = """
policy: Plain
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {mode: pool, preview: [company], lock: 15m}}
"""
#: Names of things that are told apart by them, and codes: what a source, a pool or a kind is called. Shorter columns are codes.
_CODE = 30


class House:
    """A company with a rep, an operator, and somebody who wrote in."""

    def __init__(self) -> None:
        self.workspace: Workspace = make_workspace(country="MX")
        self.rep = make_rep(self.workspace, "aiko", teams=("closers",))
        self.ops = make_user(self.workspace, "ops")
        publish(self.workspace, POLICY)
        self.caller: Caller = caller_of(self.ops)
        self.aiko: Caller = caller_of(self.rep.user)
        self.now = moment()

    def lead(self, **fields: Any) -> UUID:
        given = {"name": NAME, "email": EMAIL, "phone": PHONE, "received_at": self.now} | fields
        return place(self.workspace.id, [make_arrival(**given)], now=self.now)[0].lead_id

    def worked(self, **fields: Any) -> UUID:
        lead = self.lead(**fields)
        assert isinstance(claiming.claim_lead(self.aiko, lead, self.now), claiming.Claimed)
        assert isinstance(acting.contact(self.aiko, lead, self.now, note=f"spoke with {NAME}"), acting.Acted)
        return lead

    def found(self, email: str) -> dict[str, int]:
        return erasing.count(self.workspace.id, find(self.workspace.id, Asked(email=email)))

    def erase(self, **given: Any) -> erasing.Erased:
        done = erasing.erase(self.caller, Asked(email=EMAIL), self.now, **given)
        assert done is not None
        enter(self.workspace.id)
        return done


@pytest.fixture
def house(db: Any) -> House:
    return House()


def _labels() -> set[str]:
    return {model._meta.label for model in apps.get_models(include_auto_created=True)}


def test_of_every_table_it_is_known_whether_people_stand_in_it() -> None:
    own = {own.model for own in OWN}
    assert own | set(MENTIONS) | set(ELSEWHERE) == _labels()
    assert not (own | set(MENTIONS)) & set(ELSEWHERE)
    assert all(why for why in ELSEWHERE.values())


def test_what_is_looked_through_is_there() -> None:
    for model, columns in MENTIONS.items():
        known = {str(field.column) for field in apps.get_model(model)._meta.concrete_fields}
        assert set(columns) <= known, model


def _unlooked() -> Iterator[tuple[str, str]]:
    """Columns of free text in tables that may mention people, and that nothing looks at."""
    own = {own.model for own in OWN}
    for model, columns in MENTIONS.items():
        if model in own:
            continue
        for field in apps.get_model(model)._meta.concrete_fields:
            if _holds(field) and field.column not in columns:
                yield model, str(field.column)


#: What such a table calls itself or its things by.
_CALLED = {
    ("intake.Import", "source"), ("intake.Import", "encoding"), ("intake.ImportRefusal", "code"), ("delivery.Notice", "kind"),
    ("intake.ImportRefusal", "field"), ("procrastinate.ProcrastinateJob", "queue_name"), ("procrastinate.ProcrastinateJob", "task_name"),
    ("procrastinate.ProcrastinateJob", "status"), ("sessions.Session", "session_key"), ("delivery.Outbox", "event"),
}  # fmt: skip


def test_every_column_of_text_that_may_mention_somebody_is_looked_through() -> None:
    assert set(_unlooked()) <= _CALLED


def _holds(field: Any) -> bool:
    if isinstance(field, models.JSONField):
        return True
    if isinstance(field, ArrayField):
        return _holds(field.base_field)
    if isinstance(field, models.CharField):
        return (field.max_length or 1000) >= _CODE
    return isinstance(field, models.TextField)


def _text(field: Any) -> Any:
    """The person, as far as they fit into the column."""
    whole = f"{NAME} <{EMAIL}> {PHONE} (55 1234 5678)"
    if isinstance(field, models.JSONField):
        return json.dumps({"said": whole, NAME: [EMAIL, {"phone": PHONE}], "reasons": []})
    if isinstance(field, ArrayField):
        return [NAME]
    longest = getattr(field, "max_length", None) or 1000
    return next(text for text in (whole, f"{NAME} {PHONE}", NAME) if len(text) <= longest)


#: Rows that are looked up by these columns while somebody is erased, or that the schema holds to codes.
_KEPT = {
    ("crm.Lead", "pool"), ("crm.Lead", "review"), ("crm.Lead", "awaits"), ("crm.Lead", "flags"), ("crm.KnownBy", "value"),
    ("crm.KnownBy", "name"), ("crm.Contact", "email"), ("crm.Contact", "name"), ("crm.Lead", "name"), ("crm.Lead", "email"), ("crm.Lead", "phone"), ("procrastinate.ProcrastinateJob", "args"),
    ("procrastinate.ProcrastinateJob", "task_name"), ("procrastinate.ProcrastinateJob", "queue_name"),
    ("procrastinate.ProcrastinateJob", "status"), ("sessions.Session", "session_key"), ("sessions.Session", "session_data"),
    ("delivery.Mail", "state"),
}  # fmt: skip


def _overwrite(model: str, row: Any) -> int:
    """Put the person into every column of the row that can hold them; returns into how many."""
    kind = apps.get_model(model)
    put = 0
    for field in kind._meta.concrete_fields:
        column = str(field.column)
        if not _holds(field) or (model, column) in _KEPT | _CALLED or field.primary_key:
            continue
        value: Any = _text(field)
        if column in {"reasons", "parts"}:
            value = json.dumps(
                [{"code": "contacted", "params": {"kind": "call", "note": f"{NAME} {EMAIL}"}, "rule": None}]
            )
        with connection.cursor() as cursor:
            cursor.execute(
                f'UPDATE {kind._meta.db_table} SET "{column}" = %s WHERE {kind._meta.pk.column} = %s', [value, row]
            )
        put += 1
    return put


def _make(model: str, house: House, given: dict[str, Any], **more: Any) -> Any:
    """A row with something in every field that must have something."""
    kind = apps.get_model(model)
    values: dict[str, Any] = {}
    for field in kind._meta.concrete_fields:
        if field.primary_key:
            continue
        if isinstance(field, models.ForeignKey):
            wanted = field.remote_field.model._meta.label
            if wanted in given and not (field.null and wanted == "crm.Opportunity"):
                values[field.attname] = given[wanted]
        elif field.has_default() or field.null:
            continue
        elif isinstance(field, models.JSONField):
            values[field.name] = {}
        elif isinstance(field, models.DateTimeField):
            values[field.name] = house.now
        elif isinstance(field, models.DateField):
            values[field.name] = house.now.date()
        elif isinstance(field, models.UUIDField):
            values[field.name] = given["crm.Lead"]
        elif isinstance(field, models.BooleanField):
            values[field.name] = False
        elif isinstance(field, models.IntegerField | models.FloatField | models.DecimalField):
            values[field.name] = 1
        elif isinstance(field, models.BinaryField):
            values[field.name] = b"x" * 32
        elif isinstance(field, models.CharField | models.TextField):
            values[field.name] = "x"
    return kind.objects.create(**(values | more))


def _everywhere(house: House) -> tuple[UUID, int]:
    """Put the person everywhere; returns their lead and into how many columns they were put."""
    lead = house.worked()
    stranger = house.lead(name="Somebody Else", email="else@other.example", phone=None)
    house.lead()  # comes again: a touch
    contact = Contact.objects.filter(email=EMAIL).first() or Contact.objects.create(
        workspace=house.workspace, name=NAME, email=EMAIL, phone=PHONE
    )
    account = Account.objects.create(workspace=house.workspace, name=f"{NAME} Trading", made=True)
    Lead.objects.filter(id=lead).update(contact=contact, account=account)
    given: dict[str, Any] = {
        "people.Workspace": house.workspace.id, "people.User": house.ops.id, "people.Rep": house.rep.id, "crm.Lead": lead,
        "crm.Contact": contact.id, "crm.Account": account.id,
    }  # fmt: skip
    later = house.now + timedelta(hours=1)
    special: dict[str, dict[str, Any]] = {
        "crm.Appointment": {"starts_at": house.now, "ends_at": later},
        "crm.NearMiss": {"other_id": stranger, "account_id": None},
        "crm.Merge": {"gone_id": stranger},
        "crm.Opportunity": {"state": "open"},
        "crm.Activity": {"done_at": house.now},
        "delivery.Outbox": {"seq": 987_654_321, "lead": lead},
        "intake.Upload": {"content": f"name,email\n{NAME},{EMAIL}\n".encode(), "size": 40},
        "intake.RawPayload": {"lead": lead},
    }
    put = 0
    made = {
        "crm.Lead": lead, "crm.Contact": contact.id, "crm.Account": account.id, "crm.KnownBy": None, "crm.AccountMark": None,
        "procrastinate.ProcrastinateJob": None, "sessions.Session": None,
    }  # fmt: skip
    for model in ["crm.Opportunity", "distribution.Move", "distribution.Comparison", "intake.Import"]:
        given[model] = made[model] = _make(model, house, given, **special.get(model, {})).pk
    for model in sorted({own.model for own in OWN} | set(MENTIONS)):
        if model not in made:
            made[model] = _make(model, house, given, **special.get(model, {})).pk
        if made[model] is not None:
            put += _overwrite(model, made[model])
    # And in rows that are about somebody else.
    others = given | {"crm.Lead": stranger, "crm.Opportunity": None}
    for model in (
        "crm.Note",
        "crm.Activity",
        "crm.Appointment",
        "distribution.Decision",
        "delivery.Outbox",
        "distribution.MoveItem",
    ):
        extra = special.get(model, {}) | ({"seq": 987_654_322, "lead": stranger} if model == "delivery.Outbox" else {})
        if model == "distribution.MoveItem":
            extra = {"nth": 2}
        put += _overwrite_mentions(model, _make(model, house, others, **extra).pk)
    with connection.cursor() as cursor:
        args = json.dumps({"workspace": str(house.workspace.id), "said": f"{NAME} {EMAIL}"})
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args) VALUES ('default', 'x', %s, %s)",
            [EMAIL, args],
        )
    Session.objects.create(
        session_key="k" * 32,
        session_data=Session.objects.encode({"_auth_user_id": str(house.ops.id), "_messages": f"{NAME} was claimed"}),
        expire_date=later,
    )
    return lead, put


def _overwrite_mentions(model: str, row: Any) -> int:
    kind = apps.get_model(model)
    for column in MENTIONS[model]:
        field = next(each for each in kind._meta.concrete_fields if each.column == column)
        value = _text(field)
        if column == "reasons":
            value = json.dumps([{"code": "contacted", "params": {"note": f"met {NAME}"}, "rule": None}])
        with connection.cursor() as cursor:
            cursor.execute(f'UPDATE {kind._meta.db_table} SET "{column}" = %s WHERE id = %s', [value, row])
    return len(MENTIONS[model])


def _dump() -> Iterator[tuple[str, str]]:
    """Every row of every table of the database as text; sessions opened."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT row_::text FROM {table} row_")
            for (text,) in cursor.fetchall():
                yield table, text
    for session in Session.objects.all():
        yield "sessions", json.dumps(session.get_decoded())


def _traces() -> list[tuple[str, str]]:
    sought = [*WAYS, *(way.encode().hex() for way in (NAME, EMAIL))]
    return [(table, text[:300]) for table, text in _dump() if any(way in text.casefold() for way in sought)]


def test_nothing_in_the_whole_database_says_who_it_was(house: House) -> None:
    lead, put = _everywhere(house)
    tables = {table for table, _ in _traces()}
    assert put > 70
    assert len(tables) > 30
    done = house.erase()
    left = _traces()
    print(*left, sep="\n")
    assert not left
    assert done.leads >= 1
    assert done.rows["mentions"] > 5
    row = Lead.objects.get(id=lead)
    assert (row.state, row.flags, row.name, row.email, row.lookup) == ("retired", ["erased"], None, None, "")


def test_a_dump_finds_the_person_in_every_table_they_are_put_into(house: House) -> None:
    """Or the proof above would prove nothing."""
    _everywhere(house)
    found = {table.removeprefix("public.") for table, _ in _traces()}
    wanted = {apps.get_model(model)._meta.db_table for model in {own.model for own in OWN} | set(MENTIONS)}
    # Numbers alone, and a session that is packed.
    assert wanted - found <= {"crm_accountmark", "django_session"}
    assert "sessions" in found


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
    assert not _traces()
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
    assert not _traces()
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


def test_people_are_found_however_they_are_written(house: House) -> None:
    ws = house.workspace.id
    lead = house.lead(email="Zelda.Q+news@gmail.com", phone=None)
    for email in ("zeldaq@gmail.com", "ZELDA.Q@googlemail.com", "Zelda <zelda.q+x@gmail.com>"):
        assert set(find(ws, asked_for(ws, email=email)).leads) == {lead}, email
    called = house.lead(email="z@elsewhere.example", name="Zelda Third")
    for phone in (PHONE, "55 1234 5678", "+52 55 1234 5678", "(55) 1234-5678"):
        assert set(find(ws, asked_for(ws, phone=phone)).leads) == {called}, phone
    assert set(find(ws, asked_for(ws, lead=called)).leads) == {called}


def test_one_lead_leads_to_all_that_are_the_same_person_s(house: House) -> None:
    first = house.worked()
    assert isinstance(acting.retire(house.aiko, first, house.now, why="no_interest"), acting.Acted)
    second = house.lead()
    assert second != first
    assert set(find(house.workspace.id, Asked(lead=first)).leads) == {first, second}


def test_a_shared_mailbox_is_several_people(house: House) -> None:
    ws = house.workspace.id
    ana = house.lead(name="Ana Torres", email="info@shop.example", phone=None)
    luis = house.lead(name="Luis Vega", email="info@shop.example", phone=None)
    both = find(ws, asked_for(ws, email="info@shop.example"))
    assert set(both.leads) == {ana, luis}
    assert both.several()
    assert set(find(ws, Asked(lead=ana)).leads) == {ana}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "nothing_asked"),
        ({"email": "a@b.example", "phone": PHONE}, "nothing_asked"),
        ({"email": "  "}, "nothing_asked"),
        ({"email": "no address"}, "email_invalid"),
        ({"email": "a@b"}, "email_invalid"),
        ({"phone": "12"}, "phone_invalid"),
        ({"phone": "%"}, "phone_invalid"),
    ],
)
def test_what_is_nobody_is_not_looked_for(house: House, given: dict[str, Any], code: str) -> None:
    with pytest.raises(NotAPerson) as refused:
        asked_for(house.workspace.id, **given)
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["100% Sale_s", "a\\b Quixotte", 'O\'Brien "Bob" Q', "山田 太郎", "Ñandú Üç"])
def test_names_that_mean_something_to_a_database_are_taken_as_they_are(house: House, name: str) -> None:
    lead = house.lead(name=name)
    other = house.lead(name="Somebody Else", email="else@other.example", phone=None)
    Note.objects.create(workspace=house.workspace, lead_id=other, text=f"they know {name}")
    Note.objects.create(workspace=house.workspace, lead_id=other, text="100x Salees; aXb Quixotte")
    house.erase()
    assert Lead.objects.get(id=lead).name is None
    assert sorted(Note.objects.values_list("text", flat=True)) == ["100x Salees; aXb Quixotte", "they know …"]
