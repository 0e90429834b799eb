"""Files that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from dibs.insight.csv_files import csv_of


def test_no_cell_is_run_and_every_moment_is_in_utc() -> None:
    id_ = UUID("01890000-0000-7000-8000-000000000001")
    tokyo = timezone(timedelta(hours=9))
    text = csv_of(
        ["name", "=when", "id", "count"],
        [
            ["=HYPERLINK(1)", datetime(2026, 3, 2, 9, tzinfo=tokyo), id_, 3],
            ["@SUM(A1)", datetime(2026, 3, 2, tzinfo=UTC), None, -2],
            ['Kumo, "Ltd"\nOsaka', "+81 3 1234", "-5", 0.5],
        ],
    )
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["name", "'=when", "id", "count"],
        ["'=HYPERLINK(1)", "2026-03-02T00:00:00Z", str(id_), "3"],
        ["'@SUM(A1)", "2026-03-02T00:00:00Z", "", "-2"],
        ['Kumo, "Ltd"\nOsaka', "'+81 3 1234", "-5", "0.5"],
    ]
