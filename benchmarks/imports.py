"""Leads from a CSV file to placed: cleaned, matched, qualified, routed, logged. Beside it, the same rows by plain COPY.

By itself, for other sizes: ``python -m benchmarks.imports --sizes 10000,100000,1000000 [--json]``.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import Measure
from benchmarks.running import data_folder

POLICY = Path(__file__).parents[1] / "policies" / "hot_push_warm_pull.yaml"
FIELDS = (
    "source", "external_id", "received_at", "name", "title", "email", "phone", "company", "domain", "industry", "employees",
    "country", "region", "city", "postal_code", "language", "product", "use_case", "deal_value", "currency", "message", "consent",
)  # fmt: skip
ATTRIBUTES = ("campaign", "device", "pages_seen")
#: As a mapping would be written for such a file: what the policy counts with is read as a number.
MAPPING = "\n".join(
    [
        "external_id: external_id",
        "columns:",
        *(f"  {field}: {field}" for field in FIELDS if field != "external_id"),
        "  campaign: attributes.campaign",
        "  device: attributes.device",
        "  pages_seen: {to: attributes.pages_seen, as: whole}",
    ]
)
#: Leads written to a file before others are made: the generator holds what it draws.
_BATCH = 50_000
_CPU = time.process_time


@dataclass(frozen=True, slots=True)
class Run:
    """One file imported. Seconds by the clock; ``cpu`` is what the process that places them used of them."""

    leads: int
    seconds: float
    cpu: float
    copy_seconds: float

    @property
    def rate(self) -> float:
        return self.leads / self.seconds

    @property
    def copy_rate(self) -> float:
        return self.leads / self.copy_seconds

    @property
    def cost(self) -> float:
        """Microseconds for a lead."""
        return self.seconds / self.leads * 1e6


def measure(*, quick: bool = False, sizes: Sequence[int] = ()) -> list[Measure]:
    sizes = sizes or ((1_000, 5_000) if quick else (10_000, 100_000))
    runs = list(_runs(sizes))
    found = []
    for run in runs:
        found.append(
            Measure(
                f"import, {run.leads:,} leads",
                run.rate,
                "leads/s",
                limit=run.copy_rate,
                limit_is="COPY of the same rows",
                budget_at_least=5_000,
            )
        )
        found.append(Measure(f"import, {run.leads:,} leads: each", run.cost, "µs"))
        found.append(Measure(f"import, {run.leads:,} leads: CPU of it", run.cpu / run.leads * 1e6, "µs"))
    if len(runs) > 1:
        found.append(
            Measure("import: cost for each grows by", runs[-1].cost / runs[0].cost, "times", budget_at_most=1.3)
        )
    return found


def _runs(sizes: Sequence[int]) -> Iterator[Run]:
    with data_folder(), tempfile.TemporaryDirectory() as folder:
        from dibs.config.worker import keep_for_good
        from dibs.distribution.joining import join
        from dibs.distribution.policies import publish
        from dibs.intake.importing import import_file
        from dibs.intake.mapping import read_mapping
        from dibs.people.models import Workspace
        from dibs.people.tenancy import enter

        workspace = Workspace.objects.create(slug="bench", name="Bench", timezone="UTC")
        for number in range(24):
            team = ("closers", "tokyo", "field")[number % 3]
            join(workspace, f"rep{number}@example.com", f"Rep {number}", "rep", teams=[team])
        enter(workspace.id)
        publish(workspace.id, POLICY.read_text(), by=None)
        keep_for_good()
        for size in sizes:
            path = Path(folder) / f"{size}.csv"
            write_leads(path, size)
            began, used = time.perf_counter(), _CPU()
            mapping = read_mapping(MAPPING)
            summary = import_file(workspace, path, f"bench {size}", mapping, clock=lambda: datetime.now(UTC))
            seconds, cpu = time.perf_counter() - began, _CPU() - used
            if summary.placed + summary.touched != size:
                raise RuntimeError(f"{summary.placed} of {size} placed: {summary.counts()}")
            yield Run(size, seconds, cpu, _copied(workspace.id, size))
            path.unlink()


def write_leads(path: Path, size: int) -> None:
    """A file of synthetic leads, every field that such a lead has filled."""
    from dibs.simulation.leads import synthetic_leads

    until = datetime.now(UTC) - timedelta(days=1)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*FIELDS, *ATTRIBUTES])
        for start in range(0, size, _BATCH):
            for lead in synthetic_leads(min(_BATCH, size - start), f"{path.stem}.{start}", until, 30):
                values = [_written(getattr(lead, field)) for field in FIELDS]
                rows.writerow([*values, *(lead.attributes.get(name, "") for name in ATTRIBUTES)])


def _written(value: Any) -> Any:
    return "" if value is None else value.isoformat() if isinstance(value, datetime) else value


def _copied(workspace_id: Any, size: int) -> float:
    """Seconds that plain COPY takes for the last ``size`` leads, into a table with the same columns, checks and indexes."""
    from django.db import connection, transaction

    with connection.cursor() as cursor:
        rows: list[bytes] = []
        newest = f"SELECT * FROM crm_lead WHERE workspace_id = '{workspace_id}' ORDER BY id DESC LIMIT {size}"
        with cursor.copy(f"COPY ({newest}) TO STDOUT") as out:
            rows.extend(bytes(block) for block in out)
        cursor.execute("DROP TABLE IF EXISTS bench_copied")
        cursor.execute("CREATE TABLE bench_copied (LIKE crm_lead INCLUDING ALL)")
        began = time.perf_counter()
        with transaction.atomic(), cursor.copy("COPY bench_copied FROM STDIN") as into:
            for row in rows:
                into.write(row)
        seconds = time.perf_counter() - began
        cursor.execute("DROP TABLE bench_copied")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--sizes", default="10000,100000", help="how many leads, one file each, up to 1000000")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(sizes=[int(size) for size in given.sizes.split(",")])
    if given.json:
        print(json.dumps([figure.as_json() for figure in found], indent=2, ensure_ascii=False))
        return 0
    for figure in found:
        beside = (
            f"   ({figure.ratio:.1%} of {figure.limit_is}, {figure.limit:,.0f})"
            if figure.limit and figure.ratio
            else ""
        )
        print(f"{figure.name:45} {figure.value:12,.1f} {figure.unit}{beside}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
