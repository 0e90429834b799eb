"""Looking through texts for somebody, and taking them out: in what others wrote, in files that wait, in answers that are kept.

A text is found whatever its case, and as JSON writes it. What is about the person alone (a refused row of a file, a kept answer, a file
that holds them) goes whole; of the rest only the words that name them.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction

from dibs.engine.forgetting import GONE
from dibs.intake.models import Upload
from dibs.intake.whereabouts import MENTIONS
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
#: How much of a packed file is unpacked to be looked through, in bytes; one that holds more goes unread.
_UNPACKED = 400_000_000


def forget(workspace_id: UUID, texts: Sequence[str]) -> int:
    """Take what is said of the person out of the rows of others, a table at a time; returns how many rows."""
    found = 0
    for model, columns in MENTIONS.items():
        with transaction.atomic():
            found += look_through(workspace_id, model, columns, texts)
    return found


def look_through(
    workspace_id: UUID, model: str, columns: Sequence[str], texts: Sequence[str], *, tell: bool = False
) -> int:
    """Take these texts out of the columns of one table, or with ``tell`` only count the rows; returns how many rows held one."""
    if not texts:
        return 0
    match model:
        case "intake.Upload":
            return _files(workspace_id, texts, tell=tell)
        case "sessions.Session":
            return _sessions(workspace_id, texts, tell=tell)
        case "procrastinate.ProcrastinateJob":
            where, params = "args->>'workspace' = %(of)s", {"of": str(workspace_id)}
            return take_out(None, model, columns, texts, where, params, tell=tell)
        case "api.KeyedWrite":
            # A key may be made of an address. Without it the answer is not found again either.
            if not tell:
                take_out(workspace_id, model, ("key",), texts, "true", {})
            instead = {"answer": ERASED_ANSWER, "status": 410}
            return take_out(workspace_id, model, ("answer",), texts, "true", {}, tell=tell, instead=instead)
        case "intake.RawPayload":
            return take_out(workspace_id, model, columns, texts, "lead IS NULL", {}, tell=tell)
        case "intake.ImportRefusal":
            # A row of a file is all about somebody.
            instead = {"raw": "", "detail": ""}
            return take_out(workspace_id, model, columns, texts, "true", {}, tell=tell, instead=instead)
    return take_out(workspace_id, model, columns, texts, "true", {}, tell=tell)


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
    """Replace these texts in the columns of the rows that ``where`` names, or set the columns of ``instead``."""
    table = table_of(model)
    given = {**params, "workspace": workspace_id, "texts": patterns(texts)}
    mine = "workspace_id = %(workspace)s AND " if workspace_id else ""
    held = f"{mine}({where}) AND {said_in(columns)} LIKE ANY(%(texts)s)"
    with connection.cursor() as cursor:
        if tell:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {held}", given)
            return int(cursor.fetchone()[0])
        if instead:
            changes = ", ".join(f"{column} = %({column})s" for column in instead)
            cursor.execute(f"UPDATE {table} SET {changes} WHERE {held}", given | dict(instead))
            return int(cursor.rowcount)
        named = [f'"{column}"' for column in columns]
        cursor.execute(f"SELECT id, {', '.join(named)} FROM {table} WHERE {held} ORDER BY id FOR UPDATE", given)
        rows = cursor.fetchall()
        kinds, pattern = kinds_of(model), _pattern(texts)
        changes = ", ".join(f"{column} = %s" for column in named)
        for row, *values in rows:
            new = [
                _written(kinds[column], _without(_read(kinds[column], value), pattern))
                for column, value in zip(columns, values, strict=True)
            ]
            cursor.execute(f"UPDATE {table} SET {changes} WHERE id = %s", [*new, row])
    return len(rows)


def said_in(columns: Sequence[str]) -> str:
    """All texts of a row as one, folded once, to be looked through: a comparison that folds would do so for each text that is sought."""
    texts = ", ".join(f'"{column}"::text' for column in columns)
    return f"lower(concat_ws(chr(31), {texts}))"


def patterns(texts: Sequence[str]) -> list[str]:
    """Texts as LIKE wants them, in the case that `said_in` gives them, with what JSON writes otherwise. What a database folds beyond
    ASCII depends on how it was made, so that those letters are looked for in either case."""
    ways = {way for text in texts for way in (text, _in_json(text), _in_ascii(text))}
    cases = {case for way in ways for case in (way.lower(), _ascii_lower(way), _ascii_lower(way.upper()))}
    return sorted("%" + re.sub(r"([\\%_])", r"\\\1", case) + "%" for case in cases)


def _ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _in_ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _pattern(texts: Sequence[str]) -> re.Pattern[str]:
    ways = {way for text in texts for way in (text, _in_json(text), _in_ascii(text))}
    return re.compile("|".join(re.escape(way) for way in sorted(ways, key=lambda way: (-len(way), way))), re.IGNORECASE)


def _without(value: Any, pattern: re.Pattern[str]) -> Any:
    """The same without what matches, whatever it is made of."""
    if isinstance(value, str):
        return pattern.sub(GONE, value)
    if isinstance(value, Mapping):
        return {pattern.sub(GONE, str(name)): _without(each, pattern) for name, each in value.items()}
    if isinstance(value, list):
        return [_without(each, pattern) for each in value]
    return value


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
        if _pattern(texts).search(name) or _holds(content, texts):
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
    return False


def _packed_holds(content: bytes, texts: Sequence[str]) -> bool:
    """The same of a workbook. One that cannot be read, or unpacks to more than `_UNPACKED`, counts as holding them: it goes."""
    left, pattern = _UNPACKED, _pattern([*texts, *(text.replace("&", "&amp;") for text in texts)])
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            for member in book.infolist():
                with book.open(member) as packed:
                    part = packed.read(left + 1)
                left -= len(part)
                if left < 0 or pattern.search(part.decode("utf-8", "replace")):
                    return True
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError):
        return True
    return False


def _sessions(workspace_id: UUID, texts: Sequence[str], *, tell: bool) -> int:
    """What a page was about to tell somebody of the staff at their next step may name the person: those words go."""
    users = {str(user) for user in User.objects.filter(workspace_id=workspace_id).values_list("id", flat=True)}
    pattern, found = _pattern(texts), 0
    for session in Session.objects.all().iterator():
        said = session.get_decoded()
        if said.get("_auth_user_id") in users and pattern.search(json.dumps(said, ensure_ascii=False, default=str)):
            found += 1
            if not tell:
                said = {name: _without(value, pattern) for name, value in said.items()}
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
