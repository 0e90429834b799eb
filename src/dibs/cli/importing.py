"""``dibs import``: the leads of a file, placed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dibs.cli.database import connected
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.intake.importing import Summary

#: How many refused rows are shown; all of them are kept with the import, the first thousand are in ``--json``.
_SHOWN = 20


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", required=True, help="What the leads' source is called, as the policy knows it.")
@click.option(
    "--map",
    "map_",
    type=click.Path(path_type=Path),
    help="The mapping file: which column fills which field. Looked for as given, then beside FILE. "
    "Without one, columns called like a lead's fields fill them and the others become attributes.",
)
@click.option("--encoding", help="The file's encoding, where it is not told rightly: utf-8, cp932, cp1252 ...")
@click.option("--sheet", help="The workbook's sheet, by its name; the first with rows that is not hidden if left out.")
@click.option(
    "--header",
    type=click.IntRange(min=1),
    help="The line in which the columns' names stand, where it is not told rightly; titles above them are passed over.",
)
@click.option("--dry-run", is_flag=True, help="Do all of it and keep nothing.")
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def import_(
    file: Path,
    source: str,
    map_: Path | None,
    encoding: str | None,
    sheet: str | None,
    header: int | None,
    dry_run: bool,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Place the leads of FILE (CSV: any separator, any usual encoding; or an .xlsx workbook) by the active policy.

    Importing a file again changes nothing; rows that have changed since enrich the leads they became. Rows that cannot be read
    are refused, with their numbers (1 is the first after the header), and the others go on.

    Exit code 0 if the file was read, 1 if it could not be or every row of it was refused.
    """
    if not source.strip() or len(source) > 100:
        raise click.BadParameter("must have 1 to 100 characters", param_hint="--source")
    with refusals(as_json):
        from dibs.intake.connectors.opening import open_rows
        from dibs.intake.mapping import read_mapping_file

        # Before a database is started for them.
        with open_rows(file, encoding=encoding, sheet=sheet, header=header):
            pass
        mapping = read_mapping_file(found_beside(map_, file)) if map_ else None
        with connected():
            from django.utils.timezone import now

            from dibs.config.worker import keep_for_good
            from dibs.intake.importing import import_file

            keep_for_good()
            here = chosen_workspace(workspace)
            with _progress(file, shown=not as_json) as progress:
                summary = import_file(
                    here,
                    file,
                    source.strip(),
                    mapping,
                    clock=now,
                    dry_run=dry_run,
                    encoding=encoding,
                    sheet=sheet,
                    header=header,
                    progress=progress,
                )
    if as_json:
        click.echo(json.dumps(summary.as_json(), ensure_ascii=False))
    else:
        _tell(summary)
    if summary.rows and summary.refused == summary.rows:
        sys.exit(1)


def found_beside(map_: Path, file: Path) -> Path:
    """A mapping file as it is named, or beside the file that it reads."""
    beside = file.parent / map_
    return map_ if map_.exists() or not beside.exists() else beside


@contextmanager
def refusals(as_json: bool) -> Iterator[None]:
    """A file or a mapping that is refused is told, and ends the command with 1."""
    from dibs.intake.connectors.rows import FileRefused
    from dibs.intake.mapping import MappingRefused

    try:
        yield
    except FileRefused as refused:
        _give_up(as_json, [{"code": refused.code, "message": refused.message}], [refused.message])
    except MappingRefused as refused:
        problems = [
            {"code": p.code, "message": p.message, "line": p.line, "column": p.column, "path": p.path or None}
            for p in refused.problems
        ]
        _give_up(as_json, problems, refused.lines())


def _give_up(as_json: bool, problems: Sequence[Mapping[str, object]], lines: Sequence[str]) -> None:
    if as_json:
        click.echo(json.dumps({"problems": list(problems)}, ensure_ascii=False))
    for line in lines:
        click.echo(f"Error: {line}", err=True)
    sys.exit(1)


@contextmanager
def _progress(file: Path, *, shown: bool) -> Iterator[Callable[[int, int, Summary], None]]:
    """A bar on standard error, by bytes read: how many rows there will be is not known before the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    if not shown:
        yield lambda position, size, summary: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(file.name, total=None, rows="")

        def show(position: int, size: int, summary: Summary) -> None:
            bar.update(task, total=size, completed=position, rows=f"{summary.rows:,} rows")

        yield show


def _tell(summary: Summary) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    out = Console(highlight=False, soft_wrap=True)
    rate = f", {summary.rows / summary.seconds:,.0f} a second" if summary.seconds and summary.rows > 1000 else ""
    separator = {"\t": "tab"}.get(summary.delimiter, summary.delimiter)
    read_as = f"sheet {separator}" if summary.encoding == "xlsx" else f"{summary.encoding}, separated by {separator}"
    out.print(f"{escape(summary.file)}: {summary.rows:,} rows in {summary.seconds:.1f} s{rate} ({escape(read_as)})")
    if summary.dry_run:
        out.print("A dry run: nothing of this was kept.")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for name in ("placed", "touched", "enriched", "unchanged", "refused"):
        table.add_row(name, f"{getattr(summary, name):,}")
    out.print(table)
    for title, counter in (
        ("Where they are", summary.where),
        ("Kept with a doubt", summary.flags),
        ("Refused for", summary.refused_for),
    ):
        if counter:
            out.print(f"\n{title}")
            table = Table(box=None, show_header=False, pad_edge=False)
            table.add_column()
            table.add_column(justify="right")
            for name, count in counter.most_common():
                table.add_row(f"  {escape(name)}", f"{count:,}")
            out.print(table)
    if summary.refusals:
        out.print("\nRefused rows (1 is the first after the header)")
        for refusal in summary.refusals[:_SHOWN]:
            at = f" (line {refusal.line})" if refusal.line != refusal.row + 1 else ""
            out.print(f"  row {refusal.row}{at}: {escape(refusal.message)} \\[{refusal.code}]")
        if (more := summary.refused - _SHOWN) > 0:
            kept = "" if summary.dry_run else f" All of them are kept with import {summary.import_id}."
            out.print(f"  and {more:,} more.{kept}")
