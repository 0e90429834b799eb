"""Rows as a file that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dibs.crm.formulas import export_safe


def csv_of(names: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """The rows as CSV under these names: moments in UTC, and no cell that a spreadsheet would run as a formula."""
    into = io.StringIO()
    writer = csv.writer(into, lineterminator="\r\n")
    for row in (names, *rows):
        writer.writerow([_cell(value) for value in row])
    return into.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, UUID):
        return str(value)
    return export_safe(value)
