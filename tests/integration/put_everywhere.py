"""Puts a person into every column of every table that could hold them; the tables are asked of Django."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.models import Session
from django.db import connection, models

from dibs.crm.models import Account, Contact, Lead
from dibs.intake.whereabouts import MENTIONS, OWN
from tests.integration.wrote_in import EMAIL, NAME, PHONE, House

#: Names of things that are told apart by them, and codes: what a source, a pool or a kind is called. Shorter columns are codes.
_CODE = 30
#: What such a table calls itself or its things by.
CALLED = {
    ("intake.Import", "source"), ("intake.Import", "encoding"), ("intake.ImportRefusal", "code"), ("delivery.Notice", "kind"),
    ("intake.ImportRefusal", "field"), ("procrastinate.ProcrastinateJob", "queue_name"), ("procrastinate.ProcrastinateJob", "task_name"),
    ("procrastinate.ProcrastinateJob", "status"), ("sessions.Session", "session_key"), ("delivery.Outbox", "event"),
}  # fmt: skip


def may_hold(field: Any) -> bool:
    if isinstance(field, models.JSONField):
        return True
    if isinstance(field, ArrayField):
        return may_hold(field.base_field)
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
        if not may_hold(field) or (model, column) in _KEPT | CALLED or field.primary_key:
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


def everywhere(house: House) -> tuple[UUID, int]:
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
