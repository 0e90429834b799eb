"""Reasons are codes: registered once, with their parameters, and no code that nobody gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dibs.engine import reasons

ROOMS = Path(__file__).parents[2] / "src" / "dibs"
FILES = sorted(path for room in ("engine", "distribution", "intake", "insight") for path in (ROOMS / room).glob("*.py"))
#: Functions that make a reason, or a refusal of one: code first, then parameters.
MAKERS = {"Reason", "_no"}


def reasons_made(path: Path) -> Iterator[tuple[int, str, set[str] | None]]:
    """Line, code and parameter names of every reason that a file makes; ``None`` where the names are not written out there."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS):
            continue
        if not node.args:
            continue
        first, params = node.args[0], node.args[1] if len(node.args) > 1 else ast.Dict([], [])
        for part in [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]:
            if isinstance(part, ast.Constant):
                names: set[str] | None = None
                if isinstance(params, ast.Dict) and None not in params.keys:
                    names = {str(key.value) for key in params.keys if isinstance(key, ast.Constant)}
                yield node.lineno, str(part.value), names


MADE = [(path, *made) for path in FILES for made in reasons_made(path)]


@pytest.mark.parametrize(
    ("path", "line", "code", "names"), MADE, ids=[f"{path.name}-{line}-{code}" for path, line, code, _ in MADE]
)
def test_every_reason_is_registered_with_its_parameters(
    path: Path, line: int, code: str, names: set[str] | None
) -> None:
    assert code in reasons.CODES, f"{path.name}:{line}"
    if names is not None:
        assert names == set(reasons.CODES[code]), f"{path.name}:{line}"


def test_every_registered_code_is_given_by_somebody() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES if path.name != "reasons.py")
    assert {code for code in reasons.CODES if f'"{code}"' not in text} == set()


def test_every_cause_is_given_by_somebody() -> None:
    text = "\n".join(
        (ROOMS / "engine" / name).read_text(encoding="utf-8") for name in ("rotate.py", "calendar.py", "route.py")
    )
    assert {cause for cause in reasons.CAUSES if f'"{cause}"' not in text} == set()


def test_every_cause_of_no_mails_is_given_by_somebody() -> None:
    text = (ROOMS / "engine" / "nurture.py").read_text(encoding="utf-8")
    assert {cause for cause in reasons.NOT_MAILED if f'"{cause}"' not in text} == set()


def test_a_code_belongs_to_one_group() -> None:
    groups = [
        value
        for name, value in vars(reasons).items()
        if name.isupper() and name not in {"CODES", "CAUSES", "NOT_MAILED"}
    ]
    assert sum(map(len, groups)) == len(reasons.CODES)
