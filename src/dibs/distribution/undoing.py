"""What a lead was, kept as JSON so that what is done to it can be undone one day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from dibs.crm.models import Lead
from dibs.distribution.crews import Crew
from dibs.distribution.reading import Row
from dibs.engine import counters

#: The columns of a lead, by name.
COLUMNS = {str(known.column): known for known in Lead._meta.concrete_fields}


def kept_of(row: Row, columns: Iterable[str]) -> dict[str, Any]:
    """These columns of the lead as JSON keeps them."""
    return {name: _plain(row[name]) for name in columns}


def read_back(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What `kept_of` kept, as it was."""
    return {name: column_back(name, value) for name, value in kept.items()}


def column_back(name: str, value: Any) -> Any:
    """What a column held that JSON has as ``value``."""
    return None if value is None else COLUMNS[name].to_python(value)


def had_again(was: Mapping[str, Any], owner: str, known: Crew) -> counters.Restored:
    """What the standing of ``owner`` feels, who has the lead again as it ``was``."""
    spoken, at = was["contacted_at"] is not None, was["claimed_at"]
    return counters.Restored(spoken, known.day(owner, at) if at is not None and not spoken else None)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID | Decimal) else value
