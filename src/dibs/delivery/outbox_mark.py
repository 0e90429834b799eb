"""Where a workspace's outbox stood when a page was made: what the page can have shown, and what it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

#: The last so many numbers are known one by one: an event with a lower one can be committed after one with a higher.
SPAN = 256


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, as the outbox knows it: ``seq`` was the last number given out, in whichever workspace; ``there`` has a bit for each
    of the last `SPAN`, the lowest for ``seq`` itself, that is set if an event of this workspace with that number was there.

    PostgreSQL's own snapshots would not do: they speak of the whole cluster, and do not say to which transaction an inner one belongs.
    """

    seq: int
    there: int = 0

    def has(self, seq: int) -> bool:
        """Whether the workspace's event with this number was there."""
        before = self.seq - seq
        return before >= SPAN or (before >= 0 and bool(self.there >> before & 1))

    @property
    def low(self) -> int:
        """All that was not there has a higher number."""
        return self.seq - SPAN

    def __str__(self) -> str:
        return f"{self.seq}.{self.there:x}"

    @classmethod
    def read(cls, text: str) -> Mark:
        """What `str` wrote; `ValueError` if it did not."""
        seq, there = text.split(".")
        return cls(int(seq), int(there, 16))


def mark(workspace_id: UUID) -> Mark:
    """Where the workspace's outbox stands now. Ask before anything is read that is to be shown. The workspace must be entered."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH given_out AS (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS seq FROM delivery_outbox_seq)
            SELECT seq, array(
                SELECT delivery_outbox.seq FROM delivery_outbox
                WHERE workspace_id = %s AND delivery_outbox.seq > given_out.seq - %s AND delivery_outbox.seq <= given_out.seq
            )
            FROM given_out
            """,
            [workspace_id, SPAN],
        )
        seq, there = cursor.fetchone()
    return Mark(seq, sum(1 << seq - each for each in there))
