"""``dibs accounts``: the companies that leads are matched to."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dibs.cli.database import connected
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.intake.accounts import Summary

#: How many refused rows are shown.
_SHOWN = 20


@click.group()
def accounts() -> None:
    """Keep the accounts that leads are matched to."""


@accounts.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--encoding", help="The file's encoding, where it is not told rightly: utf-8, cp932, cp1252 ...")
@click.option("--dry-run", is_flag=True, help="Say which column fills which field, and keep nothing.")
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def import_(file: Path, encoding: str | None, dry_run: bool, workspace: str | None, as_json: bool) -> None:
    """Create or change the accounts of FILE (CSV: any separator, any usual encoding).

    Columns: name, external_id, domain, phone, customer, owner (a rep's handle) and parent (the external id or domain of the account
    above it), or what these are called elsewhere. An account is known by its external id, else by its domain, else by its name.
    Empty cells change nothing. Leads that are here stay with who has them.

    Exit code 0 if the file was read, 1 if it could not be or every row of it was refused.
    """
    from dibs.intake.connectors.csv import FileRefused

    with connected():
        from dibs.intake.accounts import NoName, import_accounts

        here = chosen_workspace(workspace)
        try:
            summary = import_accounts(here, file, encoding=encoding, dry_run=dry_run)
        except FileRefused as refused:
            _give_up(refused.code, refused.message, as_json)
        except NoName:
            _give_up("name_missing", f"{file} has neither a column for names nor one for external ids.", as_json)
    if as_json:
        click.echo(json.dumps(_as_json(summary, dry_run), ensure_ascii=False))
    else:
        _tell(file, summary, dry_run)
    if summary.rows and len(summary.refused) >= summary.rows:
        sys.exit(1)


def _give_up(code: str, message: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"problems": [{"code": code, "message": message}]}, ensure_ascii=False))
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)


def _as_json(summary: Summary, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "rows": summary.rows,
        "created": summary.created,
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "refused": len(summary.refused),
        "columns": summary.columns,
        "unknown_columns": summary.unknown,
        "refusals": [
            {"row": row, "code": code, "field": field or None, "message": message}
            for row, code, field, message in summary.refused[:1000]
        ],
    }


def _tell(file: Path, summary: Summary, dry_run: bool) -> None:
    click.echo(f"{file.name}: {summary.rows:,} rows")
    for title, field in summary.columns.items():
        click.echo(f"  {title} fills {field}")
    if summary.unknown:
        click.echo(f"  left out: {', '.join(summary.unknown)}")
    if dry_run:
        click.echo("A dry run: nothing of this was kept.")
        return
    for name in ("created", "changed", "unchanged"):
        click.echo(f"{name:12}{getattr(summary, name):>10,}")
    click.echo(f"{'refused':12}{len(summary.refused):>10,}")
    for row, code, field, message in summary.refused[:_SHOWN]:
        click.echo(f"  row {row}{f', {field}' if field else ''}: {message} [{code}]")
    if (more := len(summary.refused) - _SHOWN) > 0:
        click.echo(f"  and {more:,} more")
