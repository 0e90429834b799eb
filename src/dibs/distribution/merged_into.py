"""Which lead tells what was written of another: that which it was merged into."""

from __future__ import annotations

from uuid import UUID

from django.db import connection


def kept_lead(workspace_id: UUID, lead_id: UUID) -> UUID:
    """The lead that this one was merged into, and that one perhaps too; itself, where it was not or that was undone."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE way (id, step) AS (
                SELECT %(lead)s::uuid, 0
                UNION
                SELECT merge.kept_id, way.step + 1 FROM crm_merge merge JOIN way ON merge.gone_id = way.id
                WHERE merge.workspace_id = %(workspace)s AND merge.undone_at IS NULL AND way.step < 100
            )
            SELECT id FROM way ORDER BY step DESC LIMIT 1
            """,
            {"lead": lead_id, "workspace": workspace_id},
        )
        kept: UUID = cursor.fetchone()[0]
    return kept
