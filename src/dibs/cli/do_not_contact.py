"""``dibs do-not-contact``: the list of those who must not be contacted."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import click

from dibs.cli.database import connected
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.crm.do_not_contact import Entry
    from dibs.distribution.refusing import Listed
    from dibs.people.models import Workspace

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
#: How many lines that hold no address and no number are named.
_SHOWN = 20


@click.group("do-not-contact")
def do_not_contact() -> None:
    """Keep the list of those who must not be contacted.

    It keeps no addresses but hashes of them: it can say whether one is on it, and tells nobody who is.
    """


@do_not_contact.command("add")
@click.argument("who", nargs=-1, required=True)
@workspace_option
@_json_option
def add(who: tuple[str, ...], workspace: str | None, as_json: bool) -> None:
    """Put addresses and numbers on the list: WHO is ana@example.com or +528112345678.

    Open leads of theirs that wait go the way that the policy has for them; those that a rep has stay there, and the rep is told.
    """
    with connected():
        from dibs.distribution.refusing import refuse

        here = chosen_workspace(workspace)
        done = refuse(here.id, _entries(here, who), why="asked", now=datetime.now(UTC))
    _tell(done, "put on the list", as_json)


@do_not_contact.command("remove")
@click.argument("who", nargs=-1, required=True)
@workspace_option
@_json_option
def remove(who: tuple[str, ...], workspace: str | None, as_json: bool) -> None:
    """Take addresses and numbers off the list. Leads that were given up because of it stay so."""
    with connected():
        from dibs.distribution.refusing import allow

        here = chosen_workspace(workspace)
        done = allow(here.id, _entries(here, who), now=datetime.now(UTC))
    _tell(done, "taken off the list", as_json)


@do_not_contact.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig", errors="replace"))
@workspace_option
@_json_option
def import_(file: IO[str], workspace: str | None, as_json: bool) -> None:
    """Put all addresses and numbers in FILE on the list: one a line, or a CSV file of which any column may hold them; - reads what is
    piped in.

    Exit code 1 if there is none in it.
    """
    with connected():
        from dibs.distribution.refusing import refuse
        from dibs.intake.do_not_contact import entries_in

        here = chosen_workspace(workspace)
        found = entries_in(file, here.country or None)
        done = refuse(here.id, found.entries, why="list", now=datetime.now(UTC))
    if as_json:
        said = asdict(done) | {"found": len(found.entries), "wrong": found.wrong_in_all, "wrong_lines": found.wrong}
        click.echo(json.dumps(said))
    else:
        what = "address or number" if len(found.entries) == 1 else "addresses and numbers"
        click.echo(f"{len(found.entries):,} {what} found.")
        _tell(done, "put on the list", as_json)
        if found.wrong:
            lines = ", ".join(map(str, found.wrong[:_SHOWN]))
            more = found.wrong_in_all - min(len(found.wrong), _SHOWN)
            click.echo(f"No address and no number in line {lines}{f' and {more:,} more' if more else ''}.", err=True)
    if not found.entries:
        sys.exit(1)


@do_not_contact.command("list")
@click.argument("who", required=False)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000_000), help="The latest so many.")
@workspace_option
@_json_option
def list_(who: str | None, limit: int, workspace: str | None, as_json: bool) -> None:
    """Show the list, the latest first; or with WHO whether this address or number is on it.

    Exit code 1 if WHO is not on it.
    """
    with connected():
        from dibs.insight.do_not_contact import count_of_refusals, refusal_of, refusals
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        with within(here.id):
            if who is not None:
                (entry,) = _entries(here, (who,))
                line = refusal_of(here.id, entry)
                lines, count = [line] if line else [], None
            else:
                lines, count = list(refusals(here.id, limit=limit).items), count_of_refusals(here.id)
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], ensure_ascii=False, default=str))
    else:
        for line in lines:
            by = f"  {line.by}" if line.by else ""
            click.echo(f"{line.at:%Y-%m-%d %H:%M}  {line.what:5}  {line.why:12}  {line.shown or '(erased)'}{by}")
        if count is None and not lines:
            click.echo("Not on the list.", err=True)
        elif count is not None and count > len(lines):
            click.echo(f"and {count - len(lines):,} more")
    if who is not None and not lines:
        sys.exit(1)


def _entries(workspace: Workspace, who: tuple[str, ...]) -> list[Entry]:
    from dibs.intake.do_not_contact import entry_in

    entries = []
    for said in who:
        entry = entry_in(said, workspace.country or None)
        if entry is None:
            raise click.ClickException(
                f"{said!r} is neither an e-mail address nor a telephone number with its country code, like +528112345678."
            )
        entries.append(entry)
    return entries


def _tell(done: Listed, what: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(done)))
    else:
        click.echo(f"{done.entries:,} {what}; {done.leads:,} open {'lead' if done.leads == 1 else 'leads'} told.")
