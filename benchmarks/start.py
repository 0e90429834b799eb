"""How long `dibs up` takes until it answers: on a new data folder, and on one that is there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import Measure
from benchmarks.running import free_port, started


def measure(*, quick: bool = False) -> list[Measure]:
    with tempfile.TemporaryDirectory(prefix="dibs-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with started(Path(name) / "new", free_port()) as new:
            pass
        again = []
        for _ in range(1 if quick else 3):
            with started(Path(name) / "new", free_port()) as seconds:
                again.append(seconds)
    return [
        Measure("start on a new data folder", new, "s", budget_at_most=20),
        Measure("start on an existing data folder", max(again), "s", budget_at_most=5),
    ]
