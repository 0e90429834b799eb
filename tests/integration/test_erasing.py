"""Somebody is erased: nothing in the whole database says any more who it was, and every count is what it was.

A person whose name, address and number stand nowhere else is put into every column of every table that could hold them; the tables are
asked of Django, so that a new one fails here until it is known what becomes of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
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
from dibs.crm import do_not_contact
from dibs.crm.models import Account, Contact, Lead, Note
from dibs.distribution import acting, claiming
from dibs.distribution.models import Decision, Standing
from dibs.distribution.placing import place
from dibs.intake import erasing, receiving
from dibs.intake.mentions import text_columns
from dibs.intake.models import Erasure, RawPayload, Upload
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
