"""Files: sent, looked at, imported, and taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dibs.crm.models import Campaign
from dibs.delivery.wording import field_name, flagged, titled
from dibs.engine.policy_terms import in_language
from dibs.insight.pages import BadCursor, cursor_after, last_seen
from dibs.intake import background, undoing
from dibs.intake.answers import questions_of
from dibs.intake.cleaning import ANSWERS, FIELDS
from dibs.intake.connectors.opening import open_rows
from dibs.intake.connectors.rows import FileRefused, Row
from dibs.intake.dates import ORDERS, order_of
from dibs.intake.guessing import as_written, earlier_or_guessed, guess_or_nothing, numeric
from dibs.intake.importing import Wanted
from dibs.intake.listing import OUTCOMES, import_of, imports_of, refusals_file, refusals_of
from dibs.intake.mapping import Kind, MappingFile, MappingRefused
from dibs.intake.models import Import, Source, Upload
from dibs.intake.previewing import TRIED, Column, Preview, mapping_from, preview
from dibs.intake.sources import CATEGORIES, SourceRefused, write_down
from dibs.intake.uploads import as_file, keep_upload
from dibs.people.access import Action
from dibs.people.models import User, Workspace
from dibs.web import shown
from dibs.web import told_of_files as told
from dibs.web.sources import source_in
from dibs.web.visit import Visit, page

#: Before the name of a fact of one's own.
ATTRIBUTES = "attributes."
#: Imports on one page, and refused rows that are shown with one.
_ROWS, _REFUSED = 30, 50
#: What goes along from the file being sent to its being imported.
_ALONG = ("source", "category", "campaign", "vendor", "consent", "encoding", "sheet", "line")
#: How an attribute may be read, and what of it is the order of its dates.
_KINDS: Mapping[str, Kind] = {
    "text": "text", "number": "number", "yes_no": "yes_no", "moment": "moment", "day": "moment", "month": "moment", "own": "moment",
}  # fmt: skip
#: The fields that a column can be said to fill, in the order in which they are offered.
_TARGETS = (
    "external_id", "name", "title", "email", "phone", "company", "domain", "industry", "employees", "country", "region", "city",
    "postal_code", "language", "product", "use_case", "deal_value", "currency", "message", "campaign", "consent", "received_at",
    "touches", "pages", "opens",
)  # fmt: skip
assert set(_TARGETS) <= FIELDS


@require_http_methods(["GET", "POST"])
@page(Action.IMPORT_LEADS)
def imports(visit: Visit) -> HttpResponse:
    """The imports there were, and a form for a file."""
    unfit, given = "", visit.request.POST
    if visit.request.method == "POST":
        file = visit.request.FILES.get("file")
        source = given.get("source", "").replace("\0", "").strip()[:100]
        if file is None:
            unfit = _("Choose a file.")
        elif not source:
            unfit = _("Say what the source is called.")
        else:
            try:
                by = User.objects.get(id=visit.caller.user_id)
                upload = keep_upload(visit.caller.workspace_id, file.name or "", file.read(), by, visit.now)
                with as_file(upload) as path, open_rows(path):
                    pass
            except FileRefused as refused:
                unfit = told.of_file(refused)
            else:
                along = {name: given.get(name, "") for name in _ALONG if given.get(name)} | {"source": source}
                return redirect(f"{reverse('new_import', args=[upload.id])}?{urlencode(along)}")
    question = f"imports:{visit.caller.workspace_id}"
    cursor = visit.request.GET.get("cursor")
    try:
        after = last_seen(cursor, question) if cursor else None
    except BadCursor:
        return redirect("imports")
    found = imports_of(visit.caller.workspace_id, after=after, limit=_ROWS + 1)
    workspace_id = visit.caller.workspace_id
    return visit.show(
        "imports/imports.html",
        status=422 if unfit else 200,
        tab="imports",
        imports=found[:_ROWS],
        next_page=cursor_after(found[_ROWS - 1].id, question) if len(found) > _ROWS else None,
        sources=list(Source.objects.filter(workspace_id=workspace_id).order_by("name").values_list("name", flat=True)),
        campaigns=list(
            Campaign.objects.filter(workspace_id=workspace_id).order_by("-created_at").values_list("key", "name")
        ),
        given=given or visit.request.GET,
        unfit=unfit,
        told=told,
    )


@require_http_methods(["GET", "POST"])
@page(Action.IMPORT_LEADS)
def new_import(visit: Visit, upload_id: UUID) -> HttpResponse:
    """What the file would become; its columns can be given other fields, until it is imported."""
    upload = Upload.objects.filter(workspace_id=visit.caller.workspace_id, id=upload_id).first()
    if upload is None:
        begun = Import.objects.filter(workspace_id=visit.caller.workspace_id, upload=upload_id).first()
        if begun is not None:
            return redirect("import", begun.id)
        raise Http404
    form = visit.request.POST if visit.request.method == "POST" else visit.request.GET
    given = {name: form.get(name, "").replace("\0", "").strip()[:200] for name in _ALONG}
    given["source"] = given["source"][:100] or "file"
    about = _about(given)
    workspace = Workspace.objects.get(id=visit.caller.workspace_id)
    encoding, sheet = given["encoding"] or None, given["sheet"] or None
    said = given["line"]
    line = int(said) if said.isascii() and said.isdecimal() and 0 < int(said) <= 1_000_000 else None
    unfit, seen, mapping = "", None, None
    try:
        with as_file(upload) as path:
            looking = form.get("act") == "guess"
            if looking or any(name.startswith("to-") for name in form):
                with open_rows(path, encoding=encoding, sheet=sheet, header=line) as file:
                    header, rows = file.header, list(islice(file, TRIED))
                if looking:
                    mapping = as_written(guess_or_nothing(workspace, header), header, rows)
                elif form.get("header", _digest(header)) != _digest(header):
                    looking = True  # What was chosen was for the columns of another sheet.
                else:
                    try:
                        mapping = _chosen(form, earlier_or_guessed(workspace, given["source"], header), header, rows)
                    except MappingRefused as refused:
                        unfit = told.of_mapping(refused)
            wanted = Wanted(given["source"], mapping, encoding, sheet, line)
            if form.get("act") == "go" and not unfit and not looking:
                if about:
                    write_down(workspace.id, given["source"], about)
                by = User.objects.get(id=visit.caller.user_id)
                return redirect("import", background.begin(workspace, upload, wanted, by, visit.now).id)
            seen = preview(workspace, path, wanted, visit.now, about)
    except background.AlreadyBegun as begun_before:
        return redirect("import", begun_before.import_id)
    except FileRefused as refused:
        unfit = told.of_file(refused)
    except MappingRefused as refused:
        unfit = told.of_mapping(refused)
    except SourceRefused as refused:
        unfit = str(told.REFUSALS[refused.code])
        with as_file(upload) as path:
            seen = preview(workspace, path, wanted, visit.now)
    return visit.show(
        "imports/new.html",
        status=422 if unfit else 200,
        tab="imports",
        upload=upload,
        given=given,
        about={name: value for name, value in given.items() if name not in {"encoding", "sheet", "line"}},
        seen=seen,
        shown=_shown(seen) if seen else [],
        targets=[(name, field_name(name, visit.caller.language)) for name in _TARGETS],
        questions=[
            (f"{ANSWERS}{name}", in_language(question.ask, visit.caller.language))
            for name, question in questions_of(workspace.id).items()
        ],
        stamp=_digest([column.name for column in seen.columns]) if seen else "",
        numbers=seen is not None and any(map(numeric, seen.mapping.columns.values())),
        read_as=_read_as,
        cell=_cell,
        fact=_fact,
        rows=_rows(seen) if seen else 0,
        outcomes=[(name, seen.counts.get(name, 0)) for name in OUTCOMES] if seen else [],
        warnings=[(str(told.WARNINGS[code]), _doubt(what)) for code, what in seen.warnings] if seen else [],
        doubt=_doubt,
        unfit=unfit,
        told=told,
    )


def _chosen(form: QueryDict, before: MappingFile, header: list[str], rows: list[Row]) -> MappingFile:
    """The mapping that was chosen on the page; of what the page cannot say, as words for values, what held ``before``. Raises
    `MappingRefused`."""
    dates: dict[str, tuple[str, ...]] = {}
    kinds: dict[str, Kind] = {}
    for at, name in enumerate(header):
        to, read_as = form.get(f"to-{at}"), form.get(f"as-{at}")
        own = form.get(f"format-{at}", "").replace("\0", "").strip()[:60]
        if read_as is None or to not in {"received_at", "attributes"}:
            continue
        if to == "attributes":
            kinds[name] = _KINDS.get(read_as, "text")
        if read_as in ORDERS or read_as == "moment":
            dates[name] = ORDERS.get(read_as, ())
        elif read_as == "own" and own:
            dates[name] = (own,)
    to_fill = {name: form.get(f"to-{at}", "") for at, name in enumerate(header)}
    mark = form.get("decimal")
    chosen = mapping_from(to_fill, before.mapping, dates, kinds, mark if mark in {"", ".", ","} else None)
    return as_written(chosen, header, rows, told=dates, mark_told=mark is not None)


def _read_as(column: Column) -> str:
    """How a column is read, as the form has it."""
    if column.kind != "moment" and "received_at" not in column.to:
        return "number" if column.kind == "whole" else column.kind
    return order_of(column.dates) or "own" if column.dates else "moment"


def _digest(header: list[str]) -> str:
    """Names a row of columns, to tell whether choices were made for it."""
    return hashlib.sha256("\0".join(header).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _cell(value: Any) -> str:
    """What a field of a row would hold, as its reader writes it."""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, datetime):
        return shown.clock(value)
    if isinstance(value, int | float | Decimal):
        return shown.number(value)
    if isinstance(value, dict):
        return ", ".join(f"{titled(name)}: {_cell(held)}" for name, held in value.items())
    return "" if value is None else str(value)


def _about(given: Mapping[str, str]) -> dict[str, Any]:
    """What is said of the source, as far as anything is."""
    told_so = source_in(given)
    kept: dict[str, Any] = {}
    if given["category"] in CATEGORIES:
        kept["category"] = given["category"]
    for name in ("campaign", "vendor", "consent"):
        if told_so[name] not in (None, ""):
            kept[name] = told_so[name]
    return kept


def _shown(seen: Preview) -> list[str]:
    """The fields that the first rows have, in the order of the form, then the facts of one's own that are read as more than text."""
    there = {name for row in seen.rows for name, value in row.fields.items() if value not in (None, "", {})}
    read = [column.to[0] for column in seen.columns if column.kind != "text" and _fact(column.to[0])]
    return [name for name in (*_TARGETS, "answers") if name in there] + read


def _fact(name: str) -> str:
    """What a fact of one's own is called; empty for a field."""
    return name.removeprefix(ATTRIBUTES) if name.startswith(ATTRIBUTES) else ""


def _rows(seen: Preview) -> int:
    return sum(seen.counts.values())


def _doubt(flag: str) -> str:
    return flagged(flag) if flag else ""


@require_GET
@page(Action.IMPORT_LEADS)
def one(visit: Visit, import_id: UUID) -> HttpResponse:
    """One import: how far it is, what became of its rows, what was refused, and the way back."""
    card = import_of(visit.caller.workspace_id, import_id)
    if card is None:
        raise Http404
    refused = refusals_of(visit.caller.workspace_id, import_id, limit=_REFUSED) if card.counts.get("refused") else []
    return visit.show(
        "imports/import.html",
        tab="imports",
        card=card,
        outcomes=[(name, card.counts.get(name, 0)) for name in OUTCOMES],
        refused=refused,
        doubt=_doubt,
        problem=_problem(card.problem),
        told=told,
    )


def _problem(code: str) -> str:
    return str(told.PROBLEMS.get(code) or told.FILES.get(code) or told.MAPPINGS.get(code) or "") if code else ""


@require_GET
@page(Action.IMPORT_LEADS)
def progress(visit: Visit, import_id: UUID) -> HttpResponse:
    """How far an import is, for the page that shows it; once it is through, the page is to be read anew."""
    card = import_of(visit.caller.workspace_id, import_id)
    if card is None:
        raise Http404
    answer = visit.part("imports/progress.html", card=card, told=told)
    if card.state not in {"running", "undoing"}:
        answer["HX-Refresh"] = "true"
    return answer


@require_GET
@page(Action.IMPORT_LEADS)
def refused_file(visit: Visit, import_id: UUID) -> HttpResponse:
    """The refused rows as a file, to be mended."""
    card = import_of(visit.caller.workspace_id, import_id)
    if card is None:
        raise Http404
    lines = refusals_file(visit.caller.workspace_id, import_id)
    answer = HttpResponse("".join(lines), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="refused-{import_id}.csv"'
    return answer


@require_POST
@page(Action.IMPORT_LEADS)
def undo(visit: Visit, import_id: UUID) -> HttpResponse:
    """Take an import back as a whole."""
    done = undoing.ask_to_undo(visit.caller, import_id, visit.now)
    if done is None:
        raise Http404
    if not isinstance(done, Import):
        if done.touched is not None:
            count = done.touched.count
            visit.bad(
                ngettext(
                    "Somebody has touched %(n)s of its leads, so it stays.",
                    "Somebody has touched %(n)s of its leads, so it stays.",
                    count,
                )
                % {"n": count}
            )
        else:
            visit.bad(str(told.PROBLEMS[done.code]))
    return redirect("import", import_id)
