"""``dibs replay``: a history of leads, and of what was won of them, as if it had happened here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dibs.cli.database import connected
from dibs.cli.importing import found_beside, refusals
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.intake.history import Replayed

_PATH = click.Path(path_type=Path)


@click.command("replay")
@click.argument("file", type=_PATH)
@click.option("--source", required=True, help="What the leads' source is called, as the policy knows it.")
@click.option("--map", "map_", type=_PATH, help="The mapping file of the leads, as for an import.")
@click.option("--won", type=_PATH, help="The file of what was won: one row a lead, found by its external id.")
@click.option("--won-map", type=_PATH, help="The mapping file of what was won; it enriches.")
@click.option(
    "--won-at",
    default="attributes.won_at",
    show_default=True,
    help="The field that says when it was won, or attributes.NAME.",
)
@click.option("--amount", help="The field that says what it was worth, or attributes.NAME.")
@click.option("--currency", help="The currency of these amounts, such as EUR.")
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def replay(
    file: Path,
    source: str,
    map_: Path | None,
    won: Path | None,
    won_map: Path | None,
    won_at: str,
    amount: str | None,
    currency: str | None,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Play the leads of FILE as they came, each placed at the moment it was received, and what was won at the moment it was won.

    The policy in force distributes them; whoever has a lead when it was won converts it. Only in a workspace that has no leads yet, all
    or nothing, and without a mail being sent.

    Exit code 0 if it was played, 1 if it could not be.
    """
    if amount and not currency:
        raise click.BadParameter("amounts need their currency", param_hint="--currency")
    with refusals(as_json):
        from dibs.intake.mapping import read_mapping_file

        mapping = read_mapping_file(found_beside(map_, file)) if map_ else None
        won_mapping = read_mapping_file(found_beside(won_map, won)) if won and won_map else None
        with connected():
            from django.utils.timezone import now

            from dibs.intake.history import CannotReplay, File, History, Wins

            here = chosen_workspace(workspace)
            wins = Wins(File(won, won_mapping), won_at, amount, currency) if won else None
            try:
                with _progress(shown=not as_json) as progress:
                    done = History(here, source.strip(), now()).play(File(file, mapping), wins, progress=progress)
            except CannotReplay as refused:
                if as_json:
                    click.echo(json.dumps({"code": refused.code, "message": str(refused)}))
                click.echo(f"Error: {refused}", err=True)
                sys.exit(1)
    if as_json:
        click.echo(json.dumps(done.as_json()))
    else:
        _tell(done)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    if not shown:
        yield lambda done, whole: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield told_in_lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Leads and wins", total=None)
        yield lambda done, whole: bar.update(task, total=whole, completed=done)


def told_in_lines() -> Callable[[int, int], None]:
    """Progress for a log, where no bar can be drawn: a line on standard error for each tenth."""
    said = 0

    def tell(done: int, whole: int) -> None:
        nonlocal said
        tenths = 10 * done // whole if whole else 0
        if tenths > said:
            said = tenths
            click.echo(f"{done:,} of {whole:,} leads and wins played", err=True)

    return tell


def _tell(done: Replayed) -> None:
    span = f", {done.since:%Y-%m-%d} to {done.until:%Y-%m-%d}" if done.since and done.until else ""
    click.echo(f"{done.leads:,} leads placed{span}; {done.touched:,} were of people who had come before.")
    click.echo(f"{done.won:,} were won, each when it was.")
    for count, said in (
        (done.early, "Won before they were received, and played when they were received:"),
        (done.claimed, "Waiting in a pool when they were won, and claimed by a rep then:"),
        (done.given, "With nobody when they were won, and given to a rep by hand then:"),
        (done.reopened, "Given up when they were won, and opened again:"),
        (done.unknown, "Wins of leads that are not there:"),
        (done.refused, "Rows that could not be read:"),
    ):
        if count:
            click.echo(f"  {said} {count:,}")
