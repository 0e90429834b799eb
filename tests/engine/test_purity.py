"""The engine and the simulation know no clock, no chance, no environment and no framework."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
FILES = sorted(path for room in ("engine", "simulation") for path in (SRC / "dibs" / room).rglob("*.py"))

#: Beside the standard library and the room itself.
ALLOWED = {"pydantic", "pydantic_core", "cel_expr_python", "ruamel", "simpy", "numpy", "polars", "dibs"}
#: Of the standard library, what asks the world: clocks, chance, environment, network, other programs.
FORBIDDEN_MODULES = {"os", "time", "uuid", "secrets", "socket", "subprocess", "threading", "asyncio", "urllib", "http"}
#: Calls whose answer depends on when, where or how often they are made. ``random.Random(seed)`` is a value.
CLOCKS = {"now", "utcnow", "today"}
SEEDED = {"Random"}
UNSEEDED = {"Random", "default_rng"}


def faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    modules = {
        alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    if not _may_import(alias.name):
                        yield node.lineno, f"import {alias.name}"
            case ast.ImportFrom(module=str(module), names=names, level=0):
                if not _may_import(module):
                    yield node.lineno, f"from {module} import"
                for alias in names:
                    if module == "random" and alias.name not in SEEDED:
                        yield node.lineno, f"random.{alias.name} has a seed of its own"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=("datetime" | "date")), attr=attr)) if attr in CLOCKS:
                yield node.lineno, f"{attr}() asks the clock"
            case ast.Attribute(value=ast.Name(id="random"), attr=attr) if "random" in modules and attr not in SEEDED:
                yield node.lineno, f"random.{attr} has a seed of its own"
            case ast.Attribute(value=ast.Attribute(attr="random"), attr=attr) if attr not in {
                "Generator",
                "default_rng",
            }:
                yield node.lineno, f"numpy's random.{attr} has a seed of its own"
            case ast.Call(func=(ast.Name(id=name) | ast.Attribute(attr=name)), args=[], keywords=[]) if (
                name in UNSEEDED
            ):
                yield node.lineno, f"{name}() without a seed"
            case ast.Call(func=ast.Name(id=("open" | "input" as name))):
                yield node.lineno, f"{name}() asks the world"
            case _:
                pass


def _may_import(module: str) -> bool:
    top = module.split(".")[0]
    if top == "dibs":
        return module.startswith(("dibs.engine", "dibs.simulation"))
    return (top in sys.stdlib_module_names or top in ALLOWED) and top not in FORBIDDEN_MODULES


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_time_and_chance_are_arguments(path: Path) -> None:
    found = [f"{path.name}:{line}: {what}" for line, what in faults(ast.parse(path.read_text(encoding="utf-8")))]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "import django",
        "from django.utils.timezone import now",
        "import os",
        "from dibs.crm.models import Lead",
        "import time",
        "from uuid import uuid4",
        "import random; random.random()",
        "from random import choice",
        "from datetime import datetime; datetime.now()",
        "from datetime import date; date.today()",
        "import numpy; numpy.random.rand()",
        "import numpy; numpy.random.default_rng()",
        "from random import Random; Random()",
        "open('/etc/passwd')",
    ],
)
def test_what_is_forbidden_is_found(line: str) -> None:
    assert list(faults(ast.parse(line)))


def test_what_is_seeded_is_allowed() -> None:
    fine = "import random\nfrom random import Random\nRandom('x')\nrandom.Random(7)\nimport numpy\nnumpy.random.default_rng(7)"
    assert not list(faults(ast.parse(fine)))


A_DAY = """
import sys

class NoFramework:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"django", "psycopg", "procrastinate", "ninja"}:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, NoFramework())

import importlib, pkgutil
import dibs.engine
for module in pkgutil.iter_modules(dibs.engine.__path__, "dibs.engine."):
    importlib.import_module(module.name)

from datetime import datetime, timedelta, timezone
from dibs.engine.claim import may_claim
from dibs.engine.decision import Grant, InPool, Moved
from dibs.engine.facts import LeadClock, LeadFacts, RepFacts
from dibs.engine.counters import Standing
from dibs.engine.policy_model import Policy
from dibs.engine.roster import Roster
from dibs.engine.route import place
from dibs.engine.rulebook import Rulebook
from dibs.engine.timeline import on_time

book = Rulebook.of(Policy.model_validate_json('''{"policy": "A day",
    "qualify": {"score": [{"when": "lead.employees >= 200", "add": 60}]},
    "route": [{"name": "All", "pull": {"pool": "inbound"}}],
    "pools": {"inbound": {"escalate": [{"after": "30m", "push": {"team": "closers"}}]}}}'''))
now = datetime(2026, 3, 2, 9, tzinfo=timezone.utc)
roster = Roster({"aiko": RepFacts("aiko")}, {"closers": ("aiko",)})
lead = LeadFacts(employees=500)
placement, roster = place(book, lead, None, LeadClock("1", "new"), roster, now, "seed")
assert placement.to == InPool("inbound") and placement.score == 60
waiting = LeadClock("1", "pooled", pool="inbound", waiting_since=now)
assert isinstance(may_claim(book, lead, waiting, RepFacts("aiko"), Standing(), now, today=now.date(), last_had_at=None), Grant)
answer, roster = on_time(book, lead, None, waiting, roster, now + timedelta(minutes=30), "seed")
assert isinstance(answer, Moved) and answer.kind == "escalated"
assert not any(name.split(".")[0] == "django" for name in sys.modules)
print("done")
"""


def test_the_engine_works_where_no_framework_is_installed() -> None:
    run = subprocess.run(
        [sys.executable, "-c", A_DAY],
        env={"PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout.strip(), run.stderr) == ("done", "")
