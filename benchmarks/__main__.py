"""`python -m benchmarks [NAME ...] [--quick] [--json FILE]`: run the benchmarks, print a table of ratios, keep the figures.

Each runs in a process of its own, so that none warms the next one's caches or inherits its connections.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measure

NAMES = ("route", "imports", "assign", "matching", "moves", "push", "claims", "pages", "ticks", "start")
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help=f"which of {', '.join(NAMES)}; default all")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run, not how fast")
    parser.add_argument("--json", type=Path, help="where to keep the figures; default benchmarks/results/")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        found = import_module(f"benchmarks.{given.names[0]}").measure(quick=given.quick)
        given.json.write_text(json.dumps([measure.as_json() for measure in found]))
        return 0
    measures: list[dict[str, object]] = []
    for name in given.names or NAMES:
        Console(stderr=True).print(f"[dim]{name} ...[/dim]")
        measures += _alone(name, given.quick)
    _print(measures)
    _keep(measures, given.json)
    return 0


def _alone(name: str, quick: bool) -> list[dict[str, object]]:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "benchmarks", name, "--alone", "--json", file.name, *["--quick"] * quick]
        subprocess.run(command, check=True)
        return json.loads(Path(file.name).read_text())  # type: ignore[no-any-return]


def _print(measures: list[dict[str, object]]) -> None:
    table = Table(title="Measured in one run on this machine")
    for heading in ("what", "measured", "limit", "ratio", "budget", ""):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    fields = Measure.__dataclass_fields__
    for row in measures:
        one = Measure(**{name: value for name, value in row.items() if name in fields})  # type: ignore[arg-type]
        budget = (
            f">= {one.budget:.0%}"
            if one.budget is not None
            else f"<= {one.budget_at_most:g}"
            if one.budget_at_most is not None
            else f">= {one.budget_at_least:,.0f}"
            if one.budget_at_least is not None
            else ""
        )
        table.add_row(
            one.name,
            f"{one.value:,.0f} {one.unit}" if one.value >= 100 else f"{one.value:,.2f} {one.unit}",
            f"{one.limit:,.0f} ({one.limit_is})" if one.limit else "",
            f"{one.ratio:.0%}" if one.ratio is not None else "",
            budget,
            {True: "kept", False: "MISSED", None: ""}[one.kept],
        )
    Console().print(table)


def _keep(measures: list[dict[str, object]], where: Path | None) -> None:
    now = datetime.now(UTC)
    where = where or RESULTS / f"{now:%Y-%m-%dT%H%M%S}.json"
    where.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    where.write_text(json.dumps({"at": now.isoformat(), "on": machine, "measures": measures}, indent=1) + "\n")
    Console(stderr=True).print(f"[dim]kept in {where}[/dim]")


if __name__ == "__main__":
    sys.exit(main())
