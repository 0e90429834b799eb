"""What the API remembers of its own: which writes it has already done."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now

from dibs.people.tenancy import WorkspaceRow


class KeyedWrite(WorkspaceRow):
    """A write that came with an ``Idempotency-Key``, and what was answered.

    ``digest`` is the SHA-256 of method, address and body. ``answer`` is ``null`` only inside the transaction that does the
    write: what others see is complete.
    """

    user = models.UUIDField()
    key = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=32)
    status = models.SmallIntegerField(null=True)
    answer = models.TextField(null=True)
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            # The second of two equal keys waits here until the first is done, then finds its answer.
            models.UniqueConstraint(fields=["workspace", "user", "key"], name="keyed_write_once")
        ]
        indexes = [models.Index(fields=["workspace", "at"], name="keyed_write_by_age")]
