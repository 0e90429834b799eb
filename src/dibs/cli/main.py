"""``dibs``: the command line. Each command lives in its own module, loaded when it is asked for."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

import dibs

_COMMANDS = {
    "up": ("dibs.cli.up", "up", "Start Dibs: web, live stream and worker, and the database if there is none"),
    "demo": ("dibs.cli.demo", "demo", "Fill a sample workspace with teams, people and synthetic leads"),
    "import": ("dibs.cli.importing", "import_", "Place the leads of a file"),
    "replay": ("dibs.cli.replaying", "replay", "Play a history of leads and wins again, as if it happened here"),
    "accounts": ("dibs.cli.accounts", "accounts", "Keep the accounts that leads are matched to"),
    "policy": ("dibs.cli.policy", "policy", "Check, compare, publish and roll back policies"),
    "score": ("dibs.cli.scoring", "score", "Learn from how leads ended how likely others are to convert"),
    "explain": ("dibs.cli.explain", "explain", "Tell a lead's story: every decision, and why"),
    "move": ("dibs.cli.moving", "move", "Hand many leads on in one step: plan it, look, start it, undo it"),
    "user": ("dibs.cli.users", "user", "Add, list and see off the people who work here, and say when they work"),
    "token": ("dibs.cli.users", "token", "Make, list and revoke keys that programs call with"),
    "privacy": ("dibs.cli.privacy", "privacy", "Find, hand out or erase what is known of one person"),
    "do-not-contact": ("dibs.cli.do_not_contact", "do_not_contact", "Keep the list of those who must not be contacted"),
    "doctor": ("dibs.cli.doctor", "doctor", "Look whether everything Dibs needs is there and well"),
}


def _use_data(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Kept in the environment, so that whatever this command starts finds the same folder."""
    if value:
        os.environ["DIBS_DATA"] = os.path.abspath(os.path.expanduser(value))


def _data_option() -> click.Option:
    return click.Option(
        ["--data"],
        metavar="DIR",
        expose_value=False,
        callback=_use_data,
        is_eager=True,
        help="The data folder (or DIBS_DATA); ~/.local/share/dibs if none is named, as root /var/lib/dibs.",
    )


def _with_data(command: click.Command) -> click.Command:
    """Every command knows ``--data``, before or after its name."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _with_data(inner)
    elif not any("--data" in param.opts for param in command.params):
        command.params.append(_data_option())
    return command


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[name]
        command: click.Command = getattr(import_module(module), attribute)
        return _with_data(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, _, about) in _COMMANDS.items()])


@click.command(cls=_Commands, params=[_data_option()], context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(dibs.__version__, prog_name="dibs")
def dibs_command() -> None:
    """Decides who gets which sales lead: pushed by rule, pulled by choice, or both."""


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line. Exit codes: 0 done, 1 refused or failed, 2 called wrongly, 3 the database can't be reached."""
    from dibs.config.database import Trouble

    try:
        return dibs_command.main(args=arguments, prog_name="dibs")
    except Trouble as trouble:
        click.echo(f"Error: {trouble}", err=True)
        sys.exit(1)
    except Exception as problem:
        if "django" in sys.modules and _database_is_gone(problem):
            click.echo(f"Error: the database can't be reached: {problem}", err=True)
            sys.exit(3)
        raise


def _database_is_gone(problem: Exception) -> bool:
    from dibs.config.answering import database_is_gone

    return database_is_gone(problem)


if __name__ == "__main__":
    main()
