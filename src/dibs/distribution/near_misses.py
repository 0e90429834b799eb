"""Near misses written down: leads that may belong to an account, or be of the same person as another lead. A person decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from dibs.distribution.writing import to_json
from dibs.engine.decision import Scalar
from dibs.people.tenancy import new_id


@dataclass(frozen=True, slots=True)
class Miss:
    """A lead, and the account or the other lead that it is near."""

    lead: UUID
    score: float
    parts: Sequence[Mapping[str, Scalar]]
    account: UUID | None = None
    other: UUID | None = None


def keep_near(workspace_id: UUID, misses: Iterable[Miss], now: datetime) -> None:
    """Put these before whoever decides; what was put before them already stays as it is, decided or not."""
    rows = [
        (
            new_id(),
            workspace_id,
            miss.lead,
            miss.other,
            miss.account,
            miss.score,
            to_json(list(miss.parts)),
            "open",
            now,
        )
        for miss in misses
    ]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_nearmiss (id, workspace_id, lead_id, other_id, account_id, score, parts, state, at)
            SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::float8[], %s::jsonb[], %s::text[],
                                 %s::timestamptz[])
            ON CONFLICT DO NOTHING
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )
