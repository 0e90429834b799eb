"""Published policies made ready to run.

Compiled rulebooks are kept by each process under the version's id: a version never changes, so they never go out of date, and
which one is active is asked afresh each time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.db import connection

from dibs.distribution.models import PolicyVersion
from dibs.engine import policy as documents
from dibs.engine.policy import Policy
from dibs.engine.rulebook import Rulebook

#: Compiled rulebooks a process keeps. One takes some hundred kilobytes.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Active:
    """A published policy made ready to run."""

    version_id: UUID
    number: int
    digest: str
    book: Rulebook


def active(workspace_id: UUID) -> Active | None:
    """The workspace's active policy, or ``None`` before the first is published. One look-up in an index of one row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM distribution_policyversion WHERE workspace_id = %s AND active", [workspace_id])
        row = cursor.fetchone()
    return rulebook(row[0]) if row else None


@lru_cache(maxsize=_KEPT)
def rulebook(version_id: UUID) -> Active:
    """A published version, compiled once in this process. Raises `PolicyVersion.DoesNotExist` where it is not to be seen."""
    version = PolicyVersion.objects.only("number", "digest", "document").get(id=version_id)
    return Active(version_id, version.number, version.digest, Rulebook.of(policy_of(version)))


def policy_of(version: PolicyVersion) -> Policy:
    """The policy a version holds, every default as it was when it was published."""
    return documents.from_canonical(json.dumps(version.document))
