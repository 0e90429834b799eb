"""Files imported over the API: looked at first if so wished, followed while they are read, undone as a whole."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils.timezone import now
from ninja import File, Form, Query, Router
from ninja.files import UploadedFile
from pydantic import Field

from dibs.api import answers
from dibs.api.documentation import reads, writes
from dibs.api.idempotency import once
from dibs.api.problems import Problem
from dibs.api.routes.acts import id_in
from dibs.api.shapes import Code, Incoming, Name, text
from dibs.api.shapes import Problem as ProblemShape
from dibs.api.shapes_of_intake import Category, ImportOut, ImportPage, PreviewOut, RefusedRowPage
from dibs.api.tokens import Request, Token, check_query
from dibs.insight.pages import Page, cursor_after, last_seen
from dibs.intake import background, undoing
from dibs.intake.connectors.rows import FileRefused
from dibs.intake.importing import Wanted
from dibs.intake.listing import ImportCard, import_of, imports_of, refusals_of
from dibs.intake.mapping import MappingRefused, read_mapping
from dibs.intake.models import Import, Upload
from dibs.intake.previewing import Preview, preview
from dibs.intake.sources import SourceRefused, write_down
from dibs.intake.uploads import as_file, keep_upload
from dibs.people.access import Action
from dibs.people.caller import Caller
from dibs.people.models import User, Workspace

router = Router(tags=["imports"])

_IMPORT = Token(Action.IMPORT_LEADS)
_UPLOAD = Token(Action.IMPORT_LEADS, media_type="multipart/form-data")


class ImportIn(Incoming):
    """What comes with the file."""

    source: Code = Field(description="What the leads' source is called, as the policy knows it.")
    mapping: Annotated[str, text(200_000)] | None = Field(
        None,
        description="A mapping file's text (YAML or JSON); left out: how the source's last file was read, else what the columns' names and values say.",
    )
    encoding: Annotated[str, text(40, 1)] | None = Field(None, description="Of a text file; told from it if left out.")
    sheet: Annotated[str, text(100, 1)] | None = Field(
        None, description="Of a workbook; the first with rows if left out."
    )
    header: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="The line in which the columns' names stand; told from the file if left out."
    )
    dry_run: bool = Field(False, description="Only look: answers 200 with what the first rows would become.")
    category: Category | None = Field(None, description="What the source is, written down with it; as for /sources.")
    campaign: Code | None = None
    vendor: Name | None = None
    consent: bool | None = None


class ImportQuestion(Incoming):
    source: Code | None = None
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class RefusedRowQuestion(Incoming):
    cursor: Annotated[str, text(200, 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


@router.post(
    "/imports",
    auth=_UPLOAD,
    response=writes({201: ImportOut, 200: PreviewOut}) | {409: ProblemShape},
    summary="Import a file",
)
def import_file(request: Request, wanted: Form[ImportIn], file: File[UploadedFile]) -> HttpResponse:
    """Takes a CSV file or an .xlsx workbook as `file` of a multipart form, and imports it in the background: ask for the import to see
    how far it is. With `dry_run` nothing is kept, and the answer is what the first rows would become."""
    caller = request.auth
    at = now()
    if (file.size or 0) > settings.UPLOAD_LARGEST:
        raise Problem("body_too_large", f"At most {settings.UPLOAD_LARGEST >> 20} MB are taken.")
    content = file.read()
    said = hashlib.sha256(content).digest() + wanted.model_dump_json().encode()

    def write() -> HttpResponse:
        try:
            mapping = read_mapping(wanted.mapping) if wanted.mapping is not None else None
            asked = Wanted(wanted.source.strip(), mapping, wanted.encoding, wanted.sheet, wanted.header)
            workspace = Workspace.objects.get(id=caller.workspace_id)
            about = {
                name: value
                for name in ("category", "campaign", "vendor", "consent")
                if (value := getattr(wanted, name)) is not None
            }
            if not asked.source:
                raise SourceRefused("name_missing", "source")
            if wanted.dry_run:
                upload = Upload(name=file.name or "", content=content, size=len(content))
                with as_file(upload) as path:
                    return answers.answer(_preview(preview(workspace, path, asked, at, about)))
            by = User.objects.get(id=caller.user_id)
            upload = keep_upload(workspace.id, file.name or "", content, by, at)
            if about:
                write_down(workspace.id, asked.source, about)
            batch = background.begin(workspace, upload, asked, by, at)
        except FileRefused as refused:
            raise Problem(
                "file_refused", refused.message.replace("--encoding", "`encoding`"), why=refused.code
            ) from None
        except MappingRefused as refused:
            problems = [
                {"code": each.code, "message": each.message, "line": each.line, "column": each.column}
                for each in refused.problems
            ]
            raise Problem("mapping_refused", refused.problems[0].message, problems=problems) from None
        except SourceRefused as refused:
            raise Problem("source_refused", why=refused.code, field=refused.field) from None
        return answers.answer(_whole(caller, batch.id), 201)

    return once(request, caller, at, write, said=said)


@router.get("/imports", auth=_IMPORT, response=reads(ImportPage), summary="List imports, newest first")
def list_imports(request: Request, asked: Query[ImportQuestion]) -> HttpResponse:
    check_query(request, ImportQuestion)
    caller = request.auth
    question = f"imports:{caller.workspace_id}:{asked.source or ''}"
    after = last_seen(asked.cursor, question) if asked.cursor else None
    found = imports_of(caller.workspace_id, source=asked.source, after=after, limit=asked.limit + 1)
    more = cursor_after(found[asked.limit - 1].id, question) if len(found) > asked.limit else None
    return answers.page(Page(found[: asked.limit], more), _card)


@router.get("/imports/{import_id}", auth=_IMPORT, response=reads(ImportOut), summary="Read an import")
def read_import(request: Request, import_id: str) -> HttpResponse:
    """How far it is, and what became of its rows."""
    caller = request.auth
    return answers.answer(_whole(caller, id_in(import_id)))


@router.get("/imports/{import_id}/refusals", auth=_IMPORT, response=reads(RefusedRowPage), summary="List refused rows")
def list_refusals(request: Request, import_id: str, asked: Query[RefusedRowQuestion]) -> HttpResponse:
    """The rows that could not become leads, in the file's order."""
    check_query(request, RefusedRowQuestion)
    caller = request.auth
    batch = id_in(import_id)
    _whole(caller, batch)
    question = f"refusals:{caller.workspace_id}:{batch}"
    after = last_seen(asked.cursor, question).int if asked.cursor else 0
    found = refusals_of(caller.workspace_id, batch, after=after, limit=asked.limit + 1)
    more = cursor_after(UUID(int=found[asked.limit - 1].row), question) if len(found) > asked.limit else None
    return answers.page(
        Page(found[: asked.limit], more),
        lambda each: {name: getattr(each, name) for name in ("row", "line", "code", "field", "detail", "raw")},
    )


@router.post(
    "/imports/{import_id}/undo",
    auth=_IMPORT,
    response=writes({200: ImportOut}) | {409: ProblemShape},
    summary="Undo an import",
)
def undo_import(request: Request, import_id: str) -> HttpResponse:
    """Takes the import back as a whole, in the background, as long as nobody has touched one of its leads: else 409 `import_touched`,
    which names the first of them. What it said of leads that were here before is taken back, too."""
    caller = request.auth
    at = now()

    def write() -> HttpResponse:
        done = undoing.ask_to_undo(caller, id_in(import_id), at)
        if done is None:
            raise Problem("not_found")
        if not isinstance(done, Import):
            more: dict[str, Any] = {}
            if done.touched is not None:
                more = {"touched": done.touched.count, "leads": [str(lead) for lead in done.touched.leads]}
            raise Problem(done.code, **more)
        return answers.answer(_whole(caller, done.id))

    return once(request, caller, at, write)


def _whole(caller: Caller, import_id: UUID) -> dict[str, Any]:
    card = import_of(caller.workspace_id, import_id)
    if card is None:
        raise Problem("not_found")
    return _card(card)


def _card(card: ImportCard) -> dict[str, Any]:
    return asdict(card)


def _preview(seen: Preview) -> dict[str, Any]:
    return {
        "encoding": seen.encoding,
        "sheet": seen.sheet,
        "sheets": list(seen.sheets),
        "header_line": seen.header_line,
        "mapping": seen.mapping.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "columns": [asdict(column) for column in seen.columns],
        "rows": [
            {
                "row": row.number,
                "outcome": row.outcome,
                "where": row.where,
                "fields": dict(row.fields),
                "flags": list(row.flags),
                "code": row.code,
                "message": row.message,
            }
            for row in seen.rows
        ],
        "tried": seen.tried,
        "more": seen.more,
        "counts": dict(seen.counts),
        "where": dict(seen.where),
        "warnings": [f"{code}: {what}" if what else code for code, what in seen.warnings],
    }
