"""Writes the reference of the command line from the commands themselves: ``python docs/write_cli_reference.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from dibs.cli.main import dibs_command

PAGE = Path(__file__).parent / "reference" / "cli.md"

_HEAD = """# Command line

Every command knows `--help`. Exit codes: 0 done, 1 refused or failed, 2 called wrongly, 3 the database can't be reached.

This page is made from the commands themselves.
"""


def render() -> str:
    """The whole page."""
    root = click.Context(dibs_command, info_name="dibs")
    return "\n".join([_HEAD, *_sections(root)])


def commands(context: click.Context) -> Iterator[click.Context]:
    """This command and all below it, as click would call them."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None, name
            yield from commands(click.Context(command, info_name=name, parent=context))


def _sections(root: click.Context) -> Iterator[str]:
    for context in commands(root):
        level = min(2 + context.command_path.count(" "), 4) if context is not root else 2
        help_text = context.command.get_help(
            click.Context(
                context.command,
                info_name=context.info_name,
                parent=context.parent,
                terminal_width=100,
                max_content_width=100,
            )
        )
        yield f"{'#' * level} `{context.command_path}`\n\n```text\n{help_text.rstrip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
