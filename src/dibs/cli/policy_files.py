"""Files with policies in them: read, and what is wrong with them told as FILE:LINE:COLUMN."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dibs.engine.policy import PolicyRefused, Problem

#: How long somebody may take to type what they are told to.
_TO_TYPE = timedelta(minutes=10)


def text_of(file: str) -> str:
    """A file's text, or that of standard input for ``-``. Raises `ClickException` where it is not UTF-8."""
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw[: problem.start].count(b"\n") + 1
        raise click.ClickException(f"{file}:{line}: not UTF-8. Save the policy as UTF-8 and try again.") from None


def refuse(file: str, text: str, refused: PolicyRefused, as_json: bool) -> None:
    """Tell why a policy is refused, and end with 1."""
    if as_json:
        click.echo(
            json.dumps({"ok": False, "problems": [asdict(found) for found in refused.problems]}, ensure_ascii=False)
        )
    else:
        click.echo(f"Error: {file} is refused; nothing was changed.", err=True)
        tell_problems(file, text, refused.problems)
        if (earliest := getattr(refused, "earliest", None)) is not None:
            # By the time that it is typed the earliest moment has moved on: a full hour that is some minutes ahead at least.
            hour = (earliest + _TO_TYPE).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
            click.echo(f"Announce it instead: --effective-from {hour:%Y-%m-%dT%H:%M%z}", err=True)
    sys.exit(1)


def tell_problems(file: str, text: str, problems: Iterable[Problem]) -> None:
    """Tell each problem with its place, and show it there."""
    rows = text.splitlines()
    for problem in problems:
        place = f"{file}:{problem.line}:{problem.column}" if problem.line else file
        colour = "red" if problem.severity == "error" else "yellow"
        click.echo(f"{place}: {click.style(problem.severity, fg=colour)}: {problem.message} [{problem.code}]", err=True)
        if problem.line and problem.column and problem.line <= len(rows):
            row = rows[problem.line - 1]
            start = max(0, problem.column - 60)
            click.echo(f"    {row[start : start + 100]}", err=True)
            click.echo("    " + " " * (problem.column - 1 - start) + "^", err=True)
