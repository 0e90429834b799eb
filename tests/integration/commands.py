"""Commands as tests give them."""

from __future__ import annotations

from subprocess import CompletedProcess
from typing import Any, Protocol

from click import Command as ClickCommand
from click.testing import CliRunner, Result


class Command(Protocol):
    """``dibs`` in a process of its own."""

    def __call__(self, *arguments: str, input: str | None = None) -> CompletedProcess[str]: ...


def run_here(command: ClickCommand, *arguments: Any, stdin: str | None = None) -> Result:
    """A command in the tests' own process. What it raises beside its exit code is the test's to see."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
