"""Looking through texts for somebody, and taking them out: in what others wrote, in files that wait, in answers that are kept.

A text is found whatever its case, and as JSON writes it (`dibs.intake.sought`). What is about the person alone (a refused row of a file, a
kept answer, a file that holds them) goes whole; of the rest only the words that name them.
"""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction

from dibs.crm.lookup import FIELDS, lookup_of
from dibs.engine.forgetting import GONE
from dibs.intake.models import Upload
from dibs.intake.persons import Person
from dibs.intake.sought import BETWEEN, found_in, numbers, pattern, without
from dibs.intake.whereabouts import MENTIONS, OWN, Own
from dibs.people.models import User

#: What a stored answer that spoke of somebody who was erased is answered with from then on, should it be asked for again.
ERASED_ANSWER = json.dumps(
    {
        "type": "about:blank",
        "status": 410,
        "code": "erased",
        "title": "What was answered was erased with the person it spoke of",
        "detail": "The write was done. What was answered then was erased with the person it spoke of.",
    }
)
#: What may stand between two digits of a number, as PostgreSQL's regular expressions have it. To take it out of every text that is looked
#: through, by ``translate``, would cost five times as much as all other looking.
_BETWEEN = f"[{BETWEEN.replace('-', '')}-]*"
#: Numbers in one such expression: PostgreSQL refuses one that is too much.
_NUMBERS = 50
#: How much of a packed file is unpacked to be looked through, in bytes; one that holds more goes unread.
_UNPACKED = 400_000_000


def forget(workspace_id: UUID, texts: Sequence[str], person: Person) -> int:
    """Take what is said of the person out of the rows of others, a table at a time; returns how many rows."""
    found = 0
    for model, columns in MENTIONS.items():
        with transaction.atomic():
            found += look_through(workspace_id, model, columns, texts, person)
    return found


def look_through(
    workspace_id: UUID, model: str, columns: Sequence[str], texts: Sequence[str], person: Person, *, tell: bool = False
) -> int:
    """Take these texts out of the columns of one table, in rows that are not the person's own, or with ``tell`` only count the rows;
    returns how many held one."""
    if not texts:
        return 0
    where, params = _of_others(model, person)
    match model:
        case "intake.Upload":
            return _files(workspace_id, texts, tell=tell)
        case "sessions.Session":
            return _sessions(workspace_id, texts, tell=tell)
        case "procrastinate.ProcrastinateJob":
            where, params = "args->>'workspace' = %(of)s", {"of": str(workspace_id)}
            return take_out(None, model, columns, texts, where, params, tell=tell)
        case "crm.Account":
            return _accounts(workspace_id, columns, texts, where, params, tell=tell)
        case "api.KeyedWrite":
            # A key may be made of an address. Without it the answer is not found again either.
            if not tell:
                take_out(workspace_id, model, ("key",), texts, where, params)
            instead = {"answer": ERASED_ANSWER, "status": 410}
            return take_out(workspace_id, model, ("answer",), texts, where, params, tell=tell, instead=instead)
        case "intake.ImportRefusal":
            # A row of a file is all about somebody.
            instead = {"raw": "", "detail": ""}
            return take_out(workspace_id, model, columns, texts, where, params, tell=tell, instead=instead)
    return take_out(workspace_id, model, columns, texts, where, params, tell=tell)


def whose(own: Own, person: Person) -> tuple[str, dict[str, Any]]:
    """SQL that finds the rows of a person, and its parameters."""
    where = " OR ".join(f"{column} = ANY(%({whose})s)" for column, whose in own.by)
    return where, {whose: person.ids(whose) for _, whose in own.by}


def _of_others(model: str, person: Person) -> tuple[str, dict[str, Any]]:
    own = next((own for own in OWN if own.model == model), None)
    if own is None:
        return "true", {}
    where, params = whose(own, person)
    return f"({where}) IS NOT TRUE", params


def take_out(
    workspace_id: UUID | None,
    model: str,
    columns: Sequence[str],
    texts: Sequence[str],
    where: str,
    params: Mapping[str, Any],
    *,
    tell: bool = False,
    instead: Mapping[str, Any] | None = None,
) -> int:
    """Take these texts out of the columns of the rows that ``where`` names, or set the columns of ``instead``; returns how many rows."""
    table, sought, kinds = table_of(model), pattern(tuple(texts)), kinds_of(model)
    given = {**params, "workspace": workspace_id, "texts": patterns(texts)}
    mine = "workspace_id = %(workspace)s AND " if workspace_id else ""
    held = f"{said_in(columns)} LIKE ANY(%(texts)s)"
    if digits := numbers(texts):
        ways = [_BETWEEN.join(each) for each in shortest(digits)]
        given["digits"] = ["|".join(ways[at : at + _NUMBERS]) for at in range(0, len(ways), _NUMBERS)]
        held = f"({held} OR {_joined(columns)} ~ ANY(%(digits)s))"
    named = [f'"{column}"' for column in columns]
    found = 0
    with connection.cursor() as cursor:
        locked = "" if tell else " ORDER BY id FOR UPDATE"
        cursor.execute(
            f"SELECT id, {', '.join(named)} FROM {table} WHERE {mine}({where}) AND {held}{locked}",
            given,
        )
        for row, *values in cursor.fetchall():
            # What the database finds may be the beginning of something longer.
            read = {column: _read(kinds[column], value) for column, value in zip(columns, values, strict=True)}
            if not found_in(read, sought):
                continue
            found += 1
            if tell:
                continue
            changes = dict(instead) if instead else {name: without(value, sought) for name, value in read.items()}
            if model == "crm.Lead" and "lookup" not in changes and not FIELDS_OF_SEARCH.isdisjoint(changes):
                changes |= _searched(cursor, row, changes)
            assigned = ", ".join(f'"{column}" = %s' for column in changes)
            written = [_written(kinds.get(column, ""), value) for column, value in changes.items()]
            cursor.execute(f"UPDATE {table} SET {assigned} WHERE id = %s", [*written, row])
    return found


def _accounts(
    workspace_id: UUID,
    columns: Sequence[str],
    texts: Sequence[str],
    where: str,
    params: Mapping[str, Any],
    *,
    tell: bool,
) -> int:
    """An account that is called after them, as somebody's who bought for themselves, stays for what was sold, and is found by it no more."""
    found = take_out(workspace_id, "crm.Account", columns, texts, where, params, tell=tell)
    if not tell:
        with connection.cursor() as cursor:
            # Its name is another now, and so are the marks that it is found by.
            cursor.execute(
                "UPDATE crm_account SET marked = false WHERE workspace_id = %s AND marked AND name_key LIKE %s",
                [workspace_id, f"%{GONE}%"],
            )
            for column in ("phone", "external_id"):
                cursor.execute(
                    f"UPDATE crm_account SET {column} = NULL WHERE workspace_id = %s AND lower({column}) = ANY(%s)",
                    [workspace_id, [text.lower() for text in texts]],
                )
    return found


#: The columns of a lead that a search looks through.
FIELDS_OF_SEARCH = frozenset(FIELDS)


def _searched(cursor: Any, lead: UUID, changes: Mapping[str, Any]) -> dict[str, str]:
    """What a search looks through in a lead after these changes."""
    cursor.execute(f"SELECT {', '.join(FIELDS)} FROM crm_lead WHERE id = %s", [lead])
    return {"lookup": lookup_of({**dict(zip(FIELDS, cursor.fetchone(), strict=True)), **changes})}


def said_in(columns: Sequence[str]) -> str:
    """All texts of a row as one, folded once, to be looked through: a comparison that folds would do so for each text that is sought."""
    return f"lower({_joined(columns)})"


def _joined(columns: Sequence[str]) -> str:
    texts = ", ".join(f'"{column}"::text' for column in columns)
    return f"concat_ws(chr(31), {texts})"


def patterns(texts: Sequence[str]) -> list[str]:
    """Texts as LIKE wants them, in the case that `said_in` gives them, with what JSON writes otherwise. What a database folds beyond
    ASCII depends on how it was made, so that those letters are looked for in either case."""
    ways = {way for text in texts for way in (text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1])}
    cases = {case for way in ways for case in (way.lower(), _ascii_lower(way), _ascii_lower(way.upper()))}
    return ["%" + re.sub(r"([\\%_])", r"\\\1", case) + "%" for case in shortest(cases)]


def shortest(texts: Iterable[str]) -> list[str]:
    """Those of the texts that hold none of the others: what holds one of all holds one of these."""
    known = sorted(set(texts), key=lambda text: (len(text), text))
    return [text for nth, text in enumerate(known) if not any(other in text for other in known[:nth])]


def _ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _read(kind: str, value: Any) -> Any:
    return json.loads(value) if kind == "json" and isinstance(value, str) else value


def _written(kind: str, value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if kind == "json" and value is not None else value


# -- files and sessions -----------------------------------------------------------------------------------------------


def _files(workspace_id: UUID, texts: Sequence[str], *, tell: bool) -> int:
    """Files that wait to be imported and hold the person go whole: what is left of one could not be imported."""
    found = []
    for upload, name in list(Upload.objects.filter(workspace_id=workspace_id).values_list("id", "name")):
        content = bytes(Upload.objects.values_list("content", flat=True).get(id=upload))
        if pattern(tuple(texts)).search(name) or _holds(content, texts):
            found.append(upload)
    if not tell:
        Upload.objects.filter(id__in=found).delete()
    return len(found)


def _holds(content: bytes, texts: Sequence[str]) -> bool:
    """Whether a file holds one of these texts: as it is, in the encodings of the field, or packed as a workbook is."""
    if content[:4] == b"PK\x03\x04":
        return _packed_holds(content, texts)
    lowered = content.lower()
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "cp932", "euc_jp", "latin-1", "cp1252", "gb18030"):
        for text in texts:
            try:
                sought = text.lower().encode(encoding)
            except UnicodeEncodeError:
                continue
            if sought in lowered or text.encode(encoding) in content:
                return True
    digits = numbers(texts)
    # Without the zeros of UTF-16, and without what stands between the digits of a number.
    bare = content.translate(None, BETWEEN.encode("ascii", "ignore") + b"\0") if digits else b""
    return any(each.encode() in bare for each in digits)


def _packed_holds(content: bytes, texts: Sequence[str]) -> bool:
    """The same of a workbook, whose cells may be made of several parts. One that cannot be read, or unpacks to more than `_UNPACKED`,
    counts as holding them: it goes."""
    left, sought = _UNPACKED, pattern(tuple(texts))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            for member in book.infolist():
                with book.open(member) as packed:
                    part = packed.read(left + 1)
                left -= len(part)
                if left < 0 or sought.search(_told(part.decode("utf-8", "replace"))):
                    return True
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError):
        return True
    return False


def _told(part: str) -> str:
    """What a part of a workbook says, a cell a line."""
    return html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"</(?:\w+:)?(?:si|c|v|is|comment|row)>", "\n", part)))


def _sessions(workspace_id: UUID, texts: Sequence[str], *, tell: bool) -> int:
    """What a page was about to tell somebody of the staff at their next step may name the person: those words go."""
    users = {str(user) for user in User.objects.filter(workspace_id=workspace_id).values_list("id", flat=True)}
    sought, found = pattern(tuple(texts)), 0
    for session in Session.objects.all().iterator():
        said = session.get_decoded()
        if said.get("_auth_user_id") in users and sought.search(json.dumps(said, ensure_ascii=False, default=str)):
            found += 1
            if not tell:
                said = {name: without(value, sought) for name, value in said.items()}
                session.session_data = Session.objects.encode(said)
                session.save(update_fields=["session_data"])
    return found


# -- the tables -------------------------------------------------------------------------------------------------------


@cache
def table_of(model: str) -> str:
    return str(apps.get_model(model)._meta.db_table)


@cache
def columns_of(model: str) -> tuple[str, ...]:
    """All columns of a table."""
    return tuple(str(known.column) for known in apps.get_model(model)._meta.concrete_fields if known.column)


@cache
def kinds_of(model: str) -> dict[str, str]:
    """The columns of a table that can hold text: ``text``, ``json`` or ``list``."""
    kinds = {}
    for known in apps.get_model(model)._meta.concrete_fields:
        if isinstance(known, models.JSONField):
            kinds[str(known.column)] = "json"
        elif isinstance(known, ArrayField) and isinstance(known.base_field, models.CharField | models.TextField):
            kinds[str(known.column)] = "list"
        elif isinstance(known, models.CharField | models.TextField):
            kinds[str(known.column)] = "text"
        elif isinstance(known, models.BinaryField):
            kinds[str(known.column)] = "bytes"
    return kinds


def text_columns(model: str) -> tuple[str, ...]:
    """The columns of a table that hold text, bytes left out."""
    return tuple(column for column, kind in kinds_of(model).items() if kind != "bytes")
